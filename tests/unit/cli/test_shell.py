"""How the command line speaks: numbers, sizes, tables, escapes, and where each kind of word goes."""

from __future__ import annotations

import json

import pytest

from olaria.cli.shell import Shell, body, one_line
from olaria.errors import UsageError
from olaria.i18n import Message


def test_nothing_of_a_terminals_language_gets_through() -> None:
    hostile = "a\x1b]0;title\x07\x9b31m\u202e\u2066b\r\n"
    assert one_line(hostile) == "a\\x1b]0;title\\x07\\x9b31m\\u202e\\u2066b\\x0d\\x0a"
    assert body("a\tb\n\x1b[2J") == "a\tb\n\\x1b[2J"
    assert one_line("ação Ω 😀") == "ação Ω 😀"


def test_a_message_is_fit_for_a_terminal_whatever_its_fields() -> None:
    text = Shell("en").words(Message("no run named {name}", {"name": "\x1b[31m[red]"}))
    assert text == "no run named \\x1b[31m[red]"


@pytest.mark.parametrize(
    ("value", "english", "portuguese"),
    [
        (None, "–", "–"),
        (1234567, "1,234,567", "1.234.567"),
        (0.123456, "0.1235", "0,1235"),
        (-98.7654, "−98.7654", "−98,7654"),
        (123.456, "123.46", "123,46"),
        (0.00012, "0.000120", "0,000120"),
        (0.0, "0.0000", "0,0000"),
        ([1, 2.5], "1 2.5000", "1 2,5000"),
        (True, "yes", "sim"),
    ],
)
def test_measures(value: object, english: str, portuguese: str) -> None:
    assert (Shell("en").measure(value), Shell("pt").measure(value)) == (english, portuguese)


def test_stored_whole_numbers_keep_their_digits() -> None:
    assert Shell("pt").exact(1234567) == "1234567"


def test_sizes_and_durations() -> None:
    shell = Shell("pt")
    assert [shell.size(n) for n in (12, 1500, 2_500_000, 7.2e9)] == [
        "12 B",
        "1,5 kB",
        "2,5 MB",
        "7,2 GB",
    ]
    assert [shell.duration(s) for s in (0.4, 59.6, 3600, None)] == ["0:00", "1:00", "1:00:00", "–"]


def test_results_and_notices_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell("en")
    shell.notice("for the person")
    shell.warning(Message("careful"))
    shell.table(["name", "steps"], [["a", "5"], ["long", "1,000"]], "<>")
    shown = capsys.readouterr()
    assert shown.out == "name  steps\na         5\nlong  1,000\n"
    assert shown.err == "for the person\nolaria: warning: careful\n"
    shell.json({"name": "ação"})
    assert json.loads(capsys.readouterr().out) == {"name": "ação"}


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", "²"])
def test_impossible_threads(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLARIA_NUM_THREADS", threads)
    with pytest.raises(UsageError, match="not a number of threads"):
        Shell().use_threads()
