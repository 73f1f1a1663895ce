"""Objectives against torch.distributions, scipy and sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.spatial.distance import jensenshannon
from torch.distributions import Bernoulli, Categorical, Independent, Normal, kl_divergence

from olaria.families.vae import VAEConfig
from olaria.models.vae import VAE
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.objectives.divergence import gaussian_kl, normal_kl
from olaria.objectives.likelihood import cross_entropy, importance_weighted_bound
from olaria.objectives.penalties import contraction, slope_penalty, sparsity, zero_slope_penalty
from olaria.objectives.reconstruction import (
    DiscretizedLogistic,
    bernoulli_nll,
    gaussian_nll,
    squared_error,
)
from olaria.training.randomness import generator, seeded


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal float64 numbers."""
    return torch.randn(*shape, generator=generator(seed, "golden"), dtype=torch.float64)


# -- reconstruction --------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [0.1, 3.0, 200.0])
def test_bernoulli_nll_is_that_of_torch_distributions(spread: float) -> None:
    logits = spread * normal(5, 2, 3, 3)
    x = (normal(5, 2, 3, 3, seed=1) > 0).double()
    expected = -Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(bernoulli_nll(logits, x), expected, rtol=1e-9, atol=1e-9)


def test_bernoulli_nll_is_that_of_scipy() -> None:
    logits, x = normal(4, 1, 2, 3), (normal(4, 1, 2, 3, seed=1) > 0).double()
    expected = -stats.bernoulli.logpmf(x.numpy(), logits.sigmoid().numpy()).sum((1, 2, 3))
    np.testing.assert_allclose(bernoulli_nll(logits, x).numpy(), expected, rtol=1e-9)


def test_squared_error_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import mean_squared_error

    a, b = normal(6, 3, 4, 4), normal(6, 3, 4, 4, seed=1)
    expected = mean_squared_error(a.flatten(1).T, b.flatten(1).T, multioutput="raw_values")
    np.testing.assert_allclose(squared_error(a, b).numpy(), expected, rtol=1e-12)


# -- divergences -----------------------------------------------------------------------------------


def test_normal_kl_is_that_of_torch_distributions() -> None:
    p = Normal(normal(50), normal(50, seed=1).exp())
    q = Normal(normal(50, seed=2), normal(50, seed=3).exp())
    ours = normal_kl(p.mean, p.stddev, q.mean, q.stddev)
    torch.testing.assert_close(ours, kl_divergence(p, q), rtol=1e-10, atol=1e-10)


def test_normal_kl_is_the_integral() -> None:
    p, q = stats.norm(0.7, 0.5), stats.norm(-0.3, 1.6)
    expected, _ = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -5, 6)
    assert normal_kl(0.7, 0.5, -0.3, 1.6) == pytest.approx(expected, rel=1e-9)


def test_gaussian_kl_is_that_of_torch_distributions() -> None:
    mean, log_var = normal(7, 5), normal(7, 5, seed=1)
    q = Normal(mean, (log_var / 2).exp())
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(
        gaussian_kl(mean, log_var), kl_divergence(q, prior), rtol=1e-10, atol=0
    )


# -- likelihoods -----------------------------------------------------------------------------------


def test_cross_entropy_is_the_mean_over_tokens_written_out() -> None:
    logits = 3 * normal(3, 4, 6)
    targets = torch.randint(0, 6, (3, 4), generator=generator(0, "targets"))
    terms = [
        math.log(sum(math.exp(v) for v in row)) - row[target]
        for row, target in zip(
            logits.flatten(0, 1).tolist(), targets.flatten().tolist(), strict=True
        )
    ]
    ours = cross_entropy(logits, targets)
    assert ours.item() == pytest.approx(sum(terms) / 12, rel=1e-12)
    expected = -Categorical(logits=logits).log_prob(targets).mean()
    assert ours.item() == pytest.approx(expected.item(), rel=1e-12)


