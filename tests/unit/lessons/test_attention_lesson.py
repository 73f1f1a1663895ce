"""Attention's lesson: the model opened up gives what PyTorch's own attention and the model itself give."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.attention import ways
from olaria.lessons.attention.heads import COLUMNS, beyond, heads_apart, reading
from olaria.lessons.attention.scene import MOST_FOLLOWED, MOST_TOKENS, Scene
from olaria.lessons.attention.ways import ByNumPy, ByTorch
from olaria.lessons.base import Asked, Question, Step
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
from olaria.pages.cells import table_rows
from olaria.runs import Run

from .sound import assert_sound, failing

LESSON = LESSONS["attention"]

TinyRun = Callable[..., Run]

RUNGS = ("head", "multi-head", "feed-forward", "residual", "norm", "gpt2", "gpt", "gpt-local")
PLAIN = ("head", "multi-head", "feed-forward", "residual", "norm")
"""Rungs whose attention is the textbook's."""
SENTENCE = "the cat sees a girl."
BY_HAND, QUERY, VIEWS, ALL, HEADS, REMOVED, KINDS, TEXTS, BEYOND = range(9)


def steps_of(*runs: Run, prompt: str | None = None) -> tuple[Step, ...]:
    return LESSON(Asked(runs=runs, prompt=prompt, offline=True))


def scene_of(*runs: Run, prompt: str | None = None) -> Scene:
    return Scene.of(Asked(runs=runs, prompt=prompt, offline=True))


def question_of(step: Step) -> Question | None:
    return next((block for block in step.blocks if isinstance(block, Question)), None)


@pytest.mark.parametrize("rung", RUNGS)
def test_every_model_with_attention_carries_it(tiny_run: TinyRun, rung: str) -> None:
    steps = steps_of(tiny_run(f"{rung}-shakespeare", steps=2))
    assert len(steps) == 8 + (rung not in PLAIN)
    assert_sound(steps, source=True, widest=34)


@pytest.mark.parametrize("preset", ["dates", "pt-en"])
def test_an_encoder_decoder_carries_it(tiny_run: TinyRun, preset: str) -> None:
    steps = steps_of(tiny_run(preset, steps=2))
    assert len(steps) == 9
    assert_sound(steps, source=True, widest=34)
    assert "the mask leaves 0.00 there" in steps[KINDS].text.text()
    question = question_of(steps[KINDS])
    assert question is not None and question.right == 0


def test_another_run_shows_its_cross_attention(tiny_run: TinyRun) -> None:
    gpt, dates = tiny_run("gpt-shakespeare", steps=2), tiny_run("dates", steps=2)
    steps = steps_of(gpt, dates, prompt=SENTENCE)
    assert_sound(steps, widest=34)
    assert "pt-en" not in steps[KINDS].text.text()
    assert "pt-en" in steps_of(gpt)[KINDS].text.text()
    weights = torch.tensor(steps[KINDS].arrays["cross"])
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]).double())


def test_the_keys_of_the_example_do_not_break_within_a_cell(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=2))[0]
    (table,) = (figure for figure in step.figures if isinstance(figure, Table))
    shown = [cells[1].text for cells in table_rows(table, "en")]
    assert shown[2] == "2\N{NO-BREAK SPACE}2\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}1"
    assert not any(" " in keys for keys in shown)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    run = tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)
    assert_sound(steps_of(run, prompt=SENTENCE), widest=34)


def test_a_prompt_is_what_is_read(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=2)
    (tokens, *_) = steps_of(run, prompt=SENTENCE)[QUERY].figures
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
    monkeypatch.setattr("olaria.lessons.attention.scene.greedy", nothing)
    steps = steps_of(dates)  # a target that is its beginning alone
    assert_sound(steps, widest=34)
    assert "of the decoder" not in steps[QUERY].text.text()


def test_a_single_head_is_not_compared_with_itself(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("head-shakespeare", steps=2))[HEADS]
    assert "single head" in step.text.text() and len(step.figures) == 1
    assert question_of(step) is None


def test_a_deep_model_offers_some_of_its_layers(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", "model.num_layers=9", steps=1)
    offer = scene_of(run).own.offer(MOST_FOLLOWED)
    choice = offer.choice(lambda place, head: Table(f"{place} {head}", (), ()))
    assert len(choice.figures) == MOST_FOLLOWED
    layers = [label.text() for label in choice.controls[0].labels]  # type: ignore[union-attr]
    assert len(layers) == 8 and layers[0] == "layer 1" and layers[-1] == "layer 9"
    place, head = choice.controls[0].start, choice.controls[1].start
    assert choice.figures[2 * place + head].caption == f"{offer.places[place]} {head}"
    assert (place, head) == offer.start


def test_one_query_is_softmax_by_hand(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=2))[BY_HAND]
    e = np.e
    np.testing.assert_allclose(step.arrays["weights"], [e / (e + 1), 1 / (e + 1), 0], atol=1e-6)
    assert "0.731" in step.text.text() and "7.31" in step.text.text()
    question = question_of(step)
    assert question is not None and question.right == 2


