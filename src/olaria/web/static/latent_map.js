/** The map of codes on a canvas: points by class, images near the pointer, a place that is moved, a line drawn around. */

import { useEffect, useRef, useState } from "preact/hooks";
import { contextOf, toCanvas } from "play/canvas.js";
import { apart } from "play/plane_view.js";
import { html } from "./html.js";
import { nearPlace, thumbOf } from "./latent_math.js";
import { t } from "./words.js";

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEPS = 60; // of the keys, across the map
const HIT = 14, NEAR = 60; // CSS pixels around the pointer, in which a point is chosen, and images are shown
const RING = 64, THUMB = 38, MOST_THUMBS = 6; // of the images around the pointer
const STILL = 4; // CSS pixels that a click may move
const DOT = 2.4, NARROW = 480; // a map's width in CSS pixels, below which its points are smaller
const LONGEST_NAME = 14; // letters of a class
const MOST_RINGS = 400; // of chosen points: more of them would hide their colours

/**
 * What the map shows.
 * @typedef {object} Shown
 * @property {import("./latent_math.js").Codes} codes
 * @property {Float32Array} points (count, 2)
 * @property {{low: number[], high: number[]}} window
 * @property {Set<number>} hidden classes
 * @property {any} colours
 * @property {number[]} at the place
 * @property {number | null} point that is chosen
 * @property {number[]} nearest rows that are marked
 * @property {number[][]} line around what is chosen
 * @property {Set<number>} chosen rows
 * @property {string[]} names of the axes
 * @property {boolean} isLasso whether the pointer draws a line
 */

/**
 * @param {object} of
 * @param {Shown} of.shown
 * @param {(to: number[]) => void} of.move the place
 * @param {(row: number) => void} of.choose a point
 * @param {(line: number[][]) => void} of.surround what is chosen; nothing where empty
 * @param {(canvas: HTMLCanvasElement) => void} of.made
 */
export function LatentMap({ shown, move, choose, surround, made }) {
  const box = useRef(/** @type {any} */ (null)), drawn = useRef(/** @type {any} */ ({}));
  const [side, setSide] = useState(0);
  const now = useRef(/** @type {any} */ (null));
  now.current = { shown, move, choose, surround, side };
  const { codes, points, hidden, colours, window } = shown;
  useEffect(() => {
    const canvas = box.current;
    made(canvas);
    const watch = new ResizeObserver(() => setSide(canvas.clientWidth));
    watch.observe(canvas);
    const end = listen(canvas, () => now.current, (hover) => {
      drawn.current.hover = hover;
      drawOver(canvas, now.current, drawn.current);
    });
    return () => { watch.disconnect(); end(); };
  }, []);
  useEffect(() => {
    if (!side) return;
    const scale = Math.min(3, Math.max(1, devicePixelRatio));
    box.current.width = box.current.height = Math.round(side * scale);
    drawn.current.scale = scale;
    drawn.current.ground = groundOf(shown, side, scale);
    drawOver(box.current, now.current, drawn.current);
  }, [side, codes, points, window, colours, [...hidden].join()]);
  useEffect(() => { if (side && drawn.current.ground) drawOver(box.current, now.current, drawn.current); });
  return html`<canvas class="latent-map" ref=${box} tabindex="0" role="application" aria-label=${t("map_keys")}></canvas>`;
}

// -- what it hears ---------------------------------------------------------------------------------

