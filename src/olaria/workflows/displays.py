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

    >>> table(["a", "b"], [["<i>", 1]], right=[1])  # doctest: +NORMALIZE_WHITESPACE
    '<table><thead><tr><th style="text-align:left">a</th><th style="text-align:right">b</th></tr></thead><tbody><tr><td
    style="text-align:left">&lt;i&gt;</td><td style="text-align:right">1</td></tr></tbody></table>'
    """
    body = "".join(f"<tr>{_cells('td', row, right)}</tr>" for row in rows)
    top = f"<thead><tr>{_cells('th', headings, right)}</tr></thead>" if headings else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _cells(tag: str, row: Sequence[object], right: Sequence[int]) -> str:
    # A notebook's own style would set all of them at the right.
    return "".join(
        f'<{tag} style="text-align:{"right" if place in right else "left"}">'
        f"{escape(legible(str(cell)))}</{tag}>"
        for place, cell in enumerate(row)
    )


def line(text: str) -> str:
    """A line under a table or alone."""
    return f"<div>{escape(legible(text))}</div>"
