"""What the lesson of attention looks at: a run's attentions on a sentence, which of them are shown, and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from olaria.data.base import PairData, TextData
from olaria.errors import LessonError
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Asked, evenly, refusal
from olaria.lessons.figures import Choice, Control, Figure, Heat, Tokens, Words
from olaria.lessons.inside import Look, open_language, open_translation, windows_of
from olaria.lessons.live import typed
from olaria.lessons.texts import labels_of, sentence_of
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation
from olaria.runs import Run
from olaria.sampling.translation import greedy

FAMILIES = ("language", "gpt", "translation")
PRESET = "gpt-shakespeare"
CROSS_PRESET = "pt-en"
MOST_TOKENS = 20
"""Of the sentence: a map of more would be too small to read."""
MOST_FOLLOWED = 16
"""Pairs of layer and head that are followed number by number."""
MOST_MAPS = 40
"""Pairs of layer and head whose weights are drawn."""
MOST_REMOVED = 16
"""Heads that are removed, one at a time."""
NUM_PIECES, PIECE_TOKENS = 4, 64
"""Of the validation text, for what is measured over texts: each removed head reads them all again."""

Net = GPT | LanguageModel | Translation
Ids = tuple[Tensor, ...]
"""Tokens of a text, (T,); of a source (S,) and of a target (T,) where there are two."""


def looks_of(model: Net, ids: Ids) -> dict[str, Look]:
    """Every attention on a text, or on a source and a target, by the name of its module."""
    if isinstance(model, Translation):
        return open_translation(model, *ids)
    looks = open_language(model, *ids).looks
    return {f"blocks.{number}": look for number, look in enumerate(looks)}


@dataclass(frozen=True)
class Offer:
    """Attentions, by their places among all, and heads of each, from the first, among which a reader chooses.

    The place among those offered and the head of ``start`` are shown first.
    """

    places: tuple[int, ...]
    num_heads: int
    names: tuple[Words, ...]
    start: tuple[int, int]

    def choice(self, figure: Callable[[int, int], Figure]) -> Choice:
        """A figure of each place and head, one seen at a time."""
        heads = tuple(str(number + 1) for number in range(self.num_heads))
        controls = (
            Control(Message(N_("layer")), self.names, "select", self.start[0]),
            Control(Message(N_("head")), heads, "select", self.start[1]),
        )
        figures = (figure(place, head) for place in self.places for head in range(self.num_heads))
        return Choice("", controls, tuple(figures))


@dataclass(frozen=True)
class Subject:
    """A run on a sentence.

    Args:
        run: the run.
        model: of the run.
        ids: what is read; ``tokens`` are its figures, ``notes`` tell what was left out.
        looks: every attention, by the name of its module.
        sides: names of the positions that ask, and of those that are read, by kind of attention.
    """

    run: Run
    model: Net
    ids: Ids
    looks: Mapping[str, Look]
    sides: Mapping[str, tuple[tuple[Words, ...], tuple[Words, ...]]]
    tokens: tuple[Tokens, ...]
    notes: tuple[Message, ...]

    @property
    def each(self) -> tuple[Look, ...]:
        """The attentions in order."""
        return tuple(self.looks.values())

    @property
    def num_heads(self) -> int:
        """Of every attention."""
        return self.each[0].num_heads

    def labels(self, place: int) -> tuple[tuple[Words, ...], tuple[Words, ...]]:
        """Names of the query positions and of the key positions of an attention."""
        return self.sides[self.each[place].kind]

    def map(self, place: int, values: Array, **form: Any) -> Heat:
        """A number for each query and key of an attention, (T, S); see :class:`Heat` for its form."""
        titles = Message(N_("query position")), Message(N_("key position"))
        return Heat("", values, *self.labels(place), *titles, **form)

    def offer(self, most: int, places: Sequence[int] | None = None) -> Offer:
        """At most so many pairs of layer and head, the layers spread evenly.

        The pair shown first has weights that are furthest from uniform.
        """
        places = range(len(self.looks)) if places is None else places
        num_heads = min(most, self.num_heads)
        chosen = tuple(places[i] for i in evenly(len(places), max(1, most // num_heads)))
        even = torch.stack([evenness(self.each[place])[:num_heads] for place in chosen])
        first, head = divmod(int(even.argmin()), num_heads)
        names = tuple(self.each[place].name for place in chosen)
        return Offer(chosen, num_heads, names, (first, head))

    def asking(self, place: int) -> int:
        """The query that is followed: late enough to read much, early enough to have something hidden from it."""
        return 3 * len(self.labels(place)[0]) // 4


@dataclass(frozen=True)
class Scene:
    """A run on the user's sentence; where it only averages, or the sentence is too short, a ``LessonError``."""

    asked: Asked
    own: Subject

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The lesson's run on the user's sentence."""
        return cls(asked, subject_of(asked, asked.run))

    @cached_property
    def pair(self) -> Subject | None:
        """An encoder–decoder: the run, or another beside it, on a sentence of its own."""
        if isinstance(self.own.model, Translation):
            return self.own
        other = self.asked.other("translation")
        return None if other is None else subject_of(replace(self.asked, prompt=None), other)

    @cached_property
    def first(self) -> tuple[int, int]:
        """Place and head of the attention that is followed."""
        offer = self.own.offer(MOST_FOLLOWED)
        return offer.places[offer.start[0]], offer.start[1]

    def live_maps(self, below: Figure) -> Figure:
        """These maps, and in a page the same of what the reader types; an encoder–decoder has a lesson of its own."""
        own = self.own
        if len(own.ids) > 1:
            return below
        text = own.run.tokenizer().decode(own.ids[0])
        layer, head = self.first
        return typed("attention", (own.run,), text, below, layer=layer, head=head)

    @cached_property
    def pieces(self) -> tuple[Ids, ...]:
        """Pieces of the validation text, or pairs of it."""
        run, model = self.own.run, self.own.model
        tokenizer, unseen = run.tokenizer(), run.recipe.data.unseen
        data, length = run.data(offline=self.asked.offline), min(PIECE_TOKENS, model.context)
        if isinstance(model, Translation):
            assert isinstance(data, PairData)
            sources, targets = (
                [tokenizer.encode(text, unseen)[:length] for text in side]
                for side in zip(*data.validation[:NUM_PIECES], strict=True)
            )
            every = zip(sources, targets, strict=True)
            specials = model.specials
            return tuple((specials.sources([s])[0], specials.targets([t])[0]) for s, t in every)
        assert isinstance(data, TextData)
        windows = windows_of(data.validation, tokenizer, NUM_PIECES, length, unseen)
        return tuple((ids,) for ids in windows)


def subject_of(asked: Asked, run: Run) -> Subject:
    """A run on the user's sentence."""
    model = run.model()
    assert isinstance(model, GPT | LanguageModel | Translation)
    if model.context < 2:
        raise refusal(run, FAMILIES, PRESET)
    if isinstance(model, Translation):
        return _translation(asked, run, model)
    if isinstance(model, LanguageModel) and not model.config.has("head"):
        raise LessonError(
            N_(
                "run {name} averages what came before and has no attention: give this lesson a run of a higher rung, "
                "for instance of olaria train {preset}"
            ),
            name=run.name,
            preset=PRESET,
        )
    sentence = sentence_of(asked, run, MOST_TOKENS)
    names, ids = labels_of(sentence.tokens), (sentence.ids,)
    sides, tokens = {"past": (names, names)}, (Tokens("", sentence.tokens),)
    return Subject(run, model, ids, looks_of(model, ids), sides, tokens, sentence.notes)


