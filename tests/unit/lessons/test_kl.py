"""The divergence's lesson: its areas against its formula, and against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from olaria.lessons import LESSONS, Asked
from olaria.objectives.divergence import Gaussian


def test_every_check_of_the_lesson_holds() -> None:
    steps = LESSONS["kl"](Asked())
    assert len(steps) == 4
    for step in steps:
        assert step.checks and all(check.holds for check in step.checks)
        assert "{" not in step.text.text("pt")


@pytest.mark.parametrize("settings", [(), ("model.flow=0",), ("model.latent=20", "model.flow=0")])
def test_a_posterior_of_the_users_own_run(settings: tuple[str, ...], tiny_run: Any) -> None:
    run = tiny_run("vae-mnist", *settings)
    step = LESSONS["kl"](Asked((run,)))[-1]
    kl = step.arrays["kl_nats"]
    assert step.checks[0].holds and step.checks[0].count == len(kl)
    own = Normal(torch.tensor(step.arrays["mean"]), torch.tensor(step.arrays["std"]))
    prior = Normal(torch.zeros(len(kl)).double(), 1.0)
    np.testing.assert_allclose(kl, kl_divergence(own, prior), atol=1e-6)
    assert ("learned" in step.text.text()) == (not settings)


def test_a_wrong_density_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    density = Gaussian.log_density
    monkeypatch.setattr(Gaussian, "log_density", lambda self, x: density(self, x) + 0.01)
    assert not LESSONS["kl"](Asked())[0].checks[0].holds
