r"""One image through a VAE, and the two terms of its bound; the prose stands in ``text.en.md`` and ``text.pt.md``.

Arrays: images (N, C, H, W), pixels in [0, 1]; means, deviations and draws (N, latent), without a unit; terms in nats.
With a flow the encoder speaks of h, and z = T(h); see :class:`olaria.models.vae.VAE`. Sources: Kingma & Welling 2014,
section 2.4, equation 10 and appendices B and C; Burda et al. 2016, equation 8 (several draws).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from olaria.export.live import index
from olaria.i18n import N_, Message
from olaria.lessons.base import numbers
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import (
    Bars,
    Choice,
    Control,
    Curve,
    Gaussians,
    Images,
    Live,
    Plot,
    Table,
)
from olaria.lessons.images import map_of_pixels, strip, value
from olaria.lessons.live_images import drawing, score
from olaria.lessons.parts import Values
from olaria.lessons.twice import Row
from olaria.lessons.vae.many import all_codes, beta, betas, between, beyond, sampling
from olaria.lessons.vae.scene import NUM_DRAWS, NUM_ESTIMATES, Scene
from olaria.lessons.vae.ways import Draws, Way
from olaria.models.vae import VAE
from olaria.objectives.divergence import gaussian_kl
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.sampling import latent

SCALES = (0.0, 0.5, 1.0, 2.0)
"""Of the noise: only 1 is the model's own."""
NUDGE = 0.01
"""By which a reader moves a deviation in thought."""
SHARES = (0.1, 0.25, 0.5)
"""Between the answers to how much of a blind decoder's cost is left."""
LEAST = 0.01
"""Nats below which a dimension says next to nothing."""
NUM_WEIGHED = 16
"""Draws that are weighed together."""
LIKELIHOODS = ("bernoulli", "gaussian", "logistic")


def one_image(scene: Scene, way: Way) -> Values:
    """Image, mean and deviation, noise, code, image."""
    x, eps, y = scene.first
    mean, std = way.posterior(x)
    found, shown, places = way.draw(x, eps, y), scene.shown, scene.places
    rows = np.stack((mean[0], std[0], eps[0], found.h[0]))[:, places].T
    names = [N_("the image"), N_("drawn black or white"), N_("decoded")]
    pictures = [numbers(scene.x[:1]), x, way.image(found.z, y)]
    if not scene.is_binary:
        del names[1], pictures[1]
    row = strip(scene.words(0), np.concatenate(pictures), tuple(map(Message, names)))
    headings = Message(N_("dimension")), "μ", "σ", "ε", Message("μ + σ ε")
    draws = zip(scene.named(places), *rows.T.tolist(), strict=True)
    bars = Bars("", scene.named(shown), (("μ", mean[0, shown]), ("σ", std[0, shown])))
    return {
        "image": scene.words(0),
        "pixels": x.size,
        "latent": scene.model.latent,
        "binary": scene.is_binary,
        "flow": scene.model.flow is not None,
        "layers": bool(scene.model.config.above),
        "mu": rows[0, 0],
        "sigma": rows[0, 1],
        "eps": rows[0, 2],
        "sum": rows[0, 3],
        "answer": 1,
        "shown": len(shown),
        "mean": mean,
        "pictures": Images("", (row,)),
        "table": Table("", headings, tuple(draws)),
        "bars": _drawn(scene, way, bars),
    }


def _drawn(scene: Scene, way: Way, below: Bars) -> Live:
    """An image of the reader's own, its distribution and draws of it; the encoder reads grey pixels as they are."""
    x = numbers(scene.x)
    errors = way.error(way.through(x, scene.told()), x)
    mean, log_var = map(numbers, scene.posterior)
    return drawing(
        scene,
        below,
        mean=mean,
        std=np.exp(log_var / 2),
        letter=scene.letter,
        has_prior=scene.is_textbook,
        scores=[score("error", errors)],
        count=len(x),
    )


