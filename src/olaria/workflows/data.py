"""The use cases of ``olaria data`` that are about data sets: list, get, verify, stats.

Each returns plain JSON values. Torch is imported only where a data set is really loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from olaria.errors import SourceError, StorageError, UsageError, suggestion
from olaria.i18n import N_, Message
from olaria.vocabulary import Times, TokenizerKind
from olaria.workflows.requests import AnyData, Document, Request, setting, several
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
ALL = "all"
"""Stands for every data set that has files."""
Names = Annotated[Any, several.OneOrSeveral()]


def any_name_setting() -> str | None:
    """One data set, or all."""
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
    """Every data set known by name, whether the cache holds it, and the mirror that the others are taken from."""
    from olaria.data import DATASETS, places

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
    mirror = places.mirror_folder()
    return Document(format=FORMAT, data_sets=rows, mirror=None if mirror is None else str(mirror))


# -- bring, show, check -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GetRequest(Request):
    """What ``get`` takes."""

    summary = N_("bring data sets into the cache")

    name: Names = setting(N_("names of data sets, or all"), metavar=N_("NAME..."), positional=True)


@verb(GetRequest)
def get(
    request: GetRequest, *, offline: bool = False, progress: Progress | None = None
) -> Document:
    """Bring data sets into the cache; says where each came from and what it is.

    Args:
        offline: open no connection.
        progress: gets what is downloaded.

    Returns:
        What is said of one data set; of several ``{"ok": bool, "data_sets": […], "left_out": [{"name", "reason"}]}``,
        since one that cannot be had keeps nobody from the others.

    Raises:
        UsageError: there is no such data set.
        SourceError: no source has the only one.
    """
    from olaria.data import DATASETS

    names = list(dict.fromkeys(request.name))
    if ALL in names:
        names = [name for name, data_set in DATASETS.items() if data_set.files]
    for name in names:
        known(name)
    if len(names) == 1:
        return Document(_brought(names[0], offline, progress))
    brought, left_out = [], []
    for name in names:
        try:
            brought.append(_brought(name, offline, progress))
        except SourceError as error:
            left_out.append({"name": name, "reason": error.message.to_json()})
    return Document(format=FORMAT, ok=not left_out, data_sets=brought, left_out=left_out)


def _brought(name: str, offline: bool, progress: Progress | None) -> dict[str, Any]:
    from olaria.data import load, places

    data = load(name, offline=offline, progress=progress)
    return {**_described(data), "folder": str(places.cache_folder() / name)}


@dataclass(frozen=True, kw_only=True)
class VerifyRequest(Request):
    """What ``verify`` takes."""

    summary = N_("check the content of cached files")

    name: str | None = any_name_setting()


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
        for data_set in chosen(request.name)
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


# -- what they share --------------------------------------------------------------------------------


def chosen(name: str | None) -> list[DataSet]:
    """One data set, or all."""
    from olaria.data import DATASETS

    return list(DATASETS.values()) if name is None else [known(name)]


def known(name: str) -> DataSet:
    """The data set of that name.

    Raises:
        UsageError: there is none.
    """
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
