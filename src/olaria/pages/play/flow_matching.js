/**
 * What models of flow matching share: times, their waves, and how a velocity is followed from noise to data.
 */

export const TIME_WAVES = 16;
const LONGEST = 2;
const SHORTEST = 1 / 16;
const LEAST_LEFT = 0.05;

/**
 * Times from 0 to 1; see `olaria.nn.ode.times`.
 * @param {number} steps
 * @param {number} power
 * @returns {number[]}
 */
export const times = (steps, power) =>
  Array.from({ length: steps + 1 }, (_, k) => 1 - (1 - k / steps) ** power);

/**
 * Waves of a time; see `olaria.nn.waves.time_waves`.
 * @param {number} t
 * @returns {Float32Array}
 */
export function timeWaves(t) {
  const out = new Float32Array(2 * TIME_WAVES);
  for (let i = 0; i < TIME_WAVES; i++) {
    const period = LONGEST * (SHORTEST / LONGEST) ** (i / (TIME_WAVES - 1));
    out[i] = Math.cos((2 * Math.PI * t) / period);
    out[TIME_WAVES + i] = Math.sin((2 * Math.PI * t) / period);
  }
  return out;
}

/**
 * The velocity of one coordinate that follows from a prediction; see `olaria.objectives.flow_matching.velocity_of`.
 * @param {number} predicted
 * @param {string} kind "velocity", "data" or "noise"
 * @param {number} x the place
 * @param {number} t the time
 * @returns {number}
 */
export function velocityOf(predicted, kind, x, t) {
  if (kind === "data") return (predicted - x) / Math.max(LEAST_LEFT, 1 - t);
  if (kind === "noise") return (x - predicted) / Math.max(LEAST_LEFT, t);
  return predicted;
}

/** @param {Float32Array} x @param {Float32Array} v @param {number} length */
const moved = (x, v, length) => x.map((value, i) => value + length * v[i]);

/**
 * One step of a solver; see `olaria.nn.ode.SOLVERS`.
 * @param {(x: Float32Array, t: number) => Float32Array} velocity
 * @param {Float32Array} x
 * @param {number} now
 * @param {number} then
 * @param {string} solver "euler", "midpoint" or "heun"
 * @returns {Float32Array}
 */
export function step(velocity, x, now, then, solver) {
  const length = then - now;
  const first = velocity(x, now);
  if (solver === "euler") return moved(x, first, length);
  if (solver === "midpoint") {
    return moved(x, velocity(moved(x, first, length / 2), now + length / 2), length);
  }
  const second = velocity(moved(x, first, length), then);
  return moved(moved(x, first, length / 2), second, length / 2);
}

/**
 * Where a step led, with some of the noise drawn anew; see `olaria.nn.ode.renewed`.
 * @param {Float32Array} x before the step
 * @param {Float32Array} next after it
 * @param {number} now
 * @param {number} then
 * @param {Float32Array} fresh the new noise
 * @param {number} share
 * @returns {Float32Array}
 */
function renewed(x, next, now, then, fresh, share) {
  const lost = 1 - Math.sqrt(1 - share ** 2);
  return next.map((value, i) => {
    const old = x[i] - (now / (then - now)) * (value - x[i]);
    return value + (1 - then) * (share * fresh[i] - lost * old);
  });
}

/**
 * Where places are at each time, the first included.
 * @param {(x: Float32Array, t: number) => Float32Array} velocity
 * @param {ArrayLike<number>} x at the first time
 * @param {number[]} at times
 * @param {string} solver
 * @param {Float32Array[]} [fresh] noise for each step but the last, where some is drawn anew
 * @param {number} [share] how much of it
 * @returns {Float32Array[]}
 */
export function path(velocity, x, at, solver, fresh = [], share = 0) {
  /** @type {Float32Array[]} */
  const places = [Float32Array.from(x)];
  for (let k = 0; k + 1 < at.length; k++) {
    const [now, then] = [at[k], at[k + 1]];
    const next = step(velocity, places[k], now, then, solver);
    places.push(k < fresh.length ? renewed(places[k], next, now, then, fresh[k], share) : next);
  }
  return places;
}
