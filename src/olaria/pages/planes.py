"""Figures of two-dimensional latent spaces: what a plane decodes to, and where images lie in it."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from olaria.cards.context import Images, Numbers
from olaria.i18n import N_, translate
from olaria.pages.figures import tile
from olaria.pages.labels import number
from olaria.pages.palette import CLASS_COLOURS, FAINT, INK, MUTED
from olaria.pages.style import blank, label, style, tidy, title

_PIXELS = 1000  # about the side of a decoded plane
_INSIDE = 0.995  # share of each cloud that the axes hold at least
_LETTER, _LINE = 0.085, 0.2  # inches of a bold letter of a name on average, and of a name's line
_MARK = 0.32  # of a legend's mark with the room beside it
_SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
_FURTHEST = 3  # how many lines a name may stand off its class


def manifold(images: Images) -> Figure:
    """A decoded square grid of a two-dimensional latent space; z₁ grows to the right, z₂ upwards.

    The grid is even in the prior's probability, so the axes have no numbers.

    Args:
        images: (n·n, C, H, W), from the top row down.
    """
    side = math.isqrt(len(images))
    if side * side != len(images):
        raise ValueError(f"{len(images)} images do not make a square")
    sheet = tile(images, side, gap=0)
    width, margin = sheet.shape[1] * max(1, round(_PIXELS / sheet.shape[1])), 110
    height = width * sheet.shape[0] // sheet.shape[1]
    full, tall = width + margin + 30, height + margin + 20
    with style():
        figure = Figure(figsize=(full / 200, tall / 200), dpi=200, facecolor="white")
        box = (margin / full, margin / tall, width / full, height / tall)
        axes = figure.add_axes(box)
        tidy(axes, "en", grid=False)
        axes.imshow(sheet, extent=(-1, 1, -1, 1), interpolation="nearest", aspect="auto")
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("z₁", fontsize=14, color=INK)
        axes.set_ylabel("z₂", fontsize=14, color=INK, rotation=0, labelpad=4)
    return figure


@dataclass(frozen=True)
class Cloud:
    """Two-dimensional latent vectors of one model.

    Args:
        title: name of the model.
        latents: (N, 2).
        labels: classes, (N,), or None.
        prior: whether N(0, I) is the model's prior.
    """

    title: str
    latents: Numbers
    labels: Numbers | None = None
    prior: bool = False

    @property
    def farthest(self) -> Numbers:
        """The larger coordinate of each point without its sign, (N,)."""
        farthest: Numbers = np.abs(self.latents).max(1)
        return farthest

    @property
    def reach(self) -> float:
        """Half the side of the square around 0 that holds nearly all points."""
        return 1.12 * float(np.quantile(self.farthest, _INSIDE))


def latent_scatter(
    clouds: Sequence[Cloud],
    class_names: Sequence[str] = (),
    language: str = "en",
    narrow: bool = False,
) -> Figure:
    """Latent clouds on the same square axes, coloured by class; with N(0, I) where it is the prior.

    The few points that lie outside the axes are counted in the panel.

    Args:
        clouds: one panel each.
        class_names: name of class 0, 1, …; numbers where not given.
        language: of the words.
        narrow: panels one under the other, for a telephone.
    """
    reach = max(c.reach for c in clouds)
    if any(cloud.prior for cloud in clouds):
        reach = max(reach, 3.5)
    columns = 1 if narrow else len(clouds)
    rows = len(clouds) // columns
    width = 4.2 if columns == 1 else 3.9 * columns
    with style():
        labels = [cloud.labels for cloud in clouds if cloud.labels is not None]
        names = [_name(int(k), class_names) for k in np.unique(labels[0])] if labels else []
        num_columns = _legend_columns(names, width, 5 if columns == 1 else 10)
        legend = _LINE * math.ceil(len(names) / num_columns)
        figure = blank(width, 4.1 * rows + legend)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, cloud in zip(panels, clouds, strict=True):
            _points(axes, cloud, class_names, reach, 3.3)
            if cloud.prior:
                _prior(axes)
            _frame(axes, cloud, reach, language)
        labelled = [axes for axes, c in zip(panels, clouds, strict=True) if c.labels is not None]
        if labelled:
            _legend(figure, labelled[0], num_columns)
    return figure


def map_of_codes(
    points: Numbers, labels: Numbers | None, class_names: Sequence[str], heading: str
) -> Figure:
    """Codes on a plane whose axes mean nothing, coloured by class; all points are inside.

    Args:
        points: (N, 2).
        labels: classes, (N,), or None.
        class_names: name of class 0, 1, …; numbers where not given.
        heading: above the map.
    """
    lowest, highest = points.min(0), points.max(0)
    reach = 0.53 * float((highest - lowest).max()) or 1.0
    cloud = Cloud(heading, points - (lowest + highest) / 2, labels)
    with style():
        figure = blank(6.4, 6.2 if labels is None else 6.8)
        figure.set_dpi(150)
        axes = figure.subplots()
        _points(axes, cloud, class_names, reach, 5.8)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=(), yticks=())
        axes.spines[:].set_color(FAINT)
        title(axes, heading)
        if labels is not None:
            names = [_name(int(k), class_names) for k in np.unique(labels)]
            _legend(figure, axes, _legend_columns(names, 6.4, 5))
    return figure


def _name(label: int, class_names: Sequence[str]) -> str:
    return class_names[label] if label < len(class_names) else str(label)


def _inches(name: str) -> float:
    """About how long a name is; a letter of Chinese or Japanese is as wide as two."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in name)
    return _LETTER * (len(name) + wide)


