"""Folders of wheels for a class without network, and what set-up says, in both languages."""

from __future__ import annotations

import ast
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("setup_*.py"))
sys.path.insert(0, str(ROOT / "scripts"))

import setup_markers  # noqa: E402
import setup_steps  # noqa: E402
import setup_venv  # noqa: E402
import setup_wheels  # noqa: E402
import setup_words  # noqa: E402
from setup_wheels import Target  # noqa: E402

LOCK = """\
# Written by hand
a==1 ; python_full_version < '3.12' and sys_platform != 'win32' \\
    --hash=sha256:00 \\
    --hash=sha256:01
soupsieve==2 ; python_full_version < '3.11.5' \\
    --hash=sha256:02
soupsieve==4 ; python_full_version >= '3.11.5' \\
    --hash=sha256:03
w==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:04
z==9 \\
    --hash=sha256:05
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text(LOCK, encoding="utf-8")
    return path


@pytest.fixture
def stick(tmp_path: Path, lock: Path) -> Path:
    """Wheels for two Pythons on Linux and one on Windows."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for target in (Target("windows", "3.12"), Target("linux", "3.12"), Target("linux", "3.11")):
        setup_wheels.note_target(folder, target, [lock])
    return folder


# --- which pins -----------------------------------------------------------------------------------


def names(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line[:1].isalnum()]


def test_a_class_gets_the_pins_of_every_patch_version_of_its_python() -> None:
    """A condition such as ``python_full_version < '3.11.5'`` cuts one Python in two."""
    linux = setup_wheels.pins_for(LOCK, Target("linux", "3.11"))
    assert [names(text) for text in linux] == [
        ["a==1", "soupsieve==2", "z==9"],
        ["a==1", "soupsieve==4", "z==9"],
    ]
    (later,) = setup_wheels.pins_for(LOCK, Target("windows", "3.12"))
    assert names(later) == ["soupsieve==4", "w==1.0", "z==9"]
    assert "--hash=sha256:01" in linux[0] and ";" not in linux[0]


def test_the_real_locks_are_read_for_every_system() -> None:
    for path in setup_steps.LOCKS.values():
        text = path.read_text(encoding="utf-8")
        for system in setup_wheels.SYSTEMS:
            for python in ("3.11", "3.12", "3.14"):
                for pins in setup_wheels.pins_for(text, Target(system, python)):
                    chosen = [pin.partition("==")[0] for pin in names(pins)]
                    assert len(chosen) == len(set(chosen)), "pip takes one version of each"
                    assert {"numpy", "soupsieve", "pip"} <= set(chosen)


@pytest.mark.parametrize(
    "marker", ["__import__('os')", "sys_platform", "elsewhere == '1'", "a ==", "1 < 2 < 3"]
)
def test_a_condition_of_another_form_is_refused(marker: str) -> None:
    with pytest.raises(setup_words.SetupError, match="is not known"):
        setup_markers.holds(marker, {"sys_platform": "linux"})


def test_conditions_agree_with_packaging() -> None:
    from packaging.markers import Marker

    markers = set(
        re.findall(
            r" ; (.+?) \\$", "".join(p.read_text() for p in setup_steps.LOCKS.values()), re.M
        )
    )
    assert len(markers) > 5
    for marker in markers:
        for version in ("3.11.2", "3.11.9", "3.12.0", "3.14.99"):
            for system in setup_wheels.SYSTEMS:
                values = Target(system, version.rpartition(".")[0]).markers()
                values["python_full_version"] = version
                assert setup_markers.holds(marker, values) == Marker(marker).evaluate(values), (
                    marker
                )


# --- which machines -------------------------------------------------------------------------------


def test_wheels_serve_the_machines_they_were_fetched_for(stick: Path, lock: Path) -> None:
    for target in (Target("linux", "3.11"), Target("linux", "3.12"), Target("windows", "3.12")):
        assert setup_wheels.problem(stick, target, lock) is None


