"""What the run's doctor says, when, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from olaria.i18n import Message
from olaria.training.events import Evaluated, Finished, Restarted, Stepped, Warned
from olaria.training.health import Health


def stepped(step: int, values: dict[str, float], fraction: float = 0.0) -> Stepped:
    """A step with its values."""
    return Stepped(
        step=step, elapsed_s=0, fraction=fraction, learning_rate=0.1, values=values, rate=1, eta_s=0
    )


def told(
    health: Health, rows: Sequence[dict[str, float]], evaluated: bool = False, every: int = 100
) -> list[str]:
    """The warnings that rows of values bring about: of each step, or of evaluations every so many steps."""
    said = []
    for step, values in enumerate(rows, 1):
        if evaluated:
            event: Stepped | Evaluated = Evaluated(step=every * step, elapsed_s=0.0, values=values)
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


# -- runs that have barely begun -------------------------------------------------------------------

SIGNS: list[dict[str, float]] = [{"spread": 0.1}, {"coverage": 0.0}, {"active_units": 0}]


def ended(step: int) -> Finished:
    return Finished(
        step=step, elapsed_s=0, reason=Message("the end"), train_s=1, rate=1, final={}
    )  # fmt: skip


@pytest.mark.parametrize("sign", SIGNS)
def test_evaluations_before_a_hundred_steps_are_no_illness(sign: dict[str, float]) -> None:
    assert told(Health(None), [sign] * 24, evaluated=True, every=4) == []
    assert len(told(Health(None), [sign] * 30, evaluated=True, every=4)) == 1


def test_a_loss_that_rises_within_the_first_steps_is_not_learning_by_heart() -> None:
    rising = [{"loss": 1.0 + step} for step in range(12)]
    assert told(Health("loss"), rising, evaluated=True, every=8) == []


@pytest.mark.parametrize("sign", SIGNS)
def test_a_run_that_ends_having_barely_begun_was_trained_too_little(sign: dict[str, float]) -> None:
    health = Health(None)
    assert told(health, [sign] * 6, evaluated=True, every=1) == []
    answer = health(ended(6))
    assert isinstance(answer, Warned)
    assert "trained too little to be judged: after 6 steps" in answer.message.text("en")


@pytest.mark.parametrize(
    ("values", "steps"),
    [({"spread": 0.8}, 6), ({"active_units": 3}, 6), ({"loss": 2.0}, 6), ({"spread": 0.1}, 0)],
)
def test_a_short_run_without_a_sign_hears_nothing(values: dict[str, float], steps: int) -> None:
    health = Health(None)
    told(health, [values] * 6, evaluated=True, every=steps // 6)
    assert health(ended(steps)) is None


def test_no_posterior_is_judged_before_the_kl_term_has_its_weight() -> None:
    health = Health(None, warmup=0.5)
    said: list[int] = []
    for step in range(100, 1100, 100):
        health(stepped(step, {"loss": 1.0}, step / 1000))
        answer = health(Evaluated(step=step, elapsed_s=0, values={"active_units": 0}))
        said += [step] if isinstance(answer, Warned) else []
    assert said == [700], "the third evaluation from 500 on"


def test_weights_that_begin_anew_have_barely_begun_too() -> None:
    health, sign = Health(None), {"spread": 0.1}
    assert len(told(health, [sign] * 3, evaluated=True)) == 1
    health(Restarted(step=300, elapsed_s=0))
    early = [Evaluated(step=step, elapsed_s=0, values=sign) for step in (330, 360, 390)]
    late = [Evaluated(step=step, elapsed_s=0, values=sign) for step in (420, 450, 480)]
    assert not any(map(health, early))
    assert [isinstance(health(event), Warned) for event in late] == [False, False, True]
