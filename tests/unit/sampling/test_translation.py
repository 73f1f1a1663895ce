"""Greedy and beam search: what a cache, a batch and a beam may and may not change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from olaria.data.tokenizer import fit_tokenizer
from olaria.errors import ConfigError, DataError
from olaria.families.translation import TranslationConfig
from olaria.models.translation import KeysValues, Memory, Specials, Translation
from olaria.sampling.translation import (
    SIDE_BY_SIDE,
    DecodingConfig,
    beam_search,
    decode_batch,
    greedy,
    translate,
)
from olaria.training.randomness import seeded

VOCAB = 6
SPECIALS = Specials(VOCAB)
sources = st.lists(
    st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=6), min_size=1, max_size=4
)


def model(seed: int) -> Translation:
    config = TranslationConfig(context=10, num_layers=2, num_heads=2, width=16)
    with seeded(seed, "weights"):
        made = Translation(config, VOCAB)
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.4)
    return made.eval().requires_grad_(False)


MODELS = [model(seed) for seed in range(3)]
models = st.sampled_from(MODELS)


def batch(lists: list[list[int]]) -> Tensor:
    return SPECIALS.sources([torch.tensor(row) for row in lists])


def uncached(made: Translation, source: list[int]) -> list[int]:
    """Greedy by running the whole model anew for each token."""
    ids: list[int] = []
    while len(ids) < made.context:
        target = torch.tensor([[SPECIALS.bos, *ids]])
        token = int(made(batch([source]), target)[0, -1].argmax())
        if token == SPECIALS.eos:
            break
        ids.append(token)
    return ids


@given(models, sources)
@settings(max_examples=25)
def test_a_cached_batch_writes_what_each_writes_alone_without_a_cache(
    made: Translation, lists: list[list[int]]
) -> None:
    found = decode_batch(made, batch(lists), DecodingConfig())
    assert [row.tolist() for row in found] == [uncached(made, source) for source in lists]


@given(models, sources)
@settings(max_examples=25)
def test_a_beam_of_one_is_greedy(made: Translation, lists: list[list[int]]) -> None:
    found = beam_search(made, batch(lists), DecodingConfig(beam=1))
    expected = decode_batch(made, batch(lists), DecodingConfig())
    assert [hypothesis.ids.tolist() for hypothesis in found] == [row.tolist() for row in expected]


@given(models, sources, st.integers(2, 5), st.floats(0, 2))
@settings(max_examples=25)
def test_a_score_is_the_models_own_and_a_batch_changes_none(
    made: Translation, lists: list[list[int]], beam: int, alpha: float
) -> None:
    config = DecodingConfig(beam=beam, length_penalty=alpha)
    found = beam_search(made, batch(lists), config)
    for source, hypothesis in zip(lists, found, strict=True):
        assert set(hypothesis.ids.tolist()) <= set(range(VOCAB))
        (alone,) = beam_search(made, batch([source]), config)
        assert alone.ids.tolist() == hypothesis.ids.tolist()
        target = SPECIALS.targets([hypothesis.ids])
        log_probs = made(batch([source]), target[:, :-1]).log_softmax(-1)
        each = log_probs.gather(2, target[:, 1:, None]).flatten()
        was_cut = len(hypothesis.ids) == made.context
        total = each[:-1].sum() if was_cut else each.sum()
        length = len(hypothesis.ids) + (not was_cut)
        expected = total.item() / ((5 + length) / 6) ** alpha
        assert hypothesis.score == pytest.approx(expected, rel=1e-3, abs=1e-4)


class Table:
    """What follows a token, whatever the source: a model as far as a search can see."""

    context = 6
    specials = Specials(2)

    def __init__(self, followers: dict[int, list[float]]) -> None:
        self.followers = followers

    def encode(self, source: Tensor) -> Memory:
        return Memory([], torch.zeros(len(source), 1, 1, 1))

    def decode(
        self, tokens: Tensor, memory: Memory, cache: list[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        rows = [self.followers[int(token)] for token in tokens[:, -1]]
        return torch.tensor(rows).log()[:, None], []


def test_what_has_ended_takes_no_place_in_the_beam() -> None:
    """The end is likelier than b at first, and b then ends surely: the beam must follow a and b."""
    specials = Table.specials
    table: Any = Table(
        {
            specials.bos: [0.4, 0.25, 0.35],
            0: [1.0, 0.0, 0.0],
            1: [0.0, 0.0, 1.0],
        }
    )
    for alpha, expected in ((0.0, []), (2.0, [1])):  # log 0.25 / (7/6)² > log 0.35
        config = DecodingConfig(beam=2, length_penalty=alpha)
        (found,) = beam_search(table, torch.zeros(1, 1).long(), config)
        assert found.ids.tolist() == expected


def test_greedy_pads_after_the_end_and_stops_where_told() -> None:
    lists = [[i % VOCAB, i // VOCAB] for i in range(VOCAB * VOCAB)]
    num_padded = 0
    for made in MODELS:
        for row in greedy(made, batch(lists)).tolist():
            after = row[row.index(SPECIALS.eos) + 1 :] if SPECIALS.eos in row else []
            assert set(after) <= {SPECIALS.pad}
            assert SPECIALS.bos not in row
            num_padded += bool(after)
    assert num_padded > 0, "no row ended before another: nothing was tested"
    assert greedy(MODELS[0], batch([[1, 2]]), max_tokens=2).shape[1] <= 2


def test_what_never_ends_is_cut_at_the_context() -> None:
    made = model(0)
    made.head.weight[SPECIALS.eos] = 0
    made.head.weight[:VOCAB] *= 100
    for beam in (1, 3):
        (found,) = decode_batch(made, batch([[1, 2]]), DecodingConfig(beam=beam))
        assert len(found) == made.context
        assert found.max() < VOCAB


@pytest.mark.parametrize("beam", [1, 3])
def test_texts_come_back_in_their_order(beam: int) -> None:
    tokenizer = fit_tokenizer("char", "abcdef")
    texts = ["abc", "f", "abcdef", "ca"] * (SIDE_BY_SIDE // 3)
    config = DecodingConfig(beam=beam)
    found = translate(MODELS[1], tokenizer, texts, config)
    assert found[:4] == [translate(MODELS[1], tokenizer, [text], config)[0] for text in texts[:4]]
    assert found == found[:4] * (SIDE_BY_SIDE // 3)


def test_what_cannot_be_translated_is_told() -> None:
    tokenizer = fit_tokenizer("char", "abcdef")
    with pytest.raises(DataError, match="has 11 tokens"):
        translate(MODELS[0], tokenizer, ["abcabcabcab"])
    with pytest.raises(DataError, match="not in the alphabet"):
        translate(MODELS[0], tokenizer, ["xyz"])
    for wrong in ({"beam": 0}, {"beam": 65}, {"length_penalty": -1.0}):
        with pytest.raises(ConfigError):
            DecodingConfig.parse(wrong)
