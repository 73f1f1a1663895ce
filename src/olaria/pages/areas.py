"""The figure of the KL divergence: two densities, and the signed area of each direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from olaria.cards.context import Numbers
from olaria.i18n import N_, translate
from olaria.objectives.divergence import Gaussian, divergence, integrand
from olaria.pages.labels import number
from olaria.pages.palette import BLUE, CLAY, INK, MUTED, SAND
from olaria.pages.style import blank, style, tidy, title


@dataclass(frozen=True)
class _Curve:
    """A distribution as it is drawn."""

    name: str
    normal: Gaussian
    colour: str


def kl_figure(p: Gaussian, q: Gaussian, language: str = "en", narrow: bool = False) -> Figure:
    """Both directions, one a row: the two densities, then the integrand with its areas and their sum.

    Args:
        p: first distribution.
        q: second distribution.
        language: of the words and numbers.
        narrow: panels one under the other, for a telephone.
    """
    low = min(g.mean - 3.6 * g.std for g in (p, q))
    high = max(g.mean + 3.6 * g.std for g in (p, q))
    x = np.linspace(low, high, 1200)
    first, second = _Curve("p", p, BLUE), _Curve("q", q, SAND)
    with style():
        figure = blank(4.2, 10.4) if narrow else blank(7.6, 5.6)
        rows, columns = (4, 1) if narrow else (2, 2)
        panels = figure.subplots(rows, columns, gridspec_kw={"hspace": 0.1}).ravel()
        for axes in panels:
            tidy(axes, language)
            axes.set_xlim(low, high)
        for i, (weight, other) in enumerate(((first, second), (second, first))):
            _densities(panels[2 * i], x, weight, other, language)
            _area(panels[2 * i + 1], x, weight, other, language)
    return figure


def _densities(axes: Axes, x: Numbers, weight: _Curve, other: _Curve, language: str) -> None:
    axes.fill_between(x, weight.normal.density(x), color=weight.colour, alpha=0.18, linewidth=0)
    for curve, against in ((weight, other), (other, weight)):
        axes.plot(x, curve.normal.density(x), color=curve.colour, linewidth=2.0)
        # The name on the side away from the other curve.
        side = -1 if curve.normal.mean < against.normal.mean else 1
        at = curve.normal.mean + 0.8 * side * curve.normal.std
        axes.annotate(
            curve.name, (at, float(curve.normal.density(np.array([at]))[0])), (5 * side, 2),
            textcoords="offset points", color=curve.colour, fontsize=13, fontweight="bold",
            fontstyle="italic", ha="right" if side < 0 else "left", va="bottom",
        )  # fmt: skip
    highest = max(c.normal.density(x).max() for c in (weight, other))
    axes.set_ylim(0, 1.12 * highest)
    text = translate(N_("{name} gives the weight"), language)
    title(axes, text.format(name=weight.name))


def _area(axes: Axes, x: Numbers, weight: _Curve, other: _Curve, language: str) -> None:
    area = divergence(weight.normal, other.normal)
    y = integrand(weight.normal, other.normal, x)
    axes.fill_between(x, y, where=y >= 0, color=BLUE, alpha=0.35, linewidth=0, interpolate=True)
    axes.fill_between(x, y, where=y <= 0, color=CLAY, alpha=0.45, linewidth=0, interpolate=True)
    axes.plot(x, y, color=INK, linewidth=1.4)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    spread = y.max() - y.min()
    axes.set_ylim(y.min() - 0.12 * spread, y.max() + 0.25 * spread)
    total = number(area.numerical_nats, language, 3)
    title(axes, f"D({weight.name}‖{other.name}) = {total} nats")
    lines = (
        (f"{weight.name} · log({weight.name}/{other.name})", MUTED, "normal", "italic"),
        ("+" + number(area.positive_nats, language, 3), BLUE, "bold", "normal"),
        (number(area.negative_nats, language, 3), CLAY, "bold", "normal"),
    )
    for i, (text, colour, boldness, slope) in enumerate(lines):
        axes.text(
            0.985, 0.97 - 0.12 * i, text, transform=axes.transAxes, fontsize=10, color=colour,
            fontweight=boldness, fontstyle=slope, ha="right", va="top",
        )  # fmt: skip
