"""The machinery of requests: values from a shell's text, from Python and from JSON; errors that name the setting."""

from __future__ import annotations

import inspect
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olaria.errors import UsageError
from olaria.i18n import Message, Setting
from olaria.workflows.data import GetRequest
from olaria.workflows.report import ReportRequest
from olaria.workflows.requests import (
    AnyRun,
    Checkpoint,
    Request,
    Seconds,
    TwoClasses,
    setting,
)
from olaria.workflows.requests.verbs import describe, verb
from olaria.workflows.train import TrainRequest


@dataclass(frozen=True, kw_only=True)
class Pot(Request):
    """One setting of each type."""

    summary = "Turn a pot."

    run: AnyRun = setting("whose", positional=True)
    clay: str | None = setting("which clay", default=None, unless="the nearest")
    glaze: Literal["matt", "shiny"] = setting("the surface", default="matt")
    turns: int = setting("how often", default=3, least=1, below=100)
    heat: float | None = setting("of the kiln", default=None, above=0, most=1)
    budget: Seconds = setting("how long", default=300.0)
    fired: bool = setting("whether it is fired", default=False)
    marks: tuple[str, ...] = setting("on its foot", default=(), flag="--mark")
    shapes: tuple[Literal["bowl", "jug"], ...] = setting("of it", default=(), by_commas=True)
    attribute: TwoClasses | None = setting("from and to", default=None)
    checkpoint: Checkpoint | None = setting("which", default=None)
    out: str | Path | None = setting("where", default=None)

    def check(self) -> None:
        if self.fired and self.heat is None:
            raise UsageError("{one} goes with {other}", one=Setting("fired"), other=Setting("heat"))


def refusal(**values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        Pot.of(run="r", **values)
    return str(caught.value)


def test_a_shells_text_becomes_values() -> None:
    words = {
        "run": "r",
        "clay": None,
        "glaze": "shiny",
        "turns": "12",
        "heat": "0.5",
        "budget": "1.5m",
        "fired": True,
        "marks": ["a", "b,c"],
        "shapes": "jug, bowl",
        "attribute": "3:8",
        "checkpoint": "40",
        "out": "x/",
    }
    pot = Pot.from_words(words)
    assert (pot.turns, pot.heat, pot.budget, pot.fired) == (12, 0.5, 90.0, True)
    assert (pot.marks, pot.shapes) == (("a", "b,c"), ("jug", "bowl"))
    assert (pot.attribute, pot.checkpoint, pot.out) == ((3, 8), 40, "x/")
    assert Pot.from_words({"run": "r", "checkpoint": "best"}).checkpoint == "best"


def test_a_request_of_json_is_that_of_python() -> None:
    values = {"run": "r", "heat": 1, "marks": ["a"], "attribute": [3, 8], "budget": "5m"}
    pot = Pot.from_json(json.loads(json.dumps(values)))
    assert pot == Pot(run="r", heat=1.0, marks=("a",), attribute=(3, 8), budget=300)
    assert isinstance(pot.heat, float) and isinstance(pot.marks, tuple)
    assert Pot.of(run=Path("a"), out=Path("b")).out == Path("b")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"glaze": "mat"}, "glaze cannot be mat: did you mean matt?"),
        ({"glaze": 3}, "glaze cannot be 3: known: matt, shiny"),
        ({"turns": 0}, "turns cannot be 0: it must be a whole number from 1 to 99"),
        ({"turns": 100}, "turns cannot be 100: it must be a whole number from 1 to 99"),
        ({"turns": True}, "turns cannot be true"),
        ({"turns": "3"}, "turns cannot be 3"),
        ({"turns": 3.0}, "turns cannot be 3.0"),
        ({"turns": None}, "turns cannot be null"),
        ({"heat": 0}, "heat cannot be 0: it must be greater than 0"),
        ({"heat": 1.01}, "heat cannot be 1.01: it must be at most 1"),
        ({"heat": math.nan}, "heat cannot be NaN: it must be a number, such as 0.8"),
        ({"heat": "1"}, "heat cannot be 1: it must be a number"),
        ({"budget": -1}, "budget cannot be -1: write a duration such as 90s, 5m or 1h"),
        ({"budget": math.inf}, "budget cannot be Infinity"),
        ({"fired": 1}, "fired cannot be 1: it must be true or false"),
        ({"clay": 1}, "clay cannot be 1: it must be text"),
        ({"marks": "ab"}, "marks cannot be ab: it must be a list"),
        ({"marks": [1]}, "marks cannot be 1: it must be text"),
        ({"shapes": ["jugg"]}, "shapes cannot be jugg: did you mean jug?"),
        ({"attribute": [1]}, "attribute takes two classes, such as 3:8, not [1]"),
        ({"attribute": [1, -1]}, "attribute cannot be -1"),
        ({"checkpoint": "first"}, "checkpoint cannot be first: it must be last, best or a whole"),
        ({"checkpoint": -1}, "checkpoint cannot be -1"),
        ({"out": 3}, "out cannot be 3: it must be text"),
        ({"fired": True}, "fired goes with heat"),
        ({"clya": "x"}, "unknown setting clya: did you mean clay?"),
    ],
    ids=str,
)
def test_what_is_refused_names_the_setting(values: dict[str, Any], message: str) -> None:
    assert refusal(**values).startswith(message)


