"""The reading of a command's words: options that stand anywhere, durations, numbers, choices."""

from __future__ import annotations

import pytest

from olaria.cli import options
from olaria.cli.words import Everywhere, split
from olaria.errors import UsageError


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
    words = ["sample", "r", "--prompt", "--debug", "--title=--lang"]
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
    assert options.seconds("--budget", text) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5m", "5 minutes", "1e3", "inf", "nan", "5d", "m"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="write a duration such as 90s, 5m or 1h"):
        options.seconds("--budget", text)


@pytest.mark.parametrize("text", ["", "1.0", "one", "0", "-3", "1_0", "٣", "9" * 30])
def test_what_is_no_number_of_steps(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--steps cannot be .*whole number, at least 1$"):
        options.whole("--steps", text, 1)


def test_seeds_reach_from_zero_to_63_bits() -> None:
    assert options.seed_of(str(2**63 - 1)) == 2**63 - 1
    for text in ("-1", str(2**63)):
        with pytest.raises(UsageError, match="from 0 to 9223372036854775807"):
            options.seed_of(text)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1,5"])
def test_what_is_no_temperature(text: str) -> None:
    with pytest.raises(UsageError, match="must be a number"):
        options.decimal("--temperature", text)


def test_a_wrong_choice_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"--size cannot be tinny: did you mean tiny\?"):
        options.one_of("--size", "tinny", ("tiny", "small", "base"))
