"""How far training and downloads are: a live line on a terminal, a plain line now and then in a pipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from olaria.cli.shell import NO_PROGRESS, Shell, is_terminal, one_line
from olaria.data.base import DownloadProgress
from olaria.i18n import N_, translate
from olaria.training import events
from olaria.vocabulary import DEVICE
from olaria.workflows.words import LABELS

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S = 5.0
DRAW_EVERY_S = 0.1
BETWEEN = " · "
WIDE = 120
"""Columns of a terminal from which the bar is long."""
WIDE_BAR, NARROW_BAR = 24, 10


class Display:
    """Tells only what a person must know; a listener of training events.

    Args:
        shell: how to speak.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        if isinstance(event, events.Warned) and event.is_note:
            self.shell.notice(self.shell.words(event.message))
        elif isinstance(event, events.Warned):
            self.shell.warning(event.message)
        elif isinstance(event, events.Changed):
            changed = N_("step {step}: {path} is now {value}")
            fields = {"step": event.step, "path": event.path, "value": event.value}
            self.shell.notice(self.shell.text(changed, **fields))
        elif isinstance(event, events.Restarted):
            again = N_("step {step}: the weights begin anew, with what was changed")
            self.shell.notice(self.shell.text(again, step=event.step))
        elif isinstance(event, events.Began):
            self.began(event)
        elif isinstance(event, events.Stepped):
            self.stepped(event)
        elif isinstance(event, events.Evaluated):
            self.evaluated(event)
        elif isinstance(event, events.Finished):
            self.finished(event)

    def began(self, event: events.Began) -> None:
        """The first step comes."""

    def stepped(self, event: events.Stepped) -> None:
        """A step is done."""

    def evaluated(self, event: events.Evaluated) -> None:
        """The validation split was measured."""

    def finished(self, event: events.Finished) -> None:
        """Training has ended."""

    def downloaded(self, download: DownloadProgress) -> None:
        """Bytes have come."""

    def close(self) -> None:
        """Nothing more comes."""

    # -- words -----------------------------------------------------------------------------------

    def losses(self, values: dict[str, float]) -> list[str]:
        """Losses with their names; the total first, a part that equals it left out."""
        total = values.get("loss")
        shown = {k: v for k, v in values.items() if k in LABELS and (k == "loss" or v != total)}
        language = self.shell.language
        return [
            f"{translate(LABELS[name], language)} {self.shell.metric(name, value)}"
            for name, value in shown.items()
        ]

    def values(self, values: dict[str, float]) -> str:
        """All losses in one line."""
        return BETWEEN.join(self.losses(values))

    def rate(self, event: events.Stepped) -> str:
        """Images, points, pairs or tokens per second."""
        is_text = "loss_nats_per_token" in event.values
        message = N_("{rate} tokens/s") if is_text else N_("{rate} examples/s")
        return self.shell.text(message, rate=self.shell.number(event.rate))

    def evaluation(self, event: events.Evaluated) -> str:
        """One line about a validation."""
        return self.shell.text(
            N_("step {step}: validation {values}"),
            step=self.shell.number(event.step),
            values=self.values(event.values),
        )

    def opening(self, event: events.Began) -> str:
        """One line about what begins."""
        message = (
            N_("training {count} parameters in {precision}, compiled")
            if event.compiled
            else N_("training {count} parameters in {precision}")
        )
        begun = self.shell.text(
            message, count=self.shell.number(event.num_parameters), precision=event.precision
        )
        # Of a CPU nothing is said: it is where everybody trains.
        place = [] if event.device == DEVICE else [event.device]
        return " · ".join([begun, *place, *self.predicted(event.forecast)])

    def predicted(self, forecast: events.Forecast) -> list[str]:
        """What the run will take, as far as it is known."""
        text, about = self.shell.text, []
        if forecast.memory_bytes is not None:
            size = self.shell.size(forecast.memory_bytes)
            about.append(text(N_("about {size} of memory"), size=size))
        if forecast.train_s is not None:
            duration = self.shell.duration(forecast.train_s)
            about.append(text(N_("about {duration}"), duration=duration))
        if forecast.steps is not None:
            steps = self.shell.number(float(f"{forecast.steps:.2g}"))
            about.append(text(N_("about {steps} {steps:step|steps}"), steps=steps))
        if forecast.epochs is not None:
            digits = 2 if forecast.epochs < 1 else 1 if forecast.epochs < 10 else 0
            epochs = self.shell.number(forecast.epochs, digits)
            about.append(text(N_("{epochs} {epochs:time|times} over the data"), epochs=epochs))
        return about

    def transfer(self, download: DownloadProgress) -> str:
        """Bytes, of how many, how fast."""
        size = self.shell.size
        done = size(download.bytes)
        if download.total is not None:
            done = self.shell.text(N_("{done} of {total}"), done=done, total=size(download.total))
        return f"{one_line(download.file)}  {done}  {size(download.rate)}/s"


