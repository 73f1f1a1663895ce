"""What the room of text asks of the server: probabilities of tokens, sentences line by line, and what a run has."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from olaria.characters import legible
from olaria.runs import Run
from olaria.web.app import create_app

from .studios import AUTHORIZED, HOST, TOKEN, events, id_of, make_run

VALUES = {"prompt": "the ", "max_tokens": 30, "seed": 3, "temperature": 0.8, "top_k": 5}


@pytest.fixture(scope="module")
def home(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a language model, an encoder–decoder and of images, and one that was never trained."""
    place = tmp_path_factory.mktemp("text") / "runs"
    for name, preset in (("text", "gpt-shakespeare"), ("dates", "dates"), ("images", "vae-mnist")):
        shutil.copytree(tiny_run(preset).path, place / name)
    make_run(place / "new", "gpt-shakespeare", "running")
    for name in ("tokenizer.json", "provenance.json"):
        shutil.copy(place / "text" / name, place / "new")
    return place


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[TestClient]:
    """A page with the token; one process draws for all tests."""
    app = create_app(home, TOKEN)
    with TestClient(app, base_url=f"http://{HOST}", headers=AUTHORIZED) as client:
        yield client
    app.drawers.close()


def drawn(page: TestClient, name: str = "text", **values: Any) -> Any:
    return page.post(f"/api/runs/{id_of(page, name)}/draw", json=values)


def test_each_token_has_the_model_s_own_probability_and_that_of_the_draw(
    page: TestClient, home: Path
) -> None:
    told = events(drawn(page, **VALUES, stream=True, alternatives=4).text)
    pieces = [data for kind, data in told if kind == "piece"]
    tokens = [token for piece in pieces for token in piece["tokens"]]
    assert len(tokens) == VALUES["max_tokens"]
    assert [piece["text"] for piece in pieces] == [token["token"] for token in tokens]
    assert "".join(token["token"] for token in tokens) == drawn(page, **VALUES).json()["text"]
    run = Run(home / "text")
    model, tokenizer = run.model(), run.tokenizer()
    ids = tokenizer.encode(str(VALUES["prompt"])).tolist()
    with torch.no_grad():
        for token in tokens[:10]:
            logits = model(torch.tensor([ids]))[0, -1].float()  # type: ignore[operator]
            own = logits.softmax(-1)
            kept = (logits / 0.8).topk(5)
            used = dict(zip(kept.indices.tolist(), kept.values.softmax(-1).tolist(), strict=True))
            assert token["probability"] == pytest.approx(float(own[token["id"]]), rel=1e-3)
            assert token["drawn_with"] == pytest.approx(used[token["id"]], rel=1e-3)
            likely = [(one, tokenizer.decode([one])) for one in own.topk(4).indices.tolist()]
            assert [(one, text) for one, text, *_ in token["alternatives"]] == likely
            ids.append(token["id"])


def test_probabilities_come_only_where_they_are_asked_for_and_with_a_stream(
    page: TestClient,
) -> None:
    streamed = events(drawn(page, **VALUES, stream=True).text)
    assert all("tokens" not in data for kind, data in streamed if kind == "piece")
    whole = drawn(page, **VALUES, alternatives=2)
    assert (whole.status_code, whole.json()["field"]) == (422, "alternatives")
    assert "stream" in whole.json()["message"]
    long = drawn(page, max_tokens=20_000, stream=True, alternatives=9)
    assert (long.status_code, long.json()["field"]) == (422, "alternatives")


def test_an_alternative_is_gone_on_from_as_a_prompt(page: TestClient) -> None:
    told = events(drawn(page, **VALUES, stream=True, alternatives=3).text)
    tokens = [token for kind, data in told if kind == "piece" for token in data["tokens"]]
    other = next(text for _, text, *_ in tokens[4]["alternatives"] if text != tokens[4]["token"])
    start = VALUES["prompt"] + "".join(token["token"] for token in tokens[:4]) + other
    again = drawn(page, **{**VALUES, "prompt": start}).json()
    assert again["prompt_tokens"] == 4 + 4 + 1 and again["tokens"] == VALUES["max_tokens"]


