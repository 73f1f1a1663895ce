"""The Kullback–Leibler divergence: what it counts, why it is never negative, and what its two directions ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.kl.scene import P as P
from olaria.lessons.kl.scene import Q as Q
from olaria.lessons.kl.scene import Scene
from olaria.lessons.twice import run_twice

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    from olaria.lessons.kl.steps import STEPS
    from olaria.lessons.kl.ways import ByNumPy, ByTorch

    scene = Scene(asked)
    return run_twice(TEXTS, STEPS, scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=("vae",),
    preset="vae-mnist",
    needs_run=False,
)
