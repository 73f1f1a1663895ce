"""Text: windows of tokens, continuations to watch, loss on text that was not trained on, continuations of prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from olaria.data.base import TextData
from olaria.data.decoding import typed
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.data.toy_language import ToyLanguage
from olaria.errors import DataError, SamplingError, UsageError
from olaria.evaluation.text import (
    BATCH_TOKENS,
    evaluate_text,
    longest_copied_span_chars,
    text_loss,
)
from olaria.i18n import N_, Setting
from olaria.kinds.base import SEED, TEXT_ENDINGS, Effort, Kind, Measured, Sample, Text, Texts
from olaria.kinds.text_stats import reading_notes, text_stats
from olaria.models.base import Model
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.opening import tokenizer_for
from olaria.runs.tuning import Start, open_start
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.sampling.candidates import DrawRecord
from olaria.sampling.text import Continuation, decoded_rows
from olaria.sharing import Summed, alone
from olaria.storage.endings import refuse_other_endings
from olaria.storage.files import refuse_overwriting, write_text
from olaria.training.building import build_model
from olaria.training.feed import TextFeed
from olaria.training.prepared import Prepared
from olaria.training.randomness import generator
from olaria.training.sizing import size_up
from olaria.training.watch import Watch

WATCHED_CHARS = 200
WATCHED_TOKENS = 120_000
"""Validation tokens measured while training; ``eval`` measures all."""
MOST_EVALUATIONS = 40
SEPARATOR = "\n---\n"
"""Between two of several texts."""
_SEAM = "\uffff"
_ROWS = 10
"""Independent texts drawn side by side when many characters are needed."""
_SIDE_BY_SIDE = 64
"""Texts drawn at once at most: bounds memory."""


# -- prepare ---------------------------------------------------------------------------------------


def prepare(recipe: Recipe, data: TextData, start: Start | None = None) -> Prepared:
    """See :class:`olaria.kinds.base.Kind`."""
    unseen = recipe.data.unseen
    if recipe.tuning is not None:
        start = start or open_start(recipe.tuning.start, recipe.tuning.checkpoint)
        tokenizer = start.tokenizer_for(data.text, unseen)
    else:
        tokenizer = tokenizer_for(recipe, data)
    tokens, batch_size = tokenizer.encode(data.train, unseen), recipe.training.batch_size
    feed = TextFeed(tokens, recipe.window, batch_size, recipe.seed)
    held_out = tokenizer.encode(data.validation, unseen)
    if len(held_out) < 2:  # said before a run is begun that could not be measured
        raise DataError(
            N_(
                "the validation text has {count} {count:token|tokens} and needs two; use a "
                "longer text"
            ),
            count=len(held_out),
        )
    watching = watch(held_out, tokenizer, recipe.seed)
    count, notes = tokenizer.vocab_size, reading_notes(data, tokenizer, recipe.data)
    sized = size_up(recipe, count, feed, data, max(1, BATCH_TOKENS // feed.context))
    stored, base = tokenizer.to_json(), None
    if start is None:
        model = sized.model or build_model(recipe, count)
    else:
        model, base = start.model(recipe, count)
        notes = (*notes, *start.notes(tokenizer))
    return Prepared(recipe, data, count, feed, watching, model, sized, stored, notes, base)


def watch(tokens: Tensor, tokenizer: Tokenizer, seed: int) -> Watch:
    """What the loop looks at: validation loss in nats per token, and a continuation of one token."""
    tokens = tokens[:WATCHED_TOKENS]

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        count = len(tokens)
        loss = text_loss(
            model, tokens, context=model.context, num_chars=count, num_bytes=count, summed=summed
        )
        return {
            "loss": loss.loss_nats_per_token,
            "loss_nats_per_token": loss.loss_nats_per_token,
        }

    def sample(model: Model) -> str:
        config = SamplingConfig(max_tokens=WATCHED_CHARS)
        pieces = generate(model, tokens[None, :1], config, generator(seed, "watching"))
        return tokenizer.decode(torch.cat(list(pieces)))

    return Watch(evaluate, sample, "loss", num_evaluations(len(tokens)), is_shared=True)


def num_evaluations(num_tokens: int) -> int:
    """Evaluations over a run, for about the cost of ten of :data:`WATCHED_TOKENS`: a short text is learnt by heart
    early, and the best checkpoint can only be as good as the moments that were measured.

    >>> num_evaluations(111_540), num_evaluations(40_000), num_evaluations(200)
    (10, 30, 40)
    """
    return max(10, min(MOST_EVALUATIONS, 10 * WATCHED_TOKENS // max(1, num_tokens)))


# -- measure ---------------------------------------------------------------------------------------


def measure(
    run: Run, model: Any, data: TextData, effort: Effort, _offline: bool = False
) -> Measured:
    """Loss on the validation text, and how much of the training text is copied."""
    tokenizer, unseen = run.tokenizer(), run.recipe.data.unseen
    loss = evaluate_text(model, tokenizer, data.validation, unseen, effort.sharing.summed)
    metrics: dict[str, Any] = loss.values()
    known = tokenizer.decode(tokenizer.encode(data.validation, unseen))
    text = text_rows(model, tokenizer, known[:1], effort.num_chars, SEED)
    text = [row[: effort.num_chars // len(text)] for row in text]  # a token may be many characters
    # A character that no text holds keeps a span from running over the seam of two rows.
    metrics["longest_copied_span_chars"] = longest_copied_span_chars(_SEAM.join(text), data.train)
    copied_validation = longest_copied_span_chars(data.validation[: len("".join(text))], data.train)
    protocol: dict[str, Any] = {
        "num_examples": loss.num_tokens,
        "context_length": int(model.context),
        "tokenizer": tokenizer.kind,
        "vocab_size": tokenizer.vocab_size,
        "num_sampled_chars": sum(map(len, text)),
        "longest_copied_span_of_validation_chars": copied_validation,
    }
    if isinstance(data.known_entropy, ToyLanguage):
        grammar = -data.known_entropy.log_prob(data.validation) / len(data.validation)
        protocol["grammar_loss_nats_per_char"] = grammar
    return Measured(metrics, protocol)


def text_rows(
    model: Any, tokenizer: Tokenizer, prompt: str, num_chars: int, seed: int
) -> list[str]:
    """About ``num_chars`` characters at temperature 1 in independent texts of equal length."""
    tokens = tokenizer.encode(prompt).repeat(_ROWS, 1)
    config = SamplingConfig(max_tokens=max(1, num_chars // _ROWS))
    rows = torch.stack(list(generate(model, tokens, config, Generator().manual_seed(seed))), 1)
    return [tokenizer.decode(row) for row in rows]


# -- draw ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextSample(Sample):
    """Continuations of a prompt. A single one is drawn while it is read.

    Args:
        prompt: what was continued; empty where nothing was given.
        pieces: of the single text, as it is drawn; None where several were asked for.
        several: the texts, where several were asked for.
    """

    prompt: str
    pieces: Iterator[str] | None
    several: tuple[str, ...] = ()
    suffix: ClassVar[str] = ".txt"

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """All continuations, without the prompt."""
        return self.several if self.pieces is None else ("".join(self.pieces),)

    @property
    def value(self) -> str | list[str]:
        """The one continuation, or a list of them."""
        return [*self.texts] if self.pieces is None else self.texts[0]

    @property
    def for_python(self) -> Text | Texts:
        """The one continuation, or a list of them."""
        value = self.value
        return Text(value) if isinstance(value, str) else Texts(value)

    @property
    def whole(self) -> str:
        """All texts, with the prompt, one after the other."""
        return SEPARATOR.join(self.prompt + text for text in self.texts)

    def stream(self) -> Iterator[str]:
        """:attr:`whole` and a line's end, piece by piece as it is drawn; a piece is whole characters."""
        if self.pieces is None:
            yield self.whole + "\n"
            return
        yield self.prompt
        kept = []
        for piece in self.pieces:
            kept.append(piece)
            yield piece
        vars(self)["texts"] = ("".join(kept),)
        yield "\n"

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """See :meth:`olaria.kinds.base.Sample.save`."""
        refuse_other_endings(path, TEXT_ENDINGS)
        refuse_overwriting(path, overwrite)
        write_text(path, self.whole)

    def to_json(self, path: Path | None) -> dict[str, Any]:
        """The texts, and where they were written."""
        return {
            "prompt": self.prompt,
            "path": None if path is None else str(path),
            "text": self.texts[0],
            "texts": [*self.texts],
        }


