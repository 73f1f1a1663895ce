"""Attention's lesson: the model opened up gives what PyTorch's own attention and the model itself give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from olaria.errors import LessonError
from olaria.i18n import Message
from olaria.lessons.attention import LESSON
from olaria.lessons.attention.heads import COLUMNS, heads_apart, looked_at
from olaria.lessons.attention.subject import MOST_FOLLOWED, MOST_TOKENS, subject_of
from olaria.lessons.base import Asked, Step
from olaria.lessons.figures import Table
from olaria.lessons.inside import (
    Look,
    open_language,
    open_translation,
    read_language,
    windows_of,
)
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation
from olaria.nn.attention import causal_mask
from olaria.runs import Run

from .sound import assert_sound, failing

TinyRun = Callable[..., Run]

RUNGS = ("head", "multi-head", "norm", "gpt2")
SENTENCE = "the cat sees a girl."


def steps_of(*runs: Run, prompt: str | None = None) -> tuple[Step, ...]:
    return LESSON(Asked(runs=runs, prompt=prompt, offline=True))


@pytest.mark.parametrize("preset", ["gpt-shakespeare", *(f"{rung}-shakespeare" for rung in RUNGS)])
def test_every_model_with_attention_carries_it(tiny_run: TinyRun, preset: str) -> None:
    steps = steps_of(tiny_run(preset, steps=2))
    assert len(steps) == 7
    assert_sound(steps, widest=34)


@pytest.mark.parametrize("preset", ["dates", "pt-en"])
def test_an_encoder_decoder_carries_it(tiny_run: TinyRun, preset: str) -> None:
    steps = steps_of(tiny_run(preset, steps=2))
    assert_sound(steps, widest=34)
    kinds = steps[-1].figures[0]
    assert isinstance(kinds, Table)
    assert [row[-1] == 0 for row in kinds.rows] == [
        True,
        False,
        True,
    ]  # only the decoder's is masked


def test_another_run_shows_its_cross_attention(tiny_run: TinyRun) -> None:
    gpt, dates = tiny_run("gpt-shakespeare", steps=2), tiny_run("dates", steps=2)
    steps = steps_of(gpt, dates, prompt=SENTENCE)
    assert_sound(steps, widest=34)
    assert "pt-en" not in steps[-1].text.text()
    assert "pt-en" in steps_of(gpt)[-1].text.text()
    weights = torch.tensor(steps[-1].arrays["cross"])
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]).double())


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    run = tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)
    assert_sound(steps_of(run, prompt=SENTENCE), widest=34)


def test_a_prompt_is_what_is_read(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=2)
    (tokens, *_) = steps_of(run, prompt=SENTENCE)[0].figures
    assert "".join(tokens.tokens) == SENTENCE[:MOST_TOKENS]  # type: ignore[union-attr]
    with pytest.raises(LessonError, match="fewer than two"):
        steps_of(run, prompt="a")


def test_refusals(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="averages what came before"):
        steps_of(tiny_run("average-shakespeare", steps=2))
    with pytest.raises(LessonError, match="cannot carry"):
        steps_of(tiny_run("bigram-shakespeare", steps=2))
    with pytest.raises(LessonError, match="run of your own"):
        LESSON(Asked())


def test_short_sentences_and_contexts(tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    short = tiny_run("gpt-shakespeare", "model.context=2", "model.chunk=1", steps=2)
    assert_sound(steps_of(short), widest=34)
    model = short.model()
    assert isinstance(model, GPT)
    model.context = 1
    with pytest.raises(LessonError, match="cannot carry"):
        read_language(Asked(runs=(short,), offline=True), short, model, 9)
    dates = tiny_run("dates", steps=2)
    assert_sound(steps_of(dates, prompt="1984"), widest=34)
    nothing = lambda model, source, most: torch.full((1, 1), model.specials.eos)
    monkeypatch.setattr("olaria.lessons.attention.subject.greedy", nothing)
    steps = steps_of(dates)  # a target that is its beginning alone
    assert_sound(steps, widest=34)
    assert "of the decoder" not in steps[1].text.text()


def test_a_single_head_is_not_compared_with_itself(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("head-shakespeare", steps=2))[4]
    assert "single head" in step.text.text() and len(step.figures) == 1


def test_a_deep_model_offers_some_of_its_layers(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", "model.num_layers=9", steps=1)
    offer = subject_of(Asked(runs=(run,), offline=True)).offered(MOST_FOLLOWED)
    choice = offer.choice(Message("All."), lambda reading, head: Table(reading.look.name, (), ()))
    assert len(choice.figures) == MOST_FOLLOWED
    layers = [label.text() for label in choice.controls[0].labels]  # type: ignore[union-attr]
    assert layers[0] == "layer 1" and layers[-1] == "layer 9"
    assert choice.caption.text() == "All. Of 9 layers 8 are offered."  # type: ignore[union-attr]
    start = choice.controls[0].start * 2 + choice.controls[1].start
    assert choice.figures[start].caption == offer.start[0].look.name


# -- what is opened up, beside PyTorch and the model -----------------------------------------------


def sdpa(look: Look) -> Tensor:
    """PyTorch's attention: (H, T, D)."""
    mask = look.mask.expand(look.num_heads, -1, -1)
    return F.scaled_dot_product_attention(look.q, look.k, look.v, attn_mask=mask)


