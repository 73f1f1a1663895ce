"""Whether generated images are copies of training images: distances to the nearest one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.neighbours import distances_to, nearest
from olaria.i18n import N_


@dataclass(frozen=True)
class NearestTrain:
    """The nearest training image of each sample.

    Args:
        ratio: median distance of the samples over median distance of the test images.
        distances: Euclidean pixel distance (pixels in [0, 1]) of each sample, (N,).
        indices: its nearest training image, int64 (N,).
        order: the samples from the closest to a training image to the farthest, int64 (N,).
        usual: median distance of the test images, by which the ratio divides.
    """

    ratio: float
    distances: Tensor
    indices: Tensor
    order: Tensor
    usual: float


def nearest_train(samples: Tensor, test: Tensor, train: Tensor) -> NearestTrain:
    """How close samples are to the training set, against how close unseen real images are.

    About 1: as far as new real images are. Far below 1: copies, or blur, which is close to
    everything. The number cannot tell the two apart, the pairs can: show them.

    Args:
        samples: generated images (N, C, H, W), float in [0, 1].
        test: real images that were not trained on, (M, C, H, W), the same range.
        train: the images trained on, (K, C, H, W), the same range.

    Raises:
        EvaluationError: most test images are themselves in the training set.
    """
    points = train.flatten(1)
    made, indices = _nearest(samples.flatten(1), points)
    own, _ = _nearest(test.flatten(1), points)
    typical = own.median().item()
    if typical == 0:
        raise EvaluationError(
            N_(
                "{count} of {total} test {total:image|images} {count:is also a training "
                "image: its|are also training images: their} distance, by which it divides, "
                "is 0"
            ),
            count=int((own == 0).sum()),
            total=len(own),
        )
    return NearestTrain(made.median().item() / typical, made, indices, made.argsort(), typical)


def _nearest(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """The distance of each query to the nearest point, and which that is."""
    indices = nearest(queries, points, 1)[1][:, 0]
    return distances_to(queries, points, indices), indices
