"""The estimators keep scikit-learn's contract, and do what they say."""

from __future__ import annotations

import math
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from olaria.errors import OlariaError, RunError
from olaria.runs import Run
from olaria.sklearn import GAN, VAE, AnomalyDetector, Autoencoder, LanguageModel
from olaria.sklearn.pixels import Pixels
from olaria.storage.folder import list_runs

TINY: dict[str, Any] = {"latent_dim": 2, "hidden": (8,), "steps": 3, "random_state": 0}
NAMES = ["ana", "bia", "caio", "davi", "eva", "gil", "ines", "joana", "lia", "nara"] * 20


@parametrize_with_checks(
    [
        Autoencoder(**TINY),
        VAE(**TINY),
        GAN(latent_dim=2, width=2, steps=3, random_state=0),
        AnomalyDetector(Autoencoder(**TINY)),
    ]
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "name",
    [
        "do_not_raise_errors_in_init_or_set_params",
        "estimator_cloneable",
        "estimator_repr",
        "estimator_tags_renamed",
        "get_params_invariance",
        "mixin_order",
        "no_attributes_set_in_init",
        "parameters_default_constructible",
        "set_params",
        "valid_tag_types",
    ],
)
def test_scikit_learns_own_checks_that_need_no_array(name: str) -> None:
    """The others feed numbers in rows, and a language model learns from texts."""
    getattr(estimator_checks, f"check_{name}")("LanguageModel", LanguageModel(steps=3))


# -- data ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (64,), (6, 5), (6, 5, 3), (6, 5, 2), (2, 3, 2, 2)])
@pytest.mark.parametrize("dtype", ["float64", "uint8", "bool"])
def test_rows_and_images_of_any_shape(shape: tuple[int, ...], dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 2, (30, *shape)).astype(dtype)
    model = VAE(**TINY).fit(x)
    z = model.transform(x[:4])
    assert z.shape == (4, 2)
    assert model.inverse_transform(z).shape == (4, *shape)
    assert model.sample(3).shape == (3, *shape)
    assert model.score_samples(x).shape == (30,)
    assert model.n_features_in_ == math.prod(shape)
    flat = model.transform(x[:4].reshape(4, -1))
    assert np.array_equal(flat, z)


@pytest.mark.parametrize("scaling", ["auto", "features", "all"])
@pytest.mark.parametrize("shape", [(3,), (49,), (4, 5), (4, 5, 3)])
def test_pixels_and_back(shape: tuple[int, ...], scaling: Any) -> None:
    rows = np.random.default_rng(0).normal(3, 50, (20, math.prod(shape)))
    pixels = Pixels.measured(rows, shape, scaling)
    fractions = pixels.fractions(rows)
    assert fractions.min() >= 0 and fractions.max() <= 1
    assert np.allclose(pixels.values(fractions), rows.reshape(20, *shape))
    levels = pixels.levels(rows).transpose(0, 3, 1, 2) / 255
    assert np.abs(levels - fractions).max() <= 0.5 / 255 + 1e-9


def test_images_in_their_own_grey_levels_stay_as_they_are() -> None:
    grey = np.random.default_rng(0).integers(0, 200, (20, 30)).astype(np.uint8)
    assert np.array_equal(
        Pixels.measured(grey, (5, 6), "auto").levels(grey)[..., 0].ravel(), grey.ravel()
    )
    halves = np.full((20, 30), 0.5)
    assert Pixels.measured(halves, (5, 6), "auto").fractions(halves)[0, 0, 0, 0] == 0.5


def test_a_density_is_in_the_units_of_the_data() -> None:
    x = load_iris().data
    one, other = VAE(**TINY).fit(x), VAE(**TINY).fit(16 * x)  # a power of 2 rounds alike
    shift = one.score_samples(x) - other.score_samples(16 * x)
    assert shift == pytest.approx(x.shape[1] * math.log(16), abs=1e-6)
    assert other.sample(5) == pytest.approx(16 * one.sample(5), rel=1e-6)


