"""The README of an exported folder: what the model is, what it learned from, how good it is, how it is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from olaria.characters import encodable, legible
from olaria.export.play import OpenRun
from olaria.families import MODELS
from olaria.i18n import translate
from olaria.numbers import format_number
from olaria.storage.folder import RunFolder

README = "README.md"
TEXTS = Path(__file__).parent / "cards"
_FIELD = re.compile(r"\{(\w+)\}")
_CONDITION = re.compile(r"^\{if (\w+)\} (.*\n)", re.MULTILINE)
_MOST_METRICS = 8
_GAP = re.compile(r"\n(?: *\n){2,}")
_MARKS = re.compile(r"[\\`*_\[\]<>&|~$]")


class ExportedRun(OpenRun, Protocol):
    """What a card reads of a run; :class:`olaria.runs.Run` has it."""

    @property
    def folder(self) -> RunFolder:
        """Its files."""
        ...

    @property
    def provenance(self) -> dict[str, Any]:
        """What it was trained on."""
        ...

    @property
    def result(self) -> dict[str, Any]:
        """What it came to."""
        ...

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """What was measured."""
        ...

    def checkpoint(self, which: str | int | None = None) -> tuple[int, Path]:
        """Step and folder."""
        ...


class Measure(Protocol):
    """What a card says of a metric; :class:`olaria.evaluation.Metric` has it."""

    @property
    def title(self) -> str:
        """English source string."""
        ...

    def written(self, value: float | Sequence[float], language: str = "en") -> str:
        """A value of it for people."""
        ...


@dataclass(frozen=True)
class Told:
    """What a card tells besides the run itself.

    Args:
        checkpoint: whose weights are exported.
        language: of the card, ``en`` or ``pt``.
        metrics: the metrics by their keys.
        protocol: names and values of a protocol's entries, in a language.
    """

    checkpoint: str | int | None
    language: str
    metrics: Mapping[str, Measure]
    protocol: Callable[[Mapping[str, Any], str], Sequence[Sequence[str]]]


def card(form: str, run: ExportedRun, told: Told, values: Mapping[str, str]) -> str:
    """The text of a form's README in the reader's language.

    Args:
        form: name of its documents in ``cards``.
        run: an open run.
        told: the rest.
        values: of the form's own fields, and of conditions.
    """
    body = (TEXTS / f"{form}.{told.language}.md").read_text("utf-8")
    facts = (TEXTS / f"facts.{told.language}.md").read_text("utf-8")
    known = {**_facts(run, told), **values}
    known["facts"] = _filled(facts, known)
    return _GAP.sub("\n\n", _filled(body, known))


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A document with its fields; a line after ``{if name}`` stands there where that value is not empty."""
    text = _CONDITION.sub(lambda line: line[2] if values.get(line[1]) else "", text)
    return _FIELD.sub(lambda field: values.get(field[1], field[0]), text)


def _facts(run: ExportedRun, told: Told) -> dict[str, str]:
    """What every form's card says of a run."""
    from olaria import __version__

    language = told.language
    recipe, provenance, result = run.recipe, run.provenance, run.result
    data, count = provenance.get("data", {}), result.get("num_parameters")
    evaluation = measured(run, told)
    protocol = told.protocol(evaluation.get("protocol", {}), language)
    base = provenance.get("base", {}).get("name", "")
    metrics = metrics_table(evaluation, MODELS[run.family].headlines, told)
    return {
        "name": _as_text(run.name),
        "family": translate(MODELS[run.family].title, language),
        "data": _as_text(data_title(run, language)),
        "base": _as_text(base),
        "licence": _in_a_cell(translate(data.get("licence") or "", language) or "—"),
        "citation": _in_a_cell(data.get("citation") or "—"),
        "preset": f"{recipe.preset or '—'}, {recipe.size or '—'}",
        "step": format_number(run.checkpoint(told.checkpoint)[0], language, 0),
        "seed": str(recipe.seed),
        "parameters": format_number(count, language, 0) if count else "—",
        "version": __version__,
        "metrics": metrics,
        "unmeasured": "" if metrics else "yes",
        "protocol": "\n".join(f"| {' | '.join(map(_as_text, row))} |" for row in protocol),
    }


def data_title(run: ExportedRun, language: str) -> str:
    """What a run's data are called: their title, else the name of the file."""
    title = translate(run.provenance.get("data", {}).get("title", ""), language)
    return title or Path(run.recipe.data.name).name


def measured(run: ExportedRun, told: Told) -> Mapping[str, Any]:
    """What was measured of the weights that are exported; nothing where it was measured of others."""
    evaluation, step = run.evaluation or {}, run.checkpoint(told.checkpoint)[0]
    return evaluation if evaluation.get("protocol", {}).get("checkpoint") == step else {}


def metrics_table(evaluation: Mapping[str, Any], headlines: Sequence[str], told: Told) -> str:
    """Rows of what was measured, the family's most important metrics first; none where nothing was."""
    values = evaluation.get("metrics", {})
    chosen = [*(key for key in headlines if key in values), *values]
    rows: list[str] = []
    for key in dict.fromkeys(chosen):
        value = values[key]
        if key in told.metrics and isinstance(value, int | float) and len(rows) < _MOST_METRICS:
            name = translate(told.metrics[key].title, told.language)
            rows.append(f"| {name} | {told.metrics[key].written(value, told.language)} |")
    return "\n".join(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a Markdown table, without its heading."""
    return "\n".join(f"| {' | '.join(map(_in_a_cell, row))} |" for row in rows)


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _as_text(name: str) -> str:
    """A name on one line that Markdown and HTML leave as it is."""
    return _MARKS.sub(r"\\\g<0>", " ".join(legible(encodable(name)).split()))
