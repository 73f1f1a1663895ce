"""What the lesson of the GPT looks at: a sentence, windows of the validation text, a continuation, and choices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.data.base import TextData
from olaria.families.gpt import GPTConfig
from olaria.families.language import Rung
from olaria.lessons.base import Asked, evenly
from olaria.lessons.inside import Read, read_language, windows_of
from olaria.lessons.texts import spelt, visible
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.sampling.autoregressive import SamplingConfig, generate

MOST_TOKENS = 24
"""Of the sentence."""
NUM_DRAWN = 8
"""Tokens that the loop draws."""
MOST_POSITIONS = 64
"""Tokens after which the loss is measured."""
MOST_WINDOWS, LEAST_WINDOWS = 128, 8
MOST_LOGITS = 2**22
"""Of all windows together: a large vocabulary is measured on fewer of them."""
MOST_STAGES = 5
"""Of the lens: the embedding, the last layer, and a few between."""

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
        found: Ids = self.read.sentence.ids.numpy()
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Its tokens as they are shown."""
        return self.read.names

    @property
    def place(self) -> int:
        """The position that is followed, from 0: the last that has a target."""
        return len(self.ids) - 2

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.model.vocab_size

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
        found = spelt(self.read.sentence.tokenizer, torch.from_numpy(np.asarray(ids, np.int64)))
        return [visible(token) for token in found]

    # -- windows of the validation text ---------------------------------------------------------------

    @cached_property
    def windows(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (N, P) each: pieces of the validation text."""
        data = self.asked.run.data(offline=self.asked.offline)
        assert isinstance(data, TextData)
        length = min(MOST_POSITIONS, self.model.context)
        count = MOST_LOGITS // (length * self.vocab_size)
        count = min(MOST_WINDOWS, max(LEAST_WINDOWS, count))
        unseen = self.asked.run.recipe.data.unseen
        tokenizer = self.read.sentence.tokenizer
        found = windows_of(data.validation, tokenizer, count, length + 1, unseen)
        return found[:, :-1], found[:, 1:]

    @cached_property
    def window_logits(self) -> Tensor:
        """What the model makes of them, (N, P, V)."""
        with torch.no_grad():
            logits: Tensor = self.model(self.windows[0]).float()
        return logits

    def window_gain(self, last: int) -> tuple[float, float]:
        """What position ``last`` and those after it cost less than the first one, in nats: mean and standard error."""
        p = self.window_logits.log_softmax(-1).gather(2, self.windows[1][..., None])[..., 0]
        gain = p[:, last - 1 :].mean(1) - p[:, 0]
        error = gain.std() / len(gain) ** 0.5 if len(gain) > 1 else torch.tensor(torch.inf)
        return float(gain.mean()), float(error)

    # -- choices ------------------------------------------------------------------------------------

    @cached_property
    def continued(self) -> tuple[Ids, int]:
        """The end of the sentence and the tokens that the model drew after it; and how many it drew."""
        most = self.model.context
        drawn = min(NUM_DRAWN, most)
        prompt = self.read.sentence.ids[-max(1, most - drawn + 1) :]
        draws = Generator().manual_seed(self.asked.seed)
        ids = list(generate(self.model, prompt[None], SamplingConfig(max_tokens=drawn), draws))
        return torch.cat((prompt, *ids)).numpy(), drawn

    @cached_property
    def greedy(self) -> Ids:
        """The likeliest token at each of these draws, (M,)."""
        ids, drawn = self.continued
        with torch.no_grad():
            logits = self.model(torch.from_numpy(ids[None, :-1]))[0, -drawn:]
        found: Ids = logits.argmax(-1).numpy()
        return found

    @cached_property
    def twin_places(self) -> tuple[int, int] | None:
        """The last two positions that have the same token, from 0; None where no token comes twice."""
        for later in range(len(self.ids) - 1, 0, -1):
            earlier = np.flatnonzero(self.ids[:later] == self.ids[later])
            if len(earlier):
                return int(earlier[-1]), later
        return None

    @cached_property
    def likeliest(self) -> Ids:
        """Tokens by their logit at the followed position, the largest first, (V,)."""
        return np.argsort(-self.read.opened.logits[self.place].numpy(), kind="stable")

    @cached_property
    def worst(self) -> int:
        """The target that costs the model most, from 0."""
        log_p = self.read.opened.logits[:-1].log_softmax(-1)
        return int(log_p.gather(1, self.read.sentence.ids[1:, None]).argmin())

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
