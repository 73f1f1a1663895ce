"""Folders for the Hugging Face hub: every family has one, and its card is read by the hub's own library."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from olaria.data import DATASETS
from olaria.data.tokenizer import CharTokenizer
from olaria.errors import RunError
from olaria.evaluation import METRICS
from olaria.export.card import Told
from olaria.export.front_matter import (
    LANGUAGES,
    LICENCES,
    ON_THE_HUB,
    OTHER_LICENCES,
    front_matter,
    task_of,
)
from olaria.export.hub_folder import write_hub
from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import Model
from olaria.pages.labels import protocol_rows
from olaria.runs import Run
from olaria.workflows.evaluate import evaluate
from olaria.workflows.export import export

TinyRun = Callable[..., Run]
PLAIN = {"README.md", "config.json", "model.py", "model.safetensors"}
TEXTS = {"tokenizer.json", "tokenizer.py"}
GPT2 = {
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
HOSTILE = '---\nevil: true\n---\n# "x": <img src=x onerror=y> \u202e`a` \x7f\x85 🏺 \udce7 {data}'
PROTOCOL = {"data": "x", "data_sha256": "0" * 64, "split": "test", "checkpoint": 7, "share": 1e-05}


def stand_in(family: str, model: Model, dimensions: Any, **others: Any) -> Any:
    """What a card reads of a run."""
    kind = MODELS[family].data
    data = SimpleNamespace(name="/home/ana/x", last_name="x")
    values: dict[str, Any] = {
        "name": "a-run",
        "family": family,
        "recipe": SimpleNamespace(kind=kind, data=data, preset=None, size=None, seed=3),
        "provenance": {"data": {"title": "x", "licence": "", "citation": ""}},
        "result": {},
        "evaluation": None,
        "checkpoint": lambda _: (7, Path("x")),
        "dimensions": lambda: dimensions,
        "model": lambda: model,
    }
    return SimpleNamespace(**{**values, **others})


def told(language: str = "en") -> Told:
    return Told(None, language, METRICS, protocol_rows)


def head_of(text: str) -> dict[str, Any]:
    """The front matter, as the hub's library and YAML read it."""
    yaml = pytest.importorskip("yaml")
    hub = pytest.importorskip("huggingface_hub")
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert found is not None
    values: dict[str, Any] = yaml.safe_load(found[1])
    card = hub.ModelCard(text)
    assert card.data.license == values["license"]
    results = card.data.eval_results or []
    index = [
        m for one in values.get("model-index", []) for r in one["results"] for m in r["metrics"]
    ]
    assert [(one.metric_type, one.metric_value) for one in results] == [
        (one["type"], one["value"]) for one in index
    ]
    return values


@pytest.mark.parametrize("family", MODELS)
def test_every_family_has_a_folder(family: str, tmp_path: Path) -> None:
    dimensions: Any = {"images": (1, 8, 8), "points": 2}.get(MODELS[family].data, 12)
    model = build(MODELS[family].sizes["tiny"], dimensions).eval()
    is_text = MODELS[family].data in ("text", "pairs")
    tokenizer = CharTokenizer(tuple("abcdefghijkl")) if is_text else None
    write_hub(stand_in(family, model, dimensions), model, tokenizer, tmp_path, told())
    is_gpt2 = family == "language"
    wanted = GPT2 if is_gpt2 else PLAIN | TEXTS if is_text else PLAIN
    assert {path.name for path in tmp_path.iterdir()} == wanted
    text = (tmp_path / "README.md").read_text("utf-8")
    values = head_of(text)
    assert values["license"] == "unknown" and "language" not in values
    assert ("no class for this model" in text) is not is_gpt2
    assert values.get("library_name") == ("transformers" if is_gpt2 else None)
    assert "/home" not in text
    assert "Nothing was measured" in text and "| metric |" not in text


def test_what_the_hub_has_a_name_for_is_of_ours() -> None:
    assert {*LANGUAGES, *ON_THE_HUB} <= DATASETS.keys()
    licences = {one.licence for one in DATASETS.values()}
    assert licences == {*LICENCES, *OTHER_LICENCES}


def test_tasks_fit() -> None:
    images = build(MODELS["vae"].sizes["tiny"], (1, 8, 8))
    assert task_of(stand_in("vae", images, 0), images) == "unconditional-image-generation"
    settings = MODELS["gan"].sizes["tiny"].model_copy(update={"classes": 3})
    of_classes = build(settings, (1, 8, 8))
    assert task_of(stand_in("gan", of_classes, 0), of_classes) is None
    codes = stand_in("gpt", images, 0)
    codes.recipe.kind = "codes"
    assert task_of(codes, images) is None
    codes.recipe.data.name = "toy-language"
    assert 'language:\n  - "pt"\n  - "en"\n' in front_matter(codes, images, told())
    pairs = stand_in("translation", images, 0)
    assert task_of(pairs, images) is None
    pairs.recipe.data.name = "toy-translation"
    assert task_of(pairs, images) == "translation"


