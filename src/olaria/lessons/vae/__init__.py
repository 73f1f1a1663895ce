r"""What a VAE says of an image: a distribution over codes, a draw from it, and what both cost in nats.

.. math:: -\log p(x) \le \mathbb E_{q(z|x)}[-\log p(x \mid z)] + D(q(z \mid x) \| p(z)), \qquad z = \mu + \sigma\epsilon

Arrays: images (N, C, H, W), pixels in [0, 1]; means, deviations and draws (N, latent), without a unit; costs in nats.
With a flow the encoder speaks of h, and z = T(h); see :class:`olaria.models.vae.VAE`. Sources: Kingma & Welling 2014;
Burda et al. 2016; Higgins et al. 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation.density import ACTIVE_VARIANCE, active_units
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Asked, Check, Lesson, Step, numbers, together
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import Bars, Choice, Control, Curve, Figure, Images, Plot, Table, Words
from olaria.lessons.images import MOST_BARS, checked, index, strip, value
from olaria.lessons.vae import beta, bound, space, terms
from olaria.lessons.vae.seen import NUM_AGAIN, Seen, decoded_by_hand, seen_by
from olaria.models.vae import VAE
from olaria.nn.ladder import LadderDecoder
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

NUM_DRAWS = 6
NUM_ROWS = 6
"""Dimensions in the table of a draw."""
SCALES = (0.0, 0.5, 1.0, 2.0)
"""Of the noise: only 1 is the model's own."""


def _steps(asked: Asked) -> Sequence[Step]:
    seen = seen_by(asked)
    return (
        _answer(seen),
        _draw(seen),
        terms.reconstruction(seen),
        terms.divergence_step(seen),
        bound.bound(seen),
        space.aggregate(seen),
        space.sampling(seen),
        beta.beta(seen),
    )


# -- a distribution for an answer ------------------------------------------------------------------


def _answer(seen: Seen) -> Step:
    """Mean and deviation of one image, and which dimensions tell images apart."""
    model, told = seen.vae, seen.told()
    means, log_vars = seen.posterior
    mean, std = numbers(means[0]), numbers((0.5 * log_vars[0]).exp())
    spread, width = numbers(means).var(0, ddof=1), numbers(log_vars.exp()).mean(0)
    shown = np.sort(np.argsort(-spread, kind="stable")[:MOST_BARS])
    active = active_units(model, seen.target, y=told)
    row = slice(0, 1)
    rebuilt = latent.decode(model, seen.codes[row], seen.told(row))
    again = seen.by_hand(slice(0, NUM_AGAIN), 0.0)
    return Step(
        Message(N_("The encoder answers with a distribution")),
        _told_of_answer(seen, active),
        r"q(z \mid x) = \prod_j \mathcal{N}\left(z_j;\, \mu_j(x), \sigma_j(x)^2\right)"
        if model.flow is None
        else r"q(h \mid x) = \prod_j \mathcal{N}\left(h_j;\, \mu_j(x), \sigma_j(x)^2\right), \qquad z = T(h)",
        (
            _pictures(seen, rebuilt),
            Bars(
                Message(
                    N_(
                        "Of this image, the {count} dimensions whose mean differs most among images."
                    ),
                    {"count": len(shown)},
                ),
                tuple(index(seen.letter, place) for place in shown),
                (("μ", mean[shown]), ("σ", std[shown])),
            ),
            _spreads(seen, spread, width),
        ),
        {"mean": numbers(means), "log_var": numbers(log_vars), "spread": spread},
        (VAE.posterior, active_units),
        (
            Check(
                Message(
                    N_(
                        "means and deviations of {count} images, again in NumPy from the raw weights"
                    ),
                    {"count": len(again.mean)},
                ),
                torch.stack([part[:NUM_AGAIN] for part in (means, (0.5 * log_vars).exp())]).numpy(),
                np.stack((again.mean, again.std)),
            ),
            checked(
                N_("the image at the posterior's mean, again in NumPy from the raw weights"),
                rebuilt,
                decoded_by_hand(seen, again.h[row], seen.told(row)),
            ),
            checked(
                N_("active dimensions, counted from the variances of the codes in NumPy"),
                float(active),
                float((numbers(seen.codes).var(0, ddof=1) > ACTIVE_VARIANCE).sum()),
            ),
            checked(
                N_("the spreads over the images, from their second moments"),
                np.stack((spread, width)),
                np.stack(_moments(numbers(means), numbers(log_vars))),
            ),
        ),
        "Kingma & Welling 2014; Burda et al. 2016, section 5",
    )


def _moments(means: Array, log_vars: Array) -> tuple[Array, Array]:
    """The variance of the means over images, and the mean variance, (latent,) each."""
    count = len(means)
    off = sum((row - means.sum(0) / count) ** 2 for row in means)
    return np.asarray(off) / (count - 1), np.exp(log_vars).sum(0) / count


