/** What a language model writes after a text, token by token; any of these tokens can be exchanged for another. */

import { makeReader } from "./reading.js";
import { choose, nextProbabilities, uniforms } from "./sampling.js";

export class Writing {
  /**
   * @param {any} model
   * @param {import("./tokens.js").Tokenizer} tokens
   */
  constructor(model, tokens) {
    this.tokens = tokens;
    this.reader = makeReader(model);
    this.prompt = tokens.encode("");
    /** Each token that was written, and the logits that it came from. @type {{id: number, logits: Float32Array}[]} */
    this.drawn = [];
    this.random = uniforms(0);
    /** Whether all of the text has been read: nothing is written before, nor where there is no text. */
    this.isReady = false;
    this.turn = 0;
  }

  /**
   * Begin after a text.
   * @param {string} text
   * @param {number} seed of what is drawn
   * @returns {Promise<boolean>} whether it was read to its end: another text may come meanwhile
   */
  begin(text, seed) {
    this.prompt = this.tokens.encode(text);
    this.drawn = [];
    this.random = uniforms(seed);
    return this.read();
  }

  /** @returns {Promise<boolean>} see `begin` */
  async read() {
    const mine = ++this.turn, ids = [...this.prompt.ids, ...this.ids];
    this.isReady = false;
    if (!ids.length || !await this.reader.readText(ids) || mine !== this.turn) return false;
    this.isReady = true;
    return true;
  }

  /** Of what was written. */
  get ids() {
    return this.drawn.map(({ id }) => id);
  }

  /** Logits that a written token came from; those of the next one where the place is -1. @param {number} place */
  logits(place) {
    return place >= 0 ? this.drawn[place].logits : this.reader.logits;
  }

  /** @param {number} id of the next token */
  add(id) {
    this.drawn.push({ id, logits: /** @type {Float32Array} */ (this.reader.logits).slice() });
    this.reader.step(id);
  }

  /** A token by chance. @param {import("./sampling.js").SamplingOptions} options */
  chosen(options) {
    return choose(nextProbabilities(/** @type {Float32Array} */ (this.reader.logits), [], options), this.random());
  }

  /** @param {import("./sampling.js").SamplingOptions} options */
  draw(options) {
    this.add(this.chosen(options));
  }

  /**
   * Take another token in place of a written one; what came after it is taken back.
   * @param {number} place
   * @param {number} id
   */
  async exchange(place, id) {
    this.drawn = this.drawn.slice(0, place);
    if (await this.read()) this.add(id);
  }
}
