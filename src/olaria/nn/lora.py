r"""Low-rank adapters: tune a model by a few numbers per layer and leave its weights as they are.

.. math:: W' = W + \frac{\alpha}{r} B A, \qquad A \in \mathbb{R}^{r \times m},\; B \in \mathbb{R}^{n \times r}

W stays; B begins at zero, so that the adapted model begins as the model. Merged into W they cost nothing afterwards.

Source: Hu et al. 2021, *LoRA: Low-Rank Adaptation of Large Language Models*, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils import parametrize

from olaria.errors import ConfigError, suggestion
from olaria.i18n import N_


class LowRank(nn.Module):
    r"""What is added to one weight, as a parametrization of it: reading ``layer.weight`` gives the sum.

    Args:
        weight: W, (n, m).
        rank: r.
        alpha: :math:`\alpha`; the product is scaled by :math:`\alpha / r`, so that a learning rate suits any rank.
    """

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.scale = alpha / rank
        self.a = nn.Parameter(weight.new_empty(rank, columns))
        self.b = nn.Parameter(weight.new_zeros(rows, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))  # uniform within ±1/√m

    def forward(self, weight: Tensor) -> Tensor:
        """W + scale · B A, (n, m)."""
        return weight + self.scale * (self.b @ self.a)


def add_adapters(model: nn.Module, rank: int, targets: Sequence[str], alpha: float) -> None:
    """Freeze ``model`` and give each linear layer of these names an adapter, which is all that trains from then on.

    Args:
        model: changed in place.
        rank: r of every adapter.
        targets: last components of the layers' names: ``qkv`` is that layer of all blocks.
        alpha: see :class:`LowRank`.

    Raises:
        ConfigError: no layer has such a name.
    """
    layers = {
        name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    known = sorted({_last(name) for name in layers})
    for target in targets:
        if target not in known:
            raise ConfigError(
                N_("no layer to adapt is named {name}: {hint}"),
                name=target,
                hint=suggestion(target, known),
            )
    model.requires_grad_(False)
    for name, layer in layers.items():
        if _last(name) in targets:
            adapter = LowRank(layer.weight, rank, alpha)
            parametrize.register_parametrization(layer, "weight", adapter)


def merge_adapters(model: nn.Module) -> None:
    """Add every adapter into its weight and remove it; the model computes what it did before."""
    for layer in _adapted(model):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def adapter_parameters(model: nn.Module) -> list[nn.Parameter]:
    """A and B of every adapter; none where there is no adapter."""
    adapters = (module for module in model.modules() if isinstance(module, LowRank))
    return [parameter for adapter in adapters for parameter in adapter.parameters()]


def _adapted(model: nn.Module) -> list[nn.Module]:
    return [
        module
        for module in model.modules()
        if parametrize.is_parametrized(module, "weight")
        and isinstance(module.parametrizations["weight"][0], LowRank)  # type: ignore[index]
    ]


def _last(name: str) -> str:
    return name.rpartition(".")[2]
