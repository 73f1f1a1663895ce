r"""Both terms of a VAE's bound, of one image and of many, and how far the bound may be from the truth.

Arrays: nats of images (N,). Sources: Kingma & Welling 2014, equation 3; Burda et al. 2016, equation 8 (several draws).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from olaria.evaluation.density import elbo
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Check, Step, numbers, together
from olaria.lessons.by_numpy import networks
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import Curve, Plot, Table
from olaria.lessons.images import checked
from olaria.lessons.vae.seen import (
    Seen,
    both_terms_again,
    log_p_by_hand,
    log_q_by_hand,
    means_again,
)
from olaria.objectives.likelihood import importance_weighted_bound

NUM_WEIGHED = 16
"""Draws that are weighed together."""


def bound(seen: Seen) -> Step:
    """Both terms of one image and of many, and how the bound rises with several draws."""
    own = (seen.nll[0].item(), seen.kl[0].item())
    mean = elbo(seen.vae, seen.target, seen.generator("noise"), y=seen.told())
    one, many, check = _weighed(seen)
    rows = [
        (Message(N_("this image, one draw")), *own, sum(own)),
        (
            Message(N_("mean of {count} test images"), {"count": len(seen.x)}),
            mean.reconstruction_nats,
            mean.kl_nats,
            -mean.elbo_nats,
        ),
    ]
    logged = _logged(seen)
    rows += [] if logged is None else [logged]
    run = seen.asked.run
    measured = evaluated(run, "reconstruction_nats", "kl_nats", "elbo_nats")
    rows += [] if measured is None else [_measured(measured)]
    order = seen.kl.argsort()
    text = Message(
        N_(
            "Pixels and code add up to {total} nats for this image and to {mean} on average: the ELBO with its sign "
            "turned. It is a bound on log $p(x)$, not log $p(x)$ itself: over {k} draws it is {one} for this image, "
            "while the same draws weighed together give {many}. Neither tells how far it is from the truth."
        ),
        {
            "total": Number(sum(own), 2),
            "mean": Number(-mean.elbo_nats, 2),
            "k": NUM_WEIGHED,
            "one": Number(one, 2),
            "many": Number(many, 2),
        },
    )
    other = _objective(seen)
    return Step(
        Message(N_("The bound")),
        together(
            text,
            *([] if other is None else [other]),
            beside(run, len(seen.x), measured, partial(_beside, seen)),
        ),
        r"-\log p(x) \le \mathbb{E}_{q(z \mid x)}\left[-\log p(x \mid z)\right] "
        r"+ D\left(q(z \mid x) \,\|\, p(z)\right)",
        (
            Table(
                Message(N_("In nats per image; less is better.")),
                (
                    "",
                    Message(N_("pixels")),
                    Message(N_("code")),
                    Message(N_("together, −ELBO")),
                ),
                tuple(rows),
                digits=2,
            ),
            Plot(
                Message(N_("Each point is a test image.")),
                (
                    Curve(
                        Message(N_("test images")),
                        numbers(seen.kl[order]),
                        numbers(seen.nll[order]),
                        "points",
                    ),
                ),
                Message(N_("nats for the code")),
                Message(N_("nats for the pixels")),
            ),
        ),
        {"reconstruction_nats": seen.nll.numpy(), "kl_nats": seen.kl.numpy()},
        (elbo, importance_weighted_bound),
        (
            both_terms_again(seen),
            checked(
                N_("the means over the images, by torch.distributions and one after the other"),
                np.array([mean.reconstruction_nats, mean.kl_nats, -mean.elbo_nats]),
                np.array(means_again(seen, seen.vae, seen.told())),
            ),
            check,
        ),
        "Kingma & Welling 2014, equation 3; Burda et al. 2016, theorem 1",
    )


def _weighed(seen: Seen) -> tuple[float, float, Check]:
    """The bound of the first image from single draws and from all of them together, in nats."""
    model, row = seen.vae, slice(0, 1)
    told, target = seen.told(row), seen.target[row]
    noise = torch.randn(NUM_WEIGHED, 1, model.latent, generator=seen.generator("weighed"))
    draw = model.draw(model.read(target), noise, told)
    log_weights = draw.log_ratio - model.nll(draw, target, told)  # (k, 1)
    one, many = log_weights.mean().item(), importance_weighted_bound(log_weights).item()
    repeated, eps = numbers(target).repeat(NUM_WEIGHED, 0), numbers(noise[:, 0])
    found = networks.posterior(model, repeated, eps)
    y = None if told is None else told.expand(NUM_WEIGHED)
    pixels = networks.pixel_nats(model, networks.logits(model, found.h, y), repeated)
    again = log_p_by_hand(seen, found.h, y) - log_q_by_hand(found, eps) - pixels.sum((1, 2, 3))
    weights = np.exp(again - again.max())
    return (
        one,
        many,
        checked(
            N_("both bounds of the image, from densities in NumPy with the raw weights"),
            np.array([one, many]),
            np.array([again.mean(), again.max() + np.log(weights.mean())]),
        ),
    )


def _logged(seen: Seen) -> tuple[Message, float, float, float] | None:
    """The last validation of the run, where both terms were logged."""
    for row in reversed(seen.asked.run.metrics()):
        nats, kl = (row["values"].get(key) for key in ("reconstruction_nats", "kl_nats"))
        if row["split"] == "validation" and nats is not None and kl is not None:
            name = Message(N_("validation, logged at step {step}"), {"step": row["step"]})
            return name, nats, kl, nats + kl
    return None


def _measured(found: Evaluated) -> tuple[Message, float, float, float]:
    """The run's own evaluation, as a row."""
    name = Message(N_("evaluation, {count} test images"), {"count": found.count})
    pixels, code, elbo = found.metrics.values()
    return name, pixels, code, -elbo


def _beside(seen: Seen, found: Evaluated) -> Message:
    return Message(
        N_(
            "Over {count} test images the run's evaluation has a −ELBO of {nats} nats; the mean here is over {own}."
        ),
        {
            "count": found.count,
            "nats": Number(-found.metrics["elbo_nats"], 2),
            "own": len(seen.x),
        },
    )


def _objective(seen: Seen) -> Message | None:
    """What the run minimised, where it is not the bound."""
    config = seen.vae.config
    if config.beta != 1:
        return Message(
            N_("This run did not minimise that sum but pixels + {beta} · code."),
            {"beta": Number(config.beta)},
        )
    if config.importance_samples > 1:
        return Message(
            N_("This run was trained on the bound of {k} draws, not on this one."),
            {"k": config.importance_samples},
        )
    if config.free_bits:
        return Message(
            N_("In training {bits} nats of each dimension were not charged; here all are."),
            {"bits": Number(config.free_bits)},
        )
    return None
