/** Attention of a language model on what the reader types: a map of each head, and one query number by number. */

import { makeSelect } from "./controls.js";
import { make } from "./elements.js";
import { makeGrid } from "./grid.js";
import { whole } from "./link_state.js";
import { numberCells } from "./number_cells.js";
import { filled, written } from "./numbers.js";
import { scrolling } from "./scroll.js";
import { spelt } from "./spelling.js";
import { dot } from "./tensor.js";
import { makeWalkedText, numbered } from "./text_view.js";
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
  const { settings, words, models: [model], opened: [opened], colours } = stage, numHeads = opened.config.num_heads;
  const tracer = makeTracer(model);
  let isRead = false, names = [];
  const text = makeWalkedText(stage, Math.min(MOST_TOKENS, model.context), {
    layer: whole(settings.layer, model.numLayers),
    head: whole(settings.head, numHeads),
  }, { read: () => read(), draw: () => draw() });
  const { values, place } = text;
  const grid = makeGrid(SIDE, words.map, colours, (row) => { if (isRead) text.choose(row); });
  const query = makeQuery(words, colours);
  const layers = makeSelect(words.layer, numbered(model.numLayers), text.set("layer"));
  const heads = makeSelect(words.head, numbered(numHeads), text.set("head"));

  const draw = () => {
    text.mark(isRead ? place() : -1);
    const layer = isRead ? tracer.layer(values.layer) : null, count = names.length;
    const weights = layer ? layer.weights.data.subarray(values.head * count * count, (values.head + 1) * count * count) : new Float32Array(0);
    const scores = layer ? layer.scores.data.subarray(values.head * count * count) : [];
    grid.draw({ data: weights, shape: [count, count] }, (row, key) => scores[row * count + key] === -Infinity, names, names, place());
    if (layer) query.show(names, place(), stages(layer, values.head, place()), outputOf(layer, values.head, place()));
    else query.clear();
  };
  const read = async () => {
    const ids = text.show();
    isRead = false;
    const whole = await tracer.readText(ids);
    if (!whole) return;
    names = ids.map((id) => spelt(text.tokens, id));
    isRead = ids.length > 0;
    draw();
  };
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, layers.element, heads.element),
    make("div.live-pair.top", {}, grid.canvas, query.beside),
    ...query.beneath,
  );
  return {
    state: text.state,
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

/** One query, number by number: scores and weights of the keys, and the sum of the values. */
function makeQuery(words, colours) {
  const told = make("p.chosen"), rows = make("tbody"), sumTold = make("p.small"), sum = make("ol.numbers");
  const table = make("table.barred.narrowed", {}, make("thead", {}, make("tr", {},
    ...[words.key, words.score, words.masked].map((title) => make("th", { scope: "col" }, title)),
    make("th", { scope: "col", colspan: 2 }, words.weight))), rows);
  const [list, more] = scrolling(table, words, "div.scroll.stages");
  return {
    beside: make("div.beside", {}, told, list, more),
    beneath: [sumTold, sum],
    clear() {
      [rows, sum].forEach((one) => one.replaceChildren());
      told.textContent = sumTold.textContent = "";
    },
    /**
     * @param {string[]} names of the tokens
     * @param {number} place of the query
     * @param {{score: number, masked: number, weight: number}[]} found see `stages`
     * @param {Float32Array} output of the head
     */
    show(names, place, found, output) {
      told.textContent = filled(words.query, { token: names[place], position: written(place + 1, 0) });
      rows.replaceChildren(...found.map(({ score, masked, weight }, key) => {
        const bar = make("div", {});
        bar.style.width = `${100 * weight}%`;
        return make(masked === -Infinity ? "tr.masked" : "tr", {}, make("th", { scope: "row" }, names[key]),
          make("td.n", {}, written(score, 2)), make("td.n", {}, masked === -Infinity ? "−∞" : written(masked, 2)),
          make("td.n", {}, written(weight, 3)), make("td.b", {}, bar));
      }));
      // What a query reads lies near it, mostly.
      const own = rows.rows[place];
      list.scrollTop = Math.max(0, own.offsetTop + own.offsetHeight - list.clientHeight);
      sumTold.textContent = filled(words.sum, { count: written(output.length, 0) });
      sum.replaceChildren(...numberCells(output, colours));
    },
  };
}