def gradient(scene: Scene, way: Way) -> Values:
    """The draw as a function of mean and deviation: its slopes, and what more or less noise decodes to."""
    (x, _, y), eps, places = scene.first, scene.eps("draws", NUM_DRAWS), scene.places
    told, letter = None if y is None else y.expand(NUM_DRAWS), scene.letter
    draws = [way.draw(x, scale * eps, y).z for scale in SCALES]
    pictures = [way.image(z, told) for z in draws]
    start = SCALES.index(1.0)
    slopes, table = way.slopes(eps[:1]), None
    if slopes is not None:
        columns = eps[0, places].tolist(), *slopes[:, places].tolist()
        headings = Message(N_("dimension")), "ε", f"∂{letter}/∂μ", f"∂{letter}/∂σ"
        rows = zip(scene.named(places), *columns, strict=True)
        table = Table("", headings, tuple(rows), equal=(1, 3))
    factor = Control(Message(N_("factor on the noise")), tuple(map(value, SCALES)), start=start)
    strips = (strip(Message(N_("draws")), each) for each in pictures)
    return {
        "letter": letter,
        "flow": scene.model.flow is not None,
        "count": NUM_DRAWS,
        "apart": ((pictures[start] - pictures[0]) ** 2).mean(),
        "nudge": NUDGE,
        "code": index(letter, places[0]),
        "eps": eps[0, places[0]],
        "answer": None if slopes is None else 1,
        "noise": eps,
        "z": draws[start],
        "table": table,
        "pictures": Choice("", (factor,), tuple(Images("", (each,)) for each in strips)),
    }


def pixels(scene: Scene, way: Way) -> Values:
    """The first term: what each pixel of one image costs, given one draw of its code."""
    x, eps, y = scene.first
    found, most = way.draw(x, eps, y), scene.dearest
    nats, mean = way.pixel_nats(x, found.z, y)[0], way.image(found.z, y)
    _, row, column = np.unravel_index(most, nats.shape)
    total, blind = found.nll[0], nats.size * float(np.log(2))
    kind = scene.model.config.likelihood
    notes = Message(N_("target")), Message(N_("decoder output"))
    return {
        **{name: kind == name for name in LIKELIHOODS},
        "total": total,
        "blind": blind,
        "share": total / blind,
        "answer": int(np.searchsorted(SHARES, total / blind)) if scene.is_binary else None,
        "row": int(row) + 1,
        "column": int(column) + 1,
        "most": nats.flat[most],
        "value": x.flat[most],
        "mean": mean.flat[most],
        "target": x,
        "nats": nats,
        "pictures": Images("", (strip(scene.words(0), np.concatenate((x, mean)), notes),)),
        "map": map_of_pixels(nats.sum(0), "", Message(N_("nats")), signed=kind == "gaussian"),
    }


def code(scene: Scene, way: Way) -> Values:
    """The second term: how far the code's distribution is from the prior, and what it saves."""
    x, eps, y = scene.first
    many = way.draw(x, scene.eps("estimates", NUM_ESTIMATES), y)
    mean, std = (part[0] for part in way.posterior(x))
    closed, estimate = way.closed(mean, std), many.kl.sum(1)
    known, most, shown = scene.is_textbook, scene.ranked[0], scene.shown
    total = closed.sum() if known else estimate.mean()
    base, own = way.without_code(x).sum(), way.draw(x, eps, y).nll[0]
    exact = (0.5 * np.log(2 * np.pi) + 0.5 * (mean**2 + std**2)).sum()
    name = index(scene.letter, most)
    series = (Message(N_("KL term")), closed[shown])
    bars = Bars("", scene.named(shown), (series,), Message(N_("nats")))
    own_q, names = (float(mean[most]), float(std[most])), (f"q({name}|x)", f"p({name})")
    sliders = Gaussians("", own_q, (0.0, 1.0), names, fixed_q=True)
    return {
        "textbook": known,
        "total": total,
        "error": estimate.std(ddof=1) / np.sqrt(NUM_ESTIMATES),
        "draws": NUM_ESTIMATES,
        "code": name,
        "mu": mean[most],
        "sigma": std[most],
        "nats": closed[most],
        "free": int((closed < LEAST).sum()),
        "least": LEAST,
        "latent": len(mean),
        "base": base,
        "pixels": own,
        "saved": base - own,
        "answer": 0 if base - own > total else 1,
        "shown": len(shown),
        "kl": closed,
        "estimates": estimate,
        "bars": bars if known else None,
        "sliders": sliders if known else None,
        "halves": _halves(many, (exact, total - exact, total) if known else ("—",) * 3),
    }


