/** Vectors as a reader sees them. */

import { make } from "./elements.js";
import { inkOn, shade } from "./grid.js";
import { written } from "./numbers.js";

/**
 * A vector as a row of numbers, coloured by their size.
 * @param {ArrayLike<number>} vector
 * @param {any} colours
 */
export function numberCells(vector, colours) {
  const largest = Math.max(1e-9, ...Array.from(vector, Math.abs));
  return Array.from(vector, (value) => {
    const cell = make("li", {}, written(value, 2));
    cell.style.background = shade(value / largest, colours);
    cell.style.color = inkOn(value / largest, colours);
    return cell;
  });
}
