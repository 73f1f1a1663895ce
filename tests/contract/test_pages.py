"""Every family runs in a page: its module computes there what Python computes here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import olaria.pages
from olaria.data.tokenizer import CharTokenizer
from olaria.export.play import play
from olaria.export.play_images import PLAYED as IMAGES
from olaria.export.play_text import PLAYED as TEXTS
from olaria.families import MODELS
from olaria.models.base import ImageModel
from olaria.recipes import preset

from .cases import FAMILIES, SIZES, VARIANTS, VOCAB, Case, case_id, points

TOLERANCE = 1e-4
TOKENIZER = CharTokenizer("abcdefghijk"[:VOCAB])
PLAYED_FAMILIES = [case for case in FAMILIES if case.family in {**IMAGES, **TEXTS}]
PLAYED_CASES = [
    *PLAYED_FAMILIES,
    *[case for case in VARIANTS if case.family.endswith(("-flow", "mask")) and case.changes],
]
"""Every family, every solver and prediction of a flow, and a U-Net of three levels."""
PROVE = """
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const [folder] = process.argv.slice(2);
const [weights, models] = await Promise.all(
  ["weights", "models"].map((name) => import(pathToFileURL(`${folder}/${name}.js`).href)));
const proofs = JSON.parse(readFileSync(0, "utf8")).map((document) => {
  const opened = weights.open(document);
  return models.prove(opened, models.create(opened));
});
console.log(JSON.stringify(proofs, (_, value) => (value === Infinity ? "Infinity" : value)));
"""


def disturbed(case: Case) -> Any:
    """The case's model after statistics of data, no part of which is zero or the identity."""
    model = case.build()
    draws = torch.Generator().manual_seed(0)
    if isinstance(model, ImageModel):
        model.adapt(torch.rand(64, *case.shape, generator=draws), torch.arange(64) % 3)
    elif MODELS[case.family].data == "points":
        model.adapt(points(64))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    return model.eval().requires_grad_(False)


def document(case: Case, model: Any) -> dict[str, Any]:
    """What the export of a run with this model writes."""
    run = SimpleNamespace(
        name="a-run",
        family=case.family,
        recipe=preset("bigram-shakespeare", "tiny"),
        dimensions=lambda: case.shape if case.is_image else SIZES[MODELS[case.family].data],
        tokenizer=lambda: TOKENIZER,
        model=lambda which=None: model,
    )
    return play(run)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """What the modules of a page find of a family's document, all in one process of Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node, which runs the modules of a page, is not installed")
    script = tmp_path_factory.mktemp("node") / "prove.mjs"
    script.write_text(PROVE, encoding="utf-8")
    documents = [document(case, disturbed(case)) for case in PLAYED_CASES]
    command = [node, str(script), str(Path(olaria.pages.__file__).parent / "play")]
    done = subprocess.run(
        command, input=json.dumps(documents).encode(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    found = dict(zip((case.name for case in PLAYED_CASES), json.loads(done.stdout), strict=True))
    return found.__getitem__


def test_every_family_is_written_for_pages_and_no_other() -> None:
    assert {**IMAGES, **TEXTS}.keys() == MODELS.keys()
    assert not IMAGES.keys() & TEXTS.keys()


@pytest.mark.parametrize("case", PLAYED_CASES, ids=case_id)
def test_a_page_computes_what_python_computes(
    proved: Callable[[str], dict[str, Any]], case: Case
) -> None:
    found = proved(case.name)
    assert found["holds"] and found["count"] >= VOCAB, found
    assert found["largest"] <= TOLERANCE
