r"""Many images of a VAE: where their codes lie, what the prior draws, what β does, and what goes beyond the textbook.

.. math:: \frac1N \sum_n D(q(z \mid x_n) \| p(z)) = I(x; z) + D(q(z) \| p(z)), \quad q(z) = \frac1N \sum_n q(z \mid x_n)

Arrays: codes (N, latent), without a unit; terms in nats per image. Sources: Hoffman & Johnson 2016 (the sum); Makhzani
et al. 2015 (the codes of all images together); Higgins et al. 2017 (β); Bowman et al. 2016 (its warm-up); Dinh et al.
2017, equation 3 (the density under a flow); Sønderby et al. 2016 (layers).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from olaria.evaluation.density import ACTIVE_VARIANCE
from olaria.export.live import Labels, index
from olaria.i18n import N_, Message, command
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.figures import Bars, Cloud, Curve, Images, Live, Plot, Scatter, Table
from olaria.lessons.images import MOST_BARS, strip
from olaria.lessons.live import latent_plane
from olaria.lessons.live_images import between_two, two_mixes
from olaria.lessons.parts import Values
from olaria.lessons.past import Painter, Past, losses
from olaria.lessons.vae.beside import Known, betas_strip, pair
from olaria.lessons.vae.scene import NUM_ESTIMATES, NUM_SAMPLES, NUM_STEPS, SIDE, Scene, most_spread
from olaria.lessons.vae.ways import Draws, Way
from olaria.models.vae import VAE, binarize
from olaria.numbers import Number
from olaria.sampling import latent

RADIUS = 2.0
"""Of the circle around the origin within which points are counted."""
CIRCLES = (1.0, 2.0, 3.0)
FAR = 1.5
"""How many times as far as usual is far."""
FALL = 1.05
"""How many times its last value a term's highest one is where it has fallen."""
LEAST_WARMED = 2
"""Steps that β needs to rise."""
NUM_REBUILT = 5
"""Test images that each of several runs rebuilds."""
SETTINGS = {
    "flow": N_("a prior that is learned"),
    "above": N_("several layers of latent variables"),
    "warmup": N_("β rises at the beginning"),
    "free_bits": N_("nats of each dimension that are not charged"),
    "beta": N_("a factor on the KL term"),
    "importance_samples": N_("a bound of several draws"),
    "classes": N_("a decoder conditioned on the class"),
}
"""Those of a model that the textbook's has not, and what each is."""
_NONE = {"beta": 1.0, "importance_samples": 1}


def all_codes(scene: Scene, way: Way) -> Values:
    """The mean KL term taken apart, and one draw for each image in the plane."""
    model, found, axes, beside = scene.model, way.drawn, scene.axes, scene.autoencoder
    # Given its class each image has a prior of its own under a flow, and a code of several layers is no one normal.
    apart = not model.config.above and not (model.flow and model.classes)
    log_all = way.of_all(found.h) if apart else found.log_q
    informed, off = (found.log_q - log_all).mean(), (log_all - found.log_p).mean()
    most = math.log(len(log_all))
    mean, std = way.posterior(scene.every[0])
    spread = mean.var(0, ddof=1)
    sets = [(scene.asked.run.name, found.z, axes)]
    if beside is not None:
        codes = way.code(beside[1], numbers(scene.x))
        sets.append((beside[0], codes, most_spread(torch.from_numpy(codes))))
    clouds = tuple(_cloud(scene, *each) for each in sets)
    inside = [float((np.linalg.norm(each.points, axis=1) <= RADIUS).mean()) for each in clouds]
    data = scene.asked.run.recipe.data.last_name
    options = ["--data", data, "--set", f"model.latent={model.latent}"]
    names, panels = scene.data.class_names, beside is not None
    labels = ["", ""] if panels else [*(index("z", axis) for axis in axes), ""]
    return {
        "apart": apart,
        "count": len(found.z),
        "kl": (found.log_q - found.log_p).mean(),
        "informed": informed,
        "off": off,
        "most": most,
        "full": apart and bool(informed > 0.9 * most),
        "answer": 0,
        "inside": inside[0],
        "radius": RADIUS,
        # The norm of two standard normal numbers, or of one.
        "expected": 1 - math.exp(-(RADIUS**2) / 2) if len(axes) == 2 else math.erf(RADIUS / 2**0.5),
        "many": model.latent > 2,
        "latent": model.latent,
        "flow": model.flow is not None,
        "active": way.active(),
        "least": ACTIVE_VARIANCE,
        "train": command("train", "ae-mnist", options=options),
        "beside": beside and beside[0],
        "theirs": inside[-1],
        "means": mean,
        "z": found.z,
        "spread": spread,
        "spreads": _spreads(scene, spread, (std**2).mean(0)),
        "map": Scatter("", clouds, names, labels[0], labels[1], panels, CIRCLES),
    }


