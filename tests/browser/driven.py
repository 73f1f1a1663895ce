"""A browser that is driven by hand: real keys and fingers, by the DevTools protocol over a pipe.

The tests of :mod:`conftest` ask a page once, under a clock of their own. Here the page lives on by the clock on the
wall, and gets the events that a keyboard and a finger cause, with all that the browser makes of them: clicks, focus,
scrolling.

Source: Chrome DevTools Protocol, domain ``Input``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .flags import Chromium

KEYS: Mapping[str, tuple[int, str]] = {
    "Enter": (13, "\r"),
    "Tab": (9, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}
"""Virtual code of each key, and the text that it types."""


class Driven:
    """One page of a browser.

    Args:
        chromium: its command.
        folder: where the page is written.
    """

    def __init__(self, chromium: str, folder: Path) -> None:
        self._folder, self._browser = folder, Chromium(chromium)
        self._tab = self._browser.tab()
        self.ask, self.value = self._tab.ask, self._tab.value

    def close(self) -> None:
        """End the browser."""
        self._browser.close()

    # -- the page ----------------------------------------------------------------------------------

    def open(self, page: str, *, width: int, touch: bool = False) -> None:
        """Load a page, on a screen of this width; with ``touch`` as a telephone does."""
        file = self._folder / "page.html"
        file.write_text(page, encoding="utf-8")
        self._tab.screen(width, 900, touch=touch)
        self._tab.open("about:blank")
        self._tab.open(file.as_uri())
        self.ask("Page.bringToFront")

    # -- hands -------------------------------------------------------------------------------------

    def press(self, key: str) -> None:
        """A key, where the focus is."""
        code, text = KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask(
            "Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {})
        )
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Letters, where the focus is."""
        self.ask("Input.insertText", text=text)

    def finger(self, *way: Sequence[float]) -> None:
        """A finger that comes down at the first place (CSS pixels of the window), goes the way and is lifted."""
        for place, (x, y) in enumerate(way):
            kind = "touchMove" if place else "touchStart"
            self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
