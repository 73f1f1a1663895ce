"""The rooms of image models as a person uses them: the map of codes, the decoder in the page, the game of points."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from .driven import KEYS
from .flags import Chromium

for package in ("fastapi", "uvicorn", "httpx2"):
    pytest.importorskip(package, reason="the extra studio is not installed")

from ..web.studios import Served, make_run, serving, wait_for  # noqa: E402
from .test_studio import Page, page_of  # noqa: E402

WAIT_S = 120
SHIFT = 8
HOSTILE = "<img src=x onerror=document.title='stolen'>"
PRESETS = {"vae": "vae-mnist", "gan": "gan-mnist", "ring": "gan-ring"}
IMAGE = """(() => {
  const canvas = $('.latent-image canvas');
  const pixels = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return Boolean(pixels?.some(Boolean)) && pixels.join();
})()"""
"""The pixels that the decoder drew; false before."""
SELECTED = "Number($('.latent-selected h2')?.textContent.replace(/\\D/g, ''))"
FILES = (
    "(files = window.files = [], make = URL.createObjectURL,"
    " URL.createObjectURL = blob => { files.push(blob); return make(blob); })"
)


class ImagePage(Page):
    """A tab whose models are large, and whose map is drawn on."""

    def until(self, code: str, what: str) -> Any:
        """What an expression gives once it is true."""
        try:
            return wait_for(lambda: self.value(code), what, WAIT_S)
        except AssertionError as error:
            error.add_note(str(self.value("document.body.innerText.slice(0, 2000)")))
            raise

    def mouse(self, way: Sequence[Sequence[float]], modifiers: int = 0) -> None:
        """Press at the first place of the map (shares of its sides), go the way, and lift."""
        self.value("$('.latent-map').scrollIntoView({block: 'center'})")
        box = self.value(
            "(({left, top, width, height}) => [left, top, width, height])($('.latent-map').getBoundingClientRect())"
        )
        places = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in way]
        kinds = ["mousePressed", *["mouseMoved"] * (len(places) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*places, places[-1]], strict=True):
            self.tab.ask(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                clickCount=1, modifiers=modifiers,
            )  # fmt: skip

    def key(self, key: str, times: int = 1, modifiers: int = 0) -> None:
        """A key where the focus is, perhaps with another one held."""
        event = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key][0]}
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                self.tab.ask("Input.dispatchKeyEvent", type=kind, modifiers=modifiers, **event)

    def saved(self, ending: str) -> str:
        """The last file of a kind that was saved."""
        self.until(f"window.files.some(one => one.type === '{ending}')", "a file")
        return str(self.tab.value(f"window.files.findLast(one => one.type === '{ending}').text()"))


@pytest.fixture(scope="module")
def served(
    tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A studio with a run for each room, and some that cannot be looked into."""
    home = tmp_path_factory.mktemp("image") / "runs"
    for name, preset in PRESETS.items():
        shutil.copytree(tiny_run(preset).path, home / name)
    make_run(home / HOSTILE, "vae-mnist", "stopped")
    make_run(home / "unborn", "gan-mnist", "stopped")
    with serving(home) as found:
        yield found


@pytest.fixture(scope="module")
def places(served: Served) -> dict[str, str]:
    """The room of each run."""
    with served.client as client:
        cards = client.get("/api/runs").json()["runs"]
    return {card["name"]: f"room={card['room']}&id={card['id']}" for card in cards}


@pytest.fixture(scope="module")
def page(browser: Callable[[], Chromium], served: Served) -> Iterator[ImagePage]:
    """A tab that has opened the studio."""
    with page_of(browser, served, ImagePage) as found:
        yield found


@pytest.fixture(scope="module")
def codes(served: Served, places: dict[str, str]) -> dict[str, Any]:
    """What the studio tells of the VAE's codes, as arrays."""
    with served.client as client:
        found: dict[str, Any] = client.get(
            f"/api/runs/{places['vae'].partition('id=')[2]}/codes"
        ).json()
    numbers = np.frombuffer(base64.b64decode(found["codes"]), "<f4")
    return {**found, "codes": numbers.reshape(found["count"], -1).astype(float)}


def test_dragging_draws_another_image_and_a_reload_keeps_it(
    page: ImagePage, places: dict[str, str]
) -> None:
    page.go(places["vae"])
    first = page.until(IMAGE, "an image")
    assert "images per second" in page.value("$('.latent-image figcaption').textContent")
    page.mouse([(0.5, 0.5), (0.6, 0.4), (0.8, 0.2)])
    other = page.still(f"{IMAGE} !== {json.dumps(first)} && {IMAGE}", "the place's image")
    page.until("location.hash.includes('at=')", "the place in the address")
    page.reload()
    assert page.until(IMAGE, "an image again") == other
    page.value("$('.latent-map').focus()")
    page.key("ArrowLeft", 3)
    page.until(f"{IMAGE} !== {json.dumps(other)}", "an image by keys")
    page.click("button", "Back to the point")
    page.until(f"{IMAGE} === {json.dumps(first)}", "the first image")
    moved = page.value("$('.latent-slider input').value")
    page.value("$('.latent-slider input').focus()")
    page.key("ArrowRight", 5)
    page.until(
        f"$('.latent-slider input').value !== '{moved}' && {IMAGE} !== {json.dumps(first)}",
        "a slider moves it",
    )


