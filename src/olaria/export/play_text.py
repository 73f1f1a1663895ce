"""What a page needs of the models of text, so that they run in it; see :mod:`olaria.export.play`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from olaria.data.decoding import normalise
from olaria.data.tokenizer import Tokenizer
from olaria.export.played import Played, Proof
from olaria.models.translation import Translation

PROVED_LENGTHS = (1, 7, 64)
"""Tokens of the texts whose logits a page computes again, as far as the context goes."""


def _causal(model: Any, tokenizer: Tokenizer) -> Played:
    """A model of one text: its own weights, and the logits after texts of several lengths."""
    lengths = sorted({min(length, model.context) for length in PROVED_LENGTHS})
    texts = [_spread(length, model.vocab_size) for length in lengths]
    proofs = [Proof("logits", {"tokens": text}, model(text[None])[0, -1]) for text in texts]
    return Played(model.state_dict(), proofs, _proved(tokenizer))


def _translation(model: Translation, tokenizer: Tokenizer) -> Played:
    """An encoder–decoder: its own weights, and the logits after targets of several lengths, given a source."""
    proofs = []
    for length in sorted({min(length, model.context) for length in PROVED_LENGTHS}):
        source = _spread(length, model.vocab_size)
        target = _spread(length - 1, model.vocab_size).flip(0)  # none, of the shortest
        logits = model(model.specials.sources([source]), model.specials.targets([target])[:, :-1])
        proofs.append(Proof("logits", {"source": source, "target": target}, logits[0, -1]))
    return Played(model.state_dict(), proofs, _proved(tokenizer))


def _proved(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer as JSON, with a text of tokens from all over it and the ids that the text has."""
    text = normalise(tokenizer.decode(_spread(max(PROVED_LENGTHS), tokenizer.vocab_size)))
    proof = {"text": text, "ids": tokenizer.encode(text, "skip").tolist()}
    return {**tokenizer.to_json(), "proof": proof}


def _spread(length: int, vocab_size: int) -> Tensor:
    """Ids from all over a vocabulary, int64 (length,); always the same."""
    places = torch.arange(1, length + 1, dtype=torch.float64)
    # Multiples of the golden ratio fall evenly between 0 and 1, however many there are.
    return (places * 0.6180339887498949 % 1 * vocab_size).long()


PLAYED: dict[str, Callable[[Any, Tokenizer], Played]] = {
    "bigram": _causal,
    "language": _causal,
    "gpt": _causal,
    "translation": _translation,
}
"""Family to the function of a model and its tokenizer that says what is written."""
