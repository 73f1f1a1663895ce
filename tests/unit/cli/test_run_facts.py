"""``olaria runs show`` speaks words with units, in groups; ``--json`` has every key of the run's files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.cli.main import main
from olaria.i18n import translate
from olaria.workflows.evaluate import evaluate

Made = Callable[..., Any]
KEYS = {"format", "predicted", "final", "protocol", "versions", "dimensions", "elapsed_s"}


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["runs", "show", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("preset", ["vae-mnist", "gan-ring", "bigram-shakespeare", "dates"])
def test_a_run_is_told_in_words(
    preset: str, language: str, tiny_run: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny_run(preset)
    evaluate(run)
    out = shown(capsys, str(run.path), "--lang", language)
    before, settings = re.split(r"\n\n(?=.*\n(?:setting|configuração) )", out, maxsplit=1)
    names = [re.split(r"\s{2,}", line.strip())[0] for line in before.splitlines()]
    assert not [name for name in names if "_" in name or re.fullmatch(r"\w+(\.\w+)+", name)]
    assert not set(names) & KEYS
    for heading in ("data", "training", "at its end", "measured by olaria eval"):
        assert f"\n{translate(heading, language)}:\n" in out
    assert re.search(r"\n  (peak memory|pico de memória) +[\d.,]+ [MG]B\n", before)
    assert re.search(r"\n  (time|tempo) +\d+:\d\d\n", before)
    assert re.search(r"\ntraining\.learning_rate +\S", settings)
    assert re.search(r"\ntraining\.steps +30 +(null|\d+) ", settings), "beside the preset's"


def test_every_value_is_there_and_in_json_by_its_key(
    tiny_run: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny_run("vae-mnist")
    found = json.loads(shown(capsys, str(run.path), "--json"))
    assert found.keys() == {
        *("format", "name", "path", "state", "recipe", "provenance", "result", "evaluation"),
        *("checkpoints", "damaged"),
    }
    out = shown(capsys, str(run.path))
    recipe, lines = found["recipe"], out.splitlines()
    for part in ("model", "training"):
        for name, value in recipe[part].items():
            typed = value if isinstance(value, str) else json.dumps(value)
            row = re.compile(rf"{part}\.{name} +{re.escape(typed)} ")
            assert name == "family" or any(map(row.match, lines)), name
    machine = found["provenance"]["machine"]
    for value in (machine["cpu"], machine["system"], *machine["versions"].values()):
        assert value in out


def test_a_run_that_just_began_and_a_damaged_one_are_shown_too(
    tiny_run: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "half"
    path.mkdir()
    recipe = json.loads((tiny_run("vae-mnist").path / "recipe.json").read_text())
    recipe["preset"] = "no-preset-of-ours"
    (path / "recipe.json").write_text(json.dumps(recipe))
    out = shown(capsys, str(path))
    assert "no-preset-of-ours" in out and "\nsettings:\n" in out and "at its end" not in out
    (path / "result.json").write_text("{")
    out = shown(capsys, str(path))
    assert re.search(r"\ndamaged +.*result\.json", out)


def test_a_tuned_run_says_what_it_began_from(
    tiny_run: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tiny_run("bigram-shakespeare")
    tuned = tiny_run("bigram-shakespeare", start=base)
    out = shown(capsys, str(tuned.path))
    assert re.search(rf"\nwhat it began from:\n  run +{re.escape(base.name)}\n", out)
    assert re.search(r"\ntuning\.start ", out)


def test_a_strangers_values_are_shown_as_they_are(
    tiny_run: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny_run("vae-mnist")
    evaluate(run)
    path = tmp_path / "strange"
    path.mkdir()
    for name in ("recipe", "provenance", "result", "evaluation"):
        content = json.loads((run.path / f"{name}.json").read_text())
        if name == "evaluation":
            content["metrics"] |= {"fd": "near", "kl_nats": [[1]], "mse": {"a": 1}}
        if name == "provenance":
            content["data_source"] = "{nothing}"
            content["data"]["sizes"] = {"{0}": 3}
        (path / f"{name}.json").write_text(json.dumps(content))
    out = shown(capsys, str(path))
    assert "near" in out and "{nothing}" in out and "{0} 3" in out
