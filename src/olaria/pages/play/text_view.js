/** What live parts of language share: a field to type in, its tokens, of which one can be chosen, and bars of tokens. */

import { contextOf } from "./canvas.js";
import { all, make } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { filled, written } from "./numbers.js";
import { spelt, visible } from "./spelling.js";
import { tokenizer } from "./tokens.js";

const SHOWN = 12; // of the likeliest tokens

let count = 0;

/** @typedef {import("./tokens.js").Tokenizer} Tokenizer */
/** @typedef {import("./tokens.js").Encoded} Encoded */

/**
 * What the run does with characters that it does not know; each is named once.
 * @param {Encoded} prompt
 * @param {Record<string, string>} words
 * @returns {string[]}
 */
export function unknownWords({ unknown }, words) {
  if (!unknown.length) return [];
  const names = [...new Set(unknown.map(({ character }) => character))].map((one) => `“${visible(one)}”`);
  const { action, by } = unknown[0]; // the same for all: a setting of the run
  return [filled(words[`unknown_${action}`], { characters: names.join(", "), by: visible(by ?? "") })];
}

/**
 * Let the arrow keys walk through the items of a list, of which one is `aria-current`.
 * @param {HTMLElement} list
 * @param {string} selector of its items
 * @param {(place: number) => void} choose
 * @returns {(move: number) => void} walks so many items on, for what is pressed instead of a key
 */
export function walkable(list, selector, choose) {
  const walk = (move) => {
    const items = all(list, selector), here = items.findIndex((one) => one.ariaCurrent);
    const place = here < 0 ? (move < 0 ? items.length - 1 : 0) : here + move;
    if (items[place]) choose(place);
    else if (here >= 0) choose(here);
  };
  list.tabIndex = 0;
  list.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    walk(move);
  });
  return walk;
}

/** Mark one item of a list as the chosen one. @param {HTMLElement[]} items @param {number} chosen */
export function markCurrent(items, chosen) {
  items.forEach((item, place) => {
    if (place === chosen) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  });
}

/**
 * A field to type in.
 * @param {string} label
 * @param {(text: string) => void} typed
 */
export function makeField(label, typed) {
  const id = `live-text-${++count}`;
  const field = make("textarea", { rows: 2, id, spellcheck: "false", autocapitalize: "off" });
  field.addEventListener("input", () => typed(field.value));
  return { field, element: make("div.controls", {}, make("div.control.wide", {}, make("label", { for: id }, label), field)) };
}

/**
 * A token with its number beneath it, and perhaps more.
 * @param {Tokenizer} tokens
 * @param {number} id
 * @param {Record<string, any>} [given]
 * @param {...string} more
 */
export const chip = (tokens, id, given = {}, ...more) =>
  make("li", { title: id, ...given }, make("span.tt", {}, spelt(tokens, id)),
    ...[String(id), ...more].map((text) => make("span.tn", {}, text)));

/**
 * The end of a text as tokens, and what is to be told of it.
 * @param {Tokenizer} tokens
 * @param {string} text
 * @param {number} most tokens that are shown
 * @param {Record<string, string>} words
 */
export function ending(tokens, text, most, words) {
  const prompt = tokens.encode(text), left = Math.max(0, prompt.ids.length - most);
  const long = left ? [filled(words.longest, { count: written(most, 0), all: written(prompt.ids.length, 0) })] : [];
  const empty = prompt.ids.length ? [] : [words.typeSomething];
  return { ids: prompt.ids.slice(left), left, told: [...empty, ...long, ...unknownWords(prompt, words)].join(" ") };
}

/**
 * A text that the reader types, as chips, of which one can be chosen where there is `choose`.
 * @param {Tokenizer} tokens
 * @param {Record<string, string>} words
 * @param {number} most tokens
 * @param {{typed: (text: string) => void, choose: ((place: number) => void) | null, more?: (id: number) => string[]}} listeners
 *   `more` stands beneath a token
 */
export function makeText(tokens, words, most, { typed, choose, more = () => [] }) {
  const { field, element } = makeField(words.yourText, typed);
  const chips = choose ? make("ol.tokens.walked", { "aria-label": words.chooseToken }) : make("ol.tokens");
  const note = make("p.note", { role: "status" });
  if (choose) walkable(chips, ".chip", choose);
  return {
    elements: [element, note, chips],
    /** Show a text, and return its tokens. @param {string} text */
    show(text) {
      if (field.value !== text) field.value = text;
      const { ids, left, told } = ending(tokens, text, most, words);
      note.textContent = told;
      chips.replaceChildren(
        ...(left ? [make("li.left", {}, `… ${written(left, 0)}`)] : []),
        ...ids.map((id, place) => {
          const item = chip(tokens, id, choose ? { onclick: () => choose(place) } : {}, ...more(id));
          item.className = "chip";
          return item;
        }),
      );
      return ids;
    },
    /** @param {number} place */
    mark(place) { markCurrent(all(chips, ".chip"), place); },
  };
}

