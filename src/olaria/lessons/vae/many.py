r"""Many images of a VAE: where their codes lie, what lies between them, what the prior draws, and what β does.

.. math:: \frac1N \sum_n D(q(z \mid x_n) \| p(z)) = I(x; z) + D(q(z) \| p(z)), \quad q(z) = \frac1N \sum_n q(z \mid x_n)

Arrays: codes (N, latent), without a unit; terms in nats per image. Sources: Hoffman & Johnson 2016 (the sum); Makhzani
et al. 2015 (the codes of all images together); Higgins et al. 2017 (β); Bowman et al. 2016 (its warm-up).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation.density import ACTIVE_VARIANCE
from olaria.i18n import N_, Message, Number, command
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.figures import (
    Bars,
    Choice,
    Cloud,
    Control,
    Curve,
    Images,
    Plot,
    Scatter,
    Table,
    Words,
)
from olaria.lessons.images import MOST_BARS, index, strip, value
from olaria.lessons.vae.scene import NUM_SAMPLES, NUM_STEPS, SIDE, Scene, most_spread
from olaria.lessons.vae.ways import NUM_AGAIN, Way
from olaria.models.vae import binarize
from olaria.runs import Run
from olaria.sampling import latent

Values = dict[str, Any]

RADIUS = 2.0
"""Of the circle around the origin within which points are counted."""
CIRCLES = (1.0, 2.0, 3.0)
FAR = 1.5
"""How many times as far as usual is far."""
FALL = 1.05
"""How many times its last value a term's highest one is where it has fallen."""
NUM_REBUILT = 5
"""Test images that each of several runs rebuilds."""


def all_codes(scene: Scene, way: Way) -> Values:
    """The mean KL term taken apart, and one draw for each image in the plane."""
    model, labels = scene.vae, None if scene.y is None else scene.y.numpy()
    found = way.drawn
    together, size = found.log_q - found.log_p, len(found.z)
    # Given its class each image has a prior of its own under a flow, and a code of several layers is no one normal.
    apart = not model.config.above and not (model.flow and model.classes)
    log_all = way.of_all(found.h) if apart else found.log_q
    informed, off = (found.log_q - log_all).mean(), (log_all - found.log_p).mean()
    points, axes = _plane(found.z, scene.axes), scene.axes
    inside = _inside(points)
    # The norm of two standard normal numbers, or of one.
    expected = 1 - math.exp(-(RADIUS**2) / 2) if len(axes) == 2 else math.erf(RADIUS / 2**0.5)
    mean, std = way.posterior(numbers(scene.target))
    spread, width = mean.var(0, ddof=1), (std**2).mean(0)
    own = scene.asked.run.name
    beside = scene.autoencoder
    name = own if model.latent <= 2 or beside is None else f"{own} ({_axes_of('z', axes)})"
    clouds = [Cloud(name, points, labels)]
    theirs = 0.0
    if beside is not None:
        codes = way.code(beside[1], numbers(scene.x))
        far = most_spread(torch.from_numpy(codes))
        name = beside[0] if codes.shape[1] <= 2 else f"{beside[0]} ({_axes_of('z', far)})"
        clouds.append(Cloud(name, _plane(codes, far), labels))
        theirs = _inside(clouds[1].points)
    names = ["", ""] if beside is not None else [*(index("z", axis) for axis in axes), ""]
    return {
        "apart": apart,
        "count": size,
        "kl": together.mean(),
        "informed": informed,
        "off": off,
        "most": math.log(size),
        "full": apart and bool(informed > 0.9 * math.log(size)),
        "answer": 0,
        "inside": inside,
        "radius": RADIUS,
        "expected": expected,
        "many": model.latent > 2,
        "latent": model.latent,
        "flow": model.flow is not None,
        "active": way.means(model)[2],
        "least": ACTIVE_VARIANCE,
        "alone": beside is None,
        "train": _train_autoencoder(scene),
        "beside": beside is not None,
        "name": "" if beside is None else beside[0],
        "theirs": theirs,
        "means": mean,
        "stds": std,
        "z": found.z,
        "first": way.draw(
            numbers(scene.target[:NUM_AGAIN]),
            numbers(scene.noise[:NUM_AGAIN]),
            scene.told(slice(0, NUM_AGAIN)),
        ).z,
        "spread": spread,
        "spreads": _spreads(scene, spread, width),
        "map": Scatter(
            "",
            tuple(clouds),
            scene.data.class_names,
            x_label=names[0],
            y_label=names[1],
            panels=beside is not None,
            circles=CIRCLES,
        ),
    }


def _spreads(scene: Scene, spread: Array, width: Array) -> Bars | Plot:
    """How much the means differ among images, and how wide the distributions are."""
    names, unit = (
        (Message(N_("variance of the means")), Message(N_("mean variance"))),
        Message(N_("variance")),
    )
    series = tuple(zip(names, (spread, width), strict=True))
    if len(spread) <= MOST_BARS:
        labels = tuple(index(scene.letter, place) for place in range(len(spread)))
        return Bars("", labels, series, unit)
    ranks = np.arange(1.0, len(spread) + 1)
    curves = tuple(Curve(name, ranks, y[scene.ranked]) for name, y in series)
    return Plot("", curves, Message(N_("dimension, from the one whose mean differs most")), unit)