@pytest.mark.parametrize("language", ["en", "pt"])
def test_hostile_names_stay_text(language: str, tmp_path: Path) -> None:
    model = build(MODELS["autoencoder"].sizes["tiny"], (1, 8, 8)).eval()
    run = stand_in("autoencoder", model, (1, 8, 8), name=HOSTILE)
    run.recipe.data.last_name = HOSTILE
    run.provenance = {"data": {"title": HOSTILE}, "base": {"name": HOSTILE}}
    measured = {"mse": 1e-05, "psnr_db": 12, "fd_ci95": [1, 2], "other": 3.0, "ssim": None}
    run.evaluation = {"metrics": measured, "protocol": {**PROTOCOL, "note": HOSTILE}}
    write_hub(run, model, None, tmp_path, told(language))
    text = (tmp_path / "README.md").read_text("utf-8")
    values = head_of(text)
    assert "evil" not in values and values["license"] == "unknown"
    (index,) = values["model-index"]
    shown = index["name"]
    assert shown.startswith("---\\x0aevil: true") and "🏺" in shown and shown.isprintable()
    (result,) = index["results"]
    assert result["dataset"]["name"] == result["dataset"]["type"] == shown
    assert result["dataset"]["args"] == {"checkpoint": 7, "share": 1e-05, "note": shown}
    assert {one["type"]: one["value"] for one in result["metrics"]} == {"mse": 1e-05, "psnr_db": 12}
    body = text[text.index("\n# ") :]
    assert "\\<img" in body and not re.search(r"(?<!\\)<img", body)
    assert not re.search(r"^evil", body, re.MULTILINE)


def test_what_was_measured_of_other_weights_is_not_claimed() -> None:
    model = build(MODELS["autoencoder"].sizes["tiny"], (1, 8, 8))
    run = stand_in("autoencoder", model, (1, 8, 8))
    run.evaluation = {"metrics": {"mse": 0.5}, "protocol": {**PROTOCOL, "checkpoint": 8}}
    assert "model-index" not in front_matter(run, model, told())
    run.evaluation["protocol"]["checkpoint"] = 7
    assert "model-index" in front_matter(run, model, told())


def test_a_measured_run_tells_how_it_was_measured(tiny_run: TinyRun, tmp_path: Path) -> None:
    run = Run(shutil.copytree(tiny_run("ae-mnist").path, tmp_path / "run"))
    found = evaluate(run)
    export(run, to="huggingface", out=tmp_path / "out", language="pt")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    values = head_of(text)
    (result,) = values["model-index"][0]["results"]
    stored = {key: value for key, value in found.metrics.items() if isinstance(value, int | float)}
    assert {one["type"]: one["value"] for one in result["metrics"]} == stored
    assert result["dataset"]["split"] == "test" and result["dataset"]["args"]["seed"] == 1
    assert values["license"] == "cc-by-4.0"
    assert "\n| semente | 1 |\n" in text and "\n\n\n" not in text
    assert "Ainda nada foi medido" not in text and "\n| métrica | valor |\n" in text


def test_a_gpt2_opens_as_its_card_says(tiny_run: TinyRun, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    run = tiny_run("gpt2-shakespeare", "data.tokenizer=bpe")
    export(run, to="huggingface", out=tmp_path / "out", language="en")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    values = head_of(text)
    assert values["pipeline_tag"] == "text-generation" and values["library_name"] == "transformers"
    lines = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0].replace('"."', "folder")
    known: dict[str, Any] = {"folder": tmp_path / "out", "print": lambda _: None}
    exec(compile(lines, "README.md", "exec"), known)  # noqa: S102 (what the card tells people to run)
    assert isinstance(known["model"], transformers.GPT2LMHeadModel)
    with torch.no_grad():
        found, wanted = known["model"](known["tokens"]).logits, run.model()(known["tokens"])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_transformers_takes_a_plain_folder_for_none_of_its_own(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    export(tiny_run("gpt-shakespeare"), to="huggingface", out=tmp_path / "out")
    with pytest.raises(ValueError, match="model_type"):
        transformers.AutoConfig.from_pretrained(tmp_path / "out")


@pytest.mark.parametrize("form", ["huggingface", "torch"])
def test_weights_that_compute_nothing_are_not_exported(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    run = tiny_run("vae-mnist")
    model = run.model()
    with torch.no_grad():
        next(model.parameters()).view(-1)[3] = torch.nan
    monkeypatch.setattr(Run, "model", lambda *_: model)
    with pytest.raises(
        RunError, match=r"not finite \(encoder.*name an earlier checkpoint"
    ) as error:
        export(run, to=form, out=tmp_path / "out")
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
