r"""The steps of the autoencoder's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays: images and reconstructions (N, C, H, W), pixels in [0, 1]; codes ``z`` (N, latent), without a unit; errors (N,)
in squared units of the pixels; distances among codes in the codes' standard deviations.

Sources: Hinton & Salakhutdinov 2006; Eckart & Young 1936 (no linear map to as many numbers is better than the principal
components); Baldi & Hornik 1989 (nor is a linear autoencoder); Vincent et al. 2008 and 2010 (denoising); Ghosh et al.
2020, section 4 (a normal distribution fitted to codes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from olaria.evaluation import anomaly
from olaria.evaluation.gathered import alike
from olaria.evaluation.projection import PrincipalComponents
from olaria.evaluation.reconstruction import knn_accuracy, psnr_db
from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.autoencoder.scene import (
    NUM_SHOWN,
    NUM_VOTERS,
    Scene,
)
from olaria.lessons.autoencoder.strange import strange
from olaria.lessons.autoencoder.ways import Way
from olaria.lessons.base import Array, numbers
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import (
    Choice,
    Cloud,
    Control,
    Curve,
    Images,
    Plot,
    Scatter,
    Words,
)
from olaria.lessons.images import index, strip, value
from olaria.lessons.twice import Row
from olaria.models.autoencoder import AutoEncoder, corrupted
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

Values = dict[str, Any]

SHARES = (0.05, 0.25, 0.5)
"""Between the answers to how much of an image is lost."""
SIZES = (2, 8, 32)
"""Numbers that an image is rebuilt from first."""
USUAL_LEVEL = 0.3
NUM_CLEANED = 6
NEIGHBOURS = 5
NUM_ASKED = 500
"""Test images whose neighbours are looked for."""
NUM_DRAWN = 200
"""Codes whose distance from those of training images is measured."""


def one_image(scene: Scene, way: Way) -> Values:
    """One test image through the bottleneck and back."""
    x = numbers(scene.x[:1])
    z = way.code(x)
    rebuilt = way.image(z)
    error, base = way.error(rebuilt, x)[0], way.error(way.mean_image(), x)[0]
    share = error / max(base, 1e-12)
    notes = Message(N_("the image")), Message(N_("rebuilt")), Message(N_("the difference"))
    return {
        "image": scene.words(0),
        "pixels": x.size,
        "latent": z.shape[1],
        "wide": z.shape[1] >= x.size,
        "error": error,
        "base": base,
        "share": share,
        "answer": int(np.searchsorted(SHARES, share)),
        "x": x,
        "z": z,
        "rebuilt": rebuilt,
        "pictures": Images(
            "", (strip(scene.words(0), np.concatenate((x, rebuilt, abs(rebuilt - x))), notes),)
        ),
        "code": images.code_figure(z[0], "z", ""),
    }


def few_numbers(scene: Scene, way: Way) -> Values:
    """One image at 2, 8, 32 numbers; then the error of all test images beside that of principal components."""
    x, size, run = numbers(scene.x), scene.size, scene.asked.run
    one, own = x[:1], numbers(scene.rebuilt)
    few = [few for few in SIZES if few <= len(scene.components.axes)]
    by_few = [way.projected(one, each) for each in few]
    shown = [one, *by_few, way.image(way.code(one))]
    names: list[Words] = [Message(N_("the image"))]
    names += [Message(N_("PCA, {count} numbers"), {"count": each}) for each in few]
    names += [Message(N_("autoencoder, {count} numbers"), {"count": scene.autoencoder.latent})]
    curve = _sizes(len(scene.components.axes), size, scene.match)
    pca = np.array([way.error(way.projected(x, each), x).mean() for each in curve])
    points = [(run.name, scene.autoencoder.latent, scene.rebuilt), *scene.others]
    heights = np.array([way.error(numbers(y), x).mean() for _, _, y in points])
    by_own, by_pca = way.error(own, x), way.error(way.projected(x, size), x)
    rows = scene.ranked
    compared = [
        strip(name, y[rows], tuple(value(error) for error in errors[rows]))
        for name, y, errors in (
            ("PCA", way.projected(x, size), by_pca),
            (Message(N_("autoencoder")), own, by_own),
        )
    ]
    return {
        "latent": scene.autoencoder.latent,
        "size": size,
        "count": len(x),
        "train": len(scene.train),
        "own": heights[0],
        "pca": pca[curve.index(size)],
        "answer": 0 if heights[0] < pca[curve.index(size)] else 1,
        "won": heights[0] < pca[curve.index(size)],
        "linear": _is_linear(scene.autoencoder),
        "unmatched": scene.match is None,
        "match": scene.match,
        "most": len(scene.components.axes),
        "wins": int((by_own < by_pca).sum()),
        "alone": not scene.others,
        "evaluated": beside(run, len(x), evaluated(run, "mse"), _mse(scene)),
        "curve": pca,
        "runs": heights,
        "first": way.image(way.code(x[:NUM_SHOWN])),
        "pictures": Images("", (strip("", np.concatenate(shown), tuple(names)),)),
        "plot": Plot(
            "",
            (
                Curve("PCA", np.array(curve, float), pca),
                *(
                    Curve(name, np.array([float(latent)]), np.array([height]), "points")
                    for (name, latent, _), height in zip(points, heights, strict=True)
                ),
            ),
            Message(N_("numbers in the code")),
            Message(N_("mean squared error per pixel")),
        ),
        "compared": Images("", (strip(Message(N_("test images")), x[rows]), *compared)),
    }


def halfway(scene: Scene, way: Way) -> Values:
    """What lies in the middle of two codes: of a linear map the average of both images, of a curved one another."""
    pair = numbers(scene.x[list(scene.two())])
    codes = way.code(pair)
    own = way.image(_with_middle(codes), cut=False)
    # The projection is linear: the middle of the codes is the code of the middle.
    pca = way.projected(_with_middle(pair), scene.size)
    notes = (
        Message(N_("one image")),
        Message(N_("middle of the codes")),
        Message(N_("average of the images")),
        Message(N_("the other")),
    )
    apart, strips = [], []
    names: tuple[Words, ...] = ("PCA", Message(N_("autoencoder")))
    for name, (one, other, middle) in zip(names, (pca, own), strict=True):
        average = (one + other) / 2
        apart.append(float(np.round(((middle - average) ** 2).mean(), 7)))
        strips.append(strip(name, np.stack((one, middle, average, other)), notes))
    return {
        "pca": apart[0],
        "own": apart[1],
        "answer": 0 if _is_linear(scene.autoencoder) else 1,
        "z": codes,
        "decoded": own,
        "pictures": Images("", tuple(strips)),
    }


def noise(scene: Scene, way: Way) -> Values:
    """Disturb test images more and more, and rebuild them."""
    config, levels = scene.autoencoder.config, list(scene.disturbed)
    x = numbers(scene.x[: len(next(iter(scene.disturbed.values())))])
    before, after = (
        np.array([way.error(numbers(y), x).mean() for y in row.values()])
        for row in (scene.disturbed, scene.cleaned)
    )
    start = levels.index(config.corruption or USUAL_LEVEL)
    few = slice(0, min(NUM_CLEANED, len(x)))
    rebuilt = [way.image(way.code(numbers(y[few]))) for y in scene.disturbed.values()]
    figures = tuple(
        Images(
            "",
            (
                strip(Message(N_("clean")), x[few]),
                strip(Message(N_("disturbed")), y[few]),
                strip(Message(N_("rebuilt")), cleaned),
            ),
        )
        for y, cleaned in zip(scene.disturbed.values(), rebuilt, strict=True)
    )
    strength = Message(STRENGTHS[config.noise])
    helps, tried = int((after < before).sum()), len(levels) - 1
    return {
        **{kind.replace("-", "_"): kind == config.noise for kind in STRENGTHS},
        "trained": bool(config.corruption),
        "level": levels[start],
        "before": before[start],
        "after": after[start],
        "before_db": psnr_db(before[start]),
        "after_db": psnr_db(after[start]),
        "helps": helps,
        "tried": tried,
        "always": helps == tried,
        "clean": after[0],
        "answer": 0 if after[start] < before[start] else 1,
        "count": len(x),
        "errors": np.stack((before, after)),
        "rebuilt": np.stack(rebuilt),
        "pictures": Choice(
            "",
            (Control(strength, tuple(value(level) for level in levels), start=start),),
            figures,
        ),
        "plot": Plot(
            "",
            (
                Curve(Message(N_("disturbed")), np.array(levels), before),
                Curve(Message(N_("rebuilt")), np.array(levels), after),
            ),
            strength,
            Message(N_("mean squared error per pixel")),
        ),
    }


STRENGTHS = {
    "gaussian": N_("standard deviation of the noise"),
    "masking": N_("share of pixels that become 0"),
    "salt-and-pepper": N_("share of pixels that become 0 or 1"),
}


def where_codes_lie(scene: Scene, way: Way) -> Values:
    """The codes of test images on a plane, and how often their neighbours are of their class."""
    codes, size = numbers(scene.codes), scene.codes.shape[1]
    points, share = (codes, 1.0) if size == 2 else way.plane(codes)
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))[:NUM_ASKED]
    labels = None if scene.y is None else scene.y[:NUM_ASKED].numpy()
    knows = scene.y is not None and scene.train_y is not None and alike(scene.voters) is None
    k, own, pca = min(NEIGHBOURS, len(scene.voters)), 0.0, 0.0
    if scene.y is not None and scene.train_y is not None and knows:
        y, voters_y = scene.y[:NUM_ASKED], scene.train_y[:NUM_VOTERS]
        own = way.accuracy(numbers(scene.voters), voters_y, codes[:NUM_ASKED], y, k)
        train, asked = (
            way.projection(numbers(x), scene.size)
            for x in (scene.train[:NUM_VOTERS], scene.x[:NUM_ASKED])
        )
        pca = way.accuracy(train, voters_y, asked, y, k)
    letter = "z" if size == 2 else "c"
    return {
        "count": len(points),
        "many": size > 2 and alike(scene.codes) is None,
        "share": share,
        "knows": knows,
        "k": k,
        "voters": len(scene.voters),
        "own": own,
        "pca": pca,
        "size": scene.size,
        "answer": 0 if own > pca else 1 if knows else None,
        "z": way.code(numbers(scene.x[:NUM_SHOWN])),
        "points": points,
        "map": Scatter(
            "",
            (Cloud(scene.asked.run.name, points, labels),),
            scene.data.class_names,
            index(letter, 0),
            index(letter, 1),
        ),
    }


def no_prior(scene: Scene, way: Way) -> Values:
    """Where the codes of images are, where N(0, I) is, and what is decoded there."""
    z = numbers(scene.voters)
    eps = numbers(torch.randn(z.shape, generator=scene.generator("codes")))
    mean, std = way.spread(z)
    variances, axes = np.linalg.eigh((z - z.mean(0)).T @ (z - z.mean(0)) / len(z))
    fitted = z.mean(0) + (eps * np.sqrt(variances.clip(0))) @ axes.T
    tested = numbers(scene.codes[:NUM_DRAWN])
    spread = np.maximum(z.std(0), 1e-6)
    # From draws to codes and back: few draws may lie among the codes, and yet most codes far from all draws.
    pairs = ((eps[:NUM_DRAWN], z), (tested, eps), (tested, z))
    far = np.array([_lower_median(way.nearest(a / spread, b / spread)) for a, b in pairs])
    count = min(NUM_SHOWN, len(tested), len(eps))
    decoded = way.image(np.concatenate([place[:count] for place in (tested, eps, fitted)]))
    names: tuple[Words, ...] = (
        Message(N_("test images")),
        "N(0, I)",
        Message(N_("normal distribution fitted to the codes")),
    )
    series = (
        (Message(N_("mean")), mean),
        (Message(N_("standard deviation")), std),
    )
    return {
        "low": mean.min(),
        "high": mean.max(),
        "narrow": std.min(),
        "wide": std.max(),
        "there": far[0],
        "back": far[1],
        "own": far[2],
        "count": len(z),
        "answer": 1,
        "mean": mean,
        "std": std,
        "nearest": far,
        "decoded": decoded,
        "moments": images.by_dimension(series, "z", "", "", (("0", 0.0), ("1", 1.0))),
        "pictures": Images("", tuple(map(strip, names, np.split(decoded, 3)))),
    }


def _with_middle(x: Array) -> Array:
    """Two rows, and their mean as a third."""
    return np.concatenate((x, x.mean(0, keepdims=True)))


def _lower_median(x: Array) -> float:
    return float(np.sort(x)[(len(x) - 1) // 2])


def _is_linear(model: AutoEncoder) -> bool:
    config = model.config
    return config.network == "dense" and not config.hidden and config.output == "linear"


def _sizes(most: int, own: int, match: int | None) -> list[int]:
    """The numbers of components that are shown: 0, 1, 2, 3, 4, 6, 8, 12, …, the run's own, and where PCA matches it."""
    sizes, step = {0, own, most}, 1
    while step <= most:
        sizes |= {step, min(most, 3 * step // 2)}
        step *= 2
    if match is not None:
        sizes |= {match, max(0, match - 1)}
    return sorted(sizes)


def _mse(scene: Scene) -> Any:
    def words(found: Evaluated) -> Message:
        """The same error over all test images."""
        text = N_(
            "Over {count} test images the run's evaluation has a mean squared error of {error}; here it is over {own}."
        )
        error = Number(found.metrics["mse"])
        return Message(text, {"count": found.count, "error": error, "own": len(scene.x)})

    return words


STEPS = (
    Row(one_image, (AutoEncoder.encode, AutoEncoder.decode, squared_error)),
    Row(few_numbers, (PrincipalComponents.fitted, PrincipalComponents.decode, squared_error)),
    Row(halfway, (AutoEncoder.decode, PrincipalComponents.decode)),
    Row(noise, (corrupted, latent.reconstruct, squared_error)),
    Row(strange, (anomaly.Detector.look, anomaly.threshold, anomaly.heat)),
    Row(where_codes_lie, (AutoEncoder.encode, PrincipalComponents.fitted, knn_accuracy)),
    Row(no_prior, (latent.decode,)),
)
"""In the order of the documents."""
