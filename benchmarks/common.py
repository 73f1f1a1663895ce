"""What the benchmarks share: fresh processes with their time and memory, calibration, records, tables.

Nothing here imports torch: on Linux a process inherits the peak memory of the one that starts it, so the one that
measures others has to stay small. What needs torch runs in a process of its own (``probe.py``).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

HERE = Path(__file__).resolve().parent
PEER_VARIABLE = "OLARIA_PEER"
LARGEST_DRIFT = 0.15
"""Of the calibration, before to after a run; above it the run should be repeated."""
ONE_SEED_ABOVE_S = 600.0
"""Budgets above it are run with the first seed only."""
_SHOWN_LINES = 15


class BenchmarkError(Exception):
    """Something that a person has to mend before there is a number."""


# --- processes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """A process that ended well.

    Args:
        wall_s: from before its start to after its end.
        peak_memory_bytes: the largest resident size of it or of a child it waited for; None where
            the system does not tell.
        output: what it wrote to its standard output.
    """

    wall_s: float
    peak_memory_bytes: int | None
    output: str


def run_process(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command alone, its output in ``log`` (and ``log`` + ``.err``), and measure it from outside.

    Raises:
        BenchmarkError: it failed; the message ends with the last lines that it wrote.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    errors = log.with_name(log.name + ".err")
    environment = {**os.environ, **(variables or {})}
    with log.open("wb") as output, errors.open("wb") as complaints:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
        )
        try:
            peak = _wait(process)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
        wall_s = time.perf_counter() - began
    if process.returncode:
        last = errors.read_text("utf-8", "replace").splitlines()[-_SHOWN_LINES:]
        told = "\n".join((f"exit code {process.returncode} of: {' '.join(command)}", *last))
        raise BenchmarkError(told)
    return Ended(wall_s, peak, log.read_text("utf-8", "replace"))


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """Wait for the end; the peak memory of this very child where the system tells it."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return int(usage.ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def last_json(output: str) -> dict[str, Any]:
    """The JSON object on the last line of an output; other libraries may have written before it.

    >>> last_json('number of parameters: 0.80M\\n{"loss": 1.5}\\n')
    {'loss': 1.5}
    """
    content: dict[str, Any] = json.loads(output.rstrip().rpartition("\n")[2])
    return content


def probe(words: Sequence[str], log: Path) -> dict[str, Any]:
    """What ``probe.py`` finds, asked in a fresh process."""
    return last_json(run_process([sys.executable, str(HERE / "probe.py"), *words], log).output)


# --- the machine ----------------------------------------------------------------------------------


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit_of(checkout: Path) -> str:
    """Commit of a git checkout, with a plus sign where files were changed; ``unknown`` where it is none."""
    try:
        commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(checkout: Path, *words: str) -> str:
    command = ["git", "-C", str(checkout), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def drift(record: Mapping[str, Any]) -> float:
    """By which fraction the calibration's time rose (or fell, if negative) over a run."""
    before, after = (float(found["bfloat16_matmul_s"]) for found in record["calibration"])
    return after / before - 1


def peer_option(given: str | None, script: str) -> Path | None:
    """The folder of the peer's checkout; None, with a line that says how, where there is none."""
    name = given or os.environ.get(PEER_VARIABLE)
    if name is None:
        print(
            f"skipped: {script} compares with nanoGPT; give its checkout with --peer PATH or "
            f"{PEER_VARIABLE}=PATH (benchmarks/README.md says how to get one)"
        )
        return None
    path = Path(name).expanduser().resolve()
    if not (path / "train.py").is_file():
        raise BenchmarkError(f"{name} is not a checkout of nanoGPT: it has no train.py")
    return path


# --- floating point operations --------------------------------------------------------------------


def flops_per_token(num_matmul_parameters: int, num_layers: int, width: int, attended: int) -> int:
    r"""Floating point operations of training, forwards and backwards, for one token.

    .. math:: 6 N + 12\, L\, d\, T

    Every weight of a matrix product costs a multiplication and an addition forwards and twice that
    backwards; the products of attention cost :math:`4 d T` forwards in each layer. As is usual, the
    half of attention that the causal mask throws away is counted, and norms, activations, the
    optimizer and tables that are only looked up are not.

    Args:
        num_matmul_parameters: N, weights that take part in matrix products, the head's included.
        num_layers: L.
        width: d, heads times size of a head.
        attended: T, tokens that attention multiplies each with: the window, or two chunks where it is local.

    Source: Chowdhery et al. 2022, *PaLM*, Appendix B.

    >>> flops_per_token(1000, 2, 10, 5)
    7200
    """
    return 6 * num_matmul_parameters + 12 * num_layers * width * attended


# --- records and tables ---------------------------------------------------------------------------


class Records:
    """The runs so far. Each is stored as soon as it ends, so that a killed benchmark loses one run at most.

    Args:
        path: a JSON file, read where it exists; None keeps them in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: list[dict[str, Any]] = []
        if path is not None and path.exists():
            self.rows = json.loads(path.read_text("utf-8"))["records"]

    def add(self, record: dict[str, Any]) -> None:
        """Keep one more."""
        self.rows.append(record)
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(self._path.name + ".tmp")
        content = {"format": 1, "records": self.rows}
        temporary.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        temporary.replace(self._path)

    def of(self, part: str) -> list[dict[str, Any]]:
        """Those of one part."""
        return [row for row in self.rows if row["part"] == part]


def values(records: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """The numbers under ``key``; records without one are left out."""
    return [float(row[key]) for row in records if row.get(key) is not None]


def middle(records: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """Their median; None where there is none."""
    found = values(records, key)
    return median(found) if found else None


def mean_and_spread(numbers: Sequence[float]) -> str:
    """Mean, sample standard deviation and count.

    >>> mean_and_spread([1.5, 1.7]), mean_and_spread([1.5]), mean_and_spread([])
    ('1.6000 ± 0.1414 (2)', '1.5000 (1)', '')
    """
    if not numbers:
        return ""
    spread = f" ± {stdev(numbers):.4f}" if len(numbers) > 1 else ""
    return f"{fmean(numbers):.4f}{spread} ({len(numbers)})"


def shown(number: float | None, digits: int = 1) -> str:
    """A number for a table; nothing for None.

    >>> shown(2.345, 2), shown(None), shown(12345.6)
    ('2.35', '', '12,345.6')
    """
    return "" if number is None else f"{number:,.{digits}f}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right.

    >>> print(table(["a", "bc"], [["x", "1"]]))
    | a | bc |
    |:---|---:|
    | x | 1 |
    """
    rule = "|:---" + "|---:" * (len(headings) - 1) + "|"
    return "\n".join((_line(headings), rule, *map(_line, rows)))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
