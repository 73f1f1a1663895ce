"""The peer nanoGPT (Karpathy), as its users call it: its own command line, its log, its model module.

Only a path to a checkout is known here; nothing of it is copied or changed. It is read under the MIT licence.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType

from common import BenchmarkError

CONTEXT = 64
BATCH_SIZE = 12
ITERATIONS = 2000
EVALUATE_EVERY = 250
"""Of ``config/train_shakespeare_char.py``."""
DATA = Path("data", "shakespeare_char")
CHECKPOINT = "ckpt.pt"

_STEP = re.compile(r"^step (\d+): train loss [\d.]+, val loss ([\d.]+)$", re.MULTILINE)
_ITERATION = re.compile(r"^iter (\d+): loss [\d.]+, time ([\d.]+)ms,", re.MULTILINE)


def training_command(python: str, out: Path, iterations: int = ITERATIONS) -> list[str]:
    """The README's recipe for a computer without a GPU, to be run inside the checkout.

    Args:
        python: an interpreter with torch and NumPy.
        out: folder of the checkpoint, outside the checkout.
        iterations: fewer than the recipe's 2,000 only to try the benchmark itself.
    """
    options = {
        "device": "cpu",
        "compile": False,
        "eval_iters": 20,
        "log_interval": 1,
        "block_size": CONTEXT,
        "batch_size": BATCH_SIZE,
        "n_layer": 4,
        "n_head": 4,
        "n_embd": 128,
        "max_iters": iterations,
        "lr_decay_iters": iterations,
        "dropout": 0.0,
        "out_dir": out,
    }
    if iterations < EVALUATE_EVERY:  # else it ends without a checkpoint
        options["eval_interval"] = iterations
    words = [f"--{name}={value}" for name, value in options.items()]
    return [python, "train.py", "config/train_shakespeare_char.py", *words]


@dataclass(frozen=True)
class Log:
    """What its training printed.

    Args:
        val_losses: its own estimates by step, each over a few random batches.
        iteration_s: seconds by iteration. An iteration that begins with an evaluation includes it,
            and the saving of a checkpoint.
    """

    val_losses: dict[int, float]
    iteration_s: dict[int, float]

    @property
    def final_val_loss(self) -> float:
        """The estimate at the last evaluated step."""
        return self.val_losses[max(self.val_losses)]

    @property
    def median_iteration_s(self) -> float:
        """Of the iterations without an evaluation; the first is left out as well, since it warms up."""
        return median(self._plain())

    @property
    def evaluation_s(self) -> float:
        """Spent on evaluating and saving: what the iterations that do so take above the median of the others."""
        usual = self.median_iteration_s
        spent = (s - usual for n, s in self.iteration_s.items() if n in self.val_losses)
        return sum(max(0.0, seconds) for seconds in spent)

    def _plain(self) -> Sequence[float]:
        return [s for n, s in self.iteration_s.items() if n > 0 and n not in self.val_losses]


def parse_log(output: str) -> Log:
    """Read what ``train.py`` wrote.

    Raises:
        BenchmarkError: it is not such a log.
    """
    log = Log(
        {int(step): float(loss) for step, loss in _STEP.findall(output)},
        {int(number): float(ms) / 1000 for number, ms in _ITERATION.findall(output)},
    )
    if not log.val_losses or not log.iteration_s:
        raise BenchmarkError(
            "nanoGPT's log has no evaluations or no iterations: is it another version?"
        )
    return log


def check_data(peer: Path) -> None:
    """See that its text is prepared.

    Raises:
        BenchmarkError: says what to do.
    """
    folder = peer / DATA
    if not (folder / "val.bin").is_file():
        raise BenchmarkError(
            f"nanoGPT's text is not prepared: put Tiny Shakespeare at {folder / 'input.txt'} (or let it "
            f"download) and run {DATA / 'prepare.py'} there"
        )


def model_module(peer: Path) -> ModuleType:
    """Its ``model.py``, imported from where it is."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", peer / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
