"""Flow matching of images: its units, the linear guess, classes and guidance, its loss."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.errors import ConfigError
from olaria.families.flow_matching import ImageFlowConfig
from olaria.models.base import Batch
from olaria.models.image_flow import ImageFlow
from olaria.models.modes import FittedModes
from olaria.nn.ode import Sampler
from olaria.nn.unet import AllPlaces

SHAPE = (1, 8, 8)
TINY: dict[str, Any] = {
    "prediction": "velocity",
    "modes": 0,
    "widths": (4, 8),
    "depths": (1, 1),
    "dense": 0,
    "condition": 8,
    "time_std": 1.0,
    "steps": 10,
    "solver": "midpoint",
    "step_power": 1.0,
    "step_noise": 0.0,
}


def flow(shape: tuple[int, int, int] = SHAPE, **settings: Any) -> ImageFlow:
    torch.manual_seed(0)
    return ImageFlow(ImageFlowConfig(**{**TINY, **settings}), shape).eval()


def disturbed(shape: tuple[int, int, int] = SHAPE, **settings: Any) -> ImageFlow:
    """No layer is zero any more."""
    model, draw = flow(shape, **settings), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    model.adapt(pixels(50, shape), torch.arange(50) % 3)
    return model.requires_grad_(False)


def pixels(count: int, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(2))


def noise(count: int, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (1, 4, 12)])
@pytest.mark.parametrize("prediction", ["velocity", "data", "noise"])
def test_noise_becomes_images_of_the_datas_shape(
    shape: tuple[int, int, int], prediction: Any
) -> None:
    model = disturbed(shape, prediction=prediction, steps=2)
    assert model.latent == torch.Size(shape).numel()
    images = model.images(torch.randn(3, model.latent))
    assert images.shape == (3, *shape)
    assert images.min() >= 0 and images.max() <= 1 and images.std() > 0
    assert model.velocity(noise(3, shape), torch.rand(3)).shape == (3, *shape)


@pytest.mark.parametrize("shape", [(1, 6, 8), (1, 8, 6), (1, 7, 7), (3, 30, 30)])
def test_sides_that_cannot_be_halved_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="4 divides") as caught:
        flow(shape)
    assert "resize" in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"depths": (1,)}, {"widths": ()}, {"widths": (), "depths": ()}]
)
def test_each_width_has_a_depth(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="as many of one as of the other"):
        ImageFlowConfig.parse({**TINY, **changes}, "test")


def test_it_takes_the_mean_and_the_variance_of_each_pixel() -> None:
    model, x = flow(), pixels(200)
    x[:, 0, 0, 0] = 0.25  # never varies
    model.adapt(x)
    torch.testing.assert_close(model.mean, 2 * x.mean(0) - 1)
    torch.testing.assert_close(model.variance, 4 * x.var(0, correction=0))
    assert model.variance[0, 0, 0] == pytest.approx(0, abs=1e-12)
    velocity = model.velocity(noise(5), torch.tensor([0.0, 0.3, 0.9, 0.999, 1.0]))
    assert velocity.isfinite().all()
    torch.testing.assert_close(model.unscaled(model.scaled(x)), x)


def test_untrained_it_is_exact_for_independent_normal_pixels() -> None:
    r"""Of :math:`N(\mu, s^2)` the flow is :math:`x_1 = \mu + s\, x_0`, whatever the path."""
    model = flow()
    assert model.network.head.bias is not None
    torch.nn.init.zeros_(model.network.head.bias)  # its weight begins at zero
    model.mean.copy_(0.2 * noise(1)[0])
    model.variance.copy_(0.01 + 0.02 * pixels(1)[0])
    model.sampler = Sampler(40, "heun", power=2.0)
    z = noise(6).clamp(-2, 2)
    with torch.no_grad():
        images = model.images(z.flatten(1))
    wanted = model.unscaled(model.mean + model.variance.sqrt() * z)
    torch.testing.assert_close(images, wanted, atol=1e-3, rtol=0)
    assert wanted.min() > 0 and wanted.max() < 1  # nothing was cut


@pytest.mark.parametrize("prediction", ["velocity", "data", "noise"])
def test_its_loss_is_the_squared_error_of_the_velocity(prediction: Any) -> None:
    model, x = disturbed(prediction=prediction), pixels(8)
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    plain = model.velocity

    def noted(x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        v = plain(x_t, t, y)
        seen.append((x_t, t, v))
        return v

    model.velocity = noted  # type: ignore[method-assign]
    loss = model.loss(Batch(x), torch.Generator().manual_seed(0))
    ((x_t, t, v),) = seen
    data, at = 2 * x - 1, t.view(-1, 1, 1, 1)
    drawn = (x_t - at * data) / (1 - at)  # x_t = (1 - t) noise + t data
    error = (v - (data - drawn)).square().mean().item()
    assert loss.total.item() == pytest.approx(error, rel=0.05)  # a quotient is bounded at its end
    assert set(loss.parts) == {"velocity_error"}


def test_a_guess_of_the_mean_costs_what_the_variance_leaves() -> None:
    r"""The linear guess leaves :math:`s^2 / ((1-t)^2 + t^2 s^2)` of each pixel; a guess of 0 leaves :math:`1 + s^2`."""
    model, x = flow(), pixels(4000)
    assert model.network.head.bias is not None
    torch.nn.init.zeros_(model.network.head.bias)
    model.adapt(x)
    with torch.no_grad():
        loss = model.loss(Batch(x), torch.Generator().manual_seed(0)).total.item()
    t = torch.randn(20_000, generator=torch.Generator().manual_seed(1)).sigmoid().view(-1, 1)
    s = model.variance.flatten()
    left = (s / ((1 - t).square() + t.square() * s)).mean().item()
    assert loss == pytest.approx(left, rel=0.02)


def test_the_network_adds_in_units_of_what_the_guess_leaves() -> None:
    model, x, t = flow(), noise(3), torch.tensor([0.1, 0.5, 0.9])
    model.adapt(pixels(50))
    bias = model.network.head.bias
    assert bias is not None
    found = []
    for value in (0.0, 0.7):
        torch.nn.init.constant_(bias, value)  # its weight begins at zero
        found.append(model.velocity(x, t).detach())
    at = t.view(-1, 1, 1, 1)
    left = model.variance / ((1 - at).square() + at.square() * model.variance)
    torch.testing.assert_close(found[1] - found[0], 0.7 * left.sqrt())


# -- clusters --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", ["velocity", "data"])
def test_untrained_it_predicts_what_its_clusters_say(prediction: Any) -> None:
    model, x, t = flow(prediction=prediction, modes=4), noise(5), torch.full((5,), 0.6)
    model.adapt(0.3 * pixels(200) + 0.35)  # no pixel is all but sure
    bias = model.network.head.bias
    assert bias is not None
    torch.nn.init.zeros_(bias)  # its weight begins at zero
    known = model.modes(x, t)
    data = (x + 0.4 * known).clamp(-1, 1)
    assert data.abs().max() < 0.95
    wanted = known if prediction == "velocity" else (data - x) / 0.4
    torch.testing.assert_close(model.velocity(x, t), wanted)
    torch.testing.assert_close(
        known, FittedModes.forward(model.modes, x.flatten(1), t).view(x.shape)
    )


def test_the_share_of_the_guess_grows_with_the_time() -> None:
    """What the network adds to black or white then counts for less."""
    model, x = flow(prediction="data", modes=4), 0.1 * noise(1)
    model.adapt(pixels(100))
    bias = model.network.head.bias
    assert bias is not None
    changes = []
    for time in (0.5, 0.9, 0.99):
        t, found = torch.tensor([time]), []
        for white in (0.0, 2.0):
            torch.nn.init.zeros_(bias)
            bias.data.view(3, -1)[1] = white
            found.append(model.predict(x, t, None))
        changes.append((found[1] - found[0]).mean().item())
    assert changes[0] > 2 * changes[1] > 4 * changes[2] > 0


def test_the_network_is_shown_what_the_clusters_say() -> None:
    model, x, t = disturbed(modes=4, prediction="noise"), noise(3), torch.full((3,), 0.5)
    before = model.predict(x, t, None)
    model.modes.centres.mul_(-1)
    assert (model.predict(x, t, None) - before).abs().max() > 1e-3


def test_dense_layers_join_the_places_where_wanted() -> None:
    dense = disturbed(dense=3).network.dense
    assert isinstance(dense, AllPlaces) and dense.width == 3
    assert not list(disturbed().network.dense.parameters())


# -- likelihood ------------------------------------------------------------------------------------


def test_normal_pixels_cost_their_entropy() -> None:
    r"""Of :math:`N(\mu, s^2)` the guess is exact; levels of the width w have the entropy of the density less log w."""
    model = flow()
    assert model.network.head.bias is not None
    torch.nn.init.zeros_(model.network.head.bias)  # its weight begins at zero
    draw, size = torch.Generator().manual_seed(4), 0.2
    model.mean.copy_(0.2 * noise(1)[0])
    model.variance.fill_(size**2)
    x = model.unscaled(model.mean + size * torch.randn(4000, *SHAPE, generator=draw))
    x = (x * 255).round().clamp(0, 255) / 255
    u = (torch.arange(4000) + 0.5) / 4000
    with torch.no_grad():
        found = model.nll_bound(x, u, draw).mean().item() / 64
    entropy = 0.5 * math.log(2 * math.pi * math.e * size**2) - math.log(2 / 255)
    assert found == pytest.approx(entropy, abs=0.02)


def test_a_wrong_guess_costs_more_and_a_class_is_told() -> None:
    model, x, u = disturbed(classes=3), pixels(64), torch.linspace(0.3, 0.7, 64)
    y = torch.arange(64) % 3

    def nats(y: Tensor | None) -> float:
        return model.nll_bound(x, u, torch.Generator().manual_seed(5), y).mean().item()

    free, given = nats(None), nats(y)
    assert given != free and given == nats(y)
    model.mean.add_(0.5)
    assert nats(None) > free


# -- classes ---------------------------------------------------------------------------------------


def test_guidance_of_1_is_the_class_alone_and_of_0_no_class() -> None:
    model, x, t = disturbed(classes=3), noise(4), torch.rand(4)
    y = torch.tensor([0, 1, 2, 1])

    def followed(weight: float) -> Tensor:
        model.sampler = replace(model.sampler, guidance=weight)
        return model.followed(y)(x, t)

    given, free = model.velocity(x, t, y), model.velocity(x, t)
    assert (given - free).abs().max() > 1e-3
    assert torch.equal(followed(1.0), given)
    assert torch.equal(followed(0.0), free)
    torch.testing.assert_close(followed(3.0), given + 2 * (given - free))
    assert torch.equal(free, model.velocity(x, t, torch.full((4,), 3)))


def test_the_class_of_an_image_changes_that_image_alone() -> None:
    model, x, t = disturbed(classes=3), noise(2), torch.rand(2)
    one, other = (model.velocity(x, t, torch.tensor([0, y])) for y in (1, 2))
    torch.testing.assert_close(one[0], other[0])
    assert (one[1] - other[1]).abs().max() > 1e-3


def test_untrained_a_class_leads_to_its_own_clusters() -> None:
    """Dark images of one class, light ones of the other: at time 0 the noise says nothing, the class all."""
    model = flow(classes=2, modes=2, prediction="velocity")
    y = torch.arange(200) % 2
    model.adapt(0.2 * pixels(200) + 0.6 * y.view(-1, 1, 1, 1), y)
    bias = model.network.head.bias
    assert bias is not None
    torch.nn.init.zeros_(bias)  # its weight begins at zero
    start = torch.zeros(3), noise(3)
    with torch.no_grad():
        dark, light, either = (
            start[1] + model.velocity(start[1], start[0], label)
            for label in (torch.zeros(3).long(), torch.ones(3).long(), None)
        )
    assert dark.mean().item() == pytest.approx(2 * 0.1 - 1, abs=0.01)
    assert light.mean().item() == pytest.approx(2 * 0.7 - 1, abs=0.01)
    torch.testing.assert_close(either, (dark + light) / 2, atol=0.01, rtol=0)


@pytest.mark.parametrize("modes", [0, 4])
def test_without_classes_a_label_is_ignored(modes: int) -> None:
    model, z = disturbed(modes=modes), noise(3).flatten(1)
    assert not model.guidable
    assert torch.equal(model.images(z, torch.tensor([0, 1, 2])), model.images(z))
    batch = Batch(pixels(3), torch.tensor([0, 1, 2]))
    losses = [
        model.loss(one, torch.Generator().manual_seed(0)).total for one in (batch, Batch(batch.x))
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("dropping", "share"), [(0.25, 0.25), (0.0, 0.0)])
def test_classes_are_dropped_example_by_example(dropping: float, share: float) -> None:
    model = disturbed(classes=3, class_dropping=dropping)
    assert model.guidable is (dropping > 0)
    seen: list[Tensor] = []

    def noted(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        seen.append(y)
        return torch.zeros_like(x)

    model.predict = noted  # type: ignore[assignment, method-assign]
    y = torch.arange(4000) % 3
    model.loss(Batch(pixels(4000), y), torch.Generator().manual_seed(0))
    (given,) = seen
    assert given.shape == (4000,)  # one class for all pixels of an image
    dropped = given == 3
    assert dropped.float().mean().item() == pytest.approx(share, abs=0.02)
    assert torch.equal(given[~dropped], y[~dropped])
    for label in range(3):
        assert dropped[y == label].float().mean().item() == pytest.approx(share, abs=0.04)
