"""The models that a page computes with: which of them it can hold, and how exactly they travel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from olaria.errors import ConfigError
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from olaria.export.played import Precision
    from olaria.runs import Run

MOST_IN_FLOAT32 = 900_000
"""Numbers of all models together that travel in full; of larger ones they are rounded to 16 bits, so that a page stays
below 6 MB."""
MOST_IN_FLOAT16 = 2_000_000
"""Numbers of all models together from which on decoders alone are rounded to 8 bits, which no eye sees in an image."""
MOST_IN_PAGE = 4_000_000
"""Numbers of a model that a page holds at all, some 11 MB."""
MOST_BYTES = 10_000_000
"""Of a page, from which on its size is told."""
IMAGES_PROVED = 8
"""Images at most that travel besides, so that the page computes them again; few weights may draw a large one."""


def played(
    wanted: Sequence[tuple[Run, bool]], *, most_in_full: int | None = None
) -> tuple[list[dict[str, Any] | None], list[Message]]:
    """Each model as :mod:`olaria.export.play` writes it, and what is said of those that are left out.

    Args:
        wanted: runs, and whether their models do without an encoder there.
        most_in_full: numbers of all of them that travel in full; :data:`MOST_IN_FLOAT32` where None.

    Returns:
        The documents in order, None where a page cannot hold the model; and the notes.
    """
    from olaria.export.play_images import DECODED, is_of_encoder

    notes, counts = list[Message](), list[int | None]()
    for run, only_decodes in wanted:
        size, is_decoder = run.dimensions(), only_decodes and run.family in DECODED
        weights = run.model().state_dict()
        count = sum(
            x.numel() for name, x in weights.items() if not (is_decoder and is_of_encoder(name))
        )
        held = count + (IMAGES_PROVED * prod(size) if isinstance(size, tuple) else 0)
        counts.append(count if held <= MOST_IN_PAGE else None)
        if held > MOST_IN_PAGE:
            text = N_(
                "run {name} has {count} numbers, more than the {most} that a page holds: its figures stand still"
            )
            notes.append(Message(text, {"name": run.name, "count": held, "most": MOST_IN_PAGE}))
    most = MOST_IN_FLOAT32 if most_in_full is None else most_in_full
    total = sum(count or 0 for count in counts)
    documents = [
        None if count is None else _document(run, only_decodes, total, most)
        for (run, only_decodes), count in zip(wanted, counts, strict=True)
    ]
    return documents, notes


def _document(run: Run, only_decodes: bool, total: int, most_in_full: int) -> dict[str, Any]:
    """The model of a run in a page that holds so many numbers."""
    from olaria.export.play import play
    from olaria.export.play_images import DECODED

    precision: Precision = "float32" if total <= most_in_full else "float16"
    if total > MOST_IN_FLOAT16 and only_decodes and run.family in DECODED:
        precision = "int8"
    try:
        return play(run, precision, only_decodes=only_decodes)
    except ConfigError:  # a weight is beyond the largest number of 16 bits
        return play(run, "float32", only_decodes=only_decodes)
