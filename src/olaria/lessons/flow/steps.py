"""The steps of the lesson on flow matching in the order of its documents."""

from __future__ import annotations

from olaria.lessons.flow import flow, lines, pictures, samples
from olaria.lessons.flow.image_scene import Pictures
from olaria.lessons.flow.scene import Scene
from olaria.lessons.twice import Row
from olaria.models.flow_matching import FlowMatching
from olaria.models.image_flow import ImageFlow
from olaria.models.point_flow import PointFlow
from olaria.nn import ode
from olaria.objectives.flow_matching import between, data_of, guided
from olaria.objectives.mixture import Mixture

STEPS = (
    Row(lines.one_line, (between, FlowMatching.velocity), of=Scene),
    Row(pictures.one_image, (between, ImageFlow.velocity), of=Pictures),
    Row(lines.many_lines, (Mixture.velocity, Mixture.shares), of=Scene),
    Row(pictures.many_images, (Mixture.velocity, Mixture.shares), of=Pictures),
    Row(lines.loss_by_time, (FlowMatching.loss,), of=Scene),
    Row(pictures.loss_of_images, (FlowMatching.loss,), of=Pictures),
    Row(flow.paths, (ode.path, PointFlow.points), of=Scene),
    Row(flow.endpoints, (data_of,), of=Scene),
    Row(pictures.image_paths, (ode.path, ImageFlow.images), of=Pictures),
    Row(flow.solvers, (ode._euler, ode._heun), of=Scene),
    Row(pictures.image_solvers, (ode._euler, ode._heun), of=Pictures),
    Row(samples.guidance, (guided,), of=Scene),
    Row(pictures.image_guidance, (guided, ImageFlow.followed), of=Pictures),
    Row(samples.density, (ode.log_density, ode.diverging), of=Scene),
    Row(samples.nearest, (Mixture.velocity,), of=Scene),
    Row(pictures.image_nearest, (Mixture.velocity,), of=Pictures),
)
"""Each is named as its section."""
