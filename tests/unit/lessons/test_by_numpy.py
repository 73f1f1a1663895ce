"""Networks of images in NumPy against the same ones in PyTorch, with every option that they have."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from olaria.lessons.by_numpy import networks
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


def _assert_same(module: nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(networks.answer(module, x.numpy()), expected, atol=1e-9)
