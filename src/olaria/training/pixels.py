"""Whether a likelihood suits the pixels that it is to explain."""

from __future__ import annotations

from torch import Tensor

from olaria.families.base import ModelConfig
from olaria.i18n import N_, Message, Setting

NUM_JUDGED = 1000
"""Images that are looked at."""
COLOUR = 8
"""Levels of 255 that the channels of a pixel lie apart on average, from which images are coloured: more than
compression makes of grey. It is 32 for CIFAR-10."""
GREY = (26, 229)
"""Levels between which a pixel is neither nearly black nor nearly white."""
FEW = 0.1
"""Share of such values up to which images are drawings, in whatever colours; it is 0.09 for MNIST."""
MOSTLY = 0.8
"""Share from which they are photographs; it is 0.39 for Fashion-MNIST, whose background is black, and 0.88 for
CIFAR-10."""


def unsuited(model: ModelConfig, images: Tensor) -> Message | None:
    """A warning where pixels that are no drawing in black and white get a Bernoulli likelihood; None where they suit.

    It draws each pixel anew as black or white, with the pixel's value as probability. Of strokes on a background that
    leaves the image; of a photograph it leaves noise.

    Args:
        model: settings of a family, some of which have a ``likelihood``.
        images: uint8 (N, C, H, W).
    """
    if getattr(model, "likelihood", None) != "bernoulli":
        return None
    judged = images[:NUM_JUDGED].int()
    fields = {
        "now": Setting("model.likelihood", "bernoulli"),
        "better": Setting("model.likelihood", "logistic"),
    }
    between = ((judged >= GREY[0]) & (judged <= GREY[1])).float().mean()
    apart = judged.amax(1) - judged.amin(1)
    if between < FEW:
        return None
    if apart.float().mean() >= COLOUR:
        message = N_(
            "these images are coloured, and {now} draws every colour of a pixel as all or nothing, so that the model "
            "learns from noisy images; {better} models their 256 levels"
        )
        return Message(message, fields)
    if between >= MOSTLY:
        message = N_(
            "nearly all pixels of these images are grey, and {now} draws each as black or white, so that the model "
            "learns from noisy images; {better} models their 256 levels"
        )
        return Message(message, fields)
    return None
