/** The codes of an autoencoder or a VAE: a point to be dragged, sliders, and what the decoder draws at once. */

import { contextOf, drawImage, makeCanvas, sideBySide } from "./canvas.js";
import { makeSelect, makeSlider } from "./controls.js";
import { make } from "./elements.js";
import { FORMS } from "./link_state.js";
import { written } from "./numbers.js";

const SIDE = 300; // of the plane, in CSS pixels
const IMAGE_SIDE = 260;
const START_SIDE = 44;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const LONGEST_NAME = 12; // letters of a class's name in the plane
const STEPS = 60; // of the keys, across the plane; ten times as far with Shift

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
  const isPlace = (value) => Number.isInteger(value) && value >= 0;
  const state = stage.state({
    from: { form: FORMS.number, start: 0, fits: (value) => isPlace(value) && value < starts.length },
    at: { form: FORMS.numbers, start: startsAt(0), fits: (value) => value.length === sliders.length },
    class: {
      form: FORMS.number,
      start: settings.told?.[0] ?? 0,
      fits: (value) => isPlace(value) && value < Math.max(1, model.classes),
    },
  });
  const { values } = state;
  const image = makeCanvas(IMAGE_SIDE, IMAGE_SIDE * model.shape[1] / model.shape[2], {
    role: "img",
    "aria-label": words.drawn,
  });
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
  const plane = names.length > 1 ? makePlane(settings, words.plane, colours, values, () => {
    bars.forEach((bar, i) => bar.set(values.at[i]));
    moved();
  }) : null;
  const select = model.classes
    ? makeSelect(words.class, settings.classNames, (y) => { values.class = y; moved(); })
    : null;
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
  const thumbnails = starts.map((z, from) => {
    const canvas = makeCanvas(START_SIDE, START_SIDE * model.shape[1] / model.shape[2]);
    drawImage(canvas, decode(z, settings.told?.[from] ?? 0), model.shape);
    return make("button.start", { type: "button", onclick: () => begin(from), "aria-label": settings.startNames[from] }, canvas);
  });
  const parts = [
    make("p.starts.controls", {}, words.starts, ...thumbnails),
    make("div.live-pair", {}, ...(plane ? [plane.canvas] : []), image),
    ...(plane ? [make("p.small.controls", {}, words.plane)] : []),
    make("div.controls.codes", {}, ...bars.map((bar) => bar.element), ...(select ? [select.element] : [])),
  ];
  stage.room.append(...parts);
  return {
    state,
    show,
    picture: () => sideBySide(plane ? [plane.canvas, image] : [image]),
    table: () => [
      ["z", ...codeAt(settings, values)],
      ...rows(pixels, model.shape).map((row, i) => [`row ${i + 1}`, ...row]),
    ],
  };
}

/** The pixels of an image, row by row; the channels one below the other. */
function rows(pixels, [channels, height, width]) {
  return Array.from({ length: channels * height }, (_, i) =>
    Array.from(pixels.slice(i * width, (i + 1) * width), (value) => Number(value.toFixed(5))));
}

/** The plane of the two dimensions used most: codes of test images, and the point. */
function makePlane({ low, high, points, labels, names, classNames }, label, colours, values, moved) {
  const canvas = makeCanvas(SIDE, SIDE, { tabindex: 0, role: "application", "aria-label": label });
  canvas.className = "plane";
  const context = contextOf(canvas);
  const place = (x, y) => [
    (x - low[0]) / (high[0] - low[0]) * SIDE,
    (1 - (y - low[1]) / (high[1] - low[1])) * SIDE,
  ];
  const move = (x, y) => {
    values.at[0] = Math.min(high[0], Math.max(low[0], x));
    values.at[1] = Math.min(high[1], Math.max(low[1], y));
    moved();
  };
  const toPointer = (event) => {
    const box = canvas.getBoundingClientRect();
    move(
      low[0] + (event.clientX - box.left) / box.width * (high[0] - low[0]),
      high[1] - (event.clientY - box.top) / box.height * (high[1] - low[1]),
    );
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture?.(event.pointerId);
    toPointer(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) toPointer(event); });
  canvas.addEventListener("keydown", (event) => {
    const key = KEYS[event.key];
    if (!key) return;
    event.preventDefault();
    const steps = STEPS / (event.shiftKey ? 10 : 1);
    move(
      values.at[0] + key[0] * (high[0] - low[0]) / steps,
      values.at[1] + key[1] * (high[1] - low[1]) / steps,
    );
  });
  const draw = () => {
    context.clearRect(0, 0, SIDE, SIDE);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    const size = SIDE / (canvas.clientWidth || SIDE); // of a pixel of the screen, where the page is narrow
    drawAxes(context, place, colours, names, size);
    context.globalAlpha = 0.75;
    points.forEach(([x, y], i) => {
      context.fillStyle = labels ? colours.classes[labels[i] % colours.classes.length] : colours.blue;
      circle(context, ...place(x, y), 2.5 * size);
      context.fill();
    });
    context.globalAlpha = 1;
    if (labels) nameClasses(context, place, points, labels, classNames, colours, size);
    const [x, y] = place(values.at[0], values.at[1]);
    circle(context, x, y, 8 * size);
    context.lineWidth = 5 * size;
    context.strokeStyle = "#fff";
    context.stroke();
    context.lineWidth = 2.5 * size;
    context.strokeStyle = colours.ink;
    context.stroke();
  };
  new ResizeObserver(draw).observe(canvas); // it may have been hidden behind a question, or be turned with a telephone
  return { canvas, draw };
}

function drawAxes(context, place, colours, names, size) {
  const [x, y] = place(0, 0);
  context.strokeStyle = colours.faint;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, SIDE);
  context.moveTo(0, y);
  context.lineTo(SIDE, y);
  context.stroke();
  context.fillStyle = colours.muted;
  context.font = `${14 * size}px system-ui, sans-serif`;
  context.textAlign = "right";
  context.fillText(names[0], SIDE - 6, SIDE - 8);
  context.textAlign = "left";
  context.fillText(names[1], 6, 4 + 14 * size);
}

/** The name of each class at the mean of its points, so that colour does not stand alone. */
function nameClasses(context, place, points, labels, names, colours, size) {
  context.font = `600 ${14 * size}px system-ui, sans-serif`;
  context.textAlign = "center";
  for (const label of new Set(labels)) {
    const own = points.filter((_, i) => labels[i] === label);
    const mean = [0, 1].map((axis) => own.reduce((sum, point) => sum + point[axis], 0) / own.length);
    const [x, y] = place(...mean), text = (names[label] ?? String(label)).slice(0, LONGEST_NAME);
    context.lineWidth = 3.5 * size;
    context.strokeStyle = "rgba(255,255,255,.85)";
    context.strokeText(text, x, y + 5 * size);
    context.fillStyle = colours.ink;
    context.fillText(text, x, y + 5 * size);
  }
}

function circle(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}
