r"""The Kullback–Leibler divergence of two normal distributions, drawn as a signed area.

.. math:: D(p \| q) = \int p(x) \log\frac{p(x)}{q(x)} \, dx \quad\text{nats}

The integrand is negative where q is above p; only the whole area is never negative. With a VAE's run, the divergence
of one image's posterior from the prior.

Arrays of the steps: ``x``, (N,); ``p`` and ``q``, densities per unit of x; ``integrand``, nats per unit of x;
``mean`` and ``std`` of a posterior, (latent,), and its ``kl_nats``.
"""

from __future__ import annotations

import numpy as np
import torch

from olaria.data import ImageData
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Asked, Check, Lesson, Step
from olaria.lessons.figures import Bars, Curve, Gaussians, Images, Plot, Strip, Table
from olaria.models.vae import VAE
from olaria.objectives.divergence import (
    Divergence,
    Gaussian,
    divergence,
    gaussian_kl,
    integrand,
    normal_kl,
    trapezoid,
)

REFERENCE = "Kullback & Leibler 1951, section 2"

P = Gaussian(0.0, 1.0)
Q = Gaussian(1.0, 1.5)
PRIOR = Gaussian(0.0, 1.0)
MOST_BARS = 16


def kl_lesson(p: Gaussian, q: Gaussian) -> tuple[Step, ...]:
    """Two distributions, the area in one direction, the area in the other, and both to be moved."""
    forward, backward = divergence(p, q), divergence(q, p)
    return _two(p, q, forward.x), _area(forward), _other(forward, backward), _moved(p, q)


def _two(p: Gaussian, q: Gaussian, x: Array) -> Step:
    densities = {"p": p.density(x), "q": q.density(x)}
    areas = [trapezoid(density, x) for density in densities.values()]
    return Step(
        Message(N_("Two distributions")),
        Message(
            N_(
                "$p$ is normal with mean {mean_p} and standard deviation {std_p}, $q$ with mean {mean_q} and standard "
                "deviation {std_q}. A density may lie above one; the area under it is always one."
            ),
            {
                "mean_p": Number(p.mean),
                "std_p": Number(p.std),
                "mean_q": Number(q.mean),
                "std_q": Number(q.std),
            },
        ),
        r"\mathcal{N}(x;\mu,\sigma^2)=\frac{1}{\sigma\sqrt{2\pi}}\exp\left(-\frac{(x-\mu)^2}{2\sigma^2}\right)",
        (
            Plot(
                Message(N_("Both densities, per unit of $x$.")),
                tuple(Curve(name, *_thinned(x, y)) for name, y in densities.items()),
                "x",
                Message(N_("density")),
            ),
        ),
        {"x": x, **densities},
        (Gaussian.log_density,),
        (Check(Message(N_("the area under each density is one")), areas, [1.0, 1.0]),),
    )


def _area(forward: Divergence) -> Step:
    return Step(
        Message(N_("An area with a sign")),
        Message(
            N_(
                "Where $p$ is above $q$ the logarithm is positive, elsewhere negative, and each place counts as much "
                "as $p$ has mass there. Here {positive} nats lie above the axis and {negative} below; their sum, "
                "{sum} nats, is the divergence, which is never negative."
            ),
            {
                "positive": Number(forward.positive_nats, 3),
                "negative": Number(forward.negative_nats, 3),
                "sum": Number(forward.numerical_nats, 3),
            },
        ),
        r"D(p\,\|\,q)=\int p(x)\,\log\frac{p(x)}{q(x)}\,dx",
        (_integrand_plot(forward, Message(N_("The integrand of $D(p‖q)$ and its two areas."))),),
        {"x": forward.x, "integrand": forward.integrand},
        (integrand, normal_kl),
        (_agreement(forward),),
        REFERENCE,
    )


def _other(forward: Divergence, backward: Divergence) -> Step:
    return Step(
        Message(N_("The other direction is another number")),
        Message(
            N_(
                "Now $q$ gives the weight, and the area is {backward} nats instead of {forward}. A divergence is not a "
                "distance: its two directions differ, and in a VAE the encoder's distribution comes first."
            ),
            {
                "backward": Number(backward.numerical_nats, 3),
                "forward": Number(forward.numerical_nats, 3),
            },
        ),
        r"D(q\,\|\,p)=\int q(x)\,\log\frac{q(x)}{p(x)}\,dx\;\neq\;D(p\,\|\,q)",
        (_integrand_plot(backward, Message(N_("The integrand of $D(q‖p)$ and its two areas."))),),
        {"x": backward.x, "integrand": backward.integrand},
        (integrand, normal_kl),
        (_agreement(backward),),
        REFERENCE,
    )


