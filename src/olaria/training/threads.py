"""How many threads compute: as many as the user says, else as a run began with, else as a few timed steps find fastest.

The count may change a sum's last digit. So a run of given steps never measures it, and one with a budget records what
it found, for whoever goes on with it or repeats it. How idle threads wait is settled in :mod:`olaria.waiting`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.models.base import Batch, Model
from olaria.numbers import Number
from olaria.recipes.training import TrainingConfig
from olaria.training.device import CPU
from olaria.training.events import Answer, Event, Stepped, Warned
from olaria.training.precision import PROBE_STEPS, Choice, step_seconds
from olaria.vocabulary import MOST_THREADS

VARIABLE = "OLARIA_NUM_THREADS"
_ALSO_SAID = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
FASTER = 1.1
"""Fewer threads are taken where a step is faster by this factor: less is chance."""
MUCH_FASTER = 1.5
"""By this factor one thread must be faster for a run of given steps to say so."""
PROBE_SHARE = 20
"""A run of given steps is timed only where that is less than one part in so many of it."""
WINDOW_S = 10.0
"""Over which the processor time of a run is counted."""
STARVED = 3.0
"""A run is starved that has this many times less processor time than it had."""


def number_said() -> int | None:
    """What :data:`VARIABLE` says, None where it says nothing.

    Raises:
        UsageError: it is not a whole number of threads.
    """
    said = os.environ.get(VARIABLE, "").strip()
    if not said:
        return None
    if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= MOST_THREADS:
        raise UsageError(
            N_("{name}={value} is not a number of threads; set it to 1 or more, or unset it"),
            name=VARIABLE,
            value=said,
        )
    return int(said)


def are_free() -> bool:
    """Whether nobody has said how many there are to be."""
    return not any(os.environ.get(name, "").strip() for name in (VARIABLE, *_ALSO_SAID))


@contextmanager
def saying(count: int | None) -> Iterator[None]:
    """Let :data:`VARIABLE` say ``count`` inside, also to processes that are started there; None changes nothing."""
    before = os.environ.get(VARIABLE)
    if count is not None:
        os.environ[VARIABLE] = str(count)
    try:
        with used():
            yield
    finally:
        if before is not None:
            os.environ[VARIABLE] = before
        elif count is not None:
            del os.environ[VARIABLE]


@contextmanager
def used(recorded: int | None = None) -> Iterator[None]:
    """As many threads inside as the user says, else as were recorded, else PyTorch's; as before after it.

    Args:
        recorded: threads of the run that is gone on with or repeated; more than this machine has are not taken.
    """
    before, count = torch.get_num_threads(), number_said()
    if count is None and are_free() and isinstance(recorded, int):
        count = recorded if 1 <= recorded <= (os.cpu_count() or 1) else None
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)


def choose(
    model: Model, batch: Batch, config: TrainingConfig, choice: Choice, left: int | None
) -> Choice:
    """Time a few steps of a copy with fewer threads; with a budget, use as many as were fastest.

    Args:
        model: is not changed.
        batch: one of the run.
        config: how it is trained.
        choice: its precision, and what was measured already.
        left: steps to go; None where a budget decides, and nobody expects that the clock does not.

    Returns:
        The choice with the seconds of a step and a remark, where there is one to make.
    """
    before = torch.get_num_threads()
    # A run that is over within a few steps is not worth the time.
    is_worth_it = left is None or left >= PROBE_SHARE * 2 * (1 + PROBE_STEPS)
    if before == 1 or not is_worth_it or batch.x.device != CPU or not are_free():
        return choice

    def seconds() -> float:
        return step_seconds(model, batch, config, choice.precision)

    now_s = seconds() if choice.step_s is None else choice.step_s
    count, step_s = fastest(seconds, now_s)
    if left is None and count < before:
        torch.set_num_threads(count)
        return replace(choice, step_s=step_s, remarks=(taken(count, before),))
    if count < before and now_s >= MUCH_FASTER * step_s:
        return replace(choice, step_s=now_s, remarks=(advised(count, now_s / step_s),))
    return replace(choice, step_s=now_s)


def fastest(seconds: Callable[[], float], now_s: float) -> tuple[int, float]:
    """Halve the threads as long as that makes a step clearly faster.

    Small steps gain nothing from many threads, and beside another program each waits for the slowest.

    Args:
        seconds: of one step, measured.
        now_s: seconds of a step with the threads that are in use.

    Returns:
        How many, and the seconds of a step with them; the number in use stays.
    """
    before = count = torch.get_num_threads()
    best_s = now_s
    try:
        while count > 1:
            torch.set_num_threads(count // 2)
            fewer_s = seconds()
            if fewer_s * FASTER > best_s:
                break
            count, best_s = count // 2, fewer_s
    finally:
        torch.set_num_threads(before)
    return count, best_s


def taken(count: int, before: int) -> Message:
    """The note of a run with a budget that trains with fewer threads than it might."""
    return Message(
        N_("a step is faster with fewer threads: training with {count} of {before}; {setting} decides otherwise"),
        {"count": count, "before": before, "setting": Setting("threads", str(before))},
    )  # fmt: skip


def advised(count: int, factor: float) -> Message:
    """The note of a run of given steps, whose threads do not depend on the clock."""
    return Message(
        N_(
            "a step is {factor} times as fast with {setting}: the model is small, or another program uses this "
            "machine; a run of given steps does not choose by itself, so that it can be repeated"
        ),
        {"factor": Number(round(factor, 1), 1), "setting": Setting("threads", str(count))},
    )


class Starved:
    """A listener that warns once where the run gets far less processor time than it had: another program takes it."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()
        self._most = 0.0
        self._num_starved = 0
        self._said = False

    def __call__(self, event: Event) -> Answer:
        """Count at each step, and judge at the end of a window."""
        if not isinstance(event, Stepped) or self._said:
            return None
        now = time.perf_counter(), time.process_time()
        wall_s, own_s = (end - begin for end, begin in zip(now, self._began, strict=True))
        if wall_s < WINDOW_S:
            return None
        self._began, share = now, own_s / wall_s
        self._most = max(self._most, share)
        # A process that was halted for a moment has one such window.
        self._num_starved = self._num_starved + 1 if share * STARVED < self._most else 0
        if self._num_starved < 2:
            return None
        self._said = True
        message = Message(
            N_(
                "this run gets {share}% of a processor and had {most}%: another program uses this machine; end it, "
                "or stop this run and go on with {resume} and {threads}"
            ),
            {
                "share": Number(100 * share, 0),
                "most": Number(100 * self._most, 0),
                "resume": Setting("resume"),
                "threads": Setting("threads", "1"),
            },
        )
        return Warned(step=event.step, elapsed_s=event.elapsed_s, message=message)
