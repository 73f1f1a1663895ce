r"""Toy language: a small probabilistic grammar in Portuguese and English whose truth is known.

A sentence is drawn by independent choices (subject, verb, object where the verb takes one, adverb),
each from a table with exact probabilities, and written in one of the two languages with probability
1/2. No two derivations give the same line, so the probability of a line is that of its derivation
and, by the chain rule, the entropy of a line is the sum of the choices' entropies:

.. math:: H = \log 2 + H(S) + H(V \mid S) + P(\text{transitive})\,H(O) + H(A)

in nats (Shannon 1948, §6). The Portuguese agrees in gender and number, so there is something to
learn at a distance; every derivation has both forms, so there is something to translate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import TYPE_CHECKING

from olaria.data.base import DataSet, Request, TextData, fingerprint
from olaria.data.toy_phrases import (
    ADVERBS,
    NUMBERS,
    Phrase,
    joined,
    noun_phrases,
    verb_forms,
    weighted,
)
from olaria.errors import DataError
from olaria.i18n import N_

if TYPE_CHECKING:
    from torch import Generator

LANGUAGES = ("pt", "en")
NUM_SENTENCES = 20_000
SEED = 0


def _entropy(phrases: Sequence[Phrase]) -> float:
    return -sum(phrase.p * math.log(phrase.p) for phrase in phrases)


@dataclass(frozen=True)
class Derivation:
    """The choices behind one sentence; ``object`` is None under an intransitive verb."""

    number: int
    subject: Phrase
    verb: Phrase
    object: Phrase | None
    adverb: Phrase

    def text(self, language: str) -> str:
        """The sentence in ``language``, with its full stop and without a newline."""
        parts = [self.subject, self.verb, self.object, self.adverb]
        words = [part.words(language) for part in parts if part is not None]
        return joined(*words) + "."

    @property
    def log_prob(self) -> float:
        """Natural log of the derivation's probability; the language is not counted."""
        parts = (self.subject, self.verb, self.object, self.adverb)
        return sum(math.log(part.p) for part in parts if part is not None)


