"""The user's own data as the page brings them: each a file in a folder of its own, below ``.studio`` beside the runs.

What a file was called is a label and no more: its name on disk is made here, of letters and digits. A file that did
not come whole, or that the loaders refuse, leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from olaria.characters import encodable
from olaria.data.entries import (
    ARRAY_SUFFIXES,
    DOCUMENT_SUFFIXES,
    NAMED_SUFFIXES,
    PARQUET_SUFFIX,
    TEXT_SUFFIXES,
    ZIP_SUFFIXES,
)
from olaria.errors import DataError, OlariaError
from olaria.i18n import N_
from olaria.storage.files import (
    FORMAT,
    free_bytes,
    in_megabytes,
    read_document,
    storage_errors,
    write_json,
)
from olaria.storage.inside import inside
from olaria.web.errors import Refused
from olaria.web.workers import NOTES

FOLDER, ABOUT, PARTIAL = "data", "about.json", ".partial-"
ENDINGS = tuple(
    dict.fromkeys(
        (
            *ZIP_SUFFIXES,
            *TEXT_SUFFIXES,
            *NAMED_SUFFIXES,
            PARQUET_SUFFIX,
            *DOCUMENT_SUFFIXES,
            *ARRAY_SUFFIXES,
        )
    )
)
"""Of files that the loaders read; a picture alone teaches nothing."""
MOST_BYTES = 1_000_000_000
"""Of one file."""
MOST_KEPT = 50
MOST_AT_ONCE = 2
"""Files that are on their way."""
SPARE_BYTES = 200_000_000
"""Of the disk, which a file must leave free: trainings write there too."""
PIECE_BYTES = 1 << 20
OLD_S = 24 * 3600
"""After which half a file is one that nobody brings any more."""
MOST_LABEL, _MOST_STEM = 120, 32
"""Letters."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
Describe = Callable[[Path], Coroutine[Any, Any, dict[str, Any]]]