def test_the_decoder_draws_thirty_images_a_second(page: ImagePage, places: dict[str, str]) -> None:
    page.go(places["vae"])
    page.until(IMAGE, "an image")
    told = page.until(
        "$('.latent-image figcaption').textContent.match(/\\d[\\d,]*/)?.[0]", "the speed"
    )
    assert int(told.replace(",", "")) >= 30


def test_a_line_around_points_lists_them_by_class_and_saves_them(
    page: ImagePage, places: dict[str, str], codes: dict[str, Any]
) -> None:
    page.go(places["vae"])
    page.until("$('.latent-legend') && $('.latent-map').width > 300", "the map")
    page.click(".latent-tools button", "select")
    page.mouse([(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)])
    page.until(f"{SELECTED} === {codes['count']}", "all points")
    rows = page.value(
        "[...$('.latent-counts tbody').rows].map(row => [...row.cells].map(one => one.textContent))"
    )
    counts = np.bincount(codes["labels"], minlength=10)
    assert {name: int(count) for name, count, _ in rows} == {
        codes["classNames"][label]: int(n) for label, n in enumerate(counts) if n
    }
    page.value(FILES)
    page.click(".latent-selected button", "Save the numbers (CSV)")
    table = page.saved("text/csv").splitlines()
    assert len(table) == codes["count"] + 1
    row = table[1].split(",")
    assert [float(value) for value in row[2:]] == pytest.approx(
        codes["codes"][int(row[0]) - 1], rel=1e-6
    )
    page.click(".latent-legend button", codes["classNames"][3])
    page.until(f"{SELECTED} === {codes['count'] - int(counts[3])}", "all but a hidden class")
    page.until("location.hash.includes('off=3')", "the hidden class in the address")
    page.reload()
    page.until(f"{SELECTED} === {codes['count'] - int(counts[3])}", "the same after a reload")


def test_keys_draw_a_rectangle_and_choose_the_nearest_point(
    page: ImagePage, places: dict[str, str], codes: dict[str, Any]
) -> None:
    page.go(places["vae"])
    page.until(IMAGE, "an image")
    page.value("$('.latent-map').focus()")
    page.key("ArrowRight", 12, SHIFT)
    page.key("ArrowUp", 12, SHIFT)
    page.until("location.hash.includes('line=')", "the rectangle in the address")
    chosen = page.until(SELECTED, "a rectangle")
    corners = [
        float(x)
        for x in page.value("new URLSearchParams(location.hash.slice(1)).get('line')").split(",")
    ]
    places_ = codes["codes"][:, codes["order"][:2]]
    low, high = np.array(corners[:2]), np.array(corners[4:6])
    assert chosen == int(((places_ > low) & (places_ < high)).all(1).sum()) > 0
    page.key("Enter")
    page.until("location.hash.includes('point=')", "a point")
    page.value("$('.latent-map').focus()")
    page.tab.ask(
        "Input.dispatchKeyEvent",
        type="keyDown",
        key="Escape",
        code="Escape",
        windowsVirtualKeyCode=27,
    )
    page.until("!$('.latent-selected')", "no rectangle")


def test_neighbours_are_those_of_numpy(
    page: ImagePage, places: dict[str, str], codes: dict[str, Any]
) -> None:
    row = 17
    page.go(f"{places['vae']}&point={row}")
    page.until(IMAGE, "an image")
    far = np.linalg.norm(codes["codes"] - codes["codes"][row], axis=1)
    order = np.argsort(far, kind="stable")[1:9]
    names = page.value(
        "[...document.querySelectorAll('.latent-near button')].map(one => +one.ariaLabel.match(/\\d+/)[0] - 1)"
    )
    assert names == order.tolist()
    page.value(FILES)
    page.click(".latent-chosen button", "Save the numbers (CSV)")
    table = [line.split(",") for line in page.saved("text/csv").splitlines()[2:]]
    assert [float(line[2]) for line in table] == pytest.approx(far[order], rel=1e-6)
    page.click(".latent-near button")
    page.until(f"location.hash.includes('point={order[0]}')", "the neighbour is chosen")
    page.click("button", "Begin the way here")
    page.until(
        f"location.hash.includes('a={order[0]}') && $('[data-state=on] .stops')", "a way from it"
    )


