r"""What a VAE's codes have that an autoencoder's have not: a prior. Where they lie, and what is drawn.

Arrays: codes ``z`` (N, latent), without a unit; images (N, C, H, W), pixels in [0, 1]. Source: Makhzani et al. 2015
(the aggregate posterior).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation.neighbours import nearest
from olaria.i18n import N_, Message, Number, command
from olaria.lessons import images
from olaria.lessons.base import Array, Check, Step, numbers, together
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import (
    Choice,
    Cloud,
    Control,
    Figure,
    Images,
    Scatter,
)
from olaria.lessons.images import checked, index, percent, strip, value
from olaria.lessons.vae.seen import NUM_AGAIN, Seen, decoded_by_hand
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE, binarize
from olaria.runs import Run
from olaria.sampling import latent

RADIUS = 2.0
"""Of the circle around the origin within which points are counted."""
CIRCLES = (1.0, 2.0, 3.0)
NUM_SAMPLES = 10
NUM_STEPS = 11
"""On the way from one image to another, both ends included."""
SIDE = 9
"""Of the map of a plane."""
MOST_RUNS = 5
NUM_REBUILT = 5
"""Test images that each of several runs rebuilds."""


# -- where the codes lie ---------------------------------------------------------------------------


def aggregate(seen: Seen) -> Step:
    """One draw for each image, in the plane of the two most active dimensions; an autoencoder's codes beside it."""
    model, z = seen.vae, seen.draw.z[0]
    axes = _axes(seen.codes)
    points = _plane(z, axes)
    inside, square = _inside(points), z.double().square().mean().item()
    # The norm of two standard normal numbers, or of one.
    expected = 1 - math.exp(-(RADIUS**2) / 2) if len(axes) == 2 else math.erf(RADIUS / 2**0.5)
    labels = None if seen.y is None else seen.y.numpy()
    others = images.comparable(seen.asked, "autoencoder")[:1]
    own = seen.asked.run.name
    clouds = [Cloud(_named(own, axes, model.latent) if others else own, points, labels)]
    text = Message(
        N_(
            "Each point is one draw of $q(z|x)$, for one of {count} test images; the KL term asks that all of them "
            "together lie like N(0, I). Of the points {inside} % are within {radius} of the origin, of N(0, I) "
            "{expected} %. Over all {latent} dimensions the mean square of $z_j$ is {square}, where N(0, I) has 1."
        ),
        {
            "count": len(z),
            "inside": percent(inside),
            "radius": Number(RADIUS),
            "expected": percent(expected),
            "latent": model.latent,
            "square": Number(square, 3),
        },
    )
    again = seen.by_hand(slice(0, NUM_AGAIN))
    checks = [
        Check(
            Message(
                N_("the draws of {count} images, again in NumPy from the raw weights"),
                {"count": len(again.h)},
            ),
            z[:NUM_AGAIN].numpy(),
            networks.carried(model.flow, again.h, seen.told(slice(0, NUM_AGAIN)))[0],
        ),
        checked(
            N_("the share within the circle and the mean square, counted one by one"),
            np.array([inside, square]),
            np.array(
                [
                    sum(a * a + b * b <= RADIUS**2 for a, b in points.tolist()) / len(points),
                    sum(number * number for row in z.tolist() for number in row) / z.numel(),
                ]
            ),
        ),
    ]
    captions = [_caption_of_axes(model.latent)]
    for run in others:
        cloud, sentence, check = _codes_of(seen, run)
        clouds.append(cloud)
        captions.append(sentence)
        checks.append(check)
    if not others:
        missing = N_(
            "To see an autoencoder's codes beside them, train one ({command}) and give this lesson both runs."
        )
        options = [
            "--data",
            seen.asked.run.recipe.data.last_name,
            "--set",
            f"model.latent={model.latent}",
        ]
        fields = {"command": command("train", "ae-mnist", options=options)}
        captions.append(Message(missing, fields))
    # Beside each other the planes have dimensions of their own, which their names tell.
    names = ["", ""] if others else [*(index("z", axis) for axis in axes), ""]
    return Step(
        Message(N_("Prior and codes")),
        text,
        r"q(z) = \frac{1}{N} \sum_{n=1}^{N} q(z \mid x_n) \approx p(z) = \mathcal{N}(0, I)",
        (
            Scatter(
                together(*captions),
                tuple(clouds),
                seen.data.class_names,
                x_label=names[0],
                y_label=names[1],
                panels=bool(others),
                circles=CIRCLES,
            ),
        ),
        {"z": z.numpy(), "points": points},
        (VAE.draw,),
        tuple(checks),
        "Makhzani et al. 2015, Adversarial Autoencoders",
    )