def test_importance_weighted_bound_is_the_log_of_a_mean() -> None:
    log_weights = 2 * normal(9, 4) - 80
    expected = np.log(np.exp(log_weights.numpy() + 80).mean(0)) - 80
    np.testing.assert_allclose(importance_weighted_bound(log_weights).numpy(), expected, rtol=1e-12)


def _vae() -> tuple[VAE, torch.Tensor]:
    """A VAE with one latent dimension whose decoder is far from flat, and three binary images."""
    with seeded(2, "weights"):
        model = VAE(VAEConfig(latent=1, hidden=(16,)), (1, 3, 3)).double().eval()
        for parameter in model.decoder.parameters():
            torch.nn.init.normal_(parameter, std=0.7)
    model.logits = lambda z, y=None: model.decoder(z)  # type: ignore[method-assign] # float64 to the end
    return model, (normal(3, 1, 3, 3, seed=5) > 0).double()


def _exact_log_likelihood(model: VAE, x: torch.Tensor) -> list[float]:
    """By scipy's quadrature over the latent dimension."""

    def likelihood(z: float, row: int) -> float:
        with torch.no_grad():
            p = model.decoder(torch.tensor([[z]], dtype=torch.float64)).sigmoid().numpy()
        return float(stats.bernoulli.pmf(x[row].numpy(), p[0]).prod() * stats.norm.pdf(z))

    return [
        math.log(integrate.quad(likelihood, -9, 9, args=(row,), limit=200)[0])
        for row in range(len(x))
    ]


def test_gaussian_nll_is_that_of_torch_distributions() -> None:
    mean, x, scale = normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1), torch.tensor(0.3).double()
    expected = -Normal(mean, scale).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(gaussian_nll(mean, scale, x), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("scale", [0.002, 0.05, 1.0])
def test_discretized_logistic_is_a_difference_of_scipys_distribution(scale: float) -> None:
    levels = torch.arange(256, dtype=torch.float64) / 255
    for mean in (0.0, 0.37, 1.0):
        edges = np.append((np.arange(255) + 0.5) / 255, np.inf)
        below = np.append(-np.inf, edges[:-1])
        cdf = stats.logistic(loc=mean, scale=scale).cdf
        expected = cdf(edges) - cdf(below)
        pixels = DiscretizedLogistic(
            torch.tensor(mean, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64)
        )
        found = pixels.log_prob(levels).exp().numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-13)
        assert found.sum() == pytest.approx(1.0)
        drawn = pixels.sample(torch.Size([4000]))
        middle = float((levels.numpy() * expected).sum())
        assert drawn.mean().item() == pytest.approx(middle, abs=5 * scale / 4000**0.5 * 1.9)


@torch.no_grad()
def test_the_bound_over_an_even_grid_is_the_exact_likelihood() -> None:
    """Points spread evenly are draws of a uniform proposal: the bound becomes a Riemann sum."""
    model, x = _vae()
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None]
    log_prior = Normal(0.0, 1.0).log_prob(z)  # (k, 1)
    log_likelihood = model.decode(z).log_prob(x[:, None]).flatten(2).sum(2).T  # (k, B)
    bound = importance_weighted_bound(log_likelihood + log_prior + math.log(18))
    np.testing.assert_allclose(bound.numpy(), _exact_log_likelihood(model, x), atol=1e-3)


