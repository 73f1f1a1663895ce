"""Where tensors lie while a model trains, and what that asks of the number format.

Data, noise and measurements stay on the CPU whatever the device is: batches and draws are moved to it, so a seed means
the same everywhere. Only the CPU is measured by us; the others are written by their documentation, and tested as far as
a machine without them can.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from torch import Tensor

from olaria.errors import ConfigError
from olaria.i18n import N_, Setting
from olaria.models.base import Batch

CPU = torch.device("cpu")


def available() -> dict[str, bool]:
    """Which devices this machine has."""
    return {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }


def choose_device(
    asked: str,
    found: Mapping[str, bool] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> torch.device:
    """The device that is asked for; ``auto`` is an NVIDIA GPU where there is one, else the CPU.

    Of several processes on a machine each takes the GPU of its number, ``LOCAL_RANK``. Apple's GPUs are taken when they
    are asked for: small models are often slower there. On an NVIDIA GPU float32 is float32 from then on, in
    convolutions too, which PyTorch rounds to TF32 (10 bits) unless it is told.

    Args:
        asked: ``auto``, or the name of one.
        found: see :func:`available`.
        environment: where ``torchrun`` tells a process its number.

    Raises:
        ConfigError: the machine has no such device.
    """
    there = available() if found is None else found
    kind = ("cuda" if there["cuda"] else "cpu") if asked == "auto" else asked
    if not there.get(kind, False):
        raise ConfigError(
            N_(
                "this machine has no {device} that PyTorch can use; leave {setting} out, or use {cpu}"
            ),
            cpu=Setting("device", "cpu"),
            setting=Setting("device"),
            device=kind,
        )
    if kind == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        return torch.device(kind, int(environment.get("LOCAL_RANK", "0")))
    return torch.device(kind)


def default_precision(device: torch.device, has_bfloat16: bool) -> str:
    """The number format where none is asked for: bfloat16 where it is multiplied in hardware, but not on Apple's GPUs,
    whose gain is small and whose operations are not all there in it.

    >>> default_precision(torch.device("mps"), True), default_precision(CPU, True)
    ('float32', 'bfloat16')
    """
    return "bfloat16" if has_bfloat16 and device.type != "mps" else "float32"


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch on the device; the very same on the CPU."""
    if device == CPU:
        return batch
    return Batch(batch.x.to(device), None if batch.y is None else batch.y.to(device))


def finish(device: torch.device) -> None:
    """Wait for what a GPU was given to do, which it does while the program goes on; a clock is read only then."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def at_home(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, where they are stored from; the very same if they are there."""
    return {name: tensor.cpu() for name, tensor in tensors.items()}
