"""Group C of docs/reliability.md: numbers that are none, and machines that are too small.

A loss that is not finite, for every family: tests/contract/test_trouble.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from olaria.errors import NonFiniteLossError
from olaria.recipes import preset
from olaria.runs import Run
from olaria.workflows.train import train


def test_c1_a_run_that_diverges_names_its_last_good_checkpoint(tmp_path: Path) -> None:
    settings = [
        "training.learning_rate=1e20",
        "training.warmup_steps=0",
        "training.precision=float32",
        "training.checkpoint_every=1",
        "training.sample_every=1000",
    ]
    words = {"data": "digits", "size": "tiny", "steps": 40, "settings": settings}
    with pytest.raises(NonFiniteLossError) as refused:
        train("vae-mnist", out=tmp_path / "run", **words)  # type: ignore[arg-type]
    run = Run(tmp_path / "run")
    step, path = run.checkpoint("last")
    assert f"the last good checkpoint is {path}" in str(refused.value) and step > 0
    assert run.state == "failed" and refused.value.message.fields["reason"].fields["step"] > step
    lines = (run.path / "metrics.jsonl").read_text().splitlines()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert [json.loads(line, parse_constant=refuse)["step"] for line in lines]
    run.model("last")


TIGHT = """
import resource, sys
from pathlib import Path
from olaria.cli.main import main
import olaria.pages.figures
# What takes room of its own comes first; a GPU build of torch loads libraries of its own at the first step.
small = ["train", "vae-mnist", "--data", "digits", "--size", "tiny", "--steps", "2"]
assert main([*small, "--out", sys.argv[-1] + "-first"]) == 0
used = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 700_000_000,) * 2)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the limit is Linux's")
def test_c4_memory_that_ends_is_told_and_the_batch_stays(tmp_path: Path) -> None:
    words = ["train", "vae-mnist", "--data", "digits", "--steps", "2", "--set"]
    words += ["model.hidden=[6000,6000]", "--out", str(tmp_path / "run")]
    ended = subprocess.run(
        [sys.executable, "-c", TIGHT, *words], capture_output=True, encoding="utf-8", timeout=120
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert "out of memory; try --size tiny or a smaller --set training.batch_size=N" in last
    run = Run(tmp_path / "run")
    asked = preset("vae-mnist").training.batch_size
    assert (run.state, run.recipe.training.batch_size) == ("failed", asked)
