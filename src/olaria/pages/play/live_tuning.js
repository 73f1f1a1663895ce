/** Two models read the same text, before and after fine-tuning: what each expects next, and what each writes. */

import { makeNumber, makeSlider } from "./controls.js";
import { make, press } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { create } from "./models.js";
import { filled, written } from "./numbers.js";
import { makeReader } from "./reading.js";
import { choose, nextProbabilities, uniforms } from "./sampling.js";
import { softmax } from "./tensor.js";
import { ending, makeBars, makeField, pictureOfBars } from "./text_view.js";
import { sideBySide } from "./canvas.js";
import { tokenizer } from "./tokens.js";

const MOST_TOKENS = 64;
const MOST_WRITTEN = 200;
const SPELL_MS = 20;
const HOTTEST = 2;

/**
 * Mean negative log-probability of the tokens of a text but the first, in nats.
 * @param {Float32Array} logits (T, V)
 * @param {number[]} ids (T,)
 */
export function meanNats(logits, ids) {
  const size = logits.length / ids.length;
  let sum = 0;
  for (let t = 1; t < ids.length; t++) sum -= Math.log(softmax(logits.slice((t - 1) * size, t * size))[ids[t]]);
  return sum / (ids.length - 1);
}

/**
 * A tensor with more rows, and columns, of which each is the mean of the old ones; `olaria.training.inheritance.grow`.
 * @param {import("./weights.js").Tensor} tensor (N,) or (N, M)
 * @param {number[]} shape
 */
export function grownTensor({ data, shape: [oldRows, oldColumns = 1] }, shape) {
  const [rows, columns = 1] = shape, grown = new Float32Array(rows * columns);
  const mean = (/** @type {number} */ count, /** @type {(i: number) => number} */ at) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += at(i);
    return sum / count;
  };
  for (let j = 0; j < oldColumns; j++) {
    const rest = mean(oldRows, (i) => data[i * oldColumns + j]);
    for (let i = 0; i < rows; i++) grown[i * columns + j] = i < oldRows ? data[i * oldColumns + j] : rest;
  }
  for (let i = 0; i < rows && columns > oldColumns; i++) {
    grown.fill(mean(oldColumns, (j) => grown[i * columns + j]), i * columns + oldColumns, (i + 1) * columns);
  }
  return { data: grown, shape };
}

/**
 * The base as tuning began from it: with a row for each token that tuning added, so that both models read the same
 * tokens.
 * @param {import("./weights.js").Opened} base
 * @param {import("./weights.js").Opened} tuned
 * @returns {import("./weights.js").Opened}
 */
export function beginning(base, tuned) {
  const tensor = (/** @type {string} */ name) => {
    const old = base.tensor(name), { shape } = tuned.tensor(name);
    return old.shape.every((size, i) => size === shape[i]) ? old : grownTensor(old, shape);
  };
  return { ...base, tensor, tokenizer: tuned.tokenizer, dimensions: tuned.dimensions };
}

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, opened: [base, tuned], colours } = stage;
  const models = base.dimensions === tuned.dimensions ? stage.models : [create(beginning(base, tuned)), stage.models[1]];
  const isSeed = (value) => Number.isInteger(value) && value >= 0;
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    temperature: { form: FORMS.number, start: 1, fits: (value) => value >= 0.05 && value <= HOTTEST },
    seed: whole(0),
  });
  const { values } = state;
  const { field, element } = makeField(words.yourText, (typed) => { values.text = typed; state.keep(); begin(); });
  const note = make("p.note", { role: "status" });
  const most = Math.min(MOST_TOKENS, ...models.map((model) => model.context));
  const sides = models.map((model, i) => makeSide(model, tokenizer(tuned.tokenizer), words, [words.before, words.after][i], most));
  const generate = make("button", { "aria-pressed": "false" }, words.generate);
  let timer = 0, turn = 0;
  const options = () => ({ temperature: values.temperature });
  const running = (is) => { press(generate, is); generate.textContent = is ? words.stop : words.generate; };
  const stop = () => { clearTimeout(timer); timer = 0; running(false); };
  const write = () => {
    const until = performance.now() + SPELL_MS;
    while (performance.now() < until && sides.some((side) => side.goesOn())) for (const side of sides) side.write(options());
    for (const side of sides) side.draw(options());
    if (sides.some((side) => side.goesOn())) timer = setTimeout(write, 0);
    else stop();
  };
  const begin = async () => {
    stop();
    const mine = ++turn;
    note.textContent = notesOf(sides, values.text);
    for (const side of sides) {
      await side.read(values.text, values.seed);
      if (mine !== turn) return false;
      side.draw(options());
    }
    return true;
  };
  const temperature = makeSlider(words.temperature, { min: 0.05, max: HOTTEST, step: 0.05, value: 1 }, (x) => written(x, 2),
    (value) => { values.temperature = value; state.keep(); for (const side of sides) side.draw(options()); });
  const seed = makeNumber(words.seed, 0, (value) => { values.seed = value; state.keep(); begin(); });
  generate.addEventListener("click", async () => {
    if (timer) return stop();
    if (!await begin()) return; // another text, or another press, came meanwhile
    running(true);
    timer = setTimeout(write, 0);
  });
  stage.room.append(element, note, make("div.controls", {}, temperature.element, seed.element, make("p.actions", {}, generate)),
    make("div.two", {}, ...sides.map((side) => side.element)));
  return {
    state,
    stop,
    show() { field.value = values.text; temperature.set(values.temperature); seed.set(values.seed); begin(); },
    picture: () => sideBySide(sides.map((side) => pictureOfBars(side.rows, colours)), colours.ground),
    table: () => sides.flatMap((side) => [[side.title], ...side.table()]),
  };
}

/** What is to be told of a text; by whom, where the models differ. */
function notesOf(sides, text) {
  const told = sides.map((side) => side.told(text));
  if (told.every((one) => one === told[0])) return told[0];
  return told.flatMap((one, i) => one ? [`${sides[i].title}: ${one}`] : []).join(" ");
}

/** One of both models. */
function makeSide(model, tokens, words, title, most) {
  const reader = makeReader(model), bars = makeBars(tokens, words, null);
  const cost = make("p.small"), output = make("p.written", { tabindex: 0, role: "group", "aria-label": `${title}: ${words.writes}` });
  let ids = [], drawn = [], random = uniforms(0);
  return {
    title,
    element: make("div", {}, make("p.chosen", {}, title), cost, bars.element, output),
    get rows() { return bars.rows; },
    table: () => [...bars.table(), ["written", tokens.decode(drawn)]],
    /** What is to be told of a text. @param {string} text */
    told: (text) => ending(tokens, text, most, words).told,
    /** @param {string} text @param {number} seed */
    async read(text, seed) {
      [ids, drawn, random] = [ending(tokens, text, most, words).ids, [], uniforms(seed)];
      cost.textContent = ids.length > 1 ? filled(words.cost, { nats: written(meanNats(model.trace(ids).logits.data, ids), 3) }) : "";
      if (ids.length) await reader.readText(ids);
    },
    goesOn: () => ids.length > 0 && drawn.length < MOST_WRITTEN,
    write(options) {
      if (!ids.length || drawn.length >= MOST_WRITTEN) return;
      const id = choose(nextProbabilities(/** @type {Float32Array} */ (reader.logits), [], options), random());
      drawn.push(id);
      reader.step(id);
    },
    draw(options) {
      if (ids.length && reader.logits) bars.show(nextProbabilities(reader.logits, [], options));
      else bars.clear();
      output.textContent = tokens.decode(drawn);
    },
  };
}