def draw(
    run: str | Path | Run,
    *,
    count: int | None = None,
    prompt: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    stop: Sequence[str] | None = None,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,  # noqa: ARG001 - no data is read, so there is no connection to open
) -> TextSample:
    """Texts of a run; what is typed is taken in the form of what it learnt from (:func:`typed`).

    Args:
        run: a run, its name or its path.
        count: how many; one, drawn while it is read, where None. The first is the same as that one, and none depends
            on those drawn beside it.
        prompt: where to begin; None begins a line.
        max_tokens, temperature, top_k, top_p, min_p, repetition_penalty, stop: see
            :class:`olaria.sampling.autoregressive.SamplingConfig`; its defaults where None.
        unseen: what to do with a character of the prompt that the run was not trained on; as in training where None.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: the prompt is empty.
        DataError: the prompt has a character that the run was not trained on.
    """
    given = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "stop": None if stop is None else [typed(one, "stop") for one in stop],
    }
    prompt = None if prompt is None else typed(prompt, "prompt")
    config = SamplingConfig.parse({name: v for name, v in given.items() if v is not None})
    run = opened_run(run)
    if count is None:
        return TextSample(prompt or "", one(run, prompt, config, unseen, seed, checkpoint))
    texts = several(run, [prompt] * count, config, unseen, seed, checkpoint)
    return TextSample(prompt or "", None, tuple(texts))


