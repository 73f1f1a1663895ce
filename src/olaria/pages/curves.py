"""Figures of curves: what the training wrote in metrics.jsonl."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, product
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from olaria.cards.context import Numbers
from olaria.i18n import N_, translate
from olaria.pages.labels import number
from olaria.pages.palette import BLUE, CLAY, INK, MUTED, SAND
from olaria.pages.style import blank, label, style, tidy

COLOURS = (BLUE, CLAY, "#5b7f3b", "#7a4f9a", SAND, "#2a8f8f")
DISCRIMINATOR_EQUILIBRIUM_NATS = 2 * math.log(2)
GENERATOR_EQUILIBRIUM_NATS = math.log(2)
_NAMED, _NAME = 0.55, 0.13  # of a panel's width and height: the name of a level
_PIECES = 60  # of a curve behind such a name


@dataclass(frozen=True)
class Series:
    """One curve.

    Args:
        label: its name, already in the reader's language.
        steps: ascending, (N,).
        values: (N,); NaN where there is none, drawn as a gap.
        points: few exact values (validation): drawn as they are, with marks, not smoothed.
        colour: empty takes the next one.
    """

    label: str
    steps: Numbers
    values: Numbers
    points: bool = False
    colour: str = ""


@dataclass(frozen=True)
class Panel:
    """Curves that share a unit.

    Args:
        series: the curves.
        unit: name of the vertical axis, already in the reader's language.
        levels: horizontal lines, (value, name).
    """

    series: Sequence[Series]
    unit: str
    levels: Sequence[tuple[float, str]] = ()


def smooth(values: Numbers) -> Numbers:
    """Mean of the neighbours on both sides, about a fortieth of the curve wide and narrower at its ends.

    Centred, so that it does not lag where the curve is steep. Values that are not finite count for nothing and stay
    out of the result (NaN).

    >>> smooth(np.array([2.0, 2.0, np.nan, 2.0])).tolist()
    [2.0, 2.0, nan, 2.0]
    """
    num = len(values)
    place = np.arange(num)
    reach = np.minimum(num // 80, np.minimum(place, num - 1 - place))
    finite = np.isfinite(values)
    totals = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    high, low = place + reach + 1, place - reach
    within = np.maximum(counts[high] - counts[low], 1)
    mean: Numbers = np.where(finite, (totals[high] - totals[low]) / within, np.nan)
    return mean


def loss_curves(
    panels: Sequence[Panel], language: str = "en", x_label: str = "", narrow: bool = False
) -> Figure:
    """Panels side by side: each curve as measured (light) and smoothed; levels dashed.

    Where the beginning of a curve would press the rest flat, the axis stops above the rest and the figure says at
    which value the curve begins.

    Args:
        panels: from left to right.
        language: of words and numbers.
        x_label: name of the horizontal axis; training steps where empty.
        narrow: panels one under the other, for a telephone.
    """
    with style():
        shape = (len(panels), 1) if narrow else (1, len(panels))
        width = 4.2 if narrow else 7.6 if len(panels) > 1 else 5.2
        room, columns = width / shape[1], 1 if narrow else 2
        rows = [math.ceil(len(p.series) / columns) * _is_crowded(p, room) for p in panels]
        extra = 0.19 * (sum(rows) if narrow else max(rows, default=0))
        figure = blank(width, 0.5 + 2.35 * shape[0] + extra)
        all_axes = figure.subplots(*shape, sharex=True, squeeze=False).ravel()
        for axes, panel in zip(all_axes, panels, strict=True):
            _panel(axes, panel, language)
            if len(panel.series) > 1:
                _legend(axes, _is_crowded(panel, room), columns)
        for axes in all_axes[-1:] if narrow else all_axes:
            label(axes, x_label or translate(N_("training step"), language))
    return figure


def _panel(axes: Axes, panel: Panel, language: str) -> None:
    lasting: list[float] = [value for value, _ in panel.levels]
    highest = -math.inf
    for following, series in zip(cycle(COLOURS), panel.series, strict=False):
        colour = series.colour or following
        finite = series.values[np.isfinite(series.values)]
        if not len(finite):
            continue
        highest = max(highest, float(finite.max()))
        if series.points:
            lasting += finite[len(finite) // 10 :].tolist()
            axes.plot(
                series.steps, series.values, "o-", color=colour, markersize=3.4, linewidth=1.1,
                markerfacecolor="white", markeredgewidth=1.2, label=series.label,
            )  # fmt: skip
            continue
        smoothed = smooth(series.values)
        tail = finite[len(finite) // 20 :]
        lasting += [float(np.percentile(tail, 0.2)), float(np.percentile(tail, 99.8))]
        axes.plot(series.steps, series.values, color=colour, alpha=0.22, linewidth=0.8)
        axes.plot(series.steps, smoothed, color=colour, linewidth=1.9, label=series.label)
    for value, _ in panel.levels:
        axes.axhline(value, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    tidy(axes, language)
    label(axes, y=panel.unit)
    axes.margins(x=0.01)
    if lasting:
        _limit(axes, min(lasting), max(lasting), highest, language)
    for value, name in panel.levels:
        _name_level(axes, panel.series, value, name)


def _name_level(axes: Axes, curves: Sequence[Series], value: float, name: str) -> None:
    """Write the name of a level beside its line, where the curves cross it least; on white where they do."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    wide, high = _NAMED * (right - left), _NAME * (top - bottom)

    def crowd(place: tuple[float, bool]) -> tuple[int, int, bool]:
        """Pieces of the smoothed and the measured curves behind the name, and whether it would leave the panel."""
        start = left + place[0] * (right - left - wide)
        x = np.linspace(start, start + wide, _PIECES + 1)
        low = value - high if place[1] else value
        found = [0, 0]
        for series in curves:
            for which, values in enumerate((smooth(series.values), series.values)):
                y = np.interp(x, series.steps, values, np.nan, np.nan)
                lower, upper = np.minimum(y[1:], y[:-1]), np.maximum(y[1:], y[:-1])
                found[which] += int(((upper >= low) & (lower <= low + high)).sum())
        return found[0], found[1], low < bottom or low + high > top

    align: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
    places = list(product((1.0, 0.0, 0.5), (False, True)))
    crowds = list(map(crowd, places))
    across, is_below = places[crowds.index(min(crowds))]
    if min(crowds)[2]:
        fitted = (value - _NAME * (top if is_below else bottom)) / (1 - _NAME)
        axes.set_ylim((fitted, top) if is_below else (bottom, fitted))
    ground = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
    axes.annotate(
        name, (across, value), (2 - 4 * across, -3 if is_below else 2),
        xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9, color=MUTED,
        ha=align[round(2 * across)], va="top" if is_below else "bottom",
        bbox=ground if min(crowds)[0] else None,
    )  # fmt: skip


