/**
 * A small U-Net of images, told of a condition, as of `olaria.nn.unet`.
 */

import { added, conditionedRelu, convolve, fromPicture, kernel, normedRelu, toPicture, upConv } from "./conv.js";
import { linear } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./conv.js").Picture} Picture */

/** @param {Picture} x */
const copied = (x) => ({ ...x, data: x.data.slice() });

/**
 * Where in an image each number stands of what it becomes when squares of pixels become channels, as by PyTorch's
 * `pixel_unshuffle`, both plane by plane.
 * @param {number[]} shape [C, H, W] of the image
 * @param {number} side of the squares
 * @returns {Int32Array} (C · side², H / side, W / side)
 */
export function placesOfPacked([channels, height, width], side) {
  const places = new Int32Array(channels * height * width);
  let packed = 0;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) {
        for (let row = i; row < height; row += side) {
          for (let column = j; column < width; column += side) {
            places[packed++] = (c * height + row) * width + column;
          }
        }
      }
    }
  }
  return places;
}

/**
 * A residual of two convolutions that is told of the condition.
 * @param {Opened} opened
 * @param {string} name
 * @returns {(x: Picture, c: Float32Array) => Picture}
 */
function block(opened, name) {
  const first = kernel(opened, `${name}.first`);
  const second = kernel(opened, `${name}.second`);
  const weight = opened.tensor(`${name}.told.weight`);
  const bias = opened.tensor(`${name}.told.bias`);
  return (x, c) => {
    const told = linear(weight, c, bias);
    const scale = told.subarray(0, x.channels);
    const shift = told.subarray(x.channels);
    const between = conditionedRelu(convolve(normedRelu(copied(x)), first), scale, shift);
    return added(convolve(between, second), x);
  };
}

/**
 * Blocks, one after the other.
 * @param {Opened} opened
 * @param {string} name
 * @returns {(x: Picture, c: Float32Array) => Picture}
 */
function stage(opened, name) {
  /** @type {((x: Picture, c: Float32Array) => Picture)[]} */
  const blocks = [];
  while (opened.has(`${name}.blocks.${blocks.length}.first.weight`)) {
    blocks.push(block(opened, `${name}.blocks.${blocks.length}`));
  }
  return (x, c) => blocks.reduce((y, one) => one(y, c), x);
}

/**
 * @param {Opened} opened
 * @param {string} prefix
 * @param {number} side of the squares of pixels that become channels
 * @returns {(x: ArrayLike<number>, c: Float32Array) => Float32Array} an image (C, H, W) and its condition to
 *   (outputs, H, W)
 */
export function unet(opened, prefix, side) {
  const shape = /** @type {number[]} */ (opened.dimensions);
  const [channels, height, width] = shape;
  const packed = [channels * side * side, height / side, width / side];
  const stem = kernel(opened, `${prefix}.stem`);
  /** @typedef {ReturnType<typeof stage>} Stage */
  /** @type {{down: Stage, shrink: ReturnType<typeof kernel>, grow: (x: Picture) => Picture, up: Stage}[]} */
  const levels = [];
  while (opened.has(`${prefix}.shrink.${levels.length}.weight`)) {
    const i = levels.length;
    levels.push({
      down: stage(opened, `${prefix}.down.${i}`),
      shrink: kernel(opened, `${prefix}.shrink.${i}`),
      grow: upConv(opened, `${prefix}.grow.${i}`),
      up: stage(opened, `${prefix}.up.${i}`),
    });
  }
  const middle = stage(opened, `${prefix}.middle`);
  const head = kernel(opened, `${prefix}.head`);
  const outputs = head.weight.shape[0] / (side * side);
  const read = placesOfPacked(shape, side);
  const written = placesOfPacked([outputs, height, width], side);
  return (image, c) => {
    let x = convolve(toPicture(Float32Array.from(read, (place) => image[place]), packed), stem);
    const kept = [];
    for (const { down, shrink } of levels) {
      kept.push(down(x, c));
      x = convolve(kept[kept.length - 1], shrink, 2);
    }
    x = middle(x, c);
    for (const { grow, up } of levels.toReversed()) {
      x = up(added(grow(x), /** @type {Picture} */ (kept.pop())), c);
    }
    const out = fromPicture(convolve(normedRelu(copied(x)), head));
    const made = new Float32Array(out.length);
    written.forEach((place, i) => (made[place] = out[i]));
    return made;
  };
}
