"""Reading from a cache is reading: the same logits and the same greedy text, within the context and past it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olaria.families.gpt import GPTConfig
from olaria.models.base import Model
from olaria.models.gpt import GPT
from olaria.sampling import numpy_reader
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.sampling.numpy_reader import NumpyReader
from olaria.sampling.readers import CachedReader, PlainReader, reader_for
from olaria.sampling.window import window_of
from olaria.training.randomness import generator, seeded

VOCAB = 11
WHOLE = 7
"""The context of the model that attends to all earlier tokens; the others' attention is local."""
CONTEXTS = (1, 2, 5, WHOLE, 16)
few = settings(max_examples=15)
ids = st.integers(0, VOCAB - 1)


def model_of(context: int) -> GPT:
    """A GPT with weights that matter."""
    with seeded(1, "weights"):
        chunk = None if context == WHOLE else 2
        config = GPTConfig(context=context, chunk=chunk, num_layers=2, num_heads=2, width=16)
        model = GPT(config, VOCAB)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


MODELS = {context: model_of(context) for context in CONTEXTS}


class Uncached:
    """A model of which only the forward pass is known."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.context = model.context

    def __call__(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self._model(tokens)
        return logits


def test_a_cache_is_used_where_there_is_one() -> None:
    assert isinstance(reader_for(MODELS[5]), NumpyReader)
    assert isinstance(reader_for(MODELS[5], num_texts=2), CachedReader)
    assert isinstance(reader_for(Uncached(MODELS[5])), PlainReader)


@pytest.mark.parametrize("context", CONTEXTS)
@few
@given(pieces=st.lists(st.lists(ids, min_size=1, max_size=7), min_size=1, max_size=12))
@torch.no_grad()
def test_the_same_logits_however_the_text_comes(context: int, pieces: list[list[int]]) -> None:
    cached, plain = CachedReader(MODELS[context]), PlainReader(MODELS[context])
    for piece in pieces:
        tokens = torch.tensor([piece, piece[::-1]])
        ours, theirs = cached.read(tokens), plain.read(tokens)
        assert ours.dtype == torch.float32 and ours.shape == (2, VOCAB)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("context", CONTEXTS)
@few
@given(pieces=st.lists(st.lists(ids, min_size=1, max_size=7), min_size=1, max_size=12))
@torch.no_grad()
def test_numpy_reads_one_text_as_the_model_does(context: int, pieces: list[list[int]]) -> None:
    ours, plain = NumpyReader(MODELS[context]), PlainReader(MODELS[context])
    for token in [piece[:1] for piece in pieces] + pieces:
        tokens = torch.tensor([token])
        torch.testing.assert_close(ours.read(tokens), plain.read(tokens), rtol=0, atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 300.0], ids=["usual", "squares-beyond-float16"])
@torch.no_grad()
def test_a_model_held_in_float16_reads_nearly_the_same(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numpy_reader, "HALF_FROM_BYTES", 0)
    monkeypatch.setattr(numpy_reader, "has_quick_float16", lambda: True)
    model = model_of(16)
    for block in model.blocks:
        block.feed_in.weight.mul_(scale)
        block.feed_out.weight.div_(scale**2)
    ours, plain = NumpyReader(model), PlainReader(model)
    assert ours.precision == "float16"
    for token in (3, 1, 4, 1, 5, 9, 2, 6):
        logits, expected = (reader.read(torch.tensor([[token]])) for reader in (ours, plain))
        torch.testing.assert_close(logits, expected, rtol=0, atol=0.05)
        assert not torch.equal(logits, expected) or token == 3


@pytest.mark.parametrize("context", CONTEXTS)
@few
@given(prompt=st.lists(ids, min_size=1, max_size=20))
def test_the_same_greedy_text(context: int, prompt: list[int]) -> None:
    """Three contexts long; a near tie, which rounding may decide, ends the comparison."""
    model = MODELS[context]
    config = SamplingConfig(max_tokens=3 * context + 2, top_k=1)
    start = torch.tensor([prompt])
    ours = [int(t) for t in generate(model, start, config, generator(0))]
    plain: Model = Uncached(model)  # type: ignore[assignment]
    theirs = [int(t) for t in generate(plain, start, config, generator(0))]
    reader = PlainReader(model)
    fed = start
    for mine, other in zip(ours, theirs, strict=True):
        with torch.no_grad():
            best = reader.read(fed).topk(2).values[0]
        if best[0] - best[1] < 1e-3:
            return
        assert mine == other
        fed = torch.tensor([[mine]])


@given(
    st.lists(st.lists(ids, min_size=1, max_size=9), min_size=1, max_size=9),
    st.integers(1, 8),
)
def test_the_window_is_an_end_of_the_text_and_never_too_long(
    pieces: list[list[int]], context: int
) -> None:
    window, text = None, list[int]()
    for piece in pieces:
        before = 0 if window is None else window.shape[1]
        window, is_anew = window_of(window, torch.tensor([piece]), context)
        text += piece
        length = window.shape[1]
        assert 1 <= length <= context
        assert window[0].tolist() == text[-length:]
        assert is_anew or length == before + len(piece)
