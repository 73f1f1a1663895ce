r"""The steps that points and images share: one pair, the losses, an update of each side, the balance, and beyond.

Arrays: ``real``, ``generated``: the discriminator's outputs l, (N,), logits for the logistic losses; losses in nats for
those, else without a unit; ``turn`` (3, 6): mean output on real and on generated examples, both losses and how far both
sides' parameters have moved, before, between and after two updates.

Sources: Goodfellow et al. 2014, equation 1, algorithm 1 and proposition 1; those of
:mod:`olaria.objectives.adversarial`.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from olaria.families.gan import LOGISTIC, AdversarialLoss
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.figures import Cloud, Curve, Images, Plot, Scatter, Table, Words
from olaria.lessons.gan.record import recorded
from olaria.lessons.gan.scene import SIDES, Labels, Pictures, Scene
from olaria.lessons.gan.ways import Way
from olaria.lessons.images import strip, value
from olaria.models.game import Game
from olaria.numbers import Number

Values = dict[str, Any]

LOSSES: tuple[AdversarialLoss, ...] = get_args(AdversarialLoss)
NAMES: dict[AdversarialLoss, str] = {
    "minimax": N_("minimax"),
    "non-saturating": N_("non-saturating"),
    "least-squares": N_("least squares"),
    "hinge": N_("hinge"),
    "wasserstein": N_("Wasserstein"),
}
NUM_AROUND = 60  # points of the data around the pair
LAST_SHARE = 0.1  # of the run, whose mean losses stand for its end
ALIKE = 0.1  # of the larger one, by which less two mean derivatives differ that are called alike
SURE = -4.0  # the output on an example that the discriminator is sure to be generated
TRIPLE = (1.5, 0.5)
"""Densities, three times as dense in real examples, with the sum of two equal ones."""
REACH = 4.0  # of the outputs that curves are drawn over
DOTS = 40  # examples of this run on a curve
MINE = Message(N_("generated examples of this run"))


def told(scene: Scene) -> Values:
    """What the texts choose their sentences by."""
    return {
        **{loss.replace("-", "_"): loss == scene.loss for loss in LOSSES},
        "logistic": scene.logistic,
        "step": scene.run.checkpoint()[0],
    }


def notes_of(scene: Pictures, way: Way, logits: Array, y: Labels) -> tuple[Words, ...]:
    """Outputs, for under their images, behind the classes where the networks are given them."""
    text = "{label}D = {value}" if scene.logistic else "{label}l = {value}"
    labels = [""] * len(logits) if y is None else [f"{scene.names[k]}: " for k in y]
    values = ({"label": labels[k], "value": Number(x, 2)} for k, x in enumerate(way.read(logits)))
    return tuple(Message(text, fields) for fields in values)


def outputs(scene: Scene, way: Way) -> tuple[Array, Array]:
    """The discriminator's outputs on equally many real and generated examples."""
    _, real, classes, labels = scene.first(scene.count)
    return way.logits(real, labels), way.logits(numbers(scene.made[: scene.count]), classes)


def unit(loss: AdversarialLoss) -> Message:
    """What an axis of losses is called."""
    return Message(N_("loss (nats)")) if loss in LOGISTIC else Message(N_("loss"))


def balance_of(way: Way, loss: AdversarialLoss) -> tuple[float | None, float, float | None]:
    """Where p = q: the best output, None where several are as good, and both losses there."""
    at, cost = way.best(1.0, 1.0, loss)
    return at, cost, None if at is None else float(way.terms(np.array([at]), loss)[2][0])


def rms(x: Array) -> float:
    """Root mean square."""
    return float(np.sqrt((x**2).mean()))


def one_pair(scene: Scene, way: Way) -> Values:
    """One real and one generated example, and what the discriminator's outputs on them cost each side."""
    z, x, y, labels = scene.first(1)
    made = way.generated(z, y)
    l = np.concatenate((way.logits(x, labels), way.logits(numbers(scene.made[:1]), y)))
    on_real, on_fake, own = way.terms(l, scene.loss)
    read, costs = way.read(l), (on_real[0], on_fake[1])
    pictures = map_ = None
    if isinstance(scene, Pictures):
        both = None if y is None or labels is None else np.concatenate((labels, y))
        notes = notes_of(scene, way, l, both)
        pictures = Images("", (strip("x, G(z)", np.concatenate((x, made)), notes),))
    else:
        data = Cloud(Message(N_("data")), numbers(scene.real[1:NUM_AROUND]))
        pair = (Cloud(name, one, names=(name,)) for name, one in (("x", x), ("G(z)", made)))
        map_ = Scatter("", (data, *pair))
    outs = {"l": l, "D": read} if scene.logistic else {"l": l}
    on_x, on_made = zip(*outs.values(), strict=True)
    return {
        **told(scene),
        "averaged": bool(scene.run.recipe.training.ema),
        "real_output": read[0],
        "made_output": read[1],
        "real_cost": costs[0],
        "made_cost": costs[1],
        "discriminator": costs[0] + costs[1],
        "generator": own[1],
        "answer": 0 if costs[0] > costs[1] else 1,
        "pictures": pictures,
        "map": map_,
        "table": Table(
            "",
            ("", *outs, Message(N_("loss of D")), Message(N_("loss of G"))),
            (("x", *on_x, costs[0], "—"), ("G(z)", *on_made, costs[1], own[1])),
            digits=4,
        ),
    }


