"""Images through the bottleneck of a run and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.i18n import N_, Message, detect_language
from olaria.numbers import Number
from olaria.sampling.arraylike import ArrayLike
from olaria.storage.endings import PICTURE, refuse_other_endings
from olaria.storage.files import refuse_overwriting
from olaria.workflows.files import save_picture, word_of
from olaria.workflows.requests import AnyData, AnyRun, Checkpoint, Request, Result, setting
from olaria.workflows.requests.common import (
    check_overwrite,
    checkpoint_setting,
    gray_setting,
    images_setting,
    out_setting,
    overwrite_setting,
    place_setting,
    reading_of,
    resize_setting,
    run_setting,
    threads_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from olaria.data.base import Progress
    from olaria.workflows.images import NamedImages


@dataclass(frozen=True, kw_only=True)
class ReconstructRequest(Request):
    """What ``reconstruct`` takes."""

    summary = N_("Show what a run makes of images.")

    run: AnyRun = run_setting()
    data: AnyData | None = images_setting()
    count: int = setting(N_("how many to show"), default=32, metavar="N", flag="-n", least=1)
    resize: int | None = resize_setting()
    gray: bool = gray_setting()
    run_data: AnyData | None = place_setting()
    checkpoint: Checkpoint | None = checkpoint_setting()
    out: str | Path | None = out_setting(N_("where the picture goes"))
    overwrite: bool = overwrite_setting()
    threads: int | None = threads_setting()

    def check(self) -> None:
        """A file must be named to be replaced, and as a picture is."""
        check_overwrite(self)
        refuse_other_endings(self.out, PICTURE)


@dataclass(frozen=True, repr=False)
class Rebuilt(ArrayLike, Result):
    """Images and their reconstructions by a run.

    Args:
        request: what was requested.
        inputs: the images.
        images: their reconstructions, (N, C, H, W) in [0, 1].
        errors: mean squared error of each, (N,).
        error: over all pixels.
        made_by: the run and its step.
        language: of what the sheet says of itself; the user's where None.
        picture: a sheet of the first ones, where it was written.
    """

    request: ReconstructRequest
    inputs: NamedImages
    images: Tensor
    errors: Tensor
    error: float
    made_by: Message
    language: str | None = None
    picture: Path | None = None

    def __repr__(self) -> str:
        return f"<reconstructions {self.shape}: mse {self.error:.4g}>"

    @property
    def tensor(self) -> Tensor:
        """The reconstructions."""
        return self.images

    def sheet(self) -> Image:
        """The first images, each with its reconstruction at its right."""
        import torch

        from olaria.storage.captions import captioned
        from olaria.storage.images import make_sheet

        count = self.request.count
        originals = self.inputs.x[:count].float() / 255
        pairs = torch.stack((originals, self.images[:count]), 1).flatten(0, 1)
        columns = 2 * max(1, min(8, round((len(originals) / 2) ** 0.5)))
        grid = make_sheet(pairs, columns)
        language = self.language or detect_language()
        return captioned(grid, (line.text(language) for line in self.caption))

    @property
    def caption(self) -> tuple[Message, ...]:
        """What the sheet shows."""
        fields = {
            "all": len(self.images),
            "error": Number(self.error),
        }
        pairs = Message(N_("pairs: at the left an image, at its right its reconstruction"))
        error = Message(N_("mean squared error, over {all} {all:image|images}: {error}"), fields)
        return pairs, error, self.made_by

    def _repr_png_(self) -> bytes:
        from olaria.storage.images import to_png

        return to_png(self.sheet())

    @property
    def notes(self) -> tuple[Message, ...]:
        """For the reader, about the files."""
        return self.inputs.notes

    @property
    def psnr_db(self) -> float | None:
        """The error in decibels below the brightest pixel; None where there is none."""
        from olaria.evaluation.reconstruction import psnr_db

        return psnr_db(self.error) if self.error else None

    def saved(self) -> Rebuilt:
        """The same with its picture: where the request says, else under a free name."""
        if self.picture is not None:
            return self
        return replace(self, picture=save_picture(self.sheet(), self.request, "reconstructions"))

    def to_json(self) -> dict[str, Any]:
        """The errors, of all and of each, and where the picture is."""
        errors = zip(self.inputs.names, self.errors.tolist(), strict=True)
        return {
            "format": 1,
            "run": word_of(self.request.run),
            "data": word_of(self.request.data),
            "mse": self.error,
            "psnr_db": self.psnr_db,
            "picture": None if self.picture is None else str(self.picture),
            "images": [{"name": name, "mse": error} for name, error in errors],
        }


@verb(ReconstructRequest)
def reconstruct(
    request: ReconstructRequest,
    *,
    language: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Rebuilt:
    """Rebuild images: of an autoencoder g(f(x)), of a VAE the pixels' mean at the posterior's mean.

    Args:
        language: of what the picture says of itself; the user's own unless given.
        offline: open no connection.
        progress: gets what is downloaded.

    Returns:
        All of them; a picture of the first is written where ``out`` is given, and by :meth:`Rebuilt.saved`.

    Raises:
        UsageError: the run is of another family, or its model needs classes, which ``data`` does not have.
        DataError: the images are of another size or number of channels than the run's.
        StorageError: a file is in the way.
    """
    from olaria.evaluation.reconstruction import mse
    from olaria.kinds.base import drawn_by
    from olaria.objectives.reconstruction import squared_error
    from olaria.sampling import latent
    from olaria.workflows import given
    from olaria.workflows.images import open_images

    if request.out is not None:
        refuse_overwriting(Path(request.out), request.overwrite)
    opened = open_images(
        given.opened(request.run, request.run_data, setting="run_data"),
        request.data,
        options=reading_of(request),
        checkpoint=request.checkpoint,
        offline=offline,
        progress=progress,
    )
    x = opened.images.x.float() / 255
    images = latent.reconstruct(opened.model, x, opened.classes)
    errors, made_by = squared_error(images, x), drawn_by(opened.run, request.checkpoint)
    rebuilt = Rebuilt(request, opened.images, images, errors, mse(images, x), made_by, language)
    return rebuilt if request.out is None else rebuilt.saved()
