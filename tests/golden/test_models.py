"""Models against what is known without them: PCA, PyTorch's own attention, the ELBO of its distributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch.distributions import Independent, Normal, kl_divergence

from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.gpt import GPTConfig
from olaria.families.vae import VAEConfig
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import Batch
from olaria.models.gpt import GPT
from olaria.models.vae import VAE
from olaria.nn.attention import attention, causal_mask, rotary_angles, rotate
from olaria.recipes.training import TrainingConfig
from olaria.training.engine import Trainer
from olaria.training.feed import ExampleFeed
from olaria.training.randomness import generator, seeded
from olaria.training.watch import Watch


def test_a_linear_autoencoder_reaches_pca() -> None:
    """The best linear bottleneck of d numbers spans the first d axes (Baldi & Hornik 1989)."""
    digits = torch.from_numpy(load_digits().images[:400]) / 16
    x = (digits * 255).round().to(torch.uint8)[:, None]
    pixels = x.flatten(1).numpy() / 255
    pca = PCA(3).fit(pixels)
    best = float(((pca.inverse_transform(pca.transform(pixels)) - pixels) ** 2).mean())
    with seeded(0, "weights"):
        model = AutoEncoder(AutoEncoderConfig(latent=3, hidden=(), output="linear"), (1, 8, 8))
    config = TrainingConfig(
        steps=600, learning_rate=0.03, betas=(0.9, 0.95), precision="float32", decay="cosine"
    )
    watch = Watch(lambda model: {}, lambda model: None)
    Trainer(model, ExampleFeed(x, None, 400, 0), config, 0, watch).run([])
    with torch.no_grad():
        error = (model.reconstruct(x / 255) - x / 255).square().mean().item()
    assert best * (1 - 1e-4) < error < best * 1.01


def test_the_vaes_loss_is_the_negative_elbo_of_its_distributions() -> None:
    with seeded(0, "weights"):
        model = VAE(VAEConfig(latent=3, hidden=(16,)), (1, 4, 4))
    x = (torch.rand(5, 1, 4, 4, generator=generator(0, "x")) < 0.5).float()
    loss = model.loss(Batch(x), generator(0, "noise"))
    draws = generator(0, "noise")
    torch.rand(x.shape, generator=draws)  # binarization comes first and changes nothing here
    q = model.encode(x)
    z = q.mean + q.stddev * torch.randn(5, 3, generator=draws)
    log_likelihood = Independent(model.decode(z), 3).log_prob(x)
    kl = kl_divergence(q, Normal(torch.zeros(5, 3), torch.ones(5, 3))).sum(1)
    assert loss.parts["reconstruction_nats"].item() == pytest.approx(
        -log_likelihood.mean().item(), rel=1e-5
    )
    assert loss.parts["kl_nats"].item() == pytest.approx(kl.mean().item(), rel=1e-5)
    assert loss.total.item() == pytest.approx((kl - log_likelihood).mean().item(), rel=1e-5)


def _qkv(length: int = 7, keys: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = generator(0, "qkv")
    shapes = ((2, 3, length, 4), (2, 3, keys, 4), (2, 3, keys, 4))
    q, k, v = (torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes)
    return q, k, v


@pytest.mark.parametrize("scale", [0.5, 1.7])
@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_pytorchs_own(causal: bool, scale: float) -> None:
    q, k, v = _qkv()
    mask = causal_mask(7, 7) if causal else None
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
    torch.testing.assert_close(attention(q, k, v, mask, scale), expected, rtol=1e-10, atol=1e-12)


def test_attention_with_a_cache_of_earlier_keys_is_pytorchs_own() -> None:
    from torch.nn.attention.bias import causal_lower_right

    q, k, v = _qkv(3, 7)
    bias = causal_lower_right(3, 7)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    ours = attention(q, k, v, causal_mask(3, 7), 0.5)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


def test_rotation_is_a_product_of_complex_numbers() -> None:
    """Su et al. 2021, equation 16: each pair, read as a complex number, times exp(i t theta)."""
    x = _qkv()[0]
    pairs = torch.complex(*x.chunk(2, -1)).numpy()  # (B, H, T, D/2)
    theta = 10_000.0 ** (-2 * np.arange(2) / 4)
    turned = pairs * np.exp(1j * np.arange(7)[:, None] * theta)
    ours = rotate(x, *rotary_angles(7, 4)).numpy()
    np.testing.assert_allclose(ours, np.concatenate((turned.real, turned.imag), -1), atol=1e-6)


@pytest.mark.parametrize(
    ("chunk", "first_keys"),
    [(None, (0, 0, 0, 0, 0, 0)), (2, (0, 0, 0, 0, 2, 2))],
    ids=["all earlier tokens", "its pair and the one before"],
)
def test_gpts_forward_pass_written_out_one_position_at_a_time(
    chunk: int | None, first_keys: tuple[int, ...]
) -> None:
    """A second derivation with PyTorch's attention and RMSNorm, each position alone with its past."""
    config = GPTConfig(context=6, chunk=chunk, num_layers=2, num_heads=2, width=8)
    with seeded(0, "weights"):
        model = GPT(config, 5).double().eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    norm = torch.nn.RMSNorm(8, elementwise_affine=False)
    head_norm = torch.nn.RMSNorm(4, elementwise_affine=False)
    tokens = torch.tensor([[3, 1, 4, 1, 0, 2]])
    with torch.no_grad():
        x = norm(model.embedding(tokens))
        for block in model.blocks:
            q, k, v = (
                part.view(1, 6, 2, 4).transpose(1, 2)
                for part in F.linear(norm(x), block.qkv.weight).split(8, -1)
            )
            q, k = (rotate(head_norm(part), model.cos, model.sin) for part in (q, k))
            rows = [
                F.scaled_dot_product_attention(
                    q[:, :, t : t + 1], k[:, :, first : t + 1], v[:, :, first : t + 1]
                )
                for t, first in enumerate(first_keys)
            ]
            heads = torch.cat(rows, 2).transpose(1, 2).reshape(1, 6, 8)
            x = x + F.linear(heads, block.attention_out.weight)
            hidden = F.linear(norm(x), block.feed_in.weight)
            x = x + F.linear(torch.where(hidden > 0, hidden**2, 0), block.feed_out.weight)
        logits = F.linear(norm(x), model.head.weight)
        expected = 15 * torch.tanh(logits / 15)
        assert logits.abs().max() > 1, "the bound at 15 must show"
        torch.testing.assert_close(model(tokens).double(), expected, rtol=1e-4, atol=1e-5)
