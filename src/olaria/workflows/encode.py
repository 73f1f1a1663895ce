"""What images become: codes in a file, their quality beside principal components, and a map of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import MissingError, SourceError
from olaria.i18n import N_, Message, detect_language
from olaria.numbers import format_number
from olaria.sampling.arraylike import ArrayLike
from olaria.storage.endings import refuse_other_endings
from olaria.storage.files import refuse_overwriting
from olaria.vocabulary import Map, Split
from olaria.workflows import code_files, code_maps
from olaria.workflows.code_files import ARRAY, TABLE, files_of
from olaria.workflows.code_maps import SEED
from olaria.workflows.files import new_place, stem_of, word_of
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
    from torch import Tensor

    from olaria.data.base import Progress
    from olaria.evaluation.gathered import Value
    from olaria.workflows.images import NamedImages, RunImages

NUM_VOTERS = 20_000
"""Training images that the components are fitted to and whose codes vote."""
SHOWN_ROWS, SHOWN_COLUMNS = 8, 6
"""Of the codes, in a notebook."""


@dataclass(frozen=True, kw_only=True)
class EncodeRequest(Request):
    """What ``encode`` takes."""

    summary = N_("Turn images into a run's latent vectors, and map them.")

    run: AnyRun = run_setting()
    data: AnyData | None = images_setting()
    split: Split | None = setting(
        N_("which part of the run's own data"), default=None, unless="test"
    )
    map: Map | None = setting(N_("also draw a map in two dimensions"), default=None)
    resize: int | None = resize_setting()
    gray: bool = gray_setting()
    run_data: AnyData | None = place_setting()
    checkpoint: Checkpoint | None = checkpoint_setting()
    out: str | Path | None = out_setting(N_("where the codes go, as .tsv or .npy"))
    overwrite: bool = overwrite_setting()
    threads: int | None = threads_setting()

    def check(self) -> None:
        """A file must be named to be replaced, and as its format is."""
        check_overwrite(self)
        refuse_other_endings(self.out, (TABLE, ARRAY))


@dataclass(frozen=True, repr=False)
class Encoded(ArrayLike, Result):
    """Images and their codes by a run.

    Args:
        request: what was requested.
        inputs: the images.
        codes: float32 (N, d).
        quality: of the codes, by metric key; None where the images have no classes, are too few or all the same.
        notes: for the reader.
        files: that were written, the codes first.
        made_by: the run and its step.
        language: of what the map says of itself; the user's where None.
    """

    request: EncodeRequest
    inputs: NamedImages
    codes: Tensor
    quality: Mapping[str, Value]
    notes: tuple[Message, ...] = ()
    files: tuple[Path, ...] = ()
    made_by: tuple[Message, ...] = ()
    language: str | None = None

    def __repr__(self) -> str:
        return f"<codes {self.shape}>"

    def _repr_html_(self) -> str:
        """For notebooks: the first codes."""
        language = detect_language()
        from olaria.workflows.displays import line, table, words

        classes = self.classes
        numbers = self.codes[:SHOWN_ROWS, :SHOWN_COLUMNS].tolist()
        more = ["…"] if self.codes.shape[1] > SHOWN_COLUMNS else []
        names = [f"z{place + 1}" for place in range(min(SHOWN_COLUMNS, self.codes.shape[1]))]
        rows = [
            (
                self.inputs.names[place],
                *([] if classes is None else [classes[place]]),
                *(format_number(number, language, 3) for number in row),
                *more,
            )
            for place, row in enumerate(numbers)
        ]
        known = [] if classes is None else [words(N_("class"))]
        headings = [words(N_("image")), *known, *names, *more]
        count = words(N_("{count} {count:image|images}"), count=len(self.codes))
        places = range(1 + len(known), len(headings))
        return table(headings, rows, places) + line(count)

    @property
    def tensor(self) -> Tensor:
        """The codes."""
        return self.codes

    @property
    def classes(self) -> list[str] | None:
        """Name of each image's class, where it is known."""
        y, names = self.inputs.y, self.inputs.class_names
        return None if y is None else [names[label] for label in y.tolist()]

    def saved(self) -> Encoded:
        """The same with its files: where the request says, else under a free name."""
        if self.files:
            return self
        request, how = self.request, self.request.map
        mapped = None if how is None else code_maps.on_plane(self, how)
        files = partial(files_of, how=how)
        with new_place(request, f"{stem_of(request.run)}-codes", TABLE, files) as path:
            notes, written = self.notes, code_files.save(self, path, overwrite=True)
            if mapped is not None:
                from olaria.evaluation.projection import MAP_NAMES
                from olaria.pages.fonts import undrawn

                title = f"{stem_of(request.run)} · {MAP_NAMES[mapped.how]}"
                picture = code_files.map_path(path, mapped.how)
                with undrawn() as lost:
                    written += code_maps.save_map(mapped, picture, title, overwrite=True)
                notes += (*mapped.notes, *lost)
        return replace(self, notes=notes, files=tuple(written))

    def to_json(self) -> dict[str, Any]:
        """What was encoded, how good the codes are, and where they are."""
        return {
            "format": 1,
            "run": word_of(self.request.run),
            "data": word_of(self.request.data),
            "num_images": len(self.codes),
            "latent": self.codes.shape[1],
            "quality": self.quality,
            "files": [str(file) for file in self.files],
        }


