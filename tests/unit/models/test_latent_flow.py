"""The model of latent vectors: its dense network, and its flow where the network says nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from olaria.draws import normal
from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.latent_flow import SIZES, LatentFlowConfig
from olaria.families.vae import VAEConfig
from olaria.models.base import Batch, num_parameters
from olaria.models.latent_flow import LEAST_SPREAD, LatentFlow
from olaria.nn.ode import Sampler
from olaria.nn.residual_mlp import DenseBlock, ResidualMLP
from olaria.objectives.flow_matching import between, logit_normal
from olaria.training.randomness import seeded

SHAPE = (1, 8, 8)
SMALL = AutoEncoderConfig(latent=8, hidden=(64,))


def model(**changes: object) -> LatentFlow:
    with seeded(0, "weights"):
        return LatentFlow(
            SIZES["tiny"].model_copy(update={"autoencoder": SMALL, **changes}), SHAPE
        ).eval()


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def silent(network: LatentFlow) -> LatentFlow:
    """The model with a network that adds nothing."""
    with torch.no_grad():
        for parameter in network.network.head.parameters():
            parameter.zero_()
    return network


# -- the network -----------------------------------------------------------------------------------


def test_a_block_is_its_formula() -> None:
    with seeded(0, "weights"):
        block = DenseBlock(5, 3)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.3 * noise(*parameter.shape))
    x, c = noise(4, 5), noise(4, 3)
    w = {name: value.double().numpy() for name, value in block.state_dict().items()}
    h, k = x.double().numpy(), c.double().numpy()
    told = k @ w["modulation.weight"].T + w["modulation.bias"]
    scale, shift = told[:, :5], told[:, 5:]
    inner = h / np.sqrt((h**2).mean(1, keepdims=True)) * (1 + scale) + shift
    inner = inner @ w["first.weight"].T + w["first.bias"]
    inner = inner / (1 + np.exp(-inner))
    wanted = h + inner @ w["second.weight"].T + w["second.bias"]
    assert np.allclose(block(x, c).detach().numpy(), wanted, atol=1e-5)


def test_blocks_begin_as_the_identity_and_listen_to_the_condition_later() -> None:
    with seeded(0, "weights"):
        network = ResidualMLP(4, 2, width=8, depth=2, condition=3)
    x = noise(6, 4)
    assert torch.equal(network(x, noise(6, 3)), network(x, torch.zeros(6, 3)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    assert not torch.equal(network(x, noise(6, 3)), network(x, torch.zeros(6, 3)))


# -- the flow --------------------------------------------------------------------------------------


def test_without_its_network_the_flow_is_that_of_a_normal_distribution() -> None:
    """Along straight lines from N(0, I) to N(c, s²) a place z goes to c + s z: the only monotone map there is."""
    network = silent(model())
    network.adapt(3 + noise(500, 8) * torch.arange(1, 9))
    network.sampler = Sampler(100, "heun")
    z = noise(20, 8)
    wanted = network.autoencoder.images(network.centre + network.spread * z)
    assert (network.images(z) - wanted).abs().max() < 1e-4


def test_the_loss_of_a_silent_network_is_the_variance_that_no_network_can_remove() -> None:
    r"""For normal data of unit variance, :math:`\mathbb E\, 1 / ((1 - t)^2 + t^2)` over the times of training."""
    network = silent(model())
    x = noise(200_000, 8)
    network.centre.zero_()
    found = network.loss(Batch(x), torch.Generator().manual_seed(0)).total.item()
    t = logit_normal(200_000, torch.Generator().manual_seed(5)).double()
    assert found == pytest.approx((1 / ((1 - t) ** 2 + t**2)).mean().item(), rel=0.01)


def test_images_are_encoded_and_vectors_are_not() -> None:
    network = model()
    x = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(2))
    h = network.autoencoder.codes(x)
    assert torch.equal(network.coded(x), h) and network.coded(h) is h
    losses = [network.loss(Batch(y), torch.Generator().manual_seed(0)).total for y in (x, h)]
    assert torch.equal(*losses)


def test_a_coordinate_that_hardly_varies_is_not_blown_up() -> None:
    network, x = model(), noise(1000, 8)
    x[:, 0] *= 1e-4
    network.adapt(x)
    assert network.spread[0] == LEAST_SPREAD * network.spread.max()
    network.adapt(torch.ones(5, 8))
    assert network.scaled(torch.ones(5, 8)).isfinite().all()


def test_the_velocity_of_each_prediction_is_of_one_flow() -> None:
    """A network that predicts data or noise exactly gives the velocity that it follows from."""
    x, e = noise(7, 8), normal((7, 8), torch.Generator().manual_seed(3))
    t = torch.linspace(0.1, 0.9, 7)
    for prediction, exact in (("data", x), ("noise", e)):
        network = model(prediction=prediction)
        network.predict = lambda *_, exact=exact: exact  # type: ignore[method-assign,misc]
        assert torch.allclose(network.velocity(between(e, x, t), t), x - e, atol=1e-5)


# -- the autoencoder -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "autoencoder",
    [
        AutoEncoderConfig(latent=3, hidden=(16,)),
        AutoEncoderConfig(latent=3, network="conv", width=2, output="linear"),
        VAEConfig(latent=3, hidden=(16,)),
        VAEConfig(latent=3, network="conv", width=2, likelihood="logistic"),
    ],
)
def test_every_autoencoder_is_held_whole_and_untrained(
    autoencoder: AutoEncoderConfig | VAEConfig,
) -> None:
    from olaria.models import build

    with seeded(1, "weights"):
        own = build(autoencoder, SHAPE).eval()
    network = LatentFlow(LatentFlowConfig(width=8, depth=1, autoencoder=autoencoder), SHAPE).train()
    network.take(own.state_dict())
    x = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(4))
    assert torch.equal(network.coded(x), own.codes(x))  # type: ignore[operator]
    assert not network.autoencoder.training
    assert num_parameters(network) == num_parameters(network.network) + num_parameters(network.time)
    z = noise(4, network.latent)
    assert network.images(z).shape == (4, *SHAPE) and network.codes(x).shape == (5, len(z[0]))
