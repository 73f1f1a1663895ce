/** Asking the studio: one way for all rooms, and one shape of what goes wrong. */

import { signal } from "@preact/signals";
import { token } from "./place.js";
import { language, t } from "./words.js";

/** What went wrong, as the server says it: a message, what to do, and the field that is wrong. */
export class Trouble extends Error {
  /**
   * @param {{code: string, message: string, hint?: string | null, field?: string | null}} told
   * @param {number} [wait] seconds after which to ask again, where the studio is busy
   */
  constructor({ code, message, hint = null, field = null }, wait = 0) {
    super(message);
    this.code = code;
    this.hint = hint && message.includes(hint) ? null : hint; // some messages end with it
    this.field = field;
    this.wait = wait;
  }
}

/** @type {import("@preact/signals").Signal<Trouble | null>} what the page shows as its one line */
export const trouble = signal(null);

/** @param {string} path */
export function addressOf(path) {
  const found = new URL(path, document.baseURI);
  found.searchParams.set("lang", language());
  found.hash = "";
  return found;
}

/**
 * @param {string} path below the page's own address
 * @param {{body?: any, signal?: AbortSignal}} [how] with a body, something is changed
 * @returns {Promise<Response>}
 * @throws {Trouble} unless `signal` ended it
 */
export async function ask(path, { body, signal: ended } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (token()) headers.Authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(addressOf(path), {
      headers, signal: ended, method: body === undefined ? "GET" : "POST", body: body && JSON.stringify(body),
    });
  } catch (error) {
    if (ended?.aborted) throw error;
    throw new Trouble({ code: "lost", message: t("lost"), hint: t("lost_hint") });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  throw new Trouble(told ?? { code: "failed", message: `${answer.status} ${answer.statusText}` }, wait);
}

/**
 * @param {string} path
 * @param {{body?: any, signal?: AbortSignal}} [how]
 */
export const askJson = async (path, how) => (await ask(path, how)).json();

/**
 * Do something, and show what goes wrong as the page's line.
 * @param {() => Promise<any>} act
 */
export async function attempt(act) {
  try {
    const found = await act();
    if (trouble.value?.code === "lost") trouble.value = null;
    return found;
  } catch (error) {
    if (error instanceof Trouble) trouble.value = error;
    else if (/** @type {any} */ (error)?.name !== "AbortError") throw error;
    return null;
  }
}

/**
 * Call a function again and again while somebody sees the page.
 * @param {() => Promise<number>} look gives the milliseconds to the next one
 * @returns {() => void} ends it
 */
export function repeatedly(look) {
  let timer = 0, ended = false, busy = false;
  const next = async () => {
    if (ended || busy || document.hidden) return;
    clearTimeout(timer);
    busy = true;
    const wait = await look().catch(() => 5000);
    busy = false;
    if (!ended) timer = setTimeout(next, wait);
  };
  document.addEventListener("visibilitychange", next);
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", next);
  };
}
