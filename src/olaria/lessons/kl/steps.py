r"""The steps of the divergence's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays: points ``x`` (N,); ``p`` and ``q``, densities per unit of x; ``integrand``, nats per unit of x; ``curve``, the
divergence of a coin in nats; ``mean`` and ``std`` of a posterior, (latent,), and its ``kl_nats``.

Sources: Kullback & Leibler 1951, section 2; Cover & Thomas 2006, theorem 2.6.3 (it is never negative) and section 5.4
(the cost of a wrong code); Minka 2005, section 3 (both directions); Kingma & Welling 2014, appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

import numpy as np

from olaria.export.live import index
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Curve, Gaussians, Images, Live, Plot, Strip, Table
from olaria.lessons.kl.scene import MOST_BARS, NUM_DRAWS, PRIOR, Mixture, P, Q, Scene
from olaria.lessons.kl.ways import ByTorch, Way
from olaria.lessons.parts import Values
from olaria.lessons.twice import Row
from olaria.models.vae import VAE
from olaria.objectives.divergence import Gaussian, grid, integrand, normal_kl

BIT = math.log(2)
"""In nats."""
LETTERS = "abcd"
OWN, OTHER = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8]), np.array([1 / 8, 1 / 8, 1 / 4, 1 / 2])
"""How often each letter comes, and how often another text has it: powers of a half, so that codes fit exactly."""
CODES = ("0", "10", "110", "111"), ("111", "110", "10", "0")
"""No codeword begins another, and a letter of probability 2^-n has n bits (Huffman 1952)."""
COIN = 0.25
"""Probability of heads."""
PEAKS = Mixture((0.6, 0.4), (Gaussian(-2.0, 0.6), Gaussian(2.0, 0.6)))
PLACE = 4.0
"""Where q is many times as high as p."""
DISTANCES = (0.0, 0.5, 1.0, 2.0, 3.0)


def lost_information(_: Scene, way: Way) -> Values:
    """Letters written with the code of another text: what each letter costs, and what is lost."""
    own, crossed = way.cross_entropy(OWN, OWN), way.cross_entropy(OWN, OTHER)
    lost, extra = way.lost(OWN, OTHER), np.log2(OWN / OTHER)
    codes = N_("letter"), "p", N_("code for p"), "q", N_("code for q")
    terms = N_("letter"), "p", N_("extra bits"), N_("term of the sum (bits)")
    short, long = (OWN @ [len(word) for word in code] for code in CODES)
    by_lengths = Message(N_("the lengths of the codewords give the same numbers, in bits"))
    return {
        "own": own / BIT,
        "crossed": crossed / BIT,
        "lost": lost / BIT,
        "nats": lost,
        "bit": BIT,
        "answer": 1,
        "codes": _table(codes, zip(LETTERS, OWN, CODES[0], OTHER, CODES[1], strict=True)),
        "sum": _table(terms, zip(LETTERS, OWN, extra, OWN * extra, strict=True)),
        "checks": (
            Check(by_lengths, np.array([own, crossed, lost]) / BIT, [short, long, long - short]),
        ),
    }


def never_negative(_: Scene, way: Way) -> Values:
    """The logarithm below its tangent, and the divergence of a coin from every other."""
    ratios, lost = OTHER / OWN, way.lost(OWN, OTHER)
    u, heads = np.linspace(0.15, 4.5, 88), np.linspace(0.01, 0.99, 99)
    coin = np.array([COIN, 1 - COIN])
    curve = np.array([way.lost(coin, np.array([each, 1 - each])) for each in heads])
    letters = Curve(Message(N_("the four letters")), ratios, np.log(ratios), "points")
    mean = Curve(Message(N_("their mean")), np.ones(1), np.array([-lost]), "points")
    tangent = Curve("log u", u, np.log(u)), Curve("u − 1", u, u - 1), letters, mean
    coins, stated = Curve("D(p‖q)", heads, curve), Message(N_("probability of heads that q states"))
    nats = Message(N_("nats"))
    return {
        "mean": float(OWN @ ratios),
        "lost": lost,
        "coin": COIN,
        "half": way.lost(coin, np.array([0.5, 0.5])),
        "answer": 1,
        "curve": curve,
        "tangent": Plot("", tangent, "u = q / p", nats, levels=(("0", 0.0),)),
        "coins": Plot("", (coins,), stated, nats, marks=(("p", COIN),)),
    }


def area(_: Scene, way: Way) -> Values:
    """Two densities, and the signed area between their logarithms."""
    x = grid(P, Q)
    p, q, y = way.density(P, x), way.density(Q, x), way.integrand(P, Q, x)
    positive, negative = way.area(np.maximum(y, 0), x), way.area(np.minimum(y, 0), x)
    curves = tuple(Curve(name, *_thinned(x, density)) for name, density in (("p", p), ("q", q)))
    total = positive + negative
    ones = Message(N_("the area under each density is one"))
    return {
        **_named(P, "p"),
        **_named(Q, "q"),
        "positive": positive,
        "negative": negative,
        "sum": total,
        "place": PLACE,
        "answer": 0,
        "x": x,
        "p": p,
        "q": q,
        "integrand": y,
        "curves": Plot("", curves, "x", Message(N_("density"))),
        "signed": _signed(x, y),
        "checks": (
            Check(ones, [way.area(p, x), way.area(q, x)], [1.0, 1.0]),
            _check_area(total, way.closed(P, Q)),
        ),
    }


def directions(_: Scene, way: Way) -> Values:
    """The other direction is another number."""
    x = grid(Q, P)
    y = way.integrand(Q, P, x)
    forward, backward = way.closed(P, Q), way.closed(Q, P)
    return {
        "forward": forward,
        "backward": backward,
        "answer": 0 if forward > backward else 1,
        "x": x,
        "integrand": y,
        "signed": _signed(x, y),
        "checks": (_check_area(way.area(y, x), backward),),
    }


def move_them(_: Scene, way: Way) -> Values:
    """Where the reader moves both; what the page's script computes then is tested against the same formula."""
    pairs = [(Gaussian(mean, P.std), Gaussian(0.0, P.std)) for mean in DISTANCES]
    closed = np.array([way.closed(*pair) for pair in pairs])
    one, two = closed[DISTANCES.index(1)], closed[DISTANCES.index(2)]
    headings = N_("distance of the means"), N_("divergence (nats)")
    return {
        "one": one,
        "two": two,
        "std": P.std,
        "answer": 2,
        "kl_nats": closed,
        "sliders": Gaussians("", astuple(P), astuple(Q)),
        "table": _table(headings, zip(DISTANCES, closed, strict=True), 3),
        "checks": (_check_area([_area(way, *pair) for pair in pairs], closed),),
    }


