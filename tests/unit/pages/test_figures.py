"""Figures: valid images, whole enlargement, the right numbers in the reader's notation."""

from __future__ import annotations

import io
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from olaria.lessons.kl.scene import P, Q
from olaria.pages import areas, curves, figures, planes
from olaria.pages.curves import Panel, Series
from olaria.pages.style import png, svg

LANGUAGES = ("en", "pt")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8), np.uint8)


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


def root_of(data: bytes) -> ElementTree.Element:
    root = ElementTree.fromstring(data)
    assert root.tag.endswith("svg")
    return root


def words(figure: Figure) -> list[str]:
    """Everything written in a figure, tick labels included."""
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        parts = (axes.texts, axes.get_xticklabels(), axes.get_yticklabels())
        texts += [text.get_text() for part in parts for text in part]
        texts += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
    return texts


def test_tile_keeps_every_pixel(images: np.ndarray) -> None:
    sheet = figures.tile(images, 5, gap=2)
    assert sheet.shape == (3 * 10 - 2, 5 * 10 - 2, 3)
    np.testing.assert_array_equal(sheet[10:18, 20:28, 0], images[7, 0])
    assert (sheet[8:10] == 255).all()
    assert (sheet[20:28, 20:28] == 255).all()  # the places left over


def test_floats_and_colours_become_the_same_bytes(images: np.ndarray) -> None:
    as_floats = figures.tile((images / 255).astype(np.float32), 4)
    np.testing.assert_array_equal(as_floats, figures.tile(images, 4))
    colour = np.repeat(images, 3, 1)
    colour[:, 2] = 0
    assert figures.tile(colour, 4)[0, 0].tolist() == [images[0, 0, 0, 0], images[0, 0, 0, 0], 0]


@pytest.mark.parametrize(
    "wrong",
    [
        np.full((2, 1, 4, 4), 1.2),
        np.full((2, 1, 4, 4), np.nan),
        np.zeros((2, 2, 4, 4)),
        np.zeros((0, 1, 4, 4)),
        np.zeros((4, 4)),
    ],
)
def test_what_is_not_images_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="images"):
        figures.to_pixels(wrong)


def test_grid_enlarges_by_a_whole_number(images: np.ndarray) -> None:
    data = png(figures.image_grid(images, 4))
    width, height = size_of(data)
    native = figures.tile(images, 4)
    scale = width // native.shape[1]
    assert (width, height) == (native.shape[1] * scale, native.shape[0] * scale)
    drawn = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(drawn[scale // 2 :: scale, scale // 2 :: scale], native)


def test_image_figures_are_pngs_in_both_languages(images: np.ndarray) -> None:
    for language in LANGUAGES:
        size_of(png(figures.reconstructions(images, images, language)))
        size_of(png(figures.first_and_last(images, images, 1200, language)))
        size_of(png(planes.manifold(images[:9])))
    size_of(png(figures.interpolation(images.reshape(3, 4, 1, 8, 8))))
    size_of(png(figures.interpolation(images)))


def test_reconstructions_stand_under_their_originals(images: np.ndarray) -> None:
    white = np.full_like(images, 255)
    figure = figures.reconstructions(np.zeros_like(images), white)
    means = [float(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes]
    assert means == [0, 255, 0, 255]
    assert [text.get_text() for text in figure.texts] == ["original", "reconstruction"] * 2
    with pytest.raises(ValueError, match="originals"):
        figures.reconstructions(images, images[:3])


def test_manifold_wants_a_square(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="square"):
        planes.manifold(images)


@pytest.mark.parametrize("narrow", [False, True])
def test_planes_share_square_axes_and_only_the_prior_has_circles(narrow: bool) -> None:
    rng = np.random.default_rng(0)
    wide, close = rng.normal(0, 9, (300, 2)), rng.normal(0, 1, (300, 2))
    labels = np.arange(300) % 10
    clouds = [planes.Cloud("AE", wide, labels), planes.Cloud("VAE", close, labels, prior=True)]
    figure = planes.latent_scatter(clouds, tuple("0123456789"), "pt", narrow)
    left, right = figure.axes
    assert left.get_xlim() == left.get_ylim() == right.get_xlim() == right.get_ylim()
    assert left.get_xlim()[0] == -left.get_xlim()[1]
    assert len(left.patches) == 0
    assert [circle.get_radius() for circle in right.patches] == [1, 2, 3]
    assert len(figure.legends[0].get_texts()) == 10
    root_of(svg(figure))


def test_points_outside_the_axes_are_counted() -> None:
    latents = np.random.default_rng(0).normal(0, 1, (1000, 2))
    latents[0] = (50, 0)
    figure = planes.latent_scatter([planes.Cloud("AE", latents)])
    (axes,) = figure.axes
    reach = axes.get_xlim()[1]
    outside = int((np.abs(latents).max(1) > reach).sum())
    assert outside >= 1
    assert f"{outside} of 1,000 points outside" in words(figure)


def test_kl_figure_shows_both_numbers_with_a_decimal_comma() -> None:
    text = " ".join(words(areas.kl_figure(P, Q, "pt")))
    # 0.3499: log 1.5 + 2/4.5 - 1/2; 0.7195: log(1/1.5) + 3.25/2 - 1/2.
    assert "D(p‖q) = 0,350 nats" in text
    assert "D(q‖p) = 0,720 nats" in text
    assert "0.3" not in text
    assert "D(p‖q) = 0.350 nats" in " ".join(words(areas.kl_figure(P, Q, "en", narrow=True)))


def test_the_areas_drawn_are_the_areas_written() -> None:
    axes = areas.kl_figure(P, Q).axes[1]
    blue, red = (area_of(axes, i) for i in (0, 1))
    assert blue == pytest.approx(0.472, abs=2e-3)
    assert red == pytest.approx(0.123, abs=2e-3)


def area_of(axes: Axes, index: int) -> float:
    """Unsigned area of a filled shape, by the shoelace formula."""
    total = 0.0
    for path in axes.collections[index].get_paths():
        x, y = path.vertices[:-1].T
        total += 0.5 * abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1)))
    return total


