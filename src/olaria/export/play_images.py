"""What a page needs of the models of images and of points, so that they run in it; see :mod:`olaria.export.play`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.utils import parametrize

from olaria.export.played import Inputs, Played, Proof, short
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import ImageModel
from olaria.models.gan import GAN
from olaria.models.image_flow import ImageFlow
from olaria.models.latent_flow import LatentFlow
from olaria.models.mask import MaskedDiffusion
from olaria.models.plane import PlaneGAN
from olaria.models.point_flow import PointFlow
from olaria.models.vae import VAE
from olaria.models.vq import VQ
from olaria.objectives.masking import MEAN_PARTS, expected, ranked

NUM_CODES, NUM_IMAGES, NUM_POINTS = 4, 2, 64
"""Latent vectors and points that a proof computes with, and images, which are longer as text."""


def _inputs(model: ImageModel) -> Iterator[tuple[Tensor, Tensor | None, dict[str, int]]]:
    """Latent vectors with a class each, where there are classes: z (1, latent), y (1,), and y as the page gets it."""
    noise = torch.randn(NUM_CODES, model.latent, generator=Generator().manual_seed(0))
    for row, z in enumerate(short(noise)):
        label = row % model.classes if model.classes else None
        y = None if label is None else torch.tensor([label])
        yield z[None], y, {} if label is None else {"y": label}


def _pictures(model: ImageModel) -> Iterator[tuple[Tensor, Tensor | None, dict[str, int]]]:
    """Images that the model makes, half of each replaced by noise: x (1, C, H, W); classes as of :func:`_inputs`."""
    draw = Generator().manual_seed(1)
    for z, y, named in list(_inputs(model))[:NUM_IMAGES]:
        x = model.images(z, y)
        noise = torch.rand(x.shape, generator=draw)
        yield short(torch.where(noise < 0.5, x, noise)), y, named


def _decoded(model: ImageModel, call: str) -> list[Proof]:
    return [
        Proof(call, {"z": z[0], **named}, model.images(z, y)[0]) for z, y, named in _inputs(model)
    ]


def _autoencoder(model: AutoEncoder) -> Played:
    proofs = _decoded(model, "decode")
    for x, _, _ in _pictures(model):
        proofs.append(Proof("encode", {"x": x[0]}, model.encode(x)[0], "mean"))
    return Played(model.state_dict(), proofs)


def _vae(model: VAE) -> Played:
    proofs = _decoded(model, "decode")
    noise = short(torch.randn(model.latent, generator=Generator().manual_seed(2)))
    for index, (x, y, named) in enumerate(_pictures(model)):
        inputs: Inputs = {"x": x[0], **named}
        proofs.append(Proof("encode", inputs, model.codes(x, y)[0], "code"))
        if index == 0:  # an image is long as text
            drawn = model.draw(model.read(x), noise[None, None], y).z[0, 0]
            proofs.append(Proof("encode", inputs, model.encode(x).stddev[0], "std"))
            proofs.append(Proof("redraw", {"x": x[0], "eps": noise, **named}, drawn))
    return Played(model.state_dict(), proofs)


def _vq(model: VQ) -> Played:
    proofs = _decoded(model, "decode")
    entries = torch.randint(model.config.codes, model.grid, generator=Generator().manual_seed(2))
    proofs.append(Proof("paint", {"codes": entries}, model.logits(entries[None]).sigmoid()[0]))
    for x, _, _ in _pictures(model):
        # Not the codes: where two entries are equally near, a rounding decides.
        vectors = model.encoder(x - model.statistics.mean)[0].permute(1, 2, 0)
        proofs.append(Proof("encode", {"x": x[0]}, vectors, "vectors"))
    return Played(model.state_dict(), proofs)


def _gan(model: GAN) -> Played:
    proofs = _decoded(model, "generate")
    for x, y, named in _pictures(model):
        proofs.append(Proof("judge", {"x": x[0], **named}, model.discriminate(x, y)))
        if model.classes and model.config.conditioning == "auxiliary":
            logits = model.class_rows(model.discriminator.describe(2 * x - 1))[0]
            proofs.append(Proof("classify", {"x": x[0]}, logits))
    return Played(model.state_dict(), proofs)


def _mask(model: MaskedDiffusion) -> Played:
    """Not what is drawn: where a random number is all but equal to a probability, a rounding decides."""
    draw = Generator().manual_seed(0)
    proofs = []
    for _ in range(NUM_IMAGES):
        x = torch.rand(1, *model.shape, generator=draw).round()
        ranks = ranked(torch.rand(x.shape, generator=draw))
        is_hidden = ranks < ranks[0].numel() // 2
        inputs = {"x": x[0], "hidden": is_hidden[0].long()}
        proofs.append(Proof("logits", inputs, model.logits(x, is_hidden)[0]))
    means = expected(model.logits, x, ranks, MEAN_PARTS)[0]
    proofs.append(Proof("means", {"x": x[0], "ranks": ranks[0]}, means))
    return Played(model.state_dict(), proofs)


def _plane_gan(model: PlaneGAN) -> Played:
    noise = torch.randn(NUM_POINTS, model.latent, generator=Generator().manual_seed(0))
    z = short(noise)
    made = model.generator(z)
    points = short(made + torch.randn(made.shape, generator=Generator().manual_seed(1)))
    proofs = [
        Proof("generate", {"z": z}, made),
        Proof("judge", {"x": points}, model.discriminate(points)),
    ]
    return Played(model.state_dict(), proofs)


def _image_flow(model: ImageFlow) -> Played:
    proofs = _decoded(model, "generate")[:1]
    for (z, y, named), t in zip(_inputs(model), (0.2, 0.9), strict=False):
        x = z[:, : math.prod(model.shape)].view(1, *model.shape)
        v = model.velocity(x, torch.tensor([t]), y)
        proofs.append(Proof("velocity", {"x": x, "t": t, **named}, v[0]))
    return Played(model.state_dict(), proofs)


def _point_flow(model: PointFlow) -> Played:
    draw = Generator().manual_seed(0)
    z = short(torch.randn(NUM_POINTS, model.latent, generator=draw))
    places = short(torch.randn(NUM_POINTS, model.latent, generator=draw))
    t = short(torch.rand(NUM_POINTS, generator=draw))
    proofs = [
        Proof("generate", {"z": z}, model.points(z)),
        Proof("velocity", {"x": places, "t": t}, model.velocity(places, t)),
    ]
    return Played(model.state_dict(), proofs)


def _latent_flow(model: LatentFlow) -> Played:
    state = model.state_dict().items()
    tensors = {name: x for name, x in state if not name.startswith("autoencoder.encoder.")}
    return Played(tensors, _decoded(model, "decode"))


def spectral_norms(model: PlaneGAN) -> dict[str, Tensor]:
    """What the spectral norms of a game are of, and their vectors: the game goes on in the page.

    Args:
        model: as it was trained.
    """
    tensors: dict[str, Tensor] = {}
    for name, layer in model.named_modules():
        if parametrize.is_parametrized(layer, "weight"):
            weight: Any = layer.parametrizations["weight"]
            tensors[f"{name}.original"] = weight.original
            tensors[f"{name}.u"], tensors[f"{name}.v"] = weight[0]._u, weight[0]._v
    return tensors


PLAYED: dict[str, Callable[[Any], Played]] = {
    "autoencoder": _autoencoder,
    "vae": _vae,
    "vq": _vq,
    "gan": _gan,
    "mask": _mask,
    "plane-gan": _plane_gan,
    "image-flow": _image_flow,
    "point-flow": _point_flow,
    "latent-flow": _latent_flow,
}
"""Family to the function of a plain copy of its model that says what is written."""
DECODED = ("autoencoder", "vae", "gan")
"""Families of which a page may hold the decoder alone, or the generator."""
_READERS = ("encoder.", "decoder.posteriors.", "discriminator.", "class_rows.")
"""How the names of weights begin that read an image; a VAE of several layers has some in its decoder."""
_READING = ("encode", "redraw", "judge", "classify")
"""The calls that need them."""


def is_of_encoder(name: str) -> bool:
    """Whether a weight of a family of :data:`DECODED` is of its encoder, or of its discriminator."""
    return name.startswith(_READERS)


def decoder(played: Played) -> Played:
    """The same model without what reads images: a latent vector to an image, and its proofs."""
    tensors = {name: x for name, x in played.tensors.items() if not is_of_encoder(name)}
    return Played(tensors, [proof for proof in played.proofs if proof.call not in _READING])
