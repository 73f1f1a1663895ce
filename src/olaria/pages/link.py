"""Modules of ``pages/play`` inside one page, which loads nothing and runs nothing else.

A module names another as the file beside it, ``./tensor.js``; in a page, where there are no files, it is called
``olaria/tensor.js``. An import map gives each name a ``data:`` URL of the module's text, and the SHA-384 that the text
must have; the page's policy allows these texts alone, by the same hashes. Module files do not load over ``file://``,
but ``data:`` modules do.

Source: HTML Living Standard, section 8.1.3.8 (import maps and ``integrity``); Content Security Policy Level 3, section
6.7.2 (a script that has integrity metadata runs where each of its hashes stands in ``script-src``).
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import new
from importlib import resources

from markupsafe import Markup

PREFIX = "olaria/"
"""Of every module's name in a page."""
_IMPORT = re.compile(
    r'^(?P<before>\s*(?:(?:import|export)\b[^"\';]*?\bfrom\s*|import\s*)["\'])(?P<name>[^"\']+)',
    re.M,
)


_COMMENT = re.compile(r"^[ \t]*/\*\*.*?\*/[ \t]*\n", re.M | re.S)


class LinkError(Exception):
    """A module is missing, or one needs itself: a fault of ours, which no reader's data can cause."""


@dataclass(frozen=True)
class Linked:
    """What a page needs of its modules.

    Args:
        policy: its ``Content-Security-Policy``.
        import_map: JSON, the content of ``<script type="importmap">``; it stands before the main module.
        main: the content of ``<script type="module">``.
    """

    policy: Markup
    import_map: Markup
    main: Markup


def linked(main: str, read: Callable[[str], str] | None = None) -> Linked:
    """The main module of a page, and every module that it needs.

    Args:
        main: JavaScript, for instance ``import "olaria/lesson.js";``.
        read: text of a module by its name; those of ``pages/play`` unless given.

    Raises:
        LinkError: a module is missing or is no name of ours, or one needs itself; each is named.
    """
    if "</script" in main.lower() or "<!--" in main:
        raise LinkError("the main module holds what ends a script")
    texts = modules(imported(main), read or module_text)
    sources = {name: text.encode() for name, text in texts.items()}
    hashes = {name: digest("sha384", source) for name, source in sources.items()}
    urls = {name: _data_url(source) for name, source in sources.items()}
    integrity = {urls[name]: hashes[name] for name in urls}
    # A table of URLs in base64 holds nothing that could end the script.
    import_map = json.dumps({"imports": urls, "integrity": integrity}, separators=(",", ":"))
    inline = [digest("sha256", text.encode()) for text in (import_map, main)]
    allowed = " ".join(f"'{one}'" for one in (*inline, *hashes.values()))
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src 'unsafe-inline'; script-src {allowed}"
    )
    return Linked(Markup(policy), Markup(import_map), Markup(main))


def modules(names: Iterable[str], read: Callable[[str], str]) -> Mapping[str, str]:
    """Text of these modules and of all that they need, as a page has it, each after those that it needs.

    Their long comments are left out, and the modules are called by their names in a page.

    Raises:
        LinkError: see :func:`linked`.
    """
    found = dict[str, str]()

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in found:
            return
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise LinkError(f"modules need each other in a circle: {circle}")
        text = _COMMENT.sub(
            "", read(name)
        )  # for who reads the sources: the types of arguments, mostly
        text = _IMPORT.sub(lambda one: one["before"] + _called(one["name"]), text)
        for needed in imported(text):
            add(needed, (*path, name))
        found[name] = text

    for name in names:
        add(name, ())
    return found


def imported(text: str) -> tuple[str, ...]:
    """Names of the modules that a text imports, in order.

    >>> imported('import { a } from "./a.js";\\nexport * from "./b.js";\\nimport "olaria/c.js";')
    ('olaria/a.js', 'olaria/b.js', 'olaria/c.js')
    """
    return tuple(dict.fromkeys(_called(found["name"]) for found in _IMPORT.finditer(text)))


def _called(name: str) -> str:
    """What a module is called in a page."""
    return re.sub(r"^\./", PREFIX, name)


@cache
def module_text(name: str) -> str:
    """A module of ``pages/play``.

    Raises:
        LinkError: there is none of this name.
    """
    file = resources.files("olaria.pages").joinpath("play", name.removeprefix(PREFIX))
    ours = re.fullmatch(rf"{PREFIX}\w+\.js", name)
    if ours is None or not file.is_file():
        raise LinkError(f"there is no module {name}")
    return file.read_text(encoding="utf-8")


def digest(kind: str, content: bytes) -> str:
    """A hash as policies and integrity write it: ``sha256-`` and base64."""
    return f"{kind}-{b64encode(new(kind, content).digest()).decode()}"


def _data_url(source: bytes) -> str:
    return f"data:text/javascript;base64,{b64encode(source).decode()}"
