/** The noise of a GAN: a walk from one vector to another, what the generator draws, and the discriminator's output. */

import { drawImage, makeCanvas, sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { pixelRows, written } from "./numbers.js";
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
  const isPlace = (value) => Number.isInteger(value) && value >= 0;
  const state = stage.state({
    from: { form: FORMS.number, start: 0, fits: isPlace },
    to: { form: FORMS.number, start: 1, fits: isPlace },
    t: { form: FORMS.number, start: 0, fits: (value) => value >= 0 && value <= 1 },
    class: {
      form: FORMS.number,
      start: settings.class ?? 0,
      fits: (value) => isPlace(value) && value < Math.max(1, model.classes),
    },
  });
  const { values } = state;
  const noise = (number) => settings.ends[number] ?? noiseOf(number, model.latent);
  const codeAt = (t) => between(noise(values.from), noise(values.to), t, settings.arc);
  const y = () => (model.classes ? values.class : null);
  const at = (t) => {
    const pixels = model.generate(codeAt(t), y()), logit = model.judge(pixels, y());
    return { pixels, logit, value: readAs(logit, settings.logistic) };
  };
  const letter = settings.logistic ? "D" : "l", tell = ({ value }) => `${letter} = ${written(value, 2)}`;

  const image = makeCanvas(IMAGE_SIDE, IMAGE_SIDE * model.shape[1] / model.shape[2], { role: "img", "aria-label": words.generated });
  const answer = make("output", {});
  const plot = makePlot(330, 210, colours, words.along);
  let now = at(values.t), asked = 0, isFilling = false;
  /** @type {any[]} what is known of the places of the way */
  let found = [];

  const drawPlot = () => {
    const known = [...found.keys()].filter((place) => found[place]);
    const shown = known.map((place) => found[place].value);
    const low = settings.logistic ? 0 : Math.min(...shown, now.value), high = settings.logistic ? 1 : Math.max(...shown, now.value);
    plot.draw({
      x: [0, 1],
      y: [low, high > low ? high : low + 1],
      xName: words.part,
      yName: settings.logistic ? words.probability : words.output,
      curves: [{ x: known.map((place) => place / (PLACES - 1)), y: shown, colour: colours.blue }],
      mark: [values.t, now.value],
    });
  };
  const draw = () => {
    asked = 0;
    now = at(values.t);
    drawImage(image, now.pixels, model.shape);
    answer.value = `${letter}(G(z)) = ${written(now.value, 3)}`;
    drawPlot();
  };
  const moved = () => {
    state.keep();
    stops.forEach(({ button }, stop) => button.setAttribute("aria-pressed", String(Math.abs(values.t - stop / (STOPS - 1)) < 1e-3)));
    if (!asked) asked = requestAnimationFrame(draw);
  };
  // One image a frame: the stops first, then the places between them.
  const fillIn = () => {
    const order = [...Array(PLACES).keys()].sort((a, b) => Number(a % EACH > 0) - Number(b % EACH > 0) || a - b);
    const place = order.find((one) => !found[one]);
    isFilling = place !== undefined;
    if (place === undefined) return;
    found[place] = at(place / (PLACES - 1));
    if (place % EACH === 0) stops[place / EACH].show(found[place]);
    drawPlot();
    requestAnimationFrame(fillIn);
  };
  const show = () => {
    slider.set(values.t);
    select?.set(values.class);
    found = new Array(PLACES).fill(null);
    moved();
    if (!isFilling) requestAnimationFrame(fillIn);
    isFilling = true;
  };

  const slider = makeSlider(
    words.part,
    { min: 0, max: 1, step: 0.01, value: values.t },
    (value) => written(value, 2),
    (t) => { stop(); values.t = t; moved(); },
  );
  const select = model.classes
    ? makeSelect(words.class, settings.classNames, (place) => { values.class = place; state.keep(); show(); })
    : null;
  const stops = Array.from({ length: STOPS }, (_, place) => makeStop(place, model.shape, tell, () => {
    stop();
    values.t = place / (STOPS - 1);
    slider.set(values.t);
    moved();
  }));

  // -- walking -----------------------------------------------------------------------------------

  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  let walking = 0, began = 0;
  const stop = () => {
    cancelAnimationFrame(walking);
    walking = 0;
    walk.setAttribute("aria-pressed", "false");
    walk.textContent = words.walk;
  };
  const step = (time) => {
    began ||= time - values.t * WALK_MS;
    const part = Math.min(1, (time - began) / WALK_MS), [legs, ms] = [STOPS - 1, (STOPS - 1) * STILL_MS];
    values.t = isStill.matches ? Math.floor(Math.min(1, (time - began) / ms) * legs) / legs : part;
    slider.set(values.t);
    moved();
    if (values.t >= 1) stop();
    else walking = requestAnimationFrame(step);
  };
  const walk = make("button", {
    type: "button",
    "aria-pressed": "false",
    onclick: () => {
      if (walking) return stop();
      if (values.t >= 1) values.t = 0;
      began = 0;
      walk.setAttribute("aria-pressed", "true");
      walk.textContent = words.stop;
      walking = requestAnimationFrame(step);
    },
  }, words.walk);
  const onward = make("button", {
    type: "button",
    onclick: () => {
      stop();
      const next = Math.max(values.from, values.to) + 1;
      Object.assign(values, { from: values.to, to: next, t: 0 });
      show();
    },
  }, words.onward);

  stage.room.append(
    make("div.live-pair", {}, make("div.answered", {}, image, answer), plot.canvas),
    make("p.stops.starts", {}, ...stops.map(({ button }) => button)),
    make("div.controls", {}, slider.element, walk, onward, ...(select ? [select.element] : [])),
  );
  return {
    state,
    show: () => { stop(); show(); },
    picture: () => sideBySide([image, plot.canvas]),
    table: () => [
      ["z", ...codeAt(values.t)],
      ["l", now.logit],
      ...pixelRows(now.pixels, model.shape),
    ],
  };
}

/** A stop of the walk: its image, and the output on it. */
function makeStop(place, shape, tell, onclick) {
  const canvas = makeCanvas(THUMB_SIDE, THUMB_SIDE * shape[1] / shape[2]);
  const note = make("span", {}, "…"), name = `${place}/${STOPS - 1}`;
  const button = make("button.start", { type: "button", onclick, "aria-label": name }, canvas, note);
  return {
    button,
    show(found) {
      drawImage(canvas, found.pixels, shape);
      note.textContent = tell(found);
      button.setAttribute("aria-label", `${name}: ${tell(found)}`);
    },
  };
}
