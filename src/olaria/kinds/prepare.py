"""A recipe with its data in memory and everything that the loop needs."""

from __future__ import annotations

from dataclasses import dataclass

from olaria.data import AnyData, ImageData, PairData, PointData, TextData
from olaria.data.base import Progress
from olaria.data.codes import CODES
from olaria.data.pairs import encode_texts
from olaria.data.tokenizer import Tokenizer
from olaria.errors import DataError
from olaria.i18n import N_, Message
from olaria.kinds.text_stats import reading_notes
from olaria.kinds.watching import (
    watch_images,
    watch_lines,
    watch_pairs,
    watch_points,
    watch_text,
    watched_examples,
)
from olaria.models.translation import Specials
from olaria.recipes import Recipe
from olaria.recipes import preset as find_preset
from olaria.runs import load_data, painter_of, tokenizer_for
from olaria.runs.tuning import Start, open_start
from olaria.training.building import build_model
from olaria.training.feed import ExampleFeed, Feed, TextFeed
from olaria.training.pair_feed import PairFeed
from olaria.training.prepared import Prepared
from olaria.training.sizing import refuse_absurd, size_up
from olaria.training.watch import Watch

ADAPTED = 10_000
"""Training images whose statistics a model may take before it begins."""
BATCHES_PER_EPOCH = 10
"""Of data that is too small for a preset's batch."""


def prepare(
    recipe: Recipe,
    *,
    offline: bool = False,
    progress: Progress | None = None,
    start: Start | None = None,
) -> Prepared:
    """Load the data and build everything that the loop needs.

    Args:
        recipe: what to train.
        offline: open no connection.
        progress: told of downloads.
        start: of a tuned run that goes on; what the recipe's tuning says unless given.

    Raises:
        ResourceError: the machine has not enough memory for it; told before any is taken.
    """
    refuse_absurd(recipe)
    data = load_data(recipe, offline=offline, progress=progress)
    fitted = _fitting(recipe, data)
    recipe, batch_size, seed = fitted.recipe, fitted.recipe.training.batch_size, recipe.seed
    if isinstance(data, ImageData):
        feed: Feed = ExampleFeed(data.train.x, data.train.y, batch_size, seed)
        watch = watch_images(recipe.model.family, data, seed)
        sized = size_up(recipe, data.shape, feed, data, watched_examples(recipe.model.family, feed))
        model = build_model(recipe, data.shape)
        model.adapt(data.train.x[:ADAPTED].float() / 255)
        notes = (*data.notes, *fitted.notes)
        return Prepared(recipe, data, data.shape, feed, watch, model, sized, notes=notes)
    if isinstance(data, PointData):
        return _prepare_points(recipe, data, fitted.notes)
    if isinstance(data, PairData):
        return _prepare_pairs(recipe, data)
    if recipe.tuning is not None:
        start = start or open_start(recipe.tuning.start)
        tokenizer = start.tokenizer_for(data.text, recipe.data.unseen)
    else:
        tokenizer = tokenizer_for(recipe, data)
    unseen = recipe.data.unseen
    feed = TextFeed(tokenizer.encode(data.train, unseen), recipe.window, batch_size, seed)
    held_out = tokenizer.encode(data.validation, unseen)
    if len(held_out) < 2:  # told before a run is begun that could not be measured
        raise DataError(
            N_("the validation text has {count} tokens and needs two; use a longer text"),
            count=len(held_out),
        )
    watch = watch_text(held_out, tokenizer, seed)
    if recipe.data.name.startswith(CODES):
        watch = watch_lines(watch, tokenizer, painter_of(recipe.data.name)[1], seed)
    return _with_tokenizer(recipe, data, feed, watch, tokenizer, start)


@dataclass(frozen=True)
class _Fitted:
    """A recipe whose batches the data can fill, and what a person should know of it."""

    recipe: Recipe
    notes: tuple[Message, ...] = ()


def _fitting(recipe: Recipe, data: AnyData) -> _Fitted:
    """A preset's batch is that of large data: with few images or points it becomes smaller, a tenth of an epoch.

    One that the user chose stays, and is refused where it is too large.
    """
    if not isinstance(data, ImageData | PointData):
        return _Fitted(recipe)
    count = len(data.train)
    usual = find_preset(recipe.preset, recipe.size).training.batch_size
    if count >= usual or recipe.training.batch_size != usual:
        return _Fitted(recipe)
    size = max(1, count // BATCHES_PER_EPOCH)
    note = N_("the data has {count} training examples: batches of {size} instead of {usual}")
    fields = {"count": count, "size": size, "usual": usual}
    return _Fitted(recipe.updated("training.batch_size", size), (Message(note, fields),))


def _prepare_points(recipe: Recipe, data: PointData, notes: tuple[Message, ...]) -> Prepared:
    size = data.train.shape[1]
    feed = ExampleFeed(data.train, None, recipe.training.batch_size, recipe.seed)
    sized = size_up(recipe, size, feed, data, watched_examples(recipe.model.family, feed))
    model = build_model(recipe, size)
    model.adapt(data.train)
    watch = watch_points(data, recipe.seed)
    notes = (*data.notes, *notes)
    return Prepared(recipe, data, size, feed, watch, model, sized, notes=notes)


def _prepare_pairs(recipe: Recipe, data: PairData) -> Prepared:
    tokenizer = tokenizer_for(recipe, data)
    specials = Specials(tokenizer.vocab_size)
    context = getattr(recipe.model, "context", 1)
    sources, targets = (
        encode_texts([pair[side] for pair in data.train], tokenizer, context) for side in (0, 1)
    )
    feed = PairFeed(sources, targets, specials, recipe.training.batch_size, recipe.seed)
    watch = watch_pairs(data.validation, tokenizer, context)
    return _with_tokenizer(recipe, data, feed, watch, tokenizer)


def _with_tokenizer(
    recipe: Recipe,
    data: TextData | PairData,
    feed: Feed,
    watch: Watch,
    tokenizer: Tokenizer,
    start: Start | None = None,
) -> Prepared:
    count = tokenizer.vocab_size
    sized = size_up(recipe, count, feed, data, watched_examples(recipe.model.family, feed))
    stored, notes = tokenizer.to_json(), reading_notes(data, tokenizer, recipe.data)
    if start is None:
        model = build_model(recipe, count)
        return Prepared(recipe, data, count, feed, watch, model, sized, stored, notes)
    model, base = start.model(recipe, count)
    notes = (*notes, *start.notes(tokenizer))
    return Prepared(recipe, data, count, feed, watch, model, sized, stored, notes, base)
