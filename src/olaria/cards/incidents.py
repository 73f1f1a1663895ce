"""Incidents of a run, from its files: the doctor's warnings, changed settings, where it stopped and resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from olaria.cards.context import Incident
from olaria.i18n import N_, Message
from olaria.numbers import Number
from olaria.runs import Run
from olaria.storage.folder import EVENTS
from olaria.training.events import NO_TIME

PLANNED = N_("the planned end was reached")
"""The reason of an end that is no incident."""
_STATES = {
    "failed": N_("the run failed at step {step}"),
    "running": N_("the run had not ended when this was written, at step {step}"),
    "new": N_("the run had not begun when this was written"),
}
_MAX_LISTED = 3
"""Steps that are listed where a value was not finite; more are only counted."""


def incidents(run: Run) -> list[Incident] | None:
    """Everything, in the order in which it happened; None where the run kept no record of its events."""
    lines = run.folder.lines(EVENTS)
    if not lines:
        return None
    return [
        *_of_events(lines),
        *_not_finite(run.metrics()),
        *_of_the_end(run),
    ]


def _of_events(lines: Iterable[Mapping[str, Any]]) -> Iterator[Incident]:
    has_begun = False
    for line in lines:
        step, kind = line["step"], line["event"]
        if kind == "began":
            if has_begun:
                yield Incident("break", Message(N_("the run went on")), step)
            has_begun = True
        elif kind == "warned":
            message = Message.from_json(line["message"])
            yield Incident("note" if line.get("is_note") else "warning", message, step)
        elif kind == "changed":
            value = line["value"]
            value = Number(value) if isinstance(value, float) else value
            fields = {"path": line["path"], "value": value}
            yield Incident("change", Message(N_("{path} was set to {value}"), fields), step)
        elif kind == "restarted":
            message = Message(N_("the weights went back to where the run began"))
            yield Incident("change", message, step)
        elif kind == "finished" and line["reason"]["id"] not in (PLANNED, NO_TIME):
            fields = {"reason": Message.from_json(line["reason"])}
            yield Incident("break", Message(N_("the run ended: {reason}"), fields), step)


def _not_finite(rows: Iterable[Mapping[str, Any]]) -> Iterator[Incident]:
    """Values that are stored as null."""
    steps: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        for name, value in row["values"].items():
            if value is None:
                steps.setdefault((row["split"], name), []).append(row["step"])
    for (split, name), missing in steps.items():
        listed = ", ".join(map(str, missing[:_MAX_LISTED]))
        listed += ", …" if len(missing) > _MAX_LISTED else ""
        fields = {"name": name, "split": split, "count": len(missing), "steps": listed}
        message = N_("{name} ({split}) was not finite at {count} of the stored steps: {steps}")
        yield Incident("gap", Message(message, fields), missing[0])


def _of_the_end(run: Run) -> Iterator[Incident]:
    state, step = run.state, run.status.get("step", 0)
    if state == "done" and not step:
        yield Incident("break", Message(N_("the run ended before its first step")), step)
    if state in _STATES:
        yield Incident("break", Message(_STATES[state], {"step": step}), step)
