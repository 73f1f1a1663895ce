/** Two peaks that the reader moves, and one normal distribution: the best for each direction of the divergence. */

import { makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { logDensity } from "./gaussians.js";
import { FORMS } from "./link_state.js";
import { span, written } from "./numbers.js";
import { both, logMixture, moments, searching } from "./peaks.js";
import { makePlot } from "./plot.js";
import { scrolling } from "./scroll.js";

const EDGE = 6, POINTS = 241; // of the drawing
const SLICE_MS = 8; // of the search between two frames
const SAME = 0.02; // how near two fits are one
const FIELDS = [
  { name: "leftMean", min: -4, max: 4 },
  { name: "leftStd", min: 0.3, max: 2 },
  { name: "rightMean", min: -4, max: 4 },
  { name: "rightStd", min: 0.3, max: 2 },
  { name: "share", min: 0.05, max: 0.95 },
];

/** @typedef {import("./live.js").Stage} Stage */
/** @typedef {import("./gaussians.js").Gaussian} Gaussian */
/** @typedef {import("./peaks.js").Mixture} Mixture */
/** @typedef {{name: string, q: Gaussian}} Fit */

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part({ room, settings, words, colours, state: stateOf }) {
  const starts = [...settings.parts[0], ...settings.parts[1], settings.share];
  const state = stateOf(Object.fromEntries(FIELDS.map(({ name, min, max }, i) => [
    name,
    { form: FORMS.number, start: starts[i], fits: (value) => value >= min && value <= max },
  ])));
  const { values } = state;
  const plot = makePlot(600, 300, colours, words.seen);
  const body = make("tbody", {}), told = make("p.small", { role: "status" });
  const mixture = () => mixtureOf(values);
  /** @type {Fit[]} */
  let fits = [];
  let frame = 0;

  const draw = (p) => {
    plot.draw(curvesOf(p, fits, words, colours));
    body.replaceChildren(...fits.map(({ name, q }) => make(
      "tr", {}, make("th", { scope: "row" }, words[name]),
      ...[...q, ...both(p, q)].map((value) => make("td.n", {}, written(value, 3))),
    )));
  };
  /** Both searches go on, one from each peak, a few rounds at a time, and are drawn as they go. */
  const search = () => {
    cancelAnimationFrame(frame);
    const p = mixture(), wide = { name: "wide", q: moments(p) };
    const searches = p.parts.map((part) => searching(p, part));
    /** @type {Gaussian[]} */
    const found = p.parts.map((part) => [...part]);
    const next = () => {
      const end = performance.now() + SLICE_MS, ended = [false, false];
      for (let i = 0; i < 2 && performance.now() < end; i++) {
        searches.forEach((one, k) => {
          const { done, value } = one.next();
          if (value) found[k] = value;
          ended[k] = !!done;
        });
      }
      const isDone = ended.every(Boolean);
      const nats = found.map(([mean, std]) => both(p, [mean, std])[1]), best = nats[1] < nats[0] ? 1 : 0;
      const isOne = Math.hypot(found[0][0] - found[1][0], found[0][1] - found[1][1]) < SAME;
      fits = [wide, { name: "narrow", q: found[best] }, ...(isOne ? [] : [{ name: "other", q: found[1 - best] }])];
      draw(p);
      told.textContent = !isDone ? words.searching : isOne ? words.one : words.two;
      frame = isDone ? 0 : requestAnimationFrame(next);
    };
    next();
  };
  const sliders = FIELDS.map(({ name, min, max }) => makeSlider(
    words[name],
    { min, max, step: 0.05, value: values[name] },
    (value) => written(value, 2),
    (value) => { values[name] = value; state.keep(); search(); },
  ));
  room.append(
    plot.canvas,
    make("div.controls.peaks", {}, ...sliders.map(({ element }) => element)),
    ...scrolling(make("table", {}, headOf(words), body), words),
    told,
  );
  return {
    state,
    show() { sliders.forEach((slider, i) => slider.set(values[FIELDS[i].name])); search(); },
    picture: () => plot.canvas,
    table: () => [
      ["q", "mean", "std", "D(p|q)", "D(q|p)"],
      ...fits.map(({ name, q }) => [name, ...q, ...both(mixture(), q)]),
    ],
  };
}

/** The density p. @param {any} values @returns {Mixture} */
const mixtureOf = ({ leftMean, leftStd, rightMean, rightStd, share }) => ({
  weights: [share, 1 - share],
  parts: [[leftMean, leftStd], [rightMean, rightStd]],
});

/** The headings of the table of fits. @param {Record<string, string>} words */
const headOf = ({ mean, std, forward, backward }) => make("thead", {}, make("tr", {}, make("td"),
  ...[mean, std, forward, backward].map((name) => make("th.n", { scope: "col" }, name))));

/**
 * The density p, and each fit.
 * @param {Mixture} p
 * @param {Fit[]} fits
 * @param {Record<string, string>} words
 * @param {any} colours
 * @returns {import("./plot.js").Chart}
 */
function curvesOf(p, fits, words, { muted, blue, clay }) {
  const x = span(-EDGE, EDGE, POINTS), density = x.map((place) => Math.exp(logMixture(p, place)));
  const looks = { wide: { colour: blue }, narrow: { colour: clay }, other: { colour: clay, dashed: true } };
  const curves = [{ x, y: density, colour: muted, name: "p", filled: true }, ...fits.map(({ name, q }) => ({
    x,
    y: x.map((place) => Math.exp(logDensity(place, ...q))),
    ...looks[name],
    ...(name === "other" ? {} : { name: words[name] }),
  }))];
  const highest = Math.max(...curves.flatMap(({ y }) => y));
  return { x: [-EDGE, EDGE], y: [0, 1.08 * highest], xName: "x", curves };
}
