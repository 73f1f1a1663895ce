/** The residual stream of a language model at one position: what could be read from it after each layer. */

import { make } from "./elements.js";
import { filled, written } from "./numbers.js";
import { scrolling } from "./scroll.js";
import { spelt } from "./spelling.js";
import { argmax, softmax } from "./tensor.js";
import { makeWalkedText, pictureOfBars } from "./text_view.js";

const MOST_TOKENS = 64;

/**
 * The stream at a position as it enters the first layer and after each, and what the head reads in it.
 * @param {any} model
 * @param {import("./causal.js").Trace} trace
 * @param {number} place
 * @returns {{length: number, probabilities: Float32Array}[]} `length` is the root mean square of its numbers
 */
export function lens(model, trace, place) {
  return [trace.embedding, ...trace.layers].map(({ stream }) => {
    const row = stream.data.subarray(place * model.width, (place + 1) * model.width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / row.length);
    return { length, probabilities: softmax(model.head(row).slice()) };
  });
}

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { words, models: [model], colours } = stage;
  let ids = [], trace = null, rows = [], asked = 0;
  const text = makeWalkedText(stage, Math.min(MOST_TOKENS, model.context), {}, {
    read: () => { if (!asked) asked = setTimeout(read, 0); },
    draw: () => draw(),
  });
  const { tokens, place } = text;
  const told = make("p.chosen", { role: "status" }), body = make("tbody");
  const draw = () => {
    text.mark(trace ? place() : -1);
    const next = ids[place() + 1];
    told.textContent = trace ? filled(next === undefined ? words.atEnd : words.at,
      { token: spelt(tokens, ids[place()]), next: next === undefined ? "" : spelt(tokens, next) }) : "";
    rows = (trace ? lens(model, trace, place()) : []).map(({ length, probabilities }, stage) => {
      const best = argmax(probabilities);
      return {
        name: stage ? filled(words.afterLayer, { layer: written(stage, 0) }) : words.embedding,
        best, p: probabilities[best], actual: next === undefined ? null : probabilities[next], length,
      };
    });
    body.replaceChildren(...rows.map(({ name, best, p, actual, length }) => {
      const bar = make("div", {});
      bar.style.width = `${100 * p}%`;
      return make("tr", {}, make("th", { scope: "row" }, name), make("td.tt", {}, spelt(tokens, best)), make("td.b", {}, bar),
        make("td.n", {}, written(p, 3)), make("td.n", {}, actual === null ? "—" : written(actual, 3)), make("td.n", {}, written(length, 2)));
    }));
  };
  const read = () => {
    asked = 0;
    ids = text.show();
    trace = ids.length ? model.trace(ids) : null;
    draw();
  };
  const heading = (label, span = 1) => make("th", { scope: "col", colspan: span }, label);
  const headings = [heading(words.stream), heading(words.likeliest), heading(words.probability, 2), heading(words.actual), heading(words.length)];
  const table = make("table.barred.lens", {}, make("thead", {}, make("tr", {}, ...headings)), body);
  stage.room.append(...text.elements, told, ...scrolling(table, words));
  return {
    state: text.state,
    show: read,
    picture: () => pictureOfBars(rows.map(({ name, best, p }) => [`${name}: ${spelt(tokens, best)}`, best, p]), colours),
    table: () => [
      ["stream", "likeliest", "probability", "probability of the next token", "length"],
      ...rows.map(({ name, best, p, actual, length }) => [name, spelt(tokens, best), Number(p.toPrecision(6)),
        actual === null ? "" : Number(actual.toPrecision(6)), Number(length.toPrecision(6))]),
    ],
  };
}
