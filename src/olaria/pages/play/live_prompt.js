/** A language model that the reader writes to: tokens, the next one's distribution, and what the model writes. */

import { makeNumber, makeSlider } from "./controls.js";
import { all, make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { entropy } from "./next_token.js";
import { filled, written } from "./numbers.js";
import { makeReader } from "./reading.js";
import { choose, nextProbabilities, uniforms } from "./sampling.js";
import { spelt, visible } from "./spelling.js";
import { tokenizer } from "./tokens.js";

const SHOWN = 12; // of the likeliest tokens
const MOST_CHIPS = 64;
const MOST_WRITTEN = 400;
const SPELL_MS = 24;
const HOTTEST = 2;

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], opened: [opened] } = stage;
  const tokens = tokenizer(opened.tokenizer), reader = makeReader(model);
  const isShare = (value) => value > 0 && value <= 1;
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    temperature: { form: FORMS.number, start: 1, fits: (value) => value >= 0.05 && value <= HOTTEST },
    k: { form: FORMS.number, start: model.size, fits: (value) => Number.isInteger(value) && value >= 1 && value <= model.size },
    p: { form: FORMS.number, start: 1, fits: isShare },
    seed: { form: FORMS.number, start: 0, fits: (value) => Number.isInteger(value) && value >= 0 },
  });
  const { values } = state;
  const view = makeView(words, tokens, { pick: (id) => choosing(id), look: (place) => looking(place) });
  /** What the model wrote: id, the logits that it came from. @type {{id: number, logits: Float32Array}[]} */
  let drawn = [];
  let prompt = tokens.encode(values.text), random = uniforms(values.seed), timer = 0, looked = -1;

  const options = () => ({ temperature: values.temperature, topK: values.k, topP: values.p });
  const text = () => [...prompt.ids, ...drawn.map(({ id }) => id)];
  const showNext = () => {
    const logits = looked >= 0 ? drawn[looked].logits : reader.logits;
    if (logits) view.bars(nextProbabilities(logits, [], options()), looked >= 0 ? drawn[looked].id : null);
    view.written(prompt.ids, drawn.map(({ id }) => id), looked);
  };
  const stop = () => { clearTimeout(timer); timer = 0; view.running(false); };
  const add = (id) => {
    drawn.push({ id, logits: reader.logits.slice() });
    reader.step(id);
    view.note(unknownWords(prompt, words), windowWords(prompt, reader, model, words));
  };
  const draw = () => add(choose(nextProbabilities(reader.logits, [], options()), random()));
  const write = () => {
    const until = performance.now() + SPELL_MS;
    while (performance.now() < until && drawn.length < MOST_WRITTEN) draw();
    showNext();
    if (drawn.length < MOST_WRITTEN) timer = setTimeout(write, 0);
    else stop();
  };
  const begin = async () => {
    stop();
    [drawn, looked] = [[], -1];
    random = uniforms(values.seed);
    prompt = tokens.encode(values.text);
    view.tokens(prompt, MOST_CHIPS);
    if (!prompt.ids.length) return view.empty(unknownWords(prompt, words));
    if (!await reader.readText(prompt.ids)) return;
    view.note(unknownWords(prompt, words), windowWords(prompt, reader, model, words));
    showNext();
  };
  const choosing = (id) => {
    if (timer || !reader.logits) return;
    if (looked < 0) { add(id); return showNext(); }
    // Another way on from a token that was written: what came after it is taken back.
    drawn = drawn.slice(0, looked);
    looked = -1;
    reader.readText(text()).then((whole) => { if (whole) { add(id); showNext(); } });
  };
  const looking = (place) => {
    if (timer) return;
    looked = looked === place ? -1 : place;
    showNext();
  };
  const changed = () => { state.keep(); begin(); };
  const rule = (name) => (value) => { values[name] = value; state.keep(); showNext(); };
  const controls = {
    temperature: makeSlider(words.temperature, { min: 0.05, max: HOTTEST, step: 0.05, value: 1 }, (x) => written(x, 2), rule("temperature")),
    k: makeSlider(words.k, { min: 1, max: model.size, step: 1, value: model.size }, (x) => written(x, 0), rule("k")),
    p: makeSlider(words.p, { min: 0.05, max: 1, step: 0.05, value: 1 }, (x) => written(x, 2), rule("p")),
    seed: makeNumber(words.seed, 0, (value) => { values.seed = value; changed(); }),
  };
  view.field.addEventListener("input", () => { values.text = view.field.value; changed(); });
  view.generate.addEventListener("click", () => {
    if (timer) return stop();
    if (!reader.logits) return;
    if (drawn.length >= MOST_WRITTEN) { begin().then(() => view.generate.click()); return; }
    looked = -1;
    view.running(true);
    timer = setTimeout(write, 0);
  });
  view.one.addEventListener("click", () => { if (!timer && reader.logits) { looked = -1; draw(); showNext(); } });
  stage.room.append(...view.elements(Object.values(controls).map(({ element }) => element)));
  return {
    state,
    show() {
      view.field.value = values.text;
      for (const [name, control] of Object.entries(controls)) control.set(values[name]);
      begin();
    },
    picture: () => view.picture(stage.colours),
    table: () => view.table(),
  };
}

/** What the run does with characters that it does not know; each is named once. */
function unknownWords({ unknown }, words) {
  if (!unknown.length) return [];
  const names = [...new Set(unknown.map(({ character }) => character))].map((one) => `“${visible(one)}”`);
  const { action, by } = unknown[0]; // the same for all: a setting of the run
  return [filled(words[`unknown_${action}`], { characters: names.join(", "), by: visible(by ?? "") })];
}