@torch.no_grad()
def test_the_bound_rises_from_the_elbo_to_the_exact_likelihood() -> None:
    model, x = _vae()
    mean, log_var = (part.double() for part in model.posterior(x))
    q = Normal(mean, (log_var / 2).exp())
    noise = normal(20_000, 3, 1, seed=6)
    z = q.mean + q.stddev * noise  # (k, B, 1)
    log_p = torch.stack(
        [
            -bernoulli_nll(model.decoder(z[:, row]), x[row].expand(20_000, -1, -1, -1))
            for row in range(3)
        ],
        1,
    )
    log_weights = log_p + (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(2)
    exact = np.array(_exact_log_likelihood(model, x))
    bound = importance_weighted_bound(log_weights).numpy()
    np.testing.assert_allclose(bound, exact, atol=0.03)
    elbo = log_p.mean(0) - gaussian_kl(mean, log_var).sum(1)
    torch.testing.assert_close(log_weights.mean(0), elbo, rtol=0, atol=0.02)
    assert (elbo.numpy() < exact - 0.05).all()
    few = importance_weighted_bound(log_weights.view(5, 4000, 3).flatten(1)).view(4000, 3).mean(0)
    assert (elbo < few).all() and (few.numpy() < exact).all()


@pytest.mark.parametrize("k", [1, 7])
def test_the_bound_is_exact_for_the_true_posterior_of_a_linear_gaussian_model(k: int) -> None:
    """x = W z + b + s e: evidence and posterior are known, so each weight is p(x) itself."""
    w, b, s = normal(5, 2).numpy(), normal(5, seed=1).numpy(), 0.6
    x = normal(3, 5, seed=2).numpy()
    evidence = stats.multivariate_normal(b, w @ w.T + s**2 * np.eye(5)).logpdf(x)
    covariance = np.linalg.inv(np.eye(2) + w.T @ w / s**2)
    log_weights = np.empty((k, 3))
    for row in range(3):
        posterior = stats.multivariate_normal(covariance @ w.T @ (x[row] - b) / s**2, covariance)
        for i in range(k):
            z = posterior.mean + 0.9 * normal(2, seed=10 + i).numpy()
            joint = stats.norm.logpdf(z).sum() + stats.norm.logpdf(x[row], w @ z + b, s).sum()
            log_weights[i, row] = joint - posterior.logpdf(z)
    bound = importance_weighted_bound(torch.from_numpy(log_weights))
    np.testing.assert_allclose(bound.numpy(), evidence, rtol=1e-9)


# -- the game --------------------------------------------------------------------------------------


def test_the_optimal_discriminator_measures_jensen_shannon() -> None:
    r"""With D* = p / (p + q) the loss is 2 log 2 - 2 JS(p, q) (Goodfellow et al. 2014, theorem 1)."""
    p, q = np.array([1, 2, 3, 4]), np.array([4, 4, 1, 1])
    logits = torch.from_numpy(np.log(p / q))  # the logit of p / (p + q)
    real = logits.repeat_interleave(torch.from_numpy(p))
    fake = logits.repeat_interleave(torch.from_numpy(q))
    expected = 2 * math.log(2) - 2 * jensenshannon(p, q) ** 2
    loss = discriminator_loss(real, fake)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    for change in (0.1 * normal(4, seed=s) for s in range(5)):
        other = logits + change
        worse = discriminator_loss(
            other.repeat_interleave(torch.from_numpy(p)),
            other.repeat_interleave(torch.from_numpy(q)),
        )
        assert worse > loss


def test_the_games_losses_are_those_of_torch_distributions() -> None:
    real, fake = normal(8), normal(8, seed=1)
    one, zero = torch.ones(8).double(), torch.zeros(8).double()
    expected = (
        -Bernoulli(logits=real).log_prob(one).mean() - Bernoulli(logits=fake).log_prob(zero).mean()
    )
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-12)
    assert generator_loss(fake).item() == pytest.approx(
        -Bernoulli(logits=fake).log_prob(one).mean().item(), rel=1e-12
    )


def test_hinge_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import hinge_loss

    real, fake = 2 * normal(9), 2 * normal(9, seed=1)
    expected = 2 * hinge_loss([1] * 9 + [-1] * 9, torch.cat((real, fake)).numpy())
    assert discriminator_loss(real, fake, "hinge").item() == pytest.approx(expected, rel=1e-12)
    assert generator_loss(fake, "hinge").item() == pytest.approx(-fake.mean().item(), rel=1e-12)


