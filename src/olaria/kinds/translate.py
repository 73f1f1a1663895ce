"""Translate texts with a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from olaria.data.tokenizer import Unseen
from olaria.errors import UsageError
from olaria.families import MODELS
from olaria.i18n import N_
from olaria.models.translation import Translation
from olaria.runs import Run
from olaria.sampling.translation import DecodingConfig, translate


def translate_texts(
    run: str | Path | Run,
    texts: Sequence[str],
    *,
    config: DecodingConfig | None = None,
    unseen: Unseen | None = None,
    checkpoint: str | int | None = None,
) -> list[str]:
    """The translation of each of ``texts``; nothing is drawn by chance.

    Args:
        run: a run, its name or its path.
        texts: sources, one sentence each, as those it was trained on.
        config: width of the beam and length penalty; greedy unless given.
        unseen: what to do with a character that the run never saw; as in training where None.
        checkpoint: ``best``, ``last`` or a step.

    Raises:
        UsageError: the run does not translate, or a text is empty.
        DataError: a text is longer than the model's context or has a character that the run never saw.
    """
    run = run if isinstance(run, Run) else Run(run)
    if MODELS[run.family].data != "pairs":
        raise UsageError(
            N_("run {name} is a {family} and does not translate; train one on pairs of texts"),
            name=run.name,
            family=run.family,
        )
    if not texts or not all(text.strip() for text in texts):
        raise UsageError(
            N_("run {name} translates: give it the text to translate with --prompt"),
            name=run.name,
        )
    model = run.model(checkpoint)
    assert isinstance(model, Translation)
    return translate(model, run.tokenizer(), texts, config, unseen or run.recipe.data.unseen)
