"""Memory known beforehand: what is counted, compared with what PyTorch really keeps, and what is refused."""

from __future__ import annotations

import resource
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.errors import ResourceError
from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import Batch, Model
from olaria.recipes.training import TrainingConfig
from olaria.training.estimate import (
    GAPS,
    SMALL_EXAMPLE,
    TIGHT,
    Memory,
    built_small,
    can_be_tried,
    check,
    estimate,
    without_content,
)
from olaria.training.optim import build_optimizers
from olaria.training.precision import autocast
from olaria.training.tally import MOST_TENSORS, Tally

VOCAB = 65


def shapes(family: str, count: int = 16) -> tuple[Any, Batch]:
    """Dimensions of a family's data and a batch of it."""
    if MODELS[family].data == "images":
        x = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        return (1, 8, 8), Batch(x, torch.zeros(count).long())
    if MODELS[family].data == "points":
        return 2, Batch(torch.rand(count, 2, generator=torch.Generator().manual_seed(0)))
    length = 1 if family == "bigram" else 32
    x = torch.randint(VOCAB, (count, length), generator=torch.Generator().manual_seed(0))
    return VOCAB, Batch(x, x)


def built(family: str, size: str = "tiny") -> tuple[Model, Model, Batch]:
    """A model without content, the same with, and a batch."""
    dimensions, batch = shapes(family)

    def make() -> Model:
        return build(MODELS[family].sizes[size], dimensions)

    hollow = without_content(make)
    assert hollow is not None
    return hollow, make(), batch


def predicted(hollow: Model, batch: Batch, precision: str = "float32", **training: Any) -> Memory:
    config = TrainingConfig.parse({"steps": 1, **training}, "test")
    return estimate(hollow, batch, config, precision=precision, watched=4)


# -- what is counted -------------------------------------------------------------------------------


def test_a_tally_counts_births_and_deaths() -> None:
    known = torch.zeros(1000)
    with Tally([known]) as tally:
        first = torch.zeros(100)  # 400 bytes
        view = first.view(10, 10).t()
        first.add_(1)
        assert (tally.live, tally.peak) == (400, 400)
        second = first.double()  # 800 bytes more
        assert (tally.live, tally.peak) == (1200, 1200)
        del first
        assert tally.live == 1200, "a view keeps its storage"
        del view
        assert (tally.live, tally.peak) == (800, 1200)
        known.mul_(2)
        assert (known[:5].sum() + second[0]).item() == 1
        assert tally.live <= 1200 < tally.peak + 100


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_family_is_measured_exactly_and_left_as_it_was(family: str, precision: str) -> None:
    hollow, real, batch = built(family)
    required = [p.requires_grad for p in hollow.parameters()]
    found = predicted(hollow, batch, precision, ema=0.9)
    assert found.is_exact
    weights = sum(t.nbytes for t in (*real.parameters(), *real.buffers()))
    assert found.weights == found.average == weights
    assert found.gradients <= weights and found.step > found.gradients and found.watching > 0
    assert [p.requires_grad for p in hollow.parameters()] == required
    assert all(p.grad is None for p in hollow.parameters())


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_small_model_is_measured_as_it_is_with_the_same_result(
    family: str, precision: str
) -> None:
    hollow, real, batch = built(family)
    before = {name: value.clone() for name, value in real.named_parameters()}
    random = torch.default_generator.get_state()
    assert can_be_tried(real, batch, 4)
    assert predicted(real, batch, precision) == predicted(hollow, batch, precision)
    assert all(torch.equal(before[name], value) for name, value in real.named_parameters())
    assert torch.equal(torch.default_generator.get_state(), random)
    assert all(p.grad is None for p in real.parameters())


def test_what_is_not_small_is_not_tried() -> None:
    _, real, batch = built("gpt")
    assert can_be_tried(real, batch, 4)
    many = torch.empty(200_000, 32, dtype=torch.int64, device="meta")
    assert not can_be_tried(real, Batch(many, many), 4)
    assert not can_be_tried(real, batch, 200_000)
    long = torch.empty(2, SMALL_EXAMPLE + 1, dtype=torch.int64, device="meta")
    assert not can_be_tried(real, Batch(long, long), 2)
    made = built_small(lambda: build(MODELS["gpt"].sizes["tiny"], VOCAB))
    assert made is not None and not hasattr(next(made.parameters()), "fake_mode")
    assert built_small(lambda: build(MODELS["gpt"].sizes["tiny"], 10**5)) is None


def saved_bytes(model: Model, batch: Batch, precision: str) -> int:
    """What PyTorch's own differentiation keeps of a real step, parameters left out; each storage once."""
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        with autocast(precision):
            loss = model.train().phases()[-1].loss(batch, torch.Generator()).total
        kept_now = sum(kept.values())
    del loss
    return kept_now


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", ["language", "gpt", "translation", "gan"])
def test_a_step_holds_what_differentiation_keeps_and_little_more(
    family: str, precision: str
) -> None:
    hollow, real, batch = built(family)
    kept = saved_bytes(real, batch, precision)
    step = predicted(hollow, batch, precision).step
    assert kept < step < 2.5 * kept + 2 * sum(p.nbytes for p in real.parameters())


