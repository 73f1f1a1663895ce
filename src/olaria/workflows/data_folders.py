"""The use cases of ``olaria data`` that are about the folders data sets are kept in: where, use, mirror, clean."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.errors import StorageError, UsageError
from olaria.i18n import N_, Message, Setting
from olaria.workflows.data import FORMAT, any_name_setting, chosen, known
from olaria.workflows.requests import Document, Request, setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data import DataSet
    from olaria.data.base import File

GZIP_LEVEL = 6


@dataclass(frozen=True, kw_only=True)
class WhereRequest(Request):
    """What ``where`` takes."""

    summary = N_("the folders that are looked into")

    name: str | None = any_name_setting()


@verb(WhereRequest)
def where(request: WhereRequest) -> Document:
    """The folders that are looked into; with ``name``, its files too, and which are there.

    Raises:
        UsageError: there is no such data set.
    """
    from olaria.data import places, sources

    mirror = places.mirror_folder()
    result = Document(
        format=FORMAT,
        home=str(places.home()),
        cache=str(places.cache_folder()),
        mirror=None if mirror is None else str(mirror),
        offline=sources.is_offline(),
    )
    if request.name is None:
        return result
    data_set = known(request.name)
    result["name"] = request.name
    result["files"] = [
        {
            "path": str(path),
            "present": path.is_file(),
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "mirror_name": f"{request.name}/{file.name}",
            "addresses": [
                *file.addresses,
                *(data_set.archive.addresses if data_set.archive else ()),
            ],
        }
        for file in data_set.files
        for path in [sources.cached_path(data_set, file)]
    ]
    return result


@dataclass(frozen=True, kw_only=True)
class UseRequest(Request):
    """What ``use`` takes."""

    summary = N_("remember a folder that data sets are taken from, such as a USB stick")

    folder: str | Path | None = setting(
        N_("made by olaria data mirror"),
        default=None,
        metavar=N_("FOLDER"),
        positional=True,
        unless=Message(N_("say which is used")),
    )
    forget: bool = setting(N_("remember none"), default=False, flag="--none")

    def check(self) -> None:
        if self.forget and self.folder is not None:
            raise UsageError(
                N_("give {one} or {other}, not both"),
                one=Setting("folder"),
                other=Setting("forget"),
            )


@verb(UseRequest)
def use(request: UseRequest) -> Document:
    """Remember a mirror for all that this user does from now on, or forget it; says which is used.

    ``OLARIA_MIRROR`` goes before what is remembered.

    Returns:
        ``{"mirror", "by", "data_sets", "settings"}``: the folder, what names it (``"OLARIA_MIRROR"`` or
        ``"settings"``), the data sets that it holds, and the file that remembers it.

    Raises:
        UsageError: the folder holds no data set.
        StorageError: it cannot be remembered.
    """
    from olaria.data import places

    if request.folder is not None:
        folder = Path(request.folder)
        if not _held(folder):
            raise _no_mirror(folder)
        places.remember_mirror(folder)
    elif request.forget:
        places.remember_mirror(None)
    found = places.mirror()
    return Document(
        format=FORMAT,
        mirror=None if found is None else str(found.folder),
        by=None if found is None else found.by,
        data_sets=[] if found is None else _held(found.folder),
        settings=str(places.settings_path()),
    )


def _held(folder: Path) -> list[str]:
    """Names of the data sets that a mirror has files of, by name alone."""
    from olaria.data import DATASETS

    found = []
    for data_set in DATASETS.values():
        names = {name for one in data_set.files for name in (one.name, one.decoded_name)}
        names |= {data_set.archive.file} if data_set.archive else set()
        if any((folder / data_set.name / name).is_file() for name in names):
            found.append(data_set.name)
    return found


def _no_mirror(folder: Path) -> UsageError:
    try:
        inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and _held(path)]
    except OSError as error:
        return UsageError(
            N_("cannot read {path}: {reason}"),
            path=str(folder),
            reason=error.strerror or str(error),
        )
    if inside:
        return UsageError(
            N_("{path} holds no data set; did you mean {other}?"),
            path=str(folder),
            other=str(inside[0]),
        )
    return UsageError(
        N_(
            "{path} holds no data set, as mnist/ would be; olaria data mirror {path} writes them there"
        ),
        path=str(folder),
    )


@dataclass(frozen=True, kw_only=True)
class MirrorRequest(Request):
    """What ``mirror`` takes."""

    summary = N_("write the cached data sets for a class without network")

    folder: str | Path = setting(
        N_("to write into: the class's USB stick"), metavar=N_("FOLDER"), positional=True
    )


@verb(MirrorRequest)
def mirror(request: MirrorRequest) -> Document:
    """Write every cached data set as ``<data set>/<file>``: the class's USB stick.

    IDX files are compressed as published. A data set that is not cached whole is named in
    ``"left_out"``; ``get`` it first.

    Raises:
        StorageError: the folder cannot be written.
    """
    from olaria.data import DATASETS, sources

    target = Path(request.folder)
    written, left_out = [], []
    for data_set in DATASETS.values():
        if not data_set.files:
            continue
        contents = [sources.read_cached(data_set, file) for file in data_set.files]
        if None in contents:
            left_out.append(data_set.name)
            continue
        for file, content in zip(data_set.files, contents, strict=True):
            assert content is not None
            packed = _published(file, content)
            path = target / data_set.name / file.name
            sources.write_kept(path, packed)
            written.append({"path": str(path), "size_bytes": len(packed)})
    return Document(
        format=FORMAT,
        folder=str(target),
        files=written,
        size_bytes=sum(int(str(entry["size_bytes"])) for entry in written),
        left_out=left_out,
    )


@dataclass(frozen=True, kw_only=True)
class CleanRequest(Request):
    """What ``clean`` takes."""

    summary = N_("delete cached data sets")

    name: str | None = any_name_setting()
    confirmed: bool = setting(N_("really delete them"), default=False, flag="--yes")


@verb(CleanRequest)
def clean(request: CleanRequest) -> Document:
    """What can be deleted from the cache, and once confirmed its deletion.

    Only files this program put there are touched: those a data set names, its lock and its
    unfinished downloads; without ``name`` also decoded images of the user's own files. Anything else stays, and so
    does what lies elsewhere, behind a link that the user made.

    Returns:
        ``{"deleted": bool, "files": [{"path", "size_bytes"}], "size_bytes"}``.

    Raises:
        UsageError: there is no such data set.
        StorageError: a file cannot be deleted.
    """
    from olaria.data import decoded, places

    named = chosen(request.name)
    paths = [path for data_set in named for path in _ours(data_set)]
    if request.name is None:
        paths += sorted(decoded.folder().glob(f"*{decoded.SUFFIX}"))
    home = os.path.realpath(places.home())
    paths = [path for path in paths if _lies_in(home, path)]
    files = [{"path": str(path), "size_bytes": path.stat().st_size} for path in paths]
    if request.confirmed:
        for path in paths:
            _delete(path)
        for data_set in named:
            _delete_empty(places.cache_folder() / data_set.name)
    return Document(
        format=FORMAT,
        deleted=request.confirmed,
        files=files,
        size_bytes=sum(int(str(entry["size_bytes"])) for entry in files),
    )


# -- what they share --------------------------------------------------------------------------------


def _published(file: File, content: bytes) -> bytes:
    import gzip

    # No time in the header: the same content always gives the same file.
    return gzip.compress(content, GZIP_LEVEL, mtime=0) if file.name.endswith(".gz") else content


def _ours(data_set: DataSet) -> list[Path]:
    from olaria.data import sources
    from olaria.storage.files import unfinished

    found = [sources.cached_path(data_set, file) for file in data_set.files]
    left = [path for file in found for path in unfinished(file)]
    lock = sources.lock_path(data_set.name)
    return [path for path in (*found, *left, lock) if path.is_file()]


def _lies_in(home: str, path: Path) -> bool:
    """Whether no link leads out of ``home`` on the way to a file; of a file that is a link, the link is deleted."""
    return Path(os.path.realpath(path.parent)).is_relative_to(home)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            N_("cannot delete {path} ({reason}); check its permissions"),
            path=str(path),
            reason=error.strerror or str(error),
        ) from None


def _delete_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
