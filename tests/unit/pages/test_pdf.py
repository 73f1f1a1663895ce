"""The PDF: whole, numbered, described, private, and drawn of nothing but the page itself."""

from __future__ import annotations

import base64
import builtins
import getpass
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from olaria.errors import OlariaError
from olaria.pages import pdf
from olaria.pages.formulas import mathml
from olaria.pages.paper import for_paper
from olaria.pages.pdf import laid_out, only_inline, to_pdf

try:
    only_inline()
except OlariaError as missing:
    pytest.skip(f"no PDF can be made here: {missing}", allow_module_level=True)


def boxes(sheet: Any) -> Iterator[Any]:
    found: Iterator[Any] = sheet._page_box.descendants()
    return found


def texts(sheet: Any) -> str:
    """Everything written on a sheet, margins included."""
    return " ".join(box.text for box in boxes(sheet) if hasattr(box, "text"))


def page(body: str, head: str = "") -> str:
    return f'<!doctype html><html lang="pt-BR"><head><title>T</title>{head}</head><body>{body}</body></html>'


def told(document: bytes) -> bytes:
    """The document's streams, unpacked, and what lies between them."""
    found, end = [], 0
    for stream in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        found.append(document[end : stream.start()])
        end = stream.end()
        try:
            found.append(zlib.decompress(stream[1]))
        except zlib.error:
            found.append(stream[1])
    return b"\n".join([*found, document[end:]])


@pytest.fixture(scope="module")
def document(small_report: str) -> Any:
    """The small report, laid out."""
    return laid_out(small_report)


@pytest.fixture(scope="module")
def written(document: Any) -> bytes:
    """The same as :func:`to_pdf` gives it."""
    made: bytes = pdf.written(document, b"the report")
    return made


def test_every_sheet_is_a4_and_numbered(document: Any) -> None:
    total = len(document.pages)
    assert total > 4
    for number, sheet in enumerate(document.pages, 1):
        assert (round(sheet.width * 25.4 / 96), round(sheet.height * 25.4 / 96)) == (210, 297)
        assert f"{number} / {total}" in texts(sheet)


def test_the_title_is_on_every_sheet_once(document: Any) -> None:
    title = "Modelos gerativos: uma prática"
    assert [texts(sheet).count(title) for sheet in document.pages] == [1] * len(document.pages)


def test_title_language_and_outline_are_in_the_document(
    document: Any, small_report: str, small_language: str
) -> None:
    assert document.metadata.title == "Modelos gerativos: uma prática"
    assert document.metadata.lang == {"en": "en", "pt": "pt-BR"}[small_language]
    html = BeautifulSoup(small_report, "html.parser")

    def labels(tree: Any) -> list[str]:
        return [label for each in tree for label in (each[0], *labels(each[2]))]

    expected = [" ".join(h.get_text().split()) for h in html.find_all(["h1", "h2", "h3"])]
    found = [" ".join(label.split()) for label in labels(document.make_bookmark_tree())]
    assert found == expected
    assert len(found) > 8


def test_author_and_date_are_told_where_the_page_tells_them() -> None:
    head = '<meta name="author" content="Ana Conceição"><meta name="dcterms.created" content="2026-03-31">'
    made = to_pdf(page("<h1>x</h1>", head))
    assert b"D:20260331" in told(made)
    assert "Ana Conceição".encode("utf-16-be").hex().encode() in told(made).lower()
    assert b"/CreationDate" not in told(to_pdf(page("<h1>x</h1>"))), "no clock is read"


def test_the_same_page_gives_the_same_bytes() -> None:
    table = "<table><tr><th>a</th><td><b>1</b></td></tr></table>"
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0L9 9"/></svg>'
    html = page(f"<h1>x</h1>{mathml('x_i')}{table}{drawing}<pre>é</pre>")
    first = to_pdf(html)
    assert first.startswith(b"%PDF-")
    assert to_pdf(html) == first
    assert to_pdf(html.replace("é", "è")) != first


def test_no_folder_no_user_and_no_machine_is_told(document: Any, written: bytes) -> None:
    secrets = {
        tempfile.gettempdir(),
        str(Path.home()),
        os.getcwd(),
        str(Path(pdf.__file__).parents[2]),
    }
    secrets |= {name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4}
    said = told(written) + " ".join(map(texts, document.pages)).encode()
    assert b"Producer" in said
    for secret in secrets:
        assert secret.encode() not in said
        assert secret.encode("utf-16-be").hex().encode() not in said.lower()


