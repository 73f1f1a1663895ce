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
from olaria.errors import MissingError, RunError, UsageError
from olaria.families import MODELS
from olaria.families.base import ModelConfig
from olaria.i18n import N_, Message, Setting
from olaria.models.base import Model
from olaria.recipes import Recipe, Size
from olaria.recipes import preset as find_preset
from olaria.runs import Run
from olaria.runs.longer import trained_in_all
from olaria.runs.places import origin
from olaria.storage.folder import is_run
from olaria.storage.paths import user_path
from olaria.training.building import adapt, build_model
from olaria.training.inheritance import grow, model_sha256
from olaria.vocabulary import NamedCheckpoint

FREE = (
    *("dropout", "beta", "warmup", "free_bits", "importance_samples", "importance_from"),
    *("corruption", "noise", "sparsity", "contraction", "commitment", "pull"),
    *("loss", "penalty", "penalty_weight", "discriminator_updates", "discriminator_rate"),
)
"""Settings of a model that may differ from its base's: no weight depends on them."""


@dataclass(frozen=True)
class Start:
    """Where a tuned run begins.

    Args:
        provenance: of the base: name, checkpoint (null for a folder of another library), size of the vocabulary.
        path: of the base.
        config: settings of its model.
        size: of its recipe, where it has one.
        tokenizer: of the base; of a resumed run, the run's; None where there is none.
        dimensions: what the base's model was built for.
        weights: reads the base's state_dict; None where the resumed run's checkpoint replaces it.
        remarks: for the reader, about what of the base was left out.
    """

    provenance: Mapping[str, Any]
    path: Path
    config: ModelConfig
    size: Size | None
    tokenizer: Tokenizer | None
    dimensions: tuple[int, int, int] | int
    weights: Callable[[], dict[str, Tensor]] | None
    remarks: tuple[Message, ...] = ()

    def tokenizer_for(self, text: str, unseen: Unseen) -> Tokenizer:
        """The base's tokenizer, extended by the characters that it lacks unless these are replaced or skipped."""
        assert self.tokenizer is not None
        return self.tokenizer if unseen != "error" else extended(self.tokenizer, text)

    def notes(self, tokenizer: Tokenizer) -> list[Message]:
        """For the reader, about what was left out of the base and about new tokens of the tokenizer."""
        assert self.tokenizer is not None
        added = range(self.tokenizer.vocab_size, tokenizer.vocab_size)
        if not added:
            return [*self.remarks]
        message = N_(
            "{count} {count:character|characters} that {name} never saw {count:is a "
            "new token|are new tokens}: {names}"
        )
        names = listed(tokenizer.decode([token]) for token in added)
        fields = {"count": len(added), "name": self.provenance["name"], "names": names}
        return [*self.remarks, Message(message, fields)]

    def model(
        self, recipe: Recipe, dimensions: tuple[int, int, int] | int
    ) -> tuple[Model, dict[str, Any]]:
        """The model at the start, and the base as provenance.json stores it.

        Args:
            recipe: of the tuned run.
            dimensions: (C, H, W) of its images, or the size of its vocabulary or of a point.

        Raises:
            RunError: the base was trained on images of another size.
        """
        if isinstance(dimensions, tuple) and dimensions != self.dimensions:
            raise RunError(
                N_(
                    "{name} was trained on images of {own} and these are {found}; use {resize} and {gray}"
                ),
                name=self.provenance["name"],
                own=_sides(self.dimensions),
                found=_sides(dimensions),
                resize=Setting("resize"),
                gray=Setting("gray"),
            )
        if self.weights is None:
            model, provenance = build_model(recipe, dimensions), dict(self.provenance)
        else:
            state = self.weights()
            model = build_model(recipe.model_copy(update={"tuning": None}), dimensions)
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


