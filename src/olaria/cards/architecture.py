"""What a model is made of: its layers, their shapes and their numbers, found by sending one example through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from olaria.cards.context import Layer, Stage
from olaria.i18n import N_, Message
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import Model
from olaria.models.gan import GAN
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.models.plane import PlaneGAN
from olaria.models.translation import Translation
from olaria.models.vae import VAE
from olaria.models.vq import VQ
from olaria.nn.conv import UpConv
from olaria.nn.ladder import LadderDecoder
from olaria.nn.quantize import Codebook, Quantized

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A part of a model, before its layers are known.

    Args:
        title: what it is.
        names: with which its layers' names begin.
    """

    title: Message
    names: tuple[str, ...]


Plan = Sequence[Stage | Part]
"""Values and parts, in the order of reading."""

_ATOMS = (nn.Linear, nn.Conv2d, nn.Embedding, nn.LayerNorm, Codebook)
"""Modules that are shown as one layer, whatever is inside."""
_ROLES = {
    "qkv": N_("linear: queries, keys, values"),
    "q": N_("linear: queries of the target"),
    "kv": N_("linear: keys, values of the source"),
    "attention_out": N_("linear: mixes the heads"),
    "out": N_("linear: mixes the heads"),
    "feed_in": N_("linear: feed-forward, in"),
    "feed_out": N_("linear: feed-forward, out"),
}
"""What a layer is for, where its name tells."""


def architecture(model: Model, dimensions: tuple[int, int, int] | int) -> tuple[Stage, ...]:
    """The parts of a model and what flows between them, in the order of reading.

    Args:
        model: in evaluation mode.
        dimensions: (C, H, W) of the images, or the size of the vocabulary or of a point.
    """
    run, plan = _GUIDES[type(model)]
    shapes: dict[int, Shape] = {}

    def note(module: nn.Module, given: Any, answer: Any) -> None:
        answer = answer.vectors if isinstance(answer, Quantized) else answer
        shapes.setdefault(id(module), tuple(answer.shape[1:]))

    atoms = [module for module in model.modules() if isinstance(module, _ATOMS)]
    hooks = [atom.register_forward_hook(note) for atom in atoms]
    try:
        with torch.no_grad():
            run(model, dimensions)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(_stages(_Layers(shapes).of(model), plan(model, dimensions)))


class _Layers:
    """The layers of a module by name, those that are alike in a row once.

    Args:
        shapes: of the answers, by the identity of the module.
    """

    def __init__(self, shapes: dict[int, Shape]) -> None:
        self._shapes = shapes

    def of(self, module: nn.Module) -> list[Layer]:
        """Names are relative to the module."""
        if isinstance(module, _ATOMS):
            return [self._layer("", module, module.parameters())]
        if isinstance(module, nn.ModuleList):
            return self._alike(list(module))
        found = [
            self._layer(name, parameter, [parameter])
            for name, parameter in module.named_parameters(recurse=False)
        ]
        for name, child in module.named_children():
            for layer in self.of(child):
                group = _joined(name, layer.group) if layer.repeats > 1 else ""
                found.append(replace(layer, name=_joined(name, layer.name), group=group))
        return [_called(layer) for layer in found]

    def _alike(self, modules: list[nn.Module]) -> list[Layer]:
        rows, found, start = [self.of(module) for module in modules], list[Layer](), 0
        for layers, equal in groupby(rows):
            count = len(list(equal))
            index = f"{start}" if count == 1 else f"{start}–{start + count - 1}"
            found += [
                replace(
                    layer, name=_joined(index, layer.name), repeats=count * layer.repeats, group=""
                )
                for layer in layers
            ]
            start += count
        return found

    def _layer(self, name: str, thing: nn.Module | Tensor, parameters: Iterable[Tensor]) -> Layer:
        weight = thing if isinstance(thing, Tensor) else getattr(thing, "weight", thing)
        own = tuple(weight.shape) if isinstance(weight, Tensor) else ()
        count = sum(parameter.numel() for parameter in parameters)
        return Layer(name, _kind(thing), self._shapes.get(id(thing), own), count)


