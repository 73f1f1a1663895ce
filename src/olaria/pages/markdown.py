r"""A page as Markdown (GitHub's), with its pictures as files beside it.

The text is made of the same HTML, so it says the same. What only a screen has (navigation, controls, what is folded
away) is left out, and so is every style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement
from markdownify import MarkdownConverter

from olaria.pages.inline import data_image, described, parse, standalone_svg

_LEFT_OUT = (
    "script,style,nav,template,noscript,details,button,input,select,textarea,label,.controls,.under,"
    "[hidden],svg[aria-hidden=true],.on-paper"
)
_BLOCK_NAMES = (
    "article aside blockquote body caption dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 "
    "header hr li main ol p pre section table tbody td tfoot th thead tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_SPACES = re.compile(r"[ \t\r\n\f]+")
# What would be read as markup: always, before a name (a tag, an entity), and at the edge of a word (_).
_MARKUP = re.compile(r"[\\`*\[\]~$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
# The same where a line begins: a heading, a quotation, a list, a rule, the line under a heading.
_LINE_MARKUP = re.compile(
    r"^(?:(#{1,6}(?=\s|$)|>|[+-](?=\s|$)|[-=]+\s*$)|(\d{1,9})(?=[.)](?:\s|$)))"
)
_CLOSING = re.compile(r"(?<=\s)#+$")  # of a heading, which would be dropped
_CELL, _ROW = "\x01", "\x02"  # taken out of every text, so that they are ours
_WIDEST_TABLE = 110  # characters up to which columns are aligned for the eye
_PLACE = "____"


def to_markdown(html: str, prefix: str = "") -> tuple[str, dict[str, bytes]]:
    r"""A page as Markdown.

    Args:
        html: a whole page that carries everything in itself, as :func:`olaria.pages.report.build_report` gives it.

        prefix: of the pictures' names, so that those of two pages may lie in one folder.

    Returns:
        The text, and for each picture its name (``figure-03.svg``), by which the text calls it, and its bytes.

    >>> to_markdown("<h2>A &lt;b&gt;</h2><p class=note>1. <em>no</em></p>")[0]
    '## A \\<b>\n\n> 1\\. *no*\n'
    """
    page = parse(html)
    body = page.body or page
    for element in body.select(_LEFT_OUT):
        element.decompose()
    files = _take_pictures(page, prefix)
    for table in body.find_all("table"):
        _square(page, table)
    _reshape(page, body)
    text = _Converter(
        heading_style="atx",
        bullets="-",
        newline_style="backslash",
        sub_symbol="<sub>",
        sup_symbol="<sup>",
        keep_inline_images_in=["td", "th"],
        wrap=True,  # white space becomes single blanks; nothing is broken into lines
        wrap_width=None,
    ).convert_soup(body)
    return text.strip("\n") + "\n", files


# -- pictures ------------------------------------------------------------------------------------------


def _take_pictures(page: BeautifulSoup, prefix: str) -> dict[str, bytes]:
    """Every picture as a file, and in its place an image that names the file."""
    for choice in page.find_all("picture"):
        image = choice.find("img")
        choice.replace_with(image) if isinstance(image, Tag) else choice.decompose()
    files: dict[str, bytes] = {}
    for stem, picture in _named_pictures(page):
        words = described(picture)
        found = (
            ("svg", standalone_svg(picture))
            if picture.name == "svg"
            else data_image(str(picture.get("src", "")))
        )
        if found is None:  # from elsewhere, or nothing at all
            picture.replace_with(words)
            continue
        ending, content = found
        name, copy = f"{prefix}{stem}.{ending}", 1
        while name in files:
            copy += 1
            name = f"{prefix}{stem}-{copy}.{ending}"
        files[name] = content
        picture.replace_with(page.new_tag("img", attrs={"src": name, "alt": words}))
    return files


def _named_pictures(page: BeautifulSoup) -> Iterator[tuple[str, Tag]]:
    """(file name without ending, picture) in the page's order; those of a figure bear its number."""
    figures = page.find_all("figure")
    numbers = {id(figure): _number(figure) for figure in figures}
    if not any(numbers.values()):
        numbers = {id(figure): str(i) for i, figure in enumerate(figures, 1)}
    others = 0
    for picture in page.find_all(["img", "svg"]):
        number = numbers.get(id(picture.find_parent("figure")))
        others += not number
        yield f"figure-{number:0>2}" if number else f"image-{others:02d}", picture


def _number(figure: Tag) -> str:
    """Of its name ``figure-3``, else of its caption's first words; empty where neither tells it."""
    if found := re.fullmatch(r"figure-(\w+)", str(figure.get("id", ""))):
        return found[1]
    caption = figure.find("figcaption")
    words = caption.get_text(" ", strip=True) if isinstance(caption, Tag) else ""
    found = re.match(r"\w+ (\d+)\b", words)
    return found[1] if found else ""


