/** Which room is open and what it shows: all of it stands in the address, after `#`, so that a link shows the same. */

import { signal } from "@preact/signals";

const TOKEN = "olaria-token";

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token"); // it never reaches the server's log, nor stays in the address
  if (token) {
    sessionStorage.setItem(TOKEN, token);
    given.delete("token");
    history.replaceState(null, "", location.pathname + location.search + (given.size ? `#${given}` : ""));
  }
  return /** @type {Record<string, string>} */ (Object.fromEntries(given));
}

export const token = () => sessionStorage.getItem(TOKEN) ?? "";

export const place = signal(read());
addEventListener("hashchange", () => { place.value = read(); });

/**
 * @param {string} room
 * @param {Record<string, string>} [given]
 */
export const address = (room, given = {}) => `#${new URLSearchParams({ room, ...given })}`;

/**
 * Open a room, as a link does.
 * @param {string} room
 * @param {Record<string, string>} [given]
 */
export const go = (room, given) => { location.hash = address(room, given); };

/**
 * Keep what a room shows; null leaves a value out, as where it is the default.
 * @param {Record<string, string | null>} given
 */
export function keep(given) {
  const words = { ...place.value };
  for (const [name, value] of Object.entries(given)) {
    if (value === null) delete words[name];
    else words[name] = value;
  }
  place.value = words;
  clearTimeout(keep.timer);
  keep.timer = setTimeout(write, 200); // browsers refuse a hundred changes in a few seconds
}
keep.timer = 0;

function write() {
  const text = String(new URLSearchParams(place.value));
  history.replaceState(null, "", location.pathname + location.search + (text && `#${text}`));
}
addEventListener("pagehide", write);
