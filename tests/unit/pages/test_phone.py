"""A report on a telephone: the words in its figures are read without a lens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from olaria.cards.context import Layer, ReportContext, RunCard, Stage
from olaria.i18n import Message
from olaria.pages import pictures
from olaria.pages.pictures import Picture, Pictures

COLUMN = 390 - 32  # of a telephone, less the page's margins
LEAST = 10.0  # CSS pixels
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker")


def letters(figure: Figure) -> Iterator[float]:
    """The sizes in points of all that is written in it."""
    figure.draw_without_rendering()
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip():
            yield float(text.get_fontsize())


def stages() -> list[Stage]:
    layers = tuple(
        Layer(f"encoder.{i}", Message("convolution with a very long name of its own"), (16, 7, 7), 10**6)
        for i in range(3)
    )  # fmt: skip
    return [Stage(Message("image"), shape=(1, 28, 28)), Stage(Message("encoder"), layers)]


def drawings(context: ReportContext) -> dict[str, Callable[[Pictures], Picture | None]]:
    """Every picture of a report that has words in it."""
    autoencoder, vae, gan, gpt = context.runs
    wide = np.zeros((20, 1, 28, 50), np.uint8)
    vq = replace(autoencoder, code_counts=np.arange(40))
    clothes = replace(vae, class_names=CLASSES, labels=np.arange(40) % 8)
    losses = [{"step": i, "elapsed_s": i, "split": split, "values": {"loss_nats_per_token": 3 / (i + 1)}}
              for i in range(9) for split in ("train", "validation")]  # fmt: skip
    models: list[RunCard] = [replace(gpt, name=f"gpt-{i}", metrics=losses) for i in range(5)]
    return {
        "reconstructions": lambda p: p.reconstructions(autoencoder),
        "reconstructions of odd images": lambda p: p.reconstructions(
            replace(autoencoder, originals=wide, reconstructions=wide)
        ),
        "first and last": lambda p: p.first_and_last(replace(gan, first=wide, last=wide)),
        "manifold": lambda p: p.manifold(vae),
        "latents": lambda p: p.latents([clothes]),
        "both latents": lambda p: p.latents([autoencoder, clothes]),
        "losses": lambda p: p.losses(vae),
        "game": lambda p: p.game_losses(gan),
        "language": lambda p: p.language_losses(models),
        "kl": lambda p: p.kl(),
        "codes": lambda p: p.codes(vq),
        "architecture": lambda p: p.architecture(stages(), "a model"),
    }


@pytest.mark.parametrize("language", ["en", "pt"])
def test_words_in_figures_are_large_enough(
    small_context: ReportContext, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []

    def noted(figure: Figure) -> bytes:
        drawn.append(figure)
        return b"<svg/>"

    monkeypatch.setattr(pictures, "svg", noted)
    monkeypatch.setattr(pictures, "png", noted)
    monkeypatch.setattr(pictures, "_png_width", lambda _image: 680)
    pictures._kl_images.cache_clear()
    small = {}
    for name, draw in drawings(small_context).items():
        drawn.clear()
        picture = draw(Pictures(language))
        assert picture is not None, name
        shown = min(COLUMN, picture.width)
        figure = drawn[-1]  # the narrow one, where there are two
        size = min(letters(figure)) / 72 * shown / figure.get_figwidth()
        if size < LEAST:
            small[name] = round(size, 1)
    pictures._kl_images.cache_clear()
    assert small == {}


@pytest.mark.parametrize(
    "names", [CLASSES, [f"a name of {i}" for i in range(10)], list("0123456789")]
)
def test_the_maps_legend_is_whole_and_its_names_lie_apart(names: Any) -> None:
    from olaria.pages.planes import Cloud, latent_scatter, map_of_codes

    rng = np.random.default_rng(0)
    labels = np.arange(400) % len(names)
    points = rng.normal(size=(400, 2)) + 0.4 * np.stack([np.cos(labels), np.sin(labels)], 1)
    clouds = [Cloud("one", points, labels, True), Cloud("two", points, labels)]
    for figure in (
        latent_scatter(clouds[:1], names),
        latent_scatter(clouds, names),
        latent_scatter(clouds, names, narrow=True),
        map_of_codes(points, labels, names, "a map"),
    ):
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box, whole = legend.get_window_extent(), figure.bbox
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0
        assert sorted(text.get_text() for text in legend.get_texts()) == sorted(names)
        for axes in figure.axes:
            boxes = [t.get_window_extent() for t in axes.texts if t.get_text() in set(names)]
            assert len(boxes) > len(names) // 2
            for i, one in enumerate(boxes):
                assert not any(one.overlaps(other) for other in boxes[:i])
