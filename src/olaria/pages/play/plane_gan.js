/**
 * A GAN of points in the plane, as of `olaria.models.plane`, which goes on training in the page.
 *
 * Training is a generator function: whoever reads it decides the pace, so that play, one step and slow motion are one
 * loop.
 */

import { Adam, clipped, learningRateFactor } from "./adam.js";
import { DenseNetwork, SpectralNorm, Tape } from "./backprop.js";
import { LOSSES, meanOf, slopePenalty } from "./game.js";
import { joined } from "./dense.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * Where training takes points and noise from.
 * @typedef {object} Source
 * @property {number} batchSize points of a batch
 * @property {() => Float32Array} real the next batch of points, (batch, size)
 * @property {(count: number) => Float32Array} noise numbers of N(0, 1)
 * @property {(count: number) => Float32Array} uniform numbers in [0, 1), for the gradient penalty
 */

/**
 * What has just happened in a turn; one object for the whole turn, which grows.
 * @typedef {object} Moment
 * @property {"discriminator" | "generator"} side whose turn it is
 * @property {"drawn" | "judged" | "updated"} stage points are drawn; they are judged and the gradients known; the
 *   weights have moved
 * @property {Float32Array} generated points, (batch, size)
 * @property {Float32Array} [real] points, (batch, size), in the discriminator's turn
 * @property {Float32Array} [logits] of the generated points, from `judged` on
 * @property {Float32Array} [pull] minus the gradient of the generator's loss by each of its points, in its turn from
 *   `judged` on
 * @property {number} [loss] from `judged` on
 * @property {number} [penalty] its mean, before its weight
 * @property {number} [gradient] length of the gradient
 */

/**
 * @typedef {object} Players
 * @property {DenseNetwork} generator noise to points, in units of the data's spread around its centre
 * @property {DenseNetwork} discriminator such points to logits
 * @property {Float32Array} centre of the data
 * @property {number} spread of the data
 */

/** Both networks, and the training that may go on. */
export class PlaneGan {
  /**
   * @param {Record<string, any>} settings of the model; `loss`, `penalty`, `penalty_weight`, `discriminator_updates`
   *   and `discriminator_rate` may change at any time
   * @param {Record<string, any>} training of the run; its rates and `betas` may change at any time
   * @param {Players} players trained in place
   */
  constructor(settings, training, players) {
    this.settings = settings;
    this.training = training;
    this.players = players;
    this.latent = settings.latent;
    this.size = players.centre.length;
    /** Updates of the generator. */
    this.step = 0;
    /** Of the run that is over, for a learning rate that falls. */
    this.fraction = 0;
    const { generator, discriminator } = players;
    this.optimizers = {
      generator: new Adam(generator.parameters()),
      discriminator: new Adam(discriminator.parameters()),
    };
    this.averages = [generator, discriminator].map((network) =>
      network.parameters().map((p) => p.slice()),
    );
    // Arrays that every turn uses again.
    this.gradients = { generator: generator.zeros(), discriminator: discriminator.zeros() };
    this.tapes = { made: new Tape(), judged: new Tape(), sloped: new Tape(), pulled: new Tape() };
  }

  /**
   * @param {ArrayLike<number>} z noise, (count, latent)
   * @returns {Float32Array} points, (count, size)
   */
  generate(z) {
    return this.#placed(this.players.generator.output(new Float32Array(z)));
  }

