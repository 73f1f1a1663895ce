"""The notebooks of ``examples`` run from nothing, have the same cells in both languages, and outputs of their code."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import sys
import tokenize
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, PORTUGUESE = (sorted((ROOT / "examples" / name).glob("*.ipynb")) for name in ("en", "pt"))
ALL = (*ENGLISH, *PORTUGUESE)
PAIRS = [*zip(ENGLISH, PORTUGUESE, strict=True)]
QUICK = "03-inside-a-model"
"""What `make test` executes; the others are slow."""
MOST_BYTES = 400_000
LEFT_OUT = {tokenize.COMMENT, tokenize.NL, getattr(tokenize, "FSTRING_MIDDLE", -1)}
IMAGE = {"image/png"}
NO_NETWORK = """
import socket

def refuse(self, address):
    raise AssertionError(f"the notebook asks {address}")

socket.socket.connect = socket.socket.connect_ex = refuse
"""
"""What the kernel does first; it speaks with its client by other means."""

every_notebook = pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)


def cells_of(path: Path, kind: str = "") -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if not kind or cell["cell_type"] == kind]


def words_left_out(code: str) -> list[str]:
    """The tokens of a cell, with nothing in its strings and without its comments."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    kept = (token for token in tokens if token.type not in LEFT_OUT)
    return ["''" if token.type == tokenize.STRING else token.string for token in kept]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """``scripts/notebooks.py``."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "scripts" / "notebooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["notebooks"] = module
    spec.loader.exec_module(module)
    return module


def test_there_are_as_many_in_each_language() -> None:
    assert len(ENGLISH) == len(PORTUGUESE) >= 5


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p[0].stem)
def test_both_languages_have_the_same_cells(pair: tuple[Path, Path]) -> None:
    cells = [cells_of(path) for path in pair]
    kinds = [[cell["cell_type"] for cell in one] for one in cells]
    assert kinds[0] == kinds[1]
    assert pair[0].name[:3] == pair[1].name[:3]
    for english, portuguese in zip(*cells, strict=True):
        texts = ["".join(cell["source"]) for cell in (english, portuguese)]
        if english["cell_type"] == "code":
            assert words_left_out(texts[0]) == words_left_out(texts[1])
        else:
            headings = [re.findall("^#+", text, re.MULTILINE) for text in texts]
            formulas = [len(re.findall(r"\$\$", text)) for text in texts]
            assert headings[0] == headings[1] and formulas[0] == formulas[1]


def test_other_code_in_one_language_is_found() -> None:
    assert words_left_out('print("a", 1)  # one') == words_left_out("print('b', 1)")
    assert words_left_out('print("a", 1)') != words_left_out('print("a", 2)')


@every_notebook
def test_it_says_its_language_first_and_installs_in_colab_alone(path: Path) -> None:
    first = "".join(cells_of(path, "code")[0]["source"])
    assert f'os.environ["OLARIA_LANG"] = "{path.parent.name}"' in first
    assert re.search(r'^if "google.colab" in sys.modules:\n    %pip install', first, re.MULTILINE)


@every_notebook
def test_it_asks_and_ends_with_two_exercises(path: Path) -> None:
    texts = ["".join(cell["source"]) for cell in cells_of(path, "markdown")]
    question = "**Question.**" if path in ENGLISH else "**Pergunta.**"
    assert sum(question in text for text in texts) >= 2
    assert re.findall(r"^\d\. ", texts[-1], re.MULTILINE) == ["1. ", "2. "]


@every_notebook
def test_its_links_lead_somewhere(path: Path) -> None:
    texts = ["".join(cell["source"]) for cell in cells_of(path, "markdown")]
    links = re.findall(r"\]\(([^)]+)\)", "\n".join(texts))
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []


@every_notebook
def test_what_it_shows_is_small_quiet_and_of_no_machine(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    cells = cells_of(path, "code")
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output["output_type"] == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    for output in outputs:
        data = output.get("data", {})
        text = json.dumps([output.get("text"), {k: v for k, v in data.items() if k not in IMAGE}])
        assert not re.search(
            r"/(tmp|home|root|work|Users)/|[A-Z]:\\\\|jupyter.widget|<iframe", text
        )
        assert not re.search(r" · \d+:\d\d", text)  # seconds of a training
    assert all(cell["metadata"] == {} for cell in cells_of(path))


@every_notebook
def test_its_outputs_are_of_its_code(path: Path, script: ModuleType) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = script.read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.olaria.code_sha256 == script.code_sha256(notebook)


def told(notebook: Any) -> list[list[set[str]]]:
    """What each cell of code shows, by kind."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[set(one.get("data", {one.get("name"): ""})) for one in c.outputs] for c in cells]


@pytest.mark.parametrize(
    "path",
    [p if p.stem == QUICK else pytest.param(p, marks=pytest.mark.slow) for p in ALL],
    ids=lambda path: path.stem,
)
def test_it_runs_from_nothing(
    path: Path, script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder, with an empty home and without a network; it shows what is kept of it."""
    for name, value in (("HOME", "home"), ("RUNS", "runs")):
        monkeypatch.setenv(f"OLARIA_{name}", str(tmp_path / value))
    monkeypatch.delenv("MPLBACKEND")  # the kernel's own draws into the notebook
    monkeypatch.delenv("OLARIA_OFFLINE")
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "no_network.py").write_text(NO_NETWORK, encoding="utf-8")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    kept, notebook = script.read(path), script.read(path)
    for cell in notebook.cells:
        cell.update({"outputs": []} if cell.cell_type == "code" else {})
    (tmp_path / "here").mkdir()
    script.execute(notebook, tmp_path / "here")
    script.normalise(notebook)
    assert told(notebook) == told(kept)
