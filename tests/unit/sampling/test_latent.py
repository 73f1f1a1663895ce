"""Latent vectors to images, and the paths between them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import norm

from olaria.errors import SamplingError
from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import Model
from olaria.sampling import latent
from olaria.training.randomness import generator, seeded


def model(family: str, **changes: Any) -> Model:
    """A tiny one for 8×8 images, or for 11 tokens."""
    entry = MODELS[family]
    config = entry.config.parse({**entry.sizes["tiny"].model_dump(), **changes}, "test")
    with seeded(0, "weights"):
        return build(config, (1, 8, 8) if entry.data == "images" else 11).eval()


def normal(*shape: int) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=generator(0, "z"))


@pytest.mark.parametrize("family", ["autoencoder", "vae", "gan", "image-flow"])
def test_decoding_goes_in_blocks_and_stays_in_range(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder: Any = model(family)
    z = 5 * normal(25, decoder.latent)
    whole = latent.decode(decoder, z)
    assert whole.shape == (25, 1, 8, 8) and not whole.requires_grad
    assert whole.min() >= 0 and whole.max() <= 1
    monkeypatch.setattr(latent, "_BLOCK", 10)
    torch.testing.assert_close(latent.decode(decoder, z), whole, rtol=1e-4, atol=1e-5)


def test_a_linear_output_is_shown_in_range() -> None:
    x = latent.decode(model("autoencoder", output="linear"), 20 * normal(9, 8))
    assert x.min() == 0 and x.max() == 1


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_the_prior_is_seeded_and_standard_normal(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = model(family)
    first, again, other = (latent.prior(decoder, 3, generator(s, "prior")) for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    monkeypatch.setattr(latent, "decode", lambda model, z, y=None: z)
    z = latent.prior(decoder, 2000, generator(0, "prior"))
    assert abs(z.mean().item()) < 0.03 and z.std().item() == pytest.approx(1, abs=0.03)


def test_what_a_model_lacks_is_told() -> None:
    with pytest.raises(SamplingError, match="no prior"):
        latent.prior(model("autoencoder"), 1, generator(0))
    with pytest.raises(SamplingError, match="no encoder"):
        latent.reconstruct(model("gan"), torch.rand(1, 1, 8, 8))
    with pytest.raises(SamplingError, match="two latent dimensions"):
        latent.manifold(model("vae"))
    with pytest.raises(SamplingError, match="no map of two"):
        latent.manifold(model("image-flow"))


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
def test_reconstruction_is_the_models_own(family: str) -> None:
    coder = model(family)
    x = torch.rand(6, 1, 8, 8, generator=generator(0, "x"))
    torch.testing.assert_close(latent.reconstruct(coder, x), coder.reconstruct(x).detach())


def _paths(monkeypatch: pytest.MonkeyPatch, path: Any, a: torch.Tensor, b: torch.Tensor) -> Any:
    monkeypatch.setattr(latent, "decode", lambda model, z, y=None: z)
    return latent.interpolate(model("vae"), a, b, 5, path)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_a_path_begins_and_ends_where_it_should(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(2, 3, 8)
    z = _paths(monkeypatch, path, a, b)
    assert z.shape == (3, 5, 8)
    torch.testing.assert_close(z[:, 0], a)
    torch.testing.assert_close(z[:, -1], b, rtol=1e-4, atol=1e-5)
    same = _paths(monkeypatch, path, a, a)
    torch.testing.assert_close(same, a[:, None].expand(3, 5, 8), rtol=1e-3, atol=1e-3)


def test_linear_is_even_and_spherical_keeps_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = torch.nn.functional.normalize(normal(2, 3, 8), dim=-1)
    z = _paths(monkeypatch, "linear", a, b)
    torch.testing.assert_close(z[:, 2], (a + b) / 2)
    z = _paths(monkeypatch, "spherical", a, b)
    torch.testing.assert_close(z.norm(dim=2), torch.ones(3, 5), rtol=1e-4, atol=1e-4)
    turns = torch.cosine_similarity(z[:, 1:], z[:, :-1], dim=2).acos()
    torch.testing.assert_close(turns, turns[:, :1].expand(3, 4), rtol=1e-2, atol=1e-3)


def test_a_traverse_moves_one_coordinate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent, "decode", lambda model, z, y=None: z)
    z = normal(8)
    rows = latent.traverse(model("vae"), z, 3, torch.tensor([-1.0, 0.0, 2.0]))
    assert rows[:, 3].tolist() == [-1, 0, 2]
    others = [i for i in range(8) if i != 3]
    assert torch.equal(rows[:, others], z[others].expand(3, 7))


def test_the_map_is_even_in_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = model("vae", latent=2)
    assert latent.manifold(plane, 3).shape == (9, 1, 8, 8)
    monkeypatch.setattr(latent, "decode", lambda model, z, y=None: z)
    z = latent.manifold(plane, 4).view(4, 4, 2)
    expected = torch.tensor([0.125, 0.375, 0.625, 0.875])
    assert norm.cdf(z[0, :, 0]) == pytest.approx(expected.tolist(), abs=1e-5)
    assert norm.cdf(z[:, 0, 1]) == pytest.approx(expected.flip(0).tolist(), abs=1e-5)
    assert torch.equal(z[0, :, 0], z[3, :, 0]) and torch.equal(z[:, 0, 1], z[:, 3, 1])


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_classes_come_in_turn_or_as_asked(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, z = model(family, classes=3), normal(1, 8).expand(7, -1)
    assert decoder.classes == 3 and model(family).classes == 0
    images = latent.decode(decoder, z)
    alike = [[torch.allclose(a, b, atol=1e-6) for b in images] for a in images]
    assert alike == [[i % 3 == j % 3 for j in range(7)] for i in range(7)]
    monkeypatch.setattr(latent, "_BLOCK", 2)
    torch.testing.assert_close(latent.decode(decoder, z), images, rtol=1e-4, atol=1e-5)
    asked = latent.decode(decoder, z, torch.full((7,), 2))
    torch.testing.assert_close(asked, images[2].expand_as(asked), rtol=1e-4, atol=1e-5)


def test_a_walk_keeps_its_class() -> None:
    decoder = model("vae", classes=3)
    z = normal(2, 8)
    strips = latent.interpolate(decoder, z, z, steps=4, y=torch.tensor([1, 2]))
    for row, label in enumerate((1, 2)):
        expected = latent.decode(decoder, z[row].expand(4, -1), torch.full((4,), label))
        torch.testing.assert_close(strips[row], expected, rtol=1e-4, atol=1e-5)


def test_an_attribute_leads_from_the_mean_of_one_class_to_that_of_another() -> None:
    encoder, x = model("autoencoder"), torch.rand(30, 1, 8, 8, generator=generator(0, "x"))
    labels = torch.arange(30) % 3
    with torch.no_grad():
        codes = encoder.encode(x)
    expected = codes[labels == 2].mean(0) - codes[labels == 0].mean(0)
    assert torch.allclose(latent.attribute(encoder, x, labels, 0, 2), expected, atol=1e-6)
    back = latent.attribute(encoder, x, labels, 2, 0)
    assert torch.allclose(back, -expected, atol=1e-6) and expected.norm() > 1e-3
