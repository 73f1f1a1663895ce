"""A training in a notebook: one line that is renewed, a sample at its end. In a script: a line now and then."""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from olaria.characters import legible
from olaria.i18n import N_, Message, detect_language, translate
from olaria.numbers import Number
from olaria.training import events
from olaria.workflows.words import LABELS, losses

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.data.base import DownloadProgress

NOTEBOOK_EVERY_S = 0.25
SCRIPT_EVERY_S = 5.0


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this; IPython is not imported to know it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class Line(Protocol):
    """A place for a line that changes."""

    every_s: float

    def show(self, text: str) -> None:
        """Put a text into it, in place of the one before where that can be."""

    def keep(self) -> None:
        """Leave what it shows: the next text gets a line of its own."""

    def end(self, sample: Tensor | str) -> None:
        """Leave a sample under it, where there is a place for pictures."""


class NotebookLine:
    """An output of a cell."""

    every_s = NOTEBOOK_EVERY_S

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """See :class:`Line`."""
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(content)
        else:
            self._handle.update(content, raw=True)

    def keep(self) -> None:
        """See :class:`Line`."""
        self._handle = None

    def end(self, sample: Tensor | str) -> None:
        """See :class:`Line`."""
        self.keep()
        if isinstance(sample, str):
            self._display({"text/plain": legible(sample, "\n\t")})
            return
        from olaria.storage.images import make_sheet, to_png

        picture = b64encode(to_png(make_sheet(sample))).decode()
        self._display({"image/png": picture, "text/plain": f"<images {tuple(sample.shape)}>"})

    @staticmethod
    def _display(content: dict[str, str]) -> Any:
        display = import_module("IPython.display").display
        return display(content, raw=True, display_id=True)


class ScriptLine:
    """The standard error."""

    every_s = SCRIPT_EVERY_S

    def show(self, text: str) -> None:
        """See :class:`Line`."""
        sys.stderr.write(text + "\n")

    def keep(self) -> None:
        """See :class:`Line`."""

    def end(self, sample: Tensor | str) -> None:
        """See :class:`Line`."""


class ProgressReporter:
    """Shows how far downloads and training are.

    Args:
        line: where.
        clock: seconds, for how often.
    """

    def __init__(self, line: Line, clock: Callable[[], float] = time.monotonic) -> None:
        self._line, self._clock = line, clock
        self._last_s = clock()
        self._language = detect_language()
        self._file = ""
        self._sample: Tensor | str | None = None
        self._has_finished = False

    def __call__(self, event: events.Event) -> None:
        """A listener of training events."""
        if isinstance(event, events.Stepped) and self._is_time():
            self._line.show(self._progress(event))
        elif isinstance(event, events.Warned):
            self.message(event.message)
        elif isinstance(event, events.Sampled):
            self._sample = event.artifact
        elif isinstance(event, events.Finished):
            reached = N_("step {step} · {values} · {duration}")
            values = self._values(event.final)
            fields = {"step": Number(event.step, 0), "values": values}
            self._show(reached, **fields, duration=duration(event.elapsed_s))
            self._has_finished = True

    def close(self) -> None:
        """Nothing more will be told: leave what was drawn last under all that was said of a training that ended."""
        if self._has_finished and self._sample is not None:
            self._line.end(self._sample)

    def downloaded(self, download: DownloadProgress) -> None:
        """Bytes have come; each file has a line."""
        is_whole = download.bytes == download.total
        if download.file != self._file:
            self._line.keep()
            self._file = download.file
        elif not is_whole and not self._is_time():
            return
        done = Number(download.bytes / 1e6, 1)
        if download.total is None:
            self._show(N_("{file}  {done} MB"), file=download.file, done=done)
        else:
            total = Number(download.total / 1e6, 1)
            self._show(
                N_("{file}  {done} of {total} MB"), file=download.file, done=done, total=total
            )
        if is_whole:
            self._line.keep()
            self._file = ""

    def message(self, message: Message) -> None:
        """What a person should know, on a line that stays."""
        self._line.keep()
        self._line.show(message.text(self._language))
        self._line.keep()

    def _show(self, message_id: str, **fields: Any) -> None:
        self._line.show(Message(message_id, fields).text(self._language))

    def _progress(self, event: events.Stepped) -> str:
        fields = {
            "step": Number(event.step, 0),
            "percent": Number(100 * event.fraction, 0),
            "values": self._values(event.values),
            "left": duration(event.eta_s),
        }
        message = Message(N_("step {step} · {percent}% · {values} · {left} left"), fields)
        return message.text(self._language)

    def _values(self, values: dict[str, float]) -> str:
        """The losses; of a language model its one, which has its own name."""
        shown = [name for name in values if name in LABELS]
        return " · ".join(
            f"{translate(LABELS[name], self._language)} {Number(values[name]).text(self._language)}"
            for name in losses(shown) or shown
        )

    def _is_time(self) -> bool:
        now = self._clock()
        if now - self._last_s < self._line.every_s:
            return False
        self._last_s = now
        return True


def duration(seconds: float) -> str:
    """Minutes and seconds; hours where there are some.

    >>> duration(65), duration(3700)
    ('1:05', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
