"""The flow against PyTorch's Jacobian, and a VAE that has one against the integral over its latent plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from olaria.evaluation import density
from olaria.families.vae import VAEConfig
from olaria.models.vae import VAE
from olaria.nn.classes import with_class
from olaria.nn.flow import Flow
from olaria.sampling import latent
from olaria.training.randomness import generator, seeded

SHAPE = (1, 2, 3)


def restless(module: torch.nn.Module, seed: int = 0, std: float = 0.4) -> None:
    """Weights that do something: a flow begins as an exchange of halves."""
    with seeded(seed, "weights"):
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=std)


def flow_of(size: int, num_layers: int = 3) -> Flow:
    flow = Flow(size, num_layers).double()
    restless(flow)
    return flow


@pytest.mark.parametrize("size", [2, 5, 8])
def test_the_log_determinant_is_that_of_the_jacobian(size: int) -> None:
    flow = flow_of(size)
    z = torch.randn(4, size, generator=generator(0, "z"), dtype=torch.float64)
    _, log_det = flow(z)
    for row, found in zip(z, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], row)
        assert found.item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-4)
        assert abs(found.item()) > 0.05


@torch.no_grad()
def test_the_inverse_leads_back() -> None:
    flow = flow_of(5)
    z = torch.randn(100, 5, generator=generator(1, "z"), dtype=torch.float64)
    u, _ = flow(z)
    assert torch.allclose(flow.inverse(u), z, atol=1e-4)
    assert not torch.allclose(u, z, atol=0.1)


@torch.no_grad()
def test_each_class_has_a_map_of_its_own() -> None:
    flow = Flow(5, 3, classes=4)
    restless(flow)
    z = torch.randn(8, 5, generator=generator(1, "z"))
    y = torch.arange(8) % 4
    u, log_det = flow(z, y)
    assert torch.allclose(flow.inverse(u, y), z, atol=1e-4)
    alone = [flow(row[None], label[None]) for row, label in zip(z, y, strict=True)]
    assert torch.allclose(torch.cat([row for row, _ in alone]), u, atol=1e-5)
    assert torch.allclose(torch.cat([growth for _, growth in alone]), log_det, atol=1e-5)
    assert not torch.allclose(flow(z, (y + 1) % 4)[0], u, atol=0.1)


def test_an_untrained_flow_of_even_size_and_layers_changes_nothing() -> None:
    z = torch.randn(3, 4, generator=generator(2, "z"))
    u, log_det = Flow(4, 2)(z)
    assert torch.equal(u, z)
    assert torch.equal(log_det, torch.zeros(3))


def flow_vae(**changes: Any) -> VAE:
    config = VAEConfig(**{"latent": 2, "hidden": (8,), "flow": 2, **changes})
    with seeded(3, "model"):
        model = VAE(config, SHAPE).eval()
    assert model.flow is not None
    restless(model.flow, 4, 0.25)  # gentle, so that the posterior covers the tails
    restless(model.decoder, 5, 0.25)
    return model


@torch.no_grad()
def exact_nll(model: VAE, x: Tensor, label: int | None = None) -> float:
    """By quadrature over the plane of u ~ N(0, I): the mean of -log ∫ p(x|u) p(u) du, or of p(x|u, y)."""
    axis = np.linspace(-7, 7, 281)
    grid = torch.tensor(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2))
    prior = stats.norm.pdf(grid.numpy()).prod(1)
    y = None if label is None else torch.full((len(grid),), label)
    pixels = model.decode(grid.float(), y)
    areas = []
    for image in x:
        likelihood = pixels.log_prob(image).flatten(1).sum(1).double().exp().numpy()
        surface = (likelihood * prior).reshape(len(axis), len(axis))
        areas.append(integrate.simpson(integrate.simpson(surface, x=axis), x=axis))
    return float(-np.log(areas).mean())


@pytest.mark.parametrize("changes", [{}, {"latent": 1, "above": (1,)}, {"classes": 3}])
def test_the_bound_of_a_vae_with_a_flow_approaches_the_integral(changes: dict[str, Any]) -> None:
    model = flow_vae(**changes)
    x = (torch.rand(40, *SHAPE, generator=generator(6, "x")) < 0.5).float()
    label = 1 if model.classes else None
    y = None if label is None else torch.full((len(x),), label)
    exact = exact_nll(model, x, label)
    draws = torch.Generator().manual_seed(1)
    tight = density.nll(model, x, draws, y=y, k=20_000, k_large=20_000)
    assert tight.nll_nats == pytest.approx(exact, abs=0.02)
    # One draw of many copies of the images: the looser bound, and little noise.
    many = None if y is None else y.repeat(200)
    assert -density.elbo(model, x.repeat(200, 1, 1, 1), draws, y=many).elbo_nats > exact + 0.02
    if y is not None:
        assert abs(exact_nll(model, x, 2) - exact) > 0.04


@torch.no_grad()
@pytest.mark.parametrize("classes", [0, 3])
def test_a_flow_vae_rebuilds_what_its_posterior_says(classes: int) -> None:
    """The code and the decoder are each other's coordinates: the flow and its inverse cancel."""
    model = flow_vae(classes=classes)
    x = (torch.rand(5, *SHAPE, generator=generator(7, "x")) < 0.5).float()
    y = torch.tensor([0, 1, 2, 0, 1]) if classes else None
    inputs = with_class(model.posterior(x)[0], y, classes)
    direct = model.decoder(inputs) + model.statistics.logit
    for answer in (model.reconstruct(x, y), latent.reconstruct(model, x, y)):
        assert torch.allclose(answer, direct.sigmoid(), atol=1e-4)
    assert not torch.allclose(model.codes(x, y), model.posterior(x)[0], atol=0.1)
