/** What a model drew on its way: the same noise with the weights of each step that the run kept, beside its losses. */

import { contextOf, makeCanvas, sideBySide, toCanvas } from "./canvas.js";
import { makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { filled, written } from "./numbers.js";
import { makePlot } from "./plot.js";
import { noiseOf } from "./walk.js";
import { decodeBase64, numElements } from "./weights.js";

const GRID_SIDE = 300;
const LABEL = 16; // height of a class's name
const STEP_MS = 900; // from step to step while it plays
const STILL_MS = 1800; // where the reader wants little motion
const SLICE_MS = 12; // of drawing between two frames
const PLAY = "▶ ";
const PLOT = { tabindex: "0", role: "application", class: "scrubbed" };

/** @typedef {import("./live.js").Stage} Stage */

/**
 * Where a step lies on the axis of steps.
 * @param {number} step
 */
const at = (step) => Math.log10(1 + step);

/**
 * @param {Stage} stage
 * @returns {import("./live.js").Player}
 */
export function part(stage) {
  const { settings, words, models, colours } = stage;
  const { steps, own, labels, classNames } = settings, [model] = models;
  const count = labels ? labels.length : 16, size = numElements(model.shape);
  const noises = settings.images ? settings.noise.length / count : Infinity;
  const state = stage.state({
    step: { form: FORMS.number, start: own, fits: (step) => steps.includes(step) },
    noise: { form: FORMS.number, start: 0, fits: (number) => Number.isSafeInteger(number) && number >= 0 && number < noises },
  });
  const { values } = state;

  // -- images ------------------------------------------------------------------------------------

  const others = steps.filter((step) => step !== own);
  const noise = (i) => {
    const number = values.noise * count + i;
    return settings.noise[number] ?? noiseOf(number, model.latent);
  };
  const held = new Map(Object.entries(settings.images ?? {}).map(([step, text]) => [Number(step), decodeBase64(text)]));
  const pixelsOf = (step, i) => {
    const bytes = held.get(step), from = (values.noise * count + i) * size;
    if (bytes) return Float32Array.from(bytes.subarray(from, from + size), (value) => value / 255);
    const painter = step === own ? model : models[1 + others.indexOf(step)];
    return (painter.generate ?? painter.decode)(noise(i), labels ? labels[i] : null);
  };
  /** @type {Map<number, any[]>} pixels and canvases of the images of each step */
  let drawn = new Map();
  const image = (step, i) => {
    if (!drawn.has(step)) drawn.set(step, []);
    const known = /** @type {any[]} */ (drawn.get(step));
    if (!known[i]) {
      const pixels = pixelsOf(step, i);
      known[i] = { pixels, canvas: toCanvas(pixels, model.shape) };
    }
    return known[i];
  };

  // -- what is seen ------------------------------------------------------------------------------

  const view = makeView(model.shape, count, labels?.map((label) => classNames[label]), words.images, colours);
  const plot = makePlot(330, 230, colours, words.losses);
  for (const [name, value] of Object.entries(PLOT)) plot.canvas.setAttribute(name, value);
  const curves = settings.curves.map(({ name, x, y }, i) =>
    ({ name, x: x.map(at), y, steps: x, colour: [colours.blue, colours.clay][i % 2], dashed: i % 2 === 1 }));
  const heights = curves.flatMap(({ y }) => y).filter(Number.isFinite);
  const [low, high] = heights.length ? [Math.min(...heights), Math.max(...heights)] : [0, 1];
  const top = high > low ? high : low + 1;
  const far = Math.max(steps.at(-1), ...curves.map(({ steps: x }) => x.at(-1)));
  const near = (curve, step) => curve.y[closest(curve.steps, step)];
  const told = make("p.small", { role: "status" });
  const upright = (step, colour, dashed = false) => ({ x: [at(step), at(step)], y: [low, top], colour, dashed });
  const drawPlot = () => plot.draw({
    x: [0, at(far)],
    y: [low, top],
    xName: words.step,
    xTicks: ticksTo(far),
    curves: [...steps.map((step) => upright(step, colours.faint)), upright(values.step, colours.ink), ...curves],
    mark: curves.length ? [at(values.step), near(curves[0], values.step)] : undefined,
  });

  let frame = 0;
  const fill = () => {
    frame = 0;
    const order = [values.step, ...steps], began = performance.now();
    for (const step of order) {
      for (let i = 0; i < count; i++) {
        if (drawn.get(step)?.[i]) continue;
        if (performance.now() - began > SLICE_MS) {
          frame = requestAnimationFrame(fill);
          return;
        }
        const { canvas } = image(step, i);
        if (step === values.step) view.draw(i, canvas);
      }
    }
  };
  const draw = () => {
    slider.set(steps.indexOf(values.step));
    const parts = curves.map((curve) => `${curve.name}: ${written(near(curve, values.step))}`);
    told.textContent = [filled(words.at, { step: written(values.step, 0) }), ...parts].join(" · ");
    drawPlot();
    view.clear();
    for (let i = 0; i < count; i++) {
      const known = drawn.get(values.step)?.[i];
      if (known) view.draw(i, known.canvas);
    }
    if (!frame) frame = requestAnimationFrame(fill);
  };
  const choose = (place) => {
    values.step = steps[Math.max(0, Math.min(steps.length - 1, place))];
    state.keep();
    draw();
  };

  // -- controls ----------------------------------------------------------------------------------

  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    play.textContent = PLAY + words.play;
    play.setAttribute("aria-pressed", "false");
  };
  const ms = matchMedia("(prefers-reduced-motion: reduce)").matches ? STILL_MS : STEP_MS;
  const next = () => {
    const place = steps.indexOf(values.step) + 1;
    choose(place);
    if (place >= steps.length - 1) stop();
    else timer = setTimeout(next, ms);
  };
  const play = make("button", {
    type: "button",
    "aria-pressed": "false",
    onclick: () => {
      if (timer) return stop();
      if (values.step === steps.at(-1)) choose(0);
      play.textContent = words.pause;
      play.setAttribute("aria-pressed", "true");
      timer = setTimeout(next, ms);
    },
  }, PLAY + words.play);
  const slider = makeSlider(
    words.step,
    { min: 0, max: steps.length - 1, step: 1, value: steps.indexOf(values.step) },
    (place) => written(steps[place], 0),
    (place) => { stop(); choose(place); },
  );
  const onward = make("button", {
    type: "button",
    onclick: () => {
      values.noise = (values.noise + 1) % (noises === Infinity ? Number.MAX_SAFE_INTEGER : noises);
      drawn = new Map();
      state.keep();
      draw();
    },
  }, words.onward);
  const { canvas } = plot;
  const toPointer = (event) => { stop(); choose(closest(steps.map(at), plot.placeOf(event.clientX))); };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture?.(event.pointerId);
    toPointer(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) toPointer(event); });
  canvas.addEventListener("keydown", (event) => {
    const place = steps.indexOf(values.step), last = steps.length - 1;
    const wanted = { ArrowLeft: place - 1, ArrowDown: place - 1, ArrowRight: place + 1, ArrowUp: place + 1, Home: 0, End: last };
    if (!(event.key in wanted)) return;
    event.preventDefault();
    stop();
    choose(wanted[event.key]);
  });

  stage.room.append(
    make("div.live-pair.top", {}, view.canvas, make("div.beside", {}, plot.canvas, told)),
    make("div.controls", {}, slider.element, play, ...(noises > 1 ? [onward] : [])),
    ...notes(settings, words).map((text) => make("p.small", {}, text)),
  );
  return {
    state,
    show: () => { stop(); drawn = new Map(); draw(); },
    picture: () => sideBySide([view.canvas, plot.canvas], colours.ground),
    table: () => [
      [words.step, values.step],
      ...curves.map((curve) => [curve.name, near(curve, values.step)]),
      ...Array.from({ length: count }, (_, i) => ["z", i + 1, ...noise(i)]),
      ...Array.from({ length: count }, (_, i) =>
        ["x", i + 1, ...Array.from(image(values.step, i).pixels, (value) => Number(value.toFixed(5)))]),
    ],
  };
}

