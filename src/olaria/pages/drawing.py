"""Curves and points as SVG: the drawings of a lesson's page.

They are written by hand and not by matplotlib because a lesson opens in the time that matplotlib takes to load, its
texts are to be read by people who do not see, and a page may hold dozens of them. Sizes are units of the drawing, which
the page scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from olaria.lessons.figures import Cloud, Curve, Plot, Scatter, Words
from olaria.pages.labels import number
from olaria.pages.page import plain_words
from olaria.pages.palette import BLUE, CLASS_COLOURS, CLAY, FAINT, INK, MUTED, SAND
from olaria.pages.raster import surface_uri
from olaria.pages.room import Box, Free, along, beside_level, beside_mark, beside_point

Array = NDArray[np.float64]

WIDTH, HEIGHT = 640, 320
NARROW = 350
"""Width of the same drawing for a telephone, where it is as wide as the page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 26, 30, 46
SIDE = 360
"""Of a square panel."""
CURVE_COLOURS = (BLUE, CLAY, SAND, "#6a7f2b", "#832db6", MUTED)
_DASHES = ("", "7 4", "2 4", "10 3 2 3", "4 2", "1 3")
_FONT = 'font-family="system-ui,Segoe UI,Roboto,Liberation Sans,sans-serif"'
_MOST_TICKS = 6
_LETTER = 7.6
"""Width of a letter of a legend, about."""
_MANY = 60
"""Points of a plot from which on they are drawn smaller."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of the drawing and the values at its sides.

    Args:
        box: left, top, right and bottom, in units of the drawing.
        x: least and largest value across.
        y: least and largest value upwards.
    """

    box: tuple[float, float, float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Values to units of the drawing."""
        left, top, right, bottom = self.box
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return left + across * (right - left), bottom - up * (bottom - top)


def ticks(least: float, largest: float, most: int = _MOST_TICKS) -> list[float]:
    """Round numbers between two values, at most ``most`` of them.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(-1e-13, 1e-13, 3)
    [-1e-13, 0.0, 1e-13]
    """
    span = largest - least
    if not (math.isfinite(span) and span > 0):
        return [least]
    exponent = math.floor(math.log10(span / most))
    power = 10.0**exponent
    step = next(m * power for m in (1, 2, 2.5, 5, 10, 20) if span / (m * power) <= most - 1 + 1e-9)
    first = math.ceil(least / step - 1e-9)
    last = math.floor(largest / step + 1e-9)
    return [round(i * step, 12 - exponent) for i in range(first, last + 1)]


def _limits(values: Sequence[Array], margin: float) -> tuple[float, float]:
    """Least and largest finite value, with some room; never equal."""
    every = np.concatenate([np.zeros(0), *(np.ravel(v) for v in values)])
    finite = every[np.isfinite(every)]
    least, largest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if largest == least:
        return least - 0.5, largest + 0.5
    room = margin * (largest - least)
    return least - room, largest + room


class Drawing:
    """Parts of an SVG, in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.parts: list[str] = []

    def words(self, text: Words) -> str:
        """In the reader's language."""
        return plain_words(text, self.language)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        anchor: str = "start",
        colour: str = INK,
        size: int = 14,
        rest: str = "",
    ) -> None:
        """A text at a place; ``rest`` are further attributes."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
            f"{_FONT}{rest}>{escape(text)}</text>"
        )

    def label(self, text: str, box: Box, colour: str, ground: bool = True) -> None:
        """A name in a box (:mod:`olaria.pages.room`), on a ground through which lines shine faintly."""
        left, top, right, bottom = box
        if ground:
            self.parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
                'fill="#fff" fill-opacity="0.85"/>'
            )
        self.text((left + right) / 2, bottom - 4, text, "middle", colour, 13)

    def line(self, x: float, y: float, x2: float, y2: float, colour: str, rest: str = "") -> None:
        """A straight line."""
        self.parts.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{rest}/>'
        )

    def path(self, x: Array, y: Array, attributes: str) -> None:
        """A polyline; it breaks where a value is not finite."""
        pieces, pen = [], "M"
        for a, b in zip(x, y, strict=True):
            if not (math.isfinite(a) and math.isfinite(b)):
                pen = "M"
                continue
            pieces.append(f"{pen}{a:.1f} {b:.1f}")
            pen = "L"
        self.parts.append(f'<path d="{"".join(pieces)}" {attributes}/>')

    def axes(
        self,
        frame: Frame,
        x_label: Words,
        y_label: Words,
        whole: bool = False,
        most: int = _MOST_TICKS,
    ) -> None:
        """Faint lines across, numbers at round values (across, where ``whole``, at whole ones), names of both axes."""
        left, top, right, bottom = frame.box
        for value in ticks(*frame.y, most=5):
            _, y = frame.place(np.array([frame.x[0]]), np.array([value]))
            self.line(left, y[0], right, y[0], FAINT)
            self.text(left - 8, y[0] + 4, number(value, self.language), "end", MUTED, 13)
        for value in ticks(*frame.x, most):
            if whole and not float(value).is_integer():
                continue
            x, _ = frame.place(np.array([value]), np.array([frame.y[0]]))
            self.text(x[0], bottom + 20, number(value, self.language), "middle", MUTED, 13)
        self.text((left + right) / 2, bottom + 40, self.words(x_label), "middle", MUTED)
        self.text(left - 8, top - 14, self.words(y_label), "start", MUTED)

    def svg(self, width: float, height: float, description: str) -> Markup:
        """The whole, described in words for those who do not see it."""
        body = "".join(self.parts)
        return Markup(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img" aria-label="{escape(description)}">{body}</svg>'
        )


def plot(figure: Plot, language: str, description: str, width: int = WIDTH) -> Markup:
    """Curves on common axes; each has its own colour and its own dashes, and a legend names them."""
    drawing = Drawing(language)
    legend = [curve for curve in figure.curves if len(figure.curves) > 1]
    top = _TOP + _legend(drawing, legend, width)
    levels = [np.array([height]) for _, height in figure.levels]
    zero = [np.zeros(1)] if any(curve.kind == "area" for curve in figure.curves) else []
    across = _limits([np.asarray(curve.x, float) for curve in figure.curves], 0.0)
    upwards = _limits([*(np.asarray(c.y, float) for c in figure.curves), *levels, *zero], 0.06)
    height = HEIGHT + top - _TOP
    frame = Frame((_LEFT, top, width - _RIGHT, height - _BOTTOM), across, upwards)
    # Layers and steps are counted: there is no layer 0.5.
    counts = all((np.asarray(curve.x, float) % 1 == 0).all() for curve in figure.curves)
    drawing.axes(frame, figure.x_label, figure.y_label, counts, min(_MOST_TICKS, width // 70))
    names: list[tuple[str, Iterator[Box]]] = []
    lines = []
    left, right, bottom = _LEFT, width - _RIGHT, height - _BOTTOM
    for name, level in figure.levels:
        text, y = drawing.words(name), float(frame.place(np.zeros(1), np.array([level]))[1][0])
        drawing.line(left, y, right, y, MUTED, ' stroke-dasharray="5 4"')
        lines.append(along(np.array([left, right], float), np.array([y, y])))
        names.append((text, beside_level(text, frame.box, y)))
    for name, place in figure.marks:
        text, x = drawing.words(name), float(frame.place(np.array([place]), np.zeros(1))[0][0])
        drawing.line(x, top, x, bottom, MUTED, ' stroke-dasharray="2 3"')
        lines.append(along(np.array([x, x]), np.array([top, bottom], float)))
        names.append((text, beside_mark(text, frame.box, x)))
    for i, curve in enumerate(figure.curves):
        _curve(drawing, frame, curve, i)
        lines.append(along(*frame.place(np.asarray(curve.x, float), np.asarray(curve.y, float))))
    free = Free(lines)
    for text, places in names:
        drawing.label(text, free.best(places), MUTED)
    return drawing.svg(width, height, description)


def _legend(drawing: Drawing, curves: Sequence[Curve], across: int) -> int:
    """The curves' names side by side above the frame, in as many rows as they need; how high it is."""
    x, row = 8.0, 0
    for i, curve in enumerate(curves):
        name = drawing.words(curve.name)
        width = 52 + _LETTER * len(name)
        if x + width > across and x > 8:
            x, row = 8.0, row + 1
        y = 16 + 22 * row
        sample = replace(curve, kind="line" if curve.kind == "area" else curve.kind)
        middle = [x + 12] if curve.kind == "points" else [x, x + 24]
        _stroke(drawing, i, sample, np.array(middle), np.full(len(middle), y - 4.0))
        drawing.text(x + 30, y, name)
        x += width
    return 22 * (row + 1) if curves else 0


