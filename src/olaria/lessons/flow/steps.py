"""The steps of the lesson on flow matching in the order of its documents."""

from __future__ import annotations

from olaria.lessons.flow import flow, lines, samples
from olaria.lessons.twice import Row
from olaria.models.flow_matching import FlowMatching
from olaria.models.point_flow import PointFlow
from olaria.nn import ode
from olaria.objectives.flow_matching import between, data_of, guided
from olaria.objectives.mixture import Mixture

STEPS = (
    Row(lines.one_line, (between, FlowMatching.velocity)),
    Row(lines.many_lines, (Mixture.velocity, Mixture.shares)),
    Row(lines.loss_by_time, (FlowMatching.loss,)),
    Row(flow.paths, (ode.path, PointFlow.points)),
    Row(flow.endpoints, (data_of,)),
    Row(flow.solvers, (ode._euler, ode._heun)),
    Row(samples.guidance, (guided,)),
    Row(samples.density, (ode.log_density, ode.diverging)),
    Row(samples.nearest, (Mixture.velocity,)),
)
"""Each is named as its section."""
