r"""The two terms of a VAE's bound for one image: what its pixels cost given a code, and what the code costs.

Arrays: nats of pixels (C, H, W) and of dimensions (latent,); estimates of one KL term (K,). Sources: Kingma & Welling
2014, equation 10 and appendices B and C; Dinh et al. 2017 (the density under a flow).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.base import Array, Check, Step, numbers, together
from olaria.lessons.by_numpy import networks
from olaria.lessons.by_numpy.networks import Posterior
from olaria.lessons.figures import Bars, Curve, Gaussians, Images, Plot, Table, Words
from olaria.lessons.images import MOST_BARS, checked, index, strip
from olaria.lessons.vae.seen import Seen, decoded_by_hand, kl_by_hand, log_p_by_hand, log_q_by_hand
from olaria.models.vae import VAE
from olaria.nn.flow import Flow
from olaria.objectives.divergence import Gaussian, divergence, gaussian_kl
from olaria.objectives.reconstruction import DiscretizedLogistic, bernoulli_nll, gaussian_nll

NUM_ESTIMATES = 256
"""Draws of a KL term that has no closed form."""
LEAST = 0.01
"""Nats below which a dimension says next to nothing."""
PRIOR = Gaussian(0.0, 1.0)


# -- the pixels ------------------------------------------------------------------------------------

LIKELIHOODS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "bernoulli": (
        N_("Each pixel is black or white, and the decoder gives the probability $p$ of white."),
        r"-\log p(x \mid z) = -\sum_i x_i \log p_i + (1 - x_i) \log(1 - p_i)",
        bernoulli_nll,
    ),
    "gaussian": (
        N_(
            "Each pixel value has a normal density around the decoder's mean $m$, with one deviation $s$ for all. A "
            "density may exceed 1, so these nats may be negative: do not compare them with those of a probability."
        ),
        r"-\log p(x \mid z) = \sum_i \frac{(x_i - m_i)^2}{2 s^2} + \log s + \frac{1}{2} \log 2\pi",
        gaussian_nll,
    ),
    "logistic": (
        N_(
            "Each pixel value is one of 256 levels, and its probability is the area of its level under a logistic "
            "density around the decoder's mean $m$, with one scale $s$ for all."
        ),
        r"-\log p(x \mid z) = -\sum_i \log \left( \operatorname{sigmoid}\left(\frac{x_i + 1/510 - m_i}{s}\right) - "
        r"\operatorname{sigmoid}\left(\frac{x_i - 1/510 - m_i}{s}\right) \right)",
        DiscretizedLogistic.log_prob,
    ),
}
"""What a pixel is, the formula of its cost, and the function that computes it."""


def reconstruction(seen: Seen) -> Step:
    """What each pixel of one image costs, given one draw of its code."""
    model, row = seen.vae, slice(0, 1)
    told, target = seen.told(row), seen.target[row]
    logits = model.logits(seen.draw.z[0, row], told)
    nats = -model.pixels(logits).log_prob(target)[0]
    mean, total = logits.sigmoid(), seen.nll[0].item()
    most = int(nats.argmax())
    _, height, width = nats.shape
    means, formula, source = LIKELIHOODS[model.config.likelihood]
    by_hand = seen.by_hand(row)
    again = networks.pixel_nats(model, networks.logits(model, by_hand.h, told), numbers(target))[0]
    text = Message(
        N_(
            "Given one draw of its code, this image costs {total} nats: minus the logarithm of what the decoder gives "
            "each of its {pixels} pixel values, added up. The most expensive value, in row {row} and column {column}, "
            "costs {most} nats alone: it is {value} where the decoder's mean is {mean}."
        ),
        {
            "total": Number(total, 2),
            "pixels": nats.numel(),
            "row": most % (height * width) // width + 1,
            "column": most % width + 1,
            "most": Number(nats.flatten()[most].item(), 2),
            "value": Number(target.flatten()[most].item()),
            "mean": Number(mean.flatten()[most].item()),
        },
    )
    notes = (Message(N_("what is to be said")), Message(N_("what the decoder says")))
    return Step(
        Message(N_("The price of the pixels")),
        together(text, Message(means)),
        formula,
        (
            Images(
                Message(N_("The image as the likelihood takes it, and the mean of each pixel.")),
                (strip(seen.words(0), torch.cat((target, mean)), notes),),
            ),
            images.map_of_pixels(
                numbers(nats.sum(0)),
                Message(N_("Nats of each pixel; their sum is the term of this image.")),
                Message(N_("nats")),
                signed=model.config.likelihood == "gaussian",
            ),
        ),
        {"target": target.numpy(), "mean": mean.numpy(), "nats": nats.numpy()},
        (VAE.nll, source),
        (
            checked(
                N_("the nats of each pixel, by the formula in NumPy from the raw weights"),
                nats,
                again,
            ),
            checked(
                N_("the decoder's means, again in NumPy from the raw weights"),
                mean,
                decoded_by_hand(seen, by_hand.h, told),
            ),
            checked(N_("their sum is the term of the bound"), total, float(again.sum())),
        ),
        "Kingma & Welling 2014, appendix C",
    )


# -- the code --------------------------------------------------------------------------------------


def divergence_step(seen: Seen) -> Step:
    """What the code of one image costs: in closed form, or with a flow as draws estimate it."""
    return _closed_form(seen) if seen.vae.flow is None else _estimated(seen)


def _closed_form(seen: Seen) -> Step:
    noise, row = seen.noise[0, :1], slice(0, 1)
    nats = seen.draw.kl_nats[0, 0]
    found = seen.by_hand(row)
    mean, std = found.mean[0], found.std[0]
    shown = np.sort(np.argsort(-numbers(nats), kind="stable")[:MOST_BARS])
    most = int(nats.argmax())
    areas = [divergence(Gaussian(mean[j], std[j]), PRIOR).numerical_nats for j in shown]
    text = Message(
        N_(
            "The code of this image costs {total} nats: so far is the encoder's answer from the prior N(0, I), which "
            "has seen no image. Dimension {most} costs most, {nats} nats, with mean {mean} and deviation {std}; "
            "{free} of {latent} dimensions cost less than {least} and say next to nothing of this image."
        ),
        {
            "total": Number(nats.sum().item(), 2),
            "most": index("z", most),
            "nats": Number(nats[most].item(), 2),
            "mean": Number(mean[most], 2),
            "std": Number(std[most], 3),
            "free": int((nats < LEAST).sum()),
            "least": Number(LEAST),
            "latent": len(nats),
        },
    )
    if seen.vae.config.above:
        above = N_(
            "This run has several latent layers, the topmost first, and the answer of each depends on what was drawn "
            "above it."
        )
        text = together(text, Message(above))
    return Step(
        Message(N_("The price of the code")),
        text,
        r"D\left(q(z \mid x) \,\|\, p(z)\right) = "
        r"\sum_j \frac{1}{2} \left(\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1\right)",
        (
            Bars(
                Message(N_("The {count} dimensions that cost most."), {"count": len(shown)}),
                tuple(index("z", place) for place in shown),
                ((Message(N_("KL term")), numbers(nats)[shown]),),
                Message(N_("nats")),
            ),
            Gaussians(
                Message(
                    N_(
                        "The most expensive dimension, {most}, beside the prior. Move it there, and its price falls "
                        "to zero."
                    ),
                    {"most": index("z", most)},
                ),
                (float(mean[most]), float(std[most])),
                (0.0, 1.0),
                (f"q({index('z', most)}|x)", f"p({index('z', most)})"),
                fixed_q=True,
            ),
        ),
        {"mean": mean, "std": std, "kl_nats": numbers(nats)},
        (gaussian_kl, VAE.draw),
        (
            checked(
                N_("the dimensions shown, as areas by the trapezoid rule"),
                numbers(nats)[shown],
                np.array(areas),
            ),
            checked(
                N_("their sum, by the formula in NumPy from the raw weights"),
                nats.sum().item(),
                float(kl_by_hand(seen, found, numbers(noise), seen.told(row))[0]),
            ),
        ),
        "Kingma & Welling 2014, appendix B",
    )


def _estimated(seen: Seen) -> Step:
    """With a flow: draws of log q(h|x) - log p(h), whose mean is the term."""
    model, told = seen.vae, seen.told(slice(0, 1))
    noise = torch.randn(NUM_ESTIMATES, 1, model.latent, generator=seen.generator("estimates"))
    target = seen.target[:1]
    draws = model.draw(model.read(target), noise, told).kl_nats[:, 0, 0]
    estimates = numbers(draws)
    running = estimates.cumsum() / np.arange(1, len(estimates) + 1)
    error = float(estimates.std(ddof=1) / np.sqrt(len(estimates)))
    found = networks.posterior(model, numbers(target).repeat(len(noise), 0), numbers(noise[:, 0]))
    y = None if told is None else told.expand(len(noise))
    log_q, log_p = log_q_by_hand(found, numbers(noise[:, 0])), log_p_by_hand(seen, found.h, y)
    halves, exact = _halves(seen, found, log_q, log_p)
    text = Message(
        N_(
            "The prior of this run is learned, so the KL term has *no closed form*, and each draw of $h$ is an "
            "estimate of it. The mean of {count} draws is {mean} nats for this image, with a standard error of "
            "{error}. The flow mixes the dimensions, so none has a share of its own."
        ),
        {"count": len(estimates), "mean": Number(running[-1], 2), "error": Number(error, 2)},
    )
    steps = np.arange(1.0, len(estimates) + 1)
    return Step(
        Message(N_("The price of the code")),
        text,
        r"D = \mathbb{E}_{q}\left[\log q(h \mid x) - \log p(h)\right], \quad "
        r"p(h) = \mathcal{N}\left(T(h);\, 0, I\right) \left|\det T'(h)\right|",
        (
            Plot(
                Message(
                    N_(
                        "Training takes one draw for each image, which may be far off; the mean of many settles."
                    )
                ),
                (
                    Curve(Message(N_("one draw")), steps, estimates, "points"),
                    Curve(Message(N_("mean of the draws so far")), steps, running),
                ),
                Message(N_("draw")),
                Message(N_("nats")),
            ),
            halves,
        ),
        {"kl_nats": estimates, "running": running, "log_q": log_q, "log_p": log_p},
        (VAE.draw, Flow.forward),
        (
            checked(
                N_("each draw, from both densities in NumPy with the raw weights"),
                estimates,
                log_q - log_p,
            ),
            checked(
                N_("the mean so far, from the sum of both halves"),
                running,
                np.array([(log_q - log_p)[: n + 1].mean() for n in range(len(estimates))]),
            ),
            *exact,
        ),
        "Kingma & Welling 2014; Dinh et al. 2017, equation 3",
    )


def _halves(
    seen: Seen, found: Posterior, log_q: Array, log_p: Array
) -> tuple[Table, tuple[Check, ...]]:
    """Both densities of the draws; of one latent layer also what the mean of the first is exactly."""
    first: tuple[Words | float, ...] = (Message("log q(h|x)"), float(log_q.mean()))
    second: tuple[Words | float, ...] = (Message("−log p(h)"), float(-log_p.mean()))
    headings = (Message(N_("half")), Message(N_("mean of the draws")))
    caption = Message(N_("The two halves of the estimate, in nats."))
    if seen.vae.config.above:  # the deviations below depend on what was drawn above
        return Table(caption, headings, (first, second), digits=2), ()
    exactly = -seen.vae.encode(seen.target[:1]).entropy().sum().item()
    known = Message(
        N_("The mean of the first is known: it is minus the entropy of a normal distribution.")
    )
    table = Table(
        together(caption, known),
        (*headings, Message(N_("exactly"))),
        ((*first, exactly), (*second, "—")),
        digits=2,
    )
    formula = -float((0.5 * found.log_var[0] + 0.5 * np.log(2 * np.pi * np.e)).sum())
    return table, (checked(N_("the entropy, by its formula in NumPy"), exactly, formula),)
