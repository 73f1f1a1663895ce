"""What a training wrote down, as arrays, and as curves in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from olaria.i18n import detect_language, translate
from olaria.workflows.words import LABELS, losses

if TYPE_CHECKING:
    from olaria.pages.curves import Panel


_OF_A_ROW = ("step", "elapsed_s", "split")


class Curve(NamedTuple):
    """One metric while a run trained.

    Args:
        steps: ascending, int64 (N,).
        values: float64 (N,); NaN where one was not finite.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"<curve of {len(self.steps)} steps>"


class History(Mapping[str, Mapping[str, Curve]]):
    """Every metric of a training: ``history.train["loss"].values``, ``history.validation["loss"].steps``.

    As a mapping it goes from a metric to its curves by split: ``history["loss"]["train"]``.

    Args:
        rows: of metrics.jsonl.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        rows = list(rows)
        self.rows: list[dict[str, Any]] = [
            {**{name: row[name] for name in _OF_A_ROW if name in row}, **row["values"]}
            for row in rows
        ]
        """One for each moment that was written down: step, elapsed_s, split and the metrics, as a table has them."""
        self.train = _curves(rows, "train")
        self.validation = _curves(rows, "validation")

    def __getitem__(self, metric: str) -> dict[str, Curve]:
        parts = {"train": self.train, "validation": self.validation}
        found = {split: curves[metric] for split, curves in parts.items() if metric in curves}
        if not found:
            raise KeyError(metric)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.train, *self.validation)))

    def __len__(self) -> int:
        return len({*self.train, *self.validation})

    def __repr__(self) -> str:
        return f"<history: {', '.join(self)}>"

    def _panels(self, language: str) -> list[Panel]:
        """A panel for each loss; for each metric where none is one."""
        from olaria.pages.curves import Panel, Series
        from olaria.pages.labels import SPLIT_LABELS

        panels = []
        for metric in losses(self) or list(self):
            series = [
                Series(translate(SPLIT_LABELS[split], language), *curve, points=split != "train")
                for split, curve in self[metric].items()
            ]
            panels.append(Panel(series, translate(LABELS.get(metric, metric), language)))
        return panels

    def _repr_png_(self) -> bytes | None:
        """For notebooks: the losses; nothing of a run that wrote none."""
        if not self:
            return None
        from olaria.pages.curves import loss_curves
        from olaria.pages.style import png

        language = detect_language()
        return png(loss_curves(self._panels(language), language))


def _curves(rows: Iterable[Mapping[str, Any]], split: str) -> dict[str, Curve]:
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row in rows:
        if row["split"] != split:
            continue
        for metric, value in row["values"].items():
            steps, values = found.setdefault(metric, ([], []))
            steps.append(row["step"])
            values.append(float("nan") if value is None else value)
    return {
        metric: Curve(np.array(steps, np.int64), np.array(values, np.float64))
        for metric, (steps, values) in found.items()
    }
