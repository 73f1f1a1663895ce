"""What a report's main part holds, to be read and handed in, and what its appendix: the one table of that choice.

A part is a template of its name, which says nothing where it has nothing to say. The references are made last, since
the appendix calls works too, and stand between both.
"""

from __future__ import annotations

from typing import Literal

from olaria.families.report import PanelKind

Place = Literal["main", "appendix"]

PARTS: dict[Place, tuple[str, ...]] = {
    "main": (
        "activities",
        "data",
        "families",
        "results",
        "comparison",
        "troubles",
        "chosen",
        "conclusion",
    ),
    "appendix": ("pictures", "kl", "architectures", "lessons", "measured", "facts", "repeat"),
}
SHORT: dict[Place, tuple[str, ...]] = {"main": PARTS["main"], "appendix": ("lessons",)}
"""Of a short report: an appendix is there only where lessons were asked for."""
APPENDIX_PANELS: frozenset[PanelKind] = frozenset({"interpolation"})
"""Panels of a run that wait in the appendix; every other one is of the main part."""


def place(kind: PanelKind) -> Place:
    """Where a panel stands.

    >>> place("samples"), place("interpolation")
    ('main', 'appendix')
    """
    return "appendix" if kind in APPENDIX_PANELS else "main"
