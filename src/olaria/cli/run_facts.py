"""What ``olaria runs show`` tells a person of a run; ``--json`` has every key of its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from olaria.cli import metrics
from olaria.cli.evaluate import show_protocol
from olaria.cli.presets import meaning, typed
from olaria.cli.shell import Shell, one_line
from olaria.errors import UsageError
from olaria.i18n import N_, Message, translate
from olaria.numbers import format_significant
from olaria.workflows.presets import settings_of
from olaria.workflows.words import STATES

Facts = Iterable[tuple[str, str | None]]

EXAMPLES = {
    "images": N_("images"),
    "text": N_("characters"),
    "codes": N_("codes"),
    "latents": N_("images"),
    "pairs": N_("pairs"),
    "points": N_("points"),
}
"""What a data set is counted in, by the recipe's kind."""
DIMENSIONS = {
    "images": N_("channels, height and width"),
    "latents": N_("channels, height and width"),
    "points": N_("coordinates of a point"),
}
"""What a model is built for; of all others the vocabulary."""
RATES = {"examples_per_s": N_("examples per second"), "tokens_per_s": N_("tokens per second")}
_SHOWN_APART = ("olaria", "python", "torch", "numpy")


def show_run(shell: Shell, found: dict[str, Any]) -> None:
    """Write all that is known of a run, in groups.

    Args:
        shell: how to speak.
        found: what :func:`olaria.workflows.runs.show` returned.
    """
    from olaria.recipes import Recipe

    recipe = Recipe.parse(found["recipe"])
    provenance, result = found["provenance"], found["result"]
    _group(shell, "", _heads(shell, found, recipe))
    _group(shell, N_("data"), _data(shell, recipe, provenance))
    _group(shell, N_("what it began from"), _base(shell, provenance.get("base") or {}))
    _group(shell, N_("training"), _training(shell, result, provenance))
    _group(shell, N_("as predicted before it began"), _times(shell, result.get("predicted") or {}))
    final = metrics.final(result.get("final") or {})
    _group(shell, N_("at its end"), _values(shell, final))
    if found["evaluation"]:
        _evaluation(shell, found["evaluation"])
    _group(shell, N_("machine and versions"), _machine(shell, provenance))
    _settings(shell, recipe)


def _group(shell: Shell, heading: str, facts: Facts) -> None:
    """A heading and what stands under it; nothing where nothing is known."""
    known = [(shell.text(name), value) for name, value in facts if value is not None]
    if not known:
        return
    if heading:
        _heading(shell, heading)
    shell.facts([(f"  {name}" if heading else name, value) for name, value in known])


def _heading(shell: Shell, text: str) -> None:
    shell.line()
    shell.line(f"{shell.text(text)}:")


def _heads(shell: Shell, found: dict[str, Any], recipe: Any) -> Iterator[tuple[str, str | None]]:
    from olaria.families import MODELS

    yield N_("run"), shell.measure(found["path"])
    yield N_("preset"), shell.measure(recipe.preset)
    yield N_("size"), recipe.size
    yield N_("family"), shell.text(MODELS[recipe.model.family].title)
    yield N_("seed"), str(recipe.seed)
    yield N_("state"), shell.text(STATES.get(found["state"], found["state"]))
    yield N_("checkpoints, by step"), ", ".join(map(str, found["checkpoints"])) or "–"
    for reason in found["damaged"]:
        yield N_("damaged"), shell.words(reason)


def _data(
    shell: Shell, recipe: Any, provenance: dict[str, Any]
) -> Iterator[tuple[str, str | None]]:
    from olaria.data.base import SOURCE_TITLES

    told = provenance.get("data") or {}
    source = provenance.get("data_source") or ""
    yield N_("data set"), shell.measure(recipe.data.name)
    title = _word(shell, told.get("title") or "")
    yield N_("what it is"), title if title not in ("", recipe.data.name) else None
    yield N_("source"), _word(shell, SOURCE_TITLES.get(source, source)) or None
    yield N_("licence"), _word(shell, told.get("licence") or "") or None
    yield N_("citation"), one_line(told.get("citation") or "") or None
    yield "sha256", _known(shell, provenance.get("data_sha256"))
    yield EXAMPLES[recipe.kind], _sizes(shell, told.get("sizes") or {})
    yield N_("classes"), ", ".join(map(one_line, told.get("class_names") or ())) or None
    size = provenance.get("dimensions")
    sides = size if isinstance(size, list) else [size]
    name = DIMENSIONS.get(recipe.kind, N_("tokens of the vocabulary"))
    yield name, None if size is None else " × ".join(map(shell.measure, sides))


