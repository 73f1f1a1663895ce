"""Make the environment: ``python scripts/setup_env.py`` (``make setup``). Standard library only.

Into ``.venv`` go, in this order: the locked packages, each with its hash; torch, whose build
depends on the machine; Olaria itself, editable. Run again, it sees that nothing changed and stops at once.

Options: ``--runtime`` leaves the development tools out; ``--wheelhouse DIR`` fills a folder for
machines without network, which then set ``OLARIA_WHEELS=DIR``.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # before anything that an older Python could not even import
    sys.exit(
        "error: Olaria needs Python 3.11 or newer and this is %d.%d; name another: "
        "make setup PYTHON=python3.12" % sys.version_info[:2]
    )

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "olaria-setup.json"
LOCKS = {False: ROOT / "requirements" / "dev-lock.txt", True: ROOT / "requirements" / "lock.txt"}
TORCH = "torch==2.13.0"
OLDEST_TORCH = (2, 10)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_S = 3.0
LARGE_BYTES = 500_000_000
GPU_PACKAGES = ("nvidia-", "cuda-")


class SetupError(Exception):
    """Something that the person has to mend; one line."""


def say(line: str) -> None:
    """One plain line of progress."""
    print(line, flush=True)


# --- the environment ------------------------------------------------------------------------------


def venv_python(folder: Path = VENV) -> Path:
    """The interpreter inside a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(folder: Path = VENV) -> Path:
    """Where a virtual environment keeps its packages."""
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    found = sorted((folder / "lib").glob("python3.*/site-packages"))
    return found[-1] if found else folder / "lib" / "site-packages"


def installed_version(name: str, site: Path) -> str | None:
    """Version of a package in ``site``, without starting its interpreter."""
    for distribution in importlib.metadata.distributions(path=[str(site)]):
        if (distribution.metadata["Name"] or "").lower() == name:
            return distribution.version
    return None


def is_recent_torch(version: str | None) -> bool:
    """Whether ``version`` may stay.

    >>> is_recent_torch("2.13.0+cpu"), is_recent_torch("2.9.1"), is_recent_torch(None)
    (True, False, False)
    """
    numbers = re.match(r"(\d+)\.(\d+)", version or "")
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST_TORCH


def state(runtime: bool) -> dict[str, Any]:
    """What a finished setup depends on; stored in the stamp and compared on the next run."""
    digest = hashlib.sha256()
    for path in (LOCKS[runtime], ROOT / "pyproject.toml", Path(__file__)):
        if not path.is_file():
            raise SetupError(f"{path.relative_to(ROOT)} is missing; get the project's files again")
        digest.update(path.read_bytes())
    return {"format": 1, "root": str(ROOT), "runtime": runtime, "inputs": digest.hexdigest()}