def test_local_attention_is_told_where_there_is_some(tiny_run: TinyRun) -> None:
    local, plain = (
        steps_of(tiny_run(f"{name}-shakespeare", steps=2)) for name in ("gpt-local", "gpt")
    )
    assert "*local*" in local[BEYOND].text.text() and "*local*" not in plain[BEYOND].text.text()
    captions = [steps[ALL].figures[0].caption.text() for steps in (local, plain)]  # type: ignore[union-attr]
    assert "too far back" in captions[0] and "too far back" not in captions[1]
    assert "*rotary positions*" in plain[BEYOND].text.text()
    biased = steps_of(tiny_run("gpt2-shakespeare", steps=2))[BEYOND].text.text()
    assert "bias" in biased and "rotary" not in biased and "QK-norm" not in biased


def test_lengths_that_are_one_as_shown_are_one_number(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=2)
    text = steps_of(run)[BEYOND].text
    assert "here each has length" in text.text() and "range from" not in text.text()
    assert "aqui cada uma mede" in text.text("pt") and "medem de" not in text.text("pt")
    scene = Scene.of(Asked((run,)))
    way: Any = ByTorch(scene)
    looks = [SimpleNamespace(q=1.01 * look.q, k=look.k) for look in way.own]
    values = beyond(scene, SimpleNamespace(own=looks, reach=way.reach, turned=way.turned))  # type: ignore[arg-type]
    assert values is not None and values["lengths"] and not values["one_length"]


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


def test_it_is_the_same_twice(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=2)
    first, second = steps_of(run), steps_of(run)
    assert [step.text for step in first] == [step.text for step in second]


# -- measures --------------------------------------------------------------------------------------


def test_measures_of_known_weights() -> None:
    before = np.roll(np.eye(5), 1, 0)  # each reads the position before
    before[0] = np.eye(5)[0]
    measures = reading(np.stack((before, np.eye(5))), np.tri(5)) / 4
    assert measures.shape == (3, len(COLUMNS))
    counts = np.arange(2.0, 6)
    share = (1 / counts).mean()
    even = [((counts - 1) / 2).mean(), share, share, share]
    np.testing.assert_allclose(measures, [[1, 1, 0, 0.25], [0, 0, 1, 0], even])


def test_distance_of_heads() -> None:
    weights = np.stack((np.eye(4), np.roll(np.eye(4), 1, 0), np.full((4, 4), 0.25)))
    apart = heads_apart(weights)
    assert (apart.diagonal() == 0).all() and (apart == apart.T).all()
    assert apart[0, 1] == 1 and apart[0, 2] == 0.75


@pytest.mark.parametrize("preset", ["norm-shakespeare", "gpt2-shakespeare", "gpt-shakespeare"])
def test_a_head_that_is_removed_passes_on_nothing(tiny_run: TinyRun, preset: str) -> None:
    run = tiny_run(preset, steps=10)
    scene = scene_of(run)
    one, other = ByTorch(scene), ByNumPy(scene)
    ids = torch.stack([ids for (ids,) in scene.pieces])
    model = run.model()
    assert isinstance(model, GPT | LanguageModel)
    size = model.config.width // model.config.num_heads

    def silence(_module: object, given: tuple[Tensor]) -> tuple[Tensor]:
        heads = given[0].clone()
        heads[..., size:] = 0
        return (heads,)

    with torch.no_grad():
        model.blocks[0].attention_out.register_forward_pre_hook(silence)
        logits = model.continue_from(ids[:, :-1], [])[0]
    expected = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).item()
    assert one.nats(("blocks.0", 1)) == pytest.approx(expected, abs=1e-5)
    assert other.nats(("blocks.0", 1)) == pytest.approx(expected, abs=1e-5)
    assert one.nats() == pytest.approx(other.nats(), abs=1e-5)


def test_removing_heads_of_an_encoder_decoder(tiny_run: TinyRun) -> None:
    scene = scene_of(tiny_run("dates"))
    one, other = ByTorch(scene), ByNumPy(scene)
    for name in scene.own.looks:
        assert one.nats((name, 1)) == pytest.approx(other.nats((name, 1)), abs=1e-5)
    found = {round(one.nats((name, 1)), 6) for name in scene.own.looks}
    assert len(found) == len(scene.own.looks) and round(one.nats(), 6) not in found


def test_pieces_of_a_text(tiny_run: TinyRun) -> None:
    tokenizer = tiny_run("gpt-shakespeare", steps=2).tokenizer()
    text = "the cat sees the girl.\n" * 200
    pieces = windows_of(text, tokenizer, 8, 16)
    assert pieces.shape == (8, 16)
    assert all(tokenizer.decode(piece) in text for piece in pieces)
    assert windows_of("the cat", tokenizer, 8, 16).shape == (1, 7)


@pytest.mark.parametrize(
    ("method", "places"),
    [("scores", [QUERY, ALL]), ("weights", [QUERY, ALL, HEADS, KINDS, TEXTS])],
)
def test_a_turned_sign_in_the_model_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str, places: list[int]
) -> None:
    right = getattr(Look, method)
    monkeypatch.setattr(Look, method, lambda look, *words: -right(look, *words))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=2))) == places


MEASURES = {
    "attend": [BY_HAND, ALL],
    "nats": [REMOVED],
    "reach": [BEYOND],
    "turned": [BEYOND],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    right = getattr(ByTorch, method)

    def wrong(*words: object) -> object:
        found = right(*words)
        return tuple(1.5 * x for x in found) if isinstance(found, tuple) else 1.5 * found + 1

    monkeypatch.setattr(ByTorch, method, wrong)
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=2))) == MEASURES[method]


def test_a_head_that_is_not_removed_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ways._without
    monkeypatch.setattr(ways, "_without", lambda model, removed: right(model, None))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=30))) == [REMOVED]
