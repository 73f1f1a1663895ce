"""Old consoles, and a system whose encoding has not the letters that are typed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import olaria
from olaria.cli.main import main
from olaria.cli.shell import Shell
from olaria.cli.verb import typed
from olaria.numbers import Number
from olaria.workflows.train import train

LINE = "São João — “pão” e maçã ≈ 3 € 🏺 \N{MINUS SIGN}1\n"
ENCODINGS = ["ascii", "latin-1", "cp1252", "cp850", "cp437", "utf-8"]


class Console(io.TextIOWrapper):
    """A standard output of an encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")

    @property
    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ação nº 1")
    (folder / "t.txt").write_text(LINE * 100, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(place: Path) -> Path:
    data = place / "t.txt"
    return train("bigram-shakespeare", data=data, size="tiny", steps=2, out=place / "run 1").path


def spoken(encoding: str, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """The standard output of a command that must succeed."""
    out, err = Console(encoding), Console(encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main([*words]) == 0, err.text
    return out.text


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_letters_that_a_console_has_are_right_and_others_replaced(
    run: Path, encoding: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = str(run.parent / "t.txt")
    said = spoken(encoding, monkeypatch, "data", "stats", data, "--lang", language)
    assert ("ã" in said) == (encoding not in ("ascii", "cp437"))
    words = ("sample", str(run), "--prompt", "São", "--max-tokens", "40")
    assert len(spoken(encoding, monkeypatch, *words)) > 40
    document = json.loads(spoken(encoding, monkeypatch, *words, "--json"))
    assert document["prompt"] == "São" and len(document["text"]) == 40


def test_signs_that_a_console_lacks_are_written_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    from olaria.cli.main import _never_fail_on_a_letter

    for encoding in ("ascii", "cp850", "cp1252"):
        console = Console(encoding)
        _never_fail_on_a_letter(console)
        monkeypatch.setattr(sys, "stdout", console)
        Shell("pt").line(Shell("pt").number(-0.5, 2) + " 🏺")
        assert console.text == "-0,50 ?\n"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "a | 1.283*10^-13"),
        ("cp437", "a · 1.283·10^-13"),
        ("cp1252", "a · 1.283·10^-¹³"),
        ("utf-8", "a · 1.283·10⁻¹³"),
    ],
)
def test_a_power_of_ten_is_read_on_every_console(
    encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from olaria.cli.main import _never_fail_on_a_letter

    console = Console(encoding)
    _never_fail_on_a_letter(console)
    monkeypatch.setattr(sys, "stdout", console)
    Shell().line(f"a · {Number(1.283e-13).text()}")
    assert console.text == f"{shown}\n"


def test_what_is_typed_is_read_as_utf8_where_the_system_has_no_letters() -> None:
    bare = "São “pão” 🏺".encode().decode("ascii", "surrogateescape")
    assert typed(bare) == "São “pão” 🏺"
    assert typed((bare, "b")) == ["São “pão” 🏺", "b"]
    latin = "São".encode("latin-1").decode("ascii", "surrogateescape")
    assert typed(latin) == latin
    assert typed(None) is None and typed("São") == "São"


@pytest.mark.skipif(os.name == "nt", reason="a locale of POSIX")
def test_a_prompt_in_the_locale_c(run: Path) -> None:
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "OMP_NUM_THREADS": "1"}
    source = str(Path(olaria.__file__).parents[1])
    out = run.parent / "saída.txt"
    words = ["sample", str(run), "--prompt", "São", "--max-tokens", "9", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "olaria", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": source, **bare},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text("utf-8").startswith("São")
