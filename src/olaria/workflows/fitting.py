"""What a file of the user's own holds, the settings to read it with, and the preset that fits."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from olaria.data.entries import ZIP_SUFFIXES
from olaria.errors import DataError
from olaria.i18n import N_, Message
from olaria.storage.files import in_megabytes

MOST_UNPACKED_BYTES = 2_000_000_000
"""Of what a zip holds; the loaders keep all of it in memory."""
MOST_SIDE, SIDE = 64, 32
"""Pixels beyond which images are made smaller for the presets, and how small."""
MANY_IMAGES = 2000
"""From which a model of the size ``small`` is fed."""
GRAY_PRESET, COLOUR_PRESET = "vae-mnist", "vae-cifar10"
PRESETS = {"points": "gan-ring", "pairs": "pt-en"}
"""By what is learnt from."""
FACTS = {
    "images": ("shape", "num_images", "classes", "images_per_class", "mean", "std"),
    "text": (
        "num_chars", "size_bytes", "num_documents", "num_lines", "num_words", "alphabet_size",
        "unigram_entropy_nats_per_char", "bigram_entropy_nats_per_char",
    ),
    "pairs": ("num_pairs", "num_sources", "longest_chars", "mean_chars"),
    "points": ("num_points", "mean", "std"),
}  # fmt: skip


def described(path: str | Path) -> dict[str, Any]:
    """``kind``, ``facts``, ``notes`` (what was left out and why), ``settings`` of a recipe to read it with, and
    ``recommended``.

    Images of several sizes, or larger than the presets are made for, are described as they are trained on.

    Raises:
        OlariaError: it cannot be used; see :func:`olaria.data.load`.
    """
    path = Path(path)
    _check_unpacked(path)
    found, notes, settings = _read(path)
    kind = str(found["kind"])
    return {
        "kind": kind,
        "facts": {name: found.get(name) for name in FACTS[kind]},
        "notes": [*(note.to_json() for note in notes), *found["notes"]],
        "settings": settings,
        "recommended": found.get("recommended") or _recommended(kind, found),
    }


def _read(path: Path) -> tuple[dict[str, Any], list[Message], list[str]]:
    """What the loaders say, and how they were told to read it."""
    from olaria.workflows.data import stats

    smaller = Message(
        N_("the images are cut to squares of {side} pixels: {setting}"),
        {"side": SIDE, "setting": f"data.resize={SIDE}"},
    )
    try:
        found = stats(name=str(path))
    except DataError as refused:
        with suppress(DataError):  # of several sizes, say
            return stats(name=str(path), resize=SIDE), [smaller], [f"data.resize={SIDE}"]
        gray = Message(N_("gray and colour are mixed: all become gray"))
        with suppress(DataError):
            found = stats(name=str(path), resize=SIDE, gray=True)
            return found, [smaller, gray], [f"data.resize={SIDE}", "data.gray=true"]
        raise refused from None
    if found["kind"] == "images":
        _, height, width = found["shape"]
        if height != width or height > MOST_SIDE:
            return stats(name=str(path), resize=SIDE), [smaller], [f"data.resize={SIDE}"]
    return found, [], []


def _recommended(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """The preset, its size, and why."""
    if kind != "images":
        return {"preset": PRESETS[kind], "size": "tiny"}
    channels, count = found["shape"][0], found["num_images"]["train"]
    size = "small" if count >= MANY_IMAGES else "tiny"
    reason = Message(
        N_("{count} training {count:image|images} feed {size}"), {"count": count, "size": size}
    )
    preset = GRAY_PRESET if channels == 1 else COLOUR_PRESET
    return {"preset": preset, "size": size, "reason": reason.to_json()}


def _check_unpacked(path: Path) -> None:
    """Refuse a zip that would fill the memory; the loaders tell of one that is damaged.

    Raises:
        DataError: it holds too much.
    """
    if path.suffix.lower() not in ZIP_SUFFIXES:
        return
    with suppress(zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        with zipfile.ZipFile(path) as archive:
            total = sum(one.file_size for one in archive.infolist())
        if total > MOST_UNPACKED_BYTES:
            raise DataError(
                N_(
                    "the zip holds {size} MB, more than the {limit} MB that are read; take a part of it"
                ),
                size=in_megabytes(total),
                limit=in_megabytes(MOST_UNPACKED_BYTES),
            )
