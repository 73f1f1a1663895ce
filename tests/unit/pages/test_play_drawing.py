"""Drawing in a page: what the model makes of an image, how strange it is, and what a hand does to it, as in Python."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from olaria.evaluation.anomaly import Detector
from olaria.lessons.live_images import distance, score, two_mixes
from olaria.sampling import latent

from .test_play_images import VARIANTS, disturbed

Node = Callable[..., list[Any]]
Document = Callable[..., dict[str, Any]]
TOLERANCE = 1e-4
ENCODING = [variant for variant in VARIANTS if variant[0] in ("autoencoder", "vae")]
IDS = ["-".join((family, *map(str, settings.values()))) for family, settings, _ in ENCODING]


def listed(settings: dict[str, Any]) -> dict[str, Any]:
    """As the page's JSON has them."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in settings.items()
    }


@pytest.mark.parametrize("variant", ENCODING, ids=IDS)
def test_an_image_is_rebuilt_and_scored_as_olaria_detects(
    played: Document, images_in_node: Node, variant: Any
) -> None:
    model, shape = disturbed(*variant), variant[2]
    draws = torch.Generator().manual_seed(5)
    x, train = (torch.rand(n, *shape, generator=draws) for n in (4, 20))
    y = torch.arange(4) % model.classes if model.classes else None
    scores = [listed(score("error", np.zeros(3)))]
    expected: list[Tensor] = []
    if y is None:
        encode, decode = (partial(f, model) for f in (latent.encode, latent.decode))
        found = Detector.fitted(encode, decode, train)
        spread = found.codes.std(0).clamp_min(1e-6).double().numpy()
        known = found.codes.double().numpy() / spread
        scores.append(listed(distance(np.zeros(3), known, spread)))
        looked = found.look(x)
        rebuilt, expected = looked.rebuilt, [looked.scores["error"], looked.scores["code"]]
    else:  # strange images have no class, so Olaria does not detect them; the formula is the same
        rebuilt = latent.reconstruct(model, x, y)
        expected = [(rebuilt - x).square().flatten(1).mean(1)]
    job = {
        "job": "through",
        "document": played(model, shape),
        "images": x.flatten(1).tolist(),
        "classes": None if y is None else y.tolist(),
        "scores": scores,
    }
    (made,) = images_in_node(job)
    rows = torch.tensor([one["rebuilt"] for one in made])
    torch.testing.assert_close(rows, rebuilt.flatten(1), atol=TOLERANCE, rtol=0)
    apart = torch.tensor([one["difference"] for one in made])
    torch.testing.assert_close(apart, (rebuilt - x).abs().flatten(1), atol=TOLERANCE, rtol=0)
    scored = torch.tensor([one["scores"] for one in made])
    torch.testing.assert_close(scored, torch.stack(expected, 1), atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("variant", ENCODING, ids=IDS)
def test_the_way_between_two_codes_is_pythons(
    played: Document, images_in_node: Node, variant: Any
) -> None:
    model, shape = disturbed(*variant), variant[2]
    codes = torch.randn(2, model.latent, generator=torch.Generator().manual_seed(6))
    y = torch.tensor([1]) if model.classes else None
    decoded = latent.interpolate(model, codes[:1], codes[1:], 5, y=y)[0].double().numpy()
    job = {
        "job": "mixes",
        "document": played(model, shape),
        "codes": codes.tolist(),
        "y": None if y is None else 1,
        "places": np.linspace(0, 1, 5).tolist(),
    }
    (found,) = images_in_node(job)
    for name, row in zip(("byCodes", "byPixels"), two_mixes(decoded).strips, strict=True):
        pixels = np.array([one[name] for one in found]).reshape(row.images.shape)
        assert pixels == pytest.approx(row.images, abs=TOLERANCE)
    assert found[0]["byCodes"] == pytest.approx(found[0]["byPixels"], abs=1e-6)


def test_how_many_test_images_are_less_strange(images_in_node: Node) -> None:
    scores = np.random.default_rng(0).gamma(3.0, 0.01, 500)
    quantiles = score("error", scores)["quantiles"]
    values = [*np.random.default_rng(1).gamma(3.0, 0.01, 50), *quantiles, -1.0, 9.0]
    jobs = [
        {"job": "below", "quantiles": quantiles.tolist(), "values": [float(v) for v in values]},
        {"job": "below", "quantiles": [0, 0, 0, 1, 1, 2], "values": [0, 1e-9, 0.5, 1, 1.5, 2]},
        {"job": "below", "quantiles": [3, 3], "values": [2, 3, 4]},
        {"job": "outline", "quantiles": quantiles.tolist(), "bins": 12},
    ]
    found, ties, same, outline = images_in_node(*jobs)
    straight = np.interp(values, quantiles, np.linspace(0, 1, len(quantiles)))
    assert found == pytest.approx(straight, abs=1e-9)
    exactly = [(scores < value).mean() for value in values]
    assert found == pytest.approx(exactly, abs=0.011)
    assert ties == pytest.approx([0, 0.4, 0.5, 0.8, 0.9, 1]) and same == [0, 0, 1]
    counts, edges = np.histogram(scores, 12, (0, quantiles[-1]))
    assert outline["x"][::2] == pytest.approx(edges[:-1])
    assert outline["y"][::2] == pytest.approx(counts / len(scores), abs=0.015)
    assert sum(outline["y"]) == pytest.approx(2)


# -- the hand ------------------------------------------------------------------------------------------

SHAPES = [(1, 6, 6), (3, 5, 5), (3, 4, 7), (1, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_whole_image_is_changed(images_in_node: Node, shape: tuple[int, int, int]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    job = {"job": "change", "values": x.flatten().tolist(), "shape": shape, "paper": 1, "normal": 2}
    names = ("shift", "turn", "halve", "invert", "disturb")
    shift, turn, halve, invert, noisy = (
        torch.tensor(found, dtype=torch.float32).view(shape)
        for found in images_in_node(*({**job, "name": name} for name in names))
    )
    expected = torch.cat((torch.ones(*shape[:2], 1), x[..., :-1]), 2)
    torch.testing.assert_close(shift, expected)
    torch.testing.assert_close(turn, x.rot90(1, (1, 2)) if shape[1] == shape[2] else x.flip(2))
    half = x.clone()
    half[..., shape[2] // 2 :] = 1
    torch.testing.assert_close(halve, half)
    torch.testing.assert_close(invert, 1 - x)
    torch.testing.assert_close(noisy, (x + 0.6).clamp(0, 1))


def strokes_on(images_in_node: Node, shape: Any, base: float, *strokes: Any) -> Tensor:
    job = {
        "job": "strokes",
        "shape": shape,
        "base": [base] * int(np.prod(shape)),
        "strokes": [{"colour": colour, "points": points} for colour, points in strokes],
    }
    return torch.tensor(images_in_node(job)[0]).view(shape)


def test_a_stroke_is_soft_straight_and_of_one_cover(images_in_node: Node) -> None:
    shape, points = (1, 28, 28), [[6, 14], [22, 14]]
    once = strokes_on(images_in_node, shape, 0, ([1], points))[0]
    column = once[:, 14]
    # Radius 1.54: whole within 1.04 of the line, which lies between two rows of pixels; nothing beyond 2.04.
    assert column[[13, 14]].tolist() == [1, 1]
    assert column[[12, 15]].tolist() == pytest.approx([0.54, 0.54], abs=0.02)
    assert column[[11, 16]].tolist() == [0, 0] and once[13, 10:18].tolist() == [1] * 8
    to_and_fro = strokes_on(images_in_node, shape, 0, ([1], [*points, *points[::-1]]))[0]
    torch.testing.assert_close(to_and_fro, once)  # the same stroke does not cover twice
    rubbed = strokes_on(images_in_node, shape, 0, ([1], points), ([0], points))[0]
    assert rubbed[13, 14] == 0 and 0 < rubbed[12, 14] < once[12, 14]
    assert strokes_on(images_in_node, shape, 0, ([1], [[-50, -50]])).sum() == 0


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 96, 64)])
def test_a_dot_has_its_colour_and_can_be_seen_at_any_size(
    images_in_node: Node, shape: tuple[int, int, int]
) -> None:
    colour, middle = [0.8, 0.2, 0.4][: shape[0]], [shape[2] / 2 + 0.5, shape[1] / 2 + 0.5]
    x = strokes_on(images_in_node, shape, 0.5, (colour, [middle]))
    assert x[:, shape[1] // 2, shape[2] // 2] == pytest.approx(
        torch.tensor(colour), abs=0.07 if shape[1] == 8 else 1e-6
    )
    assert (x[:, 0, 0] == 0.5).all()


def test_an_address_holds_the_drawing(images_in_node: Node) -> None:
    values = torch.cat((torch.zeros(500), torch.rand(284), torch.tensor([1.0, 0.5])))
    texts = ["A9", "A8B", "A10", "A3", "9", "", "A-1", "A1e9", "A4<b>", "A0B9"]
    written, read = images_in_node(
        {"job": "address", "values": values.tolist()}, {"job": "read", "texts": texts, "size": 9}
    )
    assert written["text"].startswith("A500") and len(written["text"]) < 300
    assert written["again"] == written["pixels"]
    assert torch.tensor(written["pixels"]) == pytest.approx(values, abs=0.5 / 51 + 1e-6)
    assert read[0] == [0] * 9 and read[1] == pytest.approx([0] * 8 + [1 / 51])
    assert read[2:-1] == [None] * 7 and read[-1] == pytest.approx([1 / 51] * 9)


def test_bytes_of_an_image_travel_whole() -> None:
    from olaria.export.live_images import bytes_of

    raw = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8)
    assert bytes_of((raw.float() / 255).numpy()) == b64encode(raw.numpy().tobytes()).decode()
