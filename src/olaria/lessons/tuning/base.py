"""A tuned run beside the model that it began from: what the lesson on fine-tuning compares.

Where the model at the start comes from, the first that there is:

1. the run that it was tuned from, with rows for the tokens that tuning added;
2. its own checkpoint, where it has adapters and no new tokens: they leave the weights as they are, so both are there.

The weights of a base are taken for those of the start only if their fingerprint is the one that was noted when tuning
began.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from olaria.data import TextData
from olaria.data.tokenizer import Tokenizer
from olaria.errors import LessonError, OlariaError
from olaria.i18n import N_
from olaria.lessons.base import Asked
from olaria.models.base import Model
from olaria.recipes.base import TuningConfig
from olaria.runs import Run
from olaria.training.inheritance import grow, model_sha256

State = Mapping[str, Tensor]
Excerpt = tuple[Tensor, ...]
"""Windows of a text, read and after their first token predicted: (R, context + 1), and a shorter rest (1, …)."""
FAMILIES = ("gpt", "language", "bigram")
_ADAPTED = ".parametrizations.weight."
WINDOW = 128  # tokens that are read at once where a text is measured, unless the context is shorter
MEASURED_TOKENS = 512
_CHARS = 16  # of text that is encoded for each token that is wanted; a token seldom has more


def token_nats(model: Model, ids: Tensor) -> Tensor:
    """Negative log-probability of each token but the first, given those before it: (R, T) to (R, T - 1), float64."""
    log_probs = model(ids[:, :-1]).double().log_softmax(-1)
    nats: Tensor = -log_probs.gather(2, ids[:, 1:, None]).squeeze(2)
    return nats


@dataclass(frozen=True)
class Tuned:
    """A tuned run and what is left of its base.

    Args:
        run: the tuned run.
        base: the run that it began from; None where it is gone, has changed, or was no run of ours.
        stored: the tensors of the run's checkpoint, adapters apart.
        model: as it is now, adapters merged.
        start: the model that tuning began from, with the run's vocabulary; None where nothing is left of it.
        scratch: a run that began from random weights and was trained on the same text; None where none is given.
    """

    run: Run
    base: Run | None
    stored: State
    model: Model
    start: Model | None
    scratch: Run | None = None

    @property
    def tuning(self) -> TuningConfig:
        """What the recipe says of it."""
        assert self.run.recipe.tuning is not None
        return self.run.recipe.tuning

    @property
    def base_name(self) -> str:
        """As it was called when tuning began."""
        return str(self.run.provenance["base"]["name"])

    @property
    def num_added(self) -> int:
        """Tokens that the base did not have."""
        return self.tokenizer.vocab_size - int(self.run.provenance["base"]["vocab_size"])

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Of the run; the base's tokens come first in it."""
        return self.run.tokenizer()

    @property
    def adapters(self) -> dict[str, tuple[Tensor, Tensor]]:
        """A (r, m) and B (n, r) of each adapted weight, by its name."""
        names = [name.partition(_ADAPTED)[0] for name in self.stored if name.endswith(".0.a")]
        pairs = [[self.stored[f"{name}{_ADAPTED}0.{x}"] for x in "ab"] for name in names]
        return {f"{name}.weight": (a, b) for name, (a, b) in zip(names, pairs, strict=True)}

    @property
    def trained(self) -> dict[str, int]:
        """How many numbers were trained of each weight, by its name: adapters, and what grew beside them."""
        if self.tuning.rank is None:
            return {name: weight.numel() for name, weight in self.model.named_parameters()}
        counts = {name: a.numel() + b.numel() for name, (a, b) in self.adapters.items()}
        grown = self.run.provenance["base"]["grown"]
        return counts | {name: self.stored[name].numel() for name in grown if name in self.stored}

    def excerpt(self, text: str) -> Excerpt:
        """The beginning of a text, as both models read it."""
        context = min(getattr(self.run.recipe.model, "context", WINDOW), WINDOW)
        some = text[: MEASURED_TOKENS * _CHARS]
        ids = self.tokenizer.encode(some, self.run.recipe.data.unseen)[: MEASURED_TOKENS + 1]
        end = (len(ids) - 1) // context * context
        whole = (ids[: end + 1].unfold(0, context + 1, context),) if end else ()
        return whole if end == len(ids) - 1 else (*whole, ids[None, end:])

    def base_text(self, offline: bool) -> str | None:
        """The base's own validation text, where it can be had."""
        if self.base is None:
            return None
        try:
            data = self.base.data(offline=offline)
        except OlariaError:  # moved, changed, or not to be had here: the lesson does without
            return None
        assert isinstance(data, TextData)
        return None if data.sha256 == self.run.provenance["data_sha256"] else data.validation


