r"""Formulas, written once in LaTeX: as MathML, which browsers draw by themselves.

>>> str(mathml("x^2"))[:19]
'<math alttext="x^2"'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from latex2mathml.converter import convert
from markupsafe import Markup, escape

_BEFORE = re.compile(r"(</mi>|</mn>|</msub>|</mfrac>|&#x00029;</mo>)(<mi>(?:log|exp|det)</mi>)")
_AFTER = re.compile(r"(<mi>(?:log|exp|det)</mi>)(?=<m(?!o|space|row><mo))")
_THIN = '<mspace width="0.167em" />'
_TILDE = "<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"  # a letter, and the relation that is meant

FORMULAS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "autoencoder": (
            r"z = f(x), \qquad \hat{x} = g(z)",
            r"\underset{f,\,g}{\min} \; \frac{1}{N} \sum_{x} \frac{1}{P} \left\lVert g(f(x)) - x \right\rVert^2",
        ),
        "vae": (
            r"z \sim \mathcal{N}(0, I)",
            r"p(x \mid z) = \prod_{i} \mathrm{Bernoulli}\left(x_i ;\, \pi_i(z)\right)",
            r"p(x) = \int p(x \mid z) \, p(z) \, dz",
        ),
        "elbo": (
            r"\log p(x) \ge \mathrm{ELBO}(x)",
            r"\mathrm{ELBO}(x) = \mathbb{E}_{q(z \mid x)}\left[\log p(x \mid z)\right]"
            r" - D\left(q(z \mid x) \,\|\, p(z)\right)",
        ),
        "reparameterisation": (
            r"z = \mu(x) + \sigma(x) \odot \varepsilon, \qquad \varepsilon \sim \mathcal{N}(0, I)",
        ),
        "gaussian-kl": (
            r"D\left(q(z \mid x) \,\|\, p(z)\right) ="
            r" \frac{1}{2} \sum_{j} \left(\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1\right)",
        ),
        "kl": (
            r"D(p \,\|\, q) = \int p(x) \log \frac{p(x)}{q(x)} \, dx",
            r"D(p \,\|\, q) = \log \frac{\sigma_q}{\sigma_p}"
            r" + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2 \sigma_q^2} - \frac{1}{2}",
        ),
        "flow": (
            r"z = T(h), \qquad \log p(h) = \log \mathcal{N}\left(T(h) ;\, 0, I\right)"
            r" + \log \, \left\lvert \det T'(h) \right\rvert",
        ),
        "codes": (
            r"z = f(x), \qquad k = \underset{m}{\mathrm{argmin}} \; \left\lVert z - e_m \right\rVert",
        ),
        "vq": (
            r"\min \; -\log p(x \mid e_k) + \lambda \left\lVert \mathrm{sg}(z) - e_k \right\rVert^2"
            r" + \lambda \beta \left\lVert z - \mathrm{sg}(e_k) \right\rVert^2",
        ),
        "vq-prior": (r"\log p(x) \ge \log p(x \mid e_{k}) + \log p(k)",),
        "gan": (
            r"\underset{G}{\min} \; \underset{D}{\max} \; \mathbb{E}_{x}\left[\log D(x)\right]"
            r" + \mathbb{E}_{z}\left[\log\left(1 - D(G(z))\right)\right]",
            r"z \sim \mathcal{N}(0, I)",
        ),
        "best-discriminator": (
            r"D^{*}(x) = \frac{p_{\mathrm{data}}(x)}{p_{\mathrm{data}}(x) + p_{G}(x)}",
        ),
        "flow-path": (
            r"x_t = (1 - t) \, \varepsilon + t \, x, \qquad \frac{d x_t}{d t} = x - \varepsilon",
        ),
        "flow-loss": (
            r"\underset{\theta}{\min} \; \mathbb{E}_{x, \varepsilon, t}"
            r"\left[\left\lVert v_\theta(x_t, t) - (x - \varepsilon) \right\rVert^2\right]",
            r"v(x_t, t) = \mathbb{E}\left[x - \varepsilon \mid x_t\right]",
        ),
        "flow-sample": (
            r"x_0 = z, \qquad \frac{d x_t}{d t} = v_\theta(x_t, t), \qquad z \sim \mathcal{N}(0, I)",
        ),
        "flow-density": (
            r"\log p(x_1) = \log \mathcal{N}(x_0 ;\, 0, I)"
            r" - \int_0^1 \nabla \cdot v_\theta(x_t, t) \, dt",
        ),
        "guidance": (r"v_w(x_t, t) = v(x_t, t) + w \left(v(x_t, t, y) - v(x_t, t)\right)",),
        "mask-bound": (
            r"-\log p(x) \le \int_0^1 \frac{1}{t} \; \mathbb{E}_{m \mid t}"
            r"\left[\sum_{i \in m} -\log p_\theta(x_i \mid x_{\bar{m}})\right] dt",
        ),
        "mask-orders": (
            r"\mathbb{E}_{k \ge 1}\left[\frac{D}{k} \, \mathbb{E}_{m \mid k}"
            r"\left[\sum_{i \in m} -\log p_\theta(x_i \mid x_{\bar{m}})\right]\right]",
            r"= \mathbb{E}_{\sigma}\left[\sum_{j=1}^{D} -\log p_\theta"
            r"(x_{\sigma_j} \mid x_{\sigma_1}, \dots, x_{\sigma_{j-1}})\right]",
        ),
        "language": (
            r"p(x_1, \dots, x_T) = \prod_{t=1}^{T} p(x_t \mid x_{<t})",
            r"L = -\frac{1}{T} \sum_{t=1}^{T} \log p(x_t \mid x_{<t})",
        ),
        "attention": (
            r"\mathrm{Attention}(Q, K, V) ="
            r" \mathrm{softmax}\left(\frac{Q K^{\top}}{\sqrt{d}} + M\right) V",
        ),
        "translation": (r"p(y \mid x) = \prod_{t=1}^{T} p(y_t \mid y_{<t}, x)",),
    }
)
"""Those of a report, by name: one or more lines of LaTeX each."""


@cache
def mathml(latex: str, display: bool = True) -> Markup:
    """A formula as MathML; its LaTeX is kept in ``alttext``, for those who cannot see it and for other formats.

    Args:
        latex: without dollar signs.
        display: on a line of its own.
    """
    body = convert(latex, display="block" if display else "inline").replace(*_TILDE)
    # What LaTeX leaves around the name of a function, MathML does not.
    body = _AFTER.sub(rf"\1{_THIN}", _BEFORE.sub(rf"\1{_THIN}\2", body))
    return Markup(body.replace("<math ", f'<math alttext="{escape(latex)}" ', 1))
