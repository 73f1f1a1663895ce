from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))  # where they find each other when one is run


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


tool = load("setup_steps")
torch_build, environment = sys.modules["setup_torch"], sys.modules["setup_venv"]
lock = load("lock")

GPU_PLAN = [("torch", "https://x/torch.whl"), ("nvidia-cublas", "https://x/cublas.whl")]
CPU_PLAN = [("torch", "file:///wheels/torch.whl")]


# --- which torch ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("2.10.0", True),
        ("2.13.0+cpu", True),
        ("3.0", True),
        ("2.9.1", False),
        ("1.13", False),
        ("", False),
        (None, False),
    ],
)
def test_a_recent_torch_is_kept(version: str | None, kept: bool) -> None:
    assert torch_build.is_recent_torch(version) is kept


class Machine:
    """Stands in for pip, the network and the graphics card of a setup."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, gpu: bool, reachable: bool) -> None:
        self.plans = {(): GPU_PLAN, ("--index-url", torch_build.CPU_INDEX): CPU_PLAN}
        self.said: list[str] = []
        self.probed: list[str] = []
        monkeypatch.setattr(
            torch_build, "planned_downloads", lambda words: self.plans[tuple(words)]
        )
        monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: gpu)
        monkeypatch.setattr(
            torch_build, "is_reachable", lambda url: self.probed.append(url) or reachable
        )
        monkeypatch.setattr(torch_build, "say", lambda text, **_: self.said.append(text))
        monkeypatch.setattr(
            torch_build, "announcement", lambda plan: "large" if plan is GPU_PLAN else None
        )


def test_the_cpu_index_is_tried_for_a_gpu_build_without_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch, gpu=False, reachable=True)
    assert torch_build.torch_options([]) == ["--index-url", torch_build.CPU_INDEX]
    assert machine.probed and "large" not in capsys.readouterr().out


def test_without_the_cpu_index_the_gpu_build_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Machine(monkeypatch, gpu=False, reachable=False)
    assert torch_build.torch_options([]) == []
    assert capsys.readouterr().out == "large\n"


def test_a_gpu_gets_its_build_without_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, gpu=True, reachable=True)
    assert torch_build.torch_options([]) == []
    assert machine.probed == []


def test_a_cpu_build_is_taken_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, gpu=False, reachable=True)
    machine.plans[()] = CPU_PLAN
    assert torch_build.torch_options([]) == []
    assert machine.said == machine.probed == []


def test_a_folder_of_wheels_is_the_only_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = Machine(monkeypatch, gpu=False, reachable=True)
    only = tool.folder_options(tmp_path)
    assert only == ["--no-index", "--find-links", str(tmp_path)] == torch_build.torch_options(only)
    assert machine.said == machine.probed == []
    monkeypatch.setenv("OLARIA_WHEELS", str(tmp_path))
    (tmp_path / "stick").mkdir()
    assert tool.wheel_folder(None) == tmp_path
    assert tool.wheel_folder(tmp_path / "stick") == tmp_path / "stick"
    monkeypatch.setenv("OLARIA_WHEELS", " ")
    assert tool.wheel_folder(None) is None
    with pytest.raises(tool.SetupError, match="is no folder"):
        tool.wheel_folder(tmp_path / "none")


def test_large_downloads_are_announced() -> None:
    sizes = {"https://x/torch.whl": 900_000_000, "https://x/cublas.whl": 1_300_000_000}
    assert torch_build.announcement(GPU_PLAN, sizes.get) == (
        "downloading 2.2 GB for torch and its GPU libraries"
    )
    del sizes["https://x/cublas.whl"]
    assert "0.9 GB or more" in torch_build.announcement(GPU_PLAN, sizes.get)
    assert "several GB" in torch_build.announcement(GPU_PLAN, lambda url: None)
    assert torch_build.announcement(CPU_PLAN, lambda url: 200_000_000) is None
    assert torch_build.announcement(CPU_PLAN, lambda url: None) is None
    assert torch_build.size_of("file:///wheels/torch.whl") == 0


def test_pips_report_is_read() -> None:
    item = {"metadata": {"name": "torch"}, "download_info": {"url": "https://x/torch.whl"}}
    assert torch_build.read_plan({"install": [item]}) == GPU_PLAN[:1]


# --- the environment ------------------------------------------------------------------------------


def finished(folder: Path, state: dict[str, Any]) -> None:
    python = environment.venv_python(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    site = folder / ("Lib" if os.name == "nt" else "lib/python3.11") / "site-packages"
    (site / "torch").mkdir(parents=True)
    (site / "torch" / "version.py").touch()
    (folder / environment.STAMP.name).write_text(json.dumps(state))


def test_a_finished_setup_is_recognised_until_something_changes(tmp_path: Path) -> None:
    state = {**tool.state(runtime=False), "root": str(tmp_path)}
    assert not tool.is_ready(state, tmp_path / "v")
    finished(tmp_path / "v", state)
    assert tool.is_ready(state, tmp_path / "v")
    for key in ("root", "inputs"):
        assert not tool.is_ready({**state, key: "other"}, tmp_path / "v")
    (environment.site_packages(tmp_path / "v") / "torch" / "version.py").unlink()
    assert not tool.is_ready(state, tmp_path / "v")


def test_a_broken_stamp_means_not_ready(tmp_path: Path) -> None:
    finished(tmp_path / "v", {})
    (tmp_path / "v" / environment.STAMP.name).write_text("{")
    assert not tool.is_ready(tool.state(runtime=False), tmp_path / "v")


def test_python_without_ensurepip_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(tool.SetupError, match="apt install python3-venv"):
        environment.make_venv(tmp_path / "v")


def test_an_old_environment_is_refused_with_its_place(tmp_path: Path) -> None:
    python = environment.venv_python(tmp_path / "v")
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 3 9 True\n")
    python.chmod(0o755)
    with pytest.raises(tool.SetupError, match=r"no working Python 3\.11 or newer; delete it"):
        environment.make_venv(tmp_path / "v")


def make_plain(folder: Path, *options: str) -> Path:
    """An environment as Python makes it, without pip."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", *options, folder], check=True, timeout=120
    )
    return folder


