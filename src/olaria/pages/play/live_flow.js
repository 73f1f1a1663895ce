/** Points on their way from noise to data: on the straight lines of training, or along the network's velocity. */

import { makeNumber, makeSelect, makeSlider } from "./controls.js";
import { make, press } from "./elements.js";
import { COMPARED, FINE_STEPS, Flowing, followed, makeWorker, splitAt } from "./flowing.js";
import { choosePlace, makeFlowView } from "./flow_view.js";
import { FORMS, whole } from "./link_state.js";
import { mixtureVelocity } from "./mixture.js";
import { filled, written } from "./numbers.js";
import { clusters } from "./points.js";

const SIDE = 380; // in CSS pixels
const COUNT = 240; // points on their way
const TRAILS = 24; // of them, whose paths are drawn
const STEPS = [1, 2, 5, 10, 20, 50];
const EVALUATIONS = { euler: 1, midpoint: 2, heun: 2 }; // of a step
const SOLVERS = Object.keys(EVALUATIONS);
const KINDS = ["lines", "flow"];
const MOST_MARKED = 10; // steps whose ends are marked
const PLAY_MS = 4000;
const LEAP = 0.1, LEAP_MS = 900; // where the reader wants little motion

/** @typedef {import("./live.js").Stage} Stage */
/** @typedef {import("./flowing.js").Paths} Paths */

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], colours } = stage;
  const window_ = settings.window, points = Float32Array.from(settings.points.flat());
  const state = stage.state(fieldsOf(settings)), { values } = state;
  const flowing = new Flowing(model, window_, COUNT);
  const view = makeFlowView(SIDE, window_, colours, words.seen);
  const tally = make("dl.tally", {}), key = make("p.small.key", {});
  let drawing = 0, seed = NaN;
  /** @type {Paths} */
  let own;
  /** @type {Paths | null} */
  let fine = null;
  let isSeen = false; // a page may have several parts, and the work of each waits until it is looked at
  /** @type {any} */
  let seen;

  const isFlow = () => values.shown === "flow";
  const draw = () => {
    drawing = 0;
    const { t } = values, { done, rest } = splitAt(own, t), place = done[done.length - 1];
    const v = Array.from(model.velocity(place, [t]));
    const exact = settings.modes ? mixtureVelocity(settings, place, t) : null;
    const dots = isFlow() ? flowing.at(t) : onLines(flowing.noise, points, t);
    seen = { place, v, exact, dots };
    view.draw({
      data: settings.points,
      field: isFlow() ? flowing.field(t) : null,
      dots,
      trails: isFlow() && flowing.chunks.length
        ? Array.from({ length: TRAILS }, (_, i) => splitAt(flowing.chunks[0], t, i).done)
        : [],
      isStepped: isFlow() && values.steps <= MOST_MARKED,
      mark: {
        done,
        rest,
        fine: fine ? fine.places.map((at) => [at[0], at[1]]) : [],
        leads: [...(exact ? [{ v: exact, isExact: true }] : []), { v, isExact: false }]
          .map(({ v: [a, b], isExact }) => ({ to: [place[0] + (1 - t) * a, place[1] + (1 - t) * b], isExact })),
      },
    });
    tally.replaceChildren(...linesOf(values, settings, seen, flowing, words).flatMap(([name, value]) =>
      [make("dt", {}, name), make("dd", {}, value)]));
  };
  const soon = () => { drawing ||= requestAnimationFrame(draw); };
  const moved = () => { state.keep(); soon(); };
  const ofMark = makeWorker(soon), ofAll = makeWorker(soon);
  /** The path that the reader chose, at once; the same with many steps, a little later. */
  const follow = () => {
    const { at, steps, solver } = values;
    own = isFlow()
      ? { times: model.times(steps), places: model.path(at, steps, solver) }
      : { times: [0, 1], places: [at, settings.target].map((place) => Float32Array.from(place)) };
    if (!isFlow()) fine = null;
    ofMark.start(isFlow() && isSeen ? finely(Float32Array.from(at)) : [].values());
  };
  const finely = function* (start) {
    fine = yield* followed(model, start, FINE_STEPS, "heun");
    yield true;
  };
  const work = () => {
    if (seed !== values.seed) flowing.draw(seed = values.seed);
    ofAll.start(isFlow() && isSeen ? flowing.work(values.steps, values.solver, values.t) : [].values());
  };
  const begin = () => {
    for (const { element } of ofFlow) element.hidden = !isFlow();
    const told = filled(words[`key_${values.shown}`], { fine: FINE_STEPS, count: COMPARED });
    key.textContent = settings.modes ? `${told} ${words.exactKey}` : told;
    follow();
    work();
    moved();
  };
  const chosen = (changed) => { Object.assign(values, changed); begin(); };

  const playing = makePlaying(words, () => values.t, (t) => { values.t = t; slider.set(t); moved(); });
  const slider = makeSlider("t", { min: 0, max: 1, step: 0.01, value: values.t }, (t) => written(t, 2),
    (t) => { playing.stop(); values.t = t; moved(); });
  const shown = makeSelect(words.shown, KINDS.map((kind) => words[kind]), (place) => chosen({ shown: KINDS[place] }));
  const steps = makeSelect(words.steps, STEPS.map(String), (place) => chosen({ steps: STEPS[place] }));
  const solver = makeSelect(words.solver, SOLVERS.map((name) => words[name]), (place) => chosen({ solver: SOLVERS[place] }));
  const number = makeNumber(words.seed, values.seed, (value) => chosen({ seed: value }));
  const ofFlow = [steps, solver];
  choosePlace(view.canvas, window_, () => values.at, (at) => { values.at = at; follow(); moved(); });
  const show = () => {
    slider.set(values.t);
    shown.set(KINDS.indexOf(values.shown));
    steps.set(STEPS.indexOf(values.steps));
    solver.set(SOLVERS.indexOf(values.solver));
    number.set(values.seed);
    begin();
  };
  stage.room.append(
    make("div.controls.inline", {}, shown.element, steps.element, solver.element, number.element),
    make("div.controls.inline.time", {}, slider.element, playing.button),
    make("div.live-pair.played", {}, view.canvas, make("div.beside", {}, tally)),
    key,
  );
  whenSeen(view.canvas, () => { isSeen = true; follow(); work(); });
  return {
    state,
    show: () => { playing.stop(); show(); },
    stop: () => { playing.stop(); ofMark.stop(); ofAll.stop(); },
    picture: () => view.canvas,
    table: () => [
      ["t", values.t],
      ["evaluations", evaluationsOf(values)],
      ["place", ...seen.place],
      ["network", ...seen.v],
      ...(seen.exact ? [["closed form", ...seen.exact]] : []),
      ...(isFlow() ? [["distance", flowing.apart]] : []),
      ...own.times.map((time, i) => [`path at ${time}`, ...own.places[i]]),
      ...Array.from({ length: seen.dots.length / 2 }, (_, i) =>
        [`point ${i + 1}`, ...flowing.noise.subarray(2 * i, 2 * i + 2), ...seen.dots.subarray(2 * i, 2 * i + 2)]),
    ],
  };
}