  /**
   * @param {ArrayLike<number>} x points, (count, size)
   * @returns {Float32Array} logits of being real, (count,)
   */
  judge(x) {
    return this.players.discriminator.output(this.#scaled(new Float32Array(x)));
  }

  /**
   * The game, turn by turn and without end.
   * @param {Source} source
   * @returns {Generator<Moment, never, void>}
   */
  *train(source) {
    for (;;) {
      for (let i = 0; i < this.settings.discriminator_updates; i++) {
        yield* this.discriminatorTurn(source);
      }
      yield* this.generatorTurn(source);
    }
  }

  /**
   * One update of the discriminator.
   * @param {Source} source
   * @returns {Generator<Moment, void, void>}
   */
  *discriminatorTurn(source) {
    const { generator, discriminator } = this.players;
    const { loss: game, penalty: kind } = this.settings;
    const count = source.batchSize;
    const real = source.real();
    const units = generator.output(source.noise(count * this.latent), this.tapes.made);
    const generated = this.#placed(units);
    /** @type {Moment} */
    const moment = { side: "discriminator", stage: "drawn", real, generated };
    yield moment;
    // One pass over both, so that the power iteration of the spectral norm moves once.
    const tape = discriminator.forward(this.#scaled(joined(real, generated)), true, this.tapes.judged);
    const logits = /** @type {Float32Array} */ (tape.values.at(-1));
    const ofReal = meanOf(LOSSES[game].real, logits.subarray(0, count));
    const ofGenerated = meanOf(LOSSES[game].fake, logits.subarray(count));
    const byLogits = joined(ofReal.gradient, ofGenerated.gradient);
    const gradients = cleared(this.gradients.discriminator);
    // Gradients of the logits themselves: those of the loss are the same, times a factor of each example.
    discriminator.goBack(tape, new Float32Array(2 * count).fill(1));
    if (kind === "none") {
      discriminator.collect(tape, gradients, byLogits);
    } else if (kind === "r1" && tape.spectra.every((spectrum) => !spectrum)) {
      // The slopes at the real points, which this pass has gone through; the norms' weights would have moved.
      discriminator.collect(tape, gradients, byLogits, this.#penalised(tape, count, moment));
    } else {
      discriminator.collect(tape, gradients, byLogits);
      const places = kind === "r1" ? real : between(real, generated, source.uniform(count));
      const again = discriminator.forward(this.#scaled(places), true, this.tapes.sloped);
      discriminator.goBack(again, new Float32Array(count).fill(1));
      const none = new Float32Array(count);
      discriminator.collect(again, gradients, none, this.#penalised(again, count, moment));
    }
    moment.logits = logits.slice(count);
    moment.loss = ofReal.loss + ofGenerated.loss;
    yield* this.#update(moment, gradients, this.settings.discriminator_rate);
  }

  /**
   * The penalty on the slopes at the first examples of a pass, which the moment is told.
   * @param {Tape} tape whose gradients are those of the logits
   * @param {number} count of examples
   * @param {Moment} moment
   * @returns {Float32Array} its gradient by the slopes in units of the spread, times its weight, (count, size)
   */
  #penalised(tape, count, moment) {
    const { spread, discriminator } = this.players;
    const { penalty: kind, penalty_weight: weight } = this.settings;
    const byUnits = discriminator.inputGradient(tape).subarray(0, count * this.size);
    const slope = byUnits.map((value) => value / spread);
    const { penalty, gradient } = slopePenalty(kind, slope, this.size);
    moment.penalty = penalty;
    return gradient.map((value) => (weight * value) / spread);
  }

  /**
   * One update of the generator.
   * @param {Source} source
   * @returns {Generator<Moment, void, void>}
   */
  *generatorTurn(source) {
    const count = source.batchSize;
    const { generator } = this.players;
    const tape = generator.forward(source.noise(count * this.latent), false, this.tapes.made);
    const units = /** @type {Float32Array} */ (tape.values.at(-1));
    /** @type {Moment} */
    const moment = { side: "generator", stage: "drawn", generated: this.#placed(units) };
    yield moment;
    const { byUnits, ...judged } = this.#judged(moment.generated, this.tapes.pulled);
    const gradients = cleared(this.gradients.generator);
    generator.goBack(tape, byUnits);
    generator.collect(tape, gradients);
    Object.assign(moment, judged);
    yield* this.#update(moment, gradients, 1);
  }

  /**
   * What the generator's loss says of points, where nothing is trained.
   * @param {Float32Array} points (count, size)
   * @returns {{logits: Float32Array, loss: number, pull: Float32Array}} see `Moment`
   */
  pulls(points) {
    const { logits, loss, pull } = this.#judged(points);
    return { logits, loss, pull };
  }

  /** @param {Float32Array} points @param {Tape} [tape] of training; norms stay where they are without one */
  #judged(points, tape) {
    const { discriminator, spread } = this.players;
    const used = discriminator.forward(this.#scaled(points), Boolean(tape), tape);
    const logits = /** @type {Float32Array} */ (used.values.at(-1)).slice();
    const { loss, gradient } = meanOf(LOSSES[this.settings.loss].generator, logits);
    // By a point in units of the spread, as both networks work; by the point itself it is that, divided by the spread.
    discriminator.goBack(used, gradient);
    const byUnits = discriminator.inputGradient(used);
    const pull = byUnits.map((value) => (-value * logits.length) / spread);
    return { logits, loss, pull, byUnits };
  }

  /**
   * @param {Moment} moment
   * @param {Float32Array[]} gradients
   * @param {number} scale factor on the learning rate
   * @returns {Generator<Moment, void, void>}
   */
  *#update(moment, gradients, scale) {
    const { learning_rate: rate, betas, weight_decay: decay, clip_norm: limit } = this.training;
    moment.gradient = clipped(gradients, limit);
    moment.stage = "judged";
    yield moment;
    const factor = learningRateFactor(this.training, this.step, this.fraction);
    this.optimizers[moment.side].step(gradients, rate * scale * factor, betas, decay);
    if (moment.side === "generator") {
      this.#average();
      this.step += 1;
    }
    moment.stage = "updated";
    yield moment;
  }

  /**
   * Points of the averaged generator, which is what a finished run draws with.
   * @param {ArrayLike<number>} z noise, (count, latent)
   * @returns {Float32Array} points, (count, size)
   */
  generateAveraged(z) {
    const { generator } = this.players;
    const averaged = generator.with(this.averages[0]);
    return this.#placed(averaged.output(new Float32Array(z)));
  }

  /** The moving averages of the weights; their decay rises over the first steps. */
  #average() {
    const decay = Math.min(this.training.ema, (1 + this.step) / (10 + this.step));
    const { generator, discriminator } = this.players;
    [generator, discriminator].forEach((network, side) => {
      network.parameters().forEach((parameter, index) => {
        const average = this.averages[side][index];
        for (let i = 0; i < average.length; i++) {
          average[i] += (1 - decay) * (parameter[i] - average[i]);
        }
      });
    });
  }

  /** @param {Float32Array} units @returns {Float32Array} points */
  #placed(units) {
    const { centre, spread } = this.players;
    return units.map((value, i) => centre[i % this.size] + spread * value);
  }

  /** @param {Float32Array} x points @returns {Float32Array} in units of the spread around the centre */
  #scaled(x) {
    const { centre, spread } = this.players;
    return x.map((value, i) => (value - centre[i % this.size]) / spread);
  }
}

/** @param {Float32Array[]} gradients @returns {Float32Array[]} the same arrays, all 0 */
function cleared(gradients) {
  for (const gradient of gradients) gradient.fill(0);
  return gradients;
}

/**
 * Places on the way between real and generated points (Gulrajani et al. 2017, equation 3).
 * @param {Float32Array} real (count, size)
 * @param {Float32Array} generated the same shape
 * @param {Float32Array} shares of the real ones, (count,)
 * @returns {Float32Array}
 */
function between(real, generated, shares) {
  const size = real.length / shares.length;
  return generated.map((value, i) => value + shares[Math.floor(i / size)] * (real[i] - value));
}

/**
 * The layers of one network of a document, copied so that training leaves the document as it is.
 * @param {Opened} opened
 * @param {string} prefix
 * @param {number} slope
 * @returns {DenseNetwork}
 */
function network(opened, prefix, slope) {
  /** @param {string} name @returns {Tensor} */
  const copy = (name) => {
    const { data, shape } = opened.tensor(name);
    return { data: data.slice(), shape };
  };
  const layers = [];
  for (let i = 0; opened.has(`${prefix}.${i}.weight`); i += 2) {
    const name = `${prefix}.${i}`;
    const [weight, bias] = [copy(`${name}.weight`), copy(`${name}.bias`)];
    const norm = opened.has(`${name}.original`)
      ? new SpectralNorm(copy(`${name}.original`), copy(`${name}.u`).data, copy(`${name}.v`).data)
      : null;
    layers.push({ weight, bias, norm });
  }
  return new DenseNetwork(layers, slope);
}

/**
 * @param {Opened} opened
 * @returns {PlaneGan}
 */
export function createPlaneGan(opened) {
  return new PlaneGan({ ...opened.config }, { ...opened.training }, {
    generator: network(opened, "generator.network", 0),
    discriminator: network(opened, "discriminator", opened.config.slope),
    centre: opened.tensor("generator.centre").data.slice(),
    spread: opened.tensor("generator.spread").data[0],
  });
}
