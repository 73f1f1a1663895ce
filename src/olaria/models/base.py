"""What every family gives the training loop: phases, their losses, their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from olaria.families import MODELS
from olaria.i18n import N_
from olaria.models.outline import Outline, plain
from olaria.nn.lora import adapter_parameters
from olaria.nn.ode import Sampler
from olaria.objectives.masking import Unmasking

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Batch:
    """The data of one update.

    Args:
        x: images in [0, 1], float32 (B, C, H, W); or token ids, int64 (B, T).
        y: labels (B,) or None; or the following tokens, int64 (B, T).
    """

    x: Tensor
    y: Tensor | None = None


@dataclass(frozen=True)
class Loss:
    """A loss as the weighted sum of its named parts.

    Args:
        parts: each a scalar, the mean over the batch; a name ending in ``_nats`` is a likelihood's.
        weights: factor of a part in the total, 1 where not named.
        count: the number of terms in each mean, a scalar, where it differs from batch to batch (the tokens that are no
            padding).

    >>> loss = Loss({"mse": torch.tensor(0.25), "penalty": torch.tensor(3.0)}, {"penalty": 0.5})
    >>> loss.total
    tensor(1.7500)
    """

    parts: Mapping[str, Tensor]
    weights: Mapping[str, float] = field(default_factory=dict)
    count: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """What is differentiated, a scalar."""
        terms = [part * self.weights.get(name, 1.0) for name, part in self.parts.items()]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that one rule updates.

    Args:
        parameters: the tensors.
        kind: ``matrix`` are hidden weight matrices (where an optimizer for matrices applies), ``other`` all else.
        scale: factor on the learning rate.
    """

    parameters: Sequence[Tensor]
    kind: Literal["matrix", "other"] = "other"
    scale: float = 1.0


def hidden_apart(modules: Sequence[nn.Module], last: Sequence[nn.Module]) -> list[ParameterGroup]:
    """Parameters in two groups: matrices and kernels of hidden layers, and all others.

    Args:
        modules: whose parameters are grouped.
        last: output layers; they are not hidden, whichever module holds them.
    """
    outside = {id(parameter) for layer in last for parameter in layer.parameters()}
    every = [parameter for module in modules for parameter in module.parameters()]
    hidden = [p for p in every if p.dim() > 1 and id(p) not in outside]
    inside = set(map(id, hidden))
    others = [p for p in every if id(p) not in inside]
    return [ParameterGroup(hidden, "matrix"), ParameterGroup(others)]


