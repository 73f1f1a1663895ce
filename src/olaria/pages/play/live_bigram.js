/** A bigram: the row of its table for the last token, and a walk through the table. */

import { makeNumber } from "./controls.js";
import { all, make } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { filled, written } from "./numbers.js";
import { choose, uniforms } from "./sampling.js";
import { spelt } from "./spelling.js";
import { softmax } from "./tensor.js";
import { chip, makeBars, makeText, markCurrent, pictureOfBars, walkable } from "./text_view.js";
import { tokenizer } from "./tokens.js";

const MOST_TOKENS = 64;
const MOST_DRAWN = 200;
const WALK = 20;

/** A text, and what is drawn after it from the rows of the table. */
class Walk {
  /** @param {any} model */
  constructor(model) {
    this.model = model;
    /** @type {number[]} */
    this.ids = [];
    /** What was drawn: a token, and its probability. @type {{id: number, p: number}[]} */
    this.drawn = [];
    this.random = uniforms(0);
  }

  /** @param {number[]} ids of the text @param {number} seed */
  begin(ids, seed) {
    [this.ids, this.drawn, this.random] = [ids, [], uniforms(seed)];
  }

  /** The token before a drawn one, or the last one of all where the place is -1. @param {number} place */
  before(place) {
    const all = [...this.ids, ...this.drawn.map(({ id }) => id)];
    return all[place >= 0 ? this.ids.length + place - 1 : all.length - 1];
  }

  /** What may come after a token. @param {number} id */
  row(id) {
    return softmax(this.model.logits([id]).slice());
  }

  /** @param {number} id of the next token */
  add(id) {
    const last = this.before(-1);
    if (last !== undefined && this.drawn.length < MOST_DRAWN) this.drawn.push({ id, p: this.row(last)[id] });
  }

  /** @param {number} count of tokens */
  draw(count) {
    for (let i = 0; i < count && this.before(-1) !== undefined; i++) this.add(choose(this.row(this.before(-1)), this.random()));
  }

  /** Take another token in place of a drawn one; what came after it is taken back. @param {number} place @param {number} id */
  exchange(place, id) {
    this.drawn = this.drawn.slice(0, place);
    this.add(id);
  }
}

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], opened: [opened], colours } = stage;
  const tokens = tokenizer(opened.tokenizer), walk = new Walk(model);
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    seed: whole(0),
  });
  const { values } = state;
  let looked = -1; // the drawn token that is chosen
  const text = makeText(tokens, words, MOST_TOKENS, {
    typed: (typed) => { values.text = typed; state.keep(); begin(); },
    choose: null,
  });
  const rowTold = make("p.chosen", { role: "status" }), hint = make("p.small.hint");
  const bars = makeBars(tokens, words, (id) => {
    if (looked >= 0) walk.exchange(looked, id);
    else walk.add(id);
    look(-1);
  });
  const list = make("ol.tokens.walked.drawn-tokens", { "aria-label": words.walked });
  const look = (place) => { looked = looked === place ? -1 : place; draw(); };
  walkable(list, ".chip", look);
  const step = (count) => { walk.draw(count); look(-1); };
  const draw = () => {
    const before = walk.before(looked), taken = walk.drawn[looked]?.id ?? null;
    list.replaceChildren(...walk.drawn.map(({ id, p }, place) => {
      const item = chip(tokens, id, { onclick: () => look(place) });
      item.className = "chip";
      item.lastChild.textContent = written(p, 3);
      return item;
    }));
    markCurrent(all(list, ".chip"), looked);
    hint.textContent = walk.drawn.length ? words.chooseWritten : "";
    rowTold.textContent = before === undefined ? "" : rowWords(tokens, words, before, taken);
    if (before === undefined) bars.clear();
    else bars.show(walk.row(before), taken);
  };
  const begin = () => {
    walk.begin(text.show(values.text), values.seed);
    look(-1);
  };
  const seed = makeNumber(words.seed, 0, (value) => { values.seed = value; state.keep(); begin(); });
  const button = (label, onclick) => make("button", { onclick }, label);
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, seed.element, make("p.actions", {}, button(words.draw, () => step(1)), button(words.walk, () => step(WALK)))),
    list,
    hint,
    rowTold,
    bars.element,
  );
  return {
    state,
    show() { seed.set(values.seed); begin(); },
    picture: () => pictureOfBars(bars.rows, colours),
    table: () => [
      ...bars.table(),
      ["drawn", "id", "probability"],
      ...walk.drawn.map(({ id, p }) => [spelt(tokens, id), id, Number(p.toPrecision(6))]),
    ],
  };
}

/** Whose row is shown, and which token came from it, where one is chosen. */
function rowWords(tokens, words, before, taken) {
  if (taken === null) return filled(words.row, { token: spelt(tokens, before) });
  return filled(words.rowBefore, { before: spelt(tokens, before), token: spelt(tokens, taken) });
}
