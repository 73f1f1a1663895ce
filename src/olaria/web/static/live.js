/** What is known of a run while it trains: its events tell what has changed, and only that is read again. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, attempt, repeatedly, trouble } from "./api.js";
import { follow } from "./follow.js";
import { LIVE } from "./home.js";

const LEAST_MS = 2000; // from one reading to the next
const ASK_MS = 3000;
const UNKNOWN_MS = 15_000; // to the next question for a run that is not there
const SHOW_MS = 200;
const SPEED_S = 5; // over which the speed is measured

/** @typedef {"card" | "curves" | "samples"} Part of what is read of a run */

/** Which part another event changes. @type {Record<string, Part[]>} */
const CHANGES = {
  reset: ["card", "curves", "samples"], began: ["card"], restarted: ["card", "curves"], step: ["curves"],
  evaluated: ["curves"], sampled: ["samples"], finished: ["card", "curves", "samples"],
};

/**
 * What the events told of a run.
 * @typedef {object} Told
 * @property {{step: number, elapsed_s: number, text: string}[]} warned
 * @property {{step: number, elapsed_s: number} | null} best
 * @property {any} step the last one
 * @property {[number, number][]} pace steps and seconds of the last while
 * @property {number | null} rate of a finished run, steps per second
 */

/** @returns {Told} */
const nothing = () => ({ warned: [], best: null, step: null, pace: [], rate: null });

/**
 * @param {Told} found is added to
 * @param {string} kind
 * @param {any} data
 */
function add(found, kind, data) {
  if (kind === "reset") Object.assign(found, nothing());
  else if (kind === "warned") found.warned.push(data);
  else if (kind === "saved" && data.best) found.best = data;
  else if (kind === "finished" && data.elapsed_s > 0) found.rate = data.step / data.elapsed_s;
  else if (kind === "step") {
    found.step = data;
    found.pace.push([data.step, data.elapsed_s]);
    while (found.pace.length > 2 && data.elapsed_s - found.pace[0][1] > SPEED_S) found.pace.shift();
  }
}

/**
 * Card, curves, samples and events of a run. Where its events do not come, all of it is asked for every few seconds.
 * @param {string} id
 */
export function useRun(id) {
  const [run, setRun] = useState(/** @type {any} */ (null));
  const [curves, setCurves] = useState(/** @type {any[] | null} */ (null));
  const [samples, setSamples] = useState(/** @type {any[]} */ ([]));
  const [told, setTold] = useState(nothing);
  const [isLost, setLost] = useState(false);
  const [isUnknown, setUnknown] = useState(false);
  const isTold = useRef(false);
  const isLive = LIVE.includes(run?.state);
  const read = async (parts = /** @type {Set<Part>} */ (new Set(["card", "curves", "samples"]))) => {
    const path = `api/runs/${id}`;
    const [card, drawn, kept] = await Promise.all([
      parts.has("card") && attempt(() => askJson(path)),
      parts.has("curves") && askJson(`${path}/curves`).catch(() => null),
      parts.has("samples") && askJson(`${path}/samples`).catch(() => null),
    ]);
    if (card) setRun(card);
    if (drawn) setCurves(drawn.curves);
    if (kept) setSamples(kept.samples);
  };
  useEffect(() => {
    let before = NaN; // when its files had changed last
    return repeatedly(async () => {
      if (isTold.current && !Number.isNaN(before)) return ASK_MS;
      const began = performance.now();
      const card = await attempt(() => askJson(`api/runs/${id}`));
      setUnknown(!card && trouble.value?.code === "unknown_run");
      if (!card) return trouble.value?.code === "lost" ? ASK_MS : UNKNOWN_MS;
      if (trouble.value?.code === "unknown_run") trouble.value = null; // it is there now
      setRun(card);
      if (card.changed !== before) await read(new Set(["curves", "samples"]));
      before = card.changed;
      return Math.max(ASK_MS, 10 * (performance.now() - began));
    });
  }, [id]);
  useEffect(() => {
    const found = nothing(), changed = /** @type {Set<Part>} */ (new Set());
    let shower = 0, reader = 0, cost = 0;
    const show = () => { shower = 0; setTold({ ...found, warned: [...found.warned], pace: [...found.pace] }); };
    const reread = async () => {
      const began = performance.now(), parts = new Set(changed);
      changed.clear();
      await read(parts);
      cost = performance.now() - began;
      reader = 0;
      if (changed.size) plan();
    };
    const plan = () => { reader ||= setTimeout(reread, Math.max(LEAST_MS, 10 * cost)); };
    const end = follow(id, (kind, data) => {
      isTold.current = kind !== "end";
      setLost(false);
      add(found, kind, data);
      shower ||= setTimeout(show, SHOW_MS);
      if (kind === "end") return void read();
      for (const part of CHANGES[kind] ?? []) changed.add(part);
      if (changed.size) plan();
    }, (lost) => { isTold.current = !lost; setLost(lost); });
    return () => { end(); isTold.current = false; clearTimeout(shower); clearTimeout(reader); };
  }, [id, isLive]);
  const latest = isLost ? { ...told, step: null, pace: [] } : told; // the card is newer then
  return { run, curves, samples, told: latest, isLost, isUnknown, read };
}