# -- tables --------------------------------------------------------------------------------------------


def _square(page: BeautifulSoup, table: Tag) -> None:
    """Markdown's tables have one heading row and as many cells in every row: this one is made so."""
    for bar in table.select("td.b"):  # its number stands beside it, below the same heading
        bar.decompose()
    if "barred" in (table.get("class") or []):
        for cell in table.select("th[colspan]"):
            del cell["colspan"]
    rows = table.find_all("tr")
    places: dict[tuple[int, int], Tag | None] = {}
    for y, row in enumerate(rows):
        x = 0
        for cell in row.find_all(["td", "th"]):
            while (y, x) in places:
                x += 1
            down, across = _span(cell, "rowspan"), _span(cell, "colspan")
            places.update({(y + j, x + i): None for j in range(down) for i in range(across)})
            places[y, x] = cell
    width = 1 + max((x for _, x in places), default=0)
    lines = [[places.get((y, x)) for x in range(width)] for y in range(len(rows))]
    num_head = len(table.select("thead tr")) or int(_all_headings(rows))
    head, body = lines[:num_head], lines[num_head:]
    square = page.new_tag("table")
    square["data-right"] = " ".join(str(x) for x in range(width) if body and _is_number(body[0][x]))
    if caption := table.find("caption"):
        square.append(caption)
    square.append(_line(page, [_stacked(page, head, x) for x in range(width)]))
    square.extend([_line(page, line) for line in body])
    table.replace_with(square)


def _span(cell: Tag, name: str) -> int:
    words = str(cell.get(name, "1"))
    return min(1000, max(1, int(words))) if words.isdecimal() else 1


def _all_headings(rows: Sequence[Tag]) -> bool:
    return bool(rows) and all(cell.name == "th" for cell in rows[0].find_all(["td", "th"]))


def _stacked(page: BeautifulSoup, head: list[list[Tag | None]], x: int) -> Tag | None:
    """The headings above a column as one cell."""
    cells = [line[x] for line in head]
    found = [cell for cell in cells if cell is not None and cell.get_text(strip=True)]
    for cell in found[1:]:
        found[0].append(page.new_tag("br"))
        found[0].extend(list(cell.contents))
    return found[0] if found else None


def _is_number(cell: Tag | None) -> bool:
    return cell is not None and "n" in (cell.get("class") or [])


def _line(page: BeautifulSoup, cells: list[Tag | None]) -> Tag:
    row = page.new_tag("tr")
    for cell in cells:
        if cell is not None:
            cell.name = "td"
        row.append(page.new_tag("td") if cell is None else cell)
    return row


# -- other elements ------------------------------------------------------------------------------------


def _reshape(page: BeautifulSoup, body: Tag) -> None:
    """What Markdown has no words for, as what it has: notes, lists of facts, tokens, rows of images, places to fill."""
    for note in body.select(".note"):
        note.name = "blockquote"
    for facts in body.find_all("dl"):
        facts.replace_with(_fact_list(page, facts))
    for word in body.select(".tiles strong,.checks b,.strip img,.tokens .tt"):
        if word.next_sibling is not None:
            word.insert_after(" ")  # where the style keeps them apart
    for number in body.select(".step>h2>b,.step>h3>b,.step>h4>b"):
        number.insert_after(". ")
        number.unwrap()
    for token in body.select(".tokens .tt"):
        token.name = "code"
    for row in body.select("ol.tokens,.strip ul"):
        row.name = "p"
        for item in row.find_all("li"):
            item.insert_after(" ")
            item.unwrap()
    for words in body.select(".activities li,.written p"):  # their lines are their author's
        for text in words.find_all(string=re.compile("\n")):
            first, *rest = str(text).strip().split("\n")
            lines = [part for line in rest for part in (page.new_tag("br"), line)]
            text.replace_with(first, *lines)
    for place in body.select("[contenteditable]"):
        if not place.get_text(strip=True):
            place.append(page.new_tag("fill"))


def _fact_list(page: BeautifulSoup, facts: Tag) -> Tag:
    items = page.new_tag("ul")
    for term in facts.find_all(["dt", "dd"]):
        if term.name == "dt":
            item = page.new_tag("li")
            items.append(item)
            term.name = "b"
            item.extend([term.extract(), ":"])
        elif items.contents:
            item.append(" ")
            item.extend(list(term.contents))
    return items


