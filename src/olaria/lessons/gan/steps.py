"""The steps of the GAN's lesson in the order of its documents; those of the other kind of run are left out."""

from __future__ import annotations

from olaria.evaluation.diversity import spread
from olaria.evaluation.plane import clusters
from olaria.lessons.gan.game import balance, beyond, losses, one_pair, turn
from olaria.lessons.gan.images import (
    classes,
    collapsed_images,
    frames,
    judged,
    pixel_gradients,
    walk,
)
from olaria.lessons.gan.points import best, collapsed_points, path, point_gradients, points, surface
from olaria.lessons.twice import Row
from olaria.models.game import Game
from olaria.models.gan import GAN, ImageGenerator
from olaria.models.plane import PlaneGAN, PointGenerator
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.sampling import latent, plane

STEPS = (
    Row(one_pair, (discriminator_loss, generator_loss)),
    Row(points, (PointGenerator.forward, plane.draw, clusters)),
    Row(walk, (ImageGenerator.forward, latent.interpolate)),
    Row(classes, (GAN.discriminate, GAN.judge)),
    Row(surface, (PlaneGAN.discriminate, plane.surface)),
    Row(judged, (GAN.discriminate,)),
    Row(losses, (discriminator_loss, generator_loss)),
    Row(turn, (Game.discriminator_loss, Game.generator_loss)),
    Row(point_gradients, (generator_loss, PlaneGAN.discriminate)),
    Row(pixel_gradients, (Game.generator_loss, generator_loss)),
    Row(path, (plane.picture,)),
    Row(frames, (latent.prior,)),
    Row(best, (discriminator_loss,)),
    Row(balance, (discriminator_loss, generator_loss)),
    Row(collapsed_points, (clusters,)),
    Row(collapsed_images, (spread,)),
    Row(beyond, (Game.phases, discriminator_loss)),
)
"""Each is named as its section."""
