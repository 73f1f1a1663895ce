"""What a person should know, in Python: each note is a warning in the reader's language, at the line that called."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from olaria.errors import OlariaWarning
from olaria.i18n import Message, detect_language

if TYPE_CHECKING:
    from olaria.training.events import Event


def warn(message: Message) -> None:
    """Give a note to :mod:`warnings`, as an :class:`olaria.OlariaWarning`."""
    text = message.text(detect_language())
    warnings.warn(text, OlariaWarning, stacklevel=_levels_of_ours() + 1)


def warn_of(event: Event) -> None:
    """A listener of training events: gives on what a person should know."""
    from olaria.training.events import Warned

    if isinstance(event, Warned):
        warn(event.message)


def _levels_of_ours() -> int:
    """How many calls lie between the person's line and :func:`warn`, itself included."""
    frame, levels = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("olaria."):
        frame, levels = frame.f_back, levels + 1
    return levels - 1
