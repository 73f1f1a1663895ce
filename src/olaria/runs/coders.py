"""For a run of latent vectors, the run whose autoencoder makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PureWindowsPath

from olaria.data.base import ImageData, Progress
from olaria.data.config import LATENTS, DataConfig, coded_name
from olaria.errors import MissingError, RunError
from olaria.i18n import N_, Setting
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE
from olaria.recipes import Recipe
from olaria.runs import Run
from olaria.runs.places import origin
from olaria.training.inheritance import model_sha256


@dataclass(frozen=True, kw_only=True, repr=False)
class CodedImages(ImageData):
    """The images of a run, with the autoencoder whose latent vectors of them are to be learned.

    Args:
        coding: that run.
        coder: its model.
    """

    coding: Run = field(compare=False, repr=False)
    coder: AutoEncoder | VAE = field(compare=False, repr=False)


def coded_images(
    recipe: Recipe,
    run: Run | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> CodedImages:
    """The images that a recipe of latent vectors names, and what encodes them.

    Args:
        recipe: names a run.
        run: of this recipe, where there is one already.
        offline: open no connection.
        progress: gets what is downloaded.

    Raises:
        RunError: the recipe names no run (of a recipe that begins), or one that has no latent vectors.
        MissingError: the run is not where it was, or is another one.
    """
    if recipe.data.coded_run is None or recipe.data.code_prefix != LATENTS:
        raise RunError(
            N_(
                "{family} learns the latent vectors of a run and {data} is none: train ae-mnist, then use {setting}"
            ),
            family=recipe.model.family,
            data=recipe.data.name,
            setting=Setting("data", coded_name("RUN", LATENTS)),
        )
    ours = DataConfig(name=recipe.data.name)
    options = [
        name
        for name in type(ours).model_fields
        if getattr(ours, name) != getattr(recipe.data, name)
    ]
    if options:
        raise RunError(
            N_("{data} are images as their run read them: leave out {settings}"),
            data=recipe.data.last_name,
            settings=tuple(map(Setting, options)),
        )
    coding, coder = _found(recipe, run)
    data = coding.data(offline=offline, progress=progress)
    assert isinstance(data, ImageData)
    return CodedImages(**vars(data), coding=coding, coder=coder)


def _found(recipe: Recipe, run: Run | None) -> tuple[Run, AutoEncoder | VAE]:
    recorded = recipe.data.coded_run or ""
    if run is None:
        coding = Run(recorded)
        return coding, _coder(coding)
    stored = run.provenance.get("painter_sha256")

    def is_it(other: Run) -> bool:
        return stored is not None and model_sha256(_coder(other).state_dict()) == stored

    found = origin(run, recorded, is_it)
    if found is None:
        raise MissingError(
            N_(
                "run {name} learnt the latent vectors of run {origin}, which is not at {path} any more; say where it "
                "is now, {data}, or name the images"
            ),
            name=run.name,
            origin=PureWindowsPath(recorded).name,
            path=recorded,
            data=Setting(run.places_setting, coded_name("RUN", LATENTS)),
        )
    if stored is not None and not is_it(found):
        raise MissingError(
            N_(
                "run {origin} is not the one whose latent vectors run {name} learnt: its weights differ; "
                "say where that one is, {data}, or name the images"
            ),
            origin=found.name,
            name=run.name,
            data=Setting(run.places_setting, coded_name("RUN", LATENTS)),
        )
    return found, _coder(found)


def _coder(run: Run) -> AutoEncoder | VAE:
    model = run.model() if run.family in ("autoencoder", "vae") else None
    if not isinstance(model, AutoEncoder | VAE):
        raise RunError(
            N_("run {name} is a {family} and has no latent vectors to learn; train ae-mnist"),
            name=run.name,
            family=run.family,
        )
    if model.classes:
        raise RunError(
            N_(
                "the decoder of run {name} is given classes, which latent vectors lack; train ae-mnist"
            ),
            name=run.name,
        )
    if isinstance(model, VAE) and (model.config.flow or model.config.above):
        raise RunError(
            N_(
                "run {name} has several latent layers or a learned prior of its own, which draws without a flow; "
                "train ae-mnist or vae-mnist"
            ),
            name=run.name,
        )
    return model
