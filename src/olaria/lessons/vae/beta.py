r"""What β does to a VAE: runs of different β beside each other, or the path that one run took while β rose.

Arrays: costs in nats per image; images (N, C, H, W), pixels in [0, 1]. Sources: Higgins et al. 2017 (β); Bowman et al.
2016 (its warm-up).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from olaria.evaluation.density import active_units, elbo
from olaria.i18n import N_, Message, Number
from olaria.lessons import images
from olaria.lessons.base import Array, Step, together
from olaria.lessons.figures import Curve, Images, Plot, Strip, Table
from olaria.lessons.images import checked, strip
from olaria.lessons.vae.seen import Seen, means_again
from olaria.models.vae import VAE
from olaria.runs import Run
from olaria.sampling import latent

MOST_RUNS = 5
NUM_REBUILT = 5
"""Test images that each of several runs rebuilds."""


def beta(seen: Seen) -> Step:
    """Runs of other β beside this one, or else the path that this one took."""
    own = seen.vae.config.likelihood
    others = []
    for run in images.comparable(seen.asked, "vae")[: MOST_RUNS - 1]:
        model = run.model()
        assert isinstance(model, VAE)
        if model.config.likelihood == own:
            others.append((run.name, model))
    if others:
        return _runs(seen, [(seen.asked.run.name, seen.vae), *others])
    return _path(seen)


Row = tuple[str, float, float, float, float, int]
"""A run: its name, β, nats of pixels and of code, their sum, active dimensions."""
LOSS = (
    r"\mathcal{L} = \mathbb{E}_{q(z \mid x)}\left[-\log p(x \mid z)\right] "
    r"+ \beta\, D\left(q(z \mid x) \,\|\, p(z)\right)"
)


def _runs(seen: Seen, runs: list[tuple[str, VAE]]) -> Step:
    """The same images and the same noise in runs of different β."""
    runs = sorted(runs, key=lambda run: run[1].config.beta)
    rows, strips = list[Row](), list[Strip]()
    again = list[tuple[float, float, float]]()
    rebuilt = slice(0, NUM_REBUILT)
    strips.append(strip(Message(N_("test images")), seen.target[rebuilt]))
    for name, model in runs:
        y = seen.told() if model.classes else None
        found = elbo(model, seen.target, seen.generator("noise"), y=y)
        units = active_units(model, seen.target, y=y)
        z = torch.randn(NUM_REBUILT, model.latent, generator=seen.generator("prior"))
        nats = found.reconstruction_nats, found.kl_nats
        rows.append((name, model.config.beta, *nats, -found.elbo_nats, units))
        told = latent.classes_in_turn(model, NUM_REBUILT)
        code = model.codes(seen.target[rebuilt], None if y is None else y[rebuilt])
        for title, pictures in (
            (
                N_("{name}, β = {beta}: rebuilt"),
                latent.decode(model, code, None if y is None else y[rebuilt]),
            ),
            (N_("{name}, β = {beta}: drawn from the prior"), latent.decode(model, z, told)),
        ):
            fields = {"name": name, "beta": Number(model.config.beta)}
            strips.append(strip(Message(title, fields), pictures))
        again.append(means_again(seen, model, y))
    text = _told_of_runs(rows[0], rows[-1], len(seen.x))
    headings = (
        Message(N_("run")),
        "β",
        Message(N_("pixels, nats")),
        Message(N_("code, nats")),
        Message(N_("together, −ELBO")),
        Message(N_("active dimensions")),
    )
    return Step(
        Message(N_("What β does")),
        text,
        LOSS,
        (
            Table(Message(N_("Means over the test images.")), headings, tuple(rows)),
            Images(
                Message(
                    N_(
                        "Of each run, what is kept of test images and what the prior draws. A larger β asks the code "
                        "to say less of the image."
                    )
                ),
                tuple(strips),
            ),
        ),
        {"nats": np.array([row[2:4] for row in rows])},
        (elbo, active_units),
        (
            checked(
                N_("both terms of each run, image by image from its draws"),
                np.array([row[2:5] for row in rows]),
                np.array(again),
            ),
        ),
        "Higgins et al. 2017",
    )


def _told_of_runs(low: Row, high: Row, count: int) -> Message:
    """What both terms are at the least and at the largest β."""
    if low[1] == high[1]:
        alike = N_(
            "β is the price of a nat of code, in nats of pixels. All of these runs have β = {beta}: what differs "
            "between them on {count} test images has another cause."
        )
        return Message(alike, {"beta": Number(low[1]), "count": count})
    return Message(
        N_(
            "β is the price of a nat of code, in nats of pixels. From β = {low} to β = {high} the code goes from "
            "{kl_low} to {kl_high} nats and the pixels go from {pixels_low} to {pixels_high}, over {count} test "
            "images. The bound is the plain sum of both, whatever β was trained with."
        ),
        {
            "low": Number(low[1]),
            "high": Number(high[1]),
            "kl_low": Number(low[3], 2),
            "kl_high": Number(high[3], 2),
            "pixels_low": Number(low[2], 2),
            "pixels_high": Number(high[2], 2),
            "count": count,
        },
    )


def _path(seen: Seen) -> Step:
    """Both terms as this run logged them, and where β had reached its value."""
    run, config = seen.asked.run, seen.vae.config
    logged = [
        (row["step"], row["values"].get("reconstruction_nats"), row["values"].get("kl_nats"))
        for row in run.metrics()
        if row["split"] == "train"
    ]
    path = np.array([row for row in logged if None not in row], np.float64).reshape(-1, 3)
    more = Message(
        N_("To see another β, train with --set model.beta=4 and give this lesson both runs.")
    )
    end = _warm_up_end(run)
    if len(path) < 2:
        unseen = N_(
            "This run did not log both terms: it was trained on a bound of several draws, which does not fall into "
            "two."
        )
        return Step(Message(N_("What β does")), together(Message(unseen), more), LOSS)
    marks = () if end is None else ((Message(N_("β at its value")), float(end)),)
    steps = Message(N_("step"))
    return Step(
        Message(N_("What β does")),
        together(_told_of_path(path, config.beta, end), more),
        LOSS,
        (
            Plot(
                Message(N_("The price of the code, as logged in training.")),
                (Curve(Message(N_("code")), path[:, 0], path[:, 2]),),
                steps,
                Message(N_("nats per image")),
                marks=marks,
            ),
            Plot(
                Message(N_("The price of the pixels.")),
                (Curve(Message(N_("pixels")), path[:, 0], path[:, 1]),),
                steps,
                Message(N_("nats per image")),
                marks=marks,
            ),
        ),
        {"step": path[:, 0], "reconstruction_nats": path[:, 1], "kl_nats": path[:, 2]},
        (VAE.loss,),
        (),
        "Bowman et al. 2016; Higgins et al. 2017",
    )


def _told_of_path(path: Array, beta: float, end: int | None) -> Message:
    """What the code cost when β had risen, at its highest, and at the end."""
    peak = path[path[:, 2].argmax()]
    last = path[-1]
    fields: dict[str, Any] = {
        "beta": Number(beta),
        "last": Number(last[2], 2),
        "peak": Number(peak[2], 2),
        "at": int(peak[0]),
        "first": Number(path[0, 1], 2),
        "pixels": Number(last[1], 2),
    }
    tail = Message(
        N_("The pixels went from {first} to {pixels} nats."),
        {key: fields.pop(key) for key in ("first", "pixels")},
    )
    if end is None:
        still = N_(
            "β was {beta} from the first step on. The code cost {peak} nats at its highest (step {at}) and {last} at "
            "the end."
        )
        return together(Message(still, fields), tail)
    risen = N_(
        "β rose from 0 until step {end} and was {beta} from there on, so that no dimension is switched off before it "
        "has learnt to say something. The code cost {then} nats when β had risen, {peak} at its highest (step {at}) "
        "and {last} at the end."
    )
    then = path[min(int(path[:, 0].searchsorted(end)), len(path) - 1)]
    return together(Message(risen, {**fields, "end": end, "then": Number(then[2], 2)}), tail)


def _warm_up_end(run: Run) -> int | None:
    """The step at which β had its value; None where it had it from the beginning, or never."""
    recipe = run.recipe
    share = getattr(recipe.model, "warmup", 0.0)
    if not share:
        return None
    if recipe.training.steps is not None:
        return round(share * recipe.training.steps)
    fractions = run.fractions()
    return next((step for step, done in enumerate(fractions, 1) if done >= share), None)
