r"""A model as one JSON document that the modules of ``pages/play`` open, so that it runs inside a page.

The weights travel as base64 of little-endian numbers. In float16 and int8 they are rounded first, and what the document
proves is computed with the rounded ones. The page repeats every ``proof`` and shows the largest difference; a checksum
finds the changes of bits that are too small for it.

Only what drawing needs is written: no optimizer, of a weight under a spectral norm the weight itself, and where a page
only draws neither encoder nor discriminator.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

from olaria.data.tokenizer import Tokenizer
from olaria.errors import RunError
from olaria.export import play_images, play_text
from olaria.export.played import Precision, packed, plain_copy
from olaria.i18n import N_
from olaria.models.base import Model
from olaria.models.plane import PlaneGAN

FORMAT = 1


class OpenRun(Protocol):
    """What is read of a run; :class:`olaria.runs.Run` has it."""

    @property
    def name(self) -> str:
        """For errors."""
        ...

    @property
    def family(self) -> str:
        """Key of the model's family."""
        ...

    @property
    def recipe(self) -> Any:
        """What was trained."""
        ...

    def dimensions(self) -> tuple[int, int, int] | int:
        """(C, H, W) of images, or the size of the vocabulary or of a point."""
        ...

    def tokenizer(self) -> Tokenizer:
        """Of a language model."""
        ...

    def model(self, which: str | int | None = None) -> Model:
        """With a checkpoint's weights."""
        ...


@torch.no_grad()
def play(
    run: OpenRun,
    precision: Precision = "float32",
    checkpoint: str | int | None = None,
    *,
    only_decodes: bool = False,
    model: Model | None = None,
) -> dict[str, Any]:
    """A run's model as a document of JSON values.

    Args:
        run: an open run.
        precision: of the weights; ``float16`` halves the document, and ``int8`` halves it again: each row of a matrix
            is rounded to 255 steps of its own. A model of points, which the page trains on, is always written in
            float32.
        checkpoint: ``best``, ``last`` or a step; the best, else the last, where None.
        only_decodes: leave out what reads images, an encoder or a discriminator; other families are written whole.
        model: of the run, with weights that no checkpoint holds.

    Raises:
        RunError: no page can run models of its family.
        ConfigError: a weight is beyond the largest number of float16.
    """
    precision = "float32" if run.family == "plane-gan" else precision
    if run.family not in {**play_images.PLAYED, **play_text.PLAYED}:
        raise RunError(
            N_("run {name} is a {family}, which no page can run"), name=run.name, family=run.family
        )
    model = run.model(checkpoint) if model is None else model
    plain = plain_copy(model, precision)
    if run.family in play_text.PLAYED:
        played = play_text.PLAYED[run.family](plain, run.tokenizer())
    else:
        played = play_images.PLAYED[run.family](plain)
    without_encoder = only_decodes and run.family in play_images.DECODED
    if without_encoder:
        played = play_images.decoder(played)
    tensors = dict(played.tensors)
    if isinstance(model, PlaneGAN):
        tensors |= play_images.spectral_norms(model)
    dimensions = run.dimensions()
    tokenizer = played.tokenizer and {**played.tokenizer, "unseen": run.recipe.data.unseen}
    return {
        "format": FORMAT,
        "family": run.family,
        "config": plain.config.model_dump(mode="json"),
        "encodes": not without_encoder,
        "training": run.recipe.training.model_dump(mode="json"),
        "dimensions": list(dimensions) if isinstance(dimensions, tuple) else dimensions,
        **packed(tensors, precision),
        "tokenizer": tokenizer,
        "proof": [proof.to_json() for proof in played.proofs],
    }
