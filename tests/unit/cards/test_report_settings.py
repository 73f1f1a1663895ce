"""``report.toml``: everything in it is optional, nothing in it is overlooked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from olaria.cards.settings import ReportSettings, read_settings
from olaria.errors import ConfigError, StorageError

WHOLE = """
title = "Practice 2"
author = ["Ana", "João"]
course = "IA 101"
institution = "UFX"
date = 2026-03-31
language = "pt"
lessons = ["kl", "vae"]
guesses = { vae = "b, a, -", kl = "a" }
activities = ["First", "Second"]
conclusion = '''
One.

Two.
'''
"""


def read(folder: Path, text: str | bytes) -> ReportSettings:
    path = folder / "report.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_settings(path)


def test_everything_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert (found.title, found.authors, found.course) == ("Practice 2", "Ana; João", "IA 101")
    assert (found.institution, found.date, found.language) == ("UFX", "2026-03-31", "pt")
    assert (found.lessons, found.activities) == (("kl", "vae"), ("First", "Second"))
    assert found.conclusion == "One.\n\nTwo.\n"
    assert (found.guessed("vae"), found.guessed("kl")) == ((1, 0, None), (0,))
    assert found.guessed("gan") == ()


def test_nothing_is_required_and_one_author_needs_no_list(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ReportSettings()
    assert read(tmp_path, 'author = "Ana"').authors == "Ana"
    assert read(tmp_path, b'\xef\xbb\xbftitle = "as Windows writes it"').title


def test_a_date_in_words_will_do(tmp_path: Path) -> None:
    assert read(tmp_path, 'date = "março de 2026"').date == "março de 2026"


def test_signs_that_no_page_may_hold_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, 'title = "a\\u0000b\\u001b\\nc"').title == "ab\nc"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('titel = "x"', "report.toml: unknown setting titel: did you mean title?"),
        ("course = 3", "report.toml: course cannot be 3: it must be text"),
        ('lessons = "kl"', 'report.toml: lessons cannot be "kl": it must be a list'),
        ('author = ["a", 3]', "it must be text"),
        ('language = "fr"', "it must be one of pt, en"),
        ('guesses = { vea = "a" }', "guesses: there is no lesson vea: did you mean vae?"),
        ('guesses = { vae = "1,0" }', 'write the guesses of vae as letters: "b, a, -"'),
        ('guesses = { vae = "" }', "write the guesses of vae as letters"),
        ('guesses = "a"', "guesses cannot be"),
        ("guesses = { vae = 1 }", "it must be text"),
        ("[author]\nname = 'x'", "author cannot be"),
        ("title = ", "is not TOML: "),
        ("a" * 3, "is not TOML: "),
        (b"title = '\xff'", "is not TOML: "),
        ("a = " + "[" * 20000, "is not TOML: "),
        (f'title = "{"x" * 200_000}"', "it must have at most"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert told in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none\.toml"):
        read_settings(tmp_path / "none.toml")


def test_every_name_is_documented_and_every_documented_name_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    section = page[page.index("## `report.toml`") : page.index("## Formats")]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(
        ReportSettings.model_fields
    )
    example = section[
        section.index("```toml") + 7 : section.index("```", section.index("```toml") + 7)
    ]
    assert set(tomllib.loads(example)) == set(ReportSettings.model_fields)
