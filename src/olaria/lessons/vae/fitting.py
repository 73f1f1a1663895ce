"""Which runs the lesson sets beside a VAE: further VAEs and one autoencoder, all of the same images."""

from __future__ import annotations

from typing import Any

from olaria.errors import LessonError
from olaria.i18n import N_, command
from olaria.lessons.base import Asked
from olaria.runs import Run

MOST_RUNS = 5
"""VAEs side by side."""
PRESETS = {"vae": "vae-mnist", "autoencoder": "ae-mnist"}
"""Of the families that may stand there, what makes a run of each."""


def check_fitting(asked: Asked) -> None:
    """Refuse a further run that cannot stand beside the first one.

    Raises:
        LessonError: it is of another family, of other images or of another likelihood, or there are too many.
    """
    first, counts = asked.run, dict.fromkeys(PRESETS, 0)
    counts["vae"] = 1
    for run in asked.runs[1:]:
        problem, fields = _problem(first, run)
        if problem:
            wanted = command("train", PRESETS.get(run.family, "ae-mnist"), options=_data_of(first))
            raise LessonError(problem, name=run.name, first=first.name, command=wanted, **fields)
        counts[run.family] += 1
    if counts["vae"] > MOST_RUNS:
        raise LessonError(
            N_(
                "{count} VAEs are more than the {most} that this lesson sets side by side: leave some out"
            ),
            count=counts["vae"],
            most=MOST_RUNS,
        )
    if counts["autoencoder"] > 1:
        raise LessonError(
            N_(
                "this lesson sets one autoencoder beside the VAE {first}, and {count} were given: leave the others out"
            ),
            first=first.name,
            count=counts["autoencoder"],
        )


def _data_of(run: Run) -> list[str]:
    return ["--data", run.recipe.data.name]


def _problem(first: Run, run: Run) -> tuple[str, dict[str, Any]]:
    """Why a run cannot stand beside the first one, and the fields of that; empty where it can."""
    if run.family not in PRESETS:
        text = N_(
            "run {name} is of a {family} and cannot stand beside the VAE {first}: give VAEs or an autoencoder of the "
            "same images, for instance of {command}"
        )
        return text, {"family": run.family}
    sizes = [one.dimensions() for one in (run, first)]
    if sizes[0] != sizes[1]:
        text = N_(
            "run {name} has images of {size} and {first} of {own} (channels × height × width): give runs of the same "
            "images, for instance of {command}"
        )
        size, own = ("×".join(map(str, x)) if isinstance(x, tuple) else x for x in sizes)
        return text, {"size": size, "own": own}
    if len({one.provenance.get("data_sha256") for one in (run, first)}) > 1:
        text = N_(
            "run {name} was trained on other images ({data}) than {first} ({own}): give runs of the same images, for "
            "instance of {command}"
        )
        data, own = (one.recipe.data.last_name for one in (run, first))
        return text, {"data": data, "own": own}
    kinds = [getattr(one.recipe.model, "likelihood", None) for one in (run, first)]
    if run.family == "vae" and kinds[0] != kinds[1]:
        text = N_(
            "run {name} has the likelihood {likelihood} and {first} {own}, and nats of different likelihoods do not "
            "compare: give runs of the same one, for instance of {command}"
        )
        return text, {"likelihood": kinds[0], "own": kinds[1]}
    return "", {}
