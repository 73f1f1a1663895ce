"""Weights & Biases: an offline folder below the run; what goes on the network is the user's own ``wandb sync``.

It is offline unless ``WANDB_MODE`` says otherwise. Reports of errors, the machine's description, code, packages and
what the terminal shows are switched off.

Source: docs.wandb.ai, *Environment variables* and ``wandb.Settings``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from olaria.trackers import About

PROJECT = "olaria"
FOLDER = "wandb"
QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
}
"""Variables that are set unless the user has set them."""


class WandB:
    """One run of the project ``olaria``; see :class:`olaria.trackers.Tracker`.

    Args:
        about: the run.
        folder: of the run; a folder ``wandb`` in it holds the record. That of the same run before it was resumed gives
            way to it.
    """

    def __init__(self, about: About, folder: Path) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        import wandb

        self._wandb = wandb
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        known = f"{folder.resolve()} {about.began_s}".encode()
        quiet = {"x_disable_stats": True, "x_disable_meta": True, "x_disable_machine_info": True}
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=sha256(known).hexdigest()[:12],  # resumed, it is the same run
            name=about.name,
            dir=folder,
            config=about.settings,
            settings=wandb.Settings(x_save_requirements=False, **quiet),
        )

    def numbers(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Values of the history."""
        self._run.log(dict(values), step=step)

    def picture(self, step: int, seconds: float, path: Path) -> None:
        """The PNG."""
        self._run.log({"samples": self._wandb.Image(str(path))}, step=step)

    def words(self, step: int, seconds: float, path: Path) -> None:
        """The text, in a page that keeps its lines."""
        text = path.read_text("utf-8", "replace")
        shown = text.replace("&", "&amp;").replace("<", "&lt;")
        self._run.log({"samples": self._wandb.Html(f"<pre>{shown}</pre>", inject=False)}, step=step)

    def close(self, is_done: bool) -> None:
        """End the record."""
        self._run.finish(exit_code=0 if is_done else 1)


opened = WandB
