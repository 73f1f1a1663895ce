"""Folders of wheels for machines without network: filling one, and knowing which Pythons and systems it is for.

``olaria-wheels.json`` beside the wheels lists them, so that a machine that is not among them hears it before pip tries.
Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setup_markers import selected
from setup_torch import (
    CPU_INDEX,
    GPU_PACKAGES,
    TORCH,
    announcement,
    has_nvidia_gpu,
    is_reachable,
    pips_report,
    planned_downloads,
)
from setup_venv import VENV, fetch_command, pip, set_up_command, settings_of, venv_python, why_anew
from setup_words import SetupError, say, words

MANIFEST = "olaria-wheels.json"
FORMAT = 1
RUNTIME_LOCK = "lock.txt"
LAST_PATCH = 99


@dataclass(frozen=True)
class System:
    """One that wheels are fetched for.

    Args:
        title: for people.
        platform: what ``sysconfig`` calls it; of macOS the processor only.
        tags: pip's words for its wheels, newest first.
        markers: what a lock's conditions ask of it.
    """

    title: str
    platform: str
    tags: tuple[str, ...]
    markers: Mapping[str, str]


def _linux(machine: str) -> tuple[tuple[str, ...], dict[str, str]]:
    # glibc 2.28 is what torch asks for; pip takes each tag by its word and knows no older ones from it.
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)]
    tags += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    found = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    return tuple(tags), {**found, "platform_machine": machine}


SYSTEMS = {
    "linux": System("Linux", "linux-x86_64", *_linux("x86_64")),
    "linux-arm": System("Linux ARM", "linux-aarch64", *_linux("aarch64")),
    "windows": System(
        "Windows",
        "win-amd64",
        ("win_amd64",),
        {
            "sys_platform": "win32",
            "platform_system": "Windows",
            "os_name": "nt",
            "platform_machine": "AMD64",
        },
    ),
    "macos": System(
        "macOS",
        "macosx-arm64",
        ("macosx_14_0_arm64",),
        {
            "sys_platform": "darwin",
            "platform_system": "Darwin",
            "os_name": "posix",
            "platform_machine": "arm64",
        },
    ),
}


@dataclass(frozen=True, order=True)
class Target:
    """What wheels are for: a Python, ``3.12``, and a system, of ``SYSTEMS`` or another's own name for itself."""

    system: str
    python: str

    def __str__(self) -> str:
        title = SYSTEMS[self.system].title if self.system in SYSTEMS else self.system
        return f"Python {self.python} ({title})"

    @property
    def is_linux(self) -> bool:
        """Whether torch's usual build is for GPUs; elsewhere it is for CPUs."""
        return self.markers()["sys_platform"] == "linux"

    def tags(self) -> list[str]:
        """pip's options for it; none for a system of no known tags, which can only be this one."""
        if self.system not in SYSTEMS or not re.fullmatch(r"3\.\d+", self.python):
            return []
        tags = [word for tag in SYSTEMS[self.system].tags for word in ("--platform", tag)]
        return ["--python-version", self.python, "--implementation", "cp", *tags]

    def markers(self) -> dict[str, str]:
        """What conditions ask of it, less the exact version."""
        here = {
            "sys_platform": sys.platform,
            "platform_system": platform.system(),
            "os_name": os.name,
            "platform_machine": platform.machine(),
        }
        found = SYSTEMS[self.system].markers if self.system in SYSTEMS else here
        number = self.python.removesuffix("t")
        names = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
        return {**found, **names, "python_version": number}


def running() -> Target:
    """This interpreter and system."""
    name = sysconfig.get_platform()
    if name.startswith("macosx"):
        name = f"macosx-{platform.machine()}"
    system = next((key for key, one in SYSTEMS.items() if one.platform == name), name)
    # A Python without its global lock has wheels of its own.
    free = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return Target(system, f"{sys.version_info[0]}.{sys.version_info[1]}{free}")


def of_environment(folder: Path = VENV) -> Target:
    """The interpreter that set-up will work with: that of the environment, where one is there to stay."""
    settings = settings_of(folder)
    version = re.match(r"3\.\d+", settings.get("version") or settings.get("version_info", ""))
    if version is None or why_anew(folder) is not None or not venv_python(folder).exists():
        return running()
    found = running()
    return found if found.python == version[0] + "t" else Target(found.system, version[0])


