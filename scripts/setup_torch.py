"""Which build of torch set-up installs: it depends on the machine, so torch is not locked. Standard library only."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from setup_venv import installed_version, pip, site_packages
from setup_words import say, words

TORCH = "torch==2.13.0"
OLDEST_TORCH = (2, 10)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_S = 3.0
LARGE_BYTES = 500_000_000
GPU_PACKAGES = ("nvidia-", "cuda-")


def is_recent_torch(version: str | None) -> bool:
    """Whether ``version`` may stay.

    >>> is_recent_torch("2.13.0+cpu"), is_recent_torch("2.9.1"), is_recent_torch(None)
    (True, False, False)
    """
    numbers = re.match(r"(\d+)\.(\d+)", version or "")
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST_TORCH


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
    return read_plan(pips_report(options))


def pips_report(options: list[str], target: str | None = None) -> dict[str, Any]:
    """pip's report of what it would install for torch with these options, for this machine or a named target."""
    failure = words("pip finds no {package} for this Python and system", package=TORCH)
    if target is not None:
        failure = words("pip finds no {package} for {target}", package=TORCH, target=target)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        pip(
            *("install", "--dry-run", "--report", str(report), *options, TORCH),
            failure=failure,
        )
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


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
        size = f"{known / 1e9:.1f}"
        if None in sizes:
            return words("downloading {size} GB or more for torch and its GPU libraries", size=size)
        return words("downloading {size} GB for torch and its GPU libraries", size=size)
    if None in sizes and is_gpu_build(planned):
        return words(
            "downloading several GB for torch and its GPU libraries (exact size not known)"
        )
    return None


def torch_options(only_from: list[str]) -> list[str]:
    """Where torch shall come from, as pip options; large downloads are announced here.

    Args:
        only_from: pip's options for a folder of wheels, which then is the only source.
    """
    if only_from:
        return only_from
    options: list[str] = []
    planned = planned_downloads(options)
    if is_gpu_build(planned) and not has_nvidia_gpu():
        say("trying PyTorch's own index for the smaller build, that for CPUs")
        if is_reachable(CPU_INDEX + "/torch/"):
            options = ["--index-url", CPU_INDEX]
            planned = planned_downloads(options)
        else:
            say("it does not answer: the GPU build it is (it runs on CPUs too)")
    line = announcement(planned)
    if line is not None:
        print(line, flush=True)
    return options


def install_torch(only_from: list[str]) -> None:
    """Keep a recent torch; else install one whose other needs the lock has already filled."""
    version = installed_version("torch", site_packages())
    if is_recent_torch(version):
        say("keeping torch {version}", version=version)
        return
    options = torch_options(only_from)
    say("installing {package}", package=TORCH)
    pip(
        *("install", *options, TORCH),
        failure=words("{package} could not be installed", package=TORCH),
    )
