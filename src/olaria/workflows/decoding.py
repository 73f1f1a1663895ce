"""Images of latent vectors that a caller gives in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olaria.errors import DataError, UsageError
from olaria.i18n import N_
from olaria.runs import Run
from olaria.workflows.evaluate import EvaluateRequest

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.kinds.images import ImageSample


def checked(checkpoint: Any) -> Any:
    """A checkpoint as every verb takes it."""
    return EvaluateRequest.of(run="run", checkpoint=checkpoint).checkpoint


def decoded(run: Run, z: Any, y: Any | None, checkpoint: Any) -> ImageSample:
    """The images that a run's decoder makes of latent vectors.

    Args:
        run: of images.
        z: (N, d), of a floating type.
        y: class of each, of a run with classes.
        checkpoint: of the run.

    Raises:
        UsageError: the run is not of images, or was not trained with classes.
        DataError: ``z`` or ``y`` has another shape or type, or values that are not finite.
    """
    from olaria.kinds.images import ImageSample
    from olaria.models.base import ImageModel
    from olaria.sampling import latent
    from olaria.workflows.images import classes_of, refuse_other_kinds

    refuse_other_kinds(run)
    model = run.model(checked(checkpoint))
    assert isinstance(model, ImageModel)
    codes = _codes(run, z, model.latent)
    if y is not None and not model.classes:
        raise UsageError(N_("run {name} was not trained with classes; leave y out"), name=run.name)
    labels = None if y is None else classes_of(y, "y", len(codes), model.classes)
    return ImageSample(latent.decode(model, codes, labels))


def _codes(run: Run, z: Any, wanted: int) -> Tensor:
    """Latent vectors of a caller, checked."""
    import numpy as np
    import torch

    from olaria.data.given import plain_array

    values = plain_array(z, "z")
    if values.ndim != 2 or values.shape[1] != wanted or not len(values) or values.dtype.kind != "f":
        raise DataError(
            N_(
                "z holds {dtype} of the shape {shape}; run {name} decodes {wanted} of floating type"
            ),
            dtype=str(values.dtype),
            shape=str(values.shape),
            name=run.name,
            wanted=f"(N, {wanted})",
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is an error here
        codes = values.astype(np.float32)
    count = int(codes.size - np.count_nonzero(np.isfinite(codes)))
    if count:
        raise DataError(
            N_("z has {count} {count:value that is|values that are} NaN or infinite"), count=count
        )
    return torch.from_numpy(codes)
