r"""The steps of a run of images: the same questions as in the plane, with pictures for answers.

Arrays, in the network's units and flat, D pixels: on one line ``errors`` (T,), squared, the mean over pixels;
``losses`` (T, 2), of the network and of the closed form of the training images; ``spreads``, the standard deviation of
a pixel over the data's, by time or by weight; of both solvers ``errors`` (S, B), the distance from the end of a path of
many steps, the root mean square over pixels; ``agreement`` (W,); ``distances`` (N, 3), Euclidean, to the nearest
training image.

Sources: those of :mod:`olaria.lessons.flow.lines`, :mod:`olaria.lessons.flow.flow` and
:mod:`olaria.lessons.flow.samples`; Karras et al. 2022, section 3 (what a denoiser sees).
"""

from __future__ import annotations

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Bars, Curve, Images, Plot, Strip, Table, Words
from olaria.lessons.flow.flow import ALIKE, BENT, COMPARED, GATHERED, NAMES
from olaria.lessons.flow.image_scene import Pictures
from olaria.lessons.flow.lines import PLACES, TIMES, Values
from olaria.lessons.flow.samples import COPIES, COPY_POWER, COPY_STEPS, FAR
from olaria.lessons.flow.scene import at
from olaria.lessons.flow.ways import Field, Path, Way
from olaria.lessons.images import strip, value
from olaria.nn.ode import EVALUATIONS

LOSS_TIMES = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
NUM_PAIRS = 6
"""Pairs of noise and image that a loss is measured on."""
MIDDLE = LOSS_TIMES.index(0.5)
NUM_PATHS = 3
STEPS = 8
"""Of Heun's rule, along a path that is looked at."""
CLEAR = 0.9
"""Of a pixel in [-1, 1]: one beyond it, on either side, is called black or white."""
EVERY = 2
"""Steps from one picture of a path to the next."""
NUM_SOLVED = 2
FINE_STEPS = 16
"""Of Heun's rule, along a path that counts as exact."""
BUDGETS = (2, 4, 8, 16)
"""Evaluations of the network for one image."""
ASKED = 2
WEIGHTS = (0.0, 1.0, 2.0, 4.0)
GUIDED_STEPS = 5
NUM_GUIDED = 5
NUM_NEAREST = 4
MOST_LINES = 6
"""Training images at the ends of lines through one place, that are shown."""


def told(scene: Pictures) -> Values:
    """What the texts choose their sentences by."""
    name = "" if scene.label is None else scene.data.class_names[scene.label]
    return {
        "averaged": bool(scene.run.recipe.training.ema),
        "step": scene.run.checkpoint()[0],
        "conditional": scene.label is not None,
        "name": name,
        "pixels": scene.x.shape[1],
    }


def field_of(way: Way) -> Field:
    """The network's velocity of places at one time."""
    return lambda x, t: way.velocity(x, at(len(x), t))


def rms(x: Array) -> Array:
    """Root mean square over the pixels of each row."""
    return np.asarray(np.sqrt((x**2).mean(-1)))


def _row(scene: Pictures, title: Words, x: Array, notes: tuple[Words, ...] = ()) -> Strip:
    return strip(title, scene.shown(x), notes)


def _times(times: tuple[float, ...] | list[float]) -> tuple[Words, ...]:
    return tuple(Message("t = {t}", {"t": value(t, 2)}) for t in times)


def _on_line(scene: Pictures, way: Way, times: Array) -> tuple[Array, Array, Array]:
    """The first noise, the first image, and places on the line between them."""
    noise, x = (numbers(some[:1]) for some in (scene.z, scene.x))
    return (
        noise,
        x,
        way.between(np.repeat(noise, len(times), 0), np.repeat(x, len(times), 0), times),
    )


