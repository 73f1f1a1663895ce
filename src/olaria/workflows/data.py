"""The use cases of ``olaria data``: list, get, where, verify, stats, mirror, clean.

Each returns plain JSON values. Torch is imported only where a data set is really loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import StorageError, UsageError, suggestion
from olaria.i18n import N_, Message
from olaria.vocabulary import Times, TokenizerKind
from olaria.workflows.requests import AnyData, Document, Request, setting
from olaria.workflows.requests.common import (
    column_setting,
    encoding_setting,
    gray_setting,
    reading_of,
    resize_setting,
    times_setting,
    tokenizer_setting,
    vocab_size_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data import AnyData as LoadedData
    from olaria.data import DataSet
    from olaria.data.base import File, Progress

FORMAT = 1
GZIP_LEVEL = 6


def _a_name() -> str:
    return setting(  # type: ignore[no-any-return]
        N_("name of a data set"), metavar=N_("NAME"), positional=True
    )


def _any_name() -> str | None:
    return setting(  # type: ignore[no-any-return]
        N_("name of a data set"),
        default=None,
        metavar=N_("NAME"),
        positional=True,
        unless=Message(N_("all")),
    )


# -- which there are --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ListDataRequest(Request):
    """What ``list_datasets`` takes."""

    summary = N_("all data sets, and whether they are here")


@verb(ListDataRequest)
def list_datasets(_request: ListDataRequest) -> Document:
    """Every data set known by name, and whether the cache holds it."""
    from olaria.data import DATASETS

    rows = [
        {
            "name": data_set.name,
            "title": data_set.title,
            "kind": data_set.kind,
            "size_bytes": sum(file.size_bytes for file in data_set.files),
            "needs_network": bool(data_set.files),
            "ready": not data_set.files or _is_cached(data_set),
            "licence": data_set.licence,
            "citation": data_set.citation,
        }
        for data_set in DATASETS.values()
    ]
    return Document(format=FORMAT, data_sets=rows)


# -- bring, show, check -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GetRequest(Request):
    """What ``get`` takes."""

    summary = N_("bring a data set into the cache")

    name: str = _a_name()


@verb(GetRequest)
def get(
    request: GetRequest, *, offline: bool = False, progress: Progress | None = None
) -> Document:
    """Bring a data set into the cache; says where it came from and what it is.

    Args:
        offline: open no connection.
        progress: gets what is downloaded.

    Raises:
        UsageError: there is no such data set.
        SourceError: no source has it.
    """
    from olaria.data import load, sources

    _known(request.name)
    data = load(request.name, offline=offline, progress=progress)
    return Document(_described(data), folder=str(sources.cache_folder() / request.name))


@dataclass(frozen=True, kw_only=True)
class WhereRequest(Request):
    """What ``where`` takes."""

    summary = N_("the folders that are looked into")

    name: str | None = _any_name()


@verb(WhereRequest)
def where(request: WhereRequest) -> Document:
    """The folders that are looked into; with ``name``, its files too, and which are there.

    Raises:
        UsageError: there is no such data set.
    """
    from olaria.data import sources

    mirror = sources.mirror_folder()
    result = Document(
        format=FORMAT,
        home=str(sources.home()),
        cache=str(sources.cache_folder()),
        mirror=None if mirror is None else str(mirror),
        offline=sources.is_offline(),
    )
    if request.name is None:
        return result
    data_set = _known(request.name)
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
class VerifyRequest(Request):
    """What ``verify`` takes."""

    summary = N_("check the content of cached files")

    name: str | None = _any_name()


@verb(VerifyRequest)
def verify(request: VerifyRequest) -> Document:
    """Check the content of every cached file, of one data set or of all.

    Returns:
        ``{"ok": bool, "files": [{"data_set", "path", "state"}]}``, where ``state`` is ``"right"``,
        ``"wrong"`` (it will be fetched again) or ``"absent"``; ``ok`` where none is wrong.

    Raises:
        UsageError: there is no such data set.
    """
    from olaria.data import sources

    files = [
        {
            "data_set": data_set.name,
            "path": str(sources.cached_path(data_set, file)),
            "state": _state(data_set, file),
        }
        for data_set in _chosen(request.name)
        for file in data_set.files
    ]
    return Document(format=FORMAT, ok=all(file["state"] != "wrong" for file in files), files=files)


# -- describe ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StatsRequest(Request):
    """What ``stats`` takes."""

    summary = N_("what a data set or your own files hold")

    name: AnyData = setting(
        N_("a data set, or your images or text"), metavar=N_("NAME|PATH"), positional=True
    )
    encoding: str | None = encoding_setting()
    column: str | None = column_setting()
    times: Times | None = times_setting()
    tokenizer: TokenizerKind | None = tokenizer_setting()
    vocab_size: int | None = vocab_size_setting()
    resize: int | None = resize_setting()
    gray: bool = gray_setting()


class DescribedText(Document):
    """What a text holds.

    Args:
        facts: as JSON values.
        target: its name or path, as it was given.
        reading: the settings that it was read with.
    """

    def __init__(self, facts: dict[str, Any], *, target: str, reading: dict[str, Any]) -> None:
        super().__init__(facts)
        self.target, self.reading = target, reading


@verb(StatsRequest)
def stats(
    request: StatsRequest, *, offline: bool = False, progress: Progress | None = None
) -> Document:
    """What a data set holds: shapes and classes of images; alphabet and entropies of a text; lengths of pairs; the
    place of points.

    Args:
        offline: open no connection.
        progress: gets what is downloaded.

    Raises:
        OlariaError: as :func:`olaria.data.load`.
    """
    from olaria.data import DataConfig, load
    from olaria.data.base import kind_of
    from olaria.kinds import kind_named

    name = str(request.name)
    reading = reading_of(request)
    config = DataConfig.parse({"name": name, **reading})
    data = load(name, config, offline=offline, progress=progress)
    facts = {**_described(data), **kind_named(kind_of(data)).describe(data, config)}
    if "tokenizer" not in facts:
        return Document(facts)
    return DescribedText(facts, target=name, reading=reading)


# -- for a class ------------------------------------------------------------------------------------


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

    name: str | None = _any_name()
    confirmed: bool = setting(N_("really delete them"), default=False, flag="--yes")


@verb(CleanRequest)
def clean(request: CleanRequest) -> Document:
    """What can be deleted from the cache, and once confirmed its deletion.

    Only files this program put there are touched: those a data set names, its lock and its
    unfinished downloads; without ``name`` also decoded images of the user's own files. Anything else stays.

    Returns:
        ``{"deleted": bool, "files": [{"path", "size_bytes"}], "size_bytes"}``.

    Raises:
        UsageError: there is no such data set.
        StorageError: a file cannot be deleted.
    """
    from olaria.data import decoded, sources

    chosen = _chosen(request.name)
    paths = [path for data_set in chosen for path in _ours(data_set)]
    if request.name is None:
        paths += sorted(decoded.folder().glob(f"*{decoded.SUFFIX}"))
    files = [{"path": str(path), "size_bytes": path.stat().st_size} for path in paths]
    if request.confirmed:
        for path in paths:
            _delete(path)
        for data_set in chosen:
            _delete_empty(sources.cache_folder() / data_set.name)
    return Document(
        format=FORMAT,
        deleted=request.confirmed,
        files=files,
        size_bytes=sum(int(str(entry["size_bytes"])) for entry in files),
    )


# -- what they share --------------------------------------------------------------------------------


def _chosen(name: str | None) -> list[DataSet]:
    """One data set, or all."""
    from olaria.data import DATASETS

    return list(DATASETS.values()) if name is None else [_known(name)]


def _known(name: str) -> DataSet:
    from olaria.data import DATASETS

    if name not in DATASETS:
        raise UsageError(
            N_("there is no data set named {name}: {hint}"),
            name=name,
            hint=suggestion(name, DATASETS),
        )
    return DATASETS[name]


def _is_cached(data_set: DataSet) -> bool:
    """By size alone: a listing should not read hundreds of megabytes."""
    from olaria.data import sources

    try:
        paths = [(sources.cached_path(data_set, file), file.size_bytes) for file in data_set.files]
        return all(path.is_file() and path.stat().st_size == size for path, size in paths)
    except (OSError, StorageError):  # there is no cache, or none that can be read
        return False


def _state(data_set: DataSet, file: File) -> str:
    from olaria.data import sources

    if not sources.cached_path(data_set, file).is_file():
        return "absent"
    return "wrong" if sources.read_cached(data_set, file) is None else "right"


def _published(file: File, content: bytes) -> bytes:
    import gzip

    # No time in the header: the same content always gives the same file.
    return gzip.compress(content, GZIP_LEVEL, mtime=0) if file.name.endswith(".gz") else content


def _described(data: LoadedData) -> dict[str, Any]:
    from olaria.data.base import kind_of

    return {
        "format": FORMAT,
        "name": data.name,
        "title": data.title,
        "kind": kind_of(data),
        "source": data.source,
        "sha256": data.sha256,
        "licence": data.licence,
        "citation": data.citation,
        "notes": [note.to_json() for note in data.notes],
    }


def _ours(data_set: DataSet) -> list[Path]:
    from olaria.data import sources
    from olaria.storage.files import unfinished

    found = [sources.cached_path(data_set, file) for file in data_set.files]
    left = [path for file in found for path in unfinished(file)]
    lock = sources.lock_path(data_set.name)
    return [path for path in (*found, *left, lock) if path.is_file()]


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
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
