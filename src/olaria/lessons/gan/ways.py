r"""The two ways to compute the GAN's lesson: the model with Olaria's own functions, and NumPy in float64.

With :math:`p` the density of the data, :math:`q` of what is generated, and the discriminator's output :math:`l` at one
place, its loss there is

.. math:: f(l) = p \, \ell_r(l) + q \, \ell_f(l)

with the terms of a real and of a generated example. Its minimum is the best discriminator: for the logistic losses
:math:`\sigma(l^*) = p / (p + q)`, for least squares :math:`l^* = p / (p + q)`, for the hinge 1 where p is larger, else
-1; a Wasserstein critic has none. Where p = q, that is the balance. Losses are in nats for the logistic ones, else
without a unit. Sources: Goodfellow et al. 2014, proposition 1; those of :mod:`olaria.objectives.adversarial`.
"""

from __future__ import annotations

import copy
import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation import diversity
from olaria.evaluation import plane as clustering
from olaria.evaluation.neighbours import kth_radius
from olaria.families.gan import AdversarialLoss
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.lessons.gan.scene import (
    LOGISTIC,
    Labels,
    Scene,
    Update,
    first,
    squared_length,
    tensor_of,
)
from olaria.models.game import Game
from olaria.models.gan import GAN
from olaria.objectives.adversarial import discriminator_loss, generator_loss

NEIGHBOURHOODS = 400
"""Points of each side whose neighbourhoods are compared."""
_FREE: dict[AdversarialLoss, tuple[float, float]] = {
    "minimax": (math.inf, -math.inf),
    "non-saturating": (math.inf, -math.inf),
    "least-squares": (1.0, 0.0),
    "hinge": (1.0, -1.0),
    "wasserstein": (0.0, 0.0),
}
"""Outputs on a real and on a generated example that cost the discriminator nothing."""


