"""Autoencoder, VAE and GAN of rows and images as scikit-learn estimators."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from olaria.sklearn.base import ArrayEstimator, in_dtype
from olaria.sklearn.pixels import Scaling

Array = NDArray[Any]
Folder = str | os.PathLike[str] | None


class _Encoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ArrayEstimator):  # type: ignore[misc]
    """An estimator with an encoder."""

    def score_samples(self, X: Any) -> Array:
        """See the classes."""
        raise NotImplementedError

    def transform(self, X: Any) -> Array:
        """Rows or images to latent vectors (N, latent_dim); float32 for float32, else float64."""
        from olaria.sklearn.computing import encoded

        pixels = self._pixels(X)
        return in_dtype(encoded(self.run_, pixels), X)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of ``score_samples``: higher is better."""
        scores: Array = self.score_samples(X)
        return float(scores.mean())

    @property
    def _n_features_out(self) -> int:
        return int(self.latent_dim)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class Autoencoder(_Encoder):
    r"""Compress rows or images to latent vectors, and rebuild them.

    ``transform`` encodes, ``inverse_transform`` decodes. It has no distribution, so it has no ``sample``.

    Rows of features of any range are scaled inside, each feature by its own range, to [0, 1], where the families work,
    and what comes out is scaled back; they are learned in 256 levels of that range. Images of uint8, or of fractions
    in [0, 1], stay as they are.

    Args:
        latent_dim: numbers of a latent vector.
        hidden: sizes of the encoder's hidden layers, mirrored in the decoder; () is the linear autoencoder.
        corruption: standard deviation of noise on the inputs while training, of a range of 1.
        steps: updates.
        batch_size: rows of an update; all of them where there are fewer.
        learning_rate: the largest one.
        scaling: ``features`` gives each feature its own range, ``all`` gives all of them one; ``auto`` is the first for
            rows and leaves images as they are.
        validation_fraction: share of the rows that is set apart: the run measures itself on them and keeps its best
            checkpoint. With fewer than ten rows, or 0, the training rows measure.
        random_state: seed of weights, order and draws; None takes NumPy's global state.
        folder: where the run's folder is made, under a free name; where runs lie unless given. A search makes a run a
            fit: give it a folder of its own.
        settings: further settings of the recipe by their paths, such as ``{"model.sparsity": 1e-3}``.

    Attributes:
        run_: the run, as :func:`olaria.open` gives it. A pickle stores its folder's path, not its weights: it opens
            while the folder is there.
        history_: curves of the training.
        n_iter_: steps made.
        n_features_in_: numbers in a row or an image.

    >>> from olaria.sklearn import Autoencoder
    >>> Autoencoder(latent_dim=2).get_params()["latent_dim"]
    2
    """

    preset = "ae-mnist"
    stem = "autoencoder"

    def __init__(
        self,
        *,
        latent_dim: int = 8,
        hidden: Sequence[int] = (256, 128),
        corruption: float = 0.0,
        steps: int = 500,
        batch_size: int = 128,
        learning_rate: float = 4e-3,
        scaling: Scaling = "auto",
        validation_fraction: float = 0.1,
        random_state: Any = None,
        folder: Folder = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.corruption = corruption
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.scaling = scaling
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.folder = folder
        self.settings = settings

    def score_samples(self, X: Any) -> Array:
        """Minus the mean squared error of each reconstruction, (N,), of features whose range is 1: higher is better."""
        from olaria.sklearn.computing import errors

        pixels = self._pixels(X)
        return -errors(self.run_, pixels)

    def _model_settings(self) -> dict[str, Any]:
        return {
            "model.latent": self.latent_dim,
            "model.hidden": list(self.hidden),
            "model.corruption": self.corruption,
        }


class VAE(_Encoder):
    r"""A latent-variable model of rows or images, with a bound on the likelihood of each.

    ``transform`` gives the posterior means, ``inverse_transform`` decodes, ``sample`` draws new rows, and
    ``score_samples`` bounds :math:`\log p(x)`.

    Rows of features of any range are scaled inside, each feature by its own range, and get a Gaussian likelihood whose
    standard deviation is learned; they are learned in 256 levels of that range. Images of uint8, or of fractions in
    [0, 1], stay as they are, with Bernoulli pixels.

    Args:
        latent_dim: latent variables.
        hidden: sizes of the encoder's hidden layers, mirrored in the decoder.
        likelihood: ``bernoulli``, ``gaussian`` or ``logistic``; ``auto`` is Bernoulli for images of uint8 or in
            [0, 1], else Gaussian.
        beta: factor on the KL term.
        steps, batch_size, learning_rate, scaling, validation_fraction, random_state, folder, settings: see
            :class:`Autoencoder`.

    Attributes:
        run_, history_, n_iter_, n_features_in_: see :class:`Autoencoder`.

    Source: Kingma & Welling 2014, *Auto-Encoding Variational Bayes*.
    """

    preset = "vae-mnist"
    stem = "vae"

    def __init__(
        self,
        *,
        latent_dim: int = 8,
        hidden: Sequence[int] = (256, 256),
        likelihood: str = "auto",
        beta: float = 1.0,
        steps: int = 500,
        batch_size: int = 128,
        learning_rate: float = 4e-3,
        scaling: Scaling = "auto",
        validation_fraction: float = 0.1,
        random_state: Any = None,
        folder: Folder = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.likelihood = likelihood
        self.beta = beta
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.scaling = scaling
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.folder = folder
        self.settings = settings

    def sample(
        self, n_samples: int = 1, *, random_state: Any = None, noise: bool | None = None
    ) -> Array:
        """Draw new rows or images: z ~ N(0, I), then x ~ p(x|z).

        Args:
            n_samples: how many.
            random_state: of the draws; the estimator's own where None.
            noise: whether the pixels are drawn too, or are the means of p(x|z), as pictures usually show; None draws
                rows of features and leaves images at their means.

        Returns:
            In the shape and the units of what was learned from, float64.
        """
        check_is_fitted(self)
        if noise is None:
            noise = len(self.pixels_.shape) == 1
        return self._sample(n_samples, random_state, noise=noise)

    def score_samples(self, X: Any) -> Array:
        r"""A lower bound on the log-likelihood of each row, in nats, (N,).

        Of a Gaussian likelihood it is the density in the units of ``X``, and compares with that of, say, a Gaussian
        mixture; of Bernoulli and logistic pixels it is a probability.
        """
        from olaria.sklearn.computing import bounds

        pixels = self._pixels(X)
        found = bounds(self.run_, pixels)
        return found - self.pixels_.log_volume if self._likelihood() == "gaussian" else found

    def _likelihood(self) -> str:
        chosen = (self.settings or {}).get("model.likelihood", self.likelihood)
        if chosen != "auto":
            return str(chosen)
        return "bernoulli" if self.pixels_.is_plain else "gaussian"

    def _model_settings(self) -> dict[str, Any]:
        return {
            "model.latent": self.latent_dim,
            "model.hidden": list(self.hidden),
            "model.likelihood": self._likelihood(),
            "model.beta": self.beta,
        }


class GAN(ArrayEstimator):
    """A generator of rows or images, trained in a game against a discriminator.

    ``sample`` draws, ``inverse_transform`` makes a row of each latent vector. It has no encoder and no likelihood, so
    there is no ``transform`` and no ``score_samples``; ``score`` is the coverage of its samples. Rows are scaled as by
    :class:`VAE`. Its networks are convolutional: it is at its best on images.

    Args:
        latent_dim: dimensions of the noise.
        width: channels of the generator at full size; the discriminator has a third more.
        steps, batch_size, learning_rate, scaling, validation_fraction, random_state, folder, settings: see
            :class:`Autoencoder`.

    Attributes:
        run_, history_, n_iter_, n_features_in_: see :class:`Autoencoder`.

    Source: Goodfellow et al. 2014, *Generative Adversarial Networks*.
    """

    preset = "gan-mnist"
    stem = "gan"

    def __init__(
        self,
        *,
        latent_dim: int = 16,
        width: int = 12,
        steps: int = 500,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        scaling: Scaling = "auto",
        validation_fraction: float = 0.1,
        random_state: Any = None,
        folder: Folder = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.width = width
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.scaling = scaling
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.folder = folder
        self.settings = settings

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> Array:
        """Draw from the model: z ~ N(0, I), decoded.

        Args:
            n_samples: how many.
            random_state: of the draws; the estimator's own where None.

        Returns:
            In the shape and the units of what was learned from, float64.
        """
        return self._sample(n_samples, random_state, noise=False)

    def score(self, X: Any, y: Any = None) -> float:
        """Share of rows with one of as many samples among their five nearest rows' distance (coverage), in [0, 1].

        Raises:
            EvaluationError: five rows or fewer.

        Source: Naeem et al. 2020, equation 4.
        """
        from olaria.sklearn.computing import coverage

        pixels = self._pixels(X)
        return coverage(self.run_, pixels, 0)

    def _model_settings(self) -> dict[str, Any]:
        return {
            "model.latent": self.latent_dim,
            "model.generator_width": self.width,
            "model.discriminator_width": -(-4 * int(self.width) // 3),
        }
