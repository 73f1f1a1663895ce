"""The drawing of an architecture says every shape and count, in the reader's notation."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from olaria.cards.context import Layer, Stage
from olaria.i18n import Message
from olaria.pages.architecture import architecture
from olaria.pages.code_use import code_use
from olaria.pages.style import svg

KIND = Message("linear")
STAGES = (
    Stage(Message("image"), shape=(1, 28, 28)),
    Stage(Message("encoder"), (Layer("encoder.0", KIND, (512,), 401920),
                               Layer("blocks.0–3.a", KIND, (64, 1024), 1000, 4, "blocks"),
                               Layer("blocks.0–3.b", KIND, (64, 32), 2000, 4, "blocks"))),
    Stage(Message("latent vector z"), shape=(32,)),
)  # fmt: skip


def words(language: str) -> list[str]:
    (axes,) = architecture(STAGES, language).axes
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("language", "mark"), [("en", ","), ("pt", ".")])
def test_shapes_and_counts_are_written(language: str, mark: str) -> None:
    text = words(language)
    for expected in ("1 × 28 × 28", "512", f"64 × 1{mark}024", "32", "×4", f"401{mark}920",
                     f"4 × 1{mark}000", f"4 × 2{mark}000"):  # fmt: skip
        assert expected in text
    assert any(f"413{mark}920" in line for line in text), "all of the part: 401,920 + 4 · 3,000"
    assert text.count("×4") == 1, "two layers, one frame"


def test_a_bar_is_as_wide_as_its_answer_is_large_and_nothing_leaves_the_figure() -> None:
    figure = architecture(STAGES)
    (axes,) = figure.axes
    width, height = figure.get_size_inches()
    boxes = [patch.get_bbox() for patch in axes.patches if hasattr(patch, "get_boxstyle")]
    assert len(boxes) == 2 + 1 + 3 + 1, "two values, the part, three layers, the frame"
    for box in boxes:
        assert 0 <= box.x0 <= box.x1 <= width
        assert min(box.y0, box.y1) >= 0 and max(box.y0, box.y1) <= height
    image, _, *rest = boxes
    narrow = [box.width for box in rest][-1]
    assert narrow < image.width, "32 numbers are fewer than 784"


def test_it_is_an_svg_even_of_odd_words() -> None:
    odd = Stage(Message("<&>" * 30), (Layer("x" * 90, Message("word " * 20), (), 0),))
    root = ElementTree.fromstring(svg(architecture((odd,), "pt")))
    assert root.tag.endswith("svg")
    assert "1" in [text.get_text() for text in architecture((odd,)).axes[0].texts], "a scalar"


def test_the_use_of_codes_is_drawn_from_the_most_frequent() -> None:
    import numpy as np

    (axes,) = code_use(np.array([1, 0, 6, 3]), "pt").axes
    assert [round(bar.get_height(), 6) for bar in axes.patches] == [60, 30, 10, 0]
    assert any("25,00%" in text.get_text() for text in axes.texts), "a fourth each"


def test_words_beside_bars_do_not_meet() -> None:
    """Portuguese names of layers take two lines, and the count a third."""
    long = Message("linear: consultas, chaves e valores")
    layers = tuple(Layer(f"blocks.0–1.{i}", long, (32, 96), 3072, 2, "blocks") for i in range(4))
    stages = (Stage(long, shape=(32,)), Stage(Message("blocks"), layers), Stage(long, shape=(32,)))
    (axes,) = architecture(stages, "pt").axes
    beside = [text for text in axes.texts if text.get_ha() == "left" and text.get_position()[0] > 2]
    boxes = sorted((text.get_window_extent() for text in beside), key=lambda box: -box.y1)
    assert len(boxes) == 2 + 4 * 3 + 2
    assert all(upper.y0 >= lower.y0 + 0.6 * lower.height for upper, lower in pairwise(boxes))
