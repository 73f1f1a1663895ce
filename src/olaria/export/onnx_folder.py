"""A run's model as ONNX graphs, which onnxruntime computes without PyTorch and without Olaria.

The graphs are traced from the plain files of :mod:`olaria.export.plain`. Before the folder is there, onnxruntime has
computed an example with each of them, and PyTorch the same; the README tells the largest difference.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from olaria.data.tokenizer import Tokenizer
from olaria.errors import OlariaError
from olaria.export.card import README, ExportedRun, Told, card, table
from olaria.export.onnx_graphs import SCRIPTS, Graph, graphs
from olaria.export.standalone import (
    CONFIG,
    Standalone,
    prompt_for,
    standalone,
    write_tokenizer,
)
from olaria.families.gan import GameConfig, final_loss
from olaria.i18n import N_
from olaria.models.base import Model
from olaria.numbers import format_scientific
from olaria.storage.files import write_json, write_text
from olaria.storage.folder import EVENTS

OPSET = 18
TOLERANCE = 1e-4
"""Of a graph's outputs, in units of the largest number among them or 1."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
RUN = "run.py"
_FILES = Path(__file__).parent / "scripts"


def check_installed() -> None:
    """Refuse where a package that the graphs need is missing.

    Raises:
        OlariaError: naming what to install.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise OlariaError(
            N_("ONNX needs another package ({name}): pip install 'olaria[onnx]' brings it"),
            name=error.name or str(error),
        ) from error


def write_onnx(
    run: ExportedRun,
    model: Model,
    tokenizer: Tokenizer | None,
    folder: Path,
    told: Told,
) -> None:
    """Write the folder's files.

    Args:
        run: whose card is written.
        model: its model.
        tokenizer: of a model of text.
        folder: is there and empty.
        told: what the card says besides.

    Raises:
        OlariaError: onnxruntime computes something else than PyTorch; a bug of one of the packages.
    """
    alone = standalone(model, run.dimensions())
    rows, largest = list[Sequence[str]](), 0.0
    with torch.no_grad(), _quiet():
        for graph in graphs(alone.name, alone.build(), alone.config):
            path = folder / f"{graph.name}.onnx"
            _trace(graph, path)
            described, difference = _tried(graph, path)
            rows += described
            largest = max(largest, difference)
    write_json(folder / CONFIG, {**alone.config, **_units(alone)})
    if tokenizer is not None:
        write_tokenizer(tokenizer, folder)
    write_text(folder / RUN, _script(alone, tokenizer))
    values = {
        "text": "" if tokenizer is None else tokenizer.kind,
        "graphs": table(rows),
        "opset": str(OPSET),
        "difference": format_scientific(largest, told.language, 0),
        "versions": ", ".join(f"{name} {version(name)}" for name in (*PACKAGES, "torch")),
        **{kind: "yes" if kind == alone.name else "" for kind in SCRIPTS},
        **_outputs(run),
    }
    write_text(folder / README, card("onnx", run, told, values))


def _units(alone: Standalone) -> dict[str, Any]:
    """Mean and scale of the data, where a graph works in units of them."""
    if alone.name != "point_flow":
        return {}
    return {name: alone.state[name].tolist() for name in ("centre", "spread")}


def _outputs(run: ExportedRun) -> dict[str, str]:
    """Conditions for what a discriminator's output means, which its loss decides."""
    model = run.recipe.model
    if not isinstance(model, GameConfig):
        return {}
    loss = final_loss(model.loss, run.folder.lines(EVENTS))
    return {{"least-squares": "squares", "wasserstein": "critic"}.get(loss, "logit"): "yes"}


def _script(alone: Standalone, tokenizer: Tokenizer | None) -> str:
    """The program beside the graphs."""
    text = (_FILES / f"{SCRIPTS[alone.name]}.py").read_text("utf-8")
    if tokenizer is None:
        return text
    return text.replace('else "a"', f"else {json.dumps(prompt_for(tokenizer), ensure_ascii=False)}")


class _Called(nn.Module):
    """A function of tensors as a module, which the tracer asks for."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        owner = getattr(graph.call, "__self__", graph.call)
        self.owner = owner if isinstance(owner, nn.Module) else None
        self.call = graph.call

    def forward(self, *inputs: Tensor) -> Any:
        return self.call(*inputs)


def _trace(graph: Graph, path: Path) -> None:
    torch.onnx.export(
        _Called(graph).eval(),
        tuple(one.example for one in graph.inputs),
        path,
        dynamo=True,
        opset_version=OPSET,
        input_names=[one.name for one in graph.inputs],
        output_names=[*graph.outputs],
        dynamic_shapes=(tuple(dict(one.free) for one in graph.inputs),),
        external_data=False,
        verbose=False,
    )


def _tried(graph: Graph, path: Path) -> tuple[list[Sequence[str]], float]:
    """Rows that describe inputs and outputs; and the largest difference from PyTorch, relative to the output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {one.name: one.example.numpy() for one in graph.inputs}
    expected = graph.call(*(one.example for one in graph.inputs))
    expected = expected if isinstance(expected, tuple) else (expected,)
    largest = 0.0
    for name, found, wanted in zip(graph.outputs, session.run(None, feed), expected, strict=True):
        gap = (torch.from_numpy(found).double() - wanted.double()).abs().max()
        largest = max(largest, float(gap / wanted.double().abs().max().clamp_min(1.0)))
        if not largest <= TOLERANCE:
            raise OlariaError(
                N_(
                    "onnxruntime computes another {name} of {file} than PyTorch, by {gap}: nothing is written; "
                    "try other versions of onnx, onnxscript and onnxruntime"
                ),
                name=name,
                file=path.name,
                gap=f"{largest:.1e}",
            )
    rows: list[Sequence[str]] = []
    for way, places in (("→", session.get_inputs()), ("←", session.get_outputs())):
        for one in places:
            kind = one.type.removeprefix("tensor(").removesuffix(")")
            shape = ", ".join(map(str, one.shape))
            rows.append((f"`{path.name}`", way, f"`{one.name}`", kind, f"({shape})"))
    return rows, largest


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the tracer says of packages that are not asked for, and of functions that it will lose."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
