"""What the page says: of every room."""

from __future__ import annotations

from olaria.i18n import N_

WORDS = {
    # the shell
    "title": N_("Olaria's studio"),
    "home": N_("Runs"),
    "new_run": N_("New run"),
    "compare": N_("Compare"),
    "rooms": N_("Rooms"),
    "skip": N_("Skip to the content"),
    "language": N_("Language"),
    "theme": N_("Theme"),
    "theme_auto": N_("as the system"),
    "theme_light": N_("light"),
    "theme_dark": N_("dark"),
    "loading": N_("Loading…"),
    "lost": N_("The studio does not answer."),
    "lost_hint": N_("Is it still running in the terminal? This page tries again by itself."),
    "close": N_("Close"),
    "script": N_("This page needs JavaScript."),
    # units of time and size
    "seconds": N_("{value} s"),
    "minutes": N_("{value} min"),
    "hours": N_("{value} h"),
    "kilobytes": N_("{value} kB"),
    "megabytes": N_("{value} MB"),
    "gigabytes": N_("{value} GB"),
}
