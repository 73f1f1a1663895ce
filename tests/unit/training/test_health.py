"""What the run's doctor says, when, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from olaria.training.events import Evaluated, Stepped, Warned
from olaria.training.health import Health


def stepped(step: int, values: dict[str, float]) -> Stepped:
    """A step with its values."""
    return Stepped(
        step=step, elapsed_s=0, fraction=0, learning_rate=0.1, values=values, rate=1, eta_s=0
    )


def told(health: Health, rows: Sequence[dict[str, float]], evaluated: bool = False) -> list[str]:
    """The warnings that rows of values bring about."""
    said = []
    for step, values in enumerate(rows, 1):
        if evaluated:
            event: Stepped | Evaluated = Evaluated(step=step, elapsed_s=0.0, values=values)
        else:
            event = stepped(step, values)
        answer = health(event)
        if isinstance(answer, Warned):
            said.append(answer.message.id)
    return said


def test_c3_a_discriminator_that_wins_is_told_once() -> None:
    lost = [{"discriminator_loss": 1.3, "generator_loss": 0.7}] * 150
    won = [{"discriminator_loss": 0.01, "generator_loss": 7.0}] * 250
    assert told(Health(None), lost) == []
    (said,) = told(Health(None), [*lost, *won])
    assert "tells every image apart" in said


def test_a_critic_has_no_loss_at_which_it_has_won() -> None:
    far = [{"discriminator_loss": -40.0, "generator_loss": 12.0}] * 250
    assert told(Health(None, can_win=False), far) == []


def test_c3_a_generator_whose_gradient_dies_is_told_once() -> None:
    def rows(gradient: float) -> list[dict[str, float]]:
        values = {"discriminator_loss": 0.4, "generator_loss": 0.0, "generator_gradient": gradient}
        return [values] * 200

    assert told(Health(None), [*rows(1.0), *rows(0.01)]) == []
    (said,) = told(Health(None), [*rows(1.0), *rows(1e-5), *rows(1e-5)])
    assert "gradient has died" in said


@pytest.mark.parametrize(
    ("healthy", "ill"),
    [
        ({"spread": 0.9}, {"spread": 0.1}),
        ({"spread": 0.9, "coverage": 0.4}, {"spread": 0.9, "coverage": 0.02}),
    ],
)
def test_images_that_are_all_the_same_are_told_once(
    healthy: dict[str, float], ill: dict[str, float]
) -> None:
    assert told(Health(None), [healthy, ill, ill, healthy, ill, ill], evaluated=True) == []
    (said,) = told(Health(None), [healthy, *[ill] * 5], evaluated=True)
    assert "mode collapse" in said


def test_what_was_told_before_a_resume_is_not_told_again() -> None:
    row = {"discriminator_loss": 0.01, "generator_loss": 7.0}
    past = [stepped(step, row) for step in range(1, 151)]
    assert told(Health(None, past=past), [row] * 50) == []
    (said,) = told(Health(None, past=past[:90]), [row] * 20)  # the window goes on where it was
    assert "tells every image apart" in said


def test_a_loss_that_has_grown_is_told_once() -> None:
    steady = [{"loss": 1.0}] * 150
    assert told(Health("loss"), steady) == []
    (said,) = told(Health("loss"), [*steady, *[{"loss": 4.0}] * 200])
    assert said.startswith("the loss has grown")


def test_a_validation_loss_that_turned_is_told_once() -> None:
    falling = [{"loss": 1 / step} for step in range(1, 9)]
    assert told(Health("loss"), falling, evaluated=True) == []
    rising = [{"loss": 0.2 + step} for step in range(6)]
    (said,) = told(Health("loss"), [*falling, *rising], evaluated=True)
    assert "by heart" in said


def test_a_latent_vector_that_carries_nothing_is_told_once() -> None:
    def values(*units: float) -> list[dict[str, float]]:
        return [{"loss": 1 / (1 + i), "active_units": n} for i, n in enumerate(units)]

    assert told(Health("loss"), values(0, 0, 3, 0, 0, 4), evaluated=True) == []
    (said,) = told(Health("loss"), values(0, 0, 0, 0, 0), evaluated=True)
    assert "posterior collapse" in said