class LineDisplay(Display):
    """For a pipe or a file: a line every :data:`LINE_EVERY_S` seconds, and one at each validation."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._last_s = time.monotonic()
        self._file = ""

    def began(self, event: events.Began) -> None:
        """Say what begins."""
        self._last_s = time.monotonic()
        self.shell.notice(self.opening(event))

    def stepped(self, event: events.Stepped) -> None:
        """Say how far it is, when it is time."""
        if not self._is_time():
            return
        line = self.shell.text(
            N_("step {step} · {percent}% · {values} · {rate} · {left} left"),
            step=self.shell.number(event.step),
            percent=self.shell.number(100 * event.fraction),
            values=self.values(event.values),
            rate=self.rate(event),
            left=self.shell.duration(event.eta_s),
        )
        self.shell.notice(line)

    def evaluated(self, event: events.Evaluated) -> None:
        """Say what was measured."""
        if event.values:
            self.shell.notice(self.evaluation(event))

    def downloaded(self, download: DownloadProgress) -> None:
        """Say it at the beginning of a file, at its end, and in between when it is time."""
        is_whole = download.bytes == download.total
        if self._file != download.file or is_whole or self._is_time():
            self._file = download.file
            self.shell.notice(self.transfer(download))

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._last_s < LINE_EVERY_S:
            return False
        self._last_s = now
        return True


class LiveDisplay(Display):
    """For a terminal: one line that is redrawn, other lines above it."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._progress: Progress | None = None
        self._drawn_s = 0.0
        self._file = ""
        self._validation = ""

    def began(self, event: events.Began) -> None:
        """Begin a line."""
        self.close()
        self._validation = ""
        self.shell.notice(self.opening(event))

    def stepped(self, event: events.Stepped) -> None:
        """Redraw the line, ten times a second at most."""
        if not self._is_time():
            return
        head = self.shell.text(N_("step {step}"), step=self.shell.number(event.step))
        left = self.shell.text(N_("{left} left"), left=self.shell.duration(event.eta_s))
        # How far it is and for how long stays; of the numbers the first loss is the last to go.
        first, *parts = [
            (rank, words) for rank, words in enumerate(self.losses(event.values), 4)
        ] or [(4, "")]
        tail = [(1, first[1]), *parts, (3, self._validation), (2, self.rate(event)), (0, left)]
        self._draw(head, event.fraction, tail)

    def evaluated(self, event: events.Evaluated) -> None:
        """Keep the validation loss in view; of a game, what its images cover."""
        if "loss" in event.values:
            loss = self.shell.measure(event.values["loss"])
            self._validation = self.shell.text(N_("validation {loss}"), loss=loss)
        elif event.values:
            self._validation = self.values(event.values)

    def finished(self, event: events.Finished) -> None:
        """Fill the line's bar and leave it."""
        if self._progress is not None:
            step = self.shell.text(N_("step {step}"), step=self.shell.number(event.step))
            self._progress.update(self._progress.task_ids[0], completed=1.0, head=step)
        self.close()

    def downloaded(self, download: DownloadProgress) -> None:
        """Redraw the line; each file has its own."""
        is_whole = download.bytes == download.total
        if self._file != download.file:
            self.close()
            self._file = download.file
        elif not is_whole and not self._is_time():
            return
        fraction = download.bytes / download.total if download.total else 0.0
        self._draw("", fraction, [(0, self.transfer(download))])
        if is_whole:
            self.close()

    def close(self) -> None:
        """Leave the line as it is."""
        if self._progress is not None:
            self._progress.refresh()
            self._progress.stop()
            self._progress, self.shell.live = None, None
            self._file = ""

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._drawn_s < DRAW_EVERY_S:
            return False
        self._drawn_s = now
        return True

    def _draw(self, head: str, fraction: float, tail: Sequence[tuple[int, str]]) -> None:
        """The line: ``head``, a bar, per cent, and of ``tail`` (rank, words) what the terminal has room for."""
        if self._progress is None:
            self._progress = _progress()
            self._progress.add_task("", total=1.0, head=head, tail="")
            self._progress.start()
            self.shell.live = self._progress.console
        task = self._progress.task_ids[0]
        columns = self._progress.console.width
        room = columns - len(f"{head} {' ' * _bar_width(columns)} 100% ")
        shown = fitting(tail, room)
        self._progress.update(task, completed=fraction, head=head, tail=shown, refresh=True)


def fitting(pieces: Sequence[tuple[int, str]], room: int) -> str:
    """The pieces (rank, words) in their order, those of the highest ranks left out until ``room`` columns are enough.

    >>> fitting([(1, "loss 2.31"), (2, "KL 0.20"), (0, "0:05 left")], 24)
    'loss 2.31 · 0:05 left'
    """
    kept = [piece for piece in pieces if piece[1]]
    while len(kept) > 1 and len(BETWEEN.join(words for _, words in kept)) > room:
        kept.remove(max(kept, key=itemgetter(0)))
    return BETWEEN.join(words for _, words in kept)


def _bar_width(columns: int) -> int:
    return WIDE_BAR if columns >= WIDE else NARROW_BAR


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    def words(name: str) -> Any:
        return TextColumn("{task.fields[" + name + "]}", markup=False)

    console = Console(stderr=True, highlight=False)
    return Progress(
        words("head"),
        BarColumn(_bar_width(console.width)),
        TaskProgressColumn(),
        words("tail"),
        console=console,
        auto_refresh=False,
    )


def display(shell: Shell) -> Display:
    """The display that suits where the standard error goes; a silent one with ``OLARIA_NO_PROGRESS``."""
    if os.environ.get(NO_PROGRESS, "0") not in ("", "0"):
        return Display(shell)
    return LiveDisplay(shell) if is_terminal(sys.stderr) else LineDisplay(shell)