def _cloud(scene: Scene, name: str, codes: Array, axes: list[int]) -> Cloud:
    """Codes in the plane of two of their dimensions; the second coordinate is 0 where there is one."""
    if codes.shape[1] > 2:
        name += f" ({', '.join(index('z', axis) for axis in axes)})"
    points = np.pad(codes[:, axes], ((0, 0), (0, 2 - len(axes))))
    return Cloud(name, points, None if scene.y is None else scene.y.numpy())


def _spreads(scene: Scene, spread: Array, width: Array) -> Bars | Plot:
    """How much the means differ among images, and how wide the distributions are."""
    unit = Message(N_("variance"))
    series = ((Message(N_("variance of the means")), spread), (Message(N_("mean variance")), width))
    if len(spread) <= MOST_BARS:
        return Bars("", scene.named(range(len(spread))), series, unit)
    ranks = np.arange(1.0, len(spread) + 1)
    curves = tuple(Curve(name, ranks, y[scene.ranked]) for name, y in series)
    return Plot("", curves, Message(N_("dimension, by the variance of its mean")), unit)


def between(scene: Scene, way: Way) -> Values:
    """The way from one code to another, and the whole plane of codes where it is one."""
    model = scene.model
    # Of two classes, or of one where the model is told it.
    ends = list(scene.two(alike=bool(model.classes)))
    told = scene.told(torch.tensor(ends))
    codes = way.draw(numbers(scene.target[ends]), np.zeros((2, model.latent)), told).z
    t = np.linspace(0, 1, NUM_STEPS)[:, None]
    y = None if told is None else told[:1].expand(NUM_STEPS)
    mixes = two_mixes(way.image((1 - t) * codes[0] + t * codes[1], y))
    drawn = way.drawn.z
    here = way.median_distance(codes.mean(0, keepdims=True), drawn, 1)
    usual = way.median_distance(drawn, drawn, 2)
    is_plane = model.latent == 2 and not model.classes
    plane = np.split(way.image(_grid(), None), SIDE) if is_plane else ()
    return {
        "here": here,
        "usual": usual,
        "count": len(drawn),
        "answer": 0 if here < FAR * usual else 1,
        "near": here < FAR * usual,
        "path": between_two(scene, scene.codes, ends, mixes),
        "plane": Images("", tuple(strip("", row) for row in plane)) if is_plane else None,
        "live": latent_plane(scene, scene.codes, way.image),
    }


def _grid() -> Array:
    """The codes of a map of the plane, from the top row down, (side · side, 2), each for an equal share of N(0, I)."""
    shares = torch.linspace(0.5 / SIDE, 1 - 0.5 / SIDE, SIDE)
    line = torch.distributions.Normal(0.0, 1.0).icdf(shares)
    return np.array([[x, y] for y in line.flip(0).tolist() for x in line.tolist()])


def sampling(scene: Scene, way: Way) -> Values:
    """Draws from the prior, decoded; an autoencoder's decoder asked the same."""
    y, drawn = latent.classes_in_turn(scene.model, NUM_SAMPLES), way.drawn.z
    means = way.image(scene.eps("prior", NUM_SAMPLES), y)
    names = () if y is None else tuple(scene.data.class_names[label] for label in y.tolist())
    rows = [strip(Message(N_("means of the pixels")), means, names)]
    if scene.is_binary:
        pixels = binarize(torch.from_numpy(means).float(), scene.generator("sampled"))
        rows.append(strip(Message(N_("drawn black or white")), pixels))

    def distances(noise: Array, codes: Array) -> tuple[float, float]:
        """From noise to the codes, and from these to each other."""
        return way.median_distance(noise, codes, 1), way.median_distance(codes, codes, 2)

    prior, own = distances(scene.eps("distances", len(drawn)), drawn)
    their_prior = their_own = 0.0
    name, other = scene.autoencoder or (None, None)
    if other is not None:
        codes = way.code(other, numbers(scene.x))
        noise = torch.randn(codes.shape, generator=scene.generator("beside")).double().numpy()
        their_prior, their_own = distances(noise, codes)
        title = Message(N_("{name}, an autoencoder: no samples"), {"name": name})
        rows.append(strip(title, way.rebuilt(other, noise[:NUM_SAMPLES])))
    return {
        "both": command("explain", "vae", scene.asked.run.name, "AE_RUN"),
        "count": len(drawn),
        "prior": prior,
        "own": own,
        "answer": 0 if prior < FAR * own else 1,
        "binary": scene.is_binary,
        "classes": bool(scene.model.classes),
        "beside": name,
        "their_prior": their_prior,
        "their_own": their_own,
        "pictures": Images("", tuple(rows)),
        "pair": pair(scene, way),
    }


