r"""Where a GAN's generator wants its pixels: the only thing that it learns from.

Arrays: ``images`` and ``moved`` (M, C, H, W), in [0, 1]; ``pull`` (M, C, H, W), minus the gradient of the generator's
loss of each image, loss per unit of a pixel. Sources: Goodfellow et al. 2014, section 3; Odena et al. 2017, equation 3.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from olaria.families.gan import AdversarialLoss
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.figures import (
    Choice,
    Control,
    Heat,
    Images,
    Strip,
)
from olaria.lessons.gan.answers import answer, scale, terms_by_hand
from olaria.lessons.gan.gallery import Gallery, as_classes
from olaria.lessons.gan.images import notes_of
from olaria.models.gan import GAN
from olaria.objectives.adversarial import generator_loss

PULLED = 3
DIRECTIONS = 3
"""In which a slope is looked at: as many single pixels, and as many through all of them."""
LARGEST_MOVE = 0.25
"""Of a pixel's range, along the pull."""
HEAT_SIDE = 32
_FORMULAS = (
    r"-\frac{\partial L_G}{\partial x} \quad x = G(z)",
    r"-\frac{\partial}{\partial x} \left(L_G - \log p(y \mid x)\right) \quad x = G(z)",
)
"""Without an auxiliary classifier, and with one."""


def pull_step(gallery: Gallery) -> Step:
    """Where the generator's loss wants the pixels to go."""
    images = gallery.made[:PULLED]
    classes = None if gallery.classes is None else gallery.classes[:PULLED]
    pull = pull_of(gallery.model, images, classes, gallery.loss)
    size = np.abs(pull).max((1, 2, 3), keepdims=True)
    moved = np.clip(numbers(images) + LARGEST_MOVE * pull / np.maximum(size, 1e-12), 0, 1)
    after = gallery.model.discriminate(torch.from_numpy(moved).float(), classes)
    before = gallery.answers[1][:PULLED]
    means = [answer(l.double(), gallery.loss).mean().item() for l in (before, after)]
    notes = [notes_of(gallery, l, classes) for l in (before, after)]
    strips = (
        Strip(Message(N_("generated images")), numbers(images), notes[0]),
        Strip(Message(N_("the same, moved")), moved, notes[1]),
    )
    heat = pooled(pull)
    text = Message(
        N_(
            "The generator learns from one thing only: how its loss changes with each pixel of its images. Changed "
            "along that by at most a quarter of a pixel's range, the images get {after} on average instead of "
            "{before}. This is what the discriminator rewards, not how the images look after the next update: the "
            "generator can only move its weights, and all its images with them."
        ),
        {"before": Number(means[0], 3), "after": Number(means[1], 3)},
    )
    return Step(
        Message(N_("Where the pixels are pulled")),
        text,
        _FORMULAS[gallery.model.classes > 0 and gallery.model.config.conditioning == "auxiliary"],
        (_heats(heat), Images(scale(gallery.loss), strips)),
        {"images": numbers(images), "pull": pull, "moved": moved},
        (GAN.generator_loss, generator_loss),
        _pull_checks(gallery, pull, heat, moved, torch.cat((before, after))),
        "Goodfellow et al. 2014, section 3; Odena et al. 2017, equation 3",
    )


def pull_of(model: GAN, images: Tensor, y: Tensor | None, loss: AdversarialLoss) -> Array:
    """Minus the gradient of each image's own loss, that of its class included where there is one, (M, C, H, W)."""
    x = images.double().requires_grad_()
    logits, class_nats = copy.deepcopy(model).double().judge(x, y)
    total = generator_loss(logits, loss) * len(x)
    if class_nats is not None:
        total = total + class_nats.sum()
    (gradient,) = torch.autograd.grad(total, x)
    return -numbers(gradient)


def pooled(pull: Array) -> Array:
    """The mean over colours and over blocks of pixels, so that no side is above :data:`HEAT_SIDE`, (M, R, C)."""
    grey = torch.from_numpy(pull).mean(1, keepdim=True)
    factor = -(-max(grey.shape[2:]) // HEAT_SIDE)
    return numbers(F.avg_pool2d(grey, factor, ceil_mode=True)[:, 0])


def _heats(heat: Array) -> Choice:
    names = [tuple(str(k + 1) for k in range(size)) for size in heat.shape[1:]]
    figures = tuple(
        Heat(
            "",
            values,
            names[0],
            names[1],
            unit=Message(N_("fall of the loss per unit of a pixel")),
            signed=True,
            digits=4,
        )
        for values in heat
    )
    labels = tuple(str(k + 1) for k in range(len(heat)))
    return Choice(
        Message(
            N_(
                "The pull on each pixel of the generated images below: positive where brighter would lower the "
                "generator's loss, negative where darker would."
            )
        ),
        (Control(Message(N_("image")), labels, "select"),),
        figures,
    )


def _pull_checks(
    gallery: Gallery, pull: Array, heat: Array, moved: Array, answers: Tensor
) -> tuple[Check, ...]:
    model = gallery.model
    images = numbers(gallery.made[:PULLED])
    classes = as_classes(gallery.classes)
    values, expected = [], []
    for k, (image, own) in enumerate(zip(images, pull, strict=True)):
        directions = _directions(own, k)
        y = None if classes is None else np.full(len(directions), classes[k])

        def loss_at(x: Array, y: Any = y) -> Array:
            cost = terms_by_hand(games.logits(model, x, y), gallery.loss)[2]
            if y is not None and model.config.conditioning == "auxiliary":
                cost = cost + games.class_nats(model, x, y)
            return cost

        values.append((directions * own).sum((1, 2, 3)))
        expected.append(-games.slopes(loss_at, image, directions))
    grey = pull.mean(1)
    factor = -(-max(grey.shape[1:]) // HEAT_SIDE)
    blocks = [
        [
            [one[r : r + factor, c : c + factor].mean() for c in range(0, one.shape[1], factor)]
            for r in range(0, one.shape[0], factor)
        ]
        for one in grey
    ]
    y = None if classes is None else np.tile(classes[: len(images)], 2)
    seen = np.concatenate((images, moved))
    return (
        Check(
            Message(
                N_(
                    "the pull on {count} pixels and along {count} directions through all of them, by the difference "
                    "of two losses in NumPy"
                ),
                {"count": DIRECTIONS},
            ),
            np.array(values),
            np.array(expected),
        ),
        Check(Message(N_("each drawn cell, from the pull on its pixels")), heat, blocks),
        Check(
            Message(N_("the answers before and after, from the weights in NumPy")),
            numbers(answers),
            games.logits(model, seen, y),
        ),
    )


def _directions(pull: Array, seed: int) -> Array:
    """The strongest pixels, each alone, and random directions through all, (2 · DIRECTIONS, C, H, W)."""
    strongest = np.abs(pull).ravel().argsort()[-DIRECTIONS:]
    alone = np.eye(pull.size)[strongest]
    through = np.random.default_rng(seed).standard_normal((DIRECTIONS, pull.size))
    return np.concatenate((alone, through)).reshape(-1, *pull.shape)
