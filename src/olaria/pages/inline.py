"""Pictures that a page carries in itself: found, decoded and made into files of their own."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote_to_bytes

from bs4 import BeautifulSoup, Tag

_DATA = re.compile(r"data:image/([a-z0-9.+-]+)((?:;[^,;]*)*),(.*)", re.DOTALL)
_ENDINGS = {"svg+xml": "svg", "jpeg": "jpg"}
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"

# HTML knows no capitals and its parser drops them; a file of its own is XML, where they count.
_WITH_CAPITALS = {
    name.lower(): name
    for name in [
        "attributeName",
        "baseProfile",
        "clipPath",
        "clipPathUnits",
        "feBlend",
        "feColorMatrix",
        "feComposite",
        "feFlood",
        "feGaussianBlur",
        "feMerge",
        "feMergeNode",
        "feOffset",
        "filterUnits",
        "foreignObject",
        "gradientTransform",
        "gradientUnits",
        "linearGradient",
        "markerHeight",
        "markerUnits",
        "markerWidth",
        "maskContentUnits",
        "maskUnits",
        "pathLength",
        "patternContentUnits",
        "patternTransform",
        "patternUnits",
        "preserveAspectRatio",
        "primitiveUnits",
        "radialGradient",
        "refX",
        "refY",
        "spreadMethod",
        "startOffset",
        "stdDeviation",
        "textLength",
        "textPath",
        "viewBox",
    ]
}


def parse(html: str) -> BeautifulSoup:
    """A page as a tree; Python's own parser, since a page of ours has every tag closed."""
    return BeautifulSoup(html, "html.parser")


def data_image(uri: str) -> tuple[str, bytes] | None:
    """(file name's ending, bytes) of a data URI; None where it is no image.

    >>> data_image("data:image/gif;base64,R0lGODlh")
    ('gif', b'GIF89a')
    """
    found = _DATA.fullmatch(uri.strip())
    if found is None:
        return None
    kind, parameters, body = found.groups()
    is_base64 = parameters.endswith(";base64")
    content = base64.b64decode(body) if is_base64 else unquote_to_bytes(body)
    return _ENDINGS.get(kind, kind), content


def standalone_svg(drawing: Tag) -> bytes:
    """A drawing within a page as a file that stands alone: XML, with its namespaces and its capitals.

    >>> standalone_svg(parse('<svg viewBox="0 0 1 1"><g/></svg>').svg)
    b'<svg viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg"><g></g></svg>'
    """
    drawing = parse(str(drawing)).svg or drawing  # a copy: the page keeps its own
    for part in (drawing, *drawing.find_all(True)):
        part.name = _WITH_CAPITALS.get(part.name, part.name)
        part.attrs = {_WITH_CAPITALS.get(name, name): value for name, value in part.attrs.items()}
    drawing["xmlns"] = _SVG
    text = str(drawing)
    if "xlink:" in text and "xmlns:xlink" not in drawing.attrs:
        drawing["xmlns:xlink"] = _XLINK
        text = str(drawing)
    return text.encode()


def described(picture: Tag) -> str:
    """What a picture shows, in words; empty where it only decorates."""
    for name in ("alt", "aria-label"):
        if words := picture.get(name):
            return " ".join(str(words).split())
    title = picture.find("title")
    return title.get_text(" ", strip=True) if isinstance(title, Tag) else ""
