// The first page of the studio: the runs of the folder as cards. Every name enters the page as text.

const LOOK_MS = 2000;
const TOKEN = "olaria-token";

/** The token that stands after # in the address that the terminal shows; it never reaches the server's log. */
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN) ?? "";
}

/** Read from the studio, in the page's language. */
async function read(path) {
  const language = document.documentElement.lang.slice(0, 2);
  const address = new URL(path, document.baseURI);
  address.searchParams.set("lang", language);
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token()}` } });
  if (!answer.ok) throw new Error((await answer.json()).message);
  return answer;
}

/** An element with text. */
function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

/** A number as the reader writes it. */
function number(value) {
  return new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 5 }).format(value);
}

/** What a card says in one line. */
function facts(run) {
  const parts = [run.state_label];
  if (run.title) parts.push(`${run.title} · ${run.data}`);
  if (run.steps != null) parts.push(`${document.body.dataset.step} ${number(run.steps)}`);
  const best = run.headline;
  if (best?.value != null) parts.push(`${best.label} ${number(best.value)} ${best.unit} ${best.better}`.trim());
  return parts.join(" · ");
}

/** The picture of a card; fetched, since an image cannot send a token. */
async function picture(run) {
  const image = element("img", "");
  image.alt = document.body.dataset.picture.replace("{name}", () => run.name);
  const answer = await read(`api/runs/${run.id}/samples/${run.picture}`);
  image.src = URL.createObjectURL(await answer.blob());
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  return image;
}

const shown = new Map();

/** The card of a run, made again only where the run has changed. */
function card(run) {
  const mark = JSON.stringify(run);
  const before = shown.get(run.id);
  if (before?.mark === mark) return before.item;
  const item = element("li", "", `run ${run.state}`);
  item.append(element("h3", run.name), element("p", facts(run)));
  const trouble = run.error ?? run.problem;
  if (trouble) item.append(element("p", trouble, "trouble"));
  if (run.picture_kind === "png") picture(run).then((image) => item.prepend(image), () => {});
  shown.set(run.id, { mark, item });
  return item;
}

/** Look at the runs, and again in a while where someone sees the page. */
async function look() {
  const notice = document.getElementById("notice");
  try {
    if (document.visibilityState === "visible") {
      const { runs } = await (await read("api/runs")).json();
      document.getElementById("runs").replaceChildren(...runs.map(card));
      notice.textContent = runs.length ? "" : document.body.dataset.none;
    }
  } catch (error) {
    notice.textContent = error instanceof TypeError ? document.body.dataset.lost : error.message;
  }
  setTimeout(look, LOOK_MS);
}

look();
