"""An autoencoder beside the best linear map: what the bottleneck costs, and where a straight line is not enough.

Arrays: errors in squared units of the pixels; images (N, C, H, W). Sources: Eckart & Young 1936 (no linear map to as
many numbers is better than the principal components); Baldi & Hornik 1989 (nor is a linear autoencoder).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.autoencoder.seen import NUM_SHOWN, Seen, rebuilt_by_hand
from olaria.lessons.base import Array, Step, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import Curve, Images, Plot, Words
from olaria.lessons.images import checked, percent, strip, together, value
from olaria.models.autoencoder import AutoEncoder
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

MOST_RUNS = 4
"""Further runs in one figure."""
BEYOND = 0.01
"""How far outside 0 and 1 a pixel value is counted: less is rounding, or not seen."""


def cost(seen: Seen) -> Step:
    """The mean squared error beside that of principal components, by how many numbers a code has."""
    model, found = seen.autoencoder, seen.components
    errors = _errors_by_size(found, seen.x)
    own = squared_error(seen.rebuilt, seen.x).double().mean().item()
    reaches = (errors <= own).nonzero()[0]
    match = int(reaches[0]) if len(reaches) else None
    sizes = _sizes(len(errors) - 1, len(seen.projection.axes), match)
    others = images.comparable(seen.asked, "autoencoder")[:MOST_RUNS]
    points = [(seen.asked.run.name, model.latent, seen.rebuilt)]
    for run in others:
        other = run.model()
        assert isinstance(other, AutoEncoder)
        points.append((run.name, other.latent, latent.reconstruct(other, seen.x)))
    heights = [squared_error(x, seen.x).double().mean().item() for _, _, x in points]
    curves = [Curve("PCA", np.array(sizes, np.float64), errors[sizes])]
    curves += [
        Curve(name, np.array([float(size)]), np.array([height]), "points")
        for (name, size, _), height in zip(points, heights, strict=True)
    ]
    caption = N_(
        "The curve is PCA with more and more components, beginning with none, which is the mean image. A point is a "
        "run."
    )
    alone = N_(
        "For a curve of autoencoders, train other sizes (--set model.latent=8) and give this lesson those runs too."
    )
    numbered = numbers(seen.x.flatten(1))
    return Step(
        Message(N_("What the bottleneck costs")),
        together(
            _comparison(seen, own, errors, match),
            beside(
                seen.asked.run,
                len(seen.x),
                evaluated(seen.asked.run, "mse"),
                partial(_beside, seen),
            ),
        ),
        r"\hat x_{\mathrm{PCA}} = \bar x + A^{\top} A \left(x - \bar x\right), \qquad A A^{\top} = I",
        (
            Plot(
                Message(caption) if others else together(Message(caption), Message(alone)),
                tuple(curves),
                Message(N_("numbers in the code")),
                Message(N_("mean squared error per pixel")),
            ),
        ),
        {"sizes": np.array(sizes), "pca": errors[sizes], "runs": np.array(heights)},
        (PrincipalComponents.fitted, PrincipalComponents.decode, squared_error),
        (
            checked(
                N_("PCA's error at each size, by decoding every test image in NumPy"),
                errors[sizes],
                np.array([_pca_error(found, numbered, size) for size in sizes]),
            ),
            checked(
                N_("A turns no image longer or shorter: A times its transpose is the identity"),
                numbers(found.axes @ found.axes.T),
                np.eye(len(found.axes)),
            ),
            checked(
                N_("each run's error, the squares of all test images summed in float64"),
                np.array(heights),
                np.array(
                    [
                        ((numbers(x) - numbers(seen.x)) ** 2).sum() / seen.x.numel()
                        for _, _, x in points
                    ]
                ),
            ),
            rebuilt_by_hand(seen, slice(0, NUM_SHOWN)),
        ),
        "Eckart & Young 1936; Baldi & Hornik 1989",
    )


def _errors_by_size(found: PrincipalComponents, x: Tensor) -> Array:
    """The mean squared error of images (N, C, H, W) with 0, 1, … components: what the others hold, (d + 1,)."""
    centred = x.flatten(1).double() - found.mean
    held = (centred @ found.axes.T).square().sum(0)
    left = torch.cat((held.new_zeros(1), held)).cumsum(0).neg() + centred.square().sum()
    return numbers(left.clamp_min(0) / x.numel())


def _pca_error(found: PrincipalComponents, x: Array, size: int) -> float:
    """The same of one size, from images (N, P) that are projected and rebuilt."""
    mean, axes = numbers(found.mean), numbers(found.axes[:size])
    rebuilt = mean + (x - mean) @ axes.T @ axes
    return float(((rebuilt - x) ** 2).mean())


def _sizes(most: int, own: int, match: int | None) -> list[int]:
    """The numbers of components that are shown: 0, 1, 2, 3, 4, 6, 8, 12, …, the run's own, and where PCA matches it."""
    sizes, step = {0, own, most}, 1
    while step <= most:
        sizes |= {step, min(most, 3 * step // 2)}
        step *= 2
    if match is not None:
        sizes |= {match, max(0, match - 1)}
    return sorted(sizes)


def _comparison(seen: Seen, own: float, errors: Array, match: int | None) -> Message:
    """Which is the better of the two at one size, and what the other would need."""
    model, size = seen.autoencoder, len(seen.projection.axes)
    pca = float(errors[size])
    both = Message(
        N_(
            "Over {count} test images the autoencoder with its {latent} numbers has a mean squared error of {own}. "
            "PCA, the best linear map to as many numbers ({size}) and back, fitted to {train} training images, has "
            "{pca}."
        ),
        {
            "count": len(seen.x),
            "own": Number(own),
            "latent": model.latent,
            "pca": Number(pca),
            "size": size,
            "train": len(seen.train),
        },
    )
    if own >= pca:
        config = model.config
        is_linear = config.network == "dense" and not config.hidden and config.output == "linear"
        why = N_(
            "Here the network is the worse of the two: its layers are worth what training has made of them so far."
        )
        bound = N_(
            "This autoencoder has no hidden layer: it is a linear map itself, and no linear map does better than PCA "
            "on the images that both are fitted to."
        )
        return together(both, Message(bound if is_linear else why))
    if match is None:
        return together(
            both,
            Message(
                N_("Even {most} components do not come as near as the autoencoder does."),
                {"most": len(errors) - 1},
            ),
        )
    needs = N_("PCA needs {match} numbers to come as near as the autoencoder does.")
    return together(both, Message(needs, {"match": match}))


def _beside(seen: Seen, found: Evaluated) -> Message:
    """The same error over all test images."""
    return Message(
        N_(
            "Over {count} test images the run's evaluation has a mean squared error of {error}; here it is over {own}."
        ),
        {"count": found.count, "error": Number(found.metrics["mse"]), "own": len(seen.x)},
    )


def side_by_side(seen: Seen) -> Step:
    """Images that the autoencoder rebuilds better, and worse, than as many principal components."""
    model, found = seen.autoencoder, seen.projection
    own, pca = squared_error(seen.rebuilt, seen.x), squared_error(seen.projected, seen.x)
    order = (pca - own).argsort(descending=True, stable=True)
    half = max(1, min(NUM_SHOWN // 2, len(order) // 2))
    rows = torch.cat((order[:half], order[len(order) - half :]))
    wins = int((own < pca).sum())
    share = ((seen.projected - 0.5).abs() > 0.5 + BEYOND).double().mean().item()
    text = Message(
        N_(
            "With as many numbers each, the autoencoder is nearer to the image than PCA on {wins} of {count} test "
            "images. The first {half} below are those where it gains most, the last {half} those where it gains "
            "least, or loses. PCA adds and subtracts fixed pictures, so {outside} % of its pixel values lie more than "
            "{beyond} outside 0 and 1; they are shown as black or white."
        ),
        {
            "wins": wins,
            "count": len(own),
            "half": half,
            "outside": percent(share),
            "beyond": Number(BEYOND),
        },
    )
    strips = [
        strip(name, rebuilt[rows], tuple(value(error) for error in errors[rows].tolist()))
        for name, rebuilt, errors in (
            ("PCA", seen.projected, pca),
            (Message(N_("autoencoder")), seen.rebuilt, own),
        )
    ]
    x, mean, axes = numbers(seen.x[rows].flatten(1)), numbers(found.mean), numbers(found.axes)
    linear = mean + (x - mean) @ axes.T @ axes
    whole = numbers(seen.x.flatten(1))
    every = mean + (whole - mean) @ axes.T @ axes
    network = networks.image(model, networks.code(model, numbers(seen.x[rows])))
    network = network.clip(0, 1).reshape(x.shape)
    by_pca, by_network = (
        ((numbers(rebuilt) - numbers(seen.x)) ** 2).sum((1, 2, 3))
        for rebuilt in (seen.projected, seen.rebuilt)
    )
    return Step(
        Message(N_("Beside the best linear projection")),
        text,
        figures=(
            Images(
                Message(N_("Under each rebuilt image its mean squared error.")),
                (strip(Message(N_("test images")), seen.x[rows]), *strips),
            ),
        ),
        arrays={"rows": rows.numpy(), "own": own.numpy(), "pca": pca.numpy()},
        source=(PrincipalComponents.encode, PrincipalComponents.decode, latent.reconstruct),
        checks=(
            checked(
                N_("PCA's images, projected in NumPy"), seen.projected[rows].flatten(1), linear
            ),
            checked(
                N_("the autoencoder's images, again in NumPy from the raw weights"),
                seen.rebuilt[rows].flatten(1),
                network,
            ),
            checked(
                N_("the errors under the images, in float64"),
                torch.stack((pca[rows], own[rows])),
                np.stack([((y - x) ** 2).mean(1) for y in (linear, network)]),
            ),
            checked(
                N_(
                    "on how many images the autoencoder is nearer, and what PCA leaves outside 0 and 1"
                ),
                np.array([wins, share]),
                np.array(
                    [(by_network < by_pca).sum(), (np.abs(every - 0.5) > 0.5 + BEYOND).mean()]
                ),
            ),
        ),
        reference="Baldi & Hornik 1989",
    )


def halfway(seen: Seen) -> Step:
    """What lies in the middle of two codes: of a linear map the average of both images, of a curved one another."""
    model, found = seen.autoencoder, seen.projection
    pair = seen.x[list(seen.two())]
    codes, held = model.encode(pair), found.encode(pair)
    own = model.decode(torch.cat((codes, codes.mean(0, keepdim=True))))
    pca = found.decode(torch.cat((held, held.mean(0, keepdim=True)))).view_as(own)
    averages = [x[:2].mean(0, keepdim=True) for x in (pca, own)]
    apart = [
        squared_error(x[2:], average).item()
        for x, average in zip((pca, own), averages, strict=True)
    ]
    text = Message(
        N_(
            "The middle of two codes, decoded by a linear map, is the average of the two decoded images: for PCA the "
            "mean squared difference is {pca}. For the autoencoder it is {own}, and that is how far its decoder is "
            "from linear between these two images."
        ),
        {"pca": Number(round(apart[0], 7)), "own": Number(round(apart[1], 7))},
    )
    notes = (
        Message(N_("one image")),
        Message(N_("middle of the codes")),
        Message(N_("average of the images")),
        Message(N_("the other")),
    )
    names: tuple[Words, ...] = ("PCA", Message(N_("autoencoder")))
    rows = tuple(
        strip(name, torch.cat((x[:1], x[2:], average, x[1:2])), notes)
        for name, x, average in zip(names, (pca, own), averages, strict=True)
    )
    z = networks.code(model, numbers(pair))
    network = networks.image(model, np.concatenate((z, z.mean(0, keepdims=True))))
    flat, mean, axes = numbers(pair.flatten(1)), numbers(found.mean), numbers(found.axes)
    linear = mean + (np.concatenate((flat, flat.mean(0, keepdims=True))) - mean) @ axes.T @ axes
    return Step(
        Message(N_("Halfway between two codes")),
        text,
        r"g_{\mathrm{lin}}\left(\frac{a + b}{2}\right) = \frac{g_{\mathrm{lin}}(a) + g_{\mathrm{lin}}(b)}{2}",
        (
            Images(
                Message(
                    N_(
                        "What is halfway need not look like an image of the data: nothing in the loss speaks of what "
                        "lies between two codes."
                    )
                ),
                rows,
            ),
        ),
        {"z": codes.numpy(), "pca": pca.numpy(), "own": own.numpy()},
        (AutoEncoder.decode, PrincipalComponents.decode),
        (
            checked(
                N_("PCA's middle, from the average of the two images in NumPy"),
                pca.flatten(1),
                linear,
            ),
            checked(
                N_("the autoencoder's images, again in NumPy from the raw weights"),
                own,
                network,
            ),
            checked(
                N_("how far middle and average are apart, in float64"),
                np.array(apart),
                np.array([((x[2] - x[:2].mean(0)) ** 2).mean() for x in (linear, network)]),
            ),
        ),
    )
