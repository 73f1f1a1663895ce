"""A run that began from another one, beside what it began from: its texts, losses, predictions and weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.tuning.scene import Scene
from olaria.lessons.tuning.steps import STEPS
from olaria.lessons.tuning.ways import ByNumPy, ByTorch
from olaria.lessons.twice import run_twice

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    scene = Scene.of(asked)
    return run_twice(TEXTS, STEPS, scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=("gpt", "language", "bigram"),
    preset="gpt-shakespeare --from RUN",
    takes_prompt=True,
)
