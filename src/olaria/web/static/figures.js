/** Figures that were pinned to the report: looked at, said anew, left out, deleted. */

import { useEffect, useState } from "preact/hooks";
import { ask, askJson, attempt } from "./api.js";
import { Twice } from "./twice.js";
import { html } from "./html.js";
import { keep } from "./place.js";
import { t } from "./words.js";

/** What was pinned. */
export function usePins() {
  const [pins, setPins] = useState(/** @type {any[]} */ ([]));
  const read = () => attempt(() => askJson("api/figures")).then((found) => found && setPins(found.figures));
  useEffect(() => { read(); }, []);
  return { pins, read };
}

/** @param {{pins: any[], read: () => any, without: string[]}} of; the last are ids that the report leaves out */
export function Figures({ pins, read, without }) {
  return html`<div class="panel"><h2>${t("pinned_figures")}</h2>
    ${pins.length ? html`<ul class="pins">${pins.map((one) => html`<${Pin} key=${one.id} pin=${one} read=${read} without=${without} />`)}</ul>`
      : html`<p class="soft">${t("no_figures")}</p>`}</div>`;
}

/** @param {{pin: any, read: () => any, without: string[]}} of */
function Pin({ pin, read, without }) {
  const [picture, setPicture] = useState("");
  useEffect(() => {
    let url = "", isLeft = false;
    ask(`api/figures/${pin.id}/picture`).then((answer) => answer.blob()).then((blob) => {
      if (!isLeft) setPicture(url = URL.createObjectURL(blob));
    }, () => {});
    return () => { isLeft = true; URL.revokeObjectURL(url); };
  }, [pin.id]);
  const say = (event) => attempt(() => askJson(`api/figures/${pin.id}/caption`, { body: { caption: event.target.value } }));
  const take = (event) => {
    const rest = without.filter((one) => one !== pin.id);
    keep({ without: (event.target.checked ? rest : [...rest, pin.id]).join(",") || null });
  };
  const remove = () => attempt(() => askJson(`api/figures/${pin.id}/delete`, { body: {} })).then(read);
  return html`<li>${picture && html`<img src=${picture} alt=${pin.caption} />`}
    <div class="pin-words"><label><span class="unseen">${t("caption")}</span><textarea rows="2" maxlength="2000" value=${pin.caption} onChange=${say}></textarea></label>
      <div class="row"><label class="check"><input type="checkbox" checked=${!without.includes(pin.id)} onChange=${take} />${t("in_report")}</label>
        ${pin.address && html`<a href=${pin.address}>${t("show_again")}</a>`}
        <${Twice} says=${t("delete")} asks=${t("really_delete")} act=${remove} /></div></div></li>`;
}
