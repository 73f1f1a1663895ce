"""Metrics for a person: the report's names, which way is better, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olaria.cli.shell import Shell, one_line
from olaria.evaluation import METRICS, WATCHED, Metric
from olaria.i18n import N_, Message


def title(shell: Shell, key: str) -> str:
    """A metric's name, with an arrow where one way is better.

    >>> title(Shell(), "fd"), title(Shell(), "own_score")
    ('Fréchet distance ↓', 'own_score')
    """
    metric = _metric(key)
    return (
        one_line(key) if metric is None else f"{shell.text(metric.title)} {metric.better}".strip()
    )


def value(shell: Shell, key: str, number: Any) -> str:
    r"""A metric's value with its unit, as the report writes it.

    >>> value(Shell("pt"), "psnr_db", 12.5)
    '12,50\xa0dB'
    """
    metric = _metric(key)
    parts = number if isinstance(number, list | tuple) else [number]
    if metric is None or not all(isinstance(part, int | float) for part in parts):
        return shell.measure(number)
    return metric.written(number, shell.language)


def show(
    shell: Shell, values: Mapping[str, Any], reasons: Mapping[str, Message] | None = None
) -> None:
    """A table of metrics; those without a value below it, what one reason explains in one line.

    Args:
        shell: how to speak.
        values: by key; None where a metric has no value.
        reasons: why it has none.
    """
    there = {key: number for key, number in values.items() if number is not None}
    headings = [shell.text(text) for text in (N_("metric"), N_("value"), N_("what it says"))]
    cells = [(title(shell, key), value(shell, key, there[key]), _says(shell, key)) for key in there]
    if cells:
        shell.table(headings, cells, "<>")
    for reason, keys in _missing(shell, values, reasons or {}).items():
        names = " · ".join(title(shell, key).rstrip(" ↑↓") for key in keys)
        shell.line()
        shell.line(shell.text(N_("without a value: {names}"), names=names))
        if reason:
            shell.line(f"  {reason}")
    if any(metric.better for metric in map(_metric, values) if metric is not None):
        shell.line()
        shell.line(shell.text(N_("↑ more is better · ↓ less is better")))


def final(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a training ended at; the loss only where no other value is the same number.

    >>> final({"loss": 0.5, "mse": 0.5}), final({"loss": 2.0, "kl_nats": 0.5})
    ({'mse': 0.5}, {'loss': 2.0, 'kl_nats': 0.5})
    """
    others = [number for key, number in values.items() if key != "loss"]
    return {key: number for key, number in values.items() if key != "loss" or number not in others}


def _metric(key: str) -> Metric | None:
    return METRICS.get(key) or WATCHED.get(key)


def _says(shell: Shell, key: str) -> str:
    metric = _metric(key)
    return "" if metric is None else shell.text(metric.explanation)


def _missing(
    shell: Shell, values: Mapping[str, Any], reasons: Mapping[str, Message]
) -> dict[str, list[str]]:
    """Metrics without a value, by the reason why."""
    together: dict[str, list[str]] = {}
    for key in (key for key, number in values.items() if number is None):
        reason = shell.words(reasons[key]) if key in reasons else ""
        together.setdefault(reason, []).append(key)
    return together