def test_other_axes_and_an_image_drawn_by_hand(page: ImagePage, places: dict[str, str]) -> None:
    page.go(places["vae"])
    page.until("$('.pads') && $('.latent-tools select')", "the room")
    page.click("button", "principal components")
    page.until("location.hash.includes('dims=pca')", "the address")
    before = page.until(IMAGE, "an image")
    page.mouse([(0.5, 0.5), (0.3, 0.7)])
    page.until(f"{IMAGE} !== {json.dumps(before)}", "another image along the components")
    told = page.value("$('.scores output').textContent")
    page.click(".tools button", "invert")
    page.until(
        f"$('.scores output').textContent !== {json.dumps(told)}",
        "how strange the inverted image is",
    )
    assert "stranger than" in page.value("$('.scores output').textContent")


def test_the_game_is_stepped_kept_and_ends_with_the_room(
    page: ImagePage, places: dict[str, str]
) -> None:
    page.go(places["ring"])
    page.until("$('[data-state=on] .tally')", "the game")
    page.click("button", "one step of D")
    page.click("button", "one step of G")
    page.until("location.hash.includes('game.played')", "the turns in the address")
    told = page.value("$('.tally').textContent")
    page.reload()
    page.until(f"$('.tally')?.textContent === {json.dumps(told)}", "the same game")
    page.click("button", "D too strong")
    page.until("location.hash.includes('game.rule=strong')", "the rule")
    page.click("button", "▶ play")
    page.until("Number($('.tally dd').textContent.replace(/\\D/g, '')) > 20", "a game that goes on")
    assert "clusters covered" in page.value("$('.tally').textContent")
    page.value("(asked = window.requestAnimationFrame, window.frames_ = 0,"
               " window.requestAnimationFrame = act => { window.frames_++; return asked(act); })")  # fmt: skip
    page.click("a", "Runs")
    page.until("$('.card')", "another room")
    page.value("window.frames_ = 0")
    page.tab.value("new Promise(done => setTimeout(done, 500))")
    assert page.value("window.frames_") < 10, "the game goes on where nobody sees it"


def test_a_sample_is_set_beside_the_images_nearest_to_it(
    page: ImagePage, places: dict[str, str]
) -> None:
    page.go(places["gan"])
    page.until("$('.film img') && $('[data-state=on] .stops')", "time-lapse and walk")
    page.value("$('.film input').focus()")
    page.key("ArrowLeft")
    page.until(
        "location.hash.includes('step=0') && $('.film label').textContent.includes('step 0')",
        "the first sample",
    )
    page.click("button", "Draw samples and compare them")
    page.click(".gan-grid button")
    page.until(
        "document.querySelectorAll('.gan-beside .latent-near li').length === 5",
        "the nearest images",
    )
    first = page.value("$('.gan-beside .latent-near').textContent")
    page.until("location.hash.includes('sample=0')", "the sample in the address")
    page.reload()
    page.until(f"$('.gan-beside .latent-near')?.textContent === {json.dumps(first)}", "the same")
    page.click("button", "closest first")
    page.until("$('.gan-grid button').ariaPressed === 'false'", "another order")


@pytest.mark.parametrize("name", [HOSTILE, "unborn"])
def test_a_run_without_a_checkpoint_says_so_in_one_line(
    name: str, page: ImagePage, places: dict[str, str]
) -> None:
    page.go(places[name])
    assert "checkpoint" in page.until("$('main .wrong')?.textContent", "a line")
    assert page.value("document.querySelectorAll('main .wrong').length") == 1
    assert (
        page.value("$('main h1').textContent") == name and page.value("document.title") != "stolen"
    )


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("pt", "dark")])
def test_a_telephone_scrolls_no_image_room_sideways_and_axe_finds_nothing(
    lang: str, theme: str, page: ImagePage, places: dict[str, str], axe: str
) -> None:
    more = {"vae": "&point=3&line=-9,-9,9,-9,9,9,-9,9", "gan": "&seed=0&sample=2", "ring": ""}
    for name, words in more.items():
        page.go(places[name] + words, lang=lang, width=360, touch=True)
        page.fill("#theme", theme)
        page.until("$('.live[data-state=on]')", "a part")
        page.until(
            {"vae": IMAGE, "gan": "$('.gan-beside li')"}.get(name, "$('.tally')"), "the room"
        )
        wide = page.value(
            "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > 361"
            " && !one.closest('.scroll, .scrolled, .unseen, .sample, .views')).map(one => one.outerHTML.slice(0, 80))"
        )
        assert page.value("document.documentElement.scrollWidth") <= 360, (name, wide)
        assert page.violations(axe) == [], name
