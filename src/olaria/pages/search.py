"""The figure of a search for settings: what each trial reached, and which setting mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from olaria.i18n import N_, translate
from olaria.pages.labels import number
from olaria.pages.palette import BLUE, CLAY, INK, MUTED
from olaria.pages.style import blank, label, style, tidy, title

Trial = tuple[int, float, str]
"""Number from 1, value, state."""
DPI = 160
MARGIN_IN = 0.12
"""Around the figure, which is a file of its own, and no page has a margin for it."""
FAR = 6.0
"""Times the distance between best and median beyond which a value is drawn at the edge."""


def search_figure(
    trials: Sequence[Trial],
    importance: Mapping[str, float],
    *,
    higher: bool,
    metric: str,
    language: str = "en",
    caveat: str = "",
) -> Figure:
    """Above, how much each setting mattered; below, the value of each trial and the best so far.

    Args:
        trials: that have a value.
        importance: share of each setting in the variance of the value; empty where it is not known.
        higher: whether the value is better where it is higher.
        metric: name of the value.
        language: of words and numbers.
        caveat: under the importance.
    """
    bars = 0.45 + 0.5 * len(importance) + (0.2 if caveat else 0.0) if importance else 0.0
    with style():
        figure = blank(5.6, 2.9 + bars)
        figure.set_dpi(DPI)
        figure.set_layout_engine("constrained", w_pad=MARGIN_IN, h_pad=MARGIN_IN)
        heights = [bars, 2.9] if importance else [2.9]
        panels = figure.subplots(
            len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights}
        ).ravel()
        if importance:
            _bars(panels[0], importance, language)
            panels[0].set_xlabel(caveat, fontsize=9, color=MUTED, loc="left")
        _values(panels[-1], trials, higher, metric, language)
    return figure


def _bars(axes: Axes, importance: Mapping[str, float], language: str) -> None:
    ordered = sorted(importance.items(), key=lambda item: item[1])
    places = np.arange(len(ordered))
    shares = [share for _, share in ordered]
    tidy(axes, language, grid=False)
    axes.barh(places, shares, height=0.32, color=BLUE)
    for place, (name, share) in zip(places, ordered, strict=True):
        axes.annotate(
            name,
            (0, place),
            (0, 9),
            textcoords="offset points",
            fontsize=9.5,
            color=INK,
            va="bottom",
        )
        percent = f"{number(100 * share, language, 0)}%"
        axes.annotate(
            percent, (share, place), (4, 0), textcoords="offset points", fontsize=9.5, color=INK,
            va="center",
        )  # fmt: skip
    axes.set(xlim=(0, 1.12), ylim=(-0.5, len(ordered) - 0.2), yticks=[], xticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    title(axes, translate(N_("Which setting matters"), language))


def _values(axes: Axes, trials: Sequence[Trial], higher: bool, metric: str, language: str) -> None:
    tidy(axes, language)
    values = np.array([value for _, value, _ in trials])
    low, high = _window(values, higher)
    axes.set_ylim(low, high)
    groups = (
        (False, "x", MUTED, N_("stopped early")),
        (True, "o", BLUE, N_("trained to the end")),
    )
    for is_done, marker, colour, name in groups:
        found = [
            (n, np.clip(value, low, high))
            for n, value, state in trials
            if (state == "done") is is_done
        ]
        if found:
            axes.plot(
                *zip(*found, strict=True), marker, color=colour, markersize=5.5, clip_on=False,
                label=translate(name, language), zorder=3,
            )  # fmt: skip
    done = [(n, v) for n, v, state in trials if state == "done"]
    best = np.maximum if higher else np.minimum
    if len(done) > 1:
        steps, reached = zip(*done, strict=True)
        axes.plot(
            steps, best.accumulate(reached), color=CLAY, linewidth=1.4, drawstyle="steps-post",
            label=translate(N_("the best so far"), language), zorder=2,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0.5, max(n for n, _, _ in trials) + 0.5)
    unit = translate(N_("{metric} of the validation split"), language).format(metric=metric)
    label(axes, translate(N_("trial"), language), unit)
    axes.legend(
        frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3,
        handletextpad=0.4, columnspacing=1.1, handlelength=1.3,
    )  # fmt: skip


def _window(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], higher: bool
) -> tuple[float, float]:
    """The range of the axis: very bad trials are drawn at its edge."""
    best = float(values.max() if higher else values.min())
    reach = FAR * abs(float(np.median(values)) - best)
    low = max(float(values.min()), best - reach) if higher else best
    high = best if higher else min(float(values.max()), best + reach)
    margin = 0.08 * (high - low) or 0.1 * abs(best) or 0.1
    return low - margin, high + margin
