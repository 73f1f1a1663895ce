"""Questions that need torch, each answered by a fresh process with one JSON object on its last line.

``probe.py calibrate`` · ``probe.py score PEER CHECKPOINT`` · ``probe.py inspect RUN``
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import nanogpt
import numpy as np
import torch
from common import BenchmarkError
from torch import Tensor, nn

SIZE = 1024
"""Rows and columns of the matrices whose product is the fixed step of the calibration."""
PEAK_SIZES = (512, 1024, 2048)
SECONDS = 0.5
DATA = "tiny-shakespeare"


def calibrate() -> dict[str, Any]:
    """Median seconds of a product of two bfloat16 matrices of 1,024 rows and columns, the best rate over three
    sizes (the measured peak), the same product in float32, and what the numbers depend on.
    """
    seconds = {size: _product_s(size, torch.bfloat16) for size in PEAK_SIZES}
    return {
        "bfloat16_matmul_s": seconds[SIZE],
        "bfloat16_peak_flops": max(2 * size**3 / s for size, s in seconds.items()),
        "float32_matmul_s": _product_s(SIZE, torch.float32),
        "num_threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _product_s(size: int, kind: torch.dtype) -> float:
    a, b = (torch.randn(size, size, dtype=kind) for _ in range(2))
    out = torch.empty(size, size, dtype=kind)
    times: list[float] = []
    stop = time.perf_counter() + SECONDS
    while len(times) < 10 or time.perf_counter() < stop:
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        times.append(time.perf_counter() - began)
    return median(times[3:])


def score(peer: str, checkpoint: str) -> dict[str, Any]:
    """Loss of nanoGPT's checkpoint on the whole validation text, in the windows that our own runs are measured with:
    contiguous, not overlapping, as long as its own context.
    """
    from olaria.evaluation.text import text_loss

    # A pickle, so it is read with nothing but tensors and plain values allowed; Olaria itself never reads one.
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    module = nanogpt.model_module(Path(peer))
    model = module.GPT(module.GPTConfig(**content["model_args"]))
    model.load_state_dict(content["model"])
    model.eval().requires_grad_(False)
    ids = np.fromfile(Path(peer) / nanogpt.DATA / "val.bin", dtype=np.uint16)
    tokens = torch.from_numpy(ids.astype(np.int64))
    _check_same_text(tokens)
    num_predicted = len(tokens) - 1  # one byte and one character each
    loss = text_loss(
        lambda x: model(x, x)[0],  # without targets it returns the last position alone
        tokens,
        context=int(content["model_args"]["block_size"]),
        num_chars=num_predicted,
        num_bytes=num_predicted,
    )
    return {
        "loss_nats_per_char": loss.loss_nats_per_char,
        "checkpoint_iteration": int(content["iter_num"]),
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "num_matmul_parameters": matmul_parameters(model),
        "num_layers": int(content["model_args"]["n_layer"]),
        "width": int(content["model_args"]["n_embd"]),
        "attended": int(content["model_args"]["block_size"]),
    }


def _check_same_text(tokens: Tensor) -> None:
    from olaria.data import DataConfig, TextData, load
    from olaria.data.tokenizer import fit_tokenizer

    data = load(DATA, DataConfig(name=DATA))
    assert isinstance(data, TextData)
    ours = fit_tokenizer("char", data.text).encode(data.validation)
    if not torch.equal(ours, tokens):
        raise BenchmarkError(
            f"nanoGPT's validation text is not that of {DATA}: its input.txt differs"
        )


def inspect(path: str) -> dict[str, Any]:
    """What the operations of a run of ours are counted from."""
    from olaria.runs import Run

    run = Run(path)
    model, config = run.model(), run.recipe.model
    return {
        "num_matmul_parameters": matmul_parameters(model),
        "num_layers": getattr(config, "num_layers", 0),
        "width": getattr(config, "width", 0),
        "attended": attended(config),
    }


def attended(config: Any) -> int:
    """Tokens that attention multiplies each token with: two chunks where it is local, else the context."""
    chunk: int | None = getattr(config, "chunk", None)
    return getattr(config, "context", 0) if chunk is None else 2 * chunk


def matmul_parameters(model: nn.Module) -> int:
    """Weights of linear layers, each counted once per use; tables that are only looked up are not among them."""
    return sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Linear))


QUESTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "calibrate": calibrate,
    "score": score,
    "inspect": inspect,
}

if __name__ == "__main__":
    print(json.dumps(QUESTIONS[sys.argv[1]](*sys.argv[2:])))
