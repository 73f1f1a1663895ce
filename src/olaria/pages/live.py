"""What a page holds for its live parts: its main module, its words, and the models of runs as documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from olaria.i18n import translate
from olaria.pages.live_words import EVERY, OF_PART
from olaria.pages.palette import BLUE, CLASS_COLOURS, CLAY, FAINT, INK, MUTED, SAND

COLOURS = {
    "ink": INK,
    "muted": MUTED,
    "faint": FAINT,
    "clay": CLAY,
    "blue": BLUE,
    "sand": SAND,
    "classes": CLASS_COLOURS,
}


def main_module(parts: Iterable[str]) -> str:
    """The module that starts the lesson, and its live parts where it has some.

    >>> print(main_module(["live_plane"]), end="")
    import { start } from "olaria/lesson.js";
    import { startLive } from "olaria/live.js";
    import { part as live_plane } from "olaria/live_plane.js";
    start();
    startLive({ live_plane });
    """
    parts, lines = list(parts), ['import { start } from "olaria/lesson.js";']
    if parts:
        lines += ['import { startLive } from "olaria/live.js";']
        lines += [f'import {{ part as {part} }} from "olaria/{part}.js";' for part in parts]
    lines += ["start();", *([f"startLive({{ {', '.join(parts)} }});"] if parts else [])]
    return "\n".join(lines) + "\n"


def live_words(parts: Iterable[str], language: str) -> dict[str, dict[str, str]]:
    """What each of these parts says, and under ``every`` what all of them say, by name: two parts may share names."""
    found = {"every": EVERY, **{part: OF_PART[part] for part in parts}}
    return {
        part: {name: text and translate(text, language) for name, text in words.items()}
        for part, words in found.items()
    }


def documents(play: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Markup]]:
    """Name of each run, and its model as :func:`olaria.export.play.play` gives it, for the page."""
    return [(name, data_block(document)) for name, document in play.items()]


def data_block(value: Any) -> Markup:
    """Plain values as the content of a ``<script type="application/json">``, which nothing in them can end.

    >>> str(data_block(["</script>"]))
    '["\\\\u003c/script>"]'
    """
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))
