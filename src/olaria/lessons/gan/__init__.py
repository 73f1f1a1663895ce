r"""A GAN's game opened up, in the plane and on images: one lesson for both families.

.. math:: z \sim N(0, I), \quad \tilde x = G(z), \qquad
   \min_G \max_D\; \mathbb E_x[\log D(x)] + \mathbb E_z[\log(1 - D(G(z)))]

The arrays of the steps, with shapes and units, are told where they are made: of the plane in
:mod:`~olaria.lessons.gan.plane`, :mod:`~olaria.lessons.gan.path`, :mod:`~olaria.lessons.gan.best` and
:mod:`~olaria.lessons.gan.collapse`, of images in :mod:`~olaria.lessons.gan.images`, :mod:`~olaria.lessons.gan.pull`
and :mod:`~olaria.lessons.gan.ends`, of both in :mod:`~olaria.lessons.gan.balance`. Every number is computed once more
from the raw weights by :mod:`~olaria.lessons.by_numpy.games`.

Sources: Goodfellow et al. 2014; Kahng et al. 2019, *GAN Lab* (what there is to see of such a game).
"""

from __future__ import annotations

from collections.abc import Sequence

from olaria.i18n import N_, Message
from olaria.lessons.base import Asked, Lesson, Step
from olaria.lessons.gan import best, collapse, ends, images, path, plane, pull
from olaria.lessons.gan.balance import balance_step
from olaria.lessons.gan.gallery import gallery_of
from olaria.lessons.gan.losses import losses_step
from olaria.lessons.gan.scene import scene_of


def steps(asked: Asked) -> Sequence[Step]:
    """The steps for the run's family."""
    return _plane(asked) if asked.run.family == "plane-gan" else _images(asked)


def _plane(asked: Asked) -> Sequence[Step]:
    scene = scene_of(asked)
    count = min(len(scene.real), len(scene.made))
    real, made = (scene.model.discriminate(x[:count]) for x in (scene.real, scene.made))
    return (
        plane.points_step(scene),
        plane.surface_step(scene),
        losses_step(real, made, scene.loss),
        plane.pull_step(scene),
        path.path_step(scene),
        best.best_step(scene),
        balance_step(scene.run, scene.loss, scene.events),
        collapse.collapse_step(scene),
    )


def _images(asked: Asked) -> Sequence[Step]:
    gallery = gallery_of(asked)
    return (
        images.noise_step(gallery),
        images.answers_step(gallery),
        losses_step(*gallery.answers, gallery.loss),
        pull.pull_step(gallery),
        *ends.frames_steps(gallery),
        balance_step(gallery.run, gallery.loss, gallery.events),
        ends.collapse_step(gallery),
    )


LESSON = Lesson(
    title=Message(N_("The game of a GAN")),
    introduction=Message(
        N_(
            "Two networks play against each other: one makes points or images out of noise, the other tells them "
            "from real ones. Here both are opened up, with the weights that your run has learnt."
        )
    ),
    steps=steps,
    families=("gan", "plane-gan"),
    preset="gan-ring",
)
