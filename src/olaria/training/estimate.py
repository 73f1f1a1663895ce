r"""How much memory a training run will take, known before anything large is allocated.

.. math:: M = c + d + w + o + a + k \max(w + s, g + u, g + e, g + 2 f)

with the process c, the data d, the weights w, the optimizers' state o, the averaged weights a, one step's gradients and
activations at their peak s (first made on a copy of the weights, see :func:`olaria.training.precision.step_seconds`),
the gradients g, an update's working memory u, a block of validation e, and the largest file f of a checkpoint, which is
copied twice while it is written. What comes and goes takes k = :data:`GAPS` times its size.

Shapes are enough to know all of it: the model is built of PyTorch's *fake* tensors, which have no content, and one real
step is made with them while every storage that is born or dies is counted. Fake tensors cost a second, most of it the
import of PyTorch's compiler. A model of a few megabytes is therefore built as it is, and makes the step itself: the
operations are the same, and so are the bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from olaria.errors import ResourceError
from olaria.i18n import N_, Message, Setting
from olaria.models.base import Batch, Model, Phase
from olaria.recipes.training import TrainingConfig
from olaria.training.optim import takes_muon
from olaria.training.precision import autocast
from olaria.training.randomness import seeded
from olaria.training.tally import MOST_TENSORS, Tally, TooLargeError
from olaria.training.turn import parameters_of

PROCESS_BYTES = 330 * 2**20
"""The interpreter, PyTorch and what else is loaded, before any data (measured: Linux, x86-64, PyTorch 2.13 for CPU)."""
COMPILER_BYTES = 400 * 2**20
"""What compiling a step adds (measured likewise)."""
GAPS = 2.0
"""What comes and goes takes so many times its size: the allocator keeps what is freed, in pieces that do not always
fit what is asked for next (measured over the families: 1.9 to 2.6)."""
TIGHT = 0.8
"""Share of the machine's memory from which a run is warned of."""
STATE_COPIES = {"adam": 2, "muon": 1}
"""Numbers that an optimizer keeps per parameter: two moments, or one momentum."""
FLOAT32_BYTES = 4
MUON_UPDATE_BYTES = 14
"""Working memory of Muon's update per number of a stack of equal matrices: float32 twice, bfloat16 three times."""
TRIAL_COPIES = 1
"""Copies of the weights that live while a few steps are timed beforehand."""
LEAST_COPIES = 4
"""What a run keeps of each weight at the least: itself, its gradient, one number of state, and the trial's copy."""
SMALL_BYTES = 16 * 2**20
"""Weights of a model that is measured as it is."""
SMALL_EXAMPLE = 4096
"""Numbers of an example (32 × 32 pixels in color, a thousand tokens) that a step is tried with."""
SMALL_STEP_BYTES = 256 * 2**20
"""What a step that is tried may take; it lasts about a tenth of a second."""
TRIED = 2
"""Examples of the first trial, which foretells the whole batch."""


@dataclass(frozen=True)
class Memory:
    """What a run takes, in bytes, by what takes it; :attr:`total` is its peak.

    Args:
        process: interpreter and libraries.
        data: whole in memory.
        weights: parameters and buffers.
        gradients: of the phase that has the most.
        step: gradients and activations at the peak of one step; the gradients alone where ``is_exact`` is False.
        optimizer: its state.
        average: the averaged weights.
        update: working memory of the optimizer.
        watching: activations of a block of validation.
        saving: copies made while a checkpoint is written.
        is_exact: whether the model's step could be followed without content; otherwise the total is a lower bound.
    """

    process: int
    data: int
    weights: int
    gradients: int
    step: int
    optimizer: int
    average: int
    update: int
    watching: int
    saving: int
    is_exact: bool = True

    @property
    def total(self) -> int:
        """The peak: what stays, and the largest of what comes and goes."""
        staying = self.process + self.data + self.weights + self.optimizer + self.average
        trial = TRIAL_COPIES * self.weights + self.step
        between = self.gradients + max(self.update, self.watching, self.saving)
        return staying + round(GAPS * max(trial, between))

    @property
    def checkpoint(self) -> int:
        """What one checkpoint takes on disk."""
        return self.weights + self.average + self.optimizer


