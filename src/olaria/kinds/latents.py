"""Latent vectors: the images of a run as its autoencoder encodes them. Watched, drawn and measured as images."""

from __future__ import annotations

from pathlib import Path

import torch

from olaria.data.config import LATENTS, coded_name
from olaria.i18n import N_
from olaria.kinds import images
from olaria.kinds.base import Kind, first_model, fitting
from olaria.kinds.image_metrics import measure
from olaria.models.base import Batch
from olaria.models.latent_flow import LatentFlow
from olaria.recipes import Recipe
from olaria.runs.coders import CodedImages
from olaria.runs.tuning import Start
from olaria.sampling import latent
from olaria.storage.folder import is_run
from olaria.training.feed import ExampleFeed
from olaria.training.inheritance import model_sha256
from olaria.training.prepared import Prepared
from olaria.training.sizing import size_up


def prepare(recipe: Recipe, data: CodedImages, start: Start | None = None) -> Prepared:
    """See :class:`olaria.kinds.base.Kind`; the training images are encoded once, before the first step."""
    recipe = recipe.updated("model.autoencoder", data.coder.config.model_dump(mode="json"))
    if not is_run(Path(recipe.data.coded_run or "")):  # found elsewhere
        place = coded_name(str(data.coding.path.resolve()), LATENTS)
        recipe = recipe.updated("data.name", place)
    recipe, notes = fitting(recipe, len(data.train))
    blocks = data.train.x.split(images.BLOCK)
    codes = torch.cat([latent.encode(data.coder, block.float() / 255) for block in blocks])
    feed = ExampleFeed(codes, None, recipe.training.batch_size, recipe.seed)
    sized = size_up(recipe, data.shape, feed, data, images.WATCHED_DRAWS)
    weights = data.coder.state_dict()
    model, base = first_model(recipe, data.shape, sized, Batch(codes), start)
    assert isinstance(model, LatentFlow)
    model.take(weights)
    return Prepared(
        recipe,
        data,
        data.shape,
        feed,
        images.watch(model, data, recipe.seed),
        model,
        sized,
        notes=(*data.notes, *notes),
        base=base,
        painter_sha256=model_sha256(weights),
    )


KIND = Kind(
    prepare, measure, images.draw, images.describe, N_("images"), "test", images.IMAGE_ENDINGS
)
