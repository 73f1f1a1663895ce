"""Events as plain, storable data."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from olaria.i18n import Message
from olaria.training.events import Evaluated, Finished, Sampled, Saving, Warned


def test_numbers_that_are_not_finite_become_null() -> None:
    values = {"a": float("nan"), "b": float("inf"), "c": 1.5}
    event = Evaluated(step=3, elapsed_s=1.0, values=values)
    assert json.loads(event.model_dump_json())["values"] == {"a": None, "b": None, "c": 1.5}
    assert event.model_dump()["values"] == {"a": None, "b": None, "c": 1.5}
    assert event.values["c"] == 1.5


def test_messages_are_stored_by_id_and_fields() -> None:
    message = Message("no {thing}", {"thing": "space"})
    stored = json.loads(Warned(step=1, elapsed_s=0.0, message=message).model_dump_json())
    assert stored["message"] == message.to_json()
    finished = Finished(step=1, elapsed_s=0.0, reason=message, train_s=1.0, rate=2.0, final={})
    assert json.loads(finished.model_dump_json())["reason"] == message.to_json()


def test_tensors_and_pictures_are_not_stored() -> None:
    stored = Saving(step=1, elapsed_s=0.0, best=True, tensors={"a": 1}, state={}).model_dump()
    assert stored == {"step": 1, "elapsed_s": 0.0, "event": "saved", "best": True}
    assert "artifact" not in Sampled(step=1, elapsed_s=0.0, artifact=object()).model_dump()


def test_events_are_frozen_and_strict_about_names() -> None:
    event = Evaluated(step=1, elapsed_s=0.0, values={})
    with pytest.raises(ValidationError):
        event.step = 2  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Evaluated(step=1, elapsed_s=0.0, values={}, other=1)  # type: ignore[call-arg]
