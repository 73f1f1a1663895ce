"""Time how long short commands take from their start to their end.

    python benchmarks/start.py --repeats 7

Each command runs once to warm the caches of the disk, then ``--repeats`` times, in a process of its own; the table has
the median and the fastest, what is wanted, and beside them the interpreter alone and ``import torch``, below which no
command that trains or samples can come.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from common import run_process

OLARIA = (sys.executable, "-m", "olaria")
RUN = "started"
TRAIN = ("train", "vae-mnist", "--size", "tiny", "--data", "digits", "--steps", "5")


@dataclass(frozen=True)
class Timed:
    """A command and how long it may take.

    Args:
        name: in the table.
        command: what is run.
        wanted_s: seconds; None where it is there to compare with.
        makes: the folder that it makes, which has to be another each time; empty where it makes none.
    """

    name: str
    command: tuple[str, ...]
    wanted_s: float | None = None
    makes: str = ""


COMMANDS = (
    Timed("python -c pass", (sys.executable, "-c", "pass")),
    Timed("import torch", (sys.executable, "-c", "import torch")),
    Timed("olaria --help", (*OLARIA, "--help"), 0.2),
    Timed("olaria presets", (*OLARIA, "presets"), 0.4),
    Timed(f"olaria {' '.join(TRAIN)}", (*OLARIA, *TRAIN), 2.5, RUN),
    Timed("olaria runs", (*OLARIA, "runs"), 0.4),
    Timed("olaria runs show RUN", (*OLARIA, "runs", "show", f"{RUN}-0"), 0.4),
    Timed("olaria runs compare RUN RUN", (*OLARIA, "runs", "compare", f"{RUN}-0", f"{RUN}-1"), 0.4),
    Timed("olaria sample RUN", (*OLARIA, "sample", f"{RUN}-0"), 1.8),
)


def seconds(timed: Timed, folder: Path, repeats: int) -> list[float]:
    """Wall time of each repetition, after one that is not counted."""
    times = []
    for turn in range(repeats + 1):
        out = ("--out", str(folder / "runs" / f"{timed.makes}-{turn}")) if timed.makes else ()
        ended = run_process(
            (*timed.command, *out),
            folder / "log.txt",
            cwd=folder,
            variables={"OLARIA_RUNS": str(folder / "runs"), "OLARIA_OFFLINE": "1"},
        )
        times.append(ended.wall_s)
    return times[1:]


def table(found: Sequence[tuple[Timed, list[float]]]) -> str:
    """One line for each command.

    >>> print(table([(Timed("a", (), 0.2), [0.1, 0.3, 0.2]), (Timed("bb", ()), [1.0])]))
    median  fastest  wanted  command
     0.20 s   0.10 s   0.2 s  a
     1.00 s   1.00 s       –  bb
    """
    lines = ["median  fastest  wanted  command"]
    for timed, times in found:
        wanted = "–" if timed.wanted_s is None else f"{timed.wanted_s:.1f} s"
        lines.append(f"{median(times):5.2f} s  {min(times):5.2f} s  {wanted:>6}  {timed.name}")
    return "\n".join(lines)


def main() -> None:
    """Time all commands and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="timed starts of each command [5]")
    repeats = max(1, parser.parse_args().repeats)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = [(timed, seconds(timed, folder, repeats)) for timed in COMMANDS]
    print(table(found))


if __name__ == "__main__":
    main()
