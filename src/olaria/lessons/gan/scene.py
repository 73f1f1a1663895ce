r"""What the GAN's lesson looks at: real and generated examples, points or images, and all that is chosen among them.

Points are (N, 2) in the units of the data, images (N, C, H, W) in [0, 1]; noise is (N, latent), of N(0, I).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.data.base import ImageData, PointData
from olaria.families.gan import LOGISTIC, AdversarialLoss, final_loss
from olaria.lessons import images
from olaria.lessons.base import Array, Asked, evenly, numbers
from olaria.lessons.past import Past, past_of
from olaria.models.base import centre_and_spread
from olaria.models.game import Game
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.runs import Run
from olaria.sampling import plane
from olaria.storage.folder import EVENTS
from olaria.training.building import build_model

Labels = NDArray[np.int64] | None
Side = Literal["discriminator", "generator"]
SIDES: tuple[Side, ...] = get_args(Side)

NUM_POINTS = 2000
LEAST_REAL = 200  # test points; where there are fewer, those of the other parts are taken too
NUM_IMAGES = 64
BATCH = 256  # examples of the two updates that are shown; an image GAN has NUM_IMAGES
FALL = 0.05  # of its size, by which a loss should fall in an update, to first order
LARGEST_RATE = 1.0
MOST_HALVINGS = 12
"""Of the learning rate, until a loss falls by half of what its gradient promises (Armijo 1966)."""
SHOWN = 300  # points of a cloud that are drawn
SIDE = 40  # cells of a surface's side
KEPT = 4  # checkpoints that are shown
MEASURED = 500  # points of each kind on which the best discriminator is tried
BLUR = 0.1  # of the data's standard deviation, where no cluster tells a width
KEPT_SHARE = 0.1  # of the points, in a simulated collapse where no clusters are known


@dataclass(frozen=True)
class Update:
    """One step of gradient descent of one side; the other side's parameters stay as they are.

    ``gradient`` is that of the side's loss in its parameters, by name, and ``rate`` the learning rate.
    """

    side: Side
    before: Game
    after: Game
    gradient: dict[str, Tensor]
    rate: float

    def moved(self, side: Side) -> float:
        """Euclidean length of the change of one side's parameters."""
        old = dict(self.before.named_parameters())
        new = self.after.named_parameters()
        return math.sqrt(squared_length({n: p - old[n] for n, p in new if side_of(n) == side}))

    def moved_by(self, step: float, *, double: bool = False) -> Game:
        """The networks before it, the side's parameters moved by ``step`` times the gradient."""
        model = copy.deepcopy(self.before)
        model = model.double() if double else model
        for name, slope in self.gradient.items():
            model.get_parameter(name).add_(step * slope)
        return model


