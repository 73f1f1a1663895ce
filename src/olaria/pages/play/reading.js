/**
 * A language model that reads a text as it changes: what it has read already is not read again, and a long text is read
 * in short spells, so that the page answers meanwhile.
 */

const SPELL_MS = 20;
const SPELL_TOKENS = 8; // read together, in a third less time than one by one

/** @typedef {import("./causal.js").LanguageModel} LanguageModel */
/** @typedef {import("./causal.js").State} State */

/** How many tokens two texts share at their beginning. @param {number[]} a @param {number[]} b */
export function shared(a, b) {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}

/**
 * @param {LanguageModel} model
 */
export function makeReader(model) {
  /** @type {State} */
  let state = model.start();
  /** @type {number[]} */
  let read = [];
  let turn = 0;

  /** Go back to what the state and a text have in common, with at least one token left to read. @param {number[]} ids */
  const goBack = (ids) => {
    const common = Math.min(shared(read, ids), ids.length - 1);
    const whole = state.ids.length === read.length && state.cache.length === read.length;
    if (common === read.length) return;
    if (whole && common > 0) {
      state.ids.length = common;
      state.cache.length = common;
      read.length = common;
    } else {
      [state, read] = [model.start(), []];
    }
  };

  return {
    /** Tokens that were read. */
    get read() { return read; },
    /** Logits of the token after them, (V,). */
    get logits() { return state.logits; },
    /** Whether the beginning of the text has slid out of the model's window. */
    get slid() { return state.ids.length < read.length; },
    /** Read one more token. @param {number} id */
    step(id) {
      model.step(state, id);
      read.push(id);
    },
    /**
     * Read a text of at least one token; of a longer one than the model's window, its end.
     * @param {number[]} text
     * @returns {Promise<boolean>} whether it was read, and no other text was asked for meanwhile
     */
    async readText(text) {
      const mine = ++turn, ids = text.slice(-model.context);
      goBack(ids);
      let since = performance.now();
      while (read.length < ids.length) {
        const next = ids.slice(read.length, read.length + SPELL_TOKENS);
        model.more(state, next);
        read.push(...next);
        if (performance.now() - since < SPELL_MS) continue;
        await new Promise((done) => setTimeout(done, 0));
        if (mine !== turn) return false;
        since = performance.now();
      }
      return true;
    },
  };
}