/** @param {any} canvas @param {() => any} now @param {(hover: number[] | null) => void} hovered */
function listen(canvas, now, hovered) {
  let way = /** @type {number[][]} */ ([]), start = /** @type {number[] | null} */ (null), hasMoved = false, draws = false;
  const pixel = (event) => { const edge = canvas.getBoundingClientRect(); return [event.clientX - edge.left, event.clientY - edge.top]; };
  const within = (value, axis) => Math.min(now().shown.window.high[axis], Math.max(now().shown.window.low[axis], value));
  /** @param {number[]} at @returns {number[]} */
  const plane = ([x, y]) => {
    const { shown: { window: { low, high } }, side } = now();
    return [low[0] + x / side * (high[0] - low[0]), high[1] - y / side * (high[1] - low[1])].map(within);
  };
  const on = {
    pointerdown(event) {
      if (event.button) return;
      canvas.setPointerCapture?.(event.pointerId);
      hovered(null);
      start = pixel(event);
      hasMoved = false;
      draws = now().shown.isLasso || event.shiftKey;
      way = draws ? [plane(start)] : [];
    },
    pointermove(event) {
      const at = pixel(event);
      if (!start) return hovered(event.pointerType === "mouse" ? at : null);
      hasMoved ||= Math.hypot(at[0] - start[0], at[1] - start[1]) > STILL;
      if (!hasMoved) return;
      if (!draws) return now().move(plane(at));
      way.push(plane(at));
      now().surround(way);
    },
    pointerup(event) {
      if (!start) return;
      const at = pixel(event), wasClick = !hasMoved;
      start = null;
      if (!wasClick) return;
      const [row] = nearPlace(now().shown.points, plane(at), unitOf(now()), HIT, 1, isSeen(now().shown));
      if (row !== undefined) now().choose(row);
      else if (draws) now().surround([]);
      else now().move(plane(at));
    },
    pointercancel() { start = null; },
    pointerleave() { hovered(null); },
    keydown(event) {
      const key = KEYS[event.key], { shown, surround, choose, move } = now(), { low, high } = shown.window;
      if (event.key === "Escape") return surround([]);
      if (event.key === "Enter") {
        event.preventDefault();
        const [row] = nearPlace(shown.points, shown.at, unitOf(now()), Infinity, 1, isSeen(shown));
        if (row !== undefined) choose(row);
        return;
      }
      if (!key) return;
      event.preventDefault();
      const to = shown.at.map((value, axis) => within(value + key[axis] * (high[axis] - low[axis]) / STEPS, axis));
      if (event.shiftKey) { // a rectangle from where it began to here
        const [from] = rectangleAt(shown) ?? [shown.at];
        surround([from, [to[0], from[1]], to, [from[0], to[1]]]);
      }
      move(to);
    },
  };
  for (const [name, act] of Object.entries(on)) canvas.addEventListener(name, act);
  return () => { for (const [name, act] of Object.entries(on)) canvas.removeEventListener(name, act); };
}

/** A line that is a rectangle with a corner at a place, which the keys go on with; null where it is none. */
function rectangleAt({ line, at, window: { low, high } }) {
  const isAt = (value, axis) => Math.abs(value - at[axis]) < (high[axis] - low[axis]) / STEPS / 4; // numbers are kept short
  const isHere = line.length === 4 && line[2].every(isAt);
  return isHere ? line : null;
}

/** A CSS pixel in units of each axis. */
const unitOf = ({ shown: { window: { low, high } }, side }) => low.map((value, axis) => (high[axis] - value) / (side || 1));

/** @param {Shown} shown @returns {(row: number) => boolean} */
export const isSeen = ({ codes: { labels }, hidden }) => (row) => !labels || !hidden.has(labels[row]);

// -- what is drawn ---------------------------------------------------------------------------------

/**
 * @param {{window: {low: number[], high: number[]}}} shown
 * @param {number} side
 * @returns {(...place: number[]) => number[]}
 */
const onCanvas = ({ window: { low, high } }, side) => (x, y) =>
  [(x - low[0]) / (high[0] - low[0]) * side, (1 - (y - low[1]) / (high[1] - low[1])) * side];

