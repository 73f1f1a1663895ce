"""What an autoencoder does to an image, what that costs, what it is good for, and what it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.autoencoder.scene import Scene
from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.twice import run_twice

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    from olaria.lessons.autoencoder.steps import STEPS  # imports scikit-learn, which takes its time
    from olaria.lessons.autoencoder.ways import ByNumPy, ByTorch

    scene = Scene.of(asked)
    return run_twice(TEXTS, STEPS, scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=("autoencoder",),
    preset="ae-mnist",
)
