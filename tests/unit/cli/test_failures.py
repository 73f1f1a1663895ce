"""Whatever goes wrong is one line and a code."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from olaria.cli.failures import Terminated, exit_code
from olaria.cli.shell import Shell
from olaria.errors import DataError, UsageError
from olaria.training.interruption import Interrupted


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("no images in {path}", path="a\nb"), 1, "no images in a\\x0ab"),
        (UsageError("too much"), 2, "too much"),
        (MemoryError(), 1, "out of memory; try --size tiny"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 1, "out of memory"),
        (KeyError("x"), 1, "this is a bug in Olaria: KeyError: 'x'; --debug shows the details"),
        (ValueError(), 1, "this is a bug in Olaria: ValueError: ;"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(error, Shell("en")) == code
    said = capsys.readouterr()
    assert said.err.startswith(f"olaria: error: {line}") and said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize(
    ("stopped", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
        (Interrupted("stopped by Ctrl-C", Path("run"), 130), 130),
    ],
    ids=["ctrl-c", "sigterm", "training"],
)
def test_who_stops_a_command_made_no_error(
    stopped: BaseException, code: int, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(stopped, Shell(language)) == code
    said = capsys.readouterr().err
    assert said.startswith("olaria: ") and said.count("\n") == 1
    assert "error" not in said and "erro" not in said


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.ENOSPC, "no space left to write (file: f); free some"),
        (errno.EACCES, "no permission for f; choose another place"),
        (errno.EIO, "the system refused: why (file: f)"),
    ],
)
def test_the_systems_refusals(
    number: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("olaria.cli.failures._close_output", lambda: None)
    assert exit_code(OSError(number, "why", "f"), Shell("en")) == 1
    assert capsys.readouterr().err == f"olaria: error: {line}\n"