def two_peaks(_: Scene, way: Way) -> Values:
    """One normal distribution for a density with two peaks: the best of each direction."""
    covering, found = way.moments(PEAKS), [way.searched(PEAKS, peak) for peak in PEAKS.parts]
    seeking, other = sorted(found, key=lambda q: way.both(PEAKS, q)[1])
    x, means = np.linspace(-6, 6, 241), np.linspace(-4, 4, 81)
    moved = [Gaussian(mean, PEAKS.parts[0].std) for mean in means.tolist()]
    forward, backward = np.array([way.both(PEAKS, q) for q in moved]).T
    names = "p", N_("least D(p‖q)"), N_("least D(q‖p)")
    densities = [way.density(PEAKS, x), way.density(covering, x), way.density(seeking, x)]
    curves = (Curve(Message(name), x, y) for name, y in zip(names, densities, strict=True))
    headings = "q", N_("mean"), N_("standard deviation"), N_("D(p‖q), nats"), N_("D(q‖p), nats")
    fits = zip(names[1:], (covering, seeking), strict=True)
    rows = ((Message(name), *astuple(q), *way.both(PEAKS, q)) for name, q in fits)
    slopes = Curve("D(p‖q)", means, forward), Curve("D(q‖p)", means, backward)
    return {
        "share": PEAKS.weights[0],
        **_named(covering, "wide"),
        **_named(seeking, "narrow"),
        "other": other.mean,
        "between": float(np.interp(covering.mean, x, densities[0])),
        "peak": densities[0].max(),
        "answer": 0,
        "curves": Live(
            "",
            "live_peaks",
            (),
            {"share": PEAKS.weights[0], "parts": [astuple(part) for part in PEAKS.parts]},
            Plot("", tuple(curves), "x", Message(N_("density"))),
        ),
        "table": _table(headings, rows),
        "slopes": Plot("", slopes, Message(N_("mean of q")), Message(N_("nats"))),
    }


