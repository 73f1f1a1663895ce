r"""The steps of the divergence's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays: points ``x`` (N,); ``p`` and ``q``, densities per unit of x; ``integrand``, nats per unit of x; ``curve``, the
divergence of a coin in nats; ``mean`` and ``std`` of a posterior, (latent,), and its ``kl_nats``.

Sources: Kullback & Leibler 1951, section 2; Cover & Thomas 2006, theorem 2.6.3 (it is never negative) and section 5.4
(the cost of a wrong code); Minka 2005, section 3 (both directions); Kingma & Welling 2014, appendix B.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Curve, Gaussians, Images, Plot, Strip, Table, Words
from olaria.lessons.images import index
from olaria.lessons.kl.scene import (
    CODES,
    COIN,
    LETTERS,
    MOST_BARS,
    NUM_DRAWS,
    OTHER,
    OWN,
    PEAKS,
    PRIOR,
    STARTS,
    P,
    Q,
    Scene,
)
from olaria.lessons.kl.ways import ByTorch, Way
from olaria.lessons.twice import Row
from olaria.models.vae import VAE
from olaria.objectives.divergence import Gaussian, gaussian_kl, integrand, normal_kl

Values = dict[str, Any]

BIT = math.log(2)
"""In nats."""
DISTANCES = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
STEP = 1e-4
"""Of a difference that stands for a derivative."""


def lost_information(_: Scene, way: Way) -> Values:
    """Letters written with the code of another text: what each letter costs, and what is lost."""
    own, crossed = way.entropy(OWN), way.cross_entropy(OWN, OTHER)
    lost = way.lost(OWN, OTHER)
    extra = np.log2(OWN / OTHER)
    options = np.array([0.0, lost, own])
    return {
        "own": own / BIT,
        "crossed": crossed / BIT,
        "lost": lost / BIT,
        "nats": lost,
        "bit": BIT,
        "answer": int(np.argmin(abs(options - (crossed - own)))),
        "codes": Table(
            "",
            tuple(map(Message, (N_("letter"), "p", N_("code for p"), "q", N_("code for q")))),
            tuple(zip(LETTERS, OWN.tolist(), CODES[0], OTHER.tolist(), CODES[1], strict=True)),
        ),
        "sum": Table(
            "",
            tuple(
                map(Message, (N_("letter"), "p", N_("extra bits"), N_("term of the sum (bits)")))
            ),
            tuple(zip(LETTERS, OWN.tolist(), extra.tolist(), (OWN * extra).tolist(), strict=True)),
        ),
        "checks": (
            Check(
                Message(N_("$H(p, q) − H(p)$ and the sum of the terms equal $D(p‖q)$, in nats")),
                [crossed - own, float(OWN @ extra) * BIT],
                [lost, lost],
            ),
            Check(
                Message(N_("the lengths of the codewords give the same numbers, in bits")),
                [own / BIT, crossed / BIT],
                [sum(p * len(word) for p, word in zip(OWN, code, strict=True)) for code in CODES],
            ),
        ),
    }


def never_negative(_: Scene, way: Way) -> Values:
    """The logarithm below its tangent, and the divergence of a coin from every other."""
    ratios = OTHER / OWN
    lost = way.lost(OWN, OTHER)
    u = np.linspace(0.15, 4.5, 88)
    heads = np.linspace(0.01, 0.99, 99)
    coin = np.array([COIN, 1 - COIN])
    curve = np.array([way.lost(coin, np.array([each, 1 - each])) for each in heads])
    return {
        "mean": float(OWN @ ratios),
        "lost": lost,
        "coin": COIN,
        "half": way.lost(coin, np.array([0.5, 0.5])),
        "answer": 0 if min(lost, curve.min()) < -1e-9 else 1,
        "curve": curve,
        "tangent": Plot(
            "",
            (
                Curve("log u", u, np.log(u)),
                Curve("u − 1", u, u - 1),
                Curve(Message(N_("the four letters")), ratios, np.log(ratios), "points"),
                Curve(Message(N_("their mean")), np.ones(1), np.array([-lost]), "points"),
            ),
            "u = q / p",
            Message(N_("nats")),
            levels=(("0", 0.0),),
        ),
        "coins": Plot(
            "",
            (Curve("D(p‖q)", heads, curve),),
            Message(N_("probability of heads that q states")),
            Message(N_("nats")),
            marks=(("p", COIN),),
        ),
        "checks": (
            Check(
                Message(N_("the mean of q/p is one, so that its logarithm is zero")),
                OWN @ ratios,
                1,
            ),
            Check(
                Message(N_("the least of the curve is zero, where both coins are the same")),
                [curve.min(), heads[curve.argmin()]],
                [0, COIN],
            ),
        ),
    }


def area(_: Scene, way: Way) -> Values:
    """Two densities, and the signed area between their logarithms."""
    x, y = way.integrand(P, Q)
    densities = {"p": way.density(P, x), "q": way.density(Q, x)}
    areas = [way.area(density, x) for density in densities.values()]
    positive, negative = way.area(np.maximum(y, 0), x), way.area(np.minimum(y, 0), x)
    place = 4.0
    log_ratio = float(np.log(np.interp(place, x, densities["q"] / densities["p"])))
    return {
        **_named(P, "p"),
        **_named(Q, "q"),
        "positive": positive,
        "negative": negative,
        "sum": positive + negative,
        "place": place,
        "answer": 0 if log_ratio > 1 else 1,
        "x": x,
        **densities,
        "integrand": y,
        "curves": Plot(
            "",
            tuple(Curve(name, *_thinned(x, density)) for name, density in densities.items()),
            "x",
            Message(N_("density")),
        ),
        "signed": _signed(x, y),
        "checks": (
            Check(Message(N_("the area under each density is one")), areas, [1.0, 1.0]),
            Check(
                Message(N_("the signed area equals the closed form, in nats")),
                positive + negative,
                way.closed(P, Q),
            ),
        ),
    }


def directions(_: Scene, way: Way) -> Values:
    """The other direction is another number."""
    x, y = way.integrand(Q, P)
    forward, backward = way.closed(P, Q), way.closed(Q, P)
    return {
        "forward": forward,
        "backward": backward,
        "answer": 0 if forward > backward else 1,
        "x": x,
        "integrand": y,
        "signed": _signed(x, y),
        "checks": (
            Check(
                Message(N_("the signed area equals the closed form, in nats")),
                way.area(y, x),
                backward,
            ),
        ),
    }


def move_them(_: Scene, way: Way) -> Values:
    """Where the reader moves both; what the page's script computes then is tested against the same formula."""
    moved = [(Gaussian(float(mean), P.std), Gaussian(0.0, P.std)) for mean in DISTANCES]
    closed = np.array([way.closed(*pair) for pair in moved])
    areas = []
    for pair in moved:
        x, y = way.integrand(*pair)
        areas.append(way.area(y, x))
    one, two = closed[DISTANCES == 1][0], closed[DISTANCES == 2][0]
    return {
        "one": one,
        "two": two,
        "std": P.std,
        "answer": int(np.argmin(abs(np.array([1, 2, 4]) - two / one))),
        "distance": DISTANCES,
        "kl_nats": closed,
        "sliders": Gaussians("", (P.mean, P.std), (Q.mean, Q.std)),
        "table": Table(
            "",
            (Message(N_("distance of the means")), Message(N_("divergence (nats)"))),
            tuple(zip(DISTANCES.tolist(), closed.tolist(), strict=True)),
            3,
        ),
        "checks": (
            Check(Message(N_("the closed form equals the area, at each distance")), closed, areas),
        ),
    }


