"""Small chores behind the Makefile: ``python scripts/chores.py help|clean|bench``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHES = (
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
    "build",
    "dist",
)
BENCHMARKS = ("start", "averaging", "language_generation", "language_training")
"""Scripts of benchmarks/. What needs a peer's checkout says so and is left out where OLARIA_PEER names none."""


def show_targets() -> int:
    """Print the Makefile's targets with what they do, in Portuguese where the system speaks it."""
    spoken = (os.environ.get(name) for name in ("OLARIA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
    is_portuguese = next(filter(None, spoken), "").lower().startswith("pt")
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        found = re.match(r"([a-z-]+):.*?##\s*(.*?)\s*##pt\s*(.*)", line)
        if found:
            print(f"make {found[1]:<14s} {found[3 if is_portuguese else 2]}")
    return 0


def clean() -> int:
    """Remove caches and built files; runs, data and .venv stay."""
    folders = [ROOT / name for name in CACHES if (ROOT / name).is_dir()]
    for part in ("src", "tests", "scripts", "examples", "benchmarks"):
        folders += (ROOT / part).rglob("__pycache__")
    for folder in folders:
        shutil.rmtree(folder)
    print(f"removed {len(folders)} folders")
    return 0


def bench() -> int:
    """Run every benchmark, one after the other; 1 where one failed."""
    failed = []
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        script = ROOT / "benchmarks" / f"{name}.py"
        if subprocess.run([sys.executable, str(script)], cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


CHORES = {"help": show_targets, "clean": clean, "bench": bench}


def main(arguments: list[str]) -> int:
    """Do the named chore."""
    if len(arguments) != 1 or arguments[0] not in CHORES:
        print(f"error: name one of {', '.join(CHORES)}", file=sys.stderr)
        return 2
    return CHORES[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
