"""Live parts of several runs: a VAE and an autoencoder moved by one gesture, and VAEs in the order of their β.

Codes (N, latent) and places in the plane of the two dimensions used most, (N, 2); a place counts in standard deviations
of that plane's own codes from their mean. Terms in nats per image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from olaria.export.live import MOST_POINTS, index
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Images, Live
from olaria.lessons.images import strip, value
from olaria.lessons.live import AROUND, starts_of
from olaria.lessons.vae.scene import Scene, most_spread
from olaria.lessons.vae.ways import Way

NUM_DRAWS = 64
"""Of an image's code, whose mean KL term is told where it has no closed form."""
LARGEST_START = 3.0
"""Standard deviations from the mean at which the first place may lie, on either axis."""


@dataclass(frozen=True)
class _Side:
    """A model and the plane of its codes.

    Args:
        name: of the run.
        points: codes of the test images, as its decoder was trained on them: a VAE's are drawn, (N, latent).
        starts: codes of the images to begin at, (S, latent); a VAE's are the means.
        axes: the dimensions used most, two or one.
        image: the decoder, of codes (N, latent).
    """

    name: str
    points: Array
    starts: Array
    axes: list[int]
    image: Callable[[Array], Array]

    @property
    def plane(self) -> tuple[Array, Array, Array]:
        """Points (N, 2), their mean (2,) and deviation (2,); the second axis is empty where there is one."""
        some = self.points[:, self.axes]
        empty = 2 - len(self.axes)
        mean, std = some.mean(0), np.maximum(some.std(0), 1e-6)
        ends = np.pad(mean, (0, empty)), np.pad(std, (0, empty), constant_values=1.0)
        return np.pad(some[:MOST_POINTS], ((0, 0), (0, empty))), *ends

    @property
    def names(self) -> list[str]:
        """Of the axes."""
        found = [index("z", axis) for axis in self.axes]
        return [*found, *[""] * (2 - len(found))]

    def rows(self) -> list[Any]:
        """The first image's code, moved along each axis to the same places."""
        _, mean, std = self.plane
        found = []
        for place, axis in enumerate(self.axes):
            z = np.tile(self.starts[:1], (len(AROUND), 1))
            z[:, axis] = mean[place] + np.array(AROUND) * std[place]
            title = Message(
                N_("{name}, moved along {axis}"), {"name": self.name, "axis": index("z", axis)}
            )
            notes = tuple(value(x, 1) for x in AROUND)
            found.append(strip(title, self.image(z), notes))
        return found

    def settings(self) -> dict[str, Any]:
        """For the page."""
        points, mean, std = self.plane
        return {
            "name": self.name,
            "axes": self.axes,
            "names": self.names,
            "points": points,
            "mean": mean,
            "std": std,
            "starts": self.starts,
        }


def pair(scene: Scene, way: Way) -> Live | Images | None:
    """The VAE and the autoencoder beside it: the same places in both planes, decoded; None without an autoencoder."""
    if scene.autoencoder is None:
        return None
    (name, other), rows = scene.autoencoder, starts_of(scene)
    told = scene.told(torch.tensor(rows))

    def image(z: Array) -> Array:
        return way.image(z, None if told is None else told[:1].expand(len(z)))

    codes, theirs = (numbers(x) for x in (scene.codes, scene.their_codes))
    own = _Side(scene.asked.run.name, way.drawn.z, codes[rows], scene.axes, image)
    beside = _Side(
        name,
        way.code(other, numbers(scene.x)),
        theirs[rows],
        most_spread(scene.their_codes),
        lambda z: way.rebuilt(other, z),
    )
    below = Images("", (*own.rows(), *beside.rows()))
    if own.name == name:  # a page knows runs by their names
        return below
    _, mean, std = own.plane
    at = (np.pad(own.starts[0, own.axes], (0, 2 - len(own.axes))) - mean) / std
    settings = {
        "sides": [own.settings(), beside.settings()],
        "at": at.clip(-LARGEST_START, LARGEST_START),
        "labels": None if scene.y is None else scene.y[:MOST_POINTS].numpy(),
        "classNames": list(scene.data.class_names),
        "startNames": [scene.words(row) for row in rows],
        "told": None if told is None else told.numpy(),
    }
    return Live("", "live_pair", (own.name, name), settings, below, decodes=True)


# -- several β ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What a page is told of a run in the strip of several β.

    Args:
        name: of the run.
        scene: its own.
        way: to compute with its model.
        active: dimensions that are active.
        noise: of the images that are drawn, (K, latent).
    """

    name: str
    scene: Scene
    way: Way
    active: int
    noise: Array


def betas_strip(scene: Scene, found: Sequence[Known], below: Images) -> Live | Images:
    """The runs in the order of their β: one image rebuilt and one noise decoded by each, as the reader chooses.

    Args:
        scene: of the run that is opened up.
        found: the runs, in order.
        below: the same as images that stand still.
    """
    names, rows = tuple(each.name for each in found), starts_of(scene)
    if len(set(names)) < len(names):  # a page knows runs by their names
        return below
    runs = [
        {
            "name": each.name,
            "beta": each.scene.model.config.beta,
            "active": each.active,
            "kl": _code_nats(each.scene, each.way, rows),
            "codes": numbers(each.scene.codes)[rows],
            "noise": each.noise,
        }
        for each in found
    ]
    told = None if scene.y is None else scene.y[rows].numpy()
    settings = {
        "runs": runs,
        "images": numbers(scene.target)[rows].reshape(len(rows), -1).round(4),
        "startNames": [scene.words(row) for row in rows],
        "told": told,
    }
    return Live("", "live_beta", names, settings, below, decodes=True)


def _code_nats(scene: Scene, way: Way, rows: list[int]) -> Array:
    """The KL term of some images, (S,): in closed form, or the mean over :data:`NUM_DRAWS` draws."""
    if scene.is_textbook:
        return np.asarray(way.drawn.kl.sum(1)[rows])
    eps, x = scene.eps("strip", NUM_DRAWS), numbers(scene.target)
    told: list[Tensor | None] = [scene.told(slice(row, row + 1)) for row in rows]
    draws = (way.draw(x[row : row + 1], eps, y) for row, y in zip(rows, told, strict=True))
    return np.array([each.kl.sum(1).mean() for each in draws])
