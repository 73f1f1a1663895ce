"""What a command does not load, each in a fresh interpreter: imports are most of the time that it takes to start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import olaria

LIBRARIES = ("numpy", "pydantic", "safetensors", "PIL", "rich", "filelock", "asyncio", "ssl")
"""Which a command may do without; each takes a part of a tenth of a second."""
SMALL = ("tempfile", "random", "html", "gzip", "csv", "urllib.request", "importlib.metadata")
"""Of the standard library, some milliseconds each, which add up where a command takes a tenth of a second."""
SLOW = ("torch", "scipy", "sklearn", "matplotlib", "pandas", "sympy", "weasyprint", "transformers")
"""From a fifth of a second to two."""
COMPILER = ("torch._dynamo", "torch._inductor", "torch.onnx", "torch.utils.tensorboard")
"""PyTorch's own, a second, for steps that are compiled."""
TRAIN = ("vae-mnist", "--size", "tiny", "--data", "digits", "--steps", "5")


def loaded(folder: Path, *words: str) -> set[str]:
    """Names of all modules that are loaded when the command has ended."""
    code = (
        "import json, sys\n"
        "from olaria.cli.main import main\n"
        f"assert main({list(words)!r}) == 0\n"
        "open('modules.json', 'w').write(json.dumps(sorted(sys.modules)))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(olaria.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
        "OLARIA_RUNS": str(folder / "runs"),
        "OLARIA_HOME": str(folder / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads((folder / "modules.json").read_text()))


def of_the_list(names: set[str], *lists: tuple[str, ...]) -> list[str]:
    return [name for names_of_one in lists for name in names_of_one if name in names]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a short run ``a`` and its copy ``b``; ``train.json`` has the modules that training loaded."""
    place = tmp_path_factory.mktemp("start")
    found = loaded(place, "train", *TRAIN, "--out", str(place / "runs" / "a"))
    (place / "train.json").write_text(json.dumps(sorted(found)))
    shutil.copytree(place / "runs" / "a", place / "runs" / "b")
    return place


def test_help_loads_our_words_alone(folder: Path) -> None:
    assert of_the_list(loaded(folder, "--help"), SLOW, LIBRARIES, SMALL) == []


@pytest.mark.parametrize(
    "words",
    [
        ("presets",),
        ("presets", "--json"),
        ("runs",),
        ("runs", "--json"),
        ("runs", "show", "a"),
        ("runs", "compare", "a", "b"),
        ("data",),
    ],
    ids=" ".join,
)
def test_lists_load_settings_and_no_arrays(words: tuple[str, ...], folder: Path) -> None:
    found = loaded(folder, *words)
    assert "pydantic" in found, "so something is looked for where it would be"
    allowed = ("pydantic", "ssl")  # the data sets know how to download themselves
    others = tuple(name for name in LIBRARIES if name not in allowed)
    assert of_the_list(found, SLOW, others) == []
    assert not [name for name in found if name.startswith(("olaria.models", "olaria.nn"))]


def test_training_loads_no_compiler_and_no_other_library(folder: Path) -> None:
    found = set(json.loads((folder / "train.json").read_text()))
    assert "torch" in found
    assert of_the_list(found, SLOW[1:], COMPILER, ("rich",)) == []
    others = ("olaria.lessons", "olaria.pages", "olaria.cards")
    assert not [module for module in found if module.startswith(others)]


def test_sampling_loads_no_compiler_and_no_other_library(folder: Path) -> None:
    found = loaded(folder, "sample", "a", "--out", "sample.png")
    assert (folder / "sample.png").exists() and "torch" in found
    assert of_the_list(found, SLOW[1:], COMPILER, ("rich",)) == []
    others = ("olaria.lessons", "olaria.pages", "olaria.cards")
    assert not [module for module in found if module.startswith(others)]


def test_a_lesson_loads_neither_the_compiler_nor_what_draws_figures_of_reports(
    folder: Path,
) -> None:
    found = loaded(folder, "explain", "vae", "a", "--out", "lesson.html")
    assert (folder / "lesson.html").exists() and "torch" in found
    slow = ("matplotlib", "pandas", "sympy", "weasyprint", "transformers")
    assert of_the_list(found, slow, COMPILER) == []
