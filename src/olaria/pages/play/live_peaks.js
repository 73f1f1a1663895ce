/** Two peaks that the reader moves, and one normal distribution: the best for each direction of the divergence. */

import { makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { logDensity } from "./gaussians.js";
import { FORMS } from "./link_state.js";
import { span, written } from "./numbers.js";
import { both, logMixture, moments, searching } from "./peaks.js";
import { makePlot } from "./plot.js";

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
  const { values } = state, x = span(-EDGE, EDGE, POINTS);
  const plot = makePlot(600, 300, colours, words.seen);
  const body = make("tbody", {}), told = make("p.small", { role: "status" });
  /** @returns {import("./peaks.js").Mixture} */
  const mixture = () => ({
    weights: [values.share, 1 - values.share],
    parts: [[values.leftMean, values.leftStd], [values.rightMean, values.rightStd]],
  });
  /** @type {any[]} names of fits, and the fits */
  let fits = [], frame = 0;

  const draw = (p) => {
    const density = x.map((place) => Math.exp(logMixture(p, place)));
    const curves = [{ x, y: density, colour: colours.muted, name: "p", filled: true }];
    const looks = { wide: { colour: colours.blue }, narrow: { colour: colours.clay }, other: { colour: colours.clay, dashed: true } };
    for (const { name, q } of fits) {
      const y = x.map((place) => Math.exp(logDensity(place, q[0], q[1])));
      curves.push({ x, y, ...looks[name], ...(name === "other" ? {} : { name: words[name] }) });
    }
    const highest = Math.max(...curves.flatMap(({ y }) => y));
    plot.draw({ x: [-EDGE, EDGE], y: [0, 1.08 * highest], xName: "x", curves });
  };
  const fill = (p) => {
    body.replaceChildren(...fits.map(({ name, q }) => make(
      "tr", {}, make("th", { scope: "row" }, words[name]),
      ...[...q, ...both(p, q)].map((value) => make("td.n", {}, written(value, 3))),
    )));
  };
  /** Both searches go on, one from each peak, a few rounds at a time, and are drawn as they go. */
  const search = () => {
    cancelAnimationFrame(frame);
    const p = mixture(), wide = { name: "wide", q: moments(p) };
    const searches = p.parts.map((part) => searching(p, part)), found = p.parts.map((part) => [...part]);
    const next = () => {
      const end = performance.now() + SLICE_MS;
      const ended = [false, false];
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
      fill(p);
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
  const heads = ["", words.mean, words.std, words.forward, words.backward];
  room.append(
    plot.canvas,
    make("div.controls.peaks", {}, ...sliders.map(({ element }) => element)),
    make("div.scroll", {}, make("table", {},
      make("thead", {}, make("tr", {}, ...heads.map((head) => make(head ? "th.n" : "td", head ? { scope: "col" } : {}, head)))),
      body)),
    told,
  );
  return {
    state,
    show() {
      sliders.forEach((slider, i) => slider.set(values[FIELDS[i].name]));
      search();
    },
    picture: () => plot.canvas,
    table: () => [
      ["q", "mean", "std", "D(p|q)", "D(q|p)"],
      ...fits.map(({ name, q }) => [name, ...q, ...both(mixture(), q)]),
    ],
  };
}
