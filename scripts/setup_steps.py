"""The steps of set-up; ``setup_env.py`` takes them. Standard library only.

Into ``.venv`` go, in this order: the locked packages, each with its hash; torch, whose build
depends on the machine; Olaria itself, editable. Run again, it sees that nothing changed and stops at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import setup_wheels
from setup_torch import install_torch
from setup_venv import (
    ROOT,
    STAMP,
    VENV,
    activation,
    make_venv,
    pip,
    run,
    set_up_command,
    site_packages,
    venv_python,
    why_anew,
)
from setup_words import SetupError, say, words

LOCKS = {
    False: ROOT / "requirements" / "dev-lock.txt",
    True: ROOT / "requirements" / setup_wheels.RUNTIME_LOCK,
}
"""What is installed: with the development tools, or (True) only what running needs."""


def state(runtime: bool) -> dict[str, Any]:
    """What a finished setup depends on; stored in the stamp and compared on the next run."""
    digest = hashlib.sha256()
    scripts = sorted(Path(__file__).resolve().parent.glob("setup_*.py"))
    for path in (LOCKS[runtime], ROOT / "pyproject.toml", *scripts):
        if not path.is_file():
            lock = path.relative_to(ROOT).as_posix()
            raise SetupError(words("{lock} is missing; get the project's files again", lock=lock))
        digest.update(path.read_bytes())
    return {"format": 1, "root": str(ROOT), "runtime": runtime, "inputs": digest.hexdigest()}


def is_ready(expected: dict[str, Any], folder: Path = VENV) -> bool:
    """Whether the last setup still holds. A full one serves where ``--runtime`` is asked for."""
    try:
        stored = json.loads((folder / STAMP.name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    torch = site_packages(folder) / "torch" / "version.py"
    if stored != expected or not venv_python(folder).exists() or not torch.is_file():
        return False
    return why_anew(folder) is None


def wheel_folder(named: Path | None) -> Path | None:
    """The folder that set-up takes wheels from and nothing else: ``--wheels``, else ``OLARIA_WHEELS``; mostly none.

    Raises:
        SetupError: it is no folder.
    """
    variable = os.environ.get("OLARIA_WHEELS", "")
    folder = named or (Path(variable) if variable.strip() else None)
    if folder is not None and not folder.is_dir():
        raise SetupError(
            words("the wheels shall come from {folder}, which is no folder", folder=folder)
        )
    return None if folder is None else folder.resolve()


def folder_options(folder: Path | None) -> list[str]:
    """pip's options for a folder of wheels: that and nothing else."""
    return [] if folder is None else ["--no-index", "--find-links", str(folder)]


def check_wheels(folder: Path, lock: Path) -> str | None:
    """Why the environment is made anew so that a folder's wheels serve it, in words; None where they do.

    Raises:
        SetupError: they serve neither the environment's Python nor this one.
    """
    there, here = setup_wheels.of_environment(), setup_wheels.running()
    problem = setup_wheels.problem(folder, there, lock)
    if problem is None:
        return None
    if there == here or setup_wheels.problem(folder, here, lock) is not None:
        raise SetupError(problem)
    return words("making {folder} anew with {target}", folder=VENV.name, target=here)


def setup(runtime: bool, wheels: Path | None = None) -> None:
    """Bring ``.venv`` to what the lock says; ``wheels`` is a folder that all comes from."""
    expected = state(runtime)
    if is_ready(expected) or (runtime and is_ready(state(False))):
        say("ready: nothing to do")
        return
    lock, wheels = LOCKS[runtime], wheel_folder(wheels)
    only_from = folder_options(wheels)
    anew = None if wheels is None else check_wheels(wheels, lock)
    STAMP.unlink(missing_ok=True)
    make_venv(anew=anew)
    say(
        "installing the packages of {lock}, each with its hash",
        lock=lock.relative_to(ROOT).as_posix(),
    )
    pip(
        *("install", "--require-hashes", "--no-deps", "--only-binary", ":all:", *only_from),
        *("-r", str(lock)),
        failure=words("the locked packages could not be installed"),
    )
    install_torch(only_from)
    say("installing olaria (editable)")
    pip(
        *("install", "--no-deps", "--no-build-isolation", *only_from, "--editable", str(ROOT)),
        failure=words("{package} could not be installed", package="olaria"),
    )
    python = str(venv_python())
    run([python, "-c", "import numpy, torch, olaria"], words("the new environment does not work"))
    check = [python, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        say("notice: {text}", text="; ".join(done.stdout.splitlines()))
    STAMP.write_text(json.dumps(expected), encoding="utf-8")
    say(
        "ready: {folder}. In each new terminal, first: {activate}",
        folder=VENV.name,
        activate=activation(),
    )


def fill_wheelhouse(options: argparse.Namespace) -> int:
    """Fill a folder with wheels, by the pip of this machine's own environment; 1 where some could not be had."""
    setup(runtime=True, wheels=options.wheels)
    folder = options.wheelhouse.resolve()
    wanted = setup_wheels.targets(options.pythons, options.systems)
    locks = (LOCKS[True],) if options.runtime else (LOCKS[False], LOCKS[True])
    failures = setup_wheels.fill(folder, wanted, locks)
    kind = ("--runtime",) if options.runtime else ()
    there = setup_wheels.read_manifest(folder)
    if there:
        say(
            "ready: {folder} is for {there}. There: {again}",
            folder=folder,
            there=setup_wheels.in_words(there),
            again=set_up_command(*kind, "--wheels", "DIR"),
        )
    for error in failures:
        print(words("error: {text}", text=error), file=sys.stderr)
    return 1 if failures else 0


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; errors are one line and exit code 1."""
    parser = argparse.ArgumentParser(description=words("Make Olaria's environment in .venv."))
    parser.add_argument(
        "--runtime",
        action="store_true",
        help=words("only what running needs, no development tools"),
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help=words("take all from DIR, without network")
    )
    parser.add_argument("--wheelhouse", type=Path, metavar="DIR", help=words("fill DIR for that"))
    parser.add_argument(
        "--pythons",
        nargs="+",
        default=[],
        metavar="3.12",
        help=words("the Pythons to fill it for; else this one"),
    )
    parser.add_argument(
        "--systems",
        nargs="+",
        default=[],
        metavar="|".join(setup_wheels.SYSTEMS),
        help=words("the systems to fill it for; else this one"),
    )
    options = parser.parse_args(arguments)
    try:
        if options.wheelhouse is None:
            setup(options.runtime, options.wheels)
        else:
            return fill_wheelhouse(options)
    except KeyboardInterrupt:
        print(words("stopped; run it again to go on"), file=sys.stderr)
        return 130
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        print(words("error: {text}", text=error), file=sys.stderr)
        return 1
    return 0
