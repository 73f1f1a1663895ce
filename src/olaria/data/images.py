"""Images of the user's own: a folder or zip, one subfolder per class.

Folders that are called as parts (``train``, ``val``, ``test``) are kept as such; without them the images are mixed in
a fixed order and 10% are set apart for test. Without class subfolders there are no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.data.arrays import MAX_TOTAL_BYTES, Stored, image_arrays
from olaria.data.base import ImageData, Images, Pictures
from olaria.data.config import DataConfig
from olaria.data.contents import contents_of
from olaria.data.entries import Entry
from olaria.data.label_tables import LabelTable, label_tables
from olaria.data.own_images import fingerprint_of, own_images
from olaria.data.parts import Organised, organise
from olaria.data.pixels import channels_first, read_images, shaped
from olaria.data.split import take
from olaria.errors import DataError
from olaria.i18n import N_, Message, Setting

if TYPE_CHECKING:
    from olaria.data.arrays import Array
    from olaria.data.pixels import Pixels

MIN_IMAGES = 4


def load_images(
    path: Path,
    entries: Sequence[Entry],
    options: DataConfig,
    notes: Sequence[Message] = (),
    *,
    tables: Sequence[LabelTable] = (),
) -> ImageData:
    """The images of ``entries``, sorted by name.

    Args:
        path: where they are.
        entries: files of one image each.
        options: how to read them.
        notes: what was left out already.
        tables: that say their classes, used where no folder does.

    Raises:
        DataError: their sizes or channels differ (``--resize`` and ``--gray`` are offered), too few
            can be read, or they do not fit in memory.
    """
    import torch

    organised = organise([entry.name for entry in entries], _labels_of(tables))
    used = [entry for entry in entries if entry.name in organised.classes]
    pictures = _read_all(path, used, options, MIN_IMAGES)
    labels, class_names = organised.labelled(path, pictures.names, _order_of(tables))
    y = None if labels is None else torch.tensor(labels, dtype=torch.int64)
    parts = [organised.parts[name] for name in pictures.names]
    said = _said_of(tables, organised)
    notes = (*notes, *said, *organised.notes, *pictures.notes)
    return own_images(path, Images(pictures.x, y), parts, class_names, notes)


def _said_of(tables: Sequence[LabelTable], organised: Organised) -> list[Message]:
    """Whether the classes are from the tables, or from folders though there are tables."""
    if organised.by_table:
        return [table.note() for table in tables]
    message = N_("the folders are the classes; those in {table} were not used")
    return [Message(message, {"table": table.entry.name}) for table in tables]


def load_image_arrays(path: Path, stored: Stored, options: DataConfig) -> ImageData:
    """The images of a file of arrays.

    Raises:
        DataError: see :func:`olaria.data.arrays.image_arrays`.
    """
    images, class_names = _arrays(str(path), stored, options, MIN_IMAGES)
    parts = stored.parts or [None] * len(images)
    return own_images(path, images, parts, class_names, stored.notes)


def images_of(values: Array, name: str, options: DataConfig) -> Images:
    """The images of an array, as those of a file of it are read.

    Args:
        values: see :func:`olaria.data.arrays.image_arrays`.
        name: of the array, for the errors.
        options: ``resize`` and ``gray``.

    Raises:
        DataError: a wrong shape, type or range.
    """
    return _arrays(name, Stored(values, None), options, 1)[0]


def _arrays(
    name: str, stored: Stored, options: DataConfig, least: int
) -> tuple[Images, tuple[str, ...]]:
    import numpy as np
    import torch

    found = image_arrays(stored.values, stored.labels, name, least)
    # Copied: what was read from a file is not to be written to, as tensors may be.
    x = torch.from_numpy(np.array(found.x, order="C"))
    images = Images(x, None if found.y is None else torch.from_numpy(found.y))
    if options.gray or options.resize is not None:
        images = _adapt(images, options, name)
    words = stored.words
    names = tuple(words[int(name)] for name in found.class_names) if words else found.class_names
    return images, names


def load_pictures(path: Path, options: DataConfig) -> Pictures:
    """The images of a file, folder or zip under their own names, those of an array under their places in it.

    Raises:
        DataError: there is no image that can be read, or they differ in size or channels.
        StorageError: the file cannot be read.
    """
    contents = contents_of(path, "images")
    if not contents.pictures and contents.numbers:
        stored = contents.stored()
        images, class_names = _arrays(str(path), stored, options, 1)
        names = tuple(map(str, range(len(images))))
        return Pictures(names, images.x, stored.notes, images.y, class_names)
    found = _read_all(path, contents.pictures, options, 1)
    tables = (*contents.tables, *label_tables(contents.texts, contents.pictures))
    return _classed(path, found, tables)


def _classed(path: Path, pictures: Pictures, tables: Sequence[LabelTable]) -> Pictures:
    """The same with the classes that folders or tables say, where they say one of each image."""
    import torch

    organised = organise([*pictures.names], _labels_of(tables))
    if not all(map(organised.classes.get, pictures.names)):
        return pictures
    labels, class_names = organised.labelled(path, pictures.names, _order_of(tables))
    return replace(pictures, y=torch.tensor(labels, dtype=torch.int64), class_names=class_names)


def _labels_of(tables: Sequence[LabelTable]) -> dict[str, str] | None:
    """The class of each image that a table names; of two tables the first has the say."""
    labels = {name: own for table in reversed(tables) for name, own in table.labels.items()}
    return labels or None


def _order_of(tables: Sequence[LabelTable]) -> tuple[str, ...]:
    """The order of the classes, as the tables tell it."""
    return tuple(dict.fromkeys(word for table in tables for word in table.order))


def _read_all(path: Path, entries: Sequence[Entry], options: DataConfig, least: int) -> Pictures:
    """Every file that can be read; many of them are decoded once and kept (:mod:`olaria.data.decoded`)."""
    import numpy as np
    import torch

    from olaria.data import decoded

    kept = decoded.recall(entries, options)
    if kept is not None:
        return kept
    pixels, notes = read_images(entries, options)
    if entries and not pixels:
        raise DataError(
            N_(
                "{path} has {count} {count:image|images} and none can be read ({name} is the "
                "first): cut, empty or of a format that is not read, or of fractions or 32 "
                "bits; save them again as PNG"
            ),
            path=str(path),
            count=len(entries),
            name=entries[0].name,
        )
    if len(pixels) < least:
        raise DataError(
            N_("{path} has {count} readable {count:image|images}, fewer than {least}; add some"),
            path=str(path),
            count=len(pixels),
            least=least,
        )
    _check_alike(path, pixels)
    x = torch.from_numpy(np.stack([*pixels.values()]))
    found = Pictures(tuple(pixels), x, tuple(notes))
    decoded.keep(entries, options, found)
    return found


def adapted(data: ImageData, options: DataConfig) -> ImageData:
    """A data set with ``resize`` and ``gray`` applied, and its fingerprint renewed."""
    parts = (data.train, data.validation, data.test)
    splits = tuple(_adapt(part, options, data.name) for part in parts)
    train, validation, test = splits
    return replace(
        data, train=train, validation=validation, test=test, sha256=fingerprint_of(splits)
    )


def without_class(data: ImageData, label: int) -> ImageData:
    """The data with one class out of training and validation; the test images keep it, as what is to be found.

    Raises:
        DataError: the images have no such class, or no other.
    """
    if not 0 <= label < data.num_classes or data.train.y is None or data.validation.y is None:
        raise DataError(
            N_(
                "{data} has no class {label} to leave out; it has {count} "
                "{count:class|classes}, from 0"
            ),
            data=data.name,
            label=label,
            count=data.num_classes,
        )
    kept = [
        [i for i, own in enumerate(labels.tolist()) if own != label]
        for labels in (data.train.y, data.validation.y)
    ]
    if not all(kept):
        raise DataError(
            N_("without class {label} nothing is left of {data} to train on and to validate with"),
            data=data.name,
            label=label,
        )
    return replace(data, train=take(data.train, kept[0]), validation=take(data.validation, kept[1]))


def _adapt(images: Images, options: DataConfig, path: str) -> Images:
    import numpy as np
    import torch
    from PIL import Image

    if options.resize is not None:
        channels = 1 if options.gray else images.x.shape[1]
        _check_total(len(images) * channels * options.resize**2, path)
    rows = images.x.permute(0, 2, 3, 1).squeeze(-1).numpy()  # (N, H, W) or (N, H, W, 3)
    adapted_rows = [channels_first(shaped(Image.fromarray(row), options)) for row in rows]
    return Images(torch.from_numpy(np.stack(adapted_rows)), images.y)


def _check_alike(path: Path, pixels: dict[str, Pixels]) -> None:
    names = iter(pixels.items())
    first, (channels, height, width) = next((name, values.shape) for name, values in names)
    for name, values in pixels.items():
        if values.shape[1:] != (height, width):
            raise DataError(
                N_(
                    "the images of {path} differ in size: {first} is {width}×{height}, {name} is "
                    "{other_width}×{other_height}; use {resize}"
                ),
                resize=Setting("resize", "N"),
                path=str(path),
                first=first,
                width=width,
                height=height,
                name=name,
                other_width=values.shape[2],
                other_height=values.shape[1],
            )
        if values.shape[0] != channels:
            raise DataError(
                N_(
                    "{path} mixes colour and gray images ({first}, {name}); use {gray}, or make all of "
                    "them colour"
                ),
                gray=Setting("gray"),
                path=str(path),
                first=first,
                name=name,
            )
    _check_total(len(pixels) * channels * height * width, str(path))


def _check_total(size_bytes: int, path: str) -> None:
    if size_bytes > MAX_TOTAL_BYTES:
        raise DataError(
            N_("the images of {path} need {size} bytes of memory; use {resize}"),
            resize=Setting("resize", "N"),
            path=path,
            size=size_bytes,
        )
