r"""One image through a VAE, and the two terms of its bound; the prose stands in ``text.en.md`` and ``text.pt.md``.

Arrays: images (N, C, H, W), pixels in [0, 1]; means, deviations and draws (N, latent), without a unit; terms in nats.
With a flow the encoder speaks of h, and z = T(h); see :class:`olaria.models.vae.VAE`. Sources: Kingma & Welling 2014,
section 2.4, equation 10 and appendices B and C; Burda et al. 2016, equation 8 (several draws).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olaria.evaluation.density import elbo
from olaria.i18n import N_, Message
from olaria.lessons import images
from olaria.lessons.base import Check, numbers
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import (
    Bars,
    Choice,
    Control,
    Curve,
    Gaussians,
    Images,
    Plot,
    Table,
    Words,
)
from olaria.lessons.images import index, strip, value
from olaria.lessons.twice import Row
from olaria.lessons.vae.beyond import beyond
from olaria.lessons.vae.many import all_codes, beta, betas, between, sampling
from olaria.lessons.vae.scene import NUM_DRAWS, NUM_ESTIMATES, NUM_WEIGHED, Scene
from olaria.lessons.vae.ways import Way
from olaria.models.vae import VAE
from olaria.objectives.divergence import Gaussian, divergence, gaussian_kl
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.sampling import latent

Values = dict[str, Any]

SCALES = (0.0, 0.5, 1.0, 2.0)
"""Of the noise: only 1 is the model's own."""
NUDGE = 0.01
"""By which a reader moves a deviation in thought."""
SHARES = (0.1, 0.25, 0.5)
"""Between the answers to how much of a blind decoder's cost is left."""
LEAST = 0.01
"""Nats below which a dimension says next to nothing."""
PRIOR = Gaussian(0.0, 1.0)
LIKELIHOODS = ("bernoulli", "gaussian", "logistic")


def one_image(scene: Scene, way: Way) -> Values:
    """Image, mean and deviation, noise, code, image."""
    (x, y), eps = scene.first, numbers(scene.noise[:1])
    mean, std = way.posterior(x)
    found = way.draw(x, eps, y)
    again = way.draw(x, scene.eps("again", 1), y)
    rebuilt = way.image(found.z, y)
    shown, places = scene.shown, scene.places
    rows = np.stack((mean[0], std[0], eps[0], found.h[0]))[:, places].T
    pictures = [numbers(scene.x[:1]), rebuilt]
    notes: list[Words] = [Message(N_("the image")), Message(N_("decoded"))]
    if scene.is_binary:
        pictures.insert(1, x)
        notes.insert(1, Message(N_("drawn black or white")))
    return {
        "image": scene.words(0),
        "pixels": x.size,
        "latent": scene.vae.latent,
        "binary": scene.is_binary,
        "flow": scene.vae.flow is not None,
        "layers": bool(scene.vae.config.above),
        "code": index(scene.letter, places[0]),
        "mu": rows[0, 0],
        "sigma": rows[0, 1],
        "eps": rows[0, 2],
        "sum": rows[0, 3],
        "answer": 0 if np.allclose(found.h, again.h) else 1,
        "shown": len(shown),
        "mean": mean,
        "std": std,
        "z": found.z,
        "rebuilt": rebuilt,
        "pictures": Images("", (strip(scene.words(0), np.concatenate(pictures), tuple(notes)),)),
        "table": Table(
            "",
            (Message(N_("dimension")), "μ", "σ", "ε", Message("μ + σ ε")),
            tuple(
                (index(scene.letter, place), *row)
                for place, row in zip(places, rows.tolist(), strict=True)
            ),
        ),
        "bars": Bars(
            "",
            tuple(index(scene.letter, place) for place in shown),
            (("μ", mean[0, shown]), ("σ", std[0, shown])),
        ),
        "checks": (
            Check(
                Message(N_("mean plus deviation times noise is the draw")),
                rows[:, 3],
                rows[:, 0] + rows[:, 1] * rows[:, 2],
            ),
        ),
    }