def _told_of_answer(seen: Seen, active: int) -> Message:
    fields = {"image": seen.words(0), "latent": seen.vae.latent}
    if seen.vae.flow is None:
        said = N_(
            "For this test image ({image}) the encoder gives not one code but a normal distribution over codes: "
            "{latent} means $μ$ and {latent} standard deviations $σ$."
        )
    else:
        said = N_(
            "For this test image ({image}) the encoder gives not one code but a normal distribution: {latent} means "
            "$μ$ and {latent} standard deviations $σ$. The prior of this run is learned, so they are of a variable "
            "$h$, which an invertible map $T$, the flow, carries to the code $z$."
        )
    counted = Message(
        N_(
            "Over {count} test images, {active} of the {latent} numbers of the code are *active*: their mean varies "
            "by more than {least} (variance). A number that does not vary says the same of every image, and so "
            "nothing."
        ),
        {
            "count": len(seen.x),
            "active": active,
            "latent": seen.vae.latent,
            "least": Number(ACTIVE_VARIANCE),
        },
    )
    return together(Message(said, fields), counted)


def _pictures(seen: Seen, rebuilt: Tensor) -> Images:
    """The image, as the likelihood takes it, and at the posterior's mean."""
    rows, notes = (
        [seen.x[:1], rebuilt],
        [Message(N_("the image")), Message(N_("decoded at the mean"))],
    )
    if seen.is_binary:
        rows.insert(1, seen.target[:1])
        notes.insert(1, Message(N_("drawn black or white")))
    caption = (
        N_(
            "Pixels of this likelihood are black or white: each is drawn with its grey value as the probability of "
            "white, and the encoder reads the drawn image. The decoder answers with probabilities."
        )
        if seen.is_binary
        else N_("What the encoder reads, and the mean that the decoder gives each pixel.")
    )
    return Images(Message(caption), (strip(seen.words(0), torch.cat(rows), tuple(notes)),))


def _spreads(seen: Seen, spread: Array, width: Array) -> Figure:
    """How much the means differ among images, and how wide the answers are."""
    series = (
        (Message(N_("variance of the means")), spread),
        (Message(N_("mean variance")), width),
    )
    if len(spread) <= MOST_BARS:
        labels = tuple(index(seen.letter, place) for place in range(len(spread)))
        return Bars(_spreads_caption(seen), labels, series, Message(N_("variance")))
    order, ranks = np.argsort(-spread, kind="stable"), np.arange(1.0, len(spread) + 1)
    curves = tuple(Curve(name, ranks, numbers_[order]) for name, numbers_ in series)
    place = Message(N_("dimension, from the one whose mean differs most"))
    return Plot(_spreads_caption(seen), curves, place, Message(N_("variance")))


def _spreads_caption(seen: Seen) -> Message:
    if seen.vae.flow is None:
        return Message(
            N_(
                "A dimension that tells images apart has means that differ and narrow answers; one that is switched "
                "off answers N(0, 1) to every image: the same mean, and a variance of 1."
            )
        )
    return Message(
        N_(
            "A dimension tells images apart where the means differ by more than the answers are wide. The scale of "
            "$h$ is free: the flow brings it to that of N(0, I)."
        )
    )


# -- a draw ----------------------------------------------------------------------------------------


