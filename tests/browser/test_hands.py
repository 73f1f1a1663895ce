"""Every control of every live part answers a keyboard and a finger, in both languages, and fingers still scroll."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .driven import Driven

DESKTOP, PHONE = 1000, 390
HELPERS = """
const boxes = [...document.querySelectorAll("[data-live]")];
let box = null, saved = 0;
const make = URL.createObjectURL;
URL.createObjectURL = blob => { saved++; return make(blob); };
const hash = text => { let h = 0; for (const c of text) h = (h * 31 + c.charCodeAt(0)) | 0; return h; };
const room = () => box.querySelector(".live-room");
/** All that a reader sees of the part, as one text. */
const look = () => JSON.stringify([
  room().innerText, saved,
  [...room().querySelectorAll("canvas")].map(one => hash(one.toDataURL())),
  [...room().querySelectorAll("input, select, textarea")].map(one => one.selectedIndex ?? one.value),
  [...room().querySelectorAll("[aria-current], [aria-pressed=true]")].map(one => one.textContent),
]);
const pause = ms => new Promise(done => setTimeout(done, ms));
const until = async fits => {
  for (let i = 0; i < 160 && !fits(); i++) await pause(25);
  return fits();
};
/** Whether it looks otherwise than before, sooner or later. */
const changes = before => until(() => look() !== before);
/** Wait until nothing changes; a game that plays goes on. */
const still = async () => {
  let before = "";
  for (let i = 0; i < 12 && before !== look(); i++) { before = look(); await pause(120); }
};
const scrolls = "div.scroll, div.scrolled, .two .written"; // take the focus to be scrolled
const seen = one => one.getClientRects().length > 0 && !one.disabled && one.options?.length !== 1;
/** Controls by what they are; of those that a list has many of, the last. */
const controls = () => {
  const found = [...room().querySelectorAll("button, input, select, textarea, [tabindex]")].filter(seen);
  const known = new Set();
  return found.reverse().filter(one => !one.matches(scrolls)).filter(one => {
    const list = one.closest("tbody, .stops, .starts");
    if (!list) return true;
    if (known.has(list)) return false;
    known.add(list);
    return true;
  }).reverse();
};
const nameOf = one => [one.tagName, one.type ?? "", one.className,
  one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent].join("|").slice(0, 90);
