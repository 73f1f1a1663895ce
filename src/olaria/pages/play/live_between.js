/** The way between the codes of two images: mixed and decoded, above the same mix of their pixels. */

import { drawImage, makeImage, sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make, press } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { filled, imageRows, written } from "./numbers.js";
import { makeQueue } from "./pieces.js";
import { squaredError } from "./strange.js";
import { makeThumbs } from "./thumbnails.js";
import { between } from "./walk.js";

const SIDE = 200;
const STOP_SIDE = 60;
const STOPS = 9; // as many as the static figure has

/** @typedef {import("./live.js").Stage} Stage */

/**
 * Both mixes at every place of the way between two codes.
 * @param {any} model
 * @param {number[][]} codes of both images
 * @param {number | null} y class that the decoder is given
 * @returns {(t: number) => {z: number[], byCodes: Float32Array, byPixels: Float32Array}} of t in [0, 1]
 */
export function mixer(model, [a, b], y) {
  const [one, other] = [a, b].map((code) => model.decode(code, y));
  return (t) => {
    const z = between(a, b, t, false);
    return { z, byCodes: model.decode(z, y), byPixels: one.map((value, i) => (1 - t) * value + t * other[i]) };
  };
}

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], colours } = stage;
  const { codes, told } = settings;
  const state = stage.state({
    from: whole(settings.from, codes.length),
    to: whole(settings.to, codes.length),
    t: { form: FORMS.number, start: 0.5, fits: (value) => value >= 0 && value <= 1 },
    class: whole(told?.[settings.from] ?? 0, Math.max(1, model.classes)),
  });
  const { values } = state;
  const newMixer = () => mixer(model, [codes[values.from], codes[values.to]], model.classes ? values.class : null);
  const [byCodes, byPixels] = [words.byCodes, words.byPixels].map((name) => makeImage(SIDE, model.shape, name));
  const apart = make("output", {});
  const drawNext = makeQueue(), fillNext = makeQueue();
  /** @type {ReturnType<typeof mixer>} */
  let at;
  const draw = () => {
    const now = at(values.t);
    drawImage(byCodes, now.byCodes, model.shape);
    drawImage(byPixels, now.byPixels, model.shape);
    apart.value = filled(words.apart, { error: written(squaredError(now.byCodes, now.byPixels)) });
  };
  const moved = () => {
    state.keep();
    slider.set(values.t);
    stops.forEach(({ button }, i) => press(button, Math.abs(values.t - i / (STOPS - 1)) < 1e-3));
    drawNext([draw]);
  };
  const show = () => {
    at = newMixer();
    for (const name of ["from", "to"]) thumbs[name].press(values[name]);
    select?.set(values.class);
    fillNext(stops.map((stop, i) => () => stop.show(at(i / (STOPS - 1)))));
    moved();
  };
  const slider = makeSlider("t", { min: 0, max: 1, step: 0.01, value: values.t },
    (value) => written(value, 2), (t) => { values.t = t; moved(); });
  const select = model.classes ? makeSelect(words.class, settings.classNames, (y) => { values.class = y; show(); }) : null;
  const stops = Array.from({ length: STOPS }, (_, i) =>
    makeStop(written(i / (STOPS - 1), 3), model.shape, () => { values.t = i / (STOPS - 1); moved(); }));
  const thumbs = makeEnds(stage, (name, place) => {
    values[name] = place;
    if (name === "from" && told) values.class = told[place];
    show();
  });
  const shown = (canvas, name) => make("div", {}, canvas, make("p.small", {}, name));
  stage.room.append(
    ...Object.values(thumbs).map(({ element }) => element),
    make("div.mixes", {}, shown(byCodes, words.byCodes), shown(byPixels, words.byPixels)),
    make("p.small", {}, apart),
    make("div.controls", {}, slider.element, ...(select ? [select.element] : [])),
    make("p.stops.starts", {}, ...stops.map(({ button }) => button)),
    make("p.small", {}, words.rows),
  );
  return {
    state,
    show,
    picture: () => sideBySide([byCodes, byPixels], colours.ground),
    table: () => {
      const { z, ...images } = at(values.t);
      return [
        ["t", values.t],
        ["z", ...z],
        ...imageRows("codes, row", images.byCodes, model.shape),
        ...imageRows("pixels, row", images.byPixels, model.shape),
      ];
    },
  };
}

/**
 * Images for both ends of the way; they are decoded one a frame.
 * @param {Stage} stage
 * @param {(end: string, place: number) => void} choose
 */
function makeEnds({ settings: { codes, told, names }, words, models: [model] }, choose) {
  const ends = Object.fromEntries(["from", "to"].map((end) => {
    const thumbs = makeThumbs(words[end], names.map((name) => `${words[end]} ${name}`), model.shape, (place) => choose(end, place));
    thumbs.element.classList.add("ends");
    return [end, thumbs];
  }));
  makeQueue()(codes.map((z, place) => () => {
    const pixels = model.decode(z, told?.[place] ?? 0);
    for (const thumbs of Object.values(ends)) thumbs.draw(place, pixels);
  }));
  return ends;
}

/** A place of the way: both mixes, one above the other. */
function makeStop(name, shape, onclick) {
  const canvases = [0, 1].map(() => makeImage(STOP_SIDE, shape));
  return {
    button: make("button.start", { onclick, "aria-label": `t = ${name}` }, ...canvases, make("span", {}, name)),
    show: ({ byCodes, byPixels }) => [byCodes, byPixels].forEach((pixels, i) => drawImage(canvases[i], pixels, shape)),
  };
}
