/** A language model that the reader writes to: tokens, the next one's distribution, and what the model writes. */

import { makeNumber, makeSlider } from "./controls.js";
import { all, make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { entropy } from "./next_token.js";
import { filled, written } from "./numbers.js";
import { makeReader } from "./reading.js";
import { choose, nextProbabilities, uniforms } from "./sampling.js";
import { chip, makeBars, makeField, markCurrent, pictureOfBars, unknownWords, walkable } from "./text_view.js";
import { tokenizer } from "./tokens.js";

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
  const view = makeView(words, tokens, {
    pick: (id) => choosing(id),
    look: (place) => looking(place),
    typed: (typed) => { values.text = typed; changed(); },
  });
  /** What the model wrote: id, the logits that it came from. @type {{id: number, logits: Float32Array}[]} */
  let drawn = [];
  let prompt = tokens.encode(values.text), random = uniforms(values.seed), timer = 0, looked = -1;
  /** Whether all of the text has been read: nothing is written before, nor where there is no text. */
  let isReady = false, turn = 0;

  const options = () => ({ temperature: values.temperature, topK: values.k, topP: values.p });
  const text = () => [...prompt.ids, ...drawn.map(({ id }) => id)];
  const showNext = () => {
    const logits = looked >= 0 ? drawn[looked].logits : reader.logits;
    if (logits) view.bars(nextProbabilities(logits, [], options()), looked >= 0 ? drawn[looked].id : null);
    view.written(prompt.ids, drawn.map(({ id }) => id), looked);
  };
  const stop = () => { clearTimeout(timer); timer = 0; view.running(false); };
  const lastLogits = () => /** @type {Float32Array} */ (reader.logits); // there are some once a text was read
  const add = (id) => {
    drawn.push({ id, logits: lastLogits().slice() });
    reader.step(id);
    view.note(unknownWords(prompt, words), windowWords(prompt, reader, model, words));
  };
  const draw = () => add(choose(nextProbabilities(lastLogits(), [], options()), random()));
  const write = () => {
    const until = performance.now() + SPELL_MS;
    while (performance.now() < until && drawn.length < MOST_WRITTEN) draw();
    showNext();
    if (drawn.length < MOST_WRITTEN) timer = setTimeout(write, 0);
    else stop();
  };
  const begin = async () => {
    stop();
    const mine = ++turn;
    isReady = false;
    [drawn, looked] = [[], -1];
    random = uniforms(values.seed);
    prompt = tokens.encode(values.text);
    view.tokens(prompt, MOST_CHIPS);
    if (!prompt.ids.length) return view.empty(unknownWords(prompt, words));
    if (!await reader.readText(prompt.ids) || mine !== turn) return;
    isReady = true;
    view.note(unknownWords(prompt, words), windowWords(prompt, reader, model, words));
    showNext();
  };
  const choosing = (id) => {
    if (timer || !isReady) return;
    if (looked < 0) { add(id); return showNext(); }
    // Another way on from a token that was written: what came after it is taken back.
    drawn = drawn.slice(0, looked);
    looked = -1;
    isReady = false;
    const mine = ++turn;
    reader.readText(text()).then((whole) => {
      if (!whole || mine !== turn) return;
      isReady = true;
      add(id);
      showNext();
    });
  };
  const looking = (place) => {
    if (timer || !isReady) return;
    looked = looked === place ? -1 : place;
    showNext();
  };
  const changed = () => { state.keep(); begin(); };
  const rule = (name) => (value) => { values[name] = value; state.keep(); if (isReady) showNext(); };
  const controls = {
    temperature: makeSlider(words.temperature, { min: 0.05, max: HOTTEST, step: 0.05, value: 1 }, (x) => written(x, 2), rule("temperature")),
    k: makeSlider(words.k, { min: 1, max: model.size, step: 1, value: model.size }, (x) => written(x, 0), rule("k")),
    p: makeSlider(words.p, { min: 0.05, max: 1, step: 0.05, value: 1 }, (x) => written(x, 2), rule("p")),
    seed: makeNumber(words.seed, 0, (value) => { values.seed = value; changed(); }),
  };
  view.generate.addEventListener("click", () => {
    if (timer) return stop();
    if (!isReady) return;
    if (drawn.length >= MOST_WRITTEN) { begin().then(() => view.generate.click()); return; }
    looked = -1;
    view.running(true);
    timer = setTimeout(write, 0);
  });
  view.one.addEventListener("click", () => { if (!timer && isReady) { looked = -1; draw(); showNext(); } });
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

/** What is told where a text is longer than the model reads at once. */
function windowWords(prompt, reader, model, words) {
  if (prompt.ids.length > model.context) {
    return [filled(words.cut, { count: written(prompt.ids.length, 0), context: written(model.context, 0) })];
  }
  return reader.slid ? [filled(words.slid, { context: written(model.context, 0) })] : [];
}

/** The elements, and how each is filled. */
function makeView(words, tokens, { pick, look, typed }) {
  const { field, element } = makeField(words.prompt, typed), bars = makeBars(tokens, words, pick);
  const chips = make("ol.tokens"), notes = make("p.note", { role: "status" });
  const told = make("output"), output = make("p.written", { role: "group", "aria-label": words.text });
  const generate = make("button", { type: "button", "aria-pressed": "false" }, words.generate);
  const one = make("button", { type: "button" }, words.one);
  walkable(output, ".drawn", look);
  const note = (...lists) => { notes.textContent = lists.flat().join(" "); };
  return {
    field,
    generate,
    one,
    note,
    elements: (controls) => [
      element,
      chips,
      notes,
      make("div.controls", {}, ...controls, make("p.actions", {}, generate, one)),
      output,
      bars.element,
      make("p.under", {}, told),
    ],
    running(is) { generate.setAttribute("aria-pressed", String(is)); generate.textContent = is ? words.stop : words.generate; },
    tokens(prompt, most) {
      const left = Math.max(0, prompt.ids.length - most);
      chips.replaceChildren(
        ...(left ? [make("li.left", {}, `… ${written(left, 0)}`)] : []),
        ...prompt.ids.slice(left).map((id) => chip(tokens, id)),
      );
    },
    empty(unknown) {
      note([words.empty, ...unknown]);
      bars.clear();
      output.replaceChildren();
      told.value = "";
    },
    bars(probabilities, taken) {
      const kept = bars.show(probabilities, taken);
      told.value = filled(words.kept, {
        kept: written(kept, 0),
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
      markCurrent(all(output, ".drawn"), looked);
    },
    table: bars.table,
    picture: (colours) => pictureOfBars(bars.rows, colours),
  };
}
