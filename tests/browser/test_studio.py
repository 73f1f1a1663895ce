"""The studio as a person uses it: one server, one browser, the clock on the wall, and real keys."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from olaria.storage import folder as files
from olaria.storage.folder import RunFolder

from .driven import KEYS
from .flags import Chromium, Tab

for package in ("fastapi", "uvicorn", "httpx2"):
    pytest.importorskip(package, reason="the extra studio is not installed")

from ..web.studios import Served, make_run, serving, wait_for  # noqa: E402

AnyPage = TypeVar("AnyPage", bound="Page")
WAIT_S = 30
HOSTILE = "<img src=x onerror=document.title='stolen'>"
ENDLESS = "room=new_run&preset=vae-mnist&data=digits&by=by_steps&amount=1000000"
"""The choices of a training that goes on until somebody stops it."""
FOUND = """
const $ = (name, words) => [...document.querySelectorAll(name)]
  .find(one => one.checkVisibility() && (!words || one.textContent.trim() === words));
"""
"""Before each piece of script: an element that is seen, by what it says."""


FRAMES = """new Promise(done => {
  const next = left => left ? requestAnimationFrame(() => next(left - 1)) : done(true);
  next(10);
})"""
"""Ten frames go by: what was moved is drawn, whatever else the machine does."""
LOOKED_AWAY = """[true, false].forEach(isHidden => {
  Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
})"""
"""Another tab is looked at for a moment: the stream of events is closed and asked for again."""


class Page:
    """A tab with the studio in it.

    Args:
        tab: of the browser.
        served: the studio.
    """

    def __init__(self, tab: Tab, served: Served) -> None:
        self.tab, self.served = tab, served

    def go(
        self, place: str = "", *, lang: str = "en", width: int = 1200, touch: bool = False
    ) -> None:
        """Open a room as a link from elsewhere does."""
        self.tab.screen(width, 900, touch=touch)
        self.tab.open("about:blank")
        self.tab.open(f"{self.served.url}?lang={lang}#{place}&token={self.served.token}")
        self.tab.ask("Page.bringToFront")
        self.until("$('main h1')", "a room")

    def value(self, code: str) -> Any:
        """What an expression gives, in the page; true for an element."""
        code = f"const found = {code}; return found instanceof Node || found;"
        return self.tab.value(f"(() => {{ {FOUND} {code} }})()")

    def until(self, code: str, what: str) -> Any:
        """What an expression gives once it is true."""
        try:
            return wait_for(lambda: self.value(code), what, WAIT_S)
        except AssertionError as error:
            error.add_note(str(self.value("document.body.innerText.slice(0, 2000)")))
            raise

    def still(self, code: str, what: str) -> Any:
        """What an expression gives once it is true and no later frame changes it: all that was asked is drawn."""
        last, found = None, self.until(code, what)
        while found != last:
            self.value(FRAMES)
            last, found = found, self.until(code, what)
        return found

    def reload(self) -> None:
        """Load the page again, as F5 does."""
        self.value("window.isOld = true")
        self.tab.ask("Page.reload")
        wait_for(
            lambda: self.tab.value("!window.isOld && document.querySelector('main h1') !== null"),
            "the page",
        )

    def click(self, name: str, words: str = "") -> None:
        """A button or a link, once it is there and may be clicked."""
        found = f"$({json.dumps(name)}, {json.dumps(words)})"
        self.until(f"{found} && !{found}.disabled", f"{name} {words}")
        self.value(f"{found}.click()")

    def fill(self, name: str, text: str) -> None:
        """Write into a field, or choose."""
        kinds = "['input', 'change'].forEach(kind => one.dispatchEvent(new Event(kind, {bubbles: true})))"
        self.value(
            f"(one => {{ one.value = {json.dumps(text)}; {kinds}; }})($({json.dumps(name)}))"
        )

    def press(self, key: str, times: int = 1) -> None:
        """A key, where the focus is."""
        code, text = KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        for _ in range(times):
            typed = {"text": text} if text else {}
            self.tab.ask("Input.dispatchKeyEvent", type="keyDown", **event, **typed)
            self.tab.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def violations(self, axe: str) -> Any:
        """What axe-core finds in the page, frames aside: rules, and the elements that break them."""
        self.tab.value(f"{axe}; true")
        return self.tab.value(
            "axe.run(document, {iframes: false, resultTypes: ['violations']}).then(result =>"
            " result.violations.map(one => [one.id, ...one.nodes.map(node => node.html.slice(0, 160))]))"
        )

    def step(self) -> int:
        """At which step the run of the room is, as the page says."""
        return int(self.value("$('.tiles dd').textContent.replace(/\\D/g, '')") or 0)


@contextmanager
def page_of(
    browser: Callable[[], Chromium], served: Served, kind: type[AnyPage] = Page
) -> Iterator[AnyPage]:
    """A tab of the one browser, with a studio; closed in the end, so that what it shows draws no more."""
    tab = browser().tab()
    tab.ask("Network.enable")
    try:
        yield kind(tab, served)
    finally:
        tab.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that nobody trained; one is broken."""
    place = tmp_path_factory.mktemp("studio") / "runs"
    place.mkdir()
    for seed, (name, split, elbo) in enumerate(
        (("first", "test", -90.0), ("second", "test", -80.0), (HOSTILE, "validation", -10.0))
    ):
        folder = RunFolder(make_run(place / name, "vae-mnist", rows=40))
        recipe = folder.read(files.RECIPE)
        recipe["seed"] = seed
        recipe["model"]["latent"] += 3 * (split == "validation")
        folder.write(files.RECIPE, recipe)
        measured = {
            "protocol": {"split": split, "checkpoint": seed},
            "metrics": {"elbo_nats": elbo},
        }
        folder.write(files.EVALUATION, {"format": 1, **measured})
    (make_run(place / "broken", "vae-mnist") / files.RECIPE).write_text("{")
    return place


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """The studio of those runs; what it trains is ended with it."""
    with serving(home) as found:
        yield found
    for note in (home / ".studio").glob("*.json"):
        try:
            os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.fixture(scope="module")
