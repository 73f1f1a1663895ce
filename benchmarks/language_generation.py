"""Text generation at batch 1: tokens per second of nanoGPT, transformers' GPT-2 with its cache, and Olaria.

    python benchmarks/language_generation.py --peer PATH [--tokens 500] [--json FILE]

Every system has the same layers, heads, width, context and vocabulary, random weights, a prompt of one token,
temperature 1 and no cut. Each timing is a fresh process: it builds, generates a little to warm up, then is timed once;
the systems take turns. What is claimed: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from common import (
    BenchmarkError,
    Records,
    commit_of,
    cpu_name,
    drift,
    last_json,
    peer_option,
    probe,
    run_process,
    shown,
    table,
)

if TYPE_CHECKING:
    from torch import nn

VOCABULARY = 65
"""Characters of Tiny Shakespeare."""
SPREAD = 0.02
"""Standard deviation of all weights, GPT-2's."""
SEED = 1


@dataclass(frozen=True)
class Size:
    """Of a model; nanoGPT's settings for Shakespeare on a CPU and on a GPU."""

    num_layers: int
    num_heads: int
    width: int
    context: int


SIZES = {"0.8M": Size(4, 4, 128, 64), "10.7M": Size(6, 6, 384, 256)}

Generate = Callable[[int], int]
"""Draws so many tokens; returns how many came."""


@dataclass(frozen=True)
class Built:
    """A system ready to be timed."""

    generate: Generate
    module: nn.Module
    precision: str
    told: str


# --- the systems, each built in a process of its own ----------------------------------------------


def build_nanogpt(size: Size, _tokens: int, peer: str) -> Built:
    """Its own ``generate``: the whole window again for each token."""
    import nanogpt
    import torch

    module = nanogpt.model_module(Path(peer))
    config = module.GPTConfig(
        block_size=size.context,
        vocab_size=VOCABULARY,
        n_layer=size.num_layers,
        n_head=size.num_heads,
        n_embd=size.width,
        dropout=0.0,
        bias=False,
    )
    model = module.GPT(config).eval()
    prompt = torch.zeros(1, 1, dtype=torch.long)

    def generate(count: int) -> int:
        return int(model.generate(prompt, count, temperature=1.0).shape[1]) - 1

    return Built(generate, model, _precision(model), "model.GPT.generate")


