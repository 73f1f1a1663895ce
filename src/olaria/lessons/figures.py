"""What a lesson shows: the numbers and words of a figure, not how it is drawn. Pages draw them (``pages``).

A word is a :class:`~olaria.i18n.Message`, or a plain string where it is data (a token, a run's name). Numbers are
arrays; what a figure shows, its table shows too, so that every picture can be read as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from numpy.typing import NDArray

from olaria.i18n import Message

Words = Message | str
Array = NDArray[Any]


@dataclass(frozen=True)
class Curve:
    """A line of a :class:`Plot`.

    Args:
        name: of the legend.
        x: (N,), ascending.
        y: (N,).
        kind: ``line``; ``area``, filled from zero, in one colour above and another below; ``points``.
    """

    name: Words
    x: Array
    y: Array
    kind: Literal["line", "area", "points"] = "line"


@dataclass(frozen=True)
class Plot:
    """Curves, six at most, on common axes; a caption is one or two sentences on what is seen.

    Args:
        levels: horizontal lines: name and height.
        marks: vertical lines: name and place.
    """

    caption: Words
    curves: tuple[Curve, ...]
    x_label: Words
    y_label: Words
    levels: tuple[tuple[Words, float], ...] = ()
    marks: tuple[tuple[Words, float], ...] = ()


@dataclass(frozen=True)
class Bars:
    """Numbers as horizontal bars, one below the other.

    Args:
        series: name and numbers (as many as labels) of each group of bars; one or two.
        by_factors: whether equal lengths are equal factors, a logarithmic scale: for numbers above zero of very
            different sizes.
    """

    caption: Words
    labels: tuple[Words, ...]
    series: tuple[tuple[Words, Array], ...]
    unit: Words = ""
    by_factors: bool = False


@dataclass(frozen=True)
class Heat:
    """A matrix (R, C) as coloured cells; NaN is an empty cell (what a mask hides).

    Args:
        rows: name of each; ``row_title`` says what they are.
        columns: name of each.
        signed: whether zero is the middle of the colours; else it, or the least value, is their beginning.
        digits: of a value in its cell.
    """

    caption: Words
    values: Array
    rows: tuple[Words, ...]
    columns: tuple[Words, ...]
    row_title: Words = ""
    column_title: Words = ""
    unit: Words = ""
    signed: bool = False
    digits: int = 2


@dataclass(frozen=True)
class Strip:
    """A row of images (N, C, H, W), uint8 or in [0, 1], C being 1 or 3; under each a note, or under none."""

    title: Words
    images: Array
    notes: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Images:
    """Rows of images, each of the same columns."""

    caption: Words
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Cloud:
    """Points (N, 2) of a :class:`Scatter`.

    Args:
        name: of the legend, or above its own panel.
        labels: class of each, (N,); all of one colour where None.
        names: of each point, written beside it where there is room; none, or N.
    """

    name: Words
    points: Array
    labels: Array | None = None
    names: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Scatter:
    """Points of a plane.

    Args:
        class_names: of the labels 0, 1, …
        panels: one panel for each cloud, each with axes of its own, instead of one for all.
        circles: radii around the origin (a normal prior's standard deviations).
        surface: values under the points, (R, C), rows from the top, in [0, 1]: a half is white.
        extent: the surface's left, right, bottom and top.
        arrows: (M, 4): place and direction of each.
    """

    caption: Words
    clouds: tuple[Cloud, ...]
    class_names: tuple[str, ...] = ()
    x_label: Words = ""
    y_label: Words = ""
    panels: bool = False
    circles: tuple[float, ...] = ()
    surface: Array | None = None
    extent: tuple[float, float, float, float] | None = None
    arrows: Array | None = None


@dataclass(frozen=True)
class Tokens:
    """A text cut into tokens, each on a colour that tells its value.

    Args:
        tokens: as text; what cannot be seen is made visible by the page.
        values: (T,); the tokens alternate between two colours where None.
        notes: of each token, shown where it is pointed at; none, or T.
    """

    caption: Words
    tokens: tuple[str, ...]
    values: Array | None = None
    notes: tuple[Words, ...] = ()
    unit: Words = ""


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers; a number is written in the reader's notation.

    Args:
        digits: of a number's fraction; four significant digits where None.
        equal: columns whose numbers are the same, and are marked as such.
    """

    caption: Words
    columns: tuple[Words, ...]
    rows: tuple[tuple[Words | float | int, ...], ...]
    digits: int | None = None
    equal: tuple[int, ...] = ()


@dataclass(frozen=True)
class Control:
    """What a reader chooses with.

    Args:
        labels: of the choices, in order.
        kind: ``slider``, or ``select`` where the choices have no order.
        start: the choice shown first, and the one printed.
        plays: whether a button may run through the choices (an animation).
    """

    name: Words
    labels: tuple[Words, ...]
    kind: Literal["slider", "select"] = "slider"
    start: int = 0
    plays: bool = False


@dataclass(frozen=True)
class Choice:
    """Figures of which the reader sees one at a time; their own captions may be empty.

    Args:
        controls: one or two.
        figures: of each choice, the last control's running fastest.
        printed: which of them paper shows; the starting one where empty.
    """

    caption: Words
    controls: tuple[Control, ...]
    figures: tuple[Figure, ...]
    printed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Gaussians:
    """Two normal densities, each a mean and a deviation, and the signed integrand of D(p‖q), with sliders for all four.

    Where ``fixed_q`` holds, only p can be moved.
    """

    caption: Words
    p: tuple[float, float]
    q: tuple[float, float]
    names: tuple[Words, Words] = ("p", "q")
    fixed_q: bool = False


@dataclass(frozen=True)
class NextToken:
    """The distribution of the next token, with sliders for temperature, top-k and top-p.

    Of the tokens (V,) and their logits (V,), the ``shown`` likeliest are drawn.
    """

    caption: Words
    tokens: tuple[str, ...]
    logits: Array
    shown: int = 12


@dataclass(frozen=True)
class Guess:
    """What a reader answers before a live part shows. Nothing says which answer is right: the part does."""

    text: Message
    answers: tuple[Message, ...]


@dataclass(frozen=True)
class Live:
    """A part of the page that computes while the reader moves it, perhaps with the models of runs.

    Args:
        caption: see :class:`Plot`.
        part: the module of ``pages/play`` that draws it.
        runs: names of the runs whose models it computes with.
        settings: what it begins with, by name: words, numbers, arrays and lists of them.
        below: what stands beneath it, and stands alone where nothing moves: on paper, in a report, without script.
        decodes: whether it only decodes, so that a page may leave out what encodes.
        guess: what is asked first, perhaps.
        steps: checkpoints of the first run, whose decoders it computes with besides.
    """

    caption: Words
    part: str
    runs: tuple[str, ...]
    settings: Mapping[str, Any]
    below: Figure
    decodes: bool = False
    guess: Guess | None = None
    steps: tuple[int, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all models that it computes with: the runs', then those of the steps, ``vae/64``."""
        return (*self.runs, *(f"{self.runs[0]}/{step}" for step in self.steps))


Figure = (
    Plot | Bars | Heat | Images | Scatter | Tokens | Table | Choice | Gaussians | NextToken | Live
)
FIGURES = get_args(Figure)
"""The types of a figure."""
