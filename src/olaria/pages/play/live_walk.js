/** The noise of a GAN: a walk from one vector to another, what the generator draws, and the discriminator's output. */

import { drawImage, makeImage, sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make, press } from "./elements.js";
import { FORMS, whole } from "./link_state.js";
import { imageRows, written } from "./numbers.js";
import { makePlot } from "./plot.js";
import { between, noiseOf, readAs } from "./walk.js";

const IMAGE_SIDE = 230;
const THUMB_SIDE = 64;
const STOPS = 7; // as many as the static figure has
const EACH = 4; // places of the curve from one stop to the next
const PLACES = (STOPS - 1) * EACH + 1;
const WALK_MS = 6000;
const STILL_MS = 900; // from stop to stop, where the reader wants little motion

/** @typedef {import("./live.js").Stage} Stage */

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models: [model], colours } = stage;
  const state = stage.state(fieldsOf(settings, model)), { values } = state;
  const noise = (number) => settings.ends[number] ?? noiseOf(number, model.latent);
  const codeAt = (t) => between(noise(values.from), noise(values.to), t, settings.arc);
  const at = (t) => {
    const y = model.classes ? values.class : null, pixels = model.generate(codeAt(t), y), logit = model.judge(pixels, y);
    return { pixels, logit, value: readAs(logit, settings.logistic) };
  };
  const letter = settings.logistic ? "D" : "l", tell = ({ value }) => `${letter} = ${written(value, 2)}`;

  const image = makeImage(IMAGE_SIDE, model.shape, words.generated);
  const answer = make("output", {}), plot = makePlot(330, 210, colours, words.along);
  let now = at(values.t), asked = 0;
  const drawPlot = () => plot.draw(curveOf(way.known, [values.t, now.value], settings.logistic, words, colours));
  const draw = () => {
    asked = 0;
    now = at(values.t);
    drawImage(image, now.pixels, model.shape);
    answer.value = `${letter}(G(z)) = ${written(now.value, 3)}`;
    drawPlot();
  };
  const moved = () => {
    state.keep();
    stops.forEach(({ button }, stop) => press(button, Math.abs(values.t - stop / (STOPS - 1)) < 1e-3));
    if (!asked) asked = requestAnimationFrame(draw);
  };
  const goTo = (t) => { values.t = t; slider.set(t); moved(); };
  const show = () => {
    slider.set(values.t);
    select?.set(values.class);
    moved();
    way.begin();
  };

  const walking = makeWalking(words, () => values.t, goTo);
  const slider = makeSlider(words.part, { min: 0, max: 1, step: 0.01, value: values.t }, (t) => written(t, 2),
    (t) => { walking.stop(); values.t = t; moved(); });
  const select = model.classes
    ? makeSelect(words.class, settings.classNames, (place) => { values.class = place; state.keep(); show(); })
    : null;
  const stops = Array.from({ length: STOPS }, (_, place) => makeStop(place, model.shape, tell, () => {
    walking.stop();
    goTo(place / (STOPS - 1));
  }));
  const way = makeWay(at, (place, found) => {
    if (place % EACH === 0) stops[place / EACH].show(found);
    drawPlot();
  });
  const onward = () => {
    walking.stop();
    Object.assign(values, { from: values.to, to: Math.max(values.from, values.to) + 1, t: 0 });
    show();
  };
  stage.room.append(
    make("div.live-pair", {}, make("div.answered", {}, image, answer), plot.canvas),
    make("p.stops.starts", {}, ...stops.map(({ button }) => button)),
    make("div.controls", {}, slider.element, walking.button,
      make("button", { onclick: onward }, words.onward), ...(select ? [select.element] : [])),
  );
  return {
    state,
    show: () => { walking.stop(); show(); },
    stop: walking.stop,
    picture: () => sideBySide([image, plot.canvas], colours.ground),
    table: () => [["z", ...codeAt(values.t)], ["l", now.logit], ...imageRows("row", now.pixels, model.shape)],
  };
}

/** What a link keeps: numbers of both noise vectors, the part of the way, and the class. */
function fieldsOf(settings, model) {
  return {
    from: whole(0),
    to: whole(1),
    t: { form: FORMS.number, start: 0, fits: (value) => value >= 0 && value <= 1 },
    class: whole(settings.class ?? 0, Math.max(1, model.classes)),
  };
}

/**
 * The outputs along the way as far as they are known, and the place where the reader is.
 * @param {any[]} known
 * @param {[number, number]} mark
 * @param {boolean} isLogistic
 * @param {Record<string, string>} words
 * @param {any} colours
 * @returns {import("./plot.js").Chart}
 */
function curveOf(known, mark, isLogistic, words, colours) {
  const places = [...known.keys()].filter((place) => known[place]), y = places.map((place) => known[place].value);
  const [low, high] = isLogistic ? [0, 1] : [Math.min(...y, mark[1]), Math.max(...y, mark[1])];
  return {
    x: [0, 1],
    y: [low, high > low ? high : low + 1],
    xName: words.part,
    yName: isLogistic ? words.probability : words.output,
    curves: [{ x: places.map((place) => place / (PLACES - 1)), y, colour: colours.blue }],
    mark,
  };
}

/** Images and outputs along the way, computed one a frame: the stops first, then the places between them. */
function makeWay(at, found) {
  const order = [...Array(PLACES).keys()].sort((a, b) => Number(a % EACH > 0) - Number(b % EACH > 0) || a - b);
  /** @type {any[]} */
  let known = [];
  let isFilling = false;
  const fill = () => {
    const place = order.find((one) => !known[one]);
    isFilling = place !== undefined;
    if (place === undefined) return;
    known[place] = at(place / (PLACES - 1));
    found(place, known[place]);
    requestAnimationFrame(fill);
  };
  return {
    /** By place; those that are missing are not computed yet. */
    get known() { return known; },
    begin() {
      known = [];
      if (!isFilling) requestAnimationFrame(fill);
      isFilling = true;
    },
  };
}

/**
 * A button that walks by itself, and stops.
 * @param {Record<string, string>} words
 * @param {() => number} place part of the way
 * @param {(t: number) => void} goTo
 */
function makeWalking(words, place, goTo) {
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0, began = 0;
  const show = (isWalking) => {
    press(button, isWalking);
    button.textContent = isWalking ? words.stop : words.walk;
  };
  const stop = () => { cancelAnimationFrame(frame); frame = 0; show(false); };
  const step = (time) => {
    began ||= time - place() * WALK_MS;
    const legs = STOPS - 1, leg = Math.floor((time - began) / STILL_MS);
    goTo(Math.min(1, isStill.matches ? leg / legs : (time - began) / WALK_MS));
    if (place() >= 1) stop();
    else frame = requestAnimationFrame(step);
  };
  const start = () => {
    if (place() >= 1) goTo(0);
    began = 0;
    show(true);
    frame = requestAnimationFrame(step);
  };
  const button = make("button", { "aria-pressed": "false", onclick: () => (frame ? stop() : start()) }, words.walk);
  return { button, stop };
}

/** A stop of the walk: its image, and the output on it. */
function makeStop(place, shape, tell, onclick) {
  const canvas = makeImage(THUMB_SIDE, shape);
  const note = make("span", {}, "…"), name = `${place}/${STOPS - 1}`;
  const button = make("button.start", { onclick, "aria-label": name }, canvas, note);
  return {
    button,
    show(found) {
      drawImage(canvas, found.pixels, shape);
      note.textContent = tell(found);
      button.setAttribute("aria-label", `${name}: ${tell(found)}`);
    },
  };
}
