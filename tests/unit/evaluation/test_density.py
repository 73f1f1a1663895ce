"""Bounds on the likelihood: consistency between themselves."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation import density
from olaria.families.vae import VAEConfig
from olaria.models.vae import VAE, Draw, binarize


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(latent=4, hidden=(16,)), (1, 4, 4)).eval()


@pytest.fixture
def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (70, 1, 4, 4), generator=generator).to(torch.uint8)


def test_binarize_keeps_black_and_white_and_the_mean() -> None:
    grey = torch.full((1, 1, 200, 200), 51 / 255)
    x = binarize(grey, torch.Generator().manual_seed(0))
    assert x.unique().tolist() == [0, 1]
    assert x.mean().item() == pytest.approx(0.2, abs=0.01)
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert binarize(ends, torch.Generator()).flatten().tolist() == [0, 1]


def test_blocks_change_no_average(
    model: VAE, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = images.float().round() / 255 > 0.5
    values = []
    for rows in (7, 5000):
        monkeypatch.setattr(density, "BLOCK_ROWS", rows)
        generator = torch.Generator().manual_seed(1)
        found = density.nll(model, x.float(), generator, k=64, k_large=0)
        values.append(found.nll_nats)
    assert values[0] == pytest.approx(values[1], abs=0.05)


def test_more_draws_tighten_the_bound(model: VAE, images: Tensor) -> None:
    x = binarize(images / 255, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    bound = density.elbo(model, x.repeat(50, 1, 1, 1), generator)
    found = [density.nll(model, x, generator, k=k, k_large=0).nll_nats for k in (10, 300)]
    assert -bound.elbo_nats > found[0] > found[1]


def test_one_draw_is_the_elbo_on_average(model: VAE, images: Tensor) -> None:
    x = binarize(images / 255, torch.Generator().manual_seed(1)).repeat(60, 1, 1, 1)
    bound = density.elbo(model, x, torch.Generator().manual_seed(2))
    single = density.nll(model, x, torch.Generator().manual_seed(3), k=1, k_large=0)
    assert single.nll_nats == pytest.approx(-bound.elbo_nats, abs=0.05)


def test_active_units_counts_the_dimensions_that_move() -> None:
    class Encoder:
        latent = 4

        def read(self, x: Tensor) -> list[Tensor]:
            return [x[:, 0, 0, :1]]

        def draw(self, encoded: list[Tensor], noise: Tensor, y: Tensor | None = None) -> Draw:
            scale = torch.tensor([1.0, 0.2, 0.05, 0.0])  # variances 1, 0.04, 0.0025, 0
            z = encoded[0] * scale + 3 + noise
            return Draw(z, z, z[..., 0], z[0])

        def nll(self, draw: Draw, x: Tensor, y: Tensor | None = None) -> Tensor:
            raise NotImplementedError

    x = torch.randn(4000, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    assert density.active_units(Encoder(), x) == 2


def test_evaluate_vae_repeats_and_says_how(model: VAE, images: Tensor) -> None:
    shares: list[float] = []
    sizes = {"k": 5, "k_large": 50, "num_corrected": 20}
    found, protocol = density.evaluate_vae(model, images, **sizes, progress=shares.append)
    first = found.metrics
    again, _ = density.evaluate_vae(model, images, **sizes)
    assert first == again.metrics
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert protocol["num_importance_samples"] == 5
    assert protocol["num_corrected"] == 20
    assert first["elbo_nats"] == -(first["reconstruction_nats"] + first["kl_nats"])
    uncorrected, protocol = density.evaluate_vae(model, images, k=5, k_large=5)
    assert uncorrected.metrics["nll_stderr_nats"] is None
    assert "only full makes" in uncorrected.reasons["nll_stderr_nats"].text()
    assert protocol["num_corrected"] == 0


def test_bfloat16_is_close(model: VAE, images: Tensor) -> None:
    x = binarize(images / 255, torch.Generator().manual_seed(1))
    exact, rough = (
        density.nll(
            model, x, torch.Generator().manual_seed(1), k=50, k_large=0, precision=precision
        ).nll_nats
        for precision in ("float32", "bfloat16")
    )
    assert rough == pytest.approx(exact, abs=0.05)


def test_groups_must_fit(model: VAE, images: Tensor) -> None:
    with pytest.raises(EvaluationError, match="multiple of 50"):
        density.nll(model, images.float(), torch.Generator(), k=50, k_large=120)
