"""The steps of the lesson on flow matching in the order of its documents."""

from __future__ import annotations

from olaria.lessons.flow import lines
from olaria.lessons.twice import Row
from olaria.models.flow_matching import FlowMatching
from olaria.objectives.flow_matching import between, velocity_of
from olaria.objectives.mixture import Mixture

STEPS = (
    Row(lines.one_line, (between, FlowMatching.velocity)),
    Row(lines.many_lines, (Mixture.velocity, Mixture.shares)),
    Row(lines.loss_by_time, (FlowMatching.loss, velocity_of)),
)
"""Each is named as its section."""