@pytest.mark.parametrize(
    ("target", "title"),
    [
        (Target("linux", "3.13"), "Python 3.13 (Linux)"),
        (Target("windows", "3.11"), "Python 3.11 (Windows)"),
        (Target("win32", "3.12"), "Python 3.12 (win32)"),
        (Target("macos", "3.12"), "Python 3.12 (macOS)"),
    ],
)
def test_another_machine_is_told_which_they_are_for(
    target: Target, title: str, stick: Path, lock: Path
) -> None:
    told = setup_wheels.problem(stick, target, lock)
    assert told is not None and "\n" not in told
    assert "are for Python 3.11, 3.12 (Linux); Python 3.12 (Windows)" in told
    assert f"this is {title}" in told
    assert f"PYTHONS={target.python} SYSTEMS={target.system}" in told
    # The nearest one of that system, where there is one, to be pasted.
    best = {"linux": "3.12", "windows": "3.12"}.get(target.system)
    assert ("PYTHON=python" in told) is (best is not None)
    assert best is None or f"(make setup-run WHEELS={stick} PYTHON=python{best})" in told


def test_wheels_of_other_locks_are_told_apart(stick: Path, lock: Path, tmp_path: Path) -> None:
    development = tmp_path / "dev-lock.txt"
    development.write_text(LOCK + "pytest==9\n")
    told = setup_wheels.problem(stick, Target("linux", "3.11"), development)
    assert told is not None and "without the development tools" in told
    lock.write_text(LOCK.replace("z==9", "z==10"))
    told = setup_wheels.problem(stick, Target("linux", "3.11"), lock)
    assert told is not None and "other versions" in told


def test_a_folder_without_a_list_is_left_to_pip(tmp_path: Path, lock: Path) -> None:
    assert setup_wheels.problem(tmp_path, Target("linux", "3.13"), lock) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2, "targets": []}', '{"format": 1}', '{"format": 1, "targets": [3]}',
     '{"format": 1, "targets": [{"python": "3.11", "system": "linux", "locks": 3}]}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_list_is_one_line(text: str, tmp_path: Path, lock: Path) -> None:
    (tmp_path / setup_wheels.MANIFEST).write_text(text)
    with pytest.raises(setup_words.SetupError, match="cannot be read; fetch the wheels again"):
        setup_wheels.problem(tmp_path, Target("linux", "3.13"), lock)


