"""Pairs of texts: sources and targets, translations to watch, loss and scores of translations, translations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from olaria.data.base import Pair, PairData
from olaria.data.config import DataConfig
from olaria.data.decoding import typed
from olaria.data.pairs import encode_texts, references
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.errors import UsageError
from olaria.evaluation.translation import corpus_scores, exact_match, target_loss
from olaria.i18n import N_, Setting
from olaria.kinds.base import (
    TEXT_ENDINGS,
    Effort,
    Kind,
    Measured,
    Sample,
    Text,
    Texts,
    first_model,
    fitting,
)
from olaria.kinds.text_stats import reading_notes
from olaria.models.translation import Specials, Translation
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.opening import tokenizer_for
from olaria.runs.tuning import Start, open_start
from olaria.sampling.translation import DecodingConfig, translate
from olaria.sharing import Summed, alone
from olaria.storage.endings import refuse_other_endings
from olaria.storage.files import refuse_overwriting, write_text
from olaria.training.pair_feed import PairFeed
from olaria.training.prepared import Prepared
from olaria.training.sizing import size_up
from olaria.training.watch import Watch

WATCHED = 1000
"""Validation pairs whose loss is measured while training."""
TRANSLATED = 200
"""Validation sources that are translated while training."""
SHOWN = 8
BLOCK = 200
"""Pairs that are measured at once."""
NUM_EXAMPLES = 4
"""Pairs that stand in a description."""


def prepare(recipe: Recipe, data: PairData, start: Start | None = None) -> Prepared:
    """See :class:`olaria.kinds.base.Kind`; the tokenizer of a base stays as it is, since special tokens follow it."""
    recipe, notes = fitting(recipe, len(data.train))
    if recipe.tuning is not None:
        start = start or open_start(recipe.tuning.start, recipe.tuning.checkpoint)
    tokenizer = tokenizer_for(recipe, data) if start is None else start.tokenizer
    assert tokenizer is not None
    count = tokenizer.vocab_size
    specials, context = Specials(count), int(getattr(recipe.model, "context", 1))
    sources, targets = (
        encode_texts([pair[side] for pair in data.train], tokenizer, context) for side in (0, 1)
    )
    feed = PairFeed(sources, targets, specials, recipe.training.batch_size, recipe.seed)
    watching = watch(data.validation, tokenizer, context)
    sized = size_up(recipe, count, feed, data, BLOCK)
    stored = tokenizer.to_json()
    notes = (*reading_notes(data, tokenizer, recipe.data), *notes)
    model, base = first_model(recipe, count, sized, None, start)
    return Prepared(recipe, data, count, feed, watching, model, sized, stored, notes, base)


def watch(pairs: Sequence[Pair], tokenizer: Tokenizer, context: int) -> Watch:
    """What the loop looks at: the targets' loss, greedy translations that are exact, and some of them to read."""
    parts = batches(pairs[:WATCHED], tokenizer, context)
    wanted = references(pairs)
    sources = list(wanted)[:TRANSLATED]

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        loss, _ = target_loss(model, parts, model.specials.pad, summed)
        outputs = translate(model, tokenizer, sources)
        exact = exact_match(outputs, [wanted[source] for source in sources])
        return {"loss": loss, "loss_nats_per_token": loss, "exact_match": exact}

    def sample(model: Any) -> str:
        shown = sources[:SHOWN]
        outputs = translate(model, tokenizer, shown)
        return "".join(f"{x} → {y}\n" for x, y in zip(shown, outputs, strict=True))

    return Watch(evaluate, sample, "loss", is_shared=True)


def batches(
    pairs: Sequence[Pair], tokenizer: Tokenizer, context: int
) -> list[tuple[Tensor, Tensor]]:
    """All pairs as padded sources and targets, those of like lengths together.

    Raises:
        DataError: a text is longer than the context.
    """
    specials = Specials(tokenizer.vocab_size)
    ordered = sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1])))
    sources, targets = (
        encode_texts([pair[side] for pair in ordered], tokenizer, context) for side in (0, 1)
    )
    starts = range(0, len(ordered), BLOCK)
    return [
        (
            specials.sources(sources[start : start + BLOCK]),
            specials.targets(targets[start : start + BLOCK]),
        )
        for start in starts
    ]


