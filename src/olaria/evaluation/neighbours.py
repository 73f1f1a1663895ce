"""Nearest neighbours in blocks, so that no full distance matrix is ever held in memory."""

from __future__ import annotations

import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.i18n import N_

BLOCK_ENTRIES = 10_000_000
"""Entries of one block of distances: 40 MB in float32."""


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    r"""Squared Euclidean distances between all pairs.

    .. math:: \lVert a_i\rVert^2 - 2 a_i \cdot b_j + \lVert b_j\rVert^2

    Subtract a common centre from both before calling: distances do not change, cancellation does.

    Args:
        a: (N, d).
        b: (M, d).

    Returns:
        (N, M), never negative.

    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[25.]])
    """
    squared = torch.addmm(b.square().sum(1)[None], a, b.T, alpha=-2.0)
    return squared.add_(a.square().sum(1)[:, None]).clamp_min_(0.0)  # only rounding is below 0


def block_rows(num_columns: int) -> int:
    """Rows of a block with ``num_columns`` columns."""
    return max(1, BLOCK_ENTRIES // max(1, num_columns))


def centred(*sets: Tensor) -> tuple[Tensor, ...]:
    """The sets with the mean of the last one subtracted from each."""
    centre = sets[-1].mean(0)
    return tuple(points - centre for points in sets)


def nearest(queries: Tensor, points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Distances and indices of the ``k`` nearest ``points`` of every query, nearest first.

    Args:
        queries: (N, d).
        points: (M, d).
        k: number of neighbours, at most M.

    Returns:
        Euclidean distances (N, k) and int64 indices into ``points`` (N, k).

    Raises:
        EvaluationError: there are fewer points than ``k``.
    """
    if len(points) < k:
        raise EvaluationError(
            N_("{k} nearest neighbours need at least {k} points, there are {count}; use more data"),
            k=k,
            count=len(points),
        )
    queries, points = centred(queries, points)
    norms = points.square().sum(1)[None]
    found, indices = [], []
    for block in torch.split(queries, block_rows(len(points))):
        # The query's own norm changes no order, so it is added to the chosen few only.
        ranks = torch.addmm(norms, block, points.T, alpha=-2.0)
        if k == 1:  # a plain minimum is several times faster than a selection
            best, index = ranks.min(1, keepdim=True)
        else:
            best, index = ranks.topk(k, 1, largest=False)
        best += block.square().sum(1, keepdim=True)
        found.append(best.clamp_min_(0).sqrt_())
        indices.append(index)
    return torch.cat(found), torch.cat(indices)


def kth_radius(points: Tensor, k: int) -> Tensor:
    """Distance of every point (M, d) to its ``k``-th nearest *other* point, (M,)."""
    index = nearest(points, points, k + 1)[1][:, k]  # the nearest is the point itself
    return distances_to(points, points, index)


def distances_to(queries: Tensor, points: Tensor, index: Tensor) -> Tensor:
    """Distance of each query (N, d) to the point of :func:`nearest` that ``index`` (N,) names: 0, not a rounding, where
    they are equal."""
    rows = block_rows(queries.shape[1])
    blocks = zip(queries.split(rows), index.split(rows), strict=True)
    return torch.cat([(block - points[part]).square().sum(1).sqrt() for block, part in blocks])
