"""What makes a report repeatable: recipes as tables, hardware and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from olaria.cards.context import RunCard
from olaria.i18n import N_, translate
from olaria.pages import labels

Rows = list[tuple[str, str]]

_PARTS = {
    "data": N_("data"),
    "model": N_("model"),
    "training": N_("training"),
    "tuning": N_("tuning"),
}
_COLUMNS = 4  # runs side by side: what a sheet of paper holds


@dataclass(frozen=True)
class Cell:
    """A setting of one run.

    Args:
        text: its value.
        is_changed: whether the preset has another.
    """

    text: str
    is_changed: bool = False


@dataclass(frozen=True)
class RecipeTable:
    """Recipes of runs of one kind of model, side by side.

    Args:
        names: of the runs.
        parts: name of a part, and its settings with a cell for each run; the first part has no name. What no run sets,
            and the preset does not either, is left out.
    """

    names: list[str]
    parts: list[tuple[str, list[tuple[str, list[Cell]]]]]


def recipe_tables(runs: Sequence[RunCard], language: str) -> list[RecipeTable]:
    """Tables of a few runs each; runs of one table have the same settings, with whatever values."""
    kinds: dict[Any, list[RunCard]] = {}
    for run in runs:
        if run.recipe:
            kinds.setdefault(run.setting("model.family"), []).append(run)
    return [
        _table(alike[start : start + _COLUMNS], language)
        for alike in kinds.values()
        for start in range(0, len(alike), _COLUMNS)
    ]


def _table(runs: Sequence[RunCard], language: str) -> RecipeTable:
    heads = ("preset", "size", "seed")
    parts = [("", [(name, [_cell(run, name, language) for run in runs]) for name in heads])]
    for part, title in _PARTS.items():
        names = dict.fromkeys(
            name
            for run in runs
            if isinstance(content := run.recipe.get(part), Mapping)
            for name in content
        )
        rows = [(n, [_cell(run, f"{part}.{n}", language) for run in runs]) for n in names]
        rows = [row for row in rows if any(cell != Cell(labels.NOTHING) for cell in row[1])]
        if rows:
            parts.append((translate(title, language), rows))
    return RecipeTable([labels.without_folders(run.name) for run in runs], parts)


def _cell(run: RunCard, path: str, language: str) -> Cell:
    value = run.setting(path)
    if isinstance(value, list | tuple):
        text = ", ".join(_text(item, language) for item in value) or labels.NOTHING
    else:
        text = _text(value, language)
    return Cell(text, path in run.differences)


def _text(value: Any, language: str) -> str:
    """Whole numbers as they are: a seed or a number of steps is not counted, it is copied."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return labels.value_text(value, language)


def machines(runs: Sequence[RunCard], language: str) -> list[tuple[list[str], Rows]]:
    """Runs with the same hardware and versions together: (run names, name and value of each fact)."""
    groups: list[tuple[list[str], Rows]] = []
    for run in runs:
        rows = list(_provenance_rows(run.provenance, language))
        for names, known in groups:
            if known == rows:
                names.append(labels.without_folders(run.name))
                break
        else:
            groups.append(([labels.without_folders(run.name)], rows))
    return [(names, rows) for names, rows in groups if rows]


def _provenance_rows(provenance: Mapping[str, Any], language: str) -> Iterator[tuple[str, str]]:
    """What is shown of a run's provenance; its tables ``machine`` and ``versions`` are opened."""
    machine = provenance.get("machine", {})
    flat = {**provenance, **machine, **machine.get("versions", {})}
    for key, name in labels.PROVENANCE_LABELS.items():
        value = flat.get(key)
        if value is not None:
            in_bytes = key.endswith("_bytes")
            text = labels.size(value, language) if in_bytes else labels.value_text(value, language)
            yield translate(name, language), text