class _Converter(MarkdownConverter):
    """markdownify with our elements, and with no more backslashes than a reader has to bear.

    Each ``convert_`` method gets an element, its children as Markdown and the names of the elements around it.
    """

    def process_text(self, el: NavigableString, parent_tags: set[str] | None = None) -> str:
        """A text; what looks like markup in it stays text."""
        around = parent_tags or set()
        text = str(el).replace(_CELL, "").replace(_ROW, "")
        if "pre" in around:
            return text
        text = _SPACES.sub(" ", text)
        if _is_block(el.previous_sibling) or (_is_block(el.parent) and not el.previous_sibling):
            text = text.lstrip()
        if _is_block(el.next_sibling) or (_is_block(el.parent) and not el.next_sibling):
            text = text.rstrip()
        if "_noformat" in around:
            return text
        escaped = _MARKUP.sub(r"\\\g<0>", text)
        if _begins_line(el):
            escaped = _LINE_MARKUP.sub(_escape_line, escaped.lstrip())
        return escaped

    def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:
        words = _CLOSING.sub(r"\\\g<0>", _SPACES.sub(" ", text).strip())
        return f"\n\n{'#' * n} {words}\n\n" if words else ""

    def convert_math(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        latex = _SPACES.sub(" ", str(el.get("alttext") or "")).strip()
        is_line = el.get("display") == "block" and "_inline" not in parent_tags
        if not latex:
            signs = f"`{el.get_text(' ', strip=True)}`"
            return f"\n\n{signs}\n\n" if is_line else signs
        if "td" in parent_tags:  # there a line would end the cell
            latex = latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return f"\n\n$${latex}$$\n\n" if is_line else f"${latex}$"

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = text.strip("\r\n")
        longest = max((len(run) for run in re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"\n\n{fence}\n{text}\n{fence}\n\n" if text else ""

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        href = str(el.get("href") or "")
        is_outside = href.startswith(("https://", "http://", "mailto:"))
        return f"[{text}](<{href}>)" if is_outside and text.strip() else text

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if "td" in parent_tags:
            return "<br>"
        return " " if "_inline" in parent_tags else "\\\n"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        alt = _MARKUP.sub(r"\\\g<0>", str(el.get("alt") or ""))
        return f"![{alt}]({quote(str(el['src']))})"

    def convert_figcaption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        words = _SPACES.sub(" ", text).strip()
        return f"\n\n_{words}_\n\n" if words else ""

    convert_caption = convert_figcaption

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _CELL + _SPACES.sub(" ", text).strip().replace("|", r"\|")

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return text + _ROW

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        caption, _, cells = text.partition(_CELL)
        rows = [row.strip().split(_CELL) for row in cells.strip().strip(_ROW).split(_ROW)]
        rows = [row[1:] if i else row for i, row in enumerate(rows)]
        right = {int(x) for x in str(el.get("data-right") or "").split()}
        return f"\n\n{caption.strip()}\n\n{_pipe_table(rows, right)}\n\n"

    def convert_fill(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        # Alone on its line it would be a rule.
        return f"\\{_PLACE}" if _begins_line(el) else _PLACE

    def convert_header(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = text.strip()
        return f"\n\n{text}\n\n" if text else ""

    convert_main = convert_footer = convert_figure = convert_aside = convert_header

    def convert_cite(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"*{text.strip()}*" if text.strip() else ""


def _is_block(element: PageElement | None) -> bool:
    if not isinstance(element, Tag):
        return False
    return element.name in _BLOCKS or element.get("display") == "block"


def _begins_line(element: PageElement) -> bool:
    """Whether nothing stands before it on its line."""
    node: PageElement = element
    while True:
        before = node.previous_sibling
        while isinstance(before, NavigableString) and not before.strip():
            before = before.previous_sibling
        if before is not None:
            return _is_block(before) or (isinstance(before, Tag) and before.name == "br")
        if node.parent is None or _is_block(node.parent):
            return True
        node = node.parent


def _escape_line(found: re.Match[str]) -> str:
    return f"\\{found[1]}" if found[1] else f"{found[2]}\\"


def _pipe_table(rows: list[list[str]], right: set[int]) -> str:
    """A table of GitHub's Markdown; narrow ones with their columns aligned, to be read as they are."""
    widths = [max(3, *(len(row[x]) for row in rows)) for x in range(len(rows[0]))]
    if sum(widths) + 3 * len(widths) > _WIDEST_TABLE:
        widths = [0] * len(widths)

    def line(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    def padded(row: list[str]) -> list[str]:
        return [
            cell.rjust(width) if x in right else cell.ljust(width)
            for x, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]

    rule = [
        ("-" * (width - 1)).rjust(2, "-") + (":" if x in right else "-")
        for x, width in enumerate(widths)
    ]
    return "\n".join([line(padded(rows[0])), line(rule), *(line(padded(row)) for row in rows[1:])])
