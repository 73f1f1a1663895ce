"""The reading of a command's words: options that stand anywhere, durations, numbers, choices."""

from __future__ import annotations

from typing import get_args

import pytest

from olaria.cli.main import _requests
from olaria.cli.verb import takes_free_text
from olaria.cli.words import Everywhere
from olaria.cli.words import split as split_words
from olaria.errors import UsageError
from olaria.vocabulary import SEED_LIMIT, Size
from olaria.workflows.requests.forms import Choice, Decimal, Duration, Limits, Whole


def split(words: list[str], language: str) -> tuple[Everywhere, list[str]]:
    """As the command line does, whose verbs say which options take free text."""
    return split_words(words, language, lambda option: takes_free_text(option, _requests()))


@pytest.mark.parametrize(
    "words",
    [
        ["--lang", "pt", "--offline", "train", "x"],
        ["train", "--lang=pt", "x", "--offline"],
        ["train", "x", "--offline", "--lang", "en", "--lang", "pt"],
    ],
)
def test_everywhere_is_everywhere(words: list[str]) -> None:
    expected = Everywhere("pt", offline=True, chose_language=True)
    assert split(words, "en") == (expected, ["train", "x"])


def test_a_language_that_nobody_chose_is_known_as_such() -> None:
    assert not split(["report", "r", "--title", "--lang"], "pt")[0].chose_language
    assert split(["report", "r", "--lang=pt"], "pt")[0].chose_language


def test_a_free_texts_value_is_not_an_option() -> None:
    words = ["sample", "r", "--prompt", "--debug", "--stop", "--lang", "--title=--lang"]
    assert split(words, "en") == (Everywhere("en"), words)
    assert split(["a", "--", "--debug"], "pt") == (Everywhere("pt"), ["a", "--", "--debug"])


@pytest.mark.parametrize("words", [["--lang"], ["--lang", "fr"], ["--lang="]])
def test_an_unknown_language_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="the languages are en, pt"):
        split(words, "en")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("5min", 300),
        ("1.5m", 90),
        (".5h", 1800),
        (" 2 m ", 120),
    ],
)
def test_durations(text: str, expected: float) -> None:
    assert Duration().check("budget", text) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5m", "5 minutes", "1e3", "inf", "nan", "5d", "m"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="write a duration such as 90s, 5m or 1h"):
        Duration().check("budget", text)


@pytest.mark.parametrize("text", ["", "1.0", "one", "0", "-3", "1_0", "٣", "9" * 30])
def test_what_is_no_number_of_steps(text: str) -> None:
    whole = Whole(Limits(least=1))
    with pytest.raises(UsageError, match=r"^steps cannot be .*whole number, at least 1$"):
        whole.check("steps", whole.read("steps", text))


def test_seeds_reach_from_zero_to_63_bits() -> None:
    seed = Whole(Limits(least=0, below=SEED_LIMIT))
    assert seed.check("seed", seed.read("seed", str(2**63 - 1))) == 2**63 - 1
    for text in ("-1", str(2**63)):
        with pytest.raises(UsageError, match="from 0 to 9223372036854775807"):
            seed.check("seed", seed.read("seed", text))


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1,5"])
def test_what_is_no_temperature(text: str) -> None:
    with pytest.raises(UsageError, match="must be a number"):
        Decimal().check("temperature", Decimal().read("temperature", text))


def test_a_wrong_choice_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"size cannot be tinny: did you mean tiny\?"):
        Choice(words=get_args(Size)).check("size", "tinny")