def page(browser: Callable[[], Chromium], served: Served) -> Iterator[Page]:
    """A tab that has opened the studio."""
    with page_of(browser, served) as found:
        yield found


def test_a_run_is_begun_moves_is_stopped_and_goes_on(page: Page) -> None:
    page.go(f"{ENDLESS}&settings=model.nothing%3D1")
    wrong = page.until("$('[name=settings][aria-invalid=true]')?.id !== undefined && $('#wrong-settings').textContent",
                       "what is wrong with the setting, beneath it")  # fmt: skip
    assert "model.nothing" in wrong
    page.click("button", "Start training")
    page.until("document.activeElement.name === 'settings'", "the focus where it is wrong")
    assert not page.value("$('.notice')")
    page.fill("[name=settings]", "training.checkpoint_every=50")
    assert "parameters" in page.until("$('.forecast dl')?.textContent", "the forecast")
    page.click("button", "Start training")
    page.until("$('.state.running')", "a run that trains")
    page.until("$('.chart canvas')", "its curves")
    first = page.step()
    wait_for(lambda: page.step() > first, "more steps", WAIT_S)
    page.until("$('.samples .sample img')", "a sample")
    # Where the stream of events is cut, the room asks by itself.
    page.tab.ask("Network.setBlockedURLs", urls=["*/events*"])
    page.value(LOOKED_AWAY)
    page.until("$('[role=status]')?.textContent.includes('connection is lost')", "that it is lost")
    first = page.step()
    wait_for(lambda: page.step() > first, "more steps, asked for", WAIT_S)
    page.tab.ask("Network.setBlockedURLs", urls=[])
    page.until("!$('[role=status]')", "the stream again")
    page.click("button", "Stop")
    page.until("$('.state.stopped')", "its rest")
    rested = page.step()
    page.click("button", "Go on")
    page.until("$('.state.running')", "that it goes on")
    wait_for(lambda: page.step() > rested, "steps after the stop", WAIT_S)
    page.click("button", "Stop")
    page.until("$('.state.stopped')", "its rest")


def test_cards_say_what_is_broken_and_names_are_text(page: Page) -> None:
    page.go("room=home")
    cards = page.until(
        "$('.card') && [...document.querySelectorAll('.card')].map(one => one.textContent)", "cards"
    )
    assert sum("recipe.json is damaged" in card for card in cards) == 1
    assert sum(HOSTILE in card for card in cards) == 1
    assert page.value("document.title") == "Olaria's studio"
    page.until("document.querySelectorAll('.card img[src^=blob]').length >= 3", "their samples")


def test_what_is_not_there_or_wrong_is_told_where_it_belongs(page: Page) -> None:
    page.go("room=new_run&preset=vae-mnist&data=digits&amount=-3")
    told = "$('#wrong-amount')?.textContent"
    assert "-3m" in page.until(told, "what is wrong with the minutes, beneath them")
    page.fill("[name=amount]", "2")
    page.until(f"!{told} && $('.forecast dl')", "the forecast")
    page.value("location.hash = 'room=run&id=ffffffffffffffff'")
    page.until("$('.notice')?.textContent.includes('no such run')", "that there is none")
    page.click("main .button", "Runs")
    page.until("$('.card') && !$('.notice')", "the runs")


