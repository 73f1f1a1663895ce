/** A plane of codes: those of test images as points, and a place that is moved by pointer, touch and keys. */

import { contextOf, makeCanvas } from "./canvas.js";

const SIDE = 300; // in CSS pixels
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const LONGEST_NAME = 12; // letters of a class's name
const GOLDEN = Math.PI * (3 - Math.sqrt(5)); // the angle between places on a spiral that fill a disc evenly
const MOST_TURNS = 2000; // of the spiral
const STEPS = 60; // of the keys, across the plane; ten times as far with Shift

/**
 * What a plane shows.
 * @typedef {object} Plane
 * @property {number[]} low its left and lower end
 * @property {number[]} high its right and upper end
 * @property {number[][]} points (count, 2)
 * @property {number[] | null} labels class of each point
 * @property {string[]} classNames
 * @property {string[]} names of the axes
 */

/**
 * What is drawn over the points: a circle or an ellipse with its name, and small marks.
 * @typedef {object} Over
 * @property {number[]} [radii] of an ellipse around the origin of the codes
 * @property {string} [name] of the ellipse
 * @property {number[][]} [marks] (count, 2)
 */

/**
 * @param {Plane} plane its first two ends, points and names count
 * @param {string} label
 * @param {any} colours
 * @param {{at: () => number[], move: (x: number, y: number) => void, over?: () => Over}} place where it is, what is
 *   called where the reader moves it within the plane, and what else is seen
 * @returns {{canvas: HTMLCanvasElement, draw: () => void}}
 */
export function makePlane({ low, high, points, labels, names, classNames }, label, colours, place) {
  const canvas = makeCanvas(SIDE, SIDE, { tabindex: 0, role: "application", "aria-label": label });
  canvas.className = "plane";
  const context = contextOf(canvas);
  const onCanvas = (x, y) => [
    (x - low[0]) / (high[0] - low[0]) * SIDE,
    (1 - (y - low[1]) / (high[1] - low[1])) * SIDE,
  ];
  listen(canvas, { low, high }, place);
  const draw = () => {
    context.clearRect(0, 0, SIDE, SIDE);
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, SIDE, SIDE);
    const size = SIDE / (canvas.clientWidth || SIDE); // of a pixel of the screen, where the page is narrow
    drawAxes(context, onCanvas, colours, names, size);
    context.globalAlpha = 0.75;
    points.forEach(([x, y], i) => {
      context.fillStyle = labels ? colours.classes[labels[i] % colours.classes.length] : colours.blue;
      circle(context, ...onCanvas(x, y), 2.5 * size);
      context.fill();
    });
    context.globalAlpha = 1;
    const over = place.over ? drawOver(context, onCanvas, place.over(), colours, size) : [];
    if (labels) nameClasses(context, onCanvas, points, labels, classNames, colours, size, over);
    circle(context, ...onCanvas(...place.at()), 8 * size);
    context.lineWidth = 5 * size;
    context.strokeStyle = colours.ground;
    context.stroke();
    context.lineWidth = 2.5 * size;
    context.strokeStyle = colours.ink;
    context.stroke();
  };
  new ResizeObserver(draw).observe(canvas); // it may have been hidden behind a question, or be turned with a telephone
  return { canvas, draw };
}

/** Pointer, touch and keys move the place, never out of the plane. */
function listen(canvas, { low, high }, { at, move }) {
  const within = (value, axis) => Math.min(high[axis], Math.max(low[axis], value));
  const moveTo = (x, y) => move(within(x, 0), within(y, 1));
  const toPointer = (event) => {
    const box = canvas.getBoundingClientRect();
    moveTo(
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
    const steps = STEPS / (event.shiftKey ? 10 : 1), [x, y] = at();
    moveTo(x + key[0] * (high[0] - low[0]) / steps, y + key[1] * (high[1] - low[1]) / steps);
  });
}

