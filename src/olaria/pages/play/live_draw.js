/** An image that the reader draws: what the model makes of it at once, and how strange it is to the model. */

import { CHANGES, plain, readPixels, settled, writePixels } from "./brush.js";
import { channelsOf, drawImage, makeImage, sideBySide } from "./canvas.js";
import { makeCodeView } from "./code_view.js";
import { makeSelect } from "./controls.js";
import { makePad } from "./drawing_pad.js";
import { make, press } from "./elements.js";
import { normals } from "./fresh.js";
import { FORMS, whole } from "./link_state.js";
import { filled, imageRows, written } from "./numbers.js";
import { makeQueue } from "./pieces.js";
import { makePlot } from "./plot.js";
import { nearestDistance, outline, shareBelow, squaredError } from "./strange.js";
import { makeThumbs } from "./thumbnails.js";
import { noiseOf } from "./walk.js";
import { decodeBase64, toFloats } from "./weights.js";

const PAD_SIDE = 270;
const SIDE = 160;
const DRAW_SIDE = 60;
const DRAWS = 6; // codes of one distribution
const BINS = 24;
const BLANK = -1; // place of the image that has nothing on it

/** @typedef {import("./live.js").Stage} Stage */

/**
 * @typedef {object} Made
 * @property {any} said by the encoder
 * @property {Float32Array} rebuilt
 * @property {Float32Array} difference of each pixel value, in size
 */

/**
 * What a model makes of an image.
 * @param {any} model
 * @param {Float32Array} pixels
 * @param {number | null} y class that the decoder is given
 * @returns {Made}
 */
export function through(model, pixels, y) {
  const said = model.encode(pixels, y);
  const rebuilt = model.decode(said.code ?? said.mean, y);
  return { said, rebuilt, difference: rebuilt.map((value, i) => Math.abs(value - pixels[i])) };
}

/**
 * How each score of an image is computed, by its name in `olaria.evaluation.anomaly`.
 * @type {Record<string, (score: any) => (pixels: Float32Array, made: Made) => number>}
 */
export const SCORES = {
  error: () => (pixels, { rebuilt }) => squaredError(rebuilt, pixels),
  code: ({ known, spread }) => {
    const others = toFloats(decodeBase64(known));
    return (_, { said }) => nearestDistance(said.code ?? said.mean, others, spread);
  },
};

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model] } = stage;
  const { paper, told } = settings, { shape } = model, blank = plain(shape, paper);
  const images = settings.images.map((text) => Float32Array.from(decodeBase64(text), (value) => value / 255));
  const state = stateOfDrawing(stage, images.length, blank.length), { values } = state;
  const drawNext = makeQueue();
  let pixels = blank;
  /** @type {Made | null} */
  let made = null;
  const now = () => made ??= through(model, pixels, classOf(model, values));
  const moved = () => {
    made = null;
    state.keep();
    view.press();
    drawNext([() => view.draw(pixels, now())]);
  };
  const set = (next) => {
    pixels = settled(next);
    values.image = writePixels(pixels);
    moved();
  };
  const show = () => {
    view.lift();
    pixels = values.image ? readPixels(values.image, blank.length) : images[values.from] ?? blank;
    moved();
  };
  const begin = (from) => {
    Object.assign(values, { from, image: "", class: told?.[from] ?? values.class });
    show();
  };
  const view = makeView(stage, values, images, {
    begin,
    set,
    pixels: () => pixels,
    change: (name) => { view.lift(); set(CHANGES[name](pixels, shape, paper, normals(Math.random))); },
    choose: (place) => { values.class = place; moved(); },
    again: () => { values.eps += 1; state.keep(); view.redraw(); },
  });
  return {
    state,
    show,
    picture: view.picture,
    table: () => [
      ...view.scores.table(pixels, now()),
      ...["mean", "std", "code"].flatMap((name) => (now().said[name] ? [[name, ...now().said[name]]] : [])),
      ...imageRows("image, row", pixels, shape),
      ...imageRows("rebuilt, row", now().rebuilt, shape),
    ],
  };
}

/** The class that the decoder is given; null where it is given none. */
const classOf = (model, values) => (model.classes ? values.class : null);

/** @param {Stage} stage @param {number} count of images @param {number} size of an image */
function stateOfDrawing({ state, settings, models: [model] }, count, size) {
  return state({
    from: whole(0, count, BLANK),
    image: { form: FORMS.text, start: "", fits: (text) => !text || readPixels(text, size) !== null },
    class: whole(settings.told?.[0] ?? 0, Math.max(1, model.classes)),
    eps: whole(0, 1e6),
  });
}

/**
 * Everything that is seen, in the room of the stage.
 * @param {Stage} stage
 * @param {any} values
 * @param {Float32Array[]} images
 * @param {any} acts
 */
