"""Names in a lesson's drawings: each stands beside what it names, on no curve, on no point and on no other name."""

from __future__ import annotations

import re

import numpy as np
import pytest

from olaria.i18n import Message
from olaria.lessons.figures import Bars, Cloud, Curve, Plot, Scatter
from olaria.pages import cells
from olaria.pages.drawing import plot, scatter
from olaria.pages.room import Box, Free, along, beside_level, beside_mark
from olaria.pages.steps import Views

FRAME: Box = (64.0, 52.0, 614.0, 300.0)
X = np.linspace(0, 200, 201)
NOISE = np.random.default_rng(0).normal(size=201)
CURVES = {
    "along the level": np.full(201, 0.7) + 0.005 * NOISE,
    "across it": np.linspace(0.0, 1.4, 201),
    "around it": 0.7 + 0.1 * NOISE,
    "at the ends only": np.where((X < 60) | (X > 140), 0.72, 1.3),
}


def boxes(svg: str) -> list[Box]:
    """The grounds that names of lines stand on."""
    found = re.findall(r'<rect x="(.+?)" y="(.+?)" width="(.+?)" height="(.+?)"', svg)
    places = [[float(number) for number in numbers] for numbers in found]
    return [(x, y, x + width, y + height) for x, y, width, height in places]


def inside(box: Box, x: np.ndarray, y: np.ndarray) -> int:
    left, top, right, bottom = box
    return int(((x > left) & (x < right) & (y > top) & (y < bottom)).sum())


@pytest.mark.parametrize("y", CURVES.values(), ids=CURVES)
def test_the_name_of_a_line_lies_on_no_curve(y: np.ndarray) -> None:
    curves = (Curve("a loss", X, y), Curve("another", X, y + 1.0))
    levels = (("the generator's balance", 0.7), ("the discriminator's balance", 1.7))
    svg = str(plot(Plot("", curves, "step", "nats", levels, (("best: 20", 20.0),)), "en", ""))
    found = boxes(svg)
    assert len(found) == 3
    for box in found:
        assert FRAME[0] <= box[0] and box[2] <= FRAME[2], "within the frame"
    for curve in re.findall(r'<path d="([^"]*)" stroke="[^"]*" stroke-width="2"', svg)[2:]:
        points = np.array([[float(n) for n in at.split()] for at in re.split("[ML]", curve)[1:]])
        assert sum(inside(box, *along(*points.T).T) for box in found) == 0
    for i, box in enumerate(found):
        for other in found[:i]:
            apart = box[2] <= other[0] or other[2] <= box[0]
            assert apart or box[3] <= other[1] or other[3] <= box[1]


def test_where_everything_is_taken_the_name_hides_the_least() -> None:
    grid = np.stack(np.meshgrid(np.arange(0, 640, 4.0), np.arange(0, 320, 4.0)), -1).reshape(-1, 2)
    free = Free([grid])
    assert free.best(beside_level("balance", FRAME, 200.0))[3] <= FRAME[3]
    assert free.best(beside_mark("rank", FRAME, 610.0))[2] <= FRAME[2]
    assert free.first(beside_mark("rank", FRAME, 610.0)) is None


def test_points_have_their_names_where_there_is_room() -> None:
    names = tuple("abcdefghij")
    points = np.array([*((float(i), float(i % 3)) for i in range(9)), (0.0, 0.0)])
    figure = Scatter("", (Cloud("", points, np.arange(10) % 2, names),), ("x", "y"))
    drawn = re.findall(r'font-size="13"[^>]*>([a-z])</text>', str(scatter(figure, "en", "")))
    assert set("abcdefghi") <= set(drawn) | {"j"} and len(drawn) - 2 >= 9
    crowd = Cloud("", np.zeros((300, 2)) + 0.001 * NOISE[:2], None, ("token",) * 300)
    assert str(scatter(Scatter("", (crowd,)), "en", "")).count(">token<") <= 8


@pytest.mark.parametrize("language", ["en", "pt"])
def test_bars_of_very_different_sizes_say_their_scale(language: str) -> None:
    series = (("the stream", np.array([3.0, 1481.0])), ("after", np.array([1.0, 1.0])))
    figure = Bars("", ("a", "b"), series, by_factors=True)
    rows = cells.bar_rows(figure, language)
    widths = [cell.width for row in rows for cell in row]
    assert min(widths) > 10 and max(widths) == pytest.approx(100)
    assert rows[1][0].width / rows[1][1].width == pytest.approx(np.log10(14810), rel=1e-6)
    told = str(Views(language).of(figure)["scale"])
    assert ("0.1" if language == "en" else "0,1") in told and "logar" in told
    plain = Bars("", ("a", "b"), series)
    assert (
        Views(language).of(plain)["scale"] == "" and cells.bar_rows(plain, language)[0][1].width < 1
    )


@pytest.mark.parametrize("numbers", [[0.0, 5.0], [-1.0, 3.0], [np.nan, np.nan]])
def test_a_scale_by_factors_needs_numbers_above_zero(numbers: list[float]) -> None:
    figure = Bars("", ("a", "b"), ((Message("s"), np.array(numbers)),), by_factors=True)
    assert cells.first_power(figure) is None and len(cells.bar_rows(figure, "en")) == 2


def test_what_is_counted_has_no_half() -> None:
    layers = np.arange(3.0)
    svg = str(plot(Plot("", (Curve("s", layers, layers),), "layer", "length"), "en", ""))
    assert "0.5</text>" not in re.sub(r'text-anchor="end".*?</text>', "", svg)