def losses(scene: Scene, way: Way) -> Values:
    """Both losses of many outputs, how they change with those, and the gradient of both forms of the game."""
    loss = scene.loss
    real, fake = outputs(scene, way)
    both = way.losses(real, fake, loss)
    slopes = [float(slope.mean()) for slope in way.slopes(fake, loss)]
    plain, turned = (abs(way.slopes(fake, form)[1]).mean() for form in LOGISTIC)
    dots = np.sort(scene.outputs[1])[:: max(1, len(scene.made) // DOTS)]
    answer = 2 if abs(turned - plain) < ALIKE * max(turned, plain) else int(turned > plain)
    return {
        **told(scene),
        "count": len(real),
        "discriminator": both[0],
        "generator": both[1],
        "first": slopes[0],
        "second": slopes[1],
        "opposed": slopes[0] > 0 > slopes[1],
        "plain": plain,
        "turned": turned,
        "answer": answer if scene.logistic else None,
        "real": real,
        "generated": fake,
        "same": loss in ("non-saturating", "least-squares"),
        "curves": _curves(scene, way, dots),
        "gradients": _gradients(scene, way, dots) if scene.logistic else None,
    }


def _curves(scene: Scene, way: Way, dots: Array) -> Plot:
    """The three terms over the outputs, and where this batch's generated examples are."""
    x = span(scene.outputs[1], scene.loss)
    on_real, on_fake, own = way.terms(x, scene.loss)
    generated = Curve(Message(N_("D, generated")), x, on_fake)
    curves = [Curve(Message(N_("D, real")), x, on_real), generated, Curve("G", x, own)]
    if (on_real == own).all():
        curves = [Curve(Message(N_("D, real; G, generated")), x, on_real), generated]
    mine = Curve(MINE, dots, way.terms(dots, scene.loss)[2], "points")
    return Plot("", (*curves, mine), Message(N_("output l")), unit(scene.loss))


def _gradients(scene: Scene, way: Way, dots: Array) -> Plot:
    """How large the generator's gradient in an output is, by what the discriminator's output is."""
    x, names = np.linspace(-6, 6, 81), {"minimax": "log(1 − D)", "non-saturating": "−log D"}
    curves = [Curve(names[form], way.read(x), abs(way.slopes(x, form)[1])) for form in LOGISTIC]
    mine = Curve(MINE, way.read(dots), abs(way.slopes(dots, scene.loss)[1]), "points")
    return Plot("", (*curves, mine), "D(G(z))", Message(N_("size of the gradient")))


def span(l: Array, loss: AdversarialLoss) -> Array:
    """Outputs to draw curves over: those around the balance, and as many as are there."""
    low, high = l.min(), l.max()
    middle = 0.0 if loss != "least-squares" else 0.5
    if loss == "wasserstein":
        middle = (low + high) / 2
    reach = max(REACH if loss in LOGISTIC else REACH / 2, abs(low - middle), abs(high - middle))
    return np.linspace(middle - reach, middle + reach, 81)


def turn(scene: Scene, way: Way) -> Values:
    """One update of the discriminator against a fixed generator, then one of the generator against it."""
    updates, moved = scene.turn, np.zeros((3, 2))
    for place, update in enumerate(updates):
        moved[place + 1 :, place] = update.moved(update.side)
    ways = (way, *(way.at(update.after) for update in updates))
    table = np.concatenate((np.array([_state(scene, one) for one in ways]), moved), 1)
    falls = [update.rate * way.steepness(update) for update in updates]
    held = [update.moved(other) for update, other in zip(updates, SIDES[::-1], strict=True)]
    names = (N_("before"), N_("after the update of D"), N_("after the update of G"))
    output = {"output": "D" if scene.logistic else "l"}
    columns = (
        "",
        Message(N_("mean {output}, real"), output),
        Message(N_("mean {output}, generated"), output),
        Message("$L_D$"),
        Message("$L_G$"),
        Message(N_("D moved by")),
        Message(N_("G moved by")),
    )
    rows = tuple((Message(name), *row) for name, row in zip(names, table.tolist(), strict=True))
    change = table[1, 3] - table[0, 3]
    return {
        **told(scene),
        "count": scene.batch,
        "discriminator_before": table[0, 2],
        "discriminator_after": table[1, 2],
        "discriminator_last": table[2, 2],
        "generator_before": table[0, 3],
        "generator_between": table[1, 3],
        "generator_after": table[2, 3],
        "discriminator_fall": falls[0],
        "generator_fall": falls[1],
        "discriminator_rate": updates[0].rate,
        "generator_rate": updates[1].rate,
        "falls": change < 0,
        "answer": 0 if change == 0 else 1 if change > 0 else 2,
        "turn": table,
        "table": Table("", columns, rows, digits=4),
        "checks": (
            Check(Message(N_("how far the side that is held fixed has moved")), held, [0.0, 0.0]),
        ),
    }


def _state(scene: Scene, way: Way) -> list[float]:
    """Mean outputs and losses of the examples of an update."""
    z, real, classes, labels = scene.first(scene.batch)
    l = way.logits(real, labels), way.logits(way.generated(z, classes), classes)
    return [*(way.read(one).mean() for one in l), *way.losses(*l, scene.loss)]


def balance(scene: Scene, way: Way) -> Values:
    """The best output at a place, the losses where the densities are equal, and the run's beside them."""
    loss = scene.loss
    _, at_balance, generator_there = balance_of(way, loss)
    steps, *recordings = recorded(scene.run, "discriminator_loss", "generator_loss")
    ends, history = [0.0, 0.0], None
    if len(steps):
        last = steps >= steps[0] + (1 - LAST_SHARE) * (steps[-1] - steps[0])
        ends = [float(values[last].mean()) for values in recordings]
        names = (N_("discriminator's loss"), N_("generator's loss"))
        levels = (
            (Message(N_("the discriminator's balance")), at_balance),
            (Message(N_("the generator's balance")), generator_there),
        )
        history = Plot(
            "",
            tuple(Curve(Message(n), steps, y) for n, y in zip(names, recordings, strict=True)),
            Message(N_("training step")),
            unit(loss),
            tuple((name, height) for name, height in levels if height is not None),
            _changes(scene.events),
        )
    x = span(np.array([-1.0, 1.0]), loss)
    on_real, on_fake, _ = way.terms(x, loss)
    cases = {"p = q": (1.0, 1.0), "p = 3 q": TRIPLE}
    found = [way.best(p, q, loss) for p, q in cases.values()]
    costs, sums = list[float](), list[float]()
    for (p, q), (at, cost) in zip(cases.values(), found, strict=True):
        on = way.terms(np.array([at or 0.0]), loss)  # where several are as good, 0 is one of them
        if np.isfinite(cost):
            costs.append(cost)
            sums.append(float(p * on[0][0] + q * on[1][0]))
    best = N_("best: {value}")
    text = N_("the least costs, from both terms of the loss at the best output")
    return {
        **told(scene),
        "discriminator": at_balance,
        "generator": generator_there or 0.0,
        "game": -at_balance,
        "recorded": len(steps) > 0,
        "last_discriminator": ends[0],
        "last_generator": ends[1],
        "answer": 2 if scene.logistic else None,
        "best": [cost for _, cost in found],
        "pointwise": Plot(
            "",
            tuple(Curve(name, x, p * on_real + q * on_fake) for name, (p, q) in cases.items()),
            Message(N_("output l")),
            unit(loss),
            marks=tuple(
                (Message(best, {"value": value(at)}), at) for at, _ in found if at is not None
            ),
        ),
        "history": history,
        "checks": (Check(Message(text), costs, sums),),
    }


def _changes(events: list[dict[str, Any]]) -> tuple[tuple[Words, float], ...]:
    """What a rescue did to the run, and where."""
    marks: list[tuple[Words, float]] = []
    for event in events:
        if event["event"] == "changed" and event["path"] == "model.loss":
            text = Message(N_("from here on {loss}"), {"loss": event["value"]})
            marks.append((text, float(event["step"])))
        elif event["event"] == "restarted":
            marks.append((Message(N_("restarted")), float(event["step"])))
    return tuple(marks)


def beyond(scene: Scene, way: Way) -> Values:
    """What the run has that the game of 2014 has not, and all five losses side by side."""
    config, averaged, change = scene.model.config, bool(scene.run.recipe.training.ema), 0.0
    if averaged:
        last = scene.run.model(scene.run.checkpoint()[0], ema=False)
        assert isinstance(last, Game)
        z, y = numbers(scene.z[: len(scene.made)]), scene.classes
        change = rms(way.at(last).generated(z, y) - way.generated(z, y))
    rows: list[tuple[Words | float, ...]] = []
    for loss in LOSSES:
        _, cost, generator = balance_of(way, loss)
        slope = float(way.slopes(np.array([SURE]), loss)[1][0])
        there = Message(N_("any")) if generator is None else generator
        rows.append((Message(NAMES[loss]), cost, there, slope))
    columns = (
        N_("loss"),
        N_("$L_D$ at the balance"),
        N_("$L_G$ at the balance"),
        N_("slope of $L_G$"),
    )
    return {
        **told(scene),
        "averaged": averaged,
        "change": change,
        "spectral": config.spectral,
        "gradient": config.penalty == "gradient",
        "r1": config.penalty == "r1",
        "weight": config.penalty_weight,
        "more_updates": config.discriminator_updates > 1,
        "updates": config.discriminator_updates,
        "other_rate": config.discriminator_rate != 1,
        "rate": config.discriminator_rate,
        "augmented": getattr(config, "augment", "none") == "adaptive",
        "answer": LOSSES.index("minimax"),
        "table": Table("", tuple(map(Message, columns)), tuple(rows), digits=3),
    }
