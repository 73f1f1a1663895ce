"""Time the four versions of the averaging trick over the length of the sequence.

    python benchmarks/averaging.py --repeats 20

One line for each length T, one column for each version of ``olaria.nn.averaging``: the median time of a
call on a batch (B, T, C), in milliseconds. Before anything is timed, the first three are checked to agree.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from olaria.nn.averaging import (
    average_by_attention,
    average_by_loops,
    average_by_product,
    average_by_softmax,
)

LENGTHS = (8, 16, 32, 64, 128, 256, 512)
TOLERANCE = 1e-6
SEED = 0

Version = Callable[[Tensor], Tensor]


def versions(width: int) -> dict[str, Version]:
    """The four versions by name; the weights of the last are drawn once."""
    draw = torch.Generator().manual_seed(SEED)
    weights = [torch.randn(width, width, generator=draw) * width**-0.5 for _ in range(3)]
    return {
        "loops": average_by_loops,
        "product": average_by_product,
        "softmax": average_by_softmax,
        "attention": lambda x: average_by_attention(x, *weights),
    }


def largest_difference(x: Tensor) -> float:
    """Between the three versions that must agree."""
    first = average_by_loops(x)
    others = (average_by_product(x), average_by_softmax(x))
    return max((other - first).abs().max().item() for other in others)


def median_ms(version: Version, x: Tensor, repeats: int) -> float:
    """Of ``repeats`` calls, after one that warms up."""
    times = []
    version(x)
    for _ in range(repeats):
        began = time.perf_counter()
        version(x)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


@torch.no_grad()
def main(arguments: list[str] | None = None) -> int:
    """Check, time, print; 1 where the versions disagree."""
    parser = argparse.ArgumentParser(description="Time the averaging trick's four versions.")
    parser.add_argument("--repeats", type=int, default=20, help="calls of which the median is told")
    parser.add_argument("--batch", type=int, default=4, help="sequences B")
    parser.add_argument("--width", type=int, default=32, help="features C of a vector")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="tokens T")
    parser.add_argument("--threads", type=int, help="of tensor operations; as PyTorch chooses")
    options = parser.parse_args(arguments)
    if min(options.repeats, options.batch, options.width, *options.lengths) < 1:
        parser.error("every number must be at least 1")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    timed = versions(options.width)
    print(
        f"median of {options.repeats} calls in ms, float32, B={options.batch}, C={options.width}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print(f"{'T':>5s}" + "".join(f"{name:>12s}" for name in timed), flush=True)
    for length in options.lengths:
        draw = torch.Generator().manual_seed(SEED)
        x = torch.randn(options.batch, length, options.width, generator=draw)
        if largest_difference(x) > TOLERANCE:
            print(f"error: at T={length} the first three versions differ", file=sys.stderr)
            return 1
        columns = (f"{median_ms(version, x, options.repeats):12.3f}" for version in timed.values())
        print(f"{length:5d}" + "".join(columns), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