class ToyLanguage:
    """The grammar: draws lines, and knows the exact probability of any.

    A *line* is a sentence in one of the two languages followed by a newline.

    >>> grammar = ToyLanguage()
    >>> round(grammar.entropy, 3) == round(grammar.entropy_by_enumeration(), 3)
    True
    """

    def __init__(self) -> None:
        by_number = [noun_phrases(number, adjectives=True) for number in (0, 1)]
        # A subject's probability includes that of its number.
        self.subjects = tuple(
            weighted([group], [weight]) for group, weight in zip(by_number, NUMBERS, strict=True)
        )
        self.verbs = (verb_forms(0), verb_forms(1))
        self.objects = weighted([noun_phrases(n, adjectives=False) for n in (0, 1)], NUMBERS)
        self.adverbs = ADVERBS

    @cached_property
    def entropy(self) -> float:
        """Entropy of a line, language included, in nats; exact."""
        transitive = sum(verb.p for verb in self.verbs[0] if verb.transitive)
        return (
            math.log(len(LANGUAGES))
            + sum(_entropy(group) for group in self.subjects)
            + sum(
                weight * _entropy(verbs) for weight, verbs in zip(NUMBERS, self.verbs, strict=True)
            )
            + transitive * _entropy(self.objects)
            + _entropy(self.adverbs)
        )

    @cached_property
    def mean_length(self) -> float:
        """Expected characters of a line, its newline included; exact."""
        return sum(
            math.exp(derivation.log_prob) * (len(derivation.text(language)) + 1) / len(LANGUAGES)
            for derivation in self.derivations()
            for language in LANGUAGES
        )

    @property
    def entropy_per_char(self) -> float:
        """Entropy rate of a text of lines in nats per character: ``entropy / mean_length``."""
        return self.entropy / self.mean_length

    def entropy_by_enumeration(self) -> float:
        """The same as :attr:`entropy`, by visiting every sentence: a check, and slower."""
        language = math.log(len(LANGUAGES))
        return sum(
            math.exp(derivation.log_prob) * (language - derivation.log_prob)
            for derivation in self.derivations()
        )

    def derivations(self) -> list[Derivation]:
        """Every derivation there is (about 170,000)."""
        return [
            Derivation(number, subject, verb, thing, adverb)
            for number in (0, 1)
            for subject, verb in product(self.subjects[number], self.verbs[number])
            for thing, adverb in product(self.objects if verb.transitive else (None,), self.adverbs)
        ]

    def sample_derivations(self, n: int, generator: Generator) -> list[Derivation]:
        """``n`` derivations; each takes exactly four uniform numbers of ``generator``."""
        import torch

        uniform = torch.rand(n, 4, generator=generator, dtype=torch.float64)  # (n, choices)
        subjects = self.subjects[0] + self.subjects[1]
        drawn = _draw(subjects, uniform[:, 0])
        verbs = [_draw(self.verbs[number], uniform[:, 1]) for number in (0, 1)]
        objects = _draw(self.objects, uniform[:, 2])
        adverbs = _draw(self.adverbs, uniform[:, 3])
        derivations = []
        for i in range(n):
            number = int(drawn[i] >= len(self.subjects[0]))
            verb = self.verbs[number][verbs[number][i]]
            thing = self.objects[objects[i]] if verb.transitive else None
            adverb = self.adverbs[adverbs[i]]
            derivations.append(Derivation(number, subjects[drawn[i]], verb, thing, adverb))
        return derivations

    def sample(self, n: int, generator: Generator) -> list[str]:
        """``n`` sentences, each in a language drawn with probability 1/2; without newlines."""
        import torch

        derivations = self.sample_derivations(n, generator)
        languages = torch.randint(len(LANGUAGES), (n,), generator=generator).tolist()
        return [d.text(LANGUAGES[k]) for d, k in zip(derivations, languages, strict=True)]

    def sample_pairs(self, n: int, generator: Generator) -> list[tuple[str, str]]:
        """``n`` sentences, each as (Portuguese, English)."""
        drawn = self.sample_derivations(n, generator)
        return [(derivation.text("pt"), derivation.text("en")) for derivation in drawn]

    def log_prob(self, text: str) -> float:
        """Exact log-probability of whole lines, in nats: the sum over lines of log p(line).

        The last newline may be left out. A line outside the language has probability zero.

        Returns:
            The sum; ``-inf`` where a line is not of the language.

        Raises:
            DataError: the text is empty.
        """
        lines = text.removesuffix("\n").split("\n")
        if lines == [""]:
            raise DataError(N_("the text is empty; give lines of the toy language"))
        return sum(self.line_log_prob(line) for line in lines)

    def line_log_prob(self, line: str) -> float:
        """Log-probability of one sentence, language included, in nats; ``-inf`` outside."""
        found = [derivation.log_prob for _, derivation in self.parse(line)]
        if not found:
            return -math.inf
        return math.log(sum(map(math.exp, found)) / len(LANGUAGES))

    def parse(self, line: str) -> list[tuple[str, Derivation]]:
        """Every (language, derivation) that gives ``line``; one at most, since none is ambiguous."""
        if not line.endswith("."):
            return []
        words = line[:-1].split(" ")
        return [
            (language, derivation)
            for language in LANGUAGES
            for number in (0, 1)
            for derivation in self._parse(words, language, number)
        ]

    def translate(self, sentence: str) -> str:
        """The same sentence in the other language.

        Raises:
            DataError: it is not of the language.
        """
        parsed = self.parse(sentence)
        if not parsed:
            raise DataError(N_("{text} is not a sentence of the toy language"), text=sentence)
        ((language, derivation),) = parsed
        return derivation.text("en" if language == "pt" else "pt")

    def _parse(self, words: list[str], language: str, number: int) -> list[Derivation]:
        tables = self._tables[language, number]
        found = []
        for cut in range(1, len(words)):
            subject = tables[0].get(" ".join(words[:cut]))
            verb = tables[1].get(words[cut])
            if subject is None or verb is None:
                continue
            for thing, adverb in self._complements(words[cut + 1 :], language, verb):
                found.append(Derivation(number, subject, verb, thing, adverb))
        return found

    def _complements(
        self, words: list[str], language: str, verb: Phrase
    ) -> list[tuple[Phrase | None, Phrase]]:
        _, _, objects, adverbs = self._tables[language, 0]
        if not verb.transitive:
            adverb = adverbs.get(" ".join(words))
            return [] if adverb is None else [(None, adverb)]
        cuts = range(1, len(words) + 1)
        pairs = [
            (objects.get(" ".join(words[:cut])), adverbs.get(" ".join(words[cut:]))) for cut in cuts
        ]
        return [(thing, adverb) for thing, adverb in pairs if thing and adverb]

    @cached_property
    def _tables(self) -> Mapping[tuple[str, int], tuple[dict[str, Phrase], ...]]:
        """Phrases by their words, for each language and number of the subject."""
        return {
            (language, number): tuple(
                {phrase.words(language): phrase for phrase in group}
                for group in (self.subjects[number], self.verbs[number], self.objects, self.adverbs)
            )
            for language in LANGUAGES
            for number in (0, 1)
        }


def _draw(phrases: Sequence[Phrase], uniform: object) -> list[int]:
    """Inverse-CDF draws: the index of the first phrase whose cumulative probability exceeds u."""
    import torch

    assert isinstance(uniform, torch.Tensor)
    cumulative = torch.tensor([phrase.p for phrase in phrases], dtype=torch.float64).cumsum(0)
    drawn = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)
    return [min(int(index), len(phrases) - 1) for index in drawn.tolist()]


@cache
def _drawn() -> tuple[ToyLanguage, str, str]:
    """The grammar, and training and validation text: always the same, so drawn once in a process."""
    import torch

    from olaria.data.split import split_text

    grammar = ToyLanguage()
    lines = grammar.sample(NUM_SENTENCES, torch.Generator().manual_seed(SEED))
    train, validation = split_text("".join(line + "\n" for line in lines))
    # Both parts are whole lines, so that each has an exact probability.
    cut = validation.index("\n") + 1
    return grammar, train + validation[:cut], validation[cut:]


def load(request: Request) -> TextData:
    """20,000 lines drawn with seed 0; training ends with the line that holds the 90% mark."""
    grammar, train, validation = _drawn()
    data_set = request.data_set
    return TextData(
        name=data_set.name,
        title=data_set.title,
        train=train,
        validation=validation,
        source="generated",
        sha256=fingerprint([(train + validation).encode("utf-8")]),
        citation=data_set.citation,
        licence=data_set.licence,
        known_entropy=grammar,
    )


TOY_LANGUAGE = DataSet(
    name="toy-language",
    title=N_("Toy language: generated sentences in Portuguese and English, exact entropy known"),
    kind="text",
    load=load,
    citation="",
    licence="CC0 1.0",
)