@verb(EncodeRequest)
def encode(
    request: EncodeRequest,
    *,
    language: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Encoded:
    """Codes of images: an autoencoder's encoder outputs, a VAE's posterior means.

    Args:
        language: of what the map says of itself; the user's own unless given.
        offline: open no connection.
        progress: gets what is downloaded.

    Returns:
        The codes; they are written where ``out`` is given, and by :meth:`Encoded.saved`.

    Raises:
        UsageError: the run is of a language model, or ``split`` is given with other data.
        SamplingError: the model has no encoder.
        DataError: the images are of another size or number of channels than the run's.
        StorageError: a file is in the way.
    """
    from olaria.kinds.base import drawn_by
    from olaria.sampling import latent
    from olaria.workflows import given
    from olaria.workflows.images import open_images

    if request.out is not None:
        for file in files_of(Path(request.out), request.map):
            refuse_overwriting(file, request.overwrite)
    opened = open_images(
        given.opened(request.run, request.run_data, setting="run_data"),
        request.data,
        split=request.split,
        options=reading_of(request),
        checkpoint=request.checkpoint,
        offline=offline,
        progress=progress,
    )
    images, of_model = opened.images, partial(latent.encode, opened.model)
    codes = of_model(images.x.float() / 255, opened.classes)
    notes = images.notes
    try:
        quality = _quality(of_model, opened, codes, offline, progress)
    except (MissingError, SourceError) as error:  # the codes need the model alone
        quality = {}
        reason = {"reason": error.message}
        notes += (Message(N_("how good the codes are is not measured: {reason}"), reason),)
    made_by = (drawn_by(opened.run, request.checkpoint),)
    encoded = Encoded(request, images, codes, quality, notes, made_by=made_by, language=language)
    return encoded if request.out is None else encoded.saved()


def _quality(
    of_model: Callable[[Tensor, Tensor | None], Tensor],
    opened: RunImages,
    codes: Tensor,
    offline: bool,
    progress: Progress | None,
) -> Mapping[str, Value]:
    """The codes and those of equally many principal components; classes of other data vote for nothing here."""
    from olaria.data import ImageData
    from olaria.evaluation.projection import PrincipalComponents
    from olaria.evaluation.reconstruction import code_metrics

    x, y = opened.images.x.float() / 255, opened.images.y
    data = opened.data or opened.run.data(offline=offline, progress=progress)
    assert isinstance(data, ImageData)
    train = data.train.x[:NUM_VOTERS].float() / 255
    labels = None if opened.data is None else data.train.y
    votes = None if labels is None else labels[:NUM_VOTERS]
    components = PrincipalComponents.fitted(train, codes.shape[1])
    return code_metrics(of_model, (train, votes), (x, y), codes, components, SEED).metrics
