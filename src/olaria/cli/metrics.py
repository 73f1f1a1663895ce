"""Metrics for a person: the report's names, which way is better, and what each of them says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from olaria.cli.shell import Shell, one_line
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from olaria.pages.labels import MetricRow


def title(shell: Shell, key: str) -> str:
    """A metric's name, with an arrow where one way is better.

    >>> title(Shell(), "fd"), title(Shell(), "own_score")
    ('Fréchet distance ↓', 'own_score')
    """
    from olaria.pages.labels import metric_row

    return _named(metric_row(key, None, shell.language))


def value(shell: Shell, key: str, number: Any) -> str:
    """A metric's value with its unit, as the report writes it.

    >>> value(Shell("pt"), "psnr_db", 12.5)
    '12,50\\xa0dB'
    """
    from olaria.pages.labels import metric_row

    return one_line(metric_row(key, number, shell.language).value)


def show(shell: Shell, rows: Sequence[MetricRow]) -> None:
    """A table of metrics; those without a value below it, what one reason explains in one line."""
    from olaria.pages.labels import NOTHING, missing

    headings = [shell.text(text) for text in (N_("metric"), N_("value"), N_("what it says"))]
    cells = [
        (_named(row), one_line(row.value), one_line(row.explanation))
        for row in rows
        if row.value != NOTHING
    ]
    if cells:
        shell.table(headings, cells, "<>")
    for reason, names in missing(rows):
        shell.line()
        shell.line(shell.text(N_("without a value: {names}"), names=" · ".join(names)))
        if reason:
            shell.line(f"  {one_line(reason)}")
    if any(row.better for row in rows):
        shell.line()
        shell.line(shell.text(N_("↑ more is better · ↓ less is better")))


def rows_of(
    shell: Shell, values: Mapping[str, Any], reasons: Mapping[str, Message] | None = None
) -> list[MetricRow]:
    """Metrics in words; the loss only where no other value is the same number.

    Args:
        shell: how to speak.
        values: by key; None where a metric has no value.
        reasons: why it has none.
    """
    reasons = reasons or {}
    from olaria.pages.labels import metric_row

    others = [number for key, number in values.items() if key != "loss"]
    found = []
    for key, number in values.items():
        row = metric_row(key, number, shell.language)
        if number is None:  # a setting in the reason is written as an option
            row = replace(row, explanation=shell.words(reasons[key]) if key in reasons else "")
        if key != "loss" or number not in others:
            found.append(row)
    return found


def titles(shell: Shell, keys: Iterable[str]) -> list[str]:
    """See :func:`title`."""
    return [title(shell, key) for key in keys]


def _named(row: MetricRow) -> str:
    return one_line(f"{row.name} {row.better}".rstrip())