def test_least_squares_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import mean_squared_error

    real, fake = normal(9), normal(9, seed=1)
    expected = mean_squared_error([1] * 9, real) / 2 + mean_squared_error([0] * 9, fake) / 2
    ours = discriminator_loss(real, fake, "least-squares").item()
    assert ours == pytest.approx(expected, rel=1e-12)
    expected = mean_squared_error([1] * 9, fake) / 2
    assert generator_loss(fake, "least-squares").item() == pytest.approx(expected, rel=1e-12)


def test_the_minimax_generator_has_the_discriminators_own_loss_on_its_images() -> None:
    """The zero-sum game: what one side gains the other loses, up to what the generator cannot move."""
    real, fake = normal(8), normal(8, seed=1).requires_grad_()
    (mine,) = torch.autograd.grad(generator_loss(fake, "minimax"), fake)
    (other,) = torch.autograd.grad(discriminator_loss(real, fake, "minimax"), fake)
    torch.testing.assert_close(mine, -other, rtol=1e-12, atol=0)
    zero = torch.zeros(8).double()
    expected = Bernoulli(logits=fake.detach()).log_prob(zero).mean()
    assert generator_loss(fake, "minimax").item() == pytest.approx(expected.item(), rel=1e-12)


def test_wasserstein_is_the_difference_of_means() -> None:
    """A discriminator of slope 1 measures the distance itself, where one cloud is the other, moved."""
    x = normal(64)
    moved = x + 0.7
    loss = discriminator_loss(moved, x, "wasserstein").item()
    assert -loss == pytest.approx(stats.wasserstein_distance(moved, x), rel=1e-12)
    assert generator_loss(x, "wasserstein").item() == pytest.approx(-x.mean().item(), rel=1e-12)


# -- penalties -------------------------------------------------------------------------------------


def test_contraction_estimates_the_jacobians_squared_norm() -> None:
    w = normal(3, 5)
    x = normal(4, 5, seed=1).requires_grad_()
    jacobian = torch.autograd.functional.jacobian(lambda row: torch.tanh(w @ row), x[0])
    z = torch.tanh(x @ w.T)
    draws = [contraction(z, x, generator(seed, "draws"))[0].item() for seed in range(4000)]
    expected = jacobian.square().sum().item()
    error = np.std(draws) / math.sqrt(len(draws))
    assert abs(np.mean(draws) - expected) < 4 * error < 0.2 * expected


def test_contraction_has_a_gradient_in_the_encoder() -> None:
    w = normal(3, 5).requires_grad_()
    x = normal(4, 5, seed=1).requires_grad_()
    contraction(x @ w.T, x, generator(0, "draws")).sum().backward()
    assert w.grad is not None and bool((w.grad != 0).all())


def test_penalties_of_a_plane_follow_from_its_slope() -> None:
    """l(x) = w · x has the slope w everywhere, wherever the points between two images fall."""
    w = normal(6)
    size = w.square().sum()

    def plane(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ w

    real, fake = normal(5, 1, 2, 3), normal(5, 1, 2, 3, seed=1)
    between = slope_penalty(plane, real, fake, generator(0, "between"))
    expected = (size.sqrt() - 1).square().expand(5)
    torch.testing.assert_close(between, expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(zero_slope_penalty(plane, real), size.expand(5), rtol=1e-12, atol=0)


def test_the_slope_is_taken_between_the_images_of_a_pair() -> None:
    """l(x) = x²/2 has the slope x: the penalty tells where it was taken, on the way from 2 to 4."""
    real, fake = torch.full((1000, 1), 4.0), torch.full((1000, 1), 2.0)

    def bowl(x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x.square().squeeze(1)

    taken = slope_penalty(bowl, real, fake, generator(0, "between")).sqrt() + 1
    assert 2 <= taken.min() < 2.1 and 3.9 < taken.max() <= 4.0001
    assert taken.mean().item() == pytest.approx(3, abs=0.1)
    torch.testing.assert_close(zero_slope_penalty(bowl, real), torch.full((1000,), 16.0))


def test_sparsity_is_the_l1_norm() -> None:
    z = normal(4, 6)
    torch.testing.assert_close(sparsity(z), torch.linalg.vector_norm(z, 1, dim=1))