def _joined(*names: str) -> str:
    return ".".join(name for name in names if name)


def _called(layer: Layer) -> Layer:
    """A layer's kind with what it is for, where its name tells."""
    role = _ROLES.get(layer.name.rpartition(".")[2])
    return replace(layer, kind=Message(role)) if role and layer.kind.id == _LINEAR else layer


_LINEAR = N_("linear")


def _kind(thing: nn.Module | Tensor) -> Message:
    """What a layer does, in words."""
    kind = Message(N_("numbers of its own"))
    match thing:
        case nn.Linear():
            kind = Message(_LINEAR)
        case UpConv():
            kind = Message(N_("doubling, convolution 3×3"))
        case nn.Conv2d():
            side = "×".join(map(str, thing.kernel_size))
            message = N_("convolution {side}, stride {stride}")
            plain = N_("convolution {side}")
            stride = thing.stride[0]
            fields = {"side": side, "stride": stride}
            kind = Message(message, fields) if stride > 1 else Message(plain, {"side": side})
        case nn.Embedding():
            kind = Message(N_("table of {count} rows"), {"count": thing.num_embeddings})
        case nn.LayerNorm():
            kind = Message(N_("layer norm"))
        case Codebook():
            kind = Message(N_("codebook of {count} entries"), {"count": len(thing.entries)})
    if isinstance(thing, nn.Module) and parametrize.is_parametrized(thing, "weight"):
        return Message(N_("{kind}, spectral norm"), {"kind": kind})
    return kind


def _stages(layers: list[Layer], plan: Plan) -> Iterator[Stage]:
    """The plan, filled with the layers; what it does not name comes last, so that none is lost."""
    left = list(layers)
    for stage in plan:
        if isinstance(stage, Stage):
            yield stage
            continue
        chosen = [layer for layer in left if layer.name.startswith(stage.names)]
        left = [layer for layer in left if layer not in chosen]
        if chosen:
            yield Stage(stage.title, tuple(chosen))
    if left:
        yield Stage(Message(N_("further numbers")), tuple(left))


# -- how each family is read -----------------------------------------------------------------------


def _part(title: str, *names: str, **fields: Any) -> Part:
    return Part(Message(title, fields), names)


def _value(title: str, shape: Sequence[int], **fields: Any) -> Stage:
    return Stage(Message(title, fields), shape=tuple(shape))


def _image(model: Any, shape: Any) -> Tensor:
    return torch.zeros(1, *shape)


def _class(model: Any) -> Tensor | None:
    return torch.zeros(1, dtype=torch.int64) if getattr(model, "classes", 0) else None


def _tokens(model: Any) -> Tensor:
    return torch.zeros(1, model.context, dtype=torch.int64)


def _autoencoder(model: AutoEncoder, shape: Any) -> Plan:
    return [
        _value(N_("image"), shape),
        _part(N_("encoder"), "encoder"),
        _value(N_("latent vector z"), (model.latent,)),
        _part(N_("decoder"), "decoder"),
        _value(N_("reconstruction"), shape),
    ]


def _vae(model: VAE, shape: Any) -> Plan:
    plan: list[Stage | Part] = [_value(N_("image"), shape), _part(N_("encoder"), "encoder")]
    if isinstance(model.decoder, LadderDecoder):
        title = N_("latent layers, from the top down")
        plan.append(_part(title, "decoder.posteriors", "decoder.networks"))
    size = (model.latent,)
    if model.flow is None:
        plan.append(_value(N_("latent vector z, drawn around the encoder's answer"), size))
    else:
        plan.append(_value(N_("variable h, drawn around the encoder's answer"), size))
        plan.append(_part(N_("flow T between h and z"), "flow"))
        plan.append(_value(N_("latent vector z"), size))
    if model.classes:
        title = N_("decoder, told the class, one of {num}")
        plan.append(_part(title, "decoder", num=model.classes))
    else:
        plan.append(_part(N_("decoder"), "decoder"))
    return [*plan, *_pixels(shape)]


