"""Find strange rows and images by how badly a model explains them."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from olaria.sklearn.images import VAE, Autoencoder

Array = NDArray[Any]


class AnomalyDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    r"""An outlier detector on the scores of an autoencoder or a VAE.

    A row is an outlier where ``score_samples`` (minus the error of its reconstruction, or the bound on its likelihood)
    is below ``offset_``, the quantile of the training rows' scores at ``contamination``.

    Args:
        estimator: :class:`Autoencoder` or :class:`VAE`, not fitted; an autoencoder unless given. Its settings are
            searched as ``estimator__latent_dim``.
        contamination: share of outliers among the training rows, in (0, 0.5].

    Attributes:
        estimator_: the fitted one.
        offset_: threshold of ``score_samples``; ``decision_function`` is the score less this.
        run_, history_, n_iter_: of ``estimator_``.
        n_features_in_: numbers in a row or an image.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [Autoencoder, VAE, None],
        "contamination": [Interval(Real, 0.0, 0.5, closed="right")],
    }

    def __init__(
        self, estimator: Autoencoder | VAE | None = None, *, contamination: float = 0.1
    ) -> None:
        self.estimator = estimator
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model, and choose the threshold.

        Args:
            X: rows (N, D) or images, most of them normal.
            y: ignored.

        Raises:
            ValueError: an argument or the data cannot be used.
        """
        self._validate_params()
        self.estimator_ = clone(Autoencoder() if self.estimator is None else self.estimator)
        self.estimator_.fit(X)
        self.n_features_in_ = self.estimator_.n_features_in_
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        for name in ("run_", "history_", "n_iter_"):
            setattr(self, name, getattr(self.estimator_, name))
        scores = self.estimator_.score_samples(X)
        self.offset_ = float(np.percentile(scores, 100 * self.contamination))
        return self

    def score_samples(self, X: Any) -> Array:
        """How normal each row is, (N,): higher is more normal."""
        check_is_fitted(self)
        scores: Array = self.estimator_.score_samples(X)
        return scores

    def decision_function(self, X: Any) -> Array:
        """``score_samples`` less ``offset_``: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Array:
        """1 for normal rows and -1 for outliers, (N,)."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def __getstate__(self) -> dict[str, Any]:
        """The folder's path stands for the run; see :class:`Autoencoder`."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("run_", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "estimator_"):
            self.run_ = self.estimator_.run_