def one_image(scene: Pictures, way: Way) -> Values:
    """One image, one noise, the line between them, and where the network's velocity leads from there."""
    times = np.array(TIMES)
    noise, x, places = _on_line(scene, way, times)
    velocities = way.velocity(places, times)
    errors = ((velocities - (x - noise)) ** 2).mean(1)
    leads = way.leads_to(velocities, places, times)
    names = N_("on the line, $x_t$"), N_("where the network's velocity leads, $x̂$")
    return {
        **told(scene),
        "at_start": errors[0],
        "at_half": errors[len(TIMES) // 2],
        "at_end": errors[-1],
        "zero": float(((x - noise) ** 2).mean()),
        "answer": 2,
        "errors": errors,
        "pictures": Images(
            "",
            (
                _row(scene, Message(names[0]), places, _times(TIMES)),
                _row(scene, Message(names[1]), leads, tuple(value(e, 3) for e in errors)),
            ),
        ),
    }


def many_images(scene: Pictures, way: Way) -> Values:
    """All lines through one place: their mean leads to a mean of images, which the network should give."""
    times = np.array(PLACES)
    _, x, places = _on_line(scene, way, times)
    network, exact = way.velocity(places, times), way.exact(scene.copies, places, times)
    shares = way.shares(scene.copies, places, times)
    counts = 1 / (shares**2).sum(1)
    leads = [way.leads_to(v, places, times) for v in (network, exact)]
    train = numbers(scene.train)
    mean, nearest = train.mean(0), way.nearest(places[:1], train)[1][0]
    candidates = np.stack((x[0], mean, train[nearest]))
    chosen = scene.copies.shares(torch.from_numpy(places), torch.from_numpy(times))
    strips = [
        _row(scene, Message("$x_t$"), places, _times(PLACES)),
        _row(scene, Message(N_("$x̂$, network")), leads[0], _times(PLACES)),
        _row(scene, Message(N_("$x̂$, closed form")), leads[1], _times(PLACES)),
    ]
    late = chosen[1].topk(min(MOST_LINES, len(train))).indices.numpy()
    ends = strip(
        Message(N_("the lines that count most at t = {t}"), {"t": value(PLACES[1], 2)}),
        scene.shown(train[late]),
        tuple(Message("{share}%", {"share": value(100 * s, 1)}) for s in shares[1][late]),
    )
    return {
        **told(scene),
        "count": len(train),
        "early": counts[0],
        "second": counts[1],
        "late": counts[-1],
        "when": PLACES[1],
        "last": PLACES[-1],
        "apart": float(rms(leads[0][0] - leads[1][0])),
        "apart_late": float(rms(leads[0][-1] - leads[1][-1])),
        "answer": int(rms(candidates - leads[0][0]).argmin()),
        "counts": counts,
        "pictures": Images("", tuple(strips)),
        "ends": Images("", (ends,)),
    }


def loss_of_images(scene: Pictures, way: Way) -> Values:
    """The loss at each time, of the network and of the closed form of the training images, on training images."""
    noise, x = (numbers(some[:NUM_PAIRS]) for some in (scene.z, scene.train))
    noise = noise[: len(x)]
    x = x[: len(noise)]
    losses = []
    for t in LOSS_TIMES:
        times = at(len(x), t)
        places = way.between(noise, x, times)
        both = way.velocity(places, times), way.exact(scene.copies, places, times)
        losses.append([float(((v - (x - noise)) ** 2).mean()) for v in both])
    table, names = np.array(losses), (N_("the network"), N_("closed form of the training images"))
    ratio = table[MIDDLE, 1] / table[MIDDLE, 0]
    return {
        **told(scene),
        "pairs": len(x),
        "count": len(scene.train),
        "network": table[MIDDLE, 0],
        "least": table[MIDDLE, 1],
        "zero": float(((x - noise) ** 2).mean()),
        "above": bool((table[:, 0] > table[:, 1]).all()),
        "answer": int(np.searchsorted((0.1, 0.9), ratio)),
        "losses": table,
        "curves": Plot(
            "",
            tuple(
                Curve(Message(n), np.array(LOSS_TIMES), y)
                for n, y in zip(names, table.T, strict=True)
            ),
            "t",
            Message(N_("squared error")),
        ),
    }


def _followed(scene: Pictures, way: Way) -> Path:
    return way.path(field_of(way), numbers(scene.z[:NUM_PATHS]), STEPS, "heun")


def image_paths(scene: Pictures, way: Way) -> Values:
    """The paths from noise to images, how long they are, and where the velocity leads at each time."""
    found = _followed(scene, way)
    times, places = [t for t, _ in found], np.stack([x for _, x in found])
    lengths = np.sqrt((np.diff(places, axis=0) ** 2).sum(2)).sum(0)
    straight = np.sqrt(((places[-1] - places[0]) ** 2).sum(1))
    ratio = float(lengths.mean() / straight.mean())
    leads = np.stack(
        [way.leads_to(way.velocity(x, at(len(x), t)), x, at(len(x), t)) for t, x in found]
    )
    mean, end = numbers(scene.train).mean(0), places[-1]
    clear = (np.abs(leads) > CLEAR).mean((1, 2))
    spread = np.sqrt(leads.var(1).mean(1) / max(numbers(scene.x).var(0).mean(), 1e-12))
    strips, notes = [], _times(times[::EVERY])
    for row in range(places.shape[1]):
        title: Words = Message(N_("path {number}, $x_t$"), {"number": row + 1})
        strips.append(_row(scene, title, places[::EVERY, row], notes))
        strips.append(_row(scene, Message("$x̂$"), leads[::EVERY, row], notes))
    return {
        **told(scene),
        "count": places.shape[1],
        "ratio": ratio - 1,
        "bends": ratio > BENT,
        "from_mean": float(rms(leads[0] - mean).mean()),
        "to_mean": float(rms(end - mean).mean()),
        "first": spread[0],
        "last": spread[-1],
        "clear_first": clear[0],
        "clear_last": clear[-1],
        "clearer": bool(clear[-1] > clear[0]),
        "answer": int(np.searchsorted((GATHERED, 1 - GATHERED), spread[0])),
        "spreads": spread,
        "pictures": Images("", tuple(strips)),
    }


def image_solvers(scene: Pictures, way: Way) -> Values:
    """How far Euler's and Heun's methods end from the exact end, at the same number of evaluations."""
    z, field = numbers(scene.z[:NUM_SOLVED]), field_of(way)
    exact = way.path(field, z, FINE_STEPS, "heun")[-1][1]
    ends = [
        [way.path(field, z, n // EVALUATIONS[solver], solver)[-1][1] for n in BUDGETS]
        for solver in COMPARED
    ]
    errors = np.array([[float(rms(x - exact).mean()) for x in each] for each in ends])
    euler, heun = errors[:, ASKED]
    names = tuple(Message(NAMES[solver]) for solver in COMPARED)
    budgets = tuple(map(str, BUDGETS))
    last = Message(N_("exact"))
    notes = (*(Message("{number}", {"number": n}) for n in BUDGETS), last)
    rows = (
        _row(scene, name, np.stack([*(x[0] for x in each), exact[0]]), notes)
        for name, each in zip(names, ends, strict=True)
    )
    sampler = scene.model.sampler
    return {
        **told(scene),
        "count": len(z),
        "fine": 2 * FINE_STEPS,
        "asked": BUDGETS[ASKED],
        "euler": euler,
        "heun": heun,
        "own": sampler.evaluations,
        "own_steps": sampler.steps,
        "own_solver": Message(NAMES[sampler.solver]),
        "answer": 2 if abs(euler - heun) < ALIKE * max(euler, heun) else int(heun < euler),
        "errors": errors,
        "pictures": Images("", tuple(rows)),
        "bars": Bars(
            "",
            budgets,
            tuple(zip(names, errors, strict=True)),
            Message(N_("error")),
            by_factors=True,
        ),
    }


def image_guidance(scene: Pictures, way: Way) -> Values | None:
    """Samples of one class at several weights: how often they are taken for it, and how much they vary."""
    pool, classes = scene.pool
    if scene.label is None or classes is None or not scene.model.guidable:
        return None
    z, rows = numbers(scene.z[:NUM_GUIDED]), list[Strip]()
    agreement, spreads = list[float](), list[float]()
    own = np.sqrt(numbers(scene.x).var(0).mean())
    for weight in WEIGHTS:

        def field(x: Array, t: float, weight: float = weight) -> Array:
            given = way.velocity(x, at(len(x), t))
            return given if weight == 1 else way.guided(given, way.free(x, at(len(x), t)), weight)

        end = way.path(field, z, GUIDED_STEPS, "heun")[-1][1]
        _, places = way.nearest(end, numbers(pool))
        agreement.append(float((numbers(classes)[places] == scene.label).mean()))
        spreads.append(float(np.sqrt(end.var(0).mean()) / own))
        rows.append(_row(scene, Message("w = {weight}", {"weight": value(weight, 0)}), end))
    columns = "w", Message(N_("agreement")), Message(N_("spread"))
    return {
        **told(scene),
        "count": len(z),
        "pool": len(pool),
        "none": agreement[0],
        "alone": agreement[1],
        "agreed": agreement[-1],
        "spread_alone": spreads[1],
        "spread_most": spreads[-1],
        "most": WEIGHTS[-1],
        "answer": 0 if spreads[-1] < spreads[1] else 1,
        "agreement": np.array(agreement),
        "spreads": np.array(spreads),
        "pictures": Images("", tuple(rows)),
        "table": Table("", columns, tuple(zip(WEIGHTS, agreement, spreads, strict=True))),
    }


def image_nearest(scene: Pictures, way: Way) -> Values:
    """Samples beside their nearest training images, and beside what a velocity makes that copies."""
    z, test = (numbers(some[:NUM_NEAREST]) for some in (scene.z, scene.x))
    train, sampler = numbers(scene.train), scene.model.sampler
    made = way.path(field_of(way), z, sampler.steps, sampler.solver)[-1][1]
    copied = way.path(
        lambda x, t: way.exact(scene.copies, x, at(len(x), t)), z, COPY_STEPS, "euler", COPY_POWER
    )[-1][1]
    distances, places = zip(*(way.nearest(x, train) for x in (made, test, copied)), strict=True)
    medians = [float(np.median(each)) for each in distances]
    ratio = medians[0] / max(medians[1], 1e-12)

    def row(title: str, x: Array, notes: Array | None = None) -> Strip:
        told = () if notes is None else tuple(value(distance, 2) for distance in notes)
        return _row(scene, Message(title), x, told)

    return {
        **told(scene),
        "count": len(z),
        "train": len(train),
        "made": medians[0],
        "test": medians[1],
        "copied": medians[2],
        "ratio": ratio,
        "answer": int(np.searchsorted((COPIES, FAR), ratio)),
        "distances": np.stack(distances, 1),
        "pictures": Images(
            "",
            (
                row(N_("samples of your network"), made),
                row(
                    N_("their nearest training images, and how far"), train[places[0]], distances[0]
                ),
                row(N_("samples of the closed form, from the same noise"), copied),
                row(
                    N_("their nearest training images, and how far"), train[places[2]], distances[2]
                ),
            ),
        ),
    }
