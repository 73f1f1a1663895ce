/** Four versions of averaging the past, side by side: the last one's queries grow from nothing to their learned size. */

import { averageByAttention, averageByLoops, averageByProduct, averageBySoftmax } from "./averaging.js";
import { sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { makeGrid } from "./grid.js";
import { FORMS } from "./link_state.js";
import { largestDifference } from "./models.js";
import { filled, tiny, written } from "./numbers.js";
import { spelt } from "./spelling.js";
import { linear, transposed } from "./tensor.js";
import { makeText } from "./text_view.js";
import { tokenizer } from "./tokens.js";

const SIDE = 196;
const MOST_TOKENS = 32;
const NUM_SHOWN = 6; // numbers of a vector
const LOOPS = "for t in range(T):\n  for s in range(t + 1):\n    y[t] += v[s]\n  y[t] /= t + 1";

/** @param {number} difference */
const apart = (difference) => difference < 1e-3 ? tiny(difference) : written(difference, 3);

/**
 * What the four versions make of the values of a head, by the textbook's formula.
 * @param {import("./weights.js").Tensor} x (T, C)
 * @param {{query: any, key: any, value: any}} head matrices (C, D)
 * @param {number} factor of the queries
 * @returns {{weights: import("./weights.js").Tensor | null, mean: import("./weights.js").Tensor}[]}
 */
export function versions(x, head, factor) {
  const values = { data: linear(transposed(head.value), x.data), shape: [x.shape[0], head.value.shape[1]] };
  return [
    { weights: null, mean: averageByLoops(values) },
    averageByProduct(values),
    averageBySoftmax(values),
    averageByAttention(x, head, factor),
  ];
}

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], opened: [opened], colours } = stage;
  const tokens = tokenizer(opened.tokenizer), numHeads = opened.config.num_heads;
  const most = Math.min(MOST_TOKENS, model.context);
  const below = (limit) => (value) => Number.isInteger(value) && value >= 0 && value < limit;
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    factor: { form: FORMS.number, start: 0, fits: (value) => value >= 0 && value <= 1 },
    head: { form: FORMS.number, start: 0, fits: below(numHeads) },
    back: { form: FORMS.number, start: 0, fits: below(most) },
  });
  const { values } = state;
  let x = null, names = [], found = [];
  const place = () => Math.max(0, names.length - 1 - values.back);
  const choose = (row) => { values.back = names.length - 1 - row; state.keep(); draw(); };
  const text = makeText(tokens, words, most, { typed: (typed) => { values.text = typed; state.keep(); read(); }, choose });
  const titles = [words.loops, words.product, words.softmax, words.attention];
  const grids = titles.slice(1).map((title) => makeGrid(SIDE, `${title}. ${words.map}`, colours, choose));
  const set = (name) => (value) => { values[name] = value; state.keep(); draw(); };
  const factor = makeSlider(words.factor, { min: 0, max: 1, step: 0.05, value: 0 }, (value) => written(value, 2), set("factor"));
  const heads = makeSelect(words.head, Array.from({ length: numHeads }, (_, i) => String(i + 1)), set("head"));
  const told = make("p.chosen", { role: "status" }), body = make("tbody");
  /** @param {{mean: any}} version */
  const vectorOf = ({ mean: { data, shape: [, width] } }) => data.subarray(place() * width, (place() + 1) * width);

  const draw = () => {
    text.mark(x ? place() : -1);
    found = x ? versions(x, model.matrices(0, values.head), values.factor) : [];
    const count = names.length, blank = names.map(() => ""); // too small for names
    grids.forEach((grid, i) => {
      // A root, so that weights of a twentieth are seen beside those of 1.
      const shares = found.length ? found[i + 1].weights.data.map(Math.sqrt) : new Float32Array(0);
      grid.draw({ data: shares, shape: [count, count] }, (row, key) => key > row, blank, blank, place());
    });
    told.textContent = x ? filled(words.output, { token: names[place()] }) : "";
    body.replaceChildren(...found.map((version, i) => make("tr", {},
      make("th", { scope: "row" }, titles[i]),
      make("td.n", {}, apart(largestDifference(version.mean.data, found[0].mean.data))),
      ...Array.from(vectorOf(version).slice(0, NUM_SHOWN), (value) => make("td.n", {}, written(value, 3))))));
  };
  const read = () => {
    const ids = text.show(values.text);
    names = ids.map((id) => spelt(tokens, id));
    x = ids.length ? model.trace(ids).layers[0].input : null;
    draw();
  };
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, factor.element, heads.element),
    make("div.versions", {},
      make("div", {}, make("p.small", {}, titles[0]), make("pre.loops", {}, LOOPS)),
      ...grids.map(({ canvas }, i) => make("div", {}, make("p.small", {}, titles[i + 1]), canvas))),
    told,
    make("div.stages", { tabindex: 0 }, make("table.compared", {}, make("thead", {}, make("tr", {}, make("td"),
      make("th", { scope: "col" }, words.apart), make("th", { scope: "colgroup", colspan: NUM_SHOWN }, words.numbersShown))), body)),
  );
  return {
    state,
    show() { factor.set(values.factor); heads.set(values.head); read(); },
    picture: () => sideBySide(grids.map(({ canvas }) => canvas)),
    table: () => [
      ["query", ...names],
      ...names.map((name, row) => [name, ...names.map((_, key) => Number(found[3].weights.data[row * names.length + key].toFixed(6)))]),
    ],
  };
}
