"""A page made ready for paper: what WeasyPrint does not draw becomes what it draws.

Formulas become drawings of their LaTeX on the line's own baseline, animations stand still, tables of coloured cells
become one picture each, and the letters are those that come with matplotlib.
"""

from __future__ import annotations

import base64
import io
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
from bs4 import BeautifulSoup, Tag
from bs4.element import AttributeValueList
from markupsafe import escape
from PIL import Image

from olaria.pages.inline import data_image, parse
from olaria.pages.page import environment
from olaria.pages.palette import INK

_FACES = (
    ("Report", "normal", "normal", "STIXGeneral"),
    ("Report", "bold", "normal", "STIXGeneralBol"),
    ("Report", "normal", "italic", "STIXGeneralItalic"),
    ("Report", "bold", "italic", "STIXGeneralBolIta"),
    ("Report Sans", "normal", "normal", "DejaVuSans"),
    ("Report Sans", "bold", "normal", "DejaVuSans-Bold"),
    ("Report Mono", "normal", "normal", "DejaVuSansMono"),
    ("Report Mono", "bold", "normal", "DejaVuSansMono-Bold"),
)
"""Family, weight, style and matplotlib's file."""

_SIZE = 20.0  # of a formula's letters while it is drawn; the page scales it to the text around
_EM = 0.95 / _SIZE  # its letters are a little larger than those of a text of the same size
_ROOM = 1.0  # around a formula, for strokes that reach beyond their letter's box
_LONG_WORD = 20  # letters, beyond those of a word of ours in any language
_MANY_COLUMNS, _MANY_ROWS = 9, 24
_HIDDEN = "#ececec"  # a cell that a mask hides
_SIDE = 13  # of a coloured cell, in CSS pixels
_LETTER = 5.5  # a name's letter beside such cells, on average
_BACKGROUND = re.compile(r"background:(#[0-9a-f]{6})")
_LESS_MOTION = re.compile("prefers-reduced-motion")


def for_paper(html: str) -> str:
    """The page as WeasyPrint can draw it: formulas as pictures, animations still, our letters."""
    page = parse(html)
    for formula in page.find_all("math"):
        formula.replace_with(_drawn(page, formula))
    for picture in page.find_all("picture"):
        _keep_still(picture)
    for image in page.find_all("img"):
        _stop(image)
    for folded in page.find_all("details"):
        if folded.get("id") != "figures" and not folded.has_attr("open"):
            folded.decompose()
    for table in page.select("table.dense"):
        table.replace_with(_painted(page, table))
    for table in page.find_all("table"):
        _fit(page, table)
    style = page.new_tag("style")
    style.string = _style()
    (page.head or page).append(style)
    return str(page)


