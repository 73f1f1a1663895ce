r"""What a run's model does that the textbook's VAE does not: a learned prior, several layers, changes of its loss.

.. math:: D = \mathbb E_q[\log q(h \mid x) - \log p(h)], \qquad \log p(h) = \log N(T(h); 0, I) + \log|\det T'(h)|

Arrays: estimates of one KL term (K,), nats. Sources: Dinh et al. 2017, equation 3 (the density under a flow); Chen et
al. 2017; Sønderby et al. 2016 (layers, warm-up); Kingma et al. 2016 (free bits); Burda et al. 2016 (several draws).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Array
from olaria.lessons.figures import Bars, Cloud, Curve, Plot, Scatter, Table, Words
from olaria.lessons.vae.many import CIRCLES
from olaria.lessons.vae.scene import NUM_ESTIMATES, Scene
from olaria.lessons.vae.ways import Draws, Way

Values = dict[str, Any]

SETTINGS = {
    "flow": N_("a prior that is learned"),
    "above": N_("several layers of latent variables"),
    "warmup": N_("β rises at the beginning"),
    "free_bits": N_("nats of each dimension that are not charged"),
    "beta": N_("a factor on the KL term"),
    "importance_samples": N_("a bound of several draws"),
    "classes": N_("a decoder conditioned on the class"),
}
"""Those of a model that the textbook's has not, and what each is."""
_NONE = {"beta": 1.0, "importance_samples": 1}


def beyond(scene: Scene, way: Way) -> Values | None:
    """The settings that go beyond, and what a flow and several layers do; None where there are none."""
    config = scene.model.config
    settings = {name: getattr(config, name) for name in SETTINGS}
    used = {name: x for name, x in settings.items() if x and x != _NONE.get(name)}
    if not used:
        return None
    x, _, y = scene.first
    estimates = way.draw(x, scene.eps("estimates", NUM_ESTIMATES), y).kl.sum(1)
    rows = ((name, _written(x), Message(SETTINGS[name])) for name, x in used.items())
    headings = Message(N_("setting")), Message(N_("value")), Message(N_("what it is"))
    flow = scene.model.flow is not None
    return {
        **{name: name in used for name in SETTINGS},
        "couplings": config.flow,
        "draws": NUM_ESTIMATES,
        "mean_of": estimates.mean(),
        "error": estimates.std(ddof=1) / np.sqrt(NUM_ESTIMATES),
        "highest": estimates.max(),
        "lowest": estimates.min(),
        "layers": len(scene.model.decoder.sizes),
        "share": config.warmup,
        "bits": config.free_bits,
        "factor": config.beta,
        "samples": config.importance_samples,
        "num_classes": config.classes,
        "answer": 1 if flow else None,
        "estimates": estimates,
        "settings": Table("", headings, tuple(rows)),
        "settling": _settling(estimates) if flow else None,
        "carried": _carried(scene, way.drawn) if flow else None,
        "by_layer": _by_layer(way.drawn, scene.model.decoder.sizes)
        if config.above and not flow
        else None,
    }


def _written(x: Any) -> Words | float:
    return ", ".join(map(str, x)) if isinstance(x, tuple) else float(x)


def _settling(estimates: Array) -> Plot:
    """What each draw says of a KL term, and the mean of the draws so far."""
    draws = np.arange(1.0, len(estimates) + 1)
    curves = (
        Curve(Message(N_("one draw")), draws, estimates, "points"),
        Curve(Message(N_("mean of the draws so far")), draws, estimates.cumsum() / draws),
    )
    return Plot("", curves, Message(N_("draw")), Message(N_("nats")))


def _carried(scene: Scene, drawn: Draws) -> Scatter:
    """Draws of h, and the same carried to z."""
    labels = None if scene.y is None else scene.y.numpy()
    clouds = tuple(
        Cloud(name, points[:, scene.axes], labels)
        for name, points in (("h", drawn.h), ("z = T(h)", drawn.z))
    )
    return Scatter("", clouds, scene.data.class_names, panels=True, circles=CIRCLES)


def _by_layer(drawn: Draws, sizes: tuple[int, ...]) -> Bars:
    """The mean KL term of each layer."""
    layers = np.split(drawn.kl, np.cumsum(sizes)[:-1], 1)
    means = np.array([layer.sum(1).mean() for layer in layers])
    name = N_("layer {number}, {size} variables")
    labels = tuple(Message(name, {"number": i, "size": size}) for i, size in enumerate(sizes, 1))
    return Bars("", labels, ((Message(N_("KL term")), means),), Message(N_("nats per image")))