/** A letter is a small target, and a line's end none. */
const widest = found => [...found].sort((a, b) => b.offsetWidth - a.offsetWidth)[0] ?? null;
let all = [];
const begin = async place => {
  box = boxes[place];
  await until(() => box.dataset.state);
  for (const skip of document.querySelectorAll(".skip")) skip.click();
  await until(() => room().getClientRects().length);
  box.scrollIntoView();
  await still();
  all = controls();
  return [box.dataset.live, all.map(nameOf)];
};
/** Where a control is on the screen, once it is in view. */
const at = async (one, x = 0.5, y = 0.5) => {
  let around, before;
  do { // a page that a finger has thrown goes on for a while
    before = around?.top;
    one.scrollIntoView({ block: "center", behavior: "instant" });
    await pause(60);
    around = one.getBoundingClientRect();
  } while (around.top !== before);
  return [around.left + x * around.width, around.top + y * around.height];
};
"""
ARROWS = ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown")


@pytest.fixture(scope="session")
def driven(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """A browser under our hands."""
    browser = Driven(chromium, tmp_path_factory.mktemp("driven"))
    yield browser
    browser.close()


def keyed(page: Driven) -> list[str]:
    """Controls of the part that is begun that no key moves."""
    dead = list[str]()
    for place in range(page.value("all.length")):
        if not page.value(f"all[{place}].isConnected && seen(all[{place}])"):
            continue
        name = page.value(f"nameOf(all[{place}])")
        page.value(f"still().then(() => {{ all[{place}].focus(); window.before = look(); }})")
        if not page.value(f"document.activeElement === all[{place}] && all[{place}].tabIndex >= 0"):
            dead.append(f"{name}: no focus")
            continue
        kind = page.value(f"all[{place}].tagName")
        if kind == "TEXTAREA":
            page.type("a")
        elif kind == "BUTTON":
            page.press("Enter")
        else:
            for key in ARROWS:
                page.press(key)
                # Drawn first: else the opposite key would undo what is only not seen yet.
                if page.value("still().then(() => look() !== before)"):
                    break
        if not page.value("changes(before)"):
            dead.append(name)
    return dead


def touched(page: Driven) -> list[str]:
    """Controls of the part that is begun that no finger moves, or that scroll the page instead."""
    dead = list[str]()
    for place in range(page.value("all.length")):
        one = f"all[{place}]"
        if not page.value(f"{one}.isConnected && seen({one})"):
            continue
        name, kind = page.value(f"[nameOf({one}), {one}.type ?? {one}.tagName]")
        page.value("still().then(() => { window.before = look(); })")
        if kind == "select-one":  # the browser's own list
            continue
        middle = page.value(f"at({one})")
        top = page.value("scrollY")
        if kind == "range":
            page.finger(page.value(f"at({one}, 0.3)"))
            if not page.value("look() !== before"):
                page.finger(page.value(f"at({one}, 0.7)"))
        elif kind == "CANVAS":
            # A curve is read from left to right: upwards and downwards a finger on it scrolls the page.
            steep = 0 if page.value(f"getComputedStyle({one}).touchAction") == "pan-y" else 0.1
            way = [page.value(f"at({one}, {0.4 + i / 20}, {0.35 + steep * i})") for i in range(5)]
            page.finger(*way)
            if not page.value("still().then(() => look() !== before)"):
                page.finger(*way[::-1])  # the first way may have ended at the row that was chosen
        elif kind in ("OL", "P"):
            chip = f"widest({one}.querySelectorAll('li:not(.left), .drawn'))"
            if not page.value(f"{chip} !== null"):
                continue
            page.finger(page.value(f"at({chip})"))
        else:
            page.finger(middle)
            if kind in ("textarea", "number"):
                page.type("7")
            elif not page.value(
                "changes(before)"
            ):  # the first touch may only have stopped a page in motion
                page.finger(page.value(f"at({one})"))
        if not page.value("changes(before)"):
            dead.append(name)
        if kind == "CANVAS" and abs(page.value("scrollY") - top) > 1:
            dead.append(f"{name}: the page scrolls")
    return dead


def scrolled(page: Driven) -> bool:
    """Whether a finger on the words beneath the part moves the page."""
    x, y = page.value('at(box.querySelector(".live-told"), 0.5, 0.5)')
    top = page.value("scrollY")
    page.finger(*((x, y - 30 * i) for i in range(8)))
    return bool(page.value(f"until(() => Math.abs(scrollY - {top}) > 60)"))


def without_controls(page: Driven) -> Any:
    """Controls that are seen where a link hides them, and whether anything else is."""
    page.value("pause(700)")  # the part may still be about to write what it keeps into the address
    page.value('location.hash = "#hide=controls"')
    found = page.value(
        """pause(50).then(() => [
          [...box.querySelectorAll("input, select, textarea, :is(.live-guess, .actions) button")]
            .filter(seen).map(nameOf),
          [...room().querySelectorAll("canvas, table, ol")].some(seen)])"""
    )
    page.value('location.hash = "#hide=nothing"')
    page.value('until(() => !document.documentElement.classList.contains("hide-controls"))')
    return found


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "pt"])
def test_keys_and_fingers_move_every_part(driven: Driven, lesson: Any, language: str) -> None:
    page = lesson.html(language)
    for touch, move in ((False, keyed), (True, touched)):
        driven.open(page, width=PHONE if touch else DESKTOP, touch=touch)
        driven.value(HELPERS)
        for place in range(driven.value("boxes.length")):
            part, found = driven.value(f"begin({place})")
            assert len(found) > 2, part
            assert move(driven) == [], (part, touch)
            if touch:
                assert scrolled(driven), part
                assert without_controls(driven) == [[], True], part
