"""The lesson on translation: its numbers against another route, on every kind of run, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from olaria.data import load
from olaria.errors import DataError, LessonError
from olaria.families.translation import TranslationConfig
from olaria.lessons.base import Asked, Step
from olaria.lessons.by_numpy.transformers import decode, encode, weights_of
from olaria.lessons.figures import Choice, Heat, Table
from olaria.lessons.translation import LESSON, walk_of
from olaria.lessons.translation.pair import (
    Cut,
    cut,
    pooled,
    read,
    self_attention_weights,
)
from olaria.lessons.translation.tried import after_mistake
from olaria.models.translation import Translation
from olaria.runs import Run
from olaria.sampling.translation import DecodingConfig, translate

from .sound import assert_sound

LONG = "a menina pequena ama o cachorro bonito no jardim."


SMALL = ("training.batch_size=8", "training.evaluate_every=1000", "training.sample_every=1000")
"""Evaluations would take most of a test."""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Some pairs of each kind: whole data sets would take most of a test too."""
    folder = tmp_path_factory.mktemp("pairs")
    for name in ("dates", "reverse", "toy-translation"):
        data: Any = load(name)
        rows = [f"{x}\t{y}" for x, y in data.train[:60]]
        (folder / f"{name}.tsv").write_text("\n".join(rows), encoding="utf-8")
    return {name: str(folder / f"{name}.tsv") for name in ("dates", "reverse", "toy-translation")}


@pytest.fixture(scope="module")
def dates(tiny_run: Any, pairs: dict[str, str]) -> Run:
    run: Run = tiny_run("dates", *SMALL, data=pairs["dates"], steps=20)
    return run


@pytest.fixture(scope="module")
def words(tiny_run: Any, pairs: dict[str, str]) -> Run:
    settings = ("data.tokenizer=word", "model.dropout=0.1")
    run: Run = tiny_run("pt-en", *SMALL, *settings, data=pairs["toy-translation"], steps=6)
    return run


@pytest.fixture(scope="module")
def steps(dates: Run) -> tuple[Step, ...]:
    return LESSON(Asked((dates,)))


def must_hold(steps: tuple[Step, ...]) -> None:
    """Only the first step, which shows the pairs, may go without a check."""
    assert 5 <= len(steps) <= 9
    assert_sound(steps, figures=True, unchecked=lambda step: step is steps[0], widest=32)


@pytest.mark.parametrize(
    ("name", "settings", "prompt"),
    [
        ("reverse", ("model.num_layers=2",), None),
        ("toy-translation", (), LONG),
        ("toy-translation", ("data.tokenizer=bpe", "data.vocab_size=280"), LONG),
        ("reverse", ("data.tokenizer=byte",), "ção"),
        ("reverse", ("data.unseen=skip", "training.ema=0"), "ab-cd"),
    ],
)
def test_every_kind_of_run(
    name: str,
    settings: tuple[str, ...],
    prompt: str | None,
    pairs: dict[str, str],
    tiny_run: Any,
) -> None:
    run = tiny_run("pt-en", *SMALL, *settings, data=pairs[name], steps=6)
    must_hold(LESSON(Asked((run,), prompt)))


def test_a_run_of_words(words: Run) -> None:
    steps = LESSON(Asked((words,)))
    must_hold(steps)
    assert len(steps[3].figures) == 2  # tokens are words: one map, and how its weights lie


def test_the_lesson_on_its_own_sentence(steps: tuple[Step, ...], dates: Run) -> None:
    must_hold(steps)
    data: Any = dates.data()
    source = steps[0].arrays["source"]
    assert dates.tokenizer().decode(source[:-1]) == data.validation[0][0]
    assert "not trained on" in steps[0].text.text()
    trained = LESSON(Asked((dates,), data.train[0][0]))
    assert "one of those" in trained[0].text.text()


# -- its numbers by other routes -------------------------------------------------------------------


def test_the_written_text_is_that_of_the_package(steps: tuple[Step, ...], dates: Run) -> None:
    model: Any = dates.model()
    reading = read(Asked((dates,)))
    if reading.is_ended:
        (text,) = translate(model, dates.tokenizer(), [reading.text])
        assert reading.written == text
    assert steps[2].arrays["target"].tolist() == reading.target[0].tolist()


