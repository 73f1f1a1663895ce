r"""The weights of a model before and after it was tuned: how far each matrix moved, and in how many directions.

.. math:: W' = W + \Delta W, \qquad \Delta W = \sum_i \sigma_i u_i v_i^\top

Arrays of the steps: ``trained``, how many numbers of each weight; ``moved``, the relative change of each matrix, in the
order of the model; ``singular_values`` of the change of the one that moved most, descending.

Sources: Hu et al. 2021, sections 4.1 and 7.2; Eckart & Young 1936 (the best approximation of a rank).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step
from olaria.lessons.by_numpy.transformers import weights_of
from olaria.lessons.figures import Bars, Curve, Plot, Table
from olaria.lessons.tuning.base import Tuned
from olaria.models.base import Model
from olaria.nn.lora import LowRank, add_adapters, merge_adapters
from olaria.training.inheritance import grow

MOST_MATRICES = 26
MOST_NUMBERS = 1 << 20
"""Of a matrix whose singular values are computed."""
MOST_HELD = 0.9
"""Share of the squared length that the first singular values are counted up to."""
USUAL_RANK = 8
HU = "Hu et al. 2021, LoRA, section 4.1"


# -- what was trained ------------------------------------------------------------------------------


def kept(tuned: Tuned) -> Step:
    """What was carried over, what was trained."""
    total, trained = sum(w.numel() for w in tuned.model.parameters()), sum(tuned.trained.values())
    rank, alpha = tuned.tuning.rank, tuned.tuning.alpha
    own = sum(tuned.trained[name] for name in tuned.adapters) if tuned.adapters else trained
    what = (
        N_("Training went on with every weight, {trained} numbers.")
        if rank is None
        else N_(
            "Its weights were left as they are, and beside them {trained} numbers were trained, {share} of the "
            "model's: two thin matrices for each of {count} layers, of rank {rank} and α = {alpha}."
        )
    )
    added = (
        N_(
            "{added} tokens were added for characters that the base never saw; their rows began as the mean of the old "
            "ones, and the tables of tokens were trained."
        )
        if tuned.num_added
        else N_("No token was added.")
    )
    rows = (
        (Message(N_("numbers in the model")), total),
        (Message(N_("numbers that were trained")), trained),
        (Message(N_("tokens that the base knew")), tuned.tokenizer.vocab_size - tuned.num_added),
        (Message(N_("new tokens")), tuned.num_added),
    )
    return Step(
        Message(N_("What is kept, what is trained")),
        Message(
            N_(
                "The form of the model, its tokens and all its weights come from {base}. {what} {added} {start}"
            ),
            {
                "base": tuned.base_name,
                "what": Message(
                    what,
                    {
                        "trained": Number(own, 0),
                        "share": Number(own / total, 3),
                        "count": len(tuned.adapters),
                        "rank": rank or 0,
                        "alpha": Number(alpha),
                    },
                ),
                "added": Message(added, {"added": tuned.num_added}),
                "start": Message(_start_words(tuned)),
            },
        ),
        r"\theta_0=\theta_{\mathrm{base}}"
        if rank is None
        else r"W'=W+\frac{\alpha}{r}BA,\quad A\in\mathbb{R}^{r\times m},\;B\in\mathbb{R}^{n\times r}",
        (
            Table(
                Message(N_("The run beside its base.")),
                (Message(N_("what")), Message(N_("how many"))),
                rows,
            ),
        ),
        {"trained": np.array(list(tuned.trained.values()))},
        (Model.trained_phases,) if rank is None else (LowRank, add_adapters),
        tuple(_kept_checks(tuned, trained)),
        HU if rank else "Howard & Ruder 2018, Universal Language Model Fine-tuning",
    )


def _start_words(tuned: Tuned) -> str:
    if tuned.start is None:
        return N_(
            "The base is not here as it was then, so what it predicted cannot be shown; where it was moved, give it as "
            "the second run."
        )
    if tuned.base is None:
        return N_(
            "The base is not here as it was then, but adapters leave its weights as they are: they are read from this "
            "run."
        )
    return N_(
        "The base is here, and its weights have the fingerprint that was noted when training began."
    )


def _kept_checks(tuned: Tuned, trained: int) -> list[Check]:
    checks = []
    if "num_parameters" in tuned.run.result:
        text = Message(N_("the numbers that were trained are as many as the training counted"))
        checks.append(Check(text, trained, tuned.run.result["num_parameters"]))
    if tuned.base is not None and tuned.start is not None and tuned.adapters:
        text = Message(
            N_("the weights beside the adapters are still the base's: their distance is zero")
        )
        apart = [
            tuned.frozen[name] - w
            for name, w in tuned.start.state_dict().items()
            if name in tuned.adapters
        ]
        checks.append(Check(text, [float(w.norm()) for w in apart], np.zeros(len(apart))))
    if tuned.start is not None and tuned.num_added:
        text = Message(N_("the rows of new tokens began as the mean of the old ones"))
        w = weights_of(tuned.start)
        tables = [w[name] for name in tuned.run.provenance["base"]["grown"]]
        rows = [table for table in tables if len(table) == tuned.tokenizer.vocab_size]
        new = -tuned.num_added
        means = [np.repeat(table[:new].mean(0, keepdims=True), -new, 0) for table in rows]
        checks.append(
            Check(
                text,
                np.concatenate([table[new:].reshape(-1) for table in rows]),
                np.concatenate([mean.reshape(-1) for mean in means]),
            )
        )
    return checks


# -- what that did ---------------------------------------------------------------------------------


def _changes(tuned: Tuned, start: Model) -> dict[str, tuple[Tensor, Tensor]]:
    """Each matrix before, and by how much it changed, both float64."""
    old, new = start.state_dict(), tuned.model.state_dict()
    return {
        name: (weight.double(), new[name].double() - weight.double())
        for name, weight in old.items()
        if weight.ndim == 2
    }


def _change_again(tuned: Tuned, name: str, start: Array) -> Array:
    """The change of a matrix from the checkpoint's own numbers: the adapter's product, or the difference."""
    if name in tuned.adapters:
        a, b = (tensor.double().numpy() for tensor in tuned.adapters[name])
        rank = a.shape[0]
        product: Array = tuned.tuning.alpha / rank * np.einsum("nr,rm->nm", b, a)
        return product
    return tuned.stored[name].double().numpy() - start


def moved(tuned: Tuned, start: Model) -> Step:
    """How far each matrix moved, relative to its length."""
    changes = _changes(tuned, start)
    names = list(changes)
    shares = np.array([float(change.norm() / weight.norm()) for weight, change in changes.values()])
    w = weights_of(start)
    again = [
        np.sqrt((_change_again(tuned, name, w[name]) ** 2).sum() / (w[name] ** 2).sum())
        for name in names
    ]
    shown = np.sort(np.argsort(-shares, kind="stable")[:MOST_MATRICES])
    return Step(
        Message(N_("How far the weights moved")),
        _moved_text(names, shares),
        r"\frac{\|W'-W\|}{\|W\|},\quad\|W\|=\sqrt{\sum_{ij}W_{ij}^2}",
        (
            Bars(
                Message(N_("The change of each matrix, relative to the matrix.")),
                tuple(names[i].removesuffix(".weight") for i in shown),
                ((Message(N_("relative change")), shares[shown]),),
            ),
        ),
        {"moved": shares},
        (merge_adapters, LowRank.forward) if tuned.adapters else (grow,),
        (
            Check(
                Message(N_("the same in NumPy, from the numbers in the checkpoint")), shares, again
            ),
        ),
    )


def _moved_text(names: Sequence[str], shares: Array) -> Message:
    """Which matrices moved most and least, if any did."""
    most, least = int(shares.argmax()), int(shares.argmin())
    if not shares[most]:
        return Message(
            N_(
                "None of the {count} matrices moved: the run is still, or again, what it began from."
            ),
            {"count": len(names)},
        )
    return Message(
        N_(
            "The length of the change beside the length of the matrix: “{most}” moved most, {far} of its length, and "
            "“{least}” least, {near}; {still} of {count} did not move at all. These are lengths and not effects: what "
            "they do to the predictions is measured above."
        ),
        {
            "most": names[most].removesuffix(".weight"),
            "far": Number(float(shares[most])),
            "least": names[least].removesuffix(".weight"),
            "near": Number(float(shares[least])),
            "still": int((shares == 0).sum()),
            "count": len(names),
        },
    )


def _furthest(tuned: Tuned, start: Model) -> tuple[str, Tensor] | None:
    """Name and change of the matrix that moved most, an adapted one where there are adapters; None where none moved."""
    changes = {
        name: (float(change.norm() / weight.norm()), change)
        for name, (weight, change) in _changes(tuned, start).items()
        if name in (tuned.adapters or [name])
        and weight.numel() <= MOST_NUMBERS
        and min(weight.shape) > 1
    }
    name = max(changes, key=lambda name: changes[name][0], default=None)
    if name is None or not changes[name][0]:
        return None
    return name, changes[name][1]


def rank_of_change(tuned: Tuned, start: Model) -> Step | None:
    """The singular values of the matrix that moved most."""
    found = _furthest(tuned, start)
    if found is None:
        return None
    name, change = found
    values = torch.linalg.svdvals(change).numpy()
    again = _change_again(tuned, name, weights_of(start)[name])
    gram = again.T @ again if again.shape[0] > again.shape[1] else again @ again.T
    expected = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0))
    rank = tuned.adapters[name][0].shape[0] if name in tuned.adapters else None
    places = np.arange(1.0, len(values) + 1)
    return Step(
        Message(N_("In how many directions it changed")),
        _rank_text(name.removesuffix(".weight"), values, rank),
        r"\Delta W=\sum_i\sigma_i\,u_i v_i^\top,\quad\|\Delta W\|^2=\sum_i\sigma_i^2",
        (
            Plot(
                Message(
                    N_("Singular values of the change of “{name}”, relative to the first."),
                    {"name": name.removesuffix(".weight")},
                ),
                (Curve(Message(N_("singular value")), places, values / values[0]),),
                Message(N_("number")),
                Message(N_("relative to the first")),
                marks=() if rank is None else ((Message(N_("rank")), float(rank)),),
            ),
        ),
        {"singular_values": values},
        (LowRank.forward,) if rank else (grow,),
        (
            Check(
                Message(N_("they are the roots of the eigenvalues of the change times itself")),
                values / values[0],
                expected / expected[0],
            ),
        ),
        "Eckart & Young 1936; Hu et al. 2021, section 7.2",
    )


def _rank_text(name: str, values: Array, rank: int | None) -> Message:
    """How many singular values matter, and what an adapter's rank does to them."""
    held = (values**2).cumsum() / (values**2).sum()
    most = rank or USUAL_RANK
    fields = {
        "name": name,
        "count": len(values),
        "needed": int((held < MOST_HELD).sum()) + 1,
        "share": Number(MOST_HELD, 1),
        "rank": most,
        "held": Number(float(held[min(most, len(held)) - 1]), 2),
        "next": Number(_bound(float(values[min(most, len(values) - 1)] / values[0]))),
    }
    text = (
        N_(
            "The change of “{name}” is a sum of {count} changes of rank one, each as long as its singular value; "
            "{needed} of them hold {share} of the squared length. An adapter of rank {rank} makes no more than {rank}: "
            "the next one is below {next} of the first, which is rounding."
        )
        if rank is not None and rank < len(values)
        else N_(
            "The change of “{name}” is a sum of {count} changes of rank one, each as long as its singular value; "
            "{needed} of them hold {share} of the squared length. The first {rank} hold {held}: no change of that "
            "rank, as adapters make them, comes nearer to it."
        )
    )
    return Message(text, fields)


def _bound(value: float) -> float:
    """A power of ten above ``value``, and no less than a ten-thousandth: of rounding no digits matter."""
    return max(1e-4, 10.0 ** math.ceil(math.log10(max(value, 1e-12))))
