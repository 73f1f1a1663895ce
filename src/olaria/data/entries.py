"""The files of a user's file, folder or zip: what they are called and how they are read."""

from __future__ import annotations

import errno
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath

from olaria.data.names import distinct, plain_name, zip_name
from olaria.errors import DataError, StorageError
from olaria.i18n import N_

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
SUBTITLE_SUFFIXES = (".srt", ".vtt", ".sbv", ".ssa", ".ass")
LINES_SUFFIXES = (".jsonl", ".ndjson")
TEXT_SUFFIXES = (".txt", ".md", ".csv", *LINES_SUFFIXES, ".tokens", *SUBTITLE_SUFFIXES)
DOCUMENT_SUFFIXES = (".docx", ".pdf")
"""Of documents that are a text where there is none plainer: beside texts they are what these came from."""
NAMED_SUFFIXES = (".json", ".tsv")
"""Of tables that are a text where one is named, by itself or by its column: beside other files they describe those."""
PARQUET_SUFFIX = ".parquet"
ARCHIVED_ARRAYS = (".npz",)
ARRAY_SUFFIXES = (".npy", *ARCHIVED_ARRAYS)
ZIP_SUFFIXES = (".zip", *ARCHIVED_ARRAYS)
MAX_BYTES = 1 << 32
POINTER = b"version https://git-lfs.github.com/spec/"
"""What a file begins with that Git LFS has not fetched: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,  # a name that is not the UTF-8 it claims to be
    struct.error,  # a member that begins at the end of the file
)
# Bits of a zip's member: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.4.
_PROTECTED, _UTF8 = 1, 1 << 11
_WINDOWS = 0
_LINK, _FILE = 0o120000, 0o100000


@dataclass(frozen=True)
class Entry:
    """One file of the user's.

    Attributes:
        name: its path within what was named, as :mod:`olaria.data.names` has it; no other file has the same.
        size_bytes: of its content.
        read: gives the content.
        stamp: changes when the content does: a zip's checksum of it, or when a file was last written.
        is_link: whether it is no file but a link to a folder, which is not followed: it may lead anywhere.
        place: where it lies by itself, for readers that need not all of it; None inside a zip.
    """

    name: str
    size_bytes: int
    read: Callable[[], bytes]
    stamp: int = 0
    is_link: bool = False
    place: Path | None = None

    @property
    def suffix(self) -> str:
        """Lower case, with its dot.

        >>> Entry("a/B.PNG", 0, bytes).suffix
        '.png'
        """
        return "" if self.is_link else PurePosixPath(self.name).suffix.lower()


def find_entries(path: Path) -> list[Entry]:
    """Every file at ``path``, sorted by name; hidden ones and a zip's ``__MACOSX`` are not data.

    Raises:
        DataError: a zip is damaged, unsafe or too large; or the files are.
        StorageError: the folder cannot be read.
    """
    if path.is_dir():
        entries = _folder_entries(path)
    elif path.suffix.lower() in ZIP_SUFFIXES:
        entries = _zip_entries(path, path)
    else:
        entries = [_file_entry(path.name, path)]
    return _in_order(path, entries)


def inside_zips(path: Path, entries: Sequence[Entry]) -> list[Entry]:
    """The same files, in place of each zip among them what it holds, in a folder of the zip's name.

    Zips inside these stay as they are.

    Args:
        path: where the files are.
        entries: of :func:`find_entries`.

    Raises:
        DataError: one of the zips is damaged or unsafe, or too much comes together.
        StorageError: one cannot be read.
    """
    found: list[Entry] = []
    for entry in entries:
        if entry.suffix not in ZIP_SUFFIXES:
            found.append(entry)
            continue
        folder = entry.name[: -len(entry.suffix)]
        inner = _zip_entries(path / entry.name, BytesIO(entry.read()))
        found += [replace(one, name=f"{folder}/{one.name}") for one in inner]
    return _in_order(path, found)


def _in_order(path: Path, entries: Iterable[Entry]) -> list[Entry]:
    ordered = sorted(entries, key=lambda entry: entry.name)
    total = sum(entry.size_bytes for entry in ordered)
    if total > MAX_BYTES:
        raise DataError(
            N_("{path} holds {size} bytes, more than the {limit} that are read; take a part of it"),
            path=str(path),
            size=total,
            limit=MAX_BYTES,
        )
    names = distinct(entry.name for entry in ordered)
    return [replace(entry, name=name) for entry, name in zip(ordered, names, strict=True)]


def _folder_entries(folder: Path) -> list[Entry]:
    def stop(error: OSError) -> None:
        raise _unreadable(folder, error)

    entries = []
    for place, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        links = [link for name in folders if (link := Path(place, name)).is_symlink()]
        entries += [
            Entry(f"{plain_name(link.relative_to(folder).as_posix())}/", 0, bytes, is_link=True)
            for link in links
        ]
        for name in sorted(names):
            file = Path(place, name)
            if not _is_hidden(name) and file.is_file():
                entries.append(_file_entry(file.relative_to(folder).as_posix(), file))
    return entries


def _file_entry(name: str, file: Path) -> Entry:
    about = file.stat()
    read = partial(read_file, file)
    return Entry(plain_name(name), about.st_size, read, about.st_mtime_ns, place=file)


def _zip_entries(path: Path, source: Path | BytesIO) -> list[Entry]:
    """A zip's members; one that would climb out of a folder condemns the whole archive."""
    # Left open for the entries, which share it: its list of members is read only once.
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, *ZIP_ERRORS) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise _unreadable(path, error) from None
        if isinstance(source, Path):
            check_fetched(source)
        raise DataError(
            N_("{path} is not a whole zip ({reason}); make it again"),
            path=str(path),
            reason=str(error),
        ) from None
    members = archive.infolist()
    # Old packers of Windows wrote their own separator, throughout.
    by_windows = all(
        info.create_system == _WINDOWS and "/" not in info.filename for info in members
    )
    entries = []
    for info in members:
        name = zip_name(info.filename, is_utf8=bool(info.flag_bits & _UTF8))
        name = plain_name(name.replace("\\", "/") if by_windows else name)
        if name.endswith("/"):
            continue
        _check_member(path, name, info)
        inner = PurePosixPath(name)
        if not any(_is_hidden(part) for part in inner.parts):
            read = partial(_read_member, archive, info, path, name)
            entries.append(Entry(str(inner), info.file_size, read, info.CRC))
    return entries


