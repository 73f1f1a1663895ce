"""Olaria: train, measure, sample and look inside small generative models.

The public names load on first use, so that ``import olaria`` stays instant and does not import torch.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from olaria.waiting import settle

__version__ = "0.1.0"

settle(os.environ)  # before PyTorch is loaded, which reads it once

_PUBLIC = {
    "train": ("olaria.workflows.face", "train"),
    "tune": ("olaria.workflows.tune", "tune"),
    "open": ("olaria.workflows.face", "open_run"),
    "load_data": ("olaria.workflows.loading", "load_data"),
    "OlariaError": ("olaria.errors", "OlariaError"),
    "OlariaWarning": ("olaria.errors", "OlariaWarning"),
    "presets": ("olaria.workflows.presets", "presets"),
}

__all__ = [
    "OlariaError",
    "OlariaWarning",
    "__version__",
    "load_data",
    "open",
    "presets",
    "train",
    "tune",
]

if TYPE_CHECKING:
    from olaria.errors import OlariaError, OlariaWarning
    from olaria.workflows.face import open_run as open
    from olaria.workflows.face import train
    from olaria.workflows.loading import load_data
    from olaria.workflows.presets import presets
    from olaria.workflows.tune import tune


def __getattr__(name: str) -> Any:
    if name.startswith("_"):  # Python itself asks
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _PUBLIC:
        from olaria.errors import UnknownNameError, suggestion
        from olaria.i18n import N_

        hint = suggestion(name, __all__)
        raise UnknownNameError(N_("olaria has no {name}: {hint}"), name=name, hint=hint)
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