def test_probabilities_are_those_of_the_loss(steps: tuple[Step, ...], dates: Run) -> None:
    model: Any = dates.model()
    source = torch.from_numpy(steps[0].arrays["source"])[None]
    target = torch.from_numpy(steps[2].arrays["target"])[None]
    logits = model(source, target[:, :-1])
    nats = F.cross_entropy(logits[0], target[0, 1:], reduction="none")
    np.testing.assert_allclose(steps[4].arrays["nats_written"], nats, atol=1e-5)
    np.testing.assert_allclose(steps[6].arrays["nats_own"], nats, atol=1e-5)
    np.testing.assert_allclose(steps[2].arrays["probabilities"], logits[0].softmax(-1), atol=1e-6)


def test_self_attention_is_torchs(steps: tuple[Step, ...], dates: Run) -> None:
    """The output of torch's own attention is the weights' mean of the values."""
    model: Any = dates.model()
    source = torch.from_numpy(steps[0].arrays["source"])[None]
    seen: list[torch.Tensor] = []
    module = model.encoder[0].self_attention
    hook = module.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    model.encode(source)
    hook.remove()
    q, k, v = (
        part.unflatten(2, (2, -1)).transpose(1, 2) for part in module.qkv(seen[0]).chunk(3, 2)
    )
    q, k = (F.rms_norm(x, x.shape[-1:]) for x in (q, k))
    expected = F.scaled_dot_product_attention(q, k, v)[0]
    weights = torch.from_numpy(steps[1].arrays["encoder"][0]).float()
    torch.testing.assert_close(weights @ v[0], expected, rtol=0, atol=1e-5)


def test_weights_sum_to_one_and_the_decoder_sees_no_future(steps: tuple[Step, ...]) -> None:
    encoder, decoder = steps[1].arrays["encoder"], steps[1].arrays["decoder"]
    cross = steps[3].arrays["cross"]
    for weights in (encoder, decoder, cross):
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert (np.triu(decoder, 1) == 0).all() and (np.triu(encoder, 1) > 0).any()
    choice = steps[1].figures[1]
    assert isinstance(choice, Choice) and isinstance(choice.figures[0], Heat)
    shown = choice.figures[0].values
    assert np.isnan(shown[0, 1]) and not np.isnan(np.tril(shown)).any()


def test_a_hidden_token_is_one_that_is_cut_from_the_keys(dates: Run) -> None:
    """Keys and values taken out altogether instead of masked."""
    steps, model = LESSON(Asked((dates,))), dates.model()
    assert isinstance(model, Translation)
    reading = read(Asked((dates,)))
    start, size = reading.columns.starts[1], reading.columns.sizes[1]  # a word of several letters
    assert size > 1
    kept = [s for s in range(reading.source.shape[1]) if not start <= s < start + size]
    memory = reading.memory
    memory.keys_values[:] = [(k[:, :, kept], v[:, :, kept]) for k, v in memory.keys_values]
    object.__setattr__(memory, "padding", memory.padding[..., kept])
    without = reading.nats(reading.target)[0]
    own = steps[4].arrays["nats_written"]
    np.testing.assert_allclose(steps[7].arrays["lost_nats"][:, 1], without - own, atol=1e-5)


def test_scores_are_log_probabilities_over_the_factor(steps: tuple[Step, ...]) -> None:
    log_probs, scores = steps[5].arrays["log_probs"], steps[5].arrays["scores"]
    table = steps[5].figures[0]
    assert isinstance(table, Table)
    lengths = np.array([row[2] for row in table.rows], float)
    alpha = DecodingConfig().length_penalty
    np.testing.assert_allclose(scores, log_probs / ((5 + lengths) / 6) ** alpha, atol=1e-5)


def test_after_a_mistake_the_rest_is_greedy_again(dates: Run) -> None:
    reading = read(Asked((dates,)))
    place, ids = after_mistake(reading)
    assert torch.equal(ids[0, :place], reading.target[0, :place])
    assert ids[0, place] != reading.target[0, place]
    logits = reading.model(reading.source, ids[:, :-1])[0]
    assert torch.equal(logits[place:].argmax(-1), ids[0, place + 1 :])


# -- what a model that reads does ------------------------------------------------------------------


