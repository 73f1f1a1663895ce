"""How good reconstructions and codes are: the autoencoder's metrics.

Each image counts the same. Neighbours vote in the space of codes, so that the numbers speak of the
codes and not of a classifier trained on top of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.gathered import Gathered, refuse_alike
from olaria.evaluation.neighbours import nearest
from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message
from olaria.objectives.reconstruction import squared_error

TRUSTWORTHINESS_POINTS = 2000
_NO_CLASSES = N_("the images have no classes")


def mse(reconstruction: Tensor, x: Tensor) -> float:
    """Mean squared error over all images and pixels, in squared pixel units (pixels in [0, 1]).

    Args:
        reconstruction: (N, C, H, W).
        x: (N, C, H, W).

    >>> mse(torch.zeros(2, 1, 2, 2), torch.full((2, 1, 2, 2), 0.5))
    0.25
    """
    return squared_error(reconstruction.double(), x.double()).mean().item()


def psnr_db(mean_squared_error: float) -> float:
    r"""Peak signal-to-noise ratio :math:`-10 \log_{10} \mathrm{MSE}` in dB, pixels in [0, 1].

    Of the error over the whole set, not the mean of the images' own ratios, which one perfect image
    would make infinite. Infinite where there is no error.

    >>> psnr_db(0.01)
    20.0
    """
    return math.inf if mean_squared_error == 0 else -10 * math.log10(mean_squared_error)


@dataclass(frozen=True)
class LinearMap:
    """The affine map :math:`\\hat x = \\bar x + A (y - \\bar y)` of flattened images; what a denoiser has to beat."""

    weight: Tensor  # (D, D), float64
    mean_in: Tensor  # (D,)
    mean_out: Tensor

    @classmethod
    def fitted(cls, y: Tensor, x: Tensor) -> LinearMap:
        r"""The least-squares map from images to images.

        .. math:: A = \Sigma_{xy} \Sigma_{yy}^{-1}

        Pixels of ``y`` that never vary are left out by the pseudo-inverse, which is that of y itself where there are
        fewer images than pixels.

        Args:
            y: disturbed images, (N, C, H, W).
            x: the clean ones.
        """
        y, x = y.flatten(1).double(), x.flatten(1).double()
        mean_in, mean_out = y.mean(0), x.mean(0)
        y, x = y - mean_in, x - mean_out
        if len(y) < y.shape[1]:
            # As small a share of the largest singular value is 0 as where its square is that of y'y.
            least = (y.shape[1] * torch.finfo(y.dtype).eps) ** 0.5
            weight = torch.linalg.pinv(y, rtol=least) @ x
        else:
            weight = torch.linalg.pinv(y.T @ y, hermitian=True) @ (y.T @ x)
        return cls(weight, mean_in, mean_out)

    def __call__(self, y: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape, float32."""
        rows = self.mean_out + (y.flatten(1).double() - self.mean_in) @ self.weight
        return rows.view_as(y).float()


def knn_accuracy(
    train_codes: Tensor, train_labels: Tensor, codes: Tensor, labels: Tensor, k: int = 5
) -> float:
    """Share of ``codes`` whose label the majority of their ``k`` nearest training codes has.

    A tie goes to the smallest label, as in scikit-learn's ``KNeighborsClassifier``.

    Args:
        train_codes: (M, d).
        train_labels: int64 (M,).
        codes: (N, d).
        labels: int64 (N,).
        k: number of voters.

    Raises:
        EvaluationError: there are fewer training codes than voters, or they are all the same, so that none is nearer.
    """
    refuse_alike(train_codes)
    _, indices = nearest(codes, train_codes, k)
    num_classes = int(train_labels.max()) + 1
    votes = torch.nn.functional.one_hot(train_labels[indices], num_classes).sum(1)
    # A vote is worth more than any label, so that the smallest label wins a tie on every platform.
    ranks = votes * num_classes + torch.arange(num_classes - 1, -1, -1)
    return (ranks.argmax(1) == labels).double().mean().item()


def trustworthiness(x: Tensor, codes: Tensor, generator: torch.Generator, k: int = 5) -> float:
    """Share of neighbours in code space that are neighbours among the images too, in [0, 1].

    On :data:`TRUSTWORTHINESS_POINTS` images drawn with ``generator`` where there are more (it needs
    all pairs). Source: Venna & Kaski 2001, equation 1, as in ``sklearn.manifold.trustworthiness``.

    Args:
        x: (N, C, H, W).
        codes: (N, d).
        generator: draws the subset.
        k: size of the neighbourhood, below half the number of images.

    Raises:
        EvaluationError: there are not more than ``2 k`` images, or they or their codes are all the same.
    """
    if len(x) <= 2 * k:
        raise EvaluationError(
            N_("trustworthiness with k = {k} needs more than {least} images, there are {count}"),
            k=k,
            least=2 * k,
            count=len(x),
        )
    refuse_alike(x)
    refuse_alike(codes)
    chosen = torch.randperm(len(x), generator=generator)[:TRUSTWORTHINESS_POINTS]
    images, points = x[chosen].flatten(1).numpy(), codes[chosen].detach().numpy()
    from sklearn import manifold  # here, since loading it takes most of a second

    return float(manifold.trustworthiness(images, points, n_neighbors=k))


def code_metrics(
    encode: Callable[[Tensor, Tensor | None], Tensor],
    train: tuple[Tensor, Tensor | None],
    shown: tuple[Tensor, Tensor | None],
    codes: Tensor,
    components: PrincipalComponents,
    seed: int,
) -> Gathered:
    """:func:`knn_accuracy` and :func:`trustworthiness` of codes, and under ``pca_`` of principal components.

    Args:
        encode: images (N, C, H, W) and their classes to codes (N, d).
        train: images whose codes vote, and their classes, (M,) or None.
        shown: images that are asked about, and their classes; without classes on either side the accuracy is None.
        codes: of ``shown``, (N, d).
        components: as many as a code has numbers.
        seed: draws the images of the trustworthiness, the same for both.
    """
    (x, y), (voters, votes), gathered = shown, train, Gathered()
    for prefix, encoder, points in (
        ("", encode, codes),
        ("pca_", components.encode, components.encode(x)),
    ):
        if votes is None or y is None:
            gathered.leave_out([f"{prefix}knn_accuracy"], Message(_NO_CLASSES))
        else:
            accuracy = partial(_accuracy, encoder, voters, votes, points, y)
            gathered.add(f"{prefix}knn_accuracy", accuracy)
        draws = torch.Generator().manual_seed(seed)
        gathered.add(f"{prefix}trustworthiness", partial(trustworthiness, x, points, draws))
    return gathered


def _accuracy(
    encode: Callable[[Tensor, Tensor | None], Tensor],
    voters: Tensor,
    votes: Tensor,
    codes: Tensor,
    labels: Tensor,
) -> float:
    """:func:`knn_accuracy`, of images that vote."""
    return knn_accuracy(encode(voters, votes), votes, codes, labels)