def last_layer(module: nn.Module) -> nn.Module:
    """The last linear or convolutional layer of a network whose layers stand in their order."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return layers[-1]


@dataclass(frozen=True)
class Phase:
    """One part of a training step, with its loss and its parameters.

    Args:
        name: prefix of its values in the metrics where a model has several phases.
        groups: what it updates.
        loss: batch and generator of this step's noise to loss.
        updates: number of updates in one turn, each on a new batch.
    """

    name: str
    groups: Sequence[ParameterGroup]
    loss: Callable[[Batch, Generator], Loss]
    updates: int = 1


class Model(nn.Module, ABC):
    """A network with the losses that train it. Families derive from it; their classes are final."""

    family: ClassVar[str]
    compilable: ClassVar[bool] = False
    """Whether its losses draw nothing and read nothing that changes, so that compiling them is exact and lasts."""
    changeable: ClassVar[tuple[str, ...]] = ()
    """Its settings that may change while it is trained: they shape the loss or the rates, never the network."""
    progress: float = 1.0
    """Fraction of the run that is over, set by the loop before each step: for schedules inside a loss."""
    sampler: Sampler | Unmasking | None = None
    """How it draws in steps; None where one pass draws."""

    @property
    def guidable(self) -> bool:
        """Whether its samples can be driven towards a class: it learned the data of each class, and of all."""
        return False

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Set what depends on the data's statistics, once, before training; nothing unless overridden.

        Args:
            x: some of the training data, as a batch has it.
            y: their classes, where the data has classes.
        """

    def change(self, name: str, value: Any) -> None:
        """Set one of the :attr:`changeable` settings; the loop calls :meth:`phases` again afterwards.

        Raises:
            ConfigError: the value does not fit the setting.
        """
        raise AssertionError(f"{name} is fixed")

    def outline(self, dimensions: Any) -> Outline:
        """Its parts and what flows between them, for people; one plain list unless overridden.

        Args:
            dimensions: what :func:`olaria.models.build` was given.
        """
        return plain(dimensions)

    def trace(self, dimensions: Any) -> None:
        """Call each layer on one example, so that a hook can record the shape of its output.

        By default the losses do. A family overrides it where its losses bypass the layers or draw many samples.
        """
        batch = _example(self, dimensions)
        with torch.enable_grad():  # a loss may differentiate
            for phase in self.phases():
                phase.loss(batch, Generator().manual_seed(0))

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The phases of one step, in order."""

    def trained_phases(self) -> list[Phase]:
        """:meth:`phases` without the parameters that are frozen; adapters form a separate group."""
        adapters = adapter_parameters(self)
        apart = set(map(id, adapters))
        phases = []
        for phase in self.phases():
            groups = [ParameterGroup(adapters)] if adapters else []
            for group in phase.groups:
                # An adapted weight is computed, so not a parameter.
                kept = [
                    p
                    for p in group.parameters
                    if isinstance(p, nn.Parameter) and p.requires_grad and id(p) not in apart
                ]
                if kept:
                    groups.append(replace(group, parameters=kept))
            phases.append(replace(phase, groups=groups))
        return phases


class ImageModel(Model):
    """A model of images with latent vectors: the interface of every family of images.

    A family declares what it can do by :attr:`encodes`, :attr:`has_prior`, :attr:`detects` and :attr:`measured_by`;
    callers rely on nothing else.

    >>> from olaria.families import MODELS
    >>> from olaria.models import build
    >>> model = build(MODELS["vae"].sizes["tiny"], (1, 8, 8))
    >>> z = model.codes(torch.rand(5, 1, 8, 8))
    >>> z.shape, model.images(z).shape
    (torch.Size([5, 8]), torch.Size([5, 1, 8, 8]))
    >>> model.encodes, model.has_prior, model.measured_by
    (True, True, 'bound')
    """

    encodes: ClassVar[bool] = False
    """Whether :meth:`codes` is implemented."""
    has_prior: ClassVar[bool] = False
    """Whether its images follow from z ~ N(0, I)."""
    detects: ClassVar[bool] = False
    """Whether its codes and reconstructions show how strange an image is."""
    measured_by: ClassVar[Literal["error", "bound", "masked", "codes", "samples"]]
    """What measures its quality: the error of reconstructions, a bound on the likelihood (of a VAE, or of masked
    pixels), the likelihood given the codes, or its samples alone."""
    has_bits: ClassVar[bool] = False
    """Whether it bounds the likelihood of images of 256 levels: see :class:`olaria.evaluation.bounds.NoisedModel`."""
    num_adapted: ClassVar[int] = 10_000
    """The most training images whose statistics :meth:`adapt` takes."""
    no_prior: ClassVar[str] = N_(
        "the family {family} has no prior to draw from; use {reconstruct} or interpolate, or "
        "train a VAE"
    )
    """Why :attr:`has_prior` is false, a source string with ``{family}``."""
    latent: int
    """Numbers in a latent vector."""
    classes: int = 0
    """Number of classes that it is conditioned on; 0 for none."""

    def codes(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to latent vectors (B, latent).

        Args:
            x: the images.
            y: their classes, (B,), where the model is given classes.
        """
        raise AssertionError(f"{self.family} has no encoder")

    @abstractmethod
    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latent vectors (B, latent) to images in [0, 1], (B, C, H, W); of random pixels their means.

        Args:
            z: latent vectors.
            y: classes, (B,), where the model is given classes.
        """

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to their reconstructions; without an encoder, latent vectors to images.

        Args:
            x: images, or (B, latent) where the model does not encode.
            y: classes, (B,), where the model is given classes.
        """
        return self.images(self.codes(x, y) if self.encodes else x, y)

    def disturbed(self, x: Tensor, generator: Generator) -> Tensor | None:
        """Images as training disturbs them; None where it leaves them as they are."""
        return None

    def trace(self, dimensions: Shape) -> None:
        """A reconstruction where there is an encoder, else what every model does."""
        if self.encodes:
            y = torch.zeros(1, dtype=torch.int64) if self.classes else None
            self.images(self.codes(torch.zeros(1, *dimensions), y), y)
        else:
            super().trace(dimensions)


class PointModel(Model):
    """A model of points that follow from z ~ N(0, I): the interface of every family of points."""

    latent: int
    """Numbers in a latent vector."""
    ground: ClassVar[str]
    """What :meth:`shade` shows, a source string."""
    has_density: ClassVar[bool] = False
    """Whether :meth:`log_density` is implemented."""
    shade_side: ClassVar[int] = 180
    """Places on each side of a picture whose shade is computed; those between lie on straight lines."""

    @abstractmethod
    def points(self, z: Tensor) -> Tensor:
        """Latent vectors (B, latent) to points (B, size), in the units of the data."""

    def log_density(self, x: Tensor) -> Tensor:
        """Log-density of points (B, size) in the units of the data, in nats, (B,)."""
        raise AssertionError(f"{self.family} has no density")

    @abstractmethod
    def shade(self, x: Tensor) -> Tensor:
        """What a picture shows under the points: of the places (B, size) a number each, from -1, red, to 1, blue."""

    def forward(self, z: Tensor) -> Tensor:
        """As :meth:`points`."""
        return self.points(z)


def centre_and_spread(x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The mean of points (N, size), (size,), and their scale around it, a scalar: the units of their networks.

    .. math:: c = \overline{x}, \qquad s = \sqrt{\overline{(x - c)^2}}

    the latter over all coordinates, and not quite 0 where all points are the same.
    """
    centre = x.mean(0)
    return centre, (x - centre).square().mean().sqrt().clamp_min(1e-12)


def _example(model: Model, dimensions: Any) -> Batch:
    """A batch of one black image of class 0, of one point, or of the first token over and over."""
    kind = MODELS[model.family].data
    if kind in ("images", "points"):
        shape = dimensions if isinstance(dimensions, tuple) else (dimensions,)
        return Batch(torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64))
    tokens = torch.zeros(1, getattr(model, "context", 1), dtype=torch.int64)
    return Batch(tokens, tokens)


def num_parameters(model: nn.Module) -> int:
    """Trainable numbers, each counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
