"""The steps of the GAN's lesson in the order of its documents; those of the other kind of run are left out."""

from __future__ import annotations

from olaria.evaluation.diversity import spread
from olaria.evaluation.plane import clusters
from olaria.lessons.gan import game, images, points
from olaria.lessons.gan.scene import Pictures, Points
from olaria.lessons.twice import Row
from olaria.models.game import Game
from olaria.models.gan import GAN, ImageGenerator
from olaria.models.plane import PlaneGAN, PointGenerator
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.sampling import latent, plane

STEPS = (
    Row(game.one_pair, (discriminator_loss, generator_loss)),
    Row(points.points, (PointGenerator.forward, plane.draw, clusters), of=Points),
    Row(images.walk, (ImageGenerator.forward, latent.interpolate), of=Pictures),
    Row(images.classes, (GAN.discriminate, GAN.judge), of=Pictures),
    Row(points.surface, (PlaneGAN.discriminate, PlaneGAN.shade), of=Points),
    Row(images.judged, (GAN.discriminate,), of=Pictures),
    Row(game.losses, (discriminator_loss, generator_loss)),
    Row(game.turn, (Game.discriminator_loss, Game.generator_loss)),
    Row(points.point_gradients, (generator_loss, PlaneGAN.discriminate), of=Points),
    Row(images.pixel_gradients, (Game.generator_loss, generator_loss), of=Pictures),
    Row(points.path, (plane.picture,), of=Points),
    Row(images.frames, (latent.prior,), of=Pictures),
    Row(points.best, (discriminator_loss,), of=Points),
    Row(game.balance, (discriminator_loss, generator_loss)),
    Row(points.collapsed_points, (clusters,), of=Points),
    Row(images.collapsed_images, (spread,), of=Pictures),
    Row(game.beyond, (Game.phases, discriminator_loss)),
)
"""Each is named as its section."""
