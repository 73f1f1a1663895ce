"""Weights that a run begins from: told apart by their numbers, and fitted to tokens that they never knew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from olaria.data.base import fingerprint


def grow(weight: Tensor, shape: torch.Size) -> Tensor:
    """``weight`` with more rows (and columns, where these stand for tokens too): the mean of the old ones.

    >>> grow(torch.tensor([[1.0, 3.0], [2.0, 5.0]]), torch.Size((3, 2))).tolist()
    [[1.0, 3.0], [2.0, 5.0], [1.5, 4.0]]
    """
    for dimension, size in enumerate(shape):
        missing = size - weight.shape[dimension]
        if missing:
            mean = weight.mean(dimension, keepdim=True)
            weight = torch.cat((weight, *[mean] * missing), dimension)
    return weight


def model_sha256(state: Mapping[str, Tensor]) -> str:
    """Fingerprint of a model: names, shapes and numbers, in the order of the names."""

    def parts() -> Iterator[bytes]:
        for name in sorted(state):
            value = state[name].detach()
            yield f"{name} {value.dtype} {list(value.shape)}\n".encode()
            yield value.reshape(-1).view(torch.uint8).numpy().tobytes()

    return fingerprint(parts())
