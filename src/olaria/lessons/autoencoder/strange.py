r"""Strange images shown to an autoencoder: which of them its error finds, and which the place of their code.

Arrays: images (N, C, H, W), pixels in [0, 1]; errors in squared units of the pixels; distances among codes in the
codes' standard deviations. Sources: Sakurada & Yairi 2014; Denouden et al. 2018; Vovk et al. 2005 (the threshold).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.i18n import N_, Message
from olaria.lessons.autoencoder.scene import Scene
from olaria.lessons.autoencoder.ways import Way
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Images, Table, Words
from olaria.lessons.images import strip
from olaria.sampling import latent

FALSE_ALARMS = 0.05


def strange(scene: Scene, way: Way) -> dict[str, Any]:
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
    by_error, by_code = above[:, 1:].sum(1).tolist()
    least = 1 + int(found[0, 1:].argmin())
    name, others = scene.left_out or ("", x[:0])
    others_by_error, others_by_code = (scores(others) > limits).sum(1).tolist()
    heat = ((numbers(x) - rebuilt) ** 2).mean(1, keepdims=True)
    white = heat / max(heat.max(), 1e-12)
    return {
        "rate": rate,
        "held_out": len(held_out),
        "normal": len(tested),
        "alarms": float((normal > limits)[0].mean()),
        "count": len(x) - 1,
        "by_error": by_error,
        "by_code": by_code,
        "missed": not above[0, least],
        "least": names[least],
        "least_error": found[0, least],
        "limit": limits[0, 0],
        "answer": 0 if above[0, 1:].all() else 1,
        "left_out": scene.left_out is not None,
        "name": name,
        "others": len(others),
        "others_error": others_by_error,
        "others_code": others_by_code,
        "known": len(known),
        "x": x,
        "limits": limits[:, 0],
        "pictures": Images(
            "",
            (
                strip(Message(N_("image")), x, names),
                strip(Message(N_("rebuilt")), rebuilt),
                strip(Message(N_("squared error")), white, tuple(map(_verdict, above[0]))),
            ),
        ),
        "table": _scores(names, found, limits, above),
    }


def _scores(
    names: tuple[Words, ...], found: Array, limits: Array, above: NDArray[np.bool_]
) -> Table:
    """Both scores of each image, under their thresholds."""
    columns = N_("image"), N_("error"), N_("by the error"), N_("distance"), N_("by the distance")
    thresholds = (Message(N_("threshold")), limits[0, 0], "", limits[1, 0], "")
    rows = (
        (name, found[0, i], _verdict(above[0, i]), found[1, i], _verdict(above[1, i]))
        for i, name in enumerate(names)
    )
    return Table("", tuple(map(Message, columns)), (thresholds, *rows))


def _verdict(is_above: bool) -> Message:
    return Message(N_("above") if is_above else N_("below"))
