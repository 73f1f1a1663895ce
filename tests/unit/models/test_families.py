"""What is particular to each family."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from olaria.errors import ConfigError
from olaria.models.autoencoder import AutoEncoder, AutoEncoderConfig
from olaria.models.base import Batch, Loss, num_parameters
from olaria.models.gan import GAN, GANConfig
from olaria.models.gpt import GPT, GPTConfig
from olaria.models.language import Bigram, BigramConfig
from olaria.models.vae import VAE, VAEConfig, binarize
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
