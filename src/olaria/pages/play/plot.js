/** Curves on axes, on a canvas. */

import { contextOf, makeCanvas, onResize } from "./canvas.js";
import { roundAbove, written } from "./numbers.js";

const MARGIN = { left: 52, right: 14, top: 30, bottom: 46 };
const APART = [34, 52]; // least pixels from one tick to the next, upwards and across

/**
 * @typedef {object} Curve
 * @property {number[]} x
 * @property {number[]} y
 * @property {string} colour
 * @property {string} [name] of the legend
 * @property {boolean} [dashed]
 * @property {boolean} [filled] down to zero
 */

/**
 * Ranges and names of the axes, curves and a point.
 * @typedef {object} Chart
 * @property {[number, number]} x
 * @property {[number, number]} y
 * @property {string} xName
 * @property {string} [yName]
 * @property {Curve[]} curves
 * @property {[number, number]} [mark]
 * @property {[number, string][]} [xTicks] places and words below the first axis, where they are not its round numbers
 */

/**
 * A canvas that curves are drawn on.
 * @param {number} width in CSS pixels
 * @param {number} height
 * @param {any} colours of the page
 * @param {string} label what is seen
 */
export function makePlot(width, height, colours, label) {
  const canvas = makeCanvas(width, height, { role: "img", "aria-label": label });
  const context = contextOf(canvas);
  /** @type {any} */
  let last = null;
  let inner = [MARGIN.left, width - MARGIN.right];
  onResize(canvas, () => last && draw(last));
  /** @param {Chart} what */
  const draw = (what) => {
    const { x, y, xName, yName = "", curves, mark } = last = what;
    const size = Math.min(1.8, width / (canvas.clientWidth || width)); // of a pixel of the screen, on a narrow page
    const left = MARGIN.left * size, right = width - MARGIN.right, top = MARGIN.top * size;
    const bottom = height - MARGIN.bottom * size;
    inner = [left, right];
    const across = (value) => left + (value - x[0]) / (x[1] - x[0]) * (right - left);
    const up = (value) => bottom - (value - y[0]) / (y[1] - y[0]) * (bottom - top);
    context.clearRect(0, 0, width, height);
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, width, height);
    context.font = `${13 * size}px system-ui, sans-serif`;
    context.lineWidth = size;
    context.strokeStyle = colours.faint;
    context.fillStyle = colours.muted;
    for (const value of ticks(...y, (bottom - top) / size / APART[0])) {
      line(context, [[left, up(value)], [right, up(value)]]);
      context.textAlign = "right";
      context.fillText(written(value), left - 6 * size, up(value) + 4 * size);
    }
    const places = what.xTicks ?? ticks(...x, (right - left) / size / APART[1]).map((value) => [value, written(value)]);
    for (const [value, text] of places) {
      context.textAlign = "center";
      context.fillText(text, across(value), bottom + 17 * size);
    }
    context.textAlign = "center";
    context.fillText(xName, (left + right) / 2, height - 8 * size);
    context.textAlign = "left";
    context.fillText(yName, 6, 14 * size);
    let place = yName ? left : 6;
    for (const curve of curves) {
      const points = curve.x.map((value, i) => [across(value), up(curve.y[i])]);
      context.strokeStyle = context.fillStyle = curve.colour;
      context.lineWidth = 2.2 * size;
      if (curve.filled) fill(context, points, up(0));
      context.setLineDash(curve.dashed ? [6 * size, 5 * size] : []);
      line(context, points);
      if (curve.name) {
        line(context, [[place, 10 * size], [place + 22 * size, 10 * size]]);
        context.fillStyle = colours.ink;
        context.fillText(curve.name, place + 28 * size, 14 * size);
        place += 46 * size + context.measureText(curve.name).width;
      }
      context.setLineDash([]);
    }
    if (mark) {
      context.beginPath();
      context.arc(across(mark[0]), up(mark[1]), 5.5 * size, 0, 2 * Math.PI);
      context.fillStyle = colours.ink;
      context.fill();
    }
  };
  return {
    canvas,
    draw,
    /** Where on the first axis a pointer is. @param {number} clientX */
    placeOf(clientX) {
      const box = canvas.getBoundingClientRect(), [left, right] = inner, [from, to] = last.x;
      return from + ((clientX - box.left) * width / box.width - left) / (right - left) * (to - from);
    },
  };
}

/**
 * Round numbers of a range.
 * @param {number} low
 * @param {number} high
 * @param {number} most of them, about
 */
export function ticks(low, high, most) {
  const step = roundAbove((high - low) / most), first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step);
}

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

function fill(context, points, ground) {
  if (!points.length) return;
  context.save();
  context.globalAlpha = 0.15;
  context.beginPath();
  context.moveTo(points[0][0], ground);
  for (const [x, y] of points) context.lineTo(x, y);
  context.lineTo(points.at(-1)[0], ground);
  context.fill();
  context.restore();
}
