"""Two normal densities and the signed integrand of their divergence, drawn so that the page's script can move them.

``play/gaussians.js`` draws the same again for other means and deviations: the same points, frames and round
heights; a test compares both.
"""

from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from olaria.i18n import N_, Message
from olaria.lessons.figures import Gaussians
from olaria.objectives.divergence import Gaussian, integrand
from olaria.pages.drawing import WIDTH, Drawing, Frame
from olaria.pages.labels import number
from olaria.pages.palette import BLUE, CLAY, FAINT, INK, MUTED

REACH = 7.0
"""Values across, on both sides of zero."""
POINTS = 561
"""Of each curve."""
_LEFT, _RIGHT = 64.0, WIDTH - 16.0
UPPER = (_LEFT, 40.0, _RIGHT, 196.0)
LOWER = (_LEFT, 280.0, _RIGHT, 450.0)
_HEIGHT = 500
_TITLE_ABOVE = (
    24  # from a frame's top to the line of its title, which its topmost tick label must not touch
)
UPPER_TICKS = (0.0, 0.5, 1.0)
LOWER_TICKS = (-0.5, 0.0, 0.5, 1.0)
"""Of the frames' own height."""
FRAME = {
    "reach": REACH,
    "points": POINTS,
    "upper": UPPER,
    "lower": LOWER,
    "upperTicks": UPPER_TICKS,
    "lowerTicks": LOWER_TICKS,
}
"""What the script is told of them."""


def round_above(value: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below ``value``.

    >>> round_above(0.42), round_above(2.1)
    (0.5, 5.0)
    """
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= value * (1 - 1e-9))


def gaussians(figure: Gaussians, language: str, description: str) -> Markup:
    """Both densities in the upper frame, the signed integrand of D(p‖q) in the lower.

    Args:
        figure: both distributions.
        language: of words and numbers.
        description: for those who do not see it.
    """
    p, q = Gaussian(*figure.p), Gaussian(*figure.q)
    x = np.linspace(-REACH, REACH, POINTS)
    densities = (p.density(x), q.density(x))
    y = integrand(p, q, x)
    highest = round_above(max(float(density.max()) for density in densities))
    reach = round_above(max(float(y.max()), -2 * float(y.min()), 1e-3))
    upper = Frame(UPPER, (-REACH, REACH), (0.0, highest))
    lower = Frame(LOWER, (-REACH, REACH), (-0.5 * reach, reach))
    drawing = Drawing(language)
    _axes(drawing, upper, UPPER_TICKS, highest, "upper")
    _axes(drawing, lower, LOWER_TICKS, reach, "lower")
    named = dict(zip("pq", figure.names, strict=True))
    label = Message(N_("integrand of D({p}‖{q}), nats per unit of x"), named)
    for (_, top, _, _), words in ((UPPER, Message(N_("density"))), (LOWER, label)):
        drawing.text(8, top - _TITLE_ABOVE, drawing.words(words), colour=MUTED)
    zero = lower.place(np.array([-REACH, REACH]), np.zeros(2))
    drawing.path(*zero, f'stroke="{MUTED}" fill="none"')
    for density, colour, role in zip(densities, (BLUE, CLAY), "pq", strict=True):
        dashes = ' stroke-dasharray="7 4"' if role == "q" else ""
        attributes = f'data-curve="{role}" stroke="{colour}" stroke-width="2" fill="none"{dashes}'
        drawing.path(*upper.place(x, density), attributes)
    _area(drawing, lower, x, np.maximum(y, 0.0), f'data-curve="above" fill="{BLUE}"')
    _area(drawing, lower, x, np.minimum(y, 0.0), f'data-curve="below" fill="{CLAY}"')
    drawing.path(*lower.place(x, y), f'data-curve="integrand" stroke="{INK}" fill="none"')
    for i, (name, colour) in enumerate(zip(figure.names, (BLUE, CLAY), strict=True)):
        drawing.text(
            WIDTH - 170 + 90 * i,
            UPPER[1] - _TITLE_ABOVE,
            drawing.words(name),
            colour=colour,
            size=15,
        )
    return drawing.svg(WIDTH, _HEIGHT, description)


def _axes(
    drawing: Drawing, frame: Frame, ticks: tuple[float, ...], height: float, role: str
) -> None:
    left, _, right, bottom = frame.box
    for tick in ticks:
        _, y = frame.place(np.zeros(1), np.array([tick * height]))
        drawing.line(left, y[0], right, y[0], FAINT)
        text = number(tick * height, drawing.language)
        drawing.text(left - 8, y[0] + 4, text, "end", MUTED, 13, f' data-tick="{role}"')
    for value in range(-6, 7, 2):
        x, _ = frame.place(np.array([float(value)]), np.zeros(1))
        drawing.text(x[0], bottom + 20, number(value, drawing.language), "middle", MUTED, 13)


def _area(
    drawing: Drawing,
    frame: Frame,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    attributes: str,
) -> None:
    across, up = np.concatenate([x, [REACH, -REACH]]), np.concatenate([y, np.zeros(2)])
    drawing.path(*frame.place(across, up), f'{attributes} fill-opacity="0.4"')
