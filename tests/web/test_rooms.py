"""What the rooms of image models get: a model with what its parts begin with, codes, and nearest images."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from olaria.runs import Run
from olaria.storage import folder as files
from olaria.web import guard
from olaria.web.app import create_app

from .studios import AUTHORIZED, HOST, TOKEN, id_of, make_run

COMPUTED_HERE = pytest.mark.usefixtures("computed_here")
HEAVY = ("live", "codes", "nearest")
PARTS = {
    "vae": ["live_draw", "live_between"],
    "gan": ["live_walk"],
    "ring": ["live_game"],
    "text": ["live_attention"],
}


@pytest.fixture(scope="module")
def room_home(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run for each room."""
    home = tmp_path_factory.mktemp("rooms") / "runs"
    presets = {
        "vae": "vae-mnist",
        "gan": "gan-mnist",
        "ring": "gan-ring",
        "text": "gpt-shakespeare",
    }
    for name, preset in presets.items():
        shutil.copytree(tiny_run(preset).path, home / name)
    make_run(home / "unborn", "vae-mnist", "stopped")
    shutil.copytree(home / "vae", home / "damaged")
    for weights in (home / "damaged").rglob("*.safetensors"):
        weights.write_bytes(b"no weights")
    return home


@pytest.fixture(scope="module")
def page(room_home: Path) -> Iterator[TestClient]:
    """A page with the token."""
    app = create_app(room_home, TOKEN)
    with TestClient(app, base_url=f"http://{HOST}", headers=AUTHORIZED) as client:
        yield client


def asked(page: Any, name: str, what: str) -> Any:
    return page.get(f"/api/runs/{id_of(page, name)}/{what}")


def floats(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(text), "<f4")


@pytest.mark.parametrize("name", PARTS)
def test_a_room_gets_the_parts_of_its_run_and_the_model(
    page: TestClient, name: str, request: pytest.FixtureRequest
) -> None:
    if name != "ring":  # this one is asked of a real process
        request.getfixturevalue("computed_here")
    found = asked(page, name, "live?lang=pt").json()
    assert found.get("parts"), found
    assert [part["name"] for part in found["parts"]] == PARTS[name] and found["notes"] == []
    document = found["documents"][name]
    assert document["family"] == Run(page.app.home / name).family  # type: ignore[attr-defined]
    assert document["proof"] and document["encodes"]
    for part in found["parts"]:
        assert part["models"] == [name] and part["settings"]
        assert part["words"]["back"] == "voltar ao início"
    grounds = {theme: colours["ground"] for theme, colours in found["colours"].items()}
    assert grounds == {"light": "#ffffff", "dark": "#1f2429"}


@COMPUTED_HERE
def test_codes_are_those_of_the_encoder_and_their_order_is_their_use(
    page: TestClient, room_home: Path
) -> None:
    import torch

    from olaria.sampling import latent

    found = asked(page, "vae", "codes").json()
    run = Run(room_home / "vae")
    data: Any = run.data()
    count, size = found["count"], found["latent"]
    codes = floats(found["codes"]).reshape(count, size)
    thumbs = np.frombuffer(base64.b64decode(found["thumbs"]), np.uint8)
    images = thumbs.reshape(count, *found["thumb"])
    assert found["thumb"] == found["shape"] == list(data.shape)
    assert count == found["total"] == len(data.test)
    known = {
        image.numpy().tobytes(): int(y) for image, y in zip(data.test.x, data.test.y, strict=True)
    }
    assert [known[image.tobytes()] for image in images] == found["labels"]
    model: Any = run.model()
    expected = latent.encode(model, torch.from_numpy(images.copy()).float() / 255)
    assert codes == pytest.approx(expected.numpy(), abs=1e-5)
    assert found["order"] == np.argsort(-codes.var(0), kind="stable").tolist()
    assert found["spread"] == pytest.approx(codes.std(0), rel=1e-4)
    axes, shares = (np.array(found["components"][name]) for name in ("axes", "shares"))
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-6)
    along = ((codes - codes.mean(0)) @ axes.T).var(0) / codes.var(0).sum()
    assert along == pytest.approx(shares, rel=1e-4)


