"""On the toy language the truth is known: a model comes near the grammar's own loss, from above."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from olaria.data import TextData, load
from olaria.data.statistics import entropies
from olaria.data.toy_language import ToyLanguage
from olaria.evaluation.text import evaluate_text
from olaria.runs import Run
from olaria.workflows.train import train


@pytest.fixture(scope="module")
def toy() -> TextData:
    data = load("toy-language")
    assert isinstance(data, TextData)
    return data


@torch.no_grad()
def nats_of_tokens(run: Run, text: str) -> Tensor:
    """Of every character but the first, (N - 1,): each window predicts from its own beginning."""
    model, tokens = run.model(), run.tokenizer().encode(text)
    x, y = tokens[:-1], tokens[1:]
    whole = len(x) // int(model.context) * int(model.context)  # type: ignore[arg-type]
    windows = [part.view(-1, int(model.context)) for part in (x[:whole], y[:whole])]  # type: ignore[arg-type]
    pairs = [windows, [x[None, whole:], y[None, whole:]]] if whole < len(x) else [windows]
    losses = [
        torch.nn.functional.cross_entropy(
            model(x).float().flatten(0, 1), y.flatten(), reduction="none"
        )
        for x, y in pairs
    ]
    return torch.cat(losses).double()


def gap(run: Run, data: TextData) -> tuple[float, float]:
    """The model's loss less the grammar's own on the same lines, nats per character, and its standard error.

    The lines are independent draws of the grammar, so the differences of whole lines are too. The
    first line is left out, since nothing predicts its first character.
    """
    grammar = data.known_entropy
    assert isinstance(grammar, ToyLanguage)
    lines = data.validation.splitlines()
    lengths = [len(line) + 1 for line in lines]
    nats = nats_of_tokens(run, data.validation)
    model = torch.stack([part.sum() for part in nats[lengths[0] - 1 :].split(lengths[1:])])
    truth = torch.tensor([-grammar.line_log_prob(line) for line in lines[1:]], dtype=torch.float64)
    differences = model - truth
    per_char = len(differences) / sum(lengths[1:])
    error = float(differences.std()) / math.sqrt(len(differences))
    return float(differences.mean()) * per_char, error * per_char


def trained(preset: str, steps: int, out: Path, settings: Sequence[str] = ()) -> Run:
    fixed = ("training.precision=float32", "training.compile=off", "training.health=false")
    watching = (f"training.evaluate_every={steps}", f"training.sample_every={steps}")
    return train(
        preset,
        data="toy-language",
        size="tiny",
        steps=steps,
        settings=[*fixed, *watching, *settings],
        out=out,
    )


def test_a_table_of_pairs_stays_above_its_floor(toy: TextData, tmp_path: Path) -> None:
    settings = ["training.batch_size=4096"]
    run = trained("bigram-shakespeare", 60, tmp_path / "run", settings)
    above, error = gap(run, toy)
    # No table of pairs is better than the text's own frequencies of pairs.
    grammar = toy.known_entropy
    assert isinstance(grammar, ToyLanguage)
    floor = entropies(toy.validation).bigram_nats - grammar.entropy_per_char
    assert floor - 3 * error < above < floor + 0.3
    # The measure is that of eval, but for the first line.
    found = evaluate_text(run.model(), run.tokenizer(), toy.validation)  # type: ignore[arg-type]
    mean = float(nats_of_tokens(run, toy.validation).mean())
    assert found.loss_nats_per_char == pytest.approx(mean, rel=1e-5)


@pytest.mark.slow
def test_a_gpt_comes_near_the_grammar_and_never_below(toy: TextData, tmp_path: Path) -> None:
    found = []
    for steps in (100, 600, 2000):
        run = trained("gpt-shakespeare", steps, tmp_path / str(steps))
        found.append(gap(run, toy))
        above, error = found[-1]
        assert above > -3 * error
    gaps = [above for above, _ in found]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.15  # what is left is mostly the blind beginning of each window


def test_a_loss_below_the_truth_would_be_seen(
    toy: TextData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that were peeked at fall below the bound, so the test above can fail."""

    def peeking(run: Run, text: str) -> Tensor:
        return torch.full((len(text) - 1,), 0.33, dtype=torch.float64)  # the truth is 0.345

    monkeypatch.setattr(sys.modules[__name__], "nats_of_tokens", peeking)
    above, error = gap(None, toy)  # type: ignore[arg-type]
    assert -0.05 < above < -3 * error
