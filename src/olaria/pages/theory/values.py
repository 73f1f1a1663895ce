"""What the theory's documents may name: values of a section's runs, and of one run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from olaria.cards.context import RunCard
from olaria.families import MODELS
from olaria.lessons.base import TOLERANCE
from olaria.lessons.kl.scene import P, Q
from olaria.lessons.parts import Values
from olaria.objectives.divergence import divergence
from olaria.pages.curves import DISCRIMINATOR_EQUILIBRIUM_NATS, GENERATOR_EQUILIBRIUM_NATS


def of_section(runs: Sequence[RunCard]) -> Values:
    """What is said above the runs of a section, and below them.

    Conditions are ``bigram``, ``ladder`` and ``gpt`` (a run of it is there), ``attention`` (of one of the last two),
    ``queries`` (of the ladder only), ``flow``, ``prompt`` (one of the runs has it) and ``several`` runs. Numbers are
    those of a balanced game in nats, and those of the two normal distributions whose divergences are drawn.
    """
    families = {run.family for run in runs}
    ladder, gpt = "language" in families, "gpt" in families
    return {
        "bigram": "bigram" in families,
        "ladder": ladder,
        "gpt": gpt,
        "attention": ladder or gpt,
        "queries": ladder and not gpt,
        "flow": any(run.setting("model.flow") for run in runs),
        "prompt": any(run.prompt for run in runs),
        "several": len(runs) > 1,
        "discriminator_loss": DISCRIMINATOR_EQUILIBRIUM_NATS,
        "generator_loss": GENERATOR_EQUILIBRIUM_NATS,
        **_divergences(),
    }


@cache
def _divergences() -> Values:
    return {
        "mean_p": P.mean,
        "std_p": P.std,
        "mean_q": Q.mean,
        "std_q": Q.std,
        "forward": divergence(P, Q).numerical_nats,
        "backward": divergence(Q, P).numerical_nats,
        "tolerance": TOLERANCE,
    }


def of_run(run: RunCard) -> Values:
    """What is said of a run.

    Conditions are ``added_noise`` and ``lost_pixels`` (how the input is disturbed), ``weighted`` (the KL term has a
    weight), ``other_likelihood`` (than Bernoulli's), ``other_loss`` (than the logistic one of a game), ``classes`` (it
    is given them) and ``points`` (it learns those instead of images). The settings ``corruption``, ``beta``,
    ``likelihood`` and ``loss`` are None where a recipe does not have them.
    """
    names = ("corruption", "noise", "beta", "likelihood", "loss")
    corruption, noise, beta, likelihood, loss = (run.setting(f"model.{name}") for name in names)
    is_added = noise in (None, "gaussian")
    return {
        "corruption": corruption,
        "added_noise": bool(corruption) and is_added,
        "lost_pixels": bool(corruption) and not is_added,
        "beta": beta,
        "weighted": beta not in (None, 1, 1.0),
        "likelihood": likelihood,
        "other_likelihood": likelihood not in (None, "bernoulli"),
        "loss": loss,
        "other_loss": loss not in (None, "non-saturating"),
        "classes": bool(run.setting("model.classes")),
        "points": MODELS[run.family].data == "points",
    }