/** Once an element is on the screen. @param {HTMLElement} element @param {() => void} then */
function whenSeen(element, then) {
  if (typeof IntersectionObserver === "undefined") return then();
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    then();
  });
  observer.observe(element);
}

/** What a link keeps. */
function fieldsOf({ shown, t, steps, solver, at, window: [left, right, bottom, top] }) {
  const oneOf = (names) => (value) => names.includes(value);
  const isInside = ([x, y, ...more]) => !more.length && x >= left && x <= right && y >= bottom && y <= top;
  return {
    shown: { form: FORMS.text, start: shown, fits: oneOf(KINDS) },
    t: { form: FORMS.number, start: t, fits: (value) => value >= 0 && value <= 1 },
    steps: { form: FORMS.number, start: steps, fits: oneOf(STEPS) },
    solver: { form: FORMS.text, start: solver, fits: oneOf(SOLVERS) },
    at: { form: FORMS.numbers, start: at, fits: isInside },
    seed: whole(0),
  };
}

/** Of the network, for one point. */
const evaluationsOf = (/** @type {any} */ { steps, solver }) => steps * EVALUATIONS[solver];

/**
 * Points on the straight lines from noise to data, each pair as it comes.
 * @param {Float32Array} noise side by side
 * @param {Float32Array} data side by side; taken again from the first one where there are fewer
 * @param {number} t
 */
export const onLines = (noise, data, t) => noise.map((value, i) => (1 - t) * value + t * data[i % data.length]);

/** Names and values of the numbers. @param {any} values @param {any} settings @param {any} seen @param {Flowing} flowing @param {any} words */
function linesOf(values, settings, seen, flowing, words) {
  const { shown, at } = values, { target, modes, std } = settings, { v, exact } = seen;
  const pair = (/** @type {number[]} */ two) => `(${two.map((value) => written(value, 2)).join("; ")})`;
  const ofPlace = [[words.network, pair(v)], ...(exact ? [[words.exact, pair(exact)]] : [])];
  if (shown === "lines") {
    const line = [target[0] - at[0], target[1] - at[1]];
    const error = ((v[0] - line[0]) ** 2 + (v[1] - line[1]) ** 2) / 2;
    return [[words.target, pair(line)], ...ofPlace, [words.error, written(error, 3)]];
  }
  const lines = [[words.evaluations, written(evaluationsOf(values), 0)]];
  const { apart } = flowing;
  lines.push([words.apart, Number.isNaN(apart) ? "…" : written(apart, 3)]);
  if (modes) lines.push([words.near, flowing.isComplete ? `${written(100 * clusters(flowing.at(1), modes, std).near, 0)}%` : "…"]);
  return [...lines, ...ofPlace];
}

/**
 * A button that goes through all times by itself, and stops.
 * @param {Record<string, string>} words
 * @param {() => number} at the time now
 * @param {(t: number) => void} goTo
 */
function makePlaying(words, at, goTo) {
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0, began = 0;
  const show = (isPlaying) => {
    press(button, isPlaying);
    button.textContent = isPlaying ? words.pause : words.play;
  };
  const stop = () => { cancelAnimationFrame(frame); frame = 0; show(false); };
  const step = (time) => {
    const [whole_, part] = isStill.matches ? [LEAP_MS / LEAP, LEAP] : [PLAY_MS, 0];
    began ||= time - at() * whole_;
    const t = (time - began) / whole_;
    goTo(Math.min(1, part ? Math.floor(t / part + 1e-9) * part : t));
    if (at() >= 1) stop();
    else frame = requestAnimationFrame(step);
  };
  const start = () => {
    if (at() >= 1) goTo(0);
    began = 0;
    show(true);
    frame = requestAnimationFrame(step);
  };
  const button = make("button", { "aria-pressed": "false", onclick: () => (frame ? stop() : start()) }, words.play);
  return { button, stop };
}
