"""The figures of a run as pictures for a page: bytes inline, size known, described in words."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle

import numpy as np

from olaria.cards.context import Images, RunCard, Stage
from olaria.families import MODELS
from olaria.families.report import Curve
from olaria.i18n import N_, Message
from olaria.lessons.kl.scene import P, Q
from olaria.objectives.divergence import divergence
from olaria.pages import areas, curves, figures, planes
from olaria.pages.architecture import architecture
from olaria.pages.code_use import code_use
from olaria.pages.labels import number, shortened
from olaria.pages.style import png, svg


@dataclass(frozen=True)
class Picture:
    """An image of the page.

    Args:
        uri: the image itself, as a data URI.
        alt: what it shows, in words.
        width: CSS pixels at which it looks right on a wide page.
        narrow: another drawing of the same for a telephone; empty for none.
        still: shown instead of an animation where the reader asked for less motion; empty for none.
    """

    uri: str
    alt: str
    width: int
    narrow: str = ""
    still: str = ""


def data_uri(image: bytes) -> str:
    """Image bytes as a data URI; the kind is read from their first bytes.

    Raises:
        ValueError: not PNG, GIF, WebP or SVG.
    """
    kinds = {
        b"\x89PNG": "png",
        b"GIF8": "gif",
        b"RIFF": "webp",
        b"<?xm": "svg+xml",
        b"<svg": "svg+xml",
    }
    kind = kinds.get(image[:4])
    if kind is None:
        raise ValueError("an image must be PNG, GIF, WebP or SVG")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _png_width(image: bytes) -> int:
    width: int = struct.unpack(">I", image[16:20])[0]
    return width


def has_logistic_loss(run: RunCard) -> bool:
    """Whether a game's losses have the levels that theory gives for balanced players."""
    return run.setting("model.loss") in (None, "non-saturating")


@cache
def _kl_images(language: str) -> tuple[bytes, bytes]:
    """Wide and narrow; always the same two distributions, so drawn once."""
    wide, narrow = (svg(areas.kl_figure(P, Q, language, narrow)) for narrow in (False, True))
    return wide, narrow