def without_content(
    build: Callable[[], Model], limit: int | None = None, *, runs: bool = True
) -> Model | None:
    """The model as shapes, in no memory; None where it cannot be built so.

    Args:
        build: makes it.
        limit: bytes of memory for weights, gradients and the optimizer's state together.
        runs: whether it is to be run as well; a model that is only counted is built three times as fast.

    Raises:
        ResourceError: its weights alone are beyond ``limit``.
    """
    tally = Tally(limit=None if limit is None else limit // LEAST_COPIES)
    try:
        with _fake_mode()() if runs else torch.device("meta"), tally:
            return build()
    except TooLargeError:
        if limit is None or LEAST_COPIES * tally.live <= limit:
            raise ResourceError(
                N_(
                    "this model has over {count} tensors, more than can be trained; lower its layers"
                ),
                count=MOST_TENSORS,
            ) from None
        raise _beyond(LEAST_COPIES * tally.live, limit) from None
    except (RuntimeError, TypeError, OverflowError) as error:
        if "overflow" in str(error).lower():  # more numbers than a 64-bit count
            raise _beyond(2**63, limit) from None
        return None


def built_small(build: Callable[[], Model], limit: int = SMALL_BYTES) -> Model | None:
    """The model as it is, if its weights are at most ``limit`` bytes; None where it is larger.

    Args:
        build: makes it, of tensors that are no larger each than a few times :data:`SMALL_BYTES`.
        limit: at which building ends.
    """
    try:
        with Tally(limit=limit):
            return build()
    except TooLargeError:
        return None


def can_be_tried(model: Model, batch: Batch, watched: int) -> bool:
    """Whether a step, and ``watched`` examples, can be measured as they are: a few of them foretell what they take."""
    numel = max(value[0].numel() for value in (batch.x, batch.y) if value is not None)
    if numel > SMALL_EXAMPLE:
        return False
    count = max(len(batch.x), watched)
    tried = min(TRIED, len(batch.x))
    sizes = [_forward_bytes(model, phase, _like(batch, tried)) for phase in model.phases()]
    # Differentiation makes of each activation a gradient of its size.
    return all(size is not None and 2 * size * count <= SMALL_STEP_BYTES * tried for size in sizes)


def _forward_bytes(model: Model, phase: Phase, batch: Batch) -> int | None:
    """Activations of a loss at their peak; None where they are beyond what may be tried, or so few are refused."""
    tally = Tally([*model.parameters(), *model.buffers()], SMALL_STEP_BYTES)
    try:
        with seeded(0, "estimate"), _only(model, phase), tally:
            phase.loss(batch, Generator())
    except (RuntimeError, ValueError, TooLargeError):
        return None
    return tally.peak


def estimate(
    model: Model,
    batch: Batch,
    config: TrainingConfig,
    *,
    precision: str,
    compiled: bool = False,
    data_bytes: int = 0,
    watched: int = 0,
) -> Memory:
    """The memory of training ``model``.

    Args:
        model: see :func:`without_content`; or a copy of a small one, whose buffers change, see :func:`can_be_tried`.
        batch: the largest of the run; only its shapes count.
        config: how it is trained.
        precision: ``float32`` or ``bfloat16``.
        compiled: whether steps are compiled.
        data_bytes: of the data in memory.
        watched: examples of a block of validation.

    Returns:
        The prediction; measured runs of all families lie within a factor of two.
    """
    weights = _size([*model.parameters(), *model.buffers()])
    phases = model.phases()
    gradients = max(_size(parameters_of(phase)) for phase in phases)
    optimizer = sum(_state_bytes(phase, config) for phase in phases)
    saved = weights + (weights if config.ema else 0) + optimizer
    steps = [_step_bytes(model, phase, batch, precision) for phase in phases]
    known = [step for step in steps if step is not None]
    watching = _watching_bytes(model, batch, watched) if watched else 0
    return Memory(
        process=PROCESS_BYTES + (COMPILER_BYTES if compiled else 0),
        data=data_bytes,
        weights=weights,
        gradients=gradients,
        step=max([gradients, *known]),
        optimizer=optimizer,
        average=weights if config.ema else 0,
        update=max(_update_bytes(phase, config) for phase in phases),
        watching=watching or 0,
        saving=2 * max(weights, optimizer) + (saved if config.background_saving else 0),
        is_exact=len(known) == len(steps) and watching is not None,
    )


def check(memory: Memory, available: int | None) -> Message | None:
    """Compare a prediction with what the machine has.

    Args:
        memory: the prediction.
        available: bytes; None where unknown.

    Returns:
        A warning where it is more than :data:`TIGHT` of it.

    Raises:
        ResourceError: it is more than there is.
    """
    if available is None:
        return None
    if memory.total > available:
        raise _beyond(memory.total, available)
    if memory.total <= TIGHT * available:
        return None
    return Message(
        N_(
            "this run needs about {needed} GB of the {available} GB of memory: close other programs"
        ),
        {"needed": in_gigabytes(memory.total), "available": in_gigabytes(available)},
    )


def in_gigabytes(size_bytes: int) -> float:
    """For messages: gigabytes (10⁹ bytes) with two significant digits, or more above a hundred.

    >>> in_gigabytes(5_417_000_000), in_gigabytes(120_000_000), in_gigabytes(3_216_000_000_000)
    (5.4, 0.12, 3216)
    """
    size = size_bytes / 1e9
    return round(size) if size >= 10 else float(f"{size:.2g}")


def _beyond(needed: int, available: int | None) -> ResourceError:
    return ResourceError(
        N_(
            "this model needs at least {needed} GB of memory and there are {available} GB; take "
            "a smaller {size}, model.width or training.batch_size, or a smaller vocabulary"
        ),
        size=Setting("size"),
        needed=in_gigabytes(needed),
        available=in_gigabytes(available or 0),
    )


def _step_bytes(model: Model, phase: Phase, batch: Batch, precision: str) -> int | None:
    """Gradients and activations of one update at their peak; None where content would be needed."""
    tally = Tally([*model.parameters(), *model.buffers()])
    try:
        with seeded(0, "estimate"), _mode_of(model), _only(model, phase), tally:
            batch = _like(batch)
            with autocast(precision):
                total = phase.loss(batch, Generator()).total
            total.backward()
    except (RuntimeError, NotImplementedError):
        return None
    finally:
        model.zero_grad(set_to_none=True)
    return tally.peak


def _watching_bytes(model: Model, batch: Batch, count: int) -> int | None:
    """Activations of ``count`` examples measured without gradients, in float32, as :mod:`olaria.evaluation` does."""
    tally = Tally([*model.parameters(), *model.buffers()])
    try:
        with seeded(0, "estimate"), _mode_of(model), torch.no_grad(), tally:
            model.eval().phases()[0].loss(_like(batch, count), Generator())
    except (RuntimeError, NotImplementedError):
        return None
    return tally.peak


def _like(batch: Batch, count: int | None = None) -> Batch:
    """A batch of the same shapes, or of ``count`` examples, made in the mode of the moment."""
    fields = {
        name: torch.zeros(count or len(value), *value.shape[1:], dtype=value.dtype)
        for name, value in vars(batch).items()
        if value is not None
    }
    return replace(batch, **fields)


def _fake_mode() -> Any:
    # Imported late: it takes as long as what an optimizer's first use imports anyway, and most commands need neither.
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode


def _mode_of(model: Model) -> Any:
    """The mode that makes tensors like the model's: without content, or with."""
    return getattr(next(model.parameters()), "fake_mode", None) or nullcontext()


@contextmanager
def _only(model: Model, phase: Phase) -> Iterator[None]:
    """Gradients for the phase's parameters alone, as in training."""
    own = {id(parameter) for parameter in parameters_of(phase)}
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for parameter, _ in before:
        parameter.requires_grad_(id(parameter) in own)
    model.train()
    try:
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)


def _size(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _state_bytes(phase: Phase, config: TrainingConfig) -> int:
    total = 0
    for group in phase.groups:
        is_muon = takes_muon(group, config)
        total += _size(group.parameters) * STATE_COPIES["muon" if is_muon else "adam"]
        if is_muon:  # and a number for each row
            total += sum(len(parameter) for parameter in group.parameters) * FLOAT32_BYTES
    return total


def _update_bytes(phase: Phase, config: TrainingConfig) -> int:
    """Of the largest stack of equal matrices, which Muon updates at once; Adam works in place."""
    stacks: dict[torch.Size, int] = defaultdict(int)
    for group in phase.groups:
        if takes_muon(group, config):
            for parameter in group.parameters:
                stacks[parameter.shape] += parameter.numel() * MUON_UPDATE_BYTES
    return max(stacks.values(), default=0)
