"""The driver of Chromium, which the benchmarks use too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def _load() -> None:
    """The script as the module ``chromium``."""
    file = Path(__file__).parents[2] / "scripts" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium", file)
    assert spec is not None and spec.loader is not None
    sys.modules["chromium"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


if "chromium" not in sys.modules:
    _load()

from chromium import FLAGS, NAMES, BrowserError, Chromium, Tab, find_chromium  # noqa: E402

__all__ = ["FLAGS", "NAMES", "BrowserError", "Chromium", "Tab", "find_chromium"]
