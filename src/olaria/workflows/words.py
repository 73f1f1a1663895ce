"""Short words for what is measured while a model trains, and for how far a run is."""

from __future__ import annotations

from collections.abc import Iterable

from olaria.i18n import N_

LABELS = {
    "loss": N_("loss"),
    "reconstruction_nats": N_("reconstruction"),
    "kl_nats": N_("KL"),
    "mse": N_("MSE"),
    "discriminator_loss": N_("discriminator"),
    "generator_loss": N_("generator"),
    "loss_nats_per_token": N_("nats per token"),
    "exact_match": N_("exact match"),
    "bound_nats": N_("bound"),
    "penalty": N_("penalty"),
    "spread": N_("spread"),
    "coverage": N_("coverage"),
    "classes_covered": N_("classes covered"),
    "modes_covered": N_("clusters found"),
    "high_quality_share": N_("points near one"),
}
"""Values that are shown while training; the others are in metrics.jsonl."""
SHORT = {
    "active_units": N_("active units"),
    "codes_used": N_("codes in use"),
    "code_perplexity": N_("perplexity of the codes"),
}
"""Of the values at a training's end that have no name in ``LABELS``, in small letters as those are."""
STATES = {
    "new": N_("new"),
    "starting": N_("starting"),
    "running": N_("running"),
    "interrupted": N_("interrupted"),
    "stopped": N_("stopped"),
    "failed": N_("failed"),
    "done": N_("done"),
    "damaged": N_("damaged"),
}
"""Of a run, by `state` of its summary."""


def losses(metrics: Iterable[str]) -> list[str]:
    """Those of measured values that are losses; of a model of tokens its one, under the name that has the unit.

    >>> losses(["loss", "kl_nats"]), losses(["loss", "loss_nats_per_token"])
    (['loss'], ['loss_nats_per_token'])
    """
    found = [name for name in metrics if "loss" in name]
    return ["loss_nats_per_token"] if "loss_nats_per_token" in found else found
