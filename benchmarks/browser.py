"""The driver of Chromium (``scripts/chromium.py``) for pages that are timed.

The tests run pages under a clock of their own (``tests/browser``); what is timed has to see the real one.
"""

from __future__ import annotations

import sys

from common import HERE

sys.path.append(str(HERE.parent / "scripts"))

from chromium import BrowserError, Chromium, find_chromium

__all__ = ["Browser", "BrowserError", "find_chromium"]


class Browser(Chromium):
    """One Chromium; a context manager that ends it.

    Args:
        command: of Chromium.
        width: of the window, in CSS pixels.
    """

    def __init__(self, command: str, width: int = 1000) -> None:
        super().__init__(command, f"--window-size={width},1200")
