"""Live parts of language in a browser: what they show is what Python computes, and they are moved by hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from olaria.lessons import Asked
from olaria.lessons.gpt.scene import lens
from olaria.lessons.inside import open_language, open_translation
from olaria.lessons.tuning.base import open_tuned
from olaria.sampling.translation import greedy
from olaria.workflows.explain import explain

from .started import STARTED

LIVE = (
    STARTED
    + """
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
const all = selector => [...box.querySelectorAll(selector)];
const fire = (element, name) => element.dispatchEvent(new Event(name, {bubbles: true}));
const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const type = async text => {
  const field = box.querySelector("textarea");
  field.value = text;
  fire(field, "input");
  await frame();
};
const choose = async (place, index) => {
  const select = all("select")[place];
  select.selectedIndex = index;
  fire(select, "input");
  await frame();
};
"""
)
"""What the scripts of these tests begin with."""


def rows_of(text: str) -> list[list[str]]:
    """Of a CSV, without its headings."""
    return list(csv.reader(text.splitlines()))[1:]


@pytest.fixture(scope="module")
def gpt(tiny_run: Callable[..., Any]) -> Any:
    """A run of the fast GPT."""
    return tiny_run("gpt-shakespeare", "model.context=32")


def test_attention_is_pythons_and_a_position_is_chosen(in_page: Any, gpt: Any) -> None:
    page = explain("attention", runs=(gpt,), language="en", prompt="o gato come").html()
    found = in_page(
        page,
        LIVE
        + """
      await type("a menina");
      await type("a menina viu a");
      await type("a menina come o gato");
      await choose(0, 1);
      await choose(1, 0);
      const maps = await table();
      const stages = () => all(".stages tbody tr").map(row => [...row.cells].map(c => c.textContent));
      press(box.querySelector(".walked"), "ArrowLeft");
      press(box.querySelector("canvas"), "ArrowUp");
      const chosen = all(".chip").findIndex(one => one.ariaCurrent), rows = stages();
      const hash = await kept(), size = all(".numbers li").length;
      await type("日");
      const note = box.querySelector(".note").textContent, none = stages().length;
      await type("o ".repeat(40));
      const long = all(".chip").length;
      button("back to the start").click();
      return {maps, rows, chosen, hash, note, none, long, size, again: box.querySelector("textarea").value,
              below: box.parentElement.querySelectorAll("table.heat").length};""",
    )
    model, ids = gpt.model(), gpt.tokenizer().encode("a menina come o gato")
    look = open_language(model, ids).looks[1]
    weights = look.weights()[0].numpy()
    seen = np.array([row[1:] for row in rows_of(found["maps"])], float)
    assert seen == pytest.approx(weights, abs=1e-4)
    place, numbers = len(ids) - 3, found["rows"]
    assert found["chosen"] == place and found["size"] == look.v.shape[-1]
    shown = [[float(c.replace("−", "-").replace("∞", "inf")) for c in row[1:4]] for row in numbers]
    raw = (look.q[0, place] @ look.k[0].T).numpy()
    assert np.array(shown)[:, 0] == pytest.approx(raw, abs=6e-3)
    assert np.array(shown)[:, 2] == pytest.approx(weights[place], abs=6e-4)
    assert [row[1] for row in shown[-2:]] == [-np.inf, -np.inf]
    assert "attention.back=2" in found["hash"] and "attention.layer=1" in found["hash"]
    assert "“日”" in found["note"] and found["none"] == 0 and found["long"] == 32
    assert found["again"] == "o gato come" and found["below"] > 0


def test_tokens_show_bytes_and_neighbours(in_page: Any, gpt: Any) -> None:
    found = in_page(
        explain("tokens", runs=(gpt,), language="en").html(),
        LIVE
        + """
      await type("ção");
      const bytes = box.querySelector(".bytes").textContent;
      await type("o gato");
      const first = await table(), chips = all(".chip").map(one => one.textContent);
      press(box.querySelector(".walked"), "ArrowLeft");
      const chosen = box.querySelector(".chosen").textContent;
      all(".barred button")[0].click();
      const next = box.querySelector(".chosen").textContent, hash = await kept();
      await type("");
      return {first, chips, chosen, next, hash, bytes,
              note: box.querySelector(".note").textContent, rows: all("tbody tr").length,
              numbers: all(".numbers li").length};""",
    )
    tokenizer, table = gpt.tokenizer(), gpt.model().embedding.weight.detach()
    ids = tokenizer.encode("o gato").tolist()
    assert found["chips"][-2] == f"t{ids[-2]}74" and found["bytes"].endswith("5: c3 a7 c3 a3 6f")
    rows = rows_of(found["first"])
    neighbours = rows[len(ids) + 1 :]
    for _, other, cosine in neighbours:
        expected = torch.cosine_similarity(table[ids[-1]], table[int(other)], dim=0)
        assert float(cosine) == pytest.approx(expected.item(), abs=1e-4)
    assert len(neighbours) == 10 and float(neighbours[0][2]) >= float(neighbours[-1][2])
    assert f"Token {ids[-2]}, “t”, bytes 74" == found["chosen"] != found["next"]
    assert found["hash"].startswith("#tokens.text=o+gato") and "tokens.token=" in found["hash"]
    assert "Type something" in found["note"] and found["rows"] == found["numbers"] == 0


def test_a_bigram_shows_its_row_and_walks(in_page: Any, tiny_run: Callable[..., Any]) -> None:
    run = tiny_run("bigram-shakespeare")
    found = in_page(
        explain("bigram", runs=(run,), language="en").html(),
        LIVE
        + """
      await type("o gato");
      const first = await table();
      button("draw the next token").click();
      button("walk of twenty").click();
      const walked = await table(), count = all(".drawn-tokens .chip").length;
      press(box.querySelector(".drawn-tokens"), "ArrowRight");
      press(box.querySelector(".drawn-tokens"), "ArrowRight");
      const taken = box.querySelector(".taken")?.textContent, title = box.querySelector(".chosen").textContent;
      const other = all(".barred tr:not(.taken) button")[0], instead = other.textContent;
      other.click();
      const exchanged = all(".drawn-tokens .tt").map(one => one.textContent);
      await type("o gato");
      button("draw the next token").click();
      button("walk of twenty").click();
      const again = await table();
      await type("o gato");
      all(".barred button")[1].click();
      const pressed = all(".drawn-tokens .tt").map(one => one.textContent);
      await type("");
      button("draw the next token").click();
      return {first, walked, count, taken, title, again, pressed, instead, exchanged};""",
    )
    table = run.model().table.weight.detach().softmax(-1)
    last = int(run.tokenizer().encode("o gato")[-1])
    rows = rows_of(found["first"])[:12]
    for _, other, p in rows:
        assert float(p) == pytest.approx(table[last, int(other)].item(), abs=1e-5)
    drawn = [row for row in rows_of(found["walked"]) if row[1] != "id"][12:]
    place = last
    for _, other, p in drawn:
        assert float(p) == pytest.approx(table[place, int(other)].item(), abs=1e-5)
        place = int(other)
    assert found["count"] == len(drawn) == 21 and found["again"] == found["walked"]
    assert found["taken"].startswith(drawn[1][0]) and f"“{drawn[0][0]}”" in found["title"]
    assert found["exchanged"] == [drawn[0][0], found["instead"]]
    assert found["pressed"] == [rows[1][0]]


def test_the_queries_grow_from_a_mean_to_attention(
    in_page: Any, tiny_run: Callable[..., Any]
) -> None:
    run = tiny_run("multi-head-shakespeare")
    found = in_page(
        explain("averaging", runs=(run,), language="en").html(),
        LIVE
        + """
      const slide = async value => {
        const slider = box.querySelector("input[type=range]");
        slider.value = value;
        fire(slider, "input");
        await frame();
        return [await table(), all(".compared tbody tr").map(row => [...row.cells].map(cell => cell.textContent))];
      };
      await type("o gato come");
      const mean = await slide(0), full = await slide(1);
      press(all("canvas")[2], "ArrowUp");
      const chosen = all(".chip").findIndex(one => one.ariaCurrent), hash = await kept();
      button("back to the start").click();
      return {mean, full, chosen, hash, again: box.querySelector("input[type=range]").value};""",
    )
    model, ids = run.model(), run.tokenizer().encode("o gato come")
    weights = open_language(model, ids).looks[0].weights()[0].numpy()
    count = len(ids)
    uniform = np.tril(np.ones((count, count))) / np.arange(1, count + 1)[:, None]
    for (text, _), expected in ((found["mean"], uniform), (found["full"], weights)):
        assert np.array([row[1:] for row in rows_of(text)], float) == pytest.approx(
            expected, abs=1e-4
        )
    rows = found["mean"][1]
    assert all(row[2:] == rows[0][2:] for row in rows)
    assert found["full"][1][3] != rows[3] and found["full"][1][:3] == rows[:3]
    assert found["chosen"] == count - 2 and found["again"] == "0"
    assert "averaging.factor=1" in found["hash"] and "averaging.back=1" in found["hash"]


def test_a_sentence_is_translated_token_by_token(
    in_page: Any, tiny_run: Callable[..., Any]
) -> None:
    run = tiny_run("dates")
    lesson = explain("encoder-decoder", runs=(run,), language="en")
    found = in_page(
        lesson.html(),
        LIVE
        + """
      const field = box.querySelector("textarea"), text = field.value;
      await choose(1, 1);
      const map = await table(), full = all(".written-tokens .chip").length;
      button("from the start").click();
      const none = all(".written-tokens .chip").length;
      button("one token").click();
      button("one token").click();
      const two = all(".written-tokens .chip").length;
      button("to the end").click();
      await until(() => all(".written-tokens .chip").length === full);
      press(box.querySelector("canvas"), "ArrowUp");
      const step = box.querySelector(".chosen").textContent, hash = await kept();
      await type("");
      return {text, map, full, none, two, step, hash, empty: all(".written-tokens .chip").length};""",
    )
    model, tokenizer = run.model(), run.tokenizer()
    source = model.specials.sources([tokenizer.encode(found["text"])])
    written = greedy(model, source, model.context)[0]
    target = torch.cat((torch.tensor([model.specials.bos]), written))
    looks = [
        v for v in open_translation(model, source[0], target[:-1]).values() if v.kind == "cross"
    ]
    weights = looks[-1].weights()[0].numpy()
    shown = np.array([row[2:] for row in rows_of(found["map"])], float)
    assert shown == pytest.approx(weights[: len(shown)], abs=1e-4) and len(shown) == len(written)
    assert (found["full"], found["none"], found["two"]) == (len(written), 0, 2)
    assert found["step"].startswith(f"Step {len(written) - 1}:") and found["empty"] == 0
    assert "translation.head=1" in found["hash"] and "translation.step=" in found["hash"]


def test_a_map_is_as_wide_as_its_tokens_or_the_page(
    in_page: Any, tiny_run: Callable[..., Any]
) -> None:
    page = explain("encoder-decoder", runs=(tiny_run("dates"),), language="en").html()
    sizes = (
        LIVE
        + """
      const canvas = box.querySelector(".grid"), found = [];
      for (const text of ["1 May 1944", "Wednesday, September 13, 1976"]) {
        await type(text);
        await until(() => all(".written-tokens .chip").length);
        await frame();
        const {clientWidth, width} = canvas, room = canvas.parentElement.clientWidth;
        found.push([clientWidth / room, width / clientWidth / devicePixelRatio]);
      }
      return found;"""
    )
    for width, shortest in ((1000, 0.65), (500, 1.0)):
        short, long = in_page(page, sizes, width=width, clock="wall")
        assert short[0] < shortest and 0.9 < long[0] <= 1, width
        assert (
            short[1] == pytest.approx(1, abs=0.02) == long[1]
        )  # its letters are drawn as large as they are meant


def test_a_prompt_is_read_before_and_after_tuning(
    in_page: Any, tiny_run: Callable[..., Any], tmp_path: Path
) -> None:
    text = tmp_path / "new.txt"
    text.write_text("o gato come a maçã e o pão\n" * 90, encoding="utf-8")
    tuned = tiny_run("gpt-shakespeare", data=str(text), start=tiny_run("gpt-shakespeare"))
    before = open_tuned(Asked((tuned,))).start
    assert before is not None
    found = in_page(
        explain("fine-tuning", runs=(tuned,), language="en").html(),
        LIVE
        + """
      await type("a maçã");
      await until(() => all("tbody tr").length);
      await frame();
      const first = await table(), costs = all(".two .small").map(one => one.textContent);
      const write = async () => {
        await type("o gato");
        await until(() => all("tbody tr").length);
        button("generate").click();
        await until(() => all(".written").every(one => one.textContent.length === 200));
        return all(".written").map(one => one.textContent);
      };
      const one = await write(), again = await write();
      return {first, costs, one, again};""",
    )
    blocks = found["first"].split("token,id,probability")[1:]
    ids = tuned.tokenizer().encode("a maçã")
    for model, block, cost in zip((before, tuned.model()), blocks, found["costs"], strict=True):
        with torch.no_grad():
            log_p = model(ids[None])[0].log_softmax(-1)
        for row in csv.reader(block.splitlines()[1:13]):
            if row[0] != "written":
                assert float(row[2]) == pytest.approx(log_p[-1, int(row[1])].exp().item(), abs=1e-4)
            else:
                break
        nats = -log_p[torch.arange(len(ids) - 1), ids[1:]].mean().item()
        assert float(cost.split()[0]) == pytest.approx(nats, abs=6e-4)
    assert found["one"] == found["again"] and all(len(text) == 200 for text in found["one"])


def test_the_stream_is_read_after_each_layer(in_page: Any, gpt: Any) -> None:
    found = in_page(
        explain("gpt", runs=(gpt,), language="en").html(),
        LIVE.replace("[data-live]", "[data-live=live_lens]")
        + """
      await type("o gato come");
      const last = await table();
      press(box.querySelector(".walked"), "ArrowLeft");
      return {last, before: await table(), hash: await kept()};""",
    )
    model, ids = gpt.model(), gpt.tokenizer().encode("o gato come")
    streams = open_language(model, ids).streams
    with torch.no_grad():
        p = [lens(model, x).softmax(-1) for x in streams]
    rows = rows_of(found["before"])
    assert len(rows) == len(streams)
    for row, x, probabilities in zip(rows, streams, p, strict=True):
        place = len(ids) - 2
        assert float(row[2]) == pytest.approx(probabilities[place].max().item(), abs=1e-4)
        assert float(row[3]) == pytest.approx(probabilities[place, ids[-1]].item(), abs=1e-4)
        assert float(row[4]) == pytest.approx(x[place].square().mean().sqrt().item(), rel=1e-4)
    assert rows_of(found["last"])[0][3] == "" and "lens.back=1" in found["hash"]