def gradient(scene: Scene, way: Way) -> Values:
    """The draw as a function of mean and deviation: its slopes, and what more or less noise decodes to."""
    (x, y), eps, places = scene.first, scene.eps("draws", NUM_DRAWS), scene.places
    told = None if y is None else y.expand(NUM_DRAWS)
    draws = [way.draw(x, scale * eps, y) for scale in SCALES]
    pictures = [way.image(found.z, told) for found in draws]
    start = SCALES.index(1.0)
    apart = np.array([((each - pictures[0]) ** 2).mean() for each in pictures])
    slopes = way.slopes(eps[:1])
    by_std = None if slopes is None else slopes[1, places[0]]
    guesses = np.array([NUDGE, NUDGE * eps[0, places[0]]])
    return {
        "letter": scene.letter,
        "flow": scene.vae.flow is not None,
        "count": NUM_DRAWS,
        "apart": apart[start],
        "nudge": NUDGE,
        "code": index(scene.letter, places[0]),
        "eps": eps[0, places[0]],
        "change": guesses[1],
        "answer": None if by_std is None else int(abs(guesses - NUDGE * by_std).argmin()),
        "known": slopes is not None,
        "noise": eps,
        "z": draws[start].z,
        "distances": apart,
        "table": None
        if slopes is None
        else Table(
            "",
            (Message(N_("dimension")), "ε", f"∂{scene.letter}/∂μ", f"∂{scene.letter}/∂σ"),
            tuple(
                (index(scene.letter, place), float(eps[0, place]), *slopes[:, place].tolist())
                for place in places
            ),
            equal=(1, 3),
        ),
        "pictures": Choice(
            "",
            (Control(Message(N_("factor on the noise")), tuple(map(value, SCALES)), start=start),),
            tuple(Images("", (strip(Message(N_("draws")), each),)) for each in pictures),
        ),
        "checks": ()
        if slopes is None
        else (
            Check(
                Message(N_("slopes found by automatic differentiation: 1, and the noise itself")),
                slopes[:, places],
                np.stack((np.ones(len(places)), eps[0, places])),
            ),
        ),
    }


def pixels(scene: Scene, way: Way) -> Values:
    """The first term: what each pixel of one image costs, given one draw of its code."""
    (x, y), eps = scene.first, numbers(scene.noise[:1])
    found = way.draw(x, eps, y)
    nats, mean = way.pixel_nats(x, found.z, y)[0], way.image(found.z, y)
    total, most = found.nll[0], scene.dearest
    _, height, width = nats.shape
    blind = nats.size * float(np.log(2))
    kind = scene.vae.config.likelihood
    notes = (Message(N_("target")), Message(N_("decoder output")))
    return {
        **{name: kind == name for name in LIKELIHOODS},
        "total": total,
        "pixels": nats.size,
        "blind": blind,
        "share": total / blind,
        "answer": int(np.searchsorted(SHARES, total / blind)) if scene.is_binary else None,
        "row": most % (height * width) // width + 1,
        "column": most % width + 1,
        "most": nats.flatten()[most],
        "value": x.flatten()[most],
        "mean": mean.flatten()[most],
        "target": x,
        "output": mean,
        "nats": nats,
        "pictures": Images("", (strip(scene.words(0), np.concatenate((x, mean)), notes),)),
        "map": images.map_of_pixels(
            nats.sum(0), "", Message(N_("nats")), signed=kind == "gaussian"
        ),
        "checks": (Check(Message(N_("the pixels add up to the term")), total, nats.sum()),),
    }


def code(scene: Scene, way: Way) -> Values:
    """The second term: how far the code's distribution is from the prior, and what it saves."""
    x, y = scene.first
    own = way.draw(x, numbers(scene.noise[:1]), y)
    many = way.draw(x, scene.eps("estimates", NUM_ESTIMATES), y)
    mean, std = (part[0] for part in way.posterior(x))
    closed, estimate = way.closed(mean, std), many.kl.sum(1)
    total = closed.sum() if scene.is_textbook else estimate.mean()
    most, shown = scene.ranked[0], scene.shown
    base = way.without_code(x).sum()
    areas = [divergence(Gaussian(mean[j], std[j]), PRIOR).numerical_nats for j in shown]
    exact = (0.5 * np.log(2 * np.pi) + 0.5 * (mean**2 + std**2)).sum()
    letter, known = scene.letter, scene.is_textbook
    rows: list[tuple[Words | float, ...]] = [
        (Message("−log p"), -many.log_p.mean(), exact if known else "—"),
        (Message("log q"), many.log_q.mean(), total - exact if known else "—"),
        (Message(N_("their sum")), estimate.mean(), total if known else "—"),
    ]
    return {
        "textbook": known,
        "total": total,
        "error": estimate.std(ddof=1) / np.sqrt(NUM_ESTIMATES),
        "draws": NUM_ESTIMATES,
        "code": index(letter, most),
        "mu": mean[most],
        "sigma": std[most],
        "nats": closed[most],
        "free": int((closed < LEAST).sum()),
        "least": LEAST,
        "latent": len(mean),
        "base": base,
        "pixels": own.nll[0],
        "saved": base - own.nll[0],
        "answer": 0 if base - own.nll[0] > total else 1,
        "shown": len(shown),
        "kl": closed,
        "estimates": estimate,
        "bars": Bars(
            "",
            tuple(index(letter, place) for place in shown),
            ((Message(N_("KL term")), closed[shown]),),
            Message(N_("nats")),
        )
        if known
        else None,
        "sliders": Gaussians(
            "",
            (float(mean[most]), float(std[most])),
            (0.0, 1.0),
            (f"q({index(letter, most)}|x)", f"p({index(letter, most)})"),
            fixed_q=True,
        )
        if known
        else None,
        "halves": Table(
            "",
            (
                Message(N_("half")),
                Message(N_("mean of {count} draws"), {"count": NUM_ESTIMATES}),
                Message(N_("exactly")),
            ),
            tuple(rows),
            digits=2,
        ),
        "checks": (
            Check(
                Message(N_("the dimensions shown, as areas by the trapezoid rule")),
                closed[shown],
                areas,
            ),
        )
        if known
        else (),
    }


