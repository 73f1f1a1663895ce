"""``--threads``: every verb that computes takes it, and computes with as many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook

import olaria
from olaria.cli.main import AFTER, GROUPS, VERBS, main
from olaria.workflows.train import train

COMPUTE = {
    "demo",
    "train",
    "tune",
    "sample",
    "eval",
    "reconstruct",
    "encode",
    "detect",
    "explain",
    "report",
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("threads")
    return train(
        "gpt-shakespeare", data="toy-language", size="tiny", steps=1, out=folder / "text"
    ).path


@pytest.fixture
def counts() -> Iterator[list[int]]:
    """Threads at each layer's call."""
    seen: list[int] = []
    hook = register_module_forward_hook(lambda *_call: seen.append(torch.get_num_threads()))
    yield seen
    hook.remove()


def test_every_verb_that_computes_takes_threads() -> None:
    assert set(VERBS) - COMPUTE == {"export", "studio"}
    others = {
        **AFTER,
        **{f"{g} {n}": v for g, (verbs, _) in GROUPS.items() for n, v in verbs.items()},
    }
    takes = {
        name
        for name, verb in {**VERBS, **others}.items()
        if any(one.flag == "--threads" for one in verb.request.declared())
    }
    assert takes == COMPUTE


@pytest.mark.parametrize("threads", [1, 3])
def test_a_text_is_drawn_with_them(
    text: Path, threads: int, counts: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_num_threads()
    try:
        words = ["sample", str(text), "--max-tokens", "5", "--threads", str(threads)]
        assert main(words) == 0
        assert counts and {*counts} == {threads}, "the text is drawn while it is written"
    finally:
        torch.set_num_threads(before)
    counts.clear()
    olaria.open(text).sample(max_tokens=5, threads=threads)
    assert counts and {*counts} == {threads}
    assert torch.get_num_threads() == before, "in Python, only for the call"


def test_no_threads_are_refused(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(text), "--threads", "0"]) == 2
    assert "--threads" in capsys.readouterr().err