def is_ready(expected: dict[str, Any], folder: Path = VENV) -> bool:
    """Whether the last setup still holds. A full one serves where ``--runtime`` is asked for."""
    try:
        stored = json.loads((folder / STAMP.name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    torch = site_packages(folder) / "torch" / "version.py"
    return stored == expected and venv_python(folder).exists() and torch.is_file()


def make_venv(folder: Path = VENV) -> None:
    """Create the virtual environment, or mend one that was left half made.

    Raises:
        SetupError: this Python cannot make one, or the one there is too old.
    """
    python = venv_python(folder)
    if not python.exists():
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupError(
                "this Python cannot make virtual environments (it has no ensurepip); "
                "on Debian and Ubuntu: sudo apt install python3-venv"
            )
        say(f"making {folder.name} (Python {sys.version.split()[0]})")
        venv.EnvBuilder(with_pip=True, clear=folder.exists(), symlinks=os.name != "nt").create(
            folder
        )
        return
    question = (
        "import sys, importlib.util as u; print(*sys.version_info[:2], bool(u.find_spec('pip')))"
    )
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    major, minor, has_pip = (answer.stdout.split() or ["0", "0", "False"])[:3]
    if (int(major), int(minor)) < (3, 11):
        raise SetupError(f"{folder.name} has no working Python 3.11 or newer; delete it: {folder}")
    if has_pip != "True":
        run([str(python), "-m", "ensurepip"], "pip could not be added to the environment")


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
    told = (errors or lines or ["no reason given"])[-1]
    if re.search("ConnectionError|ConnectTimeout|NameResolution|Errno -[235]", stderr):
        told += " (is there a network? without one: OLARIA_WHEELS=DIR make setup)"
    return told


def pip(*words: str, failure: str) -> None:
    """``pip`` of the environment, quietly, never asking."""
    options = ["--disable-pip-version-check", "--no-input", "--quiet"]
    run([str(venv_python()), "-m", "pip", *options, *words], failure)


def folder_options() -> list[str]:
    """pip's options for ``OLARIA_WHEELS``: that folder and nothing else."""
    folder = os.environ.get("OLARIA_WHEELS", "")
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise SetupError(f"OLARIA_WHEELS is {folder}, which is not a folder")
    return ["--no-index", "--find-links", str(Path(folder).resolve())]


# --- torch ----------------------------------------------------------------------------------------


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is present."""
    if os.name == "nt":
        return Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32", "nvcuda.dll").exists()
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def is_gpu_build(planned: list[tuple[str, str]]) -> bool:
    """Whether pip's plan, (name, address) pairs, brings an accelerator's packages along."""
    return any(name.lower().startswith(GPU_PACKAGES) for name, _ in planned)


def planned_downloads(options: list[str]) -> list[tuple[str, str]]:
    """What pip would install for torch: (name, address) pairs. Nothing is installed."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        pip(
            *("install", "--dry-run", "--report", str(report), *options, TORCH),
            failure=f"pip finds no {TORCH} for this Python and system",
        )
        return read_plan(json.loads(report.read_text(encoding="utf-8")))


def read_plan(report: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, address) of each package in a pip installation report."""
    return [
        (item["metadata"]["name"], item["download_info"].get("url", ""))
        for item in report["install"]
    ]


def is_reachable(address: str, timeout_s: float = PROBE_S) -> bool:
    """Whether the server at ``address`` answers in time."""
    try:
        with urllib.request.urlopen(address, timeout=timeout_s):
            return True
    except (OSError, ValueError):
        return False


def size_of(address: str) -> int | None:
    """Bytes behind an address; 0 for a file that is already here, None where nobody says."""
    if address.startswith("file:"):
        return 0
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=PROBE_S) as answer:
            return int(answer.headers["Content-Length"])
    except (OSError, ValueError, TypeError):
        return None


def announcement(
    planned: list[tuple[str, str]], measure: Callable[[str], int | None] = size_of
) -> str | None:
    """The line to show before a large download of torch, or None where there is none."""
    sizes = [measure(address) for _, address in planned]
    known = sum(size for size in sizes if size is not None)
    if known > LARGE_BYTES:
        more = " or more" if None in sizes else ""
        return f"downloading {known / 1e9:.1f} GB{more} for torch and its GPU libraries"
    if None in sizes and is_gpu_build(planned):
        return "downloading several GB for torch and its GPU libraries (exact size not known)"
    return None


def torch_options() -> list[str]:
    """Where torch shall come from, as pip options; large downloads are announced here."""
    options = folder_options()
    planned = planned_downloads(options)
    if is_gpu_build(planned) and not has_nvidia_gpu():
        say("no NVIDIA GPU here: trying PyTorch's own index for the smaller CPU build")
        if is_reachable(CPU_INDEX + "/torch/"):
            options = ["--index-url", CPU_INDEX]
            planned = planned_downloads(options)
        else:
            say("it does not answer: the GPU build it is (it runs on CPUs too)")
    line = announcement(planned)
    if line is not None:
        say(line)
    return options


def install_torch() -> None:
    """Keep a recent torch; else install one whose other needs the lock has already filled."""
    version = installed_version("torch", site_packages())
    if is_recent_torch(version):
        say(f"keeping torch {version}")
        return
    options = torch_options()
    say(f"installing {TORCH}")
    pip("install", *options, TORCH, failure=f"{TORCH} could not be installed")


# --- the two commands -----------------------------------------------------------------------------


def setup(runtime: bool) -> None:
    """Bring ``.venv`` to what the lock says."""
    expected = state(runtime)
    if is_ready(expected) or (runtime and is_ready(state(False))):
        say("ready: nothing to do")
        return
    STAMP.unlink(missing_ok=True)
    make_venv()
    lock = LOCKS[runtime]
    say(f"installing the packages of {lock.relative_to(ROOT).as_posix()}, each with its hash")
    pip(
        *("install", "--require-hashes", "--no-deps", "--only-binary", ":all:", *folder_options()),
        *("-r", str(lock)),
        failure="the locked packages could not be installed",
    )
    install_torch()
    say("installing olaria (editable)")
    pip(
        *("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)),
        failure="olaria could not be installed",
    )
    python = str(venv_python())
    run([python, "-c", "import numpy, torch, olaria"], "the new environment does not work")
    check = [python, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        say("notice: " + "; ".join(done.stdout.splitlines()))
    STAMP.write_text(json.dumps(expected), encoding="utf-8")
    say(f"ready: {VENV.name}")


def fill_wheelhouse(folder: Path) -> None:
    """Put into ``folder`` all that a setup without network needs, for this Python and system."""
    if not venv_python().exists():
        raise SetupError("the environment comes first; run: make setup")
    folder.mkdir(parents=True, exist_ok=True)
    destination = ["download", "--dest", str(folder), "--only-binary", ":all:"]
    say(f"downloading the locked packages to {folder}")
    pip(
        *(*destination, "--require-hashes", "--no-deps", "-r", str(LOCKS[False])),
        failure="the locked packages could not be downloaded",
    )
    options = torch_options()
    say(f"downloading {TORCH}")
    # What the environment has is what the lock gave, so only torch's own packages are missing.
    constraints = folder / "constraints.txt"
    constraints.write_text(unhashed(LOCKS[False].read_text(encoding="utf-8")), encoding="utf-8")
    try:
        pip(
            *(*destination, *options, "--find-links", str(folder), "-c", str(constraints), TORCH),
            failure=f"{TORCH} could not be downloaded",
        )
    finally:
        constraints.unlink()
    say(f"ready: OLARIA_WHEELS={folder} make setup")


def unhashed(lock: str) -> str:
    """The pins of a lock without their hashes.

    >>> unhashed("# made by\\na==1 ; python_version < '3.12' \\\\\\n    --hash=sha256:0\\n")
    "a==1 ; python_version < '3.12'\\n"
    """
    pins = [line.removesuffix("\\").rstrip() for line in lock.splitlines() if line[:1].isalnum()]
    return "".join(pin + "\n" for pin in pins)


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; errors are one line and exit code 1."""
    parser = argparse.ArgumentParser(description="Make Olaria's environment in .venv.")
    parser.add_argument("--runtime", action="store_true", help="without the development tools")
    parser.add_argument("--wheelhouse", type=Path, metavar="DIR", help="fill DIR for offline use")
    options = parser.parse_args(arguments)
    try:
        if options.wheelhouse is not None:
            fill_wheelhouse(options.wheelhouse.resolve())
        else:
            setup(options.runtime)
    except KeyboardInterrupt:
        print("stopped; run it again to go on", file=sys.stderr)
        return 130
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