def build_transformers(size: Size, tokens: int, _peer: str) -> Built:
    """``GPT2LMHeadModel.generate`` with its cache of keys and values.

    It cannot slide past its table of positions, so that has room for every token: a lookup costs the same.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=max(size.context, tokens + 1),
        n_layer=size.num_layers,
        n_head=size.num_heads,
        n_embd=size.width,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model: Any = GPT2LMHeadModel(config)
    model.eval()
    prompt = torch.zeros(1, 1, dtype=torch.long)
    seen = torch.ones_like(prompt)

    def generate(count: int) -> int:
        drawn = model.generate(
            prompt,
            attention_mask=seen,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            use_cache=True,
            min_new_tokens=count,
            max_new_tokens=count,
        )
        return int(drawn.shape[1]) - 1

    version = metadata.version("transformers")
    told = f"transformers {version}, {model.config._attn_implementation}, cache"
    return Built(generate, model, _precision(model), told)


def build_olaria(size: Size, _tokens: int, _peer: str) -> Built:
    """``olaria.sampling.autoregressive.generate`` on the fast GPT.

    Two of its chunks are the others' context, so that a token sees at most as many; it reads longer texts at once.
    """
    import torch

    from olaria.families import MODELS
    from olaria.models import build
    from olaria.sampling.autoregressive import SamplingConfig, generate
    from olaria.sampling.readers import reader_for

    family = MODELS["gpt"]
    settings = {
        "chunk": size.context // 2,
        "num_layers": size.num_layers,
        "num_heads": size.num_heads,
        "width": size.width,
    }
    model = build(family.config.model_validate(settings), VOCABULARY)
    for parameter in model.parameters():  # some begin at zero, which might be quicker
        torch.nn.init.normal_(parameter, std=SPREAD)
    model.eval().requires_grad_(False)
    prompt = torch.zeros(1, 1, dtype=torch.long)

    def draw(count: int) -> int:
        draws = torch.Generator().manual_seed(SEED)
        return sum(1 for _ in generate(model, prompt, SamplingConfig(max_tokens=count), draws))

    reader = reader_for(model)
    precision = str(getattr(reader, "precision", _precision(model)))
    return Built(draw, model, precision, type(reader).__name__)


def _precision(model: nn.Module) -> str:
    return str(next(model.parameters()).dtype).removeprefix("torch.")


SYSTEMS: dict[str, Callable[[Size, int, str], Built]] = {
    "nanoGPT": build_nanogpt,
    "transformers": build_transformers,
    "olaria": build_olaria,
}


def time_once(system: str, size: str, tokens: int, peer: str) -> dict[str, Any]:
    """Build, warm up past the context, and time ``tokens`` tokens; this process does nothing else."""
    import torch

    torch.manual_seed(SEED)
    built = SYSTEMS[system](SIZES[size], tokens, peer)
    built.generate(min(tokens, SIZES[size].context + 8))
    began = time.perf_counter()
    drawn = built.generate(tokens)
    elapsed_s = time.perf_counter() - began
    if drawn != tokens:
        raise BenchmarkError(f"{system} drew {drawn} tokens, not {tokens}")
    return {
        "tokens_per_s": tokens / elapsed_s,
        "num_parameters": sum(p.numel() for p in built.module.parameters()),
        "precision": built.precision,
        "told": built.told,
    }


# --- all of them ----------------------------------------------------------------------------------


def run_all(
    options: argparse.Namespace, systems: list[str], folder: Path, records: Records
) -> None:
    """Every timing: the systems take turns, and each round is between two calibrations."""
    for number in range(options.repeat):
        for size in options.sizes:
            print(f"{datetime.now(UTC):%H:%M:%S} {size} {number}", file=sys.stderr, flush=True)
            before = probe(["calibrate"], folder / "before.log")
            found = [_timed(options, system, size, folder) for system in systems]
            after = probe(["calibrate"], folder / "after.log")
            for record in found:
                records.add({**record, "calibration": [before, after]})


def _timed(options: argparse.Namespace, system: str, size: str, folder: Path) -> dict[str, Any]:
    worker = [sys.executable, str(Path(__file__).resolve()), "--worker", system]
    command = [*worker, "--sizes", size, "--tokens", str(options.tokens)]
    if options.peer is not None:
        command += ["--peer", str(options.peer)]
    ended = run_process(command, folder / f"{system}.log")
    checkout = {"nanoGPT": options.peer, "olaria": Path(__file__).parent}.get(system)
    version = "" if checkout is None else f"{commit_of(Path(checkout))}, "
    found = last_json(ended.output)
    return {
        "part": f"{system} {size}",
        "system": system,
        "size": size,
        "tokens": options.tokens,
        **found,
        "told": version + found["told"],
    }


def report(records: Records) -> str:
    """The medians and what ours are of the others', as Markdown."""
    if not records.rows:
        return "no runs"
    last = records.rows[-1]["calibration"][-1]
    facts = [cpu_name(), f"{last['num_threads']} threads", f"torch {last['versions']['torch']}"]
    worst = max(abs(drift(row)) for row in records.rows)
    rows = [_row(records, part) for part in dict.fromkeys(row["part"] for row in records.rows)]
    headings = ("system", "size", "parameters", "precision", "tokens", "each, tokens/s")
    found = table((*headings, "median, tokens/s", "ours over it", "how"), rows)
    return f"{'; '.join(facts)}; batch 1; largest drift of the calibration {worst:.0%}\n\n{found}"


def _row(records: Records, part: str) -> list[str]:
    runs = records.of(part)
    rates = [float(run["tokens_per_s"]) for run in runs]
    ours = [float(run["tokens_per_s"]) for run in records.of(f"olaria {runs[0]['size']}")]
    ratio = f"{median(ours) / median(rates):.1f}×" if ours else ""
    return [
        runs[0]["system"],
        runs[0]["size"],
        f"{runs[0]['num_parameters']:,}",
        runs[-1]["precision"],
        "/".join(str(tokens) for tokens in sorted({run["tokens"] for run in runs})),
        " ".join(shown(rate, 0) for rate in rates),
        shown(median(rates), 0),
        ratio,
        runs[-1]["told"],
    ]


def read_options(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--peer", metavar="PATH", help="checkout of nanoGPT; OLARIA_PEER says the same")
    add("--tokens", type=int, default=500, metavar="N", help="to generate, the same for all")
    add("--repeat", type=int, default=3, help="timings of each, of which the median is told")
    add("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    add("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    add("--json", type=Path, metavar="FILE", help="timings are added to it round by round")
    add("--worker", choices=list(SYSTEMS), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Time all systems, or be the process of one."""
    options = read_options(arguments)
    if options.worker is not None:
        timed = time_once(options.worker, options.sizes[0], options.tokens, str(options.peer))
        print(json.dumps(timed))
        return 0
    try:
        systems = options.systems
        if "nanoGPT" in systems:
            options.peer = peer_option(options.peer, "language_generation")
            systems = [name for name in systems if name != "nanoGPT" or options.peer is not None]
        records = Records(options.json)
        with tempfile.TemporaryDirectory() as folder:
            run_all(options, systems, Path(folder), records)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report(records))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
