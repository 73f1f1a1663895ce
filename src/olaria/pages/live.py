"""What a page holds for its live parts: its main module, its words, and the models of runs as documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from olaria.i18n import Message, translate
from olaria.pages.live_words import EVERY, OF_PART, UNLIKE_A_FILE
from olaria.pages.page import plain_words
from olaria.pages.palette import (
    BLUE,
    CLASS_COLOURS,
    CLAY,
    DARK,
    FAINT,
    GROUND,
    INK,
    MUTED,
    SAND,
)

COLOURS = {
    "ground": GROUND,
    "ink": INK,
    "muted": MUTED,
    "faint": FAINT,
    "clay": CLAY,
    "blue": BLUE,
    "sand": SAND,
    "classes": CLASS_COLOURS,
}
"""Of a light page."""


def both_colours() -> dict[str, Any]:
    """What live parts draw with, on a light page and on a dark one."""
    return {"light": COLOURS, "dark": {**COLOURS, **DARK}}


def main_module(parts: Iterable[str], *, is_lesson: bool = True) -> str:
    """The module that starts a lesson, and the live parts of a page where it has some.

    >>> print(main_module(["live_plane"]), end="")
    import { start } from "olaria/lesson.js";
    import { startLive } from "olaria/live.js";
    import { part as live_plane } from "olaria/live_plane.js";
    start();
    startLive({ live_plane });
    """
    parts = list(parts)
    lines = ['import { start } from "olaria/lesson.js";'] if is_lesson else []
    if parts:
        lines += ['import { startLive } from "olaria/live.js";']
        lines += [f'import {{ part as {part} }} from "olaria/{part}.js";' for part in parts]
    lines += ["start();"] if is_lesson else []
    lines += [f"startLive({{ {', '.join(parts)} }});"] if parts else []
    return "\n".join(lines) + "\n"


def live_words(
    parts: Iterable[str], language: str, *, is_file: bool = True
) -> dict[str, dict[str, str]]:
    """What each of these parts says, and under ``every`` what all of them say, by name: two parts may share names.

    Args:
        parts: by name.
        language: of the words.
        is_file: whether the page is a file with a still figure beneath each part.
    """
    every = EVERY if is_file else {**EVERY, **UNLIKE_A_FILE}
    found = {"every": every, **{part: OF_PART[part] for part in parts}}
    return {
        part: {name: text and translate(text, language) for name, text in words.items()}
        for part, words in found.items()
    }


def settings_block(settings: Mapping[str, Any], language: str) -> Markup:
    """What a live part begins with, for the page: words in the reader's language, numbers to six digits.

    >>> str(settings_block({"at": [0.1234567, float("nan")]}, "en"))
    '{"at":[0.123457,null]}'
    """
    return data_block(plain_settings(settings, language))


def plain_settings(value: Any, language: str) -> Any:
    """The same as values of JSON; None for NaN or infinity."""
    match value:
        case Mapping():
            return {name: plain_settings(each, language) for name, each in value.items()}
        case np.ndarray():
            return plain_settings(value.tolist(), language)
        case list() | tuple():
            return [plain_settings(each, language) for each in value]
        case Message():
            return plain_words(value, language)
        case float() | np.floating():
            return float(f"{value:.6g}") if np.isfinite(value) else None
        case _:
            return value


def documents(play: Iterable[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Markup]]:
    """Name of each run, and its model as :func:`olaria.export.play.play` gives it, for the page."""
    return [(name, data_block(document)) for name, document in play]


def data_block(value: Any) -> Markup:
    """Plain values as the content of a ``<script type="application/json">``, which nothing in them can end.

    >>> str(data_block(["</script>"]))
    '["\\\\u003c/script>"]'
    """
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))
