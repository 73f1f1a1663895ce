"""``olaria presets PRESET``: every setting with its value, its default and what it means, said once in the sources."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from olaria.cli.main import main
from olaria.config import meanings
from olaria.families import MODELS
from olaria.i18n import translate
from olaria.recipes import PRESETS, preset
from olaria.recipes.training import TrainingConfig


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["presets", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("family", MODELS)
def test_every_setting_says_what_it_means_in_both_languages(family: str) -> None:
    for config in (MODELS[family].config, TrainingConfig):
        for name, text in meanings(config).items():
            if name != "family":
                assert text and "\n" not in text and "``" not in text and ":func:" not in text
                assert translate(text, "pt") != text, name


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_lists_what_it_sets(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(capsys, name, "--json"))
    recipe = preset(name)
    listed = {one["path"]: one for one in found["settings"]}
    wanted = {
        f"{section}.{key}"
        for section in ("model", "training")
        for key in type(getattr(recipe, section)).model_fields
        if key != "family"
    }
    assert "default" not in listed["data.name"]
    assert wanted | {"seed", "data.name"} <= listed.keys()
    for path, one in listed.items():
        section, _, key = path.rpartition(".")
        part = getattr(recipe, section) if section else recipe
        assert one["value"] == part.model_dump(mode="json")[key]
        # What is shown is what --set takes.
        assert recipe.updated(path, one["value"]) == recipe
    assert (
        listed["training.batch_size"]["default"]
        == TrainingConfig.model_fields["batch_size"].default
    )


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("name", ["vae-mnist", "gpt-shakespeare", "gan-ring", "pt-en"])
def test_a_person_reads_names_values_and_meanings(
    name: str, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(capsys, name, "--size", "tiny", "--lang", language)
    recipe = preset(name, "tiny")
    for key, value in recipe.training.model_dump(mode="json").items():
        (line,) = (one for one in out.splitlines() if one.startswith(f"training.{key} "))
        meaning = translate(meanings(TrainingConfig)[key], language).replace("None", "null")
        assert meaning in line
        assert (value if isinstance(value, str) else json.dumps(value)) in line
    # The way to change one is a command that works.
    words = shlex.split(out.splitlines()[-1].partition(": ")[2])
    assert words[:3] == ["olaria", "train", name] and words[3] == "--set"
    assert recipe.with_settings(words[4:5]) != recipe


def test_sizes_differ_and_the_list_stays(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "vae-mnist", "--size", "tiny") != shown(capsys, "vae-mnist")
    assert [one["name"] for one in json.loads(shown(capsys, "--json"))["presets"]] == [*PRESETS]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("vae-mnits",), "did you mean vae-mnist"),
        (("vae-mnist", "--size", "huge"), "--size"),
        (("--size", "tiny"), "--size goes with PRESET"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["presets", *words]) == 2
    err = capsys.readouterr().err
    assert line in err and err.count("\n") == 1
