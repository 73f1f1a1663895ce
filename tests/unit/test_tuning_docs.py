"""The pages on sampling and fine-tuning have every setting, with its default."""

from __future__ import annotations

import json
import re
from pathlib import Path

from olaria.recipes.base import TuningConfig
from olaria.sampling.autoregressive import SamplingConfig

DOCS = Path(__file__).parents[2] / "docs"


def cells(page: str) -> list[list[str]]:
    """The cells of every row of a table, ticks removed."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def test_every_setting_of_tuning_has_its_default() -> None:
    table = {row[0]: row[1] for row in cells("fine-tuning.md")}
    for name, field in TuningConfig.model_fields.items():
        default = "" if field.is_required() else json.dumps(field.default)
        assert table[name] == default, name


def test_every_setting_of_sampling_is_there() -> None:
    table = {row[1]: row[2] for row in cells("sampling.md") if len(row) == 4}
    assert [name for name in SamplingConfig.model_fields if name not in table] == []
    for name in ("max_tokens", "temperature", "repetition_penalty"):
        default = SamplingConfig.model_fields[name].default
        shown = re.search(r"; (\S+)$", table[name])
        assert shown is not None and float(shown[1]) == default, name