def test_a_density_integrates_to_one() -> None:
    x = np.random.default_rng(0).normal(5, 2, (400, 1))
    model = VAE(latent_dim=1, hidden=(16,), steps=200, batch_size=64, random_state=0).fit(x)
    grid = np.linspace(-10, 20, 2000)[:, None]
    mass = np.exp(model.score_samples(grid)).sum() * (grid[1, 0] - grid[0, 0])
    assert 0.85 < mass < 1.05  # a lower bound, and noise of its draws
    assert model.sample(2000, random_state=1).std() == pytest.approx(2, rel=0.25)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.full((20, 3), np.nan), "NaN"),
        (np.zeros((1, 3)), "1 sample"),
        (np.zeros(3), "1D array"),
        ([["a", "b"]] * 10, "numeric|convert"),
    ],
)
def test_data_that_cannot_be_used(x: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        VAE(**TINY, folder=tmp_path / "runs").fit(x)
    assert not (tmp_path / "runs").exists()


def test_other_shapes_than_those_of_the_fit() -> None:
    model = VAE(**TINY).fit(np.random.default_rng(0).random((20, 4, 5)))
    with pytest.raises(ValueError, match=r"\(5, 4\), not \(4, 5\)"):
        model.transform(np.zeros((2, 5, 4)))
    with pytest.raises(ValueError, match="3 columns"):
        model.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="n_samples"):
        model.sample(0)


# -- fits ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(**TINY).fit(load_iris().data)


def test_a_fit_is_an_ordinary_run(fitted: VAE) -> None:
    assert fitted.run_.state == "done" and fitted.n_iter_ == 3
    assert fitted.run_.path.resolve() in [path.resolve() for path in list_runs()]
    assert len(fitted.history_.train["loss"].values) == 3
    assert Run(fitted.run_.path).data().shape == (1, 1, 4)


def test_each_fit_takes_a_free_name_in_the_folder(tmp_path: Path) -> None:
    model, x = VAE(**TINY, folder=tmp_path / "search"), load_iris().data
    first = model.fit(x).run_
    assert [first.name, model.fit(x).run_.name] == ["vae", "vae-2"]
    with pytest.raises(OlariaError, match="latent"):
        clone(model).set_params(latent_dim=0).fit(x)
    assert sorted(path.name for path in (tmp_path / "search").iterdir()) == ["vae", "vae-2"]


def test_a_seed_decides(fitted: VAE) -> None:
    x = load_iris().data
    assert np.array_equal(VAE(**TINY).fit(x).transform(x), fitted.transform(x))
    assert not np.array_equal(
        VAE(**{**TINY, "random_state": 1}).fit(x).transform(x), fitted.transform(x)
    )
    assert np.array_equal(fitted.sample(3), fitted.sample(3))
    assert not np.array_equal(fitted.sample(3, random_state=5), fitted.sample(3))


def test_settings_of_the_recipe_are_taken_and_misspelt_ones_refused() -> None:
    x = load_iris().data
    assert VAE(**TINY, settings={"model.warmup": 0.0}).fit(x).run_.recipe.model.warmup == 0
    with pytest.raises(OlariaError, match="warmup"):
        VAE(**TINY, settings={"model.warm": 0.0}).fit(x)


@pytest.mark.parametrize("kind", [Autoencoder, VAE, GAN, AnomalyDetector, LanguageModel])
def test_weights_are_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="sample_weight"):
        kind().fit(load_iris().data, sample_weight=np.ones(150))


@pytest.mark.parametrize("kind", [Autoencoder, VAE, GAN, AnomalyDetector, LanguageModel])
def test_nothing_is_asked_before_a_fit(kind: Any) -> None:
    names = ("transform", "inverse_transform", "sample", "score_samples", "score", "predict")
    for name in names:
        method = getattr(kind(), name, None)
        argument: Any = ["a"] if kind is LanguageModel else np.zeros((2, 3))
        if method is not None:
            with pytest.raises(NotFittedError):
                method(*([] if name == "sample" else [argument]))


