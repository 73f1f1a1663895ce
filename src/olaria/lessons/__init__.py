"""Explainers: a lesson is an ordered list of computed steps. One table, :data:`LESSONS`."""

from __future__ import annotations

from olaria.lessons.base import Asked, Check, Step
from olaria.lessons.lesson import Lesson

LESSONS: dict[str, Lesson] = {
    "autoencoder": Lesson("autoencoder", ("autoencoder",), "ae-mnist"),
    "kl": Lesson("kl", ("vae",), "vae-mnist", needs_run=False),
    "vae": Lesson("vae", ("vae",), "vae-mnist"),
    "gan": Lesson("gan", ("gan", "plane-gan"), "gan-ring"),
    "flow-matching": Lesson("flow", ("point-flow", "image-flow"), "flow-ring"),
    "tokens": Lesson(
        "tokens", ("bigram", "language", "gpt", "translation"), "gpt-shakespeare", takes_prompt=True
    ),
    "bigram": Lesson("bigram", ("bigram",), "bigram-shakespeare", takes_prompt=True),
    "averaging": Lesson("averaging", ("language", "gpt"), "gpt-shakespeare", takes_prompt=True),
    "attention": Lesson(
        "attention", ("language", "gpt", "translation"), "gpt-shakespeare", takes_prompt=True
    ),
    "gpt": Lesson("gpt", ("language", "gpt"), "gpt-shakespeare", takes_prompt=True),
    "encoder-decoder": Lesson("translation", ("translation",), "pt-en", takes_prompt=True),
    "fine-tuning": Lesson(
        "tuning", ("gpt", "language", "bigram"), "gpt-shakespeare --from RUN", takes_prompt=True
    ),
}
"""In the order in which they are learnt."""

__all__ = ["LESSONS", "Asked", "Check", "Lesson", "Step"]
