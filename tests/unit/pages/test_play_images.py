"""Models of images in a page: what JavaScript computes is what PyTorch computes, and damage is found."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.errors import ConfigError, RunError
from olaria.export.play import play
from olaria.export.play_images import DECODED
from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import ImageModel

Node = Callable[..., list[Any]]
Document = Callable[..., dict[str, Any]]
TOLERANCE = 1e-4

FLOW: dict[str, Any] = {"latent": 5, "flow": 3}
VARIANTS: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    ("autoencoder", {"hidden": (16, 12), "activation": "gelu"}, (1, 8, 8)),
    ("autoencoder", {"hidden": (), "output": "linear"}, (3, 5, 7)),
    ("autoencoder", {"hidden": (16,), "activation": "silu"}, (1, 8, 8)),
    ("autoencoder", {"network": "conv"}, (1, 28, 28)),
    ("autoencoder", {"network": "conv", "output": "linear"}, (3, 24, 10)),
    ("vae", {"hidden": (16,), "activation": "relu", "latent": 2}, (1, 28, 28)),
    ("vae", {"network": "conv"}, (3, 32, 32)),
    ("vae", {"network": "conv", "classes": 4, **FLOW}, (1, 9, 15)),
    ("vae", {**FLOW, "likelihood": "logistic"}, (1, 8, 8)),
    ("vae", {**FLOW, "classes": 3}, (1, 8, 8)),
    ("vae", {"likelihood": "gaussian", "scale": 0.1, "classes": 10}, (3, 4, 4)),
    ("vae", {"above": (3, 2), "hidden": (16, 12)}, (1, 8, 8)),
    ("vae", {"above": (4,), "classes": 3, **FLOW}, (1, 8, 8)),
    ("vq", {"codes": 16, "latent": 3}, (1, 8, 12)),
    ("vq", {"likelihood": "logistic"}, (3, 16, 16)),
    ("gan", {}, (1, 28, 28)),
    ("gan", {"generator_depth": 2, "discriminator_depth": 2, "slope": 0.1}, (3, 20, 12)),
    ("gan", {"generator_depth": 0, "spectral": False, "discriminator_depth": 0}, (1, 15, 9)),
    ("gan", {"classes": 10}, (1, 8, 8)),
    ("gan", {"classes": 3, "conditioning": "auxiliary", "augment": "adaptive"}, (3, 16, 16)),
]
IDS = [f"{family}-{'-'.join(map(str, settings.values()))}" for family, settings, _ in VARIANTS]


def disturbed(family: str, settings: dict[str, Any], shape: Any) -> Any:
    """A tiny model, no part of which is zero or the identity."""
    draws = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = build(MODELS[family].sizes["tiny"].with_values(settings), shape)
    if isinstance(model, ImageModel):
        model.adapt(torch.rand(64, *shape, generator=draws), torch.arange(64) % 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def models() -> list[Any]:
    """One of each variant."""
    return [disturbed(*variant) for variant in VARIANTS]


@pytest.fixture(scope="module", params=["float32", "float16", "int8"])
def proved(request: Any, models: list[Any], played: Document, images_in_node: Node) -> list[Any]:
    """The proof of each variant, in both number formats."""
    documents = [
        played(model, shape, request.param)
        for model, (_, _, shape) in zip(models, VARIANTS, strict=True)
    ]
    return images_in_node(*({"job": "prove", "document": document} for document in documents))


@pytest.mark.parametrize("index", range(len(VARIANTS)), ids=IDS)
def test_what_python_recorded_is_computed_again(proved: list[Any], index: int) -> None:
    found = proved[index]
    assert found.get("error") is None
    assert found["holds"] and found["count"] > 100
    assert found["largest"] < TOLERANCE


def test_a_decoder_alone_decodes_and_does_nothing_else(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    """Autoencoders and VAEs without their encoders, GANs without their discriminators; others stay whole."""
    jobs, expected = [], []
    for model, (family, _, shape) in zip(models, VARIANTS, strict=True):
        whole, part = played(model, shape), played(model, shape, only_decodes=True)
        if family not in DECODED:
            assert part == whole and whole["encodes"]
            continue
        assert len(part["weights"]) < len(whole["weights"]) and not part["encodes"]
        z = torch.randn(model.latent)
        y = [0] if model.classes else []
        draw, read = ("generate", "judge") if family == "gan" else ("decode", "encode")
        expected.append(model.images(z[None], torch.tensor(y) if y else None).flatten())
        jobs += [
            {"job": "prove", "document": part},
            {"job": "call", "document": part, "calls": [[draw, z.tolist(), *y]]},
            {"job": "call", "document": part, "calls": [[read, [0.0] * expected[-1].numel()]]},
        ]
    found = images_in_node(*jobs)
    for proof, (pixels,), refused, image in zip(
        found[::3], found[1::3], found[2::3], expected, strict=True
    ):
        assert proof["holds"] and proof["largest"] < TOLERANCE
        torch.testing.assert_close(torch.tensor(pixels), image, atol=TOLERANCE, rtol=0)
        assert "not a function" in refused["error"]


def test_whole_models_agree_beyond_the_proof(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    """Other latent vectors and images than those of the documents, and every class."""
    jobs, expected = [], []
    for model, (_, _, shape) in zip(models, VARIANTS, strict=True):
        z = 2 * torch.randn(6, model.latent)
        labels = torch.arange(6) % model.classes if model.classes else None
        named = [[int(y)] for y in labels] if labels is not None else [[]] * 6
        name = "generate" if model.family == "gan" else "decode"
        calls = [[name, row.tolist(), *y] for row, y in zip(z, named, strict=True)]
        pixels = model.images(z, labels)
        if model.encodes:
            part = "code" if model.family == "vae" else "mean"
            calls += [
                ["encode", x.flatten().tolist(), *y] for x, y in zip(pixels, named, strict=True)
            ]
            expected.append((pixels, model.codes(pixels, labels), part))
        else:
            calls += [
                ["judge", x.flatten().tolist(), *y] for x, y in zip(pixels, named, strict=True)
            ]
            expected.append((pixels, model.discriminate(pixels, labels), None))
        jobs.append({"job": "call", "document": played(model, shape), "calls": calls})
    for found, (pixels, codes, part) in zip(images_in_node(*jobs), expected, strict=True):
        drawn, read = torch.tensor(found[:6]), found[6:]
        torch.testing.assert_close(drawn, pixels.flatten(1), atol=TOLERANCE, rtol=0)
        values = torch.tensor([row if part is None else row[part] for row in read])
        torch.testing.assert_close(values, codes, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("preset", ["vae-flow-mnist", "cgan-mnist", "cflow-mnist"])
def test_runs_prove_themselves(tiny_run: Any, images_in_node: Node, preset: str) -> None:
    document = play(tiny_run(preset))
    (found,) = images_in_node({"job": "prove", "document": document})
    assert found["holds"]
    assert document["precision"] == "float32" and document["training"]["steps"] == 30


def with_bytes_changed(document: dict[str, Any], place: int, bit: int) -> dict[str, Any]:
    raw = bytearray(base64.b64decode(document["weights"]))
    raw[place] ^= 1 << bit
    return {**document, "weights": base64.b64encode(raw).decode()}


def test_one_changed_bit_is_found(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    document = played(models[0], VARIANTS[0][2])
    size = len(base64.b64decode(document["weights"]))
    cases = [(0, 0), (3, 7), (size // 2, 0), (size - 4, 0), (size - 1, 6)]
    damaged = [with_bytes_changed(document, *case) for case in cases]
    for found in images_in_node(*({"job": "prove", "document": each} for each in damaged)):
        assert not found["holds"] and not found["intact"]


def test_wrong_numbers_fail_though_the_weights_are_intact(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    document = played(models[0], VARIANTS[0][2])
    first, *others = document["proof"]
    wrong = torch.tensor([2 * v for v in first["inputs"]["z"]]).tolist()
    cases = [
        {"proof": [{**first, "inputs": {"z": wrong}}, *others]},
        {"proof": [{**first, "call": "constructor"}]},
        {"proof": [{**first, "output": {"shape": [1], "values": ""}}]},
        {"proof": []},
    ]
    jobs = [{"job": "prove", "document": {**document, **case}} for case in cases]
    for found in images_in_node(*jobs):
        assert found["intact"] and not found["holds"]


def test_documents_that_do_not_open_say_why(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    document = played(models[0], VARIANTS[0][2])
    cases = {
        "format": {"format": 2},
        "weights": {"weights": document["weights"][: len(document["weights"]) // 8 * 4]},
        "family": {"family": "constructor"},
        "tensor": {"tensors": {}},
    }
    jobs = [{"job": "prove", "document": {**document, **case}} for case in cases.values()]
    jobs.append({"job": "prove", "document": {**document, "weights": "?"}})
    reasons = [found.get("error") for found in images_in_node(*jobs)]
    assert reasons == [*cases, "weights"]


def test_inputs_of_another_size_and_unknown_classes_are_refused(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    cases = []
    for model, (family, _, shape) in zip(models, VARIANTS, strict=True):
        name, other = ("generate", "judge") if family == "gan" else ("decode", "encode")
        size = torch.Size(shape).numel()
        calls = [[name, [0.0] * (model.latent + 1), 0], [other, [0.0] * (2 * size), 0]]
        if model.classes:
            calls.append([name, [0.0] * model.latent, model.classes])
            calls.append([name, [0.0] * model.latent])
            if family == "gan" and model.config.conditioning == "projection":
                calls.append([other, [0.0] * size, -1])
        document = played(model, shape)
        cases += [{"job": "call", "document": document, "calls": [call]} for call in calls]
    for found in images_in_node(*cases):
        assert "RangeError" in found["error"]


def test_half_precision_has_half_the_weights(models: list[Any], played: Document) -> None:
    whole, half = (played(models[0], VARIANTS[0][2], p) for p in ("float32", "float16"))
    assert abs(len(whole["weights"]) - 2 * len(half["weights"])) <= 4
    assert whole["tensors"] == half["tensors"]


def test_whole_numbers_of_rows_are_near_the_weights_and_what_is_added_stays(
    models: list[Any], played: Document, images_in_node: Node
) -> None:
    model, shape = models[5], VARIANTS[5][2]
    whole, small = (played(model, shape, precision) for precision in ("float32", "int8"))
    assert len(small["weights"]) < 0.4 * len(whole["weights"])
    assert {name for name, place in small["tensors"].items() if place.get("scaled")} == {
        name for name, x in model.state_dict().items() if name.endswith("weight") and x.ndim > 1
    }
    z = torch.randn(model.latent)
    calls = [["decode", z.tolist()]]
    jobs = ({"job": "call", "document": each, "calls": calls} for each in (whole, small))
    exact, rounded = (torch.tensor(found[0]) for found in images_in_node(*jobs))
    assert 0 < (exact - rounded).abs().max() < 0.05
    cut = {**small, "weights": small["weights"][: len(small["weights"]) // 8 * 4]}
    (found,) = images_in_node({"job": "prove", "document": cut})
    assert found["error"] == "weights"


def test_a_weight_beyond_half_precision_is_refused(played: Document) -> None:
    model = disturbed(*VARIANTS[0])
    model.decoder[0][0].bias[0] = 1e6
    with pytest.raises(ConfigError, match="65504"):
        played(model, VARIANTS[0][2], "float16")


def test_the_model_is_left_as_it_was(played: Document) -> None:
    model = disturbed("gan", {}, (1, 8, 8))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    played(model, (1, 8, 8), "float16")
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_family_without_module_is_refused(played: Document) -> None:
    class Other:
        family = "other"

    with pytest.raises(RunError, match="no page can run"):
        played(Other(), 2)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "erf": torch.erf,
    "gelu": torch.nn.functional.gelu,
    "geluTanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "relu": torch.relu,
    "squaredRelu": lambda x: torch.relu(x).square(),
    "silu": torch.nn.functional.silu,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "leakyRelu": lambda x: torch.where(x > 0, x, 0.01 * x),
}


def test_functions_are_those_of_pytorch(images_in_node: Node) -> None:
    x = torch.cat((torch.linspace(-12, 12, 997), torch.tensor([0.0, -100.0, 100.0])))
    jobs = [{"job": "map", "name": name, "values": x.tolist()} for name in FUNCTIONS]
    for found, function in zip(images_in_node(*jobs), FUNCTIONS.values(), strict=True):
        torch.testing.assert_close(torch.tensor(found), function(x), atol=1e-6, rtol=1e-6)


def test_functions_of_rows_are_those_of_pytorch(images_in_node: Node) -> None:
    x = 3 * torch.randn(5, 7)
    flat, ones = x.flatten().tolist(), {"data": [1.0] * 7, "shape": [7]}
    jobs = [
        {"job": "row", "name": "softmax", "values": flat, "options": [7, 7]},
        {"job": "row", "name": "rmsNorm", "values": flat, "options": [7]},
        {"job": "row", "name": "layerNorm", "values": flat, "options": [ones, ones]},
    ]
    softmax, rms, layer = map(torch.tensor, images_in_node(*jobs))
    torch.testing.assert_close(softmax[7:14], x[1].softmax(0))
    torch.testing.assert_close(rms.view(5, 7), torch.nn.functional.rms_norm(x, (7,)))
    torch.testing.assert_close(layer.view(5, 7), torch.nn.functional.layer_norm(x, (7,)) + 1)
