"""Objectives for any input: signs, equality, and a batch as the sum of its examples."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.vae import VAEConfig
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE
from olaria.objectives.divergence import gaussian_kl, normal_kl
from olaria.objectives.likelihood import cross_entropy, importance_weighted_bound
from olaria.objectives.reconstruction import bernoulli_nll, squared_error
from olaria.training.randomness import generator, seeded

means = st.floats(-20, 20)
stds = st.floats(0.05, 20)
seeds = st.integers(0, 2**20)


def normal(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal float64 numbers."""
    return torch.randn(*shape, generator=generator(seed, "property"), dtype=torch.float64)


@given(means, stds, means, stds)
def test_kl_is_never_negative(mean_p: float, std_p: float, mean_q: float, std_q: float) -> None:
    assert normal_kl(mean_p, std_p, mean_q, std_q) >= -1e-9


@given(means, stds)
def test_kl_of_a_distribution_to_itself_is_zero(mean: float, std: float) -> None:
    assert normal_kl(mean, std, mean, std) == pytest.approx(0, abs=1e-12)


@given(means, stds, st.sampled_from([-1, 1]), st.floats(0.02, 2), st.booleans())
def test_kl_of_two_different_distributions_is_positive(
    mean: float, std: float, sign: int, change: float, widen: bool
) -> None:
    other = (mean, std * (1 + change)) if widen else (mean + sign * change * std, std)
    # A change of 2 % in sigma is worth 0.02² nats, a shift of 0.02 sigma half of that.
    assert normal_kl(mean, std, *other) > 1e-4
    assert normal_kl(*other, mean, std) > 1e-4


@given(seeds, st.integers(1, 6), st.integers(1, 8), st.floats(0, 3))
def test_gaussian_kl_is_normal_kl_in_each_dimension(
    seed: int, batch: int, size: int, s: float
) -> None:
    mean, log_var = s * normal(seed, batch, size), s * normal(seed + 1, batch, size)
    expected = normal_kl(mean, (log_var / 2).exp(), 0.0, 1.0)
    torch.testing.assert_close(gaussian_kl(mean, log_var), expected, rtol=1e-9, atol=1e-9)
    # Not negative but for rounding: exp(x) - x - 1 cancels to the last bit where x is about 1e-16.
    assert (gaussian_kl(mean, log_var) >= -1e-15).all()


@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
def test_a_batch_is_its_examples_one_by_one(
    seed: int, batch: int, channels: int, side: int
) -> None:
    a = normal(seed, batch, channels, side, side)
    x = normal(seed + 1, batch, channels, side, side).sigmoid()
    for formula in (bernoulli_nll, squared_error):
        whole = formula(a, x)
        alone = torch.cat([formula(a[i : i + 1], x[i : i + 1]) for i in range(batch)])
        assert whole.shape == (batch,)
        torch.testing.assert_close(whole, alone, rtol=1e-12, atol=1e-12)


@given(seeds, st.integers(2, 6))
def test_a_models_loss_is_the_mean_over_its_examples(seed: int, batch: int) -> None:
    """With the same noise, the loss of a batch is the mean of what each image costs alone."""
    x = (normal(seed, batch, 1, 4, 4) > 0).float()
    with seeded(seed, "weights"):
        vae = VAE(VAEConfig(latent=3, hidden=(8,)), (1, 4, 4))
        plain = AutoEncoder(AutoEncoderConfig(latent=3, hidden=(8,)), (1, 4, 4))
    with torch.no_grad():
        alone = squared_error(plain.reconstruct(x), x)
        each = torch.stack([squared_error(plain.reconstruct(row[None]), row[None])[0] for row in x])
        torch.testing.assert_close(alone, each, rtol=1e-4, atol=1e-6)
        mean, log_var = vae.posterior(x)
        z = mean + (0.5 * log_var).exp() * normal(seed + 1, batch, 3).float()
        whole = bernoulli_nll(vae.logits(z), x) + gaussian_kl(mean, log_var).sum(1)
        for i, row in enumerate(x):
            one_mean, one_log_var = vae.posterior(row[None])
            cost = bernoulli_nll(vae.logits(z[i : i + 1]), row[None])
            cost = cost + gaussian_kl(one_mean, one_log_var).sum(1)
            torch.testing.assert_close(whole[i : i + 1], cost, rtol=1e-4, atol=1e-4)


@given(seeds, st.integers(1, 4), st.integers(1, 5), st.integers(2, 7), st.floats(-50, 50))
def test_cross_entropy_is_positive_blind_to_shifts_and_even_over_tokens(
    seed: int, batch: int, length: int, vocab: int, shift: float
) -> None:
    logits = normal(seed, batch, length, vocab)
    targets = torch.randint(0, vocab, (batch, length), generator=generator(seed, "targets"))
    loss = cross_entropy(logits, targets)
    assert loss >= 0
    torch.testing.assert_close(cross_entropy(logits + shift, targets), loss, rtol=1e-9, atol=1e-9)
    each = [cross_entropy(logits[i : i + 1], targets[i : i + 1]) for i in range(batch)]
    torch.testing.assert_close(torch.stack(each).mean(), loss, rtol=1e-9, atol=1e-9)


@given(seeds, st.integers(1, 9), st.integers(1, 4), st.floats(-900, 900))
def test_the_bound_lies_between_the_mean_and_the_largest_weight(
    seed: int, k: int, batch: int, shift: float
) -> None:
    weights = 3 * normal(seed, k, batch) + shift
    bound = importance_weighted_bound(weights)
    assert (bound >= weights.mean(0) - 1e-9).all() and (bound <= weights.amax(0) + 1e-9).all()
    if k == 1:
        torch.testing.assert_close(bound, weights[0])
