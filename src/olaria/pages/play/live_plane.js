/** The codes of an autoencoder or a VAE: a point to be dragged, sliders, and what the decoder draws at once. */

import { drawImage, makeImage, sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { imageRows, written } from "./numbers.js";
import { makePlane } from "./plane_view.js";
import { makeThumbs } from "./thumbnails.js";

const IMAGE_SIDE = 260; // in CSS pixels

/** @typedef {import("./live.js").Stage} Stage */

/**
 * The code at a place: that of a test image, but for the dimensions that are moved.
 * @param {any} settings
 * @param {{from: number, at: number[]}} values
 * @returns {number[]}
 */
export function codeAt({ starts, sliders }, { from, at }) {
  const z = [...starts[from]];
  sliders.forEach((place, i) => { z[place] = at[i]; });
  return z;
}

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], colours } = stage;
  const { low, high, names, starts, sliders } = settings;
  const startsAt = (from) => sliders.map((place) => starts[from][place]);
  const state = stage.state({
    from: whole(0, starts.length),
    at: { form: FORMS.numbers, start: startsAt(0), fits: (value) => value.length === sliders.length },
    class: whole(settings.told?.[0] ?? 0, Math.max(1, model.classes)),
  });
  const { values } = state;
  const image = makeImage(IMAGE_SIDE, model.shape, words.drawn);
  const decode = (z, y) => model.decode(z, model.classes ? y : null);
  let pixels = decode(starts[0], values.class), asked = 0;
  const draw = () => {
    asked = 0;
    pixels = decode(codeAt(settings, values), values.class);
    drawImage(image, pixels, model.shape);
    plane?.draw();
  };
  const moved = () => {
    state.keep();
    if (!asked) asked = requestAnimationFrame(draw);
  };
  const bars = names.map((name, i) => makeSlider(
    name,
    { min: low[i], max: high[i], step: "any", value: values.at[i] },
    (value) => written(value, 2),
    (value) => { values.at[i] = value; moved(); },
  ));
  const plane = names.length > 1 ? makePlane(settings, words.plane, colours, {
    at: () => values.at,
    move: (...place) => {
      values.at.splice(0, 2, ...place);
      bars.forEach((bar, i) => bar.set(values.at[i]));
      moved();
    },
  }) : null;
  const select = model.classes ? makeSelect(words.class, settings.classNames, (y) => { values.class = y; moved(); }) : null;
  const show = () => {
    bars.forEach((bar, i) => bar.set(values.at[i]));
    select?.set(values.class);
    draw();
  };
  const begin = (from) => {
    values.from = from;
    values.at = startsAt(from);
    values.class = settings.told?.[from] ?? values.class;
    state.keep();
    show();
  };
  const thumbs = makeThumbs(words.starts, settings.startNames, model.shape, begin, true);
  starts.forEach((z, from) => thumbs.draw(from, decode(z, settings.told?.[from] ?? 0)));
  stage.room.append(
    thumbs.element,
    make("div.live-pair", {}, ...(plane ? [plane.canvas] : []), image),
    ...(plane ? [make("p.small.controls", {}, words.plane)] : []),
    make("div.controls.codes", {}, ...bars.map((bar) => bar.element), ...(select ? [select.element] : [])),
  );
  return {
    state,
    show,
    picture: () => sideBySide(plane ? [plane.canvas, image] : [image], colours.ground),
    table: () => [
      ["z", ...codeAt(settings, values)],
      ...imageRows("row", pixels, model.shape),
    ],
  };
}
