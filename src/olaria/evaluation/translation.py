"""Translations: the loss of the targets, how many are exact, and BLEU and chrF where sacrebleu is installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from importlib import metadata
from typing import Any, Protocol

import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.i18n import N_, Message
from olaria.objectives.likelihood import cross_entropy
from olaria.sharing import Summed, alone


class TranslationModel(Protocol):
    """What is measured: sources (B, S) and targets (B, T) to logits (B, T, V)."""

    def __call__(self, source: Tensor, target: Tensor, /) -> Tensor: ...


@torch.no_grad()
def target_loss(
    model: TranslationModel,
    batches: Iterable[tuple[Tensor, Tensor]],
    pad: int,
    summed: Summed = alone,
) -> tuple[float, int]:
    """Mean negative log-likelihood of the targets' tokens, their ends included, given the right ones before.

    Args:
        model: in evaluation mode.
        batches: sources (B, S) and targets (B, T), each beginning with bos and ending with eos, then padding.
        pad: the id of padding, which does not count.
        summed: adds up what the batches give; several processes that measure together share the batches.

    Returns:
        Nats per token, and how many tokens were predicted.

    Raises:
        EvaluationError: there is nothing to predict.
    """
    parts = [partial(_nats_of, model, source, target, pad) for source, target in batches]
    total, count = summed(parts, 2)
    if count == 0:
        raise EvaluationError(N_("there are no pairs to measure; give at least one"))
    return total / count, int(count)


def _nats_of(
    model: TranslationModel, source: Tensor, target: Tensor, pad: int
) -> tuple[float, float]:
    """The nats of a batch and how many tokens they are of."""
    following = target[:, 1:]
    num_tokens = int((following != pad).sum())
    logits = model(source, target[:, :-1]).float()
    return cross_entropy(logits, following, ignored=pad).item() * num_tokens, num_tokens


def exact_match(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Share of outputs that are one of their references, character for character.

    >>> exact_match(["a cat", "a dog"], [["a cat", "one cat"], ["the dog"]])
    0.5
    """
    matches = [output in allowed for output, allowed in zip(outputs, references, strict=True)]
    return sum(matches) / len(matches)


def corpus_scores(
    outputs: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[str, float | None], dict[str, Message], dict[str, str]]:
    """BLEU (Papineni et al. 2002) and chrF (Popović 2015) of all outputs together, from 0 to 100.

    Args:
        outputs: one for each source.
        references: of each, one or more.

    Returns:
        The metrics, null where sacrebleu is missing; then the reasons; and sacrebleu's own account of how it counted
        (Post 2018), to stand beside the numbers.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        reason = Message(
            N_("needs another package (sacrebleu): pip install 'olaria[metrics]' brings it")
        )
        return dict.fromkeys(("bleu", "chrf")), dict.fromkeys(("bleu", "chrf"), reason), {}
    most = max(map(len, references))
    # sacrebleu takes the first references of all outputs, then the second ones, None where there is none.
    streams: list[Any] = [
        [own[i] if i < len(own) else None for own in references] for i in range(most)
    ]
    scores: dict[str, float | None] = {}
    accounts = {"sacrebleu": metadata.version("sacrebleu")}
    # force: the texts are as they are, whatever they look like.
    for name, metric in (("bleu", BLEU(force=True)), ("chrf", CHRF())):
        scores[name] = metric.corpus_score(outputs, streams).score
        accounts[f"{name}_signature"] = str(metric.get_signature())
    return scores, {}, accounts
