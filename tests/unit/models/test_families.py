"""What is particular to each family."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from olaria.errors import ConfigError
from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.gan import GANConfig
from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig
from olaria.families.vae import VAEConfig
from olaria.models.autoencoder import AutoEncoder, corrupted
from olaria.models.base import Batch, Loss, num_parameters
from olaria.models.gan import GAN
from olaria.models.gpt import GPT
from olaria.models.language import Bigram
from olaria.models.vae import VAE, binarize
from olaria.objectives.reconstruction import squared_error
from olaria.training.randomness import generator, seeded

SHAPE = (1, 8, 8)


def pixels(count: int = 6) -> torch.Tensor:
    """Grey images."""
    return torch.rand(count, *SHAPE, generator=generator(0, "pixels"))


def test_a_loss_weighs_its_parts() -> None:
    parts = {"a": torch.tensor(2.0), "b": torch.tensor(3.0)}
    assert Loss(parts).total == 5
    assert Loss(parts, {"b": 0.5}).total == 3.5


def test_parameters_are_counted_once() -> None:
    layer = nn.Linear(3, 2)
    assert num_parameters(nn.Sequential(layer, layer)) == 8


# -- autoencoder -----------------------------------------------------------------------------------


def test_corruption_disturbs_the_input_and_not_the_target() -> None:
    with seeded(0, "weights"):
        model = AutoEncoder(AutoEncoderConfig(latent=4, hidden=(16,), corruption=0.5), SHAPE)
    x = pixels()
    seen: list[torch.Tensor] = []
    model.encoder.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    loss = model.loss(Batch(x), generator(0, "noise"))
    noise = (seen[0] + model.statistics.mean - x) / 0.5
    torch.testing.assert_close(noise, torch.randn(x.shape, generator=generator(0, "noise")))
    expected = squared_error(model.decode(model.encoder(seen[0])), x).mean()
    assert loss.total.item() == pytest.approx(expected.item())


def test_masking_loses_a_share_of_the_pixels_and_leaves_the_others() -> None:
    x = torch.full((50, 1, 28, 28), 0.6)
    lost = corrupted(x, "masking", 0.3, generator(0, "noise"))
    assert set(lost.unique().tolist()) == {0.0, x[0, 0, 0, 0].item()}
    assert (lost == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)


def test_salt_and_pepper_are_as_likely() -> None:
    x = torch.full((50, 1, 28, 28), 0.6)
    noisy = corrupted(x, "salt-and-pepper", 0.3, generator(0, "noise"))
    assert set(noisy.unique().tolist()) == {0.0, x[0, 0, 0, 0].item(), 1.0}
    for value in (0, 1):
        assert (noisy == value).float().mean().item() == pytest.approx(0.15, abs=0.01)


def test_more_than_all_pixels_cannot_be_lost() -> None:
    with pytest.raises(ConfigError, match="masking"):
        AutoEncoderConfig.parse({"corruption": 1.5, "noise": "masking"}, "test")
    assert AutoEncoderConfig(corruption=1.5).noise == "gaussian"


def test_penalties_are_on_the_codes() -> None:
    config = AutoEncoderConfig(latent=4, hidden=(), output="linear", sparsity=0.5, contraction=0.25)
    with seeded(0, "weights"):
        model = AutoEncoder(config, SHAPE)
    x = pixels(2000)
    loss = model.loss(Batch(x), generator(0, "noise"))
    expected = model.encode(x).abs().sum(1).mean().item()
    assert loss.parts["sparsity"].item() == pytest.approx(expected, rel=1e-5)
    # The Jacobian of a linear encoder is its weight, whatever the image; 2,000 draws estimate its size.
    (weight,) = (p for p in model.encoder.parameters() if p.ndim == 2)
    size = weight.square().sum().item()
    assert loss.parts["contraction"].item() == pytest.approx(size, rel=0.1)
    total = sum(loss.parts[name].item() * w for name, w in loss.weights.items())
    assert loss.total.item() == pytest.approx(loss.parts["mse"].item() + total, rel=1e-5)


def test_an_untrained_model_answers_about_the_mean_image() -> None:
    x = pixels(64) * torch.linspace(0.1, 0.9, 64).view(1, 1, 8, 8)
    for build in (lambda: AutoEncoder(AutoEncoderConfig(), SHAPE), lambda: VAE(VAEConfig(), SHAPE)):
        with seeded(0, "weights"):
            model = build()
        model.adapt(x)
        error = (model.reconstruct(x).mean(0) - x.mean(0)).abs().max()
        assert error < 0.05  # 0.4 without the statistics


def test_the_kl_term_warms_up_over_its_fraction_of_the_run() -> None:
    model = VAE(VAEConfig(beta=2.0, warmup=0.5), SHAPE)
    factors = []
    for model.progress in (0.0, 0.25, 0.5, 1.0):
        factors.append(model.beta)
    assert factors == [0.0, 1.0, 2.0, 2.0]
    assert VAE(VAEConfig(warmup=0.0), SHAPE).beta == 1.0


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_outputs_are_in_their_range(network: str) -> None:
    z = 50 * torch.randn(9, 4, generator=generator(0, "z"))
    for output, bounded in (("sigmoid", True), ("linear", False)):
        config = AutoEncoderConfig.parse(
            {"latent": 4, "hidden": [16], "output": output, "network": network}, "test"
        )
        with seeded(0, "weights"):
            x = AutoEncoder(config, SHAPE).decode(z)
        assert (x.min() >= 0 and x.max() <= 1).item() is bounded


# -- VAE -------------------------------------------------------------------------------------------


def test_binarization_draws_pixels_with_their_grey_value() -> None:
    grey = torch.tensor([0.0, 0.2, 0.7, 1.0])
    drawn = binarize(grey.expand(20_000, 4), generator(0, "binary"))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    error = (grey * (1 - grey) / 20_000).sqrt()
    assert ((drawn.mean(0) - grey).abs() <= 4 * error).all()


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_weighs_the_kl_alone(beta: float) -> None:
    with seeded(0, "weights"):
        model = VAE(VAEConfig(latent=3, hidden=(16,), beta=beta), SHAPE)
    loss = model.loss(Batch(pixels()), generator(0, "noise"))
    kl, reconstruction = loss.parts["kl_nats"], loss.parts["reconstruction_nats"]
    assert kl > 0
    assert loss.total.item() == pytest.approx((reconstruction + beta * kl).item(), rel=1e-6)


def test_the_decoder_gives_one_distribution_to_all() -> None:
    with seeded(0, "weights"):
        model = VAE(VAEConfig(latent=3, hidden=(16,)), SHAPE)
    x = pixels()
    q = model.encode(x)
    mean, log_var = model.posterior(x)
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(q.variance.log(), log_var, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.decode(mean).mean, model.reconstruct(x))


@pytest.mark.parametrize(
    "changes",
    [{}, {"above": (3, 2)}, {"likelihood": "gaussian"}, {"likelihood": "logistic", "scale": 0.1}],
)
def test_draws_are_priced_by_the_distributions_of_the_model(changes: dict[str, Any]) -> None:
    """log p(x, z) - log q(z|x) of the draws, against torch.distributions, one layer after another."""
    with seeded(0, "weights"):
        model = VAE(VAEConfig(latent=4, hidden=(16,), **changes), SHAPE)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    x = model.target(pixels(), generator(0, "binary"))
    noise = torch.randn(3, len(x), model.latent, generator=generator(0, "noise"))
    draw = model.draw(model.read(x), noise)
    for k in range(3):
        z, found, state, log_q, kl, start = draw.z[k], model.read(x), None, 0.0, [], 0
        for level, size in enumerate(model.decoder.sizes):
            mean, log_var = model.decoder.posterior(level, found[level], state)
            part, q = z[:, start : start + size], Normal(mean, (0.5 * log_var).exp())
            state = model.decoder.descend(level, part, state)
            log_q, start = log_q + q.log_prob(part).sum(1), start + size
            kl.append(kl_divergence(q, Normal(0.0, 1.0)))
        log_p = Normal(0.0, 1.0).log_prob(z).sum(1)
        torch.testing.assert_close(draw.log_ratio[k], log_p - log_q, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(draw.kl_nats[k], torch.cat(kl, 1), rtol=1e-4, atol=1e-4)
        nats = -model.decode(z).log_prob(x).flatten(1).sum(1)
        torch.testing.assert_close(model.nll(draw, x)[k], nats, rtol=1e-4, atol=1e-3)


def test_free_bits_are_charged_to_nobody() -> None:
    losses = []
    for free in (0.0, 0.5, 100.0):
        with seeded(0, "weights"):
            model = VAE(VAEConfig(latent=4, hidden=(16,), free_bits=free), SHAPE)
        losses.append(model.loss(Batch(pixels()), generator(0, "noise")))
    plain, some, much = losses
    kl, floor = plain.parts["kl_nats"], some.total - plain.parts["reconstruction_nats"]
    assert kl < 4 * 0.5  # an untrained posterior lies near the prior
    assert floor.item() == pytest.approx(4 * 0.5, rel=1e-5)
    # Below the allowance nothing pulls the posterior to the prior: what is left is the reconstruction.
    assert (much.total - plain.parts["reconstruction_nats"]).item() == pytest.approx(400, rel=1e-5)


def test_several_draws_tighten_the_training_bound() -> None:
    values = []
    for k in (1, 8, 64):
        with seeded(0, "weights"):
            model = VAE(VAEConfig(latent=4, hidden=(16,), importance_samples=k), SHAPE)
            for parameter in model.parameters():
                torch.nn.init.normal_(parameter, std=0.4)
        noise = generator(0, "noise")
        values.append(model.loss(Batch(pixels().repeat(40, 1, 1, 1)), noise).total.item())
    assert values[0] > values[1] + 0.1 > values[2] + 0.1


def test_several_draws_come_once_their_part_of_the_run_has_begun() -> None:
    model = VAE(VAEConfig(latent=4, hidden=(16,), importance_samples=3, importance_from=0.7), SHAPE)
    found = []
    for model.progress in (0.0, 0.69, 0.7, 1.0):
        found.append(set(model.loss(Batch(pixels()), generator(0, "noise")).parts))
    early, late = {"reconstruction_nats", "kl_nats"}, {"bound_nats"}
    assert found == [early, early, late, late]


def test_the_decoder_is_told_the_class() -> None:
    for changes in ({}, {"above": (3,)}, {"network": "conv"}):
        with seeded(0, "weights"):
            model = VAE(VAEConfig(latent=4, hidden=(16,), classes=3, **changes), SHAPE)
        z = torch.zeros(2, model.latent)
        one, other = (model.logits(z, torch.tensor(y)) for y in ([0, 1], [0, 2]))
        assert torch.equal(one[0], other[0])
        assert not torch.equal(one[1], other[1])


# -- GAN -------------------------------------------------------------------------------------------


def test_each_side_of_the_game_gives_its_own_network_gradients() -> None:
    with seeded(0, "weights"):
        model = GAN(GANConfig(latent=4, generator_width=2, discriminator_width=2), SHAPE)
    model.discriminator_loss(Batch(pixels()), generator(0, "noise")).total.backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.discriminator.parameters())


def test_spectral_normalisation_bounds_every_layer() -> None:
    with seeded(0, "weights"):
        model = GAN(GANConfig(latent=4, discriminator_width=4), SHAPE)
        for parameter in model.discriminator.parameters():
            nn.init.normal_(parameter, std=3.0)
    for _ in range(200):
        model.discriminate(pixels())
    layers = [m for m in model.discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(1, abs=0.01)


def test_evaluation_does_not_move_the_discriminator() -> None:
    model = GAN(GANConfig(latent=4, discriminator_width=4), SHAPE).eval()
    assert torch.equal(model.discriminate(pixels()), model.discriminate(pixels()))


# -- language models -------------------------------------------------------------------------------


@pytest.mark.parametrize("vocab_size", [2, 65])
def test_language_models_begin_by_knowing_nothing(vocab_size: int) -> None:
    tokens = torch.randint(0, vocab_size, (3, 6), generator=generator(0, "tokens"))
    config = GPTConfig(context=6, num_layers=1, num_heads=1, width=8)
    for model in (GPT(config, vocab_size), Bigram(BigramConfig(), vocab_size)):
        loss = model.loss(Batch(tokens, tokens), generator(0))
        assert loss.total.item() == pytest.approx(math.log(vocab_size), rel=1e-6)


def test_logits_are_bounded_at_fifteen() -> None:
    model = GPT(GPTConfig(context=4, num_layers=1, num_heads=1, width=8), 5)
    nn.init.constant_(model.head.weight, 0.0)
    model.head.weight.data[:, :] = torch.linspace(-900, 900, 5)[:, None]
    logits = model(torch.zeros(1, 4).long())
    assert logits.abs().max() <= 15 and logits.dtype == torch.float32


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        GPTConfig.parse({"width": 30, "num_heads": 4}, "model")
    assert "30" in str(caught.value) and "4" in str(caught.value)
    with pytest.raises(ConfigError):  # rotary positions pair the features of a head
        GPTConfig.parse({"width": 12, "num_heads": 4}, "model")


def test_dropout_acts_in_training_alone() -> None:
    with seeded(0, "weights"):
        model = GPT(GPTConfig(context=4, num_layers=1, num_heads=1, width=8, dropout=0.5), 5)
        for parameter in model.parameters():
            nn.init.normal_(parameter)
    tokens = torch.tensor([[1, 2, 3, 4]])
    with seeded(0, "dropout"):
        assert not torch.equal(model.train()(tokens), model(tokens))
    assert torch.equal(model.eval()(tokens), model(tokens))


def test_more_tokens_than_the_context_are_a_fault_of_the_caller() -> None:
    model = GPT(GPTConfig(context=4, num_layers=1, num_heads=1, width=8), 5)
    with pytest.raises(AssertionError):
        model(torch.zeros(1, 5).long())
