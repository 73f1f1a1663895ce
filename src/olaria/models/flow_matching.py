r"""Flow matching: a network learns the velocity that carries noise to data, and a sample follows it.

See :mod:`olaria.objectives.flow_matching` for the path and what is learnt, :mod:`olaria.nn.ode` for how it is
followed. The network predicts the velocity, the data or the noise; the loss compares velocities whichever it is:

.. math:: \min_\theta\; \mathbb E_{x, \epsilon, t} \lVert v_\theta(x_t, t) - (x - \epsilon) \rVert^2

Noise and data are paired at random. Source: Lipman et al. 2023, equation 23.
"""

from __future__ import annotations

from abc import abstractmethod

from torch import Generator, Tensor

from olaria import draws
from olaria.families.flow_matching import FlowMatchingConfig
from olaria.models.base import Batch, Loss, Model
from olaria.nn.ode import Sampler, Velocity
from olaria.objectives.flow_matching import (
    between,
    expected_data,
    logit_normal,
    velocity_of,
)


class FlowMatching(Model):
    """The loss and the flow; a family that derives from it defines the network and the units that it works in.

    Args:
        config: settings.
    """

    sampler: Sampler
    classes: int = 0

    def __init__(self, config: FlowMatchingConfig) -> None:
        super().__init__()
        self.config = config
        self.sampler = Sampler(config.steps, config.solver, config.step_power)

    @property
    def guidable(self) -> bool:
        """Whether it is given classes."""
        return self.classes > 0

    @abstractmethod
    def predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """What the network says of places (B, ...) at times (B,), of classes (B,) where there are some."""

    @abstractmethod
    def scaled(self, x: Tensor) -> Tensor:
        """Data (B, ...) to the units that the network works in, of about zero mean and unit size."""

    @abstractmethod
    def unscaled(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`scaled`."""

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Of places (B, ...) at times (B,), in the network's units, float32."""
        predicted = self.predict(x, t, y).float()
        return velocity_of(predicted, self.config.prediction, x, t)

    def expected(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The data that places (B, ...) at times (B,) are taken to come from, in the network's units, float32."""
        predicted = self.predict(x, t, y).float()
        return expected_data(predicted, self.config.prediction, x, t)

    def followed(self, y: Tensor | None = None) -> Velocity:
        """The velocity that a sample follows, as a function of places and times."""
        return lambda x, t: self.velocity(x, t, y)

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """Squared error of the velocity, the mean over all coordinates; 1 + the data's variance for a guess of zero."""
        config, x = self.config, self.scaled(batch.x)
        t = logit_normal(len(x), generator, config.time_mean, config.time_std).to(x.device)
        noise = draws.normal(x.shape, generator).to(x.device)
        x_t, kind = between(noise, x, t), config.prediction
        v = self.velocity(x_t, t, batch.y if self.classes else None)
        truth = {"velocity": x - noise, "data": x, "noise": noise}[kind]
        return Loss({"velocity_error": (v - velocity_of(truth, kind, x_t, t)).square().mean()})
