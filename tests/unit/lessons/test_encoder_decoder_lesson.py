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
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.by_numpy.transformers import decode, encode, weights_of
from olaria.lessons.figures import Choice, Heat, Table
from olaria.lessons.inside import open_translation
from olaria.lessons.translation.pieces import Cut, cut, pooled
from olaria.lessons.translation.scene import Scene, of_kind
from olaria.lessons.translation.ways import ByTorch
from olaria.models.translation import CrossAttention, Translation
from olaria.runs import Run
from olaria.sampling.translation import translate

from .sound import assert_sound, failing

LESSON = LESSONS["encoder-decoder"]
TEXTS = LESSON.texts

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


Steps = dict[str, Step]


def steps_of(run: Run, prompt: str | None = None) -> Steps:
    """The lesson's steps by name."""
    return dict(zip(TEXTS.names, LESSON(Asked((run,), prompt)), strict=True))


@pytest.fixture(scope="module")
def steps(dates: Run) -> Steps:
    return steps_of(dates)


def must_hold(steps: Steps) -> None:
    assert_sound(tuple(steps.values()), figures=True, source=True, widest=32)


def question_of(step: Step) -> Question:
    return next(block for block in step.blocks if isinstance(block, Question))


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
    must_hold(steps_of(run, prompt))


def test_a_run_of_words(words: Run) -> None:
    steps = steps_of(words)
    must_hold(steps)
    assert len(steps["attention_map"].figures) == 1


def test_the_lesson_on_its_own_sentence(steps: Steps, dates: Run) -> None:
    must_hold(steps)
    data: Any = dates.data()
    source = steps["one_pair"].arrays["source"]
    assert dates.tokenizer().decode(source[:-1]) == data.validation[0][0]
    assert "not trained on" in steps["one_pair"].text.text()
    trained = steps_of(dates, data.train[0][0])
    assert "was trained on" in trained["one_pair"].text.text()


def test_a_sentence_without_a_target_takes_what_the_model_writes(dates: Run) -> None:
    steps = steps_of(dates, "1 de 1")
    must_hold(steps)
    assert "no target" in steps["one_pair"].text.text()
    assert "no target to compare with" in steps["teacher_forcing"].text.text()


# -- a check can fail ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "right"), [("parts", [0, 3, 5, 6, 7]), ("log_probs", [1, 2, 4, 8])]
)
def test_a_factor_in_one_way_fails_the_steps_that_use_it(
    dates: Run, monkeypatch: pytest.MonkeyPatch, method: str, right: list[int]
) -> None:
    original = getattr(ByTorch, method)

    def wrong(*given: Any) -> Any:
        found = original(*given)
        if method == "log_probs":
            return 1.5 * found
        return [{name: 1.5 * x for name, x in part.items()} for part in found]

    monkeypatch.setattr(ByTorch, method, wrong)
    steps = LESSON(Asked((dates,)))
    assert failing(steps) == [i for i in range(9) if i not in right]


