"""Metrics against scipy, scikit-learn, torch.distributions, quadrature and naive code."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import integrate, linalg, stats
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from olaria.evaluation import density, diversity, fidelity, reconstruction, text
from olaria.models.vae import Draw

Array = NDArray[np.float64]


def features(count: int, seed: int, dimension: int = 12, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dimension, dimension, generator=torch.Generator().manual_seed(seed // 10))
    return torch.randn(count, dimension, generator=generator) @ mix + shift


def sqrtm_distance(a: Array, b: Array) -> float:
    """Heusel et al. 2017, equation 6, as published."""
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(cov_a @ cov_b)
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + np.trace(cov_a + cov_b - 2 * root.real))


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_fd_is_the_published_formula(shift: float) -> None:
    a, b = features(300, 10), features(400, 20, shift=shift)
    expected = sqrtm_distance(a.double().numpy(), b.double().numpy())
    assert fidelity.fd(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore:Matrix is singular")  # so it is; newer SciPy says it
def test_fd_of_a_singular_covariance() -> None:
    a = features(300, 10)
    a[:, 3:] = a[:, :1]
    b = features(300, 20)
    expected = sqrtm_distance(a.double().numpy(), b.double().numpy())
    assert fidelity.fd(a, b) == pytest.approx(expected, rel=1e-5)


def test_fd_unbiased_recovers_the_distance_of_the_distributions() -> None:
    """Unit normals in 24 dimensions whose means are 1 apart: the distance is exactly 1."""
    biased, unbiased = [], []
    for seed in range(24):
        generator = torch.Generator().manual_seed(seed)
        a = torch.randn(1600, 24, generator=generator)
        b = torch.randn(1600, 24, generator=generator)
        b[:, 0] += 1
        biased.append(fidelity.fd(a, b))
        unbiased.append(fidelity.fd_unbiased(a, b, generator))
    assert np.mean(biased) > 1.15
    assert np.mean(unbiased) == pytest.approx(1.0, abs=0.06)


def test_fd_ci95_is_as_wide_as_redrawing_says() -> None:
    generator = torch.Generator().manual_seed(0)

    def pair() -> tuple[Tensor, Tensor]:
        a, b = torch.randn(2, 500, 8, generator=generator)
        return a + 0.3, b

    redrawn = np.array([fidelity.fd(*pair()) for _ in range(200)])
    low, high = fidelity.fd_ci95(*pair(), generator)
    width = np.quantile(redrawn, 0.975) - np.quantile(redrawn, 0.025)
    assert high - low == pytest.approx(width, rel=0.3)


def test_fd_ci95_holds_the_value_and_is_centred_on_it() -> None:
    a, b = features(400, 10), features(500, 20)
    low, high = fidelity.fd_ci95(a, b, torch.Generator().manual_seed(0))
    value = fidelity.fd(a, b)
    assert low < value < high
    assert abs((low + high) / 2 - value) < 0.2 * (high - low)


def test_kd_is_the_double_sum_over_pairs() -> None:
    x, y = features(40, 10).double().numpy(), features(50, 20).double().numpy()

    def kernel(a: Array, b: Array) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    xy = sum(kernel(x[i], y[j]) for i in range(n) for j in range(m))
    expected = xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)
    value = fidelity.kd(torch.tensor(x), torch.tensor(y))
    assert value == pytest.approx(expected, rel=1e-9)


def test_kd_is_zero_on_average_for_equal_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    values = [fidelity.kd(*torch.randn(2, 100, 4, generator=generator)) for _ in range(100)]
    assert abs(np.mean(values)) < 3 * np.std(values) / math.sqrt(len(values))


@pytest.mark.parametrize("block", [10_000_000, 700])
def test_prdc_is_the_naive_count(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("olaria.evaluation.neighbours.BLOCK_ENTRIES", block)
    real, fake = features(150, 10), features(120, 11, shift=0.5)
    x, y, k = real.double().numpy(), fake.double().numpy(), 5

    def radius(points: Array, index: int) -> float:
        others = np.delete(points, index, axis=0)
        return float(np.sort(np.linalg.norm(others - points[index], axis=1))[k - 1])

    real_radii = [radius(x, i) for i in range(len(x))]
    fake_radii = [radius(y, j) for j in range(len(y))]
    distance = np.array([[math.dist(a, b) for b in y] for a in x])
    inside = np.array(
        [[distance[i, j] < r for j in range(len(y))] for i, r in enumerate(real_radii)]
    )
    found = diversity.prdc(fake.double(), real.double(), k)
    assert found.precision == pytest.approx(inside.any(0).mean())
    assert found.recall == pytest.approx((distance < np.array(fake_radii)).any(1).mean())
    assert found.density == pytest.approx(inside.sum() / (k * len(y)))
    assert found.coverage == pytest.approx(inside.any(1).mean())
    assert 0.05 < found.precision != found.recall  # the two sides cannot be confused unnoticed


def test_class_entropy_is_scipys() -> None:
    probabilities = torch.softmax(3 * torch.randn(500, 7), 1)
    counts = np.bincount(probabilities.argmax(1).numpy(), minlength=7)
    expected = stats.entropy(counts, base=2)
    assert diversity.class_entropy_bits(probabilities) == pytest.approx(expected, rel=1e-12)


def test_knn_accuracy_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(400, 3, generator=generator)
    labels = ((codes.sum(1) + 1.5 * torch.randn(400, generator=generator)) > 0).long()
    labels += (codes[:, 0] > 1).long()
    judge = KNeighborsClassifier(4).fit(codes[:300].numpy(), labels[:300].numpy())
    expected = judge.score(codes[300:].numpy(), labels[300:].numpy())
    args = (codes[:300], labels[:300], codes[300:], labels[300:])
    assert reconstruction.knn_accuracy(*args, k=4) == pytest.approx(expected)
    assert 0.4 < expected < 0.95


class LineVAE:
    """One latent dimension, six pixels: small enough for quadrature to know p(x)."""

    weights = torch.tensor([2.0, -1.5, 1.0, 0.5, -0.3, 3.0])
    bias = torch.tensor([0.2, 0.0, -0.5, 1.0, -1.0, 0.3])

    latent = 1

    def read(self, x: Tensor) -> list[Tensor]:
        return [x]

    def draw(self, encoded: list[Tensor], noise: Tensor, y: Tensor | None = None) -> Draw:
        q = self.encode(encoded[0])
        z = q.mean + q.stddev * noise
        prior = Normal(0.0, 1.0)
        ratio = (prior.log_prob(z) - q.log_prob(z)).sum(2)
        return Draw(z, kl_divergence(q, prior).expand(z.shape), ratio, z.flatten(0, 1))

    def nll(self, draw: Draw, x: Tensor, y: Tensor | None = None) -> Tensor:
        k = len(draw.z)
        log_x = self.decode(draw.state).log_prob(x.repeat(k, 1, 1, 1))
        return -log_x.flatten(1).sum(1).view(k, -1)

    def encode(self, x: Tensor) -> Normal:
        mean = 0.4 * (x.flatten(1) @ self.weights)[:, None] - 0.6
        return Normal(mean, torch.full_like(mean, 0.9))

    def decode(self, z: Tensor) -> Bernoulli:
        return Bernoulli(logits=(z * self.weights + self.bias).view(-1, 1, 2, 3))

    def log_joint(self, x: Array, z: float) -> float:
        logits = z * self.weights.double().numpy() + self.bias.double().numpy()
        log_x = -(np.logaddexp(0, logits) - x * logits).sum()
        return float(log_x + stats.norm.logpdf(z))


def line_images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(count, 1, generator=generator)
    return torch.bernoulli(LineVAE().decode(z).probs, generator=generator)


def test_nll_approaches_the_integral() -> None:
    model, x = LineVAE(), line_images(200)
    pixels = x.flatten(1).double().numpy()
    exact = [
        -math.log(integrate.quad(lambda z, row=row: math.exp(model.log_joint(row, z)), -9, 9)[0])
        for row in pixels
    ]
    generator = torch.Generator().manual_seed(1)
    found = density.nll(model, x, generator, k=5, k_large=1000, num_corrected=200)
    assert found.nll_nats == pytest.approx(np.mean(exact), abs=0.04)
    assert found.correction_nats > 0.02
    assert found.bound_nats > found.nll_nats


def test_correction_on_a_part_says_how_wrong_it_may_be() -> None:
    """Over repetitions the errors of the corrected value are about one standard error."""
    model, x = LineVAE(), line_images(1000)
    whole = density.nll(
        model, x, torch.Generator().manual_seed(0), k=5, k_large=500, num_corrected=1000
    )
    errors = []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        part = density.nll(model, x, generator, k=5, k_large=500, num_corrected=100)
        errors.append((part.correction_nats - whole.correction_nats) / part.nll_stderr_nats)
    assert abs(np.mean(errors)) < 0.7
    assert 0.5 < np.std(errors) < 1.6


def test_elbo_is_the_expectation() -> None:
    model, x = LineVAE(), line_images(2000)
    q = model.encode(x)
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean().item()
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    log_x = sum(
        w * model.decode(q.mean + q.stddev * node).log_prob(x).flatten(1).sum(1).mean().item()
        for node, w in zip(nodes.tolist(), (weights / weights.sum()).tolist(), strict=True)
    )
    found = density.elbo(model, x, torch.Generator().manual_seed(0), batch_size=333)
    assert found.kl_nats == pytest.approx(kl, rel=1e-5)
    assert found.elbo_nats == pytest.approx(log_x - kl, abs=0.1)
    assert found.elbo_nats < 0


def test_text_loss_is_the_sum_over_the_text_for_a_model_without_memory() -> None:
    table = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    tokens = torch.randint(5, (103,), generator=torch.Generator().manual_seed(1))
    log_p = torch.log_softmax(table, 1)
    nats = -sum(log_p[a, b].item() for a, b in pairwise(tokens.tolist()))
    found = text.text_loss(
        lambda x: table[x], tokens, context=8, num_chars=204, num_bytes=306, batch_tokens=24
    )
    assert found.num_tokens == 102
    assert found.loss_nats_per_token == pytest.approx(nats / 102, rel=1e-6)
    assert found.loss_nats_per_char == pytest.approx(nats / 204, rel=1e-6)
    assert found.bits_per_char == pytest.approx(nats / 204 / math.log(2), rel=1e-6)
    assert found.bits_per_byte == pytest.approx(nats / 306 / math.log(2), rel=1e-6)


def test_bootstrap_replicates_are_resampled_sets() -> None:
    a = features(40, 10).double()
    found = fidelity._resampled(a, 3, torch.Generator().manual_seed(4))
    draws = torch.randint(40, (3, 40), generator=torch.Generator().manual_seed(4))
    for gaussian, rows in zip(found, draws, strict=True):
        resampled = a[rows].numpy()
        np.testing.assert_allclose(gaussian.mean.numpy(), resampled.mean(0))
        np.testing.assert_allclose(gaussian.covariance.numpy(), np.cov(resampled, rowvar=False))


@pytest.mark.parametrize("constant", [False, True])
def test_the_linear_denoiser_is_scikit_learns_regression(constant: bool) -> None:
    clean = features(300, 10).view(300, 1, 3, 4)
    noisy = clean + features(300, 20).view_as(clean) / 3
    if constant:
        noisy[:, :, 0] = 0.25
    fresh = features(50, 30).view(50, 1, 3, 4)
    if constant:
        fresh[:, :, 0] = 0.25
    regression = LinearRegression().fit(
        noisy.flatten(1).double().numpy(), clean.flatten(1).double().numpy()
    )
    expected = regression.predict(fresh.flatten(1).double().numpy())
    found = reconstruction.LinearMap.fitted(noisy, clean)(fresh).flatten(1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