@pytest.mark.parametrize(
    ("name", "option"),
    [("text", {"lines": True}), ("dates", {"alternatives": 2}), ("images", {"alternatives": 2})],
    ids=str,
)
def test_an_option_of_another_kind_is_refused(
    name: str, option: dict[str, Any], page: TestClient
) -> None:
    prompt = "the " if name != "images" else None
    found = drawn(page, name, prompt=prompt, stream=True, **option)
    assert (found.status_code, found.json()["field"]) == (422, *option), found.text


def test_sentences_are_translated_line_by_line_as_each_alone(page: TestClient) -> None:
    sources = ["Apr 13, 1976", "16.02.2009"]
    values = {"lines": True, "stream": True, "beam": 2}
    told = events(drawn(page, "dates", prompt=f"{sources[0]}\n\n{sources[1]}\n", **values).text)
    pieces = [data["text"] for kind, data in told if kind == "piece"]
    alone = [drawn(page, "dates", prompt=one, beam=2).json()["text"] for one in sources]
    assert pieces == [f"{text}\n" for text in alone]
    commands = told[0][1]["command"].split("\n")
    assert [shlex.split(one)[3] for one in commands] == [f"--prompt={one}" for one in sources]


def test_what_is_wrong_with_a_sentence_is_told(page: TestClient) -> None:
    blank = drawn(page, "dates", prompt="  \n ", lines=True)
    assert blank.status_code == 422 and "translate" in blank.json()["message"]
    many = drawn(page, "dates", prompt="16.02.2009\n" * 201, lines=True)
    assert (many.status_code, many.json()["field"]) == (422, "prompt")
    unknown = events(drawn(page, "dates", prompt="16.02.2009\n☃", lines=True, stream=True).text)
    assert [kind for kind, _ in unknown] == ["begun", "piece", "failed"]
    assert "☃" in unknown[-1][1]["message"]


def test_a_run_says_what_can_be_asked_of_it(page: TestClient, home: Path) -> None:
    found = page.get(f"/api/runs/{id_of(page, 'text')}/text").json()
    run = Run(home / "text")
    assert found["kind"] == "text" and found["context"] == run.model().context
    assert found["checkpoints"] == run.folder.checkpoint_steps()
    assert found["best"] in found["checkpoints"]
    stored = json.loads((home / "text" / "tokenizer.json").read_text())
    assert found["tokenizer"] == {**stored, "unseen": run.recipe.data.unseen}
    assert page.get(f"/api/runs/{id_of(page, 'dates')}/text").json()["kind"] == "pairs"
    new = page.get(f"/api/runs/{id_of(page, 'new')}/text").json()
    assert new["checkpoints"] == [] and new["best"] is None
    assert page.get(f"/api/runs/{id_of(page, 'images')}/text").json()["code"] == "no_text"
    missing = drawn(page, "new", prompt="a")
    assert missing.status_code == 409 and "train it longer" in missing.json()["message"]


def test_a_process_that_ends_within_a_text_is_told_in_the_stream(page: TestClient) -> None:
    values = {"prompt": "the ", "max_tokens": 20_000, "stream": True}
    app: Any = page.app
    drawn(page, max_tokens=1)
    process = app.drawers._process
    passed = process._pass_on

    def pass_on(message: dict[str, Any]) -> None:
        passed(message)
        if "piece" in message:
            process._child.kill()

    process._pass_on = pass_on
    told = events(drawn(page, **values).text)
    assert told[-1][0] == "failed" and told[-1][1]["code"] == "drawer_ended"
    assert drawn(page, max_tokens=2).status_code == 200


SAMPLES = (
    "plain text", "a\u202eb", "\u200bx", "ro\u00adda", "a\x00\x1b[31m", "\u0301e", "e\u0301", "tab\there\nand",
    "\ufeff", "\u2028", "\u00a0", "\u3164", "é☃😀", "\U000e0001", "\ud83d",
)  # fmt: skip


@pytest.mark.parametrize("text", SAMPLES, ids=ascii)
def test_a_text_in_the_page_is_as_legible_as_in_python(text: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: apt-get install nodejs")
    code = (
        'import { legible } from "./spelling.js";'
        f"process.stdout.write(JSON.stringify(legible({json.dumps(text)})));"
    )
    folder = str(resources.files("olaria.pages").joinpath("play"))
    words = [node, "--input-type=module", "--eval", code]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == legible(text, keep="\n\t")
