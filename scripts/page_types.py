"""The types of the modules of pages, by TypeScript: ``scripts/page_types.py``, a part of ``make check``.

The modules are JavaScript with types in their comments; nothing is compiled. TypeScript comes from npm, in the version
and with the hash of ``requirements/npm/package-lock.json``. Where there is no Node, or no npm to bring TypeScript, one
line says that the types were not checked.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements" / "npm"
PACKAGE = FOLDER / "node_modules" / "typescript"
INSTALL_S = 120.0


def locked_version() -> str:
    """Of TypeScript."""
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    return str(lock["packages"]["node_modules/typescript"]["version"])


def is_installed() -> bool:
    """Whether the locked version is there."""
    try:
        found = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found.get("version") == locked_version())


def missing() -> str | None:
    """What keeps the types from being checked, in words; brings TypeScript first where it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    if is_installed():
        return None
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed, which brings TypeScript"
    # Without links, which a stick of FAT cannot hold.
    words = [npm, "ci", "--ignore-scripts", "--no-bin-links", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            words, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "npm did not bring TypeScript in time"
    if done.returncode == 0 and is_installed():
        return None
    reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[0]
    return f"npm did not bring TypeScript ({reason})"


def main() -> int:
    """Check, or say in one line why not; the exit code of TypeScript."""
    reason = missing()
    if reason is not None:
        print(f"skipped: {reason}")
        return 0
    compiler = PACKAGE / "lib" / "tsc.js"
    words = ["node", str(compiler), "--project", str(FOLDER / "tsconfig.json"), "--pretty", "false"]
    return subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