class Way(Protocol):
    """What the steps compute with; all is float64 to them."""

    def at(self, model: Game) -> Way:
        """The same way with other weights."""

    def generated(self, z: Array, y: Labels = None) -> Array:
        """G: noise to examples."""

    def logits(self, x: Array, y: Labels = None) -> Array:
        """The discriminator's output l of each example, (N,)."""

    def class_nats(self, x: Array, y: Labels) -> Array:
        """-log p(class | image) of an auxiliary classifier, (N,)."""

    def read(self, l: Array) -> Array:
        """Outputs as the run's loss reads them: D = σ(l) for the logistic losses, else l itself."""

    def terms(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
        """The discriminator's loss on a real example, on a generated one, and the generator's, of each output."""

    def losses(self, real: Array, fake: Array, loss: AdversarialLoss) -> tuple[float, float]:
        """Both losses of a batch: the discriminator's, the generator's."""

    def slopes(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array]:
        """Derivatives of the discriminator's and of the generator's loss in the outputs on generated examples."""

    def falls(self, x: Array, y: Labels, directions: Array, pull: Array) -> Array:
        """How fast each example's generator loss falls along a direction.

        Args:
            x: places, (K, ...).
            y: their classes, (K,).
            directions: (K, ...).
            pull: minus the gradient at each place, (K, ...); the twin forgets it and takes differences of two losses.
        """

    def steepness(self, update: Update) -> float:
        """How fast the loss of an update falls along its gradient: the squared length of the gradient."""

    def best(self, p: float, q: float, loss: AdversarialLoss) -> tuple[float | None, float]:
        """The output that costs the discriminator least where the densities are p and q, and its cost.

        The output is None where several cost as little, or where there is no least.
        """

    def log_density(self, centres: tuple[Array, float], x: Array) -> Array:
        r"""Of equal normal distributions around points, :math:`\log \frac1N \sum_i \mathcal N(x; x_i, h^2 I)`, (M,)."""

    def clusters(self, x: Array, modes: Array, std: float) -> tuple[int, float, Array]:
        """Clusters with a point, share of points near one, and the share of each of those."""

    def neighbourhoods(self, made: Array, real: Array) -> Array:
        """Precision and coverage of equally many points of both sides, (2,)."""

    def ranked(self, real: Array, made: Array) -> float:
        """Share of all pairs in which the real example's output is higher; equal ones count half."""

    def distances(self, x: Array) -> Array:
        """Mean Euclidean distance of two examples, and of one to the nearest other one, (2,)."""

    def spread(self, x: Array, real: Array) -> float:
        """The variances of the coordinates, summed, over those of the real examples."""


class ByTorch:
    """With the model, and the functions that training and evaluation use.

    Args:
        scene: whose model.
        model: with other weights; the scene's where None.
    """

    def __init__(self, scene: Scene, model: Game | None = None) -> None:
        self._scene, self._model = scene, model or scene.model

    def at(self, model: Game) -> ByTorch:
        return ByTorch(self._scene, model)

    @torch.no_grad()
    def generated(self, z: Array, y: Labels = None) -> Array:
        return numbers(self._model.generator(_single(z), tensor_of(y)))

    @torch.no_grad()
    def logits(self, x: Array, y: Labels = None) -> Array:
        return numbers(self._model.discriminate(_single(x), tensor_of(y)))

    @torch.no_grad()
    def class_nats(self, x: Array, y: Labels) -> Array:
        nats = self._model.judge(_single(x), tensor_of(y))[1]
        assert nats is not None
        return numbers(nats)

    def read(self, l: Array) -> Array:
        return numbers(torch.from_numpy(l).sigmoid()) if self._scene.logistic else l

    def terms(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
        # An output that costs nothing stands on the other side.
        real_free, fake_free = (torch.tensor([free], dtype=torch.float64) for free in _FREE[loss])
        rows = torch.from_numpy(l)[:, None]
        return (
            np.array([discriminator_loss(one, fake_free, loss).item() for one in rows]),
            np.array([discriminator_loss(real_free, one, loss).item() for one in rows]),
            np.array([generator_loss(one, loss).item() for one in rows]),
        )

    def losses(self, real: Array, fake: Array, loss: AdversarialLoss) -> tuple[float, float]:
        l_real, l_fake = torch.from_numpy(real), torch.from_numpy(fake)
        return discriminator_loss(l_real, l_fake, loss).item(), generator_loss(l_fake, loss).item()

    def slopes(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array]:
        at = torch.from_numpy(l).requires_grad_()
        both = discriminator_loss(at.detach(), at, loss), generator_loss(at, loss)
        first, second = (numbers(torch.autograd.grad(one * len(at), at)[0]) for one in both)
        return first, second

    def falls(self, x: Array, y: Labels, directions: Array, pull: Array) -> Array:
        return np.asarray((directions * pull).reshape(len(x), -1).sum(1))

    def steepness(self, update: Update) -> float:
        return squared_length(update.gradient)

    def best(self, p: float, q: float, loss: AdversarialLoss) -> tuple[float | None, float]:
        share = p / (p + q)
        if loss in LOGISTIC:
            return math.log(p / q), -p * math.log(share) - q * math.log(1 - share)
        if loss == "least-squares":
            return share, 0.5 * (p * (share - 1) ** 2 + q * share**2)
        if loss == "hinge":
            return None if p == q else math.copysign(1.0, p - q), 2 * min(p, q)
        return None, 0.0 if p == q else -math.inf

    def log_density(self, centres: tuple[Array, float], x: Array) -> Array:
        points, width = torch.from_numpy(centres[0]), centres[1]
        exponents = -torch.cdist(torch.from_numpy(x), points).square() / (2 * width**2)
        return numbers(exponents.logsumexp(1) - math.log(len(points) * 2 * math.pi * width**2))

    def clusters(self, x: Array, modes: Array, std: float) -> tuple[int, float, Array]:
        found = clustering.clusters(torch.from_numpy(x), torch.from_numpy(modes), std)
        return found.modes_covered, found.high_quality_share, numbers(found.shares)

    def neighbourhoods(self, made: Array, real: Array) -> Array:
        count = min(NEIGHBOURHOODS, len(made), len(real))
        found = diversity.prdc(torch.from_numpy(made[:count]), torch.from_numpy(real[:count]))
        return np.array([found.precision, found.coverage])

    def ranked(self, real: Array, made: Array) -> float:
        one, other = torch.from_numpy(real)[:, None], torch.from_numpy(made)
        return ((one > other).double() + 0.5 * (one == other).double()).mean().item()

    def distances(self, x: Array) -> Array:
        flat = torch.from_numpy(x).flatten(1)
        return np.array([torch.pdist(flat).mean().item(), kth_radius(flat, 1).mean().item()])

    def spread(self, x: Array, real: Array) -> float:
        return diversity.spread(torch.from_numpy(x), torch.from_numpy(real))


class ByNumPy:
    """The twin: from the raw weights, by what each thing means.

    Args:
        scene: whose weights.
        model: with other weights; the scene's where None.
    """

    def __init__(self, scene: Scene, model: Game | None = None) -> None:
        self._scene, self._model = scene, model or scene.model

    def at(self, model: Game) -> ByNumPy:
        return ByNumPy(self._scene, model)

    def generated(self, z: Array, y: Labels = None) -> Array:
        return games.generated(self._model, z, y)

    def logits(self, x: Array, y: Labels = None) -> Array:
        return games.logits(self._model, x, y)

    def class_nats(self, x: Array, y: Labels) -> Array:
        assert isinstance(self._model, GAN) and y is not None
        return games.class_nats(self._model, x, y)

    def read(self, l: Array) -> Array:
        return sigmoid(l) if self._scene.logistic else l

    def terms(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
        return games.terms(l, loss)

    def losses(self, real: Array, fake: Array, loss: AdversarialLoss) -> tuple[float, float]:
        on_fake = games.terms(fake, loss)
        return games.terms(real, loss)[0].mean() + on_fake[1].mean(), on_fake[2].mean()

    def slopes(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array]:
        above, below = (games.terms(l + way, loss) for way in (games.STEP, -games.STEP))
        first, second = ((above[k] - below[k]) / (2 * games.STEP) for k in (1, 2))
        return first, second

    def falls(self, x: Array, y: Labels, directions: Array, pull: Array) -> Array:
        def loss_at(places: Array) -> Array:
            cost = games.terms(self.logits(places, y), self._scene.loss)[2]
            return cost + self.class_nats(places, y) if classifies(self._model, y) else cost

        return -games.slopes(loss_at, x, directions)

    def steepness(self, update: Update) -> float:
        step = games.STEP / max(math.sqrt(squared_length(update.gradient)), games.STEP)
        z, real = (numbers(some[: self._scene.batch]) for some in (self._scene.z, self._scene.real))
        y, labels = (first(some, len(z)) for some in (self._scene.classes, self._scene.labels))
        losses = []
        for nudge in (step, -step):
            twin = self.at(update.moved_by(nudge, double=True))
            both = twin.logits(real, labels), twin.logits(twin.generated(z, y), y)
            losses.append(self.losses(*both, self._scene.loss)[update.side == "generator"])
        return float((losses[0] - losses[1]) / (2 * step))

    def best(self, p: float, q: float, loss: AdversarialLoss) -> tuple[float | None, float]:
        def cost(l: float) -> float:
            real, fake, _ = games.terms(np.array(l), loss)
            return float(p * real + q * fake)

        at = games.lowest(cost)
        if loss == "wasserstein":  # straight: level, or without an end
            return None, cost(at) if p == q else -math.inf
        return None if math.isclose(cost(at - 0.5), cost(at)) else at, cost(at)

    def log_density(self, centres: tuple[Array, float], x: Array) -> Array:
        points, width = centres
        squared = sum((x[:, i, None] - points[None, :, i]) ** 2 for i in (0, 1))
        nearest = np.min(squared, 1)
        total = np.exp((nearest[:, None] - squared) / (2 * width**2)).mean(1)
        return np.asarray(np.log(total / (2 * np.pi * width**2)) - nearest / (2 * width**2))

    def clusters(self, x: Array, modes: Array, std: float) -> tuple[int, float, Array]:
        apart = _apart(x, modes)
        near = apart.min(1) < clustering.NEAR * std
        counts = np.array([(near & (apart.argmin(1) == k)).sum() for k in range(len(modes))])
        return int((counts > 0).sum()), float(near.mean()), counts / max(1, counts.sum())

    def neighbourhoods(self, made: Array, real: Array) -> Array:
        count = min(NEIGHBOURHOODS, len(made), len(real))
        y, x = made[:count], real[:count]
        radius = np.sort(_apart(x, x), 1)[:, diversity.K]  # the nearest is the point itself
        inside = _apart(x, y) < radius[:, None]
        return np.array([inside.any(0).mean(), inside.any(1).mean()])

    def ranked(self, real: Array, made: Array) -> float:
        counts = [np.sum(made < one) + 0.5 * np.sum(made == one) for one in real]
        return float(np.sum(counts)) / (len(real) * len(made))

    def distances(self, x: Array) -> Array:
        squared = _squared(x)
        others = np.where(np.eye(len(x)) > 0, np.inf, squared)
        pairs = len(x) * (len(x) - 1)
        return np.array([np.sqrt(squared).sum() / pairs, np.sqrt(others.min(1)).mean()])

    def spread(self, x: Array, real: Array) -> float:
        # Half of the mean squared distance of two examples is the sum of their variances.
        one, other = (_squared(some).sum() / (len(some) * (len(some) - 1)) for some in (x, real))
        return float(one / max(other, 1e-12))


def pull_of(model: Game, x: Tensor, y: Labels, loss: AdversarialLoss) -> Array:
    """Minus the gradient of each example's own generator loss in its place, that of its class included; (M, ...)."""
    at = x.double().requires_grad_()
    logits, class_nats = copy.deepcopy(model).double().judge(at, tensor_of(y))
    total = generator_loss(logits, loss) * len(at)
    if class_nats is not None:
        total = total + class_nats.sum()
    (gradient,) = torch.autograd.grad(total, at)
    return -numbers(gradient)


def classifies(model: Game, y: Labels) -> bool:
    """Whether the discriminator predicts the class."""
    return isinstance(model, GAN) and y is not None and model.config.conditioning == "auxiliary"


def _single(x: Array) -> Tensor:
    return torch.from_numpy(x).float()


def _apart(a: Array, b: Array) -> Array:
    """(N, M), of (N, 2) and (M, 2)."""
    return np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])


def _squared(x: Array) -> Array:
    """Squared distances of all pairs, (N, N), of (N, ...)."""
    flat = x.reshape(len(x), -1)
    squares = (flat**2).sum(1)
    return np.asarray(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T, 0))
