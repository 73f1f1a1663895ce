"""The studio's own files, read once: no address becomes a path.

Their types are written here: on Windows the system's table may say that a script is plain text, and the page stays
blank. Their address holds a fingerprint of all of them, so that a page of an older Olaria never runs a newer script.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template

from olaria.i18n import N_, translate

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE = "index.html"
WORDS = {
    "title": N_("Olaria's studio"),
    "runs": N_("Runs"),
    "none": N_("There are no runs here yet."),
    "loading": N_("Loading…"),
    "lost": N_("The studio does not answer. Is it still running in the terminal?"),
    "step": N_("step"),
    "script": N_("This page needs JavaScript."),
    "picture": N_("the latest sample of {name}"),
}
"""What the page says itself."""


@cache
def static() -> Mapping[str, tuple[bytes, str]]:
    """Content and type of each file by its name."""
    found = {}
    for file in sorted(files("olaria.web").joinpath("static").iterdir(), key=lambda one: one.name):
        ending = file.name[file.name.rfind(".") :]
        if ending in TYPES:
            found[file.name] = (file.read_bytes(), TYPES[ending])
    return found


@cache
def version() -> str:
    """A fingerprint of all files."""
    content = hashlib.sha256()
    for name, (data, _) in static().items():
        content.update(name.encode() + b"\0" + data)
    return content.hexdigest()[:12]


def page(language: str) -> str:
    """The page in the reader's language."""
    words = {name: html.escape(translate(text, language)) for name, text in WORDS.items()}
    tag = {"pt": "pt-BR"}.get(language, language)
    template = Template(static()[PAGE][0].decode())
    return template.substitute(words, language=tag, version=version())
