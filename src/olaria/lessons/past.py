r"""What a run's model drew on its way: the same noise, with the first weights and with those of each checkpoint.

Images are (N, C, H, W) in [0, 1], noise z is (N, latent), of N(0, I). The page computes with the weights of as many
checkpoints as fit into it, evenly on a scale of :math:`\log(1 + \text{step})`; where fewer than a few fit, it holds
images of some noise instead, drawn here.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator

from olaria.errors import ConfigError
from olaria.export.live import Labels
from olaria.export.play import play
from olaria.export.play_images import NUM_CODES, is_of_encoder
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, evenly, numbers
from olaria.lessons.figures import Images, Live
from olaria.lessons.images import strip
from olaria.models.gan import GAN
from olaria.models.vae import VAE
from olaria.runs import Run
from olaria.sampling.latent import decode
from olaria.training.building import build_model

Painter = VAE | GAN

NUM_DRAWN = 16
"""Images of a noise."""
NUM_BELOW = 10
"""Of these at most, in a row of the static figure."""
MOST_STEPS = 10
"""That are shown at all."""
LEAST_WEIGHTS = 3
"""Checkpoints whose weights should fit into the page; else it holds images."""
NUM_NOISES = 4
"""Whose images it holds then."""
MOST_BYTES = 6_000_000
"""Of a page."""
OTHER_BYTES = 1_200_000
"""Of what else is in it: figures, modules, words."""
LEAST_BYTES = 600_000
"""That images may take of any page."""
WEIGHT_BYTES, FLOAT_BYTES, PIXEL_BYTES = (size * 4 / 3 for size in (2, 4, 1))
"""Of a rounded weight, of a number of a proof and of a pixel, in base64."""
MOST_ROWS = 120
"""Places of a curve."""


@dataclass(frozen=True)
class Past:
    """The steps of a run whose weights there are.

    Args:
        run: whose.
        own: step of the weights that the lesson computes with.
        models: by their steps, ascending; step 0 has the first weights.
        sent: steps whose weights travel with the page besides its own; none where images do.
        noises: of which the page is given images, or with which it begins.
        z: of these, :data:`NUM_DRAWN` vectors or somewhat fewer for each, (N, latent); of one where there are none.
        labels: classes of the images of one noise, where the model is given them.
    """

    run: Run
    own: int
    models: Mapping[int, Painter]
    sent: tuple[int, ...]
    noises: int
    z: Array
    labels: Labels

    @property
    def count(self) -> int:
        """Images of a noise."""
        return NUM_DRAWN if self.labels is None else len(self.labels)

    @property
    def holds_images(self) -> bool:
        """Whether the page holds images of the other steps, and not their weights."""
        return not self.sent and self.noises > 0

    def live(
        self,
        draw: Callable[[Painter, Array, Labels], Array],
        names: Sequence[str],
        curves: Mapping[str, tuple[Array, Array]],
    ) -> Live | Images:
        """A slider through the steps, over a row of images for each of them; these alone where nothing fits a page.

        Args:
            draw: noise and classes to images, by the way that computes the lesson's step.
            names: of the classes.
            curves: steps and losses, by the name of the loss.
        """
        shown = evenly(self.count, NUM_BELOW)
        z, y = self.z[shown], None if self.labels is None else self.labels[shown]
        notes = () if y is None else tuple(names[label] for label in y)
        rows = (
            strip(Message(N_("step {step}"), {"step": step}), draw(model, z, y), notes)
            for step, model in self.models.items()
        )
        below = Images("", tuple(rows))
        if not self.sent and not self.holds_images:
            return below
        steps = sorted({self.own, *self.sent}) if self.sent else list(self.models)
        settings: dict[str, Any] = {
            "steps": steps,
            "own": self.own,
            "left": [step for step in self.models if step not in steps],
            "images": dict(self._held()) if self.holds_images else None,
            "noise": self.z,
            "labels": self.labels,
            "classNames": list(names),
            "curves": [
                {"name": Message(name), "x": x[kept], "y": y[kept]}
                for name, (x, y) in curves.items()
                for kept in [_thinned(x)]
            ],
        }
        return Live(
            "", "live_training", (self.run.name,), settings, below, decodes=True, steps=self.sent
        )

    def _held(self) -> Iterator[tuple[str, str]]:
        """Step to its images, a byte for each pixel, as base64."""
        y = None if self.labels is None else np.tile(self.labels, len(self.z) // self.count)
        for step, model in self.models.items():
            if step != self.own:
                told = None if y is None else torch.from_numpy(y)
                x = decode(model, torch.from_numpy(self.z).float(), told)
                pixels = (255 * x).round().to(torch.uint8).numpy().tobytes()
                yield str(step), base64.b64encode(pixels).decode("ascii")


def past_of(run: Run, model: Painter, draws: Generator, beside: Sequence[Run] = ()) -> Past | None:
    """The steps of a run; None where it kept one checkpoint alone.

    Args:
        run: whose.
        model: that the lesson computes with.
        draws: of the noise.
        beside: other runs whose models the page holds.
    """
    own, kept = run.checkpoint()[0], run.folder.checkpoint_steps()
    if len(kept) < 2:
        return None
    first = None if kept[0] == 0 else first_weights(run, model)
    shown = chosen([*([] if first is None else [0]), *kept], MOST_STEPS, own)
    models = dict[int, Painter]()
    for step in shown:
        other = first if step == 0 and first is not None else run.model(step)
        assert isinstance(other, VAE | GAN)
        models[step] = other
    classes = model.classes
    count = classes * (NUM_DRAWN // classes) if 0 < classes <= NUM_DRAWN else NUM_DRAWN
    more = sum(x.numel() for one in beside for x in one.model().state_dict().values())
    fit, noises = room(model, run.dimensions(), len(shown) - 1, more)
    sent = tuple(step for step in chosen(shown, fit + 1, own) if step != own) if fit else ()
    z = numbers(torch.randn((noises or 1) * count, model.latent, generator=draws))
    labels = np.sort(np.arange(count) % classes) if classes else None
    return Past(run, own, models, sent, noises, z, labels)


def room(model: Painter, shape: Any, others: int, beside: int = 0) -> tuple[int, int]:
    """Of how many steps the weights fit into a page; where too few do, 0, and of how many noises the images do.

    Args:
        model: of which the page holds all.
        shape: (C, H, W) of an image.
        others: steps besides the model's own.
        beside: numbers of the other models that the page holds.
    """
    pixels = math.prod(shape)
    state = model.state_dict()
    weights = sum(value.numel() for name, value in state.items() if not is_of_encoder(name))
    own = beside + sum(value.numel() for value in state.values())
    left = MOST_BYTES - OTHER_BYTES - WEIGHT_BYTES * own
    fit = int(left // (WEIGHT_BYTES * weights + FLOAT_BYTES * NUM_CODES * pixels))
    if fit >= min(LEAST_WEIGHTS, others):
        return min(fit, others), 1
    left = max(left, LEAST_BYTES)
    return 0, min(NUM_NOISES, int(left // (PIXEL_BYTES * NUM_DRAWN * pixels * others)))


def chosen(steps: Sequence[int], most: int, always: int) -> list[int]:
    """At most so many of ascending steps: the first, the last and one more always, the others evenly by their logs.

    >>> chosen([0, 1, 4, 16, 64, 256, 900, 1000], 5, 1000)
    [0, 4, 16, 256, 1000]
    >>> chosen([0, 1, 4], 9, 4), chosen([3, 7, 8], 1, 7)
    ([0, 1, 4], [7])
    """
    if len(steps) <= most:
        return list(steps)
    found = set(list(dict.fromkeys((always, steps[-1], steps[0])))[:most])
    logs = {step: math.log1p(step) for step in steps}
    low, high = logs[steps[0]], logs[steps[-1]]
    for place in range(1, most - 1):
        wanted = low + (high - low) * place / (most - 1)
        if len(found) < most:
            found.add(min(steps, key=lambda step: (step in found, abs(logs[step] - wanted))))
    return sorted(found)


def first_weights(run: Run, model: Painter) -> Painter | None:
    """The model before its first update, made anew from the run's seed; None where it began from other weights.

    Another PyTorch may draw other numbers from a seed, so that the run's own must be here.

    Args:
        run: whose.
        model: after some steps; what it took from its data at the beginning is taken from it.
    """
    versions = run.provenance.get("machine", {}).get("versions", {})
    if run.recipe.tuning is not None or versions.get("torch") != torch.__version__:
        return None
    first = build_model(run.recipe, run.dimensions()).eval().requires_grad_(False)
    if isinstance(first, VAE) and isinstance(model, VAE):
        first.statistics.load_state_dict(model.statistics.state_dict())
    return first if isinstance(first, VAE | GAN) else None


def documents(run: Run, steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The weights of some steps as documents for the page, rounded to 16 bits where they can be."""
    kept = run.folder.checkpoint_steps()
    for step in steps:
        own = run.model(step if step in kept else None)
        assert isinstance(own, VAE | GAN)
        model = own if step in kept else first_weights(run, own)
        assert model is not None
        try:
            yield play(run, "float16", only_decodes=True, model=model)
        except ConfigError:  # a weight is beyond the largest number of 16 bits
            yield play(run, only_decodes=True, model=model)


def losses(run: Run, names: Mapping[str, str]) -> dict[str, tuple[Array, Array]]:
    """Steps and logged means of the training losses that the run has, by the words for each name."""
    found = dict[str, tuple[Array, Array]]()
    for key, words in names.items():
        rows = [
            (row["step"], row["values"][key])
            for row in run.metrics()
            if row["split"] == "train" and row["values"].get(key) is not None
        ]
        if rows:
            steps, values = np.array(rows, np.float64).T
            found[words] = steps, values
    return found


def _thinned(steps: Array) -> list[int]:
    """Places of at most :data:`MOST_ROWS` of ascending steps, evenly by their logs."""
    place = {int(step): i for i, step in enumerate(steps)}
    return [place[step] for step in chosen(list(place), MOST_ROWS, int(steps[-1]))]