def _draw(seen: Seen) -> Step:
    """The reparameterised draw, what it decodes to, and the slopes that training needs."""
    model, letter = seen.vae, seen.letter
    noise = torch.randn(NUM_DRAWS, 1, model.latent, generator=seen.generator("draws"))
    y = seen.told(torch.zeros(NUM_DRAWS, dtype=torch.int64))
    found = model.read(seen.target[:1])
    told = seen.told(slice(0, 1))
    drawn = [model.draw(found, scale * noise, told).z[:, 0] for scale in SCALES]
    pictures = [latent.decode(model, z, y) for z in drawn]
    apart = [squared_error(x, pictures[0]).mean().item() for x in pictures]
    start = SCALES.index(1.0)
    repeated = numbers(seen.target[:1].expand(NUM_DRAWS, -1, -1, -1))
    again = [networks.posterior(model, repeated, scale * numbers(noise[:, 0])) for scale in SCALES]
    places = np.sort(numbers(seen.posterior[0]).var(0).argsort()[::-1][:NUM_ROWS])
    own = again[start]
    table, checks = _table(seen, noise[0], places)
    text = Message(
        N_(
            "A draw is the mean plus the deviation times noise $ε_j$ from N(0, 1). Decoded, {count} draws differ from "
            "the image at the mean by {apart} per pixel (mean squared): so much does the encoder leave open. The "
            "noise is drawn apart, so the draw is a function of $μ_j$ and $σ_j$ with a slope in each, and training "
            "follows the slopes."
        ),
        {"count": NUM_DRAWS, "apart": Number(apart[start])},
    )
    figures: tuple[Figure, ...] = (
        Choice(
            Message(
                N_(
                    "The same {count} draws with the noise multiplied. Only the factor 1 is the model's own; 0 is the "
                    "mean alone, and far above 1 lie codes that training seldom decodes."
                ),
                {"count": NUM_DRAWS},
            ),
            (Control(Message(N_("factor on the noise")), tuple(map(value, SCALES)), start=start),),
            tuple(Images("", (strip(Message(N_("draws")), x),)) for x in pictures),
        ),
        table,
    )
    return Step(
        Message(N_("A draw that can be differentiated")),
        text,
        rf"{letter} = \mu + \sigma \odot \epsilon, \quad \epsilon \sim \mathcal{{N}}(0, I), \qquad "
        rf"\frac{{\partial {letter}_j}}{{\partial \mu_j}} = 1, \quad "
        rf"\frac{{\partial {letter}_j}}{{\partial \sigma_j}} = \epsilon_j",
        figures,
        {"noise": noise[:, 0].numpy(), "z": drawn[start].numpy(), "apart": np.array(apart)},
        (VAE.draw, latent.decode),
        (
            checked(
                N_("the codes of the draws, again in NumPy from the raw weights"),
                drawn[start],
                networks.carried(model.flow, own.h, y)[0],
            ),
            checked(
                N_("the decoded draws at every factor, again in NumPy from the raw weights"),
                torch.stack(pictures),
                np.stack([decoded_by_hand(seen, one.h, y) for one in again]),
            ),
            checked(
                N_("how far the draws are from the image at the mean, in float64"),
                np.array(apart),
                np.array([((numbers(x) - numbers(pictures[0])) ** 2).mean() for x in pictures]),
            ),
            *checks,
        ),
        "Kingma & Welling 2014, section 2.4",
    )


def _table(seen: Seen, noise: Tensor, places: Array) -> tuple[Table, tuple[Check, ...]]:
    """The first draw number by number; of one latent layer also its slopes, by automatic differentiation."""
    model, letter, shown = seen.vae, seen.letter, torch.from_numpy(places.copy())
    again = networks.posterior(model, numbers(seen.target[:1]), numbers(noise))
    z = model.draw(model.read(seen.target[:1]), noise[None], seen.told(slice(0, 1))).z[0]
    h = z if model.flow is None else model.flow.inverse(z, seen.told(slice(0, 1)))
    columns = [again.mean[0, places], again.std[0, places], noise[0, shown], h[0, shown]]
    headings: list[Words] = ["μ", "σ", "ε", Message("μ + σ ε")]
    checks = [
        checked(
            N_("mean plus deviation times noise, in NumPy from the raw weights"),
            h[:, shown],
            again.mean[:, places] + again.std[:, places] * numbers(noise[:, shown]),
        )
    ]
    if not isinstance(model.decoder, LadderDecoder):
        slopes = _slopes(seen, noise)[:, shown]
        columns += [*slopes]
        headings += [f"∂{letter}/∂μ", f"∂{letter}/∂σ"]
        checks.append(
            checked(
                N_("slopes found by automatic differentiation: 1, and the noise itself"),
                slopes,
                np.stack((np.ones(len(places)), numbers(noise[0, shown]))),
            )
        )
    rows = zip(*(np.asarray(column, np.float64).tolist() for column in columns), strict=True)
    return (
        Table(
            Message(
                N_(
                    "The first draw, in the {count} dimensions whose mean differs most among images."
                ),
                {"count": len(places)},
            ),
            (Message(N_("dimension")), *headings),
            tuple(
                (index(letter, place), *row)
                for place, row in zip(places.tolist(), rows, strict=True)
            ),
            equal=(3, 6) if len(headings) > 4 else (),
        ),
        tuple(checks),
    )


def _slopes(seen: Seen, noise: Tensor) -> Tensor:
    r"""How the first image's draw moves with its mean and with its deviation, (2, latent)."""
    model, told = seen.vae, seen.told(slice(0, 1))
    with torch.enable_grad():
        (found,) = (part.detach().requires_grad_() for part in model.read(seen.target[:1]))
        z = model.draw([found], noise[None], told).z[0]
        h = z if model.flow is None else model.flow.inverse(z, told)
        (slope,) = torch.autograd.grad(h.sum(), found)
    by_mean, by_log_var = slope[0].chunk(2)
    std = (0.5 * found.detach()[0].chunk(2)[1]).exp()
    return torch.stack(
        (by_mean, by_log_var * 2 / std)
    )  # the log-variance moves by 2/σ of what σ moves by


LESSON = Lesson(
    title=Message(N_("The variational autoencoder: a distribution, a draw, and a price in nats")),
    introduction=Message(
        N_(
            "A VAE answers an image with a distribution over codes, and pays for pixels and code in nats. Every "
            "number of that bill, what a prior is good for, and what β does, measured on your own run."
        )
    ),
    steps=_steps,
    families=("vae",),
    preset="vae-mnist",
)
