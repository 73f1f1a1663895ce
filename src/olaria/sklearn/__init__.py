"""Olaria's families as scikit-learn estimators: in a Pipeline, in GridSearchCV, in cross_val_score.

Their arguments are stored as they are and what they learn ends in ``_``. Each fit is an ordinary run, opened as
``estimator.run_``: its curves, report and lessons are there.
"""

from __future__ import annotations

from olaria.errors import UsageError
from olaria.i18n import N_

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise UsageError(
        N_("olaria.sklearn needs another package: pip install 'olaria[sklearn]' brings it")
    ) from error

from olaria.sklearn.anomaly import AnomalyDetector
from olaria.sklearn.images import GAN, VAE, Autoencoder
from olaria.sklearn.text import LanguageModel

__all__ = ["GAN", "VAE", "AnomalyDetector", "Autoencoder", "LanguageModel"]
