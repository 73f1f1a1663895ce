"""Objectives against torch.distributions, scipy and sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.spatial.distance import jensenshannon
from torch.distributions import Bernoulli, Categorical, Independent, Normal, kl_divergence

from olaria.models.vae import VAE, VAEConfig
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.objectives.divergence import gaussian_kl, normal_kl
from olaria.objectives.likelihood import cross_entropy, importance_weighted_bound
from olaria.objectives.reconstruction import bernoulli_nll, squared_error
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
    q = Independent(Normal(mean, (log_var / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
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
    model.logits = lambda z: model.decoder(z)  # type: ignore[method-assign] # float64 to the end
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
    elbo = log_p.mean(0) - gaussian_kl(mean, log_var)
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
