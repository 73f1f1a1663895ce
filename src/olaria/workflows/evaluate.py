"""Measure a run on what it has not seen, by the protocols of ``docs/protocols.md``, and keep it in evaluation.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from olaria.data.base import Progress
from olaria.errors import UsageError, suggestion
from olaria.evaluation import METRICS
from olaria.i18n import N_, Message
from olaria.kinds import KINDS
from olaria.kinds.base import FULL, REDUCED, SEED, STANDARD, Effort
from olaria.runs import Run
from olaria.storage import folder as files


def evaluate(
    run: str | Path | Run,
    *,
    metrics: Sequence[str] = (),
    effort: Effort = STANDARD,
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a run; the result is stored as evaluation.json and returned.

    Args:
        run: a run, its name or its path.
        metrics: keys to report; all of the family's where empty.
        effort: how much is drawn.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: told of downloads.

    Returns:
        ``{"format", "run", "family", "protocol", "metrics", "reasons"}``; an unavailable metric is null with a reason.

    Raises:
        UsageError: no such metric.
    """
    for name in metrics:
        if name not in METRICS:
            raise UsageError(
                N_("unknown metric {name}: {hint}"), name=name, hint=suggestion(name, METRICS)
            )
    run = run if isinstance(run, Run) else Run(run)
    step, _ = run.checkpoint(checkpoint)
    model = run.model(checkpoint)  # first: what is no model of this run is told before data is read
    data = run.data(offline=offline, progress=progress)
    kind = KINDS[run.recipe.kind]
    found = kind.measure(run, model, data, effort, offline)
    protocol = {
        "data": data.name,
        "data_sha256": data.sha256,
        "split": kind.split,
        "seed": SEED,
        "checkpoint": step,
        "ema": run.recipe.training.ema > 0,
        "precision": "float32",
        **found.protocol,
    }
    content = {
        "format": 1,
        "run": run.name,
        "family": run.family,
        "protocol": protocol,
        "metrics": _chosen(found.metrics, metrics),
        "reasons": {
            name: reason.to_json()
            for name, reason in found.reasons.items()
            if not metrics or name in metrics
        },
    }
    run.folder.write(files.EVALUATION, content)
    return content


@dataclass(frozen=True)
class _Found:
    metrics: dict[str, Any]
    protocol: dict[str, Any]
    reasons: dict[str, Message]


def _chosen(metrics: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    missing = [name for name in names if name not in metrics]
    if missing:
        raise UsageError(
            N_("metric {name} does not apply here: {hint}"),
            name=missing[0],
            hint=suggestion(missing[0], metrics),
        )
    return {name: metrics[name] for name in names or metrics}


def effort_of(
    *, full: bool = False, reduced: bool = False, num_samples: int | None = None
) -> Effort:
    """The effort that a command's switches ask for."""
    effort = FULL if full else REDUCED if reduced else STANDARD
    return effort if num_samples is None else replace(effort, num_samples=num_samples)