def test_an_environment_is_known_where_it_was_made(tmp_path: Path) -> None:
    made = make_plain(tmp_path / "a folder" / ".venv", "--prompt", "my own")
    assert environment.why_anew(made) is None
    assert environment.why_anew(tmp_path / "none") is None
    link = tmp_path / "link"
    link.symlink_to(made.parent)
    assert environment.why_anew(link / ".venv") is None


@pytest.mark.parametrize("how", ["copied", "moved", "by the stamp", "its Python is gone"])
def test_a_copied_environment_is_made_anew(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_plain(tmp_path / "teacher" / ".venv")
    here = tmp_path / "student" / ".venv"
    if how == "copied":
        shutil.copytree(made, here, symlinks=True)
    else:
        here.parent.mkdir()
        made.rename(here)
    config = here / "pyvenv.cfg"
    if how == "by the stamp":  # an environment of uv says nothing of its place
        config.write_text(re.sub("command.*", "", config.read_text()))
        (here / environment.STAMP.name).write_text(json.dumps({"root": str(made.parent)}))
    elif how == "its Python is gone":
        config.write_text(f"home = {tmp_path / 'other-python'}\n")
    (here / "lib" / "old.txt").write_text("old")
    monkeypatch.setattr(environment.venv.EnvBuilder, "_setup_pip", lambda *_: None)
    environment.make_venv(here)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    reason = "the Python that" if "gone" in how else f"a copy, made in {made.parent}\n"
    assert line.startswith("making .venv anew: ") and reason in line
    assert environment.why_anew(here) is None and not (here / "lib" / "old.txt").exists()
    assert made.exists() is (how == "copied")


@pytest.mark.parametrize("what", ["folder", "link", "file"])
def test_nothing_but_an_environment_is_deleted(what: str, tmp_path: Path) -> None:
    kept, here = tmp_path / "mine", tmp_path / ".venv"
    if what == "folder":
        kept = here
    kept.mkdir()
    (kept / "thesis.txt").write_text("mine")
    if what == "link":
        (kept / "pyvenv.cfg").write_text(f"home = {tmp_path / 'none'}\n")
        here.symlink_to(kept)
    elif what == "file":
        here.write_text("mine")
    with pytest.raises(tool.SetupError, match="move it away"):
        environment.make_venv(here)
    assert (kept / "thesis.txt").read_text() == "mine" and here.exists()


def test_a_disk_without_links_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(environment.venv.EnvBuilder, "setup_python", refuse)
    with pytest.raises(
        tool.SetupError, match=r"\(Operation not permitted\); from a USB stick, copy"
    ):
        environment.make_venv(tmp_path / ".venv")


def test_errors_are_one_line_and_exit_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(tool.LOCKS, False, tool.ROOT / "requirements" / "none.txt")
    assert tool.main([]) == 1
    told = capsys.readouterr()
    assert told.err == "error: requirements/none.txt is missing; get the project's files again\n"
    assert told.out == ""


@cache
def works(python: str) -> bool:
    """Whether an interpreter is there, and is not a name for one that is not."""
    path = shutil.which(python)
    return (
        path is not None and not subprocess.run([path, "-c", "0"], capture_output=True).returncode
    )


@pytest.mark.parametrize(
    ("language", "begins"),
    [
        ("en", "error: Olaria needs Python 3.11 or newer"),
        ("pt_BR.UTF-8", "erro: a Olaria precisa do Python 3.11"),
    ],
)
def test_an_older_python_is_told_in_one_line(language: str, begins: str) -> None:
    older = next(filter(works, ("python3.10", "python3.9", "python3.6")), None)
    if older is None:
        pytest.skip("no older Python here")
    done = subprocess.run(
        [older, ROOT / "scripts" / "setup_env.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OLARIA_LANG": language},
    )
    assert done.returncode == 1
    assert done.stderr.startswith(begins)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("python", ["2.7", "3.6", "3.9", "3.10"])
@pytest.mark.parametrize("by_make", [True, False])
def test_an_older_python_with_a_stick_is_given_a_command_that_the_stick_serves(
    tmp_path: Path, python: str, by_make: bool
) -> None:
    """It once was ``make setup PYTHON=python3.12``, of another Python and without the stick."""
    older = next(filter(works, (f"python{python}", f"python{python[0]}")), None)
    if older is None or not runs_as(older, python):
        pytest.skip(f"no Python {python} here")
    stick = tmp_path / "my wheels"
    stick.mkdir()
    rows = [{"python": "3.11", "system": one} for one in ("linux", "macos", "windows")]
    rows.append({"python": "3.13", "system": "other"})
    (stick / "olaria-wheels.json").write_text(json.dumps({"format": 1, "targets": rows}))
    environ = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    done = subprocess.run(
        [older, ROOT / "scripts" / "setup_env.py", "--runtime", "--wheels", stick],
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "OLARIA_LANG": "en", **({"MAKELEVEL": "1"} if by_make else {})},
    )
    script = f'python3.11 scripts/setup_env.py --runtime --wheels "{stick}"'
    again = "run the same command with PYTHON=python3.11" if by_make else f"run: {script}"
    assert done.stderr.endswith(f"this is {python}; {again}\n")


