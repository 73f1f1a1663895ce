"""What training and downloads show: in a pipe, on a terminal, and when nothing is wanted."""

from __future__ import annotations

import io
import re
import sys

import pytest

from olaria.cli import progress
from olaria.cli.progress import Display, LineDisplay, LiveDisplay, display
from olaria.cli.shell import Shell
from olaria.data.base import DownloadProgress
from olaria.i18n import Message
from olaria.training import events

BEGAN = events.Began(
    step=0, elapsed_s=0.0, precision="bfloat16", compiled=False, num_parameters=12345
)
STEPPED = events.Stepped(
    step=1200,
    elapsed_s=3.0,
    fraction=0.25,
    learning_rate=0.001,
    values={"loss": 98.5, "reconstruction_nats": 80.0, "kl_nats": 18.5},
    rate=12345.6,
    eta_s=65.0,
)
EVALUATED = events.Evaluated(step=1200, elapsed_s=3.0, values={"loss": 97.0, "mse": 97.0})
WARNED = events.Warned(step=1, elapsed_s=1.0, message=Message("look {out}", {"out": "\x1b[1m"}))
FINISHED = events.Finished(
    step=4800, elapsed_s=9.0, reason=Message("end"), train_s=8.0, rate=1.0, final={"loss": 90.0}
)


class Terminal(io.StringIO):
    """A standard error that says a person is looking."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the displays; its one item is the time."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    return clock


def test_a_pipe_gets_a_line_now_and_then(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = LineDisplay(Shell("en"))
    for event in (BEGAN, STEPPED, EVALUATED):
        shown(event)
    now[0] = progress.LINE_EVERY_S
    shown(STEPPED)
    shown(STEPPED)
    assert capsys.readouterr().err.splitlines() == [
        "training 12,345 parameters in bfloat16",
        "step 1,200: validation loss 97.0000",  # a part equal to the total says nothing new
        "step 1,200 · 25% · loss 98.5000 · reconstruction 80.0000 · KL 18.5000 · 12,346 examples/s · 1:05 left",
    ]


def test_a_language_model_reads_tokens() -> None:
    values = {"loss": 1.5, "loss_nats_per_token": 1.5}
    shown = Display(Shell("pt"))
    assert shown.rate(STEPPED.model_copy(update={"values": values})) == "12.346 tokens/s"
    assert shown.values(values) == "perda 1,5000"


def test_downloads_in_a_pipe_say_begin_and_end(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = LineDisplay(Shell("en"))
    for done in (1_000, 2_000_000, 3_000_000):
        shown.downloaded(DownloadProgress("a.gz", done, 3_000_000, 1.5e6))
    shown.downloaded(DownloadProgress("b", 5, None, 5.0))
    assert capsys.readouterr().err.splitlines() == [
        "a.gz  1.0 kB of 3.0 MB  1.5 MB/s",
        "a.gz  3.0 MB of 3.0 MB  1.5 MB/s",
        "b  5 B  5 B/s",
    ]


def test_a_terminal_gets_one_line_redrawn(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv(progress.NO_PROGRESS, raising=False)
    shell = Shell("en")
    with display(shell) as shown:
        assert isinstance(shown, LiveDisplay)
        shown(BEGAN)
        for second in range(1, 4):
            now[0] = float(second)
            shown(STEPPED)
        shown(WARNED)
        shown(EVALUATED)
        now[0] = 5.0
        shown(STEPPED)
        shown(FINISHED)
    text = screen.getvalue()
    assert shell.live is None
    assert "validation 97.0000" in text and "1:05 left" in text
    assert "step 4,800" in text and "100%" in text
    assert "olaria: warning: look \\x1b[1m" in text
    assert "\x1b[3" not in text  # no colour was wanted


def test_silence_still_warns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(progress.NO_PROGRESS, "1")
    with display(Shell("en")) as shown:
        for event in (BEGAN, STEPPED, EVALUATED, WARNED, FINISHED):
            shown(event)
    assert capsys.readouterr().err == "olaria: warning: look \\x1b[1m\n"


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("columns", [60, 80, 100, 120, 160])
def test_a_narrow_terminal_loses_numbers_and_not_the_place(
    now: list[float], monkeypatch: pytest.MonkeyPatch, columns: int, language: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = LiveDisplay(Shell(language))
    shown.began(BEGAN)
    shown.evaluated(EVALUATED)
    now[0] = 1.0
    shown.stepped(STEPPED)
    shown.close()
    line = [row for row in terminal.getvalue().splitlines() if "25%" in row][-1]

    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip("\r")
    assert len(bare.rstrip()) <= columns
    assert "1,200" in bare or "1.200" in bare
    assert "1:05" in bare
    assert ("97" in bare) == (columns >= 100)
    assert ("KL" in bare) == (columns >= 160)