function drawAxes(context, onCanvas, colours, names, size) {
  const [x, y] = onCanvas(0, 0);
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

/**
 * @param {any} context see `contextOf`
 * @param {(...place: number[]) => number[]} onCanvas
 * @param {Over} over
 * @param {any} colours
 * @param {number} size of a pixel of the screen
 * @returns {Box[]} where the name stands
 */
function drawOver(context, onCanvas, { radii, name = "", marks = [] }, colours, size) {
  /** @type {Box[]} */
  const taken = [];
  if (radii) {
    const [x, y] = onCanvas(0, 0), [right] = onCanvas(radii[0], 0), [, top] = onCanvas(0, radii[1]);
    context.strokeStyle = context.fillStyle = colours.clay;
    context.lineWidth = 2 * size;
    context.beginPath();
    context.ellipse(x, y, right - x, y - top, 0, 0, 2 * Math.PI);
    context.stroke();
    context.font = `600 ${13 * size}px system-ui, sans-serif`;
    context.textAlign = "center";
    haloed(context, name, x, top - 5 * size, colours.ground, size);
    taken.push([x, top - 10 * size, context.measureText(name).width, 14 * size]);
  }
  for (const mark of marks) {
    const [x, y] = onCanvas(...mark), half = 4.5 * size;
    for (const [colour, width] of [[colours.ground, 5], [colours.clay, 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * size;
      context.beginPath();
      for (const turn of [1, -1]) {
        context.moveTo(x - half, y - turn * half);
        context.lineTo(x + half, y + turn * half);
      }
      context.stroke();
    }
  }
  return taken;
}

/**
 * A rectangle: the middle of it, its width and its height.
 * @typedef {[number, number, number, number]} Box
 */

/**
 * Where names can stand without one on another: each as near as is free to where it is wanted.
 * @param {Box[]} wanted
 * @param {Box[]} taken already
 * @param {number} side of the square that holds them
 * @returns {Box[]} in the order of the wanted ones
 */
export function apart(wanted, taken, side) {
  const placed = [...taken];
  return wanted.map(([x, y, width, height]) => {
    const isFree = (/** @type {Box} */ [left, top]) => left >= width / 2 && left <= side - width / 2 && top >= height / 2 && top <= side - height / 2
      && placed.every((box) => Math.abs(box[0] - left) >= (box[2] + width) / 2 || Math.abs(box[1] - top) >= (box[3] + height) / 2);
    /** @type {Box} */
    let found = [x, y, width, height];
    for (let turn = 0; turn < MOST_TURNS && !isFree(found); turn++) { // on a spiral, from the middle outwards
      const angle = turn * GOLDEN, away = height / 8 * Math.sqrt(turn);
      found = [x + away * Math.cos(angle), y + away * Math.sin(angle), width, height];
    }
    placed.push(found);
    return found;
  });
}

/** The name of each class near the mean of its points, so that colour does not stand alone. */
function nameClasses(context, onCanvas, points, labels, names, colours, size, over) {
  context.font = `600 ${14 * size}px system-ui, sans-serif`;
  context.textAlign = "center";
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const texts = classes.map((label) => (names[label] ?? String(label)).slice(0, LONGEST_NAME));
  const wanted = classes.map((label, i) => {
    const own = points.filter((_, place) => labels[place] === label);
    const mean = [0, 1].map((axis) => own.reduce((sum, point) => sum + point[axis], 0) / own.length);
    const [x, y] = onCanvas(...mean);
    return /** @type {Box} */ ([x, y, context.measureText(texts[i]).width + 3 * size, 14 * size]);
  });
  context.fillStyle = colours.ink;
  apart(wanted, over, SIDE).forEach(([x, y], i) => haloed(context, texts[i], x, y + 5 * size, colours.ground, size));
}

/** Words on a ground of their own. */
function haloed(context, text, x, y, ground, size) {
  context.lineWidth = 3.5 * size;
  context.strokeStyle = `${ground}d9`;
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

function circle(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}
