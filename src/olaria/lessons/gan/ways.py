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
from typing import Self

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation import diversity
from olaria.evaluation import plane as clustering
from olaria.evaluation.neighbours import kth_radius
from olaria.families.gan import LOGISTIC, AdversarialLoss
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.networks import answer, sigmoid, weight
from olaria.lessons.by_numpy.transformers import log_softmax
from olaria.lessons.gan.scene import Labels, Scene, Update, squared_length, tensor_of
from olaria.models.game import Game
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN
from olaria.objectives.adversarial import discriminator_loss, generator_loss

NEIGHBOURHOODS = 400  # points of each side, which are compared
STEP = 1e-9
"""Half of the way between the two losses of a difference: the networks are straight but for their kinks, and so short
a way does not meet one."""
_FREE: dict[AdversarialLoss, tuple[float, float]] = {
    "minimax": (math.inf, -math.inf),
    "non-saturating": (math.inf, -math.inf),
    "least-squares": (1.0, 0.0),
    "hinge": (1.0, -1.0),
    "wasserstein": (0.0, 0.0),
}
"""Outputs on a real and on a generated example that cost the discriminator nothing."""


class _WithWeights:
    """A way to compute; ``model`` has other weights than the scene's, where it is given."""

    def __init__(self, scene: Scene, model: Game | None = None) -> None:
        self._scene, self._model = scene, model or scene.model

    def at(self, model: Game) -> Self:
        """The same way with other weights."""
        return type(self)(self._scene, model)


