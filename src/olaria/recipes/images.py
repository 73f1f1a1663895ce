"""Presets that learn from images."""

from __future__ import annotations

from olaria.data.config import DataConfig
from olaria.families.autoencoder import SIZES as AUTOENCODER_SIZES
from olaria.families.base import Size
from olaria.families.flow_matching import IMAGE_FLOW_SIZES
from olaria.families.gan import GAN_SIZES
from olaria.families.mask import SIZES as MASK_SIZES
from olaria.families.vae import FLOW_LAYERS
from olaria.families.vae import SIZES as VAE_SIZES
from olaria.families.vq import SIZES as VQ_SIZES
from olaria.recipes.base import Recipe
from olaria.recipes.training import TrainingConfig

DENOISING = {"tiny": (64, 16), "small": (1024, 256), "base": (2048, 512)}
"""Hidden size and numbers of the code of the denoising autoencoders."""
PHOTOGRAPHS_S = 1800.0
"""Seconds that photographs are given: they vary more than digits do."""


def autoencoder(preset: str, size: Size, data: str = "mnist") -> Recipe:
    """An autoencoder."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=AUTOENCODER_SIZES[size],
        training=TrainingConfig(budget=60.0, batch_size=128, learning_rate=1e-3),
    )


def denoising_autoencoder(preset: str, size: Size) -> Recipe:
    """A denoising autoencoder: shallow and with a wide code, since what is to be left out is the noise."""
    hidden, latent = DENOISING[size]
    changes = {"corruption": 0.5, "hidden": (hidden,), "latent": latent}
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name="mnist"),
        model=AUTOENCODER_SIZES[size].model_copy(update=changes),
        training=TrainingConfig(budget=60.0, batch_size=256, learning_rate=2e-3, ema=0.998),
    )


def vae(
    preset: str, size: Size, data: str = "mnist", classes: int = 0, *, flow: bool = False
) -> Recipe:
    """A variational autoencoder with Bernoulli pixels; with ``classes`` a conditional one.

    Its prior is N(0, I), or with ``flow`` learned: what that gains stands in docs/vae.md.

    Its batches are large since so small a network spends as long on its weights as on its images. Its weights decay,
    since it sees each image again and again and soon knows the training images some nats better than others.
    """
    changes = {"classes": classes, "flow": FLOW_LAYERS[size] if flow else 0}
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=VAE_SIZES[size].model_copy(update=changes),
        training=TrainingConfig(
            budget=60.0,
            batch_size=512,
            learning_rate=4e-3,
            weight_decay=0.1,
            ema=0.998,
            keep_spaced=True,
        ),
    )


def vq(preset: str, size: Size, data: str = "mnist") -> Recipe:
    """A vector-quantized autoencoder, whose codes a language model learns (``--data codes:RUN``)."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=VQ_SIZES[size],
        training=TrainingConfig(budget=120.0, batch_size=128, learning_rate=2e-3, ema=0.998),
    )


def gan(preset: str, size: Size, data: str = "mnist", classes: int = 0) -> Recipe:
    """A convolutional GAN; with little momentum, as adversarial training asks for (Radford et al. 2016).

    With ``classes`` a conditional one. Its batches are large since a step of so small a network costs almost as much on
    few images. What each choice is worth stands in docs/experiments.md.
    """
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=GAN_SIZES[size].model_copy(update={"classes": classes}),
        training=TrainingConfig(
            budget=120.0,
            batch_size=256,
            learning_rate=3e-3,
            optimizer="muon",
            matrix_learning_rate=0.06,
            matrix_momentum=0.5,
            betas=(0.5, 0.99),
            decay_from=0.5,
            ema=0.998,
            keep_spaced=True,
        ),
    )


def photographs_vae(preset: str, size: Size, *, flow: bool = False) -> Recipe:
    """A variational autoencoder of small colour photographs: convolutions, and pixels of 256 levels.

    It sees each image a dozen times in its half hour, so its weights need not decay.
    """
    digits = VAE_SIZES[size]
    changes = {
        "network": "conv",
        "likelihood": "logistic",
        "latent": 4 * digits.latent,
        "width": 2 * digits.width,
    }
    plain = vae(preset, size, "cifar10", flow=flow)
    training = {
        "budget": PHOTOGRAPHS_S,
        "batch_size": 128,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
    }
    return plain.model_copy(
        update={
            "model": plain.model.model_copy(update=changes),
            "training": plain.training.model_copy(update=training),
        }
    )


def photographs_gan(preset: str, size: Size) -> Recipe:
    """A GAN of small colour photographs: more noise, half as wide again, and R1 for the spectral norm.

    With spectral normalisation and the digits' rates the discriminator learns nothing of photographs, so the slope is
    bounded on the real images instead (Mescheder et al. 2018). The trials stand in docs/experiments.md.
    """
    digits = GAN_SIZES[size]
    changes = {
        "spectral": False,
        "penalty": "r1",
        "penalty_weight": 0.2,
        "discriminator_rate": 3.0,
        "latent": 8 * digits.latent,
        "generator_width": digits.generator_width * 3 // 2,
        "discriminator_width": digits.discriminator_width * 3 // 2,
    }
    plain = gan(preset, size, "cifar10")
    training = {
        "budget": PHOTOGRAPHS_S,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "matrix_learning_rate": 0.01,
    }
    return plain.model_copy(
        update={
            "model": digits.model_copy(update=changes),
            "training": plain.training.model_copy(update=training),
        }
    )


def flow(preset: str, size: Size, data: str = "mnist", classes: int = 0) -> Recipe:
    """Flow matching of images; with ``classes`` it draws one of them on request."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=IMAGE_FLOW_SIZES[size].model_copy(update={"classes": classes}),
        training=TrainingConfig(
            budget=PHOTOGRAPHS_S if data == "cifar10" else 300.0,
            batch_size=128,
            learning_rate=2e-3,
            optimizer="muon",
            matrix_learning_rate=0.03,
            ema=0.998,
            keep_spaced=True,
        ),
    )


def mask(preset: str, size: Size) -> Recipe:
    """Masked diffusion of binarized digits."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name="mnist"),
        model=MASK_SIZES[size],
        training=TrainingConfig(
            budget=300.0,
            batch_size=64,
            learning_rate=2e-3,
            optimizer="muon",
            matrix_learning_rate=0.02,
            ema=0.99,
            keep_spaced=True,
        ),
    )