def open_start(start: str, checkpoint: NamedCheckpoint | None = None) -> Start:
    """The base that a recipe names.

    Args:
        start: a run, its name or path, or a folder of another library.
        checkpoint: of a run; the best, else the last, where None.

    Raises:
        RunError: there is no such run.
        DataError: a folder of another library cannot be read.
    """
    path = user_path(start)
    # Imported late: every command on a run comes by here, and few begin from another library's folder.
    from olaria.export.gpt2 import is_gpt2_folder, open_gpt2

    if is_gpt2_folder(path) and not is_run(path):
        gpt2 = open_gpt2(path)
        count = gpt2.tokenizer.vocab_size
        named = {"name": path.resolve().name, "checkpoint": None, "vocab_size": count}
        return Start(
            named,
            path.resolve(),
            gpt2.config,
            None,
            gpt2.tokenizer,
            count,
            gpt2.weights,
            gpt2.notes,
        )
    run = Run(path if is_run(path) else start)
    step, _ = run.checkpoint(checkpoint)
    provenance: dict[str, Any] = {"name": run.name, "checkpoint": step}
    tokenizer, recipe = None, run.recipe
    if MODELS[run.family].data in ("text", "pairs"):
        tokenizer = run.tokenizer()
        provenance["vocab_size"] = tokenizer.vocab_size
    if checkpoint == "last":
        provenance |= trained_in_all(run)
    return Start(
        provenance,
        run.path.resolve(),
        recipe.model,
        recipe.size,
        tokenizer,
        run.dimensions(),
        lambda: dict(run.model(checkpoint).state_dict()),
    )


def resumed(run: Run) -> Start:
    """The start of a resumed tuned run: its tokenizer and checkpoint suffice, so that the base may be gone."""
    recipe = run.recipe
    assert recipe.tuning is not None
    path, is_text = Path(recipe.tuning.start), MODELS[run.family].data in ("text", "pairs")
    return Start(
        run.provenance["base"],
        path,
        recipe.model,
        recipe.size,
        run.tokenizer() if is_text else None,
        run.dimensions(),
        None,
    )


def base_of(run: Run, start: str | None = None) -> str | None:
    """Where a tuned run's base is, checked to be what it was; None of a run that is not tuned.

    Args:
        run: tuned, or not.
        start: where the base is now, if it was moved.

    Raises:
        MissingError: it is not where it was, nor beside the run.
        RunError: it has changed.
    """
    tuning, stored = run.recipe.tuning, run.provenance.get("base", {})
    if tuning is None:
        return None

    def is_it(base: Start) -> bool:
        return base.weights is not None and model_sha256(base.weights()) == stored.get(
            "model_sha256"
        )

    if start is None and not user_path(tuning.start).exists():
        beside = origin(
            run, tuning.start, lambda one: is_it(open_start(str(one.path), tuning.checkpoint))
        )
        if beside is None:
            raise MissingError(
                N_(
                    "run {name} was tuned from {base}, which is not at {path} any more; say where it is now: {start}"
                ),
                name=run.name,
                base=stored["name"],
                path=tuning.start,
                start=Setting("start", "RUN"),
            )
        return str(beside.path.resolve())
    base = open_start(start or tuning.start, tuning.checkpoint)
    if not is_it(base):
        raise RunError(
            N_("{base} has changed since run {name} was tuned from it, so it cannot be repeated"),
            base=stored["name"],
            name=run.name,
        )
    return str(base.path)


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
    kind = recipe.data.tokenizer if base.tokenizer is None else base.tokenizer.kind
    if base.tokenizer is None and "rank" in tuning:
        raise UsageError(
            N_("{option} is for models of text, and {name} is a {family}; leave it out"),
            option=Setting("lora_rank"),
            name=name,
            family=base.config.family,
        )
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


def _sides(dimensions: tuple[int, int, int] | int) -> str:
    """A shape in a message."""
    sides = dimensions if isinstance(dimensions, tuple) else (dimensions,)
    return "×".join(map(str, sides))


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
