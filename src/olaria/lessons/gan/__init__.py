"""A GAN's game opened up, in the plane and on images: one lesson for both families.

Sources: Goodfellow et al. 2014; Kahng et al. 2019, *GAN Lab* (what there is to see of such a game).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.gan.scene import Pictures, Points
from olaria.lessons.twice import run_twice

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    from olaria.lessons.gan.steps import STEPS
    from olaria.lessons.gan.ways import ByNumPy, ByTorch

    scene = Points.of(asked) if asked.run.family == "plane-gan" else Pictures.of(asked)
    return run_twice(TEXTS, STEPS, scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=("gan", "plane-gan"),
    preset="gan-ring",
)
