"""The parts of lessons' pages that compute with a run's model, for a page that starts them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olaria.characters import encodable
from olaria.errors import OlariaError
from olaria.i18n import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from olaria.cards.live import LivePart
    from olaria.data import AnyData
    from olaria.models.base import Model
    from olaria.runs import Run

MOST_IN_FLOAT32 = 2_000_000
"""Numbers of a model that travel in full, some 11 MB; of a larger one they are rounded to 16 bits. No mail carries
them, so they are more than a file's."""
WRITTEN_TOKENS = 64
"""That a part of language takes its first words from."""
DRAWN = 64
"""Samples that are drawn from a seed at once, as in a report: the first two begin a walk."""


def living(run: Run, language: str, *, offline: bool = True) -> dict[str, Any]:
    """What a page needs to start the parts of a run.

    Args:
        run: whose model computes in the page.
        language: of its words.
        offline: open no connection.

    Returns:
        ``parts``: each with ``name`` (its module of ``pages/play``), ``models`` (keys of ``documents``), ``settings``
        and ``words``; ``documents``: models as :func:`olaria.export.play.play` writes them; ``colours``: of a light
        page and of a dark one; ``notes``: what is left out, and why.

    Raises:
        RunError: the run has no checkpoint yet.
        DamagedError: one of its files is damaged.
    """
    from olaria.cards.run_card import LEFT_OUT
    from olaria.pages.live import both_colours, live_words, plain_settings
    from olaria.workflows.played import played

    notes = list[Message]()
    data, missing = _data_of(run, offline)
    parts = _parts(run, run.model(), data)
    documents = dict[str, Any]()
    if parts:
        decodes = all(part.only_decodes for part in parts)
        (document,), left_out = played([(run, decodes)], most_in_full=MOST_IN_FLOAT32)
        notes += left_out
        if document is None:
            parts = []
        else:
            documents[encodable(run.name)] = document
    if missing is not None:
        notes.append(Message(LEFT_OUT, {"reason": missing}))
    names = [part.name for part in parts]
    words = live_words(names, language, is_file=False)
    return {
        "format": 1,
        "parts": [
            {
                "name": part.name,
                "models": list(documents),
                "settings": plain_settings(part.settings, language),
                "words": {**words["every"], **words[part.name]},
            }
            for part in parts
        ],
        "documents": documents,
        "colours": both_colours(),
        "notes": [note.text(language) for note in notes],
    }


def _data_of(run: Run, offline: bool) -> tuple[AnyData | None, Message | None]:
    """A run's data, or why they cannot be had."""
    try:
        return run.data(offline=offline), None
    except OlariaError as error:
        return None, error.message


def _parts(run: Run, model: Model, data: AnyData | None) -> Sequence[LivePart]:
    """The parts of a run's room, in order."""
    from olaria.cards.live import live_part
    from olaria.cards.live_images import latent_parts
    from olaria.data import ImageData
    from olaria.models.autoencoder import AutoEncoder
    from olaria.models.vae import VAE

    if isinstance(model, AutoEncoder | VAE):  # whose map of codes the room draws itself
        return latent_parts(model, data) if isinstance(data, ImageData) else []
    part = live_part(run, model, data, text=_text(run, data), drawn=DRAWN)
    if part is None:
        return []
    return [_attention(part.settings) if part.name == "live_prompt" and _attends(run) else part]


def _attends(run: Run) -> bool:
    """Whether a language model has heads that a page can show."""
    config = run.recipe.model
    return hasattr(config, "num_heads") and getattr(config, "rung", "gpt") != "average"


def _attention(settings: Mapping[str, Any]) -> LivePart:
    """The heads of a language model on a sentence; what it writes next, the room of text shows by itself."""
    from olaria.cards.live import LivePart

    return LivePart("live_attention", {**settings, "layer": 0, "head": 0})


def _text(run: Run, data: AnyData | None) -> str:
    """What a part of language begins with: a sentence to translate, or what the model writes by itself."""
    from olaria.data import PairData
    from olaria.families import MODELS
    from olaria.kinds import draw

    if isinstance(data, PairData):
        return data.validation[0][0]
    if MODELS[run.family].data != "text" or run.recipe.kind == "codes":
        return ""
    return str(draw(run, max_tokens=WRITTEN_TOKENS, seed=0).value)
