"""Where words go: results to the standard output, everything else to the standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from olaria.characters import encodable_json, legible
from olaria.i18n import N_, Message, Setting, translate
from olaria.numbers import format_number

if TYPE_CHECKING:
    from rich.console import Console

    from olaria.training.team import Team
    from olaria.workflows.requests import Request

THREADS = "OLARIA_NUM_THREADS"
NO_PROGRESS = "OLARIA_NO_PROGRESS"


def one_line(text: str) -> str:
    r"""``text`` with what could move a terminal's cursor or change its colours made visible.

    >>> one_line("a\x1b[31mb\nc")
    'a\\x1b[31mb\\x0ac'
    """
    return legible(text)


def body(text: str) -> str:
    """As :func:`one_line`, but lines and tabs stay: for a text of many lines."""
    return legible(text, "\n\t")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person is looking, at a terminal that can redraw a line."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@dataclass
class Shell:
    """How a command speaks.

    Args:
        language: ``en`` or ``pt``.
        offline: open no connection.
        debug: show tracebacks.
        chose_language: whether ``--lang`` was said, so that no file says otherwise.
        live: the console of a live display, while there is one.
        words_given: the command's words, for processes that are to do the same.
        team: of the processes that train together, where there are several.
        request: of the command that runs, for its words for settings.
        as_json: whether a program reads the result.
        name_setting: how a setting is written in a message.
        threads: that the command is to compute with; as the environment says where None.
    """

    language: str = "en"
    offline: bool = False
    debug: bool = False
    chose_language: bool = False
    live: Console | None = field(default=None, repr=False)
    words_given: Sequence[str] = field(default=(), repr=False)
    team: Team | None = field(default=None, repr=False)
    request: type[Request] | None = field(default=None, repr=False)
    as_json: bool = False
    name_setting: Callable[[Setting], str] = field(default=str, repr=False)
    threads: int | None = None

    # -- words -----------------------------------------------------------------------------------

    def text(self, message_id: str, **fields: Any) -> str:
        """A source string in the user's language, fit for a terminal."""
        return self.words(Message(message_id, fields))

    def words(self, message: Message | Mapping[str, Any]) -> str:
        """A message, or a stored one, in the user's language, fit for a terminal."""
        message = message if isinstance(message, Message) else Message.from_json(message)
        return one_line(message.text(self.language, self.name_setting))

    def number(self, value: float, digits: int = 0) -> str:
        """A number as the language writes it."""
        return format_number(value, self.language, digits)

    def tiny(self, value: float) -> str:
        """A number that is near 0 in powers of ten, as the language writes it.

        >>> Shell().tiny(2.2e-16), Shell("pt").tiny(2.2e-16)
        ('2.2e-16', '2,2e-16')
        """
        text = f"{value:.1e}"
        return text.replace(".", ",") if self.language == "pt" else text

    def measure(self, value: Any) -> str:
        """A measured value with four significant digits or more; a dash where there is none."""
        if value is None or value == "":
            return "–"
        if isinstance(value, bool):
            return (
                translate(N_("yes"), self.language) if value else translate(N_("no"), self.language)
            )
        if isinstance(value, int):
            return self.number(value)
        if isinstance(value, float):
            size = abs(value)
            digits = (
                1 if size >= 1000 else 2 if size >= 100 else 4 if size >= 0.01 or not size else 6
            )
            return self.number(value, digits)
        if isinstance(value, list | tuple):
            return " ".join(self.measure(item) for item in value)
        return one_line(str(value))

    def metric(self, key: str, value: Any) -> str:
        """A metric's value; a count as the whole number that it is.

        >>> Shell().metric("classes_covered", 9.0), Shell().metric("coverage", 0.5)
        ('9', '0.5000')
        """
        from olaria.evaluation import METRICS

        counts = key in METRICS and METRICS[key].digits == 0
        is_whole = isinstance(value, float) and value.is_integer()
        return self.measure(round(value) if counts and is_whole else value)

    def exact(self, value: Any) -> str:
        """A value as it is stored: whole numbers (seeds, steps) without separators."""
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if is_whole else self.measure(value)

    def size(self, count: float) -> str:
        """A number of bytes in the unit that suits it.

        >>> Shell().size(11_490_434)
        '11.5 MB'
        """
        for unit in ("B", "kB", "MB"):
            if count < 1000:
                return f"{self.number(count, 0 if unit == 'B' else 1)} {unit}"
            count /= 1000
        return f"{self.number(count, 1)} GB"

    def duration(self, seconds: float | None) -> str:
        """Minutes and seconds; hours where there are some.

        >>> Shell().duration(65), Shell().duration(3700)
        ('1:05', '1:01:40')
        """
        if seconds is None:
            return "–"
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

    # -- to the standard error -------------------------------------------------------------------

    def notice(self, text: str) -> None:
        """A line for the person; a live display keeps its place below it."""
        if self.live is None:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        else:
            self.live.print(text, markup=False, highlight=False, soft_wrap=True)

    def warning(self, message: Message) -> None:
        """A line that begins with ``olaria: warning:``."""
        self.notice(self.text(N_("olaria: warning: {text}"), text=message))

    # -- to the standard output ------------------------------------------------------------------

    def line(self, text: str = "") -> None:
        """A line of a result."""
        sys.stdout.write(text + "\n")

    def path(self, path: Path) -> None:
        """The line that says where a result was written."""
        self.line(one_line(str(path)))

    def piece(self, text: str) -> None:
        """A piece of a text that grows; a terminal gets no control characters."""
        sys.stdout.write(body(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def json(self, document: Any) -> None:
        """The one document of ``--json``."""
        is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        text = encodable_json(document, indent=2, allow_nan=False)
        self.line(text if is_utf8 else json.dumps(json.loads(text), indent=2))

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Name and value, one pair a line, aligned."""
        width = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            self.line(f"{name:<{width}}  {value}".rstrip())

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
        """A table: drawn on a terminal, aligned text in a pipe.

        Args:
            columns: headings.
            rows: cells, already fit for a terminal.
            right: one character a column, ``>`` for numbers; left where it is missing.
        """
        sides = right.ljust(len(columns), "<")
        if is_terminal(sys.stdout):
            self._drawn(columns, rows, sides)
            return
        cells = [list(columns), *map(list, rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        for row in cells:
            padded = (
                f"{cell:{side}{width}}"
                for cell, side, width in zip(row, sides, widths, strict=True)
            )
            self.line("  ".join(padded).rstrip())

    def _drawn(self, columns: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name, side in zip(columns, sides, strict=True):
            table.add_column(
                Text(name), justify="right" if side == ">" else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*map(Text, row))
        Console(highlight=False).print(table)

    # -- what the environment asks ---------------------------------------------------------------

    def use_threads(self) -> None:
        """Set PyTorch's threads as the command says, else as ``OLARIA_NUM_THREADS`` does.

        Raises:
            UsageError: it is not a whole number of threads.
        """
        if self.threads is not None or os.environ.get(THREADS, "").strip():
            from olaria.training import machine, threads

            machine.set_num_threads(self.threads or threads.number_said())
