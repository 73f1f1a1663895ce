"""Text token by token: what may be drawn next, and the draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from olaria.config import Config
from olaria.errors import SamplingError
from olaria.i18n import N_
from olaria.models.base import Model
from olaria.sampling.candidates import DrawRecord
from olaria.sampling.readers import reader_for
from olaria.vocabulary import MAX_TOKENS


class SamplingConfig(Config):
    """How the next token is drawn, and where a text ends."""

    max_tokens: int = Field(MAX_TOKENS, ge=1)
    temperature: float = Field(1.0, gt=0.0)
    """Logits are divided by it: below 1 sharper, above 1 flatter."""
    top_k: int | None = Field(None, ge=1)
    """Keep the k most likely tokens; 1 is greedy."""
    top_p: float | None = Field(None, gt=0.0, le=1.0)
    """Keep the smallest set of tokens whose probability reaches p (Holtzman et al. 2020)."""
    min_p: float | None = Field(None, ge=0.0, le=1.0)
    """Keep the tokens at least this times as probable as the likeliest (Nguyen et al. 2024)."""
    repetition_penalty: float = Field(1.0, gt=0.0)
    """Above 1 makes tokens that stand in the context less likely (Keskar et al. 2019)."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """A text ends before the first of these; :class:`olaria.sampling.text.TextStream` sees to it."""


def penalize_repetition(logits: Tensor, tokens: Tensor, penalty: float) -> Tensor:
    r"""Make the tokens of a text less likely to come again.

    .. math:: x_i \leftarrow \begin{cases} x_i / \theta & x_i > 0 \\ x_i \theta & x_i \le 0 \end{cases}
              \quad\text{for every } i \text{ in the text}

    Args:
        logits: of the next token, (B, V).
        tokens: the text, ids (B, T); how often one stands there does not matter.
        penalty: :math:`\theta`; 1 changes nothing.

    Returns:
        (B, V).

    Source: Keskar et al. 2019, *CTRL*, section 4.1, which divides in both cases; a negative logit would rise then.

    >>> penalize_repetition(torch.tensor([[2.0, -2.0, 1.0]]), torch.tensor([[0, 1, 0]]), 2.0)
    tensor([[ 1., -4.,  1.]])
    """
    values = logits.gather(-1, tokens)
    values = torch.where(values > 0, values / penalty, values * penalty)
    return logits.scatter(-1, tokens, values)


def filter_logits(logits: Tensor, config: SamplingConfig) -> Tensor:
    r"""Temperature, then top-k, top-p and min-p; what is left out becomes :math:`-\infty`.

    Each looks at what the one before left.

    Args:
        logits: of the next token, (B, V).
        config: the settings.

    Returns:
        (B, V), float32; at least one token of each row stays.
    """
    logits = logits.float()
    if config.temperature != 1:
        logits = logits / config.temperature
    if config.top_k is not None and config.top_k < logits.shape[-1]:
        # By place and not by value: where logits are equal, still k tokens stay.
        values, places = logits.topk(config.top_k)
        logits = torch.full_like(logits, float("-inf")).scatter(-1, places, values)
    if config.top_p is not None and config.top_p < 1:
        ordered, order = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        # A token goes when those before it already reach p: the first always stays.
        gone = probabilities.cumsum(-1) - probabilities >= config.top_p
        logits = logits.masked_fill(gone.scatter(-1, order, gone), float("-inf"))
    if config.min_p:
        least = logits.amax(-1, keepdim=True) + math.log(config.min_p)
        logits = logits.masked_fill(logits < least, float("-inf"))
    return logits


def generate(
    model: Model,
    prompt: Tensor,
    config: SamplingConfig,
    generator: Generator | Sequence[Generator],
    record: DrawRecord | None = None,
) -> Iterator[Tensor]:
    """Draw the continuation of ``prompt``, one token of each row at a time.

    Args:
        model: a language model in evaluation mode.
        prompt: ids (B, T), T ≥ 1; its last ``context`` tokens count.
        config: how to draw; its stop strings are of the text and not of the tokens, so not minded here.
        generator: of the draws; one for each row makes a row what it would be alone.
        record: keeps what the draws of a single row chose from, while it has candidates to keep.

    Yields:
        Ids (B,), ``max_tokens`` times.

    Raises:
        SamplingError: the prompt is empty; at once, not at the first token.
    """
    if prompt.shape[1] == 0:
        raise SamplingError(N_("the prompt is empty; give at least one token to go on from"))
    return _generate(model, prompt, config, generator, record or DrawRecord())


def _generate(
    model: Model,
    prompt: Tensor,
    config: SamplingConfig,
    generator: Generator | Sequence[Generator],
    record: DrawRecord,
) -> Iterator[Tensor]:
    reader = reader_for(model, len(prompt))
    # The tokens so far; kept only where a penalty looks at them.
    text = prompt if config.repetition_penalty != 1 else None
    token = prompt
    for _ in range(config.max_tokens):
        logits = own = reader.read(token)
        if text is not None:
            text = text[:, -model.context :]  # type: ignore[operator]
            logits = penalize_repetition(logits, text, config.repetition_penalty)
        probabilities = filter_logits(logits, config).softmax(-1)
        # The draw overwrites what it draws from.
        kept = probabilities.clone() if record.num_candidates else None
        token = _draw(probabilities, generator)  # (B, 1)
        if kept is not None:
            record.add(own, kept, token)
        yield token.squeeze(1)
        text = None if text is None else torch.cat((text, token), 1)


def _draw(probabilities: Tensor, generator: Generator | Sequence[Generator]) -> Tensor:
    r"""A token of each row, (B, 1): the first of V races, each won after an exponential time of rate :math:`p_v`.

    That is what ``torch.multinomial`` does, without its checks, which take longer than the draw.
    """
    if isinstance(generator, Generator):
        times = torch.empty_like(probabilities).exponential_(generator=generator)
        return probabilities.div_(times).argmax(-1, keepdim=True)
    rows = zip(probabilities, generator, strict=True)
    return torch.stack([_draw(row, own) for row, own in rows])
