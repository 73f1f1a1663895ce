"""What the ending of a file's name says of its format: nothing else is written under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting

PICTURE = (".png",)
PAGE = (".html", ".htm")
FOLDER = "/"
"""Ends a path that is to become a folder."""


def refuse_other_endings(
    path: str | Path | None, endings: Sequence[str], *, folder: bool = False
) -> None:
    """Refuse to write one format under another's ending: other programs would not open the file.

    Args:
        path: of the file to write, as it was named; nothing is refused where None.
        endings: that are known, with their dots; empty stands for a name without one.
        folder: whether the path ends as folders do.

    Raises:
        UsageError: the path ends otherwise; the endings are listed.

    >>> refuse_other_endings("samples.PNG", PICTURE)
    >>> refuse_other_endings("samples.jpg", PICTURE)
    Traceback (most recent call last):
        ...
    olaria.errors.UsageError: out cannot be samples.jpg: it must end in .png
    """
    if path is None or (FOLDER if folder else Path(path).suffix.lower()) in endings:
        return
    raise UsageError(
        N_("{path} cannot be {value}: {reason}"),
        path=Setting("out"),
        value=str(path),
        reason=Message(
            N_("it must end in {endings}"), {"endings": ", ".join(filter(None, endings))}
        ),
    )
