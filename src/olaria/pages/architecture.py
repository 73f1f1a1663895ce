"""The figure of an architecture: one bar for each layer, as wide as its answer is large, from top to bottom."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from olaria.cards.context import Layer, Stage
from olaria.i18n import N_, translate
from olaria.pages.labels import number
from olaria.pages.palette import BLUE, CLAY, INK, MUTED
from olaria.pages.style import style

_WIDTH = 4.2  # inches
_BAR = 0.27  # height of a bar
_ROW = 0.37  # from one bar to the next, at least
_LINE = 0.15  # from one line of words to the next
_CENTRE = 1.36  # of the bars
_WIDEST, _NARROWEST = 2.1, 0.62
_WORDS = 2.52  # where the words beside a bar begin
_LETTERS = 23  # of a line there
_WASH = "#f3f5f7"
_COLOURS = (BLUE, CLAY, "#5b7f3b", "#7a4f9a")


@dataclass(frozen=True)
class _Drawn:
    """Where the next row begins, and how a size becomes a width."""

    axes: Axes
    language: str
    largest: int

    def width(self, shape: Sequence[int]) -> float:
        """Of a bar: it grows with the logarithm of how many numbers there are."""
        share = math.log2(1 + math.prod(shape)) / math.log2(1 + self.largest)
        return _NARROWEST + (_WIDEST - _NARROWEST) * share

    def size(self, shape: Sequence[int]) -> str:
        """``1,024 × 128``; a scalar is 1."""
        return " × ".join(number(side, self.language, 0) for side in shape) or "1"


def architecture(stages: Sequence[Stage], language: str = "en") -> Figure:
    """Values as outlined boxes, parts as framed columns of bars; what repeats is drawn once, with its count.

    Args:
        stages: in the order of reading.
        language: of the words and numbers.
    """
    shapes = [stage.shape for stage in stages]
    shapes += [layer.shape for stage in stages for layer in stage.layers]
    heights = [_height(stage, language) for stage in stages]
    with style():
        total = sum(heights) - 0.12  # no arrow leaves the last
        figure = Figure(figsize=(_WIDTH, total), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, _WIDTH)
        axes.set_ylim(total, 0)
        axes.set_axis_off()
        drawn = _Drawn(axes, language, max(map(math.prod, shapes), default=1))
        colours = iter(_COLOURS * len(stages))
        top = 0.03
        for i, (stage, height) in enumerate(zip(stages, heights, strict=True)):
            if stage.layers:
                _part(drawn, stage, top, height, next(colours))
            else:
                _value(drawn, stage, top)
            top += height
            if i + 1 < len(stages):
                _arrow(drawn, top - 0.14)
    return figure


def _height(stage: Stage, language: str) -> float:
    """Of a stage with the arrow below it, in inches."""
    if not stage.layers:
        return max(0.5, _LINE * len(_wrapped(stage.title.text(language))) + 0.2)
    return 0.36 + sum(_row(layer, language) for layer in stage.layers) + 0.2


def _row(layer: Layer, language: str) -> float:
    """From a layer's bar to the next one: its words beside it need their lines, and one for the count."""
    return max(_ROW, _LINE * (len(_wrapped(layer.kind.text(language))) + 1) + 0.07)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _LETTERS)


def _arrow(drawn: _Drawn, top: float) -> None:
    drawn.axes.annotate(
        "", (_CENTRE, top + 0.13), (_CENTRE, top),
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.0, "mutation_scale": 7,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip


def _box(
    axes: Axes, left: float, top: float, size: tuple[float, float], **look: object
) -> FancyBboxPatch:
    shape = FancyBboxPatch((left, top), *size, boxstyle="round,pad=0,rounding_size=0.05", **look)  # type: ignore[arg-type]
    axes.add_patch(shape)
    return shape


def _value(drawn: _Drawn, stage: Stage, top: float) -> None:
    width = drawn.width(stage.shape)
    box = (width, 0.3)
    _box(drawn.axes, _CENTRE - width / 2, top, box, facecolor="white", edgecolor=MUTED, linewidth=1)
    middle = top + 0.15
    _text(drawn.axes, _CENTRE, middle, drawn.size(stage.shape), size=9, ha="center")
    _words(drawn.axes, middle, stage.title.text(drawn.language), INK)


def _part(drawn: _Drawn, stage: Stage, top: float, height: float, colour: str) -> None:
    axes, language = drawn.axes, drawn.language
    frame = (_WIDTH - 0.04, height - 0.18)
    _box(axes, 0.02, top, frame, facecolor=_WASH, edgecolor="none", zorder=0)
    title = stage.title.text(language)
    _text(axes, 0.12, top + 0.19, title, size=9.5, fontweight="bold", color=colour)
    count = translate(N_("{num} parameters"), language)
    count = count.format(num=number(stage.num_parameters, language, 0))
    if len(title) + len(count) <= 42:  # else they would meet; the table has it
        _text(axes, _WIDTH - 0.12, top + 0.19, count, size=9, ha="right", color=MUTED)
    row = top + 0.36
    for group in _groups(stage.layers):
        heights = [_row(layer, language) for layer in group]
        if group[0].repeats > 1:
            _brackets(axes, row, sum(heights), group[0].repeats)
        for layer, own in zip(group, heights, strict=True):
            _bar(drawn, layer, row + (own - _ROW) / 2, colour)
            row += own


def _groups(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    for _, group in groupby(layers, lambda layer: (layer.group, layer.repeats)):
        yield list(group)


def _brackets(axes: Axes, top: float, height: float, repeats: int) -> None:
    """A frame around what repeats, and how often."""
    size = (2 * (_CENTRE - 0.25), height - 0.02)
    look = {"facecolor": "none", "edgecolor": MUTED, "linewidth": 0.9, "linestyle": (0, (3, 2))}
    _box(axes, 0.25, top - 0.04, size, **look)
    _text(
        axes, 0.22, top + height / 2 - 0.05, f"×{repeats}",
        size=9, ha="right", fontweight="bold", rotation=90 if repeats > 9 else 0,
    )  # fmt: skip


def _bar(drawn: _Drawn, layer: Layer, top: float, colour: str) -> None:
    width = drawn.width(layer.shape)
    _box(drawn.axes, _CENTRE - width / 2, top, (width, _BAR), facecolor=colour, edgecolor="none")
    middle = top + _BAR / 2
    _text(drawn.axes, _CENTRE, middle, drawn.size(layer.shape), size=9, ha="center", color="white")
    count = number(layer.num_parameters, drawn.language, 0)
    if layer.repeats > 1:
        count = f"{layer.repeats} × {count}"
    _words(drawn.axes, middle, layer.kind.text(drawn.language), INK, count)


def _words(axes: Axes, middle: float, text: str, colour: str, below: str = "") -> None:
    """Beside a row: what it is, and under it how many numbers."""
    lines = [*_wrapped(text), *([below] if below else [])]
    for i, line in enumerate(lines):
        is_count = bool(below) and i + 1 == len(lines)
        y = middle + (i - (len(lines) - 1) / 2) * _LINE
        _text(axes, _WORDS, y, line, size=8.8, color=MUTED if is_count else colour)


def _text(axes: Axes, x: float, y: float, text: str, size: float, **look: object) -> None:
    settings: dict[str, object] = {"ha": "left", "va": "center", "color": INK, **look}
    axes.text(x, y, text, fontsize=size, **settings)  # type: ignore[arg-type]
