"""The static checks: ``make check``, or ``scripts/check.py`` in the environment of ``make setup``.

All run, side by side, even when one fails; each prints one line, and its output only on failure. One that cannot run
here says why in its line.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sysconfig.get_path("scripts"))
PYTHON = sys.executable

CHECKS: dict[str, list[str]] = {
    "types": [PYTHON, "-m", "mypy"],
    "page types": [PYTHON, "scripts/page_types.py"],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "--diff", "."],
    "lint": [PYTHON, "-m", "ruff", "check", "--quiet", "."],
    "layers": [str(BIN / "lint-imports"), "--no-cache"],
    "translations": [PYTHON, "scripts/translations.py", "--check"],
    "locks": [PYTHON, "scripts/lock.py", "--check"],
}


def run(name: str) -> tuple[str, bool, str, float]:
    """Name, success, output and seconds of one check."""
    started = time.perf_counter()
    done = subprocess.run(
        CHECKS[name],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return name, done.returncode == 0, done.stdout, time.perf_counter() - started


def main() -> int:
    """Run every check; 1 where one failed."""
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, good, output, elapsed_s in pool.map(run, CHECKS):
            skipped = good and output.startswith("skipped:")
            verdict = "skip" if skipped else "ok" if good else "FAILED"
            told = f": {output.removeprefix('skipped:').strip()}" if skipped else ""
            print(f"{verdict:6s}  {name} ({elapsed_s:.1f} s){told}", flush=True)
            if not good:
                failed.append(name)
                print(output.rstrip(), flush=True)
    if failed:
        print(f"error: failed checks: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
