"""What the run's doctor changes, and that the run goes on with it."""

from __future__ import annotations

from typing import Any

import pytest

from olaria.errors import ConfigError
from olaria.families.gan import GANConfig
from olaria.i18n import Message
from olaria.recipes.training import TrainingConfig
from olaria.training.events import Change, Stepped, Warned
from olaria.training.rescue import MOST_RESTARTS, Rescue

SLOWER = {"training.learning_rate": 0.005, "training.matrix_learning_rate": 0.01}
TRAINING = TrainingConfig(steps=1, learning_rate=0.01, matrix_learning_rate=0.02)


def warn(rescue: Rescue, kind: str) -> Change | None:
    answer = rescue(Warned(step=1, elapsed_s=0.0, message=Message("!"), kind=kind))
    assert answer is None or isinstance(answer, Change)
    return answer


def answers(model: GANConfig, *kinds: str) -> list[dict[str, Any]]:
    """What warnings of some kinds, one after the other, bring about."""
    rescue = Rescue(TRAINING, model)
    found = [warn(rescue, kind) for kind in kinds]
    return [dict(answer.settings) if answer else {} for answer in found]


def test_a_strong_discriminator_slows_down() -> None:
    (changes,) = answers(GANConfig(discriminator_rate=1.0), "won")
    assert changes == {"model.discriminator_rate": 0.3}
    (changes,) = answers(GANConfig(discriminator_rate=1.0, loss="minimax"), "won")
    assert changes == {"model.discriminator_rate": 0.3, "model.loss": "non-saturating"}


def test_one_remedy_builds_on_the_other() -> None:
    first, second = answers(GANConfig(discriminator_rate=1.0, loss="minimax"), "won", "dead")
    assert first["model.discriminator_rate"] == 0.3
    assert second == {"model.discriminator_rate": pytest.approx(0.09), **SLOWER}


def test_a_resumed_rescue_begins_where_it_was() -> None:
    rescue = Rescue(TRAINING, GANConfig(), {"model.discriminator_rate": 0.1}, MOST_RESTARTS)
    assert warn(rescue, "won") == Change({"model.discriminator_rate": pytest.approx(0.03)})
    assert warn(rescue, "dead") is None


def test_a_game_that_repeats_itself_gets_a_penalty_and_lower_rates() -> None:
    penalty, slower = answers(GANConfig(), "narrow", "narrow")
    assert penalty == {"model.penalty": "r1", "model.penalty_weight": 5.0, **SLOWER}
    assert slower == {"training.learning_rate": 0.0025, "training.matrix_learning_rate": 0.005}


def test_a_lost_game_begins_again_so_many_times() -> None:
    rescue = Rescue(TRAINING, GANConfig())
    found = [warn(rescue, kind) for kind in ("won", "narrow", "dead", "narrow", "dead", "won")]
    restarts = [answer.restart if answer else None for answer in found]
    assert restarts == [False, True, True, True, None, False]


def test_a_growing_loss_lowers_the_rates() -> None:
    (changes,) = answers(GANConfig(), "diverged")
    assert changes == SLOWER


def test_other_trouble_and_other_events_change_nothing() -> None:
    assert answers(GANConfig(), "overfit", "") == [{}, {}]
    event = Stepped(step=1, elapsed_s=0, fraction=0, learning_rate=0, values={}, rate=0, eta_s=0)
    assert Rescue(TRAINING, GANConfig())(event) is None


def test_a_rescue_without_health_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave health on"):
        TrainingConfig.parse({"steps": 1, "health": False, "rescue": True})
