"""Begin a run from another one, or from a GPT-2 of the transformers library, instead of from random weights.

The form of the model and the tokenizer are those of the base. Where the new text has characters that the base's text
lacks, a tokenizer of characters or words gets tokens for them *after* the existing ones, so that old ids stay, and
each tensor with a row for every token gets rows that are the mean of the old ones (Hewitt 2021, *Initializing New Word
Embeddings for Pretrained Language Models*): new tokens begin as likely as an average one and disturb nothing. The
tuned run keeps all weights itself and opens when the base is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from olaria.data.tokenizer import CharTokenizer, Tokenizer, Unseen, WordTokenizer
from olaria.data.tokens import listed
from olaria.errors import RunError, UsageError
from olaria.families import MODELS
from olaria.families.base import ModelConfig
from olaria.i18n import N_, Message, Setting
from olaria.models.base import Model
from olaria.recipes import Recipe, Size
from olaria.recipes import preset as find_preset
from olaria.runs import Run
from olaria.storage.folder import is_run
from olaria.storage.paths import user_path
from olaria.training.building import adapt, build_model
from olaria.training.inheritance import grow, model_sha256

FREE = ("dropout",)
"""Settings of a model that may differ from its base's: no weight depends on them."""


@dataclass(frozen=True)
class Start:
    """Where a tuned run begins.

    Args:
        provenance: of the base: name, checkpoint (null for a folder of another library), size of the vocabulary.
        path: of the base.
        config: settings of its model.
        size: of its recipe, where it has one.
        tokenizer: of the base; of a resumed run, the run's.
        weights: reads the base's state_dict; None where the resumed run's checkpoint replaces it.
        remarks: for the reader, about what of the base was left out.
    """

    provenance: Mapping[str, Any]
    path: Path
    config: ModelConfig
    size: Size | None
    tokenizer: Tokenizer
    weights: Callable[[], dict[str, Tensor]] | None
    remarks: tuple[Message, ...] = ()

    def tokenizer_for(self, text: str, unseen: Unseen) -> Tokenizer:
        """The base's tokenizer, extended by the characters that it lacks unless these are replaced or skipped."""
        return self.tokenizer if unseen != "error" else extended(self.tokenizer, text)

    def notes(self, tokenizer: Tokenizer) -> list[Message]:
        """For the reader, about what was left out of the base and about new tokens of the tokenizer."""
        added = range(self.tokenizer.vocab_size, tokenizer.vocab_size)
        if not added:
            return [*self.remarks]
        message = N_("{count} characters that {name} never saw are new tokens: {names}")
        names = listed(tokenizer.decode([token]) for token in added)
        fields = {"count": len(added), "name": self.provenance["name"], "names": names}
        return [*self.remarks, Message(message, fields)]

    def model(self, recipe: Recipe, vocab_size: int) -> tuple[Model, dict[str, Any]]:
        """The model at the start, and the base as provenance.json stores it.

        Args:
            recipe: of the tuned run.
            vocab_size: of its tokenizer.
        """
        if self.weights is None:
            model, provenance = build_model(recipe, vocab_size), dict(self.provenance)
        else:
            state = self.weights()
            model = build_model(recipe.model_copy(update={"tuning": None}), vocab_size)
            shapes = {name: value.shape for name, value in model.state_dict().items()}
            grown = [name for name, value in state.items() if value.shape != shapes[name]]
            model.load_state_dict({name: grow(state[name], shapes[name]) for name in shapes})
            adapt(model, recipe)
            provenance = {
                **self.provenance,
                "model_sha256": model_sha256(state),
                "grown": grown,
            }
        for name, parameter in model.named_parameters():
            if (
                name in provenance["grown"]
            ):  # beside adapters too, else new tokens could not be learnt
                parameter.requires_grad_(True)
        return model, provenance


def open_start(start: str) -> Start:
    """The base that a recipe names.

    Raises:
        RunError: there is no such run, or it is not of a language model.
        DataError: a folder of another library cannot be read.
    """
    path = user_path(start)
    # Imported late: every command on a run comes by here, and few begin from another library's folder.
    from olaria.export.gpt2 import is_gpt2_folder, open_gpt2

    if is_gpt2_folder(path) and not is_run(path):
        gpt2 = open_gpt2(path)
        provenance = _provenance(path.resolve().name, None, gpt2.tokenizer)
        return Start(
            provenance,
            path.resolve(),
            gpt2.config,
            None,
            gpt2.tokenizer,
            gpt2.weights,
            gpt2.notes,
        )
    run = Run(path if is_run(path) else start)
    if MODELS[run.family].data != "text":
        raise RunError(
            N_("run {name} is a {family}: {start} takes the run of a language model"),
            start=Setting("start"),
            name=run.name,
            family=run.family,
        )
    step, _ = run.checkpoint()
    tokenizer, recipe = run.tokenizer(), run.recipe
    return Start(
        _provenance(run.name, step, tokenizer),
        run.path.resolve(),
        recipe.model,
        recipe.size,
        tokenizer,
        lambda: dict(run.model().state_dict()),
    )


