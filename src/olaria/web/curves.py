"""The curves of a run, thinned to what a screen can show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from olaria.evaluation import METRICS
from olaria.i18n import N_, translate
from olaria.workflows.words import LABELS

POINTS, MOST_POINTS = 600, 5000
"""Of a curve: unless asked for otherwise, and at most."""
UNITS = {"_nats": N_("nats")}
"""Units of the parts of a loss, by the ending of their names."""


def curves_of(
    rows: Iterable[Mapping[str, Any]], points: int, language: str
) -> list[dict[str, Any]]:
    """One entry for each metric and split.

    Args:
        rows: of metrics.jsonl.
        points: of a curve, at most.
        language: of its label.

    Returns:
        ``metric``, ``split``, ``label``, ``unit``, ``total`` points, and as equally long lists ``steps``,
        ``elapsed_s`` and ``values``, null where one was not finite.
    """
    found: dict[tuple[str, str], list[tuple[int, float | None, float | None]]] = {}
    for row in rows:
        for metric, value in row["values"].items():
            curve = found.setdefault((metric, row["split"]), [])
            curve.append((row["step"], row.get("elapsed_s"), value))
    return [
        {
            "metric": metric,
            "split": split,
            "label": label_of(metric, language),
            "unit": translate(unit_of(metric), language),
            "total": len(curve),
            **_columns([curve[place] for place in kept([point[2] for point in curve], points)]),
        }
        for (metric, split), curve in found.items()
    ]


def _columns(curve: Sequence[tuple[int, float | None, float | None]]) -> dict[str, list[Any]]:
    steps, elapsed, values = ([*column] for column in zip(*curve, strict=True))
    return {"steps": steps, "elapsed_s": elapsed, "values": values}


def kept(values: Sequence[float | None], points: int) -> list[int]:
    """Places of the values that a thinned curve keeps, ascending.

    The first and the last stay, and of each of equally long stretches between them the smallest and the largest, so
    that no peak is lost; a gap stays one where a stretch is all gaps.

    Args:
        values: of a curve; None where it has a gap.
        points: how many are kept at most, 4 or more.

    >>> kept([0, 9, 1, 1, 1, 1, -5, 1, 1, 2], 6)
    [0, 1, 2, 5, 6, 9]
    """
    count = len(values)
    if count <= points:
        return [*range(count)]
    stretches = (points - 2) // 2
    places = {0, count - 1}
    for number in range(stretches):
        begin = 1 + number * (count - 2) // stretches
        end = 1 + (number + 1) * (count - 2) // stretches
        whole = [
            (value, place) for place in range(begin, end) if (value := values[place]) is not None
        ]
        if not whole:
            places.add(begin)
            continue
        places |= {min(whole)[1], max(whole, key=lambda pair: (pair[0], -pair[1]))[1]}
    return sorted(places)


def label_of(metric: str, language: str) -> str:
    """What a metric is called."""
    title = LABELS.get(metric) or (METRICS[metric].title if metric in METRICS else metric)
    return translate(title, language)


def unit_of(metric: str) -> str:
    """In what a metric is measured, a source string; empty for a pure number."""
    if metric in METRICS:
        return METRICS[metric].unit
    return next((unit for ending, unit in UNITS.items() if metric.endswith(ending)), "")