def targets(pythons: Iterable[str], systems: Iterable[str]) -> list[Target]:
    """Those that a person named, in order; what is not named is this machine's.

    Raises:
        SetupError: no such Python or system.
    """
    here = of_environment()
    pythons, systems = list(pythons) or [here.python], list(systems) or [here.system]
    for python in pythons:
        if python != here.python and not re.fullmatch(r"3\.(1[1-9]|[2-9]\d)", python):
            raise SetupError(
                words("{python} is no Python of Olaria's; name some like 3.11 3.12", python=python)
            )
    for system in systems:
        if system != here.system and system not in SYSTEMS:
            raise SetupError(
                words(
                    "there are no wheels for {system}; name some of {known}",
                    system=system,
                    known=", ".join(SYSTEMS),
                )
            )
    return sorted({Target(system, python) for python in pythons for system in systems})


# --- the manifest ---------------------------------------------------------------------------------


def fingerprint(lock: Path) -> str:
    """What tells one lock from another."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def read_manifest(folder: Path) -> dict[Target, dict[str, str]] | None:
    """Which targets a folder is for, and of each the fingerprints of the locks it fills; None where nothing says it.

    Raises:
        SetupError: the list is damaged.
    """
    path = folder / MANIFEST
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != FORMAT:
            raise ValueError
        return {
            Target(str(one["system"]), str(one["python"])): {
                str(name): str(found) for name, found in one["locks"].items()
            }
            for one in stored["targets"]
        }
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise SetupError(
            words("{path} cannot be read; fetch the wheels again", path=path)
        ) from None


def note_target(folder: Path, target: Target, locks: Iterable[Path]) -> None:
    """Add a target to the list of a folder, whole or not at all."""
    found = read_manifest(folder) or {}
    found[target] = {lock.name: fingerprint(lock) for lock in locks}
    rows: list[dict[str, Any]] = [
        {"python": one.python, "system": one.system, "locks": found[one]} for one in sorted(found)
    ]
    path = folder / MANIFEST
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(
        json.dumps({"format": FORMAT, "targets": rows}, indent=2) + "\n", encoding="utf-8"
    )
    unfinished.replace(path)


def in_words(found: Iterable[Target]) -> str:
    """Targets for people, those of a system together.

    >>> in_words([Target("linux", "3.11"), Target("linux", "3.12"), Target("windows", "3.12")])
    'Python 3.11, 3.12 (Linux); Python 3.12 (Windows)'
    """
    pythons: dict[str, list[str]] = {}
    for one in sorted(
        found, key=lambda one: (one.system, [int(n) for n in re.findall(r"\d+", one.python)])
    ):
        pythons.setdefault(one.system, []).append(one.python)
    return "; ".join(str(Target(system, ", ".join(each))) for system, each in pythons.items())


def problem(folder: Path, target: Target, lock: Path) -> str | None:
    """Why a folder's wheels do not serve, in words; None where they do, or where it does not say.

    Args:
        folder: of wheels.
        target: what is to be set up.
        lock: what is to be installed.
    """
    found = read_manifest(folder)
    if found is None:
        return None
    fetch = fetch_command(folder, target.python, target.system)
    if target not in found:
        there = in_words(found) or "–"
        alike = [one.python for one in found if one.system == target.system]
        if not alike:
            return words(
                "the wheels in {folder} are for {there}, and this is {here}. Fetch them for this one where "
                "there is a network: {fetch}",
                folder=folder,
                there=there,
                here=target,
                fetch=fetch,
            )
        kind = ("--runtime",) if lock.name == RUNTIME_LOCK else ()
        return words(
            "the wheels in {folder} are for {there}, and this is {here}. Use a Python that they are for ({again}), or "
            "fetch them for this one where there is a network: {fetch}",
            folder=folder,
            there=there,
            here=target,
            again=set_up_command(*kind, "--wheels", str(folder), python=alike[-1]),
            fetch=fetch,
        )
    if found[target].get(lock.name) == fingerprint(lock):
        return None
    if lock.name not in found[target]:
        return words(
            "the wheels in {folder} are those that running needs, without the development tools: {again}",
            folder=folder,
            again=set_up_command("--runtime", "--wheels", str(folder)),
        )
    return words(
        "the wheels in {folder} are of other versions than this copy of Olaria locks. Use the copy that they "
        "came with, or fetch them again where there is a network: {again}",
        folder=folder,
        again=fetch,
    )


# --- filling ---------------------------------------------------------------------------------------


def pins_for(lock: str, target: Target) -> list[str]:
    """What a target needs of a lock: one text, or two where its first and last patch versions differ.

    A class has 3.11.2 where the machine that fetches has 3.11.9.
    """
    number = target.python.removesuffix("t")
    ends = (f"{number}.{patch}" for patch in (0, LAST_PATCH))
    texts = [selected(lock, {**target.markers(), "python_full_version": end}) for end in ends]
    return list(dict.fromkeys(texts))


def fill(folder: Path, wanted: Iterable[Target], locks: tuple[Path, ...]) -> list[SetupError]:
    """Put into ``folder`` all that set-ups without network need.

    Args:
        folder: gets the wheels, beside those that it has.
        wanted: the Pythons and systems.
        locks: the largest first, which has all that the others have.

    Returns:
        Why targets cannot be had; one of them keeps nobody from the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own, failures = of_environment(), []
    for target in wanted:
        say("fetching the wheels of {target} into {folder}", target=target, folder=folder)
        try:
            fetch(folder, target, locks[0], is_own=target == own)
        except SetupError as error:
            failures.append(error)
        else:
            note_target(folder, target, locks)
    return failures


