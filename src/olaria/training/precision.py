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

from olaria.draws import part_of_batch
from olaria.i18n import N_, Message
from olaria.models.base import Batch, Model, Phase
from olaria.recipes.training import TrainingConfig
from olaria.training.device import CPU, default_precision, finish
from olaria.training.optim import Optimizer
from olaria.training.randomness import seeded
from olaria.training.turn import Turn

COMPILE_REPAYS_AFTER_S = 400.0
"""Budget from which cold compilation of a step (15–40 s on two cores) earns back its time."""

PROBE_STEPS = 2
"""Steps that are timed, after one to warm up."""
PROBE_S = 2.0
"""Timing ends after the step that passes this."""


@dataclass(frozen=True)
class Choice:
    """What was decided, and what should be said about it."""

    precision: str
    compiled: bool
    notes: tuple[Message, ...] = ()
    step_s: float | None = None
    """Seconds of one step in this precision, where it was measured."""
    remarks: tuple[Message, ...] = ()
    """What is worth knowing and no reason to worry."""


def has_fast_bfloat16(device: torch.device = CPU) -> bool:
    """Whether the device multiplies bfloat16 in hardware; a CPU does by AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, flag, lambda: False)()) for flag in flags)


def has_compiler() -> bool:
    """Whether a C++ compiler is on the path, without which a step cannot be compiled."""
    return any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl"))


@contextmanager
def autocast(precision: str, device: torch.device = CPU) -> Iterator[None]:
    """Matrix products and convolutions in ``precision``; weights and losses stay float32."""
    is_short = precision == "bfloat16"
    context = torch.autocast(device.type, dtype=torch.bfloat16) if is_short else nullcontext()
    with context:
        yield


def choose(model: Model, batch: Batch, config: TrainingConfig) -> Choice:
    """Decide precision and compilation.

    With ``steps`` nothing may depend on the clock, so the CPU's flag alone decides; with a budget a few real
    steps are timed in both formats on a copy of the model.
    """
    precision: str = config.precision
    step_s = None
    device = next(model.parameters()).device
    if precision == "auto":
        precision = default_precision(device, has_fast_bfloat16(device))
        if precision == "bfloat16" and config.budget is not None and device == CPU:
            times = {
                kind: step_seconds(model, batch, config, kind) for kind in ("bfloat16", "float32")
            }
            precision, step_s = min(times.items(), key=lambda item: item[1])
    # What a compiled step gains, and what compiling costs, is measured on a CPU alone.
    compiled, notes = _choose_compile(config, model.compilable and device == CPU)
    return Choice(precision, compiled, notes, step_s)


def will_compile(config: TrainingConfig, compilable: bool) -> bool:
    """Whether steps are to be compiled, given a compiler."""
    long_enough = config.budget is not None and config.budget >= COMPILE_REPAYS_AFTER_S
    return config.compile == "on" or (config.compile == "auto" and compilable and long_enough)


def _choose_compile(config: TrainingConfig, compilable: bool) -> tuple[bool, tuple[Message, ...]]:
    wanted = will_compile(config, compilable)
    if wanted and not has_compiler():
        return False, (Message(N_("no C++ compiler found: training goes on without compilation")),)
    return wanted, ()


def step_seconds(model: Model, batch: Batch, config: TrainingConfig, precision: str) -> float:
    """Seconds of one real step, the best of a few; on a copy, so that the model stays as it is."""
    trial = copy.deepcopy(model).train()
    turn = Turn(trial, config)
    times: list[float] = []
    while len(times) <= PROBE_STEPS and sum(times) < PROBE_S:
        began = time.perf_counter()
        with seeded(0, "probe"):
            for phase, own in turn:
                for _ in range(phase.updates):
                    turn.only(phase)
                    _update(phase, batch, precision, own)
        finish(batch.x.device)
        times.append(time.perf_counter() - began)
    return min(times[1:], default=times[0])


def _update(phase: Phase, batch: Batch, precision: str, optimizers: list[Optimizer]) -> None:
    """One update as the loop makes it, without its checks."""
    device = batch.x.device
    with autocast(precision, device), part_of_batch(0, 1, device):
        loss = phase.loss(batch, Generator().manual_seed(0)).total
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