def one(
    run: Run,
    prompt: str | None,
    config: SamplingConfig,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
) -> Continuation:
    """The continuation of ``prompt``, piece by piece as it is drawn; see :func:`draw`."""
    tokenizer, (tokens,) = _prompts(run, [prompt], unseen)
    draws, record = Generator().manual_seed(seed), DrawRecord()
    pieces = generate(run.model(checkpoint), tokens[None], config, draws, record)
    return Continuation(pieces, tokenizer, config.stop, len(tokens), record)


def several(
    run: Run,
    prompts: Sequence[str | None],
    config: SamplingConfig,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
) -> list[str]:
    """The continuation of each of ``prompts``; those of equal length in tokens are drawn side by side."""
    tokenizer, tokens = _prompts(run, prompts, unseen)
    model = run.model(checkpoint)
    texts = [""] * len(prompts)
    by_length = sorted(range(len(prompts)), key=lambda place: len(tokens[place]))
    for _, equal in groupby(by_length, key=lambda place: len(tokens[place])):
        for places in _blocks(list(equal), _SIDE_BY_SIDE):
            start = torch.stack([tokens[place] for place in places])
            draws = generate(model, start, config, [_draws_of(seed, place) for place in places])
            rows = decoded_rows(draws, tokenizer, config.stop, len(places))
            for place, text in zip(places, rows, strict=True):
                texts[place] = text
    return texts


def _prompts(
    run: Run, prompts: Sequence[str | None], unseen: Unseen | None
) -> tuple[Tokenizer, list[Tensor]]:
    """The run's tokenizer and the tokens of each prompt, before anything slow is done."""
    if "" in prompts:
        raise UsageError(
            N_("the prompt is empty; write where to begin, or leave {prompt} out"),
            prompt=Setting("prompt"),
        )
    tokenizer = run.tokenizer()
    tokens = [
        tokenizer.encode(
            _opening(tokenizer) if prompt is None else prompt, unseen or run.recipe.data.unseen
        )
        for prompt in prompts
    ]
    if not all(map(len, tokens)):
        raise SamplingError(N_("nothing of the prompt is left: all of it was skipped as unseen"))
    return tokenizer, tokens


def _draws_of(seed: int, number: int) -> Generator:
    """The generator of one of several texts."""
    return generator(seed, "text", number) if number else Generator().manual_seed(seed)


def _blocks(places: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _opening(tokenizer: Tokenizer) -> str:
    """A newline where the alphabet has one, else what the alphabet begins with."""
    try:
        tokenizer.encode("\n")
    except DataError:
        return tokenizer.decode([0])
    return "\n"


KIND = Kind(prepare, measure, draw, text_stats, N_("text"), "validation", TEXT_ENDINGS)