class Uploads:
    """What was brought.

    Args:
        home: where the runs lie.
    """

    def __init__(self, home: Path) -> None:
        self._home, self._num_coming = home, 0

    def all(self) -> list[dict[str, Any]]:
        """What is known of each, the latest first; what cannot be read is left out."""
        place, found = self._home / NOTES / FOLDER, list[dict[str, Any]]()
        with suppress(OSError):
            for folder in place.iterdir():
                with suppress(OlariaError, OSError, KeyError, TypeError, ValueError):
                    found.append(self.about(folder.name))
        return sorted(found, key=lambda one: -float(one["added"]))

    def about(self, upload_id: str) -> dict[str, Any]:
        """What is known of one.

        Raises:
            Refused: there is none of this id.
        """
        path = self._at(upload_id, ABOUT)
        if path is None or not path.is_file():
            raise Refused(404, "unknown_data", N_("there is no such file of yours here"))
        return {**read_document(path), "id": upload_id}

    def path(self, upload_id: str) -> Path | None:
        """Where the file of an id lies; None where there is none."""
        with suppress(OlariaError, KeyError):
            return self._at(upload_id, str(self.about(upload_id)["file"]))
        return None

    def id_of(self, place: str) -> str | None:
        """The id of the file at a place, where it is one of these."""
        found = Path(place).parent.name
        return found if self.path(found) == Path(place) else None

    def remove(self, upload_id: str) -> None:
        """Delete one.

        Raises:
            Refused: there is none of this id.
        """
        self.about(upload_id)
        folder = inside(self._home, NOTES, FOLDER, upload_id)
        with storage_errors(folder):
            shutil.rmtree(folder)

    async def bring(
        self, label: str, size: int | None, pieces: AsyncIterator[bytes], describe: Describe
    ) -> dict[str, Any]:
        """Take a file in, piece by piece, and have it looked at as the loaders do.

        Args:
            label: what the user calls it.
            size: in bytes, where it was said.
            pieces: of its content.
            describe: says what the file at a path holds, or why it cannot be used.

        Raises:
            Refused: it is of a kind that is not read, too large, or too many come at once, or are here.
                StorageError: the disk is full.
            OlariaError: what ``describe`` raises.
        """
        label = _label(label)
        ending = ending_of(label)
        self._check_room(size)
        self._num_coming += 1
        folder: Path | None = None
        try:
            folder = await asyncio.to_thread(self._new_folder)
            file = folder / f"{stem_of(label)}{ending}"
            digest = await _written(file, pieces)
            described = await describe(file)
            about = {
                "format": FORMAT,
                "label": label,
                "file": file.name,
                "size_bytes": file.stat().st_size,
                "sha256": digest,
                "added": time.time(),
                "described": described,
            }
            write_json(folder / ABOUT, about)
            upload_id = f"{file.stem}-{secrets.token_hex(3)}"
            with storage_errors(folder):
                folder.rename(folder.with_name(upload_id))
            folder = None
            return {**about, "id": upload_id}
        finally:
            self._num_coming -= 1
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _check_room(self, size: int | None) -> None:
        if self._num_coming >= MOST_AT_ONCE:
            raise Refused(
                429,
                "busy",
                N_("other files are on their way"),
                hint=N_("wait until they are here"),
                headers={"Retry-After": "5"},
            )
        if len(self.all()) >= MOST_KEPT:
            raise Refused(
                409,
                "too_many",
                N_("there are {count} files of yours here already"),
                hint=N_("delete one that you do not need"),
                count=MOST_KEPT,
            )
        free = free_bytes(self._home)
        if (size or 0) + SPARE_BYTES > free:
            raise Refused(
                507,
                "disk_full",
                N_("the disk has {free} MB free, too little for a file of {size} MB"),
                hint=N_("free some space"),
                free=in_megabytes(free),
                size=in_megabytes(size or 0),
            )

    def _new_folder(self) -> Path:
        place = inside(self._home, NOTES, FOLDER)
        with storage_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            for left in place.glob(f"{PARTIAL}*"):
                with suppress(OSError):
                    if time.time() - left.stat().st_mtime > OLD_S:
                        shutil.rmtree(left, ignore_errors=True)
            folder = place / f"{PARTIAL}{secrets.token_hex(8)}"
            folder.mkdir()
        return folder

    def _at(self, upload_id: str, name: str) -> Path | None:
        """A file of an upload; the id is one of ours before it joins a path."""
        if not _ID.fullmatch(upload_id) or Path(name).name != name:
            return None
        return inside(self._home, NOTES, FOLDER, upload_id, name)


async def _written(file: Path, pieces: AsyncIterator[bytes]) -> str:
    """Write a file piece by piece; its SHA-256."""
    digest, waiting = hashlib.sha256(), bytearray()

    def write(content: bytes) -> None:
        digest.update(content)
        with storage_errors(file), file.open("ab") as out:
            out.write(content)

    async for piece in pieces:
        waiting += piece
        if len(waiting) >= PIECE_BYTES:
            await asyncio.to_thread(write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(write, bytes(waiting))
    if file.stat().st_size == 0:
        raise DataError(N_("this file is empty"))
    return digest.hexdigest()


def _label(name: str) -> str:
    """A name as it may be shown: its last part, without signs that are not seen."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(one for one in last if one.isprintable())
    return encodable(seen.strip())[-MOST_LABEL:]


def ending_of(label: str) -> str:
    """How the file is read.

    Raises:
        Refused: it is not.
    """
    ending = PurePosixPath(label).suffix.lower()
    if ending not in ENDINGS:
        raise Refused(
            422,
            "not_read",
            N_("{name} is not read: bring a zip of images, or a text"),
            field="name",
            hint=N_("its name ends in one of {endings}"),
            name=label or "?",
            endings=" ".join(ENDINGS),
        )
    return ending


def stem_of(label: str) -> str:
    """The name on disk: letters of a to z and digits.

    >>> stem_of("Meus Dígitos (2).zip"), stem_of("../../etc/passwd"), stem_of("日本.txt")
    ('meus-digitos-2', 'passwd', 'data')
    """
    stem = PurePosixPath(re.split(r"[/\\]", label)[-1]).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MOST_STEM].strip("-") or "data"
