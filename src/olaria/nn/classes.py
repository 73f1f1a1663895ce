"""How a network is told the class of an image."""

from __future__ import annotations

import torch
from torch import Tensor


def with_class(z: Tensor, y: Tensor | None, num_classes: int) -> Tensor:
    """Vectors with a one-hot row of their class behind them; as they are where there are no classes.

    Args:
        z: (B, D).
        y: classes, int64 (B,).
        num_classes: K.

    Returns:
        (B, D + K).

    Source: Mirza & Osindero 2014, *Conditional Generative Adversarial Nets*, section 3.2.

    >>> with_class(torch.zeros(1, 2), torch.tensor([1]), 3)
    tensor([[0., 0., 0., 1., 0.]])
    """
    if num_classes == 0:
        return z
    assert y is not None, "a model of classes is told the class of each image"
    return torch.cat((z, torch.eye(num_classes, dtype=z.dtype, device=z.device)[y]), 1)
