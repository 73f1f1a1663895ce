r"""What the lesson on flow matching looks at: examples, noise and times, and the closed forms beside the network.

Everything is in the units that the network works in, :meth:`olaria.models.flow_matching.FlowMatching.scaled`: points
(N, 2) are of about zero mean and unit size, and noise is (N, 2) of N(0, I).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.data.base import PointData
from olaria.families.flow_matching import PointFlowConfig
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.flow.image_scene import Pictures
from olaria.models.point_flow import PointFlow
from olaria.objectives.mixture import Mixture
from olaria.runs import Run
from olaria.training import randomness

NUM_APART = 1000
"""Examples kept apart from the training, at most."""
LEAST_APART = 200
"""Where there are fewer test points, those of validation are taken with them."""
MOST_TRAIN = 2000
"""Training points that a mean over all lines is taken of."""
REACH = 2.2
"""Of the noise that is drawn, in standard deviations: nine tenths of it in the plane."""
SHOWN = 300
"""Points of a cloud that are drawn."""


@dataclass(frozen=True)
class Scene:
    """A run of ``point-flow``, opened up; its model is in evaluation mode.

    Args:
        asked: what the lesson is asked for.
        model: with the averaged weights, where the run has them.
        data: of the run.
        x: points that it was not trained on, (N, 2).
        train: points that it was trained on, (K, 2).
        z: noise, (N, 2).
        label: no class is given.
    """

    asked: Asked
    model: PointFlow
    data: PointData
    x: Tensor
    train: Tensor
    z: Tensor
    label: None = None

    @classmethod
    def of(cls, asked: Asked) -> Scene | Pictures:
        """That of the run's family, everything from one seed."""
        is_plane = asked.run.family == PointFlow.family
        return cls.of_points(asked) if is_plane else Pictures.of(asked)

    @classmethod
    def of_points(cls, asked: Asked) -> Scene:
        """That of a run of points."""
        run = asked.run
        model, data = run.model(), run.data(offline=asked.offline)
        assert isinstance(model, PointFlow) and isinstance(data, PointData)
        enough = len(data.test) >= LEAST_APART
        apart = data.test if enough else torch.cat((data.test, data.validation))
        draws = randomness.generator(asked.seed, "flow-matching", "points")
        x, train = (
            _some(part, most, draws)
            for part, most in ((apart, NUM_APART), (data.train, MOST_TRAIN))
        )
        z = torch.randn(x.shape, generator=draws)
        return cls(asked, model, data, model.scaled(x), model.scaled(train), z)

    @property
    def run(self) -> Run:
        """The run that is opened up."""
        return self.asked.run

    @property
    def config(self) -> PointFlowConfig:
        """Settings of the model."""
        return self.model.config

    def generator(self, place: str) -> Generator:
        """The random numbers of a place in the lesson, always the same ones and no other place's."""
        return randomness.generator(self.asked.seed, "flow-matching", place)

    @property
    def spread(self) -> float:
        """Of the data, in its own units: what one unit of the network is."""
        return self.model.spread.item()

    @cached_property
    def clusters(self) -> Mixture | None:
        """The data's own distribution, where it is known."""
        modes, std = self.data.modes, self.data.mode_std
        if modes is None or std is None:
            return None
        return Mixture(self.model.scaled(modes).double(), std / self.spread)

    @cached_property
    def copies(self) -> Mixture:
        """The training points themselves, as clusters of no width: what the loss over them alone asks for."""
        return Mixture(self.train.double(), 0.0)

    @property
    def truth(self) -> Mixture:
        """The closed form beside the network: of the data where it is known, else of the training points."""
        return self.copies if self.clusters is None else self.clusters

    @property
    def shown(self) -> Array:
        """Points of the data that are drawn, (M, 2)."""
        return numbers(self.train[:SHOWN])

    @cached_property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the window that is drawn: of the data, and of most noise."""
        half = 1.1 * max(REACH, self.train.abs().max().item())
        return -half, half, -half, half


def _some(points: Tensor, most: int, draws: Generator) -> Tensor:
    return points[torch.randperm(len(points), generator=draws)[:most]]


def at(count: int, t: float) -> Array:
    """One time for so many places."""
    return np.full(count, t)