/** What the page does not hold. */
function notes({ images, noise, labels, left }, words) {
  const list = left.map((step) => written(step, 0)).join(", ");
  const found = left.length ? [filled(words.leftOut, { steps: list })] : [];
  const count = noise.length / (labels ? labels.length : 16);
  return images ? [...found, filled(words.drawnBefore, { count: written(count, 0) })] : found;
}

/**
 * Images in rows, each with the name of its class below.
 * @param {number[]} shape [C, H, W]
 * @param {number} count
 * @param {string[] | undefined} names
 * @param {string} label
 * @param {any} colours
 */
function makeView([, height, width], count, names, label, colours) {
  const columns = Math.ceil(Math.sqrt(count)), rows = Math.ceil(count / columns), gap = 4;
  const wide = (GRID_SIDE + gap) / columns - gap, tall = wide * height / width, line = tall + gap + (names ? LABEL : 0);
  const canvas = makeCanvas(GRID_SIDE, rows * line - gap, { role: "img", "aria-label": label });
  const context = contextOf(canvas), place = (i) => [(i % columns) * (wide + gap), Math.floor(i / columns) * line];
  return {
    canvas,
    clear() {
      context.fillStyle = colours.ground;
      context.fillRect(0, 0, GRID_SIDE, rows * line);
      context.font = "12px system-ui, sans-serif";
      context.textAlign = "center";
      for (let i = 0; i < count; i++) {
        const [x, y] = place(i);
        context.fillStyle = colours.faint;
        context.fillRect(x, y, wide, tall);
        context.fillStyle = colours.ink;
        if (names) context.fillText(names[i], x + wide / 2, y + tall + 13, wide);
      }
    },
    /** @param {number} i @param {HTMLCanvasElement} image */
    draw(i, image) {
      context.imageSmoothingEnabled = false;
      context.drawImage(image, ...place(i), wide, tall);
    },
  };
}

/** The place of the number in an ascending list that is nearest to another. */
const closest = (list, wanted) =>
  list.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(list[best] - wanted) ? i : best), 0);

/**
 * Ticks of the axis of steps: 0 and the powers of ten.
 * @param {number} last
 */
function ticksTo(last) {
  /** @type {[number, string][]} */
  const found = [[0, "0"]];
  for (let step = 1; step <= last; step *= 10) found.push([at(step), written(step, 0)]);
  return found;
}
