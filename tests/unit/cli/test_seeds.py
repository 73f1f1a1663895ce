"""Whoever draws is told the seed, and that it gives the same again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.cli.main import main

Made = Callable[..., Any]
DRAWS = [("vae-mnist", ()), ("ae-mnist", ("--mode", "reconstruct")), ("gan-ring", ()),
         ("bigram-shakespeare", ("--max-tokens", "9")), ("bigram-shakespeare", ("-n", "2"))]  # fmt: skip


def sampled(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    capsys.readouterr()
    assert main(["sample", *words]) == 0
    found = capsys.readouterr()
    return found.out, found.err


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize(("preset", "words"), DRAWS)
def test_the_seed_is_said_beside_the_result(
    tiny_run: Made,
    preset: str,
    words: tuple[str, ...],
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = str(tiny_run(preset).path)
    monkeypatch.chdir(tmp_path)
    wanted = {"en": "the same again", "pt": "repete"}[language]
    for seed in ("0", "7"):
        given = () if seed == "0" else ("--seed", seed)
        out, err = sampled(capsys, run, *words, *given, "--lang", language)
        assert err.count("\n") == 1 and f"--seed {seed}," in err and wanted in err
        assert "--seed" not in out
        # What is said holds.
        again, _ = sampled(capsys, run, *words, "--seed", seed, "--lang", language)
        if preset.startswith("bigram"):
            assert again == out
        else:
            assert Path(again.strip()).read_bytes() == Path(out.strip()).read_bytes()


def test_a_program_gets_it_in_the_document(
    tiny_run: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = sampled(capsys, str(tiny_run("bigram-shakespeare").path), "--seed", "3", "--json")
    assert json.loads(out)["seed"] == 3 and err == ""


def test_where_nothing_is_random_no_seed_is_said(
    tiny_run: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plane = str(tiny_run("vae-mnist", "model.latent=2").path)
    _, err = sampled(capsys, plane, "--mode", "manifold", "--out", str(tmp_path / "a.png"))
    assert err == ""
    out, err = sampled(capsys, str(tiny_run("pt-en").path), "--prompt", "o gato")
    assert out and "--seed" not in err
