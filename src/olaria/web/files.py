"""The studio's own files, read once: no address becomes a path.

Their types are written here: on Windows the system's table may say that a script is plain text, and the page stays
blank. Their address holds a fingerprint of all of them, so that a page of an older Olaria never runs a newer script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

from olaria.characters import encodable_json
from olaria.web.words import words_of

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE = "index.html"
SHARED_STYLE = "studio.css"
"""Of all rooms; a room's own, ``NAME.css``, come after it."""
PLAY = "play/"
"""Where the modules of lessons' pages stand, which the studio shares."""
PLAY_STYLE, PLAY_RULES = "play.css", ("_controls.css.j2", "_live.css.j2")
"""How they look: what those pages have in their templates."""
MODULES = {
    "preact": "vendor/preact.js",
    "preact/hooks": "vendor/preact-hooks.js",
    "@preact/signals-core": "vendor/signals-core.js",
    "@preact/signals": "vendor/signals.js",
    "htm": "vendor/htm.js",
    "uplot": "vendor/uplot.js",
    PLAY: PLAY,
}
"""What a module is called in the page, and its file: one of each, so that there is one Preact."""
EARLY = (*(name for name in MODULES.values() if name.endswith(".js")), "play/numbers.js")
"""Scripts that the browser fetches at once, besides those of the studio's own: it would see late that it needs them."""


@cache
def static() -> Mapping[str, tuple[bytes, str]]:
    """Content and type of each file by its name, perhaps with a folder before it."""
    found = {}
    own = files("olaria.web").joinpath("static")
    for begin, folder in (
        ("", own),
        ("vendor/", own.joinpath("vendor")),
        (PLAY, files("olaria").joinpath("pages", "play")),
    ):
        for file in _sorted(folder):
            ending = file.name[file.name.rfind(".") :]
            if ending in TYPES and file.is_file():
                found[begin + file.name] = (file.read_bytes(), TYPES[ending])
    found[PLAY_STYLE] = (_play_style(), TYPES[".css"])
    return found


def _play_style() -> bytes:
    """How the parts of lessons' pages look, as those pages have it, for what stands in a ``.play`` alone."""
    folder = files("olaria.pages").joinpath("templates")
    rules = [folder.joinpath(name).read_text(encoding="utf-8") for name in PLAY_RULES]
    return f".play{{\n{''.join(rules)}}}\n".encode()


def _sorted(folder: Traversable) -> Iterator[Traversable]:
    yield from sorted(folder.iterdir(), key=lambda one: one.name)


@cache
def version() -> str:
    """A fingerprint of all files."""
    content = hashlib.sha256()
    for name, (data, _) in static().items():
        content.update(name.encode() + b"\0" + data)
    return content.hexdigest()[:12]


@cache
def import_map() -> str:
    """What each module's name stands for, by addresses below the page's own."""
    found = {name: f"./static/{version()}/{file}" for name, file in MODULES.items()}
    return json.dumps({"imports": found})


@cache
def policy() -> str:
    """The page's: scripts of ours alone, and nothing from elsewhere.

    No script may stand in the page itself but the import map, which no file can hold; its hash lets it in. The last two
    rules let no text become HTML or a script, whatever a room does with it: the browser throws.
    """
    mark = base64.b64encode(hashlib.sha256(import_map().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{mark}'; style-src 'self'; "
        "img-src 'self' blob: data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _style_order(name: str) -> tuple[bool, bool, str]:
    return not name.startswith("vendor/"), name != SHARED_STYLE, name


def page(language: str) -> str:
    """The page in the reader's language."""
    found = words_of(language)
    words = {name: html.escape(text) for name, text in found["words"].items()}
    own = [name for name in static() if re.fullmatch(r"(?!studio\.)\w+\.js", name)]
    early = "\n".join(
        f'<link rel="modulepreload" href="static/{version()}/{name}">' for name in (*EARLY, *own)
    )
    styles = "\n".join(
        f'<link rel="stylesheet" href="static/{version()}/{name}">'
        for name in sorted(static(), key=_style_order)
        if name.endswith(".css")
    )
    template = Template(static()[PAGE][0].decode())
    return template.substitute(
        {"title": words["title"], "script": words["script"], "loading": words["loading"]},
        language=found["language"],
        version=version(),
        map=import_map(),
        early=early,
        styles=styles,
        words=encodable_json(found).replace("<", "\\u003c"),
    )
