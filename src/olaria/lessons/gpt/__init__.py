"""A GPT from end to end: one sentence goes in, one position is followed to its loss, and a text comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.document import texts
from olaria.lessons.gpt.scene import Scene
from olaria.lessons.gpt.steps import STEPS
from olaria.lessons.gpt.ways import ByNumPy, ByTorch
from olaria.lessons.twice import run_twice

TEXTS = texts(Path(__file__).parent)


def _steps(asked: Asked) -> Iterator[Step]:
    scene = Scene.of(asked)
    return run_twice(TEXTS, STEPS, scene, ByTorch(scene), ByNumPy(scene))


LESSON = Lesson(
    title=TEXTS.title,
    introduction=TEXTS.introduction,
    steps=_steps,
    families=("language", "gpt"),
    preset="gpt-shakespeare",
    takes_prompt=True,
)
