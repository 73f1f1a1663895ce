"""What the lesson of attention opens up: every attention of a run on one sentence, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from olaria.errors import LessonError
from olaria.i18n import N_, Message
from olaria.lessons.base import Asked, Check, evenly, numbers, refusal
from olaria.lessons.by_numpy.transformers import Part, checked, translation_by_hand
from olaria.lessons.figures import Choice, Control, Figure, Heat, Tokens, Words
from olaria.lessons.inside import Look, open_translation, read_language
from olaria.lessons.texts import labels_of, sentence_of
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation
from olaria.runs import Run
from olaria.sampling.translation import greedy

FAMILIES = ("language", "gpt", "translation")
PRESET = "gpt-shakespeare"
MOST_TOKENS = 20
"""Of the sentence: a map of more would be too small to read."""
MOST_FOLLOWED = 16
"""Pairs of layer and head that are followed number by number."""
MOST_MAPS = 40
"""Pairs of layer and head whose weights are drawn."""


@dataclass(frozen=True)
class Reading:
    """An attention on the sentence.

    Args:
        look: as the model computed it.
        part: the same by hand.
        rows: names of the tokens that look.
        columns: of those that are looked at.
    """

    look: Look
    part: Part
    rows: tuple[Words, ...]
    columns: tuple[Words, ...]

    @property
    def asking(self) -> int:
        """The query that is followed: late enough to see much, early enough to have something hidden from it."""
        return 3 * len(self.rows) // 4


@dataclass(frozen=True)
class Offer:
    """The attentions and heads among which a reader chooses.

    Args:
        readings: those that are offered.
        num_heads: of each, from the first.
        total: attentions of the model.
    """

    readings: tuple[Reading, ...]
    num_heads: int
    total: int

    @property
    def start(self) -> tuple[Reading, int]:
        """The reading and the head whose weights are furthest from uniform: least entropy beside what it could be."""
        place, head = divmod(self._start, self.num_heads)
        return self.readings[place], head

    @property
    def _start(self) -> int:
        ratios = [evenness(reading.look)[: self.num_heads] for reading in self.readings]
        return int(torch.cat(ratios).argmin())

    def choice(self, caption: Message, figure: Callable[[Reading, int], Figure]) -> Choice:
        """A figure of each, one seen at a time."""
        if len(self.readings) < self.total:
            counts = {"shown": len(self.readings), "total": self.total}
            caption = Message(
                N_("{caption} Of {total} layers {shown} are offered."),
                {"caption": caption, **counts},
            )
        place, head = divmod(self._start, self.num_heads)
        names = tuple(reading.look.name for reading in self.readings)
        heads = tuple(str(number + 1) for number in range(self.num_heads))
        controls = (
            Control(Message(N_("layer")), names, "select", place),
            Control(Message(N_("head")), heads, "select", head),
        )
        figures = tuple(figure(r, h) for r in self.readings for h in range(self.num_heads))
        return Choice(caption, controls, figures)

    def check(self, what: str, value: Callable[[Look], Tensor], expected: str) -> Check:
        """Numbers of all attentions that are offered beside the same by hand."""
        found = [value(reading.look) for reading in self.readings]
        return checked(what, found, [reading.part[expected] for reading in self.readings])


@dataclass(frozen=True)
class Subject:
    """A run on a sentence.

    Args:
        run: the run.
        model: its model.
        readings: every attention of it.
        sentence: what it reads, as figures.
        ids: tokens of the text that is read; of the source and of the target where there are two.
        notes: of tokens that were left out.
    """

    run: Run
    model: GPT | LanguageModel | Translation
    readings: tuple[Reading, ...]
    sentence: tuple[Figure, ...]
    ids: tuple[Tensor, ...]
    notes: tuple[Message, ...] = ()

    def offered(self, most: int) -> Offer:
        """At most so many pairs of layer and head, the layers spread evenly."""
        num_heads = min(most, self.readings[0].look.num_heads)
        places = evenly(len(self.readings), max(1, most // num_heads))
        readings = tuple(self.readings[place] for place in places)
        return Offer(readings, num_heads, len(self.readings))

    def of_kind(self, kind: str) -> tuple[Reading, ...]:
        """The attentions of a kind."""
        return tuple(reading for reading in self.readings if reading.look.kind == kind)


def subject_of(asked: Asked, run: Run | None = None) -> Subject:
    """The lesson's run on the user's sentence; another run on one of its own.

    Raises:
        LessonError: the run is of the rung that averages, or the sentence too short.
    """
    if run is not None:
        asked = replace(asked, prompt=None)
    run = run or asked.run
    model = run.model()
    if isinstance(model, Translation):
        return _translation(asked, run, model)
    assert isinstance(model, GPT | LanguageModel)
    if isinstance(model, LanguageModel) and not model.config.has("head"):
        raise LessonError(
            N_(
                "run {name} averages what came before and has no attention: give this lesson a run of a higher rung, "
                "for instance of olaria train {preset}"
            ),
            name=run.name,
            preset=PRESET,
        )
    read = read_language(asked, run, model, MOST_TOKENS)
    pairs = zip(read.opened.looks, read.hand.parts, strict=True)
    readings = tuple(Reading(*pair, read.names, read.names) for pair in pairs)
    caption = Message(N_("The sentence as run {name} reads it."), {"name": run.name})
    figures = (Tokens(caption, read.sentence.tokens),)
    return Subject(run, model, readings, figures, (read.sentence.ids,), read.sentence.notes)


def _translation(asked: Asked, run: Run, model: Translation) -> Subject:
    """The source is the sentence, the target what the model itself writes; both cut to be readable."""
    if model.context < 2:
        raise refusal(run, FAMILIES, PRESET)
    sentence = sentence_of(asked, run, MOST_TOKENS - 1)
    source = model.specials.sources([sentence.ids])[0]
    written = greedy(model, source[None], min(MOST_TOKENS - 1, model.context))[0]
    written = written[written < model.vocab_size]
    target = torch.cat((torch.tensor([model.specials.bos]), written))
    looks = open_translation(model, source, target)
    parts = translation_by_hand(model, source, target)
    target_tokens = tuple(sentence.tokenizer.decode([token]) for token in written.tolist())
    sources: tuple[Words, ...] = (*labels_of(sentence.tokens), Message(N_("⟨end⟩")))
    targets: tuple[Words, ...] = (Message(N_("⟨start⟩")), *labels_of(target_tokens))
    sides = {
        "both": (sources, sources),
        "past": (targets, targets),
        "cross": (targets, sources),
    }
    readings = tuple(Reading(look, parts[name], *sides[look.kind]) for name, look in looks.items())
    name = {"name": run.name}
    figures = [Tokens(Message(N_("The source as run {name} reads it."), name), sentence.tokens)]
    if target_tokens:
        figures.append(
            Tokens(Message(N_("The target that run {name} writes."), name), target_tokens)
        )
    return Subject(run, model, readings, tuple(figures), (source, target), sentence.notes)


def later_queries(length: int) -> slice:
    """Positions that measures are taken over: the first may look at itself alone, so it tells nothing."""
    return slice(min(1, length - 1), None)


def evenness(look: Look) -> Tensor:
    """Mean entropy of each head's weights over that of uniform weights, (H,): 1 is uniform, 0 a single key."""
    entropies = torch.special.entr(look.weights()).sum(-1)  # (H, T)
    uniform = (look.mask == 0).sum(-1).log()
    rows = later_queries(len(uniform))
    most = uniform[rows].mean()
    if not most:  # nothing but one key to look at
        return torch.ones(look.num_heads)
    ratios: Tensor = entropies[:, rows].mean(1) / most
    return ratios


def weights_map(reading: Reading, weights: Tensor) -> Heat:
    """Weights (T, S) as a map; what the mask hides is empty."""
    values = numbers(weights.masked_fill(reading.look.mask < 0, float("nan")))
    titles = Message(N_("query")), Message(N_("key"))
    return Heat("", values, reading.rows, reading.columns, *titles)
