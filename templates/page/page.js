/* Keeps a page as it would be served now. Without this file all of it can be read as well, by reloading. */

const main = document.getElementById("main");
const connection = document.getElementById("connection");
let tag;
let timer;

/* Makes `old` what `fresh` is, and leaves alone what is the same: focus, selection, scrolling and what was unfolded stay. */
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.dataset.log !== undefined) return;
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of Array.from(old.attributes))
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  morphChildren(old, fresh);
}

const keyOf = (node) => node.dataset?.key ?? node.id ?? "";

function morphChildren(old, fresh) {
  const keyed = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  for (const wanted of Array.from(fresh.childNodes)) {
    const key = keyOf(wanted);
    const known = key ? keyed.get(key) : isAlike(at, wanted) ? at : undefined;
    if (!known) {
      old.insertBefore(wanted, at);
      continue;
    }
    if (known === at) at = at.nextSibling;
    else old.insertBefore(known, at);
    morph(known, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const isAlike = (node, wanted) => node && !keyOf(node) && node.nodeName === wanted.nodeName;

async function readPage() {
  const headers = { accept: "text/html", ...(tag ? { "if-none-match": tag } : {}) };
  const response = await fetch(location.href, { headers, cache: "no-store" });
  if (response.status === 304) return;
  if (!response.ok) throw new Error(`the answer is ${response.status}`);
  tag = response.headers.get("etag");
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  morph(main, fresh.getElementById("main"));
  if (document.title !== fresh.title) document.title = fresh.title;
}

const LONGEST = 1_000_000;

async function readLog() {
  const log = document.querySelector("[data-log]");
  while (log?.dataset.whole === "no") {
    const { next } = log.dataset;
    const response = await fetch(`${log.dataset.log}?from=${next}`, { cache: "no-store" });
    if (!response.ok) throw new Error(`the answer is ${response.status}`);
    append(log, await response.text());
    log.dataset.next = response.headers.get("x-next");
    log.dataset.whole = response.headers.get("x-whole");
    if (log.dataset.next === next) return;
  }
}

/* Who reads further up is not moved. */
function append(log, text) {
  if (text === "") return;
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  log.append(text);
  if (!isAtEnd) return;
  while (log.childNodes.length > 1 && log.textContent.length > LONGEST) log.firstChild.remove();
  log.scrollTop = log.scrollHeight;
}

async function look() {
  let wait = Number(main.dataset.every);
  try {
    await readPage();
    await readLog();
    connection.textContent = "";
    wait = Number(main.dataset.every);
  } catch {
    if (!connection.textContent)
      connection.textContent = `Not connected: this is how it was at ${new Date().toISOString().slice(11, 19)} UTC.`;
    wait = Math.max(wait, 5000);
  }
  plan(wait);
}

/* A page that nobody sees asks for nothing. */
function plan(wait) {
  clearTimeout(timer);
  if (wait > 0 && !document.hidden) timer = setTimeout(look, wait);
}

const shown = document.querySelector(".log");
if (shown) shown.scrollTop = shown.scrollHeight;
document.addEventListener("visibilitychange", () => plan(document.hidden ? 0 : 1));
plan(Number(main.dataset.every));
