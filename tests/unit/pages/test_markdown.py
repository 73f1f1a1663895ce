"""Markdown says what the page says, as plain text and after GitHub has read it."""

from __future__ import annotations

import base64
import re
from html import escape
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from olaria.pages.formulas import mathml
from olaria.pages.markdown import to_markdown

GIF = base64.b64encode(b"GIF89a").decode()
INDENTED = re.compile(r"\s+")


def read(text: str) -> BeautifulSoup:
    """The text as GitHub shows it."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return BeautifulSoup(reader.render(text), "html.parser")


def tokens(text: str) -> list[Token]:
    found = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    return [inner for token in found for inner in (token, *(token.children or []))]


def words(element: Tag | BeautifulSoup | None) -> str:
    """Its text, with white space as one blank."""
    assert element is not None
    for line in element.find_all("br"):
        line.replace_with(" ")
    return INDENTED.sub(" ", element.get_text()).strip()


@pytest.fixture(scope="module")
def page(small_report: str) -> BeautifulSoup:
    """The HTML, without what Markdown leaves out."""
    found = BeautifulSoup(small_report, "html.parser")
    for element in found.select("head,nav,details,.on-paper,math"):
        element.decompose()
    return found


@pytest.fixture(scope="module")
def made(small_report: str) -> tuple[str, dict[str, bytes]]:
    return to_markdown(small_report)


def test_headings_are_the_pages_in_order(
    page: BeautifulSoup, made: tuple[str, dict[str, bytes]]
) -> None:
    levels = ["h1", "h2", "h3", "h4"]
    expected = [(h.name, words(h)) for h in page.find_all(levels)]
    assert [(h.name, words(h)) for h in read(made[0]).find_all(levels)] == expected
    assert len(expected) > 10


def test_tables_have_the_pages_cells(
    page: BeautifulSoup, made: tuple[str, dict[str, bytes]]
) -> None:
    def cells(found: BeautifulSoup) -> list[list[list[str]]]:
        return [
            [[words(cell) for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
            for table in found.find_all("table")
        ]

    expected = cells(page)
    found = cells(read(made[0]))
    assert len(found) == len(expected) > 3
    for table, other in zip(found, expected, strict=True):
        assert len({len(row) for row in table}) == 1
        filled = [[cell for cell in row if cell] for row in table]
        assert filled == [[cell for cell in row if cell] for row in other]


def test_pictures_are_files_named_by_their_figures(
    small_report: str, made: tuple[str, dict[str, bytes]]
) -> None:
    text, files = made
    html = BeautifulSoup(small_report, "html.parser")
    images = html.select("figure img, figure svg")
    shown = read(text).find_all("img")
    assert [image["src"] for image in shown] == list(files)
    assert len(files) == len(images) > 8
    for image, other in zip(images, shown, strict=True):
        figure = image.find_parent("figure")
        assert isinstance(figure, Tag)
        number = re.search(r"\d+", words(figure.find("figcaption")))
        assert number and re.fullmatch(rf"figure-0*{number[0]}(-\d)?\.\w+", str(other["src"]))
        if image.name == "img":
            assert other["alt"] == image["alt"]
            _, body = str(image["src"]).split("base64,")
            assert files[str(other["src"])] == base64.b64decode(body)
    assert {name.split(".")[1] for name in files} == {"png", "svg", "gif"}


def test_nothing_of_html_is_left(made: tuple[str, dict[str, bytes]]) -> None:
    found = [t.content for t in tokens(made[0]) if t.type in ("html_inline", "html_block")]
    assert set(found) <= {"<sub>", "</sub>", "<sup>", "</sup>", "<br>"}
    assert "data:" not in made[0] and "base64" not in made[0]
    assert not re.search(r"\n{3,}(?!<b>)", made[0]), "no gaps but those of the model's own text"


def test_captions_are_lines_in_italics(
    page: BeautifulSoup, made: tuple[str, dict[str, bytes]]
) -> None:
    shown = read(made[0])
    whole = [words(p) for p in shown.find_all("p") if p.em and words(p) == words(p.em)]
    captions = [words(caption) for caption in page.find_all("figcaption")]
    assert len(captions) > 8
    assert [w for w in whole if w in captions] == captions


def test_notes_are_quotations(page: BeautifulSoup, made: tuple[str, dict[str, bytes]]) -> None:
    notes = [words(note) for note in page.select(".note")]
    assert notes[0] == "1. # *a note* of b_c"
    assert [words(quote) for quote in read(made[0]).find_all("blockquote")] == notes


def test_texts_of_models_are_fenced_as_they_are(
    page: BeautifulSoup, made: tuple[str, dict[str, bytes]]
) -> None:
    boxes = [pre.get_text().strip("\n") for pre in page.find_all("pre")]
    assert any("```" in box for box in boxes)
    assert [pre.get_text().strip("\n") for pre in read(made[0]).find_all("pre")] == boxes


def test_formulas_keep_their_latex() -> None:
    fraction = mathml(r"\frac{a}{b}")
    inline, cell = mathml("x_i^2", display=False), mathml(r"p(x|z) \| q", display=False)
    html = (
        f"<p>with {inline} and</p><div>{fraction}{mathml('*y*')}</div>"
        f"<table><tr><th>p</th></tr><tr><td>{cell}</td></tr></table>"
    )
    text, _ = to_markdown(html)
    assert text.startswith("with $x_i^2$ and\n\n$$\\frac{a}{b}$$\n\n$$*y*$$\n\n| p")
    assert r"| $p(x\vert z) \Vert q$ |" in text


def test_places_to_fill_in_are_lines() -> None:
    html = (
        '<p>Author: <span contenteditable="true"></span></p><p contenteditable="true"></p>'
        '<p contenteditable="true">written</p>'
    )
    text, _ = to_markdown(html)
    assert text == "Author: ____\n\n\\____\n\nwritten\n"
    assert [words(p) for p in read(text).find_all("p")] == ["Author: ____", "____", "written"]


def test_drawings_within_the_page_are_files_that_stand_alone() -> None:
    html = (
        '<figure id="figure-3"><svg viewBox="0 0 9 9" role="img" aria-label="a &lt;b"><defs>'
        '<linearGradient id="g"></linearGradient></defs><text>p &amp; q</text></svg>'
        '<svg aria-hidden="true"></svg><svg viewBox="0 0 1 1"><title>two</title></svg></figure>'
        '<img alt="alone" src="data:image/png;base64,AAAA"><img alt="gone" src="https://x.y/z.png">'
    )
    text, files = to_markdown(html)
    assert list(files) == ["figure-03.svg", "figure-03-2.svg", "image-01.png"]
    drawing = ElementTree.fromstring(files["figure-03.svg"])
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg" and drawing.get("viewBox") == "0 0 9 9"
    assert drawing.find(".//{http://www.w3.org/2000/svg}linearGradient") is not None
    assert "![a \\<b](figure-03.svg)" in text and "![two](figure-03-2.svg)" in text
    assert "gone" in text and "https" not in text


def test_what_only_a_screen_has_is_left_out() -> None:
    html = (
        "<nav>no</nav><details><summary>no</summary><table><tr><td>no</td></tr></table></details>"
        '<div class="controls"><label>no</label><input value="no"><output>no</output></div><script>no</script>'
        f'<picture class="on-screen"><source srcset="data:image/png;base64,no"><img alt="it" src="data:image/gif;'
        f'base64,{GIF}"></picture><span class="on-paper">no</span><p>yes</p>'
    )
    text, files = to_markdown(html)
    assert "no" not in text and "yes" in text
    assert files == {"image-01.gif": b"GIF89a"}


def test_tables_are_squared_and_their_bars_left_out() -> None:
    html = (
        "<table><thead><tr><th rowspan=2>a</th><th colspan=2>b</th></tr><tr><th>c</th><th>d</th></tr></thead>"
        '<tbody><tr><th>1</th><td class="n">2</td><td>3<br>4</td></tr><tr><td>5</td></tr></tbody></table>'
        '<table class="barred"><thead><tr><td></td><th colspan=2>p</th></tr></thead><tbody><tr><th>w</th>'
        '<td class="b"><div></div></td><td class="n">0.5</td></tr></tbody></table>'
    )
    text, _ = to_markdown(html)
    assert text == (
        "| a   | b<br>c | d      |\n| --- | -----: | ------ |\n| 1   |      2 | 3<br>4 |\n| 5   |        |        |\n\n"
        "|     |   p |\n| --- | --: |\n| w   | 0.5 |\n"
    )


def test_coloured_tables_are_plain_numbers() -> None:
    html = (
        '<div class="scroll"><table class="heat dense"><thead><tr><td></td><th scope="col"><span>a|</span></th></tr>'
        '</thead><tbody><tr><th scope="row">␣</th><td class="w" style="background:#1f6a96">0.5</td></tr>'
        '<tr><th scope="row">b</th><td class="no"></td></tr></tbody></table></div>'
    )
    text, _ = to_markdown(html)
    assert text == "|     | a\\| |\n| --- | --- |\n| ␣   | 0.5 |\n| b   |     |\n"


def test_the_authors_lines_stay_lines() -> None:
    html = '<ol class="activities"><li>one\ntwo # x\n# three</li></ol><div class="written"><p>a\nb</p></div>'
    found = read(to_markdown(html)[0])
    assert len(found.select("li br")) == 2 and not found.find("h1")
    assert words(found.li) == "one two # x # three"
    assert to_markdown(html)[0].endswith("a\\\nb\n")


def test_tokens_and_rows_of_images_stay_in_a_line() -> None:
    image = f'<img alt="k" src="data:image/gif;base64,{GIF}">'
    html = (
        '<ol class="tokens"><li><span class="tt">a*</span><span class="tn">0.1 bits</span></li>'
        '<li><span class="tt">b</span></li></ol>'
        f'<div class="strip"><p>row</p><ul><li>{image}<span>7</span></li><li>{image}</li></ul></div>'
    )
    text, _ = to_markdown(html)
    assert text == "`a*` 0.1 bits `b`\n\nrow\n\n![k](image-01.gif) 7 ![k](image-02.gif)\n"


def test_links_within_the_page_are_words_and_others_stay() -> None:
    html = '<p><a href="#x">in</a> <a href="https://a.b/c_(d)">out</a> <a href="javascript:x">js</a></p>'
    assert to_markdown(html)[0] == "in [out](<https://a.b/c_(d)>) js\n"


marked = st.text(st.sampled_from(list("ab1 \n\\`*_{}[]()<>#+-=.!|~$&;:\"'/?é₂ \t")), max_size=24)
marked_words = marked.filter(str.strip)


@given(marked_words)
def test_any_text_stays_text(text: str) -> None:
    held = escape(text)
    html = (
        f"<h2>{held}</h2><p>{held}</p><p>x <em>y</em><br>{held}</p><ul><li>{held}</li></ul>"
        f'<p class="note">{held}</p><p><span>{held}</span></p>'
        f"<table><tr><th>z</th></tr><tr><td>{held}</td></tr></table>"
        f"<figure><figcaption><b>1.</b> {held}</figcaption></figure><pre>|{held}|</pre>"
    )
    expected = INDENTED.sub(" ", text).strip()
    found = read(to_markdown(html)[0])
    names = ["h1", "h2", "hr", "del", "img", "code", "a"]
    assert [t.name for t in found.find_all(names)] == ["h2", "code"]
    assert words(found.h2) == words(found.blockquote) == expected
    assert [words(p) for p in found.find_all("p", recursive=False)] == [
        expected, f"x y {expected}", expected, f"1. {expected}"
    ]  # fmt: skip
    assert words(found.li) == words(found.td) == expected
    assert found.pre is not None
    assert found.pre.get_text() == f"|{text}|\n"


@given(marked)
def test_any_alternative_text_stays_text(text: str) -> None:
    html = f'<p><img alt="{escape(text)}" src="data:image/gif;base64,{GIF}"></p>'
    image = read(to_markdown(html)[0]).img
    assert image is not None and image["src"] == "image-01.gif"
    assert image["alt"] == INDENTED.sub(" ", text).strip()
