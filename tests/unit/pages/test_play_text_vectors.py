"""What a page computes of vectors besides a model's own layers: the four averages, and neighbours of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from olaria.data.tokenizer import CharTokenizer
from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig, LanguageConfig
from olaria.lessons.gpt.scene import lens
from olaria.lessons.inside import open_language
from olaria.lessons.tokens.scene import cosines
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.nn.averaging import (
    average_by_attention,
    average_by_loops,
    average_by_product,
    average_by_softmax,
)
from olaria.training.inheritance import grow

TOKENIZER = CharTokenizer("abcdefghijklmnopqrstuvw")
SIZE = TOKENIZER.vocab_size
IDS = [3, 1, 4, 1, 5, 9, 2, 6]
BUILT = {
    "average": lambda size: LanguageModel(LanguageConfig(context=9, width=8).on("average"), size),
    "head": lambda size: LanguageModel(LanguageConfig(context=9, width=8).on("head"), size),
    "norm": lambda size: LanguageModel(LanguageConfig(context=9, width=8).on("norm"), size),
    "fast": lambda size: GPT(GPTConfig(context=9, width=16, num_layers=1), size),
    "bigram": lambda size: Bigram(BigramConfig(), size),
}


def built(name: str, size: int = SIZE) -> Any:
    """A model with weights that leave nothing at zero."""
    torch.manual_seed(1)
    model = BUILT[name](size)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["head", "norm", "fast"])
def test_the_four_averages_are_those_of_python(
    text_in_node: Any, text_document: Any, name: str, factor: float
) -> None:
    model = built(name)
    document = text_document(model, TOKENIZER)
    (found,) = text_in_node(["averages", IDS, factor], document=document)
    x = torch.from_numpy(found["input"].copy())[None]
    size = model.config.width // model.config.num_heads
    query, key, value = (part[:size].T for part in model.blocks[0].qkv.weight.chunk(3))
    expected = average_by_attention(x, factor * query, key, value)[0]
    np.testing.assert_allclose(found["attention"]["mean"], expected, atol=1e-5)
    still = {"loops": average_by_loops, "product": average_by_product}
    for way, average in {**still, "softmax": average_by_softmax}.items():
        mean = found[way] if way == "loops" else found[way]["mean"]
        np.testing.assert_allclose(mean, average(x)[0], atol=1e-6)
    for way, matrix in (("query", query), ("key", key), ("value", value)):
        np.testing.assert_array_equal(found["head"][way], matrix)
    for way in ("product", "softmax", "attention"):
        weights = found[way]["weights"]
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
        assert not np.triu(weights, 1).any()


def test_the_head_is_the_models_own_where_nothing_is_added_to_it(
    text_in_node: Any, text_document: Any
) -> None:
    """On the rung of one head, version 4 is what the model computes."""
    document = text_document(built("head"), TOKENIZER)
    found, trace = text_in_node(["averages", IDS, 1], ["call", "trace", IDS], document=document)
    np.testing.assert_allclose(
        found["attention"]["mean"], trace["layers"][0]["attention"], atol=1e-6
    )


def test_a_layer_that_only_averages_has_no_matrices(text_in_node: Any, text_document: Any) -> None:
    found, trace = text_in_node(
        ["averages", IDS, 1],
        ["call", "trace", IDS],
        document=text_document(built("average"), TOKENIZER),
    )
    assert found["head"] is None
    np.testing.assert_allclose(found["loops"], trace["layers"][0]["attention"], atol=1e-6)


@pytest.mark.parametrize("name", ["norm", "bigram"])
def test_neighbours_are_those_of_the_lesson(
    text_in_node: Any, text_document: Any, name: str
) -> None:
    model = built(name)
    table = model.table if name == "bigram" else model.embedding
    table.weight[7] = 0
    is_centred = name == "bigram"
    rows = table.weight - table.weight.mean(1, keepdim=True) * is_centred
    alike = cosines(rows, rows)
    jobs = [["nearest", i, {"count": SIZE, "isCentred": is_centred}] for i in range(SIZE)]
    few = ["nearest", 2, {"count": 2, "among": [1, 2, 5, 9], "isCentred": is_centred}]
    *results, chosen = text_in_node(*jobs, few, document=text_document(model, TOKENIZER))
    for i, found in enumerate(results):
        assert len({row["id"] for row in found}) == SIZE - 1
        expected = [float(alike[i, row["id"]]) for row in found]
        np.testing.assert_allclose([row["cosine"] for row in found], expected, atol=1e-6)
        assert (np.diff(expected) <= 1e-6).all()
    best = sorted((1, 5, 9), key=lambda other: -float(alike[2, other]))
    assert [row["id"] for row in chosen] == best[:2]


@pytest.mark.parametrize("name", ["head", "norm", "fast"])
def test_a_text_that_changes_is_traced_as_one_that_is_read_anew(
    text_in_node: Any, text_document: Any, name: str
) -> None:
    texts = [IDS[:3], IDS, [*IDS[:5], 7, 7], [7, 1]]
    document = text_document(built(name), TOKENIZER)
    for count in range(1, len(texts) + 1):
        traced, trace = text_in_node(
            ["traced", texts[:count]], ["call", "trace", texts[count - 1]], document=document
        )
        for found, expected in zip(traced, trace["layers"], strict=True):
            for part, numbers in found.items():
                assert numbers.shape == expected[part].shape
                np.testing.assert_allclose(numbers, expected[part], atol=1e-6, err_msg=part)


@pytest.mark.parametrize("name", ["bigram", "norm", "fast"])
def test_a_text_that_changes_has_the_logits_of_one_that_is_read_anew(
    text_in_node: Any, text_document: Any, name: str
) -> None:
    """Whatever of it had been read before, and in however many spells; then one token more."""
    texts = [IDS[:3], IDS, [*IDS[:5], 7, 7], [7, 1], [*IDS, *IDS]]
    model = built(name)
    document = text_document(model, TOKENIZER)
    for count in range(1, len(texts) + 1):
        (read,) = text_in_node(["read", texts[:count], 4], document=document)
        text = texts[count - 1][-model.context :]
        expected = [model(torch.tensor([text]))[0, -1]]
        if len(text) < model.context:
            expected.append(model(torch.tensor([[*text, 4]]))[0, -1])
        for found, logits in zip(read, expected, strict=False):
            np.testing.assert_allclose(found, logits, atol=1e-4)


@pytest.mark.parametrize("name", ["head", "norm", "fast"])
def test_the_stream_and_a_text_are_measured_as_in_python(
    text_in_node: Any, text_document: Any, name: str
) -> None:
    model, ids = built(name), torch.tensor(IDS)
    stages, nats = text_in_node(
        ["lens", IDS, 4], ["nats", IDS], document=text_document(model, TOKENIZER)
    )
    log_p = model(ids[None])[0].log_softmax(-1)
    assert nats == pytest.approx(
        -log_p[torch.arange(len(IDS) - 1), ids[1:]].mean().item(), rel=1e-5
    )
    streams = open_language(model, ids).streams
    assert len(stages) == len(streams)
    for stage, stream in zip(stages, streams, strict=True):
        assert stage["length"] == pytest.approx(stream[4].square().mean().sqrt().item(), rel=1e-5)
        p = lens(model, stream)[4].softmax(-1)
        np.testing.assert_allclose(stage["probabilities"], p, atol=1e-6)


@pytest.mark.parametrize("name", ["norm", "fast", "bigram"])
def test_a_base_gets_rows_for_new_tokens_as_in_python(
    text_in_node: Any, text_document: Any, name: str
) -> None:
    base, tuned = built(name), built(name, SIZE + 3)
    more = CharTokenizer("abcdefghijklmnopqrstuvwxyz")
    ids = [SIZE + 2] if name == "bigram" else [*IDS, SIZE + 2]  # a bigram reads one token
    (logits,) = text_in_node(
        ["before", text_document(tuned, more), ids], document=text_document(base, TOKENIZER)
    )
    state, shapes = base.state_dict(), tuned.state_dict()
    tuned.load_state_dict({name: grow(state[name], w.shape) for name, w in shapes.items()})
    expected = tuned(torch.tensor([ids])).flatten()
    np.testing.assert_allclose(logits, expected, atol=1e-5)
