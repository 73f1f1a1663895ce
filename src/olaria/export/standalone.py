"""A run's model as a file of :mod:`olaria.export.plain`, its settings and its weights: what works without Olaria."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from olaria.data.tokenizer import Tokenizer, WordTokenizer
from olaria.errors import OlariaError
from olaria.export.played import plain_copy
from olaria.export.tokenizer_json import TOKENIZER, tokenizer_json
from olaria.families import MODELS
from olaria.models.base import Model
from olaria.storage.files import write_bytes, write_json, write_text

FORMAT = 1
PLAIN = Path(__file__).parent / "plain"
CONFIG, WEIGHTS, SCRIPT = "config.json", "model.safetensors", "model.py"
READS_TOKENS = "tokenizer.py"
_IMAGES = ("shape", "network", "latent", "hidden", "activation", "width")
_DEEP = ("above", "flow")
_LAYERS = ("vocab_size", "context", "num_layers", "num_heads", "width")
_GAN = ("latent", "generator_width", "generator_depth", "discriminator_width")
_UNET = ("modes", "widths", "depths", "patch", "dense", "condition")
_FLOW = ("prediction", "steps", "solver", "step_power")
_JUDGE = ("discriminator_depth", "slope", "classes", "conditioning")
# Of each file: its class, and the settings that shape the network.
_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "autoencoder": ("AutoEncoder", (*_IMAGES, "output")),
    "vae": ("VAE", (*_IMAGES, "likelihood", "scale", "classes")),
    "vae_deep": ("VAE", (*_IMAGES, *_DEEP, "likelihood", "scale", "classes")),
    "vq": ("VQ", ("shape", "codes", "latent", "width", "likelihood")),
    "gan": ("GAN", ("shape", *_GAN, *_JUDGE)),
    "mask": ("MaskedDiffusion", ("shape", "widths", "depths", "dense", "steps")),
    "plane_gan": ("PlaneGAN", ("size", "latent", "hidden", "slope")),
    "image_flow": (
        "ImageFlow",
        ("shape", *_UNET, "classes", "class_dropping", *_FLOW, "step_noise"),
    ),
    "point_flow": ("PointFlow", ("size", "hidden", "waves", *_FLOW)),
    "latent_flow": (
        "LatentFlow",
        ("shape", "autoencoder", "width", "depth", "condition", *_FLOW),
    ),
    "bigram": ("Bigram", ("vocab_size",)),
    "ladder": ("LanguageModel", ("rung", *_LAYERS)),
    "gpt2": ("GPT2", _LAYERS),
    "gpt": ("GPT", ("chunk", *_LAYERS)),
    "translation": ("Translation", _LAYERS),
}
_LEFT_OUT = ("augment_probability", "autoencoder.encoder.", "autoencoder.log_scale")
"""How the names of state begin that only training reads, or only the encoder of a model that draws."""
_PROMPTS = ("a menina vê o gato.", "ROMEO:", "12 de março de 2024", "A ", "o ", "a")
_EXAMPLE = re.compile(r"^Needs torch.*?\n\n((?:    .*\n|\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Standalone:
    """A model without Olaria.

    Args:
        name: of its file in ``plain``.
        config: what shapes the network, as ``config.json`` has it.
        state: its weights, float32, by the names of that file's modules.
    """

    name: str
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]

    @property
    def source(self) -> str:
        """The file."""
        return (PLAIN / f"{self.name}.py").read_text("utf-8")

    def example(self, tokenizer: Tokenizer | None) -> str:
        """The lines of Python that load it and use it, as they stand in the file's docstring.

        Args:
            tokenizer: of a model of text; the text in the lines is one that it can read.
        """
        found = _EXAMPLE.search(self.source)
        assert found is not None, f"{self.name}.py shows how it is used"
        lines = "\n".join(line.removeprefix("    ") for line in found[1].rstrip().split("\n"))
        if tokenizer is not None:
            prompt = json.dumps(prompt_for(tokenizer), ensure_ascii=False)
            lines = lines.replace('encode("a")', f"encode({prompt})")
        gap = "" if lines.startswith("from") else "\n"
        needs_torch = "torch." in lines
        return ("import torch\n" if needs_torch else "") + "from model import load\n" + gap + lines

    def build(self) -> Any:
        """The model that the file defines, with the weights, in evaluation mode."""
        module = import_module(f"olaria.export.plain.{self.name}")
        model: nn.Module = getattr(module, _FILES[self.name][0])(dict(self.config))
        model.load_state_dict(self.state)
        return model.eval().requires_grad_(False)

    def tensors(self) -> list[tuple[str, list[int]]]:
        """Names and shapes of the weights; those that differ by the number of a block alone share a row."""
        rows: dict[tuple[str, tuple[int, ...]], list[int]] = {}
        for name, value in self.state.items():
            first = re.search(r"(?<=\.)\d+(?=\.)", name)
            pattern = name if first is None else f"{name[: first.start()]}*{name[first.end() :]}"
            number = [] if first is None else [int(first[0])]
            rows.setdefault((pattern, tuple(value.shape)), []).extend(number)
        return [(_numbered(name, count), list(shape)) for (name, shape), count in rows.items()]


def _numbered(name: str, numbers: list[int]) -> str:
    if len(numbers) < 2:
        return name.replace("*", str(numbers[0])) if numbers else name
    is_run = numbers == list(range(numbers[0], numbers[-1] + 1))
    shown = f"{numbers[0]}…{numbers[-1]}" if is_run else ",".join(map(str, numbers))
    return name.replace("*", f"{{{shown}}}", 1)


def standalone(model: Model, dimensions: tuple[int, int, int] | int) -> Standalone:
    """What a model is without Olaria; a spectral norm is computed into the weight that it constrains.

    Args:
        model: of any family, its adapters merged.
        dimensions: what it was built for.
    """
    plain = plain_copy(model, "float32")
    settings: dict[str, Any] = plain.config.model_dump(mode="json")
    name = _file_of(model.family, settings)
    settings |= {_name_of(model.family): dimensions}
    if isinstance(dimensions, tuple):
        settings["shape"] = list(dimensions)
    state = {
        key: value.detach().float().clone().contiguous()
        for key, value in plain.state_dict().items()
        if not key.startswith(_LEFT_OUT)
    }
    config = {key: settings[key] for key in _FILES[name][1]}
    return Standalone(name, {"format": FORMAT, "family": model.family, **config}, state)


def _file_of(family: str, settings: Mapping[str, Any]) -> str:
    if family == "vae" and (settings["above"] or settings["flow"]):
        return "vae_deep"
    if family == "language":
        return "gpt2" if settings["rung"] == "gpt" else "ladder"
    return family.replace("-", "_")


def _name_of(family: str) -> str:
    """What the data's dimensions are called in the settings."""
    return {"images": "shape", "points": "size"}.get(MODELS[family].data, "vocab_size")


def write_weights(alone: Standalone, folder: Path) -> None:
    """``config.json``, ``model.safetensors`` and ``model.py``."""
    write_json(folder / CONFIG, alone.config)
    write_bytes(folder / WEIGHTS, save(dict(alone.state), metadata={"format": "pt"}))
    write_text(folder / SCRIPT, alone.source)


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """``tokenizer.json``, for the tokenizers library where that has such a kind, and the file that reads it."""
    is_ours = isinstance(tokenizer, WordTokenizer)
    content = tokenizer.to_json() if is_ours else tokenizer_json(tokenizer)
    write_json(folder / TOKENIZER, content)
    write_text(folder / READS_TOKENS, (PLAIN / READS_TOKENS).read_text("utf-8"))


def prompt_for(tokenizer: Tokenizer) -> str:
    """A short text that a tokenizer can read."""
    for prompt in _PROMPTS:
        try:
            tokenizer.encode(prompt)
        except OlariaError:
            continue
        return prompt
    return tokenizer.decode(torch.arange(min(4, tokenizer.vocab_size)))
