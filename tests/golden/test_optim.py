"""Muon against the SVD, its formula and PyTorch's own; the learning rate against a written list."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import polar

from olaria.recipes.training import TrainingConfig
from olaria.training import optim
from olaria.training.optim import AdamW, Muon, Optimizer, orthogonalize
from olaria.training.randomness import generator
from olaria.training.schedule import learning_rate_factor

SHAPES = [(16, 16), (8, 32), (48, 12)]


def matrix(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=generator(seed, "matrix"))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of the angle between two tensors as vectors."""
    return torch.cosine_similarity(a.double().flatten(), b.double().flatten(), dim=0).item()


def exact(m: torch.Tensor) -> torch.Tensor:
    """U Vᵀ by scipy's polar decomposition."""
    return torch.from_numpy(np.array(polar(m.double().numpy())[0])).to(m.dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_orthogonalize_keeps_directions_and_evens_singular_values(
    shape: tuple[int, int], size: float
) -> None:
    m = matrix(*shape)
    ours = orthogonalize([size * m[None]])[0][0].float()
    values = torch.linalg.svdvals(ours)
    assert values.min() > 0.6 and values.max() < 1.3
    assert cosine(ours, exact(m)) > 0.97
    # Same singular vectors: in their basis it is close to diagonal.
    u, _, vt = torch.linalg.svd(m, full_matrices=False)
    inside = u.T @ ours @ vt.T
    assert (inside - inside.diag().diag()).abs().max() < 0.06


def test_long_and_short_matrices_take_the_same_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = matrix(2, 8, 64) * torch.logspace(0, -4, 8)[:, None]  # of very unequal singular values
    (long,) = orthogonalize([stack])
    monkeypatch.setattr(optim, "_LONG", 9)
    (short,) = orthogonalize([stack])
    assert long.dtype == short.dtype and not torch.equal(long, short)
    torch.testing.assert_close(long.float(), short.float(), rtol=0, atol=0.02)


def test_matrices_of_all_shapes_come_out_as_alone() -> None:
    """Long ones of two heights, turned ones, short ones, in one call."""
    stacks = [matrix(2, 8, 64), matrix(1, 12, 15), matrix(3, 70, 5), matrix(1, 4, 40)]
    for together, stack in zip(orthogonalize(stacks), stacks, strict=True):
        assert together.shape == stack.shape and together.is_contiguous()
        torch.testing.assert_close(together, orthogonalize([stack])[0], rtol=0, atol=0.02)
    assert orthogonalize([]) == []


def test_orthogonalize_treats_a_stack_one_by_one() -> None:
    stack = matrix(3, 8, 12)
    (together,) = orthogonalize([stack])
    alone = torch.cat([orthogonalize([m[None]])[0] for m in stack])
    torch.testing.assert_close(together, alone, rtol=0, atol=0.02)


def _gradients(shape: tuple[int, int]) -> list[torch.Tensor]:
    return [matrix(*shape, seed=10 + step) for step in range(4)]


def _run(optimizer: Optimizer | torch.optim.Optimizer, parameter: torch.Tensor) -> torch.Tensor:
    for gradient in _gradients((parameter.shape[0], parameter.shape[1])):
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


def exactly(stacks: list[torch.Tensor]) -> list[torch.Tensor]:
    """In place of the iteration, so that the formula holds to rounding."""
    return [torch.stack([exact(m) for m in stack]) for stack in stacks]


@pytest.mark.parametrize("shape", SHAPES)
def test_muon_follows_its_formula(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """With an exact orthogonalization in place of the iteration, the formula holds to rounding."""
    monkeypatch.setattr(optim, "orthogonalize", exactly)
    lr, momentum, decay = 0.02, 0.9, 0.3
    weight, buffer = matrix(*shape), torch.zeros(shape)
    parameter = torch.nn.Parameter(weight.clone())
    result = _run(Muon([parameter], lr, momentum, decay, row_beta=None), parameter)
    scale = max(1, shape[0] / shape[1]) ** 0.5
    for gradient in _gradients(shape):
        buffer = momentum * buffer + gradient
        weight = (1 - lr * decay) * weight - lr * scale * exact(gradient + momentum * buffer)
    torch.testing.assert_close(result, weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_even_rows_follow_their_formula(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row by row in NumPy, with the bias correction of Adam, which the kept size of the update must cancel."""
    monkeypatch.setattr(optim, "orthogonalize", exactly)
    lr, momentum, beta = 0.02, 0.9, 0.7
    weight, buffer = matrix(*shape).double().numpy(), np.zeros(shape)
    parameter = torch.nn.Parameter(matrix(*shape))
    result = _run(Muon([parameter], lr, momentum, row_beta=beta), parameter)
    running = np.zeros(shape[0])
    for step, gradient in enumerate(_gradients(shape), start=1):
        buffer = momentum * buffer + gradient.double().numpy()
        o = polar(gradient.double().numpy() + momentum * buffer)[0]
        rows = []
        for number, row in enumerate(o):
            running[number] = beta * running[number] + (1 - beta) * np.mean(row**2)
            rows.append(row / np.sqrt(running[number] / (1 - beta**step)))
        update = np.stack(rows) * np.linalg.norm(o) / np.linalg.norm(rows)
        weight = weight - lr * max(1, shape[0] / shape[1]) ** 0.5 * update
    np.testing.assert_allclose(result.numpy(), weight, rtol=1e-4, atol=1e-5)


def test_a_row_without_gradient_stays_where_it_is() -> None:
    parameter = torch.nn.Parameter(matrix(6, 8))
    start = parameter.detach().clone()
    optimizer = Muon([parameter])
    for step in range(3):
        parameter.grad = matrix(6, 8, seed=step)
        parameter.grad[2] = 0
        optimizer.step()
    assert torch.equal(parameter[2], start[2])
    assert parameter.isfinite().all() and not torch.equal(parameter[3], start[3])
    still = torch.nn.Parameter(torch.ones(4, 4))
    still.grad = torch.zeros(4, 4)
    Muon([still]).step()
    assert torch.equal(still, torch.ones(4, 4))


@pytest.mark.parametrize("shape", SHAPES)
def test_muon_moves_as_pytorchs_own(shape: tuple[int, int]) -> None:
    """Theirs averages gradients where ours sums them; made orthogonal, the two are the same."""
    start = matrix(*shape)
    parameter, other = (torch.nn.Parameter(start.clone()) for _ in range(2))
    ours = _run(Muon([parameter], 0.02, 0.95, 0.1, row_beta=None), parameter) - start
    theirs = torch.optim.Muon([other], lr=0.02, momentum=0.95, weight_decay=0.1)
    expected = _run(theirs, other) - start
    assert cosine(ours, expected) > 0.999
    assert ours.norm().item() == pytest.approx(expected.norm().item(), rel=0.01)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_is_pytorchs_own_to_the_last_bit(decay: float) -> None:
    start = [matrix(6, 8), matrix(1, 5), matrix(4, 4, seed=3)]
    ours, theirs = ([torch.nn.Parameter(m.clone()) for m in start] for _ in range(2))
    fields = {"betas": (0.8, 0.95), "weight_decay": decay}
    optimizers = (
        AdamW([{"params": ours[:2], "lr": 0.02}, {"params": ours[2:], "lr": 0.1}], **fields),
        torch.optim.AdamW(
            [{"params": theirs[:2], "lr": 0.02}, {"params": theirs[2:], "lr": 0.1}],
            fused=True,
            **fields,
        ),
    )
    for step in range(5):
        for index, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            missing = index == 1 and step < 2  # its own count of steps begins later
            a.grad = None if missing else matrix(*a.shape, seed=10 * step + index)
            b.grad = None if missing else matrix(*a.shape, seed=10 * step + index)
        for optimizer in optimizers:
            optimizer.step()
    for a, b, first in zip(ours, theirs, start, strict=True):
        assert torch.equal(a, b) and not torch.equal(a.detach(), first)


def test_muon_updates_equal_shapes_together_as_alone() -> None:
    start = [matrix(8, 12, seed=s) for s in range(3)]
    together = [torch.nn.Parameter(m.clone()) for m in start]
    alone = [torch.nn.Parameter(m.clone()) for m in start]
    optimizers = [Muon(together), *[Muon([p]) for p in alone]]
    for step in range(3):
        for index in range(3):
            together[index].grad = matrix(8, 12, seed=30 * step + index)
            alone[index].grad = matrix(8, 12, seed=30 * step + index)
        for optimizer in optimizers:
            optimizer.step()
    for a, b, first in zip(together, alone, start, strict=True):
        assert cosine(a - first, b - first) > 0.999


LINEAR = {"warmup_steps": 4, "decay": "linear", "decay_from": 0.5, "final_factor": 0.2}
COSINE = {"warmup_steps": 0, "decay": "cosine", "decay_from": 0.2, "final_factor": 0.1}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Steps 0 … 10 of a run of 10: warm-up over four, level to the middle, down to a fifth.
        (LINEAR, [0.25, 0.5, 0.75, 1, 1, 1, 0.84, 0.68, 0.52, 0.36, 0.2]),
        (
            COSINE,  # 0.1 + 0.45 (1 + cos(pi u)), u = 0, 1/8, … 1
            [
                1,
                1,
                1,
                0.96574579,
                0.86819805,
                0.72220755,
                0.55,
                0.37779245,
                0.23180195,
                0.13425421,
                0.1,
            ],
        ),
        ({"warmup_steps": 2, "decay": "constant"}, [0.5] + [1] * 10),
        ({"warmup_steps": 0}, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0]),
    ],
)
def test_the_learning_rate_follows_the_written_list(
    settings: dict[str, object], expected: list[float]
) -> None:
    config = TrainingConfig.parse({"steps": 10, **settings}, "test")
    ours = [learning_rate_factor(config, step, step / 10) for step in range(11)]
    assert ours == pytest.approx(expected, abs=1e-8)
