"""The exponential moving average of a model's weights."""

from __future__ import annotations

import torch

from olaria.models.base import Model


@torch.no_grad()
def average(ema: Model, model: Model, most: float, step: int) -> None:
    r"""Move the average towards the weights.

    .. math:: \bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta, \quad d = \min\big(d_\infty, \tfrac{1+t}{10+t}\big)

    The decay rises over the first steps, so that the start is forgotten.

    Args:
        ema: the average, changed in place; its buffers become the model's.
        model: that is trained.
        most: :math:`d_\infty`, the decay after many steps.
        step: :math:`t`, before the update.
    """
    decay = min(most, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(ema.parameters()), [p.data for p in model.parameters()], 1 - decay)
    for target, source in zip(ema.buffers(), model.buffers(), strict=True):
        target.copy_(source)
