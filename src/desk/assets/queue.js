// The lists of pending requests: what comes, changes and goes while the page is open, and the keys.
import { connect, count as countDown, keys, localize } from "./desk.js";

const form = document.getElementById("queue");
const list = document.getElementById("entries");
const fresh = document.getElementById("fresh");
const empty = document.getElementById("empty");
const bulk = document.getElementById("bulk");
const decide = document.getElementById("decide");
const texts = form.dataset;
const filled = (text, n) => text.replace("{n}", n);

const rows = () => [...list.querySelectorAll(".row")];
const rowOf = (id) => list.querySelector(`.row[data-approval-id="${id}"]`);
const isPending = (row) => row.dataset.status === "pending";

// The number of requests: on the page, in the title, and on the icon.
let total = Number(texts.count);
const icon = document.querySelector("link[rel=icon]");
const plainIcon = icon.href;

function setTotal(n) {
  total = Math.max(0, n);
  document.getElementById("count").textContent = total || "";
  document.title = total ? `(${total}) ${texts.title}` : texts.title;
  const label = total > 99 ? "99" : total;
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='#1d4ed8'/><text x='8' y='12' font-size='${total > 9 ? 9 : 12}' font-family='sans-serif' font-weight='700' text-anchor='middle' fill='white'>${label}</text></svg>`;
  icon.href = total ? `data:image/svg+xml,${encodeURIComponent(svg)}` : plainIcon;
}

// Nothing moves while the list is in use: a row must not change places under a finger.
const AT_REST_MS = 5_000;
let used = -Infinity;
for (const name of ["pointerdown", "pointermove", "touchmove", "wheel", "keydown"]) {
  addEventListener(name, () => { used = performance.now(); }, { passive: true });
}

function inUse() {
  if (!list.firstElementChild) return false;
  return performance.now() - used < AT_REST_MS || scrollY > 0 || list.matches(":hover")
    || list.contains(document.activeElement) || bulk?.contains(document.activeElement)
    || list.querySelector("input:checked, details[open]") !== null
    || !(getSelection()?.isCollapsed ?? true);
}

// A tap that was meant for what was there before a change is not one on what is there now.
const SETTLE_MS = 400;
let moved = -Infinity;
list.addEventListener("click", (event) => {
  if (event.detail === 0 || performance.now() - moved > SETTLE_MS) return; // keys need no care
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

// Entries that wait until somebody wants to see them.
let waiting = [];
const hasNew = (entry) => entry.ids.some((id) => !rowOf(id));

function showWaiting() {
  const n = new Set(waiting.flatMap((entry) => entry.ids.filter((id) => !rowOf(id)))).size;
  const text = n ? filled(texts.textNew, n) : "";
  if (fresh.textContent !== text) fresh.textContent = text;
  fresh.hidden = n === 0;
}

function release() {
  const now = waiting;
  waiting = [];
  for (const entry of now) place(entry, false);
  showWaiting();
}

fresh.addEventListener("click", () => {
  const had = waiting[0]?.ids.find((id) => !rowOf(id));
  release();
  rowOf(had)?.querySelector(".tool").focus();
});

// Puts an entry into the list. In place: where its rows are already.
function place(entry, inPlace) {
  const holder = document.createElement("template");
  holder.innerHTML = entry.html;
  const made = holder.content.firstElementChild;
  // The server's countdown began when the entry came.
  for (const clock of made.querySelectorAll(".countdown[data-left-ms]")) {
    clock.dataset.leftMs = Number(clock.dataset.leftMs) - (performance.now() - entry.at);
  }
  const before = [...new Set(entry.ids.map((id) => rowOf(id)?.closest(".entry")).filter(Boolean))];
  keep(made, before);
  const ended = before.flatMap((old) => [...old.querySelectorAll(".row")])
    .filter((row) => !isPending(row) && !entry.ids.includes(row.dataset.approvalId) && row.checkVisibility())
    .map((row) => [row, row.previousElementSibling?.dataset.approvalId]);
  const focused = before.some((old) => old.contains(document.activeElement)) ? document.activeElement : null;
  if (inPlace && before.length) {
    before[0].before(made);
  } else {
    const next = [...list.children].find((other) => !before.includes(other) && other.dataset.sort > entry.sort);
    list.insertBefore(made, next ?? null);
  }
  moved = performance.now();
  // What has just ended stays where it was, until it is swept away.
  for (const [row, previous] of ended) {
    const above = made.querySelector(`.row[data-approval-id="${previous}"]`);
    const first = made.querySelector(".row");
    if (above) above.after(row);
    else first.before(row);
  }
  for (const old of before) old.remove();
  if (focused) {
    const row = focused.closest(".row")?.dataset.approvalId;
    const again = (row && rowOf(row)) || made;
    const same = focused.matches("input") ? "input" : focused.matches("summary") ? "summary" : ".tool";
    (again.querySelector(same) ?? again.querySelector(".tool")).focus();
  }
  localize(made);
  countDown(made);
  changed();
}

// What the reader did to rows stays, unless the arguments are no longer those that they selected.
function keep(made, before) {
  for (const old of before) {
    if (old.querySelector("details")?.open) made.querySelector("details")?.setAttribute("open", "");
    for (const box of old.querySelectorAll("input:checked")) {
      const id = box.closest(".row").dataset.approvalId;
      const row = made.querySelector(`.row[data-approval-id="${id}"]`);
      const again = row?.querySelector("input");
      if (again && row.dataset.asked === box.closest(".row").dataset.asked) again.checked = true;
      else if (row) note(row, texts.textChanged);
    }
  }
}

function note(row, text) {
  const line = document.createElement("p");
  line.className = "fate";
  line.setAttribute("role", "status");
  line.textContent = text;
  row.querySelector(".facts").append(line);
}

// A row that cannot be decided any more: it says so, and has no controls. It leaves when nothing can move by it.
const GONE_MS = 4_000;

function end(row, status, text) {
  if (!isPending(row)) return;
  row.dataset.status = status;
  row.dataset.ended = performance.now();
  const pick = row.querySelector(".pick");
  if (pick?.contains(document.activeElement)) row.querySelector(".tool").focus();
  pick?.remove();
  row.querySelector(".partial")?.remove();
  const clock = row.querySelector(".countdown");
  clock.removeAttribute("data-left-ms");
  clock.textContent = "";
  note(row, text);
  changed();
}

function sweep() {
  if (inUse()) return;
  const now = performance.now();
  for (const row of rows()) {
    if (isPending(row) || now - Number(row.dataset.ended) < GONE_MS) continue;
    const entry = row.closest(".entry");
    row.remove();
    if (!entry.querySelector(".row")) entry.remove();
    moved = now;
  }
  if (waiting.length) release();
  changed();
}

// What follows from the rows: the empty list, the selection.
function changed() {
  empty.hidden = list.firstElementChild !== null;
  if (!bulk) return;
  bulk.hidden = list.querySelector("input[name=select]") === null;
  const n = list.querySelectorAll("input[name=select]:checked").length;
  const text = n ? filled(texts.textSelected, n) : "";
  const line = document.getElementById("selected");
  if (line.textContent !== text) line.textContent = text;
}

list.addEventListener("change", changed);
list.addEventListener("desk:deadline", (event) => {
  const row = event.target.closest(".row");
  if (!row || !isPending(row)) return;
  end(row, "timed_out", document.body.dataset.textTimedOut);
  setTotal(total - 1);
});

// The connection. Decisions are off until the page is current.
const query = new URLSearchParams({ view: texts.view, after: texts.after, seen: texts.seen });
const enable = (on) => { if (decide) decide.disabled = !on; };

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`desk:${name}`, { detail }));

document.addEventListener("desk:lost", () => enable(false));
connect(`/events?${query}`, {
  entry(data) {
    const entry = { ...JSON.parse(data), at: performance.now() };
    setTotal(entry.count);
    tell("entry", entry);
    waiting = waiting.filter((other) => !other.ids.some((id) => entry.ids.includes(id)));
    const busy = inUse();
    if (busy && hasNew(entry)) waiting.push(entry);
    else place(entry, busy);
    showWaiting();
  },
  gone(data) {
    const { id, status, text, count } = JSON.parse(data);
    setTotal(count);
    tell("gone", id);
    waiting = waiting.filter((entry) => entry.ids.some((other) => other !== id));
    const row = rowOf(id);
    if (row) end(row, status, text);
    showWaiting();
  },
  count(data) {
    setTotal(JSON.parse(data).count);
  },
  snapshot(data) {
    const { ids, last, count } = JSON.parse(data);
    setTotal(count);
    tell("pending", ids);
    const pending = new Set(ids);
    for (const row of rows()) {
      // Rows behind the last one were only moved to the next page.
      const behind = last !== null && row.closest(".entry").dataset.sort > last;
      if (!pending.has(row.dataset.approvalId) && !behind) end(row, "unknown", texts.textNotPending);
    }
    waiting = waiting.filter((entry) => entry.ids.every((id) => pending.has(id)));
    showWaiting();
    enable(true);
  },
});
setInterval(sweep, 1_000);

// Notifications: loaded only where they are on.
const alerts = document.getElementById("alerts-open");
const load = () => import("./alerts.js");
alerts.hidden = false;
alerts.addEventListener("click", async () => (await load()).open());
try { if (localStorage.getItem("signoff.alerts")) load(); } catch { /* storage can be forbidden */ }

// Keys.
function move(step) {
  const stops = [...list.querySelectorAll("summary, .tool")].filter((stop) => stop.checkVisibility());
  const here = stops.indexOf(document.activeElement.closest?.(".row")?.querySelector(".tool") ?? document.activeElement);
  stops[here < 0 ? 0 : Math.min(Math.max(here + step, 0), stops.length - 1)]?.focus();
}

keys({
  j: () => move(1),
  k: () => move(-1),
  x: (event) => event.target.closest(".row")?.querySelector("input[name=select]")?.click(),
  n: () => fresh.hidden || fresh.click(),
});
list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  move(step);
});

setTotal(total);
changed();