class ByTorch(_WithWeights):
    """With the model, and the functions that training and evaluation use; all is float64 to the steps."""

    @torch.no_grad()
    def generated(self, z: Array, y: Labels = None) -> Array:
        """G: noise to examples."""
        return numbers(self._model.generator(_single(z), tensor_of(y)))

    @torch.no_grad()
    def logits(self, x: Array, y: Labels = None) -> Array:
        """The discriminator's output l of each example, (N,)."""
        return numbers(self._model.discriminate(_single(x), tensor_of(y)))

    @torch.no_grad()
    def class_nats(self, x: Array, y: Labels) -> Array:
        """-log p(class | image) of an auxiliary classifier, (N,)."""
        nats = self._model.judge(_single(x), tensor_of(y))[1]
        assert nats is not None
        return numbers(nats)

    def read(self, l: Array) -> Array:
        """Outputs as the run's loss reads them: D = σ(l) for the logistic losses, else l itself."""
        return numbers(torch.from_numpy(l).sigmoid()) if self._scene.logistic else l

    def terms(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
        """The discriminator's loss on a real example, on a generated one, and the generator's, of each output."""
        # An output that costs nothing stands on the other side.
        real_free, fake_free = (torch.tensor([free], dtype=torch.float64) for free in _FREE[loss])
        rows = torch.from_numpy(l)[:, None]
        return (
            np.array([discriminator_loss(one, fake_free, loss).item() for one in rows]),
            np.array([discriminator_loss(real_free, one, loss).item() for one in rows]),
            np.array([generator_loss(one, loss).item() for one in rows]),
        )

    def losses(self, real: Array, fake: Array, loss: AdversarialLoss) -> tuple[float, float]:
        """Both losses of a batch: the discriminator's, the generator's."""
        l_real, l_fake = torch.from_numpy(real), torch.from_numpy(fake)
        return discriminator_loss(l_real, l_fake, loss).item(), generator_loss(l_fake, loss).item()

    def slopes(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array]:
        """Derivatives of the discriminator's and of the generator's loss in the outputs on generated examples."""
        at = torch.from_numpy(l).requires_grad_()
        both = discriminator_loss(at.detach(), at, loss), generator_loss(at, loss)
        first, second = (numbers(torch.autograd.grad(one * len(at), at)[0]) for one in both)
        return first, second

    def falls(self, x: Array, y: Labels, directions: Array, pull: Array) -> Array:
        """How fast the generator's loss of each place x (K, ...), of class y (K,), falls along its direction, (K,).

        ``directions`` and ``pull``, minus the gradient at each place, are like x. The twin forgets the pull and takes
        differences of two losses.
        """
        return np.asarray((directions * pull).reshape(len(x), -1).sum(1))

    def steepness(self, update: Update) -> float:
        """How fast the loss of an update falls along its gradient: the squared length of the gradient."""
        return squared_length(update.gradient)

    def best(self, p: float, q: float, loss: AdversarialLoss) -> tuple[float | None, float]:
        """The output that costs the discriminator least where the densities are p and q, and its cost.

        The output is None where several cost as little, or where there is no least.
        """
        share = p / (p + q)
        if loss in LOGISTIC:
            return math.log(p / q), -p * math.log(share) - q * math.log(1 - share)
        if loss == "least-squares":
            return share, 0.5 * (p * (share - 1) ** 2 + q * share**2)
        if loss == "hinge":
            return None if p == q else math.copysign(1.0, p - q), 2 * min(p, q)
        return None, 0.0 if p == q else -math.inf

    def log_density(self, centres: tuple[Array, float], x: Array) -> Array:
        r"""Of equal normal distributions around points, :math:`\log \frac1N \sum_i \mathcal N(x; x_i, h^2 I)`, (M,)."""
        points, width = torch.from_numpy(centres[0]), centres[1]
        exponents = -torch.cdist(torch.from_numpy(x), points).square() / (2 * width**2)
        return numbers(exponents.logsumexp(1) - math.log(len(points) * 2 * math.pi * width**2))

    def clusters(self, x: Array, modes: Array, std: float) -> tuple[int, float, Array]:
        """Clusters with a point, share of points near one, and the share of each of those."""
        found = clustering.clusters(torch.from_numpy(x), torch.from_numpy(modes), std)
        return found.modes_covered, found.high_quality_share, numbers(found.shares)

    def neighbourhoods(self, made: Array, real: Array) -> Array:
        """Precision and coverage of equally many points of both sides, (2,)."""
        y, x = map(torch.from_numpy, _as_many(made, real))
        found = diversity.prdc(y, x)
        return np.array([found.precision, found.coverage])

    def ranked(self, real: Array, made: Array) -> float:
        """Share of all pairs in which the real example's output is higher; equal ones count half."""
        one, other = torch.from_numpy(real)[:, None], torch.from_numpy(made)
        return ((one > other).double() + 0.5 * (one == other).double()).mean().item()

    def distances(self, x: Array) -> Array:
        """Mean Euclidean distance of two examples, and of one to the nearest other one, (2,)."""
        flat = torch.from_numpy(x).flatten(1)
        return np.array([torch.pdist(flat).mean().item(), kth_radius(flat, 1).mean().item()])

    def spread(self, x: Array, real: Array) -> float:
        """The variances of the coordinates, summed, over those of the real examples."""
        return diversity.spread(torch.from_numpy(x), torch.from_numpy(real))


class ByNumPy(_WithWeights):
    """The twin: from the raw weights, by what each thing means; slopes are differences of two losses."""

    def generated(self, z: Array, y: Labels = None) -> Array:
        model = self._model
        if isinstance(model, PlaneGAN):
            made = answer(model.generator.network, z)
            return numbers(model.generator.centre) + numbers(model.generator.spread) * made
        assert isinstance(model, GAN)
        inputs = z if y is None else np.concatenate((z, np.eye(model.classes)[y]), 1)
        return sigmoid(answer(model.generator.decoder, inputs))

    def logits(self, x: Array, y: Labels = None) -> Array:
        model = self._model
        if isinstance(model, PlaneGAN):
            scaled = (x - numbers(model.generator.centre)) / numbers(model.generator.spread)
            return answer(model.discriminator, scaled)[:, 0]
        features, model = self._features(x)
        found = answer(model.discriminator.head, features)[:, 0]
        if y is not None and model.classes and model.config.conditioning == "projection":
            found = found + (weight(model.class_rows)[y] * features).sum(1)
        return found

    def class_nats(self, x: Array, y: Labels) -> Array:
        features, model = self._features(x)
        return -log_softmax(answer(model.class_rows, features))[np.arange(len(x)), y]

    def _features(self, x: Array) -> tuple[Array, GAN]:
        """What the discriminator's last layer reads of images in [0, 1], (N, F)."""
        assert isinstance(self._model, GAN)
        found = answer(self._model.discriminator.features, 2 * x - 1)
        return found.reshape(len(x), -1), self._model

    def read(self, l: Array) -> Array:
        return sigmoid(l) if self._scene.logistic else l

    def terms(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
        if loss in LOGISTIC:
            real, fake = np.logaddexp(0, -l), np.logaddexp(0, l)  # -log D and -log(1 - D)
            return real, fake, -fake if loss == "minimax" else real
        if loss == "least-squares":
            return (l - 1) ** 2 / 2, l**2 / 2, (l - 1) ** 2 / 2
        if loss == "hinge":
            return np.maximum(0, 1 - l), np.maximum(0, 1 + l), -l
        return -l, l, -l

    def losses(self, real: Array, fake: Array, loss: AdversarialLoss) -> tuple[float, float]:
        on_fake = self.terms(fake, loss)
        return self.terms(real, loss)[0].mean() + on_fake[1].mean(), on_fake[2].mean()

    def slopes(self, l: Array, loss: AdversarialLoss) -> tuple[Array, Array]:
        above, below = self.terms(l + STEP, loss), self.terms(l - STEP, loss)
        first, second = ((above[k] - below[k]) / (2 * STEP) for k in (1, 2))
        return first, second

    def falls(self, x: Array, y: Labels, directions: Array, pull: Array) -> Array:
        def loss_at(places: Array) -> Array:
            cost = self.terms(self.logits(places, y), self._scene.loss)[2]
            return cost + self.class_nats(places, y) if classifies(self._model, y) else cost

        ahead, behind = loss_at(x + STEP * directions), loss_at(x - STEP * directions)
        return np.asarray((behind - ahead) / (2 * STEP))

    def steepness(self, update: Update) -> float:
        scene = self._scene
        z, real, y, labels = scene.first(scene.batch)
        step = STEP / max(math.sqrt(squared_length(update.gradient)), STEP)
        losses = []
        for nudge in (step, -step):
            twin = self.at(update.moved_by(nudge, double=True))
            both = twin.logits(real, labels), twin.logits(twin.generated(z, y), y)
            losses.append(self.losses(*both, scene.loss)[update.side == "generator"])
        return float((losses[0] - losses[1]) / (2 * step))

    def best(self, p: float, q: float, loss: AdversarialLoss) -> tuple[float | None, float]:
        def cost(l: float) -> float:
            real, fake, _ = self.terms(np.array(l), loss)
            return float(p * real + q * fake)

        low, high = -8.0, 8.0
        for _ in range(
            60
        ):  # the sign of the slope halves the way to where a convex function is lowest
            at = (low + high) / 2
            low, high = (low, at) if cost(at + 1e-6) > cost(at - 1e-6) else (at, high)
        if loss == "wasserstein":  # straight: level, or without an end
            return None, cost(at) if p == q else -math.inf
        return None if math.isclose(cost(at - 0.5), cost(at)) else at, cost(at)

    def log_density(self, centres: tuple[Array, float], x: Array) -> Array:
        points, width = centres
        squared = _squared(x, points)
        nearest = np.min(squared, 1)
        total = np.exp((nearest[:, None] - squared) / (2 * width**2)).mean(1)
        return np.asarray(np.log(total / (2 * np.pi * width**2)) - nearest / (2 * width**2))

    def clusters(self, x: Array, modes: Array, std: float) -> tuple[int, float, Array]:
        squared = _squared(x, modes)
        near = squared.min(1) < (clustering.NEAR * std) ** 2
        counts = np.bincount(squared.argmin(1)[near], minlength=len(modes))
        return int((counts > 0).sum()), float(near.mean()), counts / max(1, counts.sum())

    def neighbourhoods(self, made: Array, real: Array) -> Array:
        y, x = _as_many(made, real)
        radius = np.sort(_squared(x, x), 1)[:, diversity.K]  # the nearest is the point itself
        inside = _squared(x, y) < radius[:, None]
        return np.array([inside.any(0).mean(), inside.any(1).mean()])

    def ranked(self, real: Array, made: Array) -> float:
        counts = [np.sum(made < one) + 0.5 * np.sum(made == one) for one in real]
        return float(np.sum(counts)) / (len(real) * len(made))

    def distances(self, x: Array) -> Array:
        squared = _squared(x, x)[~np.eye(len(x), dtype=bool)].reshape(len(x), -1)
        return np.array([np.sqrt(squared).mean(), np.sqrt(squared.min(1)).mean()])

    def spread(self, x: Array, real: Array) -> float:
        # Half of the mean squared distance of two examples is the sum of their variances.
        one, other = (
            _squared(some, some).sum() / (len(some) * (len(some) - 1)) for some in (x, real)
        )
        return float(one / max(other, 1e-12))


Way = ByTorch | ByNumPy


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


def _as_many(made: Array, real: Array) -> tuple[Array, Array]:
    count = min(NEIGHBOURHOODS, len(made), len(real))
    return made[:count], real[:count]


def _squared(a: Array, b: Array) -> Array:
    """Squared distances, (N, M), of (N, ...) and (M, ...)."""
    a, b = (x.reshape(len(x), -1) for x in (a, b))
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0))