def _legend_columns(names: Sequence[str], inches: float, most: int) -> int:
    """How many of them fit side by side, the longest as wide as each."""
    longest = max(map(_inches, names), default=0.0) + _MARK
    return max(1, min(most, int(inches / longest)))


def _places(
    middles: Sequence[Numbers], names: Sequence[str], reach: float, inches: float
) -> list[tuple[float, float] | None]:
    """Where each name is written, at its class's middle or beside it; None where there is no room left for it.

    Args:
        middles: of the classes, (2,) each; those that come first choose first.
        names: of the classes.
        reach: half the side of the square axes, in their own units.
        inches: the side of the axes on the page.
    """
    unit = 2 * reach / inches
    height = _LINE * unit
    taken: list[tuple[float, float, float]] = []  # middle and half the width
    found: list[tuple[float, float] | None] = []
    for (x, y), name in zip(middles, names, strict=True):
        half = (_inches(name) / 2 + 0.05) * unit
        places = (
            (float(x) + steps * across * half, float(y) + steps * up * height)
            for steps in range(1, _FURTHEST + 1)
            for across, up in _SHIFTS
        )
        free = (
            (a, b)
            for a, b in places
            if abs(a) + half <= reach and abs(b) + height / 2 <= reach
            if all(abs(a - c) >= half + other or abs(b - d) >= height for c, d, other in taken)
        )
        place = next(free, None)
        found.append(place)
        if place is not None:
            taken.append((*place, half))
    return found


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, names = axes.get_legend_handles_labels()
    # A legend fills its columns first; classes read along the rows.
    order = [k for i in range(columns) for k in range(i, len(names), columns)]
    figure.legend(
        [handles[k] for k in order], [names[k] for k in order], loc="outside lower center",
        ncols=columns, frameon=False, fontsize=9, labelcolor=INK, handletextpad=0.1,
        columnspacing=1.0, markerscale=2.6,
    )  # fmt: skip


def _points(
    axes: Axes, cloud: Cloud, class_names: Sequence[str], reach: float, inches: float
) -> None:
    num = len(cloud.latents)
    labels = np.zeros(num, int) if cloud.labels is None else cloud.labels
    classes = np.unique(labels)
    # Names at the classes' places, unless the cloud is too small in these axes to carry them.
    named = len(classes) > 1 and float(cloud.latents.std()) > 0.13 * reach
    for k in classes:
        points = cloud.latents[labels == k]
        axes.scatter(
            points[:, 0], points[:, 1], s=7.0 if num <= 1500 else 4.5, linewidths=0, alpha=0.75,
            c=CLASS_COLOURS[int(k) % len(CLASS_COLOURS)], label=_name(int(k), class_names), rasterized=True,
        )  # fmt: skip
    if not named:
        return
    names = [_name(int(k), class_names) for k in classes]
    middles = [np.median(cloud.latents[labels == k], axis=0) for k in classes]
    for place, name in zip(_places(middles, names, reach, inches), names, strict=True):
        if place is not None:
            axes.text(
                *place, name, fontsize=9.5, fontweight="bold", color=INK, ha="center", va="center", zorder=5,
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75},
            )  # fmt: skip


def _prior(axes: Axes) -> None:
    for radius in (1, 2, 3):
        circle = Circle((0, 0), radius, fill=False, edgecolor=INK, linewidth=0.9)
        circle.set_linestyle((0, (4, 3)))
        axes.add_patch(circle)
    axes.annotate(
        "N(0, I): 1σ, 2σ, 3σ", (0, -3), (0, -3), textcoords="offset points", fontsize=9,
        color=INK, ha="center", va="top", zorder=5,
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
    )  # fmt: skip


def _frame(axes: Axes, cloud: Cloud, reach: float, language: str) -> None:
    tidy(axes, language, grid=False)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAINT)
    title(axes, cloud.title)
    label(axes, "z₁")
    axes.set_ylabel("z₂", fontsize=9.5, color=MUTED, rotation=0, labelpad=6)
    outside = int((cloud.farthest > reach).sum())
    if outside:
        text = translate(N_("{num} of {all} points outside"), language)
        counts = {
            "num": number(outside, language, 0),
            "all": number(len(cloud.latents), language, 0),
        }
        axes.text(
            0.98, 0.98, text.format(**counts), transform=axes.transAxes, fontsize=9, color=MUTED,
            ha="right", va="top",
        )  # fmt: skip
