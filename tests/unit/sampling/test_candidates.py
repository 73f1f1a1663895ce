"""What a draw chose from, against a direct softmax."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from olaria.data.tokenizer import ByteTokenizer, CharTokenizer
from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig
from olaria.models.base import Model
from olaria.models.gpt import GPT
from olaria.models.language import Bigram
from olaria.sampling.autoregressive import (
    SamplingConfig,
    filter_logits,
    generate,
    penalize_repetition,
)
from olaria.sampling.candidates import DrawRecord
from olaria.sampling.text import Continuation
from olaria.training.randomness import seeded

SIZE, PROMPT = 12, torch.tensor([[3, 1, 4, 1]])
CONFIG = SamplingConfig(max_tokens=20, temperature=0.7, top_k=6, top_p=0.9, repetition_penalty=1.3)


@pytest.fixture(params=["bigram", "gpt"])
def model(request: pytest.FixtureRequest) -> Model:
    """One that reads the whole window, and one with a cache."""
    with seeded(0, "candidates"):
        found: Model = (
            Bigram(BigramConfig(), SIZE)
            if request.param == "bigram"
            else GPT(GPTConfig(width=16, num_layers=2, num_heads=2, context=8), SIZE)
        )
        for weight in found.parameters():
            torch.nn.init.normal_(weight)
    return found.eval()


def drawn(model: Model, record: DrawRecord | None) -> list[int]:
    draws = generate(model, PROMPT, CONFIG, Generator().manual_seed(1), record)
    return [int(token) for token in draws]


@torch.no_grad()
def logits_after(model: Model, text: list[int]) -> Tensor:
    """Of a text that the context holds."""
    return model(torch.tensor([text]))[:, -1].float()  # type: ignore[no-any-return]


def test_the_probabilities_are_the_softmax_of_the_logits_and_of_the_filtered_ones(
    model: Model,
) -> None:
    record = DrawRecord(num_candidates=4)
    tokens, draws = drawn(model, record), record.take()
    assert [draw.drawn.token for draw in draws] == tokens
    for place, draw in enumerate(draws[:4]):  # the context holds four more
        text = PROMPT[0].tolist() + tokens[:place]
        logits = logits_after(model, text)
        own = logits[0].softmax(-1)
        seen = torch.tensor([text[-model.context :]])  # type: ignore[operator]
        penalized = penalize_repetition(logits, seen, CONFIG.repetition_penalty)
        used = filter_logits(penalized, CONFIG)[0].softmax(-1)
        order = own.argsort(descending=True)[:4].tolist()
        assert [one.token for one in draw.likeliest] == order
        for one in (draw.drawn, *draw.likeliest):
            assert one.probability == pytest.approx(float(own[one.token]), rel=1e-4)
            assert one.drawn_with == pytest.approx(float(used[one.token]), rel=1e-3, abs=1e-7)
        assert draw.drawn.drawn_with > 0


def test_recording_changes_no_draw_and_is_idle_unless_asked_for(model: Model) -> None:
    idle, busy = DrawRecord(), DrawRecord(num_candidates=3)
    assert drawn(model, None) == drawn(model, idle) == drawn(model, busy)
    assert idle.take() == [] and len(busy.take()) == CONFIG.max_tokens
    assert busy.take() == []


def test_no_more_candidates_are_kept_than_there_are_tokens(model: Model) -> None:
    record = DrawRecord(num_candidates=100)
    drawn(model, record)
    for draw in record.take():
        assert sum(one.probability for one in draw.likeliest) == pytest.approx(1, rel=1e-5)
        assert sum(one.drawn_with for one in draw.likeliest) == pytest.approx(1, rel=1e-5)


def test_a_piece_comes_with_the_draws_of_its_tokens() -> None:
    """Two bytes of one character are one piece of two draws."""
    record, logits = DrawRecord(), torch.zeros(1, 256)

    def tokens() -> list[Tensor]:
        return [torch.tensor([byte]) for byte in "aé".encode()]

    def source() -> object:
        for token in tokens():
            if record.num_candidates:
                record.add(logits, logits.softmax(-1), token[:, None])
            yield token

    continuation = Continuation(source(), ByteTokenizer(), record=record)  # type: ignore[arg-type]
    continuation.record(2)
    found = [(piece, [draw.drawn.token for draw in continuation.draws()]) for piece in continuation]
    assert found == [("a", [97]), ("é", [0xC3, 0xA9])]


def test_the_draws_go_on_to_the_end_of_a_stop_string() -> None:
    record, alphabet = DrawRecord(1), CharTokenizer("ab.")

    def source() -> object:
        for token in alphabet.encode("ab.b").tolist():
            record.add(torch.zeros(1, 3), torch.full((1, 3), 1 / 3), torch.tensor([[token]]))
            yield torch.tensor([token])

    continuation = Continuation(source(), alphabet, ["b."], record=record)  # type: ignore[arg-type]
    assert "".join(continuation) == "a"
    assert alphabet.decode([draw.drawn.token for draw in continuation.draws()]) == "ab."
