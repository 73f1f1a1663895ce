"""Every model of text computes in a page what it computes in Python, part by part."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import olaria.models.gpt
import olaria.models.language
from olaria.data.tokenizer import CharTokenizer, fit_tokenizer
from olaria.export.play import play
from olaria.families.gpt import GPTConfig
from olaria.families.language import RUNGS, BigramConfig, LanguageConfig
from olaria.families.translation import TranslationConfig
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.models.translation import Translation
from olaria.nn.averaging import average_by_softmax
from olaria.nn.lora import add_adapters

TOLERANCE = 1e-4
TOKENIZER = CharTokenizer("abcdefghijklmnopqrstuvw")
SIZE = TOKENIZER.vocab_size
TOP = LanguageConfig(context=20, width=12, num_layers=2, num_heads=3)
SMALL = {"context": 20, "width": 16, "num_layers": 2, "num_heads": 2}
IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]

BUILT = {
    "bigram": lambda: Bigram(BigramConfig(), SIZE),
    **{rung: lambda rung=rung: LanguageModel(TOP.on(rung), SIZE) for rung in RUNGS},
    "one-head gpt": lambda: LanguageModel(LanguageConfig(context=20, width=7, num_heads=1), SIZE),
    "fast": lambda: GPT(GPTConfig(**SMALL), SIZE),
    "fast, local": lambda: GPT(GPTConfig(**SMALL, chunk=4), SIZE),
    "fast, odd chunk": lambda: GPT(GPTConfig(**SMALL, chunk=3, window=7), SIZE),
    "fast, wide heads": lambda: GPT(GPTConfig(context=20, width=24, num_heads=1), SIZE),
    "translation": lambda: Translation(TranslationConfig(**SMALL), SIZE),
}
CAUSAL = [name for name in BUILT if name not in ("bigram", "translation")]


def built(name: str) -> Any:
    """A model with weights that leave nothing at zero."""
    torch.manual_seed(7)
    model = BUILT[name]()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_page_proves_each_model(text_in_node: Any, text_document: Any, precision: str) -> None:
    documents = [text_document(built(name), TOKENIZER, precision) for name in BUILT]
    results = text_in_node(["prove"], documents=documents)
    for name, document, (proved,) in zip(BUILT, documents, results, strict=True):
        assert proved["holds"] and proved["largest"] < TOLERANCE, (name, proved)
        assert proved["count"] == len(document["proof"]) * (SIZE + (name == "translation"))


def test_a_page_proves_runs(tiny_run: Any, text_in_node: Any) -> None:
    presets = ["bigram-shakespeare", "gpt2-shakespeare", "dates"]
    runs = [tiny_run(preset, steps=2) for preset in [*presets, "gpt-local-shakespeare"]]
    runs.append(tiny_run("gpt-shakespeare", "data.tokenizer=bpe", "data.vocab_size=300", steps=2))
    documents, text = [play(run) for run in runs], "the caç"
    results = text_in_node(["prove"], ["encode", [text]], documents=documents)
    for run, document, (proved, encoded) in zip(runs, documents, results, strict=True):
        assert proved["holds"], (run.name, proved)
        assert document["tokenizer"]["unseen"] == "error"
        assert encoded[0]["ids"] == run.tokenizer().encode(text, "skip").tolist()


def test_adapters_are_merged(text_in_node: Any, text_document: Any) -> None:
    model, plain = built("fast"), built("fast")
    add_adapters(model, 2, ["qkv", "feed_out"], alpha=4.0)
    for name, parameter in model.named_parameters():
        if name.endswith(".b"):
            nn.init.normal_(parameter)
    document = text_document(model.eval(), TOKENIZER)
    (proved,), (logits,) = (
        text_in_node(["prove"], document=document),
        text_in_node(["call", "logits", IDS], document=document),
    )
    assert proved["holds"]
    assert {*document["tensors"]} == {*plain.state_dict()}
    with torch.no_grad():
        tokens = torch.tensor([IDS])
        np.testing.assert_allclose(logits, model(tokens)[0, -1], atol=TOLERANCE)
        assert (plain(tokens)[0, -1] - model(tokens)[0, -1]).abs().max() > 0.1


def test_a_flipped_byte_fails_the_proof(text_in_node: Any, text_document: Any) -> None:
    documents = []
    for name in BUILT:
        document = text_document(built(name), TOKENIZER)
        weights = bytearray(base64.b64decode(document["weights"]))
        weights[len(weights) // 2 + 2] ^= 0x40
        documents.append({**document, "weights": base64.b64encode(weights).decode()})
    for (proved,) in text_in_node(["prove"], documents=documents):
        assert not proved["holds"] and not proved["intact"]


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
def test_a_tokenizer_that_cuts_otherwise_fails_the_proof(
    text_in_node: Any, text_document: Any, kind: Any
) -> None:
    tokenizer = fit_tokenizer(kind, "o coração da maçã, o coração da ação é são: três, três! " * 3)
    model = Bigram(BigramConfig(), tokenizer.vocab_size)
    document = text_document(model, tokenizer)
    proof = document["tokenizer"]["proof"]
    assert len(proof["ids"]) > 20
    ids = [*proof["ids"][:-1], proof["ids"][-1] ^ 1]
    damaged = {**document["tokenizer"], "proof": {**proof, "ids": ids}}
    results = text_in_node(["prove"], documents=[document, {**document, "tokenizer": damaged}])
    assert [proved["holds"] for (proved,) in results] == [True, False]


# -- every part ---------------------------------------------------------------------------------------


@pytest.fixture
def attentions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Tensor]]]:
    """The inputs and weights of every attention that a model computes."""
    seen: list[dict[str, Tensor]] = []
    attend = olaria.models.language.attention

    def recorded(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float) -> Tensor:
        heads = attend(q, k, v, mask, scale)
        scores = q @ k.mT * scale + mask
        parts = {"queries": q, "keys": k, "values": v, "scores": scores, "heads": heads}
        seen.append({**parts, "weights": scores.softmax(-1)})
        return heads

    def averaged(x: Tensor, mask: Tensor) -> Tensor:
        heads = average_by_softmax(x, mask)
        parts = {"values": x, "scores": mask[None], "weights": mask.softmax(-1)[None]}
        seen.append({**{name: part[None] for name, part in parts.items()}, "heads": heads[None]})
        return heads

    monkeypatch.setattr(olaria.models.language, "attention", recorded)
    monkeypatch.setattr(olaria.models.gpt, "attention", recorded)
    monkeypatch.setattr(olaria.models.language, "average_by_softmax", averaged)
    yield seen


def layers_of(model: Any, tokens: Tensor) -> tuple[list[dict[str, Tensor]], Tensor]:
    """What each layer of the model's blocks reads and writes, (T, …) each, and the logits."""
    layers: list[dict[str, Tensor]] = [{} for _ in model.blocks]
    hooks = []
    for layer, block in zip(layers, model.blocks, strict=True):

        def keep(part: str, of: str, layer: dict[str, Tensor] = layer) -> Any:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                layer[part] = (inputs[0] if of == "input" else output)[0]

            return hook

        wanted = [("qkv", "input", "input"), ("attention_out", "attention", "output")]
        wanted += [("feed_in", "feedInput", "input"), ("feed_out", "hidden", "input")]
        for module, part, of in [*wanted, ("feed_out", "feedForward", "output")]:
            if hasattr(block, module):
                hooks.append(getattr(block, module).register_forward_hook(keep(part, of)))
    logits, _ = model.continue_from(tokens, [])
    for hook in hooks:
        hook.remove()
    return layers, logits[0]