def test_language_theme_and_what_is_shown_last_over_a_reload(page: Page) -> None:
    page.go("room=home")
    page.until("$('.card')", "cards")
    page.fill("input[type=search]", "second")
    page.until("document.querySelectorAll('.card').length === 1", "the filter")
    page.fill("#language", "pt")
    page.until("document.documentElement.lang === 'pt-BR' && $('.card')", "Portuguese")
    page.fill("#theme", "dark")
    assert (
        page.value(
            "getComputedStyle(document.body).colorScheme || document.documentElement.dataset.theme"
        )
        == "dark"
    )
    time.sleep(0.4)  # the address is written a moment after
    page.reload()
    page.until("$('.card')", "the cards again")
    shown = page.value(
        "[document.documentElement.lang, document.documentElement.dataset.theme, $('input[type=search]').value,"
        " document.querySelectorAll('.card').length]"
    )
    assert shown == ["pt-BR", "dark", "second", 1]
    page.fill("#theme", "auto")


def test_the_keyboard_alone_reaches_every_room(page: Page) -> None:
    page.go("room=home")
    page.until("$('.card')", "cards")
    page.press("Tab")
    assert page.value("document.activeElement.className") == "skip"
    page.press("Enter")
    assert page.value("document.activeElement.id") == "content"
    page.press("Tab")
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    reached = set()
    for _ in range(40):
        reached.add(
            page.value(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
            )
        )
        if page.value("document.activeElement.textContent") == "second":
            break
        page.press("Tab")
    assert {"New run", "second"} <= reached
    page.press("Enter")
    page.until("$('.samples') && document.title === \"second · Olaria's studio\"", "the run")
    assert page.value("document.activeElement.id") == "content"
    page.until("$('.filters input[type=range]')", "how smooth the curves are")
    page.value("$('.filters input[type=range]').focus()")
    page.press("ArrowLeft", 2)
    page.until("location.hash.includes('smooth=0.5')", "the slider in the address")


@pytest.fixture(scope="module")
def rooms(served: Served) -> dict[str, str]:
    """Each room's place, and what shows that it is whole."""
    with served.client as client:
        ids = {card["name"]: card["id"] for card in client.get("/api/runs").json()["runs"]}
    return {
        "room=home": ".card",
        "room=new_run": ".option",
        f"room=run&id={ids['first']}": ".chart canvas",
        f"room=compare&runs={ids['first']},{ids['second']}": ".chart canvas",
    }


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("pt", "dark")])
def test_a_telephone_scrolls_no_room_sideways_and_axe_finds_nothing(
    lang: str, theme: str, page: Page, rooms: dict[str, str], axe: str
) -> None:
    for place, shown in rooms.items():
        page.go(place, lang=lang, width=360, touch=True)
        page.fill("#theme", theme)
        page.until(f"$('{shown}')", shown)
        wide = page.value(
            "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > 361"
            " && !one.closest('.scroll, .unseen, .plot, .sample')).map(one => one.outerHTML.slice(0, 80))"
        )
        assert page.value("document.documentElement.scrollWidth") <= 360, (place, wide)
        assert page.violations(axe) == [], place


def test_runs_side_by_side_have_a_winner_in_their_protocol_alone(
    page: Page, served: Served
) -> None:
    with served.client as client:
        ids = {card["name"]: card["id"] for card in client.get("/api/runs").json()["runs"]}
    page.go(f"room=compare&runs={','.join(ids[name] for name in ('first', 'second', HOSTILE))}")
    page.until("$('.winner')", "the results")
    head = "one.closest('table').querySelectorAll('thead th')[one.cellIndex].firstChild.textContent.trim()"
    best = page.value(f"[...document.querySelectorAll('.winner')].map(one => {head})")
    assert best == ["second"], "−10 is of another protocol"
    assert "mean of 2 seeds" in page.until("$('.legend')?.textContent", "the seeds as one line")
    settings = page.value(
        "[...document.querySelectorAll('tbody th code')].map(one => one.textContent)"
    )
    assert settings == ["model.latent"]


def test_the_numbers_of_a_chart_are_saved(page: Page, rooms: dict[str, str]) -> None:
    page.go(next(place for place in rooms if "room=run" in place))
    page.value("(files = window.files = [], make = URL.createObjectURL,"
               " URL.createObjectURL = blob => { files.push(blob); return make(blob); })")  # fmt: skip
    page.click(".numbers summary")
    page.click("button", "Save the numbers (CSV)")
    page.click("button", "Save the picture (PNG)")
    page.until("files.some(one => one.type === 'image/png' && one.size > 2000)", "the picture")
    table = page.tab.value("window.files.find(one => one.type === 'text/csv').text()").splitlines()
    assert (table[0], table[1], len(table)) == ("step,training", "1,1", 41)


def test_a_studio_that_is_gone_is_told_of_and_found_again(page: Page, home: Path) -> None:
    with serving(home) as other:
        gone = Page(page.tab, other)
        gone.go("room=home")
        gone.until("$('.card')", "cards")
    assert "does not answer" in gone.until("$('.notice')?.textContent", "the line of trouble")
    port = other.url.rstrip("/").rpartition(":")[2]
    with serving(home, "--port", port):
        gone.until("!$('.notice') && $('.card')", "the studio again")
