"""The desk as a person uses it: a first visit, files that are dropped, lessons in a frame, figures and the report."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from olaria.storage import folder as files

from .flags import Chromium

for package in ("fastapi", "uvicorn", "httpx2"):
    pytest.importorskip(package, reason="the extra studio is not installed")

from ..web.studios import Served, serving  # noqa: E402
from .test_studio import Page, page_of  # noqa: E402

DROPPED = """
(async () => {
  const bytes = Uint8Array.from(atob(%s), letter => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], %s));
  document.querySelector(".drop").dispatchEvent(
    new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
})()
"""
FRAME = "$('iframe.framed')"
SHORTER = """
const real = window.fetch;
window.fetch = (address, how) => {
  const body = how?.body && String(address).includes("/api/runs") ? JSON.parse(how.body) : {};
  if (!body.budget) return real(address, how);
  window.asked = body.budget;
  return real(address, {...how, body: JSON.stringify({...body, budget: 2})});
};
"""
"""A training takes two seconds; the page notes for how many it was asked."""


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file into the room of data."""
    page.tab.value(DROPPED % (json.dumps(base64.b64encode(content).decode()), json.dumps(name)))


def packed(count: int) -> bytes:
    """A zip of so many images."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(count):
            picture = io.BytesIO()
            Image.new("L", (8, 8), 5 * number).save(picture, "PNG")
            archive.writestr(f"{number}.png", picture.getvalue())
    return content.getvalue()


def ended(home: Path) -> None:
    """End what the studio trains."""
    for note in (home / ".studio").glob("*.json"):
        try:
            os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.fixture(scope="module")
def home(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs; the doctor of the first has warned."""
    place = tmp_path_factory.mktemp("desk") / "runs"
    for name in ("first", "second"):
        shutil.copytree(tiny_run("vae-mnist").path, place / name)
    text = {"id": "the loss has grown", "fields": {}}
    warned = {"step": 3, "elapsed_s": 0.1, "event": "warned", "message": text, "kind": "collapsed"}
    with (place / "first" / files.EVENTS).open("a") as log:
        log.write(json.dumps({**warned, "is_note": False}) + "\n")
    return place


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """The studio of those runs."""
    with serving(home) as found:
        yield found
    ended(home)


@pytest.fixture(scope="module")
def page(browser: Callable[[], Chromium], served: Served) -> Iterator[Page]:
    """A tab with that studio."""
    with page_of(browser, served) as found:
        yield found


@pytest.fixture(scope="module")
def ids(served: Served) -> dict[str, str]:
    """Ids of the runs by their names."""
    with served.client as client:
        return {card["name"]: card["id"] for card in client.get("/api/runs").json()["runs"]}


def test_a_first_visit_ends_with_a_trained_model(
    browser: Callable[[], Chromium], tmp_path: Path
) -> None:
    place = tmp_path / "runs"
    place.mkdir()
    with serving(place) as served, page_of(browser, served) as page:
        page.tab.ask("Page.enable")
        page.tab.ask("Page.addScriptToEvaluateOnNewDocument", source=SHORTER)
        page.go()
        page.until("document.querySelectorAll('.first .button').length === 3", "three choices")
        page.click(".first .button")
        page.until("$('.guide') && $('.state')", "its run, and what to look at")
        page.until("$('.guide a')", "its end")
        assert page.value("window.asked") == 20, "seconds that the button promises"
        page.click(
            ".guide a", "Open a lesson: it computes with the model that you have just trained."
        )
        page.until("$('.lessons h2 a')", "lessons of it")
        page.fill("#language", "pt")
        page.until("document.documentElement.lang === 'pt-BR' && $('.lessons')", "Portuguese")
    ended(place)


def test_a_file_is_dropped_told_of_trained_on_and_deleted(page: Page) -> None:
    page.go("room=data")
    page.until("$('.drop .button')", "where to drop it")
    drop(page, "broken.zip", packed(9)[:-40])
    said = page.until("$('.drop .wrong')?.textContent", "what is wrong with it")
    assert said.startswith("broken.zip is not a whole zip") and not page.value("$('.notice')")
    drop(page, "run.exe", b"MZ")
    page.until(
        "$('.drop .wrong')?.textContent.startsWith('run.exe is not read')", "that it is not read"
    )
    drop(page, "Meus Dígitos.zip", packed(30))
    page.until("$('.own h3')?.textContent === 'Meus Dígitos.zip'", "the file")
    assert "1 × 8 × 8" in page.value("$('.own .facts').textContent")
    page.click(".own .button", "Train on it")
    page.until(
        "$('[name=data]')?.selectedOptions[0].textContent.startsWith('Meus Dígitos.zip')",
        "the data",
    )
    page.until("$('.forecast dl')", "the forecast")
    page.go("room=data")
    page.click(".own button", "Delete")
    page.until("$('.own .sure')", "that it asks again")
    assert page.value("$('.own h3')")
    page.value("$('.own .sure').click()")
    page.until("!$('.own h3')", "that it is gone")


