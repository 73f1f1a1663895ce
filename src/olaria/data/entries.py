"""The files of a user's file, folder or zip: what they are called and how they are read."""

from __future__ import annotations

import errno
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from olaria.data.archives import is_regular
from olaria.errors import DataError, StorageError
from olaria.i18n import N_

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
TEXT_SUFFIXES = (".txt", ".md", ".csv", ".jsonl", ".srt")
NAMED_SUFFIXES = (".json", ".tsv")
"""Of tables that are a text where one is named, by itself or by its column: beside other files they describe those."""
ARCHIVED_ARRAYS = (".npz",)
ARRAY_SUFFIXES = (".npy", *ARCHIVED_ARRAYS)
MAX_BYTES = 1 << 32
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,  # a name that is not the UTF-8 it claims to be
    struct.error,  # a member that begins at the end of the file
)


@dataclass(frozen=True)
class Entry:
    """One file of the user's.

    Attributes:
        name: its path within what was named.
        size_bytes: of its content.
        read: gives the content.
        stamp: changes when the content does: a zip's checksum of it, or when a file was last written.
    """

    name: str
    size_bytes: int
    read: Callable[[], bytes]
    stamp: int = 0

    @property
    def suffix(self) -> str:
        """Lower case, with its dot.

        >>> Entry("a/B.PNG", 0, bytes).suffix
        '.png'
        """
        return PurePosixPath(self.name).suffix.lower()


def find_entries(path: Path) -> list[Entry]:
    """Every file at ``path``, sorted by name; hidden ones and a zip's ``__MACOSX`` are not data.

    Raises:
        DataError: a zip is damaged, unsafe or too large; or the files are.
        StorageError: the folder cannot be read.
    """
    if path.is_dir():
        entries = _folder_entries(path)
    elif path.suffix.lower() in (".zip", *ARCHIVED_ARRAYS):
        entries = _zip_entries(path)
    else:
        entries = [_file_entry(path.name, path)]
    total = sum(entry.size_bytes for entry in entries)
    if total > MAX_BYTES:
        raise DataError(
            N_("{path} holds {size} bytes, more than the {limit} that are read; take a part of it"),
            path=str(path),
            size=total,
            limit=MAX_BYTES,
        )
    return sorted(entries, key=lambda entry: entry.name)


def _folder_entries(folder: Path) -> list[Entry]:
    def stop(error: OSError) -> None:
        raise _unreadable(folder, error)

    entries = []
    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for name in names:
            file = Path(place, name)
            if not _is_hidden(name) and file.is_file():
                entries.append(_file_entry(file.relative_to(folder).as_posix(), file))
    return entries


def _file_entry(name: str, file: Path) -> Entry:
    about = file.stat()
    return Entry(name, about.st_size, partial(read_file, file), about.st_mtime_ns)


def _zip_entries(path: Path) -> list[Entry]:
    """A zip's members; one that would climb out of a folder condemns the whole archive."""
    # Left open for the entries, which share it: its list of members is read only once.
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, *ZIP_ERRORS) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise _unreadable(path, error) from None
        raise DataError(
            N_("{path} is not a whole zip ({reason}); make it again"),
            path=str(path),
            reason=str(error),
        ) from None
    entries = []
    for info in archive.infolist():
        if info.is_dir():
            continue
        parts = PurePosixPath(info.filename).parts
        climbs = ".." in parts or info.filename[:1] == "/" or "\\" in info.filename
        if climbs or ":" in parts[0] or not is_regular(info):
            raise DataError(
                N_("{path} holds {name}, which is not a plain file inside it; make the zip again"),
                path=str(path),
                name=info.filename,
            )
        if not any(_is_hidden(part) for part in parts):
            read = partial(_read_member, archive, info)
            entries.append(Entry(info.filename, info.file_size, read, info.CRC))
    return entries


def read_file(path: Path) -> bytes:
    """The content of one of the user's files.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # zipfile never gives more bytes than the member announces, and those were counted.
    path = Path(str(archive.filename))
    try:
        return archive.read(info)
    except (OSError, *ZIP_ERRORS) as error:
        # A place before the file's start and a broken bzip2 stream are OSErrors too, and no refusal of the disk.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise _unreadable(path, error) from None
        raise DataError(
            N_("{name} in {path} is damaged ({reason}); make the zip again"),
            name=info.filename,
            path=str(path),
            reason=str(error),
        ) from None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        N_("cannot read {path} ({reason}); check its permissions"),
        path=str(path),
        reason=error.strerror or str(error),
    )
