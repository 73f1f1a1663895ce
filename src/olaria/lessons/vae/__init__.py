"""What a VAE makes of an image: a distribution over codes, a draw from it, and a bound with two terms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.twice import run_twice
from olaria.lessons.vae.scene import Scene

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    from olaria.lessons.vae.steps import STEPS
    from olaria.lessons.vae.ways import ByNumPy, ByTorch

    scene = Scene.of(asked)
    return run_twice(TEXTS, STEPS, scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=("vae",),
    preset="vae-mnist",
)