def test_no_table_and_no_line_leaves_the_sheet(document: Any) -> None:
    checked = 0
    for sheet in document.pages:
        whole = sheet._page_box
        left, right = whole.content_box_x(), whole.content_box_x() + whole.width
        for box in boxes(sheet):
            if box.element_tag in ("td", "th", "img", "svg", "pre", "p") and box.width:
                assert box.position_x >= left - 1
                assert box.position_x + box.width <= right + 1, texts(sheet)[:80]
                checked += 1
    assert checked > 100


@pytest.mark.parametrize("columns", [2, 16])
def test_long_names_are_broken_and_long_tables_go_on(columns: int) -> None:
    row = "<tr><th>" + "x" * 60 + "</th>" + "<td>1,234,567</td>" * columns + "</tr>"
    head = "<thead><tr><th>run</th>" + ("<th>" + "y" * 40 + "</th>") * columns + "</tr></thead>"
    table = f'<div class="scroll"><table>{head}{row * 44}</table></div>'
    style = Path(pdf.__file__).parent.joinpath("templates", "_style.css.j2").read_text("utf-8")
    sheets = laid_out(page(table, f"<style>{style}</style>")).pages
    assert len(sheets) > 1
    for sheet in sheets:
        assert "yyyy" in texts(sheet), "the heading stands on each sheet"
        edge = sheet._page_box.content_box_x() + sheet._page_box.width
        lines = [box for box in boxes(sheet) if hasattr(box, "text")]
        assert max(box.position_x + box.width for box in lines) <= edge + 1


def test_figures_are_whole_and_with_their_captions(document: Any) -> None:
    sheets: dict[int, set[int]] = {}
    for number, sheet in enumerate(document.pages):
        for box in boxes(sheet):
            if box.element_tag == "figure" or box.element_tag == "figcaption":
                sheets.setdefault(id(box.element), set()).add(number)
    assert len(sheets) > 16
    assert all(len(found) == 1 for found in sheets.values())


def test_lists_name_the_sheets() -> None:
    figures = "".join(
        f'<figure id="figure-{i}" style="break-before:page"><figcaption>c{i}</figcaption></figure>'
        for i in (1, 2)
    )
    items = "".join(f'<li><a href="#figure-{i}">about {i}</a></li>' for i in (1, 2))
    nav = '<nav aria-label="Sumário"><ol><li><a href="#figure-2">second</a></li></ol></nav>'
    listed = f'<details id="figures"><summary>Lista de figuras</summary><ol>{items}</ol></details>'
    folded = "<details><summary>no</summary>no</details>"
    sheets = laid_out(page(nav + listed + folded + figures)).pages
    first = re.sub(r"[ .]+", " ", texts(sheets[0]))
    assert "Sumário" in first and "second 3" in first
    assert "Lista de figuras" in first and "about 1 2" in first and "about 2 3" in first
    assert "no" not in first.split()
    assert len(laid_out(page("<h1>x</h1><p>no lists</p>")).pages) == 1


def test_an_animation_stands_still_at_its_end(small_report: str) -> None:
    found = BeautifulSoup(for_paper(small_report), "html.parser")
    assert not found.find("picture")
    assert found.select("img") and not found.select('img[src^="data:image/gif"]')
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 90, 255)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    uri = "data:image/gif;base64," + base64.b64encode(buffer.getvalue()).decode()
    still = BeautifulSoup(for_paper(page(f'<img src="{uri}">')), "html.parser").img
    assert still is not None
    with Image.open(io.BytesIO(base64.b64decode(str(still["src"]).split(",")[1]))) as image:
        assert image.format == "PNG"
        assert image.convert("L").getextrema() == (255, 255)


def test_tables_of_colours_alone_become_one_picture() -> None:
    def table(kind: str) -> str:
        cells = '<td style="background:#1f6a96"><i>0.5</i></td><td class="no"><i></i></td>'
        head = '<thead><tr><td></td><th scope="col">&lt;</th><th scope="col">long name</th></tr></thead>'
        return f'<table class="heat {kind}">{head}<tbody><tr><th scope="row">a&amp;b</th>{cells}</tr></tbody></table>'

    html = page(
        f"<figure>{table('dense')}<figcaption>what it shows</figcaption></figure>{table('')}"
    )
    found = BeautifulSoup(for_paper(html), "html.parser")
    (plain,) = found.find_all("table")
    assert plain["class"] == ["heat"] and "0.5" in plain.get_text()
    (picture,) = found.find_all("img")
    assert picture["alt"] == "what it shows"
    drawing = ElementTree.fromstring(base64.b64decode(str(picture["src"]).split(",")[1]))
    assert [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")] == [
        "a&b",
        "<",
        "long name",
    ]
    colours = [path.get("fill") for path in drawing.iter("{http://www.w3.org/2000/svg}path")]
    assert colours == ["#1f6a96", "#ececec"]


