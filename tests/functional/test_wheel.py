"""What people install: the wheel holds the package whole and nothing else, and works where nothing of ours lies."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tarfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "olaria"
MOST_BYTES = 10_000_000
TRANSLATORS = "*.po"
"""Sources of the catalogs: read by scripts/translations.py, never by the package."""


def ran(words: list[str], folder: Path, timeout_s: float = 120, **variables: str) -> str:
    """What a program prints that ends well."""
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel that is made from it alone."""
    for package in ("build", "hatchling"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("dist")
    ran([sys.executable, "-m", "build", "--no-isolation", "-o", str(folder), str(ROOT)], folder)
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return archive, wheel


@pytest.fixture(scope="module")
def unpacked(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(unpacked: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and not path.match(TRANSLATORS)
        }

    assert files(unpacked / "olaria") == files(SOURCE)
    assert not [*unpacked.rglob(TRANSLATORS)] and [*SOURCE.rglob(TRANSLATORS)]
    about = next(unpacked.glob("*.dist-info"))
    assert {path.name for path in unpacked.iterdir()} == {"olaria", about.name}
    kept = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses"}
    assert {path.name for path in about.iterdir()} == kept
    assert (about / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    alien = ("tests", "node_modules", "benchmarks", "scripts")
    assert [name for name in alien if (unpacked / name).exists()] == []


def test_the_wheel_is_small_and_for_every_system(built: tuple[Path, Path]) -> None:
    assert built[1].name.endswith("-py3-none-any.whl")
    assert built[1].stat().st_size < MOST_BYTES


def test_scripts_of_others_come_with_their_licences(unpacked: Path) -> None:
    folder = unpacked / "olaria" / "web" / "static" / "vendor"
    listed = tomllib.loads((folder / "vendor.toml").read_text("utf-8"))
    text = json.dumps(listed)
    files = {path.name for path in folder.iterdir()} - {"vendor.toml"}
    assert files and [name for name in files if name not in text] == []
    licences = [name for name in files if name.endswith("LICENSE.txt")]
    assert licences and all((folder / name).stat().st_size > 500 for name in licences)


def test_the_source_archive_holds_no_leftovers(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"pyproject.toml", "LICENSE", "README.md", "Makefile", "tests/conftest.py"} <= {*names}
    odd = re.compile(r"(^|/)(\.|__pycache__|node_modules/)|^(runs|dist)/|\.(pyc|orig|rej)$")
    assert [
        name
        for name in names
        if odd.search(name) and not name.startswith((".gitignore", ".github/"))
    ] == []


def test_what_is_unpacked_trains_and_writes_its_pages(unpacked: Path, tmp_path: Path) -> None:
    """So that every file that is read at run time is found beside the code that reads it."""
    place = {"PYTHONPATH": str(unpacked), "OLARIA_RUNS": str(tmp_path / "runs")}

    def olaria(*words: str) -> str:
        return ran([sys.executable, "-m", "olaria", "--offline", *words], tmp_path, **place)

    code = "import olaria; print(olaria.__file__)"
    assert Path(ran([sys.executable, "-c", code], tmp_path, **place)).is_relative_to(unpacked)
    assert "Uso: olaria" in olaria("--help", "--lang", "pt")
    run = str(tmp_path / "runs" / "a")
    train = ("vae-mnist", "--data", "digits", "--size", "tiny", "--steps", "3", "--out", run)
    olaria("train", *train)
    olaria("report", "a", "--live", "--lang", "pt", "--out", "report.html")
    assert "<script" in (tmp_path / "report.html").read_text("utf-8")
    olaria("export", "a", "--to", "torch", "--out", "elsewhere")
    assert (tmp_path / "elsewhere" / "README.md").stat().st_size > 500


# -- installed ---------------------------------------------------------------------------------------


def setup_torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/setup_torch.py, which knows the torch that goes with the lock."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("setup_torch")


def constraints(lock: str, torch: str) -> str:
    r"""The versions of a lock without their hashes, and of torch, which no lock has.

    >>> constraints("a==1 ; os_name == 'nt' \\\n    --hash=sha256:0\nb==2 \\\n", "torch==3")
    "a==1 ; os_name == 'nt'\nb==2\ntorch==3"
    """
    pinned = re.findall(r"^([\w.-]+==[^\\\n]+?) *\\?$", lock, re.MULTILINE)
    return "\n".join([*pinned, torch])


@pytest.mark.slow
@pytest.mark.network
def test_the_wheel_installs_and_a_demo_ends_well_in_an_empty_home(
    built: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_testsuite_property: Callable[[str, Any], None],
) -> None:
    tool = setup_torch(monkeypatch)
    pins, home, work = tmp_path / "pins.txt", tmp_path / "home", tmp_path / "work"
    lock = (ROOT / "requirements" / "lock.txt").read_text("utf-8")
    pins.write_text(constraints(lock, tool.TORCH), "utf-8")
    extra = tool.CPU_INDEX if tool.is_reachable(tool.CPU_INDEX + "/torch/") else ""
    for name in [name for name in os.environ if name.startswith(("OLARIA_", "PYTHON"))]:
        monkeypatch.delenv(name)  # what another Python has would count as installed
    started = time.perf_counter()
    venv.create(tmp_path / "venv", with_pip=True)
    bin = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    install = [str(bin / "python"), "-m", "pip", "install", "-q", "-c", str(pins), str(built[1])]
    ran([*install, *(["--extra-index-url", extra] if extra else [])], tmp_path, timeout_s=600)
    installed = time.perf_counter()
    home.mkdir(), work.mkdir()
    said = ran(
        [str(bin / "olaria"), "demo", "--budget", "30s", "--offline", "--json"],
        work,
        timeout_s=400,
        HOME=str(home),
        USERPROFILE=str(home),
        LC_ALL="C.UTF-8",
    )
    ended = time.perf_counter()
    found = json.loads(said)
    report = work / found["path"]
    assert report.stat().st_size > 100_000 and "</html>" in report.read_text("utf-8")
    assert all((work / page).is_file() for page in found["pages"])
    assert sorted(path.name for path in work.iterdir()) == ["runs"]
    record_testsuite_property("wheel: seconds to install", round(installed - started))
    record_testsuite_property("wheel: seconds of the demo", round(ended - installed))