/** All points and the axes: drawn again only where they change. @param {Shown} shown */
function groundOf(shown, side, scale) {
  const { codes, points, colours, hidden, names } = shown;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(side * scale);
  const context = contextOf(canvas), to = onCanvas(shown, side);
  context.scale(scale, scale);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, side, side);
  context.strokeStyle = colours.faint;
  const [x, y] = to(0, 0);
  for (const [x1, y1, x2, y2] of [[x, 0, x, side], [0, y, side, y]]) {
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }
  const isHere = isSeen({ ...shown, codes, hidden });
  context.globalAlpha = codes.count > 1500 ? 0.55 : 0.75;
  for (let row = 0; row < codes.count; row++) {
    if (!isHere(row)) continue;
    context.fillStyle = colourOf(shown, row);
    context.beginPath();
    context.arc(...to(points[2 * row], points[2 * row + 1]), DOT * Math.min(1, side / NARROW), 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  context.font = "13px system-ui, sans-serif";
  context.textAlign = "right";
  said(context, names[0], side - 8, side - 9, colours);
  context.textAlign = "left";
  said(context, names[1], 8, 18, colours);
  if (codes.labels) nameClasses(context, shown, to, side);
  return canvas;
}

/** @param {Shown} shown @param {number} row */
const colourOf = ({ codes: { labels }, colours }, row) => (labels ? colours.classes[labels[row] % colours.classes.length] : colours.blue);

/** Words on a ground of their own. */
function said(context, text, x, y, colours) {
  context.lineWidth = 3.5;
  context.strokeStyle = `${colours.ground}d9`;
  context.strokeText(text, x, y);
  context.fillStyle = colours.ink;
  context.fillText(text, x, y);
}

/** The name of each class near the median of its points, so that colour does not stand alone. */
function nameClasses(context, { codes: { labels, classNames, count }, points, hidden, colours }, to, side) {
  context.font = "600 15px system-ui, sans-serif";
  context.textAlign = "center";
  const classes = [...new Set(labels)].filter((label) => !hidden.has(label)).sort((a, b) => a - b);
  const texts = classes.map((label) => (classNames[label] ?? String(label)).slice(0, LONGEST_NAME));
  const wanted = classes.map((label, i) => {
    const own = [...Array(count).keys()].filter((row) => labels[row] === label);
    const middle = [0, 1].map((axis) => own.map((row) => points[2 * row + axis]).sort((a, b) => a - b)[own.length >> 1]);
    const [x, y] = to(...middle);
    return /** @type {[number, number, number, number]} */ ([x, y, context.measureText(texts[i]).width + 3, 15]);
  });
  apart(wanted, [], side).forEach(([x, y], i) => said(context, texts[i], x, y + 5, colours));
}

/** What moves: the place, what is chosen, and images near the pointer. */
function drawOver(canvas, { shown, side }, { ground, hover, scale }) {
  if (!ground) return;
  const context = contextOf(canvas), to = onCanvas(shown, side), { colours } = shown;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(ground, 0, 0);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const ring = (row, radius, width, colour) => circle(context, to(shown.points[2 * row], shown.points[2 * row + 1]), radius, width, colour);
  if (shown.chosen.size <= MOST_RINGS) for (const row of shown.chosen) ring(row, 2.6, 1.2, colours.ink);
  drawLine(context, shown.line.map((corner) => to(...corner)), colours);
  for (const row of shown.nearest) ring(row, 5.5, 2, colours.clay);
  if (shown.point !== null) {
    ring(shown.point, 7.5, 5, colours.ground);
    ring(shown.point, 7.5, 3, colours.clay);
  }
  const place = to(...shown.at);
  circle(context, place, 9, 5, colours.ground);
  circle(context, place, 9, 2.5, colours.ink);
  if (hover) drawNear(context, shown, side, hover, to);
}

/** @param {any} context @param {number[]} at @param {number} radius @param {number} width @param {string} colour */
function circle(context, [x, y], radius, width, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

function drawLine(context, corners, colours) {
  if (corners.length < 2) return;
  context.beginPath();
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fillStyle = `${colours.blue}22`;
  context.fill();
  context.setLineDash([6, 4]);
  context.lineWidth = 2;
  context.strokeStyle = colours.blue;
  context.stroke();
  context.setLineDash([]);
}

/** The images of the points nearest to the pointer, in a ring around it, each tied to its point. */
function drawNear(context, shown, side, hover, to) {
  const { low, high } = shown.window;
  const at = [low[0] + hover[0] / side * (high[0] - low[0]), high[1] - hover[1] / side * (high[1] - low[1])];
  const rows = nearPlace(shown.points, at, unitOf({ shown, side }), NEAR, MOST_THUMBS, isSeen(shown));
  const angled = rows.map((row) => {
    const point = to(shown.points[2 * row], shown.points[2 * row + 1]);
    return { row, point, angle: Math.atan2(point[1] - hover[1], point[0] - hover[0]) };
  }).sort((a, b) => a.angle - b.angle);
  const { thumb } = shown.codes, tall = THUMB * thumb[1] / thumb[2];
  angled.forEach(({ row, point }, i) => {
    const turn = angled[0].angle + 2 * Math.PI * i / Math.max(rows.length, 4);
    const keep = (value, size) => Math.min(side - size / 2 - 3, Math.max(size / 2 + 3, value));
    const middle = [keep(hover[0] + RING * Math.cos(turn), THUMB), keep(hover[1] + RING * Math.sin(turn), tall)];
    context.strokeStyle = colourOf(shown, row);
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...point);
    context.lineTo(...middle);
    context.stroke();
    context.imageSmoothingEnabled = false;
    context.drawImage(toCanvas(thumbOf(shown.codes, row), thumb), middle[0] - THUMB / 2, middle[1] - tall / 2, THUMB, tall);
    context.lineWidth = 2.5;
    context.strokeRect(middle[0] - THUMB / 2, middle[1] - tall / 2, THUMB, tall);
  });
}
