"""The colours of every figure and page."""

from __future__ import annotations

GROUND = "#ffffff"
INK = "#22303c"
MUTED = "#66727e"
FAINT = "#d9dee3"
CLAY = "#b5472a"
BLUE = "#1f6a96"
SAND = "#e0a43a"

CLASS_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Ten colours told apart with colour-vision deficiencies too (Petroff 2021, *Accessible Color Sequences for Data
Visualization*); classes are also named at their place, so that colour never stands alone."""

DARK = {
    "ground": "#1f2429",
    "ink": "#e4e7ea",
    "muted": "#a3adb7",
    "faint": "#3a424b",
    "clay": "#e8866c",
    "blue": "#6cb6e0",
    "sand": "#e0b04a",
}
"""What takes their place on a dark page; classes keep their colours, which show on both grounds."""