function makeView({ room, settings, words, models: [model], colours }, values, images, acts) {
  const { shape } = model;
  const tools = makeTools(shape, words, settings.paper, acts);
  const pad = makePad(PAD_SIDE, shape, words.pad, colours.clay, acts.pixels, tools.colour, acts.set);
  const [rebuilt, difference] = [words.rebuilt, words.difference].map((name) => makeImage(SIDE, shape, name));
  const scores = makeScores(settings, words, colours);
  const code = makeCodeView(settings.names, settings.reach, settings.hasPrior, settings.codeTitle, colours);
  const draws = model.redraw ? makeDraws(shape, words, (k) => {
    const y = classOf(model, values), eps = noiseOf(values.eps * DRAWS + k, model.latent);
    return model.decode(model.redraw(acts.pixels(), eps, y), y);
  }, acts.again) : null;
  const thumbs = makeThumbs(words.starts, settings.imageNames, shape, acts.begin);
  images.forEach((pixels, place) => thumbs.draw(place, pixels));
  const select = model.classes ? makeSelect(words.class, settings.classNames, acts.choose) : null;
  const named = (canvas, name) => make("div", {}, canvas, make("p.small", {}, name));
  room.append(
    thumbs.element,
    make("div.pads", {}, named(pad.canvas, words.yours), named(rebuilt, words.rebuilt), named(difference, words.difference)),
    tools.element,
    ...(select ? [make("div.controls", {}, select.element)] : []),
    make("p.small.controls", {}, words.keys),
    make("div.beneath", {}, make("div", {}, scores.element, ...(draws ? [draws.element] : [])), named(code.canvas, settings.codeTitle)),
  );
  return {
    scores,
    lift: pad.end,
    redraw: () => draws?.show(),
    press() {
      thumbs.press(values.image ? null : values.from);
      select?.set(values.class);
    },
    draw(pixels, made) {
      const of = (numbers) => settings.places.map((place) => numbers[place]);
      pad.draw();
      drawImage(rebuilt, made.rebuilt, shape);
      drawImage(difference, made.difference, shape);
      scores.show(pixels, made);
      code.draw(of(made.said.mean), made.said.std ? of(made.said.std) : null);
      draws?.show();
    },
    picture: () => sideBySide([pad.canvas, rebuilt, difference], colours.ground),
  };
}

/** Buttons for the pen and for the whole image. */
function makeTools([channels], words, paper, { begin, change }) {
  const button = (text, onclick, more = {}) => make("button", { onclick, ...more }, text);
  const eraser = button(words.eraser, () => erase(!isErasing), { "aria-pressed": "false" });
  let isErasing = false;
  const erase = (value) => { isErasing = value; press(eraser, value); };
  const picker = make("input", { type: "color", value: paper ? "#1f3a5f" : "#e8b04a" });
  const colour = make("label", {}, words.colour, " ", picker);
  return {
    element: make(
      "p.controls.tools",
      {},
      eraser,
      ...(channels === 3 ? [colour] : []),
      ...Object.keys(CHANGES).map((name) => button(words[name], () => change(name))),
      button(words.clear, () => { erase(false); begin(BLANK); }),
    ),
    colour: () => {
      if (isErasing) return Array(channels).fill(paper);
      return channels === 3 ? channelsOf(picker.value).map((value) => value / 255) : [1 - paper];
    },
  };
}

/** Every score as a sentence and as a place in the histogram of the scores of test images. */
function makeScores({ scores, count }, words, colours) {
  const rows = scores.map((score) => {
    const { name, quantiles } = score;
    const plot = makePlot(340, 150, colours, words[`axis_${name}`]), known = written(score.knownCount ?? 0, 0);
    const bars = outline(quantiles, BINS), most = Math.max(...bars.y) * 1.1;
    return { name, quantiles, known, of: SCORES[name](score), plot, bars, most, told: make("output.told", {}) };
  });
  const tell = (name, value, share, known) => {
    const way = share <= 0 ? "none" : share >= 1 ? "every" : "above";
    const percent = written(100 * share, share > 0.99 || share < 0.01 ? 1 : 0);
    const measured = filled(words[`score_${name}`], { value: written(value), known });
    return `${measured} ${filled(words[way], { share: percent, count: written(count, 0) })}`;
  };
  return {
    element: make("div.scores", {}, ...rows.flatMap(({ told, plot }) => [make("p", {}, told), plot.canvas])),
    show(pixels, made) {
      for (const { name, quantiles, known, of, plot, bars, most, told } of rows) {
        const value = of(pixels, made), right = Math.max(quantiles.at(-1), value) * 1.04 || 1;
        told.value = tell(name, value, shareBelow(quantiles, value), known);
        plot.draw({
          x: [0, right],
          y: [0, most],
          xName: words[`axis_${name}`],
          yName: words.ofTest,
          curves: [{ ...bars, colour: colours.blue, filled: true }],
          mark: [value, 0],
        });
      }
    },
    table: (pixels, made) => rows.map(({ name, quantiles, of }) => {
      const value = of(pixels, made);
      return [name, value, shareBelow(quantiles, value)];
    }),
  };
}

/** Draws of the code of one image, decoded, one a frame. */
function makeDraws(shape, words, at, again) {
  const fillNext = makeQueue();
  const canvases = Array.from({ length: DRAWS }, () => makeImage(DRAW_SIDE, shape));
  return {
    element: make(
      "div.draws",
      {},
      make("p.controls", {}, make("button", { onclick: again }, words.again)),
      make("div.drawn-row", { role: "img", "aria-label": words.draws }, ...canvases),
      make("p.small", {}, words.draws),
    ),
    show: () => fillNext(canvases.map((canvas, k) => () => drawImage(canvas, at(k), shape))),
  };
}