def posterior(scene: Scene, way: Way) -> Values | None:
    """What the divergence says of the posterior of one test image of a VAE's run."""
    if not scene.asked.runs:
        return None
    mean, std = way.posterior()
    q = [Gaussian(*pair) for pair in zip(mean.tolist(), std.tolist(), strict=True)]
    kl = np.array([way.closed(each, PRIOR) for each in q])
    most, shown = scene.ranked[0], sorted(scene.ranked[:MOST_BARS])
    name, by_mean = index("z", most), 0.5 * mean[most] ** 2
    labels = tuple(index("z", place) for place in shown)
    names = f"q({name}|x)", f"p({name})"
    return {
        "count": len(kl),
        "total": kl.sum(),
        "most": name,
        "nats": kl[most],
        "mean_of": mean[most],
        "std_of": std[most],
        "by_mean": by_mean,
        "by_std": kl[most] - by_mean,
        "answer": 0 if 2 * by_mean > kl[most] else 1,
        "estimated": scene.model.flow is not None or bool(scene.model.config.above),
        "draws": NUM_DRAWS,
        "own": way.terms().mean(),
        "shown": len(shown),
        "mean": mean,
        "std": std,
        "kl_nats": kl,
        "image": Images("", (Strip("", scene.image[0].numpy()),)),
        "bars": Bars("", labels, ((Message(N_("divergence")), kl[shown]),), Message(N_("nats"))),
        "sliders": Gaussians("", astuple(q[most]), astuple(PRIOR), names, fixed_q=True),
        "checks": (_check_area([_area(way, each, PRIOR) for each in q], kl),),
    }


def _named(g: Gaussian, name: str) -> Values:
    """Mean and deviation under names of their own."""
    return {f"mean_{name}": g.mean, f"std_{name}": g.std}


def _table(
    headings: tuple[str, ...], rows: Iterable[tuple[Any, ...]], digits: int | None = None
) -> Table:
    return Table("", tuple(map(Message, headings)), tuple(rows), digits)


def _area(way: Way, p: Gaussian, q: Gaussian) -> float:
    x = grid(p, q)
    return way.area(way.integrand(p, q, x), x)


def _check_area(found: Any, closed: Any) -> Check:
    return Check(Message(N_("the signed area equals the closed form, in nats")), found, closed)


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """What a page draws of a finely computed curve: the middle of it, at fewer points."""
    shown = np.linspace(-4.0, 5.5, 241)
    return shown, np.interp(shown, x, y)


def _signed(x: Array, y: Array) -> Plot:
    curve = Curve(Message(N_("integrand")), *_thinned(x, y), kind="area")
    return Plot("", (curve,), "x", Message(N_("nats per unit of x")))


STEPS = (
    Row(lost_information, (ByTorch.cross_entropy, ByTorch.lost)),
    Row(never_negative, (ByTorch.lost,)),
    Row(area, (Gaussian.log_density, integrand)),
    Row(directions, (integrand, normal_kl)),
    Row(move_them, (normal_kl,)),
    Row(two_peaks, (ByTorch.moments, ByTorch.both, ByTorch.searched)),
    Row(posterior, (VAE.posterior, normal_kl), reads_data=True),
)
"""In the order of the documents."""
