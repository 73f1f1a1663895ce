"""What a release stands on agrees with the package: how it is cited, and how it is published."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from olaria import __version__

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read(*names: str) -> Any:
    return yaml.safe_load(ROOT.joinpath(*names).read_text("utf-8"))


def test_the_citation_is_of_the_format_and_of_this_version() -> None:
    found = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= found.keys(), "what 1.2.0 requires"
    known = {"abstract", "date-released", "keywords", "license", "repository-code", "type", "url"}
    known |= {"cff-version", "message", "title", "authors", "version", "doi", "identifiers"}
    assert found.keys() <= known
    assert found["cff-version"] == "1.2.0" and found["type"] == "software"
    assert found["version"] == __version__ and found["license"] == PROJECT["license"]
    assert [author["name"] for author in found["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
    assert found["abstract"].rstrip(".") == PROJECT["description"]


def test_only_the_job_that_publishes_may_prove_who_it_is() -> None:
    flow = read(".github", "workflows", "release.yml")
    assert flow["permissions"] == {}
    rights = {name: job["permissions"] for name, job in flow["jobs"].items()}
    assert rights == {"build": {"contents": "read"}, "publish": {"id-token": "write"}}
    publish = flow["jobs"]["publish"]
    assert publish["environment"] == "pypi" and publish["needs"] == "build"
    assert not any("run" in step for step in publish["steps"]), "it runs nothing of ours"
    for job in flow["jobs"].values():
        for step in job["steps"]:
            assert re.search(r"@(v\d+(\.\d+)*|[0-9a-f]{40})$", step.get("uses", "@v1")), step
            assert "${{" not in step.get("run", ""), "names of tags are no code"
