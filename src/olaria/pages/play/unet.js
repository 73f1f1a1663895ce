/**
 * A small U-Net of images, told of a condition or of none, as of `olaria.nn.unet`.
 */

import { added, conditionedRelu, convolve, fromPicture, kernel, normedRelu, toPicture, upConv } from "./conv.js";
import { apply, linear, relu } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./conv.js").Picture} Picture */
/** @typedef {(x: Picture, c?: Float32Array) => Picture} Layer */

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

/** @param {Opened} opened @param {string} name @returns {(x: Float32Array) => Float32Array} */
const layer = (opened, name) => {
  const [weight, bias] = [opened.tensor(`${name}.weight`), opened.tensor(`${name}.bias`)];
  return (x) => linear(weight, x, bias);
};

/**
 * Dense layers that join all places, where the network has them; see `olaria.nn.unet.AllPlaces`.
 * @param {Opened} opened
 * @param {string} name
 * @returns {Layer}
 */
function allPlaces(opened, name) {
  if (!opened.has(`${name}.join.weight`)) return (x) => x;
  const [narrow, join, widen] = ["narrow", "join", "widen"].map((part) => layer(opened, `${name}.${part}`));
  return (x) => {
    const joined = apply(join(apply(narrow(normedRelu(copied(x)).data), relu)), relu);
    return added({ ...x, data: widen(joined) }, x);
  };
}

/**
 * A residual of two convolutions, told of the condition where there is one.
 * @param {Opened} opened
 * @param {string} name
 * @returns {Layer}
 */
function block(opened, name) {
  const first = kernel(opened, `${name}.first`);
  const second = kernel(opened, `${name}.second`);
  const told = opened.has(`${name}.told.weight`) ? layer(opened, `${name}.told`) : undefined;
  return (x, c) => {
    const inner = convolve(normedRelu(copied(x)), first);
    const both = told && c && told(c);
    const between = both
      ? conditionedRelu(inner, both.subarray(0, x.channels), both.subarray(x.channels))
      : normedRelu(inner);
    return added(convolve(between, second), x);
  };
}

/**
 * Blocks, one after the other.
 * @param {Opened} opened
 * @param {string} name
 * @returns {Layer}
 */
function stage(opened, name) {
  /** @type {Layer[]} */
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
 * @param {number} channels of the input
 * @returns {(x: ArrayLike<number>, c?: Float32Array) => Float32Array} planes (channels, H, W), and the condition where
 *   the network was made for one, to (outputs, H, W)
 */
export function unet(opened, prefix, side, channels) {
  const [, height, width] = /** @type {number[]} */ (opened.dimensions);
  const packed = [channels * side * side, height / side, width / side];
  const stem = kernel(opened, `${prefix}.stem`);
  /** @type {{down: Layer, shrink: ReturnType<typeof kernel>, grow: Layer, up: Layer}[]} */
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
  const dense = allPlaces(opened, `${prefix}.dense`);
  const middle = stage(opened, `${prefix}.middle`);
  const head = kernel(opened, `${prefix}.head`);
  const outputs = head.weight.shape[0] / (side * side);
  const read = placesOfPacked([channels, height, width], side);
  const written = placesOfPacked([outputs, height, width], side);
  return (image, c) => {
    let x = convolve(toPicture(Float32Array.from(read, (place) => image[place]), packed), stem);
    const kept = [];
    for (const { down, shrink } of levels) {
      kept.push(down(x, c));
      x = convolve(kept[kept.length - 1], shrink, 2);
    }
    x = middle(dense(x), c);
    for (const { grow, up } of levels.toReversed()) {
      x = up(added(grow(x), /** @type {Picture} */ (kept.pop())), c);
    }
    const out = fromPicture(convolve(normedRelu(copied(x)), head));
    const made = new Float32Array(out.length);
    written.forEach((place, i) => (made[place] = out[i]));
    return made;
  };
}
