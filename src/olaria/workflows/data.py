"""The use cases of ``olaria data``: list, get, where, verify, stats, mirror, clean.

Each returns plain JSON values. Torch is imported only where a data set is really loaded.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from olaria.data import (
    DATASETS,
    AnyData,
    DataConfig,
    DataSet,
    ImageData,
    Images,
    PairData,
    PointData,
    decoded,
    load,
    sources,
)
from olaria.data.base import File, Progress, kind_of
from olaria.errors import StorageError, UsageError, suggestion
from olaria.i18n import N_
from olaria.storage.files import unfinished

FORMAT = 1
GZIP_LEVEL = 6
NUM_EXAMPLES = 4


def list_datasets() -> dict[str, Any]:
    """Every data set known by name, and whether the cache holds it."""
    return {
        "format": FORMAT,
        "data_sets": [
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
        ],
    }


def get(name: str, *, offline: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """Bring a data set into the cache; says where it came from and what it is.

    Raises:
        UsageError: there is no such data set.
        SourceError: no source has it.
    """
    _known(name)
    data = load(name, offline=offline, progress=progress)
    return {**_described(data), "folder": str(sources.cache_folder() / name)}


def where(name: str | None = None) -> dict[str, Any]:
    """The folders that are looked into; with ``name``, its files too, and which are there.

    Raises:
        UsageError: there is no such data set.
    """
    mirror = sources.mirror_folder()
    result: dict[str, Any] = {
        "format": FORMAT,
        "home": str(sources.home()),
        "cache": str(sources.cache_folder()),
        "mirror": None if mirror is None else str(mirror),
        "offline": sources.is_offline(),
    }
    if name is None:
        return result
    data_set = _known(name)
    result["name"] = name
    result["files"] = [
        {
            "path": str(path),
            "present": path.is_file(),
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "mirror_name": f"{name}/{file.name}",
            "addresses": [
                *file.addresses,
                *(data_set.archive.addresses if data_set.archive else ()),
            ],
        }
        for file in data_set.files
        for path in [sources.cached_path(data_set, file)]
    ]
    return result


def verify(name: str | None = None) -> dict[str, Any]:
    """Check the content of every cached file, of one data set or of all.

    Returns:
        ``{"ok": bool, "files": [{"data_set", "path", "state"}]}``, where ``state`` is ``"right"``,
        ``"wrong"`` (it will be fetched again) or ``"absent"``; ``ok`` where none is wrong.

    Raises:
        UsageError: there is no such data set.
    """
    chosen = list(DATASETS.values()) if name is None else [_known(name)]
    files = [
        {
            "data_set": data_set.name,
            "path": str(sources.cached_path(data_set, file)),
            "state": _state(data_set, file),
        }
        for data_set in chosen
        for file in data_set.files
    ]
    return {"format": FORMAT, "ok": all(f["state"] != "wrong" for f in files), "files": files}


def stats(
    name_or_path: str,
    options: DataConfig | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What a data set holds: shapes and classes of images; alphabet and entropies of a text; lengths of pairs; the
    place of points.

    Raises:
        OlariaError: as :func:`olaria.data.load`.
    """
    data = load(name_or_path, options, offline=offline, progress=progress)
    if isinstance(data, PairData):
        return {**_described(data), **_pair_stats(data)}
    if isinstance(data, ImageData):
        return {**_described(data), **_image_stats(data)}
    if isinstance(data, PointData):
        return {**_described(data), **_point_stats(data)}
    from olaria.kinds.text_stats import text_stats

    options = options or DataConfig(name=name_or_path)
    return {**_described(data), **text_stats(data, options)}


def mirror(folder: str | Path) -> dict[str, Any]:
    """Write every cached data set to ``folder`` as ``<data set>/<file>``: the class's USB stick.

    IDX files are compressed as published. A data set that is not cached whole is named in
    ``"left_out"``; ``get`` it first.

    Raises:
        StorageError: the folder cannot be written.
    """
    target = Path(folder).expanduser()
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
    return {
        "format": FORMAT,
        "folder": str(target),
        "files": written,
        "size_bytes": sum(int(str(entry["size_bytes"])) for entry in written),
        "left_out": left_out,
    }


