"""One process of several that measure runs together; the first writes what was found, and who computed how much.

python measure_worker.py FILE RUN...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any


class Counting:
    """A team whose parts and pieces are counted, with those that this process computes."""

    def __init__(self, team: Any) -> None:
        self.team, self.is_first, self.given, self.done = team, team.is_first, 0, 0

    def _counted(self, work: Callable[[], Any]) -> Callable[[], Any]:
        self.given += 1

        def counted() -> Any:
            self.done += 1
            return work()

        return counted

    def summed(self, parts: Sequence[Callable[[], Any]], count: int) -> list[float]:
        sums: list[float] = self.team.summed([self._counted(part) for part in parts], count)
        return sums

    def joined(self, pieces: Iterable[Callable[[], Any]]) -> list[Any]:
        def all_of() -> Iterator[Callable[[], Any]]:
            for piece in pieces:
                yield self._counted(piece)

        found: list[Any] = self.team.joined(all_of())
        return found


def main() -> None:
    """Measure all of them."""
    import torch

    from olaria.evaluation import bounds, density
    from olaria.kinds.base import Effort
    from olaria.sampling import latent
    from olaria.training import teamwork
    from olaria.workflows.evaluate import evaluate

    torch.set_num_threads(1)
    # Small blocks, so that little data has several.
    density.BLOCK_ROWS, density.BATCH_SIZE, bounds.BATCH_SIZE, latent._BLOCK = 60, 2, 2, 100
    effort = replace(Effort(), num_samples=520, num_corrected=2, num_chars=40)
    team = teamwork.join()
    found = {}
    for name in sys.argv[2:]:
        counting = Counting(team)
        measured = evaluate(name, effort=effort, team=counting, offline=True)
        found[Path(name).name] = {
            "metrics": measured.metrics,
            "given": counting.given,
            "done": counting.done,
        }
    if team.is_first:
        Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
