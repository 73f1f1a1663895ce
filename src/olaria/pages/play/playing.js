/** How a game of points goes on: played, in slow motion, step by step, or again as a link tells. */

const SLICE_MS = 14; // of training in a frame
const MOST_MOMENTS = 90; // of a slice
const DRAW_MS = 100; // from picture to picture while training, or longer:
const DRAWN_SHARE = 0.1; // of the time at most goes into pictures
const STILL_MS = 1500; // where the reader wants little motion
const SLOW_MS = 1400; // of a moment

/** @typedef {import("./match.js").Match} Match */

/**
 * What is done as the game goes on.
 * @typedef {object} Listeners
 * @property {() => void} draw
 * @property {() => void} changed what the buttons show
 * @property {() => void} paused the turn in play has ended, and is to be kept
 * @property {(moment: any) => void} moment of a turn, which is to be told; null where nothing is
 * @property {() => void} overflow the numbers have grown beyond all bounds
 */

export class Playing {
  /**
   * @param {boolean} isStill whether the reader wants little motion
   * @param {Listeners} on
   */
  constructor(isStill, on) {
    this.isStill = isStill;
    this.on = on;
    this.match = /** @type {Match} */ (/** @type {unknown} */ (null)); // until `begin`
    /** What is seen of a turn in slow motion. @type {any} */
    this.moment = null;
    this.isPlaying = this.isSlow = false;
    this.frame = this.timer = this.drawnAt = this.drawingMs = this.rate = 0;
    /** Turns that are still to be played again. @type {[string, number][]} */
    this.again = [];
  }

  get isBusy() {
    return this.isPlaying || this.again.length > 0;
  }

  /** @param {Match} match a new game @param {[string, number][]} again turns to play at once */
  begin(match, again) {
    this.stop();
    [this.match, this.moment, this.again] = [match, null, again];
    this.on.changed();
    this.draw();
    if (again.length) this.run();
  }

  draw() {
    const since = performance.now();
    this.on.draw();
    this.drawnAt = performance.now();
    this.drawingMs = this.drawnAt - since;
  }

  stop() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = this.timer = this.rate = 0;
    this.isPlaying = this.isSlow = false;
    this.again = [];
  }

  /** End the turn that is in play, and say where the game stands. */
  pause() {
    this.stop();
    this.match.finish();
    this.moment = null;
    this.on.paused();
    this.on.changed();
    this.draw();
  }

  // -- fast --------------------------------------------------------------------------------------

  play() {
    this.on.moment(null);
    if (this.isBusy) return this.pause();
    this.stop();
    this.moment = null;
    this.isPlaying = true;
    this.on.changed();
    this.run();
  }

  run() {
    let from = [performance.now(), this.match.gan.step];
    const next = () => {
      this.frame = 0;
      const wasAgain = this.again.length > 0;
      if (!this.slice()) {
        if (wasAgain || this.match.turns.length) this.pause();
        return;
      }
      const now = performance.now();
      if (now - from[0] > 1000) {
        this.rate = (this.match.gan.step - from[1]) / (now - from[0]) * 1000;
        from = [now, this.match.gan.step];
      }
      const restMs = Math.max(this.isStill ? STILL_MS : DRAW_MS, this.drawingMs / DRAWN_SHARE - this.drawingMs);
      if (now - this.drawnAt > restMs) this.draw();
      this.frame = requestAnimationFrame(next);
    };
    this.frame = requestAnimationFrame(next);
  }

  /** What is trained between two frames: some moments, for a few milliseconds. */
  slice() {
    const end = performance.now() + SLICE_MS;
    for (let i = 0; i < MOST_MOMENTS && performance.now() < end; i++) {
      if (!this.match.running) {
        if (this.again.length) this.replay();
        else if (this.isPlaying) this.match.begin("t");
        else return false;
      }
      const moment = this.match.next();
      if (moment && !Number.isFinite(moment.loss ?? 0)) {
        this.pause();
        this.on.overflow();
        return false;
      }
    }
    return true;
  }

  /** Begin the next turn that is played again. */
  replay() {
    this.match.begin(this.again[0][0]);
    this.again[0][1] -= 1;
    if (this.again[0][1] <= 0) this.again.shift();
  }

  // -- slowly ------------------------------------------------------------------------------------

  /** One moment of a turn, and what happened in it. */
  onward() {
    if (!this.match.running) this.match.begin("t");
    this.moment = this.match.next() ?? (this.match.begin("t"), this.match.next());
    this.on.moment(this.moment);
    this.draw();
  }

  /** Moment by moment, by itself or, where the reader wants little motion, at each press. */
  slowly() {
    if (this.isSlow && !this.isStill) {
      this.pause();
      return this.on.moment(null);
    }
    if (!this.isSlow) this.stop();
    this.isSlow = true;
    this.on.changed();
    if (this.isStill) return this.onward();
    const tick = () => { this.onward(); this.timer = setTimeout(tick, SLOW_MS); };
    tick();
  }

  /** One turn, of both networks or of one. @param {string} kind */
  once(kind) {
    this.stop();
    this.match.begin(kind);
    let last;
    while (this.match.running) last = this.match.next() ?? last;
    this.pause();
    this.on.moment(last);
  }
}
