/** Two normal distributions that can be moved, as `olaria.pages.moving` draws them and `objectives.divergence` measures. */

import { all, one } from "./elements.js";
import { roundAbove, span, written } from "./numbers.js";

/** @typedef {[number, number]} Gaussian mean and standard deviation */

const HALF_WIDTH = 12; // standard deviations
const POINTS = 4001; // around each mean, half as many as Python takes

/**
 * log N(x; mean, std²), nats.
 * @param {number} x
 * @param {number} mean
 * @param {number} std
 */
export const logDensity = (x, mean, std) =>
  -0.5 * ((x - mean) / std) ** 2 - Math.log(std) - 0.5 * Math.log(2 * Math.PI);

/**
 * D(p‖q) in nats.
 * @param {Gaussian} p
 * @param {Gaussian} q
 */
export const closedForm = (p, q) =>
  Math.log(q[1] / p[1]) + (p[1] ** 2 + (p[0] - q[0]) ** 2) / (2 * q[1] ** 2) - 0.5;

/**
 * p(x) log(p(x) / q(x)), nats per unit of x.
 * @param {number} x
 * @param {Gaussian} p
 * @param {Gaussian} q
 */
export const integrand = (x, p, q) => {
  const logP = logDensity(x, ...p);
  return Math.exp(logP) * (logP - logDensity(x, ...q));
};

/**
 * The integrand's area above the axis and below it, in nats.
 * @param {Gaussian} p
 * @param {Gaussian} q
 * @returns {[number, number]}
 */
export const areas = (p, q) => {
  const reach = [p, q].flatMap(([mean, std]) => span(mean - HALF_WIDTH * std, mean + HALF_WIDTH * std, POINTS));
  const x = reach.sort((a, b) => a - b);
  let positive = 0, negative = 0;
  let before = integrand(x[0], p, q);
  for (let i = 1; i < x.length; i++) {
    const now = integrand(x[i], p, q), width = x[i] - x[i - 1];
    positive += width * (Math.max(before, 0) + Math.max(now, 0)) / 2;
    negative += width * (Math.min(before, 0) + Math.min(now, 0)) / 2;
    before = now;
  }
  return [positive, negative];
};

/**
 * @param {HTMLElement} game one `[data-gaussians]`
 * @param {any} frame points, frames and ticks of `olaria.pages.moving`
 */
export function startGaussians(game, frame) {
  const inputs = all(game, ".controls input");
  const moved = new Set(); // a slider snaps to its steps: the model's own number stays until the reader moves it
  const numberOf = (input) => Number(moved.has(input) ? input.value : input.defaultValue);
  const value = (name) => numberOf(inputs.find((input) => input.name === name));
  const x = span(-frame.reach, frame.reach, frame.points);
  const draw = () => {
    for (const input of inputs) {
      if (input.type === "range") input.nextElementSibling.value = written(numberOf(input), 2);
    }
    /** @type {[Gaussian, Gaussian]} */
    const [p, q] = [[value("mean-p"), value("std-p")], [value("mean-q"), value("std-q")]];
    drawCurves(game, frame, x, p, q);
    const [positive, negative] = areas(p, q);
    const out = { closed: closedForm(p, q), positive, negative, sum: positive + negative };
    for (const [name, number] of Object.entries(out)) {
      one(game, `[data-out=${name}]`).value = written(number, 3);
    }
  };
  for (const input of inputs) input.addEventListener("input", () => { moved.add(input); draw(); });
  if (inputs.length) draw();
}

function drawCurves(game, frame, x, p, q) {
  /** @param {Gaussian} gaussian */
  const density = (gaussian) => x.map((place) => Math.exp(logDensity(place, ...gaussian)));
  const both = [density(p), density(q)], y = x.map((place) => integrand(place, p, q));
  const highest = roundAbove(Math.max(...both.flat()));
  const reach = roundAbove(Math.max(Math.max(...y), -2 * Math.min(...y), 1e-3));
  const path = ([left, top, right, bottom], least, most, xs, ys) => xs.map((place, i) => {
    const across = left + (place + frame.reach) / (2 * frame.reach) * (right - left);
    const up = bottom - (ys[i] - least) / (most - least) * (bottom - top);
    return `${i ? "L" : "M"}${across.toFixed(1)} ${up.toFixed(1)}`;
  }).join("");
  const set = (role, d) => game.querySelector(`[data-curve=${role}]`).setAttribute("d", d);
  const lower = (xs, ys) => path(frame.lower, -0.5 * reach, reach, xs, ys);
  const closed = [...x, frame.reach, -frame.reach];
  set("p", path(frame.upper, 0, highest, x, both[0]));
  set("q", path(frame.upper, 0, highest, x, both[1]));
  set("integrand", lower(x, y));
  set("above", lower(closed, [...y.map((v) => Math.max(v, 0)), 0, 0]));
  set("below", lower(closed, [...y.map((v) => Math.min(v, 0)), 0, 0]));
  const ticks = (role, heights, height) => all(game, `[data-tick=${role}]`).forEach((tick, i) => {
    tick.textContent = written(heights[i] * height);
  });
  ticks("upper", frame.upperTicks, highest);
  ticks("lower", frame.lowerTicks, reach);
}
