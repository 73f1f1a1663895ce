/**
 * Dense networks with gradients: of a loss by the weights, by the input, and of a penalty on the slope.
 */

import { product } from "./products.js";
import { addScaled, dot, linear, matvec, transposed } from "./tensor.js";

/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * What a pass through a network leaves for its gradients. A tape that is used again keeps its arrays, so that training
 * makes none: what is to be kept of it has to be copied.
 */
export class Tape {
  /** The input, then the output of every layer, (count, size) each. @type {Float32Array[]} */
  values = [];
  /** Weights of every layer, as they were in this pass. @type {Tensor[]} */
  weights = [];
  /** @type {(Spectrum | null)[]} */
  spectra = [];
  /** Gradients by what each layer gives before its activation. @type {Float32Array[]} */
  deltas = [];
  /** @type {Map<string, Float32Array>} */
  #arrays = new Map();

  /**
   * An array of the tape's own; its numbers are those that were last written there.
   * @param {string} name
   * @param {number} length
   * @returns {Float32Array}
   */
  array(name, length) {
    const known = this.#arrays.get(name);
    if (known?.length === length) return known;
    const made = new Float32Array(length);
    this.#arrays.set(name, made);
    return made;
  }
}

/**
 * @typedef {object} Spectrum
 * @property {number} sigma the estimate of the largest singular value
 * @property {Float32Array} u the left vector of the estimate
 * @property {Float32Array} v the right vector
 */

/** A weight divided by an estimate of its largest singular value, uᵀ W v (Miyato et al. 2018, algorithm 1). */
export class SpectralNorm {
  /**
   * @param {Tensor} original W, which is learnt
   * @param {Float32Array} u
   * @param {Float32Array} v
   */
  constructor(original, u, v) {
    this.original = original;
    this.u = u;
    this.v = v;
  }

  /** One turn of the power iteration. */
  iterate() {
    this.u = unit(matvec(this.original, this.v));
    this.v = unit(matvec(transposed(this.original), this.u));
  }

  /** @returns {{weight: Tensor, spectrum: Spectrum}} */
  constrained() {
    const { original, u, v } = this;
    const along = matvec(original, v);
    const sigma = dot(u, 0, along, 0, u.length);
    const weight = { data: original.data.map((value) => value / sigma), shape: original.shape };
    return { weight, spectrum: { sigma, u, v } };
  }
}

/**
 * From the gradient by W / σ to the gradient by W, in place: (G - ⟨G, W / σ⟩ u vᵀ) / σ.
 * @param {Float32Array} gradient
 * @param {Tensor} weight W / σ
 * @param {Spectrum} spectrum
 */
function throughNorm(gradient, weight, { sigma, u, v }) {
  const share = dot(gradient, 0, weight.data, 0, gradient.length);
  for (let i = 0; i < u.length; i++) addScaled(gradient, i * v.length, v, 0, -share * u[i], v.length);
  for (let i = 0; i < gradient.length; i++) gradient[i] /= sigma;
}

/**
 * @param {Float32Array} vector
 * @returns {Float32Array} the vector with length 1
 */
function unit(vector) {
  const length = Math.max(Math.sqrt(dot(vector, 0, vector, 0, vector.length)), 1e-12);
  return vector.map((value) => value / length);
}

/** Linear layers with LeakyReLU between, none after the last. */
export class DenseNetwork {
  /**
   * @param {{weight: Tensor, bias: Tensor, norm?: SpectralNorm | null}[]} layers trained in place; of a layer with a
   *   norm what is learnt is the norm's `original`, and `weight` is not read
   * @param {number} slope for negative numbers; 0 is ReLU
   */
  constructor(layers, slope) {
    this.layers = layers;
    this.slope = slope;
  }

  /**
   * A network of the same shape with other numbers.
   * @param {Float32Array[]} parameters see `parameters`
   * @returns {DenseNetwork}
   */
  with(parameters) {
    const layers = this.layers.map(({ weight, bias, norm }, index) => {
      const other = { data: parameters[2 * index], shape: weight.shape };
      return {
        weight: other,
        bias: { data: parameters[2 * index + 1], shape: bias.shape },
        norm: norm && new SpectralNorm(other, norm.u, norm.v),
      };
    });
    return new DenseNetwork(layers, this.slope);
  }

  /** @returns {Float32Array[]} what is learnt: of each layer the weight, then the bias */
  parameters() {
    return this.layers.flatMap(({ weight, bias, norm }) => [
      norm ? norm.original.data : weight.data,
      bias.data,
    ]);
  }

  /** @returns {Float32Array[]} zeros in the shapes of the parameters */
  zeros() {
    return this.parameters().map((p) => new Float32Array(p.length));
  }

  /**
   * @param {Float32Array} x (count, in)
   * @param {boolean} isTraining whether norms take a turn of their power iteration first
   * @param {Tape} tape to be written; its last value is the output
   * @returns {Tape} `tape`
   */
  forward(x, isTraining = false, tape = new Tape()) {
    tape.values[0] = x;
    this.layers.forEach(({ weight, bias, norm }, index) => {
      if (norm && isTraining) norm.iterate();
      const used = norm ? norm.constrained() : { weight, spectrum: null };
      const [rows, columns] = weight.shape;
      const input = tape.values[index];
      const y = tape.array(`values ${index}`, (input.length / columns) * rows);
      linear(used.weight, input, bias, y);
      if (index + 1 < this.layers.length) bend(y, y, this.slope);
      tape.values[index + 1] = y;
      tape.weights[index] = used.weight;
      tape.spectra[index] = used.spectrum;
    });
    return tape;
  }

