r"""The steps on images: a walk through the noise, the outputs, the gradient at each pixel, and what follows.

Arrays: ``z`` (N, latent), of N(0, I); ``way`` (P, S, C, H, W), ``images`` and ``moved`` (M, C, H, W), in [0, 1];
``real`` and ``generated``, outputs l, (N,); ``pull`` (M, C, H, W), minus the gradient of the generator's loss of each
image, loss per unit of a pixel; ``frames`` (F, K, C, H, W), uint8, the first images of each kept sheet, and ``steps``
(F,); ``distances`` (3,), mean Euclidean distance of two images, of real ones, of generated ones and of a simulated
collapse; ``nearest`` (3,), the same of an image and the nearest other one; ``spreads`` (3,), the variances of their
pixels, summed, over those of the real ones; ``outputs`` (3,), the discriminator's means.

Sources: Goodfellow et al. 2014; White 2016 (paths on the sphere); Odena et al. 2017, equation 3; Metz et al. 2017;
Naeem et al. 2020; Yazıcı et al. 2019 (averaged weights).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from olaria.errors import LessonError
from olaria.evaluation.gathered import alike
from olaria.export.live import LEAST_TURNED, Labels, index
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.lessons.figures import Bars, Choice, Control, Curve, Images, Live, Plot, Strip, Table
from olaria.lessons.gan.game import Values, notes_of, outputs, rms, told
from olaria.lessons.gan.record import measured, num_tiles, played, tiles, warned
from olaria.lessons.gan.scene import Pictures, first
from olaria.lessons.gan.ways import Way, classifies, pull_of
from olaria.lessons.images import map_of_pixels, strip
from olaria.lessons.live import noise_walk
from olaria.lessons.past import Painter, Past, losses
from olaria.models.gan import GAN
from olaria.sampling.latent import on_the_way
from olaria.training.health import NARROW_SPREAD
from olaria.training.randomness import generator as at_place
from olaria.vocabulary import Walk

SHOWN = 8
PATHS, STOPS = 3, 7
"""Pairs of noise, and images on the way from one to the other."""
NUMBERS = 16  # of the noise, that are drawn as bars
CLASSES = 10  # of which the same noise is drawn
BINS = 24
RANKED = (0.65, 0.95)  # between the answers to how well the discriminator tells images apart
MOVING = 0.02  # root mean square change of a pixel from which images still change
PULLED = 3
DIRECTIONS = 3
"""In which a slope is computed: as many single pixels, and as many through all of them."""
LARGEST_MOVE = 0.25  # of a pixel's range, along the gradient
MEASURED = {"spread": N_("spread"), "coverage": N_("coverage of the data")}
"""What a run measures of the variety of its images."""
FEW = 4  # images that a simulated collapse consists of
KINDS = (Message(N_("real images")), Message(N_("generated images")))


def walk(scene: Pictures, way: Way) -> Values:
    """Noise, the image made of it, and the way to another."""
    latent, y = scene.model.latent, first(scene.classes, PATHS)
    path: Walk = "spherical" if latent >= LEAST_TURNED else "linear"
    a, b = scene.z[:PATHS].double(), scene.z[PATHS : 2 * PATHS].double()
    z = numbers(on_the_way(a, b, STOPS, path))
    made = np.stack([way.generated(z[:, stop], y) for stop in range(STOPS)], 1)
    stops = tuple(Images("", (Strip("", made[:, stop]),)) for stop in range(STOPS))
    labels = tuple(f"{stop}/{STOPS - 1}" for stop in range(STOPS))
    control = Control(Message(N_("part of the way")), labels, plays=True)
    count = min(NUMBERS, latent)
    names = (Message(N_("at the start")), Message(N_("at the end")))
    ends = ((name, z[0, k, :count]) for name, k in zip(names, (0, -1), strict=True))
    return {
        "latent": latent,
        "pixels": math.prod(scene.shape),
        "change": rms(np.diff(made, axis=1)),
        "apart": rms(made[:, STOPS // 2] - (made[:, 0] + made[:, -1]) / 2),
        "arc": path == "spherical",
        "paths": len(a),
        "shown": count,
        "answer": 1,
        "z": numbers(scene.z),
        "way": made,
        "noise": Bars("", tuple(index("z", k) for k in range(count)), tuple(ends)),
        "pictures": noise_walk(
            scene.run.name,
            (z[0, 0], z[0, -1]),
            Choice("", (control,), stops, (0, STOPS // 2, STOPS - 1)),
            label=None if y is None else int(y[0]),
            names=scene.names,
            loss=scene.loss,
        ),
    }


def classes(scene: Pictures, way: Way) -> Values | None:
    """The same noise for several classes, and other noise for one; None where there are no classes."""
    if not scene.model.classes:
        return None
    count = min(CLASSES, scene.model.classes)
    z, y = numbers(scene.z[:count]), np.arange(count)
    by_class = way.generated(np.repeat(z[:1], count, 0), y)
    by_noise = way.generated(z, np.zeros_like(y))
    changes = [rms(x - x.mean(0)) for x in (by_class, by_noise)]
    bars = None
    if classifies(scene.model, scene.labels):
        examples = ((scene.real, scene.labels), (scene.made, scene.classes))
        nats = np.array([way.class_nats(numbers(x), own).mean() for x, own in examples])
        bars = Bars("", KINDS, ((Message(N_("loss of the class")), nats),), Message(N_("nats")))
    rows = (
        strip(Message(N_("same noise, each class")), by_class, scene.names[:count]),
        strip(Message(N_("other noise, one class")), by_noise),
    )
    return {
        "count": count,
        "of_class": changes[0],
        "of_noise": changes[1],
        "answer": 0 if changes[0] > changes[1] else 1,
        "projection": scene.model.config.conditioning == "projection",
        "auxiliary": scene.model.config.conditioning == "auxiliary",
        "guessing": math.log(scene.model.classes),
        "by_class": by_class,
        "pictures": Images("", rows),
        "bars": bars,
    }


def judged(scene: Pictures, way: Way) -> Values:
    """The discriminator's outputs on real images and on generated ones."""
    both, config = outputs(scene, way), scene.model.config
    real, made = (way.read(l) for l in both)
    ranked = way.ranked(*both)
    kinds = zip(KINDS, (scene.real, scene.made), (scene.labels, scene.classes), both, strict=True)
    strips = (
        Strip(name, numbers(x[:SHOWN]), notes_of(scene, way, l[:SHOWN], y))
        for name, x, y, l in kinds
    )
    # Which cell an output is in is chosen by the scene's: near an edge both ways might differ.
    chosen = [sigmoid(l) if scene.logistic else l for l in scene.outputs]
    low, high = min(x.min() for x in chosen), max(x.max() for x in chosen)
    margin = 0.05 * max(high - low, 1e-6)
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    counts = (np.histogram(x, edges)[0].astype(np.float64) for x in chosen)
    curves = tuple(Curve(name, middles, y) for name, y in zip(KINDS, counts, strict=True))
    axes = "D(x)" if scene.logistic else "l(x)", Message(N_("images"))
    is_augmented = config.augment == "adaptive"
    return {
        **told(scene),
        "count": len(real),
        "real_mean": real.mean(),
        "made_mean": made.mean(),
        "ranked": ranked,
        "answer": int(np.searchsorted(RANKED, ranked)),
        "bins": BINS,
        "augmented": is_augmented,
        "probability": float(scene.model.augment_probability) if is_augmented else 0.0,
        "conditional": bool(scene.model.classes) and config.conditioning == "projection",
        "pictures": Images("", tuple(strips)),
        "histogram": Plot("", curves, *axes),
    }