# -- β ---------------------------------------------------------------------------------------------


def beta(scene: Scene, way: Way) -> Values:
    """Both terms as this run logged them while β rose, and what its decoder drew on the way."""
    (rows, done), config, past = scene.logged, scene.model.config, scene.past
    end = scene.warmed
    warm = 0 < end < len(done)
    told: Values = {
        "logged": len(rows) > 1,
        "beta": config.beta,
        "warm": warm,
        "rising": 0 < end == len(done),
        "at_once": end == 0,
        "end": end,
        "alone": not scene.others,
        "single": past is None,
        "past": past and drawn_on_the_way(scene, way, past),
        **_several(scene),
    }
    if len(rows) < 2:
        unknown = "peak at last overshoots pixels_first pixels answer of_code of_pixels"
        return {**told, **dict.fromkeys(unknown.split())}
    steps, loss, nll, kl, free = rows.T
    peak = int(kl.argmax())
    falls = bool(kl[peak] > FALL * kl[-1])
    marks = ((Message(N_("β at its value")), float(end)),) if warm else ()

    def plot(name: str, y: Array) -> Plot:
        curve, unit = Curve(Message(name), steps, y), Message(N_("nats per image"))
        return Plot("", (curve,), Message(N_("step")), unit, marks=marks)

    risen = done[steps.astype(int) - 1]
    factor = config.beta * np.where(risen < config.warmup, risen / (config.warmup or 1), 1)
    # A row is the mean of the steps since the one before, and a product of means is no mean of products.
    of_one = (np.diff(steps, prepend=0) == 1) | (np.append(0, factor[:-1]) == config.beta)
    summed = N_("where β did not change since the row before, the loss is pixels + β · code")
    return {
        **told,
        "peak": kl[peak],
        "at": int(steps[peak]),
        "last": kl[-1],
        "overshoots": falls and warm,
        "pixels_first": nll[0],
        "pixels": nll[-1],
        "answer": int(falls),
        "of_code": plot(N_("code"), kl),
        "of_pixels": plot(N_("pixels"), nll),
        "checks": (Check(Message(summed), loss[of_one], (nll + factor * (kl + free))[of_one]),),
    }


def _several(scene: Scene) -> dict[str, str]:
    """The commands that train a run of another β, and that set both side by side."""
    recipe, config = scene.asked.run.recipe, scene.model.config
    options = ["--data", recipe.data.last_name, "--set", f"model.latent={config.latent}"]
    options += ["--set", f"model.beta={4 if config.beta < 4 else 1}"]
    train = command("train", recipe.preset or "vae-mnist", options=options)
    return {
        "train": train,
        "all": command("explain", "vae", scene.asked.run.name, "OTHER_RUN"),
    }


def drawn_on_the_way(scene: Scene, way: Way, past: Past) -> Live | Images:
    """Draws from the prior, decoded with the weights of each step."""

    def draw(model: Painter, z: Array, y: Labels) -> Array:
        assert isinstance(model, VAE)
        other = type(way)(replace(scene, model=model))
        return other.image(z, None if y is None else torch.from_numpy(y))

    curves = losses(scene.asked.run, {"loss": N_("loss, nats per image")})
    return past.live(draw, scene.data.class_names, curves)


