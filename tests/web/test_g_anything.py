"""Group G: whatever is sent, the answer is one of ours, and never a bug."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from olaria.web.app import create_app
from olaria.web.errors import Refused
from olaria.workflows.sample import SampleRequest
from olaria.workflows.train import TrainRequest

from .studios import AUTHORIZED, HOST, TOKEN, id_of, make_run

AS_JSON = {"Content-Type": "application/json"}
NAMES = [one.name for one in TrainRequest.declared()]
PATHS = (
    "/api/runs/{}", "/api/runs/{}/curves", "/api/runs/{}/samples", "/api/runs/x/samples/{}", "/api/runs/{}/events",
    "/api/presets/{}", "/api/presets/vae-mnist?size={}", "/api/runs/x/curves?points={}", "/api/runs?lang={}",
    "/static/{}/studio.js", "/api/forecast?preset={}", "/api/forecast?preset=vae-mnist&settings={}", "/{}",
    "/api/forecast?preset=vae-mnist&steps={}", "/api/runs/x/events?after={}", "/api/compare?runs={}",
    "/api/runs/{}/text", "/pages/{}", "/pages/x/{}", "/api/lessons?lang={}", "/v1/models/{}", "/v1/{}",
)  # fmt: skip
POSTS = {
    "/api/runs/RUN/draw": (
        *(one.name for one in SampleRequest.declared()), "stream", "alternatives", "lines",
    ),
    "/api/runs/RUN/extend": ("steps", "budget", "out", "resume"),
    "/api/runs/RUN/explain": ("lesson", "prompt", "seed", "static", "beside", "out", "runs"),
    "/api/runs/RUN/report": ("author", "title", "format", "lessons", "beside", "out", "runs"),
    "/api/data/digits/get": ("name",),
    "/v1/completions": (
        "model", "prompt", "max_tokens", "temperature", "top_p", "n", "logprobs", "stop", "seed", "stream", "echo",
        "stream_options", "logit_bias", "best_of", "suffix", "user",
    ),
}  # fmt: skip
"""What each takes, and some that it must not."""
HEADERS = (
    "host", "origin", "accept-language", "content-length", "authorization", "content-type", "last-event-id",
    "sec-fetch-site",
)  # fmt: skip
latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30)
huge = st.sampled_from([10**309, -(10**309), 10**299, 1e308, float("inf"), float("-inf")])
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | huge
words = st.sampled_from(
    ["vae-mnist", "digits", "tiny", "char", "5m", "model.latent=2", "data.name=/etc", "a\0b", "\ud800", "--help"]
)  # fmt: skip
texts = st.text(max_size=30) | words
values = st.recursive(
    plain | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
anything = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A page with the token, of which nothing begins that it asks for."""

    def begins(*_words: Any, **_more: Any) -> Any:
        raise Refused(409, "begins", "it would begin")

    def launched(words: list[str], **_more: Any) -> Any:
        if any(b"\0" in os.fsencode(word) for word in words):
            raise ValueError("embedded null byte")  # as the system says
        begins()

    async def never(*_words: Any, **_more: Any) -> Any:
        raise Refused(409, "begins", "it would begin")
        yield {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olaria.web.workers.subprocess.Popen", launched)
        patch.setattr("olaria.web.computing.Lane.of", begins)
        patch.setattr("olaria.web.computing.Lane.told", never)
        patch.setattr("olaria.web.drawing.Drawers.begin", begins)
        home = Path(tmp_path_factory.mktemp("anything"))
        make_run(home / "text", "gpt-shakespeare")
        yield TestClient(create_app(home, TOKEN), base_url=f"http://{HOST}", headers=AUTHORIZED)


def written(asked: dict[str, Any]) -> bytes:
    """As JSON, in which infinity is a number that is only too large."""
    return json.dumps(asked).replace("Infinity", "1e999").encode()


def check(found: Any) -> None:
    assert found.status_code < 500, found.text
    if found.status_code >= 400 and "/v1/" in found.url.path:
        error = found.json()["error"]
        assert list(error) == ["message", "type", "param", "code"] and error["message"]
    elif found.status_code >= 400:
        assert list(found.json()) == ["code", "message", "hint", "field"]
        assert found.json()["message"]


@anything
@given(st.dictionaries(st.sampled_from(NAMES) | texts, values, max_size=4), st.booleans())
def test_g1_any_json_is_a_training_or_a_reason_why_not(
    studio: TestClient, asked: dict[str, Any], has_preset: bool
) -> None:
    asked = {"preset": "vae-mnist", **asked} if has_preset else asked
    check(studio.post("/api/runs", content=written(asked), headers=AS_JSON))


@anything
@given(st.data(), st.sampled_from([*POSTS]), st.booleans())
def test_g1_any_json_is_work_or_a_reason_why_not(
    studio: TestClient, data: st.DataObject, path: str, is_whole: bool
) -> None:
    asked = data.draw(st.dictionaries(st.sampled_from(POSTS[path]), values, max_size=4))
    if is_whole and path.startswith("/v1/"):
        asked = {"model": "text", "prompt": "a", **asked}
    elif is_whole and path.endswith("explain"):
        asked = {"lesson": "gpt", **asked}
    path = path.replace("RUN", id_of(studio, "text"))
    check(studio.post(path, content=written(asked), headers=AS_JSON))


@pytest.mark.parametrize(
    "value", ["1e999", "1" + "0" * 400, "1" + "0" * 299, "-1e999", '"a\\u0000b"', "true"]
)
def test_g1_a_number_too_large_and_a_zero_in_a_text_are_told(
    studio: TestClient, value: str
) -> None:
    run_id = id_of(studio, "text")
    for path, names in POSTS.items():
        for name in names:
            begun = {"model": '"text"', "prompt": '"a"'} if path.startswith("/v1/") else {}
            pairs = ", ".join(f'"{key}": {one}' for key, one in {**begun, name: value}.items())
            address = path.replace("RUN", run_id)
            check(studio.post(address, content=f"{{{pairs}}}", headers=AS_JSON))
    for name in NAMES:
        content = f'{{"preset": "vae-mnist", "{name}": {value}}}'
        check(studio.post("/api/runs", content=content, headers=AS_JSON))


@anything
@given(st.sampled_from(PATHS), st.text(max_size=40) | words)
def test_f6_f11_any_address_is_answered(studio: TestClient, path: str, word: str) -> None:
    check(studio.get(path.format(quote(word, safe="", errors="surrogatepass"))))


@anything
@given(st.dictionaries(st.sampled_from(HEADERS), latin, max_size=4))
def test_f11_any_header_is_answered(studio: TestClient, headers: dict[str, str]) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    check(studio.get("/api/runs", headers=sent))
    check(studio.post("/api/runs/x/stop", headers=sent, content=b"{}"))
