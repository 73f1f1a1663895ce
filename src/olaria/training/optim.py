"""Optimizers: Adam with decoupled weight decay, and Muon for matrices.

They stand on a base of our own. The methods of ``torch.optim.Optimizer`` import PyTorch's compiler the first time that
they are called, which takes a second and is of no use to a run that is not compiled. Adam's arithmetic is PyTorch's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from olaria.errors import DamagedError
from olaria.i18n import N_
from olaria.models.base import ParameterGroup
from olaria.recipes.training import TrainingConfig

# Coefficients of the quintic iteration x ← a x + b x³ + c x⁵ (Jordan et al. 2024): they trade an exact limit of 1 for a
# steep slope at 0, so that five turns carry every singular value into about [0.7, 1.2].
_QUINTIC = (3.4445, -4.7750, 2.0315)
_LONG = 4.5
"""Columns per row from which the turns are cheaper on the rows' products (measured: half the time at 64 × 3136)."""
_ROW_EPSILON = 1e-10
"""Below any row's mean square of an orthogonal matrix that fits in memory; a row without gradient stays zero."""


def orthogonalize(stacks: Sequence[Tensor], num_steps: int = 5) -> list[Tensor]:
    r"""The nearest semi-orthogonal matrix of each, :math:`U V^\top` for :math:`M = U S V^\top`, approximately.

    Args:
        stacks: matrices of one shape each, (N, rows, columns), so that one product serves all of a stack; long ones
            take their turns together, whatever their shapes.
        num_steps: turns of the Newton–Schulz iteration.

    Returns:
        Of each stack the same shape, bfloat16, singular values in about [0.7, 1.2].

    Source: Jordan et al. 2024, *Muon: An optimizer for hidden layers in neural networks*.
    """
    wide = [stack.mT if stack.shape[1] > stack.shape[2] else stack for stack in stacks]
    long = [index for index, x in enumerate(wide) if x.shape[2] >= _LONG * x.shape[1]]
    found = dict(zip(long, _by_gram([wide[index] for index in long], num_steps), strict=True))
    for index, x in enumerate(wide):
        if index not in found:
            found[index] = _by_turns(x, num_steps)
    answers = ((found[index], stack.shape) for index, stack in enumerate(stacks))
    return [x if x.shape == shape else x.mT.contiguous() for x, shape in answers]


def _by_turns(wide: Tensor, num_steps: int) -> Tensor:
    """The iteration on the matrices (N, r, c) themselves, r not above c, in bfloat16."""
    a, b, c = _QUINTIC
    x = wide.bfloat16().contiguous()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(num_steps):
        gram = x @ x.mT
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, factor, x, beta=a)
    return x


def _by_gram(stacks: Sequence[Tensor], num_steps: int) -> list[Tensor]:
    """The same turns on r × r matrices: every iterate is P x, with P a polynomial of x xᵀ.

    A long matrix is multiplied twice only. In float32, since small singular values are squared on the way. The products
    of all stacks stand in one, the smaller with zeros around them, which their x never meets.
    """
    a, b, c = _QUINTIC
    if not stacks:
        return []
    precise = [x.float() for x in stacks]
    unit = [x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7) for x in precise]
    size, counts = max(x.shape[1] for x in unit), [len(x) for x in unit]
    gram = unit[0].new_zeros(sum(counts), size, size)
    for own, x in zip(gram.split(counts), unit, strict=True):
        own[:, : x.shape[1], : x.shape[1]] = x @ x.mT
    product = None
    for turn in range(num_steps):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor @ product
        if turn + 1 < num_steps:
            gram = factor @ gram @ factor
    assert product is not None, "at least one turn is taken"
    answers = zip(product.split(counts), unit, strict=True)
    return [(own[:, : x.shape[1], : x.shape[1]] @ x).bfloat16() for own, x in answers]