def _axes(codes: Tensor) -> list[int]:
    """The two dimensions that differ most among images, in their order; one, where there is one."""
    order = codes.double().var(0).argsort(descending=True, stable=True)
    return sorted(order[:2].tolist())


def _named(name: str, axes: list[int], size: int) -> str:
    """A run, and which of its dimensions are shown, where it has more."""
    return name if size <= 2 else f"{name} ({', '.join(index('z', axis) for axis in axes)})"


def _plane(z: Tensor, axes: list[int]) -> Array:
    """Points of the plane (N, 2); the second coordinate is 0 where there is one dimension."""
    points = numbers(z[:, axes])
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def _inside(points: Array) -> float:
    return float((np.linalg.norm(points, axis=1) <= RADIUS).mean())


def _caption_of_axes(size: int) -> Message:
    circles = Message(N_("The circles are one, two and three standard deviations of the prior."))
    if size <= 2:
        return circles
    most = N_(
        "Of {latent} dimensions the two are shown that differ most among images; the others are not seen."
    )
    return together(Message(most, {"latent": size}), circles)


def _codes_of(seen: Seen, run: Run) -> tuple[Cloud, Message, Check]:
    """An autoencoder's codes of the same images, how many are near the origin, and their check."""
    model = run.model()
    assert isinstance(model, AutoEncoder)
    codes = latent.encode(model, seen.x)
    axes = _axes(codes)
    points = _plane(codes, axes)
    sentence = Message(
        N_(
            "Of the codes of {name}, an autoencoder, {inside} % are within {radius} of the origin: nothing in its "
            "loss says where codes lie."
        ),
        {"name": run.name, "inside": percent(_inside(points)), "radius": Number(RADIUS)},
    )
    again = networks.code(model, numbers(seen.x[:NUM_AGAIN]))
    check = checked(
        N_("the autoencoder's codes of some images, again in NumPy from the raw weights"),
        codes[:NUM_AGAIN],
        again,
    )
    name = _named(run.name, axes, model.latent)
    return Cloud(name, points, None if seen.y is None else seen.y.numpy()), sentence, check


# -- sampling --------------------------------------------------------------------------------------


