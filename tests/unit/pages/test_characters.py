"""Text that no font has, and characters that pages may not have: pages stay valid, code points are shown."""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import html5lib
import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager

from olaria.cards.context import ReportContext
from olaria.i18n import Message
from olaria.lessons.figures import Heat, Table, Tokens
from olaria.pages import fonts
from olaria.pages.cells import heat_rows, in_a_line, name, table_rows, token_cells
from olaria.pages.labels import number, value_text
from olaria.pages.markdown import to_markdown
from olaria.pages.page import sound
from olaria.pages.report import build_report
from olaria.pages.style import blank, png, style, svg

CONTROLS = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), *range(0x7F, 0xA0)]))
HIDDEN = "\u00ad\u200b\u2060\ufeff\u202e\u2066\u2028\ufdd0\uffff\U000e0041\U0010ffff"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
JUG = "\U0001f3fa"
LETTERS = f"\u4e2d\u6587{JUG}\u1230\u0a85\ufe0f"
"""Chinese, an amphora, Amharic, Gujarati; the last chooses a variant."""


def spoilt(context: ReportContext) -> ReportContext:
    """With such characters wherever a person or a file may bring them."""
    odd = f"a{CONTROLS}{HIDDEN}\t\nb {LETTERS}"
    runs = [
        replace(
            run,
            name=f"{run.name}{odd}",
            text=run.text and run.text + odd,
            prompt=run.prompt and run.prompt + odd,
            command=run.command + odd,
            data=replace(run.data, title=run.data.title + odd, excerpt=odd),
        )
        for run in context.runs
    ]
    notes = [Message("{x}", {"x": odd})]
    return replace(context, runs=runs, title=odd, authors=odd, notes=notes, command=odd)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_pages_have_no_character_that_html_forbids(
    small_context: ReportContext, language: str
) -> None:
    html = build_report(spoilt(small_context), language)
    assert not FORBIDDEN.search(html)
    assert "\\x1a" in html and "\\u202e" in html and "\\xad" in html
    assert JUG in html, "a browser has fonts of its own"
    html5lib.HTMLParser(strict=True).parse(html)
    for element in html5lib.parse(html, namespaceHTMLElements=False).iter():
        for text in (element.text, element.tail, *element.attrib.values()):
            assert not FORBIDDEN.search(text or "")


def test_markdown_and_its_pictures_neither(small_context: ReportContext) -> None:
    text, files = to_markdown(build_report(spoilt(small_context)), "my report-")
    assert not FORBIDDEN.search(text)
    for file, content in files.items():
        assert file.startswith("my report-") and f"](my%20report-{file[10:]})" in text
        if file.endswith(".svg"):
            ElementTree.fromstring(content)
            assert not FORBIDDEN.search(content.decode())


def test_a_sound_page_stays_as_it_is(small_report: str) -> None:
    assert sound(small_report) == small_report
    kept = "<p>e\u0301 \u00a0 \U0001f468\u200d\U0001f469 \u0646\u200c\u0645\t\n</p>"
    assert sound(kept) == kept


@pytest.mark.parametrize("hidden", [*CONTROLS, *HIDDEN, "\u0301", "\u200d", "\u3164", "\u2003"])
def test_tables_of_tokens_show_what_is_not_seen(hidden: str) -> None:
    code = f"{ord(hidden):x}"
    heat = name(hidden, "en")
    cell = token_cells(Tokens("", (hidden, "b")), "en")[0][0].text
    for shown in (str(heat), str(cell), in_a_line(f"a{hidden}"[hidden == "\u0301" :])):
        assert hidden not in shown and code in shown


# -- figures ---------------------------------------------------------------------------------------


def drawn(words: str, *, as_png: bool = False) -> bytes:
    with style():
        figure = blank(4, 1)
        axes = figure.add_subplot()
        axes.plot([0, 1], label=words)
        axes.set_title(words)
        axes.annotate(words, (0, 0))
        axes.legend()
    return png(figure) if as_png else svg(figure)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system with the fonts of matplotlib alone."""
    own = [f for f in font_manager.fontManager.ttflist if matplotlib.get_data_path() in f.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [])
    monkeypatch.setattr(fonts, "_FOUND", {})
    monkeypatch.setattr(fonts, "_SOUGHT", set())


@pytest.mark.usefixtures("bare")
def test_figures_write_code_points_where_no_font_has_a_character() -> None:
    with warnings.catch_warnings(), fonts.undrawn() as notes:
        warnings.simplefilter("error")
        assert drawn(f"a{JUG}") == drawn("aU+1F3FA")
        assert drawn("a\x0cb\u200b") == drawn("a\\x0cb\\u200b")
        drawn(LETTERS, as_png=True)
    (note,) = notes
    assert f"'{JUG}' (U+1F3FA AMPHORA)" in note.text("en")
    assert "U+FE0F" not in note.text("en") and note.text("pt") != note.text("en")
    with fonts.undrawn() as none:
        drawn("maçã ≈ 3 €")
    assert none == []


def font_of(character: str, path: Path) -> str:
    """A font with one square letter."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(character): "square"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "square": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Square", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.mark.usefixtures("bare")
def test_figures_take_a_font_of_the_system_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    square = font_of(JUG, tmp_path / "square.ttf")
    manager = font_manager.fontManager
    entries = [
        font_manager.FontEntry(str(broken), name="Broken", weight=400),
        font_manager.FontEntry(square, name="Last Resort", weight=400),
        font_manager.FontEntry(square, name="Square", weight=400),
    ]
    monkeypatch.setattr(manager, "ttflist", [*entries, *manager.ttflist])
    with fonts.undrawn() as notes:
        with_font = drawn(f"a{JUG}")
        assert fonts._families([JUG]) == {JUG: "Square"}
    assert notes == []
    assert with_font != drawn("aU+1F3FA")


# -- paper -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bare")
def test_paper_writes_code_points_where_no_font_has_a_character(tmp_path: Path) -> None:
    with fonts.undrawn() as notes:
        fitted = fonts.fit_paper(f"<p>ação {LETTERS} €</p>")
    assert fitted == "<p>ação U+4E2DU+6587U+1F3FAU+1230U+0A85\ufe0f €</p>"
    assert len(notes) == 1
    assert unicodedata.name(JUG) in notes[0].text("en")


@pytest.mark.usefixtures("bare")
def test_paper_takes_fonts_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [font_of(JUG, tmp_path / "square.ttf"), str(tmp_path / "gone.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: files)
    with fonts.undrawn() as notes:
        assert fonts.fit_paper(f"a{JUG}") == f"a{JUG}"
    assert notes == []


# -- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "pt"])
def test_no_table_shows_a_zero_below_zero(language: str) -> None:
    heat = Heat("", np.array([[-1e-9, 1.0]]), ("a",), ("b", "c"))
    shown = [cell.text for row in heat_rows(heat, language) for cell in row]
    table = Table("", ("a",), ((-0.00004,),), digits=4)
    shown += [cell.text for row in table_rows(table, language) for cell in row]
    shown += [number(-0.0, language), number(-1e-9, language, 2), value_text(-0.00001, language, 3)]
    zeros = [text for text in shown if not re.search("[1-9]", str(text))]
    assert len(zeros) == 5
    assert not any("-" in str(text) or "−" in str(text) for text in zeros)
