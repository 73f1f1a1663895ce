"""What a run takes, as predicted before it begins, beside what the process really took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import olaria
from olaria.cli.main import main

RUNS = {
    "autoencoder": ["ae-mnist", "--data", "digits"],
    "vae": ["vae-mnist", "--data", "digits"],
    "vq": ["vq-mnist", "--data", "digits"],
    "gan": ["gan-mnist", "--data", "digits"],
    "mask": ["mask-mnist", "--data", "digits"],
    "plane-gan": ["gan-ring"],
    "image-flow": ["flow-mnist", "--data", "digits"],
    "point-flow": ["flow-ring"],
    "latent-flow": ["flow-latent", "--data", "latents:ae"],
    "bigram": ["bigram-shakespeare", "--data", "toy-language"],
    "language": ["gpt2-shakespeare", "--data", "toy-language"],
    "gpt": ["gpt-shakespeare", "--data", "toy-language"],
    "translation": ["pt-en"],
}


def olaria_train(folder: Path, *words: str) -> Any:
    """The result of a run in a process of its own."""
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(olaria.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
        "OLARIA_RUNS": str(folder / "runs"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "olaria", "train", *words, "--json"],
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_family_is_predicted() -> None:
    from olaria.families import MODELS

    assert set(RUNS) == set(MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("family", RUNS)
def test_memory_is_predicted_within_a_factor_of_two(
    family: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if family == "latent-flow":
        olaria_train(tmp_path, *RUNS["autoencoder"], "--steps", "6", "--out", "runs/ae")
    result = olaria_train(tmp_path, *RUNS[family], "--steps", "6")
    assert result["family"] == family
    predicted, used = result["predicted"]["memory_bytes"], result["peak_memory_bytes"]
    record_property("predicted_over_used", round(predicted / used, 2))
    assert used / 2 < predicted < used * 2


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (["--lang", "en"], ["of memory", "times over the data"]),
        (["--lang", "pt"], ["de memória", "vezes sobre os dados"]),
    ],
)
def test_a_run_says_what_it_will_take(
    language: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--size", "tiny", "--steps", "3", *language, "--out", str(tmp_path / "run")]
    assert main(["train", *RUNS["vae"], *settings, "--json"]) == 0
    told = capsys.readouterr()
    result, first = json.loads(told.out), told.err.splitlines()[0]
    assert all(word in first for word in words), told.err
    assert result["predicted"]["epochs"] == pytest.approx(result["epochs"], abs=1e-3)
