"""The codebook: the nearest entry, and where gradients go."""

from __future__ import annotations

import torch

from olaria.nn.quantize import Codebook
from olaria.training.randomness import generator, seeded


def book(size: int = 7, dim: int = 3) -> Codebook:
    with seeded(0, "book"):
        return Codebook(size, dim)


def test_a_vector_takes_the_nearest_entry_of_length_one() -> None:
    codebook, z = book(), 5 * torch.randn(20, 3, generator=generator(0, "z"))
    found = codebook(z)
    directions = z / z.norm(dim=1, keepdim=True)
    entries = codebook.entries.detach() / codebook.entries.detach().norm(dim=1, keepdim=True)
    distances = torch.cdist(directions, entries)
    assert torch.equal(found.codes, distances.argmin(1)) and len(found.codes.unique()) > 3
    assert torch.allclose(found.vectors, entries[found.codes], atol=1e-6)
    nearest = distances.min(1).values.square()
    assert torch.allclose(found.codebook, nearest, atol=1e-5)
    assert torch.allclose(found.commitment, nearest, atol=1e-5)
    assert torch.allclose(codebook.lookup(found.codes), found.vectors, atol=1e-6)
    assert torch.equal(codebook(3 * z).codes, found.codes)


def test_gradients_pass_straight_and_each_distance_moves_its_own_side() -> None:
    codebook = book()
    z = torch.randn(4, 3, generator=generator(1, "z")).requires_grad_()
    weights = torch.randn(4, 3, generator=generator(2, "w"))
    found = codebook(z)
    (straight,) = torch.autograd.grad((found.vectors * weights).sum(), z, retain_graph=True)
    (identity,) = torch.autograd.grad(
        (torch.nn.functional.normalize(z, dim=1) * weights).sum(), z, retain_graph=True
    )
    assert torch.allclose(straight, identity, atol=1e-6)
    total = found.codebook.sum()
    entries, none = torch.autograd.grad(
        total, [codebook.entries, z], retain_graph=True, allow_unused=True
    )
    assert none is None and entries.norm() > 1e-3
    none, vectors = torch.autograd.grad(
        found.commitment.sum(), [codebook.entries, z], allow_unused=True
    )
    assert none is None and vectors.norm() > 1e-3


def test_a_codebook_begins_among_the_vectors() -> None:
    codebook, vectors = book(5, 2), torch.randn(50, 2, generator=generator(3, "v"))
    frequent = torch.cat((vectors[:1].expand(5000, 2), vectors))
    codebook.begin(frequent, generator(0, "chosen"))
    unit = torch.nn.functional.normalize(vectors, dim=1)
    assert all(torch.isclose(unit, entry, atol=1e-6).all(1).any() for entry in codebook.entries)
    assert torch.pdist(codebook.entries.detach()).min() > 0.2  # none twice, however frequent