@cache
def _style() -> str:
    """The style that only a PDF has; the rest of paper's is ``_style.css.j2``'s."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    faces = [
        {
            "family": family,
            "weight": weight,
            "style": style,
            "data": base64.b64encode((folder / f"{file}.ttf").read_bytes()).decode(),
        }
        for family, weight, style, file in _FACES
    ]
    return environment().get_template("_pdf.css.j2").render(faces=faces)


# -- formulas ------------------------------------------------------------------------------------------


def _drawn(page: BeautifulSoup, formula: Tag) -> Tag:
    """A formula as a picture; as its LaTeX where it cannot be drawn."""
    latex = str(formula.get("alttext") or "")
    is_block = formula.get("display") == "block"
    try:
        uri, width_em, depth_em = _drawing(latex, is_block, "" if latex else str(formula))
    except Exception:  # whatever ziamath thinks of it, the report is still written
        shown = page.new_tag("code")
        shown.string = latex or formula.get_text(" ", strip=True)
    else:
        # Sizes follow the text around; they outweigh the rules for the figures, whose captions have formulas too.
        style = f"display:inline!important;width:{width_em:.4f}em!important;vertical-align:{-depth_em:.4f}em"
        shown = page.new_tag("img", attrs={"src": uri, "alt": latex, "style": style})
    if not is_block:
        return shown
    line = page.new_tag("span", attrs={"class": "formula-line"})
    line.append(shown)
    return line


@cache
def _drawing(latex: str, is_block: bool, mathml: str) -> tuple[str, float, float]:
    """(data URI of the drawing, its width, how far it reaches below the baseline), lengths in em.

    A formula that is there only as MathML is drawn from that.
    """
    from ziamath.config import config
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

    # Letters as paths: WeasyPrint draws what refers to a symbol right only once, and a formula may come again.
    config.svg2 = False
    # As elements, since of text ziamath would read ":=" and the like as signs of its own, inside words too.
    element = ElementTree.fromstring(tex2mml(latex, inline=not is_block) if latex else mathml)
    element.set("mathcolor", INK)
    for sign in element.iter():
        if sign.text == "~" and sign.tag.endswith(
            "mi"
        ):  # what latex2mathml makes of \sim: a letter, set tight
            sign.tag, sign.text = "mo", "\N{TILDE OPERATOR}"
    drawn = Math(element, size=_SIZE, margin=_ROOM)
    box = drawn.node.bbox
    width, depth = box.xmax - box.xmin + 2 * _ROOM, _ROOM - box.ymin
    return _svg_uri(drawn.svg()), width * _EM, depth * _EM


# -- tables --------------------------------------------------------------------------------------------


def _fit(page: BeautifulSoup, table: Tag) -> None:
    """Marks what would leave the sheet, words too long for a column and tables of many columns, or waste it.

    Not every word may be broken anywhere, for then the columns' widths would be of single letters.
    """
    rows = table.find_all("tr")
    num_columns = max((len(row.find_all(["td", "th"])) for row in rows), default=0)
    if num_columns <= 2 and len(rows) > _MANY_ROWS and table.parent is not None:
        _mark(table.parent, "two-columns")
        table.parent.wrap(
            page.new_tag("div", attrs={"class": "whole"})
        )  # columns themselves are always broken
    is_wide = num_columns > _MANY_COLUMNS
    if is_wide:
        _mark(table, "crowded")
    for cell in table.find_all(["td", "th"]):
        if is_wide or max(map(len, cell.get_text(" ").split()), default=0) > _LONG_WORD:
            _mark(cell, "breaks")


def _mark(element: Tag, name: str) -> None:
    element["class"] = AttributeValueList([*(element.get("class") or []), name])


def _painted(page: BeautifulSoup, table: Tag) -> Tag:
    """A table whose cells show only a colour as one picture: as thousands of boxes it would take a minute to set."""
    rows = [row.find_all(["td", "th"]) for row in table.find_all("tr")]
    columns = [cell.get_text(strip=True) for cell in rows[0][1:]]
    names = [row[0].get_text(strip=True) for row in rows[1:]]
    longest = max(map(len, columns), default=0)
    left = max(map(len, names), default=0) * _LETTER + 8
    top = longest * _LETTER + 8 if longest > 2 else _SIDE + 2.0
    width, height = left + _SIDE * len(columns) + _SIDE, top + _SIDE * len(names) + 2
    squares: dict[str, list[str]] = defaultdict(list)
    for y, row in enumerate(rows[1:]):
        for x, cell in enumerate(row[1:]):
            square = f"M{left + _SIDE * x:g} {top + _SIDE * y:g}h12v12h-12z"
            squares[_colour(cell)].append(square)
    parts = [f'<path d="{"".join(d)}" fill="{colour}"/>' for colour, d in squares.items()]
    for y, name in enumerate(names):
        parts.append(
            f'<text x="{left - 4:g}" y="{top + _SIDE * y + 9:g}" text-anchor="end">{escape(name)}</text>'
        )
    for x, name in enumerate(columns):
        place = f"{left + _SIDE * x + (9 if longest > 2 else 6):g} {top - 4:g}"
        turn, anchor = (" rotate(-90)", "start") if longest > 2 else ("", "middle")
        parts.append(
            f'<text transform="translate({place}){turn}" text-anchor="{anchor}">{escape(name)}</text>'
        )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="Report,Report Sans" font-size="9" fill="{INK}">{"".join(parts)}</svg>'
    )
    caption = table.find_parent("figure")
    words = caption.figcaption.get_text(" ", strip=True) if caption and caption.figcaption else ""
    return page.new_tag("img", attrs={"src": _svg_uri(svg), "alt": words, "class": "painted"})


def _colour(cell: Tag) -> str:
    found = _BACKGROUND.search(str(cell.get("style") or ""))
    return found[1] if found else _HIDDEN if "no" in (cell.get("class") or []) else "#ffffff"


def _svg_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


# -- animations ----------------------------------------------------------------------------------------


def _keep_still(picture: Tag) -> None:
    """Instead of a choice of pictures its image; of an animation the still that readers see who asked for it."""
    image = picture.find("img")
    if not isinstance(image, Tag):
        return
    still = picture.find("source", media=_LESS_MOTION)
    if isinstance(still, Tag):
        image["src"] = str(still["srcset"])
    picture.replace_with(image)


def _stop(image: Tag) -> None:
    """An animation's last picture, for WeasyPrint would show the first: noise."""
    found = data_image(str(image.get("src", "")))
    if found is None or found[0] not in ("gif", "webp"):
        return
    with Image.open(io.BytesIO(found[1])) as animation:
        animation.seek(getattr(animation, "n_frames", 1) - 1)
        buffer = io.BytesIO()
        animation.convert("RGBA").save(buffer, "PNG")
    image["src"] = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
