"""What the folders of a user's files say of them: their part (training, test) and their class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from olaria.errors import DataError
from olaria.i18n import N_


def organise(
    path: Path, names: Sequence[str]
) -> tuple[list[str], list[int] | None, tuple[str, ...]]:
    """For each name its part (``train``, ``test`` or ""), its label, and the classes' names."""
    folders = [list(PurePosixPath(name).parts[:-1]) for name in names]
    while all(folders) and len({parts[0] for parts in folders}) == 1:
        folders = [parts[1:] for parts in folders]  # the folder that a zip often wraps around
    parts = ["" for _ in names]
    if all(folders) and {inner[0] for inner in folders} == {"train", "test"}:
        parts = [inner[0] for inner in folders]
        folders = [inner[1:] for inner in folders]
    if not any(folders):
        return parts, None, ()
    if not all(folders):
        loose = names[[bool(inner) for inner in folders].index(False)]
        raise DataError(
            N_("{path} has images beside its class folders ({name}); put each in one"),
            path=str(path),
            name=loose,
        )
    class_names = tuple(sorted({inner[0] for inner in folders}))
    index = {name: i for i, name in enumerate(class_names)}
    return parts, [index[inner[0]] for inner in folders], class_names