def test_activations_grow_with_the_batch_and_shrink_in_bfloat16() -> None:
    hollow, _, batch = built("gpt", "small")
    once = predicted(hollow, batch)
    assert once.step > 1.5 * predicted(hollow, batch, "bfloat16").step
    twice = predicted(hollow, Batch(batch.x.repeat(2, 1), batch.x.repeat(2, 1)))
    assert twice.step == pytest.approx(2 * once.step - once.gradients, rel=0.1)
    assert (twice.weights, twice.optimizer) == (once.weights, once.optimizer)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("family", ["gpt", "gan"])
def test_the_optimizers_keep_what_is_predicted(family: str, optimizer: str) -> None:
    hollow, real, batch = built(family)
    config = TrainingConfig.parse({"steps": 1, "optimizer": optimizer}, "test")
    kept = 0
    for phase in real.phases():
        phase.loss(batch, torch.Generator()).total.backward()
        for one in build_optimizers(phase.groups, config):
            one.step()
            states = [value for state in one.state.values() for value in state.values()]
            kept += sum(value.nbytes for value in states if value.numel() > 1)
    ours = predicted(hollow, batch, optimizer=optimizer).optimizer
    assert ours == pytest.approx(kept, rel=0.02)


def test_the_total_is_what_stays_and_the_largest_of_the_rest() -> None:
    memory = Memory(
        process=1000, data=100, weights=10, gradients=10, step=30, optimizer=20, average=10,
        update=5, watching=25, saving=40,
    )  # fmt: skip
    assert memory.total == 1140 + GAPS * 50  # saving: gradients and two copies
    larger = Memory(**{**vars(memory), "step": 60})
    assert larger.total == 1140 + GAPS * 70  # the step on a copy of the weights


# -- what is said and refused ----------------------------------------------------------------------


def of_total(total: int) -> Memory:
    return Memory(total, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_a_tight_run_is_warned_of_and_one_beyond_refused() -> None:
    assert check(of_total(10**18), None) is None
    assert check(of_total(round(TIGHT * 10**9)), 10**9) is None
    warning = check(of_total(900_000_000), 10**9)
    assert warning is not None and warning.fields == {"needed": 0.9, "available": 1.0}
    assert check(of_total(10**9), 10**9) is not None
    with pytest.raises(ResourceError, match=r"at least 30 GB of memory and there are 8\.0 GB"):
        check(of_total(30 * 10**9), 8 * 10**9)


@pytest.mark.parametrize(
    ("family", "changes", "vocab"),
    [
        ("gpt", {"width": 1_000_000}, VOCAB),
        ("gpt", {"width": 2**40}, VOCAB),  # more than a 64-bit count of bytes
        ("gpt", {"width": 10**30, "num_heads": 1}, VOCAB),
        ("gpt", {"context": 100_000_000}, VOCAB),
        ("gpt", {}, 10**9),
        ("bigram", {}, 1_000_000),
        ("vae", {"hidden": [10**7, 10**7]}, 0),
        ("gan", {"generator_width": 10**6}, 0),
        ("autoencoder", {"latent": 10**12}, 0),
    ],
)
def test_c5_the_absurd_is_refused_and_nothing_is_allocated(
    family: str, changes: dict[str, Any], vocab: int
) -> None:
    tiny = MODELS[family].sizes["tiny"]
    config = type(tiny).parse({**tiny.model_dump(mode="json"), **changes}, "test")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ResourceError, match="GB of memory and there are 16 GB"):
        without_content(lambda: build(config, vocab or (1, 28, 28)), 16 * 10**9)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 300_000  # what PyTorch imports for it, the first time


def test_c5_a_million_layers_are_given_up_early() -> None:
    made = 0

    def build() -> Model:
        nonlocal made
        for _ in range(10**6):
            kept.append(torch.empty(1))
            made += 1
        raise AssertionError

    kept: list[Tensor] = []
    with pytest.raises(ResourceError, match=f"over {MOST_TENSORS} tensors"):
        without_content(build, 16 * 10**9)
    assert made == MOST_TENSORS


def test_a_model_that_looks_at_content_is_a_lower_bound() -> None:
    hollow, _, batch = built("gpt")

    def curious(batch: Batch, noise: torch.Generator) -> Any:
        return batch.x.max().item()

    phases = hollow.phases()
    hollow.phases = lambda: [type(p)(p.name, p.groups, curious) for p in phases]  # type: ignore[method-assign]
    found = predicted(hollow, batch)
    assert not found.is_exact and found.step == found.gradients and found.watching == 0
