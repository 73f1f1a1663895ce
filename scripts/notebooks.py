"""Execute the notebooks of ``examples`` and keep what they show.

    python scripts/notebooks.py [NOTEBOOK ...]

Each one runs from nothing in an empty folder. What differs at every execution is taken out: seconds, and lessons, which
are pages of their own. ``code_sha256`` says of which code the outputs are; ``tests/functional/test_notebooks.py``
compares.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CELL_TIMEOUT_S = 300
_SECONDS = re.compile(r" · (\d+:)?\d+:\d\d$", re.MULTILINE)
"""At the end of the line that a training leaves."""


def notebooks() -> list[Path]:
    """All of them, by language and number."""
    return sorted(EXAMPLES.glob("*/*.ipynb"))


def read(path: Path) -> Any:
    """A notebook of format 4."""
    return nbformat.read(path, as_version=4)


def code_sha256(notebook: Any) -> str:
    """Fingerprint of its code."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\n\0".join(code).encode()).hexdigest()


def execute(notebook: Any, folder: Path) -> None:
    """Run all cells in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute()


def normalise(notebook: Any) -> None:
    """Leave in a notebook only what is the same at every execution.

    Raises:
        ValueError: a cell wrote to the standard error, which a reader would take for a fault.
    """
    for cell in notebook.cells:
        cell.metadata.clear()
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise ValueError(f"{cell.id} wrote to the standard error: {output.text}")
            data = output.get("data", {})
            if "<iframe" in data.get("text/html", ""):
                del data["text/html"]
            if "text/plain" in data:
                data["text/plain"] = _SECONDS.sub("", data["text/plain"])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": kernel,
            "language_info": {"name": "python"},
            "olaria": {"code_sha256": code_sha256(notebook)},
        }
    )


def renew(path: Path) -> None:
    """Execute a notebook and write it with its outputs."""
    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    normalise(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    print(f"{path.relative_to(EXAMPLES)}: {path.stat().st_size / 1000:,.0f} kB")


def main() -> int:
    """Renew those that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("notebooks", nargs="*", type=Path)
    os.environ.setdefault("OLARIA_OFFLINE", "1")
    os.environ.pop("OLARIA_RUNS", None)  # runs of other times would change the names of these
    for path in parser.parse_args().notebooks or notebooks():
        renew(path.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
