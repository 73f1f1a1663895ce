"""A page draws by the rules of sampling that Python has, and writes the text that Python writes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from olaria.data.tokenizer import CharTokenizer
from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig, LanguageConfig
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.sampling.autoregressive import (
    SamplingConfig,
    filter_logits,
    generate,
    penalize_repetition,
)
from olaria.sampling.readers import reader_for

NUM_WRITTEN = 500
TOKENIZER = CharTokenizer("abcdefghijklmnopqrstuvwxyz .,;!?")
SIZE = TOKENIZER.vocab_size
TIE = 1e-4
"""Logits nearer than this may change places between Python and the page."""

BUILT = {
    "bigram": lambda: Bigram(BigramConfig(), SIZE),
    "average": lambda: LanguageModel(LanguageConfig(context=24, width=16).on("average"), SIZE),
    "norm": lambda: LanguageModel(LanguageConfig(context=24, width=16).on("norm"), SIZE),
    "gpt": lambda: LanguageModel(LanguageConfig(context=25, width=16, num_layers=2), SIZE),
    "fast": lambda: GPT(GPTConfig(context=32, width=16, num_layers=2), SIZE),
    "local": lambda: GPT(GPTConfig(context=64, width=16, num_layers=2, chunk=4), SIZE),
    "uneven": lambda: GPT(GPTConfig(context=37, width=16, num_layers=1, chunk=5), SIZE),
}


def built(name: str) -> Any:
    """A model with weights that leave nothing at zero."""
    torch.manual_seed(3)
    model = BUILT[name]()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_texts_are_those_of_python(
    text_in_node: Any, text_document: Any, penalty: float
) -> None:
    """A prompt longer than the context, and a text that outgrows it again and again."""
    models = {name: built(name) for name in BUILT}
    prompt = [(7 * i) % SIZE for i in range(41)]
    results = text_in_node(
        [
            "generate",
            prompt,
            {"greedy": True, "maxTokens": NUM_WRITTEN, "repetitionPenalty": penalty},
        ],
        documents=[text_document(model, TOKENIZER) for model in models.values()],
    )
    config = SamplingConfig(max_tokens=NUM_WRITTEN, top_k=1, repetition_penalty=penalty)
    num_equal = 0
    for (name, model), (found,) in zip(models.items(), results, strict=True):
        assert len(found["ids"]) == NUM_WRITTEN
        written = generate(model, torch.tensor([prompt]), config, Generator())
        expected = torch.cat(list(written)).tolist()
        if found["ids"] == expected:
            num_equal += 1
        else:
            check_tie(model, prompt, found["ids"], expected, penalty)
        if name != "bigram":
            assert found["slid"] == slides(model.context, len(prompt)), name
    assert num_equal >= 5
    assert max(len({*found["ids"]}) for (found,) in results) > 8  # not all are loops of few tokens


def check_tie(
    model: Any, prompt: list[int], ids: list[int], expected: list[int], penalty: float
) -> None:
    """Where two texts part, both tokens are as likely but for rounding; what follows is not compared."""
    place = next(i for i, (a, b) in enumerate(zip(ids, expected, strict=True)) if a != b)
    reader, text = reader_for(model), torch.tensor([prompt + ids[:place]])
    logits = reader.read(text[:, : len(prompt)])
    for token in ids[:place]:
        logits = reader.read(torch.tensor([[token]]))
    logits = penalize_repetition(logits, text[:, -model.context :], penalty)[0]
    assert abs(float(logits[ids[place]] - logits[expected[place]])) < TIE


def slides(context: int, length: int) -> list[int]:
    """The steps whose window began anew: the prompt's where it is too long, then each time the context is full."""
    places, window = ([0], context) if length > context else ([], length)
    for step in range(1, NUM_WRITTEN):
        window += 1
        if window > context:
            places, window = [*places, step], max(1, context // 2)
    return places


def test_each_step_has_the_logits_of_python(text_in_node: Any, text_document: Any) -> None:
    """Through the cache, before and after the window slides."""
    models = [built(name) for name in BUILT]
    results = text_in_node(
        ["drawn", [1, 2, 3], {"seed": 5, "maxTokens": 80}],
        documents=[text_document(model, TOKENIZER) for model in models],
    )
    for model, (drawn,) in zip(models, results, strict=True):
        reader, new = reader_for(model), [1, 2, 3]
        for step in drawn:
            logits = reader.read(torch.tensor([new]))[0]
            np.testing.assert_allclose(step["logits"], logits, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(step["probabilities"], logits.softmax(0), atol=1e-5)
            new = [step["id"]]


def test_an_empty_prompt_and_a_foreign_token_are_refused(
    text_in_node: Any, text_document: Any
) -> None:
    document = text_document(built("fast"), TOKENIZER)
    calls = [["call", name, tokens] for name in ("logits", "trace") for tokens in ([], [SIZE])]
    for job in [["generate", [], {}], *calls]:
        with pytest.raises(AssertionError, match="RangeError"):
            text_in_node(job, document=document)


# -- the rules ----------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.5},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 500},
    {"top_p": 0.05},
    {"top_p": 0.5},
    {"top_p": 0.95},
    {"top_p": 1.0},
    {"min_p": 0.0},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"repetition_penalty": 1.5},
    {"repetition_penalty": 0.7},
    {"temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.2},
    {"temperature": 1.7, "top_k": 12, "top_p": 0.6, "min_p": 0.2, "repetition_penalty": 1.1},
]


def in_page(options: dict[str, Any]) -> dict[str, Any]:
    """The same settings by their names in the page."""
    names = {"top_k": "topK", "top_p": "topP", "min_p": "minP"}
    names["repetition_penalty"] = "repetitionPenalty"
    return {names.get(name, name): value for name, value in options.items()}


def encoded(values: Tensor) -> str:
    """Base64 of float32."""
    return base64.b64encode(values.float().numpy().tobytes()).decode()


@pytest.mark.parametrize("spread", [0.3, 3.0, 20.0])
def test_filters_leave_what_python_leaves(text_in_node: Any, spread: float) -> None:
    draw = Generator().manual_seed(11)
    rows, expected = [], []
    for options in OPTIONS:
        for _ in range(20):
            logits = torch.randn(60, generator=draw) * spread
            text = torch.randint(60, (1, 15), generator=draw)
            rows.append(
                {"logits": encoded(logits), "text": text[0].tolist(), "options": in_page(options)}
            )
            config = SamplingConfig(**options)
            penalized = penalize_repetition(logits[None], text, config.repetition_penalty)
            expected.append(filter_logits(penalized, config).softmax(-1)[0])
    (results,) = text_in_node(["probabilities", rows])
    for row, found, probabilities in zip(rows, results, expected, strict=True):
        assert ((found > 0) == (probabilities > 0).numpy()).all(), row["options"]
        np.testing.assert_allclose(found, probabilities, atol=1e-6)


def test_of_equal_logits_the_first_stay(text_in_node: Any) -> None:
    rows = [
        {"logits": encoded(torch.zeros(6)), "text": [], "options": options}
        for options in ({"topK": 2}, {"topP": 0.45}, {"minP": 1})
    ]
    (results,) = text_in_node(["probabilities", rows])
    assert [(found > 0).tolist() for found in results] == [
        [True] * 2 + [False] * 4,
        [True] * 3 + [False] * 3,
        [True] * 6,
    ]


def test_a_uniform_number_chooses_by_the_cumulative_probability(text_in_node: Any) -> None:
    """Each token at its share of [0, 1): so are draws from Python's probabilities distributed, too."""
    draw = Generator().manual_seed(1)
    logits = torch.randn(1, 30, generator=draw)
    probabilities = filter_logits(logits, SamplingConfig(top_k=12, temperature=2.0)).softmax(-1)[0]
    uniforms = [*torch.rand(500, generator=draw, dtype=torch.float64).tolist(), 0.0, 1 - 2**-32]
    (chosen,) = text_in_node(["choose", encoded(probabilities), uniforms])
    bounds = probabilities.double().cumsum(0).numpy()
    expected = np.searchsorted(bounds / bounds[-1], uniforms, side="right")
    assert chosen == expected.tolist()
    assert all(probabilities[token] > 0 for token in chosen)


def test_draws_follow_their_probabilities_and_their_seed(
    text_in_node: Any, text_document: Any
) -> None:
    model = built("bigram")
    options = {"temperature": 1.5, "topP": 0.9, "maxTokens": 20_000}
    first, again, other = text_in_node(
        ["generate", [0], {**options, "seed": 1}],
        ["generate", [0], {**options, "seed": 1}],
        ["generate", [0], {**options, "seed": 2}],
        document=text_document(model, TOKENIZER),
    )
    assert first == again != other
    ids = np.array([0, *first["ids"]])
    counts = np.zeros((SIZE, SIZE))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    config = SamplingConfig(temperature=1.5, top_p=0.9)
    rows = filter_logits(model.table.weight, config).softmax(-1).double().numpy()
    expected = counts.sum(1, keepdims=True) * rows
    assert counts[expected == 0].sum() == 0
    likely = expected >= 5
    chi2 = ((counts - expected)[likely] ** 2 / expected[likely]).sum()
    freedom = likely.sum() - (likely.sum(1) > 0).sum()
    assert abs(chi2 - freedom) < 5 * (2 * freedom) ** 0.5


def test_uniform_numbers_repeat_and_fill_their_range(text_in_node: Any) -> None:
    """The first are those of sfc32 as its author wrote it, computed here in Python."""
    seeds = [0, 1, 2**32 + 5, 123456789]
    results = text_in_node(*(["uniforms", seed, 4000] for seed in seeds))
    for seed, found in zip(seeds, results, strict=True):
        assert found[:50] == sfc32(seed, 50)
        shares = np.histogram(found, 10, (0, 1))[0] / len(found)
        assert abs(shares - 0.1).max() < 0.025
    assert len({tuple(found[:3]) for found in results}) == len(seeds)


def sfc32(seed: int, count: int) -> list[float]:
    """Numbers of the generator, by its definition on 32-bit words."""
    a, b, c, counter, word = seed % 2**32, seed // 2**32 % 2**32, 0, 1, 2**32 - 1
    numbers = []
    for _ in range(12 + count):
        drawn = (a + b + counter) & word
        counter = (counter + 1) & word
        a = b ^ b >> 9
        b = (c + (c << 3)) & word
        c = ((c << 21 | c >> 11) + drawn) & word
        numbers.append(drawn / 2**32)
    return numbers[12:]