def lens(model: Any, stream: Tensor) -> Tensor:
    """What the head reads in a stream (T, C)."""
    if isinstance(model, GPT):
        return model._logits(stream)
    return model.logits(model.norm(stream))


@pytest.fixture(scope="module")
def traces(text_in_node: Any, text_document: Any) -> dict[str, Any]:
    """Of each model, made by a page's modules."""
    documents = [text_document(built(name), TOKENIZER) for name in CAUSAL]
    results = text_in_node(["call", "trace", IDS], documents=documents)
    return {name: trace for name, (trace,) in zip(CAUSAL, results, strict=True)}


@pytest.mark.parametrize("name", CAUSAL)
def test_every_part_of_a_trace_is_the_models(
    traces: dict[str, Any], attentions: list[dict[str, Tensor]], name: str
) -> None:
    model, trace = built(name), traces[name]
    layers, logits = layers_of(model, torch.tensor([IDS]))
    vectors = model.embedding(torch.tensor(IDS))
    stream = vectors
    close(trace["embedding"]["tokens"], vectors)
    if isinstance(model, GPT):
        assert trace["embedding"]["positions"] is None
        stream = olaria.models.gpt.norm(vectors)
    else:
        placed = model.positions.weight[: len(IDS)]
        close(trace["embedding"]["positions"], placed)
        stream = vectors + placed
    close(trace["embedding"]["stream"], stream)
    close(trace["embedding"]["logits"], lens(model, stream))
    adds = isinstance(model, GPT) or model.config.has("residual")
    assert trace["adds"] == adds
    assert len(trace["layers"]) == len(layers)
    for found, layer, attention in zip(trace["layers"], layers, attentions, strict=True):
        parts = {part: value[0] for part, value in attention.items()}
        layer.setdefault("input", stream)
        layer.setdefault("attention", parts["heads"].transpose(0, 1).flatten(1))
        middle = stream + layer["attention"] if adds else layer["attention"]
        written = layer.get("feedForward", None)
        after = middle if written is None else middle + written if adds else written
        stream = after
        parts |= layer | {"middle": middle, "stream": stream, "logits": lens(model, stream)}
        assert {part for part, value in found.items() if value is not None} == {*parts}
        for part, value in parts.items():
            close(found[part], value, part)
    close(trace["logits"], logits)


def close(found: Any, expected: Tensor, name: str = "") -> None:
    """The same shape and, to the tolerance, the same numbers."""
    assert found.shape == tuple(expected.shape), name
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def test_a_bigrams_trace_is_its_rows(text_in_node: Any, text_document: Any) -> None:
    model = built("bigram")
    document = text_document(model, TOKENIZER)
    (trace,) = text_in_node(["call", "trace", IDS], document=document)
    assert (trace["ids"], trace["layers"]) == (IDS[-1:], [])
    close(trace["logits"], model.table.weight[IDS[-1:]])


@pytest.mark.parametrize("name", ["head", "gpt", "fast, local"])
def test_without_queries_attention_is_the_uniform_mean(
    text_in_node: Any, text_document: Any, name: str
) -> None:
    document = text_document(built(name), TOKENIZER)
    none, half = text_in_node(
        ["call", "trace", IDS, {"queries": 0}],
        ["call", "trace", IDS, {"queries": 0.5}],
        document=document,
    )
    for layer in none["layers"]:
        visible = np.isfinite(layer["scores"])
        expected = visible / visible.sum(-1, keepdims=True)
        np.testing.assert_allclose(layer["weights"], expected, atol=1e-6)
    scores, queries, keys = (half["layers"][0][part] for part in ("scores", "queries", "keys"))
    halved = queries @ keys.swapaxes(1, 2) * queries.shape[-1] ** -0.5 / 2
    visible = np.isfinite(scores)
    np.testing.assert_allclose(scores[visible], halved[visible], atol=TOLERANCE)
