"""What a data set is once loaded, and what is known of one before it is.

Nothing here imports torch at run time, so that listing the data sets stays instant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from olaria.data.config import DataConfig
from olaria.errors import DataError
from olaria.families.base import Kind
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.data.archives import Archive

Source = Literal[
    "cache",
    "mirror",
    "system package",
    "official address",
    "package index",
    "bundled",
    "generated",
    "user file",
]


SOURCE_TITLES: dict[str, str] = {
    "cache": N_("the local cache"),
    "mirror": N_("a mirror folder"),
    "system package": N_("a package of the system"),
    "official address": N_("the official address"),
    "package index": N_("the Python package index"),
    "bundled": N_("carried by a library, no network needed"),
    "generated": N_("generated from a seed"),
    "user file": N_("the user's own file"),
}
"""Each source in words."""


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is: ``bytes`` of ``total`` (None when unknown), ``rate`` in bytes/s."""

    file: str
    bytes: int
    total: int | None
    rate: float


Progress = Callable[[DownloadProgress], None]
MOST_SHOWN = 64
"""Images of a part in a notebook."""


@dataclass(frozen=True, repr=False)
class Images:
    """One split: ``x`` uint8 (N, C, H, W), ``y`` int64 (N,) or None where there are no labels.

    As :func:`load <olaria.data.load>` gives it, it is a ``torch.utils.data.Dataset``.

    >>> import torch
    >>> images = Images(torch.full((3, 1, 2, 2), 255), torch.tensor([4, 0, 2]))
    >>> images[0]
    (tensor([[[1., 1.],
             [1., 1.]]]), 4)
    >>> images[1:]
    <images (2, 1, 2, 2) with classes>
    """

    x: Tensor
    y: Tensor | None

    def __repr__(self) -> str:
        classes = "" if self.y is None else " with classes"
        return f"<images {self.shape}{classes}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        return tuple(self.x.shape)

    @property
    def dtype(self) -> Any:
        """Of a pixel."""
        return self.x.dtype

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def __getitem__(self, which: Any) -> Any:
        """One example, of a number; some of the images, of a slice, of numbers or of a mask.

        An example is what a network takes, float32 (C, H, W) in [0, 1], with its class where there is one.
        """
        if hasattr(which, "__index__") and not getattr(which, "ndim", 0):
            x = self.x[which].float() / 255
            return x if self.y is None else (x, int(self.y[which]))
        return type(self)(self.x[which], None if self.y is None else self.y[which])

    def _repr_png_(self) -> bytes | None:
        """For notebooks: the first of them."""
        from olaria.storage.images import make_sheet, to_png

        return to_png(make_sheet(self.x[:MOST_SHOWN])) if len(self) else None


@dataclass(frozen=True)
class Pictures:
    """Images with the names of their files, no part of them set apart.

    Args:
        names: as in the folder or zip, sorted.
        x: uint8 (N, C, H, W).
        notes: what was left out or changed.
        y: int64 (N,), where each has a class.
        class_names: in order; empty where there are no classes.
    """

    names: tuple[str, ...]
    x: Tensor
    notes: tuple[Message, ...] = ()
    y: Tensor | None = None
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class ImageData:
    """A data set of images, whole in memory.

    Attributes:
        source: where the bytes came from, see :data:`Source`.
        sha256: fingerprint of the decoded content, after resizing.
        notes: what the user should know of how it was read (files left out, …).
    """

    name: str
    title: str
    train: Images
    validation: Images
    test: Images
    class_names: tuple[str, ...]
    source: Source
    sha256: str
    citation: str
    licence: str
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        return _in_short(self, f"images {self.shape}")

    def _repr_png_(self) -> bytes | None:
        """For notebooks: the first training images."""
        return self.train._repr_png_()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.train.x.shape[1:]
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """0 where the images carry no labels."""
        return len(self.class_names)


@dataclass(frozen=True, repr=False)
class TextData:
    """A text, split in two.

    Attributes:
        source: where the bytes came from, see :data:`Source`.
        sha256: of the whole text in UTF-8, after newline and Unicode normalisation.
        num_documents: files or rows that it is made of; where there are several, none is on both
            sides.
        known_entropy: the grammar a generated text was drawn from, where there is one.
        notes: what the user should know of how it was read.
    """

    name: str
    title: str
    train: str
    validation: str
    source: Source
    sha256: str
    citation: str
    licence: str
    num_documents: int = 1
    known_entropy: object | None = None
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        return _in_short(self, "characters")

    @property
    def text(self) -> str:
        """Both splits together."""
        return self.train + self.validation


