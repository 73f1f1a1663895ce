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
    x = torch.stack([image for _, image in scene.strange])
    rebuilt = way.image(way.code(numbers(x)))
    known = numbers(scene.voters)
    deviation = np.maximum(known.std(0, ddof=min(1, len(known) - 1)), 1e-6)

    def scores(some: Tensor) -> Array:
        """Error, and distance of the code, (2, N)."""
        pixels, codes = numbers(some), numbers(latent.encode(scene.model, some))
        error = way.error(numbers(latent.reconstruct(scene.model, some)), pixels)
        return np.stack((error, way.nearest(codes / deviation, known / deviation)))

    found, calm, normal = scores(x), scores(held_out), scores(tested)
    rate = max(FALSE_ALARMS, 1 / (len(held_out) + 1))
    limits = np.array([way.threshold(each, rate) for each in calm])
    above = found > limits[:, None]
    heat = ((numbers(x) - rebuilt) ** 2).mean(1, keepdims=True)
    least = 1 + int(found[0, 1:].argmin())
    missing = scene.left_out
    others = np.zeros((2, 1)) if missing is None else scores(missing[1])
    names = [name for name, _ in scene.strange]
    return {
        "rate": rate,
        "held_out": len(held_out),
        "normal": len(tested),
        "alarms": float((normal[0] > limits[0]).mean()),
        "count": len(x) - 1,
        "by_error": int(above[0, 1:].sum()),
        "by_code": int(above[1, 1:].sum()),
        "missed": not above[0, least],
        "least": names[least],
        "least_error": found[0, least],
        "limit": limits[0],
        "answer": 0 if above[0, 1:].all() else 1,
        "left_out": missing is not None,
        "name": "" if missing is None else missing[0],
        "others": 0 if missing is None else len(missing[1]),
        "others_error": int((others[0] > limits[0]).sum()),
        "others_code": int((others[1] > limits[1]).sum()),
        "known": len(known),
        "x": x,
        "scores": found,
        "limits": limits,
        "rebuilt": rebuilt,
        "heat": heat,
        "pictures": Images(
            "",
            (
                strip(Message(N_("image")), x, tuple(names)),
                strip(Message(N_("rebuilt")), rebuilt),
                strip(
                    Message(N_("squared error")),
                    heat / max(heat.max(), 1e-12),
                    tuple(_verdict(one) for one in above[0]),
                ),
            ),
        ),
        "table": _scores(names, found, limits, above),
    }


def _scores(names: list[Words], found: Array, limits: Array, above: NDArray[np.bool_]) -> Table:
    """Both scores of each image, under their thresholds."""
    rows: list[tuple[Words | float, ...]] = [
        (Message(N_("threshold")), float(limits[0]), "", float(limits[1]), "")
    ]
    for name, (error, code), (by_error, by_code) in zip(
        names, found.T.tolist(), above.T.tolist(), strict=True
    ):
        rows.append((name, error, _verdict(by_error), code, _verdict(by_code)))
    columns = (
        N_("image"),
        N_("error"),
        N_("by the error"),
        N_("distance"),
        N_("by the distance"),
    )
    return Table("", tuple(map(Message, columns)), tuple(rows))


def _verdict(is_above: bool) -> Message:
    return Message(N_("above") if is_above else N_("below"))
