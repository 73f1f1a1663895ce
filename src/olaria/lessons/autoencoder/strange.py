r"""Strange images shown to an autoencoder: which of them its error finds, and which the place of their code.

Arrays: images (N, C, H, W), pixels in [0, 1]; errors in squared units of the pixels; distances among codes in the
codes' standard deviations. Sources: Sakurada & Yairi 2014; Denouden et al. 2018; Vovk et al. 2005 (the threshold).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.autoencoder.seen import Seen
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import Images, Table, Words
from olaria.lessons.images import checked, percent, strip, together
from olaria.sampling import latent

if TYPE_CHECKING:
    from olaria.evaluation.anomaly import Score

FALSE_ALARMS = 0.05
NUM_NORMAL = 500
NUM_LEFT_OUT = 100
SCORES: tuple[Score, Score] = ("error", "code")
"""See :class:`olaria.evaluation.anomaly.Detector`."""


Truth = NDArray[np.bool_]
Named = tuple[Words, Tensor]
"""An image, (C, H, W), and what it is."""


def strange_images(seen: Seen, train: Tensor) -> Step:
    """Set a threshold on validation images, then show the detector what does not belong.

    Args:
        seen: the run and its test images.
        train: training images whose codes are looked among, (M, C, H, W).
    """
    from olaria.evaluation.anomaly import (  # imports scikit-learn, which takes its time
        Detector,
        heat,
        threshold,
    )

    model, generator = seen.autoencoder, seen.generator("strange")
    detector = Detector.fitted(
        lambda x: latent.encode(model, x).double(),
        lambda z: latent.decode(model, z.float()),
        train,
    )
    held_out, _ = images.some(seen.data.validation, NUM_NORMAL, generator)
    left_out = seen.asked.run.recipe.data.leave_out
    tested, _ = images.some(seen.data.test, NUM_NORMAL, generator, left_out)
    shown = _strange(seen, generator)
    x = torch.stack([image for _, image in shown])
    calm, normal, found = (detector.look(y).scores for y in (held_out, tested, x))
    rate = max(FALSE_ALARMS, 1 / (len(held_out) + 1))
    limits = np.array([threshold(calm[score], rate) for score in SCORES])
    scores = torch.stack([found[score] for score in SCORES]).numpy()
    rebuilt = latent.reconstruct(model, x)
    pictures = heat(x, rebuilt)
    above = scores > limits[:, None]
    alarms = (normal["error"] > limits[0]).double().mean().item()
    text = Message(
        N_(
            "An image is called strange above a threshold, set so that about {rate} % of {count} validation images "
            "lie above it; of {normal} test images, {alarms} % do."
        ),
        {
            "count": len(held_out),
            "rate": percent(rate),
            "normal": len(tested),
            "alarms": percent(alarms),
        },
    )
    text = together(text, _told_of_strange(shown, scores, above, limits))
    missing = _left_out(seen)
    if missing is not None:
        others = detector.look(missing[1]).scores
        counts = [
            int((others[score] > limit).sum()) for score, limit in zip(SCORES, limits, strict=True)
        ]
        text = together(text, _told_of_left_out(*missing, counts))
    figures = (
        _pictures(shown, rebuilt, pictures, above[0]),
        _table(shown, scores, above, limits, len(train)),
    )
    return Step(
        Message(N_("Finding what does not belong")),
        text,
        r"e(x) = \frac{1}{P} \left\| x - \hat x \right\|^2, \quad d(x) = \min_i \left\| (f(x) - f(x_i)) / s \right\|",
        figures,
        {"x": x.numpy(), "scores": scores, "limits": limits, "heat": pictures.numpy()},
        (Detector.look, threshold, heat),
        (
            *_scores_again(seen, train, x, scores, (rebuilt, pictures)),
            *_alarms_again(_errors(seen, tested), limits[0], alarms),
            checked(
                N_("the thresholds: sorted, as many validation images lie above as may"),
                limits,
                np.array([_limit(calm[score].numpy(), rate) for score in SCORES]),
            ),
        ),
        "Sakurada & Yairi 2014; Denouden et al. 2018",
    )


def _strange(seen: Seen, generator: Generator) -> list[Named]:
    """A test image, and what is made of it that no data set of its kind has."""
    one, other = (seen.x[row] for row in seen.two())
    middle = one.shape[-1] // 2
    order = torch.randperm(one[0].numel(), generator=generator)
    turned = one.rot90(1, (1, 2)) if one.shape[1] == one.shape[2] else one.flip(1)
    found: list[Named] = [
        (seen.words(0), one),
        (Message(N_("turned")), turned),
        (Message(N_("two halves")), torch.cat((one[..., :middle], other[..., middle:]), -1)),
        (Message(N_("inverted")), 1 - one),
        (Message(N_("pixels shuffled")), one.flatten(1)[:, order].view_as(one)),
        (Message(N_("noise")), torch.rand(one.shape, generator=generator)),
        (Message(N_("blank")), torch.zeros_like(one)),
    ]
    left_out = _left_out(seen)
    if left_out is not None and len(left_out[1]):
        found.append((Message(N_("class {name}"), {"name": left_out[0]}), left_out[1][0]))
    return found


def _left_out(seen: Seen) -> tuple[str, Tensor] | None:
    """The class that was left out of training and test images of it, where one was."""
    label, test = seen.asked.run.recipe.data.leave_out, seen.data.test
    if label is None or test.y is None:
        return None
    rows = (test.y == label).nonzero().flatten()[:NUM_LEFT_OUT]
    return seen.data.class_names[label], test.x[rows].float() / 255


def _told_of_left_out(name: str, x: Tensor, counts: list[int]) -> Message:
    """How many test images of the class that was left out lie above each threshold."""
    told = N_(
        "Class {name} was left out of training: of {count} test images of it, {error} are found by the error and "
        "{code} by the distance."
    )
    fields = {"name": name, "count": len(x), "error": counts[0], "code": counts[1]}
    return Message(told, fields)


def _told_of_strange(shown: list[Named], scores: Array, above: Truth, limits: Array) -> Message:
    """How many of the strange images (all but the first) are found, and the one that is rebuilt best."""
    counts = above[:, 1:].sum(1)
    found = Message(
        N_(
            "Of the {count} strange images below, {error} are found by their error and {code} by the distance of "
            "their code from the nearest training code."
        ),
        {"count": len(shown) - 1, "error": int(counts[0]), "code": int(counts[1])},
    )
    least = 1 + int(scores[0, 1:].argmin())
    if above[0, least]:
        return together(
            found,
            Message(N_("Their error misses none of these; that is no promise for others.")),
        )
    missed = Message(
        N_(
            "The error misses “{name}” ({error}, below {limit}): a small error does not prove that an image belongs, "
            "for what is simple may be rebuilt well whatever it is."
        ),
        {
            "name": shown[least][0],
            "error": Number(float(scores[0, least])),
            "limit": Number(float(limits[0])),
        },
    )
    return together(found, missed)


def _verdict(is_above: bool) -> Message:
    return Message(N_("above") if is_above else N_("below"))


def _pictures(shown: list[Named], rebuilt: Tensor, heat: Tensor, above: Truth) -> Images:
    """The images, what the model makes of them, and where they differ."""
    x = torch.stack([image for _, image in shown])
    return Images(
        Message(
            N_(
                "The last row shows the squared error of each pixel; white is the largest of them all. Under it "
                "stands whether the image lies above the threshold by its error."
            )
        ),
        (
            strip(Message(N_("image")), x, tuple(name for name, _ in shown)),
            strip(Message(N_("rebuilt")), rebuilt),
            strip(
                Message(N_("squared error")),
                heat / heat.max().clamp_min(1e-12),
                tuple(map(_verdict, above)),
            ),
        ),
    )


def _table(shown: list[Named], scores: Array, above: Truth, limits: Array, num_train: int) -> Table:
    """Both scores of each image, under their thresholds."""
    rows: list[tuple[Words | float, ...]] = [
        (Message(N_("threshold")), float(limits[0]), "", float(limits[1]), "")
    ]
    for (name, _), (error, code), (by_error, by_code) in zip(
        shown, scores.T.tolist(), above.T.tolist(), strict=True
    ):
        rows.append((name, error, _verdict(by_error), code, _verdict(by_code)))
    return Table(
        Message(
            N_(
                "Two scores: the mean squared error, and the distance of the code from the nearest of {count} "
                "training codes, each number counted in its standard deviation $s$."
            ),
            {"count": num_train},
        ),
        (
            Message(N_("image")),
            Message(N_("error")),
            Message(N_("by the error")),
            Message(N_("distance")),
            Message(N_("by the distance")),
        ),
        tuple(rows),
    )


def _errors(seen: Seen, x: Tensor) -> Array:
    """The mean squared errors of images (N, C, H, W), in float64."""
    off = numbers(latent.reconstruct(seen.model, x)) - numbers(x)
    return np.asarray((off**2).mean((1, 2, 3)))


def _alarms_again(errors: Array, limit: float, alarms: float) -> tuple[Check, ...]:
    """The share of errors above the limit; none where a copy of the image that set it is on one side by a rounding."""
    if np.isclose(errors, limit, rtol=1e-4, atol=0).any():
        return ()
    text = N_("the share of test images above the error's threshold, from their squares")
    return (checked(text, alarms, float((errors > limit).mean())),)


def _limit(scores: Array, rate: float) -> float:
    """The least of the scores that a share ``rate`` of one more image would lie above."""
    may = int(np.floor(rate * (len(scores) + 1) + 1e-9))
    return float(np.sort(scores)[len(scores) - may])


def _scores_again(
    seen: Seen, train: Tensor, x: Tensor, scores: Array, made: tuple[Tensor, Tensor]
) -> tuple[Check, ...]:
    """Reconstructions, errors and distances of the images (N, C, H, W), in NumPy."""
    model, pixels = seen.autoencoder, numbers(x)
    rebuilt = networks.image(model, networks.code(model, pixels)).clip(0, 1)
    heat = ((pixels - rebuilt) ** 2).mean(1, keepdims=True)
    codes, known = (numbers(latent.encode(model, y)) for y in (x, train))
    spread = np.maximum(known.std(0, ddof=1), 1e-6)
    distances = [np.sqrt((((known - z) / spread) ** 2).sum(1)).min() for z in codes]
    return (
        checked(
            N_("rebuilt images and squared errors of pixels, again in NumPy from the raw weights"),
            torch.cat([y.flatten() for y in made]),
            np.concatenate((rebuilt.flatten(), heat.flatten())),
        ),
        checked(N_("the errors, as the mean over the pixels"), scores[0], heat.mean((1, 2, 3))),
        checked(
            N_("the distances, from one image to all training codes in NumPy"),
            scores[1],
            np.array(distances),
        ),
    )
