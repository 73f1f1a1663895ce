"""Which graphs a family is exported as: what each computes, what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Dims = Mapping[int, str]
"""Number of a dimension to its name, where its size is free."""
_BATCH: Dims = {0: "batch"}
_CACHE: Dims = {2: "batch", 4: "past"}


@dataclass(frozen=True)
class Input:
    """One input of a graph.

    Args:
        name: of it.
        example: a tensor that it may be; every free dimension has two or more.
        free: its free dimensions.
    """

    name: str
    example: Tensor
    free: Dims


@dataclass(frozen=True)
class Graph:
    """One file.

    Args:
        name: of it, without its ending.
        call: computes the outputs of the inputs.
        inputs: in their order.
        outputs: names, in their order.
    """

    name: str
    call: Callable[..., Any]
    inputs: Sequence[Input]
    outputs: Sequence[str]


def graphs(name: str, model: Any, config: Mapping[str, Any]) -> list[Graph]:
    """The graphs of a model of :mod:`olaria.export.plain`.

    Args:
        name: of its file.
        model: as that file defines it.
        config: its settings.
    """
    made: list[Graph] = _GRAPHS[name](model, config)
    return made


def _image(config: Mapping[str, Any]) -> Input:
    return Input("image", torch.rand(2, *config["shape"]), _BATCH)


def _noise(model: Any) -> Input:
    return Input("z", torch.randn(2, model.latent), _BATCH)


def _label(config: Mapping[str, Any]) -> list[Input]:
    """Of a model of classes."""
    classes = config["classes"]
    return [Input("label", torch.arange(2) % classes, _BATCH)] if classes else []


def _autoencoder(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    z = Input("z", torch.randn(2, config["latent"]), _BATCH)
    return [
        Graph("encoder", model.encode, [_image(config)], ["z"]),
        Graph("decoder", model.decode, [z], ["image"]),
    ]


def _vae(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    decoder = Graph("decoder", model.decode, [_noise(model), *_label(config)], ["image"])
    outputs = ["mean", "log_variance"]
    return [Graph("encoder", model.encode, [_image(config)], outputs), decoder]


def _vae_deep(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    def encode(x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        return (model.code(x, y), *model.encode(x))

    _, decoder = _vae(model, config)
    label = _label(config) if config["flow"] else []
    outputs = ["z", "mean", "log_variance"]
    return [Graph("encoder", encode, [_image(config), *label], outputs), decoder]


def _vq(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    image = _image(config)
    codes = Input("codes", model.encode(image.example), _BATCH)
    return [
        Graph("encoder", model.encode, [image], ["codes"]),
        Graph("decoder", model.decode, [codes], ["image"]),
    ]


def _gan(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    label = _label(config)
    generator = Graph("generator", model.generate, [_noise(model), *label], ["image"])
    if config["classes"] and config["conditioning"] == "auxiliary":

        def judge(x: Tensor) -> tuple[Tensor, Tensor]:
            return model.discriminate(x), model.classify(x)

        outputs = ["logit", "class_logits"]
        return [generator, Graph("discriminator", judge, [_image(config)], outputs)]
    inputs = [_image(config), *label]
    return [generator, Graph("discriminator", model.discriminate, inputs, ["logit"])]


def _mask(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    hidden = Input("hidden", torch.rand(2, *config["shape"]) < 0.5, _BATCH)
    return [Graph("network", model.logits, [_image(config), hidden], ["logits"])]


def _plane_gan(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    point = Input("point", torch.randn(2, config["size"]), _BATCH)
    return [
        Graph("generator", model.generate, [_noise(model)], ["point"]),
        Graph("discriminator", model.discriminate, [point], ["logit"]),
    ]


def _image_flow(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    image = Input("image", torch.randn(2, *config["shape"]), _BATCH)
    inputs = [image, Input("time", torch.rand(2), _BATCH), *_label(config)]
    return [Graph("velocity", model.velocity, inputs, ["velocity"])]


def _point_flow(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    place = Input("place", torch.randn(2, config["size"]), _BATCH)
    time = Input("time", torch.rand(2), _BATCH)
    return [
        Graph("generator", model.generate, [_noise(model)], ["point"]),
        Graph("velocity", model.velocity, [place, time], ["velocity"]),
    ]


def _latent_flow(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    size = config["autoencoder"]["latent"]
    place, time = Input("place", torch.randn(2, size), _BATCH), Input("time", torch.rand(2), _BATCH)
    return [
        Graph("generator", model.generate, [_noise(model)], ["image"]),
        Graph("velocity", model.velocity, [place, time], ["velocity"]),
    ]


def _tokens(config: Mapping[str, Any], name: str = "tokens", count: int = 3) -> Input:
    most = min(count, config.get("context", count))
    ids = torch.arange(2 * most).view(2, most) % config["vocab_size"]
    return Input(name, ids, {0: "batch", 1: name})


def _whole(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    return [Graph("model", model, [_tokens(config)], ["logits"])]


def _cache(model: Any, config: Mapping[str, Any], past: int = 5) -> Input:
    sizes = (config["num_layers"], 2, 2, model.num_heads, past, model.head_size)
    return Input("cache", torch.randn(*sizes), _CACHE)


def _gpt2(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    inputs = [_tokens(config), _cache(model, config)]
    extended = Graph("with_cache", model.extend, inputs, ["logits", "longer_cache"])
    return [*_whole(model, config), extended]


def _gpt(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    inputs = [_tokens(config), _cache(model, config), Input("start", torch.tensor(5), {})]
    extended = Graph("with_cache", model.extend, inputs, ["logits", "longer_cache"])
    return [*_whole(model, config), extended]


def _translation(model: Any, config: Mapping[str, Any]) -> list[Graph]:
    source = _tokens(config, "source", 4)
    memory = Input("memory", model.encode(source.example), {2: "batch", 4: "source"})
    inputs = [_tokens(config), source, memory, _cache(model, config)]
    return [
        Graph("encoder", model.encode, [source], ["memory"]),
        Graph("decoder", model.extend, inputs, ["logits", "longer_cache"]),
    ]


_GRAPHS: Mapping[str, Callable[..., list[Graph]]] = {
    "autoencoder": _autoencoder,
    "vae": _vae,
    "vae_deep": _vae_deep,
    "vq": _vq,
    "gan": _gan,
    "mask": _mask,
    "plane_gan": _plane_gan,
    "image_flow": _image_flow,
    "point_flow": _point_flow,
    "latent_flow": _latent_flow,
    "bigram": _whole,
    "ladder": _whole,
    "gpt2": _gpt2,
    "gpt": _gpt,
    "translation": _translation,
}
SCRIPTS: Mapping[str, str] = {
    "autoencoder": "rebuild",
    "vae": "draw",
    "vae_deep": "draw",
    "vq": "rebuild",
    "gan": "draw",
    "mask": "unmask",
    "plane_gan": "points",
    "image_flow": "flow_images",
    "point_flow": "flow_points",
    "latent_flow": "draw",
    "bigram": "text_whole",
    "ladder": "text_whole",
    "gpt2": "text",
    "gpt": "text",
    "translation": "translate",
}
"""The file of ``scripts`` that uses a family's graphs."""
