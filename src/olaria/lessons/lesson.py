"""A lesson as an entry of a table: whose runs it opens up, and the folder in which its parts stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

from olaria.errors import LessonError
from olaria.i18n import N_, Message
from olaria.lessons.base import Asked, Step, refusal
from olaria.lessons.document import Texts, texts
from olaria.lessons.twice import run_twice


@dataclass(frozen=True)
class Lesson:
    """An entry of :data:`olaria.lessons.LESSONS`: whose runs it opens up, and a preset of which they are made.

    Its folder holds the documents, what is looked at (``Scene`` of ``scene.py``), the two ways to compute (``ByTorch``
    and ``ByNumPy`` of ``ways.py``) and its steps in order (``STEPS`` of ``steps.py``). They are imported when the
    lesson is run, and not before.
    """

    folder: str
    families: tuple[str, ...]
    preset: str
    needs_run: bool = True
    takes_prompt: bool = False

    @cached_property
    def texts(self) -> Texts:
        """Its prose."""
        return texts(Path(__file__).parent / self.folder)

    @property
    def title(self) -> Message:
        """Shown in lists and above the page."""
        return self.texts.title

    @property
    def introduction(self) -> Message:
        """One or two sentences below the title."""
        return self.texts.introduction

    def __call__(self, asked: Asked) -> tuple[Step, ...]:
        """The steps, in order.

        Raises:
            LessonError: the run cannot carry the lesson, or there is none; the preset that can is named.
        """
        if not asked.runs and self.needs_run:
            text = N_(
                "this lesson opens up a run of your own: train one with olaria train {preset}"
            )
            raise LessonError(text, preset=self.preset)
        if asked.runs and asked.run.family not in self.families:
            raise refusal(asked.run, self.families, self.preset)
        scene, ways, steps = (
            import_module(f"{__package__}.{self.folder}.{part}")
            for part in ("scene", "ways", "steps")
        )
        seen = scene.Scene.of(asked)
        model, twin = ways.ByTorch(seen), ways.ByNumPy(seen)
        return tuple(run_twice(self.texts, steps.STEPS, seen, model, twin))
