r"""The steps of the autoencoder's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays: images and reconstructions (N, C, H, W), pixels in [0, 1]; codes ``z`` (N, latent), without a unit; errors (N,)
in squared units of the pixels; distances among codes in the codes' standard deviations.

Sources: Hinton & Salakhutdinov 2006; Eckart & Young 1936 (no linear map to as many numbers is better than the principal
components); Baldi & Hornik 1989 (nor is a linear autoencoder); Vincent et al. 2008 and 2010 (denoising); Sakurada &
Yairi 2014 and Denouden et al. 2018 (strange images); Vovk et al. 2005 (the threshold); Ghosh et al. 2020, section 4 (a
normal distribution fitted to codes).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation import anomaly
from olaria.evaluation.gathered import alike
from olaria.evaluation.projection import PrincipalComponents
from olaria.evaluation.reconstruction import knn_accuracy, psnr_db
from olaria.export.live import index
from olaria.i18n import N_, Message
from olaria.lessons import images
from olaria.lessons.autoencoder.scene import NUM_VOTERS, Scene
from olaria.lessons.autoencoder.ways import Way
from olaria.lessons.base import Array, numbers
from olaria.lessons.evaluated import Evaluated, beside, evaluated
from olaria.lessons.figures import (
    Choice,
    Cloud,
    Control,
    Curve,
    Images,
    Live,
    Plot,
    Scatter,
    Table,
    Words,
)
from olaria.lessons.images import strip, value
from olaria.lessons.live import latent_plane
from olaria.lessons.live_images import MOST_KNOWN, between_two, distance, drawing, score
from olaria.lessons.parts import Values
from olaria.lessons.twice import Row
from olaria.models.autoencoder import AutoEncoder, corrupted
from olaria.numbers import Number
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

NUM_SHOWN = 8
SHARES = (0.05, 0.25, 0.5)
"""Between the answers to how much of an image is lost."""
SIZES = (2, 8, 32)
"""Numbers that an image is rebuilt from first."""
CURVE_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Numbers of components whose error is drawn; so are none, the run's own number, and all."""
USUAL_LEVEL = 0.3
STRENGTHS = {
    "gaussian": N_("standard deviation of the noise"),
    "masking": N_("share of pixels that become 0"),
    "salt-and-pepper": N_("share of pixels that become 0 or 1"),
}
NUM_CLEANED = 6
FALSE_ALARMS = 0.05
NEIGHBOURS = 5
OFTEN = (0.5, 0.9)
"""Between the answers to how often a vote is right."""
NUM_ASKED = 500
"""Test images whose neighbours are looked for."""
NUM_DRAWN = 200
"""Codes whose distance from those of training images is measured."""


def one_image(scene: Scene, way: Way) -> Values:
    """One test image through the bottleneck and back."""
    x = numbers(scene.x[:1])
    z = way.code(x)
    rebuilt = way.image(z)
    mean_image = numbers(scene.model.statistics.mean[None])
    error, base = way.error(rebuilt, x)[0], way.error(mean_image, x)[0]
    share = error / max(base, 1e-12)
    notes = Message(N_("the image")), Message(N_("rebuilt")), Message(N_("the difference"))
    pictures = np.concatenate((x, rebuilt, abs(rebuilt - x)))
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
        "pictures": Images("", (strip(scene.words(0), pictures, notes),)),
        "code": images.code_figure(z[0], "z", ""),
    }


def few_numbers(scene: Scene, way: Way) -> Values:
    """One image at 2, 8, 32 numbers; then the error of all test images beside that of principal components."""
    x, most = numbers(scene.x), len(scene.components.axes)
    latent_size = scene.model.latent
    size = min(latent_size, most)
    few = [each for each in SIZES if each <= most]
    pictures = [x[:1], *(way.projected(x[:1], each) for each in few), way.image(way.code(x[:1]))]
    notes = (
        Message(N_("the image")),
        *(Message(N_("PCA, {count} numbers"), {"count": each}) for each in few),
        Message(N_("autoencoder, {count} numbers"), {"count": latent_size}),
    )
    sizes = sorted({0, size, most, *(each for each in CURVE_SIZES if each < most)})
    pca = np.array([way.error(way.projected(x, each), x).mean() for each in sizes])
    errors = np.array([way.error(numbers(y), x).mean() for _, _, y in scene.runs])
    own, by_pca = errors[0], pca[sizes.index(size)]
    match = next((each for each, error in zip(sizes, pca, strict=True) if error <= own), None)
    curves = [Curve("PCA", np.array(sizes, float), pca)]
    for error, (name, count, _) in zip(errors, scene.runs, strict=True):
        curves.append(Curve(name, np.array([float(count)]), np.array([error]), "points"))
    labels = Message(N_("numbers in the code")), Message(N_("mean squared error per pixel"))
    return {
        "latent": latent_size,
        "size": size,
        "count": len(x),
        "train": len(scene.train),
        "own": own,
        "pca": by_pca,
        "answer": 0 if own < by_pca else 1,
        "linear": _is_linear(scene.model),
        "matched": match is not None,
        "match": match,
        "most": most,
        "alone": len(errors) == 1,
        "evaluated": _beside(scene, len(x)),
        "curve": pca,
        "runs": errors,
        "pictures": Images("", (strip("", np.concatenate(pictures), notes),)),
        "plot": Plot("", tuple(curves), *labels),
    }