def pixel_gradients(scene: Pictures, way: Way) -> Values:
    """Where the generator's loss wants the pixels to go."""
    x, y = numbers(scene.made[:PULLED]), first(scene.classes, PULLED)
    pull = pull_of(scene.model, scene.made[:PULLED], y, scene.loss)
    directions = np.concatenate([_directions(one, k) for k, one in enumerate(pull)])
    start, slopes = (np.repeat(some, 2 * DIRECTIONS, 0) for some in (x, pull))
    own = None if y is None else np.repeat(y, 2 * DIRECTIONS)
    size = np.abs(pull).max((1, 2, 3), keepdims=True)
    moved = np.clip(x + LARGEST_MOVE * pull / np.maximum(size, 1e-12), 0, 1)
    before, after = (way.logits(some, y) for some in (x, moved))
    means = [float(way.read(l).mean()) for l in (before, after)]
    unit = Message(N_("fall of the loss per unit of a pixel"))
    heats = (map_of_pixels(one.sum(0), "", unit, signed=True) for one in pull)
    control = Control(Message(N_("image")), tuple(str(k + 1) for k in range(len(x))), "select")
    rows = (
        Strip(KINDS[1], x, notes_of(scene, way, before, y)),
        Strip(Message(N_("the same, moved")), moved, notes_of(scene, way, after, y)),
    )
    return {
        **told(scene),
        "auxiliary": classifies(scene.model, y),
        "before": means[0],
        "after": means[1],
        "answer": 0 if means[1] > means[0] else 1,
        "images": x,
        "pull": pull,
        "moved": moved,
        "falls": way.falls(start, own, directions, slopes),
        "heats": Choice("", (control,), tuple(replace(heat, digits=4) for heat in heats)),
        "pictures": Images("", rows),
    }


