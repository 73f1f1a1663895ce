r"""What an autoencoder does to an image, what that costs, what it is good for, and what it is not.

.. math:: z = f(x), \qquad \hat x = g(z), \qquad e = \frac1P \sum_i (\hat x_i - x_i)^2

Arrays: images and reconstructions (N, C, H, W), pixels in [0, 1]; codes ``z`` (N, latent), without a unit; errors (N,)
in squared units of the pixels. A reconstruction is cut to [0, 1], as ``olaria eval`` has it. Sources: Hinton &
Salakhutdinov 2006; Baldi & Hornik 1989 (principal components). The modules beside this
one hold its other steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.autoencoder import codes, linear, noise, strange
from olaria.lessons.autoencoder.seen import NUM_TEST, NUM_TRAIN, NUM_VOTERS, Seen, error_of
from olaria.lessons.base import Asked, Lesson, Step, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.figures import Images
from olaria.lessons.images import checked, strip, together
from olaria.models.autoencoder import AutoEncoder
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent


def _steps(asked: Asked) -> Sequence[Step]:
    known = images.opened(asked, NUM_TEST)
    train = images.some(known.data.train, NUM_TRAIN, known.generator("train"))
    seen = Seen(asked, known.model, known.data, known.x, known.y, *train)
    return (
        _one_image(seen),
        linear.cost(seen),
        linear.side_by_side(seen),
        linear.halfway(seen),
        noise.denoising(seen),
        strange.strange_images(seen, seen.train[:NUM_VOTERS]),
        codes.where_codes_lie(seen),
        codes.no_prior(seen),
    )


def _one_image(seen: Seen) -> Step:
    model, x, rebuilt = seen.autoencoder, seen.x[:1], seen.rebuilt[:1]
    z, mean = latent.encode(model, x), model.statistics.mean[None]
    error, base = (squared_error(y, x)[0].item() for y in (rebuilt, mean))
    again = networks.code(model, numbers(x))
    drawn = networks.image(model, again).clip(0, 1)
    text = Message(
        N_(
            "This test image ({image}) is {pixels} pixel values between 0 and 1. The encoder $f$ makes {latent} "
            "numbers $z$ of them, and the decoder $g$ has only those to rebuild the image from. The mean squared "
            "error is {error}; for the mean training image, which needs no code at all, it is {base}."
        ),
        {
            "image": seen.words(0),
            "pixels": x.numel(),
            "latent": model.latent,
            "error": Number(error),
            "base": Number(base),
        },
    )
    if model.latent >= x.numel():
        wide = N_("The code has as many numbers as the image or more, so it is no bottleneck.")
        text = together(text, Message(wide))
    notes = Message(N_("the image")), Message(N_("rebuilt")), Message(N_("the difference"))
    caption = Message(
        N_(
            "The code: all that the decoder is told. Do not look for a meaning of each number, for nothing in the "
            "loss asks for one."
        )
    )
    return Step(
        Message(N_("From pixels to a code and back")),
        text,
        r"z = f(x), \qquad \hat x = g(z), \qquad e = \frac{1}{P} \sum_{i=1}^{P} \left(\hat x_i - x_i\right)^2",
        (
            Images(
                Message(N_("What goes in, what comes out, and how far each pixel is off.")),
                (strip(seen.words(0), torch.cat((x, rebuilt, (rebuilt - x).abs())), notes),),
            ),
            images.code_figure(numbers(z[0]), "z", caption),
        ),
        {"x": x.numpy(), "z": z.numpy(), "rebuilt": rebuilt.numpy()},
        (AutoEncoder.encode, AutoEncoder.decode, squared_error),
        (
            checked(N_("the code, again in NumPy from the raw weights"), z, again),
            checked(
                N_("the rebuilt image, again in NumPy from the code and the raw weights"),
                rebuilt,
                drawn,
            ),
            checked(
                N_("the error, pixel by pixel in float64"), error, error_of(drawn[0], numbers(x[0]))
            ),
            checked(
                N_("the mean image's error, pixel by pixel in float64"),
                base,
                error_of(numbers(mean[0]), numbers(x[0])),
            ),
        ),
        "Hinton & Salakhutdinov 2006, Science 313",
    )


LESSON = Lesson(
    title=Message(N_("The autoencoder: from pixels to a code and back")),
    introduction=Message(
        N_(
            "An autoencoder squeezes an image through a few numbers and rebuilds it. What is lost on the way, what a "
            "linear projection would lose, what the code is good for and what it is not, measured on your own run."
        )
    ),
    steps=_steps,
    families=("autoencoder",),
    preset="ae-mnist",
)