def test_a_number_too_large_to_be_written_is_refused_in_words() -> None:
    for name in ("heat", "turns"):
        for number in (10**400, 10**5000):
            assert refusal(**{name: number}).startswith(f"{name} cannot be …: it must be a")


@pytest.mark.parametrize("run", [None, 3, True, ["r"], {"run": "r"}])
def test_no_run_is_a_number_or_a_list(run: object) -> None:
    with pytest.raises(UsageError, match=r"^run cannot be"):
        Pot.from_json({"run": run})


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_e10_an_empty_path_or_name_is_refused_and_not_the_working_folder(blank: str) -> None:
    assert refusal(out=blank) == "out is empty; give it a name or a path"
    with pytest.raises(UsageError, match="run is empty"):
        Pot.of(run=blank)
    with pytest.raises(UsageError, match="data is empty"):
        TrainRequest.of(preset="ae-mnist", data=blank)
    with pytest.raises(UsageError, match="runs is empty"):
        ReportRequest.of(runs=("r", blank))
    with pytest.raises(UsageError, match="settings is empty"):
        ReportRequest.of(runs=("r",), settings=blank)
    with pytest.raises(UsageError, match="name is empty"):
        GetRequest.of(name=blank)
    assert Pot.of(run="r", clay=blank).clay == blank  # free text may be anything


def test_a_path_may_begin_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Pot.of(run="~/r", out="~/pots/") == Pot(
        run=str(tmp_path / "r"), out=f"{tmp_path / 'pots'}{os.sep}"
    )
    assert Pot.of(run="r", out=Path("~/a")).out == tmp_path / "a"
    assert Pot.of(run="./r", out="a//b/").out == "a//b/"  # as it was written


@pytest.mark.parametrize("half", ["ma\udce7", "\ud83d"])
def test_a_text_that_is_not_utf_8_is_refused(half: str) -> None:
    assert "must be UTF-8" in refusal(clay=half) and refusal(clay=half).isascii()


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match=r"^the setting run is missing$"):
        Pot.from_json({})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"turns": "1.0"}, "turns cannot be 1.0"),
        ({"turns": ""}, 'turns cannot be ""'),
        ({"heat": "nan"}, "heat cannot be nan"),
        ({"budget": "soon"}, "budget cannot be soon"),
        ({"attribute": "3"}, "attribute takes two classes, such as 3:8, not 3"),
        ({"attribute": "a:3"}, "attribute cannot be a"),
    ],
    ids=str,
)
def test_a_shells_wrong_text_is_repeated(words: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Pot.from_words({"run": "r", **words})
    assert str(caught.value).startswith(message)


def test_the_message_is_in_both_languages_and_each_shell_names_the_setting_itself() -> None:
    with pytest.raises(UsageError) as caught:
        Pot.of(run="r", glaze="mat")
    message = caught.value.message
    assert message.text("pt", lambda one: f"--{one}") == (
        "--glaze não pode ser mat: você quis dizer matt?"
    )
    stored = Message.from_json(json.loads(json.dumps(message.to_json())))
    assert stored == message and stored.text("pt").startswith("glaze não")


@given(st.dictionaries(st.sampled_from([one.name for one in Pot.declared()]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=3)
)))  # fmt: skip
def test_any_json_gives_a_request_or_one_line(values: dict[str, Any]) -> None:
    try:
        pot = Pot.from_json(values)
    except UsageError as error:
        assert str(error) and error.message.text("pt")
    else:
        again = {one.name: getattr(pot, one.name) for one in Pot.declared()}
        assert Pot.from_json(again) == pot


