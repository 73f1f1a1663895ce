"""What lies in a run folder is that run's own: plain files and folders, of which none leads out or never ends.

A run may come from somebody else. A link in it could make Olaria read a private file into a report, or write where the
link leads; a pipe or a device is a file whose reading never ends. Nothing of the kind is opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from olaria.errors import DamagedError
from olaria.i18n import N_
from olaria.storage.files import storage_errors


def inside(root: Path, *names: str) -> Path:
    """The path of a file or folder in ``root``, once it is known that nothing on the way to it is a link or a device.

    Args:
        root: a run folder, or a folder in it; it may be a link itself, since a person named it.
        *names: of the folders on the way, and of the file, which need not be there yet.

    Raises:
        DamagedError: one of them is neither a plain file nor a folder, or is a file where a folder must be.
    """
    path = root
    for place, name in enumerate(names, 1):
        path /= name
        with storage_errors(path):
            try:
                mode = os.lstat(path).st_mode
            except (FileNotFoundError, ValueError):  # the latter of a name that no file can have
                return root.joinpath(*names)
        is_last = place == len(names)
        if not (stat.S_ISDIR(mode) or (is_last and stat.S_ISREG(mode))):
            raise DamagedError(
                N_(
                    "{path} is not opened: it is a link or a special file, and what lies in a run folder must be "
                    "the run's own; replace it by the file or folder itself"
                ),
                path=str(path),
            )
    return path