/** What is told where a text is longer than the model reads at once. */
function windowWords(prompt, reader, model, words) {
  if (prompt.ids.length > model.context) {
    return [filled(words.cut, { count: written(prompt.ids.length, 0), context: written(model.context, 0) })];
  }
  return reader.slid ? [filled(words.slid, { context: written(model.context, 0) })] : [];
}

/** The elements, and how each is filled. */
function makeView(words, tokens, { pick, look }) {
  const field = make("textarea", { rows: 2, id: "live-prompt", spellcheck: "false", autocapitalize: "off" });
  const chips = make("ol.tokens"), notes = make("p.note", { role: "status" });
  const body = make("tbody"), told = make("output"), output = make("p.written", { tabindex: 0, role: "group", "aria-label": words.text });
  const generate = make("button", { type: "button", "aria-pressed": "false" }, words.generate);
  const one = make("button", { type: "button" }, words.one);
  output.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const drawn = all(output, ".drawn"), here = drawn.findIndex((one) => one.ariaCurrent);
    const place = here < 0 ? (move < 0 ? drawn.length - 1 : 0) : here + move;
    if (drawn[place]) look(place);
    else if (here >= 0) look(here);
  });
  let rows = [];
  const note = (...lists) => { notes.textContent = lists.flat().join(" "); };
  return {
    field,
    generate,
    one,
    note,
    elements: (controls) => [
      make("div.controls", {}, make("div.control.wide", {}, make("label", { for: "live-prompt" }, words.prompt), field)),
      chips,
      notes,
      make("div.controls", {}, ...controls, make("p.actions", {}, generate, one)),
      output,
      make("table.barred", {}, make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, words.token), make("th", { scope: "col", colspan: 2 }, words.probability))), body),
      make("p.under", {}, told),
    ],
    running(is) { generate.setAttribute("aria-pressed", String(is)); generate.textContent = is ? words.stop : words.generate; },
    tokens(prompt, most) {
      const left = Math.max(0, prompt.ids.length - most);
      chips.replaceChildren(
        ...(left ? [make("li.left", {}, `… ${written(left, 0)}`)] : []),
        ...prompt.ids.slice(left).map((id) => make("li", { title: id }, make("span.tt", {}, spelt(tokens, id)), make("span.tn", {}, String(id)))),
      );
    },
    empty(unknown) {
      note([words.empty, ...unknown]);
      rows = [];
      body.replaceChildren();
      output.replaceChildren();
      told.value = "";
    },
    bars(probabilities, taken) {
      const order = Array.from(probabilities, (p, id) => ({ id, p })).filter(({ p }) => p > 0).sort((a, b) => b.p - a.p);
      const shown = order.slice(0, SHOWN);
      if (taken !== null && !shown.some(({ id }) => id === taken)) shown.push({ id: taken, p: probabilities[taken] });
      rows = shown.map(({ id, p }) => [spelt(tokens, id), id, p]);
      body.replaceChildren(...shown.map(({ id, p }) => {
        const bar = make("div", {});
        bar.style.width = `${100 * p / shown[0].p}%`;
        return make(id === taken ? "tr.taken" : "tr", {},
          make("th", { scope: "row" }, make("button", { type: "button", onclick: () => pick(id) }, spelt(tokens, id))),
          make("td.b", {}, bar), make("td.n", {}, written(p, 3)));
      }));
      told.value = filled(words.kept, {
        kept: written(order.length, 0),
        all: written(probabilities.length, 0),
        entropy: written(entropy(Array.from(probabilities)), 3),
      });
    },
    written(prompt, drawn, looked) {
      const spans = all(output, ".drawn"), goesOn = output.dataset.prompt === prompt.join() && spans.length <= drawn.length
        && spans.every((span, place) => span.dataset.id === String(drawn[place]));
      if (!goesOn) {
        output.replaceChildren(make("span", {}, tokens.decode(prompt.slice(-MOST_CHIPS))));
        output.dataset.prompt = prompt.join();
      }
      const known = goesOn ? spans.length : 0;
      output.append(...drawn.slice(known).map((id, i) =>
        make("span.drawn", { onclick: () => look(known + i), "data-id": id }, tokens.piece(id))));
      all(output, ".drawn").forEach((span, place) => {
        if (place === looked) span.setAttribute("aria-current", "true");
        else span.removeAttribute("aria-current");
      });
    },
    table: () => [["token", "id", "probability"], ...rows.map(([name, id, p]) => [name, id, Number(p.toPrecision(6))])],
    picture: (colours) => pictureOf(rows, colours),
  };
}

/** The bars as a picture. */
function pictureOf(rows, colours) {
  const canvas = document.createElement("canvas"), line = 36;
  canvas.width = 900;
  canvas.height = Math.max(1, rows.length) * line + 20;
  const context = canvas.getContext("2d"), largest = rows[0]?.[2] ?? 1;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = "22px system-ui, sans-serif";
  rows.forEach(([name, , p], i) => {
    const y = 10 + i * line;
    context.fillStyle = colours.ink;
    context.textAlign = "right";
    context.fillText(name, 180, y + 25, 170);
    context.fillText(written(p, 3), 880, y + 25);
    context.fillStyle = colours.blue;
    context.fillRect(200, y + 5, 560 * p / largest, line - 10);
  });
  return canvas;
}