class Pictures:
    """Draws the pictures of a report in one language; every method gives None where the run lacks the arrays."""

    def __init__(self, language: str) -> None:
        self.language = language

    def _say(self, text: str, **fields: object) -> str:
        return Message(text, fields).text(self.language)

    def grid(
        self, images: Images | None, alt: str, columns: int = 10, narrow: int = 0
    ) -> Picture | None:
        """A grid of images; ``alt`` is an English source string, ``narrow`` its columns on a telephone."""
        if images is None:
            return None
        image = png(figures.image_grid(images, columns))
        alt = self._say(alt, num=len(images))
        other = data_uri(png(figures.image_grid(images, narrow))) if narrow else ""
        return Picture(data_uri(image), alt, min(680, _png_width(image)), other)

    def examples(self, images: Images | None) -> Picture | None:
        """Images of a data set."""
        return self.grid(images, N_("{num} training {num:image|images} in a grid"))

    def samples(self, run: RunCard) -> Picture | None:
        """Images drawn from the prior."""
        return self.grid(run.samples, N_("{num} generated {num:image|images} in a grid"), 16, 8)

    def reconstructions(self, run: RunCard) -> Picture | None:
        """Originals above their reconstructions."""
        if run.originals is None or run.reconstructions is None:
            return None
        image = png(figures.reconstructions(run.originals, run.reconstructions, self.language))
        alt = self._say(
            N_(
                "{num} test {num:image|images}; under each row of originals the row of their "
                "reconstructions"
            ),
            num=len(run.originals),
        )
        return Picture(data_uri(image), alt, 680)

    def interpolation(self, run: RunCard) -> Picture | None:
        """Strips between two latent vectors."""
        if run.interpolation is None:
            return None
        image = png(figures.interpolation(run.interpolation))
        alt = self._say(
            N_(
                "strips of {num} images that change step by step from the left one to the right one"
            ),
            num=run.interpolation.shape[-4],
        )
        return Picture(data_uri(image), alt, 680)

    def manifold(self, run: RunCard) -> Picture | None:
        """The decoded plane."""
        if run.manifold is None:
            return None
        image = png(planes.manifold(run.manifold))
        alt = self._say(
            N_("a square map of {num} images decoded from a grid of points of the latent plane"),
            num=len(run.manifold),
        )
        return Picture(data_uri(image), alt, 560)

    def latents(self, runs: Sequence[RunCard]) -> Picture | None:
        """Latent planes side by side on the same axes."""
        runs = [run for run in runs if run.latents is not None]
        if not runs:
            return None
        clouds = []
        for run in runs:
            assert run.latents is not None
            entry = MODELS[run.family]
            name = f"{entry.short or self._say(entry.title)}: {shortened(run.name)}"
            clouds.append(planes.Cloud(name, run.latents, run.labels, run.has_prior))
        names = [shortened(name, 12) for name in runs[0].class_names]
        wide = svg(planes.latent_scatter(clouds, names, self.language))
        narrow = svg(planes.latent_scatter(clouds, names, self.language, narrow=True))
        spreads = "; ".join(
            self._say(
                N_("{name}: standard deviation {z1} along z₁ and {z2} along z₂"),
                name=cloud.title,
                z1=number(float(np.std(cloud.latents[:, 0])), self.language, 2),
                z2=number(float(np.std(cloud.latents[:, 1])), self.language, 2),
            )
            for cloud in clouds
        )
        alt = self._say(
            N_("points of the latent plane, coloured by class, on the same square axes. {spreads}"),
            spreads=spreads,
        )
        width = 760 if len(clouds) > 1 else 460
        return Picture(data_uri(wide), alt, width, data_uri(narrow) if len(clouds) > 1 else "")

    def kl(self) -> Picture:
        """Both directions of the divergence of the lesson's two distributions."""
        wide, narrow = _kl_images(self.language)
        alt = self._say(
            N_(
                "two normal densities p and q on the left; on the right the curves p log(p/q) and "
                "q log(q/p) with the areas above and below zero; D(p‖q) = {forward} nats, "
                "D(q‖p) = {backward} nats"
            ),
            forward=number(divergence(P, Q).numerical_nats, self.language, 3),
            backward=number(divergence(Q, P).numerical_nats, self.language, 3),
        )
        return Picture(data_uri(wide), alt, 760, data_uri(narrow))

    def losses(self, run: RunCard) -> Picture | None:
        """The curves that the run's family names."""
        panels = [self._panel(run, curve) for curve in MODELS[run.family].curves]
        return self._curves([panel for panel in panels if panel is not None], [run])

    def _panel(self, run: RunCard, curve: Curve) -> curves.Panel | None:
        unit = self._say(curve.title)
        if curve.keys[0].endswith("_nats"):
            unit = f"{unit} ({self._say(N_('nats'))})"
        for key in curve.keys:
            series = []
            for split, word in (("train", N_("training")), ("validation", N_("validation"))):
                found = run.series(key, split)
                if len(found[0]):
                    is_held_out = split == "validation"
                    series.append(curves.Series(self._say(word), *found, points=is_held_out))
            if series:
                return curves.Panel(series, unit)
        return None

    def _curves(
        self, panels: Sequence[curves.Panel], runs: Sequence[RunCard], x_label: str = ""
    ) -> Picture | None:
        if not panels:
            return None
        wide, narrow = (
            data_uri(svg(curves.loss_curves(panels, self.language, x_label, narrow)))
            for narrow in (False, True)
        )
        width = 760 if len(panels) > 1 else 540
        return Picture(wide, self._curve_text(panels, runs), width, narrow)

    def _curve_text(self, panels: Sequence[curves.Panel], runs: Sequence[RunCard]) -> str:
        """First and last smoothed value of each curve, for those who do not see it."""
        parts = []
        for panel in panels:
            for series in panel.series:
                values = series.values if series.points else curves.smooth(series.values)
                values = values[np.isfinite(values)]
                if len(values):
                    parts.append(
                        self._say(
                            N_("{curve}, {unit}: from {first} to {last}"),
                            curve=series.label,
                            unit=panel.unit,
                            first=number(float(values[0]), self.language),
                            last=number(float(values[-1]), self.language),
                        )
                    )
        names = ", ".join(shortened(run.name) for run in runs)
        return self._say(
            N_("curves of {name} over training. {parts}"), name=names, parts="; ".join(parts)
        )

    def game_losses(self, run: RunCard) -> Picture | None:
        """Both players' losses."""
        discriminator, generator = run.series("discriminator_loss"), run.series("generator_loss")
        if not len(discriminator[0]) or not len(generator[0]):
            return None
        panels = curves.gan_panels(discriminator, generator, self.language, has_logistic_loss(run))
        return self._curves(panels, [run])

    def first_and_last(self, run: RunCard) -> Picture | None:
        """Images of the same noise, before training and at its end."""
        if run.first is None or run.last is None:
            return None
        steps = int(run.result.get("steps", 0))
        image = png(figures.first_and_last(run.first, run.last, steps, self.language))
        alt = self._say(
            N_("two grids of generated images from the same noise: before training and after it")
        )
        return Picture(data_uri(image), alt, 680)

    def animation(self, run: RunCard) -> Picture | None:
        """The images of the same noise as they change, with the last ones as the still."""
        if not run.animation:
            return None
        still = data_uri(png(figures.image_grid(run.last, 8))) if run.last is not None else ""
        alt = self._say(
            N_("animation: the images of the same noise while {name} trains"),
            name=shortened(run.name),
        )
        return Picture(data_uri(run.animation), alt, 480, still=still)

    def language_losses(self, runs: Sequence[RunCard]) -> Picture | None:
        """Training and validation losses of the language models, over the time they trained."""
        series = []
        for run, colour in zip(runs, cycle(curves.COLOURS), strict=False):
            for split, word in (("train", N_("training")), ("validation", N_("validation"))):
                pair = run.series("loss_nats_per_token", split, "elapsed_s")
                if len(pair[0]):
                    name = f"{shortened(run.name, 16)}, {self._say(word)}"
                    series.append(curves.Series(name, *pair, split == "validation", colour))
        panel = curves.Panel(series, self._say(N_("nats per token")))
        x_label = self._say(N_("time since the start (s)"))
        return self._curves([panel] if series else [], runs, x_label)

    def codes(self, run: RunCard) -> Picture | None:
        """How often each entry of a codebook is chosen."""
        counts = run.code_counts
        if counts is None or not counts.sum():
            return None
        alt = self._say(
            N_(
                "bars: {used} of {count} entries are chosen; the most frequent one {share} % of the time"
            ),
            used=int((counts > 0).sum()),
            count=len(counts),
            share=number(100 * float(counts.max() / counts.sum()), self.language, 1),
        )
        wide, narrow = (
            data_uri(svg(code_use(counts, self.language, narrow))) for narrow in (False, True)
        )
        return Picture(wide, alt, 600, narrow)

    def architecture(self, stages: Sequence[Stage], name: str) -> Picture | None:
        """A model's layers and what flows between them."""
        if not stages:
            return None
        parts = [
            self._say(
                N_("{part}: {layers} {layers:layer|layers}, {num} parameters"),
                part=stage.title.text(self.language),
                layers=sum(layer.repeats for layer in stage.layers),
                num=number(stage.num_parameters, self.language, 0),
            )
            for stage in stages
            if stage.layers
        ]
        alt = self._say(
            N_("the architecture of {name} from input to output. {parts}"),
            name=shortened(name),
            parts="; ".join(parts),
        )
        return Picture(data_uri(svg(architecture(stages, self.language))), alt, 520)