def _vq(model: VQ, shape: Any) -> Plan:
    return [
        _value(N_("image"), shape),
        _part(N_("encoder"), "encoder"),
        _part(N_("codebook"), "codebook"),
        _value(N_("grid of codes"), model.grid),
        _part(N_("decoder"), "decoder"),
        *_pixels(shape),
    ]


def _pixels(shape: Any) -> Plan:
    return [_value(N_("means of the pixels"), shape), _part(N_("scale of the pixels"), "log_scale")]


def _game(model: GAN | PlaneGAN, dimensions: Any) -> Plan:
    is_image = isinstance(model, GAN)
    noise = N_("noise z, beside the class, one of {num}") if model.classes else N_("noise z")
    made = N_("image, generated or real") if is_image else N_("point, generated or real")
    return [
        _value(noise, (model.latent,), num=model.classes),
        _part(N_("generator"), "generator"),
        _value(made, dimensions if is_image else (dimensions,)),
        _part(N_("discriminator"), "discriminator", "class_rows"),
        _value(N_("logit of being real"), (1,)),
    ]


def _language(model: Any, vocab_size: Any) -> Plan:
    rungs = model.config if isinstance(model, LanguageModel) else None
    plan: list[Stage | Part] = [
        _value(N_("tokens"), (model.context,)),
        _part(N_("table"), "table"),
        _part(N_("embedding"), "embedding", "positions"),
        _part(N_("blocks"), "blocks"),
    ]
    if rungs is not None and not rungs.has("head"):
        plan.append(_value(N_("mean of the tokens so far"), (model.context, rungs.width)))
    plan.append(_part(N_("head"), "norm", "head"))
    logits = N_("logits of the next token")
    if rungs is not None and rungs.has("gpt"):
        logits = N_("logits of the next token, by likeness to each row of the embedding")
    return [*plan, _value(logits, (model.context, vocab_size))]


def _translation(model: Translation, vocab_size: Any) -> Plan:
    tokens = model.context
    return [
        _value(N_("tokens of the source, or of the target so far"), (tokens,)),
        _part(N_("embedding of both"), "embedding"),
        _part(N_("encoder, of the source"), "encoder"),
        _value(N_("a vector for each token of the source"), (tokens, model.config.width)),
        _part(N_("decoder, of the target"), "decoder"),
        _part(N_("head"), "head"),
        _value(N_("logits of the next token"), (tokens, vocab_size + 1)),
    ]


def _play(model: Any, dimensions: Any) -> None:
    made = model.generator(torch.zeros(1, model.latent), _class(model))
    model.judge(made, _class(model))


def _translate(model: Translation, vocab_size: Any) -> None:
    model(_tokens(model), _tokens(model))


# What calls each layer once on one example, and the order in which it is told. A GPT trains through fused functions
# that read its layers' weights; the form that writes text calls the layers themselves.
_GUIDES: dict[type[Model], tuple[Callable[[Any, Any], object], Callable[[Any, Any], Plan]]] = {
    AutoEncoder: (lambda m, shape: m.reconstruct(_image(m, shape)), _autoencoder),
    VAE: (lambda m, shape: m.reconstruct(_image(m, shape), _class(m)), _vae),
    VQ: (lambda m, shape: m.reconstruct(_image(m, shape)), _vq),
    GAN: (_play, _game),
    PlaneGAN: (_play, _game),
    Bigram: (lambda m, _: m(_tokens(m)), _language),
    LanguageModel: (lambda m, _: m(_tokens(m)), _language),
    GPT: (lambda m, _: m.continue_from(_tokens(m), []), _language),
    Translation: (_translate, _translation),
}
