"""The phases that one step goes through, each with its optimizers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from olaria.models.base import Model, Phase
from olaria.recipes.training import TrainingConfig
from olaria.training.optim import (
    Optimizer,
    build_optimizers,
    load_optimizer_tensors,
    optimizer_tensors,
)


class Turn:
    """What a model trains, phase by phase.

    Args:
        model: whose phases they are.
        config: of the optimizers.
    """

    def __init__(self, model: Model, config: TrainingConfig) -> None:
        self._model = model
        self.phases = model.trained_phases()
        self.optimizers = self._built(config)

    def __iter__(self) -> Iterator[tuple[Phase, list[Optimizer]]]:
        return iter(zip(self.phases, self.optimizers, strict=True))

    @property
    def is_game(self) -> bool:
        """Whether several phases take their turns; one alone is a loss that goes down."""
        return len(self.phases) > 1

    # -- parameters ------------------------------------------------------------------------------

    def parameters(self) -> Iterator[Tensor]:
        """Those of all phases; the model's others are frozen."""
        for phase in self.phases:
            yield from parameters_of(phase)

    def only(self, phase: Phase) -> None:
        """Gradients for this phase's parameters alone: none leaks into another's, none is computed in vain."""
        for other in self.phases:
            for parameter in parameters_of(other):
                parameter.grad = None
                parameter.requires_grad_(other is phase)

    def wake(self) -> None:
        """Gradients for the parameters of all phases, as before the first step."""
        for parameter in self.parameters():
            parameter.requires_grad_(True)

    # -- changes ---------------------------------------------------------------------------------

    def restart(self, config: TrainingConfig) -> None:
        """Optimizers that remember nothing."""
        self.optimizers = self._built(config)

    def change(self, config: TrainingConfig) -> None:
        """Give the optimizers the settings of ``config``; what they remember stays."""
        for own, fresh in zip(self.optimizers, self._built(config), strict=True):
            for old, new in zip(own, fresh, strict=True):
                for old_group, new_group in zip(old.param_groups, new.param_groups, strict=True):
                    old_group.update({k: v for k, v in new_group.items() if k != "params"})

    def change_model(self, name: str, value: object) -> None:
        """Change a setting of the model, which may shape the losses."""
        self.wake()  # phases hold what wants a gradient, and those of other phases may be resting
        self._model.change(name, value)
        self.phases = self._model.trained_phases()

    def _built(self, config: TrainingConfig) -> list[list[Optimizer]]:
        return [build_optimizers(phase.groups, config) for phase in self.phases]

    # -- state -----------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """What the optimizers remember, by name."""
        return optimizer_tensors(self._named())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of :meth:`tensors`.

        Raises:
            DamagedError: they are of another model, or damaged.
        """
        load_optimizer_tensors(self._named(), tensors)

    def _named(self) -> Iterator[tuple[str, Optimizer]]:
        for phase, optimizers in self:
            for optimizer in optimizers:
                yield f"{phase.name}.{type(optimizer).__name__.lower()}", optimizer


def parameters_of(phase: Phase) -> list[Tensor]:
    """What a phase updates."""
    return [parameter for group in phase.groups for parameter in group.parameters]
