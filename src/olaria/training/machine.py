"""The machine and its software: stored with every run, printed by the doctor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import olaria
from olaria.training.precision import has_compiler, has_fast_bfloat16

_IMPORTED = time.monotonic()
_PACKAGES = ("numpy", "safetensors", "pydantic", "Pillow", "matplotlib", "scikit-learn")


def process_started() -> float:
    """When this process began, on the clock of :func:`time.monotonic`.

    Linux reports it; elsewhere it is the moment this module was loaded, a second or two late.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        since_boot_s = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError, AttributeError):
        return _IMPORTED
    return time.monotonic() - max(0.0, since_boot_s - started_s)


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """Physical memory; None where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def memory_limit_bytes() -> int | None:
    """Memory that this process may use: the physical memory, or less where a control group limits it."""
    limits = [limit for limit in (memory_bytes(), *_group_limits()) if limit is not None]
    return min(limits, default=None)


def _group_limits(system: Path = Path("/")) -> list[int]:
    """Limits of the control groups above this process (versions 2 and 1), in bytes; none elsewhere than on Linux."""
    groups = system / "sys/fs/cgroup"
    try:
        lines = (system / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    paths = [Path(line.rpartition(":")[2].strip("/")) for line in lines]
    files = [groups / "memory.max", groups / "memory/memory.limit_in_bytes"]
    for path in paths:
        for folder in (path, *path.parents):
            files += [
                groups / folder / "memory.max",
                groups / "memory" / folder / "memory.limit_in_bytes",
            ]
    limits = []
    for file in files:
        try:
            limits.append(int(file.read_text()))  # the word "max" is no limit
        except (OSError, ValueError):
            continue
    return limits


def peak_memory_bytes() -> int | None:
    """The largest resident size of this process so far; None where the system does not report it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Of Olaria, Python, PyTorch and the libraries that touch the numbers."""
    result = {
        "olaria": olaria.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    for package in _PACKAGES:
        try:
            result[package.lower()] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return result


def describe() -> dict[str, Any]:
    """Hardware, system and versions as JSON values; no name of a user, a machine or a folder."""
    return {
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "num_cpus": os.cpu_count(),
        "num_threads": torch.get_num_threads(),
        "memory_bytes": memory_bytes(),
        "bfloat16_in_hardware": has_fast_bfloat16(),
        "compiler": has_compiler(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


def commit() -> str | None:
    """The commit of a source checkout, None for an installed package."""
    home = Path(olaria.__file__).resolve().parents[2]
    if not (home / ".git").exists():
        return None
    try:
        completed = subprocess.run(
            ["git", "-C", str(home), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout.strip() or None


def set_num_threads(count: int | None) -> int:
    """Set the threads of tensor operations to ``count``, else keep PyTorch's; returns their number."""
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()
