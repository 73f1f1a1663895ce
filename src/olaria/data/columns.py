"""Which column of a table, or field of records, is read; and the texts in it.

A record with nothing there is left out. All such are counted, and the first is named by its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from olaria.data.decoding import normalise
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting

LOOKED_AT = 200
"""Records from which the columns are known, and whether one holds numbers."""
NUM_NAMED = 8
LONGEST_NAME = 40


def folded(name: str) -> str:
    r"""A column's name in the form in which names compare, on one line.

    >>> folded(" Fala\r\n(texto)")
    'Fala (texto)'
    """
    whole = name.encode("utf-8", "replace").decode(
        "utf-8"
    )  # half of a surrogate pair cannot be shown
    return " ".join(normalise(whole).split())


def listed(names: Sequence[str]) -> Message | str:
    """Names of columns for a sentence: :data:`NUM_NAMED` of them and a count, long ones cut."""
    whole = map(folded, names)
    short = [
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in whole
    ]
    first = ", ".join(short[:NUM_NAMED])
    if len(short) <= NUM_NAMED:
        return first
    return Message(N_("{names} and {more} more"), {"names": first, "more": len(short) - NUM_NAMED})


def choice_needed(name: str, names: Sequence[str], num_numbers: int = 0) -> UsageError:
    """The error where several columns could be read; of those that hold numbers only how many there are."""
    what = N_("{name} has the columns {columns}; choose one with {column}")
    if num_numbers:
        what = N_("{name} has text in {columns} and numbers elsewhere; choose one with {column}")
    return UsageError(
        what, column=Setting("column"), name=name, columns=listed(names), count=num_numbers
    )


def no_such_column(name: str, names: Sequence[str], column: str) -> UsageError:
    """The error where the column is not there."""
    return UsageError(
        N_("{name} has no column {column}; it has {columns}"),
        name=name,
        column=listed([column]),
        columns=listed(names),
    )


@dataclass
class Texts:
    """The texts of one column.

    Args:
        name: of the file.
        column: that is read.
        by_row: whether records are named by their rows and not by lines.
    """

    name: str
    column: str | Message
    by_row: bool = False
    found: list[str] = field(default_factory=list)
    num_empty: int = 0
    first_empty: int = 0
    """Line of the file on which the first record without a text begins."""

    def add(self, line: int, text: str | None) -> None:
        """The text of the record that begins on ``line``; None or blanks where it has none.

        Raises:
            DataError: it holds half of a surrogate pair, as an emoji leaves that was cut in two.
        """
        if text is None or not text.strip():
            self.num_empty += 1
            self.first_empty = self.first_empty or line
            return
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise DataError(
                N_("{column} has half of a surrogate pair on line {line} of {name}; mend it"),
                column=self._shown,
                line=line,
                name=self.name,
            ) from None
        self.found.append(text)

    def all(self, notes: list[Message]) -> list[str]:
        """Those of every record that has one; the others are noted.

        Raises:
            DataError: no record has one.
        """
        fields = {"count": self.num_empty, "name": self.name, "column": self._shown}
        if self.num_empty and not self.found:
            raise DataError(
                N_("{name} has {count} {count:record|records}, none with a text in {column}"),
                **fields,
            )
        if self.num_empty:
            message = N_(
                "{count} {count:record|records} of {name} without a text in {column} "
                "{count:was|were} left out; the first is on line {line}"
            )
            if self.by_row:
                message = N_(
                    "{count} {count:record|records} of {name} without a text in {column} "
                    "{count:was|were} left out; the first is in row {line}"
                )
            notes.append(Message(message, {**fields, "line": self.first_empty}))
        return self.found

    @property
    def _shown(self) -> Message | str:
        return self.column if isinstance(self.column, Message) else listed([self.column])