def _directions(pull: Array, seed: int) -> Array:
    """The strongest pixels, each alone, and random directions through all, (2 · DIRECTIONS, C, H, W)."""
    strongest = np.abs(pull).ravel().argsort()[-DIRECTIONS:]
    alone = np.eye(pull.size)[strongest]
    through = np.random.default_rng(seed).standard_normal((DIRECTIONS, pull.size))
    return np.concatenate((alone, through)).reshape(-1, *pull.shape)


def frames(scene: Pictures, way: Way) -> Values | None:
    """The same noise after each kept step; None where the run kept no pictures."""
    run, model = scene.run, scene.model
    if not run.samples():
        return None
    all_tiles = num_tiles(run, scene.shape)
    each = model.classes if 0 < model.classes <= CLASSES else SHOWN
    when, sheets = tiles(run, scene.shape, min(all_tiles, each))
    midway = int(
        np.abs(np.array(when) - when[-1] / 2).argmin()
    )  # pictures lie closer at the beginning
    start, middle, last = (sheets[k] / 255 for k in (0, midway, -1))
    # The noise that the run watches, and what the kept weights make of it.
    draws = at_place(run.recipe.seed, "watching")
    z = numbers(torch.randn(all_tiles, model.latent, generator=draws)[: len(last)])
    again = way.generated(z, np.arange(len(last)) % model.classes if model.classes else None)
    checks: tuple[Check, ...] = ()
    if when[-1] == run.checkpoint()[0]:
        # Of all images that the file's whole numbers may stand for, the nearest one.
        lowest, highest = ((sheets[-1] + half) / 255 for half in (-0.5, 0.5))
        text = N_("the last frame's file, up to rounding, and the images of that step's weights")
        checks = (Check(Message(text), np.clip(again, lowest, highest), again),)
    names = (Message(N_("step {step}"), {"step": when[k]}) for k in (0, -1))
    late, past = rms(last - middle), scene.past
    return {
        "first": when[0],
        "last": when[-1],
        "middle": when[midway],
        "whole": rms(last - start),
        "late": late,
        "answer": 1 if late > MOVING else 0,
        "frames": np.stack(sheets),
        "steps": np.array(when),
        "again": again,
        "ends": Images("", tuple(map(Strip, names, (sheets[0], sheets[-1])))),
        "animation": played(when, [Images("", (Strip("", one),)) for one in sheets]),
        "single": past is None,
        "past": past and drawn_on_the_way(scene, way, past),
        "checks": checks,
    }


def drawn_on_the_way(scene: Pictures, way: Way, past: Past) -> Live | Images:
    """The same noise, with the generator of each step."""

    def draw(model: Painter, z: Array, y: Labels) -> Array:
        assert isinstance(model, GAN)
        return way.at(model).generated(z, y)

    names = {
        "discriminator_loss": N_("loss of D"),
        "generator_loss": N_("loss of G"),
    }
    return past.live(draw, scene.names, losses(scene.run, names))


def collapsed_images(scene: Pictures, way: Way) -> Values:
    """How much the images of this run differ, beside a simulated collapse, and what the monitor warned of.

    Raises:
        LessonError: the real images are all the same, so that nothing can be told of variety.
    """
    if alike(scene.real) is not None:
        text = N_(
            "the lesson is about variety, and the images of run {name} are all the same; "
            "give it a run on others"
        )
        raise LessonError(text, name=scene.run.name)
    few = np.arange(len(scene.made)) % FEW
    real, made = numbers(scene.real), numbers(scene.made)
    sets = (real, made, made[few])
    on_real, on_made = outputs(scene, way)
    distances, nearest = np.stack([way.distances(x) for x in sets], 1)
    spreads = np.array([way.spread(x, real) for x in sets])
    means = np.array([way.read(l).mean() for l in (on_real, on_made, on_made[few])])
    names = (KINDS[0], Message(N_("this run")), Message(N_("simulated collapse")))
    columns = (N_("distance"), N_("nearest other"), N_("spread"), N_("mean output"))
    rows = zip(names, *(x.tolist() for x in (distances, nearest, spreads, means)), strict=True)
    lower = bool(means[2] < means[1] - way.read(on_made).std())
    return {
        **told(scene),
        "few": FEW,
        "count": len(made),
        "near_real": nearest[0],
        "near_own": nearest[1],
        "near_few": nearest[2],
        "spread_own": spreads[1],
        "spread_few": spreads[2],
        "limit": NARROW_SPREAD,
        "output": means[1],
        "output_few": means[2],
        "lower": lower,
        "answer": 0 if lower else 1,
        "distances": distances,
        "nearest": nearest,
        "spreads": spreads,
        "outputs": means,
        "pictures": Images("", tuple(strip(names[k], sets[k][:SHOWN]) for k in (1, 2))),
        "table": Table("", ("", *map(Message, columns)), tuple(rows), digits=3),
        "history": measured(scene.run, MEASURED),
        "warnings": warned(scene),
    }
