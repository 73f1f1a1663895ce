r"""A GAN's images: noise and what becomes of it, and what the discriminator says of it and of real images.

Arrays: ``z`` (N, latent), of N(0, I); ``way`` (P, S, C, H, W), ``images`` (N, C, H, W), in [0, 1]; ``real`` and
``generated``, answers l, (N,). Sources: Goodfellow et al. 2014; White 2016 (paths on the sphere).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.figures import (
    Bars,
    Choice,
    Control,
    Curve,
    Figure,
    Images,
    Plot,
    Strip,
)
from olaria.lessons.gan.answers import (
    LOGISTIC,
    answer,
    answer_by_hand,
    answer_name,
    answer_note,
    scale,
    weights_words,
)
from olaria.lessons.gan.gallery import Gallery, as_classes
from olaria.models.gan import GAN
from olaria.runs import Run
from olaria.sampling import latent

SHOWN = 8
PATHS, STOPS = 3, 7
"""Pairs of noise, and images on the way from one to the other."""
LEAST_TURNED = 4
"""Numbers of the noise from which a way may be an arc: of fewer, two may lie opposite, where no arc is told."""
NUMBERS = 16
"""Of the noise, that are drawn as bars."""
CLASSES = 10
"""Of which the same noise is drawn."""
BINS = 24


# -- noise to image --------------------------------------------------------------------------------


def noise_step(gallery: Gallery) -> Step:
    """Noise, the image made of it, and the way to another."""
    model = gallery.model
    a, b = gallery.z[:PATHS], gallery.z[PATHS : 2 * PATHS]
    y = latent.classes_in_turn(model, len(a))
    path: latent.Walk = "spherical" if model.latent >= LEAST_TURNED else "linear"
    way = latent.interpolate(model, a, b, STOPS, path, y)
    change = (way[:, 1:] - way[:, :-1]).square().mean().sqrt().item()
    by_hand = _way_by_hand(model, numbers(a), numbers(b), as_classes(y))
    figures = [_bars(a[0], b[0]), _stops(way, path, gallery.run)]
    checks = [
        Check(
            Message(N_("every image of the way, from the weights and the noise in NumPy")),
            numbers(way),
            by_hand,
        ),
        Check(
            Message(N_("the change from stop to stop, of those images")),
            change,
            np.sqrt((np.diff(by_hand, axis=1) ** 2).mean()),
        ),
    ]
    if model.classes:
        figure, check = _each_class(gallery)
        figures.append(figure)
        checks.append(check)
    channels, height, width = way.shape[2:]
    return Step(
        Message(N_("From noise to an image")),
        Message(
            N_(
                "The generator turns {latent} numbers drawn from N(0, I) into the {pixels} numbers of an image. "
                "Every $z$ has an image, also those on the way from one to another: from stop to stop a pixel "
                "changes by {change} of its range (root mean square). There is no way back: for a given image this "
                "model has no $z$, and a single number of $z$ has no meaning that anyone gave it."
            ),
            {
                "latent": model.latent,
                "pixels": channels * height * width,
                "change": Number(change, 3),
            },
        ),
        r"z \sim \mathcal{N}(0, I) \quad x = G(z)",
        tuple(figures),
        {"z": numbers(gallery.z), "way": numbers(way)},
        (latent.interpolate, type(model.generator).forward),
        tuple(checks),
        "Goodfellow et al. 2014, section 3; White 2016",
    )


def _bars(a: Tensor, b: Tensor) -> Figure:
    count = min(NUMBERS, len(a))
    return Bars(
        Message(
            N_(
                "The noise of the first image below at both ends of its way: {shown} of its {all} numbers."
            ),
            {"shown": count, "all": len(a)},
        ),
        tuple(f"z{_index(k + 1)}" for k in range(count)),
        (
            (Message(N_("at the start")), numbers(a[:count])),
            (Message(N_("at the end")), numbers(b[:count])),
        ),
    )


def _index(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _stops(way: Tensor, path: latent.Walk, run: Run) -> Figure:
    """The images of each stop, one stop at a time."""
    images = tuple(Images("", (Strip("", numbers(way[:, stop])),)) for stop in range(way.shape[1]))
    labels = tuple(f"{stop}/{len(images) - 1}" for stop in range(len(images)))
    turned = N_(
        "{count} noises become {count} others along an arc, on which they stay about as long as noise is; on this "
        "page both sides have the {weights}."
    )
    straight = N_(
        "{count} noises become {count} others along a straight line; on this page both sides have the {weights}."
    )
    return Choice(
        Message(
            turned if path == "spherical" else straight,
            {"count": len(way), "weights": weights_words(run)},
        ),
        (Control(Message(N_("part of the way")), labels, plays=True),),
        images,
        (0, len(images) // 2, len(images) - 1),
    )


def _way_by_hand(model: GAN, a: Array, b: Array, y: Any) -> Array:
    """Noise on the way from a to b, and its images; an arc is turned by shares of its whole angle."""
    if model.latent < LEAST_TURNED:
        line = [a + t * (b - a) for t in np.linspace(0, 1, STOPS)]
        return np.stack([games.images(model, z, y) for z in line], 1)
    cosine = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    omega = np.arccos(np.clip(cosine, -1, 1))[:, None]
    stops = [
        (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
        for t in np.linspace(0, 1, STOPS)
    ]
    images = [games.images(model, z, y) for z in stops]
    return np.stack(images, 1)


def _each_class(gallery: Gallery) -> tuple[Figure, Check]:
    """The same noise for several classes."""
    count = min(CLASSES, gallery.model.classes)
    z, y = gallery.z[:1].repeat(count, 1), torch.arange(count)
    images = latent.decode(gallery.model, z, y)
    figure = Images(
        Message(N_("The same noise for one class after the other: the class is told beside it.")),
        (Strip("", numbers(images), gallery.names[:count]),),
    )
    text = Message(N_("the images of the classes, from the weights in NumPy"))
    by_hand = games.images(gallery.model, numbers(z), y.numpy())
    return figure, Check(text, numbers(images), by_hand)


# -- what the discriminator says -------------------------------------------------------------------


def answers_step(gallery: Gallery) -> Step:
    """Its answers on real images and on generated ones."""
    real, made = gallery.answers
    means = [answer(l.double(), gallery.loss).mean().item() for l in (real, made)]
    ranked = ranked_above(real, made)
    by_hand = gallery.answers_by_hand
    histogram, counts = _histogram(gallery)
    told, told_checks = _told_classes(gallery)
    text = Message(
        N_(
            "On {count} images that were kept apart from the training the discriminator answers {real} on average, "
            "and {made} on as many generated ones. Of all pairs it puts the real image above the generated one in "
            "{ranked}; one half would be guessing. One answer is no mark for one image: it says of which kind such "
            "images are more frequent."
        ),
        {
            "count": len(real),
            "real": Number(means[0], 3),
            "made": Number(means[1], 3),
            "ranked": Number(ranked, 3),
        },
    )
    checks = [
        Check(
            Message(N_("every answer, from the weights with convolutions in NumPy")),
            np.concatenate([numbers(l) for l in (real, made)]),
            np.concatenate(by_hand),
        ),
        Check(
            Message(N_("the two means, from those answers")),
            means,
            [answer_by_hand(l, gallery.loss).mean() for l in by_hand],
        ),
        Check(
            Message(N_("the share of pairs, counted one real image at a time")),
            ranked,
            _ranked_by_hand(numbers(real), numbers(made)),
        ),
        counts,
    ]
    shown = gallery.made[:SHOWN]
    classes = None if gallery.classes is None else gallery.classes[:SHOWN].numpy()
    checks.append(
        Check(
            Message(
                N_("the generated images that are shown, from the weights and the noise in NumPy")
            ),
            numbers(shown),
            games.images(gallery.model, numbers(gallery.z[: len(shown)]), classes),
        )
    )
    return Step(
        Message(N_("What the discriminator says")),
        text,
        r"D(x) = \frac{1}{1 + \exp(-l(x))}" if gallery.loss in LOGISTIC else "l(x)",
        (_judged(gallery), histogram, *told),
        {"real": numbers(real), "generated": numbers(made), "images": numbers(shown)},
        (GAN.discriminate, GAN.judge),
        (*checks, *told_checks),
        "Goodfellow et al. 2014, section 4; Miyato et al. 2018",
    )


def _judged(gallery: Gallery) -> Images:
    """Some images of both kinds with their answers."""
    strips = []
    kinds = (
        (Message(N_("real images")), gallery.real, gallery.labels),
        (Message(N_("generated images")), gallery.made, gallery.classes),
    )
    for (name, images, y), logits in zip(kinds, gallery.answers, strict=True):
        notes = notes_of(gallery, logits[:SHOWN], y)
        strips.append(Strip(name, numbers(images[:SHOWN]), notes))
    caption = scale(gallery.loss)
    if gallery.model.classes and gallery.model.config.conditioning == "projection":
        caption = Message(
            N_(
                "{scale} It is told the class too, and asks whether an image is real for that class."
            ),
            {"scale": caption},
        )
    return Images(caption, tuple(strips))


def notes_of(gallery: Gallery, logits: Tensor, y: Tensor | None) -> tuple[Message, ...]:
    """The answers (N,), for under their images, with the classes where the model is told them, (N,) or more."""
    values = answer(logits, gallery.loss).tolist()
    names = (
        [""] * len(values) if y is None else [gallery.names[k] for k in y[: len(values)].tolist()]
    )
    return tuple(
        answer_note(value, gallery.loss, name) for value, name in zip(values, names, strict=True)
    )


def _told_classes(gallery: Gallery) -> tuple[tuple[Figure, ...], tuple[Check, ...]]:
    """What an auxiliary classifier has left to say of the class."""
    model = gallery.model
    if gallery.labels is None or model.config.conditioning != "auxiliary":
        return (), ()
    kinds = ((gallery.real, gallery.labels), (gallery.made, gallery.classes))
    nats, by_hand = [], []
    for x, y in kinds:
        assert y is not None
        own = model.judge(x, y)[1]
        assert own is not None
        nats.append(own.double().mean().item())
        by_hand.append(games.class_nats(model, numbers(x), y.numpy()).mean())
    bars = Bars(
        Message(
            N_(
                "The discriminator is not told the class but says it: the mean of −log p(class | image); guessing "
                "would cost {guessing}. Both sides want it small, so the generator draws images whose class is "
                "easily told."
            ),
            {"guessing": Number(math.log(model.classes), 3)},
        ),
        (Message(N_("real images")), Message(N_("generated images"))),
        ((Message(N_("loss of the class")), np.array(nats)),),
        Message(N_("nats")),
    )
    return (bars,), (
        Check(Message(N_("the losses of the class, from the weights in NumPy")), nats, by_hand),
    )


def ranked_above(real: Tensor, made: Tensor) -> float:
    """Share of all pairs in which the real image's answer is above the generated one's; equal ones count half."""
    above = (real[:, None] > made[None]).double() + 0.5 * (real[:, None] == made[None]).double()
    return above.mean().item()


def _ranked_by_hand(real: Array, made: Array) -> float:
    counts = [np.sum(made < one) + 0.5 * np.sum(made == one) for one in real]
    return float(np.sum(counts)) / (len(real) * len(made))


def _histogram(gallery: Gallery) -> tuple[Plot, Check]:
    """How many images of each kind got which answer."""
    both = [answer(l.double(), gallery.loss) for l in gallery.answers]
    low = min(x.min().item() for x in both)
    high = max(x.max().item() for x in both)
    width = max(high - low, 1e-6)
    edges = np.linspace(low - 0.05 * width, high + 0.05 * width, BINS + 1)
    counts = [np.histogram(numbers(x), edges)[0].astype(np.float64) for x in both]
    middles = (edges[1:] + edges[:-1]) / 2
    names = (Message(N_("real images")), Message(N_("generated images")))
    plot = Plot(
        _histogram_caption(gallery),
        tuple(Curve(name, middles, y) for name, y in zip(names, counts, strict=True)),
        answer_name(gallery.loss),
        Message(N_("images")),
    )
    cells = [np.floor((numbers(x) - edges[0]) / (edges[1] - edges[0])).astype(int) for x in both]
    expected = [[float((cell == k).sum()) for k in range(BINS)] for cell in cells]
    return plot, Check(
        Message(N_("how many have which answer, counted cell by cell")), counts, expected
    )


def _histogram_caption(gallery: Gallery) -> Message:
    count = {"bins": BINS}
    if gallery.model.config.augment == "none":
        return Message(
            N_(
                "How many images got which answer, in {bins} cells. The more the two curves lie on each other, the "
                "less it can tell."
            ),
            count,
        )
    return Message(
        N_(
            "How many images got which answer, in {bins} cells. The more the two curves lie on each other, the less "
            "it can tell. In training it saw images changed in three ways, each with a probability that had come to "
            "{probability}; here it sees them unchanged."
        ),
        {**count, "probability": Number(gallery.model.augment_probability.item(), 3)},
    )
