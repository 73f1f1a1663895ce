r"""What an autoencoder makes of disturbed images, whether it was trained for that or not.

Arrays: images (N, C, H, W), pixels in [0, 1] but for Gaussian noise, which may leave it; errors in squared units of the
pixels. Source: Vincent et al. 2008, *Extracting and Composing Robust Features with Denoising Autoencoders*; 2010.
"""

from __future__ import annotations

import numpy as np
import torch

from olaria.families.autoencoder import AutoEncoderConfig
from olaria.i18n import N_, Message, Number
from olaria.lessons.autoencoder.seen import Seen
from olaria.lessons.base import Array, Step, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import Choice, Control, Curve, Images, Plot
from olaria.lessons.images import checked, strip, together, value
from olaria.models.autoencoder import corrupted
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
"""Of the disturbance: a standard deviation, or a share of the pixels."""
USUAL_LEVEL = 0.3
NUM_DISTURBED = 200
NUM_CLEANED = 6
"""Of them are shown."""


def denoising(seen: Seen) -> Step:
    """Disturb test images more and more, and rebuild them."""
    config, x = seen.autoencoder.config, seen.x[:NUM_DISTURBED]
    levels = sorted({*LEVELS, config.corruption})
    generator = seen.generator("disturbed")
    noisy = [corrupted(x, config.noise, level, generator) for level in levels]
    rebuilt = [latent.reconstruct(seen.model, disturbed) for disturbed in noisy]
    before, after = (
        np.array([squared_error(y, x).double().mean().item() for y in row])
        for row in (noisy, rebuilt)
    )
    start = levels.index(config.corruption or USUAL_LEVEL)
    names = tuple(value(level) for level in levels)
    shown = slice(0, min(NUM_CLEANED, len(x)))
    figures = tuple(
        Images(
            "",
            (
                strip(Message(N_("clean")), x[shown]),
                strip(Message(N_("disturbed")), disturbed[shown]),
                strip(Message(N_("rebuilt")), cleaned[shown]),
            ),
        )
        for disturbed, cleaned in zip(noisy, rebuilt, strict=True)
    )
    strength = Message(STRENGTHS[config.noise])
    curves = (
        Curve(Message(N_("disturbed")), np.array(levels), before),
        Curve(Message(N_("rebuilt")), np.array(levels), after),
    )
    seen_again = [networks.code(seen.autoencoder, numbers(y[shown])) for y in noisy]
    return Step(
        Message(N_("Taking off noise")),
        _told_of_noise(config, levels, start, before, after),
        FORMULAS[config.noise],
        (
            Choice(
                Message(
                    N_("Disturbed images are shown cut to [0, 1]; the encoder is given them uncut.")
                ),
                (Control(strength, names, start=start),),
                figures,
            ),
            Plot(
                Message(
                    N_("How far both are from the clean image; the mean over {count} test images."),
                    {"count": len(x)},
                ),
                curves,
                strength,
                Message(N_("mean squared error per pixel")),
            ),
        ),
        {"levels": np.array(levels), "before": before, "after": after},
        (corrupted, latent.reconstruct, squared_error),
        (
            checked(
                N_("both curves, the squares of all images summed in float64"),
                np.stack((before, after)),
                np.array(
                    [
                        [((numbers(y) - numbers(x)) ** 2).sum() / x.numel() for y in row]
                        for row in (noisy, rebuilt)
                    ]
                ),
            ),
            checked(
                N_("the rebuilt images shown, again in NumPy from the raw weights"),
                torch.stack([y[shown] for y in rebuilt]),
                np.stack([networks.image(seen.autoencoder, z).clip(0, 1) for z in seen_again]),
            ),
        ),
        "Vincent et al. 2010, section 3.3",
    )


STRENGTHS = {
    "gaussian": N_("standard deviation of the noise"),
    "masking": N_("share of pixels that become 0"),
    "salt-and-pepper": N_("share of pixels that become 0 or 1"),
}
FORMULAS = {
    "gaussian": r"\tilde x = x + \sigma \epsilon, \quad \epsilon \sim \mathcal{N}(0, I), \quad \hat x = g(f(\tilde x))",
    "masking": r"\tilde x_i = x_i b_i, \quad b_i \in \{0, 1\}, \qquad \hat x = g(f(\tilde x))",
    "salt-and-pepper": r"\tilde x_i \in \{x_i, 0, 1\}, \qquad \hat x = g(f(\tilde x))",
}


def _told_of_noise(
    config: AutoEncoderConfig, levels: list[float], start: int, before: Array, after: Array
) -> Message:
    """What the run was trained for, what one strength shows, and at how many strengths it helps."""
    from olaria.evaluation.reconstruction import (
        psnr_db,
    )  # imports scikit-learn, which takes its time

    if config.corruption:
        trained = Message(
            N_(
                "In training this run was given images disturbed at strength {level} and asked for the clean ones."
            ),
            {"level": Number(config.corruption)},
        )
    else:
        trained = Message(
            N_(
                "This run never saw a disturbed image in training and was not asked to take anything off; runs of "
                "dae-mnist are."
            )
        )
    measured = Message(
        N_(
            "At strength {level} the mean squared error of the disturbed images is {before} (a PSNR of {before_db} "
            "dB), and that of the rebuilt ones {after} ({after_db} dB)."
        ),
        {
            "level": Number(levels[start]),
            "before": Number(before[start]),
            "before_db": Number(psnr_db(before[start]), 1),
            "after": Number(after[start]),
            "after_db": Number(psnr_db(after[start]), 1),
        },
    )
    helps, tried = int((after < before).sum()), len(levels) - 1
    if helps == tried:
        whole = Message(
            N_("Rebuilding brings them nearer to the clean images at every strength tried.")
        )
    else:
        whole = Message(
            N_(
                "Rebuilding helps at {helps} of {tried} strengths. At the others it does more harm than the noise: "
                "even a clean image comes back with an error of {clean}."
            ),
            {"helps": helps, "tried": tried, "clean": Number(after[0])},
        )
    return together(trained, measured, whole)