def clean(name: str | None = None, *, confirm: bool = False) -> dict[str, Any]:
    """What can be deleted from the cache, and with ``confirm`` its deletion.

    Only files this program put there are touched: those a data set names, its lock and its
    unfinished downloads; without ``name`` also decoded images of the user's own files. Anything else stays.

    Returns:
        ``{"deleted": bool, "files": [{"path", "size_bytes"}], "size_bytes"}``.

    Raises:
        UsageError: there is no such data set.
        StorageError: a file cannot be deleted.
    """
    chosen = list(DATASETS.values()) if name is None else [_known(name)]
    paths = [path for data_set in chosen for path in _ours(data_set)]
    if name is None:
        paths += sorted(decoded.folder().glob(f"*{decoded.SUFFIX}"))
    files = [{"path": str(path), "size_bytes": path.stat().st_size} for path in paths]
    if confirm:
        for path in paths:
            _delete(path)
        for data_set in chosen:
            _delete_empty(sources.cache_folder() / data_set.name)
    return {
        "format": FORMAT,
        "deleted": confirm,
        "files": files,
        "size_bytes": sum(int(str(entry["size_bytes"])) for entry in files),
    }


def _known(name: str) -> DataSet:
    if name not in DATASETS:
        raise UsageError(
            N_("there is no data set named {name}: {hint}"),
            name=name,
            hint=suggestion(name, DATASETS),
        )
    return DATASETS[name]


def _is_cached(data_set: DataSet) -> bool:
    """By size alone: a listing should not read hundreds of megabytes."""
    paths = [(sources.cached_path(data_set, file), file.size_bytes) for file in data_set.files]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _state(data_set: DataSet, file: File) -> str:
    if not sources.cached_path(data_set, file).is_file():
        return "absent"
    return "wrong" if sources.read_cached(data_set, file) is None else "right"


def _published(file: File, content: bytes) -> bytes:
    # No time in the header: the same content always gives the same file.
    return gzip.compress(content, GZIP_LEVEL, mtime=0) if file.name.endswith(".gz") else content


def _described(data: AnyData) -> dict[str, Any]:
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


def _image_stats(data: ImageData) -> dict[str, Any]:
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    values = data.train.x.float() / 255
    return {
        "shape": list(data.shape),
        "num_images": {name: len(images) for name, images in parts.items()},
        "classes": list(data.class_names),
        "images_per_class": {name: _per_class(images, data) for name, images in parts.items()},
        "mean": float(values.mean()),
        "std": float(values.std(correction=0)),
    }


def _point_stats(data: PointData) -> dict[str, Any]:
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        "num_points": {name: len(points) for name, points in parts.items()},
        "num_modes": None if data.modes is None else len(data.modes),
        "mean": data.train.mean(0).tolist(),
        "std": data.train.std(0, correction=0).tolist(),
    }


def _per_class(images: Images, data: ImageData) -> list[int] | None:
    if images.y is None:
        return None
    counts: list[int] = images.y.bincount(minlength=data.num_classes).tolist()
    return counts


def _pair_stats(data: PairData) -> dict[str, Any]:
    """Lengths are in characters."""
    shown = data.train[:NUM_EXAMPLES]
    pairs = (*data.train, *data.validation)
    sides = {"source": [x for x, _ in pairs], "target": [y for _, y in pairs]}
    return {
        "num_pairs": {"train": len(data.train), "validation": len(data.validation)},
        "num_sources": len(set(sides["source"])),
        "longest_chars": {name: max(map(len, texts)) for name, texts in sides.items()},
        "mean_chars": {name: sum(map(len, texts)) / len(texts) for name, texts in sides.items()},
        "alphabet": {name: "".join(sorted(set("".join(texts)))) for name, texts in sides.items()},
        "example": {str(i + 1): f"{x} → {y}" for i, (x, y) in enumerate(shown)},
    }


def _ours(data_set: DataSet) -> list[Path]:
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