Pair = tuple[str, str]
"""A source and its target."""


@dataclass(frozen=True, repr=False)
class PairData:
    """Pairs of texts, split in two so that no source is on both sides.

    Attributes:
        train: pairs (source, target).
        validation: the same, of other sources.
        source: where the bytes came from, see :data:`Source`.
        sha256: of all pairs as lines ``source⇥target``, training first, in UTF-8.
        notes: what the user should know of how it was read.
    """

    name: str
    title: str
    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    source: Source
    sha256: str
    citation: str
    licence: str
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        return _in_short(self, "pairs")

    @property
    def text(self) -> str:
        """Every source and every target, one a line: what a tokenizer is fitted to."""
        return lines_of((*self.train, *self.validation))


@dataclass(frozen=True, repr=False)
class PointData:
    """Points in the plane, whole in memory; each part float32 (N, 2), in the units of the data.

    Attributes:
        source: where they came from, see :data:`Source`.
        sha256: fingerprint of all points.
        modes: centres of the clusters that they were drawn from, (K, 2), where there are some; with
        mode_std: the standard deviation of each, in both directions.
        notes: what the user should know of how they were read.
    """

    name: str
    title: str
    train: Tensor
    validation: Tensor
    test: Tensor
    source: Source
    sha256: str
    citation: str
    licence: str
    modes: Tensor | None = None
    mode_std: float | None = None
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        return _in_short(self, "points")

    @property
    def clusters(self) -> tuple[Tensor, float] | None:
        """Centres (K, 2) of the clusters and their standard deviation, where they are known."""
        return None if self.modes is None or self.mode_std is None else (self.modes, self.mode_std)


AnyData = ImageData | TextData | PairData | PointData


def _in_short(data: AnyData, unit: str) -> str:
    """A data set in one line: its name, and how much is in each part."""
    sizes = {
        part: len(getattr(data, part))
        for part in ("train", "validation", "test")
        if hasattr(data, part)
    }
    counts = ", ".join(f"{size:,} {part}" for part, size in sizes.items())
    return f"<{data.name}: {counts} {unit}>"


def lines_of(pairs: Iterable[Pair]) -> str:
    """Every source and every target, one a line."""
    return "".join(f"{text}\n" for pair in pairs for text in pair)


class OtherKindError(DataError):
    """There is nothing of the wanted kind at a path.

    Args:
        path: that was named.
        wanted: the kind.
    """

    def __init__(self, path: Path, wanted: Kind) -> None:
        kind = {
            "images": N_("images"),
            "text": N_("text"),
            "pairs": N_("pairs of texts"),
            "points": N_("points in the plane"),
        }[wanted]
        super().__init__(N_("{path} is not read as {kind}"), path=str(path), kind=Message(kind))


_KINDS: dict[type, Kind] = {
    ImageData: "images",
    TextData: "text",
    PairData: "pairs",
    PointData: "points",
}


def kind_of(data: AnyData) -> Kind:
    """Of a loaded data set, in the words of :class:`DataSet`."""
    return _KINDS[type(data)]


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Attributes:
        name: as published, and in a mirror folder; ``.gz`` says that it is compressed there.
        size_bytes: of the decoded content.
        sha256: of the decoded content.
        addresses: official places of the published file, best first.
    """

    name: str
    size_bytes: int
    sha256: str
    addresses: tuple[str, ...] = ()

    @property
    def decoded_name(self) -> str:
        """The name without ``.gz``: what the cache keeps.

        >>> File("a-idx3-ubyte.gz", 16, "").decoded_name
        'a-idx3-ubyte'
        """
        return self.name.removesuffix(".gz")


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set without loading it.

    Attributes:
        title: one line, in English, marked for translation.
        kind: see :data:`Kind`.
        load: builds it, given its name, the settings and how to obtain its files.
        files: what has to be obtained; empty when nothing has.
        archive: of the Python package index, holding all of ``files``.
        system_folder: where a system package puts the files.
    """

    name: str
    title: str
    kind: Kind
    load: Callable[[Request], AnyData]
    citation: str
    licence: str
    files: tuple[File, ...] = ()
    archive: Archive | None = None
    system_folder: str | None = None


@dataclass(frozen=True)
class Request:
    """One call of ``load``: which data set, how, and who watches the download."""

    data_set: DataSet
    options: DataConfig
    offline: bool = False
    progress: Progress | None = None


def fingerprint(parts: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of ``parts`` one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