def _moved(p: Gaussian, q: Gaussian) -> Step:
    """Where the reader moves both; what the page computes then is tested against :func:`divergence`."""
    means = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
    moved = [divergence(Gaussian(mean, p.std), Gaussian(0.0, p.std)) for mean in means]
    closed = np.array([found.closed_form_nats for found in moved])
    rows = tuple((float(mean), float(nats)) for mean, nats in zip(means, closed, strict=True))
    return Step(
        Message(N_("Move them")),
        Message(
            N_(
                "Move the means apart and the divergence grows with the *square* of their distance. Make $q$ narrower "
                "than $p$ and it grows fast: $p$ has mass where $q$ says there is almost none. It is zero only where "
                "both are equal."
            )
        ),
        r"D(p\,\|\,q)=\log\frac{\sigma_q}{\sigma_p}+\frac{\sigma_p^2+(\mu_p-\mu_q)^2}{2\sigma_q^2}-\frac{1}{2}",
        (
            Gaussians(
                Message(N_("Both densities above, the signed integrand of $D(p‖q)$ below.")),
                (p.mean, p.std),
                (q.mean, q.std),
            ),
            Table(
                Message(
                    N_("Equal deviations of {std}, and means ever further apart."),
                    {"std": Number(p.std)},
                ),
                (Message(N_("distance of the means")), Message(N_("divergence (nats)"))),
                rows,
                3,
            ),
        ),
        {"distance": means, "kl_nats": closed},
        (normal_kl,),
        (
            Check(
                Message(N_("the closed form equals the area, at each distance")),
                closed,
                [found.numerical_nats for found in moved],
            ),
        ),
        "Kingma & Welling 2014, appendix B",
    )


def _agreement(area: Divergence) -> Check:
    text = Message(N_("the area under the curve equals the closed form, in nats"))
    return Check(text, area.numerical_nats, area.closed_form_nats)


def _thinned(x: Array, y: Array, reach: float = 4.0, points: int = 241) -> tuple[Array, Array]:
    """What a page draws of a finely computed curve: the middle of it, at fewer points."""
    shown = np.linspace(-reach, reach + 1.5, points)
    return shown, np.interp(shown, x, y)


def _integrand_plot(found: Divergence, caption: Message) -> Plot:
    curve = Curve(Message(N_("integrand")), *_thinned(found.x, found.integrand), kind="area")
    return Plot(caption, (curve,), "x", Message(N_("nats per unit of x")))


# -- in the user's VAE ---------------------------------------------------------------------------------


def posterior_step(asked: Asked) -> Step:
    """What the divergence says of the posterior of one test image of a VAE's run."""
    model, data = asked.run.model(), asked.run.data(offline=asked.offline)
    assert isinstance(model, VAE) and isinstance(data, ImageData)
    image = data.test.x[:1]
    with torch.no_grad():
        mean, log_var = model.posterior(image.float() / 255)
    kl = gaussian_kl(mean, log_var)[0].double().numpy()
    means, stds = mean[0].double().numpy(), (0.5 * log_var[0].double()).exp().numpy()
    shown = np.sort(np.argsort(kl)[::-1][:MOST_BARS])
    most = int(kl.argmax())
    pairs = [Gaussian(float(m), float(s)) for m, s in zip(means, stds, strict=True)]
    areas = [divergence(pair, PRIOR).numerical_nats for pair in pairs]
    is_prior = model.flow is None and not model.config.above
    text = (
        N_(
            "The encoder gave this test image one normal distribution for each of {count} latent dimensions. Together "
            "they cost {total} nats; dimension {most} costs the most, {nats} nats, with mean {mean} and standard "
            "deviation {std}. A dimension that costs nothing equals the prior and says nothing of the image."
        )
        if is_prior
        else N_(
            "The encoder gave this test image one normal distribution for each of {count} variables. The prior of this "
            "run is learned, so these {total} nats are the divergence from N(0, 1) and not the KL term of its bound; "
            "variable {most} is the furthest, {nats} nats, with mean {mean} and standard deviation {std}."
        )
    )
    return Step(
        Message(N_("The posterior of one image of yours")),
        Message(
            text,
            {
                "count": len(kl),
                "total": Number(float(kl.sum()), 2),
                "most": most + 1,
                "nats": Number(float(kl[most]), 2),
                "mean": Number(means[most], 2),
                "std": Number(stds[most], 3),
            },
        ),
        r"D\left(q(z|x)\,\|\,p(z)\right)=\sum_j\frac{1}{2}\left(\mu_j^2+\sigma_j^2-\log\sigma_j^2-1\right)",
        (
            Images(Message(N_("The image.")), (Strip("", image.numpy()),)),
            Bars(
                Message(
                    N_("Divergence of each dimension from N(0, 1); the {count} largest."),
                    {"count": len(shown)},
                ),
                tuple(f"{i + 1}" for i in shown),
                ((Message(N_("divergence")), kl[shown]),),
                Message(N_("nats")),
            ),
            Gaussians(
                Message(
                    N_(
                        "Dimension {most} as the encoder left it, beside the prior; move it towards the prior."
                    ),
                    {"most": most + 1},
                ),
                (float(means[most]), float(stds[most])),
                (PRIOR.mean, PRIOR.std),
                (f"q(z{most + 1}|x)", "p(z)"),
                fixed_q=True,
            ),
        ),
        {"mean": means, "std": stds, "kl_nats": kl},
        (gaussian_kl,),
        (
            Check(
                Message(N_("each dimension's closed form equals the area under its integrand")),
                kl,
                areas,
            ),
        ),
        "Kingma & Welling 2014, appendix B",
    )


def steps(asked: Asked) -> tuple[Step, ...]:
    """Two distributions of ours; then, where a run is given, one of its own."""
    common = kl_lesson(P, Q)
    return (*common, posterior_step(asked)) if asked.runs else common


LESSON = Lesson(
    title=Message(N_("How far apart two distributions are: the KL divergence")),
    introduction=Message(
        N_(
            "Half of a VAE's loss is a Kullback–Leibler divergence. Here it is drawn as what it is: "
            "an area with a sign."
        )
    ),
    steps=steps,
    families=("vae",),
    preset="vae-mnist",
    needs_run=False,
)
