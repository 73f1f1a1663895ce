"""How results show themselves in a notebook: small HTML without styles of ours and without script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from olaria.characters import legible
from olaria.i18n import Message, detect_language


def words(message_id: str, **fields: Any) -> str:
    """A source string in the user's language."""
    return Message(message_id, fields).text(detect_language())


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()
) -> str:
    """A table whose cells are text, whatever is in them.

    Args:
        headings: of the columns; none where empty.
        rows: cells.
        right: columns of numbers.

    >>> table(["a"], [["<b>"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(f"<tr>{_cells(row, right)}</tr>" for row in rows)
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _cells(row: Sequence[object], right: Sequence[int]) -> str:
    return "".join(
        f'<td style="text-align:right">{escape(legible(str(cell)))}</td>'
        if place in right
        else f"<td>{escape(legible(str(cell)))}</td>"
        for place, cell in enumerate(row)
    )


def line(text: str) -> str:
    """A line under a table or alone."""
    return f"<div>{escape(legible(text))}</div>"
