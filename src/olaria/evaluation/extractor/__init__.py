"""Feature networks of our own, one per data set, shipped with the package.

Distances in their features are named :data:`NAME` with the weights' hash, never "FID", which means
another network. Only the first 50,000 training images were shown to them. Weights are stored in
float16, as ``scripts/train_extractor.py`` writes them, and used in float32.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor

from olaria.evaluation.extractor.network import NUM_FEATURES, FeatureNetwork

if TYPE_CHECKING:
    from olaria.data.base import ImageData

NAME = "FD-olaria-1"
NUM_TRAINED_ON = 50_000
BATCH_SIZE = 250  # measured: larger batches fall out of the cache and take twice as long
SHAPE = (1, 28, 28)


def weights_path(data_name: str) -> Path:
    """Where the weights for a data set are, or would be."""
    return Path(__file__).parent / f"{data_name.replace('-', '_')}.safetensors"


@dataclass(frozen=True)
class Extractor:
    """A classifier used for its features.

    Args:
        name: what distances in these features are called.
        data: name of the data set it was trained on.
        data_sha256: fingerprint of that data set.
        sha256: of the weights file.
        test_accuracy: on that data set's test images.
        num_trained_on: how many of the first training images it has seen.
        network: images to features and logits.
    """

    name: str
    data: str
    data_sha256: str
    sha256: str
    test_accuracy: float
    num_trained_on: int
    network: FeatureNetwork = field(repr=False)

    num_features: int = NUM_FEATURES

    @torch.no_grad()
    def describe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, 96) and class probabilities (N, classes) of images.

        Args:
            x: uint8, or float32 in [0, 1]; (N, 1, 28, 28).
        """
        features, probabilities = [], []
        for batch in torch.split(x, BATCH_SIZE):
            pixels = batch.float() / 255 if batch.dtype == torch.uint8 else batch
            codes, logits = self.network(pixels.contiguous(memory_format=torch.channels_last))
            features.append(codes)
            probabilities.append(logits.softmax(1))
        return torch.cat(features), torch.cat(probabilities)

    def features(self, x: Tensor) -> Tensor:
        """The first half of :meth:`describe`."""
        return self.describe(x)[0]

    def probabilities(self, x: Tensor) -> Tensor:
        """The second half of :meth:`describe`."""
        return self.describe(x)[1]


@cache
def load(data_name: str) -> Extractor | None:
    """The extractor for a data set of ours by name, None where there is none."""
    path = weights_path(data_name)
    if not path.is_file():
        return None
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    tensors = {name: value.float() for name, value in load_tensors(content).items()}
    network = FeatureNetwork(len(tensors["to_logits.bias"]))
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Extractor(
        name=header["name"],
        data=header["data"],
        data_sha256=header["data_sha256"],
        sha256=hashlib.sha256(content).hexdigest(),
        test_accuracy=float(header["test_accuracy"]),
        num_trained_on=int(header["num_trained_on"]),
        network=network,
    )


def for_data(data: ImageData) -> Extractor | None:
    """The extractor trained on exactly these images, None where there is none.

    Decided by the fingerprint of the content, so that a user's folder that happens to be called
    ``mnist``, or our own images resized, are not measured with the wrong network.
    """
    extractor = load(data.name) if data.shape == SHAPE else None
    return extractor if extractor and extractor.data_sha256 == data.sha256 else None