@pytest.mark.parametrize("preset", ["gpt-shakespeare", "head-shakespeare", "gpt2-shakespeare"])
def test_the_parts_are_the_models_own(tiny_run: TinyRun, preset: str) -> None:
    model = tiny_run(preset, steps=2).model()
    assert isinstance(model, GPT | LanguageModel)
    ids = torch.randint(model.vocab_size, (29,), generator=torch.Generator().manual_seed(0))
    opened = open_language(model, ids)
    torch.testing.assert_close(opened.logits, model(ids[None])[0])
    _, cache = model.continue_from(ids[None], [])
    for layer, (k, v) in zip(opened.layers, cache, strict=True):
        assert layer.look is not None
        assert torch.equal(layer.look.k, k[0]) and torch.equal(layer.look.v, v[0])
        torch.testing.assert_close(sdpa(layer.look), layer.look.heads)
        torch.testing.assert_close(layer.look.weights() @ layer.look.v, layer.look.heads)


def test_local_attention_hides_what_lies_two_chunks_back(tiny_run: TinyRun) -> None:
    model = tiny_run("gpt-local-shakespeare", steps=2).model()
    assert isinstance(model, GPT) and model.config.chunk == 8
    look = open_language(model, torch.arange(20) % model.vocab_size).looks[0]
    weights = look.weights()
    assert (weights[:, 17, :8] == 0).all() and (weights[:, 17, 8:18] > 0).all()
    assert (look.mask[:8] == causal_mask(20, 20)[:8]).all()


def test_cross_attention_is_what_the_model_tells(tiny_run: TinyRun) -> None:
    run = tiny_run("dates", steps=2)
    model, tokenizer = run.model(), run.tokenizer()
    assert isinstance(model, Translation)
    ids = [tokenizer.encode(text) for text in ("1 de maio de 1984", "1984")]
    source, target = model.specials.sources(ids[:1])[0], model.specials.targets(ids[1:])[0, :-1]
    looks = open_translation(model, source, target)
    assert [look.kind for look in looks.values()] == ["both", "past", "cross"]
    torch.testing.assert_close(
        looks["decoder.0.cross_attention"].weights(), model.attend(source[None], target[None])[0][0]
    )
    for look in looks.values():
        torch.testing.assert_close(sdpa(look), look.heads)


def test_checks_see_a_changed_weight(tiny_run: TinyRun) -> None:
    """What is shown is of other weights than what it is checked with."""
    run = tiny_run("gpt-shakespeare", steps=2)
    subject = subject_of(Asked(runs=(run,), offline=True))
    look = subject.readings[0].look
    assert subject.offered(9).check("queries", lambda look: look.q, "q").holds
    assert not subject.offered(9).check("queries", lambda look: -look.q, "q").holds
    changed = replace(look, k=look.k.flip(1))
    readings = (replace(subject.readings[0], look=changed), *subject.readings[1:])
    offer = replace(subject, readings=readings).offered(9)
    assert not offer.check("weights", Look.weights, "weights").holds
    assert not offer.check("scores", Look.scores, "scores").holds


def test_it_is_the_same_twice(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=2)
    first, second = steps_of(run), steps_of(run)
    assert [step.text for step in first] == [step.text for step in second]


# -- measures --------------------------------------------------------------------------------------


def test_measures_of_known_weights() -> None:
    mask = causal_mask(5, 5)
    before = torch.eye(5).roll(1, 0)  # each looks at the place before
    before[0] = torch.eye(5)[0]
    own = torch.eye(5)
    measures = looked_at(torch.stack((before, own, mask.softmax(-1))), mask).mean(1)
    expected = torch.tensor([[1, 1, 0, 0, 0.25, 0], [0, 0, 1, 0, 0, 0]])
    torch.testing.assert_close(measures[:2, :6], expected)
    assert measures.shape == (3, len(COLUMNS))
    counts = torch.arange(2.0, 6)
    torch.testing.assert_close(measures[2, 5], counts.log().mean())
    torch.testing.assert_close(measures[2, 6], counts.log().mean())
    torch.testing.assert_close(measures[2, 4], (1 / counts).mean())


def test_distance_of_heads() -> None:
    weights = torch.stack((torch.eye(4), torch.eye(4).roll(1, 0), torch.full((4, 4), 0.25)))
    apart = heads_apart(weights)
    assert torch.equal(apart.diagonal(), torch.zeros(3)) and torch.equal(apart, apart.T)
    assert apart[0, 1] == 1
    torch.testing.assert_close(apart[0, 2], torch.tensor(0.75))


def test_pieces_of_a_text(tiny_run: TinyRun) -> None:
    tokenizer = tiny_run("gpt-shakespeare", steps=2).tokenizer()
    text = "the cat sees the girl.\n" * 200
    pieces = windows_of(text, tokenizer, 8, 16)
    assert pieces.shape == (8, 16)
    assert all(tokenizer.decode(piece) in text for piece in pieces)
    assert windows_of("the cat", tokenizer, 8, 16).shape == (1, 7)


@pytest.mark.parametrize(("method", "places"), [("scores", [1, 2]), ("weights", [1, 2, 3, 4, 5])])
def test_a_turned_sign_in_the_attention_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str, places: list[int]
) -> None:
    right = getattr(Look, method)
    monkeypatch.setattr(Look, method, lambda look, *words: -right(look, *words))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=2))) == places