def test_a_turned_sign_in_the_model_fails_what_is_made_of_its_output(
    dates: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = CrossAttention.forward
    monkeypatch.setattr(CrossAttention, "forward", lambda *given: -right(*given))
    assert failing(LESSON(Asked((dates,)))) == [0, 3, 5, 6, 7]


# -- its numbers by other routes -------------------------------------------------------------------


def test_the_written_text_is_that_of_the_package(steps: Steps, dates: Run) -> None:
    model: Any = dates.model()
    scene = Scene.of(Asked((dates,)))
    if scene.target[-1] == model.specials.eos:
        (text,) = translate(model, dates.tokenizer(), [scene.text])
        assert scene.text_of(scene.target) == text
    assert steps["greedy_decoding"].arrays["target"].tolist() == scene.target.tolist()


def test_targets_are_inputs_shifted_by_one(steps: Steps, dates: Run) -> None:
    data: Any = dates.data()
    table = steps["one_pair"].figures[1]
    assert isinstance(table, Table)
    given, targets = ([row[place] for row in table.rows] for place in (1, 2))
    assert given == ["<bos>", *targets[:-1]]
    assert targets == [*data.validation[0][1], "<eos>"]
    question = question_of(steps["one_pair"])
    assert question.answers[question.right].text().startswith(f"{len(targets)}:")


def test_probabilities_are_those_of_the_loss(steps: Steps, dates: Run) -> None:
    model: Any = dates.model()
    source = torch.from_numpy(steps["one_pair"].arrays["source"])[None]
    target = torch.from_numpy(steps["greedy_decoding"].arrays["target"])[None]
    logits = model(source, target[:, :-1])
    nats = F.cross_entropy(logits[0], target[0, 1:], reduction="none")
    np.testing.assert_allclose(steps["teacher_forcing"].arrays["nats_written"], nats, atol=1e-5)
    np.testing.assert_allclose(steps["without_source"].arrays["nats_own"], nats, atol=1e-5)
    found = steps["greedy_decoding"].arrays["probabilities"]
    np.testing.assert_allclose(found, logits[0].softmax(-1), atol=1e-6)


def test_the_sum_by_hand_is_what_torchs_attention_makes(steps: Steps, dates: Run) -> None:
    """Rows of the table give the weights and the output, as a pocket calculator would."""
    scene = Scene.of(Asked((dates,)))
    layer, head, row, _ = np.unravel_index(scene.cross.argmax(), scene.cross.shape)
    table = steps["by_hand"].figures[0]
    assert isinstance(table, Table)
    *parts, total = ([float(x or 0) for x in row[1:]] for row in table.rows)
    exponentials = [row[1] for row in parts]
    assert sum(exponentials) == pytest.approx(total[1])
    for score, exponential, weight, value, product in parts[:5]:
        assert exponential == pytest.approx(np.exp(score))
        assert weight == pytest.approx(exponential / total[1])
        assert product == pytest.approx(weight * value)
    assert sum(row[4] for row in parts) == pytest.approx(total[4])
    look = of_kind("cross", scene.inside)[layer]
    q, k, v = look.q[None], look.k[None], look.v[None]
    expected = F.scaled_dot_product_attention(q, k, v)[0, head, row, 0]
    assert total[4] == pytest.approx(float(expected), abs=1e-5)


def test_self_attention_is_torchs(steps: Steps, dates: Run) -> None:
    """The output of torch's own attention is the weights' mean of the values."""
    model: Any = dates.model()
    source = torch.from_numpy(steps["one_pair"].arrays["source"])[None]
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
    weights = torch.from_numpy(steps["both_directions"].arrays["encoder"][0]).float()
    torch.testing.assert_close(weights @ v[0], expected, rtol=0, atol=1e-5)


def test_weights_sum_to_one_and_the_decoder_sees_no_future(steps: Steps) -> None:
    step = steps["both_directions"]
    encoder, decoder = step.arrays["encoder"], step.arrays["decoder"]
    cross = steps["attention_map"].arrays["cross"]
    for weights in (encoder, decoder, cross):
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert (np.triu(decoder, 1) == 0).all() and (np.triu(encoder, 1) > 0).any()
    choice = step.figures[1]
    assert isinstance(choice, Choice) and isinstance(choice.figures[0], Heat)
    shown = choice.figures[0].values
    assert np.isnan(shown[0, 1]) and not np.isnan(np.tril(shown)).any()


def test_cross_attention_is_the_models_own(steps: Steps, dates: Run) -> None:
    model: Any = dates.model()
    scene = Scene.of(Asked((dates,)))
    own = model.attend(scene.source[None], scene.target[None, :-1])
    np.testing.assert_allclose(
        steps["attention_map"].arrays["cross"], torch.stack(own)[:, 0], atol=1e-6
    )


def test_a_hidden_piece_is_one_that_is_cut_from_the_keys(steps: Steps, dates: Run) -> None:
    """Keys and values taken out altogether instead of masked."""
    model: Any = dates.model()
    scene = Scene.of(Asked((dates,)))
    start, size = scene.columns.starts[1], scene.columns.sizes[1]  # a word of several letters
    assert size > 1
    kept = [s for s in range(len(scene.source)) if not start <= s < start + size]
    memory = model.encode(scene.source[None])
    memory.keys_values[:] = [(k[:, :, kept], v[:, :, kept]) for k, v in memory.keys_values]
    object.__setattr__(memory, "padding", memory.padding[..., kept])
    logits, _ = model.decode(scene.target[None, :-1], memory, [])
    without = F.cross_entropy(logits[0], scene.target[1:], reduction="none").detach()
    own = steps["teacher_forcing"].arrays["nats_written"]
    lost = scene.rows.sums(without.double().numpy() - own)
    np.testing.assert_allclose(steps["hidden"].arrays["lost_nats"][:, 1], lost, atol=1e-5)


def test_nothing_to_read_is_cross_attention_that_adds_nothing(
    steps: Steps, dates: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = dates.model()
    scene = Scene.of(Asked((dates,)))
    monkeypatch.setattr(CrossAttention, "forward", lambda _, x, *given: torch.zeros_like(x))
    logits = model(scene.source[None], scene.target[None, :-1])[0]
    nats = F.cross_entropy(logits, scene.target[1:], reduction="none").detach()
    np.testing.assert_allclose(steps["without_source"].arrays["nats_none"], nats, atol=1e-5)


def test_after_a_mistake_the_rest_is_greedy_again(dates: Run) -> None:
    scene = Scene.of(Asked((dates,)))
    place, ids = scene.mistaken
    assert torch.equal(ids[: place + 1], scene.target[: place + 1])
    assert ids[place + 1] not in (scene.target[place + 1], scene.model.specials.eos)
    logits = scene.model(scene.source[None], ids[None, :-1])[0]
    assert torch.equal(logits[place + 1 :].argmax(-1), ids[place + 2 :])


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
    steps = steps_of(run, "acd")
    must_hold(steps)
    text = steps["without_source"].text.text()
    assert "cause" in text and "hardly learned" not in text
    assert question_of(steps["without_source"]).right == 0
    lost = steps["hidden"].arrays["lost_nats"]
    assert lost.sum(0).argmax() == 0
    assert "hardly learned" in steps_of(dates)["without_source"].text.text()


def test_a_map_that_agrees_is_not_called_the_cause() -> None:
    """Equal places of the largest numbers do not show what causes what (Wiegreffe & Pinter 2019)."""
    values = {"row": "a", "column": "b", "most": 1.0, "agreed": 1, "count": 1, "answer": 0}
    heat = Heat("", np.zeros((1, 1)), ("a",), ("b",))
    step = TEXTS.step("hidden", {**values, "heat": heat, "all": True})
    assert "Wiegreffe" in step.reference
    assert "agrees with the intervention" in step.text.text("en")
    assert "concorda com a intervenção" in step.text.text("pt")


@pytest.mark.parametrize(("move", "right"), [(1, 0), (0, 1), (-1, 2)])
def test_how_the_largest_mean_weight_moves(
    dates: Run, monkeypatch: pytest.MonkeyPatch, move: int, right: int
) -> None:
    scene = Scene.of(Asked((dates,)))
    places = 10 + move * np.arange(len(scene.target) - 1)
    cross = np.eye(len(scene.source))[places]
    monkeypatch.setattr(Scene, "cross", property(lambda _: cross[None, None]))
    step = steps_of(dates)["attention_map"]
    assert question_of(step).right == right
    shares = f"right in {100 * (move > 0)}% of the steps and left in {100 * (move < 0)}%"
    assert shares in step.text.text()


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
    log_probs, writes = decode(w, model.config, target[0].numpy(), states)

    def ours() -> torch.Tensor:
        logits: torch.Tensor = model(source, target)[0]
        return logits.double().log_softmax(-1)

    np.testing.assert_allclose(log_probs, ours(), atol=1e-5)
    for name, look in open_translation(model, source[0], target[0]).items():
        np.testing.assert_allclose((reads | writes)[name]["weights"], look.weights(), atol=1e-6)
    across = [part["weights"] for name, part in writes.items() if name.endswith("cross_attention")]
    np.testing.assert_allclose(across, torch.stack(model.attend(source, target))[:, 0], atol=1e-6)
    for name, parameter in model.named_parameters():
        kept = parameter.clone()
        parameter.copy_(-parameter)
        assert not np.allclose(log_probs, ours(), atol=1e-3), name
        parameter.copy_(kept)
