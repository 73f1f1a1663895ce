"""Completion of words: what is offered where, in real shells too, and that it comes at once."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, get_args

import pytest

import olaria
from olaria import vocabulary
from olaria.cli.main import AFTER, GROUPS, VERBS, main
from olaria.cli.words import EVERYWHERE
from olaria.data import DATASETS
from olaria.evaluation import METRICS
from olaria.i18n import LANGUAGES
from olaria.lessons import LESSONS
from olaria.recipes import PRESETS
from olaria.workflows.completion import ASKED
from olaria.workflows.requests import forms

SLOW = ("torch", "numpy", "pydantic", "rich", "matplotlib", "filelock", "safetensors", "sklearn")
RUNS = ("vae-mnist", "two words", "demo/gan")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders that count as runs: nothing of one is opened."""
    for name in RUNS:
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "recipe.json").write_text("{}")
    (tmp_path / "my-data").mkdir()
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Offered(dict[str, str]):
    """Words, and what they mean."""

    takes_paths = False


def offered(*words: str, style: str = "fish", language: str = "en") -> Offered:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ASKED, style)
        patch.setenv("OLARIA_LANG", language)
        kind, *lines = said(*words)
    found = Offered(line.split("\t", 1) for line in lines)
    found.takes_paths = {"files": True, "words": False}[kind]
    return found


def said(*words: str) -> list[str]:
    stream = io.StringIO()
    with redirect_stdout(stream):
        assert main([*words]) == 0
    return stream.getvalue().splitlines()


# -- what is offered -------------------------------------------------------------------------------


def test_verbs_come_first_in_the_language_of_the_user() -> None:
    assert offered("").keys() == {*VERBS, *AFTER, *GROUPS, "help"}
    assert {*offered("help", "")} == {*VERBS, *AFTER, *GROUPS}
    assert {*offered("--offline", "--lang", "pt", "tr")} == {"train"}
    assert offered("runs", "").keys() == GROUPS["runs"][0].keys()
    assert offered("runs", language="pt")["runs"] != offered("runs")["runs"]
    assert {*offered("-")} == {names.split()[0] for names, _ in EVERYWHERE}
    assert {*offered("--lang", "")} == {*LANGUAGES}
    assert not offered("nothing", "") and not offered("train", "--no-such-thing", "--budget", "")


def test_each_name_is_offered_where_it_may_stand(runs: Path) -> None:
    assert {*offered("train", "")} == {*PRESETS}
    assert {*offered("train", "vae-mnist", "--data", "")} == {*DATASETS}
    assert offered("train", "--data", "").takes_paths and not offered("train", "").takes_paths
    for words in (("sample",), ("runs", "show"), ("runs", "compare", "a"), ("train", "--from")):
        assert {*offered(*words, "")} == {*RUNS} and offered(*words, "").takes_paths
    assert {*offered("train", "--resume", "")} == {*RUNS, "auto"}
    assert {*offered("explain", "")} == {*LESSONS}
    assert {*offered("eval", "x", "--metric", "")} == {*METRICS}
    assert {*offered("data", "stats", "")} == {*offered("data", "get", "mnist", "")} == {*DATASETS}
    assert not offered("train", "--steps", "") and not offered("data", "stats", "--encoding", "")


def test_every_setting_offers_its_choices_runs_and_data(runs: Path) -> None:
    every = {**VERBS, **AFTER}
    pages = [((name,), verb) for name, verb in every.items()]
    for group, (verbs, _) in GROUPS.items():
        pages += [((group, name), verb) for name, verb in verbs.items()]
    for words, verb in pages:
        for one in verb.request.declared():
            if one.about.positional or not one.form.takes_value:
                continue
            found = offered(*words, one.flag, "")
            item: Any = getattr(one.form, "item", one.form)
            assert {*item.choices} <= {*found}, (words, one.flag)
            if isinstance(item, forms.Source):
                assert {*found} == {*DATASETS} and found.takes_paths
            if isinstance(item, forms.Place):
                assert found.takes_paths, (words, one.flag)


def test_options_are_offered_once_and_values_after_them(runs: Path) -> None:
    first = offered("sample", "vae-mnist", "")
    assert {"--mode", "--json", "--help"} <= {*first}
    assert "--mode" not in offered("sample", "vae-mnist", "--mode", "prior", "--")
    assert "--set" in offered("train", "--set", "a=1", "--")
    modes = get_args(vocabulary.Mode)
    assert {*offered("sample", "x", "--mode=")} == {f"--mode={mode}" for mode in modes}
    assert {*offered("report", "x", "--lessons", "vae,g")} == {"vae,gan", "vae,gpt"}


def test_bash_gets_what_follows_the_last_break_and_what_it_must_escape(runs: Path) -> None:
    assert "manifold" in offered("sample", "x", "--mode", "=", style="bash")
    assert {*offered("sample", "x", "--mode", "=", "man", style="bash")} == {"manifold"}
    assert {*offered("sample", "tw", style="bash")} == {r"two\ words"}
    assert {*offered("sample", r"two\ wo", style="bash")} == {r"two\ words"}
    assert {*offered("sample", "'two wo", style="bash")} == {r"two\ words"}


