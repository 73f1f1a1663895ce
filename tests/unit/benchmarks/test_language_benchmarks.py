"""The benchmarks' own arithmetic: what they read off logs, how they count operations, what their tables say."""

from __future__ import annotations

import argparse
import doctest
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from olaria.families.gpt import GPTConfig
from olaria.families.language import LanguageConfig

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def load(name: str) -> ModuleType:
    """A module of the folder; they find each other as scripts do, beside themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


common, nanogpt, probe = load("common"), load("nanogpt"), load("probe")
training, tables = load("language_training"), load("training_tables")
generation = load("language_generation")
start = load("start")

LOG = """\
number of parameters: 0.80M
step 0: train loss 4.1676, val loss 4.1648
iter 0: loss 4.1828, time 900.00ms, mfu -100.00%
iter 1: loss 4.1373, time 50.00ms, mfu -100.00%
iter 2: loss 4.1000, time 40.00ms, mfu 0.10%
iter 3: loss 4.0000, time 60.00ms, mfu 0.10%
step 4: train loss 3.7000, val loss 3.7250
saving checkpoint to out
iter 4: loss 3.9000, time 550.00ms, mfu 0.10%
"""


def record(part: str, **changed: Any) -> dict[str, Any]:
    """A run of ``language_training.py`` with round numbers."""
    product = {
        "bfloat16_matmul_s": 0.005,
        "bfloat16_peak_flops": 4e11,
        "num_threads": 2,
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
    }
    return {
        "part": part,
        "system": "nanoGPT abc" if part == "peer" else "olaria def",
        "wall_s": 120.0,
        "without_evaluation_s": 100.0,
        "own_estimate": 1.9,
        "loss_nats_per_char": 1.8,
        "peak_memory_bytes": 400_000_000,
        "num_parameters": 800_000,
        "steps": 1000,
        "tokens_per_s": 20_000.0,
        "num_tokens": 1_000_000,
        "flops_per_token": 5_000_000,
        "calibration": [product, product],
        **changed,
    }


def recorded(*rows: dict[str, Any]) -> Any:
    records = common.Records(None)
    for row in rows:
        records.add(row)
    return records


# --- the peer's log -------------------------------------------------------------------------------


def test_the_log_gives_its_estimate_its_rate_and_the_time_of_its_evaluations() -> None:
    log = nanogpt.parse_log(LOG)
    assert log.final_val_loss == 3.7250
    assert log.median_iteration_s == pytest.approx(0.05)
    assert log.evaluation_s == pytest.approx((0.9 - 0.05) + (0.55 - 0.05))
    assert len(log.iteration_s) == 5


@pytest.mark.parametrize("text", ["", "step 0: train loss 4.1, val loss 4.1", "iter 0: loss"])
def test_another_log_is_refused(text: str) -> None:
    with pytest.raises(common.BenchmarkError):
        nanogpt.parse_log(text)


def test_the_recipe_is_the_one_of_the_readme() -> None:
    words = nanogpt.training_command("python", Path("out"))
    assert " ".join(words[1:-1]) == (
        "train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 "
        "--log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 "
        "--max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
    )
    assert words[-1] == "--out_dir=out"


def test_a_shortened_recipe_still_saves() -> None:
    assert "--eval_interval=5" in nanogpt.training_command("python", Path("out"), 5)


# --- counting and timing --------------------------------------------------------------------------


def test_operations_are_those_that_the_sizing_notebook_of_nanogpt_prints_for_gpt2() -> None:
    # palm_flops of one sequence, 123,551,232 parameters without positions, 12 layers of 768, 1,024 tokens.
    assert common.flops_per_token(123_551_232, 12, 768, 1024) * 1024 == 875_062_886_400


def test_tables_are_not_matrix_products() -> None:
    layers = nn.Sequential(
        nn.Embedding(65, 8), nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 65)
    )
    assert probe.matmul_parameters(layers) == 8 * 16 + 16 * 65


def test_local_attention_is_counted_as_what_it_multiplies() -> None:
    assert probe.attended(GPTConfig(context=512, chunk=16)) == 32
    assert probe.attended(LanguageConfig(context=128)) == 128
    assert probe.attended(None) == 0


def test_utilisation_in_steps_and_of_the_run() -> None:
    run = record("ours")
    assert tables.utilisation(run, whole_run=False) == pytest.approx(20_000 * 5e6 / 4e11)
    assert tables.utilisation(run, whole_run=True) == pytest.approx(10_000 * 5e6 / 4e11)


def test_a_process_is_timed_and_weighed_from_outside(tmp_path: Path) -> None:
    code = "import time; block = bytearray(150_000_000); time.sleep(0.05); print('{\"a\": 1}')"
    ended = common.run_process([sys.executable, "-c", code], tmp_path / "log")
    assert common.last_json(ended.output) == {"a": 1}
    assert ended.wall_s >= 0.05
    assert ended.peak_memory_bytes is None or ended.peak_memory_bytes > 150_000_000


def test_a_failed_process_says_why(tmp_path: Path) -> None:
    with pytest.raises(common.BenchmarkError, match=r"exit code 3(.|\n)*no such thing"):
        code = "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"
        common.run_process([sys.executable, "-c", code], tmp_path / "log")


def test_the_calibration_finds_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.0)
    monkeypatch.setattr(probe, "SIZE", 64)
    monkeypatch.setattr(probe, "PEAK_SIZES", (32, 64))
    found = probe.calibrate()
    assert found["bfloat16_peak_flops"] >= 2 * 64**3 / found["bfloat16_matmul_s"]
    assert found["versions"]["torch"] == torch.__version__


# --- records --------------------------------------------------------------------------------------


def test_each_record_is_stored_at_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bench.json"
    records = common.Records(path)
    for number in range(2):
        records.add(record("ours", seed=number))
        assert len(json.loads(path.read_text())["records"]) == number + 1
    assert [row["seed"] for row in common.Records(path).of("ours")] == [0, 1]


def test_the_budget_is_the_median_time_of_the_peer(tmp_path: Path) -> None:
    rows = [record("peer", wall_s=s) for s in (100.0, 130.0, 110.0)]
    bench = training.Bench(argparse.Namespace(budget=None), tmp_path, tmp_path, recorded(*rows))
    assert bench.budget(2.0) == 220.0
    bench.records = recorded(record("ours"))
    with pytest.raises(common.BenchmarkError, match="--budget"):
        bench.budget(1.0)
    bench.options.budget = 30.0
    assert bench.budget(0.5) == 15.0


def test_budgets_grow_until_the_seeds_get_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first seed alone while it is above the target, all of them where it is not, and no further."""
    losses = {(10.0, 0): 2.0, (15.0, 0): 1.8, (15.0, 1): 2.0, (15.0, 2): 1.95, (20.0, 0): 1.7}
    asked: list[tuple[float, int]] = []

    def train(bench: Any, folder: Path, budget_s: float, seed: int, extra: Any = ()) -> Any:
        (folder / "run").mkdir(parents=True)
        rows = [{"elapsed_s": s, "split": "validation", "values": {"loss": 3 - s}} for s in (1, 2)]
        (folder / "run" / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
        if not extra:
            asked.append((budget_s, seed))
        loss = losses.get((budget_s, seed), 1.7)
        found = record("", seed=seed, budget_s=budget_s, loss_nats_per_char=loss, target=1.886)
        return {name: value for name, value in found.items() if name != "part"}

    monkeypatch.setattr(training, "train_ours", train)
    monkeypatch.setattr(training, "probe", lambda words, log: record("")["calibration"][0])
    options = training.read_options(["--budget", "120", "--short-budgets", "10", "15", "20", "24"])
    bench = training.Bench(options, tmp_path, tmp_path, common.Records(None))
    training.time_to(bench, 0)
    assert asked == [(10.0, 0), (15.0, 0), (15.0, 1), (15.0, 2), (20.0, 0), (20.0, 1), (20.0, 2)]
    assert [row["part"] for row in bench.records.rows] == ["time-to-along"] + ["time-to"] * 7
    assert bench.records.rows[0]["reached_s"] == 2
    assert tables.shortest_budget(bench.records.of("time-to")) == 20.0


# --- tables ---------------------------------------------------------------------------------------


def cells(text: str, start: str) -> list[str]:
    """The cells after the first of the one line that begins so."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_claims_are_medians_means_and_ratios() -> None:
    peers = [record("peer", wall_s=s, loss_nats_per_char=1.85) for s in (110.0, 120.0, 200.0)]
    ours = [record("ours", seed=n, budget_s=120.0, loss_nats_per_char=1.5 + n / 10) for n in (0, 1)]
    short = [
        record("time-to", seed=n, budget_s=b, loss_nats_per_char=loss, target=1.886)
        for b, losses in ((10.0, (1.95,)), (15.0, (1.87, 1.90, 1.88)), (20.0, (1.80,)))
        for n, loss in enumerate(losses)
    ]
    long = record("time-to-along", seed=0, target=1.886, reached_s=30.0, peak_memory_bytes=8e8)
    text = tables.report(recorded(*peers, *ours, *short, long))
    loss = cells(text, "loss in our windows, ours")
    assert loss == ["1.8500 ± 0.0000 (3)", "1.5500 ± 0.0707 (2)", "-0.3000"]
    assert cells(text, "time to 1.886, along") == ["120.0", "30.0", "4.00×"]
    assert cells(text, "time to 1.886, shortest") == ["120.0", "15.0", "8.00×"]
    assert cells(text, "largest peak memory") == ["400", "800", "0.50×"]


def test_a_run_beside_which_the_machine_changed_is_to_be_repeated() -> None:
    calm = record("ours")
    slow = {**calm["calibration"][0], "bfloat16_matmul_s": 0.006}
    disturbed = record("double", calibration=[calm["calibration"][0], slow])
    text = tables.report(recorded(calm, disturbed))
    assert cells(text, "ours")[-1] == "+0%"
    assert cells(text, "double")[-1] == "+20% repeat"


def test_a_target_that_no_budget_reached_has_no_ratio() -> None:
    run = record("time-to", budget_s=10.0, loss_nats_per_char=2.0, target=1.886)
    assert tables.shortest_budget([run]) is None
    text = tables.report(recorded(record("peer"), run))
    assert cells(text, "time to 1.886, shortest") == ["120.0", "", ""]


def test_generation_is_told_by_its_median_over_the_others() -> None:
    def timing(system: str, rate: float) -> dict[str, Any]:
        found = {"system": system, "size": "0.8M", "tokens": 500, "told": "how"}
        rest = {"precision": "float32", "calibration": record("ours")["calibration"]}
        numbers = {"num_parameters": 800_000, "tokens_per_s": rate}
        return {"part": f"{system} 0.8M", **found, **rest, **numbers}

    rates = {"nanoGPT": (500.0, 600.0, 100.0), "olaria": (5000.0, 4000.0, 9000.0)}
    rows = [timing(system, rate) for system, found in rates.items() for rate in found]
    text = generation.report(recorded(*rows))
    assert cells(text, "nanoGPT")[4:7] == ["500 600 100", "500", "10.0×"]
    assert cells(text, "olaria")[5:7] == ["5,000", "1.0×"]


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["common", "language_training", "start"])
def test_examples_in_the_docstrings_hold(name: str) -> None:
    found = doctest.testmod(sys.modules[name])
    assert found.attempted > 0
    assert found.failed == 0


def test_without_the_peer_it_is_skipped_with_a_line_that_says_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(common.PEER_VARIABLE, raising=False)
    assert training.main([]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("skipped: ")
    assert "--peer PATH" in line


def test_another_folder_is_not_the_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["--peer", str(tmp_path)]) == 1
    assert "not a checkout of nanoGPT" in capsys.readouterr().err


def test_unknown_parts_are_refused() -> None:
    for text in ("theirs", "xyz", "x"):
        with pytest.raises(argparse.ArgumentTypeError):
            training._parts(text)


def test_the_measuring_process_stays_small() -> None:
    """A child inherits the peak memory of its parent, so what measures must not load torch."""
    for name in ("common", "nanogpt", "language_training", "training_tables"):
        assert "import torch" not in (BENCHMARKS / f"{name}.py").read_text(encoding="utf-8")
