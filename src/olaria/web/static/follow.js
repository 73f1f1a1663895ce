/** What a run tells while it trains: one stream of events in a tab that is seen; none in one that is hidden. */

import { ask, Trouble } from "./api.js";

const SILENT_MS = 15_000; // the studio beats every five seconds
const AGAIN_MS = 2000;
const MOST_TRIES = 3;
const MOST_STREAMS = 4; // of one browser: it has six connections to a studio, and all that is asked for needs some

/**
 * A seat among the streams of all windows of this browser; null where every one is taken.
 * @returns {Promise<(() => void) | null>} leaves it
 */
async function seat() {
  if (!navigator.locks) return () => {}; // not on this machine, and not encrypted
  for (let i = 0; i < MOST_STREAMS; i++) {
    const leave = await new Promise((told) => {
      navigator.locks.request(`olaria-stream-${i}`, { ifAvailable: true },
        (lock) => (lock ? new Promise((done) => told(done)) : told(null))).catch(() => told(null));
    });
    if (leave) return leave;
  }
  return null;
}

/**
 * Follow a run. Where streams fail, as behind some proxies, `lost` is called: the room then asks by itself.
 * @param {string} id
 * @param {(kind: string, data: any) => void} told
 * @param {(isLost: boolean) => void} lost
 * @returns {() => void} ends it
 */
export function follow(id, told, lost) {
  let after = "", tries = 0, ended = false, isDone = false, timer = 0;
  /** @type {AbortController | null} */
  let open = null;
  const begin = async () => {
    if (ended || isDone || open || document.hidden) return;
    clearTimeout(timer);
    const own = open = new AbortController(), leave = await seat();
    if (!leave || own.signal.aborted) {
      leave?.();
      if (open === own) open = null;
      if (!leave && !ended && !document.hidden) wait();
      return;
    }
    let watch = setTimeout(() => own.abort(), SILENT_MS), isLatest = false;
    try {
      const path = `api/runs/${id}/events${after && `?after=${after}`}`;
      const answer = await ask(path, { signal: own.signal });
      const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watch);
        watch = setTimeout(() => own.abort(), SILENT_MS);
        const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) {
          const event = parsed(part);
          if (event.id) after = event.id;
          if (!event.kind) continue;
          if (tries) lost(false);
          tries = 0;
          if (event.kind === "end") isDone = true;
          told(event.kind, event.data);
        }
      }
    } catch (error) {
      if (error instanceof Trouble && error.code === "unknown_run") return;
      // Else it is begun again below.
    } finally {
      leave();
      clearTimeout(watch);
      isLatest = open === own; // else the page was hidden meanwhile, and perhaps seen again
      if (isLatest) open = null;
    }
    if (isLatest && !ended && !isDone && !document.hidden) wait();
  };
  const wait = () => {
    tries += 1;
    if (tries >= MOST_TRIES) lost(true);
    timer = setTimeout(begin, AGAIN_MS * Math.min(tries, 5));
  };
  const seen = () => {
    if (!document.hidden) return void begin();
    open?.abort();
    open = null;
  };
  document.addEventListener("visibilitychange", seen);
  begin();
  return () => {
    ended = true;
    clearTimeout(timer);
    open?.abort();
    document.removeEventListener("visibilitychange", seen);
  };
}

/** @param {string} text of one event */
export function parsed(text) {
  let id = "", kind = "", data = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  return { id, kind, data: data ? JSON.parse(data) : {} };
}