def test_the_nearest_training_images_are_found_and_their_score_is_the_evaluations(
    page: TestClient, room_home: Path
) -> None:
    import torch

    from olaria.evaluation.memorization import nearest_train

    found = asked(page, "gan", "nearest?seed=3").json()
    data: Any = Run(room_home / "gan").data()
    count, shape = found["count"], found["shape"]
    samples = np.frombuffer(base64.b64decode(found["samples"]), np.uint8).reshape(count, -1) / 255
    train = data.train.x.flatten(1).double().numpy() / 255
    far = np.linalg.norm(samples[:, None] - train[None], axis=2)
    distances = np.array(found["distances"])
    assert distances == pytest.approx(np.sort(far, 1)[:, : found["beside"]], abs=0.05)
    assert (np.diff(distances, axis=1) >= -1e-6).all(), "nearest first"
    beside = np.frombuffer(base64.b64decode(found["nearest"]), np.uint8)
    chosen = data.train.x[torch.tensor(found["indices"])].numpy()
    assert beside.reshape(chosen.shape).tolist() == chosen.tolist() and shape == [*chosen.shape[2:]]
    assert found["order"] == np.argsort(distances[:, 0], kind="stable").tolist()
    assert found["numTrain"] == len(train)
    whole = torch.from_numpy(samples).float().view(count, *shape)
    test = data.test.x[torch.randperm(len(data.test), generator=torch.Generator().manual_seed(1))]
    scored = nearest_train(
        whole, test[: found["numTest"]].float() / 255, data.train.x.float() / 255
    )
    assert found["ratio"] == pytest.approx(scored.ratio, rel=0.01)
    assert asked(page, "gan", "nearest?seed=4").json()["samples"] != found["samples"]


def test_an_answer_is_computed_once_until_the_model_changes(
    page: TestClient, room_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane: Any = page.app.looking  # type: ignore[attr-defined]
    computed, compute = [], lane.of

    async def counted(job: str, *words: Any) -> Any:
        computed.append(job)
        return await compute(job, *words)

    monkeypatch.setattr(lane, "of", counted)
    first = asked(page, "vae", "codes?lang=en").content
    before = len(computed)
    assert asked(page, "vae", "codes?lang=en").content == first and len(computed) == before
    pointer = room_home / "vae" / "checkpoints" / "last.json"
    pointer.write_bytes(pointer.read_bytes() + b"\n")
    assert asked(page, "vae", "codes?lang=en").content == first and len(computed) == before + 1


@pytest.mark.parametrize("what", HEAVY)
def test_what_computes_needs_the_token(page: TestClient, what: str) -> None:
    address = f"/api/runs/{id_of(page, 'vae')}/{what}"
    for given in ({}, {"Authorization": "Bearer wrong"}):
        bare = TestClient(page.app, base_url=f"http://{HOST}", headers=given)
        found = bare.get(address)
        assert (found.status_code, found.json()["code"]) == (401, "wrong_token")
    assert {f"/{one}" for one in HEAVY} == {*guard.COSTLY_OF_A_RUN}


@pytest.mark.parametrize("what", HEAVY)
@pytest.mark.parametrize("name", ["..", "%2e%2e%2fvae", "C:", "vae", "0" * 16, "\u2028"])
def test_an_id_that_is_none_finds_no_run(page: TestClient, what: str, name: str) -> None:
    assert page.get(f"/api/runs/{name}/{what}").status_code == 404


@pytest.mark.parametrize("seed", ["-1", "2147483648", "one", "1e3", ""])
def test_a_seed_that_is_none_is_refused_by_name(page: TestClient, seed: str) -> None:
    found = asked(page, "gan", f"nearest?seed={seed}")
    assert (found.status_code, found.json()["field"]) == (422, "seed")


@COMPUTED_HERE
@pytest.mark.parametrize(
    ("name", "what", "words"),
    [
        ("unborn", "live", "checkpoint"),
        ("unborn", "codes", "checkpoint"),
        ("damaged", "live", "damaged"),
        ("damaged", "nearest", "damaged"),
        ("ring", "nearest", "draws no images"),
        ("gan", "codes", "no codes to map"),
    ],
)
def test_a_run_that_cannot_be_looked_into_says_why_in_one_line(
    page: TestClient, name: str, what: str, words: str
) -> None:
    found = asked(page, name, f"{what}?lang=en")
    assert found.status_code == 409 and words in found.json()["message"]
    assert "\n" not in found.json()["message"]


@COMPUTED_HERE
def test_a_run_whose_data_are_gone_keeps_what_needs_none(room_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "runs"
    for name in ("vae", "gan"):
        shutil.copytree(room_home / name, home / name)
        folder = files.RunFolder(home / name)
        folder.write(files.PROVENANCE, {**folder.read(files.PROVENANCE), "data_sha256": "0" * 64})
    page = TestClient(create_app(home, TOKEN), base_url=f"http://{HOST}", headers=AUTHORIZED)
    vae, gan = (asked(page, name, "live?lang=en").json() for name in ("vae", "gan"))
    assert [part["name"] for part in gan["parts"]] == ["live_walk"] and vae["parts"] == []
    assert "has changed" in vae["notes"][0] and "has changed" in gan["notes"][0]
    for what in ("vae/codes", "gan/nearest"):
        name, _, path = what.partition("/")
        found = asked(page, name, f"{path}?lang=en")
        assert found.status_code == 409 and "has changed" in found.json()["message"]


def test_too_many_at_once_are_told_to_wait(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.app.looking, "_waiting", 1000)  # type: ignore[attr-defined]
    found = asked(page, "gan", "nearest?seed=77")
    assert found.status_code == 429 and found.headers["retry-after"]
