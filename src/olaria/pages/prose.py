"""An author's text as HTML: plain, or with the little of Markdown that a conclusion needs.

That is headings, lists, paragraphs, ``**strong**``, ``*emphasis*``, `` `code` `` and links; all else stays as it is
written, escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from olaria.pages.labels import without_folders

_BLANK = re.compile(r"\n\s*\n")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s*([-*+]|\d{1,9}[.)])\s+(.*)")
_CODE = re.compile(r"(`[^`\n]+`)")
_MARKS = (
    (re.compile(r"\[([^\]\n]+)\]\((https?://[^\s)]+)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), r"<em>\1</em>"),
    (re.compile(r"(?<!\w)_(?=\S)([^_]+?)(?<=\S)_(?!\w)"), r"<em>\1</em>"),
)


def prose(text: str, is_markdown: bool) -> Markup:
    """A text's paragraphs, apart by empty lines; a plain one keeps its lines.

    >>> str(prose("a <b>\\n\\nb", False))
    '<p>a &lt;b&gt;</p><p>b</p>'
    >>> str(prose("# So\\n- *a*\\n- `b`", True))
    '<h3>So</h3><ul><li><em>a</em></li><li><code>b</code></li></ul>'
    """
    text = without_folders(text)
    if is_markdown:
        return Markup("").join(block for part in _BLANK.split(text) for block in _blocks(part))
    parts = (part.strip("\n") for part in _BLANK.split(text) if part.strip())
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts)


def _blocks(part: str) -> Iterator[Markup]:
    """What stands between two empty lines: headings, lists and paragraphs, each of some lines."""
    kind, lines = "", list[str]()
    for line in part.splitlines():
        if heading := _HEADING.match(line):
            yield from _block(kind, lines)
            yield Markup("<h3>{}</h3>").format(_inline(heading[1]))
            kind, lines = "", []
        elif item := _ITEM.match(line):
            following = "ol" if item[1][0].isdigit() else "ul"
            if kind != following:
                yield from _block(kind, lines)
                kind, lines = following, []
            lines.append(item[2])
        elif kind in ("ol", "ul"):
            lines[-1] += f" {line.strip()}"
        else:
            kind = "p"
            lines.append(line.strip())
    yield from _block(kind, lines)


def _block(kind: str, lines: list[str]) -> Iterator[Markup]:
    if kind == "p" and any(lines):
        yield Markup("<p>{}</p>").format(_inline(" ".join(lines)))
    elif kind in ("ol", "ul"):
        items = (Markup("<li>{}</li>").format(_inline(line)) for line in lines)
        yield Markup(f"<{kind}>{{}}</{kind}>").format(Markup("").join(items))


def _inline(text: str) -> Markup:
    """Marks within a line; between backquotes there are none."""
    parts = []
    for part in _CODE.split(text):
        if _CODE.fullmatch(part):
            parts.append(Markup("<code>{}</code>").format(part[1:-1]))
            continue
        words = str(escape(part))
        for mark, shown in _MARKS:
            words = mark.sub(shown, words)
        parts.append(Markup(words))
    return Markup("").join(parts)