def measure(
    run: Run, model: Translation, data: PairData, effort: Effort, _offline: bool = False
) -> Measured:
    """Loss of the targets and scores of greedy translations on the validation pairs."""
    tokenizer = run.tokenizer()
    parts = batches(data.validation, tokenizer, model.context)
    loss, num_tokens = target_loss(model, parts, model.specials.pad, effort.sharing.summed)
    wanted = references(data.validation)
    outputs = translate(model, tokenizer, list(wanted))
    scores, reasons, accounts = corpus_scores(outputs, list(wanted.values()))
    metrics: dict[str, Any] = {
        "loss_nats_per_token": loss,
        "exact_match": exact_match(outputs, list(wanted.values())),
        **scores,
    }
    protocol = {
        "num_examples": len(wanted),
        "num_predicted_tokens": num_tokens,
        "tokenizer": run.recipe.data.tokenizer,
        "decoding": "greedy",
        **accounts,
    }
    return Measured(metrics, protocol, reasons)


@dataclass(frozen=True)
class Translations(Sample):
    """Texts and their translations.

    Args:
        sources: what was translated.
        texts: the translations, one for each.
        alone: whether a single text was asked for, not a list.
    """

    sources: tuple[str, ...]
    texts: tuple[str, ...]
    alone: bool
    suffix: ClassVar[str] = ".txt"

    @property
    def value(self) -> str | list[str]:
        """The translation, or a list of them."""
        return self.texts[0] if self.alone else [*self.texts]

    @property
    def for_python(self) -> Text | Texts:
        """The translation, or a list of them."""
        value = self.value
        return Text(value) if isinstance(value, str) else Texts(value)

    @property
    def whole(self) -> str:
        """All translations, a line each."""
        return "".join(f"{text}\n" for text in self.texts)

    def stream(self) -> Iterator[str]:
        """See :meth:`olaria.kinds.base.Sample.stream`."""
        yield self.whole

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """See :meth:`olaria.kinds.base.Sample.save`."""
        refuse_other_endings(path, TEXT_ENDINGS)
        refuse_overwriting(path, overwrite)
        write_text(path, self.whole)

    def to_json(self, path: Path | None) -> dict[str, Any]:
        """The first text and its translation, and where they were written."""
        return {
            "prompt": self.sources[0],
            "text": self.texts[0],
            "path": None if path is None else str(path),
        }


def draw(
    run: str | Path | Run,
    *,
    prompt: str | Sequence[str] | None = None,
    beam: int | None = None,
    length_penalty: float | None = None,
    unseen: Unseen | None = None,
    checkpoint: str | int | None = None,
    offline: bool = False,  # noqa: ARG001 - no data is read, so there is no connection to open
) -> Translations:
    """The translation of a text, or of each of a list; nothing is drawn by chance.

    Args:
        run: a run, its name or its path.
        prompt: sources, one sentence each, as those it was trained on.
        beam, length_penalty: see :class:`olaria.sampling.translation.DecodingConfig`; its defaults where None.
        unseen: what to do with a character that the run was not trained on; as in training where None.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: a text is empty, or there is none.
        DataError: a text is longer than the model's context or has a character that the run was not trained on.
    """
    run = opened_run(run)
    given = {"beam": beam, "length_penalty": length_penalty}
    config = DecodingConfig.parse({name: v for name, v in given.items() if v is not None})
    given_sources = (prompt or "",) if prompt is None or isinstance(prompt, str) else prompt
    sources = tuple(typed(source, "prompt") for source in given_sources)
    if not sources or not all(source.strip() for source in sources):
        raise UsageError(
            N_("run {name} translates: give it the text to translate with {prompt}"),
            prompt=Setting("prompt"),
            name=run.name,
        )
    model = run.model(checkpoint)
    assert isinstance(model, Translation)
    texts = translate(model, run.tokenizer(), sources, config, unseen or run.recipe.data.unseen)
    return Translations(sources, tuple(texts), isinstance(prompt, str))


def describe(data: PairData, _config: DataConfig) -> dict[str, Any]:
    """Counts, lengths in characters and alphabets of both sides."""
    shown = data.train[:NUM_EXAMPLES]
    pairs = (*data.train, *data.validation)
    sides = {"source": [x for x, _ in pairs], "target": [y for _, y in pairs]}
    return {
        "num_pairs": {"train": len(data.train), "validation": len(data.validation)},
        "num_sources": len(set(sides["source"])),
        "longest_chars": {name: max(map(len, texts)) for name, texts in sides.items()},
        "mean_chars": {name: sum(map(len, texts)) / len(texts) for name, texts in sides.items()},
        "alphabet": {name: "".join(sorted(set("".join(texts)))) for name, texts in sides.items()},
        "example": {str(i + 1): f"{x} → {y}" for i, (x, y) in enumerate(shown)},
    }


KIND = Kind(prepare, measure, draw, describe, N_("translations"), "validation", TEXT_ENDINGS)
