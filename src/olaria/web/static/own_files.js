/** Files of one's own: dropped or chosen, told what they hold, trained on, deleted. */

import { useEffect, useRef, useState } from "preact/hooks";
import { addressOf, askJson, attempt, Trouble } from "./api.js";
import { html } from "./html.js";
import { address, token } from "./place.js";
import { Twice } from "./twice.js";
import { bytes, number, t } from "./words.js";

/**
 * Send a file as it lies on the disk: the page never holds it whole. (A fetch does not tell how far it is.)
 * @param {File} file
 * @param {AbortSignal} signal
 * @param {(share: number) => void} told
 * @returns {Promise<any>}
 */
function send(file, signal, told) {
  const request = new XMLHttpRequest(), to = addressOf("api/uploads");
  to.searchParams.set("name", file.name.slice(-200));
  request.open("POST", to);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  if (token()) request.setRequestHeader("Authorization", `Bearer ${token()}`);
  request.responseType = "json";
  signal.addEventListener("abort", () => request.abort());
  request.upload.addEventListener("progress", (event) => told(event.loaded / Math.max(1, event.total)));
  return new Promise((done, failed) => {
    const lost = () => failed(new Trouble({ code: "lost", message: t("lost"), hint: t("upload_lost") }));
    request.addEventListener("load", () => {
      if (request.status === 201) return done(request.response);
      if (!request.response) return lost();
      return failed(new Trouble(request.response));
    });
    request.addEventListener("error", lost);
    request.addEventListener("abort", () => done(null));
    request.send(file);
  });
}

export function OwnFiles() {
  const [known, setKnown] = useState(/** @type {any} */ (null));
  const [far, setFar] = useState(/** @type {{name: string, share: number} | null} */ (null));
  const [wrong, setWrong] = useState(/** @type {Trouble | null} */ (null));
  const [isOver, setOver] = useState(false);
  const chooser = useRef(/** @type {any} */ (null)), ended = useRef(/** @type {AbortController | null} */ (null));
  const read = () => attempt(() => askJson("api/uploads")).then((found) => found && setKnown(found));
  useEffect(() => { read(); return () => ended.current?.abort(); }, []);
  const take = async (files) => {
    if (!files.length || far) return;
    const file = files[0], own = ended.current = new AbortController();
    setWrong(null);
    const told = early(file, files.length, known);
    if (told) return void setWrong(told);
    setFar({ name: file.name, share: 0 });
    try {
      await send(file, own.signal, (share) => setFar({ name: file.name, share }));
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      setWrong(error);
    }
    setFar(null);
    await read();
  };
  const drop = (event) => { event.preventDefault(); setOver(false); take([...event.dataTransfer.files]); };
  const over = (event) => { event.preventDefault(); setOver(true); };
  return html`<section><h2>${t("own_files")}</h2>
    <div class=${`drop${isOver ? " over" : ""}`} onDragOver=${over} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      ${far ? html`<div class="row" role="status"><span>${far.share < 1 ? t("sending", { name: far.name }) : t("looking", { name: far.name })}</span>
          <progress max="1" value=${far.share < 1 ? far.share : undefined} aria-label=${far.name}></progress>
          <button type="button" class="plain" onClick=${() => ended.current?.abort()}>${t("stop")}</button></div>`
        : html`<p><strong>${t("drop_here")}</strong></p>
          <p><button type="button" class="button" onClick=${() => chooser.current.click()}>${t("choose_file")}</button></p>
          <p class="soft">${t("drop_hint", { size: bytes(known?.most_bytes) })}</p>`}
      <input ref=${chooser} class="unseen" type="file" tabindex="-1" aria-label=${t("choose_file")} accept=${known?.endings.join(",")}
        onChange=${(event) => { take([...event.target.files]); event.target.value = ""; }} />
      ${wrong && html`<p class="wrong" role="alert">${wrong.message} ${wrong.hint}</p>`}</div>
    <ul class="sets own">${(known?.uploads ?? []).map((one) => html`<${OwnFile} key=${one.id} file=${one} read=${read} />`)}</ul></section>`;
}

/** What is known to be wrong before a byte is sent. */
function early(file, count, known) {
  if (count > 1) return new Trouble({ code: "usage", message: t("one_file") });
  if (known && file.size > known.most_bytes) {
    return new Trouble({ code: "too_large", message: t("too_large", { name: file.name, size: bytes(file.size), most: bytes(known.most_bytes) }) });
  }
  const name = file.name.toLowerCase();
  if (known && !known.endings.some((ending) => name.endsWith(ending))) {
    return new Trouble({ code: "not_read", message: t("not_read", { name: file.name }) });
  }
  return null;
}

/** @param {{file: any, read: () => any}} of */
function OwnFile({ file, read }) {
  const { fits } = file;
  const train = fits && address("new_run", {
    data: file.id, kind: file.kind, preset: fits.preset, size: fits.size, ...(file.settings.length && { settings: file.settings.join("\n") }),
  });
  const remove = () => attempt(() => askJson(`api/uploads/${file.id}/delete`, { body: {} })).then(read);
  return html`<li class="panel"><h3>${file.label}</h3>
    <p class="soft">${[t(`kind_${file.kind}`), bytes(file.size_bytes)].join(" · ")}</p>
    <dl class="facts">${factsOf(file).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    ${file.notes.length > 0 && html`<ul class="notes">${file.notes.map((one) => html`<li>${one}</li>`)}</ul>`}
    ${fits && html`<p>${t("fits", { preset: fits.preset, size: t(`size_${fits.size}`) })} ${fits.reason && html`<span class="soft">${fits.reason}</span>`}</p>`}
    <div class="row">${fits && html`<a class="button" href=${train}>${t("train_on_it")}</a>`}
      <${Twice} says=${t("delete")} asks=${t("really_delete_data")} act=${remove} /></div></li>`;
}

const parts = (counts) => [["train", t("train")], ["validation", t("validation")], ["test", t("test")]]
  .filter(([name]) => counts?.[name] != null).map(([name, title]) => html`<span>${title} ${number(counts[name], 0)}</span>`);

/** What a file holds, as rows of a name and a value. */
function factsOf({ kind, facts }) {
  const rows = {
    images: () => [[t("shape"), facts.shape?.join(" × ")], [t("num_images"), parts(facts.num_images)],
      facts.classes?.length && [t("classes"), `${facts.classes.length}: ${facts.classes.slice(0, 12).join(", ")}`],
      [t("mean_std"), `${number(facts.mean)} ± ${number(facts.std)}`]],
    text: () => [[t("num_chars"), parts(facts.num_chars)], [t("num_words"), number(facts.num_words, 0)],
      [t("num_lines"), number(facts.num_lines, 0)], [t("alphabet"), number(facts.alphabet_size, 0)],
      [t("bigram_entropy"), t("nats_per_char", { value: number(facts.bigram_entropy_nats_per_char) })]],
    pairs: () => [[t("num_pairs"), parts(facts.num_pairs)], [t("num_sources"), number(facts.num_sources, 0)]],
    points: () => [[t("num_points"), parts(facts.num_points)]],
  };
  return (rows[kind]?.() ?? []).filter(Boolean);
}
