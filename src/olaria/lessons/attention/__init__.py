"""Attention: one query's weighted sum by hand, then every layer and head of a run on a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.attention.scene import FAMILIES, PRESET, Scene
from olaria.lessons.attention.steps import rows_for
from olaria.lessons.attention.ways import ByNumPy, ByTorch
from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.twice import run_twice

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    scene = Scene.of(asked)
    return run_twice(TEXTS, rows_for(scene), scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=FAMILIES,
    preset=PRESET,
    takes_prompt=True,
)
