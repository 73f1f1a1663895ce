"""The words of the toy language and the phrases that they form, each with its probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Phrase:
    """One outcome of a choice: its words in each language and its probability."""

    pt: str
    en: str
    p: float
    transitive: bool = False

    def words(self, language: str) -> str:
        """``pt`` or ``en``."""
        return self.pt if language == "pt" else self.en


@dataclass(frozen=True)
class _Noun:
    feminine: bool
    pt: tuple[str, str]  # singular, plural
    en: tuple[str, str]
    p: float


@dataclass(frozen=True)
class _Verb:
    pt: tuple[str, str, str, str]  # present singular, plural; past singular, plural
    en: tuple[str, str, str, str]
    p: float
    transitive: bool


NUMBERS = (0.6, 0.4)
"""Probabilities of the singular and the plural."""
_TENSES = (0.7, 0.3)  # present, past
# (masculine singular, masculine plural, feminine singular, feminine plural), (English s., pl.)
_ARTICLES = (
    (("o", "os", "a", "as"), ("the", "the"), 0.65),
    (("um", "uns", "uma", "umas"), ("a", "some"), 0.35),
)
_NOUNS = (
    _Noun(False, ("gato", "gatos"), ("cat", "cats"), 0.22),
    _Noun(True, ("menina", "meninas"), ("girl", "girls"), 0.18),
    _Noun(False, ("cachorro", "cachorros"), ("dog", "dogs"), 0.16),
    _Noun(True, ("cantora", "cantoras"), ("singer", "singers"), 0.13),
    _Noun(False, ("pintor", "pintores"), ("painter", "painters"), 0.11),
    _Noun(True, ("abelha", "abelhas"), ("bee", "bees"), 0.09),
    _Noun(False, ("oleiro", "oleiros"), ("potter", "potters"), 0.07),
    _Noun(True, ("tartaruga", "tartarugas"), ("turtle", "turtles"), 0.04),
)
_ADJECTIVES = (
    (("", "", "", ""), "", 0.55),
    (("pequeno", "pequenos", "pequena", "pequenas"), "small", 0.18),
    (("sábio", "sábios", "sábia", "sábias"), "wise", 0.12),
    (("bonito", "bonitos", "bonita", "bonitas"), "pretty", 0.10),
    (("feliz", "felizes", "feliz", "felizes"), "happy", 0.05),
)
_VERBS = (
    _Verb(("vê", "veem", "viu", "viram"), ("sees", "see", "saw", "saw"), 0.25, True),
    _Verb(
        ("dorme", "dormem", "dormiu", "dormiram"), ("sleeps", "sleep", "slept", "slept"), 0.2, False
    ),
    _Verb(
        ("chama", "chamam", "chamou", "chamaram"), ("calls", "call", "called", "called"), 0.2, True
    ),
    _Verb(
        ("canta", "cantam", "cantou", "cantaram"), ("sings", "sing", "sang", "sang"), 0.15, False
    ),
    _Verb(("ama", "amam", "amou", "amaram"), ("loves", "love", "loved", "loved"), 0.12, True),
    _Verb(
        ("segue", "seguem", "seguiu", "seguiram"),
        ("follows", "follow", "followed", "followed"),
        0.08,
        True,
    ),
)
ADVERBS = (
    Phrase("", "", 0.5),
    Phrase("no jardim", "in the garden", 0.25),
    Phrase("em silêncio", "in silence", 0.15),
    Phrase("de novo", "again", 0.10),
)


def noun_phrases(number: int, adjectives: bool) -> tuple[Phrase, ...]:
    """Article, noun and, where asked for, adjective: agreeing in Portuguese, ordered in English."""
    choices = _ADJECTIVES if adjectives else ((("", "", "", ""), "", 1.0),)
    phrases = []
    for (article, en_article, p_article), noun, (adjective, en_adjective, p_adjective) in product(
        _ARTICLES, _NOUNS, choices
    ):
        form = 2 * noun.feminine + number
        portuguese = joined(article[form], noun.pt[number], adjective[form])
        english = joined(en_article[number], en_adjective, noun.en[number])
        phrases.append(Phrase(portuguese, english, p_article * noun.p * p_adjective))
    return tuple(phrases)


def verb_forms(number: int) -> tuple[Phrase, ...]:
    """Every verb in present and past."""
    return tuple(
        Phrase(
            verb.pt[2 * tense + number],
            verb.en[2 * tense + number],
            p_tense * verb.p,
            verb.transitive,
        )
        for (tense, p_tense), verb in product(enumerate(_TENSES), _VERBS)
    )


def weighted(groups: Sequence[tuple[Phrase, ...]], weights: Sequence[float]) -> tuple[Phrase, ...]:
    """All phrases of some groups, their probabilities times that of the group."""
    return tuple(
        Phrase(phrase.pt, phrase.en, phrase.p * weight, phrase.transitive)
        for group, weight in zip(groups, weights, strict=True)
        for phrase in group
    )


def joined(*words: str) -> str:
    """Words with a space between them; empty ones are none."""
    return " ".join(word for word in words if word)
