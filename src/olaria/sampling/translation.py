"""Translations from an encoder–decoder: greedy, or the best of a beam; the decoder's keys and values are cached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Tensor

from olaria.config import Config
from olaria.data.pairs import encode_texts
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.models.translation import KeysValues, Translation
from olaria.vocabulary import BEAM, MOST_BEAM

SIDE_BY_SIDE = 128
"""Sequences that are written at once."""


class DecodingConfig(Config):
    """How a translation is searched for."""

    beam: int = Field(BEAM, ge=1, le=MOST_BEAM)
    """Sequences that are followed at once; 1 is greedy."""
    length_penalty: float = Field(0.6, ge=0.0)
    r"""Exponent :math:`\alpha` of :func:`length_factor`: 0 prefers short translations, more favours longer ones."""


def length_factor(length: int, alpha: float) -> float:
    r"""What a log-probability is divided by, so that sequences of different lengths compare.

    .. math:: \mathrm{lp}(y) = \left(\frac{5 + |y|}{6}\right)^\alpha

    Source: Wu et al. 2016, *Google's Neural Machine Translation System*, equation 14 (without its coverage term).

    >>> length_factor(1, 0.6), length_factor(7, 1.0)
    (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** alpha)


def translate(
    model: Translation,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    config: DecodingConfig | None = None,
    unseen: Unseen = "error",
) -> list[str]:
    """The translation of each text; those of like lengths are written side by side.

    Args:
        model: in evaluation mode.
        tokenizer: the one it was trained with.
        texts: sources.
        config: greedy unless given.
        unseen: what to do with a character that the tokenizer does not know.

    Raises:
        DataError: a text is longer than the model's context, or nothing of it is known.
    """
    config = config or DecodingConfig()
    rows = encode_texts(texts, tokenizer, model.context, unseen)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    found = [""] * len(rows)
    size = max(1, SIDE_BY_SIDE // config.beam)
    for first in range(0, len(order), size):
        places = order[first : first + size]
        written = decode_batch(model, model.specials.sources([rows[p] for p in places]), config)
        for place, ids in zip(places, written, strict=True):
            found[place] = tokenizer.decode(ids)
    return found


def decode_batch(model: Translation, source: Tensor, config: DecodingConfig) -> list[Tensor]:
    """The ids written for each source (B, S), without the end, int64 (T_i,)."""
    if config.beam > 1:
        return [found.ids for found in beam_search(model, source, config)]
    return [_before(row, model.specials.eos) for row in greedy(model, source)]


@torch.no_grad()
def greedy(model: Translation, source: Tensor, max_tokens: int | None = None) -> Tensor:
    """The likeliest token each time.

    Args:
        model: in evaluation mode.
        source: ids with eos and padding, (B, S).
        max_tokens: the most that are written; the context where None.

    Returns:
        Ids (B, T): what was written, eos, then padding. A row without eos was cut at ``max_tokens``.
    """
    specials = model.specials
    memory, cache = model.encode(source), list[KeysValues]()
    token = torch.full((len(source), 1), specials.bos)
    is_over = torch.zeros(len(source), 1, dtype=torch.bool)
    written = []
    for _ in range(max_tokens or model.context):
        logits, cache = model.decode(token, memory, cache)
        token = logits.argmax(-1).masked_fill(is_over, specials.pad)  # (B, 1)
        written.append(token)
        is_over |= token == specials.eos
        if is_over.all():
            break
    return torch.cat(written, 1)


@dataclass(frozen=True)
class Hypothesis:
    """One finished sequence: its ids without the end, and its log-probability over its length's factor."""

    ids: Tensor
    score: float


@dataclass
class _Beam:
    """The sequences that are followed, K for each of B sources; row b·K + k of every tensor is sequence k of b."""

    tokens: Tensor  # (B·K, t), bos first
    log_probs: Tensor  # (B, K)
    cache: list[KeysValues] = field(default_factory=list)

    def follow(self, parents: Tensor, tokens: Tensor, log_probs: Tensor) -> None:
        """Go on from ``parents`` (B, K), numbers within a beam, with one more token each, (B, K)."""
        num_sources, width = parents.shape
        rows = (parents + width * torch.arange(num_sources)[:, None]).flatten()
        self.tokens = torch.cat((self.tokens[rows], tokens.flatten()[:, None]), 1)
        self.log_probs = log_probs
        self.cache = [(k[rows], v[rows]) for k, v in self.cache]


@torch.no_grad()
def beam_search(
    model: Translation, source: Tensor, config: DecodingConfig, max_tokens: int | None = None
) -> list[Hypothesis]:
    """The best sequence that a beam finds for each source.

    At each step the K likeliest continuations of K sequences are looked at: those that end are finished, and the K
    likeliest that do not end are followed. A source is done when K have finished. With K = 1 this is :func:`greedy`.

    Args:
        model: in evaluation mode.
        source: ids with eos and padding, (B, S).
        config: width of the beam and length penalty.
        max_tokens: the most that are written; the context where None. Where nothing has ended by then, the best
            unfinished sequence is returned.
    """
    width, eos = config.beam, model.specials.eos
    count = len(source)
    memory = model.encode(source).rows(torch.arange(count).repeat_interleave(width))
    start = torch.full((count * width, 1), model.specials.bos)
    # All K are the same at first, so only one of them may go on.
    log_probs = torch.full((count, width), -math.inf)
    log_probs[:, 0] = 0
    beam = _Beam(start, log_probs)
    finished: list[list[Hypothesis]] = [[] for _ in range(count)]
    for length in range(1, 1 + (max_tokens or model.context)):
        logits, beam.cache = model.decode(beam.tokens[:, -1:], memory, beam.cache)
        values, parents, tokens = _best(logits[:, -1], beam.log_probs)
        ends = tokens == eos
        for b, k in ends[:, :width].nonzero().tolist():
            if len(finished[b]) < width and values[b, k] > -math.inf:
                ids = beam.tokens[b * width + int(parents[b, k]), 1:]
                factor = length_factor(length, config.length_penalty)
                finished[b].append(Hypothesis(ids, values[b, k].item() / factor))
        if all(len(found) == width for found in finished):
            break
        values, places = values.masked_fill(ends, -math.inf).topk(width)
        beam.follow(parents.gather(1, places), tokens.gather(1, places), values)
    return [_chosen(finished[b], beam, b, config) for b in range(count)]


def _best(logits: Tensor, log_probs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The 2K likeliest continuations of each source, best first: no fewer than K of them do not end.

    Args:
        logits: (B·K, V).
        log_probs: of the sequences so far, (B, K).

    Returns:
        Log-probabilities, parents and tokens, (B, 2K) each.
    """
    count, width = log_probs.shape
    num_tokens = logits.shape[1]
    total = logits.log_softmax(-1).view(count, width, num_tokens) + log_probs[:, :, None]
    values, places = total.flatten(1).topk(min(2, num_tokens) * width)
    return values, places // num_tokens, places % num_tokens


def _chosen(finished: list[Hypothesis], beam: _Beam, b: int, config: DecodingConfig) -> Hypothesis:
    if finished:
        return max(finished, key=lambda found: found.score)
    ids = beam.tokens[b * config.beam, 1:]
    factor = length_factor(len(ids), config.length_penalty)
    return Hypothesis(ids, beam.log_probs[b, 0].item() / factor)


def _before(row: Tensor, eos: int) -> Tensor:
    ends = (row == eos).nonzero()
    return row[: int(ends[0])] if len(ends) else row
