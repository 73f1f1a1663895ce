"""Write the pictures of the README from the runs of a demo.

    python scripts/make_pictures.py runs/demo

The folder needs a GAN, and an autoencoder and a VAE of two latent dimensions each: ``olaria demo``
makes them. Everything is drawn by the functions that also draw the report, once per language;
``gan.gif`` has no words. ``report.<language>.png``, ``lesson-*.<language>.png`` and ``studio.<language>.png`` are
photographs of pages and not made here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from olaria.cards.context import RunCard
from olaria.cards.run_card import run_card
from olaria.errors import OlariaError
from olaria.families import MODELS
from olaria.i18n import LANGUAGES, translate
from olaria.lessons.kl.scene import P, Q
from olaria.pages.areas import kl_figure
from olaria.pages.planes import Cloud, latent_scatter, manifold
from olaria.pages.style import png
from olaria.runs import Run
from olaria.storage.files import write_atomic
from olaria.storage.folder import list_runs

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
DPI = 180
"""A page shows the figures at about half their pixels, so that they are sharp on fine screens."""


def write(name: str, content: bytes) -> None:
    """Publish one picture and say so."""
    path = IMAGES / name
    write_atomic(path, lambda temporary: temporary.write_bytes(content))
    print(f"{path.name}: {len(content) / 1000:,.0f} kB")


def chosen(runs: Sequence[Run], family: str, latent: int | None = None) -> Run:
    """The first run of a family, with that many latent dimensions where given.

    Raises:
        LookupError: there is none.
    """
    for run in runs:
        size = getattr(run.recipe.model, "latent", None)
        if run.family == family and (latent is None or size == latent):
            return run
    dimensions = "" if latent is None else f" with {latent} latent dimensions"
    raise LookupError(f"there is no {family}{dimensions}; make the folder with olaria demo --out")


def cloud(card: RunCard, language: str) -> Cloud:
    """A run's latent plane, named by its family."""
    assert card.latents is not None
    name = translate(MODELS[card.family].title, language)
    return Cloud(name, card.latents, card.labels, prior=card.has_prior)


def draw(runs: Sequence[Run]) -> None:
    """Every picture.

    Raises:
        LookupError: a run that a picture needs is missing.
    """
    gan = chosen(runs, "gan")
    planes = [chosen(runs, family, 2) for family in ("autoencoder", "vae")]
    game = run_card(gan)
    autoencoder, vae = (run_card(run) for run in planes)
    assert vae.manifold is not None
    write("gan.gif", game.animation)
    for language in LANGUAGES:
        plane = manifold(vae.manifold)
        write(f"vae-manifold.{language}.png", png(plane))
        clouds = [cloud(card, language) for card in (autoencoder, vae)]
        latents = latent_scatter(clouds, vae.class_names, language)
        areas = kl_figure(P, Q, language)
        for name, figure in (("latents", latents), ("kl", areas)):
            figure.set_dpi(DPI)
            write(f"{name}.{language}.png", png(figure))


def main() -> int:
    """Draw from the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Write docs/images from the runs of a demo.")
    parser.add_argument("folder", type=Path, help="the demo's folder, such as runs/demo")
    options = parser.parse_args()
    try:
        draw([Run(path) for path in list_runs(options.folder)])
    except (LookupError, OlariaError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
