/** What stands above every room of one run: its name, what it is, and the way to its other rooms. */

import { useEffect, useRef, useState } from "preact/hooks";
import { askJson, attempt } from "./api.js";
import { html } from "./html.js";
import { address, place } from "./place.js";
import { t } from "./words.js";

/** The card of the run that the address names; null until it is known. */
export function useCard() {
  const { id } = place.value;
  const [run, setRun] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let isLeft = false;
    setRun(null);
    attempt(() => askJson(`api/runs/${id}`)).then((card) => { if (!isLeft && card) setRun(card); });
    return () => { isLeft = true; };
  }, [id]);
  return run?.id === id ? run : null;
}

/** The rooms of a run, the training first. @param {any} run */
const roomsOf = (run) => (run.title ? ["run", run.room, "lessons", "report"].filter(Boolean) : ["run"]);

/**
 * @param {object} of
 * @param {any} of.run its card
 * @param {any} [of.children] what stands at the right
 */
export function RunHeading({ run, children }) {
  const { room } = place.value, rooms = roomsOf(run);
  useEffect(() => {
    document.title = [room === "run" ? null : t(room), run.name, t("title")].filter(Boolean).join(" · ");
  }, [room, run.name]);
  const way = useRef(/** @type {any} */ (null));
  useEffect(() => { // on a narrow screen the way is longer than the screen is wide
    way.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [room, run.id]);
  const about = [run.title, run.preset, run.data, run.seed != null && `${t("seed")} ${run.seed}`];
  return html`<div class="row heading"><div><h1>${run.name}</h1><p class="soft">${about.filter(Boolean).join(" · ")}</p></div>
      <div class="row">${children}</div></div>
    ${rooms.length > 1 && html`<nav class="views" ref=${way} aria-label=${t("views")}>${rooms.map((name) => html`
      <a href=${address(name, { id: run.id })} aria-current=${name === room ? "page" : null}>${t(name)}</a>`)}</nav>`}`;
}