@dataclass(frozen=True)
class Scene:
    """A run's game, in evaluation mode, with the loss that the run ended with, and its examples.

    ``real`` ones were kept apart from the training; ``made`` is what the generator makes of the noise ``z``. Where the
    networks are given classes, ``labels`` (N,) are those of the real examples, ``classes`` those of the generated ones.
    """

    run: Run
    model: Game
    loss: AdversarialLoss
    events: list[dict[str, Any]]
    z: Tensor
    real: Tensor
    made: Tensor
    labels: Labels
    classes: Labels
    seed: int

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """That of the run's family, everything from one seed."""
        return (Points if asked.run.family == "plane-gan" else Pictures).of(asked)

    @property
    def logistic(self) -> bool:
        """Whether an output is read as the logit of a probability."""
        return self.loss in LOGISTIC

    @property
    def count(self) -> int:
        """Examples of each kind where equally many are compared."""
        return min(len(self.real), len(self.made))

    @property
    def batch(self) -> int:
        """Examples of each kind in an update."""
        return min(BATCH, self.count)

    def first(self, count: int) -> tuple[Array, Array, Labels, Labels]:
        """Noise and real examples, as many; the classes of what is generated and of the real ones."""
        z, real = (numbers(x[:count]) for x in (self.z, self.real))
        return z, real, first(self.classes, count), first(self.labels, count)

    @cached_property
    def outputs(self) -> tuple[Array, Array]:
        """The discriminator's outputs on the real and on the generated examples: what is chosen by them."""
        real = self.model.discriminate(self.real, tensor_of(self.labels))
        made = self.model.discriminate(self.made, tensor_of(self.classes))
        return numbers(real), numbers(made)

    @cached_property
    def turn(self) -> tuple[Update, Update]:
        """One update of the discriminator, then one of the generator, on the first examples."""
        one = self._updated("discriminator", self.model)
        return one, self._updated("generator", one.after)

    def _updated(self, side: Side, before: Game) -> Update:
        moving = copy.deepcopy(before)
        own = {n: p.requires_grad_() for n, p in moving.named_parameters() if side_of(n) == side}
        loss = self._loss(side, moving)
        # An auxiliary classifier's rows have no part in these losses.
        found = torch.autograd.grad(loss, list(own.values()), materialize_grads=True)
        moving.requires_grad_(False)
        update = Update(side, before, moving, dict(zip(own, found, strict=True)), 1.0)
        steepness = max(squared_length(update.gradient), 1e-12)
        rate = min(LARGEST_RATE, FALL * abs(loss.item()) / steepness)
        for _ in range(MOST_HALVINGS):
            update = replace(update, rate=rate, after=update.moved_by(-rate))
            if self._loss(side, update.after).item() <= loss.item() - rate * steepness / 2:
                break
            rate /= 2
        return update

    def _loss(self, side: Side, model: Game) -> Tensor:
        y, labels = (tensor_of(first(some, self.batch)) for some in (self.classes, self.labels))
        fake = model.discriminate(model.generator(self.z[: self.batch], y), y)
        if side == "generator":
            return generator_loss(fake, self.loss)
        real = model.discriminate(self.real[: self.batch], labels)
        return discriminator_loss(real, fake, self.loss)


@dataclass(frozen=True)
class Pictures(Scene):
    """Of a ``gan``; ``names`` are those of the classes."""

    model: GAN
    names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        channels, height, width = self.made.shape[1:]
        return channels, height, width

    @cached_property
    def past(self) -> Past | None:
        """The steps whose weights the run kept."""
        return past_of(self.run, self.model, seeded(self.seed))

    @classmethod
    def of(cls, asked: Asked) -> Pictures:
        run, seed = asked.run, asked.seed
        model, data = run.model(), run.data(offline=asked.offline)
        assert isinstance(model, GAN) and isinstance(data, ImageData)
        enough = len(data.test) >= NUM_IMAGES
        apart = data.test if enough else images.both(data.test, data.validation)
        real, y = images.some(apart, NUM_IMAGES, seeded(seed))
        labels = y.numpy() if model.classes and y is not None else None
        z = torch.randn(NUM_IMAGES, model.latent, generator=seeded(seed))
        classes = np.arange(len(real)) % model.classes if model.classes else None
        made = model.images(z[: len(real)], tensor_of(classes))
        events = run.folder.lines(EVENTS)
        loss, names = loss_of(run, events), data.class_names
        return cls(run, model, loss, events, z, real, made, labels, classes, seed, names)