def fetch(folder: Path, target: Target, lock: Path, *, is_own: bool) -> None:
    """Put the wheels of one target into ``folder``.

    Raises:
        SetupError: something cannot be had.
    """
    into = ["download", "--dest", str(folder), "--only-binary", ":all:"]
    # The pins are for the first patch version of a Python or for the last, whichever this one is.
    exactly = ["--require-hashes", "--no-deps", "--ignore-requires-python"]
    for text in pins_for(lock.read_text(encoding="utf-8"), target):
        with tempfile.TemporaryDirectory() as scratch:
            pins = Path(scratch, "pins.txt")
            pins.write_text(text, encoding="utf-8")
            pip(
                *(*into, *target.tags(), *exactly, "-r", str(pins)),
                failure=words(
                    "the locked packages of {target} could not be downloaded", target=target
                ),
            )
    options = torch_download(target, is_own)
    pip(
        *(*into, "--find-links", str(folder), *options, TORCH),
        failure=words("{package} could not be downloaded", package=TORCH),
    )


def torch_download(target: Target, is_own: bool) -> list[str]:
    """pip's options for torch of a target: the build for CPUs, whose needs the locks have.

    Only for the machine's own Python and system comes a build for GPUs, with all that it needs: where there is one,
    or where nothing else can be had.

    Raises:
        SetupError: there is no such torch, or no build for CPUs.
    """
    lone = [*target.tags(), "--no-deps"]
    needs = ["--only-binary", ":all:", "--ignore-installed"]
    if not (is_own and has_nvidia_gpu()):
        report = pips_report([*lone, *needs], str(target))
        if not (target.is_linux and needs_gpu_packages(report)):
            return lone
        say("trying PyTorch's own index for the smaller build, that for CPUs")
        if is_reachable(CPU_INDEX + "/torch/"):
            return [*lone, "--index-url", CPU_INDEX]
        if not is_own:
            raise SetupError(
                words(
                    "no CPU build of {package} for {target} is to be had: PyTorch's own index does not answer; "
                    "run this again on a network that reaches {index}",
                    package=TORCH,
                    target=target,
                    index=CPU_INDEX,
                )
            )
        say("it does not answer: the GPU build it is (it runs on CPUs too)")
    line = announcement(planned_downloads(needs))
    if line is not None:
        print(line, flush=True)
    return []


def needs_gpu_packages(report: Mapping[str, Any]) -> bool:
    """Whether the torch of pip's report asks for an accelerator's packages, on whatever system."""
    found = [
        requirement.lower()
        for item in report["install"]
        for requirement in item["metadata"].get("requires_dist", ())
    ]
    return any(one.startswith(GPU_PACKAGES) for one in found)
