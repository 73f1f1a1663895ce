"""An encoder–decoder in a page translates as Python does, and shows the same attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import olaria.models.translation
from olaria.data.tokenizer import CharTokenizer
from olaria.export.play import play
from olaria.families.translation import TranslationConfig
from olaria.models.translation import Translation
from olaria.sampling.translation import DecodingConfig, greedy, translate

TOLERANCE = 1e-4
TOKENIZER = CharTokenizer("abcdefghijklmnopqrstuvw")
SIZE = TOKENIZER.vocab_size
SOURCE = [3, 1, 4, 1, 5, 9, 2]
TARGET = [2, 7, 18, 2, 8, 1, 8, 2, 8, 4]


@pytest.fixture(scope="module")
def model() -> Translation:
    """With weights that leave nothing at zero."""
    torch.manual_seed(4)
    config = TranslationConfig(context=18, width=24, num_layers=2, num_heads=3)
    built = Translation(config, SIZE)
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.3)
    return built.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def document(model: Translation, text_document: Any) -> Any:
    """What a page opens."""
    return text_document(model, TOKENIZER)


def close(found: Any, expected: Tensor) -> None:
    """The same shape and, to the tolerance, the same numbers."""
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


def batches(model: Translation) -> tuple[Tensor, Tensor]:
    """The source with its end, (1, S), and the target behind its beginning, (1, T)."""
    source = model.specials.sources([torch.tensor(SOURCE)])
    return source, model.specials.targets([torch.tensor(TARGET)])[:, :-1]


def test_logits_and_cross_attention_are_the_models(
    text_in_node: Any, model: Translation, document: Any
) -> None:
    logits, trace = text_in_node(
        ["call", "logits", SOURCE, TARGET], ["call", "trace", SOURCE, TARGET], document=document
    )
    source, target = batches(model)
    expected = model(source, target)[0]
    close(trace["logits"], expected)
    close(logits, expected[-1])
    assert (trace["source"], trace["target"]) == (source[0].tolist(), target[0].tolist())
    for block, weights in zip(trace["decoder"], model.attend(source, target), strict=True):
        close(block["crossAttention"]["weights"], weights[0])


def test_every_part_of_a_trace_is_the_models(
    text_in_node: Any, model: Translation, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both stacks: each attention's queries, keys, values, scores and weights, and what enters the stream."""
    (trace,) = text_in_node(["call", "trace", SOURCE, TARGET], document=document)
    attend = olaria.models.translation.attention
    attentions, written, streams = [], [], []

    def recorded(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float) -> Tensor:
        heads = attend(q, k, v, mask, scale)
        scores = (q @ k.mT * scale + mask)[0]
        parts = {"queries": q[0], "keys": k[0], "values": v[0], "heads": heads[0]}
        attentions.append({**parts, "scores": scores, "weights": scores.softmax(-1)})
        return heads

    monkeypatch.setattr(olaria.models.translation, "attention", recorded)
    for name, module in model.named_modules():
        if name.endswith(".out"):
            keep = lambda module, inputs, output: written.append(output[0])
        elif name.endswith(".feed_forward"):
            keep = lambda module, inputs, output: streams.append(output[0])
        elif name.endswith(".feed_out"):
            keep = lambda module, inputs, output: streams.append(inputs[0][0])
        else:
            continue
        monkeypatch.setitem(module._forward_hooks, 0, keep)
    source, target = batches(model)
    model(source, target)
    blocks = [*trace["encoder"], *trace["decoder"]]
    sublayers = [
        part
        for block in blocks
        for part in (block["selfAttention"], block["crossAttention"])
        if part is not None
    ]
    assert len(sublayers) == len(attentions) == len(written) == 6
    for found, attention, output in zip(sublayers, attentions, written, strict=True):
        for part, value in attention.items():
            close(found[part], value)
        close(found["output"], output)
    fed = iter(streams)
    for block in blocks:
        close(block["hidden"], next(fed))
        close(block["feedForward"], next(fed))
    for side, tokens in (("source", source), ("target", target)):
        stream = model._embedded(tokens, 0)[0]
        close(trace["embedding"][side], stream)
        stack = trace["encoder" if side == "source" else "decoder"]
        for block in stack:
            added = block["selfAttention"]["output"] + block["feedForward"]
            if block["crossAttention"] is not None:
                added = added + block["crossAttention"]["output"]
            stream = stream + torch.from_numpy(added)
            close(block["stream"], stream)


def test_greedy_translations_are_those_of_python(
    text_in_node: Any, model: Translation, document: Any
) -> None:
    """500 tokens over many sources, with the attention with which each was written."""
    draw = torch.Generator().manual_seed(0)
    sources = [
        torch.randint(SIZE, (int(torch.randint(1, 18, (), generator=draw)),), generator=draw)
        for _ in range(30)
    ]
    results = text_in_node(*(["drawn", row.tolist(), {}] for row in sources), document=document)
    num_written = 0
    for row, drawn in zip(sources, results, strict=True):
        source = model.specials.sources([row])
        expected = greedy(model, source)[0].tolist()
        assert [step["id"] for step in drawn] == expected
        num_written += len(expected)
        target = torch.tensor([[model.specials.bos, *expected]])[:, :-1]
        logits = model(source, target)[0]
        close(np.stack([step["logits"] for step in drawn]), logits)
        close(np.stack([step["probabilities"] for step in drawn]), logits.softmax(-1))
        for layer, weights in enumerate(model.attend(source, target)):
            found = np.concatenate([step["weights"][layer] for step in drawn], 1)
            close(found, weights[0])
        assert [step["isEnd"] for step in drawn] == [i == model.specials.eos for i in expected]
    assert num_written >= 500


def test_a_trained_run_translates_dates_as_python_does(tiny_run: Any, text_in_node: Any) -> None:
    run = tiny_run("dates", steps=2)
    document, tokenizer = play(run), run.tokenizer()
    texts = ["3 de maio de 1998", "12/10/2024"]
    rows = [tokenizer.encode(text, "skip").tolist() for text in texts]
    results = text_in_node(*(["drawn", row, {}] for row in rows), document=document)
    expected = translate(run.model(), tokenizer, texts, DecodingConfig(beam=1), "skip")
    for drawn, text in zip(results, expected, strict=True):
        ids = [step["id"] for step in drawn if not step["isEnd"]]
        assert tokenizer.decode(ids) == text


def test_more_than_the_context_is_refused(text_in_node: Any, document: Any) -> None:
    with pytest.raises(AssertionError, match="more than the context of 18"):
        text_in_node(["call", "logits", [1] * 19, []], document=document)
