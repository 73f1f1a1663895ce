"""Live parts in a browser: they compute what Python computes, only where that is proved, and they can be moved."""

from __future__ import annotations

import base64
import csv
import html
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from olaria.sampling import latent
from olaria.workflows.explain import explain

from .started import STARTED

LIVE = (
    STARTED
    + """
const told = () => box.querySelector(".live-told").textContent;
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
// The time of a test does not wait for the screen.
window.requestAnimationFrame = draw => setTimeout(draw, 16);
// The browser's own waits for a time without work, which the time of a test may not have.
HTMLCanvasElement.prototype.toBlob = function (done) {
  const bytes = Uint8Array.from(atob(this.toDataURL("image/png").split(",")[1]), c => c.charCodeAt(0));
  done(new Blob([bytes], {type: "image/png"}));
};
const outputs = () => [...box.querySelectorAll(".codes output")].map(one => one.value);
"""
)
"""What the scripts of these tests begin with."""
PLANE = LIVE.replace("[data-live]", "[data-live=live_plane]")
"""The same, of the codes' plane."""


@pytest.fixture(scope="module")
def of_vae(tiny_run: Callable[..., Any]) -> Any:
    """The VAE's lesson, and its run."""
    run = tiny_run("vae-mnist", "model.latent=4")
    return explain("vae", runs=(run,), language="en"), run


@pytest.fixture(scope="module")
def of_gpt(tiny_run: Callable[..., Any]) -> Any:
    """The GPT's lesson, and its run."""
    run = tiny_run("gpt-shakespeare", "model.context=32")
    return explain("gpt", runs=(run,), language="en", prompt="o gato come"), run


def test_the_decoder_draws_what_python_draws(in_page: Any, of_vae: Any) -> None:
    lesson, run = of_vae
    found = in_page(
        lesson.html(),
        PLANE
        + """
      const sliders = [...box.querySelectorAll(".codes input")];
      sliders.forEach((slider, i) => {
        slider.value = Number(slider.min) + (Number(slider.max) - Number(slider.min)) * (i + 1) / 6;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
      });
      await frame();
      const numbers = await table();
      button("save the picture (PNG)").click();
      const {sliders: places} = JSON.parse(box.querySelector("script").textContent);
      const set = places.map((place, i) => [place, Number(sliders[i].value)]);
      return [box.dataset.state, told(), numbers, files[1].type, files[1].size, set];""",
    )
    assert found[3] == "image/png" and found[4] > 1000
    assert found[0] == "on" and "numbers were computed again here" in found[1]
    (_, *z), *pixels = csv.reader(found[2].splitlines())
    for place, set_to in found[5]:
        assert float(z[place]) == pytest.approx(set_to, abs=1e-6)
    code = torch.tensor([[float(x) for x in z]])
    expected = latent.decode(run.model(), code)[0, 0].numpy()
    assert np.array([row[1:] for row in pixels], float) == pytest.approx(expected, abs=2e-4)


def test_the_point_is_moved_by_pointer_and_keys_and_the_address_keeps_it(
    in_page: Any, of_vae: Any
) -> None:
    found = in_page(
        of_vae[0].html(),
        PLANE
        + """
      const plane = box.querySelector(".plane"), around = plane.getBoundingClientRect(), seen = [outputs()];
      const at = (x, y) => ({clientX: around.left + x * around.width, clientY: around.top + y * around.height});
      const point = (name, x, y) => plane.dispatchEvent(
        new PointerEvent(name, {...at(x, y), buttons: 1, pointerId: 1, pointerType: "touch", bubbles: true}));
      plane.setPointerCapture = () => {};
      point("pointerdown", 0.5, 0.5);
      point("pointermove", 1, 0);
      await frame();
      seen.push(outputs());
      plane.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true}));
      plane.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", shiftKey: true, bubbles: true}));
      await frame();
      seen.push(outputs());
      const address = await kept();
      button("back to the start").click();
      await kept();
      seen.push(outputs());
      const ends = [...box.querySelectorAll(".codes input")].map(one => Number(one.max));
      return {seen, kept: address, end: location.hash, ends};""",
    )
    start, corner, moved, again = (
        [float(text.replace("−", "-")) for text in row] for row in found["seen"]
    )
    assert corner[:2] == pytest.approx(found["ends"][:2], abs=6e-3) and corner[2:] == start[2:]
    assert moved[0] < corner[0] and corner[1] - moved[1] > 3 * (corner[0] - moved[0]) / 2
    assert again == start != moved
    assert found["kept"].startswith("#plane.at=") and found["end"] == ""


def test_images_to_begin_at_say_what_they_are(in_page: Any, of_vae: Any) -> None:
    script = "return [...box.querySelectorAll('.starts button')].map(one => [one.textContent, one.ariaLabel]);"
    found = in_page(of_vae[0].html(), PLANE + script)
    assert all(text == label and text[:-1] == "class " for text, label in found)
    assert len({text for text, _ in found}) == len(found) > 2  # of different classes


