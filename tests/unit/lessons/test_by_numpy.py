"""The twins in NumPy against the same networks in PyTorch, with every option that they have."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from olaria.families.gpt import GPTConfig
from olaria.families.language import LanguageConfig
from olaria.lessons.by_numpy import networks, transformers
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.nn.conv import ConvDecoder, ConvEncoder

SHAPE = (1, 12, 12)
OPTIONS = list(product((False, True), (0, 2)))


@pytest.mark.parametrize(("normalise", "depth"), OPTIONS)
def test_a_decoder_with_every_option(normalise: bool, depth: int) -> None:
    decoder = ConvDecoder(5, 4, SHAPE, normalise=normalise, depth=depth).double()
    _assert_same(decoder, torch.randn(3, 5).double())


@pytest.mark.parametrize(("spectral", "depth"), OPTIONS)
def test_an_encoder_with_every_option(spectral: bool, depth: int) -> None:
    encoder = ConvEncoder(SHAPE, 4, 6, slope=0.2, spectral=spectral, depth=depth).double().eval()
    _assert_same(encoder, torch.rand(3, *SHAPE).double())


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(AssertionError, match="Tanh"):
        networks.answer(nn.Sequential(nn.Tanh()), np.zeros((1, 2)))


SIZES = {"context": 16, "num_layers": 1, "num_heads": 2, "width": 16}


@pytest.mark.parametrize("rung", ["gpt", "average", "head", "feed-forward", "residual", "gpt2"])
def test_a_language_model_alone_and_of_many_texts(rung: str) -> None:
    model: GPT | LanguageModel
    if rung == "gpt":
        model = GPT(GPTConfig(chunk=4, **SIZES), 11)
    else:
        name = "gpt" if rung == "gpt2" else rung
        model = LanguageModel(LanguageConfig(**SIZES).on(name), 11)
    for parameter in model.requires_grad_(False).parameters():
        parameter.normal_(0, 0.3)
    ids = torch.randint(0, 11, (3, 13))
    expected = model.double()(ids).numpy()
    weights = transformers.weights_of(model)
    found = transformers.language_logits(weights, model.config, ids.numpy())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    alone = [transformers.language_by_hand(model, row).logits for row in ids]
    np.testing.assert_allclose(alone, found, atol=1e-12)


def _assert_same(module: nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(networks.answer(module, x.numpy()), expected, atol=1e-9)
