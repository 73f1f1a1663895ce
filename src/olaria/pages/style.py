"""One look for every figure, and figures as bytes.

Light background, few lines, DejaVu Sans (it comes with matplotlib, so a figure is the same everywhere; for what it
lacks see :mod:`olaria.pages.fonts`), text as outlines in SVG. Sizes are chosen for the column the figure is shown in:
4.2 inches stay readable on a telephone.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from olaria.pages.fonts import OWN, fit_figure
from olaria.pages.palette import FAINT, INK, MUTED

_SETTINGS: dict[str, Any] = {
    "font.family": [OWN],
    "font.size": 10.0,
    "svg.fonttype": "path",
    "svg.hashsalt": "olaria",
    "axes.unicode_minus": True,
    "text.usetex": False,
    "text.parse_math": False,  # a run may be named $x$
}
_LOCK = threading.RLock()


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's own defaults plus ours, whatever the user's settings file says.

    matplotlib keeps its settings in one global table, hence the lock.
    """
    settings: Any = {k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}
    settings.update(_SETTINGS)
    with _LOCK, matplotlib.rc_context(settings):
        yield


def blank(width: float, height: float) -> Figure:
    """An empty figure of ``width`` × ``height`` inches that arranges its parts by itself."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def svg(figure: Figure) -> bytes:
    """The figure as SVG: for lines. The same figure gives the same bytes."""
    buffer = io.BytesIO()
    with style():
        fit_figure(figure)
        canvas = FigureCanvasSVG(figure)
        _arrange(figure)
        canvas.print_figure(buffer, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG at its own resolution: for images."""
    buffer = io.BytesIO()
    with style():
        fit_figure(figure)
        canvas = FigureCanvasAgg(figure)
        _arrange(figure)
        canvas.print_figure(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()


def _arrange(figure: Figure) -> None:
    """Lay the figure out before it is printed, which would draw all of it once more only to do so."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)  # "none" would leave one in its place


class _LocalFormatter(ScalarFormatter):
    """Tick labels with the language's decimal mark."""

    def __init__(self, language: str) -> None:
        super().__init__(useOffset=False)
        self.set_scientific(False)
        self._language = language

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = str(super().__call__(x, pos))
        return text.replace(".", ",") if self._language == "pt" else text


def tidy(axes: Axes, language: str, grid: bool = True) -> None:
    """Two thin spines, a faint grid, and numbers in the reader's notation."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=9, length=0, pad=5)
    axes.xaxis.set_major_formatter(_LocalFormatter(language))
    axes.yaxis.set_major_formatter(_LocalFormatter(language))
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=FAINT, linewidth=0.6)


def title(axes: Axes, text: str, colour: str = INK) -> None:
    """A title at the left, where reading begins."""
    axes.set_title(text, loc="left", fontsize=10.5, color=colour, fontweight="bold", pad=8)


def label(axes: Axes, x: str = "", y: str = "") -> None:
    """Names of the axes; the vertical one is written above its axis, horizontally."""
    axes.set_xlabel(x, fontsize=9.5, color=MUTED)
    if y:
        axes.annotate(
            y, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points",
            fontsize=9.5, color=MUTED, ha="left", va="bottom",
        )  # fmt: skip
