/** The studio's page: its header, its one line of trouble, and the room that the address names. */

import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { askJson, attempt, trouble } from "./api.js";
import { Compare } from "./compare.js";
import { Data } from "./data.js";
import { Gan } from "./gan.js";
import { Home } from "./home.js";
import { html } from "./html.js";
import { Latent } from "./latent.js";
import { Lessons } from "./lessons.js";
import { NewRun } from "./new_run.js";
import { address, place } from "./place.js";
import { Report } from "./report.js";
import { RunRoom } from "./run.js";
import { TextRoom } from "./text.js";
import { setTheme, theme, THEMES } from "./theme.js";
import { language, said, t } from "./words.js";

/** @type {Record<string, any>} */
const ROOMS = {
  home: Home, new_run: NewRun, compare: Compare, data: Data, run: RunRoom, latent: Latent, gan: Gan, text: TextRoom,
  lessons: Lessons, report: Report,
};
const LINKS = ["home", "new_run", "compare", "data"];
const LANGUAGES = { en: "English", pt: "Português" };

/** @param {string} wanted language */
async function choose(wanted) {
  const before = said.value;
  said.value = { ...before, language: wanted }; // so that it is asked in that language
  said.value = await attempt(() => askJson("api/words")) ?? before;
  const query = new URLSearchParams(location.search);
  query.set("lang", language());
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
}

function Header() {
  const room = place.value.room ?? "home";
  return html`<header class="top">
    <a class="brand" href=${address("home")}><span class="mark" aria-hidden="true"></span>${t("title")}</a>
    <nav aria-label=${t("rooms")}>${LINKS.map((name) => html`
      <a href=${address(name)} aria-current=${name === room ? "page" : null}>${t(name)}</a>`)}</nav>
    <div class="switches">
      <label><span class="unseen">${t("language")}</span>
        <select id="language" value=${language()} onChange=${(event) => choose(event.target.value)}>
          ${Object.entries(LANGUAGES).map(([name, title]) => html`<option value=${name} lang=${name}>${title}</option>`)}
        </select></label>
      <label><span class="unseen">${t("theme")}</span>
        <select id="theme" value=${theme.value} onChange=${(event) => setTheme(event.target.value)}>
          ${THEMES.map((name) => html`<option value=${name}>${t(`theme_${name}`)}</option>`)}
        </select></label>
    </div>
  </header>`;
}

function Notice() {
  const told = trouble.value;
  return html`<div role="alert" class="notice-place">${told && html`<p class="notice">
    <span><strong>${told.message}</strong>${told.hint && html` <span>${told.hint}</span>`}</span>
    <button class="plain" onClick=${() => { trouble.value = null; }}>${t("close")}</button></p>`}</div>`;
}

function Studio() {
  const name = Object.hasOwn(ROOMS, place.value.room) ? place.value.room : "home";
  const { id } = place.value, isOfRun = !LINKS.includes(name); // its heading says the title
  const key = isOfRun ? `${name}-${id}` : name;
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isOfRun) document.title = name === "home" ? t("title") : `${t(name)} · ${t("title")}`;
    document.documentElement.lang = said.value.language; // never without need: every style is computed anew
  }, [name, said.value.language]);
  useEffect(() => {
    trouble.value = null;
    scrollTo(0, 0);
    if (!isFirst.current) document.getElementById("content")?.focus({ preventScroll: true }); // what had it may be gone
    isFirst.current = false;
  }, [key]);
  const toContent = (event) => { event.preventDefault(); document.getElementById("content")?.focus(); };
  return html`<a class="skip" href="#content" onClick=${toContent}>${t("skip")}</a>
    <${Header} /><${Notice} />
    <main id="content" tabindex="-1"><${ROOMS[name]} key=${`${key}-${said.value.language}`} /></main>`;
}

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
app.textContent = "";
render(html`<${Studio} />`, app);