def _sizes(shell: Shell, sizes: dict[str, int]) -> str | None:
    """How many there are of each part."""
    from olaria.pages.labels import SPLIT_LABELS

    parts = (
        f"{_word(shell, SPLIT_LABELS.get(part, part))} {shell.measure(count)}"
        for part, count in sizes.items()
    )
    return ", ".join(parts) or None


def _base(shell: Shell, base: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield N_("run"), _known(shell, base.get("name"))
    step = base.get("checkpoint")
    yield N_("checkpoint"), None if step is None else shell.measure(step)
    yield N_("steps"), _known(shell, base.get("steps"))
    yield N_("time"), shell.duration(base["elapsed_s"]) if "elapsed_s" in base else None
    yield N_("fingerprint of its weights"), _known(shell, base.get("model_sha256"))
    grown = ", ".join(map(one_line, base.get("grown") or ()))
    yield N_("weights that grew by new tokens"), grown or None


def _training(
    shell: Shell, result: dict[str, Any], provenance: dict[str, Any]
) -> Iterator[tuple[str, str | None]]:
    yield from _times(shell, result)
    for key, name in RATES.items():
        yield name, _known(shell, result.get(key))
    yield N_("parameters"), _known(shell, result.get("num_parameters"))
    yield N_("precision of the arithmetic"), _known(shell, provenance.get("precision"))
    yield N_("compiled"), _known(shell, provenance.get("compile"))
    reason = result.get("reason")
    yield N_("why it ended"), None if reason is None else shell.words(reason)


def _times(shell: Shell, known: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Of a run that ended, or of its forecast."""
    yield N_("steps"), _known(shell, known.get("steps"))
    epochs = known.get("epochs")
    yield N_("epochs"), None if epochs is None else format_significant(epochs, shell.language)
    for key, name in (("elapsed_s", N_("time")), ("train_s", N_("time inside its steps"))):
        yield name, shell.duration(known[key]) if known.get(key) is not None else None
    for key in ("peak_memory_bytes", "memory_bytes"):
        yield N_("peak memory"), shell.size(known[key]) if known.get(key) is not None else None


def _values(shell: Shell, values: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    for key, value in values.items():
        yield metrics.title(shell, key), metrics.value(shell, key, value)


def _machine(shell: Shell, provenance: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    from olaria.pages.labels import PROVENANCE_LABELS

    machine = provenance.get("machine") or {}
    versions = machine.get("versions") or {}
    flat = {**provenance, **machine, **versions}
    for key, name in PROVENANCE_LABELS.items():
        value = None if key in ("precision", "compile") else flat.get(key)  # of the training
        if value is not None:
            yield name, shell.size(value) if key.endswith("_bytes") else shell.measure(value)
    yield N_("bfloat16 in hardware"), _known(shell, machine.get("bfloat16_in_hardware"))
    yield N_("C++ compiler"), _known(shell, machine.get("compiler"))
    others = (f"{name} {v}" for name, v in versions.items() if v and name not in _SHOWN_APART)
    yield N_("other libraries"), ", ".join(map(one_line, others)) or None


def _word(shell: Shell, text: str) -> str:
    """A word of ours in the user's language, else as a file of the run has it."""
    return one_line(translate(text, shell.language))


def _known(shell: Shell, value: Any) -> str | None:
    return None if value is None else shell.measure(value)


# -- the recipe ------------------------------------------------------------------------------------


def _settings(shell: Shell, recipe: Any) -> None:
    """Each setting as ``--set`` takes it: first those that the preset has otherwise."""
    from olaria.recipes import preset

    try:
        usual = {
            one["path"]: one["value"] for one in settings_of(preset(recipe.preset, recipe.size))
        }
    except UsageError:  # of another version, or written by hand
        usual = {}
    found = settings_of(recipe)
    changed = [one for one in found if usual and one["value"] != usual.get(one["path"])]
    others = [one for one in found if one not in changed]
    headings = [shell.text(text) for text in (N_("setting"), N_("value"), N_("what it means"))]
    if changed:
        _heading(shell, N_("settings that are not the preset's"))
        rows = [
            (one["path"], typed(one["value"]), typed(usual.get(one["path"])), meaning(shell, one))
            for one in changed
        ]
        shell.table([*headings[:2], shell.text(N_("preset")), headings[2]], rows)
    _heading(shell, N_("settings as in the preset") if changed or usual else N_("settings"))
    shell.table(headings, [(o["path"], typed(o["value"]), meaning(shell, o)) for o in others])


def _evaluation(shell: Shell, evaluation: dict[str, Any]) -> None:
    _heading(shell, N_("measured by olaria eval"))
    reasons = evaluation.get("reasons") or {}
    why = {key: Message.from_json(reason) for key, reason in reasons.items()}
    metrics.show(shell, evaluation.get("metrics") or {}, why)
    show_protocol(shell, evaluation.get("protocol") or {})