def test_smoothing_does_not_lag_and_keeps_gaps() -> None:
    line = np.linspace(0, 1, 400)
    np.testing.assert_allclose(curves.smooth(line), line, atol=1e-12)
    line[100] = np.nan
    smoothed = curves.smooth(line)
    assert math.isnan(smoothed[100])
    assert np.isfinite(np.delete(smoothed, 100)).all()
    noise = np.random.default_rng(0).normal(0, 1, 4000)
    assert curves.smooth(noise).std() < 0.2


def test_a_high_beginning_is_told_not_hidden() -> None:
    steps = np.arange(400.0)
    values = 1 + 500 * np.exp(-steps / 3)
    figure = curves.loss_curves([Panel([Series("loss", steps, values)], "nats")], "pt")
    assert figure.axes[0].get_ylim()[1] < 100
    assert any("501" in text for text in words(figure))


def test_gan_levels_are_where_theory_puts_them() -> None:
    pair = (np.arange(50.0), np.ones(50))
    text = " ".join(words(curves.loss_curves(curves.gan_panels(pair, pair, "pt"), "pt")))
    assert "2 log 2 = 1,386" in text
    assert "log 2 = 0,693" in text
    assert not any(panel.levels for panel in curves.gan_panels(pair, pair, "pt", False))


@pytest.mark.parametrize(
    "curve",
    [
        lambda x: 0.72 + 0.4 * np.exp(-x / 30),  # comes down to the level from above
        lambda x: 0.66 - 0.4 * np.exp(-x / 30),
        lambda x: 0.69 + 0.5 * np.sin(x / 70) * (x > 220),  # is at it for half of the way
        lambda x: 0.9 - 0.3 * x / 399,  # crosses it
    ],
)
@pytest.mark.parametrize("narrow", [False, True])
def test_the_name_of_a_level_stands_where_its_curve_is_not(curve: Any, narrow: bool) -> None:
    x = np.arange(400.0)
    panel = Panel([Series("loss", x, curve(x))], "nats", [(0.693, "balance: log 2 = 0.693")])
    figure = curves.loss_curves([panel, panel], narrow=narrow)
    figure.canvas.draw()
    for axes in figure.axes:
        (name,) = (text for text in axes.texts if "balance" in text.get_text())
        box = name.get_window_extent()
        across, up = axes.transData.transform(np.stack((x, curve(x)), 1)).T
        behind = (across >= box.x0) & (across <= box.x1) & (up >= box.y0) & (up <= box.y1)
        assert not behind.any()
        frame = axes.get_window_extent()
        assert frame.x0 - 3 <= box.x0 and box.x1 <= frame.x1 + 3
        assert frame.y0 - 3 <= box.y0 and box.y1 <= frame.y1 + 3


def test_curves_are_svgs_even_with_nothing_finite() -> None:
    empty = Series("loss", np.arange(3.0), np.full(3, np.nan))
    points = Series("validation", np.arange(2.0), np.array([1.0, 0.5]), points=True)
    for language in LANGUAGES:
        root_of(svg(curves.loss_curves([Panel([empty, points], "nats")], language)))


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert svg(areas.kl_figure(P, Q)) == svg(areas.kl_figure(P, Q))


def test_long_names_of_curves_keep_off_the_unit() -> None:
    def boxes(count: int) -> list[object]:
        names = [f"a long name of a run {i}" for i in range(count)]
        series = [Series(name, np.arange(9.0), np.arange(9.0)) for name in names]
        figure = curves.loss_curves([Panel(series, "nats per token")])
        png(figure)  # arranges its parts
        (axes,) = figure.axes
        legend, (unit,) = axes.get_legend(), axes.texts
        assert legend is not None
        heights.append(axes.get_window_extent().height)
        return [legend.get_window_extent(), unit.get_window_extent()]

    heights: list[float] = []
    for count in (2, 9):
        legend, unit = boxes(count)
        assert not legend.overlaps(unit)  # type: ignore[attr-defined]
    assert heights[1] == pytest.approx(heights[0], rel=0.1), (
        "more names do not press the curves flat"
    )
