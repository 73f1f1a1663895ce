/** A VAE and an autoencoder side by side: one gesture moves the points of both planes, and both decoders draw. */

import { drawImage, drawTiles, makeCanvas, makeImage, sideBySide } from "./canvas.js";
import { makeSelect } from "./controls.js";
import { make } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { filled, imageRows, written } from "./numbers.js";
import { makePlane } from "./plane_view.js";
import { makeThumbs } from "./thumbnails.js";
import { noiseOf } from "./walk.js";

const REACH = 3.5; // of a plane, in standard deviations around the mean of its codes
const IMAGE_SIDE = 170;
const TILES_SIDE = 300;
const NUM_RANDOM = 8;
const COLUMNS = 4;
const PRIOR = 2; // standard deviations of N(0, I) that the ring marks

/** @typedef {import("./live.js").Stage} Stage */

/**
 * One of the two models and its plane.
 * @typedef {object} Side
 * @property {string} name of its run
 * @property {number[]} axes the dimensions used most, two or one
 * @property {string[]} names of both axes
 * @property {number[][]} points (count, 2)
 * @property {number[]} mean (2,)
 * @property {number[]} std (2,)
 * @property {number[][]} starts codes of the images to begin at
 */

/**
 * The code at a place: that of a test image, but for the dimensions of the plane.
 * @param {Side} side
 * @param {{from: number, at: number[]}} values `at` in standard deviations from the mean
 * @returns {number[]}
 */
export function codeOn({ starts, axes, mean, std }, { from, at }) {
  const z = [...starts[from]];
  axes.forEach((axis, i) => { z[axis] = mean[i] + at[i] * std[i]; });
  return z;
}

/**
 * Random codes from N(0, I): a turn of the button gives both models the same numbers, as many as each needs.
 * @param {number} turn from 1 on
 * @param {number} latent
 * @returns {number[][]}
 */
export const randomCodes = (turn, latent) =>
  Array.from({ length: NUM_RANDOM }, (_, i) => noiseOf((turn - 1) * NUM_RANDOM + i, latent));

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models, colours } = stage;
  const [{ classes }] = models;
  const state = stage.state({
    from: whole(0, settings.startNames.length),
    at: { form: FORMS.numbers, start: settings.at, fits: (value) => value.length === 2 && value.every((x) => Math.abs(x) <= REACH) },
    class: whole(settings.told?.[0] ?? 0, Math.max(1, classes)),
    random: whole(0, 1e6),
  });
  const { values } = state;
  let asked = 0;
  const moved = () => {
    state.keep();
    if (!asked) asked = requestAnimationFrame(draw);
  };
  const move = (x, y) => { values.at = [x, y]; moved(); };
  const sides = settings.sides.map((side, i) => makeSide(stage, side, models[i], values, move));
  const place = make("p.small", { role: "status" });
  const draw = () => {
    asked = 0;
    for (const side of sides) side.draw();
    place.textContent = filled(words.place, { x: written(values.at[0], 2), y: written(values.at[1], 2) });
  };
  const select = classes
    ? makeSelect(words.class, settings.classNames, (y) => { values.class = y; changed(); })
    : null;
  const show = () => {
    select?.set(values.class);
    for (const side of sides) side.drawRandom();
    draw();
  };
  const changed = () => { state.keep(); show(); };
  const begin = (from) => {
    const [{ starts, axes, mean, std }] = settings.sides;
    const within = (x) => Math.max(-REACH, Math.min(REACH, x));
    values.from = from;
    values.at = [0, 1].map((i) => i in axes ? within((starts[from][axes[i]] - mean[i]) / std[i]) : 0);
    values.class = settings.told?.[from] ?? values.class;
    changed();
  };
  const onrandom = () => { values.random += 1; changed(); };
  const isWide = settings.sides.some(({ starts }) => starts[0].length > 2);
  const [own] = settings.sides, label = filled(isWide ? words.starts : words.begin, { name: own.name });
  const thumbs = makeThumbs(label, settings.startNames, models[0].shape, begin, true);
  own.starts.forEach((z, from) =>
    thumbs.draw(from, models[0].decode(z, classes ? settings.told?.[from] ?? 0 : null)));
  stage.room.append(
    thumbs.element,
    make("div.sides", {}, ...sides.map(({ element }) => element)),
    place,
    make("p.small.key", {}, words.key),
    make("div.controls", {}, make("button", { onclick: onrandom }, words.random), ...(select ? [select.element] : [])),
  );
  return {
    state,
    show,
    picture: () => sideBySide(sides.flatMap(({ canvases }) => canvases().filter((one) => !one.hidden)), colours.ground),
    table: () => sides.flatMap((side) => side.table()),
  };
}

/**
 * The plane of a model, what its decoder draws at the point, and what it draws for random codes.
 * @param {Stage} stage
 * @param {Side} side
 * @param {any} model
 * @param {any} values
 * @param {(x: number, y: number) => void} move both points, in standard deviations
 */
function makeSide({ settings, words, colours }, side, model, values, move) {
  const { name, names, points, mean, std, axes } = side, named = { name };
  const ratio = model.shape[1] / model.shape[2];
  const image = makeImage(IMAGE_SIDE, model.shape, filled(words.drawn, named));
  const tiles = makeCanvas(TILES_SIDE, TILES_SIDE * ratio * (NUM_RANDOM / COLUMNS) / COLUMNS, {
    role: "img",
    "aria-label": filled(words.randomDrawn, named),
  });
  const decode = (z) => model.decode(z, model.classes ? values.class : null);
  /** @type {{codes: number[][], images: Float32Array[]}} */
  let random = { codes: [], images: [] };
  let pixels = new Float32Array(0);
  const on = (z) => [0, 1].map((i) => i in axes ? z[axes[i]] : 0);
  const ends = (turn) => mean.map((middle, i) => middle + turn * REACH * std[i]);
  const plane = makePlane(
    { low: ends(-1), high: ends(1), points, labels: settings.labels, classNames: settings.classNames, names },
    filled(words.plane, named),
    colours,
    {
      at: () => mean.map((middle, i) => middle + values.at[i] * std[i]),
      move: (x, y) => move((x - mean[0]) / std[0], (y - mean[1]) / std[1]),
      over: () => ({ radii: [PRIOR, PRIOR], name: "N(0, I)", marks: random.codes.map(on) }),
    },
  );
  const scale = filled(axes.length > 1 ? words.scale : words.scaleOfOne, { x: written(std[0], 2), y: written(std[1], 2) });
  return {
    element: make("div", {}, make("p.name", {}, make("b", {}, name)), plane.canvas, make("p.small", {}, scale), image, tiles),
    draw() {
      pixels = decode(codeOn(side, values));
      drawImage(image, pixels, model.shape);
      plane.draw();
    },
    drawRandom() {
      const codes = values.random ? randomCodes(values.random, model.latent) : [];
      random = { codes, images: codes.map(decode) };
      tiles.hidden = !codes.length;
      drawTiles(tiles, random.images, model.shape, COLUMNS);
    },
    canvases: () => [plane.canvas, image, tiles],
    table: () => [
      [`${name}: z`, ...codeOn(side, values)],
      ...imageRows(`${name}: row`, pixels, model.shape),
      ...random.codes.flatMap((z, i) => [
        [`${name}: random code ${i + 1}`, ...z],
        ...imageRows(`${name}: random code ${i + 1}, row`, random.images[i], model.shape),
      ]),
    ],
  };
}
