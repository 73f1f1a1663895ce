"""The room of text as a person uses it: written, stopped, gone on with, side by side, by keys and on a telephone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .flags import Chromium
from .test_studio import Page, page_of

for package in ("fastapi", "uvicorn", "httpx2"):
    pytest.importorskip(package, reason="the extra studio is not installed")

from ..web.studios import Served, serving, wait_for  # noqa: E402

PROC = Path("/proc")
TEXT = "[...document.querySelectorAll('.pane .t')].map(one => one.textContent || '\\n').join('')"
"""Of the tokens; a line's end is drawn by the style."""
NUM = "document.querySelectorAll('.pane .t').length"
ENDED = "$('.pane')?.ariaBusy === 'false' && $('.saves')"


@pytest.fixture(scope="module")
def home(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two language models, a bigram and an encoder–decoder, all tiny."""
    place = tmp_path_factory.mktemp("room") / "runs"
    for name, preset in (
        ("one", "gpt-shakespeare"),
        ("bigram", "bigram-shakespeare"),
        ("dates", "dates"),
    ):
        shutil.copytree(tiny_run(preset).path, place / name)
    return place


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """The studio of those runs."""
    with serving(home) as found:
        yield found


@pytest.fixture(scope="module")
def ids(served: Served) -> dict[str, str]:
    """Of the runs, by name."""
    with served.client as client:
        return {card["name"]: card["id"] for card in client.get("/api/runs").json()["runs"]}


@pytest.fixture(scope="module")
def page(browser: Callable[[], Chromium], served: Served) -> Iterator[Page]:
    """A tab that has opened the studio."""
    with page_of(browser, served) as found:
        yield found


def place(run_id: str, **values: str) -> str:
    return "&".join([f"room=text&id={run_id}", *(f"{name}={one}" for name, one in values.items())])


def jobs(served: Served) -> int:
    with served.client as client:
        return int(client.get("/health").json()["drawing"]["jobs"])


def test_a_text_is_streamed_and_stopped(page: Page, served: Served, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], max_tokens="20000"))
    page.until("$('textarea')", "the room")
    page.fill("textarea", "the ")
    page.click("button", "Write")
    page.until(f"{NUM} > 50", "tokens as they come")
    assert page.value("$('.pane').ariaBusy") == "true"
    page.click("button", "Stop")
    page.until("$('[role=status]') && document.body.innerText.includes('Stopped ·')", "its end")
    count = page.value(NUM)
    wait_for(lambda: jobs(served) == 0, "that the studio stops too", 3)
    time.sleep(0.3)
    assert 50 < page.value(NUM) == count < 20_000
    assert page.value("$('.pane .given').textContent") == "the "


def test_the_same_link_gives_the_same_text(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the ", max_tokens="60", temperature="0.8"))
    page.click("button", "Write")
    page.until(ENDED, "a text")
    first = page.value(TEXT)
    time.sleep(0.4)  # the address is written a moment after
    page.reload()
    page.until(ENDED, "the text again, by itself")
    assert page.value(TEXT) == first and len(first) > 40
    page.click("button", "Another text")
    page.until(f"{ENDED} && {NUM} === 60 && {TEXT} !== {json.dumps(first)}", "another text")
    assert page.value("$('[name=seed]').value") == "1"
    command = page.value("document.querySelector('.command pre').textContent")
    assert command == (
        "olaria sample one '--prompt=the ' --max-tokens=60 --temperature=0.8 --seed=1"
    )


def test_another_token_is_gone_on_from(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the ", max_tokens="40", on="1"))
    page.until(ENDED, "a text")
    first = page.value(TEXT)
    page.value("document.querySelectorAll('.pane .t')[7].click()")
    page.until("$('.alternatives')", "what else could have come")
    other = page.value(
        "[...document.querySelectorAll('.odds tr:not(.taken) button')].find(one =>"
        " /^[a-z]$/.test(one.textContent)).textContent"
    )
    page.click(".odds button", other)
    page.until(f"{ENDED} && $('.pane .own') && {NUM} === 48", "the text with that token")
    now = page.value(TEXT)
    assert now[:8] == first[:7] + other and len(now) == 8 + 40
    time.sleep(0.4)
    page.reload()
    page.until(ENDED, "the same by the link")
    assert page.value(TEXT) == now[8:]
    assert page.value("document.querySelectorAll('.pane .given')[1].textContent") == now[:8]
    page.click("button", "Edit the text")
    assert page.value("$('textarea').value") == "the " + now
    assert page.value("document.activeElement.tagName") == "TEXTAREA"


def test_a_text_goes_on_at_its_end(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the ", max_tokens="20", on="1"))
    page.until(ENDED, "a text")
    first = page.value(TEXT)
    page.click("button", "Go on at the end")
    page.until(f"{ENDED} && {NUM} === 40", "more of it")
    assert page.value(TEXT).startswith(first)


def test_two_runs_write_side_by_side(page: Page, ids: dict[str, str]) -> None:
    values = {"prompt": "the ", "max_tokens": "30", "on": "1", "beside": ids["bigram"]}
    page.go(place(ids["one"], **values))
    both = (
        "[...document.querySelectorAll('.pane')].map(pane =>"
        " [...pane.querySelectorAll('.t')].map(one => one.textContent || '\\n').join(''))"
    )
    page.until(f"{both}.length === 2 && {both}.every(text => text.length >= 30)", "both texts")
    one, other = page.value(both)
    assert one != other
    assert page.value("[...document.querySelectorAll('.written h2')].map(h => h.innerText)") == [
        "one",
        "bigram",
    ]
    page.fill("[name=beside]", "")
    alone = f"{ENDED} && document.querySelectorAll('.pane').length === 1 && {NUM} === 30"
    page.until(alone, "one alone")
    assert page.value(TEXT) == one
    # Two checkpoints of one run.
    steps = page.value("[...$('[name=checkpoint]').options].map(one => one.value)")
    page.fill("[name=beside]", ids["one"])
    page.until("$('[name=beside_checkpoint]')", "its checkpoints")
    page.fill("[name=beside_checkpoint]", steps[-1])
    page.until(f"{both}.length === 2 && {both}.every(text => text.length >= 30)", "both again")


def test_the_keyboard_alone_writes_and_chooses(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], max_tokens="30"))
    page.until("$('textarea')", "the room")
    page.value("$('textarea').focus()")
    page.tab.ask("Input.insertText", text="a ")
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
    page.tab.ask("Input.dispatchKeyEvent", type="keyDown", **key)
    page.tab.ask("Input.dispatchKeyEvent", type="keyUp", **key)
    page.until(ENDED, "a text by Ctrl+Enter")
    for _ in range(60):
        if page.value("document.activeElement.matches('.pane')"):
            break
        page.press("Tab")
    page.press("ArrowRight", 3)
    page.until("$('.alternatives')", "the third token's alternatives")
    chosen = "document.querySelectorAll('.pane .t')[2].getAttribute('aria-current')"
    assert page.value(chosen) == "true"
    page.press("ArrowLeft")
    page.until(f"{chosen} === null", "the one before")
    for _ in range(10):
        if page.value("document.activeElement.matches('.odds button')"):
            break
        page.press("Tab")
    page.press("Enter")
    page.until(f"{ENDED} && $('.pane .own')", "a token taken by a key")


def test_what_is_wrong_is_told_where_it_belongs(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the ☃", max_tokens="20"), width=360, touch=True)
    page.until("$('#why-prompt')?.textContent.includes('“☃”')", "the character, as it is typed")
    page.click("button", "Write")
    page.until("$('.told .wrong')?.textContent.includes('☃')", "that the run refuses it")
    page.click(".text-settings summary")
    page.until("$('[name=unseen]')", "the settings")
    page.fill("[name=unseen]", "skip")
    page.until("$('#why-prompt').textContent.includes('leaves them out')", "the other way")
    page.fill("[name=temperature]", "-1")
    page.click(".text-settings summary")
    page.until("!$('[name=temperature]')", "the settings closed")
    page.click("button", "Write")
    told = page.until("$('#wrong-temperature')?.textContent.trim()", "the field's own line")
    assert "greater than 0" in told
    page.until("document.activeElement.name === 'temperature'", "the focus where it is wrong")
    page.fill("[name=temperature]", "")
    page.click("button", "Write")
    page.until(ENDED, "a text without it")
    page.fill("textarea", "")
    page.until("$('#why-prompt').textContent.includes('start of a line')", "an empty prompt")
    page.fill("textarea", "the " * 100)
    page.until("$('#why-prompt').textContent.includes('only its end counts')", "the window")
    page.fill("textarea", "a" * 1001)
    page.until("$('#why-prompt').textContent.includes('not kept in the address')", "too long")
    time.sleep(0.4)
    assert "prompt=" not in page.value("location.hash")


def test_words_of_all_kinds_stay_text(page: Page, ids: dict[str, str]) -> None:
    hostile = "<img src=x onerror=document.title='stolen'>\u202e\u0000\u200b"
    page.go(place(ids["one"], max_tokens="20", unseen="skip"))
    page.until("$('textarea')", "the room")
    page.fill("textarea", hostile)
    page.click("button", "Write")
    page.until(ENDED, "a text")
    shown = page.value("$('.pane .given').textContent")
    assert shown == hostile[:-3] + "\\u202e\\x00\\u200b"
    assert not page.value("$('.pane img')") and "stolen" not in page.value("document.title")


@pytest.mark.skipif(not PROC.is_dir(), reason="the system does not tell of processes by files")
def test_a_process_that_dies_within_a_text_is_told(
    page: Page, served: Served, ids: dict[str, str]
) -> None:
    page.go(place(ids["one"], prompt="the ", max_tokens="20000", on="1"))
    page.until(f"{NUM} > 30", "tokens")
    children = [
        int(one.name)
        for one in PROC.glob("[0-9]*")
        if f"PPid:\t{served.process.pid}\n" in (one / "status").read_text()
    ]
    for child in children:
        os.kill(child, signal.SIGKILL)
    told = page.until("$('.told .wrong')?.textContent", "that it has ended")
    assert "has ended" in told and "go on at its end" in told
    count = page.value(NUM)
    assert count > 30
    page.fill("[name=max_tokens]", "10")
    page.click("button", "Go on at the end")
    page.until(f"{ENDED} && {NUM} === {count + 10}", "the rest")


def test_a_busy_studio_is_asked_again(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the ", max_tokens="20"))
    page.until("$('textarea')", "the room")
    page.value(
        "(real => { let tries = 0; window.fetch = (path, how) => String(path).includes('/draw') && !tries++"
        " ? Promise.resolve(new Response(JSON.stringify({code: 'busy', message: 'busy'}),"
        " {status: 429, headers: {'Retry-After': '1'}})) : real(path, how); })(window.fetch)"
    )
    page.click("button", "Write")
    page.until("$('.told')?.textContent.includes('asks again in 1 s')", "the wait")
    page.until(ENDED, "the text after it")


def test_sentences_are_translated_and_mapped(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["dates"]))
    page.click("button", "Translate")
    page.until("$('#wrong-prompt')?.textContent.includes('nothing to translate')", "an empty one")
    page.fill("textarea", "Apr 13, 1976\n\n16.02.2009\n")
    page.click("button", "Translate")
    page.until("$('.saves') && document.querySelectorAll('tbody tr').length === 2", "both")
    first = page.value(
        "[...document.querySelectorAll('tbody td:not(.mapped)')].map(one => one.textContent)"
    )
    page.fill("[name=beside]", ids["dates"])
    page.until("$('.saves') && $('[role=status]') && document.body.innerText.includes('differences: 0')",
               "the same beside itself")  # fmt: skip
    page.value("document.querySelectorAll('.mapped button')[1].click()")
    page.until("$('.live[data-state=on]')", "the map, computed in the page")
    page.until("$('.live textarea').value === '16.02.2009'", "of that sentence")
    time.sleep(0.4)
    page.reload()
    page.until("$('.live[data-state=on]') && $('.saves')", "all of it again")
    again = page.value(
        "[...document.querySelectorAll('.translations tbody tr')].map(row => row.cells[1].textContent)"
    )
    assert again == first


def test_attention_is_of_the_reader_s_own_text(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the cat ", max_tokens="20"))
    page.click(".look summary")
    page.until("$('.live[data-state=on]')", "the heads")
    assert page.value("$('.live textarea').value") == "the cat "
    assert page.value("document.querySelectorAll('.live .chip').length") == 8
    page.go(place(ids["bigram"], prompt="a", look="1"))
    page.until("$('.live[data-state=on] .barred tbody tr')", "the row of the table")


def test_a_text_and_its_tokens_are_saved(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"], prompt="the ", max_tokens="25", on="1", top_k="3"))
    page.until(ENDED, "a text")
    page.value("(files = window.files = [], make = URL.createObjectURL,"
               " URL.createObjectURL = blob => { files.push(blob); return make(blob); })")  # fmt: skip
    page.click("button", "Save the text (TXT)")
    page.click("button", "Save the tokens (CSV)")
    text, table = (page.tab.value(f"window.files[{i}].text()") for i in (0, 1))
    rows = [row.split(",") for row in table.splitlines()]
    assert rows[0] == ["place", "token", "id", "probability", "drawn_with", "chosen"]
    assert len(rows) == 1 + 25 and text.startswith("the ") and len(text) == 4 + 25
    assert all(0 < float(row[-3]) <= float(row[-2]) <= 1 for row in rows[1:])  # top-k leaves more


def test_a_long_text_stays_quick(page: Page, ids: dict[str, str]) -> None:
    page.go(place(ids["one"]))
    page.until("$('textarea')", "the room")
    took = page.tab.value("""(async () => {
      const source = document.querySelector("script[src$='studio.js']").src.replace("studio.js", "text_pane.js");
      const { makePane } = await import(source);
      const box = document.createElement("div");
      box.className = "pane coloured";
      box.tabIndex = 0;
      document.querySelector("main").append(box);
      const pane = makePane(box, () => {});
      pane.begin("", []);
      const token = { id: 0, token: "", probability: 0.3, drawn_with: 0.3, alternatives: [] };
      const unit = text => ({ text, tokens: [token] });
      let longest = 0;
      for (let i = 0; i < 400; i++) {
        const began = performance.now();
        pane.add(Array.from({ length: 50 }, (_, j) => unit(j === 49 ? "\\n" : "a")));
        box.scrollTop = box.scrollHeight;
        longest = Math.max(longest, performance.now() - began);
      }
      return [longest, box.querySelectorAll(".t").length, pane.units.length];
    })()""")
    assert took[1:] == [20_000, 20_000]
    assert took[0] < 250, "milliseconds of the slowest piece"


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("pt", "dark")])
def test_a_telephone_scrolls_nothing_sideways_and_axe_finds_nothing(
    lang: str, theme: str, page: Page, ids: dict[str, str], axe: str
) -> None:
    long = {"max_tokens": "120", "on": "1"}
    rooms = {
        place(
            ids["one"], prompt="the ", **long
        ): "document.querySelectorAll('.pane .t')[5].click()",
        place(ids["one"], beside=ids["bigram"], **long): "true",
        place(ids["dates"], prompt="Apr+13,+1976%0A16.02.2009", on="1"): "true",
    }
    for where, act in rooms.items():
        page.go(where, lang=lang, width=360, touch=True)
        page.fill("#theme", theme)
        page.until("$('.saves') && [...document.querySelectorAll('.pane')].every(one =>"
                   " one.ariaBusy === 'false')", where)  # fmt: skip
        page.value(act)
        page.value(
            "document.querySelectorAll('details:not(.look)').forEach(one => { one.open = true; })"
        )
        time.sleep(0.3)
        wide = page.value(
            "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > 361"
            " && !one.closest('.scroll, .unseen, .odds')).map(one => one.outerHTML.slice(0, 80))"
        )
        assert page.value("document.documentElement.scrollWidth") <= 360, (where, wide)
        assert page.violations(axe) == [], where


def test_a_run_without_a_checkpoint_says_what_to_do(
    page: Page, home: Path, ids: dict[str, str]
) -> None:
    shutil.copytree(home / "one", home / "new")
    shutil.rmtree(home / "new" / "checkpoints")
    with page.served.client as client:
        cards = client.get("/api/runs").json()["runs"]
    new = next(card["id"] for card in cards if card["name"] == "new")
    page.go(place(new))
    page.until("$('main').textContent.includes('train it longer')", "why nothing can be written")
    assert json.dumps(new)[1:-1] in page.value("$('main a.button').hash")
