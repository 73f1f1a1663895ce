"""What a page holds for its live parts: its main module, its words, and the models of runs as documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from olaria.i18n import N_, translate
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

_EVERY = {
    "proved": N_(
        "The model runs in this page: {count} numbers were computed again here, "
        "and the largest difference is {difference}."
    ),
    "rounded": N_("Its weights are rounded to 16 bits here, to keep the file small."),
    "damaged": N_(
        "The weights in this file are damaged, so this part stays off. The figure below is from the undamaged model."
    ),
    "differs": N_(
        "This browser computes other numbers than the model (largest difference {difference}), so this part stays off."
    ),
    "otherTokens": N_(
        "This browser cuts a text into other tokens than the run, so this part stays off."
    ),
    "lacking": N_(
        "This browser cannot run this part ({reason}), so it stays off. The figure below stands still."
    ),
    "back": N_("back to the start"),
    "picture": N_("save the picture (PNG)"),
    "numbers": N_("save the numbers (CSV)"),
}
_OF_PART: Mapping[str, Mapping[str, str]] = {
    "live_plane": {
        "plane": N_("the two dimensions used most: drag the point, or move it with the arrow keys"),
        "drawn": N_("what the decoder draws"),
        "starts": N_("begin at a test image:"),
        "class": N_("class given to the decoder"),
    },
    "live_prompt": {
        "prompt": N_("your text"),
        "text": N_(
            "what the model wrote: the arrow keys choose a token, and show what else could have come"
        ),
        "temperature": N_("temperature"),
        "k": N_("top-k (all tokens at the right end)"),
        "p": N_("top-p"),
        "seed": N_("seed"),
        "generate": N_("generate"),
        "stop": N_("stop"),
        "one": N_("one token"),
        "token": N_("token"),
        "probability": N_("probability"),
        "kept": N_("{kept} of {all} tokens may come; entropy {entropy} nats"),
        "empty": N_("Type something: with no token to read, there is no next one."),
        "cut": N_(
            "The text has {count} tokens, and the model reads at most {context} at once: the window slides, "
            "and what is before the last {context} is not read."
        ),
        "slid": N_(
            "The text is now longer than the {context} tokens that the model reads at once: the window slides, "
            "and the beginning is no longer read."
        ),
        "unknown_error": N_(
            "The model does not know {characters}: the run refuses a text with such characters; here they are left out."
        ),
        "unknown_replace": N_("The model does not know {characters} and reads “{by}” instead."),
        "unknown_skip": N_("The model does not know {characters} and leaves them out."),
    },
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


def live_words(parts: Iterable[str], language: str) -> dict[str, str]:
    """What these parts say, by name."""
    found = dict(_EVERY)
    for part in parts:
        found.update(_OF_PART[part])
    return {name: translate(text, language) for name, text in found.items()}


def documents(play: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Markup]]:
    """Name of each run, and its model as :func:`olaria.export.play.play` gives it, for the page."""
    return [(name, data_block(document)) for name, document in play.items()]


def data_block(value: Any) -> Markup:
    """Plain values as the content of a ``<script type="application/json">``, which nothing in them can end.

    >>> str(data_block(["</script>"]))
    '["\\\\u003c/script>"]'
    """
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))
