/**
 * What a page shows, kept in its address after `#`, so that a link shows the same: `#plane.at=0.5,-1&hide=controls`.
 *
 * Defaults are left out. A `#` without `=` is the anchor of a step, and is left alone. A part that holds a text too long
 * for an address leaves nothing in it.
 */

export const LONGEST = 500; // characters of a value
const WAIT_MS = 300; // after the last change: browsers refuse a hundred changes in a few seconds

/**
 * How a value is written in the address. Reading gives null where the text is no such value.
 * @typedef {object} Form
 * @property {(text: string) => any} read
 * @property {(value: any) => string} write
 */

/**
 * Where the values of parts are kept: the address of a page, see `Link`, or of a room of the studio.
 * @typedef {object} Kept
 * @property {Map<string, string>} values
 * @property {(key: string, text: string | null) => void} set
 * @property {(() => void)[]} listeners called where the reader opens another link
 */

/** @type {Record<string, Form>} */
export const FORMS = {
  text: { read: (text) => text, write: (value) => value },
  number: { read: (text) => asNumber(text), write: (value) => short(value) },
  numbers: {
    read: (text) => {
      const found = text.split(",").map(asNumber);
      return found.includes(null) ? null : found;
    },
    write: (values) => Array.from(values, short).join(","),
  },
};

/**
 * A field that is a whole number.
 * @param {number} start its default
 * @param {number} [end] it is below that
 * @param {number} [least]
 */
export const whole = (start, end = Infinity, least = 0) => ({
  form: FORMS.number,
  start,
  fits: (value) => Number.isInteger(value) && value >= least && value < end,
});

/** @param {string} text */
function asNumber(text) {
  const value = Number(text);
  return text.trim() && Number.isFinite(value) ? value : null;
}

/** @param {number} value */
const short = (value) => String(Number(value.toFixed(3)));

/**
 * The values that an address names.
 * @param {string} hash with its `#`
 * @returns {Map<string, string>}
 */
export function readHash(hash) {
  return hash.includes("=") ? new Map(new URLSearchParams(hash.slice(1))) : new Map();
}

/**
 * @param {Map<string, string>} values
 * @returns {string} with its `#`; empty where there are none
 */
export function writeHash(values) {
  return values.size ? `#${new URLSearchParams([...values])}` : "";
}

/** The address of the page. */
export class Link {
  constructor() {
    this.values = readHash(location.hash);
    this.timer = 0;
    this.seen = location.hash;
    /** @type {(() => void)[]} called where the reader opens another link */
    this.listeners = [];
    addEventListener("hashchange", () => {
      this.seen = location.hash;
      if (location.hash === this.written || !location.hash.includes("=")) return;
      this.values = readHash(location.hash);
      this.written = ""; // no longer in the address: opened again, it is another link
      for (const listener of this.listeners) listener();
    });
  }

  /**
   * @param {string} key
   * @param {string | null} text none where it is the default
   */
  set(key, text) {
    if (text === null) this.values.delete(key);
    else this.values.set(key, text);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), WAIT_MS);
  }

  write() {
    if (location.hash !== this.seen && location.hash.includes("=")) return; // another link, whose event is on its way
    this.written = writeHash(this.values);
    try {
      history.replaceState(null, "", this.written || location.pathname + location.search);
    } catch {
      location.hash = this.written; // in a notebook's frame the history is closed
    }
    this.seen = location.hash;
  }
}

/**
 * The values of a part of the page, by name, each with its default.
 * @param {Kept} link
 * @param {string} id of the part; its keys in the address begin with it
 * @param {Record<string, {form: Form, start: any, fits?: (value: any) => boolean}>} fields
 * @param {(isKept: boolean) => void} [kept] is told whether the address holds what the part shows
 */
export function stateOf(link, id, fields, kept = () => {}) {
  /** @type {Record<string, any>} */
  const values = {};
  const read = (name) => {
    const { form, start, fits } = fields[name];
    const text = link.values.get(`${id}.${name}`);
    const found = text === undefined || text.length > LONGEST ? null : form.read(text);
    return found === null || (fits && !fits(found)) ? structuredClone(start) : found;
  };
  const restore = () => { for (const name of Object.keys(fields)) values[name] = read(name); };
  restore();
  return {
    values,
    restore,
    /** Write what differs from the beginning, all of it or nothing. */
    keep() {
      const texts = Object.entries(fields).map(([name, { form, start }]) => {
        const text = form.write(values[name]);
        return [name, text === form.write(start) ? null : text];
      });
      const isShort = texts.every(([, text]) => (text ?? "").length <= LONGEST);
      for (const [name, text] of texts) link.set(`${id}.${name}`, isShort ? text : null);
      kept(isShort);
    },
    reset() {
      for (const [name, { start }] of Object.entries(fields)) values[name] = structuredClone(start);
      this.keep();
    },
  };
}
