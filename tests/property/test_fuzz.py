"""The readers of strangers' files, given sound files with a part changed, and anything at all."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"
_spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
assert _spec is not None and _spec.loader is not None
fuzz = importlib.util.module_from_spec(_spec)
sys.modules["fuzz"] = fuzz
sys.path.insert(0, str(SCRIPT.parent))  # where it finds its other part
_spec.loader.exec_module(fuzz)


@st.composite
def changed(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed of which a part was replaced."""
    seed = draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, min(len(seed), start + 8)))
    return seed[:start] + draw(st.binary(max_size=8)) + seed[end:]


@pytest.mark.parametrize("name", fuzz.TARGETS)
@given(data=st.data())
def test_a_reader_answers_or_refuses(name: str, data: st.DataObject) -> None:
    target = fuzz.TARGETS[name]
    fuzzed: bytes = data.draw(changed(target.seeds()) | st.binary(max_size=200))
    target.read(fuzzed)


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_a_reader_takes_its_seeds(name: str) -> None:
    target = fuzz.TARGETS[name]
    assert target.seeds()
    for seed in [b"", *target.seeds()]:
        target.read(seed)
