/** Warnings of the run's doctor, each with the step of a lesson that explains it, where there is one. */

import { html } from "./html.js";
import { address } from "./place.js";
import { number, t } from "./words.js";

/** By the kind of trouble and the family: a lesson, and its step by name. @type {Record<string, Record<string, [string, string]>>} */
export const EXPLAINED = {
  collapsed: { vae: ["vae", "beta"] },
  narrow: { "gan": ["gan", "collapsed_images"], "plane-gan": ["gan", "collapsed_points"] },
  won: { "gan": ["gan", "balance"], "plane-gan": ["gan", "balance"] },
  dead: { "gan": ["gan", "losses"], "plane-gan": ["gan", "losses"] },
};

/** @param {{run: any, warned: any[]}} of */
export function Warned({ run, warned }) {
  if (!warned.length) return null;
  return html`<div class="key warned"><h3>${t("warnings")}</h3><ul>${warned.map((one) => {
    const found = EXPLAINED[one.kind]?.[run.family];
    return html`<li><b>${t("step_n", { step: number(one.step, 0) })}</b> ${one.text}
      ${found && html` <a href=${address("lessons", { id: run.id, lesson: found[0], step: found[1] })}>${t("explained")}</a>`}</li>`;
  })}</ul></div>`;
}
