"""Who may import whom, where import-linter's contracts do not reach: read from the source itself."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

import olaria
from olaria.workflows.doctor import EXTRAS

PACKAGE = Path(olaria.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Absolute names of all modules that a file imports, wherever in the file."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module or "")
    return tuple(names)


def importers(*libraries: str) -> set[str]:
    """Top-level parts of olaria that import one of ``libraries`` themselves."""
    return {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for path in MODULES
        for name in imports(path)
        if name.split(".")[0] in libraries
    }


def test_there_is_something_to_read() -> None:
    assert "config" in importers("pydantic")


def test_matplotlib_stays_in_pages() -> None:
    assert importers("matplotlib") <= {"pages"}


MLFLOWS_OWN = {"sqlalchemy", "alembic", "cryptography"}
"""What it needs for a database, and leaves to who installs it."""


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_what_some_code_uses(extra: str) -> None:
    assert importers(extra)


MODULE_OF = {"umap-learn": "umap", "scikit-learn": "sklearn", "mlflow-skinny": "mlflow"}
"""Of packages whose module has another name."""


def test_the_doctor_knows_every_extra() -> None:
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = {name for extra, names in extras.items() if extra != "dev" for name in names}
    packages = {re.split(r"[>=]", name)[0] for name in wanted} - MLFLOWS_OWN
    assert {MODULE_OF.get(name, name) for name in packages} == set(EXTRAS)


def test_the_shells_do_not_import_torch() -> None:
    assert not importers("torch") & {
        "__init__",
        "__main__",
        "cli",
        "web",
        "i18n",
        "errors",
        "config",
    }


def test_models_know_no_file() -> None:
    assert not importers("pathlib", "os", "io", "shutil", "tempfile", "json") & {
        "models",
        "nn",
        "objectives",
    }


def test_d5_pickle_is_nowhere() -> None:
    assert importers("pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal") == set()


FORBIDDEN_CALLS = {
    *(("torch", name) for name in ("load", "save")),
    *(("yaml", name) for name in ("load", "load_all", "unsafe_load", "full_load")),
    *((None, name) for name in ("eval", "exec", "compile", "__import__")),
    *(("os", name) for name in ("system", "popen")),
}


@pytest.mark.parametrize(
    "path", MODULES, ids=[path.relative_to(PACKAGE).as_posix() for path in MODULES]
)
def test_d5_no_file_of_a_user_can_run_code(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        owner = getattr(getattr(node.func, "value", None), "id", None)
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        if isinstance(node.func, ast.Attribute) and owner is None:
            continue  # a method of a value, such as model.train().eval()
        assert (owner, name) not in FORBIDDEN_CALLS, f"{path.name}:{node.lineno} calls {name}"
        allowed = [word.value for word in node.keywords if word.arg == "allow_pickle"]
        assert all(isinstance(value, ast.Constant) and not value.value for value in allowed)
