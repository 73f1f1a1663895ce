"""Every rung of the ladder, for any text: causality, the cache, rows that do not see each other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from olaria.families.language import RUNGS, LanguageConfig
from olaria.models.language import LanguageModel
from olaria.training.randomness import seeded

CONTEXT, VOCAB = 12, 7
few = settings(max_examples=15)
texts = st.lists(st.integers(0, VOCAB - 1), min_size=2, max_size=CONTEXT)
every_rung = pytest.mark.parametrize("rung", RUNGS)


def random_model(rung: str) -> LanguageModel:
    """Weights that matter, unlike the small ones at the start."""
    config = LanguageConfig(context=CONTEXT, num_layers=2, num_heads=2, width=16)
    with seeded(3, "weights"):
        model = LanguageModel(config.on(rung), VOCAB).eval()  # type: ignore[arg-type]
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model.double()  # where no norm holds them back, rounding errors grow from layer to layer


MODELS = {rung: random_model(rung) for rung in RUNGS}


@every_rung
@few
@torch.no_grad()
@given(texts, st.data())
def test_a_later_token_moves_no_earlier_logit(
    rung: str, ids: list[int], data: st.DataObject
) -> None:
    model = MODELS[rung]
    place = data.draw(st.integers(1, len(ids) - 1))
    other = data.draw(st.integers(0, VOCAB - 1))
    assume(other != ids[place])
    changed = [*ids[:place], other, *ids[place + 1 :]]
    before, after = model(torch.tensor([ids])), model(torch.tensor([changed]))
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.equal(before[:, place:], after[:, place:])


@every_rung
@few
@torch.no_grad()
@given(texts)
def test_an_earlier_token_reaches_the_last_logit(rung: str, ids: list[int]) -> None:
    changed = [(ids[0] + 1) % VOCAB, *ids[1:]]
    first, other = MODELS[rung](torch.tensor([ids])), MODELS[rung](torch.tensor([changed]))
    assert not torch.equal(first[:, -1], other[:, -1])


@every_rung
@few
@torch.no_grad()
@given(texts, st.data())
def test_cached_logits_are_those_without_a_cache(
    rung: str, ids: list[int], data: st.DataObject
) -> None:
    """However the text is cut into pieces."""
    model = MODELS[rung]
    tokens = torch.tensor([ids, ids[::-1]])
    cuts = data.draw(st.sets(st.integers(1, len(ids) - 1)))
    cache, pieces = [], []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(ids)], strict=True):
        logits, cache = model.continue_from(tokens[:, start:stop], cache)
        pieces.append(logits)
    assert {part.shape[2] for layer in cache for part in layer} == {len(ids)}
    torch.testing.assert_close(torch.cat(pieces, 1), model(tokens), rtol=1e-9, atol=1e-9)


@every_rung
@few
@torch.no_grad()
@given(texts, texts)
def test_a_row_does_not_see_the_others(rung: str, first: list[int], second: list[int]) -> None:
    size = min(len(first), len(second))
    together = MODELS[rung](torch.tensor([first[:size], second[:size]]))
    alone = MODELS[rung](torch.tensor([first[:size]]))
    torch.testing.assert_close(together[:1], alone, rtol=1e-9, atol=1e-9)