def bound(scene: Scene, way: Way) -> Values:
    """Both terms of one image and of many, and how the bound rises with several draws."""
    (x, y), run = scene.first, scene.asked.run
    nll, kl = way.drawn.nll, way.drawn.kl.sum(1)
    mean_nll, mean_kl, _ = way.means(scene.vae)
    draws = way.draw(x, scene.eps("weighed", NUM_WEIGHED), y)
    log_weights = draws.log_p - draws.log_q - draws.nll
    one, many = log_weights.mean(), way.weighed(log_weights)
    rows: list[tuple[Words | float, ...]] = [
        (Message(N_("this image, one draw")), nll[0], kl[0], nll[0] + kl[0]),
        (
            Message(N_("mean of {count} test images"), {"count": len(nll)}),
            mean_nll,
            mean_kl,
            mean_nll + mean_kl,
        ),
    ]
    measured = evaluated(run, "reconstruction_nats", "kl_nats", "elbo_nats")
    rows += [row for row in (_logged(scene), _measured(measured)) if row is not None]
    config = scene.vae.config
    return {
        "nll": nll[0],
        "kl": kl[0],
        "total": nll[0] + kl[0],
        "mean": mean_nll + mean_kl,
        "count": len(nll),
        "k": NUM_WEIGHED,
        "one": -one,
        "many": -many,
        "answer": 0 if many >= one else 1,
        "pixels": x.size,
        "weighted": config.beta != 1,
        "beta": config.beta,
        "several": config.importance_samples > 1,
        "samples": config.importance_samples,
        "evaluated": beside(run, len(nll), measured, _beside(scene)),
        "reconstruction_nats": nll,
        "kl_nats": kl,
        "bounds": np.array([one, many]),
        "table": Table(
            "",
            ("", Message(N_("pixels")), Message(N_("code")), Message(N_("together, −ELBO"))),
            tuple(rows),
            digits=2,
        ),
        "plot": Plot(
            "",
            (Curve(Message(N_("test images")), kl, nll, "points"),),
            Message(N_("nats for the code")),
            Message(N_("nats for the pixels")),
        ),
        "checks": (
            Check(
                Message(N_("the means are those of the images one by one")),
                [mean_nll, mean_kl],
                [nll.mean(), kl.mean()],
            ),
        ),
    }


def _logged(scene: Scene) -> tuple[Words | float, ...] | None:
    """The last validation of the run, where both terms were logged."""
    for row in reversed(scene.asked.run.metrics()):
        nats, kl = (row["values"].get(key) for key in ("reconstruction_nats", "kl_nats"))
        if row["split"] == "validation" and nats is not None and kl is not None:
            name = Message(N_("validation, logged at step {step}"), {"step": row["step"]})
            return name, nats, kl, nats + kl
    return None


def _measured(found: Evaluated | None) -> tuple[Words | float, ...] | None:
    """The run's own evaluation, as a row."""
    if found is None:
        return None
    name = Message(N_("evaluation, {count} test images"), {"count": found.count})
    nats, kl, elbo_nats = found.metrics.values()
    return name, nats, kl, -elbo_nats


def _beside(scene: Scene) -> Any:
    def words(found: Evaluated) -> Message:
        """The same mean over all test images."""
        text = N_(
            "Over {count} test images the run's evaluation has a −ELBO of {nats} nats; the mean here is over {own}."
        )
        nats = images.value(-found.metrics["elbo_nats"], 2)
        return Message(text, {"count": found.count, "nats": nats, "own": len(scene.x)})

    return words


STEPS = (
    Row(one_image, (VAE.posterior, VAE.draw)),
    Row(gradient, (VAE.draw, latent.decode)),
    Row(pixels, (VAE.pixels, VAE.nll)),
    Row(code, (gaussian_kl, VAE.draw)),
    Row(bound, (elbo, importance_weighted_bound)),
    Row(all_codes, (VAE.draw,)),
    Row(between, (latent.interpolate, latent.manifold)),
    Row(sampling, (latent.prior,)),
    Row(beta, (VAE.loss,)),
    Row(betas, (elbo,)),
    Row(beyond, (VAE.draw,)),
)
"""In the order of the documents."""
