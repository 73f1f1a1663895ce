from __future__ import annotations

import re

import pytest

from olaria import errors
from olaria.errors import ConfigError, OlariaError, suggestion
from olaria.i18n import Message

TREE = {
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, OlariaError)
}


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    """Each line's name, and its parent by depth, as drawn."""
    drawn: dict[str, str] = {}
    above: dict[int, str] = {0: "Exception"}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ├└─]*)([A-Z]\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            drawn[found[2]] = above[depth]
            above[depth + 1] = found[2]
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in TREE}


@pytest.mark.parametrize("error", sorted(TREE, key=lambda error: error.__name__))
def test_every_error_carries_its_message_and_fields(error: type[OlariaError]) -> None:
    raised = error("no images in {path}; put .png files there", path="x")
    assert raised.message == Message("no images in {path}; put .png files there", {"path": "x"})
    assert str(raised) == "no images in x; put .png files there"
    assert raised.exit_code in (1, 2)


def test_a_wrong_request_exits_with_two() -> None:
    assert OlariaError.exit_code == 1
    assert errors.DataError.exit_code == 1
    assert errors.UsageError.exit_code == ConfigError.exit_code == 2


def test_a_missing_field_is_our_mistake_and_loud() -> None:
    with pytest.raises(KeyError):
        str(OlariaError("no images in {path}"))


def test_suggestion() -> None:
    known = ["vae-mnist", "gan-mnist", "ae-mnist"]
    assert suggestion("vae-mnits", known).text() == "did you mean vae-mnist?"
    assert suggestion("qqq", known).text() == "known: ae-mnist, gan-mnist, vae-mnist"
    assert suggestion("qqq", known).text("pt") == "existem: ae-mnist, gan-mnist, vae-mnist"


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        ("vae", ["cvae-mnist", "vae-mnist", "vq-mnist"], "vae-mnist"),
        ("Atenção", ["attention", "tokens"], "attention"),
        ("lr", ["learning_rate", "batch_size"], "learning_rate"),
        ("--temp", ["--temperature", "--prompt"], "--temperature"),
        ("gan mnist", ["gan-mnist", "gan-ring"], "gan-mnist"),
        ("mnits", ["mnist", "digits"], "mnist"),
    ],
)
def test_what_people_type_finds_what_they_mean(typed: str, known: list[str], near: str) -> None:
    assert suggestion(typed, known).text("en") == f"did you mean {near}?"


def test_nothing_near_lists_what_there_is() -> None:
    assert suggestion("", ["b", "a"]).text("en") == "known: a, b"
    assert suggestion("…", ["b", "a"]).text("en") == "known: a, b"