def _is_crowded(panel: Panel, inches: float) -> bool:
    """Whether the names of the curves do not fit beside the unit, which stands above the axis at the left."""
    names = [len(series.label) for series in panel.series]
    return len(names) > 1 and (sum(names) > 30 or len(panel.unit) + sum(names) > 9 * inches)


def _legend(axes: Axes, above_the_unit: bool, columns: int) -> None:
    corner: Literal["lower left", "lower right"] = "lower left" if above_the_unit else "lower right"
    axes.legend(
        loc=corner, bbox_to_anchor=(-0.1, 1.0) if above_the_unit else (1.0, 1.0),
        ncols=columns if above_the_unit else 2,
        borderaxespad=2.0 if above_the_unit else 0.2, frameon=False,
        fontsize=9, labelcolor=INK, handlelength=1.3, columnspacing=1.1,
    )  # fmt: skip


def _limit(axes: Axes, low: float, high: float, highest: float, language: str) -> None:
    spread = (high - low) or max(abs(high), 1e-6)
    bottom = max(0.0, low - 0.12 * spread) if low >= 0 else low - 0.12 * spread
    top = high + 0.12 * spread
    axes.set_ylim(bottom, max(top, highest + 0.05 * spread) if highest < high + spread else top)
    if highest >= high + spread:
        text = translate(N_("↑ up to {value} at first"), language)
        axes.annotate(
            text.format(value=number(highest, language)), (0.22, 1), (0, -5),
            xycoords="axes fraction", textcoords="offset points", fontsize=9, color=MUTED,
            ha="left", va="top", backgroundcolor="white",
        )  # fmt: skip


def gan_panels(
    discriminator: tuple[Numbers, Numbers],
    generator: tuple[Numbers, Numbers],
    language: str = "en",
    equilibrium: bool = True,
) -> list[Panel]:
    """Both players' losses, each with the value at which the discriminator cannot tell real from generated.

    Args:
        discriminator: steps and the total loss on real and generated images.
        generator: steps and the non-saturating loss.
        language: of the words.
        equilibrium: draw 2 log 2 and log 2; only true of the logistic losses.
    """
    balance = translate(N_("balance"), language)
    d_value = number(DISCRIMINATOR_EQUILIBRIUM_NATS, language, 3)
    g_value = number(GENERATOR_EQUILIBRIUM_NATS, language, 3)
    d_level = [(DISCRIMINATOR_EQUILIBRIUM_NATS, f"{balance}: 2 log 2 = {d_value}")]
    g_level = [(GENERATOR_EQUILIBRIUM_NATS, f"{balance}: log 2 = {g_value}")]
    unit = f" ({translate(N_('nats'), language)})" if equilibrium else ""
    names = (
        translate(N_("discriminator's loss"), language),
        translate(N_("generator's loss"), language),
    )
    return [
        Panel(
            [Series(names[0], *discriminator, colour=BLUE)], names[0] + unit, d_level * equilibrium
        ),
        Panel([Series(names[1], *generator, colour=CLAY)], names[1] + unit, g_level * equilibrium),
    ]