def two_peaks(scene: Scene, way: Way) -> Values:
    """One normal distribution for a density with two peaks: the best of each direction."""
    covering = way.moments(PEAKS)
    found = [way.searched(PEAKS, start) for start in STARTS]
    nats = [way.both(PEAKS, q) for q in (covering, *found)]
    best = int(nats[2][1] < nats[1][1])
    seeking, other = found[best], found[1 - best]
    x = np.linspace(-6, 6, 241)
    means = np.linspace(-4, 4, 81)
    valleys = np.array(
        [way.both(PEAKS, Gaussian(float(mean), PEAKS.parts[0].std)) for mean in means]
    )
    headings = ("q", N_("mean"), N_("standard deviation"), N_("D(p‖q), nats"), N_("D(q‖p), nats"))
    rows = ((Message(N_("least D(p‖q)")), covering), (Message(N_("least D(q‖p)")), seeking))
    density = np.stack([way.peaks(PEAKS, x), way.density(covering, x), way.density(seeking, x)])
    names: tuple[Words, ...] = ("p", Message(N_("least D(p‖q)")), Message(N_("least D(q‖p)")))
    return {
        "share": PEAKS.weights[0],
        **_named(covering, "wide"),
        **_named(seeking, "narrow"),
        "other": other.mean,
        "between": float(np.interp(covering.mean, x, density[0])),
        "peak": density[0].max(),
        "answer": 0 if covering.std > seeking.std else 1,
        "x": x,
        "densities": density,
        "valleys": valleys,
        "curves": Plot(
            "",
            tuple(Curve(name, x, y) for name, y in zip(names, density, strict=True)),
            "x",
            Message(N_("density")),
        ),
        "table": Table(
            "",
            tuple(map(Message, headings)),
            tuple((name, q.mean, q.std, *way.both(PEAKS, q)) for name, q in rows),
        ),
        "slopes": Plot(
            "",
            tuple(
                Curve(name, means, y)
                for name, y in zip(("D(p‖q)", "D(q‖p)"), valleys.T, strict=True)
            ),
            Message(N_("mean of q")),
            Message(N_("nats")),
        ),
        "checks": (
            Check(
                Message(
                    N_("no small step from either best q lowers its divergence: slopes of zero")
                ),
                [_slopes(way, covering, 0), _slopes(way, seeking, 1)],
                np.zeros((2, 2)),
            ),
            Check(
                Message(N_("the mean and variance of p as areas equal those of the wide q")),
                [covering.mean, covering.std**2],
                _moments(way, scene.wide),
            ),
        ),
    }