def resumed(run: Run) -> Start:
    """The start of a resumed tuned run: its tokenizer and checkpoint suffice, so that the base may be gone."""
    recipe = run.recipe
    assert recipe.tuning is not None
    provenance = run.provenance["base"]
    path = Path(recipe.tuning.start)
    return Start(provenance, path, recipe.model, recipe.size, run.tokenizer(), None)


def check_unchanged(run: Run) -> None:
    """Before a tuned run is repeated, its base must be what it was.

    Raises:
        RunError: it has changed, or is gone.
    """
    if run.recipe.tuning is None:
        return
    weights = open_start(run.recipe.tuning.start).weights
    assert weights is not None
    if model_sha256(weights()) != run.provenance["base"]["model_sha256"]:
        raise RunError(
            N_("{base} has changed since run {name} was tuned from it, so it cannot be repeated"),
            base=run.provenance["base"]["name"],
            name=run.name,
        )


# -- the recipe ------------------------------------------------------------------------------------


def tuned_recipe(
    recipe: Recipe,
    tuning: Mapping[str, Any],
    size: Size | None,
    data_options: Mapping[str, Any],
    settings: Sequence[str],
) -> Recipe:
    """A recipe with the form and the tokenizer of its base.

    Args:
        recipe: of a preset, on the new text.
        tuning: fields of :class:`olaria.recipes.base.TuningConfig`.
        size: as requested; None takes the base's.
        data_options: as requested.
        settings: ``path=value`` overrides.

    Raises:
        UsageError: the request contradicts the base; the error names both.
    """
    base = open_start(tuning["start"])
    name = base.provenance["name"]
    requested = recipe.model
    if _kind_of(requested) != _kind_of(base.config):
        raise UsageError(
            N_("{name} is a {found} and {preset} trains a {wanted}: choose a preset of its kind"),
            name=name,
            found=_kind_of(base.config),
            preset=recipe.preset,
            wanted=_kind_of(requested),
        )
    if size is not None:
        _same_form(name, base.config, find_preset(recipe.preset, size).model)
    kind = base.tokenizer.kind
    if data_options.get("tokenizer", kind) != kind or "vocab_size" in data_options:
        raise UsageError(
            N_("the tokenizer ({kind}) is carried over from {name}; leave out {words}"),
            kind=kind,
            name=name,
            words=Setting("vocab_size" if "vocab_size" in data_options else "tokenizer"),
        )
    recipe = recipe.with_values(
        {
            "model": base.config.model_dump(mode="json"),
            "data.tokenizer": kind,
            "size": base.size or recipe.size,
            "tuning": {**tuning, "start": str(base.path)},
        }
    )
    recipe = recipe.with_settings(list(settings))
    _same_form(name, base.config, recipe.model)
    return recipe


def _same_form(name: str, base: ModelConfig, requested: ModelConfig) -> None:
    """Refuse a model whose weights would not be those of the base."""
    differing = [
        field
        for field, value in base.model_dump().items()
        if field not in FREE and getattr(requested, field, None) != value
    ]
    if differing:
        raise UsageError(
            N_("{name} has {own} and this asks for {asked}: a tuned model has its base's form"),
            name=name,
            own=", ".join(f"model.{field}={getattr(base, field)}" for field in differing),
            asked=", ".join(f"{getattr(requested, field, None)}" for field in differing),
        )


def _kind_of(config: ModelConfig) -> str:
    """The family, and the rung where it has some."""
    rung = getattr(config, "rung", None)
    return config.family if rung is None else f"{config.family} ({rung})"


# -- tokenizer and weights -------------------------------------------------------------------------


def extended(tokenizer: Tokenizer, text: str) -> Tokenizer:
    """The tokenizer with tokens for the characters of ``text`` that it lacks, sorted, after the existing ones.

    Words of the new text get no tokens, since letters spell any word. Bytes and byte pairs lack nothing.

    >>> extended(CharTokenizer("ba"), "abdca").alphabet
    ('b', 'a', 'c', 'd')
    """
    if isinstance(tokenizer, CharTokenizer):
        new = sorted(set(text).difference(tokenizer.alphabet))
        return CharTokenizer([*tokenizer.alphabet, *new]) if new else tokenizer
    if isinstance(tokenizer, WordTokenizer):
        new = sorted(set(text).difference(tokenizer.vocabulary))
        return WordTokenizer([*tokenizer.vocabulary, *new]) if new else tokenizer
    return tokenizer


def _provenance(name: str, checkpoint: int | None, tokenizer: Tokenizer) -> dict[str, Any]:
    return {"name": name, "checkpoint": checkpoint, "vocab_size": tokenizer.vocab_size}
