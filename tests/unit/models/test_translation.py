"""The encoder–decoder: padding hides nothing, the decoder sees no future, the cache changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from olaria.errors import ConfigError
from olaria.families.translation import TranslationConfig
from olaria.models.base import Batch
from olaria.models.translation import Memory, Specials, Translation, positions
from olaria.nn.attention import attention
from olaria.training.randomness import generator, seeded

VOCAB = 7
SPECIALS = Specials(VOCAB)
CONFIG = TranslationConfig(context=12, num_layers=2, num_heads=2, width=16)

ids = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=8)


def model(config: TranslationConfig = CONFIG, seed: int = 0) -> Translation:
    """With weights of every kind large enough to matter."""
    with seeded(seed, "weights"):
        made = Translation(config, VOCAB)
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.3)
    return made.eval().requires_grad_(False)


MODEL = model()


def rows(*lists: list[int]) -> list[Tensor]:
    return [torch.tensor(row) for row in lists]


# -- padding and causality -------------------------------------------------------------------------


@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=4))
@settings(max_examples=30)
def test_a_padded_batch_gives_the_logits_of_its_items_alone(
    pairs: list[tuple[list[int], list[int]]],
) -> None:
    source = SPECIALS.sources(rows(*(x for x, _ in pairs)))
    target = SPECIALS.targets(rows(*(y for _, y in pairs)))
    together = MODEL(source, target)
    for b, (x, y) in enumerate(pairs):
        alone = MODEL(SPECIALS.sources(rows(x)), SPECIALS.targets(rows(y)))
        torch.testing.assert_close(together[b, : len(y) + 2], alone[0], rtol=1e-4, atol=1e-5)


@given(ids, ids, st.data())
@settings(max_examples=30)
def test_a_later_target_token_moves_no_earlier_logits(
    x: list[int], y: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(y) - 1))
    other = [*y]
    other[place] = (y[place] + 1) % VOCAB
    source = SPECIALS.sources(rows(x))
    first, second = (MODEL(source, SPECIALS.targets(rows(row))) for row in (y, other))
    changed = place + 1  # bos stands before it
    torch.testing.assert_close(first[:, :changed], second[:, :changed], rtol=1e-4, atol=1e-5)
    assert (first[:, changed] - second[:, changed]).abs().max() > 1e-4


@pytest.mark.parametrize("place", [0, 2, 4])
def test_every_source_token_moves_every_logit(place: int) -> None:
    """The encoder looks both ways: the first target token already depends on the last source token."""
    x, other = [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]
    other[place] = 6
    target = SPECIALS.targets(rows([0, 1]))
    first, second = (MODEL(SPECIALS.sources(rows(row)), target) for row in (x, other))
    assert ((first - second).abs().amax(-1) > 1e-4).all()


def test_order_matters_on_both_sides() -> None:
    target = SPECIALS.targets(rows([0, 1]))
    first, second = (MODEL(SPECIALS.sources(rows(x)), target) for x in ([1, 2, 3], [3, 2, 1]))
    assert (first - second).abs().max() > 1e-3


# -- reading in pieces -----------------------------------------------------------------------------


@given(ids, ids, st.integers(1, 9))
@settings(max_examples=30)
def test_pieces_with_a_cache_give_the_logits_of_the_whole(
    x: list[int], y: list[int], piece: int
) -> None:
    source, target = SPECIALS.sources(rows(x)), SPECIALS.targets(rows(y))
    memory = MODEL.encode(source)
    found, cache = [], []
    for tokens in target.split(piece, 1):
        logits, cache = MODEL.decode(tokens, memory, cache)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), MODEL(source, target), rtol=1e-4, atol=1e-5)


def test_rows_of_a_memory_are_those_of_the_batch() -> None:
    source = SPECIALS.sources(rows([1, 2, 3], [4], [5, 6]))
    target = SPECIALS.targets(rows([0, 1]))
    memory = MODEL.encode(source).rows(torch.tensor([2, 0, 0]))
    assert isinstance(memory, Memory)
    found, _ = MODEL.decode(target.expand(3, -1), memory, [])
    expected = MODEL(source[[2, 0, 0]], target.expand(3, -1))
    torch.testing.assert_close(found, expected)


def test_more_tokens_than_the_context_are_a_fault_of_the_caller() -> None:
    fits = [0] * CONFIG.context
    MODEL(SPECIALS.sources(rows(fits)), SPECIALS.targets(rows(fits))[:, :-1])
    with pytest.raises(AssertionError):
        MODEL.encode(SPECIALS.sources(rows([0] * (CONFIG.context + 1))))


# -- looking at the attention ----------------------------------------------------------------------


def test_cross_attention_is_shown_as_it_is_used() -> None:
    source = SPECIALS.sources(rows([1, 2, 3, 4], [5, 6]))
    target = SPECIALS.targets(rows([0, 1], [2]))
    shown = MODEL.attend(source, target)
    assert [weights.shape for weights in shown] == [(2, 2, 4, 5)] * 2
    for weights in shown:
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 4))
        assert (weights[1, :, :, 3:] == 0).all()  # the second source's padding
        assert (weights[1, :, :, :3] > 0).all()
    block = MODEL._decoder_blocks()[0].cross_attention
    x = torch.randn(2, 4, 16, generator=generator(0, "x"))
    memory = MODEL.encode(source)
    k, v = memory.keys_values[0]
    weights = block.weights(x, (k, v), memory.padding)
    mixed = (weights @ v).transpose(1, 2).flatten(2)
    torch.testing.assert_close(block.out(mixed), block(x, (k, v), memory.padding))
    assert MODEL(source, target).shape == (2, 4, VOCAB + 1)
    assert not any(b.cross_attention._forward_pre_hooks for b in MODEL._decoder_blocks())


def test_attention_of_unit_vectors_is_its_weights() -> None:
    q, k = torch.randn(2, 1, 1, 3, 4, generator=generator(0, "qk"))
    found = attention(q, k, torch.eye(3)[None, None], None, 0.5)
    torch.testing.assert_close(found, torch.softmax(q @ k.mT / 2, -1))


# -- the rest --------------------------------------------------------------------------------------


def test_the_untrained_model_knows_nothing() -> None:
    with seeded(0, "weights"):
        made = Translation(CONFIG, VOCAB)
    source, target = SPECIALS.sources(rows([1, 2])), SPECIALS.targets(rows([2, 1]))
    loss = made.loss(Batch(source, target), generator(0))
    assert loss.total.item() == pytest.approx(math.log(VOCAB + 1), rel=1e-6)


def test_padding_does_not_count_in_the_loss() -> None:
    source = SPECIALS.sources(rows([1, 2, 3], [4]))
    target = SPECIALS.targets(rows([3, 2, 1], [4]))
    log_probs = MODEL(source, target[:, :-1]).log_softmax(-1)
    following = [(0, 0, 3), (0, 1, 2), (0, 2, 1), (0, 3, VOCAB), (1, 0, 4), (1, 1, VOCAB)]
    expected = -sum(log_probs[place].item() for place in following) / len(following)
    found = MODEL.loss(Batch(source, target), generator(0)).total.item()
    assert found == pytest.approx(expected, rel=1e-5)


def test_positions_are_sinusoids() -> None:
    found = positions(5, 8)
    assert found.shape == (5, 8)
    assert found[3, 1].item() == pytest.approx(math.sin(3 / 10_000 ** (2 / 8)), rel=1e-5)
    assert found[3, 5].item() == pytest.approx(math.cos(3 / 10_000 ** (2 / 8)), rel=1e-5)


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="30"):
        TranslationConfig.parse({"width": 30, "num_heads": 4}, "model")


def test_dropout_acts_in_training_alone() -> None:
    made = model(TranslationConfig(context=6, num_layers=1, num_heads=1, width=8, dropout=0.5))
    source, target = SPECIALS.sources(rows([1, 2])), SPECIALS.targets(rows([2, 1]))
    with seeded(0, "dropout"):
        assert not torch.equal(made.train()(source, target), made(source, target))
    assert torch.equal(made.eval()(source, target), made(source, target))
