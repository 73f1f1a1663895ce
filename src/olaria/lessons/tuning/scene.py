"""What the lesson on fine-tuning looks at: a tuned run, a sentence, two texts, and choices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.data import TextData
from olaria.errors import LessonError
from olaria.i18n import N_, command
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.figures import Figure
from olaria.lessons.live import typed
from olaria.lessons.texts import Sentence, sentence_of, spelt
from olaria.lessons.tuning.base import Excerpt, Tuned, open_tuned
from olaria.models.base import Model
from olaria.runs import Run
from olaria.sampling.autoregressive import SamplingConfig, generate

WRITTEN_TOKENS = 80
USUAL_RANK = 8  # directions that are looked at where there is no adapter
MOST_NUMBERS = 1 << 20  # of a matrix whose singular values are computed

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """A tuned run that reads a sentence of T tokens."""

    asked: Asked
    tuned: Tuned
    sentence: Sentence

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is asked about.

        Raises:
            LessonError: it began from random weights, or nothing of its beginning is left.
        """
        scene = cls(asked, open_tuned(asked), sentence_of(asked))
        run = scene.tuned.run
        if scene.tuned.start is None and not scene.is_measured:
            raise LessonError(
                N_(
                    "run {name} has not been measured yet and its base {base} is not here: nothing can be compared; go "
                    "on with {command}"
                ),
                command=command("train", options=["--resume", run.shortest]),
                name=run.name,
                base=scene.tuned.base_name,
            )
        return scene

    def live(self, below: Figure) -> Figure:
        """These texts, and in a page what both models make of what the reader types, where the base is at hand."""
        base, run = self.tuned.base, self.tuned.run
        # A page knows runs by their names.
        if base is None or any(o.name == base.name and o is not base for o in self.asked.runs):
            return below
        return typed("tuning", (base, run), self.sentence.text, below)

    @property
    def models(self) -> tuple[Model, ...]:
        """Before and after; only after where nothing is left of the beginning."""
        start, after = self.tuned.start, self.tuned.model
        return (after,) if start is None else (start, after)

    @cached_property
    def losses(self) -> tuple[Array, Array]:
        """Of the run, in training and on the validation text; see :func:`losses_of`."""
        return losses_of(self.tuned.run)

    @property
    def is_measured(self) -> bool:
        """Whether there are losses to draw."""
        return all(curve.size for curve in self.losses)

    @property
    def ids(self) -> Ids:
        """Of the sentence, (T,)."""
        return np.asarray(self.sentence.ids)

    def spell(self, ids: Ids) -> tuple[str, ...]:
        """Tokens as text."""
        return spelt(self.sentence.tokenizer, torch.from_numpy(ids))

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
        texts = {"new": data.validation, "old": self.tuned.base_text(self.asked.offline)}
        return {name: self.tuned.excerpt(text) for name, text in texts.items() if text is not None}

    @cached_property
    @torch.no_grad()
    def read(self) -> Array:
        """What the models make of the sentence, probabilities (2, T - 1, V)."""
        logits = [model(self.sentence.ids[None, :-1])[0] for model in self.models]
        return numbers(torch.stack(logits).double().softmax(-1))

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
    def shares(self) -> dict[str, float]:
        """The length of each change in that of its matrix."""
        return {name: float(x.norm() / w.norm()) for name, (w, x) in self.changes.items()}

    @cached_property
    def most_moved(self) -> str | None:
        """The matrix that moved most, an adapted one where there are adapters; None where none moved."""
        sizes = {name: weight.shape for name, (weight, _) in self.changes.items()}
        found = {
            name: sizes[name].numel() <= MOST_NUMBERS and min(sizes[name]) > 1 and share
            for name, share in self.shares.items()
            if name in (self.tuned.adapters or sizes)
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


def losses_of(run: Run) -> tuple[Array, Array]:
    """Steps and losses of a run, as far as they are finite: in training and on the validation text, (2, N) each."""
    train, validation = (
        [
            (row["step"], row["values"]["loss"])
            for row in run.metrics()
            if row["split"] == split and row["values"].get("loss") is not None
        ]
        for split in ("train", "validation")
    )
    return np.array(train, float).reshape(-1, 2).T, np.array(validation, float).reshape(-1, 2).T
