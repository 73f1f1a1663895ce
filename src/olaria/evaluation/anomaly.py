r"""Finding what does not belong: scores of how strange an image is to a model that was trained on others.

An autoencoder rebuilds what it has learnt to rebuild, so the error is a score; but a simple image (a stroke) is easy to
rebuild whatever it is, and a clumsy one of the right kind is not. The other scores ask how far the image, its code or
its reconstruction lies from those of the training images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.neighbours import nearest
from olaria.i18n import N_, Setting
from olaria.numbers import Number
from olaria.vocabulary import SCORE
from olaria.vocabulary import Score as Score

SCORES: tuple[Score, ...] = get_args(Score)
DEFAULT_SCORE = SCORE
"""Chosen by the leave-one-out of docs/experiments.md (``benchmarks/anomaly_scores.py``)."""
NUM_NEIGHBOURS = 20_000
"""Training images that are looked among."""
Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Found:
    """What a model makes of images.

    Args:
        scores: each (N,), higher is stranger.
        rebuilt: the images through the bottleneck and back, (N, C, H, W).
    """

    scores: dict[Score, Tensor]
    rebuilt: Tensor


@dataclass(frozen=True)
class Detector:
    r"""Scores of images by an autoencoder and by the images that it was trained on.

    With :math:`\hat x = g(f(x))`, training images :math:`x_i` and :math:`D` pixels:

    ===========  =================================================================================================
    ``error``    :math:`\lVert x - \hat x \rVert^2 / D`
    ``code``     :math:`\min_i \lVert (f(x) - f(x_i)) / s \rVert`, s the codes' standard deviations
    ``rebuilt``  :math:`\min_i \lVert \hat x - \hat x_i \rVert`
    ``joint``    :math:`\sqrt{\lVert x - \hat x \rVert^2 + \min_i \lVert \hat x - \hat x_i \rVert^2}`: the way to
                 the images that the model can make, then along them to the nearest that it was shown
    ===========  =================================================================================================

    Sources: the first, Sakurada & Yairi 2014; of distances among codes, Denouden et al. 2018.

    Args:
        encode: f, images (N, C, H, W) to codes (N, d).
        decode: g.
        codes: of training images, (M, d).
        rebuilt: their reconstructions, flat, (M, D).
    """

    encode: Map
    decode: Map
    codes: Tensor
    rebuilt: Tensor

    @classmethod
    def fitted(cls, encode: Map, decode: Map, x: Tensor) -> Detector:
        """Keep what training images, (M, C, H, W) in [0, 1], become."""
        codes = encode(x)
        return cls(encode, decode, codes, decode(codes).flatten(1))

    def look(self, x: Tensor) -> Found:
        """Every score of images (N, C, H, W) in [0, 1]."""
        codes = self.encode(x)
        images = self.decode(codes)
        flat = images.flatten(1)
        off = (x.flatten(1) - flat).square().sum(1)
        along = nearest(flat, self.rebuilt, 1)[0][:, 0]
        # A single code has no deviation; an entry that never varies makes any other value of it strange.
        spread = self.codes.std(0, correction=min(1, len(self.codes) - 1)).clamp_min(1e-6)
        scores: dict[Score, Tensor] = {
            "error": off / flat.shape[1],
            "code": nearest(codes / spread, self.codes / spread, 1)[0][:, 0],
            "rebuilt": along,
            "joint": (off + along.square()).sqrt(),
        }
        return Found(scores, images)


def heat(x: Tensor, rebuilt: Tensor) -> Tensor:
    """Squared error of each pixel, the mean over the channels: (N, C, H, W) twice to (N, 1, H, W)."""
    return (x - rebuilt).square().mean(1, keepdim=True)


def threshold(normal: Tensor, false_alarms: float) -> float:
    r"""The score above which an image is called strange, at a rate of false alarms.

    The smallest threshold that at most the share asked for of ``normal`` lies above: the empirical quantile, one image
    stricter, so that of new normal images no more than :math:`\lfloor \alpha (n + 1) \rfloor / (n + 1)` are expected
    above it (Vovk et al. 2005, conformal prediction).

    Args:
        normal: scores of held-out normal images, (n,).
        false_alarms: :math:`\alpha` in (0, 1).

    Raises:
        EvaluationError: there are too few normal images for so small a rate.
    """
    count = len(normal)
    above = math.floor(false_alarms * (count + 1) + 1e-9)
    if above < 1:
        raise EvaluationError(
            N_(
                "a false-alarm rate of {rate} needs {least} validation images, not {count}; "
                "use {setting} or more"
            ),
            count=count,
            rate=Number(false_alarms),
            least=math.ceil(1 / false_alarms) - 1,
            setting=Setting("false_alarms", f"{math.ceil(1000 / (count + 1)) / 1000:g}"),
        )
    return normal.sort(descending=True).values[above - 1].item()


def auroc(scores: Tensor, is_anomaly: Tensor) -> float:
    """Probability that an anomaly scores higher than a normal image (area under the ROC curve).

    Args:
        scores: higher means stranger, for example the reconstruction error, (N,).
        is_anomaly: bool (N,), with both kinds present.
    """
    _need_both_kinds(is_anomaly)
    from sklearn import metrics  # here, since loading it takes most of a second

    return float(metrics.roc_auc_score(is_anomaly.numpy(), scores.numpy()))


def aupr(scores: Tensor, is_anomaly: Tensor) -> float:
    """Average precision, anomalies being the positive class.

    Arguments as in :func:`auroc`. A random score gives the share of anomalies, not one half.
    """
    _need_both_kinds(is_anomaly)
    from sklearn import metrics

    return float(metrics.average_precision_score(is_anomaly.numpy(), scores.numpy()))


def _need_both_kinds(is_anomaly: Tensor) -> None:
    if bool(is_anomaly.all()) or not bool(is_anomaly.any()):
        raise EvaluationError(
            N_("detection is scored on normal images and anomalies together; only one kind is here")
        )
