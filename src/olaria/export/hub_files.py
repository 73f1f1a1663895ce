"""Which files travel to and from the Hugging Face hub, and what is checked of them: names, sizes, hashes; no pickle."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from olaria.errors import DataError, IntegrityError, StorageError
from olaria.export.card import README
from olaria.export.gpt2_weights import INDEX, PICKLES
from olaria.i18n import N_
from olaria.storage.files import storage_errors
from olaria.storage.inside import inside

CONFIG, CODE, WEIGHTS = "config.json", "model.py", ".safetensors"
NAMES = (
    *(README, CONFIG, CODE, INDEX, "generation_config.json", "LICENSE"),
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.py", "vocab.json", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json"),
)
"""What travels besides weights."""
MOST_BYTES = 100_000_000
"""Of a file that holds no weights."""
_REPOSITORY = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_WEIGHTS = re.compile(rf"\w[\w.-]*{re.escape(WEIGHTS)}", re.ASCII)
_BLOCK_BYTES = 1 << 20


def check_repository(name: str) -> None:
    """Refuse what cannot be a repository's name.

    Raises:
        DataError: it is not of the form ``OWNER/NAME``, or ``NAME``.
    """
    is_odd = "--" in name or ".." in name or name.endswith((".git", ".", "-"))
    if is_odd or not _REPOSITORY.fullmatch(name):
        raise DataError(
            N_("{name} is no name of a repository; write OWNER/NAME, such as ana/vae-mnist"),
            name=name,
        )


def travels(name: str) -> bool:
    """Whether a file of this name is sent and fetched.

    >>> travels("model.safetensors"), travels("pytorch_model.bin"), travels("sub/config.json")
    (True, False, False)
    """
    return name in NAMES or _WEIGHTS.fullmatch(name) is not None


def is_model_folder(folder: Path) -> bool:
    """Whether a folder has settings and weights as an exported one has."""
    return (folder / CONFIG).is_file() and any(folder.glob(f"*{WEIGHTS}"))


def sent_files(folder: Path) -> tuple[list[Path], list[str]]:
    """The files of a folder that are sent, and the names of what stays.

    Raises:
        DamagedError: one of them is a link or a special file.
    """
    with storage_errors(folder):
        names = sorted(path.name for path in folder.iterdir())
    return [inside(folder, name) for name in names if travels(name)], [
        name for name in names if not travels(name)
    ]


def check_listed(files: Sequence[Any], left_out: Sequence[str], folder: Path, address: str) -> None:
    """Refuse, before anything is fetched, what is no model in safetensors or does not fit.

    Args:
        files: of the hub's listing, those for which :func:`travels`.
        left_out: names of the others.
        folder: that they would come to.
        address: of the repository.

    Raises:
        DataError: its weights lie in pickles alone, a file is missing or larger than such a file may be.
        StorageError: there is not enough space.
    """
    names = [one.rfilename for one in files]
    pickled = next((name for name in left_out if name.endswith(PICKLES)), None)
    if pickled and not any(name.endswith(WEIGHTS) for name in names):
        raise DataError(
            N_(
                "{address} has its weights in {file} alone, which is not fetched: a file of this kind can run "
                "programs; ask its owner for safetensors, or save it so with the transformers library"
            ),
            address=address,
            file=pickled,
        )
    for ending, shown in ((CONFIG, CONFIG), (WEIGHTS, f"*{WEIGHTS}")):
        if not any(name.endswith(ending) for name in names):
            raise DataError(
                N_("{address} is no folder of a model: it has no {file}"),
                address=address,
                file=shown,
            )
    for one in files:
        if not isinstance(one.size, int) or (
            one.size > MOST_BYTES and not one.rfilename.endswith(WEIGHTS)
        ):
            raise DataError(
                N_("{path} has {size} bytes, more than the {most} such a file may have"),
                path=f"{address}: {one.rfilename}",
                size=one.size,
                most=MOST_BYTES,
            )
    needed, free = sum(one.size for one in files), shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            N_("{address} has {needed} bytes and {path} has room for {free}; make room for it"),
            address=address,
            needed=needed,
            path=str(folder.parent),
            free=free,
        )


def check_fetched_file(path: Path, named: Any, address: str) -> None:
    """Compare a file with what the listing says of it: SHA-256 of a large one, git's SHA-1 of the others.

    Raises:
        IntegrityError: it is another one.
    """
    size = path.stat().st_size
    start = f"blob {size}\0".encode()
    digest = hashlib.sha256() if named.lfs else hashlib.sha1(start, usedforsecurity=False)
    with path.open("rb") as file:
        for block in iter(partial(file.read, _BLOCK_BYTES), b""):
            digest.update(block)
    wanted = named.lfs.sha256 if named.lfs else named.blob_id
    if size != named.size or digest.hexdigest() != wanted:
        raise IntegrityError(
            N_("{file} of {address} came with other bytes than its listing names; try again later"),
            file=named.rfilename,
            address=address,
        )
