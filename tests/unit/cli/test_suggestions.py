"""Commands that Olaria prints can be pasted, and do something for the run that they name."""

from __future__ import annotations

import os
import shlex
import subprocess
from functools import partial
from pathlib import Path

import pytest

from olaria.cli import main as shell_main
from olaria.cli.main import main
from olaria.cli.shell import Shell
from olaria.families import MODELS
from olaria.i18n import Message, Setting, command, quoted
from olaria.models import NETWORKS
from olaria.workflows.files import next_verbs

posix = pytest.mark.skipif(os.name == "nt", reason="quoting of POSIX shells")
NAMES = ("plain", "GPT 1", "d'Ana", 'a "b"', "ação nº 1", "$HOME", "a&b;c", "-r", "~", "a\\b", "#1")


@posix
@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_one_word(name: str) -> None:
    words = shlex.split(command("eval", name, options=["--out", name]))
    assert words[:2] == ["olaria", "eval"] and words[3:] == ["--out", name]
    assert words[2] in (name, f"./{name}") and not words[2].startswith("-")


@posix
@pytest.mark.parametrize("name", NAMES)
def test_a_setting_and_its_value_are_words_of_the_shell(name: str) -> None:
    shell = Shell()
    shell.name_setting = partial(shell_main._named, shell)
    hint = shell.text("go on with {resume}", resume=Setting("resume", name))
    assert shlex.split(hint, comments=False)[-2:] == ["--resume", name]
    hint = shell.text("use {setting}", setting=Setting("model.kind", name))
    assert shlex.split(hint)[-2:] == ["--set", f"model.kind={name}"]


def test_windows_has_its_own_quoting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert quoted("--resume", r"C:\minhas aulas\r") == '--resume "C:\\minhas aulas\\r"'
    assert quoted("a b") == subprocess.list2cmdline(["a b"])


def test_python_gets_a_setting_that_can_be_written_so() -> None:
    hint = Message("go on with {resume}", {"resume": Setting("resume", "minhas aulas/r")})
    assert hint.text() == "go on with resume='minhas aulas/r'"
    assert Message("use {it}", {"it": Setting("unseen", "skip")}).text() == "use unseen=skip"


@pytest.mark.parametrize("family", sorted(MODELS))
def test_only_what_a_family_can_do_is_offered(family: str) -> None:
    verbs = next_verbs(family)
    assert verbs[0] == "eval" and verbs[-1] == "report"
    network = NETWORKS[family]
    if MODELS[family].data == "images":
        assert ("sample" in verbs) == network.has_prior  # type: ignore[attr-defined]
        assert "reconstruct" not in verbs or network.encodes  # type: ignore[attr-defined]
    if MODELS[family].data == "pairs":
        assert "sample" not in verbs  # it needs a text


@posix
@pytest.mark.parametrize("out", ["minhas aulas/GPT nº 1", "-d'Ana"])
def test_what_is_suggested_after_training_runs_as_it_stands(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    Path("o texto.txt").write_text("o oleiro gira o barro\n" * 300, encoding="utf-8")
    words = ["bigram-shakespeare", "--data", "o texto.txt", "--size", "tiny", "--steps", "2"]
    assert main(["train", *words, "--out", out, "--lang", "en"]) == 0
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("next: "))
    suggested = [shlex.split(each) for each in line.removeprefix("next: ").split(" · ")]
    assert [each[1] for each in suggested] == ["eval", "sample", "report"]
    for each in suggested:
        assert each[0] == "olaria" and main(each[1:]) == 0
    assert main(["data", "stats", "o texto.txt", "--lang", "en"]) == 0
    (line,) = (row for row in capsys.readouterr().out.splitlines() if row.startswith("suits it"))
    assert main([*shlex.split(line.removeprefix("suits it"))[1:], "--steps", "1"]) == 0
