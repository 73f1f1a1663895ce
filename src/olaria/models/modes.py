r"""A mixture of normal clusters that is fitted to data, which a flow begins from; see :mod:`olaria.objectives.modes`.

The fit takes the first principal axes of the data and divides the examples into clusters by k-means along them. The
variance within the clusters, of all together, is their common shape. Source: Bishop 2006, *Pattern Recognition and
Machine Learning*, sections 9.1 and 12.1; the axes of data of many dimensions by Halko et al. 2011, *Finding Structure
with Randomness*, algorithm 4.4.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Generator, Tensor, nn

from olaria.nn.fused import as_it_is
from olaria.objectives.modes import Modes

MOST_AXES = 128
EXAMPLES_EACH = 8
"""Examples that a cluster has on average at least: fewer say too little of where it is."""
ROUNDS = 10
"""Of k-means: the distance hardly falls after."""
UNSURE = 0.001
"""Share of all examples' clusters in the weights of a class: so none is quite impossible."""
LEAST_VARIANCE = 1e-3
"""Of a cluster, in the data's units."""
_MOST_EXACT = 1024
"""Dimensions whose covariance is decomposed whole."""
_MORE_AXES, _POWERS = 16, 4
_CHUNK = 4096
_SEED = 0


@final
class FittedModes(nn.Module):
    """Clusters of flat data; before a fit one standard normal.

    Args:
        size: D of the data.
        count: K, the most clusters; with few examples some stand several times and share their weight.
        classes: of the data, each of which has weights of its own; they stand before those of all examples.

    >>> fitted = FittedModes(3, 2)
    >>> fitted(torch.ones(1, 3), torch.tensor([0.5]))
    tensor([[0., 0., 0.]])
    """

    mean: Tensor
    axes: Tensor
    centres: Tensor
    weights: Tensor
    inside: Tensor
    outside: Tensor

    def __init__(self, size: int, count: int, classes: int = 0) -> None:
        super().__init__()
        num_axes = min(size, MOST_AXES)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.eye(size, num_axes))
        self.register_buffer("centres", torch.zeros(count, num_axes))
        self.register_buffer("weights", torch.zeros(classes + 1, count))  # their logarithms
        self.register_buffer("inside", torch.ones(num_axes))
        self.register_buffer("outside", torch.ones(()))

    @torch.no_grad()
    def fit(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the clusters of examples (N, D), of classes (N,); the same examples give the same clusters."""
        x = x.float()
        count, size = x.shape
        mean = x.mean(0)
        x = x - mean
        axes = principal_axes(x, self.axes.shape[1])
        z = x @ axes
        most = max(1, min(len(self.centres), count // EXAMPLES_EACH))
        nearest, centres = k_means(z, most)
        within = z - centres[nearest]
        # Turned so that the clusters' common covariance is diagonal; the axes span the same.
        covariance = within.T @ within / max(1, count - len(centres))
        inside, turned = torch.linalg.eigh(covariance)
        outside = (x.square().sum() - z.square().sum()) / (count * max(1, size - axes.shape[1]))
        # Fewer clusters than there is room for stand again and again, the weight of each divided by how often.
        place = torch.arange(len(self.centres), device=x.device) % len(centres)
        self.mean.copy_(mean)
        self.axes.copy_(axes @ turned)
        self.centres.copy_((centres @ turned)[place])
        shares = self._shares(nearest, len(centres), y)
        self.weights.copy_((shares / torch.bincount(place))[:, place].log())
        self.inside.copy_(inside.clamp_min(LEAST_VARIANCE))
        self.outside.copy_(outside.clamp_min(LEAST_VARIANCE))

    def _shares(self, nearest: Tensor, count: int, y: Tensor | None) -> Tensor:
        """How probable each cluster is in each class and in all examples, (classes + 1, K); none is impossible."""
        of_all = torch.bincount(nearest, minlength=count) / len(nearest)
        rows = [of_all]
        for label in reversed(range(len(self.weights) - 1)):
            own = nearest[:0] if y is None else nearest[y == label]
            share = torch.bincount(own, minlength=count) / max(1, len(own))
            rows.append(share + UNSURE * (of_all - share) if len(own) else of_all)
        return torch.stack(rows[::-1])

    @torch.no_grad()
    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The mean velocity at places (B, ...) at times (B,), of the places' shape, in the buffers' precision.

        Args:
            x_t: the places.
            t: the times.
            y: classes, (B,); their number, or None, is no class.
        """
        with as_it_is(x_t.device.type):
            weights = self.weights[-1] if y is None else self.weights[y]
            modes = Modes(self.mean, self.axes, self.centres, weights, self.inside, self.outside)
            kind = self.mean.dtype
            return modes.velocity(x_t.to(kind).flatten(1), t.to(kind)).view(x_t.shape)


def principal_axes(x: Tensor, count: int) -> Tensor:
    """The directions in which centred examples (N, D) vary most, orthonormal, (D, count).

    Of many dimensions they are found nearly, by powers of the covariance times random directions.
    """
    size = x.shape[1]
    if size <= _MOST_EXACT:
        return _first_axes(x, count)
    draw = Generator().manual_seed(_SEED)
    basis = torch.randn(size, min(size, count + _MORE_AXES), generator=draw).to(x.device)
    for _ in range(_POWERS):
        basis = torch.linalg.qr(x.T @ (x @ basis) / len(x))[0]
    return basis @ _first_axes(x @ basis, count)


def _first_axes(x: Tensor, count: int) -> Tensor:
    axes: Tensor = torch.linalg.eigh(x.T @ x / len(x))[1]  # variances grow
    return axes[:, -count:]


def k_means(z: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The cluster of each of (N, R) examples, (N,), and the clusters' means, (K, R): at most ``count``, none empty."""
    first = torch.randperm(len(z), generator=Generator().manual_seed(_SEED))[:count]
    centres = z[first.to(z.device)]
    for _ in range(ROUNDS):
        half = centres.square().sum(1) / 2
        # The squared distance, halved, less what is the same for all centres.
        nearest = torch.cat(
            [torch.addmm(half, part, centres.T, alpha=-1).argmin(1) for part in z.split(_CHUNK)]
        )
        sizes = torch.bincount(nearest, minlength=len(centres))
        kept = sizes > 0
        nearest = (kept.cumsum(0) - 1)[nearest]
        totals = z.new_zeros(int(kept.sum()), z.shape[1]).index_add_(0, nearest, z)
        centres = totals / sizes[kept, None]
    return nearest, centres