def halfway(scene: Scene, way: Way) -> Values:
    """What lies in the middle of two codes: of a linear map the average of both images, of a curved one another."""
    ends = scene.two()
    codes = way.code(numbers(scene.x[list(ends)]))
    decoded = way.image(np.stack((*codes, codes.mean(0))), cut=False)
    one, other, middle = decoded
    average = (one + other) / 2
    names = N_("one image"), N_("middle of the codes"), N_("average of the images"), N_("the other")
    row = strip("", np.stack((one, middle, average, other)), tuple(map(Message, names)))
    return {
        "own": float(np.round(((middle - average) ** 2).mean(), 7)),
        "answer": 0 if _is_linear(scene.model) else 1,
        "z": codes,
        "decoded": decoded,
        "pictures": between_two(scene, scene.codes, ends, Images("", (row,))),
        "live": latent_plane(scene, scene.codes, lambda z, _: way.image(z)),
    }


def noise(scene: Scene, way: Way) -> Values:
    """Disturb test images more and more, and rebuild them."""
    config, levels = scene.model.config, np.array(list(scene.disturbed))
    disturbed, cleaned = (
        list(map(numbers, some)) for some in (scene.disturbed.values(), scene.cleaned)
    )
    x = numbers(scene.x[: len(disturbed[0])])
    before = np.array([way.error(y, x).mean() for y in disturbed])
    after = np.array([way.error(y, x).mean() for y in cleaned])
    start = int((levels == (config.corruption or USUAL_LEVEL)).argmax())
    names, figures = tuple(map(Message, (N_("clean"), N_("disturbed"), N_("rebuilt")))), []
    for y in disturbed:
        rows = x[:NUM_CLEANED], y[:NUM_CLEANED], way.image(way.code(y[:NUM_CLEANED]))
        figures.append(Images("", tuple(map(strip, names, rows))))
    strength = Message(STRENGTHS[config.noise])
    control = Control(strength, tuple(map(value, levels)), start=start)
    curves = Curve(names[1], levels, before), Curve(names[2], levels, after)
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
        "pictures": Choice("", (control,), tuple(figures)),
        "plot": Plot("", curves, strength, Message(N_("mean squared error per pixel"))),
    }


def strange(scene: Scene, way: Way) -> Values:
    """Set a threshold on validation images, then show the detector what does not belong."""
    held_out, tested = scene.normal
    names = tuple(name for name, _ in scene.strange)
    x = torch.stack([image for _, image in scene.strange])
    rebuilt = way.image(way.code(numbers(x)))
    known = numbers(scene.voters)
    deviation = np.maximum(known.std(0, ddof=min(1, len(known) - 1)), 1e-6)

    def scores(some: Tensor) -> Array:
        """Error, and distance of the code, (2, N)."""
        codes = latent.encode(scene.model, some)
        error = way.error(numbers(latent.decode(scene.model, codes)), numbers(some))
        return np.stack((error, way.nearest(numbers(codes) / deviation, known / deviation)))

    found, calm, normal = scores(x), scores(held_out), scores(tested)
    rate = max(FALSE_ALARMS, 1 / (len(held_out) + 1))
    limits = np.array([way.threshold(each, rate) for each in calm])[:, None]
    above = found > limits
    verdicts = [tuple(Message(N_("above") if x else N_("below")) for x in row) for row in above]
    by_error, by_code = above[:, 1:].sum(1).tolist()
    missed = sorted((found[0, i], names[i]) for i in range(1, len(names)) if not above[0, i])
    name, others = scene.left_out or ("", x[:0])
    others_by_error, others_by_code = (scores(others) > limits).sum(1).tolist()
    heat = ((numbers(x) - rebuilt) ** 2).mean(1, keepdims=True)
    strips = (
        strip(Message(N_("image")), x, names),
        strip(Message(N_("rebuilt")), rebuilt),
        strip(Message(N_("squared error")), heat / max(heat.max(), 1e-12), verdicts[0]),
    )
    headings = N_("image"), N_("error"), N_("by the error"), N_("distance"), N_("by the distance")
    threshold = Message(N_("threshold")), limits[0, 0], Message(""), limits[1, 0], Message("")
    rows = [threshold, *zip(names, found[0], verdicts[0], found[1], verdicts[1], strict=True)]
    return {
        "rate": rate,
        "held_out": len(held_out),
        "normal": len(tested),
        "alarms": float((normal > limits)[0].mean()),
        "count": len(x) - 1,
        "by_error": by_error,
        "by_code": by_code,
        "missed": bool(missed),
        "misses": tuple(_missed(*each) for each in missed),
        "limit": limits[0, 0],
        "answer": 0 if above[0, 1:].all() else 1,
        "name": name,
        "others": len(others),
        "others_error": others_by_error,
        "others_code": others_by_code,
        "known": len(known),
        "x": x,
        "limits": limits[:, 0],
        "pictures": _drawn(scene, way, Images("", strips), normal[0], known, deviation),
        "table": Table("", tuple(map(Message, headings)), tuple(rows)),
    }


