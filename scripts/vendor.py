"""Bring the studio's third-party modules from npm: ``scripts/vendor.py``, or ``--check`` for those that are here.

``vendor.toml`` beside them names each package, its version and licence, and the SHA-256 of every file that is kept.
``--check`` needs no network and reads the files that are committed; it is a test too. Nothing is changed in a file but
its link to a map of sources, which is not kept.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src" / "olaria" / "web" / "static" / "vendor"
LIST = FOLDER / "vendor.toml"
_MAP = re.compile(rb"\n?//# sourceMappingURL=\S+\s*$")


def packages() -> list[Mapping[str, Any]]:
    """What vendor.toml names."""
    return list(tomllib.loads(LIST.read_text("utf-8"))["package"])


def problems() -> Iterator[str]:
    """What differs from vendor.toml, one line each."""
    known = {LIST.name}
    for package in packages():
        for file in package["files"]:
            known.add(file["name"])
            path = FOLDER / file["name"]
            if not path.is_file():
                yield f"{file['name']} is missing"
            elif (found := digest(path.read_bytes())) != file["sha256"]:
                yield f"{file['name']} is {found}, not {file['sha256']}"
    yield from (
        f"{path.name} is in no package" for path in FOLDER.iterdir() if path.name not in known
    )


def bring(package: Mapping[str, Any], folder: Path) -> None:
    """Write the files of one package.

    Args:
        package: of vendor.toml.
        folder: for what npm brings.

    Raises:
        SystemExit: npm brings other bytes than vendor.toml names.
    """
    words = ["npm", "pack", "--silent", f"{package['name']}@{package['version']}"]
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        for file in package["files"]:
            source = archive.extractfile(f"package/{file['source']}")
            assert source is not None
            content = _MAP.sub(b"\n", source.read())
            if digest(content) != file["sha256"]:
                raise SystemExit(f"{file['name']}: npm brings {digest(content)}")
            (FOLDER / file["name"]).write_bytes(content)


def digest(content: bytes) -> str:
    """SHA-256, as vendor.toml writes it."""
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    """Bring or check; 1 where something differs."""
    if sys.argv[1:] != ["--check"]:
        with tempfile.TemporaryDirectory() as place:
            for package in packages():
                bring(package, Path(place))
    found = [*problems()]
    print("\n".join(found) or f"{len(packages())} packages are as vendor.toml says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