def test_a_link_fixes_what_is_shown_and_hides_the_controls(in_page: Any, of_vae: Any) -> None:
    script = (
        PLANE
        + """
      const answer = box.closest(".answer");
      return [outputs(), getComputedStyle(box.querySelector(".actions")).display, answer.hidden];"""
    )
    page = of_vae[0].html()
    assert in_page(page, script, address="#plane.at=0.1,0.2,0.3,0.4&hide=controls") == [
        ["0.10", "0.20", "0.30", "0.40"],
        "none",
        False,
    ]
    shown, controls, _ = in_page(page, script, address="#plane.at=0.1,no&plane.from=99")
    usual = in_page(page, script)
    assert shown == usual[0] and controls != "none" and usual[2] == "until-found"


def test_links_opened_soon_after_each_other_are_all_followed(in_page: Any, of_vae: Any) -> None:
    """Also one that the page had written itself, while it is about to write another."""
    script = (
        PLANE
        + """
      const hidden = [], open = async (words, ms) => {
        location.hash = `#hide=${words}`;
        await wait(ms);
        hidden.push(getComputedStyle(box.querySelector(".actions")).display === "none");
      };
      await open("controls", 700);
      await open("nothing", 700);
      await open("controls", 60);
      await open("nothing", 60);
      return hidden;"""
    )
    assert in_page(of_vae[0].html(), script) == [True, False, True, False]


def test_a_link_that_is_just_opened_is_not_written_over(in_page: Any, of_vae: Any) -> None:
    # A part that plays writes the address again and again; the event of a new link comes a little later.
    found = in_page(
        of_vae[0].html(),
        LIVE
        + """
      const { Link } = await import("olaria/link_state.js"), link = new Link(), heard = [];
      link.listeners.push(() => heard.push([...link.values]));
      link.values = new Map([["walk.part", "0.5"]]);
      link.write();
      const own = location.hash;
      location.hash = "#hide=controls";
      link.write();
      const opened = location.hash;
      await wait(50);
      link.set("walk.part", "0.6");
      await wait(600);
      return [own, opened, heard, location.hash];""",
    )
    assert found[:2] == ["#walk.part=0.5", "#hide=controls"]
    assert found[2] == [[["hide", "controls"]]]
    assert found[3] == "#hide=controls&walk.part=0.6"


def test_a_text_too_long_for_a_link_is_left_out_and_that_is_said(in_page: Any, of_gpt: Any) -> None:
    found = in_page(
        of_gpt[0].html(),
        LIVE
        + """
      const field = box.querySelector("textarea"), note = () => [...box.querySelectorAll(".note")].at(-1).textContent;
      const seed = box.querySelector("input[type=number]");
      const change = async (input, value) => {
        input.value = value;
        input.dispatchEvent(new Event("input", {bubbles: true}));
        await wait(900);
        return [note(), location.hash];
      };
      await change(seed, 3);
      const seen = [];
      for (const text of ["o ".repeat(250), "o ".repeat(251), "o"]) seen.push(await change(field, text));
      return seen;""",
    )
    whole, long, short = found
    assert whole[0] == "" and len(whole[1]) > 500 and "prompt.seed=3" in whole[1]
    assert "more than 500 characters" in long[0] and long[1] == ""
    assert short == ["", "#prompt.text=o&prompt.seed=3"]
    words = LIVE + 'return box.querySelector("textarea").value.length;'
    start = in_page(of_gpt[0].html(), words)
    assert in_page(of_gpt[0].html(), words, address="#prompt.text=" + "o" * 500) == 500 != start
    assert in_page(of_gpt[0].html(), words, address="#prompt.text=" + "o" * 501) == start


def damaged(page: str, change: Callable[[dict[str, Any]], None]) -> str:
    """A page whose document of a model was changed."""

    def changed(found: re.Match[str]) -> str:
        document = json.loads(found[2])
        change(document)
        return found[1] + json.dumps(document) + found[3]

    return re.sub(
        r'(<script type="application/json" id="play-1"[^>]*>)(.*?)(</script>)', changed, page, flags=re.S
    )  # fmt: skip


def flip_a_bit(document: dict[str, Any]) -> None:
    weights = bytearray(base64.b64decode(document["weights"]))
    weights[len(weights) // 2] ^= (
        1  # of a fraction's last bits: too small for any number that is compared
    )
    document["weights"] = base64.b64encode(weights).decode()


def cut_short(document: dict[str, Any]) -> None:
    document["weights"] = document["weights"][:400]


def prove_something_else(document: dict[str, Any]) -> None:
    document["proof"][0]["inputs"]["z"][0] += 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (flip_a_bit, "weights in this file are damaged"),
        (cut_short, "weights in this file are damaged"),
        (prove_something_else, "computes other numbers"),
        (lambda document: document.update(format=99), "cannot run this part"),
    ],
)
def test_without_its_proof_a_part_stays_off_and_says_why(
    in_page: Any, of_vae: Any, change: Any, words: str
) -> None:
    found = in_page(
        damaged(of_vae[0].html(), change),
        PLANE
        + """return [box.dataset.state, told(), box.querySelectorAll("canvas, input").length,
                     box.parentElement.querySelectorAll(".strip img").length];""",
    )
    assert found[0] == "off" and words in found[1]
    assert found[2] == 0 and found[3] > 0  # nothing that moves, and the figure beneath