@given(st.dictionaries(st.sampled_from([one.name for one in Pot.declared() if one.form.takes_value]),
                       st.text()))  # fmt: skip
def test_any_text_gives_a_request_or_one_line(words: dict[str, Any]) -> None:
    repeated = {one.name for one in Pot.declared() if one.form.is_repeated}
    words = {name: [text] if name in repeated else text for name, text in words.items()}
    try:
        Pot.from_words({"run": "r", **words})
    except UsageError as error:
        assert str(error)


def test_help_is_read_from_the_fields() -> None:
    known = {one.name: one for one in Pot.declared()}
    assert {name: one.unless_given for name, one in known.items() if one.unless_given} == {
        "clay": "the nearest",
        "glaze": "matt",
        "turns": "3",
        "budget": "5m",
    }
    assert known["glaze"].metavar == "matt|shiny" and known["marks"].flag == "--mark"
    assert known["run"].is_required and not known["clay"].is_required


def test_the_schema_says_types_bounds_and_choices() -> None:
    schema = Pot.json_schema()
    assert schema["required"] == ["run"] and schema["additionalProperties"] is False
    parts = schema["properties"]
    assert parts["turns"] == {
        "description": "how often",
        "type": "integer",
        "minimum": 1,
        "exclusiveMaximum": 100,
        "default": 3,
    }
    assert parts["glaze"]["enum"] == ["matt", "shiny"]
    assert parts["heat"]["anyOf"][0] == {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    json.dumps(schema)


@verb(Pot)
def turned(request: Pot, *, offline: bool = False) -> tuple[Pot, bool]:
    """Turn it.

    Args:
        offline: open no connection.
    """
    return request, offline


def test_a_verb_takes_its_settings_by_name() -> None:
    expected = Pot(run="r", turns=5)
    assert turned("r", turns=5) == turned(expected) == turned(run="r", turns=5) == (expected, False)
    assert turned(expected, offline=True) == turned("r", turns=5, offline=True) == (expected, True)
    with pytest.raises(UsageError, match="unknown setting turn: did you mean turns"):
        turned("r", turn=5)
    with pytest.raises(UsageError, match="without a name"):
        turned("r", 5)
    with pytest.raises(UsageError, match="without a name"):
        turned("r", run="s")


def test_a_verb_shows_its_settings() -> None:
    signature = inspect.signature(turned)
    assert list(signature.parameters)[:2] == ["run", "clay"]
    assert signature.parameters["run"].default is inspect.Parameter.empty
    assert signature.parameters["turns"].default == 3
    assert "offline" in signature.parameters
    assert "    turns: how often.\n" in turned.__doc__
    assert "    glaze: the surface (matt, shiny).\n" in turned.__doc__
    assert "    offline: open no connection." in turned.__doc__

    def method(self: object, **settings: Any) -> None:
        """Turn this one."""

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    describe(method, Pot, without=("run",), before=(me,))
    assert list(inspect.signature(method).parameters)[:2] == ["self", "clay"]
    assert "run:" not in (method.__doc__ or "") and "turns: how often." in (method.__doc__ or "")


def test_requests_load_nothing_slow() -> None:
    code = (
        "import sys, olaria.workflows.evaluate\n"
        "print([n for n in ('torch', 'numpy', 'pydantic', 'typer', 'rich') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
