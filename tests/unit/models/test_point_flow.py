"""Flow matching of points: its units, its density, its loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from olaria.families.flow_matching import PointFlowConfig
from olaria.models.base import Batch
from olaria.models.point_flow import PointFlow
from olaria.objectives.mixture import Mixture
from olaria.sampling.plane import places


def flow() -> PointFlow:
    torch.manual_seed(0)
    return PointFlow(PointFlowConfig(hidden=(16,), waves=4, wave_number=0.3), 2).double()


def data(count: int = 500) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return x * torch.tensor([3.0, 0.5]) + torch.tensor([10.0, -4.0])


def knowing(mixture: Mixture, patch: pytest.MonkeyPatch) -> PointFlow:
    """A model that has the velocity of clusters, in its own units."""
    model = flow()
    patch.setattr(model, "velocity", lambda x, t, _y=None: mixture.velocity(x, t))
    return model


def test_it_works_in_units_of_the_data() -> None:
    model, x = flow(), data()
    model.adapt(x)
    scaled = model.scaled(x)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(2).double(), atol=1e-9, rtol=0)
    assert scaled.square().mean().item() == pytest.approx(1)
    torch.testing.assert_close(model.unscaled(scaled), x)


def test_its_density_is_one_altogether() -> None:
    model = flow()
    model.adapt(data())
    corners = torch.tensor([[-30.0, -40.0], [50.0, 40.0]]).double()
    with torch.no_grad():
        nats = model.log_density(places(corners, 80), steps=50)
    assert nats.exp().sum().item() == pytest.approx(1, abs=5e-3)  # a place stands for an area of 1


def test_data_ten_times_as_wide_has_a_density_that_is_a_hundredth() -> None:
    narrow, wide = flow(), flow()
    x = data()
    narrow.adapt(x)
    wide.adapt(10 * x)
    found = narrow.log_density(x[:20]) - wide.log_density(10 * x[:20])
    torch.testing.assert_close(
        found, torch.full((20,), 2 * torch.tensor(10.0).log().item()).double()
    )


def test_with_the_right_velocity_points_and_density_are_the_datas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modes = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=torch.float64)
    model = knowing(Mixture(modes, 0.3), monkeypatch)
    model.centre.copy_(torch.tensor([5.0, -2.0]))
    model.spread.fill_(4.0)
    model.sampler = replace(model.sampler, steps=200)
    z = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = model.points(z)
    truth = Mixture(model.centre + 4 * modes, 4 * 0.3)
    x = points[:50]
    right = truth.log_density(x, torch.ones(50).double())
    torch.testing.assert_close(model.log_density(x, 200), right, atol=2e-3, rtol=0)
    near = torch.cdist(points, truth.modes).min(1)
    assert near.indices.double().mean().item() == pytest.approx(0.5, abs=0.03)
    assert near.values.square().mean().item() == pytest.approx(2 * 1.2**2, rel=0.05)


def test_the_loss_is_the_squared_error_of_the_velocity() -> None:
    model, x = flow(), data(4000)
    model.adapt(x)
    for parameter in model.parameters():
        parameter.data.zero_()  # a guess of zero everywhere
    loss = model.loss(Batch(x), torch.Generator().manual_seed(0))
    assert set(loss.parts) == {"velocity_error"}
    assert loss.total.item() == pytest.approx(2, rel=0.05)  # 1 of the noise, 1 of the data


def test_a_guess_that_is_right_has_the_least_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = Mixture(torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64), 0.1)
    generator = torch.Generator().manual_seed(0)
    x = mixture.modes[torch.arange(20_000) % 2]
    x = x + 0.1 * torch.randn(20_000, 2, generator=generator, dtype=torch.float64)

    def error(known: Mixture) -> float:
        model = knowing(known, monkeypatch)
        return model.loss(Batch(x), torch.Generator().manual_seed(1)).total.item()

    right = error(mixture)
    for other in (Mixture(mixture.modes, 0.3), Mixture(1.2 * mixture.modes, 0.1)):
        assert error(other) > right + 0.01
