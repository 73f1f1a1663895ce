"""Number format and compilation: decided by what the machine has and by a short probe of the real step."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Generator

from olaria.i18n import N_, Message
from olaria.models.base import Batch, Model
from olaria.training.config import TrainingConfig

COMPILE_REPAYS_AFTER_S = 400.0
"""Budget from which cold compilation of a step (15–40 s on two cores) earns back its time."""

_PROBE_STEPS = 3


@dataclass(frozen=True)
class Choice:
    """What was decided, and what should be said about it."""

    precision: str
    compiled: bool
    notes: tuple[Message, ...] = ()


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, flag, lambda: False)()) for flag in flags)


def has_compiler() -> bool:
    """Whether a C++ compiler is on the path, without which a step cannot be compiled."""
    return any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl"))


@contextmanager
def autocast(precision: str) -> Iterator[None]:
    """Matrix products and convolutions in ``precision``; weights and losses stay float32."""
    context = (
        torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()
    )
    with context:
        yield


def choose(model: Model, batch: Batch, config: TrainingConfig) -> Choice:
    """Decide precision and compilation.

    With ``steps`` nothing may depend on the clock, so the CPU's flag alone decides; with a budget a few real
    steps are timed in both formats on a copy of the model.
    """
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if has_fast_bfloat16() else "float32"
        if precision == "bfloat16" and config.budget is not None:
            precision = min(("bfloat16", "float32"), key=lambda kind: _probe(model, batch, kind))
    compiled, notes = _choose_compile(config, model.compilable)
    return Choice(precision, compiled, notes)


def _choose_compile(config: TrainingConfig, compilable: bool) -> tuple[bool, tuple[Message, ...]]:
    long_enough = config.budget is not None and config.budget >= COMPILE_REPAYS_AFTER_S
    wanted = config.compile == "on" or (config.compile == "auto" and compilable and long_enough)
    if wanted and not has_compiler():
        return False, (Message(N_("no C++ compiler found: training goes on without compilation")),)
    return wanted, ()


def _probe(model: Model, batch: Batch, precision: str) -> float:
    """Seconds of one turn through all phases, the best of a few after one to warm up."""
    trial = copy.deepcopy(model).train()
    times = []
    for _ in range(1 + _PROBE_STEPS):
        began = time.perf_counter()
        for phase in trial.phases():
            with autocast(precision):
                loss = phase.loss(batch, Generator().manual_seed(0)).total
            loss.backward()
        times.append(time.perf_counter() - began)
    return min(times[1:])