  /**
   * @param {Float32Array} x (count, in)
   * @param {Tape} tape
   * @returns {Float32Array} (count, out), the tape's own
   */
  output(x, tape = new Tape()) {
    return /** @type {Float32Array} */ (this.forward(x, false, tape).values.at(-1));
  }

  /**
   * Gradients of a loss by what each layer gives before its activation, δ; kept on the tape.
   * @param {Tape} tape
   * @param {Float32Array} gradient of the loss by the output
   */
  goBack(tape, gradient) {
    const { values, weights, deltas } = tape;
    const last = weights.length - 1;
    deltas[last] = gradient;
    for (let index = last; index > 0; index--) {
      const back = tape.array(`deltas ${index}`, values[index].length);
      deltas[index - 1] = bend(backwards(weights[index], deltas[index], back), values[index], this.slope);
    }
  }

  /**
   * The gradient by the input, after `goBack`.
   * @param {Tape} tape
   * @returns {Float32Array} (count, in), the tape's own
   */
  inputGradient(tape) {
    return backwards(tape.weights[0], tape.deltas[0], tape.array("input", tape.values[0].length));
  }

  /**
   * Adds the gradients by the parameters, after `goBack`: of each weight Σ δ (f x + a)ᵀ, of each bias Σ f δ.
   * @param {Tape} tape
   * @param {Float32Array[]} gradients see `zeros`
   * @param {Float32Array | null} factors f of each example, where its δ is of another number than the loss; else 1
   * @param {Float32Array | null} along gradient of a function of the slope g = W₁ᵀ δ₁ by g, (count, in), of the first
   *   examples; the others have none. Activations are straight on each side of 0: their own slopes have no gradient
   */
  collect(tape, gradients, factors = null, along = null) {
    const { values, weights, deltas } = tape;
    weights.forEach((weight, index) => {
      const [rows, columns] = weight.shape;
      let x = values[index];
      if (factors || along) x = added(scaled(x, factors, columns, tape.array(`scaled ${index}`, x.length)), along);
      this.#collectWeight(tape, index, x, gradients[2 * index]);
      const delta = deltas[index], bias = gradients[2 * index + 1];
      for (let at = 0, i = 0; at < delta.length; at += rows, i++) {
        addScaled(bias, 0, delta, at, factors ? factors[i] : 1, rows);
      }
      if (along && index + 1 < weights.length) {
        const next = tape.array(`along ${index}`, (along.length / columns) * rows);
        along = bend(linear(weight, along, null, next), values[index + 1], this.slope);
      }
    });
  }

  /**
   * Adds Σ δ xᵀ over the examples, led through the norm where there is one.
   * @param {Tape} tape
   * @param {number} index of the layer
   * @param {Float32Array} x (count, in)
   * @param {Float32Array} gradient (out, in)
   */
  #collectWeight(tape, index, x, gradient) {
    const [rows, columns] = tape.weights[index].shape;
    const found = tape.array(`gradient ${index}`, gradient.length);
    product(tape.deltas[index], [1, rows], x, [columns, 1], [rows, x.length / columns, columns], found);
    const spectrum = tape.spectra[index];
    if (spectrum) throughNorm(found, tape.weights[index], spectrum);
    addScaled(gradient, 0, found, 0, 1, found.length);
  }
}

/**
 * From the gradient by a layer's output to that by its input: Δ W.
 * @param {Tensor} weight (out, in)
 * @param {Float32Array} delta (count, out)
 * @param {Float32Array} out gets (count, in)
 */
function backwards({ data, shape: [rows, columns] }, delta, out) {
  return product(delta, [rows, 1], data, [columns, 1], [delta.length / rows, rows, columns], out);
}

/**
 * Each example times a factor of its own.
 * @param {Float32Array} x (count, size)
 * @param {Float32Array | null} factors (count,); all 1 where null
 * @param {number} size
 * @param {Float32Array} out gets the same shape
 */
function scaled(x, factors, size, out) {
  if (!factors) return (out.set(x), out);
  for (let i = 0, at = 0; i < factors.length; i++) {
    for (const end = at + size; at < end; at++) out[at] = factors[i] * x[at];
  }
  return out;
}

/**
 * Adds numbers to the first of others, in place.
 * @param {Float32Array} x
 * @param {Float32Array | null} y
 */
function added(x, y) {
  if (y) addScaled(x, 0, y, 0, 1, y.length);
  return x;
}

/**
 * Multiplies by LeakyReLU's slope where its input, and so its output, is not positive, in place.
 *
 * A table instead of a branch, which a processor would guess wrongly half of the time.
 * @param {Float32Array} x
 * @param {Float32Array} values the activation's input or output, as many or more
 * @param {number} slope
 * @returns {Float32Array} `x`
 */
function bend(x, values, slope) {
  const factors = [slope, 1];
  for (let i = 0; i < x.length; i++) x[i] *= factors[+(values[i] > 0)];
  return x;
}
