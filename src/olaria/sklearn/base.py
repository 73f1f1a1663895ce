"""What the estimators share: a fit is a run, kept as such, and pickled as its folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from olaria.errors import RunError
from olaria.i18n import N_
from olaria.recipes import Recipe, preset
from olaria.sklearn.pixels import Pixels
from olaria.storage.folder import is_run
from olaria.storage.new import free_folder, remove_if_empty
from olaria.workflows.face import OpenRun

Array = NDArray[Any]

SEEDS = 2**31 - 1
EVALUATIONS = 5
"""Measurements of the validation rows over a fit; the best of their checkpoints is kept."""
FEW = 10
"""Rows below which none is set apart: the same ones train and validate."""


class Estimator(BaseEstimator):  # type: ignore[misc]
    """A family as an estimator; see :mod:`olaria.sklearn`."""

    preset: ClassVar[str]
    """Whose recipe is begun from."""
    stem: ClassVar[str]
    """Begins the names of its runs."""
    steps: int
    batch_size: int
    learning_rate: float
    random_state: Any
    folder: str | os.PathLike[str] | None
    settings: Mapping[str, Any] | None
    run_: OpenRun

    def _model_settings(self) -> dict[str, Any]:
        """Settings of the recipe that are arguments here."""
        raise NotImplementedError

    def _seed(self, random_state: Any = None) -> int:
        """A seed of a run or of a draw, by scikit-learn's rule: None takes NumPy's global state."""
        state = self.random_state if random_state is None else random_state
        return int(check_random_state(state).randint(SEEDS))

    def _recipe(self, data: Path, seed: int, most: int | None = None) -> Recipe:
        """What a fit trains; ``most`` are the rows that there are for a batch."""
        every = max(1, -(-int(self.steps) // EVALUATIONS))
        values = {
            "data.name": str(data),
            "seed": seed,
            "training.batch_size": min(self.batch_size, most or self.batch_size),
            "training.learning_rate": self.learning_rate,
            # Small networks gain nothing from these, and results are the same on every machine's kind of processor.
            "training.precision": "float32",
            "training.compile": "off",
            "training.keep_spaced": False,
            "training.evaluate_every": every,
            "training.sample_every": max(1, int(self.steps)),
            **self._model_settings(),
            **(self.settings or {}),
        }
        return preset(self.preset, "small").ending(self.steps, None).with_values(values)

    def _train(self, recipe: Recipe) -> None:
        from olaria.training.events import Event, Warned
        from olaria.workflows.running import train_recipe
        from olaria.workflows.warned import warn

        def tell(event: Event) -> None:
            if isinstance(event, Warned) and not event.is_note:
                warn(event.message)

        with self._place() as path:
            run = train_recipe(recipe, path, offline=True, listeners=[tell])
        self.run_ = OpenRun(run.path)
        self.n_iter_ = int(run.result["steps"])
        self.history_ = self.run_.history

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """A new folder of a free name; gone again where nothing came to lie in it."""
        home = None if self.folder is None else Path(self.folder).expanduser()
        path = free_folder(self.stem, home)
        try:
            yield path
        except BaseException:
            remove_if_empty(path)
            raise

    def __getstate__(self) -> dict[str, Any]:
        """The folder's path stands for the run."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "run_" in state:
            state["run_"] = str(state["run_"].path)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Open the run again.

        Raises:
            RunError: its folder is gone.
        """
        state = dict(state)
        path = state.get("run_")
        if path is not None and not is_run(Path(path)):
            raise RunError(
                N_(
                    "this estimator was pickled with the path of its run, {path}, where there is no run now; "
                    "put the folder back"
                ),
                path=path,
            )
        if path is not None:
            state["run_"] = OpenRun(path)
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "run_")


class ArrayEstimator(Estimator):
    """An estimator of rows (N, D) or images (N, H, W) or (N, H, W, C)."""

    latent_dim: int
    scaling: Any
    validation_fraction: float

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new run on rows or images.

        Args:
            X: (N, D), (N, H, W) or (N, H, W, C), at least two, finite.
            y: ignored.

        Raises:
            ValueError: another shape or type, or values that are not finite.
            OlariaError: an argument that the recipe does not take.
        """
        from olaria.data.given import keep_parts

        rows, shape = self._rows(X, reset=True)
        seed = self._seed()
        pixels = Pixels.measured(rows, shape, self._scaling())
        train, held_out = self._split(len(rows), seed)
        levels = pixels.levels(rows)
        parts = {"train": train, "validation": held_out, "test": held_out}
        self.pixels_ = pixels
        data = keep_parts({part: levels[which] for part, which in parts.items()})
        self._train(self._recipe(data, seed, len(train)))
        return self

    def inverse_transform(self, Z: Any) -> Array:
        """Latent vectors (N, latent_dim) to rows or images, in the shape and the units of what was learned from."""
        from olaria.sklearn.computing import decoded, model_of

        check_is_fitted(self)
        z = _latent(Z, model_of(self.run_).latent)
        return self.pixels_.values(decoded(self.run_, z))

    def _sample(self, n_samples: int, random_state: Any, *, noise: bool) -> Array:
        from olaria.sklearn.computing import drawn

        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, not {n_samples}")
        made = drawn(self.run_, n_samples, self._seed(random_state), noise=noise)
        return self.pixels_.values(made)

    def _pixels(self, X: Any) -> Array:
        """What was given, checked, as pixels (N, C, H, W)."""
        check_is_fitted(self)
        rows, _ = self._rows(X, reset=False)
        return self.pixels_.fractions(rows)

    def _rows(self, X: Any, *, reset: bool) -> tuple[Array, tuple[int, ...]]:
        """Rows (N, D), and the shape of one as it was given."""
        shape: tuple[int, ...] = ()
        if getattr(X, "ndim", 0) > 2:
            shape = tuple(X.shape[1:])
            if not reset and shape != self.pixels_.shape:
                raise ValueError(f"X has rows of shape {shape}, not {self.pixels_.shape}")
            X = np.asarray(X).reshape(len(X), -1)
        least = 2 if reset else 1
        rows = validate_data(self, X, reset=reset, ensure_min_samples=least)
        if rows.dtype.kind == "b":
            rows = rows.astype(np.float32)
        return rows, shape or (rows.shape[1],)

    def _scaling(self) -> Any:
        if self.scaling not in ("auto", "features", "all"):
            raise ValueError(f"scaling must be 'auto', 'features' or 'all', not {self.scaling!r}")
        return self.scaling

    def _split(self, count: int, seed: int) -> tuple[Array, Array]:
        """Which rows train, and which are set apart to measure by."""
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must be in [0, 1), not {self.validation_fraction}"
            )
        held_out = int(count * self.validation_fraction)
        order = np.random.RandomState(seed).permutation(count)
        if count < FEW or not held_out or count - held_out < 2:
            return order, order
        return order[held_out:], order[:held_out]


def in_dtype(values: Array, X: Any) -> Array:
    """Float32 for float32, as scikit-learn's transformers answer, else float64."""
    single = getattr(X, "dtype", None) == np.float32
    return values.astype(np.float32 if single else np.float64, copy=False)


def _latent(Z: Any, wanted: int) -> Array:
    from sklearn.utils import check_array

    z: Array = check_array(Z, dtype=np.float64)
    if z.shape[1] != wanted:
        raise ValueError(
            f"Z has {z.shape[1]} columns, and the model has {wanted} latent dimensions"
        )
    return z
