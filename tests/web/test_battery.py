"""Every case of the studio that the page on reliability promises has a test, and each that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
PARTS = ("web", "browser", "unit/pages")
CASES = [*(f"F{n}" for n in range(1, 14)), *(f"G{n}" for n in range(1, 8)), *map(str, range(1, 16))]


@pytest.mark.parametrize("case", CASES)
def test_a_case_names_the_tests_that_show_it(case: str) -> None:
    rows = [
        row
        for row in PAGE.read_text().splitlines()
        if row.startswith(f"| {case} |") and "::" in row
    ]
    assert len(rows) == 1
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", rows[0])
    assert named
    word = f"trap_{case}" if case.isdecimal() else case.lower()
    for file, name in named:
        (place,) = (path for part in PARTS if (path := TESTS / part / file).is_file())
        assert f"\ndef {name}(" in place.read_text(), f"{file} has no {name}"
    has_id = [
        name for _, name in named if re.search(rf"_{word}(?=_)|(?<=trap)(_\d+)*_{case}_", name)
    ]
    assert has_id, "one is named after the case"