/**
 * A text that the reader types, and one position of it: what several parts begin with. The position is counted from
 * the end, so that the last token stays chosen while one types.
 * @param {import("./live.js").Stage} stage
 * @param {number} most tokens
 * @param {Record<string, any>} fields of the part's state, besides the text and the position
 * @param {{read: () => void, draw: () => void}} listeners called where the text changed, and where anything else did
 */
export function makeWalkedText(stage, most, fields, { read, draw }) {
  const { settings, words, opened: [opened] } = stage, tokens = tokenizer(opened.tokenizer);
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    ...fields,
    back: whole(0, most),
  });
  const { values } = state;
  let ids = [];
  const set = (name) => (value) => { values[name] = value; state.keep(); draw(); };
  const choose = (place) => set("back")(ids.length - 1 - place);
  const text = makeText(tokens, words, most, { typed: (typed) => { values.text = typed; state.keep(); read(); }, choose });
  return {
    tokens,
    state,
    values,
    elements: text.elements,
    /** What changes a field. */
    set,
    /** Choose a position. */
    choose,
    place: () => Math.max(0, ids.length - 1 - values.back),
    /** Show the text, and return its tokens. */
    show() { ids = text.show(values.text); return ids; },
    /** @param {number} place none where it is -1 */
    mark: text.mark,
  };
}

/** Whole numbers from 1, as a list of choices has them. @param {number} count */
export const numbered = (count) => Array.from({ length: count }, (_, i) => String(i + 1));

/**
 * Bars of the likeliest tokens.
 * @param {Tokenizer} tokens
 * @param {Record<string, string>} words
 * @param {((id: number) => void) | null} pick what a token does when it is pressed
 */
export function makeBars(tokens, words, pick) {
  const body = make("tbody");
  const heading = make("tr", {}, make("th", { scope: "col" }, words.token), make("th", { scope: "col", colspan: 2 }, words.probability));
  /** @type {[string, number, number][]} */
  let rows = [];
  return {
    element: make("table.barred", {}, make("thead", {}, heading), body),
    get rows() { return rows; },
    clear() { rows = []; body.replaceChildren(); },
    /**
     * @param {ArrayLike<number>} probabilities
     * @param {number | null} [taken] the token that is marked
     * @returns {number} how many tokens may come
     */
    show(probabilities, taken = null) {
      const order = Array.from(probabilities, (p, id) => ({ id, p })).filter(({ p }) => p > 0).sort((a, b) => b.p - a.p);
      const shown = order.slice(0, SHOWN);
      if (taken !== null && !shown.some(({ id }) => id === taken)) shown.push({ id: taken, p: probabilities[taken] });
      rows = shown.map(({ id, p }) => [nameOf(tokens, words, id), id, p]);
      body.replaceChildren(...shown.map(({ id, p }, i) => {
        const bar = make("div", {}), name = rows[i][0];
        bar.style.width = `${100 * p / shown[0].p}%`;
        return make(id === taken ? "tr.taken" : "tr", {},
          make("th", { scope: "row" }, pick ? make("button", { onclick: () => pick(id) }, name) : name),
          make("td.b", {}, bar), make("td.n", {}, written(p, 3)));
      }));
      return order.length;
    },
    table: () => [["token", "id", "probability"], ...rows.map(([name, id, p]) => [name, id, Number(p.toPrecision(6))])],
  };
}

/** A token, or the end that a translation has besides its tokens. */
const nameOf = (tokens, words, id) => id < tokens.size ? spelt(tokens, id) : words.end;

/**
 * Bars as a picture.
 * @param {[string, number, number][]} rows name, id, probability
 * @param {any} colours
 */
export function pictureOfBars(rows, colours) {
  const canvas = document.createElement("canvas"), line = 36;
  canvas.width = 900;
  canvas.height = Math.max(1, rows.length) * line + 20;
  const context = contextOf(canvas), largest = rows[0]?.[2] ?? 1;
  context.fillStyle = colours.ground;
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
