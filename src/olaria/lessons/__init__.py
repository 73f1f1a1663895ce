"""Explainers: a lesson is an ordered list of computed steps. One table, :data:`LESSONS`."""

from __future__ import annotations

from olaria.i18n import N_, Message
from olaria.lessons.base import Check, Lesson, Step
from olaria.lessons.kl import kl_lesson

LESSONS: dict[str, Lesson] = {
    "kl": Lesson(Message(N_("How far apart two distributions are: the KL divergence")), kl_lesson),
}

__all__ = ["LESSONS", "Check", "Lesson", "Step"]