@dataclass(frozen=True)
class Points(Scene):
    """Of a ``plane-gan``; ``data`` are the run's."""

    model: PlaneGAN
    data: PointData

    @classmethod
    def of(cls, asked: Asked) -> Points:
        run, seed = asked.run, asked.seed
        model, data = run.model(), run.data(offline=asked.offline)
        assert isinstance(model, PlaneGAN) and isinstance(data, PointData)
        enough = len(data.test) >= LEAST_REAL
        real = data.test if enough else torch.cat((data.test, data.validation, data.train))
        z = torch.randn(NUM_POINTS, model.latent, generator=seeded(seed))
        events = run.folder.lines(EVENTS)
        loss, made = loss_of(run, events), model.generator(z)
        return cls(run, model, loss, events, z, real[:NUM_POINTS], made, None, None, seed, data)

    @cached_property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the window that is drawn."""
        low, high = plane.window(self.data.train).tolist()
        return low[0], high[0], low[1], high[1]

    @cached_property
    def grid(self) -> Array:
        """Centres of the cells of a surface, rows from the top, (SIDE², 2)."""
        return numbers(plane.places(plane.window(self.data.train).double(), SIDE))

    @cached_property
    def clusters(self) -> tuple[Array, float] | None:
        """Centres of the data's clusters, (K, 2), and their standard deviation, where they are known."""
        if self.data.clusters is None:
            return None
        modes, std = self.data.clusters
        return numbers(modes), std

    @cached_property
    def states(self) -> list[tuple[int, PlaneGAN]]:
        """Steps and models: the first weights, made anew from the run's seed, and those of the checkpoints."""
        steps, found = self.run.folder.checkpoint_steps(), list[tuple[int, PlaneGAN]]()
        if steps[0] > 0:
            first = build_model(self.run.recipe, self.run.dimensions()).eval().requires_grad_(False)
            assert isinstance(first, PlaneGAN)
            first.generator.centre.copy_(self.model.generator.centre)
            first.generator.spread.copy_(self.model.generator.spread)
            found.append((0, first))
        for step in (steps[place] for place in evenly(len(steps), KEPT)):
            model = self.run.model(step)
            assert isinstance(model, PlaneGAN)
            found.append((step, model))
        return found

    @property
    def blur(self) -> float:
        """The width h of the blur of both densities: a cluster's own where it is known."""
        if self.data.mode_std is not None:
            return self.data.mode_std
        _, spread = centre_and_spread(self.data.train)
        return BLUR * spread.item()

    @cached_property
    def centres(self) -> tuple[tuple[Array, float], tuple[Array, float]]:
        """Centres and widths of the normal distributions that make up both blurred densities: p, then q."""
        generated = numbers(self.made[MEASURED:]), self.blur
        if self.clusters is None:
            return (numbers(self.data.train[: len(generated[0])]), self.blur), generated
        return (self.clusters[0], math.hypot(self.clusters[1], self.blur)), generated

    @cached_property
    def fresh(self) -> tuple[list[Array], list[Array]]:
        """Real and generated points, equally many, that no density is made of; and the same, blurred."""
        data, draws = self.data, seeded(self.seed + 1)
        enough = len(data.test) >= LEAST_REAL
        apart = data.test if enough else torch.cat((data.test, data.validation))
        sharp = [x[: min(MEASURED, len(apart))].double() for x in (apart, self.made)]
        noise = (torch.randn(x.shape, generator=draws, dtype=x.dtype) for x in sharp)
        blurred = [x + self.blur * epsilon for x, epsilon in zip(sharp, noise, strict=True)]
        return [numbers(x) for x in sharp], [numbers(x) for x in blurred]

    @cached_property
    def collapsed(self) -> Tensor:
        """A simulated collapse: the generated points around their fullest cluster, or around one of them, (C, 2)."""
        if self.data.modes is not None:
            nearest = torch.cdist(self.made, self.data.modes).argmin(1)
            return self.made[nearest == nearest.bincount().argmax()]
        apart = (self.made - self.made[0]).norm(dim=1)
        return self.made[apart.argsort()[: round(KEPT_SHARE * len(self.made))]]


def side_of(name: str) -> Side:
    """Whose parameter it is, by its name."""
    return "generator" if name.startswith("generator") else "discriminator"


def squared_length(gradient: Mapping[str, Tensor]) -> float:
    """Of all of it."""
    return sum(slope.double().square().sum().item() for slope in gradient.values())


def seeded(seed: int) -> Generator:
    """A fresh generator: each draw of the lesson begins at the seed."""
    return Generator().manual_seed(seed)


def loss_of(run: Run, events: list[dict[str, Any]]) -> AdversarialLoss:
    """The loss that the run ended with: a rescue may have changed it."""
    return final_loss(run.recipe.model.loss, events)  # type: ignore[attr-defined]


def first(y: Labels, count: int) -> Labels:
    """Some of the classes, where there are any."""
    return None if y is None else y[:count]


def tensor_of(y: Labels) -> Tensor | None:
    """Classes for a model."""
    return None if y is None else torch.from_numpy(y)
