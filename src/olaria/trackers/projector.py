"""Latent vectors for TensorBoard's projector: a table of them, one of labels, and a sheet of thumbnails.

Source: TensorBoard, *Visualizing Data using the Embedding Projector*; the message ``ProjectorConfig`` of its plugin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from olaria.storage.files import write_text
from olaria.storage.images import make_picture, save_png

CONFIG = "projector_config.pbtxt"
FOLDER = "projector"
MOST_POINTS = 2000
MOST_SIDE = 64
"""Pixels of a thumbnail; TensorBoard takes sheets of up to 8192."""


def write_projector(
    codes: Tensor, images: Tensor, labels: Sequence[str] | None, folder: Path
) -> None:
    """Write what ``tensorboard --logdir`` shows under *Projector*.

    Args:
        codes: (N, d); vectors that are not finite are left out.
        images: (N, C, H, W), uint8 or float in [0, 1]; what the codes are of.
        labels: class names of the images, where they have classes.
        folder: of the file of events. The files go into a folder ``projector`` in it.
    """
    kept = codes.isfinite().all(1).nonzero().flatten().tolist()
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    rows = ("\t".join(f"{value:.9g}" for value in codes[i].tolist()) for i in kept)
    write_text(place / "codes.tsv", "".join(f"{row}\n" for row in rows))
    if labels is None:  # a table of one column has no headings
        write_text(place / "labels.tsv", "".join(f"{i}\n" for i in kept))
    else:
        names = (f"{' '.join(labels[i].split())}\t{i}\n" for i in kept)
        write_text(place / "labels.tsv", "class\timage\n" + "".join(names))
    thumbnails = _thumbnails(images[kept])
    save_png(place / "images.png", make_picture(_sheet(thumbnails)))
    height, width = thumbnails.shape[2:]
    config = f"""embeddings {{
  tensor_name: "codes/validation"
  tensor_path: "{FOLDER}/codes.tsv"
  metadata_path: "{FOLDER}/labels.tsv"
  sprite {{
    image_path: "{FOLDER}/images.png"
    single_image_dim: {width}
    single_image_dim: {height}
  }}
}}
"""
    write_text(folder / CONFIG, config)


def _thumbnails(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [0, 1] of at most ``MOST_SIDE`` pixels a side."""
    images = images / 255 if images.dtype == torch.uint8 else images
    factor = MOST_SIDE / max(images.shape[2:])
    if factor >= 1:
        return images
    sides = [max(1, round(side * factor)) for side in images.shape[2:]]
    return interpolate(images, sides, mode="area")


def _sheet(images: Tensor) -> Tensor:
    """Images (N, C, H, W) row by row as one (C, n H, n W); n is the root of N, rounded up, as projectors have it."""
    count, channels, height, width = images.shape
    side = math.ceil(math.sqrt(count))
    padding = images.new_zeros(side * side - count, channels, height, width)
    grid = torch.cat([images, padding]).reshape(side, side, channels, height, width)
    return grid.permute(2, 0, 3, 1, 4).reshape(channels, side * height, side * width)
