"""Figures that an author chose: read within limits, shown with what was said of them, in every format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from olaria.cards import figures
from olaria.cards.figures import read_figures
from olaria.errors import DataError, StorageError
from olaria.pages.chosen import MOST_ROWS, chosen
from olaria.workflows.report import report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three figures; the second has a caption and numbers."""
    place = tmp_path / "figures"
    place.mkdir()
    for name in ("figure-10", "figure-2", "figure-1"):
        Image.new("L", (1400, 10), 99).save(place / f"{name}.png")
    said = {
        "format": 1,
        "caption": "The loss <b>falls.\nSlowly.",
        "address": "#room=run&id=x",
    }
    (place / "figure-2.json").write_text(json.dumps(said))
    rows = "".join(f"{n},{n * n}\n" for n in range(100))
    (place / "figure-2.csv").write_text(f"step,loss\n{rows}")
    (place / "notes.txt").write_text("not a figure")
    return place


def test_figures_are_read_in_the_order_of_their_numbers(folder: Path) -> None:
    found = read_figures([folder])
    assert [one.caption.split()[0] for one in found] == ["figure-1", "The", "figure-10"]
    assert found[1].head == ("step", "loss") and found[1].rows[3] == ("3", "9")
    assert len(read_figures([folder / "figure-10.png", folder])) == 4


def test_a_report_shows_what_was_said_of_a_figure(
    folder: Path, tiny_run: Callable[..., Any], tmp_path: Path
) -> None:
    run = tiny_run("vae-mnist")
    page = Path(report(runs=[run.path], figures=folder, out=tmp_path / "r.html")).read_text()
    section = page[page.index('<section id="chosen">') : page.index('<section id="conclusion">')]
    captions = re.findall(r"<figcaption><b>.*?</b> (.*?)</figcaption>", section)
    assert captions == ["figure-1", "The loss &lt;b&gt;falls. Slowly.", "figure-10"]
    assert "#room=run&amp;id=x" in section and str(folder) not in page
    rows = re.findall(r"<tr><td class=\"n\">(\d+)</td>", section)
    assert rows[:3] == ["0", "3", "6"] and len(rows) == 34, "one row of three"
    assert 'id="appendix"' in page


def test_a_column_that_is_mostly_empty_keeps_its_numbers() -> None:
    rows = tuple((str(n), "0.123456789", "7.5" if n % 10 == 5 else "") for n in range(200))
    figure = figures.Figure(b"\x89PNG", (300, 100), "a", head=("x", "y", "z"), rows=rows)
    shown = chosen(figure).rows
    assert sum(row[2] == 7.5 for row in shown) == 20 and len(shown) <= MOST_ROWS
    assert [row[0] for row in shown] == sorted(row[0] for row in shown)
    assert chosen(figure).picture.width == 300


def test_a_short_report_has_no_appendix_and_points_to_none(
    tiny_run: Callable[..., Any], tmp_path: Path
) -> None:
    run = tiny_run("vae-mnist")
    page = Path(report(runs=[run.path], short=True, out=tmp_path / "r.html")).read_text()
    assert 'id="appendix"' not in page and 'id="chosen"' not in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    kept = report(runs=[run.path], short=True, lessons=["kl"], out=tmp_path / "l.html")
    assert 'id="lessons"' in Path(kept).read_text()


def test_figures_travel_with_a_report_in_markdown(
    folder: Path, tiny_run: Callable[..., Any], tmp_path: Path
) -> None:
    path = Path(report(runs=[tiny_run("vae-mnist").path], figures=[folder], out=tmp_path / "r.md"))
    found = re.search(r"!\[The loss .*?\]\((r-figures/[^)]+\.png)\)", path.read_text())
    assert found is not None and (tmp_path / found[1]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b"GIF89a"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("b.csv", b"x\n\xff\xfe"),
        ("b.csv", b"x," * 100 + b"\n"),
        ("b.csv", b'x\n"open'),
    ],
)
def test_what_is_no_figure_is_an_error_that_names_it(
    name: str, content: bytes, tmp_path: Path
) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "b.png")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        read_figures([tmp_path])


def test_there_are_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no figure"):
        read_figures([tmp_path])
    with pytest.raises(StorageError, match="no folder"):
        read_figures([tmp_path / "gone"])
    Image.new("L", (40, 40)).save(tmp_path / "a.png")
    for name, most, said in (
        ("MOST_PIXELS", 1599, "pixels"),
        ("MOST_PICTURE_BYTES", 10, "MB"),
        ("MOST_FIGURES", 0, "too many"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(figures, name, most)
            with pytest.raises(DataError, match=said):
                read_figures([tmp_path])
    assert read_figures([tmp_path])[0].size == (40, 40)


def test_a_picture_that_lets_through_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    (found,) = read_figures([tmp_path])
    (tmp_path / "b.png").write_bytes(found.picture)
    with Image.open(tmp_path / "b.png") as image:
        assert image.mode == "RGB" and image.getpixel((0, 0)) == (255, 255, 255)