def _halves(many: Draws, exact: tuple[str | float, ...]) -> Table:
    """The KL term as a cross-entropy minus an entropy: estimated from draws, and exactly."""
    names = Message("−log p"), Message("log q"), Message(N_("their sum"))
    means = -many.log_p.mean(), many.log_q.mean(), many.kl.sum(1).mean()
    estimated = Message(N_("mean of {count} draws"), {"count": NUM_ESTIMATES})
    headings = Message(N_("half")), estimated, Message(N_("exactly"))
    return Table("", headings, tuple(zip(names, means, exact, strict=True)), digits=2)


def bound(scene: Scene, way: Way) -> Values:
    """Both terms of one image and of many, and how the bound rises with several draws."""
    (x, _, y), run, config = scene.first, scene.asked.run, scene.model.config
    nll, kl = way.drawn.nll, way.drawn.kl.sum(1)
    total = nll + kl
    draws = way.draw(x, scene.eps("weighed", NUM_WEIGHED), y)
    log_weights = draws.log_p - draws.log_q - draws.nll
    one, many = log_weights.mean(), way.weighed(log_weights)
    measured = evaluated(run, "reconstruction_nats", "kl_nats", "elbo_nats")
    mean_of = Message(N_("mean of {count} test images"), {"count": len(nll)})
    rows = [
        (Message(N_("this image, one draw")), nll[0], kl[0], total[0]),
        (mean_of, nll.mean(), kl.mean(), total.mean()),
    ]
    points = Curve(Message(N_("test images")), kl, nll, "points")
    x_label, y_label = Message(N_("nats for the code")), Message(N_("nats for the pixels"))
    if measured is not None:
        name = Message(N_("evaluation, {count} test images"), {"count": measured.count})
        nats, kl_nats, elbo_nats = measured.metrics.values()
        rows.append((name, nats, kl_nats, -elbo_nats))
    headings = "", Message(N_("pixels")), Message(N_("code")), Message(N_("together, −ELBO"))
    return {
        "nll": nll[0],
        "kl": kl[0],
        "total": total[0],
        "mean": total.mean(),
        "count": len(nll),
        "k": NUM_WEIGHED,
        "one": -one,
        "many": -many,
        "answer": 0,
        "pixels": x.size,
        "weighted": config.beta != 1,
        "beta": config.beta,
        "several": config.importance_samples > 1,
        "samples": config.importance_samples,
        "evaluated": beside(
            run, len(nll), measured, partial(_evaluated, len(nll)), total=len(scene.data.test)
        ),
        "reconstruction_nats": nll,
        "kl_nats": kl,
        "bounds": np.array([one, many]),
        "table": Table("", headings, tuple(rows), digits=2),
        "plot": Plot("", (points,), x_label, y_label),
    }


def _evaluated(own: int, found: Evaluated) -> Message:
    """The bound of the run's evaluation, over all test images and not ``own`` of them."""
    text = N_(
        "Over {count} test images the run's evaluation has a −ELBO of {nats} nats; the mean here is over {own}."
    )
    nats = value(-found.metrics["elbo_nats"], 2)
    return Message(text, {"count": found.count, "nats": nats, "own": own})


STEPS = (
    Row(one_image, (VAE.posterior, VAE.draw)),
    Row(gradient, (VAE.draw, latent.decode)),
    Row(pixels, (VAE.pixels, VAE.nll)),
    Row(code, (gaussian_kl, VAE.draw)),
    Row(bound, (VAE.draw, VAE.nll, importance_weighted_bound)),
    Row(all_codes, (VAE.draw,)),
    Row(between, (latent.interpolate, latent.manifold)),
    Row(sampling, (latent.prior,)),
    Row(beta, (VAE.loss,)),
    Row(betas, (VAE.draw, VAE.nll)),
    Row(beyond, (VAE.draw,)),
)
"""In the order of the documents."""
