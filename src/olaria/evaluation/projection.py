"""Few numbers for many: principal components, and maps of codes in two dimensions.

A linear autoencoder finds the subspace of the principal components and no more (Baldi & Hornik 1989), so they are what
an autoencoder's codes are set beside; the maps show which codes are near each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.i18n import N_
from olaria.vocabulary import Map as Map

MAP_NAMES: dict[Map, str] = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
LEAST_POINTS = 10
PERPLEXITY = 30.0
"""Of t-SNE: about how many neighbours a point heeds."""


@dataclass(frozen=True)
class PrincipalComponents:
    r"""The projection onto the directions of largest variance.

    .. math:: c = A (x - \bar x), \qquad \hat x = \bar x + A^\top c, \qquad A A^\top = I

    with the d leading eigenvectors of the covariance as the rows of A: of all linear maps to d numbers and back the
    one with the least squared error (Eckart & Young 1936; Pearson 1901).

    Args:
        mean: (D,), float64.
        axes: A, (d, D).
        shares: of the variance, along each axis, (d,).
    """

    mean: Tensor
    axes: Tensor
    shares: Tensor

    @classmethod
    def fitted(cls, x: Tensor, size: int) -> PrincipalComponents:
        """Of points x, (N, ...), flattened; ``size`` axes, or as many as there are points or numbers in a point."""
        flat = x.flatten(1).double()
        mean = flat.mean(0)
        centred = flat - mean
        if len(flat) < flat.shape[1]:  # large images: the points span less than the space
            _, scales, rows = torch.linalg.svd(centred, full_matrices=False)
            leading, axes = scales.square(), rows[:size]
        else:
            variances, vectors = torch.linalg.eigh(centred.T @ centred)  # ascending
            leading, axes = variances.flip(0).clamp_min(0), vectors.flip(1).T[:size]
        # An eigenvector's sign is the library's choice: the largest entry is made positive.
        signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
        shares = leading[:size] / leading.sum().clamp_min(1e-300)
        return cls(mean, axes * signs, shares)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """(N, ...) to (N, d), float32; what classes ``y`` they are makes no difference."""
        return ((x.flatten(1).double() - self.mean) @ self.axes.T).float()

    def decode(self, codes: Tensor) -> Tensor:
        """(N, d) to flat points (N, D), float32."""
        return (self.mean + codes.double() @ self.axes).float()


def plane(codes: Tensor, how: Map, seed: int) -> Tensor:
    """Codes (N, d) to the plane, (N, 2).

    Args:
        codes: 10 or more.
        how: ``pca``; ``tsne`` (van der Maaten & Hinton 2008), which keeps neighbours and neither distances nor
            densities; ``umap`` (McInnes et al. 2018), the same in an extra package.
        seed: of the two latter.

    Raises:
        EvaluationError: there are too few codes, or the package is not installed.
    """
    if len(codes) < LEAST_POINTS:
        raise EvaluationError(
            N_("a map needs {least} images or more, there are {count}"),
            least=LEAST_POINTS,
            count=len(codes),
        )
    match how:
        case "pca":
            found = PrincipalComponents.fitted(codes, 2).encode(codes)
            return torch.nn.functional.pad(found, (0, 2 - found.shape[1]))
        case "tsne":
            from sklearn.manifold import TSNE

            perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
            machine: Any = TSNE(perplexity=perplexity, init="pca", random_state=seed)
        case "umap":
            machine = _umap()(random_state=seed, n_jobs=1)
    return torch.from_numpy(machine.fit_transform(codes.numpy())).float()


def _umap() -> Any:
    try:
        from umap import UMAP
    except ImportError as error:
        raise EvaluationError(
            N_("the map umap needs another package: pip install 'olaria[umap]', or use tsne")
        ) from error
    return UMAP
