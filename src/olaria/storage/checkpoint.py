"""Checkpoints: a folder of safetensors and JSON that is complete when its manifest is in place.

``manifest.json`` lists every file with its size and SHA-256 and is published last. No pickle is written or read.
PyTorch is imported where tensors are: whoever lists checkpoints has none.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import DamagedError, StorageError
from olaria.i18n import N_, Setting
from olaria.storage.files import (
    FORMAT,
    MOST_BYTES,
    json_text,
    read_document,
    storage_errors,
    sync,
    too_long,
    write_bytes,
    write_json,
)
from olaria.storage.inside import inside
from olaria.storage.paths import openable

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "manifest.json"
STATE = "state.json"
MODEL, EMA, TRAINING = "model", "ema", "training"
"""Files of tensors, without their ending: the weights, their average, and what the optimizers hold."""


def save_checkpoint(
    folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> None:
    """Write one checkpoint.

    Args:
        folder: its own folder, made here; ``step-000500``.
        tensors: file name without ending to named tensors.
        state: JSON values.

    Raises:
        StorageError: it could not be written; nothing complete is left behind.
    """
    from safetensors.torch import save

    assert not is_complete(folder), "a complete checkpoint is never written over"
    if folder.exists():  # a half one of an earlier crash
        remove(folder)
    try:
        for name, group in tensors.items():
            content = {key: value.detach().contiguous() for key, value in group.items()}
            write_bytes(folder / f"{name}.safetensors", save(content))
        write_json(folder / STATE, dict(state))
        files = [folder / f"{name}.safetensors" for name in tensors] + [folder / STATE]
        listed = {path.name: _entry(path) for path in files}
        write_json(folder / MANIFEST, {"format": FORMAT, "files": listed})
        with storage_errors(folder):
            sync(folder.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def is_complete(folder: Path) -> bool:
    """Whether its manifest was published."""
    return inside(folder, MANIFEST).is_file()


def is_spaced(step: int) -> bool:
    """Whether a step is 1, 4, 16, 64, …, a power of four: few of them tell the whole of a run.

    >>> [step for step in range(100) if is_spaced(step)]
    [1, 4, 16, 64]
    """
    return step > 0 and step & (step - 1) == 0 and step.bit_length() % 2 == 1


def is_thin(folder: Path) -> bool:
    """Whether a complete checkpoint keeps the weights alone, so that no training goes on from it; see :func:`thin`."""
    try:
        return f"{TRAINING}.safetensors" not in _listed(folder)
    except DamagedError:  # which whoever reads it is told
        return False


def thin(folder: Path) -> None:
    """Keep of a complete checkpoint what samples are drawn with: the averaged weights where there are some.

    The shorter manifest is published first, so that the checkpoint is complete at every moment; files that a crash
    left besides are deleted when it is thinned again.

    Raises:
        StorageError: something of it could not be written or deleted.
    """
    listed = _listed(folder)
    weights = f"{EMA}.safetensors"
    weights = weights if weights in listed else f"{MODEL}.safetensors"
    kept = {name: entry for name, entry in listed.items() if name in (weights, STATE)}
    if kept != listed:
        write_json(folder / MANIFEST, {"format": FORMAT, "files": kept})
    with storage_errors(folder):
        for path in folder.glob("*.safetensors"):
            if path.name not in kept:
                path.unlink()


def remove(folder: Path) -> None:
    """Delete a checkpoint, its manifest first, so that one that can be deleted in part only is no complete one.

    Raises:
        StorageError: something of it could not be deleted.
    """
    with storage_errors(folder):
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)


def load_checkpoint(
    folder: Path, names: tuple[str, ...] | None = None, most_bytes: int | None = None
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors (of the files ``names``, or of all) and the state, verified against the manifest.

    Args:
        folder: its own.
        names: files without their ending.
        most_bytes: that they may take together. A file of holes costs whoever made it nothing, and its hash an hour.

    Raises:
        StorageError: a file is missing, incomplete, changed or larger than any of ours.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not is_complete(folder):
        raise StorageError(
            N_("checkpoint {path} is incomplete; use another one with {checkpoint}"),
            checkpoint=Setting("checkpoint"),
            path=str(folder),
        )
    manifest = _listed(folder)
    for name in (STATE, *(f"{name}.safetensors" for name in names or ())):
        if name not in manifest:
            raise _damaged(folder / name)
    wanted = {
        name: entry
        for name, entry in manifest.items()
        if names is None or name == STATE or Path(name).stem in names
    }
    stored = 0
    for name in wanted:
        path = folder / name
        if Path(name).name != name or not inside(folder, name).is_file():
            raise _damaged(path)
        size = path.stat().st_size
        stored += size
        if name == STATE and size > MOST_BYTES:
            raise too_long(path, MOST_BYTES)
        if most_bytes is not None and stored > most_bytes:
            raise too_long(path, most_bytes)
    for name, entry in wanted.items():
        if _entry(folder / name) != entry:
            raise _damaged(folder / name)
    tensors = {}
    for name in wanted:
        if name.endswith(".safetensors"):
            try:
                with openable(folder / name) as path:
                    tensors[Path(name).stem] = load_file(path)
            except SafetensorError as error:
                raise DamagedError(
                    N_("cannot use {path}: {reason}"), path=str(folder / name), reason=str(error)
                ) from None
    return tensors, read_document(folder / STATE)


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    """File name to size and SHA-256, as the manifest says, which is byte for byte what was published."""
    path = folder / MANIFEST
    value = read_document(path)
    files = value.get("files")
    is_whole = (
        value.keys() == {"format", "files"} and json_text(value).encode() == path.read_bytes()
    )
    if not isinstance(files, dict) or not is_whole:
        raise _damaged(path)
    return files


def _damaged(path: Path) -> DamagedError:
    return DamagedError(
        N_("{path} is damaged: its content is not what the checkpoint's manifest says"),
        path=str(path),
    )


def _entry(path: Path) -> dict[str, Any]:
    return {"size_bytes": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