# -- beside other estimators -----------------------------------------------------------------------


def test_in_a_pipeline_a_search_and_a_cross_validation(tmp_path: Path) -> None:
    x, y = load_iris(return_X_y=True)
    model = VAE(**TINY, folder=tmp_path)
    pipeline = make_pipeline(StandardScaler(), model, LogisticRegression()).fit(x, y)
    assert pipeline.predict(x).shape == (150,)
    assert list(pipeline[:-1].get_feature_names_out()) == ["vae0", "vae1"]
    search = GridSearchCV(model, {"latent_dim": [1, 2], "hidden": [(4,)]}, cv=2).fit(x)
    assert search.best_params_["latent_dim"] in (1, 2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(cross_val_score(model, x, cv=3)).all()
    assert len(list_runs(tmp_path)) == 1 + 5 + 3


def test_a_pickle_keeps_the_path_of_the_run(fitted: VAE, tmp_path: Path) -> None:
    x = load_iris().data
    model = VAE(**TINY, folder=tmp_path).fit(x)
    detector = AnomalyDetector(Autoencoder(**TINY, folder=tmp_path)).fit(x)
    for one in (model, detector):
        kept = pickle.dumps(one)
        assert len(kept) < 20_000  # no weights
        again = pickle.loads(kept)  # noqa: S301
        assert np.array_equal(again.score_samples(x), one.score_samples(x))
        assert again.run_.path == one.run_.path
        shutil.rmtree(one.run_.path)
        with pytest.raises(RunError, match="path of its run"):
            pickle.loads(kept)  # noqa: S301


# -- what they are for -----------------------------------------------------------------------------


def test_strange_rows_are_found() -> None:
    x, y = load_digits(return_X_y=True)
    train, test, labels = x[:1000][y[:1000] != 0], x[1000:1400], y[1000:1400]
    model = Autoencoder(latent_dim=4, hidden=(32,), steps=150, random_state=0)
    detector = AnomalyDetector(model, contamination=0.1).fit(train)
    found = detector.predict(test) == -1
    assert found[labels == 0].mean() > 2 * found[labels != 0].mean()
    assert (detector.predict(train) == -1).mean() == pytest.approx(0.1, abs=0.01)
    with pytest.raises(ValueError, match="contamination"):
        AnomalyDetector(contamination=0.7).fit(train)


def test_a_generators_score_is_the_coverage_of_its_samples() -> None:
    x = load_digits().images[:200] / 16
    model = GAN(latent_dim=2, width=2, steps=3, random_state=0).fit(x)
    assert 0 <= model.score(x) <= 1
    assert model.sample(4).shape == model.inverse_transform(np.zeros((4, 2))).shape == (4, 8, 8)


def test_a_language_model_scores_and_writes_names() -> None:
    from olaria.evaluation.text import text_loss

    model = LanguageModel(context=16, width=16, num_heads=2, steps=60, random_state=0).fit(NAMES)
    assert model.score(["ana", "bia"]) > model.score(["nnn", "aij"])
    written = model.sample(5)
    assert written.shape == (5,) and not any("\n" in text for text in written)
    ids = model.run_.tokenizer().encode("\njoana\n")
    whole = text_loss(model.run_.model(), ids, context=16, num_chars=6, num_bytes=6)
    expected = -whole.loss_nats_per_token * 6
    assert model.score_samples(["joana"])[0] == pytest.approx(expected, abs=1e-4)
    long = "joana" * 20
    assert np.isfinite(model.score_samples([long])).all()
    for wrong in ("one text", [1, 2], []):
        with pytest.raises(ValueError, match="X must be a list of texts"):
            model.fit(wrong)
