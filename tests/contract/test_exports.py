"""Every family and variant as the forms that stand without Olaria: plain PyTorch, and ONNX in onnxruntime."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.data.tokenizer import fit_tokenizer
from olaria.export.onnx_graphs import graphs
from olaria.export.plain.tokenizer import Tokenizer as PlainTokenizer
from olaria.export.standalone import PLAIN, Standalone, standalone, write_tokenizer
from olaria.families import MODELS
from olaria.models.base import Model
from olaria.objectives.flow_matching import LEAST_LEFT
from olaria.objectives.masking import MEAN_PARTS, expected

from .cases import VARIANTS, VOCAB, Case, case_id, pairs, points

PRECISION = 1e-6
LOCAL = [
    Case("gpt", {"chunk": 4}),
    Case("gpt", {"chunk": 8, "context": 32, "num_layers": 1}),
    Case("gan", {"classes": 3}, shape=(1, 28, 28)),
    Case("autoencoder", {"network": "conv"}, shape=(3, 32, 32)),
]
CASES = [*VARIANTS, *LOCAL]
SMALL = {
    "autoencoder": Case("autoencoder"),
    "vae": Case("vae", {"classes": 3, "network": "conv"}),
    "vae_deep": Case("vae", {"classes": 3, "flow": 1, "above": (4,)}),
    "vq": Case("vq"),
    "gan": Case("gan", {"classes": 3, "conditioning": "auxiliary"}),
    "mask": Case("mask"),
    "plane_gan": Case("plane-gan"),
    "image_flow": Case("image-flow", {"classes": 3}),
    "point_flow": Case("point-flow"),
    "latent_flow": Case("latent-flow"),
    "bigram": Case("bigram"),
    "ladder": Case("language", {"rung": "norm", "num_layers": 1}),
    "gpt2": Case("language", {"num_layers": 1}),
    "gpt": Case("gpt", {"num_layers": 1, "chunk": 4}),
    "translation": Case("translation"),
}
QUICK = ("autoencoder", "gpt")
"""Of the graphs, which take seconds to trace; the others are tested with the slow tests."""
TEXT = (
    "a roda do oleiro gira — e o barro, 12  vezes,\n\n vira peça; não é mágica, it's clay 🏺!\t\n"
    * 4
)


def moved(case: Case) -> Model:
    """A model whose weights are all away from their beginnings, some of which are zero."""
    model, draw = case.build(0).eval(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
        statistics: Any = getattr(model, "statistics", None)
        if statistics is not None:
            statistics.measure(torch.rand(20, *case.shape, generator=draw))
        elif case.family == "latent-flow":
            for value in model.buffers():  # the autoencoder's weights, and the units of its codes
                value.add_(0.05 * torch.rand(value.shape, generator=draw))
        elif MODELS[case.family].data == "points":
            model.adapt(points(20))
        elif case.family == "image-flow":
            model.adapt(torch.rand(20, *case.shape, generator=draw), torch.arange(20) % 3)
    return model


def alone_of(case: Case, model: Model) -> Standalone:
    sizes: dict[str, Any] = {"images": case.shape, "points": 2}
    return standalone(model, sizes.get(MODELS[case.family].data, VOCAB))


def gap(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, relative to the largest number or 1."""
    assert found.shape == wanted.shape
    largest = wanted.double().abs().max().clamp_min(1.0)
    return float((found.double() - wanted.double()).abs().max() / largest)


