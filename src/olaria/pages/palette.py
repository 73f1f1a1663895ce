"""The colours of every figure and page."""

from __future__ import annotations

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