def test_the_names_of_the_vocabulary_are_those_of_the_tables() -> None:
    assert list(get_args(vocabulary.PresetName)) == list(PRESETS)
    assert list(get_args(vocabulary.DataSetName)) == list(DATASETS)


def test_a_question_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below", "none"):
        monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / place))
        assert not offered("sample", "")
    for words in ((), ("--lang",), ("train", "=", "="), ("runs", "rm", "--yes", "x", "y", "")):
        assert offered(*words, style="bash") is not None


# -- how fast --------------------------------------------------------------------------------------


def test_completing_loads_nothing_slow(runs: Path) -> None:
    code = (
        "import json, sys\n"
        "from olaria.cli.main import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "open('modules.json', 'w').write(json.dumps(sorted(sys.modules)))\n"
    )
    for words in (("sample", ""), ("train", "", "--data"), ("data", "get", "")):
        place = {"PYTHONPATH": str(Path(olaria.__file__).parents[1]), ASKED: "bash"}
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, **place},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        loaded = json.loads((runs / "modules.json").read_text())
        assert [name for name in SLOW if name in loaded] == []


# -- in real shells --------------------------------------------------------------------------------

TYPED = [
    ("tra", ["train"]),
    ("train vae-mn", ["train", "vae-mnist"]),
    ("train --data macha", ["train", "--data", "machado"]),
    ("train --steps 1 --epo", ["train", "--steps", "1", "--epochs"]),
    ("sample tw", ["sample", "two words"]),
    ("sample x --mode=man", ["sample", "x", "--mode=manifold"]),
    ("data stats my-d", ["data", "stats", "my-data"]),
]
"""What is typed before Tab, and the words that are there after it."""
PROGRAM = """#!/bin/sh
if [ -n "${asked}" ]; then PYTHONPATH={source} exec {python} -m olaria "$@"; fi
printf '%s\\n' "$@" > words.new
mv words.new words
"""
"""Stands for ``olaria`` on PATH: answers as it does, and keeps the words that it is called with."""


@pytest.fixture
def place(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the script of each shell."""
    words = {"asked": ASKED, "python": shlex.quote(sys.executable)}
    words["source"] = shlex.quote(str(Path(olaria.__file__).parents[1]))
    program = runs / "bin" / "olaria"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(**words))
    program.chmod(0o755)
    for name in get_args(vocabulary.Shell):
        (runs / f"script.{name}").write_text("\n".join([*said("completion", name), ""]))
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name in ("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(runs))
    monkeypatch.setenv("TERM", "dumb")
    return runs


def the_shell(name: str) -> str:
    found = shutil.which(name)
    if found is None or os.name == "nt":
        pytest.skip(f"{name} is not here")
    return found


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_real_shell_completes_at_tab(name: str, place: Path) -> None:
    program = the_shell(name)
    pty = pytest.importorskip("pty")
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[name]
    head, tail = pty.openpty()
    process = subprocess.Popen(
        [program, *plain, "-i"], stdin=tail, stdout=tail, stderr=tail, start_new_session=True
    )
    os.close(tail)
    shown = bytearray()
    reader = threading.Thread(target=keep, args=(head, shown), daemon=True)
    reader.start()
    try:
        for begun, wanted in [("", ["ready"]), *TYPED]:
            keys = f"olaria {begun}\t\n" if begun else f"source script.{name}; olaria ready\n"
            os.write(head, keys.encode())
            assert called_with(place / "words") == wanted, shown.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=10)
        os.close(head)


def keep(head: int, shown: bytearray) -> None:
    """Take what a terminal shows, so that it never waits for us."""
    with suppress(OSError):
        while piece := os.read(head, 4096):
            shown += piece


def called_with(file: Path) -> list[str]:
    for _ in range(300):
        if file.exists():
            words = file.read_text().splitlines()
            file.unlink()
            return [word.rstrip("/") for word in words]  # which zsh takes back
        time.sleep(0.1)
    return ["nothing after 30 s"]


def test_fish_completes(place: Path) -> None:
    program = the_shell("fish")
    lines = [
        f"echo == ; complete -C {shlex.quote('olaria ' + begun)}"
        for begun, _ in [*TYPED, ("train ", None)]
    ]
    done = subprocess.run(
        [program, "--no-config", "-c", "source script.fish\n" + "\n".join(lines)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    answers = [part.splitlines() for part in done.stdout.split("==\n")[1:]]
    assert len(answers) == len(TYPED) + 1, done.stderr
    for (_, wanted), lines in zip(TYPED, answers, strict=False):
        assert [line.split("\t")[0].rstrip("/") for line in lines] == wanted[-1:]
    assert answers[0] == [f"train\t{VERBS['train'].summary}"]
    assert {*answers[-1]} == {*PRESETS}
