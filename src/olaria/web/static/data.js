/** Data: what there is, bringing and checking it, and files of one's own. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, askJson, attempt, Trouble } from "./api.js";
import { html } from "./html.js";
import { OwnFiles } from "./own_files.js";
import { address } from "./place.js";
import { bytes, t } from "./words.js";

/** @typedef {{share: number | null, text: string}} Far how far a download is */

/**
 * Bring a data set; what is told as it comes.
 * @param {string} name
 * @param {AbortSignal} signal
 * @param {(far: Far) => void} told
 */
async function bring(name, signal, told) {
  const answer = await ask(`api/data/${name}/get`, { body: {}, signal });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader(), decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const [kind, data] = part.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
      const found = JSON.parse(data);
      if (kind === "failed") throw new Trouble(found);
      if (kind === "progress") told({ share: found.total ? found.bytes / found.total : null, text: bytes(found.bytes) });
    }
  }
}

export function Data() {
  const [sets, setSets] = useState(/** @type {any[] | null} */ (null));
  const [states, setStates] = useState(/** @type {any} */ (null));
  const [isChecking, setChecking] = useState(false);
  const read = () => attempt(() => askJson("api/data")).then((found) => found && setSets(found.data_sets));
  useEffect(() => { read(); }, []);
  const verify = async () => {
    setChecking(true);
    const found = await attempt(() => askJson("api/data/verify", { body: {} }));
    if (found) setStates(found);
    setChecking(false);
  };
  if (!sets) return html`<h1>${t("data")}</h1><p class="soft">${t("loading")}</p>`;
  const wrong = states?.files.filter((one) => one.state === "wrong") ?? [];
  const right = states?.files.filter((one) => one.state === "right").length ?? 0;
  return html`<h1>${t("data")}</h1><${OwnFiles} />
    <section><div class="row heading"><h2>${t("data_sets")}</h2>
      <button type="button" class="plain" disabled=${isChecking} onClick=${verify}>${isChecking ? t("checking") : t("verify")}</button></div>
    <p role="status">${states && (wrong.length ? t("files_wrong", { names: [...new Set(wrong.map((one) => one.data_set))].join(", ") })
      : t("files_right", { count: right }))}</p>
    <ul class="sets">${sets.map((one) => html`<${DataSet} key=${one.name} set=${one} read=${read} />`)}</ul></section>`;
}

/** @param {{set: any, read: () => any}} of */
function DataSet({ set, read }) {
  const [far, setFar] = useState(/** @type {Far | null} */ (null));
  const [wrong, setWrong] = useState(/** @type {Trouble | null} */ (null));
  const ended = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => ended.current?.abort(), []);
  const get = async () => {
    const own = ended.current = new AbortController();
    setWrong(null);
    setFar({ share: null, text: "" });
    try {
      await bring(set.name, own.signal, setFar);
      await read();
    } catch (error) {
      if (error instanceof Trouble) setWrong(error);
      else if (!own.signal.aborted) throw error;
    }
    setFar(null);
  };
  return html`<li class="panel"><h3>${set.name}</h3><p>${set.title}</p>
    <p class="soft">${[t(`kind_${set.kind}`), set.size_bytes ? bytes(set.size_bytes) : t("no_network"), set.licence].join(" · ")}</p>
    <div class="row">${far ? html`<progress max="1" value=${far.share ?? undefined} aria-label=${t("getting")}></progress>
        <span class="soft" role="status">${t("getting")} ${far.text}</span>
        <button type="button" class="plain" onClick=${() => ended.current?.abort()}>${t("stop")}</button>`
      : set.ready ? html`<span class="state done">${t("here")}</span>
        <a href=${address("new_run", { data: set.name, kind: set.kind })}>${t("train_on_it")}</a>`
      : html`<button type="button" class="plain" onClick=${get}>${t("get")}</button>`}</div>
    ${wrong && html`<p class="wrong" role="alert">${wrong.message} ${wrong.hint}</p>`}</li>`;
}
