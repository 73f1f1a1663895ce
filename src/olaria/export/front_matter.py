"""The head of a README that the Hugging Face hub reads, in YAML: licence, languages, data, task and measures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from olaria.characters import encodable, legible
from olaria.export.card import ExportedRun, Told, data_title, measured
from olaria.families import MODELS
from olaria.i18n import translate
from olaria.models.base import Model

LICENCES = {
    "MIT": "mit",
    "CC0 1.0": "cc0-1.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
}
"""The hub's names of the licences that data here have."""
OTHER_LICENCES = {
    "public domain": "public-domain",
    "research use, cite": "research-use-cite",
}
"""Those that the hub has no name for: it takes ``other`` and one of these beside it."""
LANGUAGES = {
    "machado": ("pt",),
    "dates": ("pt",),
    "shakespeare": ("en",),
    "tiny-shakespeare": ("en",),
    "toy-language": ("pt", "en"),
    "toy-translation": ("pt", "en"),
}
"""ISO 639-1 codes of what the texts are written in; of a person's own texts nobody knows."""
ON_THE_HUB = {
    "mnist": "ylecun/mnist",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "tiny-shakespeare": "karpathy/tiny_shakespeare",
}
"""What the hub calls the data sets that it has too."""
_APART = ("data", "data_sha256", "split")
"""Of a protocol: what a model index has places of its own for."""


def front_matter(run: ExportedRun, model: Model, told: Told, library: str | None = None) -> str:
    """The lines between ``---`` and ``---``, with a blank line after them.

    Args:
        run: an open run.
        model: its model.
        told: what the card says besides.
        library: of the hub's names, the one that opens the folder; None where PyTorch alone does.
    """
    name = run.recipe.data.name
    task = task_of(run, model)
    values: dict[str, Any] = {
        **_licence(run),
        "language": list(LANGUAGES.get(name, ())),
        "library_name": library,
        "pipeline_tag": task,
        "tags": ["olaria", run.family, "gpt2" if library else "pytorch"],
        "datasets": [ON_THE_HUB[name]] if name in ON_THE_HUB else [],
        "model-index": _index(run, task, told),
    }
    known = {key: value for key, value in values.items() if value}
    return "\n".join(["---", *_lines(known), "---", "", ""])


def task_of(run: ExportedRun, model: Model) -> str | None:
    """The hub's name of what a model does; None where it has none that fits."""
    data = MODELS[run.family].data
    if data == "text" and run.recipe.kind == "text":
        return "text-generation"
    if data == "pairs":
        has_two = len(LANGUAGES.get(run.recipe.data.name, ())) == 2
        return "translation" if has_two else None
    if data != "images":
        return None
    if getattr(model, "has_prior", False):
        return None if getattr(model, "classes", 0) else "unconditional-image-generation"
    return "image-feature-extraction"


def _licence(run: ExportedRun) -> dict[str, str]:
    """That of the data, since it holds for what is derived from them; of a base nobody knows it."""
    stored = run.provenance.get("data", {}).get("licence") or ""
    if run.provenance.get("base"):
        return {"license": "unknown"}
    if stored in OTHER_LICENCES:
        return {"license": "other", "license_name": OTHER_LICENCES[stored]}
    return {"license": LICENCES.get(stored, "unknown")}


def _index(run: ExportedRun, task: str | None, told: Told) -> list[dict[str, Any]]:
    """What was measured and how, as the hub's ``model-index`` has it; empty where nothing was."""
    evaluation = measured(run, told)
    metrics = [
        {"type": key, "value": value, "name": translate(told.metrics[key].title, told.language)}
        for key, value in evaluation.get("metrics", {}).items()
        if key in told.metrics and isinstance(value, int | float) and isfinite(value)
    ]
    if not metrics:
        return []
    protocol = evaluation["protocol"]
    title = MODELS[run.family].title
    data = {
        "type": run.recipe.data.last_name,
        "name": data_title(run, told.language),
        "split": protocol["split"],
        "args": {
            key: value
            for key, value in protocol.items()
            if key not in _APART and isinstance(value, str | int | float)
        },
    }
    result = {
        "task": {"type": task or "other", "name": translate(title, told.language)},
        "dataset": data,
        "metrics": metrics,
    }
    return [{"name": run.name, "results": [result]}]


# -- YAML ------------------------------------------------------------------------------------------


def _lines(value: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    """A mapping or a list in YAML's block form; its keys are ours.

    >>> print("\\n".join(_lines({"tags": ["a: b", 1e-5], "index": [{"x": True, "y": 2}]})))
    tags:
      - "a: b"
      - 1.0e-05
    index:
      - x: true
        y: 2
    """
    is_list = isinstance(value, list)
    for key, inner in [("-", one) for one in value] if is_list else value.items():  # type: ignore[union-attr]
        head = key if is_list else f"{key}:"
        if not isinstance(inner, dict | list):
            yield f"{head} {_scalar(inner)}"
            continue
        rest = list(_lines(inner))
        if is_list:
            yield f"- {rest.pop(0)}"
        else:
            yield head
        yield from (f"  {line}" for line in rest)


def _scalar(value: str | float | bool) -> str:
    r"""As JSON, which is YAML too, but for floats without a point and for characters that are not seen.

    >>> _scalar('a\n---\n"b"'), _scalar(1e-05), _scalar(True)
    ('"a\\\\x0a---\\\\x0a\\"b\\""', '1.0e-05', 'true')
    """
    if isinstance(value, str):
        return json.dumps(legible(encodable(value)), ensure_ascii=False)
    text = json.dumps(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes 1e-05 for a word
    return text
