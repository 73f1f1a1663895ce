"""What a GAN may do besides the plain game: tell classes, and change what its discriminator sees."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from olaria.families.gan import GANConfig
from olaria.models.base import Batch
from olaria.models.gan import GAN
from olaria.training.randomness import generator, seeded


def game(**changes: Any) -> GAN:
    settings = {"latent": 4, "generator_width": 2, "discriminator_width": 2, "spectral": False}
    with seeded(0, "weights"):
        return GAN(GANConfig(**{**settings, **changes}), (1, 8, 8))


def batch(count: int = 6) -> Batch:
    x = torch.rand(count, 1, 8, 8, generator=generator(1, "x"))
    return Batch(x, torch.arange(count) % 3)


def test_an_auxiliary_classifier_judges_both_kinds_and_leads_the_generator() -> None:
    model, given = game(classes=3, conditioning="auxiliary"), batch()
    assert given.y is not None
    loss = model.discriminator_loss(given, generator(2, "noise"))
    with torch.no_grad():
        noise = torch.randn(6, 4, generator=generator(2, "noise"))
        both = torch.cat((given.x, model.generator(noise, given.y)))
        features = model.discriminator.describe(2 * both - 1)
        said = F.log_softmax(model.class_rows(features), 1)
        y = torch.cat((given.y, given.y))
        nats = -said.gather(1, y[:, None])[:, 0]
    # Odena et al. 2017: the sum of the two expectations.
    expected = nats[:6].mean() + nats[6:].mean()
    assert loss.parts["class_nats"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert set(loss.parts) == {"discriminator_loss", "class_nats"}
    led = model.generator_loss(given, generator(2, "noise"))
    assert led.parts["generated_class_nats"].item() == pytest.approx(
        nats[6:].mean().item(), rel=1e-5
    )
    # Whether an image is real does not depend on the class then.
    with torch.no_grad():
        first, second = (model.discriminate(given.x, given.y + shift) for shift in (0, 1))
    assert torch.equal(first, second)


def test_a_projection_minds_the_class_and_tells_none() -> None:
    model, given = game(classes=3), batch()
    assert set(model.generator_loss(given, generator(2, "noise")).parts) == {"generator_loss"}
    with torch.no_grad():
        first = model.discriminate(given.x, given.y)
        second = model.discriminate(given.x, torch.zeros(6).long())
    assert not torch.allclose(first, second)


def test_changes_become_more_frequent_while_the_discriminator_is_sure() -> None:
    model = game(augment="adaptive", augment_examples=100)
    sure, unsure = torch.full((10,), 3.0), torch.tensor([1.0, -1.0] * 5)
    for _ in range(4):
        model.update_augmentation(sure)
    assert model.augment_probability.item() == pytest.approx(0.4)
    model.update_augmentation(unsure)
    assert model.augment_probability.item() == pytest.approx(0.3)
    for _ in range(9):
        model.update_augmentation(unsure)
    assert model.augment_probability.item() == 0
    assert "augment_probability" in model.state_dict()


def test_both_sides_look_through_the_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    model, given = game(augment="adaptive"), batch()
    judge = model.judge

    def watched(x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        seen.append(x.detach())
        return judge(x, y)

    monkeypatch.setattr(model, "judge", watched)
    plain = []
    for probability in (0.0, 1.0):
        model.augment_probability.fill_(probability)
        model.discriminator_loss(given, generator(2, "noise"))
        model.augment_probability.fill_(probability)
        loss = model.generator_loss(given, generator(2, "noise"))
        plain.append(loss)
    still, still_made, changed, changed_made = seen
    assert torch.equal(still[:6], given.x)
    assert (changed[:6] != given.x).any() and (changed[6:] != still[6:]).any()
    assert (changed_made != still_made).any()
    plain[1].total.backward()
    first = next(model.generator.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0
