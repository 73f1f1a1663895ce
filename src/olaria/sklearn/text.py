"""A language model of texts as a scikit-learn estimator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from olaria.sklearn.base import Estimator

Array = NDArray[Any]


class LanguageModel(Estimator):
    r"""A GPT of characters that learns from texts, and scores and writes such.

    The texts stand one after another, each followed by ``separator``, so that the model learns where one ends. Short
    ones (names, lines, titles) are what it is made for; a long one is learned in windows. The last tenth measures.

    Args:
        context: characters that the next one is predicted from.
        width: size of a character's vector; a multiple of ``num_heads``.
        num_layers: blocks.
        num_heads: attention heads of a block.
        steps: updates.
        batch_size: windows of an update.
        learning_rate: the largest one.
        separator: what ends a text.
        random_state: seed of weights, order and draws; None takes NumPy's global state.
        folder, settings: see :class:`olaria.sklearn.Autoencoder`.

    Attributes:
        run_, history_, n_iter_: see :class:`olaria.sklearn.Autoencoder`.
    """

    preset: ClassVar[str] = "gpt2-shakespeare"
    stem: ClassVar[str] = "language"

    def __init__(
        self,
        *,
        context: int = 64,
        width: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        steps: int = 500,
        batch_size: int = 16,
        learning_rate: float = 3e-3,
        separator: str = "\n",
        random_state: Any = None,
        folder: str | os.PathLike[str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.context = context
        self.width = width
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.separator = separator
        self.random_state = random_state
        self.folder = folder
        self.settings = settings

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new run on texts.

        Args:
            X: (N,) strings.
            y: ignored.

        Raises:
            ValueError: these are no strings, or there are none.
            OlariaError: an argument that the recipe does not take, or too little text.
        """
        from olaria.data.given import keep_text

        texts = _texts(X)
        if not self.separator:
            raise ValueError("separator must have a character at least")
        data = keep_text("".join(text + self.separator for text in texts))
        self._train(self._recipe(data, self._seed()))
        return self

    def sample(
        self, n_samples: int = 1, *, random_state: Any = None, max_tokens: int = 200
    ) -> Array:
        """Write new texts, each to its separator.

        Args:
            n_samples: how many.
            random_state: of the draws; the estimator's own where None.
            max_tokens: characters at most.

        Returns:
            (n_samples,) strings.
        """
        check_is_fitted(self)
        written = self.run_.sample(
            n_samples,
            prompt=self.separator,
            stop=(self.separator,),
            max_tokens=max_tokens,
            seed=self._seed(random_state),
        )
        texts = [written] if isinstance(written, str) else [*written]
        return np.array([str(text).removeprefix(self.separator) for text in texts], dtype=object)

    def score_samples(self, X: Any) -> Array:
        """The log-likelihood of each text and its end, in nats, (N,).

        Characters beyond the context are predicted from half of it at least.

        Raises:
            DataError: a character that was not learned.
        """
        check_is_fitted(self)
        return np.array([self._nats(text) for text in _texts(X)])

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-likelihood of a character, in nats: higher is better, and 0 is certainty."""
        texts = _texts(X)
        num_chars = sum(len(text) + len(self.separator) for text in texts)
        return float(self.score_samples(texts).sum() / num_chars)

    def _nats(self, text: str) -> float:
        import torch

        model = self.run_.model()
        ids = self.run_.tokenizer().encode(self.separator + text + self.separator)
        first = len(self.run_.tokenizer().encode(self.separator))
        context = self.run_.recipe.window
        total, done = 0.0, first
        while done < len(ids):
            begin = 0 if len(ids) <= context + 1 else max(0, done - context // 2 - 1)
            window = ids[begin : begin + context + 1].long()
            with torch.no_grad():
                logits = model(window[None, :-1])[0].double()
            nats = logits.log_softmax(1).gather(1, window[1:, None])[:, 0]
            new = nats[done - begin - 1 :]
            total, done = total + float(new.sum()), done + len(new)
        return total

    def _model_settings(self) -> dict[str, Any]:
        return {
            "model.context": self.context,
            "model.width": self.width,
            "model.num_layers": self.num_layers,
            "model.num_heads": self.num_heads,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


def _texts(X: Any) -> list[str]:
    if isinstance(X, str):
        raise ValueError("X must be a list of texts, not one text: give [text]")
    texts = list(np.asarray(X, dtype=object).ravel()) if hasattr(X, "__array__") else list(X)
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if wrong is not None or not texts:
        found = type(wrong).__name__ if texts else "nothing"
        raise ValueError(f"X must be a list of texts, and holds {found}")
    return texts
