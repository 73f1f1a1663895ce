"""What the demo leaves to play with, beside its report."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.i18n import Message
from olaria.runs import Run
from olaria.workflows import demo


@pytest.fixture
def runs(tiny_run: Callable[..., Any], tmp_path: Path) -> list[Run]:
    """Two of the practice's, under its names; that of the GPT cannot carry its lesson."""
    presets = {"vae": "vae-mnist", "gpt": "ae-mnist"}
    for name, preset in presets.items():
        shutil.copytree(tiny_run(preset).path, tmp_path / name)
    return [Run(tmp_path / name) for name in presets]


def test_a_page_lies_beside_the_report_and_what_fails_is_told(
    runs: list[Run], tmp_path: Path
) -> None:
    told: list[Message] = []
    pages = demo._pages(tmp_path, runs, "pt", True, told.append)
    assert pages == [tmp_path / "vae.html"]
    page = pages[0].read_text(encoding="utf-8")
    assert 'data-live="live_plane"' in page and 'lang="pt-BR"' in page
    first, failed = (message.text("en") for message in told)
    assert first == "writing the pages to play with"
    assert failed.startswith("run gpt is of a autoencoder and cannot carry this lesson")


def test_its_document_names_every_page(tmp_path: Path) -> None:
    pages = tuple(tmp_path / f"{lesson}.html" for lesson, _ in demo.LESSONS)
    found = demo.Practice(tmp_path / "report.html", "en", (), pages).to_json()
    assert found["path"] == str(tmp_path / "report.html")
    assert found["pages"] == [str(page) for page in pages] and len(pages) == 2
    names = {part.name for part in demo.PARTS}
    assert {name for _, name in demo.LESSONS} <= names