def between(scene: Scene, way: Way) -> Values:
    """The way from one code to another, and the whole plane of codes where it is one."""
    model, ends = scene.vae, scene.ends
    x, told = numbers(scene.target[ends]), scene.told(torch.tensor(ends))
    codes = way.draw(x, np.zeros((2, model.latent)), told).z
    t = np.linspace(0, 1, NUM_STEPS)[:, None]
    y = None if told is None else told[:1].expand(NUM_STEPS)
    pictures = way.image((1 - t) * codes[0] + t * codes[1], y)
    notes = (Message(N_("one image")), Message(N_("on the way")), Message(N_("the other")))
    shown = [numbers(scene.x[row]) for row in ends]
    drawn = way.drawn.z
    middle = codes.mean(0, keepdims=True)
    far = [way.median_distance(middle, drawn, 1), way.median_distance(drawn, drawn, 2)]
    plane = None
    if model.latent == 2 and not model.classes:
        plane = Images(
            "", tuple(strip("", row) for row in np.split(way.image(_grid(), None), SIDE))
        )
    half = NUM_STEPS // 2
    return {
        "here": far[0],
        "usual": far[1],
        "count": len(drawn),
        "answer": 0 if far[0] < FAR * far[1] else 1,
        "near": far[0] < FAR * far[1],
        "is_plane": plane is not None,
        "codes": codes,
        "pictures": pictures,
        "path": Choice(
            "",
            (Control("t", tuple(value(share, 1) for share in t[:, 0]), start=half, plays=True),),
            tuple(
                Images("", (strip("", np.stack((shown[0], picture, shown[1])), notes),))
                for picture in pictures
            ),
            printed=(half // 2, half, half + half // 2),
        ),
        "plane": plane,
    }


def sampling(scene: Scene, way: Way) -> Values:
    """Draws from the prior, decoded; an autoencoder's decoder asked the same."""
    model, y = scene.vae, latent.classes_in_turn(scene.vae, NUM_SAMPLES)
    z, eps = scene.eps("prior", NUM_SAMPLES), scene.eps("distances", len(scene.target))
    means = way.image(z, y)
    rows = [strip(Message(N_("means of the pixels")), means, _class_names(scene, y))]
    if scene.is_binary:
        pixels = binarize(torch.from_numpy(means).float(), scene.generator("sampled"))
        rows.append(strip(Message(N_("drawn black or white")), pixels))
    drawn = way.drawn.z
    far = [way.median_distance(eps, drawn, 1), way.median_distance(drawn, drawn, 2)]
    theirs, beside = [0.0, 0.0], scene.autoencoder
    if beside is not None:
        name, other = beside
        codes = way.code(other, numbers(scene.x))
        noise = torch.randn(codes.shape, generator=scene.generator("beside")).double().numpy()
        theirs = [way.median_distance(noise, codes, 1), way.median_distance(codes, codes, 2)]
        title = Message(N_("{name}, an autoencoder: no samples"), {"name": name})
        rows.append(strip(title, way.rebuilt(other, noise[:NUM_SAMPLES])))
    return {
        "count": len(drawn),
        "prior": far[0],
        "own": far[1],
        "answer": 0 if far[0] < FAR * far[1] else 1,
        "binary": scene.is_binary,
        "classes": bool(model.classes),
        "beside": beside is not None,
        "alone": beside is None,
        "name": "" if beside is None else beside[0],
        "their_prior": theirs[0],
        "their_own": theirs[1],
        "z": z,
        "means": means,
        "nearest": np.array(far),
        "pictures": Images("", tuple(rows)),
    }


# -- β ---------------------------------------------------------------------------------------------


def beta(scene: Scene, _: Way) -> Values:
    """Both terms as this run logged them while β rose."""
    run, config = scene.asked.run, scene.vae.config
    names = ("loss", "reconstruction_nats", "kl_nats")
    rows = [
        [row["step"], *(row["values"][name] for name in names), row["values"].get("free_nats", 0.0)]
        for row in run.metrics()
        if row["split"] == "train" and row["values"].keys() >= set(names)
    ]
    has_path = len(rows) > 1
    steps, loss, nll, kl, free = np.array(rows if has_path else [[0.0] * 5], np.float64).T
    end, peak = _warm_up_end(run), int(kl.argmax())
    falls = bool(kl[peak] > FALL * kl[-1] and peak + 1 < len(kl))
    marks = () if end is None else ((Message(N_("β at its value")), float(end)),)

    def plot(name: str, y: Array) -> Plot | None:
        curve, unit = Curve(Message(name), steps, y), Message(N_("nats per image"))
        return Plot("", (curve,), Message(N_("step")), unit, marks=marks) if has_path else None

    risen = np.array(run.fractions())[steps.astype(int) - 1] if has_path else np.zeros(1)
    factor = config.beta * np.minimum(1, risen / config.warmup if config.warmup else 1)
    summed = Message(N_("at every logged step, the loss is pixels + β · code"))
    return {
        "logged": has_path,
        "beta": config.beta,
        "warm": end is not None,
        "end": end or 0,
        "peak": kl[peak],
        "at": int(steps[peak]),
        "last": kl[-1],
        "overshoots": falls and end is not None,
        "pixels_first": nll[0],
        "pixels": nll[-1],
        "answer": int(falls) if has_path else None,
        "steps": steps,
        "reconstruction_nats": nll,
        "kl_nats": kl,
        "of_code": plot(N_("code"), kl),
        "of_pixels": plot(N_("pixels"), nll),
        "checks": (Check(summed, loss, nll + factor * (kl + free)),) if has_path else (),
    }


def betas(scene: Scene, way: Way) -> Values | None:
    """The same images and the same noise in runs of different β."""
    if not scene.others:
        return None
    rows = list[tuple[Words | float, ...]]()
    strips = [strip(Message(N_("test images")), scene.target[:NUM_REBUILT])]
    for name, model in scene.others:
        nats, kl, units = way.means(model)
        rows.append((name, model.config.beta, nats, kl, nats + kl, units))
        y = scene.y[:NUM_REBUILT] if model.classes and scene.y is not None else None
        z = torch.randn(NUM_REBUILT, model.latent, generator=scene.generator("prior"))
        codes = latent.encode(model, scene.target[:NUM_REBUILT], y)
        for title, made in (
            (N_("{name}, β = {beta}: rebuilt"), latent.decode(model, codes, y)),
            (N_("{name}, β = {beta}: drawn from the prior"), latent.decode(model, z)),
        ):
            fields = {"name": name, "beta": Number(model.config.beta)}
            strips.append(strip(Message(title, fields), made))
    low, high = (np.array(row[1:5], float) for row in (rows[0], rows[-1]))
    headings = (
        Message(N_("run")),
        "β",
        Message(N_("pixels, nats")),
        Message(N_("code, nats")),
        Message(N_("together, −ELBO")),
        Message(N_("active dimensions")),
    )
    differ = low[0] < high[0]
    return {
        "differ": differ,
        "low": low[0],
        "high": high[0],
        "kl_low": low[2],
        "kl_high": high[2],
        "pixels_low": low[1],
        "pixels_high": high[1],
        "count": len(scene.target),
        "answer": _moved(low, high) if differ else None,
        "nats": np.array([row[2:4] for row in rows]),
        "table": Table("", headings, tuple(rows)),
        "pictures": Images("", tuple(strips)),
    }


def _moved(low: Array, high: Array) -> int:
    """Which of the answers is right: the code cheaper and the pixels dearer, both cheaper, or anything else."""
    pixels, kl = high[1:3] - low[1:3]
    if kl < 0:
        return 0 if pixels > 0 else 1
    return 2


def _warm_up_end(run: Run) -> int | None:
    """The step at which β had its value; None where it had it from the beginning, or never."""
    share = getattr(run.recipe.model, "warmup", 0.0)
    if not share:
        return None
    if run.recipe.training.steps is not None:
        return round(share * run.recipe.training.steps)
    end = next((step for step, done in enumerate(run.fractions(), 1) if done >= share), 1)
    return end if end > 1 else None


# -- of a plane --------------------------------------------------------------------------------------


def _axes_of(letter: str, axes: list[int]) -> str:
    return ", ".join(index(letter, axis) for axis in axes)


def _plane(z: Array, axes: list[int]) -> Array:
    """Points of the plane (N, 2); the second coordinate is 0 where there is one dimension."""
    return np.pad(z[:, axes], ((0, 0), (0, 2 - len(axes))))


def _inside(points: Array) -> float:
    return float((np.linalg.norm(points, axis=1) <= RADIUS).mean())


def _grid() -> Array:
    """The codes of a map of the plane, from the top row down, (side · side, 2), each for an equal share of N(0, I)."""
    line = torch.distributions.Normal(0.0, 1.0).icdf(
        torch.linspace(0.5 / SIDE, 1 - 0.5 / SIDE, SIDE)
    )
    places = [[across, up] for up in line.flip(0).tolist() for across in line.tolist()]
    return np.array(places)


def _class_names(scene: Scene, y: Tensor | None) -> tuple[Words, ...]:
    """What each sample was told to be."""
    return () if y is None else tuple(scene.data.class_names[label] for label in y.tolist())


def _train_autoencoder(scene: Scene) -> str:
    """The command that trains one on the same images, with as many numbers in the code."""
    data = scene.asked.run.recipe.data.last_name
    options = ["--data", data, "--set", f"model.latent={scene.vae.latent}"]
    return command("train", "ae-mnist", options=options)