def _check_member(path: Path, name: str, info: zipfile.ZipInfo) -> None:
    """Refuse what is no plain file inside the zip."""
    parts = PurePosixPath(name).parts
    # The upper half of external_attr is a Unix mode; 0 where none was stored.
    kind = (info.external_attr >> 16) & 0o170000
    if not parts or ".." in parts or name[0] == "/" or ":" in parts[0]:
        message = N_("{name} in {path} would lie outside the zip; make the zip again")
    elif "\\" in name:
        message = N_("{name} in {path} has a backslash in its name; make the zip again")
    elif info.flag_bits & _PROTECTED:
        message = N_("{name} in {path} is protected by a password; make the zip again without one")
    elif kind == _LINK:
        message = N_("{name} in {path} is a link; make the zip again with the file itself")
    elif kind not in (0, _FILE):
        message = N_("{name} in {path} is not a plain file; make the zip again")
    else:
        return
    raise DataError(message, name=name, path=str(path))


def read_file(path: Path) -> bytes:
    """The content of one of the user's files.

    Raises:
        StorageError: it cannot be read, or was not fetched.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    return fetched(content, str(path))


def check_fetched(path: Path) -> None:
    """Refuse a file of which there is only the pointer, by its first bytes; see :func:`fetched`."""
    with path.open("rb") as file:
        fetched(file.read(len(POINTER)), str(path))


def fetched(content: bytes, name: str) -> bytes:
    """The content of a file, which must be its own.

    Raises:
        StorageError: it is the pointer that Git LFS leaves in a file's place, as in a zip that GitHub makes.
    """
    if content.startswith(POINTER):
        raise StorageError(
            N_(
                "{name} was not fetched, only its pointer of Git LFS is there; run git lfs pull, or download "
                "the file by itself"
            ),
            name=name,
        )
    return content


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> bytes:
    # zipfile never gives more bytes than the member announces, and those were counted.
    try:
        return fetched(archive.read(info), name)
    except (OSError, *ZIP_ERRORS) as error:
        # A place before the file's start and a broken bzip2 stream are OSErrors too, and no refusal of the disk.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise _unreadable(path, error) from None
        raise DataError(
            N_("{name} in {path} is damaged ({reason}); make the zip again"),
            name=name,
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