def compared(case: Case, model: Any, plain: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Everything that both compute: the file's, then Olaria's."""
    draw = torch.Generator().manual_seed(2)
    classes = getattr(model, "classes", 0)
    y = torch.arange(5) % classes if classes else None
    kind = MODELS[case.family].data
    if kind == "pairs":
        sources, targets = pairs(5)
        source, target = model.specials.sources(sources), model.specials.targets(targets)
        yield plain(source, target), model(source, target)
        written = plain.translate(sources[0].tolist())
        answer, _ = model.decode(
            torch.tensor([[plain.begin, *written]]),
            model.encode(source[:1, : len(sources[0]) + 1]),
            [],
        )
        ids = (
            [*written, plain.end]
            if len(written) < plain.context
            else [*written, int(answer[0, -1].argmax())]
        )
        yield torch.tensor(ids), answer[0].argmax(-1)
    elif kind == "text":
        tokens = torch.randint(0, VOCAB, (3, model.context), generator=draw)
        yield plain(tokens), model(tokens)
        assert plain.generate(tokens[:, :1], 2 * model.context + 3).shape == (
            3,
            2 * model.context + 4,
        )
        if hasattr(plain, "extend"):
            half = model.context // 2
            more = (half,) if case.family == "gpt" else ()
            _, cache = plain.extend(tokens[:, :half], None, *(0 for _ in more))
            yield plain.extend(tokens[:, half:], cache, *more)[0], model(tokens)[:, half:]
    elif case.family in ("gan", "plane-gan"):
        z, conditions = torch.randn(5, model.latent, generator=draw), () if y is None else (y,)
        x = model.generator(z, *conditions)
        yield plain.generate(z, *conditions), x
        yield plain.discriminate(x, *conditions), model.discriminate(x, y)
        if classes and model.config.conditioning == "auxiliary":
            features = model.discriminator.describe(2 * x - 1)
            yield plain.classify(x), model.class_rows(features)
    elif case.family == "image-flow":
        z, t = torch.randn(5, model.latent, generator=draw), torch.rand(5, generator=draw)
        # A prediction of noise is divided by as little as 0.05, and so is its rounding.
        part = LEAST_LEFT if model.config.prediction == "noise" else 1.0
        yield part * plain.generate(z, y), part * model.images(z, y)
        size = math.prod(case.shape)
        x = z[:, :size].view(5, *case.shape)
        yield plain.velocity(x, t, y), model.velocity(x, t, y)
        if classes:
            yield plain.velocity(x, t), model.velocity(x, t)
        weight = 3.0 if classes else 1.0
        model.sampler = replace(model.sampler, steps=2, solver="euler", guidance=weight)
        z = z[:, : model.sampler.draws * size]
        yield part * plain.generate(z, y, 2, "euler", weight), part * model.images(z, y)
    elif case.family == "latent-flow":
        z, t = torch.randn(5, model.latent, generator=draw), torch.rand(5, generator=draw)
        yield plain.generate(z), model.images(z)
        yield plain.velocity(z, t), model.velocity(z, t)
        yield plain.decode(z), model.autoencoder.images(z)
    elif case.family == "point-flow":
        z, t = torch.randn(5, model.latent, generator=draw), torch.rand(5, generator=draw)
        yield plain.generate(z), model.points(z)
        yield plain.velocity(z, t), model.velocity(z, t)
    elif case.family == "mask":
        x = torch.rand(5, *case.shape, generator=draw).round()
        is_hidden = torch.rand(x.shape, generator=draw) < 0.5
        yield plain.logits(x, is_hidden), model.logits(x, is_hidden)
        images, ranks = model.drawn(torch.randn(3, model.latent, generator=draw))
        yield plain.means(images, ranks), expected(model.logits, images, ranks, MEAN_PARTS)
        drawn, ranks = plain.draw(2)
        assert ranks.flatten(1).sort(1).values.tolist() == [[*range(drawn[0].numel())]] * 2
        assert drawn.shape == (2, *case.shape) and set(drawn.unique().tolist()) <= {0.0, 1.0}
    else:
        x = torch.rand(5, *case.shape, generator=draw)
        if case.family == "vq":
            yield plain.encode(x), model.encode(x)
            yield plain.decode(model.encode(x)), model.reconstruct(x)
            return
        z = model.codes(x, y)
        if case.family == "vae":
            yield plain.code(x, y), z
            yield torch.cat(plain.encode(x), 1), torch.cat(model.posterior(x), 1)
            yield plain.decode(z, y), model.images(z, y)
        else:
            yield plain.encode(x), z
            yield plain.decode(z), model.decode(z)


@pytest.mark.parametrize("case", CASES, ids=case_id)
@torch.no_grad()
def test_the_plain_file_computes_what_the_model_computes(case: Case) -> None:
    model = moved(case)
    plain = alone_of(case, model).build()
    gaps = [gap(found, wanted) for found, wanted in compared(case, model, plain)]
    assert gaps and max(gaps) <= PRECISION


def test_every_plain_file_is_of_a_tested_variant() -> None:
    files = {path.stem for path in PLAIN.glob("*.py")} - {"__init__", "tokenizer"}
    tested = {alone_of(case, case.build()).name for case in CASES}
    assert files == tested == set(SMALL)


@pytest.mark.parametrize("path", sorted(PLAIN.glob("*.py")), ids=lambda path: path.stem)
def test_plain_files_import_nothing_of_ours(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not [
        line for line in text.splitlines() if line.startswith(("import olaria", "from olaria"))
    ]
    assert len(text.splitlines()) <= 260


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
def test_the_plain_tokenizer_cuts_as_ours_does(kind: Any, tmp_path: Path) -> None:
    ours = fit_tokenizer(kind, TEXT, 300 if kind == "bpe" else None)
    write_tokenizer(ours, tmp_path)
    plain = PlainTokenizer(tmp_path)
    assert plain.encode(TEXT) == ours.encode(TEXT).tolist()
    assert plain.decode(plain.encode(TEXT)) == TEXT


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SMALL],
)
@torch.no_grad()
def test_onnxruntime_computes_what_pytorch_computes(name: str, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    import onnxruntime

    from olaria.export.onnx_folder import TOLERANCE, _quiet, _trace

    case = SMALL[name]
    alone = alone_of(case, moved(case))
    plain = alone.build()
    with _quiet():
        for graph in graphs(alone.name, plain, alone.config):
            path = tmp_path / f"{graph.name}.onnx"
            _trace(graph, path)
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            # Free sizes are free: of one, and of none in a cache.
            for batch, past in ((2, 5), (1, 0), (3, 1)):
                inputs = [
                    resized(one.example, one.free, batch, past, one.name) for one in graph.inputs
                ]
                wanted = graph.call(*inputs)
                wanted = wanted if isinstance(wanted, tuple) else (wanted,)
                feed = {one.name: x.numpy() for one, x in zip(graph.inputs, inputs, strict=True)}
                for found, expected in zip(session.run(None, feed), wanted, strict=True):
                    assert gap(torch.from_numpy(found), expected) <= TOLERANCE


def resized(x: Tensor, free: Any, batch: int, past: int, name: str) -> Tensor:
    """An example with other free sizes."""
    if name == "start":
        return torch.tensor(past)
    sizes = {"batch": batch, "past": past}
    for dim, word in free.items():
        if word in sizes:
            x = torch.cat([x] * 3, dim).narrow(dim, 0, sizes[word])
    return x.contiguous()