def sampling(seen: Seen) -> Step:
    """Draws from the prior, decoded; and the way from one image to another."""
    model, generator = seen.vae, seen.generator("prior")
    z = torch.randn(NUM_SAMPLES, model.latent, generator=generator)
    y = latent.classes_in_turn(model, NUM_SAMPLES)
    means = latent.decode(model, z, y)
    rows = [strip(Message(N_("means of the pixels")), means, _classes(seen, y))]
    if seen.is_binary:
        rows.append(strip(Message(N_("drawn black or white")), binarize(means, generator)))
    many = torch.randn(len(seen.codes), model.latent, generator=generator).double()
    drawn = seen.draw.z[0].double()
    far = [
        nearest(many, drawn, 1)[0].median().item(),
        nearest(drawn, drawn, min(2, len(drawn)))[0][:, -1].median().item(),
    ]
    text = Message(
        N_(
            "Sampling needs no encoder: draw $z$ from the prior and decode it. A draw from the prior is {prior} from "
            "the nearest of {count} codes that were drawn for test images (the median); one of these is {own} from "
            "the nearest other. Were the first much larger, the prior would draw codes that the decoder was not "
            "trained on."
        ),
        {"prior": Number(far[0], 2), "count": len(drawn), "own": Number(far[1], 2)},
    )
    way, figure, walked = _way(seen)
    figures: list[Figure] = [
        Images(
            Message(
                N_(
                    "New images. What is usually shown is the mean of each pixel, which looks smooth but is no draw "
                    "of $p(x|z)$."
                )
            ),
            tuple(rows),
        ),
        figure,
    ]
    shown, told = [z, way], [y, walked]
    decoded = [means, latent.decode(model, way, walked)]
    if model.latent == 2 and not model.classes:
        plane = latent.manifold(model, SIDE)
        figures.append(_plane_map(plane))
        shown.append(_grid(SIDE))
        told.append(None)
        decoded.append(plane)
    return Step(
        Message(N_("Drawing new images")),
        text,
        r"z \sim \mathcal{N}(0, I), \quad x \sim p(x \mid z); \qquad z_t = (1 - t)\, a + t\, b",
        tuple(figures),
        {"z": z.numpy(), "means": means.numpy(), "nearest": np.array(far)},
        (latent.prior, latent.interpolate),
        (
            *(
                checked(
                    N_("decoded images, again in NumPy from the raw weights"),
                    x,
                    decoded_by_hand(seen, networks.carried_back(model.flow, numbers(at), of), of),
                )
                for x, at, of in zip(decoded, shown, told, strict=True)
            ),
            checked(
                N_("the median distances, one code after the other in NumPy"),
                np.array(far),
                np.array(
                    [
                        _median(many.numpy(), drawn.numpy(), 0),
                        _median(drawn.numpy(), drawn.numpy(), min(1, len(drawn) - 1)),
                    ]
                ),
            ),
        ),
        "Kingma & Welling 2014, appendix A",
    )


def _classes(seen: Seen, y: Tensor | None) -> tuple[str, ...]:
    return () if y is None else tuple(seen.data.class_names[label] for label in y.tolist())


def _median(asked: Array, points: Array, place: int) -> float:
    """The lower median of the distance to the nearest point, or to the one after it."""
    found = sorted(float(np.sqrt(np.sort(((points - one) ** 2).sum(1))[place])) for one in asked)
    return found[(len(found) - 1) // 2]


def _way(seen: Seen) -> tuple[Tensor, Choice, Tensor | None]:
    """Codes on the line between those of two test images, their images, and the class that is told."""
    model = seen.vae
    ends = list(seen.two(alike=bool(model.classes)))
    start, stop = seen.codes[ends[:1]], seen.codes[ends[1:]]
    y = seen.told(torch.tensor(ends[:1]))
    pictures = latent.interpolate(model, start, stop, NUM_STEPS, y=y)[0]
    t = torch.linspace(0, 1, NUM_STEPS)[:, None]
    shares = tuple(value(share, 1) for share in t[:, 0].tolist())
    notes = (Message(N_("one image")), Message(N_("on the way")), Message(N_("the other")))
    steps = tuple(
        Images(
            "",
            (strip("", torch.stack((seen.x[ends[0]], picture, seen.x[ends[1]])), notes),),
        )
        for picture in pictures
    )
    caption = Message(
        N_(
            "In a straight line from the code of one test image to that of another. Every place decodes to something; "
            "whether that could be an image of the data is for you to judge."
        )
    )
    control = Control("t", shares, start=NUM_STEPS // 2, plays=True)
    told = None if y is None else y.expand(NUM_STEPS)
    middle = NUM_STEPS // 2
    choice = Choice(caption, (control,), steps, printed=(middle // 2, middle, middle + middle // 2))
    return (1 - t) * start + t * stop, choice, told


def _grid(side: int) -> Tensor:
    """The codes that the map of a plane is decoded at, from the top row down, (side · side, 2)."""
    line = torch.distributions.Normal(0.0, 1.0).icdf(
        torch.linspace(0.5 / side, 1 - 0.5 / side, side)
    )
    return torch.tensor([[across, up] for up in line.flip(0).tolist() for across in line.tolist()])


def _plane_map(pictures: Tensor) -> Images:
    """The whole plane, as many images from left to right as from top to bottom."""
    rows = tuple(strip("", row) for row in pictures.split(SIDE))
    return Images(
        Message(
            N_(
                "The whole plane of codes, decoded on a grid whose cells hold equal shares of the prior."
            )
        ),
        rows,
    )
