/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), as of `olaria.training.optim`.
 */

import { dot } from "./tensor.js";

const EPSILON = 1e-8;

export class Adam {
  /** @param {Float32Array[]} parameters updated in place */
  constructor(parameters) {
    this.parameters = parameters;
    this.steps = 0;
    this.means = parameters.map((p) => new Float32Array(p.length));
    this.squares = parameters.map((p) => new Float32Array(p.length));
  }

  /**
   * One update of all parameters.
   * @param {Float32Array[]} gradients in the order of the parameters
   * @param {number} rate the learning rate
   * @param {number[]} betas of the gradients and of their squares
   * @param {number} decay factor on the weights that is taken off them, times the rate
   */
  step(gradients, rate, [beta1, beta2], decay = 0) {
    this.steps += 1;
    // Of the second algorithm's form, with both corrections in the rate: one division for each parameter.
    const correction = Math.sqrt(1 - beta2 ** this.steps);
    const size = (rate * correction) / (1 - beta1 ** this.steps);
    const epsilon = EPSILON * correction;
    const kept = 1 - rate * decay;
    this.parameters.forEach((parameter, index) => {
      const gradient = gradients[index];
      const mean = this.means[index];
      const square = this.squares[index];
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i];
        const m = beta1 * mean[i] + (1 - beta1) * g;
        const v = beta2 * square[i] + (1 - beta2) * g * g;
        mean[i] = m;
        square[i] = v;
        parameter[i] = kept * parameter[i] - (size * m) / (Math.sqrt(v) + epsilon);
      }
    });
  }
}

/**
 * Brings gradients whose joint length is above a limit to that length, in place.
 * @param {Float32Array[]} gradients
 * @param {number | null} limit none where null
 * @returns {number} their length before
 */
export function clipped(gradients, limit = null) {
  let squares = 0;
  for (const gradient of gradients) squares += dot(gradient, 0, gradient, 0, gradient.length);
  const length = Math.sqrt(squares);
  if (limit !== null && length > limit) {
    const factor = limit / (length + 1e-6);
    for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i] *= factor;
  }
  return length;
}

/**
 * Factor on the learning rate, as of `olaria.training.schedule`.
 * @param {Record<string, any>} training `warmup_steps`, `decay`, `decay_from`, `final_factor`
 * @param {number} step updates made so far
 * @param {number} fraction of the run that is over, in [0, 1]
 * @returns {number}
 */
export function learningRateFactor(training, step, fraction) {
  const { warmup_steps: steps, decay, decay_from: from, final_factor: last } = training;
  const warmup = steps ? Math.min(1, (step + 1) / steps) : 1;
  if (decay === "constant") return warmup;
  const progress = Math.min(1, Math.max(0, (fraction - from) / (1 - from)));
  const falling = decay === "linear" ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
  return warmup * (last + (1 - last) * falling);
}
