"""Explainers: a lesson is an ordered list of computed steps. One table, :data:`LESSONS`."""

from __future__ import annotations

from olaria.lessons import (
    attention,
    autoencoder,
    averaging,
    bigram,
    gan,
    gpt,
    kl,
    tokens,
    translation,
    tuning,
    vae,
)
from olaria.lessons.base import Asked, Check, Lesson, Step

LESSONS: dict[str, Lesson] = {
    "autoencoder": autoencoder.LESSON,
    "kl": kl.LESSON,
    "vae": vae.LESSON,
    "gan": gan.LESSON,
    "tokens": tokens.LESSON,
    "bigram": bigram.LESSON,
    "averaging": averaging.LESSON,
    "attention": attention.LESSON,
    "gpt": gpt.LESSON,
    "encoder-decoder": translation.LESSON,
    "fine-tuning": tuning.LESSON,
}
"""In the order in which they are learnt."""

__all__ = ["LESSONS", "Asked", "Check", "Lesson", "Step"]
