/** A bigram: the row of its table for the last token, and a walk through the table. */

import { makeNumber } from "./controls.js";
import { all, make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { filled, written } from "./numbers.js";
import { choose, uniforms } from "./sampling.js";
import { spelt } from "./spelling.js";
import { softmax } from "./tensor.js";
import { chip, makeBars, makeText, markCurrent, pictureOfBars, walkable } from "./text_view.js";
import { tokenizer } from "./tokens.js";

const MOST_TOKENS = 64;
const MOST_DRAWN = 200;
const WALK = 20;

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], opened: [opened], colours } = stage;
  const tokens = tokenizer(opened.tokenizer);
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    seed: { form: FORMS.number, start: 0, fits: (value) => Number.isInteger(value) && value >= 0 },
  });
  const { values } = state;
  let ids = [], random = uniforms(values.seed), looked = -1;
  /** What was drawn: a token, and its probability. @type {{id: number, p: number}[]} */
  let drawn = [];
  const text = makeText(tokens, words, MOST_TOKENS, {
    typed: (typed) => { values.text = typed; state.keep(); begin(); },
    choose: (place) => look(looked === place ? -1 : place),
  });
  const rowTold = make("p.chosen", { role: "status" });
  const bars = makeBars(tokens, words, (id) => { looked = -1; add(id); draw(); });
  const walked = make("ol.tokens.walked.drawn-tokens", { "aria-label": words.walked });
  const whole = () => [...ids, ...drawn.map(({ id }) => id)];
  /** The token whose row is shown: the chosen one, else the last. */
  const current = () => whole()[looked >= 0 ? looked : whole().length - 1];
  const rowOf = (id) => softmax(model.logits([id]).slice());
  const look = (place) => { looked = place; draw(); };
  walkable(walked, ".chip", (place) => look(looked === ids.length + place ? -1 : ids.length + place));
  const add = (id) => {
    const all = whole();
    if (all.length && drawn.length < MOST_DRAWN) drawn.push({ id, p: rowOf(all.at(-1))[id] });
  };
  const step = (count) => {
    looked = -1;
    for (let i = 0; i < count && whole().length; i++) add(choose(rowOf(whole().at(-1)), random()));
    draw();
  };
  const draw = () => {
    const id = current();
    text.mark(looked < ids.length ? looked : -1);
    walked.replaceChildren(...drawn.map(({ id: one, p }, place) => {
      const item = chip(tokens, one, { onclick: () => look(looked === ids.length + place ? -1 : ids.length + place) });
      item.className = "chip";
      item.lastChild.textContent = written(p, 3);
      return item;
    }));
    markCurrent(all(walked, ".chip"), looked - ids.length);
    rowTold.textContent = id === undefined ? "" : filled(words.row, { token: spelt(tokens, id) });
    if (id === undefined) return bars.clear();
    const next = looked >= 0 ? whole()[looked + 1] : undefined;
    bars.show(rowOf(id), next ?? null);
  };
  const begin = () => {
    [drawn, looked, random] = [[], -1, uniforms(values.seed)];
    ids = text.show(values.text);
    draw();
  };
  const seed = makeNumber(words.seed, 0, (value) => { values.seed = value; state.keep(); begin(); });
  const button = (label, onclick) => make("button", { type: "button", onclick }, label);
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, seed.element, make("p.actions", {}, button(words.draw, () => step(1)), button(words.walk, () => step(WALK)))),
    walked,
    rowTold,
    bars.element,
  );
  return {
    state,
    show() { seed.set(values.seed); begin(); },
    picture: () => pictureOfBars(bars.rows, colours),
    table: () => [...bars.table(), ["drawn", "id", "probability"], ...drawn.map(({ id, p }) => [spelt(tokens, id), id, Number(p.toPrecision(6))])],
  };
}