def betas(scene: Scene, way: Way) -> Values | None:
    """The same images and the same noise in runs of different β."""
    if not scene.others:
        return None
    rows, known = list[tuple[Any, ...]](), list[Known]()
    strips = [strip(Message(N_("test images")), scene.target[:NUM_REBUILT])]
    widest = max((other for _, other in scene.others), key=lambda other: other.model.latent)
    noise = widest.eps("prior", NUM_REBUILT)
    for name, other in scene.others:
        its, factor = type(way)(other), other.model.config.beta
        nats, kl = its.drawn.nll.mean(), its.drawn.kl.sum(1).mean()
        rows.append((name, factor, nats, kl, nats + kl, its.active()))
        new = noise[:, : other.model.latent]
        known.append(Known(name, other, its, rows[-1][-1], new))
        in_turn = latent.classes_in_turn(other.model, NUM_REBUILT)
        for title, z, y in (
            (N_("{name}, β = {beta}: rebuilt"), numbers(other.codes), other.told()),
            (N_("{name}, β = {beta}: drawn from the prior"), new, in_turn),
        ):
            made = its.image(z[:NUM_REBUILT], None if y is None else y[:NUM_REBUILT])
            strips.append(strip(Message(title, {"name": name, "beta": Number(factor)}), made))
    low, high = (np.array(row[1:4], float) for row in (rows[0], rows[-1]))
    pixels, kl = (high - low)[1:]
    terms = N_("pixels, nats"), N_("code, nats"), N_("together, −ELBO")
    headings = tuple(map(Message, (N_("run"), "β", *terms, N_("active dimensions"))))
    differ = bool(low[0] < high[0])
    # The code gets cheaper and the pixels dearer, both cheaper, or neither.
    right = 2 if kl >= 0 else int(pixels <= 0)
    return {
        "differ": differ,
        "low": low[0],
        "high": high[0],
        "kl_low": low[2],
        "kl_high": high[2],
        "pixels_low": low[1],
        "pixels_high": high[1],
        "count": len(scene.target),
        "answer": right if differ else None,
        "table": Table("", headings, tuple(rows)),
        "pictures": betas_strip(scene, known, Images("", tuple(strips))),
    }


# -- beyond the textbook ----------------------------------------------------------------------------


def beyond(scene: Scene, way: Way) -> Values | None:
    """The settings that go beyond, and what a flow and several layers do; None where there are none."""
    config = scene.model.config
    settings = {name: getattr(config, name) for name in SETTINGS}
    used = {name: x for name, x in settings.items() if x and x != _NONE.get(name)}
    if not used:
        return None
    x, _, y = scene.first
    estimates = way.draw(x, scene.eps("estimates", NUM_ESTIMATES), y).kl.sum(1)
    written = (", ".join(map(str, x)) if isinstance(x, tuple) else float(x) for x in used.values())
    rows = zip(used, written, (Message(SETTINGS[name]) for name in used), strict=True)
    headings = Message(N_("setting")), Message(N_("value")), Message(N_("what it is"))
    flow, sizes = scene.model.flow is not None, scene.model.decoder.sizes
    # By the clock, the share of the warm-up may have passed before the first steps of a short run.
    passed = scene.warmed < LEAST_WARMED and len(scene.logged[1]) > 0
    return {
        **dict.fromkeys(SETTINGS),
        **used,
        "warmup": None if passed else used.get("warmup"),
        "passed": used.get("warmup") if passed else None,
        "begun": scene.warmed + 1,
        "draws": NUM_ESTIMATES,
        "mean_of": estimates.mean(),
        "error": estimates.std(ddof=1) / np.sqrt(NUM_ESTIMATES),
        "highest": estimates.max(),
        "lowest": estimates.min(),
        "layers": len(sizes),
        "answer": 1 if flow else None,
        "estimates": estimates,
        "settings": Table("", headings, tuple(rows)),
        "settling": _settling(estimates) if flow else None,
        "carried": _carried(scene, way.drawn) if flow else None,
        "by_layer": _by_layer(way.drawn, sizes) if config.above and not flow else None,
    }


def _settling(estimates: Array) -> Plot:
    """What each draw says of a KL term, and the mean of the draws so far."""
    draws = np.arange(1.0, len(estimates) + 1)
    curves = (
        Curve(Message(N_("one draw")), draws, estimates, "points"),
        Curve(Message(N_("mean of the draws so far")), draws, estimates.cumsum() / draws),
    )
    return Plot("", curves, Message(N_("draw")), Message(N_("nats")))


def _carried(scene: Scene, drawn: Draws) -> Scatter:
    """Draws of h, and the same carried to z."""
    labels = None if scene.y is None else scene.y.numpy()
    clouds = tuple(
        Cloud(name, points[:, scene.axes], labels)
        for name, points in (("h", drawn.h), ("z = T(h)", drawn.z))
    )
    return Scatter("", clouds, scene.data.class_names, panels=True, circles=CIRCLES)


def _by_layer(drawn: Draws, sizes: tuple[int, ...]) -> Bars:
    """The mean KL term of each layer."""
    layers = np.split(drawn.kl, np.cumsum(sizes)[:-1], 1)
    means = np.array([layer.sum(1).mean() for layer in layers])
    name = N_("layer {number}, {size} variables")
    labels = tuple(Message(name, {"number": i, "size": size}) for i, size in enumerate(sizes, 1))
    return Bars("", labels, ((Message(N_("KL term")), means),), Message(N_("nats per image")))
