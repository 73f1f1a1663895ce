/** How points that flow are drawn: the data, the velocity on a grid, the points and their paths, and one path that is chosen. */

import { contextOf, makeCanvas, onResize } from "./canvas.js";

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const MOVES = 60; // of the keys, across the plane; ten times as far with Shift
const DATA_SHADE = 0.4, FIELD_SHADE = 0.55, TRAIL_SHADE = 0.75, REST_SHADE = 0.35;
const FIELD_REACH = 0.3; // of the gap between two arrows: an arrow where the velocity is 1
const FIELD_LONGEST = 0.92;

/** @typedef {number[][]} Line places, (count, 2) */

/**
 * @typedef {object} Scene
 * @property {Line} data
 * @property {{places: Float32Array, v: Float32Array, gap: number} | null} field the velocity on a grid
 * @property {Float32Array} dots places of the points, side by side
 * @property {Line[]} trails of some of them, so far
 * @property {boolean} isStepped whether the ends of steps are marked
 * @property {Mark} mark
 */

/**
 * The path that the reader chose.
 * @typedef {object} Mark
 * @property {Line} done so far; its last place is where it is now
 * @property {Line} rest from there on
 * @property {Line} fine the same with many steps; empty where there are no steps
 * @property {{to: number[], isExact: boolean}[]} leads where velocities would arrive at time 1
 */

/**
 * @param {number} side in CSS pixels
 * @param {number[]} window_ left, right, bottom, top
 * @param {any} colours of the page
 * @param {string} label what is seen
 */
export function makeFlowView(side, [left, right, bottom, top], colours, label) {
  const canvas = makeCanvas(side, side, { tabindex: 0, role: "application", "aria-label": label });
  canvas.className = "flow";
  const context = contextOf(canvas);
  const place = (x, y) => [(x - left) / (right - left) * side, (top - y) / (top - bottom) * side];
  /** @type {Scene | null} */
  let last = null;
  onResize(canvas, () => last && draw(last));

  const path = (/** @type {Line} */ line) => {
    context.beginPath();
    line.forEach(([x, y], i) => (i ? context.lineTo(...place(x, y)) : context.moveTo(...place(x, y))));
  };
  /** @param {Line} line @param {string} colour @param {number} width @param {number[]} [dashes] */
  const stroke = (line, colour, width, dashes = []) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dashes);
    path(line);
    context.stroke();
    context.setLineDash([]);
  };
  const dot = (x, y, radius) => {
    context.beginPath();
    context.arc(...place(x, y), radius, 0, 2 * Math.PI);
  };

  const drawField = ({ places, v, gap }, unit) => {
    context.strokeStyle = colours.muted;
    context.lineWidth = 1.1 * unit;
    context.globalAlpha = FIELD_SHADE;
    context.beginPath();
    for (let i = 0; i < v.length; i += 2) {
      const speed = Math.hypot(v[i], v[i + 1]), length = Math.min(FIELD_LONGEST, FIELD_REACH * speed) * gap;
      const half = speed ? length / speed / 2 : 0, [dx, dy] = [half * v[i], half * v[i + 1]];
      arrow([places[i] - dx, places[i + 1] - dy], [places[i] + dx, places[i + 1] + dy], 4.5 * unit);
    }
    context.stroke();
    context.globalAlpha = 1;
  };
  /** Adds an arrow to the path. @param {number[]} from @param {number[]} to @param {number} most of its head */
  const arrow = (from, to, most) => {
    const [[x, y], [endX, endY]] = [from, to].map(([a, b]) => place(a, b));
    const angle = Math.atan2(endY - y, endX - x), head = Math.min(most, Math.hypot(endX - x, endY - y) / 2);
    context.moveTo(x, y);
    context.lineTo(endX, endY);
    for (const turn of [2.6, -2.6]) {
      context.moveTo(endX, endY);
      context.lineTo(endX + head * Math.cos(angle + turn), endY + head * Math.sin(angle + turn));
    }
  };

  const drawMark = ({ done, rest, fine, leads }, isStepped, unit) => {
    const now = done[done.length - 1];
    stroke(fine, colours.ink, 1.6 * unit, [2 * unit, 3 * unit]);
    context.globalAlpha = REST_SHADE;
    stroke(rest, colours.clay, 3 * unit);
    context.globalAlpha = 1;
    stroke(done, colours.clay, 3 * unit);
    context.fillStyle = colours.clay;
    for (const [x, y] of isStepped ? [...done.slice(0, -1), ...rest.slice(1)] : done.slice(0, 1)) {
      dot(x, y, 3.6 * unit);
      context.fill();
    }
    for (const { to, isExact } of leads) {
      context.strokeStyle = isExact ? colours.blue : colours.ink;
      context.lineWidth = (isExact ? 2 : 2.4) * unit;
      context.setLineDash(isExact ? [6 * unit, 4 * unit] : []);
      context.beginPath();
      arrow(now, to, 9 * unit);
      context.stroke();
      context.setLineDash([]);
    }
    for (const [colour, width] of [[colours.ground, 5], [colours.ink, 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * unit;
      dot(now[0], now[1], 7 * unit);
      context.stroke();
    }
  };

  /** @param {Scene} scene */
  const draw = (scene) => {
    last = scene;
    const unit = Math.min(1.6, side / (canvas.clientWidth || side)); // of a pixel of the screen, where the page is narrow
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, side, side);
    context.globalAlpha = DATA_SHADE;
    context.fillStyle = colours.muted;
    for (const [x, y] of scene.data) {
      dot(x, y, 2 * unit);
      context.fill();
    }
    context.globalAlpha = 1;
    if (scene.field) drawField(scene.field, unit);
    context.globalAlpha = TRAIL_SHADE;
    for (const trail of scene.trails) {
      stroke(trail, colours.blue, 1.1 * unit);
      context.fillStyle = colours.blue;
      for (const [x, y] of scene.isStepped ? trail.slice(1, -1) : []) {
        dot(x, y, 1.7 * unit);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = colours.sand;
    context.strokeStyle = colours.ink;
    context.lineWidth = 0.8 * unit;
    for (let i = 0; i < scene.dots.length; i += 2) {
      dot(scene.dots[i], scene.dots[i + 1], 2.5 * unit);
      context.fill();
      context.stroke();
    }
    drawMark(scene.mark, scene.isStepped, unit);
  };
  return { canvas, draw };
}

/**
 * Pointer and keys choose a place. A finger taps it, so that the page can still be scrolled there.
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} window_ left, right, bottom, top
 * @param {() => number[]} at where it is
 * @param {(place: number[]) => void} move is told a place within the window
 */
export function choosePlace(canvas, [left, right, bottom, top], at, move) {
  const within = ([x, y]) => move([Math.min(right, Math.max(left, x)), Math.min(top, Math.max(bottom, y))]);
  const toPointer = (event) => {
    const box = canvas.getBoundingClientRect();
    within([
      left + (event.clientX - box.left) / box.width * (right - left),
      top - (event.clientY - box.top) / box.height * (top - bottom),
    ]);
  };
  canvas.addEventListener("click", toPointer);
  canvas.addEventListener("pointermove", (event) => { if (event.buttons && event.pointerType === "mouse") toPointer(event); });
  canvas.addEventListener("keydown", (event) => {
    const key = KEYS[event.key];
    if (!key) return;
    event.preventDefault();
    const moves = MOVES / (event.shiftKey ? 10 : 1), [x, y] = at();
    within([x + key[0] * (right - left) / moves, y + key[1] * (top - bottom) / moves]);
  });
}
