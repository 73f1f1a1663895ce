"""When things happen: the clock of a budget, the learning rate, and periodic events."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from olaria.recipes.training import TrainingConfig
from olaria.storage.checkpoint import is_spaced


class Clock:
    """Seconds that count towards a budget: all since the start but those inside :meth:`excluded`.

    Args:
        started: reading of ``now`` at which the budget began.
        carried: seconds that an earlier part of the same run has used.
        now: monotonic seconds.
    """

    def __init__(
        self,
        started: float | None = None,
        carried: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._started = now() if started is None else started
        self._carried = carried
        self.excluded_s = 0.0

    def used_s(self) -> float:
        """Seconds counted so far."""
        return self._carried + self._now() - self._started - self.excluded_s

    @contextmanager
    def excluded(self) -> Iterator[None]:
        """What runs inside does not count."""
        began = self._now()
        try:
            yield
        finally:
            self.excluded_s += self._now() - began


class Rate:
    """How fast the last steps were.

    Args:
        window_s: seconds of steps that count; one step counts always.
    """

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._recent: deque[tuple[float, int]] = deque()
        self._seconds = 0.0
        self._units = 0

    def note(self, duration_s: float, units: int) -> None:
        """Add a step of so many examples or tokens."""
        self._recent.append((duration_s, units))
        self._seconds += duration_s
        self._units += units
        while self._seconds > self._window_s and len(self._recent) > 1:
            gone_s, gone_units = self._recent.popleft()
            self._seconds -= gone_s
            self._units -= gone_units

    @property
    def units_per_s(self) -> float:
        """Examples or tokens per second."""
        return self._units / self._seconds

    @property
    def step_s(self) -> float:
        """Seconds of a step."""
        return self._seconds / len(self._recent)


def learning_rate_factor(config: TrainingConfig, step: int, fraction: float) -> float:
    r"""Factor on the learning rate.

    .. math:: \min(1, \tfrac{s + 1}{w}) \cdot \bigl(f + (1 - f)\, d(u)\bigr), \quad
              u = \tfrac{\text{fraction} - a}{1 - a} \text{ clamped to } [0, 1]

    with :math:`d(u) = 1 - u` (linear), :math:`\tfrac12 (1 + \cos \pi u)` (cosine) or 1 (constant).

    Args:
        config: ``warmup_steps`` w, ``decay`` d, ``decay_from`` a, ``final_factor`` f.
        step: updates made so far, s.
        fraction: of the run that is over, in [0, 1].
    """
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.decay == "constant":
        return warmup
    progress = min(1.0, max(0.0, (fraction - config.decay_from) / (1 - config.decay_from)))
    falling = 1 - progress if config.decay == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return warmup * (config.final_factor + (1 - config.final_factor) * falling)


class Recurrence:
    """Says when a periodic act is due.

    Args:
        every: in steps; None spreads ``count`` acts evenly over the run.
        count: acts over the run where ``every`` is None.
        dense_start: also at steps 1, 2, 4, … 64, so that the beginning is seen.
        spaced: also at steps 1, 4, 16, …, however they are spread.
    """

    def __init__(
        self, every: int | None, count: int, dense_start: bool = False, spaced: bool = False
    ) -> None:
        self.every = every
        self.count = count
        self.dense_start = dense_start
        self.spaced = spaced

    def due(self, step: int, before: float, after: float) -> bool:
        """Whether the act is due at the end of ``step``, which took the run from fraction ``before`` to ``after``."""
        if self.spaced and is_spaced(step):
            return True
        if self.every is not None:
            return step % self.every == 0
        if self.dense_start and step <= 64 and step & (step - 1) == 0:
            return True
        return math.floor(after * self.count) > math.floor(before * self.count)
