"""Settings of ``--set`` on a recipe."""

from __future__ import annotations

import pytest

from olaria.errors import ConfigError, UsageError
from olaria.recipes import preset


def test_the_last_of_two_values_holds_and_both_are_checked() -> None:
    recipe = preset("vae-mnist")
    assert recipe.with_settings(["seed=1", "seed=2"]).seed == 2
    with pytest.raises(ConfigError, match="seed cannot be"):
        recipe.with_settings(["seed=x", "seed=2"])
    with pytest.raises(UsageError, match="has no value"):
        recipe.with_settings(["seed"])


def test_settings_that_need_each_other_come_in_any_order() -> None:
    settings = ["model.width=60", "model.num_heads=5"]
    recipe = preset("gpt-shakespeare")
    assert recipe.with_settings(settings) == recipe.with_settings(settings[::-1])
    with pytest.raises(ConfigError, match="width 60 must be a multiple"):
        recipe.with_settings(settings[:1])