def runs_as(python: str, version: str) -> bool:
    """Whether an interpreter has that version."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def test_every_older_python_can_read_what_tells_it() -> None:
    source = (ROOT / "scripts" / "setup_env.py").read_text(encoding="ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    assert "__future__" not in source and 'f"' not in source
    assert not any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))


def test_pips_reason_is_told_and_what_to_do_without_network() -> None:
    stderr = "WARNING: Retrying after NameResolutionError\nERROR: No matching distribution found"
    assert environment.last_error(stderr).startswith(
        "No matching distribution found (is there a network?"
    )
    assert environment.last_error("ERROR: disk full\nnotice: new pip") == "disk full"
    assert environment.last_error("") == "no reason given"


# --- the tests' own walls -------------------------------------------------------------------------


def test_tests_reach_this_machine_only() -> None:
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        for reach in (
            lambda: stream.connect(("192.0.2.1", 80)),
            lambda: stream.connect_ex(("192.0.2.1", 80)),
            lambda: datagram.sendto(b"x", ("192.0.2.1", 9)),
            lambda: socket.getaddrinfo("example.org", 80),
        ):
            with pytest.raises(Exception, match=r"a test (?:reaches|looks up)") as caught:
                reach()
            assert not isinstance(caught.value, OSError)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_tests_have_their_own_home() -> None:
    assert os.environ["OLARIA_OFFLINE"] == "1"
    for name in ("OLARIA_HOME", "OLARIA_RUNS"):
        assert Path(tempfile.gettempdir()).resolve() in Path(os.environ[name]).resolve().parents


# --- the locks ------------------------------------------------------------------------------------

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_locks_belong_to_the_project() -> None:
    assert lock.main(["--check"]) == 0


def test_torch_is_not_locked_but_all_that_it_needs_is() -> None:
    names = lock.locked_names(lock.RUNTIME.read_text(encoding="utf-8"))
    assert "torch" not in names
    requirements = [
        requirement
        for requirement in importlib.metadata.requires("torch") or []
        if "extra ==" not in requirement
    ]
    plain = {lock.name_of(requirement) for requirement in requirements}
    of_accelerators = {n for n in plain if n.startswith(("nvidia-", "cuda-", "triton"))}
    assert plain - of_accelerators <= names


def test_both_locks_agree() -> None:
    """On every version; a development tool may want a package on systems where Olaria does not."""

    def pins(path: Path) -> set[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {re.split("[;\\\\]", line)[0].strip() for line in lines if line[:1].isalnum()}

    assert pins(lock.RUNTIME) <= pins(lock.DEVELOPMENT)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("numpy==", "number==", "lacks numpy"),
        ("# Inputs: ", "# Inputs: 0", "other requirements"),
        ("--hash=sha256:", "--hush=sha256:", "no hash for"),
        ("\nannotated", "\n--index-url x\nannotated", "names an address"),
    ],
)
def test_a_lock_that_cannot_be_used_is_found(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    requirements = lock.wanted(PROJECT, development=False)
    copy = tmp_path / "lock.txt"
    copy.write_text(lock.RUNTIME.read_text(encoding="utf-8").replace(before, after))
    assert any(problem in line for line in lock.problems(copy, requirements))


def test_a_new_dependency_makes_the_lock_stale() -> None:
    requirements = [*lock.wanted(PROJECT, development=False), "attrs>=25"]
    found = lock.problems(lock.RUNTIME, requirements)
    assert "lock.txt lacks attrs" in found
    assert any("other requirements" in line for line in found)