def test_a_lesson_is_opened_in_a_frame_and_found_again(page: Page, ids: dict[str, str]) -> None:
    page.go(f"room=run&id={ids['first']}")
    page.click(".warned a", "See it explained")
    address = page.until(f"{FRAME}?.getAttribute('src')", "the lesson")
    assert (
        address.endswith("#step-9")
        and page.value(f"{FRAME}.sandbox.value") == "allow-scripts allow-downloads"
    )
    page.reload()
    assert page.until(f"{FRAME}?.getAttribute('src')", "the lesson again") == address
    page.click(".lesson-head a")
    page.until("$('.lessons h2 a')", "all lessons")


def test_a_chart_is_pinned_and_stands_in_the_report(page: Page, ids: dict[str, str]) -> None:
    page.go(f"room=run&id={ids['first']}&log=1")
    page.click(".chart .pin")
    page.until("$('dialog img')", "its picture")
    page.fill("dialog textarea", "The loss falls.")
    page.click("dialog .button", "Pin")
    page.click("dialog a", "To the report")
    page.until("$('.pins img')", "the figure")
    assert "log=1" in page.value("$('.pins a').getAttribute('href')")
    page.fill("[name=author]", "Ana Souza")
    page.value(
        "[...document.querySelectorAll('.desk .check')].find(one => one.textContent.startsWith('Short')).click()"
    )
    page.click("button", "Write the report")
    address = page.until(f"{FRAME}?.getAttribute('src')", "the report")
    text = page.tab.value(f"fetch({json.dumps(address)}).then(answer => answer.text())")
    assert "The loss falls.</figcaption>" in text and "Ana Souza" in text
    assert "olaria report" in page.value(
        "$('.wide-panel pre', '') || document.querySelector('.wide-panel pre').textContent"
    )
    download = page.value("$('a[download]').getAttribute('href')")
    kind = (
        f"fetch({json.dumps(download)}).then(answer => answer.headers.get('content-disposition'))"
    )
    assert page.tab.value(kind) == 'attachment; filename="report.html"'
    page.reload()
    page.until("$('.pins img')", "the figure again")
    assert page.value("$('[name=author]').value") == "Ana Souza"
    page.click(".pins button", "Delete")
    page.click(".pins .sure")
    page.until("!$('.pins')", "that the figure is gone")


def test_another_run_begins_with_the_settings_of_one(page: Page, ids: dict[str, str]) -> None:
    page.go(f"room=run&id={ids['first']}")
    page.click(".again summary")
    page.click(".menu button", "Change settings and train anew")
    page.until(
        "$('[name=data]')?.value === 'digits' && $('[name=amount]').value === '30'", "its choices"
    )
    page.go(f"room=run&id={ids['first']}")
    page.click(".again summary")
    page.click(".menu button", "Train longer")
    page.fill(".longer input", "1")
    page.click(".longer button")
    assert "30 steps already" in page.until(
        "$('.longer .wrong')?.textContent", "what is wrong with it"
    )


@pytest.fixture
def rooms(ids: dict[str, str]) -> dict[str, str]:
    """Each room and what it shows once it is there."""
    first, second = ids["first"], ids["second"]
    return {
        "room=data": ".sets",
        f"room=lessons&id={first}": ".lessons",
        f"room=lessons&id={first}&lesson=kl": "iframe",
        f"room=report&id={first}": ".desk details",
        f"room=report&runs={first},{second}": ".desk details",
        f"room=run&id={first}&guide=1": ".again",
    }


def test_the_desk_fits_a_telephone(page: Page, rooms: dict[str, str]) -> None:
    for lang in ("en", "pt"):
        for place, shown in rooms.items():
            page.go(place, lang=lang, width=360, touch=True)
            page.until(f"$({json.dumps(shown)})", place)
            assert page.value("document.documentElement.scrollWidth") <= 360, (place, lang)
            wide = (
                "[...document.querySelectorAll('.top nav a')].at(-1).getBoundingClientRect().right"
            )
            assert page.value(wide) <= 360, (place, lang)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_at_the_desk(
    page: Page, rooms: dict[str, str], axe: str, theme: str
) -> None:
    for place, shown in rooms.items():
        page.go(place)
        page.fill("#theme", theme)
        page.until(f"$({json.dumps(shown)})", place)
        assert page.violations(axe) == [], place
    page.fill("#theme", "auto")
