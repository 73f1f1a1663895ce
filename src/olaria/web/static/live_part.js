/** Living parts of lessons' pages in a room: each computes with the run's model, which first proves its numbers. */

import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { idOf, proved, startPart } from "play/live.js";
import { askJson, Trouble } from "./api.js";
import { html } from "./html.js";
import { keep, place } from "./place.js";
import { isDark } from "./theme.js";
import { language, t } from "./words.js";

/**
 * What the studio tells of the parts of a run.
 * @typedef {object} Living
 * @property {{name: string, models: string[], settings: any, words: Record<string, string>}[]} parts
 * @property {Record<string, any>} documents
 * @property {{light: any, dark: any}} colours
 * @property {string[]} notes what is left out, and why
 */

const BUSY_MS = 3000;

/** @type {Map<string, Promise<any>>} answers of the run that was looked at last */
const kept = new Map();
/** @type {WeakMap<any, Promise<any>>} a model proves its numbers once, however many parts compute with it */
const models = new WeakMap();

/**
 * What the studio computes of a run, asked for once as long as the page shows that run.
 * @param {any} run its card
 * @param {string} path below the run's address
 * @returns {{found: any, wrong: Trouble | null}} null until it is known
 */
export function useComputed(run, path) {
  const [told, tell] = useState({ key: "", found: /** @type {any} */ (null), wrong: /** @type {Trouble | null} */ (null) });
  const key = `${run.id}/${path}?${language()}.${run.changed}`;
  useEffect(() => {
    let isLeft = false;
    const one = answerOf(run.id, path, key);
    one.then((found) => { if (!isLeft) tell({ key, found, wrong: null }); }, (error) => {
      if (!(error instanceof Trouble)) throw error;
      if (!isLeft) tell({ key, found: null, wrong: error });
    });
    return () => { isLeft = true; };
  }, [key]);
  return told.key === key ? told : { found: null, wrong: null };
}

/** @param {string} id @param {string} path @param {string} key */
function answerOf(id, path, key) {
  for (const old of kept.keys()) if (!old.startsWith(`${id}/`)) kept.delete(old); // they hold whole models
  const found = kept.get(key) ?? inTurn(`api/runs/${id}/${path}`);
  kept.set(key, found);
  found.catch(() => kept.delete(key));
  return found;
}

/** An answer, asked for again while others of its kind are computed. @param {string} path @returns {Promise<any>} */
const inTurn = (path) => askJson(path).catch(async (error) => {
  if (!(error instanceof Trouble) || error.code !== "busy") throw error;
  await new Promise((done) => setTimeout(done, BUSY_MS));
  return inTurn(path);
});

/** The parts of a run. @param {any} run its card @returns {{found: Living | null, wrong: Trouble | null}} */
export const useLiving = (run) => useComputed(run, "live");

/** A model of a run, once it has proved its numbers here; `{opened, model, proof}`. @param {any} document_ */
export function modelOf(document_) {
  const found = models.get(document_) ?? proved(document_);
  models.set(document_, found);
  return found;
}

/**
 * The values of a part, kept in the address of the studio.
 * @param {string} id of the part
 * @returns {{link: import("play/link_state.js").Kept, close: () => void}}
 */
export function linkOf(id) {
  const own = () => new Map(Object.entries(place.value).filter(([key]) => key.startsWith(`${id}.`)));
  const told = (values) => JSON.stringify([...values].sort());
  const link = {
    values: own(),
    listeners: /** @type {(() => void)[]} */ ([]),
    set(key, text) {
      if ((link.values.get(key) ?? null) === text) return;
      if (text === null) link.values.delete(key);
      else link.values.set(key, text);
      keep({ [key]: text });
    },
  };
  const close = effect(() => {
    const now = own();
    if (told(now) === told(link.values)) return;
    link.values = now; // another link was opened
    for (const listener of link.listeners) listener();
  });
  return { link, close };
}

/**
 * One part, mounted once; what moves by itself ends when the room is left.
 * @param {object} of
 * @param {Living} of.living
 * @param {string} of.name of its module
 * @param {any} [of.settings] instead of those of the run's part
 * @param {string} [of.id] of its values in the address, where a room has two of a kind
 * @param {(told: any) => void} [of.started] gets the `Player`
 */
export function LivePart({ living, name, settings, id = idOf(name), started }) {
  const box = useRef(/** @type {any} */ (null));
  const colours = living.colours[isDark.value ? "dark" : "light"];
  const part = living.parts.find((one) => one.name === name);
  useEffect(() => {
    if (!part) return undefined;
    let isLeft = false, player = /** @type {import("play/live.js").Player | null} */ (null);
    const { link, close } = linkOf(id);
    const told = document.createElement("p");
    told.className = "live-told";
    told.setAttribute("role", "status");
    box.current.replaceChildren(told);
    box.current.removeAttribute("data-state");
    const begin = async () => {
      const found = await import(`play/${name}.js`);
      if (isLeft) return;
      player = await startPart(box.current, {
        id,
        part: found.part,
        settings: settings ?? part.settings,
        models: part.models.map((one) => modelOf(living.documents[one])),
        words: part.words,
        colours,
        link,
      });
      if (isLeft) player?.stop?.();
      else if (player) started?.(player);
    };
    begin().catch(() => { told.textContent = t("lost"); }); // the part's script did not come
    return () => { isLeft = true; close(); player?.stop?.(); };
  }, [part, colours, settings]);
  return part ? html`<div class="play lesson"><div class="live" ref=${box}></div></div>` : null;
}
