"""``make help`` speaks the language of the system."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("spoken", "told"),
    [
        ({"LANG": "pt_BR.UTF-8"}, "esta lista"),
        ({"LANG": "en_US.UTF-8"}, "this list"),
        ({"OLARIA_LANG": "en", "LANG": "pt_BR.UTF-8"}, "this list"),
        ({}, "this list"),
    ],
)
def test_every_target_is_told_in_the_language_of_the_system(
    spoken: dict[str, str], told: str
) -> None:
    names = ("OLARIA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    others = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "chores.py"), "help"],
        env={**others, **spoken, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].endswith(told) and "##" not in done.stdout
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert [line.split()[1] for line in lines] == targets
    assert (ROOT / "Makefile").read_text("utf-8").count("##pt ") == len(targets)