def _drawn(
    scene: Scene, way: Way, below: Images, errors: Array, known: Array, deviation: Array
) -> Live:
    """An image of the reader's own beside the scores of test images; a large code is compared with fewer others."""
    codes = numbers(latent.encode(scene.model, scene.normal[1])) / deviation
    others = known[: max(1, MOST_KNOWN // known.shape[1])] / deviation
    far = distance(way.nearest(codes, others), others, deviation)
    return drawing(
        scene,
        below,
        mean=numbers(scene.codes),
        scores=[score("error", errors), far],
        count=len(errors),
        more=scene.of_left_out,
    )


def where_codes_lie(scene: Scene, way: Way) -> Values:
    """The codes of test images on a plane, and how often their neighbours are of their class."""
    codes, voters, latent_size = numbers(scene.codes), numbers(scene.voters), scene.model.latent
    points, share = (codes, 1.0) if latent_size == 2 else way.plane(codes)
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))[:NUM_ASKED]
    y = None if scene.y is None else scene.y[:NUM_ASKED]
    k, right = min(NEIGHBOURS, len(voters)), None
    if y is not None and scene.train_y is not None and alike(scene.voters) is None:
        right = way.accuracy(voters, scene.train_y[:NUM_VOTERS], codes[:NUM_ASKED], y, k)
    letter = "z" if latent_size == 2 else "c"
    cloud = Cloud(scene.asked.run.name, points, None if y is None else y.numpy())
    return {
        "count": len(points),
        "many": latent_size > 2,
        "share": share,
        "knows": right is not None,
        "k": k,
        "voters": len(voters),
        "right": right,
        "answer": None if right is None else int(np.searchsorted(OFTEN, right)),
        "z": way.code(numbers(scene.x[:NUM_SHOWN])),
        "map": Scatter("", (cloud,), scene.data.class_names, index(letter, 0), index(letter, 1)),
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
    nearest = [way.nearest(a / spread, b / spread) for a, b in pairs]
    there, back, own = (float(np.quantile(each, 0.5, method="lower")) for each in nearest)
    count = min(NUM_SHOWN, len(tested), len(eps))
    decoded = way.image(np.concatenate([codes[:count] for codes in (tested, eps, fitted)]))
    names = N_("test images"), "N(0, I)", N_("normal distribution fitted to the codes")
    strips = tuple(map(strip, map(Message, names), np.split(decoded, 3)))
    series = (Message(N_("mean")), mean), (Message(N_("standard deviation")), std)
    return {
        "low": mean.min(),
        "high": mean.max(),
        "narrow": std.min(),
        "wide": std.max(),
        "there": there,
        "back": back,
        "own": own,
        "count": len(z),
        "answer": 1,
        "moments": images.by_dimension(series, "z", "", "", (("0", 0.0), ("1", 1.0))),
        "pictures": Images("", strips),
    }


def _missed(error: float, name: Words) -> Message:
    """A strange image below the threshold."""
    return Message("“{name}” ({error})", {"name": name, "error": Number(error)})


def _is_linear(model: AutoEncoder) -> bool:
    config = model.config
    return config.network == "dense" and not config.hidden and config.output == "linear"


def _beside(scene: Scene, own: int) -> Message:
    """The error of the run's evaluation beside that of ``own`` test images."""
    run, total = scene.asked.run, len(scene.data.test)
    return beside(run, own, evaluated(run, "mse"), partial(_mse, own), total=total)


def _mse(own: int, found: Evaluated) -> Message:
    """The error of the run's evaluation, over all test images and not ``own`` of them."""
    text = N_(
        "Over {count} test images the run's evaluation has a mean squared error of {error}; here it is over {own}."
    )
    return Message(text, {"count": found.count, "error": Number(found.metrics["mse"]), "own": own})


STEPS = (
    Row(one_image, (AutoEncoder.encode, AutoEncoder.decode, squared_error)),
    Row(few_numbers, (PrincipalComponents.fitted, PrincipalComponents.decode, squared_error)),
    Row(halfway, (AutoEncoder.decode,)),
    Row(noise, (corrupted, latent.reconstruct, squared_error)),
    Row(strange, (anomaly.Detector.look, anomaly.threshold, anomaly.heat)),
    Row(where_codes_lie, (AutoEncoder.encode, PrincipalComponents.fitted, knn_accuracy)),
    Row(no_prior, (latent.decode,)),
)
"""In the order of the documents."""
