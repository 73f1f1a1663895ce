"""What the lesson on fine-tuning looks at: a tuned run, a sentence, two texts, and choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.data import TextData
from olaria.errors import LessonError
from olaria.i18n import N_, command
from olaria.lessons.base import Array, Asked
from olaria.lessons.texts import Sentence, sentence_of, spelt
from olaria.lessons.tuning.base import Excerpt, Tuned, open_tuned
from olaria.models.base import Model
from olaria.runs import Run
from olaria.sampling.autoregressive import SamplingConfig, generate

WRITTEN_TOKENS = 80
USUAL_RANK = 8
"""Directions that are looked at where there is no adapter."""
MOST_NUMBERS = 1 << 20
"""Of a matrix whose singular values are computed."""

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Curves:
    """Losses of a run over its steps: in training and on the validation text, (2, N) each, a step and a loss."""

    train: Array
    validation: Array

    @classmethod
    def of(cls, run: Run) -> Curves:
        """As far as they are finite."""
        rows = run.metrics()
        return cls(_losses(rows, "train"), _losses(rows, "validation"))


@dataclass(frozen=True)
class Scene:
    """A tuned run that reads a sentence of T tokens."""

    asked: Asked
    tuned: Tuned
    sentence: Sentence
    curves: Curves

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is asked about.

        Raises:
            LessonError: it began from random weights, or nothing of its beginning is left.
        """
        tuned = open_tuned(asked)
        scene = cls(asked, tuned, sentence_of(asked), Curves.of(tuned.run))
        if tuned.start is None and not scene.is_measured:
            raise LessonError(
                N_(
                    "run {name} has not been measured yet and its base {base} is not here: nothing can be compared; go "
                    "on with {command}"
                ),
                command=command("train", options=["--resume", tuned.run.shortest]),
                name=tuned.run.name,
                base=tuned.base_name,
            )
        return scene

    @property
    def models(self) -> tuple[Model, ...]:
        """Before and after; only after where nothing is left of the beginning."""
        start, after = self.tuned.start, self.tuned.model
        return (after,) if start is None else (start, after)

    @property
    def is_measured(self) -> bool:
        """Whether there are losses to draw."""
        return bool(self.curves.train.size and self.curves.validation.size)

    @property
    def ids(self) -> Ids:
        """Of the sentence, (T,)."""
        found: Ids = self.sentence.ids.numpy()
        return found

    def spell(self, ids: Ids) -> tuple[str, ...]:
        """Tokens as text."""
        return spelt(self.sentence.tokenizer, torch.from_numpy(np.asarray(ids, np.int64)))

    @cached_property
    def written(self) -> list[str]:
        """The sentence, continued by each model with the same draws."""
        config, found = SamplingConfig(max_tokens=WRITTEN_TOKENS), []
        for model in self.models:
            draws = Generator().manual_seed(self.asked.seed)
            ids = torch.cat(list(generate(model, self.sentence.ids[None], config, draws)))
            found.append(self.sentence.tokenizer.decode(ids))
        return found

    @cached_property
    def excerpts(self) -> dict[str, Excerpt]:
        """The beginning of the new validation text, and of the base's own where it can be had."""
        data = self.tuned.run.data(offline=self.asked.offline)
        assert isinstance(data, TextData)
        own = self.tuned.base_text(self.asked.offline)
        found = {"new": self.tuned.excerpt(data.validation)}
        return found if own is None else {**found, "old": self.tuned.excerpt(own)}

    # -- choices ------------------------------------------------------------------------------------

    @cached_property
    def read(self) -> Tensor:
        """What the models make of the sentence, probabilities (2, T - 1, V)."""
        with torch.no_grad():
            logits = [model(self.sentence.ids[None, :-1])[0] for model in self.models]
        return torch.stack([x.double().softmax(-1) for x in logits])

    @cached_property
    def gains(self) -> Array:
        """How much likelier each token of the sentence became, (T - 1,)."""
        places = torch.arange(len(self.ids) - 1)
        p = self.read[:, places, self.sentence.ids[1:]]
        gains: Array = (p[1] - p[0]).numpy()
        return gains

    @cached_property
    def furthest(self) -> int:
        """The position where both distributions are furthest apart."""
        return int((self.read[1] - self.read[0]).abs().sum(-1).argmax())

    @cached_property
    def changes(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Each matrix before, and by how much it changed, both float64."""
        start = self.tuned.start
        assert start is not None
        old, new = start.state_dict(), self.tuned.model.state_dict()
        return {
            name: (weight.double(), new[name].double() - weight.double())
            for name, weight in old.items()
            if weight.ndim == 2
        }

    @cached_property
    def most_moved(self) -> str | None:
        """The matrix that moved most, an adapted one where there are adapters; None where none moved."""
        found = {
            name: float(change.norm() / weight.norm())
            for name, (weight, change) in self.changes.items()
            if name in (self.tuned.adapters or [name])
            and weight.numel() <= MOST_NUMBERS
            and min(weight.shape) > 1
        }
        name = max(found, key=lambda name: found[name], default=None)
        return name if name is not None and found[name] else None

    @cached_property
    def entry(self) -> tuple[int, int]:
        """Of that matrix, a number: that which changed most; without adapters one that few directions tell much of."""
        assert self.most_moved is not None
        change = self.changes[self.most_moved][1]
        if self.most_moved in self.tuned.adapters:
            return divmod(int(change.abs().argmax()), change.shape[1])
        u, s, v = torch.linalg.svd(change, full_matrices=False)
        few = u[:, :USUAL_RANK] * s[:USUAL_RANK] @ v[:USUAL_RANK]
        return divmod(int((few * change).argmax()), change.shape[1])


def _losses(rows: Sequence[dict[str, Any]], split: str) -> Array:
    """Steps and losses of a split in metrics.jsonl, (2, N)."""
    found = [
        (row["step"], row["values"]["loss"])
        for row in rows
        if row["split"] == split and row["values"].get("loss") is not None
    ]
    return np.array(found, float).reshape(-1, 2).T
