"""What the studio tells of runs: cards, curves, samples, presets, errors in the reader's language."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from olaria.storage import folder as files
from olaria.storage.files import json_line
from olaria.storage.folder import RunFolder
from olaria.web.curves import curves_of, kept
from olaria.web.errors import language_of
from olaria.web.index import RunIndex
from olaria.workflows.train import TrainRequest

from .studios import AUTHORIZED, environment, id_of

FIRST_S = 1.0
"""In which 200 runs of 10,000 points each are listed for the first time."""


def test_200_runs_of_10000_points_are_listed_in_a_second(
    client: TestClient,
    made: Callable[..., Path],
    home: Path,
    record_property: Callable[[str, object], None],
) -> None:
    first = made("run-000", rows=10_000)
    texts = {path.name: path.read_bytes() for path in first.iterdir() if path.is_file()}
    for number in range(1, 200):
        path = home / f"run-{number:03d}"
        (path / "samples").mkdir(parents=True)
        for name, text in texts.items():
            (path / name).write_bytes(text)
    client.get("/health")
    times = []
    for _ in range(3):  # of this process alone: whatever else the machine does is not the studio's
        began = time.process_time()
        found = client.get("/api/runs").json()["runs"]
        times.append(time.process_time() - began)
    assert len(found) == 200 and {card["state"] for card in found} == {"done"}
    assert times[0] < FIRST_S and min(times[1:]) < FIRST_S / 4
    record_property("figure", f"200 runs of 10,000 points: {times[0]:.2f} s, then {times[2]:.3f} s")
    began = time.process_time()
    curves = client.get(f"/api/runs/{found[0]['id']}/curves").json()["curves"]
    assert time.process_time() - began < FIRST_S
    assert curves[0]["total"] == 10_000 and len(curves[0]["steps"]) <= 600


def test_listings_that_are_asked_for_at_once_are_made_once(
    home: Path, made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made("first")
    index, num_made = RunIndex(home), list[int]()
    has_begun, may_end = threading.Event(), threading.Event()
    look = files.list_runs

    def slowly(place: Path) -> list[Path]:
        num_made.append(1)
        found = look(place)
        has_begun.set()
        assert may_end.wait(20)
        return found

    monkeypatch.setattr(files, "list_runs", slowly)
    with ThreadPoolExecutor(20) as pool:
        before = pool.submit(index.cards)
        assert has_begun.wait(20)
        made("second")  # who asks from now on must see it
        after = [pool.submit(index.cards) for _ in range(19)]
        time.sleep(0.3)
        may_end.set()
        assert [card["name"] for card in before.result()] == ["first"]
        for one in after:
            assert [card["name"] for card in one.result()] == ["first", "second"]
    assert len(num_made) == 2
    made("third")
    assert len(index.cards()) == 3, "none that was made before is given again"


def test_a_listing_loads_no_torch() -> None:
    code = (
        "import sys\n"
        "from starlette.testclient import TestClient\n"
        "from olaria.web.app import create_app\n"
        "client = TestClient(create_app('.', 'x' * 20), base_url='http://localhost')\n"
        "for path in ('runs', 'presets', 'presets/vae-mnist', 'training', 'openapi.json'):\n"
        "    assert client.get('/api/' + path).status_code == 200, path\n"
        "for values in ({}, {'preset': 'vae-mnist', 'data': 'nope'}, {'preset': 'vae-mnist', 'steps': 0}):\n"
        "    found = client.post('/api/runs', json=values, headers={'Authorization': 'Bearer ' + 'x' * 20})\n"
        "    assert found.status_code == 422, found.text\n"
        "print([name for name in ('torch', 'numpy', 'matplotlib') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment()
    )
    assert done.stdout == "[]\n", done.stderr[-2000:]


def test_a_card_is_read_again_where_the_run_has_changed(
    client: TestClient, made: Callable[..., Path]
) -> None:
    folder = RunFolder(made("vae"))
    place = f"/api/runs/{id_of(client, 'vae')}"
    assert client.get(place).json()["headline"]["value"] == 0.5
    metrics = {"format": 1, "protocol": {"split": "test"}, "metrics": {"elbo_nats": -90.5}}
    folder.write(files.EVALUATION, metrics)
    headline = client.get(place).json()["headline"]
    assert (headline["metric"], headline["value"]) == ("elbo_nats", -90.5)
    assert headline["better"] == "↑" and headline["unit"] == "nats/example" and headline["protocol"]
    folder.write(files.EVALUATION, {**metrics, "protocol": {"split": "validation"}})
    assert client.get(place).json()["headline"]["protocol"] != headline["protocol"]


def test_runs_that_one_protocol_measured_have_the_same_mark(
    client: TestClient, made: Callable[..., Path]
) -> None:
    for name, checkpoint, split in (("a", 10, "test"), ("b", 20, "test"), ("c", 10, "validation")):
        protocol = {"split": split, "checkpoint": checkpoint}
        evaluation = {"format": 1, "protocol": protocol, "metrics": {"elbo_nats": -90.5}}
        RunFolder(made(name)).write(files.EVALUATION, evaluation)
    cards = {card["name"]: card for card in client.get("/api/runs").json()["runs"]}
    marks = [cards[name]["headline"]["protocol"] for name in "abc"]
    assert marks[0] == marks[1] != marks[2]
    found = client.get("/api/compare", params={"runs": [cards[name]["id"] for name in "abc"]})
    groups = {row["name"]: row["group"] for row in found.json()["runs"]}
    assert groups["a"] == groups["b"] != groups["c"], "a mark says what may be ranked"


def test_runs_side_by_side_say_which_settings_of_their_recipes_differ(
    client: TestClient, made: Callable[..., Path]
) -> None:
    folder = RunFolder(made("wide"))
    recipe = folder.read(files.RECIPE)
    usual, recipe["seed"] = recipe["model"]["latent"], 7
    recipe["model"]["latent"] = usual + 3
    folder.write(files.RECIPE, recipe)
    made("usual")
    ids = [id_of(client, name) for name in ("wide", "usual")]
    found = client.get("/api/compare", params={"runs": ids}).json()
    assert [row["name"] for row in found["runs"]] == ["wide", "usual"]
    assert found["settings"] == {"model.latent": [usual + 3, usual]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (files.RECIPE, "{"),
        (files.RECIPE, "[" * 100_000),
        (files.RECIPE, '{"format": 99}'),
        (files.STATUS, '{"format": 1, "state": "asleep"}'),
        (files.RESULT, '{"format": 1, "final": 7}'),
        (files.EVALUATION, '{"format": 1}'),
    ],
)
def test_a_broken_run_is_a_card_that_says_why_and_hides_no_other(
    name: str, content: str, client: TestClient, made: Callable[..., Path]
) -> None:
    made("sound")
    (made("broken") / name).write_text(content)
    cards = {card["name"]: card for card in client.get("/api/runs").json()["runs"]}
    assert cards["sound"]["state"] == "done" and "error" not in cards["sound"]
    assert cards["broken"]["state"] == "damaged" and name in cards["broken"]["error"]
    words = client.get("/api/runs?lang=pt").json()["runs"]
    assert {card["state_label"] for card in words} == {"concluída", "danificado"}


def test_broken_metrics_are_an_answer(client: TestClient, made: Callable[..., Path]) -> None:
    run = made("vae")
    (run / files.METRICS).write_text('{"step": "x"}\n')
    found = client.get(f"/api/runs/{id_of(client, 'vae')}/curves")
    assert (found.status_code, found.json()["code"]) == (409, "damaged")


def test_trap_12_curves_have_steps_and_seconds_and_gaps(
    client: TestClient, made: Callable[..., Path]
) -> None:
    made("vae")
    curves = client.get(f"/api/runs/{id_of(client, 'vae')}/curves?lang=pt").json()["curves"]
    by_name = {curve["metric"]: curve for curve in curves}
    assert by_name["kl_nats"]["values"] == [0.5, None, 0.5]
    assert by_name["kl_nats"]["steps"] == [1, 2, 3]
    assert by_name["kl_nats"]["elapsed_s"] == [0.1, 0.2, 0.3]
    assert by_name["kl_nats"]["unit"] == "nats/exemplo"
    assert by_name["loss"]["label"] == "perda"


def test_a_thinned_curve_keeps_its_peaks_its_ends_and_its_gaps() -> None:
    values: list[float | None] = [math.sin(step / 700) for step in range(10_000)]
    values[4321], values[8765] = 50.0, -50.0
    places = kept(values, 100)
    assert len(places) <= 100 and places[0] == 0 and places[-1] == 9999
    assert {4321, 8765} <= set(places) and places == sorted(places)
    assert kept(values, 10_000) == [*range(10_000)]
    assert kept([None] * 1000, 10) == sorted(kept([None] * 1000, 10))
    rows = [
        {"step": 1, "split": "train", "values": {"free_nats": 1.0}},
        {"step": 1, "split": "validation", "values": {"free_nats": 2.0}},
    ]
    curves = curves_of(rows, 10, "en")
    assert [(curve["split"], curve["unit"], curve["elapsed_s"]) for curve in curves] == [
        ("train", "nats", [None]),
        ("validation", "nats", [None]),
    ]


@pytest.mark.parametrize(
    ("query", "word"),
    [("points=3", "4"), ("points=9999", "5000"), ("points=x", "x"), ("points=", "points")],
)
def test_g1_a_wrong_word_of_an_address_is_named(
    query: str, word: str, client: TestClient, made: Callable[..., Path]
) -> None:
    made("vae")
    found = client.get(f"/api/runs/{id_of(client, 'vae')}/curves?{query}")
    assert found.status_code == 422
    assert found.json()["field"] == "points" and word in found.json()["message"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"steps": -1}, "steps"),
        ({"steps": 10**30}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"steps": True}, "steps"),
        ({"budget": 0}, "budget"),
        ({"budget": "soon"}, "budget"),
        ({"epochs": 1e400}, "epochs"),
        ({"budget": 10**400}, "budget"),
        ({"seed": 2**63}, "seed"),
        ({"size": "huge"}, "size"),
        ({"settings": "model.latent=2"}, "settings"),
        ({"settings": ["model.latent=-2"]}, "model.latent"),
        ({"settings": ["model.latnet=2"]}, "model.latnet"),
        ({"settings": ["nothing"]}, "settings"),
        ({"steps": 5, "budget": 5}, "steps"),
        ({"stpes": 5}, "stpes"),
        ({"preset": "vae-mnits"}, "preset"),
        ({"preset": 7}, "preset"),
        ({"preset": None}, "preset"),
        ({"data": 7}, "data"),
        ({"data": "mnits"}, "data"),
        ({"lora_rank": 2}, "lora_rank"),
        ({"gray": "yes"}, "gray"),
    ],
)
def test_g1_a_wrong_setting_is_told_where_it_was_typed(
    values: dict[str, Any], field: str | None, client: TestClient, home: Path
) -> None:
    content = json.dumps({"preset": "vae-mnist", **values}).replace("Infinity", "1e400")
    headers = {"Content-Type": "application/json", **AUTHORIZED}
    found = client.post("/api/runs", content=content, headers=headers)
    assert found.status_code == 422, found.text
    if field is not None:
        assert found.json()["field"] == field
    assert [*home.iterdir()] == [], "nothing was started"


def test_an_unknown_run_is_told_as_such_and_no_path_is_taken_for_one(client: TestClient) -> None:
    for value, status in (("../../x", 404), ("f" * 16, 404), (7, 422)):
        found = client.post(
            "/api/runs", json={"preset": "gpt-shakespeare", "start": value}, headers=AUTHORIZED
        )
        assert found.status_code == status


@pytest.mark.parametrize(
    ("path", "status", "code", "words"),
    [
        ("/api/runs/x", 404, "unknown_run", "não há essa execução aqui"),
        ("/nothing", 404, "not_found", "não há nada neste endereço"),
        ("/api/presets/vae-mnits", 422, "usage", "predefinição desconhecida"),
        ("/api/forecast?preset=vae-mnist&steps=0", 422, "usage", "steps"),
    ],
)
@pytest.mark.parametrize("by", ["lang", "accept-language"])
def test_errors_are_of_one_form_and_in_the_reader_s_language(
    by: str, path: str, status: int, code: str, words: str, client: TestClient
) -> None:
    joint = "&" if "?" in path else "?"
    if by == "lang":
        headers = {"Accept-Language": "en", **AUTHORIZED}
        found = client.get(f"{path}{joint}lang=pt", headers=headers)
    else:
        headers = {"Accept-Language": "fr,pt-BR;q=0.8,en;q=0.5", **AUTHORIZED}
        found = client.get(path, headers=headers)
    body = found.json()
    assert found.status_code == status and list(body) == ["code", "message", "hint", "field"]
    assert body["code"] == code and words in body["message"]
    assert found.headers["content-language"] == "pt"
    english = client.get(f"{path}{joint}lang=en", headers=AUTHORIZED).json()
    assert english["code"] == code and english["message"] != body["message"]


def test_a_method_that_is_none_is_told(client: TestClient) -> None:
    found = client.put("/api/runs", json={}, headers=AUTHORIZED)
    assert (found.status_code, found.json()["code"]) == (405, "wrong_method")
    assert found.headers["allow"]


def test_a_bug_is_an_answer_without_its_text(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("olaria.web.routes.choosing.list_presets", fails)
    found = client.get("/api/presets")
    assert (found.status_code, found.json()["code"]) == (500, "bug")
    assert "secret" not in found.text and found.headers["x-frame-options"] == "DENY"


def test_f7_an_address_steers_no_terminal(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(**_more: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("olaria.web.routes.choosing.list_presets", fails)
    assert client.get("/api/presets/%1b[2J%0aolaria: all is well").status_code == 500
    (told,) = caplog.messages
    assert "\x1b" not in told and "\n" not in told and "all is well" in told


def test_languages_are_chosen_as_browsers_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLARIA_LANG", "en")
    assert language_of("pt", "en") == "pt"
    assert language_of("xx", "pt;q=0.1,en;q=0.2") == "en"
    assert language_of(None, "de,fr") == "en"
    assert language_of(None, "pt;q=" + "9" * 600) == "en"
    monkeypatch.setenv("OLARIA_LANG", "pt")
    assert language_of(None, None) == "pt"


def test_presets_and_the_schema_speak_the_reader_s_language(client: TestClient) -> None:
    presets = client.get("/api/presets?lang=pt").json()["presets"]
    titles = {one["name"]: one["title"] for one in presets}
    assert titles["ae-mnist"] == "autoencoder em dígitos manuscritos"
    one = client.get("/api/presets/vae-mnist?size=tiny&lang=pt").json()
    assert any(row["path"] == "model.latent" for row in one["settings"])
    schema = client.get("/api/training?lang=pt").json()
    assert schema["properties"]["seed"]["description"] == "semente aleatória"
    published = client.get("/api/openapi.json").json()["paths"]["/api/runs"]["post"]
    taken = published["requestBody"]["content"]["application/json"]["schema"]
    assert set(taken["properties"]) == set(schema["properties"])


@pytest.mark.parametrize(
    "values",
    [
        {"preset": "vae-mnist", "budget": 90.5, "settings": ["model.latent=2", "data.unseen=a b"]},
        {
            "preset": "gpt-shakespeare",
            "start": "-x",
            "lora_rank": 2,
            "lora_targets": ["qkv", "feed_in"],
        },
        {"preset": "vae-mnist", "epochs": 0.1234567891, "gray": True, "seed": 2**62, "out": "a=b"},
        {"preset": "vae-mnist", "budget": 100_000.125},
    ],
)
def test_a_request_and_its_words_are_the_same(values: dict[str, Any]) -> None:
    from olaria.cli import main, train

    request = TrainRequest.from_json(values)
    heard = []

    class Heard(Exception):
        pass

    def do(_shell: object, given: TrainRequest) -> None:
        heard.append(given)
        raise Heard

    with pytest.MonkeyPatch.context() as patch:
        verb = train.Verb(TrainRequest, do, lambda *_: None)
        patch.setitem(main.VERBS, "train", verb)
        main.main(["train", *request.to_words()])
    assert heard == [request]


def test_a_live_run_s_card_says_how_far_it_is(
    client: TestClient, made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("olaria.web.index.is_at_work", lambda path: True)
    run = made("vae", "running", rows=40)
    card = client.get(f"/api/runs/{id_of(client, 'vae')}").json()
    assert (card["state"], card["steps"], card["fraction"]) == ("running", 40, 39 / 40)
    with (run / files.EVENTS).open("a") as log:
        log.write(
            json_line({"event": "warned", "step": 40, "message": {"id": "x" * 9000, "fields": {}}})
        )
        log.write('{"event": "step", "step": 41, "fra')
    card = client.get(f"/api/runs/{card['id']}").json()
    assert card["steps"] == 40, "the last whole line that tells a step, however far back"
