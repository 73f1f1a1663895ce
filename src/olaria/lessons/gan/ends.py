r"""How a GAN's images came about, and how collapse looks beside them.

Arrays: ``frames`` (F, K, C, H, W), uint8, the first images of each kept sheet, and ``steps`` (F,); ``distances`` (3,),
mean Euclidean distance of two images, of real ones, of generated ones and of a made collapse; ``nearest`` (3,), the
same of an image and the nearest other one; ``spreads`` (3,), the variances of their pixels, summed, over those of the
real ones; ``answers`` (3,), the discriminator's means.
Sources: Metz et al. 2017; Naeem et al. 2020; Yazıcı et al. 2019 (averaged weights).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.errors import LessonError
from olaria.evaluation.diversity import spread
from olaria.evaluation.gathered import alike
from olaria.evaluation.neighbours import kth_radius
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.figures import (
    Choice,
    Control,
    Curve,
    Images,
    Plot,
    Strip,
    Table,
    Words,
)
from olaria.lessons.gan.answers import answer, answer_by_hand, recorded, warnings_table
from olaria.lessons.gan.frames import num_tiles, tiles
from olaria.lessons.gan.gallery import Gallery, as_classes
from olaria.lessons.gan.images import CLASSES, SHOWN
from olaria.models.gan import GAN
from olaria.runs import Run
from olaria.sampling import latent
from olaria.training.health import NARROW_SPREAD
from olaria.training.randomness import generator as at_place

FEW = 4
"""Images that a made collapse consists of."""

# -- first image, last image, the way between ------------------------------------------------------


def frames_steps(gallery: Gallery) -> tuple[Step, ...]:
    """The same noise after each kept step; none where the run kept no pictures."""
    run, model = gallery.run, gallery.model
    if not run.samples():
        return ()
    count = min(num_tiles(run, gallery.shape), _per_frame(model))
    when, frames = tiles(run, gallery.shape, count)
    ends = Images(
        Message(
            N_("The same noise at step {first} and at step {last}."),
            {"first": when[0], "last": when[-1]},
        ),
        tuple(Strip(Message(N_("step {step}"), {"step": when[k]}), frames[k]) for k in (0, -1)),
    )
    animation = Choice(
        Message(N_("Each column keeps its noise: the way of its image through the training.")),
        (Control(Message(N_("step")), tuple(map(str, when)), start=len(when) - 1, plays=True),),
        tuple(Images("", (Strip("", frame),)) for frame in frames),
        tuple(sorted({0, len(frames) - 1})),
    )
    whole, late = _changes(frames)
    text = Message(
        N_(
            "Always the same noise, from before the first update on: what changes is the generator. From step "
            "{first} to step {last} a pixel changed by {whole} of its range (root mean square), from step {middle} "
            "on still by {late}. An image may become another one on the way: the game asks for images that pass, not "
            "for the same ones."
        ),
        {
            "first": when[0],
            "last": when[-1],
            "middle": when[len(when) // 2],
            "whole": Number(whole, 3),
            "late": Number(late, 3),
        },
    )
    return (
        Step(
            Message(N_("First image, last image, and the way between")),
            text,
            "",
            (ends, animation),
            {"frames": np.stack(frames), "steps": np.array(when)},
            (latent.prior,),
            _frame_checks(gallery, when, frames),
            "Yazıcı et al. 2019",
        ),
    )


def _per_frame(model: GAN) -> int:
    """Images of a frame: each class once where there are not too many."""
    return model.classes if 0 < model.classes <= CLASSES else SHOWN


def _changes(frames: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Root mean square change of a pixel from the first frame to the last, and from the middle one to the last."""
    first, middle, last = (frames[k] / 255 for k in (0, len(frames) // 2, -1))
    whole, late = (float(np.sqrt(((last - x) ** 2).mean())) for x in (first, middle))
    return whole, late


def _frame_checks(
    gallery: Gallery, when: list[int], frames: Sequence[NDArray[Any]]
) -> tuple[Check, ...]:
    """The last frame beside the kept weights' images from the noise that the run watches, where of one step."""
    run, model = gallery.run, gallery.model
    if when[-1] != run.checkpoint()[0]:
        return ()
    all_tiles = num_tiles(run, gallery.shape)
    noise = torch.randn(all_tiles, model.latent, generator=at_place(run.recipe.seed, "watching"))
    z = noise[: len(frames[-1])]
    y = latent.classes_in_turn(model, len(z))
    by_hand = games.images(model, numbers(z), as_classes(y))
    # Of all images that the file's whole numbers may stand for, the nearest one.
    lowest, highest = ((frames[-1] + half) / 255 for half in (-0.5, 0.5))
    text = N_(
        "the last frame's file, up to the rounding of its pixels, from the weights of that step and its noise in "
        "NumPy"
    )
    return (Check(Message(text), np.clip(by_hand, lowest, highest), by_hand),)


# -- collapse --------------------------------------------------------------------------------------


def collapse_step(gallery: Gallery) -> Step:
    """How much the images of this run differ, beside a collapse that is made of them, and what the watch warned of.

    Raises:
        LessonError: the real images are all the same, so that nothing can be told of variety.
    """
    if alike(gallery.real) is not None:
        raise LessonError(
            N_(
                "the lesson is about variety, and the images of run {name} are all the same; "
                "give it a run on others"
            ),
            name=gallery.run.name,
        )
    few = torch.arange(len(gallery.made)) % FEW
    sets = (gallery.real, gallery.made, gallery.made[few])
    distances = [mean_distance(x) for x in sets]
    nearest = [nearest_distance(x) for x in sets]
    spreads = [spread(x, gallery.real) for x in sets]
    logits = (*gallery.answers, gallery.answers[1][few])
    answers = [answer(l.double(), gallery.loss).mean().item() for l in logits]
    names: tuple[Words, ...] = (
        Message(N_("real images")),
        Message(N_("this run")),
        Message(N_("made collapse")),
    )
    table = Table(
        Message(
            N_(
                "Mean distance of two images (Euclidean, over pixels in [0, 1]) and of one to the nearest other, "
                "spread (the variances of the pixels, summed, over those of the real images), and the "
                "discriminator's mean answer, each of {count} images."
            ),
            {"count": len(gallery.made)},
        ),
        (
            "",
            Message(N_("distance")),
            Message(N_("nearest other")),
            Message(N_("spread")),
            Message(N_("answer")),
        ),
        tuple(zip(names, distances, nearest, spreads, answers, strict=True)),
        digits=3,
    )
    strips = tuple(
        Strip(name, numbers(x[:SHOWN])) for name, x in zip(names[1:], sets[1:], strict=True)
    )
    pictures = Images(
        Message(
            N_(
                "The first images of this run, and the collapse that was made of them for this page."
            )
        ),
        strips,
    )
    return Step(
        Message(N_("What collapse looks like")),
        _collapse_text(nearest, spreads, answers),
        r"\operatorname{spread} = \frac{\sum_i \operatorname{Var}(G(z)_i)}{\sum_i \operatorname{Var}(x_i)}",
        (pictures, table, *_watched(gallery.run), warnings_table(gallery.run, gallery.events)),
        {
            "distances": np.array(distances),
            "nearest": np.array(nearest),
            "spreads": np.array(spreads),
            "answers": np.array(answers),
        },
        (mean_distance, nearest_distance, spread),
        _collapse_checks(gallery, sets, few, (distances, nearest, spreads, answers)),
        "Metz et al. 2017; Naeem et al. 2020",
    )


def _collapse_text(nearest: list[float], spreads: list[float], answers: list[float]) -> Message:
    return Message(
        N_(
            "In collapse many $z$ become the same few images. The last row is *made by us*: {few} of this run's "
            "images over and over. There the nearest other image is {made} away, {own} in this run and {real} among "
            "real images. The spread is {spread_few} beside {spread}, since even {few} images keep most of it: the "
            "watch, which warns below {limit}, sees by it only a collapse to nearly one. And the discriminator, "
            "which sees one image at a time, answers {answer_few} beside {answer}."
        ),
        {
            "few": FEW,
            "real": Number(nearest[0], 2),
            "own": Number(nearest[1], 2),
            "made": Number(nearest[2], 2),
            "spread": Number(spreads[1], 2),
            "spread_few": Number(spreads[2], 2),
            "limit": Number(NARROW_SPREAD),
            "answer": Number(answers[1], 3),
            "answer_few": Number(answers[2], 3),
        },
    )


def mean_distance(images: Tensor) -> float:
    """Mean Euclidean distance of two different ones of the images (N, C, H, W), over pixels in [0, 1]."""
    return torch.pdist(images.flatten(1)).mean().item()


def nearest_distance(images: Tensor) -> float:
    """Mean distance of an image to the nearest other one, as in :func:`mean_distance`."""
    return kth_radius(images.flatten(1).double(), 1).mean().item()


def _watched(run: Run) -> tuple[Plot, ...]:
    """What the run measured of its own variety at each evaluation."""
    curves = []
    names = (("spread", Message(N_("spread"))), ("coverage", Message(N_("coverage of the data"))))
    for key, name in names:
        when, values = recorded(run, key, split="validation")
        if len(when):
            curves.append(Curve(name, when, values))
    if not curves:
        return ()
    return (
        Plot(
            Message(
                N_(
                    "What the run measured of its images while it trained, beside validation images; real ones have "
                    "a spread of 1."
                )
            ),
            tuple(curves),
            Message(N_("training step")),
            Message(N_("share")),
            ((Message(N_("warning below, for the spread")), NARROW_SPREAD),),
        ),
    )


def _collapse_checks(
    gallery: Gallery,
    sets: Sequence[Tensor],
    few: Tensor,
    values: tuple[list[float], list[float], list[float], list[float]],
) -> tuple[Check, ...]:
    distances, nearest, spreads, answers = values
    squared = [_squared_distances(numbers(x.flatten(1))) for x in sets]
    pairs = [len(x) * (len(x) - 1) for x in sets]
    by_hand = gallery.answers_by_hand
    said = [answer_by_hand(l, gallery.loss) for l in (*by_hand, by_hand[1][few.numpy()])]
    # Half of the mean squared distance of two images is their pixels' variance.
    halves = [x.sum() / (2 * count) for x, count in zip(squared, pairs, strict=True)]
    return (
        Check(
            Message(N_("the distances, from the products of the images in NumPy")),
            distances,
            [np.sqrt(x).sum() / count for x, count in zip(squared, pairs, strict=True)],
        ),
        Check(
            Message(N_("the nearest other image, from the same products")),
            nearest,
            [np.sqrt((x + np.diag(np.full(len(x), np.inf))).min(1)).mean() for x in squared],
        ),
        Check(
            Message(N_("the spreads, which are ratios of mean squared distances")),
            spreads,
            [half / max(halves[0], 1e-12) for half in halves],
        ),
        Check(
            Message(N_("the mean answers, from the weights in NumPy")),
            answers,
            [x.mean() for x in said],
        ),
    )


def _squared_distances(x: Array) -> Array:
    """(N, N), of (N, D)."""
    squares = (x**2).sum(1)
    apart: Array = np.maximum(squares[:, None] + squares[None] - 2 * x @ x.T, 0)
    return apart
