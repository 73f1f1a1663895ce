"""CIFAR-10: 60,000 colour images of 32×32 in ten classes, from the *binary* version (the Python one is pickles)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olaria.data.archives import Archive, tar_members
from olaria.data.base import DataSet, File, ImageData, Request
from olaria.errors import IntegrityError
from olaria.i18n import N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from olaria.data.base import Images

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SHAPE = (3, 32, 32)
RECORD_BYTES = 1 + 3 * 32 * 32
"""A label, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row."""
FILE_BYTES = 10_000 * RECORD_BYTES
TAR_FOLDER = "cifar-10-batches-bin/"
HASHES = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}


def load(request: Request) -> ImageData:
    """The data set of ``request``: the last 5,000 training images validate, the test set is as published.

    Raises:
        SourceError: no source has it.
        IntegrityError: a file is not what it should be.
    """
    from olaria.data.sources import obtain

    obtained = obtain(request)
    *train, test = (obtained.content[file.decoded_name] for file in request.data_set.files)
    return obtained.image_data(request.data_set, read_records(train), read_records([test]), CLASSES)


def read_records(files: Sequence[bytes]) -> Images:
    """The images and labels of some files of the binary version, one after the other.

    Raises:
        IntegrityError: a file ends inside a record, or a label is none of the ten.
    """
    import numpy as np
    import torch

    from olaria.data.base import Images

    rows = []
    for content in files:
        if len(content) % RECORD_BYTES:
            raise IntegrityError(
                N_("CIFAR-10: {size} bytes are not a whole number of records of {record}"),
                size=len(content),
                record=RECORD_BYTES,
            )
        rows.append(np.frombuffer(content, np.uint8).reshape(-1, RECORD_BYTES))
    records = np.concatenate(rows)
    labels = records[:, 0].astype("int64")
    if len(labels) and labels.max() >= len(CLASSES):
        raise IntegrityError(
            N_("CIFAR-10: {label} is not a valid label; fetch the data set again"),
            label=int(labels.max()),
        )
    pixels = np.ascontiguousarray(records[:, 1:]).reshape(-1, *SHAPE)
    return Images(torch.from_numpy(pixels), torch.from_numpy(labels))


def _from_tar(packed: bytes) -> dict[str, bytes]:
    wanted = {TAR_FOLDER + name: name for name in HASHES}
    members = tar_members(packed, wanted.__contains__, limit_bytes=len(HASHES) * FILE_BYTES)
    return {wanted[member]: content for member, content in members.items()}


CIFAR10 = DataSet(
    name="cifar10",
    title=N_("CIFAR-10: photographs of animals and vehicles, 32×32 colour, 10 classes"),
    kind="images",
    load=load,
    citation="A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images. "
    "Technical report, University of Toronto, 2009.",
    licence=N_("research use, cite"),
    files=tuple(File(name, FILE_BYTES, sha256) for name, sha256 in HASHES.items()),
    archive=Archive(
        project="",
        file="cifar-10-binary.tar.gz",
        size_bytes=170_052_171,
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        take=_from_tar,
        addresses=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    ),
)
