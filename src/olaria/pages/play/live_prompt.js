/** A language model that the reader writes to: tokens, the next one's distribution, and what the model writes. */

import { makeNumber, makeSlider } from "./controls.js";
import { all, make, press } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { entropy } from "./next_token.js";
import { filled, written } from "./numbers.js";
import { nextProbabilities } from "./sampling.js";
import { spelt } from "./spelling.js";
import { chip, makeBars, makeField, markCurrent, pictureOfBars, unknownWords, walkable } from "./text_view.js";
import { tokenizer } from "./tokens.js";
import { Writing } from "./writing.js";

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
  const tokens = tokenizer(opened.tokenizer), writing = new Writing(model, tokens);
  const state = stage.state(fieldsOf(settings.text, model.size)), { values } = state, options = () => ({ temperature: values.temperature, topK: values.k, topP: values.p });
  let timer = 0, looked = -1; // the written token that is chosen
  const isFree = () => !timer && writing.isReady;

  const show = () => {
    const logits = writing.logits(looked);
    if (logits) view.bars(nextProbabilities(logits, [], options()), writing.drawn[looked]?.id ?? null);
    view.written(writing.prompt.ids, writing.ids, looked);
  };
  const note = () => view.note(toldOf(writing, model, words));
  const stop = () => { clearTimeout(timer); timer = 0; view.running(false); };
  const isFull = () => writing.drawn.length >= MOST_WRITTEN;
  const write = () => {
    const until = performance.now() + SPELL_MS;
    while (performance.now() < until && !isFull()) writing.draw(options());
    note();
    show();
    if (isFull()) stop();
    else timer = setTimeout(write, 0);
  };
  const begin = async () => {
    stop();
    looked = -1;
    const reading = writing.begin(values.text, values.seed);
    view.tokens(writing.prompt, MOST_CHIPS);
    if (!writing.prompt.ids.length) return view.empty(unknownWords(writing.prompt, words));
    if (!await reading) return;
    note();
    show();
  };
  const generate = async () => {
    if (timer) return stop();
    if (!writing.isReady) return;
    if (isFull()) await begin();
    looked = -1;
    view.running(true);
    timer = setTimeout(write, 0);
  };
  const pick = async (id, place) => {
    looked = -1;
    if (place < 0) writing.add(id);
    else await writing.exchange(place, id);
    note();
    show();
  };
  const view = makeView(words, tokens, {
    pick: (id) => { if (isFree()) pick(id, looked); },
    look: (place) => { if (isFree()) { looked = looked === place ? -1 : place; show(); } },
    typed: (text) => set("text", begin)(text),
    generate,
    one: () => { if (isFree()) pick(writing.chosen(options()), -1); },
  });
  const set = (name, changed) => (value) => { values[name] = value; state.keep(); changed(); };
  const controls = makeControls(words, model.size, (name) => set(name, () => { if (writing.isReady) show(); }), set("seed", begin));
  stage.room.append(...view.elements(Object.values(controls).map(({ element }) => element)));
  return {
    state,
    stop,
    show() {
      view.field.value = values.text;
      for (const [name, control] of Object.entries(controls)) control.set(values[name]);
      begin();
    },
    picture: () => view.picture(stage.colours),
    table: () => view.table(),
  };
}

/** What a link keeps. */
const fieldsOf = (text, size) => ({
  text: { form: FORMS.text, start: text },
  temperature: { form: FORMS.number, start: 1, fits: (value) => value >= 0.05 && value <= HOTTEST },
  k: whole(size, size + 1, 1),
  p: { form: FORMS.number, start: 1, fits: (value) => value > 0 && value <= 1 },
  seed: whole(0),
});

/**
 * What is drawn from, and with which chance.
 * @param {(name: string) => (value: number) => void} set
 * @param {(seed: number) => void} setSeed
 */
const makeControls = (words, size, set, setSeed) => ({
  temperature: makeSlider(words.temperature, { min: 0.05, max: HOTTEST, step: 0.05, value: 1 }, (x) => written(x, 2), set("temperature")),
  k: makeSlider(words.k, { min: 1, max: size, step: 1, value: size }, (x) => written(x, 0), set("k")),
  p: makeSlider(words.p, { min: 0.05, max: 1, step: 0.05, value: 1 }, (x) => written(x, 2), set("p")),
  seed: makeNumber(words.seed, 0, setSeed),
});

/** What is told of the prompt, beneath it, and of what was written, where the text outgrows what the model reads at once. */
function toldOf({ prompt, reader }, model, words) {
  const context = written(model.context, 0), isCut = prompt.ids.length > model.context;
  const cut = isCut ? [filled(words.cut, { count: written(prompt.ids.length, 0), context })] : [];
  return {
    ofPrompt: [...unknownWords(prompt, words), ...cut].join(" "),
    ofWritten: reader.slid && !isCut ? filled(words.slid, { context }) : "",
  };
}

/** The elements, and how each is filled. */
function makeView(words, tokens, listeners) {
  const { field, element } = makeField(words.prompt, listeners.typed), bars = makeBars(tokens, words, listeners.pick);
  const chips = make("ol.tokens"), [notes, slid] = [0, 1].map(() => make("p.note", { role: "status" }));
  const told = make("output"), output = make("p.written", { role: "group", "aria-label": words.text });
  const generate = make("button", { "aria-pressed": "false", onclick: listeners.generate }, words.generate);
  const one = make("button", { onclick: listeners.one }, words.one);
  const hint = make("p.small.hint"), title = make("p.chosen", { role: "status" });
  const walk = walkable(output, ".drawn", listeners.look);
  // A letter is too small for a finger.
  const walking = make("p.actions", { hidden: true },
    make("button", { onclick: () => walk(-1) }, words.before), make("button", { onclick: () => walk(1) }, words.after));
  const note = ({ ofPrompt, ofWritten }) => {
    notes.textContent = ofPrompt;
    if (slid.textContent !== ofWritten) slid.textContent = ofWritten;
  };
  return {
    field,
    note,
    elements: (controls) => [
      element,
      chips,
      notes,
      make("div.controls", {}, ...controls, make("p.actions", {}, generate, one)),
      output,
      slid,
      walking,
      hint,
      title,
      bars.element,
      make("p.under", {}, told),
    ],
    running(is) { press(generate, is); generate.textContent = is ? words.stop : words.generate; },
    tokens(prompt, most) {
      const left = Math.max(0, prompt.ids.length - most);
      chips.replaceChildren(
        ...(left ? [make("li.left", {}, `… ${written(left, 0)}`)] : []),
        ...prompt.ids.slice(left).map((id) => chip(tokens, id)),
      );
    },
    empty(unknown) {
      note({ ofPrompt: [words.empty, ...unknown].join(" "), ofWritten: "" });
      bars.clear();
      output.replaceChildren();
      told.value = hint.textContent = title.textContent = "";
      walking.hidden = true;
    },
    bars(probabilities, taken) {
      const kept = bars.show(probabilities, taken);
      title.textContent = taken === null ? words.next : filled(words.instead, { token: spelt(tokens, taken) });
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
        make("span.drawn", { onclick: () => listeners.look(known + i), "data-id": id }, tokens.piece(id))));
      markCurrent(all(output, ".drawn"), looked);
      hint.textContent = drawn.length ? words.chooseWritten : "";
      walking.hidden = !drawn.length;
    },
    table: bars.table,
    picture: (colours) => pictureOfBars(bars.rows, colours),
  };
}
