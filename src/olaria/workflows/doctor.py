"""The environment: what Olaria finds on this machine, and what is missing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from olaria.errors import StorageError
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import DEVICE
from olaria.workflows.requests import Document, Request
from olaria.workflows.requests.verbs import verb

VARIABLES = (
    "OLARIA_HOME",
    "OLARIA_RUNS",
    "OLARIA_LANG",
    "OLARIA_OFFLINE",
    "OLARIA_MIRROR",
    "OLARIA_NUM_THREADS",
)
EXTRAS = (
    "weasyprint",
    "ziamath",
    "sacrebleu",
    "umap",
    "pypdf",
    "pyarrow",
    "fastapi",
    "starlette",
    "uvicorn",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "sklearn",
    "optuna",
    "tensorboard",
    "mlflow",
    "wandb",
    "huggingface_hub",
)
"""Modules of the optional dependencies."""
LOW_DISK_BYTES = 2 * 10**9
LOW_MEMORY_BYTES = 2 * 10**9


@dataclass(frozen=True, kw_only=True)
class DoctorRequest(Request):
    """What ``doctor`` takes."""

    summary = N_("Show the environment, and what to mend in it.")


@verb(DoctorRequest)
def doctor(_request: DoctorRequest) -> Document:
    """Machine, versions, folders, variables, extras, and advice as stored messages."""
    from olaria.data import places
    from olaria.storage.folder import runs_home
    from olaria.training import machine

    described = machine.describe()
    place = runs_home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    try:
        used = places.mirror_folder()
        mirror = None if used is None else str(used)
    except StorageError:  # told as advice
        mirror = None
    return Document(
        format=1,
        machine=described,
        device=DEVICE,
        runs=str(runs_home()),
        free_bytes=free,
        mirror=mirror,
        variables={name: os.environ[name] for name in VARIABLES if name in os.environ},
        extras={name: find_spec(name) is not None for name in EXTRAS},
        advice=[message.to_json() for message in _advice(described, free)],
    )


def _advice(described: dict[str, Any], free_bytes: int) -> list[Message]:
    from olaria.data import places

    advice = []
    if not described["bfloat16_in_hardware"]:
        advice.append(
            Message(
                N_(
                    "this CPU has no bfloat16 products: training runs in float32, about half as fast"
                )
            )
        )
    if not described["compiler"]:
        advice.append(
            Message(
                N_("no C++ compiler found: long GPT runs are not compiled, about a fifth slower")
            )
        )
    if free_bytes < LOW_DISK_BYTES:
        advice.append(Message(N_("little disk space is left where runs are written")))
    if described["gpu"] is not None:
        message = N_(
            "{gpu} is there, and training takes the CPU unless asked: {device} takes the GPU. "
            "What it computes is not measured yet; docs/gpu.md says how to measure it"
        )
        advice.append(
            Message(message, {"gpu": described["gpu"], "device": Setting("device", "auto")})
        )
    memory = described["memory_bytes"]
    if memory is not None and memory < LOW_MEMORY_BYTES:
        tiny = {"size": Setting("size", "tiny")}
        advice.append(Message(N_("little memory: use {size}"), tiny))
    try:
        mirror = places.mirror()
    except StorageError as error:
        return [*advice, error.message]
    if mirror is not None and not mirror.folder.is_dir():
        message = (
            N_("OLARIA_MIRROR={path} is not a folder")
            if mirror.by == places.VARIABLE
            else N_(
                "the remembered mirror {path} is not there: plug it in, or olaria data use --none forgets it"
            )
        )
        advice.append(Message(message, {"path": str(mirror.folder)}))
    return advice
