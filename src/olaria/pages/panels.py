"""The panels of :data:`olaria.families.report.PanelKind`: what draws each, and what stands under it.

Texts and tables are no pictures: their panels are macros of ``templates/_panels.html.j2``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from olaria.cards.context import RunCard
from olaria.families.report import Panel, PanelKind
from olaria.i18n import N_
from olaria.pages.pictures import Picture, Pictures, has_logistic_loss

Drawn = tuple[Callable[[Pictures, RunCard], Picture | None], str]
"""What draws a panel, None where a run lacks its arrays, and its caption, a source string with ``{name}``."""

PANELS: Mapping[PanelKind, Drawn] = MappingProxyType(
    {
        "samples": (Pictures.samples, N_("New images by {name}.")),
        "reconstructions": (
            Pictures.reconstructions,
            N_("Test images and their reconstructions by {name}."),
        ),
        "interpolation": (
            Pictures.interpolation,
            N_("From one latent vector to another by {name}."),
        ),
        "latents": (
            lambda pictures, run: pictures.latents([run]),
            N_("Latent vectors of test images by {name}, coloured by their class."),
        ),
        "manifold": (
            Pictures.manifold,
            N_(
                "The latent plane of {name}, decoded on a grid of the prior's quantiles: each cell "
                "stands for an equal share of the prior."
            ),
        ),
        "codes": (
            Pictures.codes,
            N_(
                "Use of the codebook of {name} on test images: the share of each entry, and dashed "
                "what each would have if all were used equally."
            ),
        ),
        "first-and-last": (
            Pictures.first_and_last,
            N_(
                "The same noise through the generator of {name}: before the first update and at "
                "the end."
            ),
        ),
        "animation": (Pictures.animation, N_("The same noise while {name} trains.")),
        "losses": (
            Pictures.losses,
            N_(
                "Losses of {name} while it trains: each logged value (light), the smoothed curve "
                "and, with marks, the validation split."
            ),
        ),
        "game-losses": (
            Pictures.game_losses,
            N_(
                "Losses of both players of {name}: each logged value (light) and the smoothed "
                "curve."
            ),
        ),
    }
)

_WITH_BALANCE = N_(
    "Losses of both players of {name}: each logged value (light) and the smoothed curve; dashed, "
    "where the theory of the original game puts the balance."
)


def picture(panel: Panel, run: RunCard, pictures: Pictures) -> Picture | None:
    """The panel of a run; None where there is nothing to draw."""
    return PANELS[panel.kind][0](pictures, run)


def caption(panel: Panel, run: RunCard) -> str:
    """What stands under it, a source string with ``{name}``."""
    if panel.kind == "game-losses" and has_logistic_loss(run):
        return panel.caption or _WITH_BALANCE
    return panel.caption or PANELS[panel.kind][1]