@pytest.mark.parametrize("latex", ["x", r"\frac{a}{b}", r"\sum_{t=1}^{T} \log p(x_t \mid x_{<t})"])
def test_formulas_are_drawn_on_their_line(latex: str) -> None:
    html = page(f"<p>before {mathml(latex, display=False)} after</p>{mathml(latex)}")
    (sheet,) = laid_out(html).pages
    drawn = [box for box in boxes(sheet) if box.element_tag == "img"]
    assert [box.element.get("alt") for box in drawn] == [latex, latex]
    inline, block = drawn
    line = next(box for box in boxes(sheet) if getattr(box, "text", "").startswith("before"))
    letters = float(line.style["font_size"])
    assert inline.position_y - 1 < line.position_y + line.baseline - 0.35 * letters
    below = inline.position_y + inline.height - (line.position_y + line.baseline)
    assert (below > 0.3 * letters) == (latex != "x"), (
        "only a fraction or a sum reaches below the line"
    )
    assert -1 < below < 1.5 * letters
    assert 0.4 * letters < inline.height <= block.height < 5 * letters
    centre = sheet._page_box.content_box_x() + sheet._page_box.width / 2
    assert abs(block.position_x + block.width / 2 - centre) < 12


def test_formulas_without_latex_and_those_that_cannot_be_drawn() -> None:
    by_hand = '<math display="block"><mrow><mi>x</mi><mo>−</mo><mn>1</mn></mrow></math>'
    bad = r'<p>a <math alttext="\frac{q"><mi>b</mi></math> c</p><math><nonsense/></math>'
    found = BeautifulSoup(for_paper(page(by_hand + bad)), "html.parser")
    assert len(found.select(".formula-line img")) == 1
    assert next(code.get_text() for code in found.find_all("code")) == r"\frac{q"
    assert not found.find("math")
    assert to_pdf(page(by_hand + bad)).startswith(b"%PDF-")


def test_the_reports_formulas_are_all_drawn(small_report: str) -> None:
    number = len(BeautifulSoup(small_report, "html.parser").find_all("math"))
    found = BeautifulSoup(for_paper(small_report), "html.parser")
    assert len(found.select(".formula-line img")) == number > 5
    assert not found.select(".formula-line code")


def test_a_place_to_fill_in_is_a_line() -> None:
    style = Path(pdf.__file__).parent.joinpath("templates", "_style.css.j2").read_text("utf-8")
    place = '<p>Name: <span class="fill" contenteditable="true" data-hint="click here"></span></p>'
    (sheet,) = laid_out(page(place, f"<style>{style}</style>")).pages
    assert "click" not in texts(sheet)
    lines = [box for box in boxes(sheet) if getattr(box, "border_bottom_width", 0) > 0]
    assert len(lines) == 1 and lines[0].width > 100


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = urllib.request.OpenerDirector.open

    def noted(self: Any, request: Any, *rest: Any, **more: Any) -> Any:
        opened.append(getattr(request, "full_url", request))
        return real(self, request, *rest, **more)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", noted)
    addresses = ["http://a.b/c", "https://a.b/c", "ftp://a.b/c", "file:///etc/hostname"]
    for address in addresses:
        with pytest.raises(ValueError, match="protocol"):
            only_inline().fetch(address)
    made = to_pdf(page("".join(map(_curious, addresses)), "".join(map(_sneaky, addresses))))
    assert made.startswith(b"%PDF-")
    assert opened and all(url.startswith("data:") for url in opened)
    assert b"EmbeddedFile" not in told(made)


def _sneaky(address: str) -> str:
    return (
        f'<link rel="stylesheet" href="{address}"><link rel="attachment" href="{address}">'
        f'<style>@import url("{address}");@font-face{{font-family:x;src:url("{address}")}}'
        f'p{{background:url("{address}");font-family:x}}</style>'
    )


def _curious(address: str) -> str:
    reference = f'<image href="{address}"/><use href="{address}#x"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{reference}</svg>'
    inner = base64.b64encode(svg.encode()).decode()
    return (
        f'<p>hello<img src="{address}"><img src="data:image/svg+xml;base64,{inner}">{svg}'
        f'<object data="{address}"></object><embed src="{address}"></p>'
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("weasyprint"), "pip install 'olaria[pdf]'"),
        (OSError("no pango"), "libpango-1.0-0"),
    ],
)
def test_what_is_missing_is_told_in_one_line(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name.startswith("weasyprint"):
            sys.stdout.write("a long story")
            raise error
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(OlariaError, match=re.escape(said)) as caught:
        to_pdf(page("x"))
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_who_prints_reads_no_cut_image_as_whole() -> None:
    script = (
        "from olaria.pages.pdf import only_inline; only_inline(); from PIL import ImageFile; "
        "raise SystemExit(ImageFile.LOAD_TRUNCATED_IMAGES)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
