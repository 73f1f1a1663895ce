"""Nothing that the page says is lost on paper: each word is on a sheet, inside it, where a reader sees it."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from olaria.cards.context import ReportContext
from olaria.errors import OlariaError
from olaria.pages import pdf
from olaria.pages.page import environment
from olaria.pages.pdf import only_inline, to_pdf
from olaria.pages.report import build_report

pypdf = pytest.importorskip("pypdf")
try:
    only_inline()
except OlariaError as missing:
    pytest.skip(f"no PDF can be made here: {missing}", allow_module_level=True)


def placed(document: bytes) -> Iterator[tuple[str, float, float, Any]]:
    """Each piece of text of a PDF, where it begins, and the box of its sheet."""
    for sheet in pypdf.PdfReader(io.BytesIO(document)).pages:
        found: list[tuple[str, float, float]] = []

        def seen(text: str, cm: Any, tm: Any, _font: Any, _size: Any, found: Any = found) -> None:
            x, y = tm[4], tm[5]
            found.append((text, cm[0] * x + cm[2] * y + cm[4], cm[1] * x + cm[3] * y + cm[5]))

        sheet.extract_text(visitor_text=seen)
        for text, x, y in found:
            yield text, x, y, sheet.mediabox


def lost(document: bytes, words: set[str]) -> set[str]:
    """Words that no sheet shows, or that lie off theirs."""
    there: Counter[str] = Counter()
    for text, x, y, box in placed(document):
        if box.left <= x <= box.right and box.bottom <= y <= box.top:
            there[text] += 1
    everything = "\n".join(there)
    return {word for word in words if word not in everything}


def numbered(name: str, count: int) -> list[str]:
    """Words that occur nowhere else."""
    return [f"{name}{i:04d}" for i in range(count)]


def lines(name: str) -> str:
    """A text of very many short lines, as a model writes that has learned line breaks first."""
    return "\n".join(numbered(name, 75))


BLOCKS = {
    "cards": '<div class="texts"><section><h3>{0}</h3><pre>{1}</pre></section><section>{2}</section></div>',
    "note": '<p class="note">{0}<br>{1}</p>',
    "facts": '<dl class="facts"><dt>{0}</dt><dd>{1}</dd><dt>a</dt><dd>b</dd></dl>',
    "name of a fact": '<dl class="facts"><dt>{1}</dt><dd>{0}</dd><dt>a</dt><dd>b</dd></dl>',
    "sources": '<div class="conclusion"><div class="written"><p>{1}</p></div><aside class="sources"><h3>{0}</h3>'
    "<ul><li>{2}</li></ul></aside></div>",
    "incident": '<ul class="incidents"><li><b>{0}</b><br>{1}</li></ul>',
    "activity": '<ol class="activities"><li>{1}</li><li>{0}</li></ol>',
    "command": '<pre class="box">{1}</pre><p>{0}</p>',
    "cell": '<div class="scroll"><table><caption>{0}</caption><tr><td>a</td><td>{1}</td></tr></table></div>',
    "heading of a row": '<table><tr><th scope="row">{1}</th><td>{0}</td></tr></table>',
    "tile": '<ul class="tiles"><li><strong>{0}</strong><span>{1}</span></li><li>b</li></ul>',
    "caption": '<figure id="figure-1"><img alt="" src="{picture}"><figcaption>{1} {0}</figcaption></figure>',
    "long table": '<div class="scroll"><table>{rows}</table></div><p>{0}</p>',
    "wide table": '<figure><div class="scroll"><table><tr>{cells}</tr></table></div></figure>',
    "heading": "<h2>{0}</h2><h3>{1}</h3><p>c</p>",
    "formula": '<div class="formula">{1}</div><p>{0}</p>',
}
"""Everything of a report that holds what people or models write."""
PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='300' height='300'/%3E"
)


def report_style(lessons: bool = False) -> str:
    """The style sheets of a report, or of one with lessons."""
    names = ("_style.css.j2", "_report.css.j2", "_lesson.css.j2")[: 3 if lessons else 2]
    return "".join(environment().get_template(name).render() for name in names)


@pytest.mark.parametrize("lessons", [False, True])
def test_no_block_loses_a_word(lessons: bool) -> None:
    """A lesson's style once hid every table of more than ten columns."""
    parts = []
    for i, block in enumerate(BLOCKS.values()):
        texts = [" ".join(numbered(f"head{i}n", 4)), lines(f"body{i}n"), lines(f"more{i}n")]
        cells = enumerate(numbered(f"row{i}n", 75))
        rows = "".join(f"<tr><td>{word}</td><td>{j}</td></tr>" for j, word in cells)
        wide = "".join(f"<td>{word}</td>" for word in numbered("w", 12))
        parts.append(block.format(*texts, picture=PICTURE, rows=rows, cells=wide))
    middle = f"<p>{'before ' * 90}</p>"  # so that each begins where a sheet is half full
    html = (
        f'<!doctype html><html lang="pt"><head><title>T</title><style>{report_style(lessons)}</style>'
        f'</head><body><main class="lesson">{middle}{middle.join(parts)}<p>after0000</p></main></body></html>'
    )
    assert lost(to_pdf(html), set(re.findall(r"[a-z]+\d[n\d]+", html.split("<main")[1]))) == set()


def test_a_report_of_long_texts_is_whole(small_context: ReportContext) -> None:
    gpt = small_context.runs[3]
    runs = [replace(gpt, name=f"gpt-{i}", text=lines(f"q{i}x"), metrics=()) for i in range(3)]
    words = {word for run in runs for word in run.text.split()}
    context = replace(small_context, runs=runs, conclusion=lines("con"), notes=())
    document = to_pdf(build_report(context))
    words |= set(lines("con").split())
    assert lost(document, {*words, "gpt-0", "gpt-1", "gpt-2"}) == set()


def test_a_fact_stands_beside_its_name_where_the_one_before_takes_two_lines() -> None:
    """In English “precision of the arithmetic” does."""
    facts = "<dt>name0001 with a second line of its own</dt><dd>fact0001</dd>"
    facts += "<dt>name0002</dt><dd>fact0002</dd><dt>name0003</dt><dd>fact0003</dd>"
    html = (
        f'<!doctype html><html lang="en"><head><title>T</title><style>{report_style()}</style></head>'
        f'<body><main><dl class="facts">{facts}</dl></main></body></html>'
    )
    height = {text.strip()[:8]: y for text, _, y, _ in placed(to_pdf(html))}
    for i in (1, 2, 3):
        assert abs(height[f"name000{i}"] - height[f"fact000{i}"]) < 1, i


def test_a_large_drawing_leaves_room_for_others_on_its_sheet() -> None:
    """So that a sheet does not end half empty before one."""
    style = report_style(lessons=True)
    square = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 900" width="900" height="900"/>'
    )
    picture = PICTURE.replace("'300'", "'900'")
    html = (
        f'<!doctype html><html lang="en"><head><title>T</title><style>{style}</style></head><body><main>'
        f'<article class="lesson"><figure>{square}</figure><p><img class="painted" alt="" src="{picture}"></p>'
        f'</article><section id="architectures"><figure><img alt="" src="{picture}"></figure></section>'
        f'<section><figure><img alt="" src="{picture}"></figure></section></main></body></html>'
    )
    heights = [
        box.height / 96 * 25.4
        for sheet in pdf.laid_out(html).pages
        for box in sheet._page_box.descendants()
        if type(box).__name__.endswith("ReplacedBox")
    ]
    assert len(heights) == 4
    assert [round(height) for height in heights] == [92, 82, 98, 84]