class Optimizer:
    """Groups of parameters with their settings, and what is remembered of each parameter.

    Args:
        params: parameters, or groups of them: ``{"params": [...], "lr": ...}``.
        defaults: settings of a group that does not have its own.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[dict[str, Any]], defaults: Mapping[str, Any]
    ) -> None:
        given: list[Any] = list(params)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.param_groups: list[dict[str, Any]] = [
            {**defaults, **group, "params": list(group["params"])} for group in groups
        ]
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    @torch.no_grad()
    def step(self) -> None:
        """One update of all parameters that have a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._update(group, parameters)

    def _update(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        raise NotImplementedError

    def first_state(self, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Tensor]:
        """What is remembered of a parameter before its first update."""
        raise NotImplementedError

    def parameters(self) -> Iterator[Tensor]:
        """Those of all groups, in order."""
        for group in self.param_groups:
            yield from group["params"]


class AdamW(Optimizer):
    r"""Adam with decoupled weight decay, by PyTorch's fused kernel.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
        w \leftarrow (1 - \eta\lambda) w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Args:
        params: tensors of one number format and device.
        lr: :math:`\eta`.
        betas: :math:`\beta_1, \beta_2`.
        eps: :math:`\epsilon`.
        weight_decay: :math:`\lambda`.

    Source: Loshchilov & Hutter 2019, *Decoupled weight decay regularization*, algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        fields = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, fields)

    def first_state(self, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Tensor]:
        """The number of updates, and both moments."""
        return {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }

    def _update(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        for parameter in parameters:
            state = self.state[parameter]
            if not state:  # the kernel wants its count of steps as float32, one for each parameter
                state.update(self.first_state(group, parameter))
        states = [self.state[parameter] for parameter in parameters]
        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


class Muon(Optimizer):
    r"""Momentum whose update is made orthogonal, and whose rows are brought to one size.

    .. math:: B \leftarrow \mu B + G, \quad O = \mathrm{orth}(G + \mu B), \quad
        v \leftarrow \beta v + (1 - \beta)\, \overline{O^2}_\text{row}, \quad U = O / \sqrt v

    .. math:: W \leftarrow (1 - \eta\lambda) W - \eta \sqrt{\max(1, r/c)}\; U\, \lVert O \rVert / \lVert U \rVert

    for a matrix of r rows and c columns: a row is a neuron, and none of them takes most of a step for long. The size of
    the whole update stays that of O, so that the bias of :math:`v`, which begins at zero, cancels. The kernels of a
    convolution are such a matrix, a row for each channel that it makes.

    Args:
        params: matrices and kernels only.
        lr: :math:`\eta`.
        momentum: :math:`\mu`.
        weight_decay: :math:`\lambda`.
        row_beta: :math:`\beta`; None leaves rows as they are, :math:`U = O`.

    Source: Jordan et al. 2024, *Muon*; Li et al. 2025, *NorMuon: Making Muon more efficient and scalable*, algorithm 1
    (which sets the size of the update by a constant of its own).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        row_beta: float | None = 0.95,
    ) -> None:
        fields = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, {**fields, "row_beta": row_beta})

    def first_state(self, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Tensor]:
        """The momentum, and of normalized rows their mean squares, (rows, 1)."""
        state = {"momentum": torch.zeros_like(parameter)}
        if group["row_beta"] is not None:
            state["row_squares"] = torch.zeros_like(parameter.flatten(1)[:, :1])
        return state

    def _update(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        """Matrices of a shape are made orthogonal together."""
        by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for parameter in parameters:
            by_shape[parameter.shape].append(parameter)
        stacks = [self._moved(group, equal) for equal in by_shape.values()]
        updates = orthogonalize(stacks)
        for equal, update in zip(by_shape.values(), updates, strict=True):
            self._apply(group, equal, update.to(equal[0].dtype))

    def _moved(self, group: dict[str, Any], parameters: list[Tensor]) -> Tensor:
        """Momentum brought up to date: what is to be made orthogonal, (N, rows, columns)."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state.update(self.first_state(group, parameter))
        buffers = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients)
        nesterov = torch._foreach_add(gradients, buffers, alpha=group["momentum"])
        return torch.stack(nesterov).flatten(2)

    def _apply(self, group: dict[str, Any], parameters: list[Tensor], updates: Tensor) -> None:
        """Take a step along what is orthogonal, (N, rows, columns)."""
        scale = max(1.0, updates.shape[1] / updates.shape[2]) ** 0.5
        if group["row_beta"] is not None:
            squares = [self.state[parameter]["row_squares"] for parameter in parameters]
            updates = _with_even_rows(updates, squares, group["row_beta"])
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        shaped = updates.view(len(parameters), *parameters[0].shape)
        torch._foreach_add_(parameters, shaped.unbind(0), alpha=-group["lr"] * scale)


def _with_even_rows(updates: Tensor, squares: list[Tensor], beta: float) -> Tensor:
    """The matrices (N, r, c) divided by the running size of each row; each keeps its whole size.

    Args:
        updates: made orthogonal; changed in place.
        squares: :math:`v` of each matrix, (r, 1), brought up to date in place.
        beta: see :class:`Muon`.
    """
    row_squares = updates.square().mean(-1, keepdim=True)  # (N, r, 1)
    torch._foreach_lerp_(squares, row_squares.unbind(0), 1 - beta)
    factors = (torch.stack(squares) + _ROW_EPSILON).rsqrt_()
    # ‖O‖ / ‖U‖, of rows alone: a row of U is a row of O times its factor.
    sizes = row_squares.sum(1, keepdim=True)
    new_sizes = (row_squares * factors.square()).sum(1, keepdim=True)
    factors *= (sizes / new_sizes.clamp_min_(_ROW_EPSILON)).sqrt_()
    return updates.mul_(factors)


def takes_muon(group: ParameterGroup, config: TrainingConfig) -> bool:
    """Whether Muon updates a group; Adam does otherwise."""
    return group.kind == "matrix" and config.optimizer == "muon"


def build_optimizers(groups: Sequence[ParameterGroup], config: TrainingConfig) -> list[Optimizer]:
    """The optimizers of one phase; each parameter is in exactly one of them.

    ``initial_lr`` of every group is what the schedule's factor multiplies.
    """
    adam: list[dict[str, Any]] = []
    muon: list[dict[str, Any]] = []
    for group in groups:
        matrix = takes_muon(group, config)
        rate = (config.matrix_learning_rate if matrix else config.learning_rate) * group.scale
        entry = {"params": list(group.parameters), "lr": rate, "initial_lr": rate}
        (muon if matrix else adam).append(entry)
    optimizers: list[Optimizer] = []
    if adam:
        optimizers.append(AdamW(adam, betas=config.betas, weight_decay=config.weight_decay))
    if muon:
        optimizers.append(
            Muon(muon, momentum=config.matrix_momentum, weight_decay=config.weight_decay)
        )
    return optimizers


def set_learning_rate(optimizers: Sequence[Optimizer], factor: float) -> None:
    """Every group's rate becomes ``factor`` times its initial one."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor


def optimizer_tensors(optimizers: Iterable[tuple[str, Optimizer]]) -> dict[str, Tensor]:
    """What named optimizers remember, flat: ``{name}.{index of the parameter}.{key}``."""
    return {
        f"{name}.{index}.{key}": value
        for name, optimizer in optimizers
        for index, parameter in enumerate(optimizer.parameters())
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_tensors(
    optimizers: Iterable[tuple[str, Optimizer]], flat: Mapping[str, Tensor]
) -> None:
    """The inverse of :func:`optimizer_tensors`; the tensors are copied to where the parameters lie.

    Raises:
        DamagedError: a name or a shape is of no state of these parameters, or a value is not finite.
    """
    for name, optimizer in optimizers:
        nested: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for path, value in flat.items():
            if path.startswith(f"{name}."):
                index, _, key = path.removeprefix(f"{name}.").partition(".")
                nested[index][key] = value
        optimizer.state.clear()
        number = 0
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                stored = nested.pop(str(number), None)
                number += 1
                if stored is not None:
                    _check_state(optimizer.first_state(group, parameter), stored, name)
                    optimizer.state[parameter] = {
                        key: value.to(parameter.device, copy=True) for key, value in stored.items()
                    }


def _check_state(first: Mapping[str, Tensor], stored: Mapping[str, Tensor], name: str) -> None:
    """Refuse a state that this optimizer has not made."""
    is_sound = first.keys() == stored.keys() and all(
        value.shape == first[key].shape
        and value.dtype == first[key].dtype
        and bool(value.isfinite().all())
        for key, value in stored.items()
    )
    if not is_sound:
        raise DamagedError(
            N_("the checkpoint's state of the optimizer {name} is of another model, or damaged"),
            name=name,
        )
