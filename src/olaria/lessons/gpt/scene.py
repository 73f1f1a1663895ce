"""What the lesson of the GPT looks at: a sentence, windows of the validation text, a continuation, and choices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.data.base import TextData
from olaria.families.gpt import GPTConfig
from olaria.families.language import Rung
from olaria.lessons.base import Array, Asked, evenly, numbers
from olaria.lessons.inside import Read, read_language, windows_of
from olaria.lessons.texts import spelt, visible
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.sampling.autoregressive import SamplingConfig, generate

MOST_TOKENS = 24  # of the sentence
NUM_DRAWN = 8  # tokens that the loop draws
MOST_POSITIONS = 64  # tokens after which the loss is measured
MOST_WINDOWS, LEAST_WINDOWS = 64, 8
MOST_LOGITS = 2**22  # of all windows together: a large vocabulary is measured on fewer of them
MOST_STAGES = 5  # of the lens: the embedding, the last layer, and a few between

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """A run that reads a sentence of T tokens."""

    asked: Asked
    read: Read

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is opened up.

        Raises:
            LessonError: the sentence is too short, or the model reads a single token.
        """
        model = asked.run.model()
        assert isinstance(model, GPT | LanguageModel)
        return cls(asked, read_language(asked, asked.run, model, MOST_TOKENS))

    @property
    def model(self) -> GPT | LanguageModel:
        """In evaluation mode."""
        return self.read.model

    @property
    def ids(self) -> Ids:
        """Of the sentence, (T,)."""
        return np.asarray(self.read.sentence.ids)

    @property
    def place(self) -> int:
        """The position that is followed, from 0: the last that has a target."""
        return len(self.ids) - 2

    @property
    def facts(self) -> dict[str, Any]:
        """Of the model and the position that is followed, as the texts name them."""
        config, is_fast, has = self.model.config, isinstance(self.model, GPT), self.has
        return {
            "place": self.place + 1,
            "token": self.read.names[self.place],
            "context": self.model.context,
            "vocab": self.model.vocab_size,
            "width": config.width,
            "layers": config.num_layers,
            "fast": is_fast,
            "gpt2": not is_fast and has("gpt"),
            "lower": not has("gpt"),
            "attends": has("head"),
            "residual": has("residual"),
            "norms": has("norm"),
        }

    def has(self, rung: Rung) -> bool:
        """Whether the model has what a rung of the ladder adds; the fast GPT has all."""
        return isinstance(self.model, GPT) or self.model.config.has(rung)

    @property
    def chunk(self) -> int | None:
        """Tokens of a chunk of local attention; None where every earlier token may be attended to."""
        config = self.model.config
        if isinstance(config, GPTConfig) and 2 * config.reach < config.context:
            return config.reach
        return None

    def spell(self, ids: Ids) -> list[str]:
        """Tokens as they are shown."""
        return [visible(x) for x in spelt(self.read.sentence.tokenizer, torch.from_numpy(ids))]

    @cached_property
    @torch.no_grad()
    def windows(self) -> tuple[Ids, Ids, Array]:
        """Pieces of the validation text, inputs and targets, (N, P) each; and the model's logits, (N, P, V)."""
        data = self.asked.run.data(offline=self.asked.offline)
        assert isinstance(data, TextData)
        length = min(MOST_POSITIONS, self.model.context)
        count = MOST_LOGITS // (length * self.model.vocab_size)
        count = min(MOST_WINDOWS, max(LEAST_WINDOWS, count))
        unseen = self.asked.run.recipe.data.unseen
        tokenizer = self.read.sentence.tokenizer
        found = windows_of(data.validation, tokenizer, count, length + 1, unseen)
        x, y = found[:, :-1], found[:, 1:]
        return x.numpy(), y.numpy(), numbers(self.model(x))

    @cached_property
    @torch.no_grad()
    def continued(self) -> tuple[Ids, Ids]:
        """The end of the sentence and M tokens that the model drew after it; and the likeliest at each draw, (M,)."""
        most = self.model.context
        drawn = min(NUM_DRAWN, most)
        prompt = self.read.sentence.ids[-max(1, most - drawn + 1) :]
        draws = Generator().manual_seed(self.asked.seed)
        taken = generate(self.model, prompt[None], SamplingConfig(max_tokens=drawn), draws)
        ids = torch.cat((prompt, *taken))
        return ids.numpy(), self.model(ids[None, :-1])[0, -drawn:].argmax(-1).numpy()

    @cached_property
    def twin_places(self) -> tuple[int, int] | None:
        """The last two positions that have the same token, from 0; None where no token comes twice."""
        for later in range(len(self.ids) - 1, 0, -1):
            earlier = np.flatnonzero(self.ids[:later] == self.ids[later])
            if len(earlier):
                return int(earlier[-1]), later
        return None

    @cached_property
    def stages(self) -> list[int]:
        """After which layers the lens looks; 0 is before the first."""
        return evenly(len(self.read.opened.streams), MOST_STAGES)

    @cached_property
    def lens_top(self) -> Ids:
        """The token that the lens finds likeliest at each stage and position, (S, T)."""
        streams = [self.read.opened.streams[stage] for stage in self.stages]
        return torch.stack([lens(self.model, x).argmax(-1) for x in streams]).numpy()


@torch.no_grad()
def lens(model: GPT | LanguageModel, stream: Tensor) -> Tensor:
    """Logits (T, V) that the model's last norm and head make of the stream after any layer, (T, C).

    Source: nostalgebraist 2020, *interpreting GPT: the logit lens*.
    """
    if isinstance(model, GPT):
        return model._logits(stream)
    return model.logits(model.norm(stream)).float()
