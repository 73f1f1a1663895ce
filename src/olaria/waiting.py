"""How idle threads of OpenMP wait: spinning on an empty machine, asleep beside another program that computes.

Spinning hands the next piece of work over without delay: on two empty cores a step of a VAE takes 54 ms, and 82 ms with
threads that sleep; of a tiny one 7 and 19 ms. Beside another program a thread that spins holds the core that a thread
with work waits for, and a step takes ten times as long. The variable is read once, when PyTorch is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress

VARIABLE = "OMP_WAIT_POLICY"
LOOKS, APART_S = 5, 0.001
"""A program that runs for a moment only is not met each time."""


def settle(environ: MutableMapping[str, str], read: Callable[[], str] | None = None) -> None:
    """Let idle threads sleep where another program computes now, unless the user has said how they wait.

    Args:
        environ: the variables of this process.
        read: what the system says of programs that run, ``0.80 1.25 2.69 2/79 11515``: two of 79 now.
    """
    if VARIABLE not in environ and "GOMP_SPINCOUNT" not in environ and is_shared(read or _of_linux):
        environ[VARIABLE] = "passive"


def is_shared(read: Callable[[], str]) -> bool:
    """Whether more than this process runs, at each of a few looks; not known elsewhere than on Linux, and then no.

    >>> is_shared(lambda: "0.80 1.25 2.69 2/79 11515"), is_shared(lambda: "0.80 1.25 2.69 1/79 11515")
    (True, False)
    """
    with suppress(OSError, ValueError, IndexError):
        for look in range(LOOKS):
            if look:
                time.sleep(APART_S)
            if int(read().split()[3].partition("/")[0]) < 2:  # this process is one of them
                return False
        return True
    return False


def _of_linux() -> str:
    with open("/proc/loadavg") as file:
        return file.read()
