/** An encoder–decoder that the reader gives a sentence: what it writes, token by token, and where it looks meanwhile. */

import { makeSelect } from "./controls.js";
import { all, make } from "./elements.js";
import { makeGrid } from "./grid.js";
import { FORMS, whole } from "./link_state.js";
import { filled, written } from "./numbers.js";
import { spelt } from "./spelling.js";
import { chip, makeBars, makeText, markCurrent, numbered, walkable } from "./text_view.js";
import { tokenizer } from "./tokens.js";

const SIDE = 680; // the width of a page
const MOST_TOKENS = 64;
const SPELL_MS = 20;

/**
 * Cross-attention while a text was written, of one layer and head or the mean of a layer's heads.
 * @param {import("./translation.js").Written[]} steps
 * @param {number} layer
 * @param {number | null} head
 * @returns {import("./weights.js").Tensor} (T, S)
 */
export function crossMap(steps, layer, head) {
  const [numHeads, , width] = steps[0]?.weights[layer].shape ?? [1, 1, 0];
  const data = new Float32Array(steps.length * width), heads = head === null ? [...Array(numHeads).keys()] : [head];
  steps.forEach(({ weights }, row) => {
    for (const one of heads) {
      for (let s = 0; s < width; s++) data[row * width + s] += weights[layer].data[one * width + s] / heads.length;
    }
  });
  return { data, shape: [steps.length, width] };
}

/**
 * @param {import("./live.js").Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], opened: [opened], colours } = stage;
  const tokens = tokenizer(opened.tokenizer), numHeads = opened.config.num_heads;
  const most = Math.min(MOST_TOKENS, model.context - 1);
  const state = stage.state({
    text: { form: FORMS.text, start: settings.text },
    layer: whole(model.numLayers - 1, model.numLayers),
    head: whole(0, numHeads + 1), // 0: the mean of all
    step: whole(-1, Infinity, -1),
  });
  const { values } = state;
  const writer = makeWriter(model, () => draw());
  let ids = [];
  const text = makeText(tokens, words, most, {
    typed: (typed) => { values.text = typed; values.step = -1; state.keep(); begin(Infinity); },
    choose: null,
  });
  const chosen = () => values.step >= 0 ? Math.min(values.step, writer.steps.length - 1) : writer.steps.length - 1;
  const choose = (place) => { values.step = place; state.keep(); draw(); };
  const target = makeTarget(tokens, words, choose);
  const grid = makeGrid(SIDE, words.map, colours, choose, true);
  const bars = makeBars(tokens, words, null), told = make("p.chosen", { role: "status" });
  const name = (id) => id < tokens.size ? spelt(tokens, id) : words.end;
  const columns = () => [...ids.map((id) => spelt(tokens, id)), words.end];
  const map = () => crossMap(writer.steps, values.layer, values.head ? values.head - 1 : null);

  const draw = () => {
    const { steps } = writer, place = chosen(), step = steps[place];
    target.show(steps, place);
    const weights = map(), most = weights.data.reduce((a, b) => Math.max(a, b), 1e-9);
    grid.draw({ ...weights, data: weights.data.map((weight) => weight / most) }, () => false, steps.map(({ id }) => name(id)), ids.length ? columns() : [], place);
    told.textContent = step ? filled(words.step, { place: written(place + 1, 0), token: name(step.id) }) : "";
    if (step) bars.show(step.probabilities, step.id);
    else bars.clear();
  };
  const begin = (count) => {
    ids = text.show(values.text);
    writer.begin(ids);
    if (count) writer.write(count);
    else draw();
  };
  const pick = (field) => (value) => { values[field] = value; state.keep(); draw(); };
  const layers = makeSelect(words.layer, numbered(model.numLayers), pick("layer"));
  const heads = makeSelect(words.head, [words.mean, ...numbered(numHeads)], pick("head"));
  const button = (label, onclick) => make("button", { onclick }, label);
  const look = () => { values.step = -1; state.keep(); }; // at the last token
  const more = (count) => () => { if (!writer.isBusy) { look(); writer.write(count); } };
  const again = () => { look(); begin(0); };
  const buttons = [button(words.again, again), button(words.one, more(1)), button(words.rest, more(Infinity))];
  stage.room.append(
    ...text.elements,
    make("div.controls", {}, layers.element, heads.element, make("p.actions", {}, ...buttons)),
    target.element,
    make("div.live-pair.top.tight", {}, grid.canvas, make("div.beside", {}, told, bars.element)),
  );
  return {
    state,
    show() { layers.set(values.layer); heads.set(values.head); begin(Infinity); },
    picture: () => grid.canvas,
    table: () => {
      const { data, shape: [, width] } = map();
      return [
        ["written", "probability", ...columns()],
        ...writer.steps.map(({ id, probabilities }, row) => [name(id), Number(probabilities[id].toPrecision(6)),
          ...Array.from(data.subarray(row * width, (row + 1) * width), (weight) => Number(weight.toFixed(6)))]),
      ];
    },
  };
}

/** What the model writes, token by token, in short spells. @param {any} model @param {() => void} draw */
function makeWriter(model, draw) {
  /** @type {import("./translation.js").Written[]} */
  let steps = [];
  let writing = null, timer = 0;
  return {
    get steps() { return steps; },
    get isBusy() { return timer > 0; },
    /** @param {number[]} ids of the source */
    begin(ids) {
      clearTimeout(timer);
      [steps, writing, timer] = [[], ids.length ? model.generate(ids) : null, 0];
    },
    /** @param {number} count of tokens, at most */
    write(count) {
      timer = 0;
      const until = performance.now() + SPELL_MS;
      while (count > 0 && writing) {
        const { done, value } = writing.next();
        if (done) writing = null;
        else steps.push(value);
        count--;
        if (performance.now() > until) break;
      }
      draw();
      if (count > 0 && writing) timer = setTimeout(() => this.write(count), 0);
    },
  };
}

/** The tokens that were written, of which one is chosen. @param {(place: number) => void} choose */
function makeTarget(tokens, words, choose) {
  const element = make("ol.tokens.walked.written-tokens", { "aria-label": words.written });
  walkable(element, ".chip", choose);
  return {
    element,
    /** @param {import("./translation.js").Written[]} steps @param {number} chosen */
    show(steps, chosen) {
      element.replaceChildren(...steps.map(({ id, isEnd, probabilities }, at) => {
        const item = isEnd
          ? make("li", { onclick: () => choose(at) }, make("span.tt", {}, words.end), make("span.tn", {}))
          : chip(tokens, id, { onclick: () => choose(at) });
        item.className = "chip";
        item.lastChild.textContent = written(probabilities[id], 3);
        return item;
      }));
      markCurrent(all(element, ".chip"), chosen);
    },
  };
}
