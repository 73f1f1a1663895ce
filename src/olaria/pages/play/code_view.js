/** The numbers of a code as bars on a canvas; of a distribution, each mean with one standard deviation to both sides. */

import { contextOf, makeCanvas } from "./canvas.js";
import { roundAbove, written } from "./numbers.js";

const WIDTH = 340;
const ROW = 21;
const LEFT = 34, RIGHT = 104; // for names and numbers
const BOTTOM = 20;

/**
 * @param {string[]} names of the dimensions, from the top down
 * @param {number} reach of the axis at least, to both sides
 * @param {boolean} hasPrior whether each number's prior is N(0, 1)
 * @param {string} label what is seen
 * @param {any} colours
 * @returns {{canvas: HTMLCanvasElement, draw: (means: number[], stds: number[] | null) => void}}
 */
export function makeCodeView(names, reach, hasPrior, label, colours) {
  const height = names.length * ROW + BOTTOM;
  const canvas = makeCanvas(WIDTH, height, { role: "img", "aria-label": label });
  const context = contextOf(canvas);
  const middle = (LEFT + WIDTH - RIGHT) / 2, half = (WIDTH - RIGHT - LEFT) / 2;
  const write = (text, x, y, align, colour) => {
    [context.textAlign, context.fillStyle] = [align, colour];
    context.fillText(text, x, y);
  };
  const draw = (means, stds) => {
    const most = 1.02 * Math.max(reach, ...means.map((mean, i) => Math.abs(mean) + (stds?.[i] ?? 0)));
    const tick = roundAbove(most / 2.2);
    const at = (value) => middle + value / most * half;
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, WIDTH, height);
    context.font = "13px system-ui, sans-serif";
    if (hasPrior) { // one standard deviation to both sides of 0
      context.fillStyle = colours.sand;
      context.globalAlpha = 0.35;
      context.fillRect(at(-1), 0, at(1) - at(-1), height - BOTTOM);
      context.globalAlpha = 1;
    }
    context.fillStyle = colours.muted;
    context.fillRect(middle - 0.5, 0, 1, height - BOTTOM);
    for (const value of [-tick, 0, tick]) write(written(value), at(value), height - 5, "center", colours.muted);
    means.forEach((mean, i) => {
      const y = (i + 0.5) * ROW, std = stds?.[i];
      write(names[i], 2, y + 4, "left", colours.ink);
      const told = written(mean, 2) + (std === undefined ? "" : ` ± ${written(std, 2)}`);
      write(told, WIDTH - 2, y + 4, "right", colours.ink);
      const [low, high] = std === undefined ? [Math.min(0, mean), Math.max(0, mean)] : [mean - std, mean + std];
      context.fillStyle = std === undefined && mean < 0 ? colours.clay : colours.blue;
      context.globalAlpha = std === undefined ? 1 : 0.45;
      context.fillRect(at(low), y - 5, Math.max(1, at(high) - at(low)), 10);
      context.globalAlpha = 1;
      if (std !== undefined) context.fillRect(at(mean) - 1.5, y - 8, 3, 16);
    });
  };
  return { canvas, draw };
}
