"""Renew the locked versions: ``python scripts/lock.py`` (needs ``uv`` and network).

The locks hold for every Python and system that Olaria runs on (uv's universal resolution), with the
hashes of all files of each release. torch itself is left out, since which build of it suits depends
on the machine; what every build of it needs is locked with the rest.

Options: ``--check`` only says whether the locks still belong to pyproject.toml; no network.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "requirements" / "lock.txt"
DEVELOPMENT = ROOT / "requirements" / "dev-lock.txt"

# What every build of torch requires (its metadata, less the accelerators' own packages).
TORCH_NEEDS = [
    "filelock",
    "fsspec",
    "jinja2",
    "networkx>=2.5.1",
    "setuptools>=77.0.3",
    "sympy>=1.13.3",
    "typing-extensions>=4.10",
]
EXTRAS = ("pdf", "metrics", "documents", "studio")
"""Locked with what running needs, so that a class without network has reports as PDF, BLEU, texts in PDF and the
studio: 50 MB."""
# What `pip install --no-build-isolation -e .` needs, and a pip that resolves without downloading.
BUILD_NEEDS = ["editables>=0.5", "pip>=25"]

HEADER = """\
# Written by scripts/lock.py from pyproject.toml; do not edit.
# Install: pip install --require-hashes --no-deps -r {name}
# Inputs: {inputs}
"""


def name_of(requirement: str) -> str:
    """The normalised project name of a requirement or a lock line.

    >>> name_of("Typing_Extensions>=4.10 ; python_version < '3.12'")
    'typing-extensions'
    """
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    if match is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def wanted(project: dict[str, Any], *, development: bool) -> list[str]:
    """The requirements to lock, sorted; torch replaced by what every build of it needs."""
    optional = project["project"]["optional-dependencies"]
    requirements = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for name in (*EXTRAS, *(["dev"] if development else [])):
        requirements += optional[name]
    kept = [line for line in requirements if name_of(line) != "torch"]
    return sorted({*kept, *TORCH_NEEDS, *BUILD_NEEDS}, key=lambda line: (name_of(line), line))


def fingerprint(requirements: list[str]) -> str:
    """What a lock was made from, as one hash."""
    return hashlib.sha256(json.dumps(requirements).encode()).hexdigest()[:32]


def locked_names(lock: str) -> set[str]:
    """Names of the projects in the text of a lock."""
    return {name_of(line) for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)}


def problems(path: Path, requirements: list[str]) -> list[str]:
    """What keeps the lock at ``path`` from being usable for ``requirements``."""
    if not path.is_file():
        return [f"{path.name} is missing"]
    text = path.read_text(encoding="utf-8")
    found = []
    if f"# Inputs: {fingerprint(requirements)}\n" not in text:
        found.append(f"{path.name} was made from other requirements than pyproject.toml now has")
    missing = {name_of(line) for line in requirements} - locked_names(text)
    found += [f"{path.name} lacks {name}" for name in sorted(missing)]
    if re.search(r"://|^-|\s@\s", text, flags=re.MULTILINE):
        found.append(f"{path.name} names an address, a path or an option")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    found += [f"{path.name}: no hash for {name_of(b)}" for b in blocks if "--hash=sha256:" not in b]
    return found


def renew(uv: str, path: Path, requirements: list[str], constraint: Path | None) -> None:
    """Resolve ``requirements`` and write the lock."""
    command = [uv, "pip", "compile", "-", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-config", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--upgrade"]
    if constraint is not None:
        command += ["--constraint", str(constraint)]
    done = subprocess.run(
        command, input="\n".join(requirements), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"error: uv could not resolve {path.name}:\n{done.stderr}")
    header = HEADER.format(name=path.relative_to(ROOT).as_posix(), inputs=fingerprint(requirements))
    path.write_text(header + done.stdout, encoding="utf-8", newline="\n")
    print(f"{path.name}: {len(locked_names(done.stdout))} packages")


def main(arguments: list[str]) -> int:
    """Renew or check both locks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locks = [
        (RUNTIME, wanted(project, development=False)),
        (DEVELOPMENT, wanted(project, development=True)),
    ]
    if "--check" not in arguments:
        uv = shutil.which("uv")
        if uv is None:
            sys.exit("error: uv is not there; install it with: pip install uv")
        renew(uv, *locks[0], None)
        renew(uv, *locks[1], RUNTIME)
    found = [line for path, requirements in locks for line in problems(path, requirements)]
    for line in found:
        print(f"error: {line}; run: make lock", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
