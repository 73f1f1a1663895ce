/** A tokenizer and its table of vectors: pieces, ids and bytes of what the reader types, and neighbours of a token. */

import { contextOf, makeCanvas } from "./canvas.js";
import { makeSelect } from "./controls.js";
import { make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { numberCells } from "./number_cells.js";
import { filled, written } from "./numbers.js";
import { spelt } from "./spelling.js";
import { makeText } from "./text_view.js";
import { normalise, tokenizer } from "./tokens.js";
import { nearest } from "./vectors.js";

const MOST_TOKENS = 64;
const MOST_BYTES = 96;
const NUM_NEIGHBOURS = 10;
const MOST_NUMBERS = 64;

/** The bytes of a token, as hexadecimal numbers. @param {Uint8Array} bytes */
export const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], opened: [opened], colours } = stage;
  const tokens = tokenizer(opened.tokenizer);
  // An embedding begins as noise, of which much stays; the output head's rows are another table of the same tokens.
  const tables = settings.hasHead ? [model.embedding, opened.tensor("head.weight")] : [model.embedding];
  const isToken = (value) => Number.isInteger(value) && value >= -1 && value < tokens.size;
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    token: { form: FORMS.number, start: -1, fits: isToken }, // none: the last one of the text
    table: { form: FORMS.number, start: 0, fits: (value) => value === 0 || (value === 1 && settings.hasHead) },
  });
  const { values } = state;
  let ids = [], neighbours = [], walkedTo = -1;
  const token = () => values.token >= 0 ? values.token : ids.at(-1) ?? -1;
  const choose = (id) => { values.token = id; state.keep(); draw(); };
  const text = makeText(tokens, words, MOST_TOKENS, {
    typed: (typed) => { values.text = typed; values.token = walkedTo = -1; state.keep(); read(); },
    choose: (place) => { walkedTo = place; choose(ids[place]); },
    more: (id) => [hexOf(tokens.bytes(id))],
  });
  const told = make("p.chosen", { role: "status" }), title = make("p.small"), body = make("tbody");
  const table = make("table.barred", {}, make("thead", {}, make("tr", {},
    make("th", { scope: "col" }, words.token), make("th", { scope: "col", colspan: 2 }, words.cosine))), body);
  const bytes = make("p.small.bytes"), vectorTold = make("p.small"), vector = make("ol.numbers");
  const draw = () => {
    const id = token();
    text.mark(ids[walkedTo] === id ? walkedTo : ids.lastIndexOf(id)); // a token may stand at several places
    table.hidden = id < 0;
    neighbours = id < 0 ? [] : nearest(tables[values.table], id, { count: NUM_NEIGHBOURS, among: settings.among, isCentred: settings.isCentred });
    told.textContent = id < 0 ? "" : filled(words.chosen, { token: spelt(tokens, id), id: written(id, 0), bytes: hexOf(tokens.bytes(id)) });
    title.textContent = id < 0 ? "" : words.neighbours;
    body.replaceChildren(...neighbours.map(({ id: other, cosine }) => {
      const bar = make("div", {});
      bar.style.width = `${100 * Math.abs(cosine)}%`;
      bar.style.background = cosine < 0 ? colours.clay : colours.blue;
      return make("tr", {}, make("th", { scope: "row" }, make("button", { onclick: () => choose(other) }, spelt(tokens, other))),
        make("td.b", {}, bar), make("td.n", {}, written(cosine, 3)));
    }));
    const chosen = tables[values.table], width = chosen.shape[1], row = id < 0 ? [] : chosen.data.subarray(id * width, (id + 1) * width);
    vectorTold.textContent = id < 0 ? "" : filled(words.vector, { count: written(Math.min(width, MOST_NUMBERS), 0), width: written(width, 0) });
    vector.replaceChildren(...numberCells(row.slice(0, MOST_NUMBERS), colours));
  };
  const select = settings.hasHead
    ? makeSelect(words.table, [words.embedding, words.outputHead], (place) => { values.table = place; state.keep(); draw(); })
    : null;
  const read = () => {
    ids = text.show(values.text);
    const utf8 = new TextEncoder().encode(normalise(values.text));
    const shown = hexOf(utf8.subarray(0, MOST_BYTES)) + (utf8.length > MOST_BYTES ? " …" : "");
    bytes.textContent = utf8.length ? filled(words.bytes, { count: written(utf8.length, 0), bytes: shown }) : "";
    draw();
  };
  stage.room.append(...text.elements, bytes, told, ...(select ? [make("div.controls", {}, select.element)] : []), title, table, vectorTold, vector);
  return {
    state,
    show() { select?.set(values.table); read(); },
    picture: () => chipsPicture(ids.map((id) => [spelt(tokens, id), String(id), hexOf(tokens.bytes(id))]), colours),
    table: () => [
      ["token", "id", "bytes"],
      ...ids.map((id) => [spelt(tokens, id), id, hexOf(tokens.bytes(id))]),
      ["neighbour", "id", "cosine"],
      ...neighbours.map(({ id, cosine }) => [spelt(tokens, id), id, Number(cosine.toFixed(6))]),
    ],
  };
}

/** The tokens of a text as a picture: piece, id and bytes of each. */
function chipsPicture(chips, colours) {
  const side = 860, line = 76;
  const places = [];
  let [x, y] = [10, 10];
  for (const chip of chips) {
    const width = 24 + 11 * Math.max(...chip.map((text) => text.length));
    if (x + width > side) [x, y] = [10, y + line];
    places.push([chip, x, y, width]);
    x += width + 6;
  }
  const canvas = makeCanvas(side, y + line), context = contextOf(canvas);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, side, y + line);
  context.textAlign = "center";
  for (const [[piece, id, bytes], left, top, width] of places) {
    context.fillStyle = colours.sand;
    context.fillRect(left, top, width, line - 8);
    context.fillStyle = colours.ink;
    context.font = "600 20px ui-monospace, Menlo, Consolas, monospace";
    context.fillText(piece, left + width / 2, top + 24);
    context.font = "14px ui-monospace, Menlo, Consolas, monospace";
    context.fillText(id, left + width / 2, top + 43);
    context.fillText(bytes, left + width / 2, top + 60);
  }
  return canvas;
}