def _translation(asked: Asked, run: Run, model: Translation) -> Subject:
    """The source is the sentence, the target what the model itself writes; both cut to be readable."""
    sentence = sentence_of(asked, run, MOST_TOKENS - 1)
    source = model.specials.sources([sentence.ids])[0]
    written = greedy(model, source[None], min(MOST_TOKENS - 1, model.context))[0]
    written = written[written < model.vocab_size]
    ids = (source, torch.cat((torch.tensor([model.specials.bos]), written)))
    target_tokens = tuple(sentence.tokenizer.decode([token]) for token in written.tolist())
    sources: tuple[Words, ...] = (*labels_of(sentence.tokens), "<eos>")
    targets: tuple[Words, ...] = ("<bos>", *labels_of(target_tokens))
    sides = {"both": (sources, sources), "past": (targets, targets), "cross": (targets, sources)}
    tokens = tuple(Tokens("", some) for some in (sentence.tokens, target_tokens) if some)
    return Subject(run, model, ids, looks_of(model, ids), sides, tokens, sentence.notes)


def later_queries(length: int) -> slice:
    """Positions that measures are taken over: the first may read itself alone, so it tells nothing."""
    return slice(min(1, length - 1), None)


def evenness(look: Look) -> Tensor:
    """Mean entropy of each head's weights over that of uniform weights, (H,): 1 is uniform, 0 a single key."""
    entropies = torch.special.entr(look.weights()).sum(-1)  # (H, T)
    uniform = (look.mask == 0).sum(-1).log()
    rows = later_queries(len(uniform))
    most = uniform[rows].mean()
    if not most:  # nothing but one key to read
        return torch.ones(look.num_heads)
    ratios: Tensor = entropies[:, rows].mean(1) / most
    return ratios