def posterior(scene: Scene, way: Way) -> Values | None:
    """What the divergence says of the posterior of one test image of a VAE's run."""
    if not scene.asked.runs:
        return None
    mean, std = way.posterior()
    kl = way.from_prior(mean, std)
    most, shown = scene.ranked[0], sorted(scene.ranked[:MOST_BARS])
    terms = way.terms()
    areas = []
    for pair in zip(mean.tolist(), std.tolist(), strict=True):
        x, y = way.integrand(Gaussian(*pair), PRIOR)
        areas.append(way.area(y, x))
    by_mean = 0.5 * mean[most] ** 2
    return {
        "count": len(kl),
        "total": kl.sum(),
        "most": index("z", most),
        "nats": kl[most],
        "mean_of": mean[most],
        "std_of": std[most],
        "by_mean": by_mean,
        "by_std": kl[most] - by_mean,
        "answer": 0 if 2 * by_mean > kl[most] else 1,
        "estimated": scene.model.flow is not None or bool(scene.model.config.above),
        "draws": NUM_DRAWS,
        "own": terms.mean(),
        "shown": len(shown),
        "mean": mean,
        "std": std,
        "kl_nats": kl,
        "image": Images("", (Strip("", scene.image[0].numpy()),)),
        "bars": Bars(
            "",
            tuple(index("z", place) for place in shown),
            ((Message(N_("divergence")), kl[shown]),),
            Message(N_("nats")),
        ),
        "sliders": Gaussians(
            "",
            (float(mean[most]), float(std[most])),
            astuple(PRIOR),
            (f"q({index('z', most)}|x)", f"p({index('z', most)})"),
            fixed_q=True,
        ),
        "checks": (
            Check(
                Message(N_("each dimension's closed form equals the area under its integrand")),
                kl,
                areas,
            ),
        ),
    }


def _named(g: Gaussian, name: str) -> Values:
    """Mean and deviation under names of their own."""
    return {f"mean_{name}": g.mean, f"std_{name}": g.std}


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """What a page draws of a finely computed curve: the middle of it, at fewer points."""
    shown = np.linspace(-4.0, 5.5, 241)
    return shown, np.interp(shown, x, y)


def _signed(x: Array, y: Array) -> Plot:
    curve = Curve(Message(N_("integrand")), *_thinned(x, y), kind="area")
    return Plot("", (curve,), "x", Message(N_("nats per unit of x")))


def _slopes(way: Way, q: Gaussian, direction: int) -> list[float]:
    """How a divergence changes with the mean and with the deviation of q."""
    moves = ((STEP, 0.0), (0.0, STEP))
    return [
        (
            way.both(PEAKS, Gaussian(q.mean + a, q.std + b))[direction]
            - way.both(PEAKS, Gaussian(q.mean - a, q.std - b))[direction]
        )
        / (2 * STEP)
        for a, b in moves
    ]


def _moments(way: Way, x: Array) -> list[float]:
    """Mean and variance of the two peaks, as areas."""
    p = way.peaks(PEAKS, x)
    mean = way.area(p * x, x)
    return [mean, way.area(p * (x - mean) ** 2, x)]


STEPS = (
    Row(lost_information, (ByTorch.entropy, ByTorch.cross_entropy, ByTorch.lost)),
    Row(never_negative, (ByTorch.lost,)),
    Row(area, (Gaussian.log_density, integrand)),
    Row(directions, (integrand, normal_kl)),
    Row(move_them, (normal_kl,)),
    Row(two_peaks, (ByTorch.moments, ByTorch.both, ByTorch.searched)),
    Row(posterior, (VAE.posterior, gaussian_kl), reads_data=True),
)
"""In the order of the documents."""