def _curve(drawing: Drawing, frame: Frame, curve: Curve, i: int) -> None:
    x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
    if curve.kind == "area":
        for side, colour in ((np.maximum, BLUE), (np.minimum, CLAY)):
            outline = np.concatenate([side(y, 0.0), np.zeros(2)])
            place = frame.place(np.concatenate([x, [x[-1], x[0]]]), outline)
            drawing.path(*place, f'fill="{colour}" fill-opacity="0.35"')
        zero = frame.place(np.array([x[0], x[-1]]), np.zeros(2))
        drawing.path(*zero, f'stroke="{MUTED}" fill="none"')
    _stroke(drawing, i, curve, *frame.place(x, y))


def _stroke(drawing: Drawing, i: int, curve: Curve, x: Array, y: Array) -> None:
    colour = CURVE_COLOURS[i % len(CURVE_COLOURS)]
    if curve.kind == "points":
        radius = 4 if len(x) <= _MANY else 2.5
        for a, b in zip(x, y, strict=True):
            if math.isfinite(a) and math.isfinite(b):
                dot = f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:g}" fill="{colour}"/>'
                drawing.parts.append(dot)
        return
    colour = INK if curve.kind == "area" else colour
    dashes = "" if curve.kind == "area" else _DASHES[i % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    drawing.path(x, y, f'stroke="{colour}" stroke-width="2" fill="none"{dashed}')


# -- points --------------------------------------------------------------------------------------------


def scatter(figure: Scatter, language: str, description: str) -> Markup:
    """Points of a plane in a square panel; or a panel for each cloud, side by side where there is room."""
    if not figure.panels:
        return _square_panel(figure, language, description)
    panels = [
        _square_panel(replace(figure, clouds=(cloud,)), language, description)
        for cloud in figure.clouds
    ]
    return Markup(f'<div class="panels">{"".join(panels)}</div>')


def _square_panel(figure: Scatter, language: str, description: str) -> Markup:
    drawing = Drawing(language)
    clouds, width = figure.clouds, SIDE + 64
    head = 8.0
    if figure.class_names and any(cloud.labels is not None for cloud in clouds):
        head += _class_legend(drawing, figure.class_names, width)
    if figure.panels or len(clouds) > 1:
        head += 26
        for i, cloud in enumerate(clouds):
            x = 20 + i * SIDE / len(clouds)
            if len(clouds) > 1:
                _dot(drawing, x, head - 11, _cloud_colour(i))
            drawing.text(x + 10, head - 6, drawing.words(cloud.name))
    top = head + (24 if figure.y_label else 6)  # the axis's name stands above it
    _panel(drawing, figure, clouds, _square(figure, (50.0, top, 50.0 + SIDE, top + SIDE)))
    return drawing.svg(width, top + SIDE + 58, description)


def _class_legend(drawing: Drawing, names: Sequence[str], across: float) -> float:
    """Names of the classes in their colours; how high it is."""
    shown = [name[:14] for name in names[: len(CLASS_COLOURS)]]
    wide = 30 + 8 * max(map(len, shown))
    a_row = max(1, int(across // wide))
    for i, name in enumerate(shown):
        x, y = 14 + (i % a_row) * wide, 12.0 + 24 * (i // a_row)
        _dot(drawing, x, y, CLASS_COLOURS[i])
        drawing.text(x + 9, y + 4, name, size=13)
    return 24.0 * math.ceil(len(shown) / a_row)


def _dot(drawing: Drawing, x: float, y: float, colour: str) -> None:
    drawing.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')


def _square(figure: Scatter, box: tuple[float, float, float, float]) -> Frame:
    """A frame in which a unit is as long across as upwards."""
    if figure.extent is not None:
        left, right, bottom, top = figure.extent
        return Frame(box, (left, right), (bottom, top))
    points = np.concatenate([np.asarray(cloud.points, float) for cloud in figure.clouds])
    reach = max(figure.circles, default=0.0)
    (x0, x1), (y0, y1) = (
        _limits([points[:, i], np.array([-reach, reach]) if reach else points[:, i]], 0.04)
        for i in (0, 1)
    )
    half = max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return Frame(box, (x - half, x + half), (y - half, y + half))


def _cloud_colour(i: int) -> str:
    return (BLUE, INK, CLAY, SAND)[i % 4]


def _panel(drawing: Drawing, figure: Scatter, clouds: Sequence[Cloud], frame: Frame) -> None:
    left, top, right, bottom = frame.box
    if figure.surface is not None:
        drawing.parts.append(
            f'<image href="{surface_uri(figure.surface)}" x="{left:g}" y="{top:g}" width="{right - left:g}" '
            f'height="{bottom - top:g}" preserveAspectRatio="none"/>'
        )
    drawing.axes(frame, figure.x_label, figure.y_label)
    scale = (right - left) / (frame.x[1] - frame.x[0])
    centre = frame.place(np.zeros(1), np.zeros(1))
    for radius in figure.circles:
        drawing.parts.append(
            f'<circle cx="{centre[0][0]:.1f}" cy="{centre[1][0]:.1f}" r="{radius * scale:.1f}" fill="none" '
            f'stroke="{MUTED}" stroke-dasharray="4 3"/>'
        )
    for i, cloud in enumerate(clouds):
        _points(drawing, cloud, frame, i)
        _names(drawing, cloud, frame)
    if figure.arrows is not None:
        _arrows(drawing, frame, np.asarray(figure.arrows, float))


def _points(drawing: Drawing, cloud: Cloud, frame: Frame, i: int) -> None:
    """Equal colours share a group, so that a point is a few characters."""
    points = np.asarray(cloud.points, float)
    x, y = frame.place(points[:, 0], points[:, 1])
    left, top, right, bottom = frame.box
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    labels = np.full(len(points), -1) if cloud.labels is None else np.asarray(cloud.labels)
    for label in np.unique(labels):
        colour = _cloud_colour(i) if label < 0 else CLASS_COLOURS[int(label) % len(CLASS_COLOURS)]
        rows = np.flatnonzero((labels == label) & inside)
        dots = "".join(f"M{x[row]:.1f} {y[row]:.1f}h0" for row in rows)
        drawing.parts.append(
            f'<path d="{dots}" stroke="{colour}" stroke-width="5" stroke-linecap="round" stroke-opacity="0.75" '
            'fill="none"/>'
        )


def _names(drawing: Drawing, cloud: Cloud, frame: Frame) -> None:
    """The names of the points beside them, from the outermost on; one that finds no room is left out."""
    if not cloud.names:
        return
    points = np.asarray(cloud.points, float)
    x, y = frame.place(points[:, 0], points[:, 1])
    free = Free([np.stack((x, y), 1)], frame.box)
    far = np.hypot(x - x.mean(), y - y.mean())
    for row in np.argsort(-far, kind="stable"):
        text = drawing.words(cloud.names[row])
        box = free.first(beside_point(text, x[row], y[row]))
        if box is not None:
            drawing.label(text, box, INK, ground=False)


def _arrows(drawing: Drawing, frame: Frame, arrows: Array) -> None:
    x, y = frame.place(arrows[:, 0], arrows[:, 1])
    x2, y2 = frame.place(arrows[:, 0] + arrows[:, 2], arrows[:, 1] + arrows[:, 3])
    for a, b, c, d in zip(x, y, x2, y2, strict=True):
        drawing.line(a, b, c, d, INK, ' stroke-width="1.6"')
        length = math.hypot(c - a, d - b)
        if length < 3:
            continue
        u, v = (c - a) / length, (d - b) / length
        corners = (
            (c, d),
            (c - 6 * u - 3 * v, d - 6 * v + 3 * u),
            (c - 6 * u + 3 * v, d - 6 * v - 3 * u),
        )
        outline = "L".join(f"{p:.1f} {q:.1f}" for p, q in corners)
        drawing.parts.append(f'<path d="M{outline}Z" fill="{INK}"/>')
