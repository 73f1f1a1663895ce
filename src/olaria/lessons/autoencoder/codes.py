"""Where the codes of an autoencoder lie, and that nothing says where they should.

Arrays: codes ``z`` (N, latent) and points of the plane (N, 2), without a unit. Source of the fitted normal
distribution: Ghosh et al. 2020, *From Variational to Deterministic Autoencoders*, section 4.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation.gathered import alike
from olaria.evaluation.neighbours import nearest
from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.autoencoder.seen import NUM_ASKED, NUM_SHOWN, NUM_VOTERS, Seen
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import Cloud, Images, Scatter, Words
from olaria.lessons.images import checked, index, percent, strip, together
from olaria.models.autoencoder import AutoEncoder
from olaria.sampling import latent

NEIGHBOURS = 5
NUM_DRAWN = 200
"""Codes whose distance from those of training images is measured."""


def where_codes_lie(seen: Seen) -> Step:
    """The codes of test images on a plane, and how often their neighbours are of their class."""
    codes = latent.encode(seen.model, seen.x)
    size, asked = codes.shape[1], slice(0, NUM_ASKED)
    found = PrincipalComponents.fitted(codes, 2)
    points = numbers(codes) if size == 2 else numbers(found.encode(codes))
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    labels = None if seen.y is None else seen.y[asked].numpy()
    names = (index("z", 0), index("z", 1)) if size == 2 else (index("c", 0), index("c", 1))
    checks = [_points_again(codes, points[asked], by_axes=size == 2), _codes_again(seen, codes)]
    sentences = [
        Message(
            N_("Each point is the code of one of {count} test images."),
            {"count": len(points[asked])},
        )
    ]
    if size > 2 and alike(codes) is None:
        rest = N_(
            "The plane shows the first two principal components of the codes, {share} % of their variance; the rest "
            "is not seen here."
        )
        share = float(found.shares.sum())
        sentences.append(Message(rest, {"share": percent(share)}))
        centred = numbers(codes) - numbers(codes).mean(0)
        total = np.linalg.svd(centred, compute_uv=False) ** 2
        checks.append(
            checked(
                N_("the share of the variance, from singular values"),
                share,
                float(total[:2].sum() / total.sum()),
            )
        )
    if seen.y is not None and seen.train_y is not None and alike(seen.voters) is None:
        sentence, check = _neighbours(seen, codes[asked])
        sentences.append(sentence)
        checks.append(check)
    return Step(
        Message(N_("Where the codes lie")),
        together(*sentences),
        figures=(
            Scatter(
                Message(
                    N_(
                        "The axes, their signs and their scale mean nothing: another seed gives others with the same "
                        "error."
                    )
                ),
                (Cloud(seen.asked.run.name, points[asked], labels),),
                seen.data.class_names,
                *names,
            ),
        ),
        arrays={"z": codes.numpy(), "points": points},
        source=(AutoEncoder.encode, PrincipalComponents.fitted),
        checks=tuple(checks),
    )


def _points_again(codes: Tensor, points: Array, *, by_axes: bool) -> Check:
    """The points of the plane by another route: the codes themselves, or singular vectors of them."""
    z = numbers(codes)
    if by_axes:
        return checked(N_("the points are the codes, in float64"), points, z[: len(points)])
    centred = z - z.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    found = centred[: len(points)] @ (axes * signs[:, None]).T
    found = np.pad(found, ((0, 0), (0, 2 - found.shape[1])))
    return checked(N_("the points, from the singular vectors of the codes"), points, found)


def _codes_again(seen: Seen, codes: Tensor) -> Check:
    """Some of the codes, by NumPy."""
    x = numbers(seen.x[:NUM_SHOWN])
    return Check(
        Message(
            N_("the codes of {count} of the images, again in NumPy from the raw weights"),
            {"count": len(x)},
        ),
        codes[:NUM_SHOWN].numpy(),
        networks.code(seen.autoencoder, x),
    )


def _neighbours(seen: Seen, codes: Tensor) -> tuple[Message, Check]:
    """How often the nearest training codes tell the class, and how often principal components do."""
    from olaria.evaluation.reconstruction import (
        knn_accuracy,
    )  # imports scikit-learn, which takes its time

    assert seen.y is not None and seen.train_y is not None
    y, voters_y, k = (
        seen.y[: len(codes)],
        seen.train_y[:NUM_VOTERS],
        min(NEIGHBOURS, len(seen.voters)),
    )
    by_pca = (seen.projection.encode(x) for x in (seen.train[:NUM_VOTERS], seen.x[: len(codes)]))
    spaces = [(seen.voters.double(), codes.double()), tuple(x.double() for x in by_pca)]
    found = [knn_accuracy(voters, voters_y, asked, y, k) for voters, asked in spaces]
    again = [_vote(numbers(a), voters_y.numpy(), numbers(b), k) for a, b in spaces]
    text = Message(
        N_(
            "The colour is the class, which the model was never told. The {k} nearest of {voters} training codes vote "
            "for the right class of {own} % of the images; by as many principal components of the pixels it is {pca} "
            "%."
        ),
        {
            "k": k,
            "voters": len(voters_y),
            "own": percent(found[0]),
            "pca": percent(found[1]),
        },
    )
    right = [float((vote == y.numpy()).mean()) for vote in again]
    return text, checked(
        N_("the shares of neighbours, by counting votes in NumPy"), np.array(found), np.array(right)
    )


def _vote(voters: Array, classes: Array, asked: Array, k: int) -> Array:
    """The commonest class among the k nearest of each, the smallest where there are several."""
    distances = (asked**2).sum(1)[:, None] - 2 * asked @ voters.T + (voters**2).sum(1)
    nearest_k = np.argpartition(distances, k - 1, 1)[:, :k]
    return np.array([np.bincount(votes).argmax() for votes in classes[nearest_k]])


def no_prior(seen: Seen) -> Step:
    """Where the codes of images are, where N(0, I) is, and what is decoded there."""
    z, generator = seen.voters.double(), seen.generator("codes")
    mean, std = z.mean(0), z.std(0, correction=0)
    eps = torch.randn(z.shape, generator=generator).double()
    centred = z - mean
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(z))
    fitted = mean + (eps * variances.clamp_min(0).sqrt()) @ axes.T
    tested = latent.encode(seen.model, seen.x[:NUM_DRAWN]).double()
    spread = std.clamp_min(1e-6)
    # From draws to codes and back: few draws may lie among the codes, and yet most codes far from all draws.
    ways = ((eps[:NUM_DRAWN], z), (tested, eps), (tested, z))
    far = [nearest(a / spread, b / spread, 1)[0].median().item() for a, b in ways]
    names: tuple[Words, ...] = (
        Message(N_("test images")),
        "N(0, I)",
        Message(N_("normal distribution fitted to the codes")),
    )
    count = min(NUM_SHOWN, len(tested), len(eps))
    shown = torch.cat([place[:count] for place in (tested, eps, fitted)])
    decoded = latent.decode(seen.model, shown.float())
    text = Message(
        N_(
            "Nothing in the loss says where codes lie: here the means of the dimensions run from {low} to {high} and "
            "their standard deviations from {narrow} to {wide}, where N(0, I) has 0 and 1. Counted in those "
            "deviations, the median distance from a draw of N(0, I) to the nearest training code is {there}, from the "
            "code of a test image to the nearest of as many draws {back}, and to the nearest training code {tested}. "
            "Sampling is *not defined* for an autoencoder: any rule for choosing $z$, such as a normal distribution "
            "fitted to the codes, is a second model added by hand."
        ),
        {
            "low": Number(mean.min().item()),
            "high": Number(mean.max().item()),
            "narrow": Number(std.min().item()),
            "wide": Number(std.max().item()),
            "there": Number(far[0]),
            "back": Number(far[1]),
            "tested": Number(far[2]),
        },
    )
    series = (
        (Message(N_("mean")), numbers(mean)),
        (Message(N_("standard deviation")), numbers(std)),
    )
    codes = z.numpy()
    return Step(
        Message(N_("No prior: nowhere to draw from")),
        text,
        r"\min_{f, g}\, \mathbb{E}_x \left\| g(f(x)) - x \right\|^2",
        (
            images.by_dimension(
                series,
                "z",
                Message(
                    N_("Of the codes of {count} training images, each dimension."),
                    {"count": len(z)},
                ),
                "",
                (("0", 0.0), ("1", 1.0)),
            ),
            Images(
                Message(
                    N_(
                        "What the decoder makes of codes of test images, and of numbers drawn at random in two ways. "
                        "The last two rows are no samples of the autoencoder, which has none."
                    )
                ),
                tuple(map(strip, names, decoded.split(count))),
            ),
        ),
        {"mean": numbers(mean), "std": numbers(std), "nearest": np.array(far)},
        (latent.decode, nearest),
        (
            checked(
                N_("means and deviations, from the moments of the codes"),
                torch.stack((mean, std)),
                np.stack(
                    (
                        codes.mean(0),
                        np.sqrt(np.maximum((codes**2).mean(0) - codes.mean(0) ** 2, 0)),
                    ),
                ),
            ),
            checked(
                N_("the decoded images, again in NumPy from the raw weights"),
                decoded,
                networks.image(seen.autoencoder, numbers(shown)).clip(0, 1),
            ),
            checked(
                N_("the median distances, one code after the other in NumPy"),
                np.array(far),
                np.array([_median_distance(*((p / spread).numpy() for p in way)) for way in ways]),
            ),
        ),
        "Ghosh et al. 2020 (the fitted normal distribution)",
    )


def _median_distance(asked: Array, points: Array) -> float:
    """Of all distances to the nearest point, the lower median."""
    found = sorted(float(np.sqrt(((points - one) ** 2).sum(1).min())) for one in asked)
    return found[(len(found) - 1) // 2]
