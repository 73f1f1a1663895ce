"""``olaria presets``."""

from __future__ import annotations

import json
from typing import Any

from olaria.cli.shell import Shell, one_line
from olaria.cli.verb import Verb, quick
from olaria.i18n import N_, command, translate
from olaria.workflows.presets import PresetsRequest, is_set, list_presets
from olaria.workflows.requests import Document


def _show(shell: Shell, found: Document) -> None:
    if "presets" in found:
        _list(shell, found)
    else:
        _describe(shell, found)


def _list(shell: Shell, found: Document) -> None:
    headings = [
        shell.text(name) for name in (N_("preset"), N_("data"), N_("time"), N_("what it is"))
    ]
    rows = [
        (p["name"], p["data"], shell.duration(p["budget_s"]), translate(p["title"], shell.language))
        for p in found["presets"]
    ]
    shell.table(headings, rows, "<<><")
    shell.notice(shell.text(N_("olaria presets PRESET lists the settings of one")))


def _describe(shell: Shell, found: Document) -> None:
    facts = [
        (N_("preset"), found["name"]),
        (N_("what it is"), translate(found["title"], shell.language)),
        (N_("size"), found["size"]),
        (N_("time"), shell.duration(found["budget_s"])),
    ]
    shell.facts([(shell.text(name), value) for name, value in facts])
    shell.line()
    headings = [shell.text(text) for text in (N_("setting"), N_("value"), N_("what it means"))]
    chosen = [one for one in found["settings"] if is_set(one)]
    shell.line(shell.text(N_("what it sets:")))
    cells = [
        (*_cells(shell, one), typed(one["default"]) if "default" in one else "–") for one in chosen
    ]
    rows = [(path, value, default, means) for path, value, means, default in cells]
    shell.table([*headings[:2], shell.text(N_("default")), headings[2]], rows)
    shell.line()
    shell.line(shell.text(N_("what it leaves at its default:")))
    others = [one for one in found["settings"] if not is_set(one)]
    shell.table(headings, [_cells(shell, one) for one in others])
    (rate,) = (one for one in found["settings"] if one["path"] == "training.learning_rate")
    options = ["--set", f"{rate['path']}={rate['value'] / 2:g}"]
    line = shell.text(
        N_("change one with: {command}"), command=command("train", found["name"], options=options)
    )
    shell.line()
    shell.line(line)


def _cells(shell: Shell, one: dict[str, Any]) -> tuple[str, str, str]:
    return one["path"], typed(one["value"]), meaning(shell, one)


def typed(value: Any) -> str:
    """A value as ``--set`` takes it, in any language."""
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def meaning(shell: Shell, one: dict[str, Any]) -> str:
    """What a setting means, and the words that it may be."""
    text = shell.text(one["meaning"]).replace("None", "null") if one["meaning"] else ""
    choices = ", ".join(map(str, one["choices"]))
    return f"{text} ({choices})" if len(one["choices"]) > 1 else text


VERB = Verb(PresetsRequest, quick(list_presets), _show)
