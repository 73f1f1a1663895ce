r"""What a run's model does that the textbook's VAE does not: a learned prior, several layers, changes of its loss.

.. math:: D = \mathbb E_q[\log q(h \mid x) - \log p(h)], \qquad \log p(h) = \log N(T(h); 0, I) + \log|\det T'(h)|

Arrays: estimates of one KL term (K,), nats. Sources: Dinh et al. 2017, equation 3 (the density under a flow); Chen et
al. 2017; Sønderby et al. 2016 (layers, warm-up); Kingma et al. 2016 (free bits); Burda et al. 2016 (several draws).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.figures import Bars, Cloud, Curve, Plot, Scatter, Table, Words
from olaria.lessons.vae.many import CIRCLES
from olaria.lessons.vae.scene import NUM_ESTIMATES, Scene
from olaria.lessons.vae.ways import Way

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
    model, config = scene.vae, scene.vae.config
    used = {
        name: getattr(config, name)
        for name in SETTINGS
        if getattr(config, name) and getattr(config, name) != _NONE.get(name)
    }
    if not used:
        return None
    x, y = scene.first
    flow, layers = model.flow is not None, bool(config.above)
    estimates = way.draw(x, scene.eps("estimates", NUM_ESTIMATES), y).kl.sum(1)
    steps = np.arange(1.0, NUM_ESTIMATES + 1)
    running = estimates.cumsum() / steps
    every = way.drawn
    labels = None if scene.y is None else scene.y.numpy()
    sizes = model.decoder.sizes
    by_layer = (
        np.array([part.sum(1).mean() for part in np.split(every.kl, np.cumsum(sizes)[:-1], 1)])
        if layers and not flow
        else np.zeros(0)
    )
    return {
        **{name: name in used for name in SETTINGS},
        "couplings": config.flow,
        "draws": NUM_ESTIMATES,
        "mean_of": running[-1],
        "error": estimates.std(ddof=1) / np.sqrt(NUM_ESTIMATES),
        "highest": estimates.max(),
        "lowest": estimates.min(),
        "layers": len(sizes),
        "share": config.warmup,
        "bits": config.free_bits,
        "factor": config.beta,
        "samples": config.importance_samples,
        "num_classes": config.classes,
        "answer": 1 if flow else None,
        "estimates": estimates,
        "z": every.z,
        "settings": Table(
            "",
            (Message(N_("setting")), Message(N_("value")), Message(N_("what it is"))),
            tuple((name, _written(x), Message(SETTINGS[name])) for name, x in used.items()),
        ),
        "settling": Plot(
            "",
            (
                Curve(Message(N_("one draw")), steps, estimates, "points"),
                Curve(Message(N_("mean of the draws so far")), steps, running),
            ),
            Message(N_("draw")),
            Message(N_("nats")),
        )
        if flow
        else None,
        "carried": Scatter(
            "",
            tuple(
                Cloud(name, points[:, scene.axes], labels)
                for name, points in (("h", every.h), ("z = T(h)", every.z))
            ),
            scene.data.class_names,
            panels=True,
            circles=CIRCLES,
        )
        if flow
        else None,
        "by_layer": Bars(
            "",
            tuple(
                Message(N_("layer {number}, {size} variables"), {"number": i + 1, "size": size})
                for i, size in enumerate(sizes)
            ),
            ((Message(N_("KL term")), by_layer),),
            Message(N_("nats per image")),
        )
        if len(by_layer)
        else None,
    }


def _written(x: Any) -> Words | float:
    return ", ".join(map(str, x)) if isinstance(x, tuple) else float(x)