def test_a_source_that_matters_is_said_to_matter(
    dates: Run, tiny_run: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What begins with a becomes xyx, what begins with b zwz: the first letter is all that counts."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    ends = [x + y for x in "cdefg" for y in "cdefg"]
    rows = [
        f"{first}{end}\t{target}" for end in ends for first, target in (("a", "xyx"), ("b", "zwz"))
    ]
    path.write_text("\n".join(rows))
    run = tiny_run("reverse", *SMALL, data=str(path), steps=80)
    steps = LESSON(Asked((run,), "acd"))
    must_hold(steps)
    assert "cause" in steps[6].text.text() and "hardly learnt" not in steps[6].text.text()
    beams = steps[5].figures[0]
    assert isinstance(beams, Table)
    assert "xyx" in [row[1] for row in beams.rows]
    lost = steps[7].arrays["lost_nats"]
    assert lost.sum(0).argmax() == 0
    assert "hardly learnt" in LESSON(Asked((dates,)))[6].text.text()


def test_the_walk_of_the_largest_weights() -> None:
    source = ["a", "b", "c", "<eos>"]
    ahead = walk_of(np.eye(4), source, source)
    np.testing.assert_allclose(ahead, [1, 0, 0, 1, 0.25])
    mirrored = walk_of(np.eye(4)[[2, 1, 0, 3]], source, ["c", "b", "a", "<eos>"])
    np.testing.assert_allclose(mirrored, [1 / 3, 0, 2 / 3, 1, 0.75])
    still = walk_of(np.eye(4)[[1, 1]][None], source, ["b", "x"])
    np.testing.assert_allclose(still, [[0, 1, 0, 0.5, 0.5]])


# -- long sentences --------------------------------------------------------------------------------


def test_words_pool_the_weights_of_their_letters() -> None:
    rows, columns = cut(["x", "y"]), cut([*LONG, "<eos>"])
    assert columns.names == (*LONG.split(), "<eos>")
    draws = np.random.default_rng(0).random((3, 2, len(LONG) + 1))
    weights = draws / draws.sum(-1, keepdims=True)
    found = pooled(weights, rows, columns)
    assert found.shape == (3, 2, len(columns.names))
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_allclose(found[..., 0], weights[..., 0])
    np.testing.assert_allclose(found[..., 1], weights[..., 1:8].sum(-1))
    words = Cut(np.array([0, 1]), ("x", "yz"), 3)
    np.testing.assert_allclose(words.means(np.array([[1.0, 2.0, 4.0]])), [[1, 3]])
    np.testing.assert_allclose(words.means(np.array([[1.0], [2.0], [4.0]]), -2), [[1], [3]])


def test_what_is_refused(dates: Run, words: Run, tiny_run: Any) -> None:
    with pytest.raises(LessonError, match="cannot carry this lesson"):
        LESSON(Asked((tiny_run("ae-mnist", steps=1),)))
    with pytest.raises(LessonError, match="train pt-en"):
        LESSON(Asked())
    with pytest.raises(DataError, match="not in the alphabet"):
        LESSON(Asked((dates,), "a?"))
    with pytest.raises(DataError, match="more than the context"):
        LESSON(Asked((dates,), "a" * 65))
    with pytest.raises(LessonError, match="give a shorter"):
        LESSON(Asked((words,), " ".join(["o gato"] * 20)))


# -- float64 ---------------------------------------------------------------------------------------


def test_every_weight_reaches_the_independent_computation() -> None:
    """A weight that is changed in the model alone makes the two disagree: the checks can fail."""
    torch.manual_seed(0)
    model = Translation(TranslationConfig(context=8, num_layers=2, num_heads=2, width=16), 5)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    source, target = torch.tensor([[1, 2, 3, 5]]), torch.tensor([[6, 0, 4, 1]])
    w = weights_of(model.eval().requires_grad_(False))
    states, reads = encode(w, model.config, source[0].numpy())
    log_probs, back, across = decode(w, model.config, target[0].numpy(), states)

    def ours() -> torch.Tensor:
        logits: torch.Tensor = model(source, target)[0]
        return logits.double().log_softmax(-1)

    np.testing.assert_allclose(log_probs, ours(), atol=1e-5)
    encoder, decoder = self_attention_weights(model, source, target)
    np.testing.assert_allclose(reads, encoder, atol=1e-6)
    np.testing.assert_allclose(back, decoder, atol=1e-6)
    np.testing.assert_allclose(across, torch.stack(model.attend(source, target))[:, 0], atol=1e-6)
    for name, parameter in model.named_parameters():
        kept = parameter.clone()
        parameter.copy_(-parameter)
        assert not np.allclose(log_probs, ours(), atol=1e-3), name
        parameter.copy_(kept)
