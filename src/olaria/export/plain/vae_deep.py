r"""A variational autoencoder beyond the textbook: several layers of latent variables, or a learned prior.

    z ~ N(0, I),    h = T^-1(z),    d_l = f_l(d_{l+1}, h_l) from the top down,
    p(x | z) has the mean sigmoid(g(d_1) + logit m)

The latent vector z = (z_L, ..., z_1) has the prior N(0, I) as a whole. Two ideas stand between it and the image; a
model has one of them or both.

* A flow T (``config["flow"]`` layers) is an invertible map. The decoder reads h = T^-1(z), so that h has a prior that
  follows the data. Each layer scales and shifts one half of the numbers by what the other half says.
* A ladder (``config["above"]``) has several layers of latent variables. The decoder carries a state d downwards, and
  the posterior of a layer is given what the encoder read and the state from above.

m is the mean image of the training data. With classes, the decoder and the flow are given the class as a one-hot row.

Sources: Kingma & Welling 2014 (VAE); Sonderby et al. 2016 (ladder); Dinh et al. 2017, equations 7 and 8 (flow).

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    y = torch.arange(16) % model.classes if model.classes else None
    images = model.decode(torch.randn(16, model.latent), y)  # new ones
    codes = model.code(images, y)
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
SMALLEST_SIDE = 4
LARGEST_LOG_SCALE = 2.0


class VAE(nn.Module):
    """Encoder, decoder and, where there is one, the flow between h and z."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.classes, self.shape = config["classes"], config["shape"]
        self.sizes = [*reversed(config["above"]), config["latent"]]  # the topmost layer first
        self.latent = sum(self.sizes)
        self.is_ladder = len(self.sizes) > 1
        build = _ladder if self.is_ladder else _single
        self.encoder, self.decoder = build(config)
        if config["flow"]:
            layers = [Coupling(self.latent, self.classes) for _ in range(config["flow"])]
            self.flow = nn.ModuleDict({"layers": nn.ModuleList(layers)})
        self.statistics = MeanImage(self.shape)
        if config["likelihood"] != "bernoulli" and config["scale"] is None:
            self.log_scale = nn.Parameter(torch.zeros(()))  # of the noise around each pixel's mean

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Images to the mean and the log-variance of q(h|x), (B, latent) each, given the means of the layers above."""
        readings = self.read(x - self.statistics.mean)
        state, rows = None, []
        for level, reading in enumerate(readings):
            seen = reading if state is None else torch.cat((reading, state), 1)
            raw = self.decoder["posteriors"][level](seen) if self.is_ladder else seen
            mean, log_variance = raw.chunk(2, 1)
            state = self.descend(level, mean, state)
            rows.append((mean, log_variance))
        means, log_variances = zip(*rows, strict=True)
        return torch.cat(means, 1), torch.cat(log_variances, 1)

    def read(self, x: Tensor) -> list[Tensor]:
        """What the encoder reads for each latent layer, the topmost first; a ladder goes upwards from the image."""
        if not self.is_ladder:
            return [self.encoder(x)]
        readings = []
        for network in self.encoder["networks"]:
            x = network(x)
            readings.append(x)
        return readings[::-1]

    def descend(self, level: int, h: Tensor, state: Tensor | None) -> Tensor:
        """The state below a latent layer; where there is one layer alone, its variables themselves."""
        if not self.is_ladder:
            return h
        seen = h if state is None else torch.cat((h, state), 1)
        return self.decoder["networks"][level](seen)

    def code(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images, and classes where there are some, to the z that stands for each, (B, latent)."""
        z = self.encode(x)[0]
        if hasattr(self, "flow"):
            for layer in self.flow["layers"]:
                z = layer(z, y)
        return z

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latent vectors (B, latent), and classes (B,) where there are some, to the pixels' means (B, C, H, W)."""
        if hasattr(self, "flow"):
            for layer in reversed(self.flow["layers"]):
                z = layer.inverse(z, y)
        state = None
        for level, part in enumerate(z.split(self.sizes, 1)):
            state = self.descend(level, part, state)
        logits = self.decoder["network"](with_class(state, y, self.classes))
        return (logits + self.statistics.logit).sigmoid()

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images to their reconstructions."""
        return self.decode(self.code(x, y), y)


class Coupling(nn.Module):
    """T(a, b) = (b exp(s(a)) + t(a), a): one half stays and says how the other moves; then they change places."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.sizes, self.classes = [size // 2, size - size // 2], classes
        sizes = [self.sizes[0] + classes, 4 * size, 4 * size, 2 * self.sizes[1]]
        self.network = dense(sizes, "gelu")

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        """(B, size) to the same shape."""
        kept, moved = z.split(self.sizes, 1)
        log_scale, shift = self.terms(kept, y)
        return torch.cat((moved * log_scale.exp() + shift, kept), 1)

    def inverse(self, u: Tensor, y: Tensor | None) -> Tensor:
        """What ``forward`` made u of."""
        moved, kept = u.split(self.sizes[::-1], 1)
        log_scale, shift = self.terms(kept, y)
        return torch.cat((kept, (moved - shift) * (-log_scale).exp()), 1)

    def terms(self, kept: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """The log-scale, which is bounded, and the shift."""
        raw, shift = self.network(with_class(kept, y, self.classes)).chunk(2, 1)
        return LARGEST_LOG_SCALE * torch.tanh(raw / LARGEST_LOG_SCALE), shift


def with_class(z: Tensor, y: Tensor | None, classes: int) -> Tensor:
    """Vectors with a one-hot row of their class behind them, where there are classes."""
    return torch.cat((z, F.one_hot(y, classes).to(z.dtype)), 1) if classes else z


class MeanImage(nn.Module):
    """The mean m of the training images, and its logit log(m / (1 - m))."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("logit", torch.zeros(*shape))


# -- networks --------------------------------------------------------------------------------------


def dense(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def _single(config: dict) -> tuple[nn.Module, nn.Module]:
    """One latent layer: the encoder gives mean and log-variance, the decoder reads the latent vector."""
    shape, num_codes = config["shape"], 2 * config["latent"]
    num_inputs = config["latent"] + config["classes"]
    if config["network"] == "conv":
        encoder: nn.Module = ConvEncoder(shape, config["width"], num_codes)
        return encoder, nn.ModuleDict({"network": ConvDecoder(num_inputs, config["width"], shape)})
    pixels, hidden = shape[0] * shape[1] * shape[2], config["hidden"]
    encoder = nn.Sequential(nn.Flatten(), dense([pixels, *hidden, num_codes], config["activation"]))
    decoder = dense([num_inputs, *reversed(hidden), pixels], config["activation"])
    network = nn.Sequential(decoder, nn.Unflatten(1, tuple(shape)))
    return encoder, nn.ModuleDict({"network": network})


def _ladder(config: dict) -> tuple[nn.Module, nn.Module]:
    """Several latent layers: the encoder has a network for each, the decoder a posterior and a network for each."""
    shape, hidden, name = config["shape"], config["hidden"], config["activation"]
    sizes, pixels, width = [*reversed(config["above"]), config["latent"]], 1, hidden[-1]
    for side in shape:
        pixels *= side
    bend = ACTIVATIONS[name]
    first = nn.Sequential(nn.Flatten(), dense([pixels, *hidden], name), bend())
    above = (nn.Sequential(dense([width] * 3, name), bend()) for _ in sizes[1:])
    states = [0] + [width] * (len(sizes) - 1)
    pairs = list(zip(states, sizes, strict=True))
    posteriors = nn.ModuleList(nn.Linear(width + state, 2 * size) for state, size in pairs)
    networks = nn.ModuleList(
        nn.Sequential(dense([state + size, width, width], name), bend()) for state, size in pairs
    )
    last = dense([width + config["classes"], *reversed(hidden), pixels], name)
    network = nn.Sequential(last, nn.Unflatten(1, tuple(shape)))
    encoder = nn.ModuleDict({"networks": nn.ModuleList([first, *above])})
    parts = {"posteriors": posteriors, "networks": networks, "network": network}
    return encoder, nn.ModuleDict(parts)


class ConvEncoder(nn.Module):
    """Convolutions that halve the image until a side is 4 or less, then one linear layer."""

    def __init__(self, shape: list[int], width: int, num_outputs: int) -> None:
        super().__init__()
        channels, *sides = shape
        layers: list[nn.Module] = []
        while min(sides) > SMALLEST_SIDE:
            kernel = tuple(3 if side % 2 else 4 for side in sides)
            layers += [nn.Conv2d(channels, width, kernel, stride=2, padding=1), nn.ReLU()]
            channels, width, sides = width, 2 * width, [(side + 1) // 2 for side in sides]
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * sides[0] * sides[1], num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, num_outputs)."""
        return self.head(self.features(x).flatten(1))


class ConvDecoder(nn.Module):
    """One linear layer to a small image, which is doubled and convolved until it is large."""

    def __init__(self, num_inputs: int, width: int, shape: list[int]) -> None:
        super().__init__()
        channels, height, side = shape
        halvings = 0
        while height % 2 == side % 2 == 0 and min(height, side) // 2 >= SMALLEST_SIDE:
            height, side, halvings = height // 2, side // 2, halvings + 1
        self.grid = (width << halvings, height, side)
        self.stem = nn.Linear(num_inputs, self.grid[0] * height * side)
        self.blocks = nn.ModuleList(
            nn.Conv2d(width << (level + 1), width << level, 3, padding=1)
            for level in reversed(range(halvings))
        )
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, num_inputs) to unbounded (B, C, H, W)."""
        x = F.relu(self.stem(z).unflatten(1, self.grid))
        for convolution in self.blocks:
            x = F.relu(convolution(F.interpolate(x, scale_factor=2.0)))  # every pixel four times
        return self.head(x)


def load(folder: str | Path) -> VAE:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = VAE(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
