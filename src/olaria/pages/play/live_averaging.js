/** Four versions of averaging the past, side by side: the last one's queries grow from nothing to their learned size. */

import { averageByAttention, averageByLoops, averageByProduct, averageBySoftmax } from "./averaging.js";
import { sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { makeGrid } from "./grid.js";
import { FORMS, whole } from "./link_state.js";
import { largestDifference } from "./models.js";
import { filled, tiny, written } from "./numbers.js";
import { scrolling } from "./scroll.js";
import { spelt } from "./spelling.js";
import { linear, transposed } from "./tensor.js";
import { makeWalkedText, numbered } from "./text_view.js";

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
  const { words, models: [model], opened: [opened], colours } = stage, numHeads = opened.config.num_heads;
  let x = null, names = [], found = [];
  const text = makeWalkedText(stage, Math.min(MOST_TOKENS, model.context), {
    factor: { form: FORMS.number, start: 0, fits: (value) => value >= 0 && value <= 1 },
    head: whole(0, numHeads),
  }, { read: () => read(), draw: () => draw() });
  const { values, place } = text;
  const titles = [words.loops, words.product, words.softmax, words.attention];
  const grids = titles.slice(1).map((title) => makeGrid(SIDE, `${title}. ${words.map}`, colours, text.choose));
  const factor = makeSlider(words.factor, { min: 0, max: 1, step: 0.05, value: 0 }, (value) => written(value, 2), text.set("factor"));
  const heads = makeSelect(words.head, numbered(numHeads), text.set("head"));
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
    body.replaceChildren(...found.map((version, i) => rowOf(titles[i], version, found[0], place())));
  };
  const read = () => {
    const ids = text.show();
    names = ids.map((id) => spelt(text.tokens, id));
    x = ids.length ? model.trace(ids).layers[0].input : null;
    draw();
  };
  const table = make("table.compared", {}, make("thead", {}, make("tr", {}, make("td"),
    make("th", { scope: "col" }, words.apart), make("th", { scope: "colgroup", colspan: NUM_SHOWN }, words.numbersShown))), body);
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, factor.element, heads.element),
    make("div.versions", {},
      make("div", {}, make("p.small", {}, titles[0]), make("pre.loops", {}, LOOPS)),
      ...grids.map(({ canvas }, i) => make("div", {}, make("p.small", {}, titles[i + 1]), canvas))),
    told,
    ...scrolling(table, words),
  );
  return {
    state: text.state,
    show() { factor.set(values.factor); heads.set(values.head); read(); },
    picture: () => sideBySide(grids.map(({ canvas }) => canvas), colours.ground),
    table: () => [
      ["query", ...names],
      ...names.map((name, row) => [name, ...names.map((_, key) => Number(found[3].weights.data[row * names.length + key].toFixed(6)))]),
    ],
  };
}

/** What a version returns for a position, and how far it is from the first one over all positions. */
function rowOf(title, { mean }, first, place) {
  const { data, shape: [, width] } = mean, vector = data.subarray(place * width, (place + 1) * width);
  return make("tr", {},
    make("th", { scope: "row" }, title),
    make("td.n", {}, apart(largestDifference(data, first.mean.data))),
    ...Array.from(vector.slice(0, NUM_SHOWN), (value) => make("td.n", {}, written(value, 3))));
}
