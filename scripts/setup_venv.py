"""The environment of set-up: ``.venv``, whether it is ours and whole, and what runs in it. Standard library only."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import venv
from itertools import pairwise
from pathlib import Path

from setup_words import SetupError, say, words

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "olaria-setup.json"
WINDOWS = os.name == "nt"


def venv_python(folder: Path = VENV) -> Path:
    """The interpreter inside a virtual environment."""
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


def site_packages(folder: Path = VENV) -> Path:
    """Where a virtual environment keeps its packages."""
    if WINDOWS:
        return folder / "Lib" / "site-packages"
    found = sorted((folder / "lib").glob("python3.*/site-packages"))
    return found[-1] if found else folder / "lib" / "site-packages"


def installed_version(name: str, site: Path) -> str | None:
    """Version of a package in ``site``, without starting its interpreter."""
    for distribution in importlib.metadata.distributions(path=[str(site)]):
        if (distribution.metadata["Name"] or "").lower() == name:
            return distribution.version
    return None


def activation() -> str:
    """What a terminal is told so that it knows ``olaria``."""
    return r".venv\Scripts\activate" if WINDOWS else ". .venv/bin/activate"


def set_up_command(*options: str, python: str | None = None) -> str:
    """How set-up is run again, for messages.

    Args:
        *options: of the script.
        python: another than this one, such as ``3.12``.

    >>> set_up_command("--runtime", "--wheels", "DIR") if not WINDOWS else "make setup-run WHEELS=DIR"
    'make setup-run WHEELS=DIR'
    """
    if WINDOWS:
        other = [] if python is None else [f"-{python}"]
        return subprocess.list2cmdline(("py", *other, r"scripts\setup_env.py", *options))
    found = ["make", "setup-run" if "--runtime" in options else "setup"]
    found += [f"WHEELS={shlex.quote(to)}" for name, to in pairwise(options) if name == "--wheels"]
    return " ".join([*found, *([] if python is None else [f"PYTHON=python{python}"])])


def fetch_command(folder: Path, python: str, system: str) -> str:
    """How wheels are fetched for a Python and a system of ``setup_wheels.SYSTEMS``, for messages."""
    if WINDOWS:
        named = ("--pythons", python, "--systems", system)
        return set_up_command("--runtime", "--wheelhouse", str(folder), *named)
    return f"make wheels DIR={shlex.quote(str(folder))} PYTHONS={python} SYSTEMS={system}"


# --- whether it is ours ---------------------------------------------------------------------------


def settings_of(folder: Path) -> dict[str, str]:
    """What ``pyvenv.cfg`` says of an environment; nothing where there is none."""
    try:
        text = (folder / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def made_in(folder: Path) -> list[Path]:
    """The folders that an environment says it was made in: Python's note (since 3.11) and that of the last set-up."""
    found = []
    command = settings_of(folder).get("command", "")
    noted = re.search(r' -m venv (?:--prompt="[^"]*" |--[a-z-]+ )*(.+)$', command)
    if noted:
        found.append(Path(noted[1]))
    try:
        stored = json.loads((folder / STAMP.name).read_text(encoding="utf-8"))
        found.append(Path(stored["root"], folder.name))
    except (OSError, ValueError, TypeError, LookupError):
        pass
    return found


def why_anew(folder: Path = VENV) -> str | None:
    """Why an environment cannot be used here, in words; None where it can.

    Its programs and packages hold the paths of where it was made, so a copy runs the original or nothing at all.
    """
    for place in made_in(folder):
        if not (place.exists() and place.samefile(folder)):
            return words(
                "making {folder} anew: this one is a copy, made in {place}",
                folder=folder.name,
                place=place.parent,
            )
    home = settings_of(folder).get("home")
    if home is not None and not Path(home).is_dir():
        return words(
            "making {folder} anew: the Python that it was made with is not here",
            folder=folder.name,
        )
    return None


def refuse_strange(folder: Path) -> None:
    """Let nothing be deleted that is no environment.

    Raises:
        SetupError: something else lies there, or a link to somewhere.
    """
    if not os.path.lexists(folder):
        return
    is_ours = folder.is_dir() and (bool(settings_of(folder)) or not any(folder.iterdir()))
    if folder.is_symlink() or not is_ours:
        raise SetupError(
            words("{place} is no environment that set-up made; move it away", place=folder)
        )


# --- making it ------------------------------------------------------------------------------------


def make_venv(folder: Path = VENV, anew: str | None = None) -> None:
    """Create the virtual environment, or mend one that was left half made or copied from elsewhere.

    Args:
        folder: where.
        anew: a reason to replace the one there, in words.

    Raises:
        SetupError: this Python cannot make one, or the one there is too old.
    """
    python, anew = venv_python(folder), why_anew(folder) or anew
    if anew is not None or not python.exists():
        create_venv(folder, anew)
        return
    question = (
        "import sys, importlib.util as u; print(*sys.version_info[:2], bool(u.find_spec('pip')))"
    )
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    major, minor, has_pip = (answer.stdout.split() or ["0", "0", "False"])[:3]
    if (int(major), int(minor)) < (3, 11):
        raise SetupError(
            words(
                "{folder} has no working Python 3.11 or newer; delete it: {place}",
                folder=folder.name,
                place=folder,
            )
        )
    if has_pip != "True":
        run(
            [str(python), "-m", "ensurepip"],
            words("pip could not be added to the environment"),
        )


def create_venv(folder: Path, anew: str | None) -> None:
    """Create it in place of what lies there.

    Args:
        folder: where.
        anew: why one is replaced, in words.
    """
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            words(
                "this Python cannot make virtual environments (it has no ensurepip); "
                "on Debian and Ubuntu: sudo apt install python3-venv"
            )
        )
    refuse_strange(folder)
    if anew is not None:
        print(anew, flush=True)
    else:
        version = sys.version.split()[0]
        say("making {folder} (Python {version})", folder=folder.name, version=version)
    # Python's own way of emptying the folder follows no link inside it.
    builder = venv.EnvBuilder(with_pip=True, clear=folder.exists(), symlinks=not WINDOWS)
    try:
        builder.create(folder)
    except OSError as error:  # FAT has no links, and an environment on Linux needs one
        raise SetupError(
            words(
                "no environment can be made in {place} ({reason}); from a USB stick, copy the whole "
                "folder to this computer's disk and run it there",
                place=folder.parent,
                reason=error.strerror or error,
            )
        ) from error


# --- what runs in it ------------------------------------------------------------------------------


def run(command: list[str], failure: str) -> None:
    """Run ``command``; its last error line becomes part of ours.

    Raises:
        SetupError: it failed.
    """
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SetupError(f"{failure}: {last_error(done.stderr)}")


def last_error(stderr: str) -> str:
    """The line of a failed command's output that says most, and what to do without network.

    >>> last_error("WARNING: old\\nERROR: No matching distribution found for torch\\nnotice: x")
    'No matching distribution found for torch'
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR")]
    last = (errors or lines or [words("no reason given")])[-1]
    if re.search("ConnectionError|ConnectTimeout|NameResolution|Errno -[235]", stderr):
        return words(
            "{text} (is there a network? without one: {again})",
            text=last,
            again=set_up_command("--wheels", "DIR"),
        )
    return last


def pip(*options: str, failure: str) -> None:
    """``pip`` of the environment, quietly, never asking."""
    always = ["--disable-pip-version-check", "--no-input", "--quiet"]
    run([str(venv_python()), "-m", "pip", *always, *options], failure)
