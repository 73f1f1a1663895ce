"""What a recipe needs of the data loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "PIL", "sklearn", "safetensors", "filelock", "ssl")


def heavy_after(statement: str) -> str:
    """The heavy modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import olaria.data.config",
        "from olaria.data.config import DataConfig; DataConfig.parse({'name': 'x', 'resize': 8})",
        "from olaria.data import DataConfig",
    ],
)
def test_settings_load_neither_arrays_nor_images(statement: str) -> None:
    assert heavy_after(statement) == ""


def test_the_settings_leave_the_table_of_data_sets_unloaded() -> None:
    code = "import olaria.data.config, sys; assert 'olaria.data.loading' not in sys.modules"
    assert heavy_after(code) == ""


def test_the_table_itself_needs_no_arrays() -> None:
    assert heavy_after("from olaria.data import DATASETS; DATASETS['mnist']") == ""


def test_every_public_name_is_there() -> None:
    import olaria.data

    for name in olaria.data.__all__:
        assert getattr(olaria.data, name) is not None
    assert set(dir(olaria.data)) == set(olaria.data.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        olaria.data.nothing  # noqa: B018