def open_tuned(asked: Asked) -> Tuned:
    """The run that is asked about, and the model that it began from.

    Raises:
        LessonError: it began from random weights, or a run is given as its base that is not.
    """
    run = asked.run
    if run.recipe.tuning is None:
        raise LessonError(
            N_(
                "run {name} began from random weights, so that there is no before and after: tune one with olaria "
                "train {preset} --from {name} --data TEXT"
            ),
            name=run.name,
            preset=run.recipe.preset,
        )
    model = run.model()  # first: it knows how large its weights may be
    weights = "ema" if run.recipe.training.ema else "model"
    stored: State = run.folder.load_checkpoint(None, (weights,))[0][weights]
    base, state, scratch = _given(asked, run)
    if state is None and run.recipe.tuning.rank is not None and not run.provenance["base"]["grown"]:
        state = without_adapters(stored)
    start = None if state is None else _with_weights(model, state)
    return Tuned(run, base, stored, model, start, scratch)


def without_adapters(stored: State) -> dict[str, Tensor]:
    """The tensors of a checkpoint by the names of a model without adapters, which leave these weights as they are."""
    state = {name.replace(f"{_ADAPTED}original", ".weight"): w for name, w in stored.items()}
    return {name: weight for name, weight in state.items() if _ADAPTED not in name}


def _given(asked: Asked, run: Run) -> tuple[Run | None, State | None, Run | None]:
    """The base as a run with its weights, and a run from scratch: those that are given, else the base of the recipe.

    Raises:
        LessonError: a run is given that is neither.
    """
    base, state, scratch = None, None, None
    for given in asked.runs[1:]:
        weights = _weights_of_base(given, run)
        if weights is not None:
            base, state = given, weights
        elif _is_from_scratch(given, run):
            scratch = scratch or given
        else:
            raise LessonError(
                N_(
                    "{base} does not have the weights that run {name} was tuned from (it began from {told}), nor was "
                    "it trained from random weights on the same text"
                ),
                base=given.name,
                name=run.name,
                told=run.provenance["base"]["name"],
            )
    if base is None and run.recipe.tuning is not None:
        try:
            base = Run(run.recipe.tuning.start)
        except OlariaError:
            return None, None, scratch
        state = _weights_of_base(base, run)
    return None if state is None else base, state, scratch


def _weights_of_base(base: Run, tuned: Run) -> State | None:
    """Of a run's checkpoint; None where it has none, or others than those that tuning began from."""
    try:
        state = base.model().state_dict() if base.family in FAMILIES else {}
    except OlariaError:
        return None
    is_base = model_sha256(state) == tuned.provenance["base"].get("model_sha256")
    return state if is_base else None


def _is_from_scratch(run: Run, tuned: Run) -> bool:
    """Whether losses per token of the two compare: the same text, cut alike, and no other run before."""
    kinds = {one.recipe.data.tokenizer for one in (run, tuned)} if run.family in FAMILIES else set()
    return (
        run.recipe.tuning is None
        and kinds in ({"char"}, {"byte"})
        and run.provenance["data_sha256"] == tuned.provenance["data_sha256"]
    )


def _with_weights(model: Model, state: State) -> Model:
    """A copy of the model with other weights, grown to its shapes."""
    start = copy.deepcopy(model)
    shapes = {name: value.shape for name, value in start.state_dict().items()}
    start.load_state_dict({name: grow(state[name], shape) for name, shape in shapes.items()})
    return start