def test_a_browser_that_lacks_something_is_told(
    in_page: Any, with_script: Any, of_vae: Any
) -> None:
    page = with_script(of_vae[0].html(), "delete globalThis.structuredClone;", "<title>")
    found = in_page(page, PLANE + "return [box.dataset.state, told()];")
    assert found[0] == "off" and "structuredClone" in found[1]


def test_a_notebooks_frame_runs_it_too(in_page: Any, with_script: Any, of_vae: Any) -> None:
    page = html.unescape(re.findall(r'srcdoc="([^"]*)"', of_vae[0]._repr_html_())[0])
    # The time that this browser passes for a test stands still within a frame.
    clock = "window.setTimeout = run => { queueMicrotask(run); return 1; };"
    tell = """addEventListener("load", async () => {
      const box = document.querySelector("[data-live=live_plane]"), slider = box.querySelector(".codes input");
      slider.value = 0;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      await null;
      parent.postMessage([box.dataset.state, decodeURIComponent(location.hash).slice(0, 11)], "*");
    });"""
    page = with_script(with_script(page, clock, "<title>"), tell)
    frame = re.sub(
        'srcdoc="[^"]*"', lambda _: f'srcdoc="{html.escape(page)}"', of_vae[0]._repr_html_()
    )
    heard = (
        "<script>const heard = new Promise(done => { onmessage = e => done(e.data); });</script>"
    )
    found = in_page(
        f"<!doctype html><html><body>{heard}{frame}</body></html>", "return await heard;"
    )
    assert found == ["on", "#plane.at=0"]


def test_the_next_token_and_the_likeliest_text_are_pythons(in_page: Any, of_gpt: Any) -> None:
    lesson, run = of_gpt
    found = in_page(
        lesson.html(),
        LIVE
        + """
      const rows = () => [...box.querySelectorAll("tbody tr")];
      await until(() => rows().length);
      const first = await table();
      const k = box.querySelectorAll("input[type=range]")[1];
      k.value = 1;
      k.dispatchEvent(new Event("input", {bubbles: true}));
      button("generate").click();
      await until(() => box.querySelectorAll(".drawn").length >= 60);
      if (button("stop")) button("stop").click();
      const tokens = [...box.querySelectorAll(".drawn")], drawn = tokens.map(one => one.textContent).join("");
      const here = () => tokens.findIndex(one => one.ariaCurrent), walked = [];
      for (const words of ["the token after →", "the token after →", "← the token before"]) {
        button(words).click();
        walked.push(here());
      }
      const [above, slid] = [...box.querySelectorAll(".note")];
      return {first, drawn, walked, above: above.textContent, told: slid.textContent,
              isBeneath: box.querySelector(".written").nextElementSibling === slid};""",
    )
    model, tokenizer = run.model(), run.tokenizer()
    ids = tokenizer.encode("o gato come")
    with torch.no_grad():
        p = model(ids[None])[0, -1].softmax(-1)
        _, *rows = csv.reader(found["first"].splitlines())
        for _, token, probability in rows:
            assert float(probability) == pytest.approx(p[int(token)].item(), abs=1e-4)
        text = ids.tolist()
        while len(text) < 32:  # until the window slides
            text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
    assert found["drawn"].startswith(tokenizer.decode(torch.tensor(text[len(ids) :])))
    assert "32 tokens" in found["told"] and "slides" in found["told"]
    assert (
        found["isBeneath"] and found["above"] == ""
    )  # beside what it is about, the text that was written
    assert found["walked"] == [0, 1, 0]


def test_what_the_model_does_not_know_is_named_and_a_long_text_slides(
    in_page: Any, of_gpt: Any
) -> None:
    found = in_page(
        of_gpt[0].html(),
        LIVE
        + """
      const field = box.querySelector("textarea"), note = () => box.querySelector(".note").textContent;
      const type = async text => {
        field.value = text;
        field.dispatchEvent(new Event("input", {bubbles: true}));
        await wait(300);
        return note();
      };
      const seen = [await type("o \\u65e5 <b>\\u65e5</b> gato"), await type(""), await type("o ".repeat(40))];
      const chips = box.querySelectorAll(".tokens li").length;
      return [...seen, await type("o gato"), chips, box.querySelectorAll("b, script").length];""",
    )
    unknown, empty, long, usual, chips, elements = found
    assert "“日”" in unknown and "left out" in unknown
    assert "Type something" in empty
    assert "80 tokens" in long and "at most 32" in long and chips == 65
    assert usual == ""
    assert elements == 1  # the settings of the part: nothing that was typed became an element