def test_a_set_up_from_wheels_for_another_python_says_so_before_pip(
    stick: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(setup_steps.LOCKS, True, lock)
    monkeypatch.setattr(setup_steps, "is_ready", lambda *_: False)
    monkeypatch.setattr(setup_steps, "state", lambda *_, **__: {})
    other = Target("linux", "3.13")
    monkeypatch.setattr(setup_wheels, "of_environment", lambda: other)
    monkeypatch.setattr(setup_wheels, "running", lambda: other)
    monkeypatch.setattr(setup_steps, "make_venv", lambda **_: pytest.fail("too late"))
    assert setup_steps.main(["--runtime", "--wheels", str(stick)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: the wheels in ") and told.err.count("\n") == 1
    assert told.out == ""
    # Run by a Python that they are for, it makes the environment anew with that one.
    monkeypatch.setattr(setup_wheels, "running", lambda: Target("linux", "3.12"))
    assert setup_steps.check_wheels(stick, lock) == "making .venv anew with Python 3.12 (Linux)"


def test_what_is_fetched_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_wheels, "of_environment", lambda: Target("linux", "3.11"))
    assert setup_wheels.targets([], []) == [Target("linux", "3.11")]
    assert setup_wheels.targets(["3.12", "3.13", "3.12"], ["windows"]) == [
        Target("windows", "3.12"),
        Target("windows", "3.13"),
    ]
    for python in ("3.9", "3.10", "3", "312", "3.12.1", "py312"):
        with pytest.raises(setup_words.SetupError, match=r"name some like 3\.11 3\.12"):
            setup_wheels.targets([python], [])
    with pytest.raises(setup_words.SetupError, match="linux, linux-arm, windows, macos"):
        setup_wheels.targets([], ["beos"])


class Pip:
    """Stands in for pip: notes what it is called with and what the files it reads hold."""

    def __init__(self, requires: list[str]) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.pins: list[str] = []
        self.requires = requires

    def __call__(self, *options: str, failure: str) -> None:
        self.calls.append(options)
        if "-r" in options:
            self.pins.append(Path(options[options.index("-r") + 1]).read_text())

    def report(self, options: list[str], target: str | None = None) -> dict[str, Any]:
        return {"install": [{"metadata": {"name": "torch", "requires_dist": self.requires}}]}


def fetching(monkeypatch: pytest.MonkeyPatch, *, requires: list[str], reachable: bool) -> Pip:
    pip = Pip(requires)
    monkeypatch.setattr(setup_wheels, "pip", pip)
    monkeypatch.setattr(setup_wheels, "pips_report", pip.report)
    monkeypatch.setattr(setup_wheels, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(setup_wheels, "is_reachable", lambda _: reachable)
    monkeypatch.setattr(setup_wheels, "of_environment", lambda: Target("linux", "3.11"))
    return pip


def test_a_folder_is_filled_for_several_targets_and_lists_them(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = fetching(monkeypatch, requires=["sympy"], reachable=False)
    wanted = [Target("linux", "3.11"), Target("windows", "3.12")]
    assert setup_wheels.fill(tmp_path / "w", wanted, (lock,)) == []
    assert list(setup_wheels.read_manifest(tmp_path / "w") or ()) == wanted
    assert [names(text)[0] for text in pip.pins] == ["a==1", "a==1", "soupsieve==4"]
    for call, python in zip(pip.calls, ("3.11", "3.11", "3.11", "3.12", "3.12"), strict=True):
        assert call[call.index("--python-version") + 1] == python
        assert call[call.index("--only-binary") + 1] == ":all:"
    assert "win_amd64" in pip.calls[-1] and "--no-deps" in pip.calls[-1]
    assert not [path for path in (tmp_path / "w").iterdir() if path.name.startswith(".")]


def test_what_cannot_be_had_keeps_nobody_from_the_rest(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(monkeypatch, requires=["nvidia-cublas==1"], reachable=False)
    wanted = [Target("linux", "3.12"), Target("windows", "3.12")]
    (failure,) = setup_wheels.fill(tmp_path / "w", wanted, (lock,))
    assert "Python 3.12 (Linux)" in str(failure)
    assert str(failure).endswith(
        f"run this again on a network that reaches {setup_wheels.CPU_INDEX}"
    )
    assert list(setup_wheels.read_manifest(tmp_path / "w") or ()) == wanted[1:]


def test_a_class_gets_torch_for_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_build = ["sympy", 'nvidia-cublas-cu13==1; platform_system == "Linux"']
    fetching(monkeypatch, requires=gpu_build, reachable=True)
    assert setup_wheels.torch_download(Target("linux", "3.12"), False)[-2:] == [
        "--index-url", setup_wheels.CPU_INDEX
    ]  # fmt: skip
    fetching(monkeypatch, requires=gpu_build, reachable=False)
    windows = Target("windows", "3.12")
    assert setup_wheels.torch_download(windows, False) == [*windows.tags(), "--no-deps"]
    with pytest.raises(setup_words.SetupError, match=r"no CPU build .* for Python 3.12 \(Linux\)"):
        setup_wheels.torch_download(Target("linux", "3.12"), False)


def test_an_environment_of_another_python_is_named_by_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = setup_wheels.running()
    python = setup_venv.venv_python(tmp_path)
    python.parent.mkdir()
    python.touch()
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}\nversion = 3.99.1\n")
    assert setup_wheels.of_environment(tmp_path) == Target(here.system, "3.99")
    python.unlink()
    assert setup_wheels.of_environment(tmp_path) == here


# --- Windows and sticks ---------------------------------------------------------------------------


def test_set_up_calls_nothing_that_only_posix_has() -> None:
    only_posix = re.compile(
        r"\bos\.(fork|getuid|geteuid|symlink|chown|link|kill|uname)\b|\b(fcntl|pwd|grp|resource)\b"
    )
    for path in SCRIPTS:
        assert not only_posix.search(path.read_text(encoding="utf-8")), path.name


def test_windows_is_given_commands_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_venv, "WINDOWS", True)
    again = setup_venv.set_up_command("--runtime", "--wheels", r"D:\my wheels")
    assert again == r'py scripts\setup_env.py --runtime --wheels "D:\my wheels"'
    fetch = setup_venv.fetch_command(Path("wheels"), "3.12", "windows")
    assert fetch.endswith(r"--runtime --wheelhouse wheels --pythons 3.12 --systems windows")
    assert setup_venv.venv_python(Path("x")).as_posix() == "x/Scripts/python.exe"
    assert setup_venv.site_packages(Path("x")).as_posix() == "x/Lib/site-packages"
    assert setup_venv.activation() == r".venv\Scripts\activate"


def legal_on_fat(name: str) -> bool:
    return not re.search(r'[<>:"/\\|?*\x00-\x1f]|[. ]$', name) and not re.fullmatch(
        r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name
    )


def test_names_in_a_mirror_are_legal_on_a_stick() -> None:
    from olaria.data import DATASETS

    for data_set in DATASETS.values():
        files = [name for one in data_set.files for name in (one.name, one.decoded_name)]
        assert all(map(legal_on_fat, (data_set.name, *files))), data_set.name
        assert all(one.size_bytes < 2**32 - 1 for one in data_set.files), "the largest on FAT32"


def test_files_of_the_repository_are_legal_on_a_stick() -> None:
    for part in ("src", "tests", "docs", "scripts", "requirements", "benchmarks", ".ci"):
        for path in (ROOT / part).rglob("*"):
            assert legal_on_fat(path.name), path
            assert not path.is_symlink(), path


# --- words ----------------------------------------------------------------------------------------


def said() -> Iterator[str]:
    """Every text that the scripts of set-up hand to ``say`` or ``words``."""
    for path in SCRIPTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("say", "words"):
                text = node.args[0]
                if isinstance(text, ast.Constant):
                    yield text.value


def test_every_text_has_its_portuguese_and_no_other_is_kept() -> None:
    assert set(said()) == set(setup_words.PORTUGUESE)
    for english, portuguese in setup_words.PORTUGUESE.items():
        fields = [
            sorted(f for _, f, _, _ in string.Formatter().parse(t) if f)
            for t in (english, portuguese)
        ]
        assert fields[0] == fields[1], english


def test_set_up_speaks_the_users_language(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLARIA_LANG", "pt")
    assert (
        setup_steps.main(["--wheels", str(tmp_path / "x"), "--wheelhouse", "y", "--pythons", "2"])
        == 1
    )
    assert capsys.readouterr().err.startswith("erro: ")


def test_the_language_is_that_of_the_program() -> None:
    from olaria.i18n import detect_language

    for environ in (
        {},
        {"LANG": "pt_BR.UTF-8"},
        {"LANG": "pt_BR.UTF-8", "LC_ALL": "C"},
        {"OLARIA_LANG": "PT", "LANG": "en_US"},
        {"OLARIA_LANG": " ", "LC_MESSAGES": "pt"},
        {"LANG": "de_DE"},
    ):
        assert setup_words.language(environ) == detect_language(environ)


def test_a_language_that_make_passes_on_is_that_of_set_up() -> None:
    english = {"LANG": "en_US.UTF-8"}
    assert setup_words.language({**english, "ARGS": "--port 8800 --lang pt"}) == "pt"
    assert setup_words.language({"LANG": "pt_BR.UTF-8", "ARGS": "--lang=en"}) == "en"
    assert setup_words.language({**english, "ARGS": "runs --language"}) == "en"
