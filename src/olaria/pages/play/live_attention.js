/** Attention of a language model on what the reader types: a map of each head, and one query number by number. */

import { makeSelect } from "./controls.js";
import { make } from "./elements.js";
import { makeGrid } from "./grid.js";
import { FORMS } from "./link_state.js";
import { numberCells } from "./number_cells.js";
import { filled, written } from "./numbers.js";
import { spelt } from "./spelling.js";
import { dot } from "./tensor.js";
import { makeText } from "./text_view.js";
import { tokenizer } from "./tokens.js";
import { makeTracer } from "./tracing.js";

const SIDE = 350;
const MOST_TOKENS = 64;

/**
 * From scores to weights, for one query of one head.
 * @param {any} layer see `LayerTrace`
 * @param {number} head
 * @param {number} query
 * @returns {{score: number, masked: number, weight: number}[]} of each key; `masked` is the score divided by √D and
 *   masked
 */
export function stages({ queries, keys, scores, weights }, head, query) {
  const [, count, size] = queries.shape;
  return Array.from({ length: count }, (_, key) => {
    const at = (head * count + query) * count + key;
    return {
      score: dot(queries.data, (head * count + query) * size, keys.data, (head * count + key) * size, size),
      masked: scores.data[at],
      weight: weights.data[at],
    };
  });
}

/**
 * The output of one head for one query: the weighted sum of values.
 * @param {any} layer see `LayerTrace`
 * @param {number} head
 * @param {number} query
 */
export function outputOf({ heads: { data, shape: [, count, size] } }, head, query) {
  const at = (head * count + query) * size;
  return data.subarray(at, at + size);
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
    layer: { form: FORMS.number, start: settings.layer, fits: below(model.numLayers) },
    head: { form: FORMS.number, start: settings.head, fits: below(numHeads) },
    // Counted from the end, so that the last token stays chosen while one types.
    back: { form: FORMS.number, start: 0, fits: below(most) },
  });
  const { values } = state;
  const tracer = makeTracer(model);
  let isRead = false, names = [];
  const place = () => Math.max(0, names.length - 1 - values.back);
  const choose = (row) => { if (!isRead) return; values.back = names.length - 1 - row; state.keep(); draw(); };
  const text = makeText(tokens, words, most, { typed: (typed) => { values.text = typed; state.keep(); read(); }, choose });
  const grid = makeGrid(SIDE, words.map, colours, choose);
  const rows = make("tbody"), sum = make("ol.numbers"), told = make("p.chosen"), sumTold = make("p.small");
  const list = make("div.stages", { tabindex: 0 }, make("table.barred.narrowed", {}, make("thead", {}, make("tr", {},
    ...[words.key, words.score, words.masked].map((title) => make("th", { scope: "col" }, title)),
    make("th", { scope: "col", colspan: 2 }, words.weight))), rows));
  const numbered = (count) => Array.from({ length: count }, (_, i) => String(i + 1));
  const pick = (name) => (value) => { values[name] = value; state.keep(); draw(); };
  const layers = makeSelect(words.layer, numbered(model.numLayers), pick("layer"));
  const heads = makeSelect(words.head, numbered(numHeads), pick("head"));

  const draw = () => {
    text.mark(isRead ? place() : -1);
    const layer = isRead ? tracer.layer(values.layer) : null, count = names.length;
    const weights = layer ? layer.weights.data.subarray(values.head * count * count, (values.head + 1) * count * count) : new Float32Array(0);
    const scores = layer ? layer.scores.data.subarray(values.head * count * count) : [];
    grid.draw({ data: weights, shape: [count, count] }, (row, key) => scores[row * count + key] === -Infinity, names, names, place());
    if (!layer) { [rows, sum].forEach((one) => one.replaceChildren()); told.textContent = sumTold.textContent = ""; return; }
    const found = stages(layer, values.head, place()), output = outputOf(layer, values.head, place());
    told.textContent = filled(words.query, { token: names[place()], position: written(place() + 1, 0) });
    rows.replaceChildren(...found.map(({ score, masked, weight }, key) => {
      const bar = make("div", {});
      bar.style.width = `${100 * weight}%`;
      return make(masked === -Infinity ? "tr.masked" : "tr", {}, make("th", { scope: "row" }, names[key]),
        make("td.n", {}, written(score, 2)), make("td.n", {}, masked === -Infinity ? "−∞" : written(masked, 2)),
        make("td.n", {}, written(weight, 3)), make("td.b", {}, bar));
    }));
    // What a query reads lies near it, mostly.
    const own = rows.rows[place()];
    list.scrollTop = Math.max(0, own.offsetTop + own.offsetHeight - list.clientHeight);
    sumTold.textContent = filled(words.sum, { count: written(output.length, 0) });
    sum.replaceChildren(...numberCells(output, colours));
  };
  const read = async () => {
    const ids = text.show(values.text);
    isRead = false;
    const whole = await tracer.readText(ids);
    if (!whole) return;
    names = ids.map((id) => spelt(tokens, id));
    isRead = ids.length > 0;
    draw();
  };
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, layers.element, heads.element),
    make("div.live-pair.top", {}, grid.canvas, make("div.beside", {}, told, list)),
    sumTold,
    sum,
  );
  return {
    state,
    show() { layers.set(values.layer); heads.set(values.head); read(); },
    picture: () => grid.canvas,
    table: () => {
      const count = names.length, { data } = isRead ? tracer.layer(values.layer).weights : { data: [] };
      return [
        ["query", ...names],
        ...names.map((name, row) => [name, ...names.map((_, key) => Number(data[(values.head * count + row) * count + key].toFixed(6)))]),
      ];
    },
  };
}
