// The page of one approval: kept current while it is open, with keys, and with what the viewer opened. Nothing here
// decides: forms do, and they work without this file.
import { connect, count, keys, localize } from "./desk.js";

const page = document.getElementById("approval");
const byId = (id) => document.getElementById(id);

// What the viewer opened by hand goes along with a decision.
const opened = new Set();
function noteOpened(event) {
  const summary = event.target.closest("summary");
  const part = summary?.parentElement.dataset.part;
  if (part && !summary.parentElement.open) opened.add(part);
}
function withOpened(event) {
  const field = event.target.querySelector('input[name="opened"]');
  if (field && opened.size > 0) field.value = JSON.stringify([...opened]);
}

// Decisions are off while the page may not be current, after the deadline, and after an edit until the viewer has
// looked again. The comment stays usable.
const off = { lost: false, changed: false, over: false };
function applyOff() {
  const acts = document.querySelector("#bar .acts");
  if (acts) acts.disabled = off.lost || off.changed;
  const bar = document.querySelector("#bar form");
  if (bar && off.over) {
    const closed = document.createElement("p");
    closed.className = "closed";
    closed.textContent = page.dataset.textTimedOut;
    bar.replaceWith(closed);
  }
  const revoke = byId("revoke");
  if (revoke) revoke.querySelector("button").disabled = off.lost;
}

// The revision of the arguments that the viewer has looked at, and the one for which they said so.
let lookedAt = Number(byId("part-changed")?.dataset.argumentsRevision);
let shown = lookedAt;
let answered = 0;
function showChanged() {
  const part = byId("part-changed");
  const looked = byId("looked");
  const now = Number(part.dataset.argumentsRevision);
  if (now > shown) opened.clear(); // what was opened before showed other arguments
  shown = now;
  off.changed = now > lookedAt;
  part.hidden = looked === null || now === answered;
  if (looked === null) return;
  looked.hidden = !off.changed;
  looked.onclick = () => {
    lookedAt = now;
    answered = now;
    showChanged();
    applyOff();
    byId("comment")?.focus({ preventScroll: true });
  };
}

// What is in the new parts takes the place of what is in the old ones: the parts themselves stay, for screen readers
// announce what changes in a part that they know. What is open stays open, and the focus stays.
function update(html) {
  const fresh = new DOMParser().parseFromString(`<article>${html}</article>`, "text/html");
  const open = new Set([...page.querySelectorAll("details[open][data-part]")].map((details) => details.dataset.part));
  const focused = document.activeElement?.id;
  localize(fresh);
  showCopies(fresh);
  const [look, newLook] = [byId("looked"), fresh.getElementById("looked")];
  if (look && newLook) newLook.hidden = look.hidden;
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = byId(part.id);
    if (!old) continue;
    for (const details of part.querySelectorAll("details[data-part]")) details.open = open.has(details.dataset.part);
    Object.assign(old.dataset, part.dataset);
    if (old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
    old.hidden = part.hidden;
  }
  const [bar, newBar] = [byId("bar"), fresh.getElementById("bar")];
  if (bar && newBar) {
    const seen = newBar.querySelector('input[name="seen"]');
    if (bar.dataset.state === newBar.dataset.state && bar.hidden === newBar.hidden) {
      const field = bar.querySelector('input[name="seen"]');
      if (field && seen) field.value = seen.value;
    } else {
      const [comment, reason] = [bar.querySelector("textarea"), bar.querySelector("select")];
      if (comment && newBar.querySelector("textarea")) newBar.querySelector("textarea").value = comment.value;
      if (reason && newBar.querySelector("select")) newBar.querySelector("select").value = reason.value;
      bar.replaceWith(newBar);
    }
  }
  ready();
  if (focused && document.activeElement === document.body) byId(focused)?.focus({ preventScroll: true });
}

function showCopies(root) {
  for (const button of root.querySelectorAll(".copy")) button.hidden = navigator.clipboard === undefined;
}

// After the first page, and after each update.
function ready() {
  localize(page);
  count(page);
  showCopies(page);
  showChanged();
  applyOff();
}

// Few copy anything, so the page does not load it.
const copy = async (button) => (await import("./copy.js")).copy(button, page.dataset.textCopied);

if (page) {
  document.addEventListener("click", (event) => {
    noteOpened(event);
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("submit", withOpened);
  document.addEventListener("desk:lost", () => { off.lost = true; applyOff(); });
  document.addEventListener("desk:deadline", (event) => {
    if (event.target.closest("#left")) off.over = true;
    const claimable = event.target.closest("#window");
    if (claimable) {
      claimable.textContent = page.dataset.textWindowOver;
      byId("revoke")?.remove();
    }
    applyOff();
  });
  addEventListener("beforeprint", () => {
    for (const details of page.querySelectorAll("details")) details.open = true;
  });
  if (matchMedia("(min-width: 1000px)").matches) {
    for (const part of ["rules", "history"]) page.querySelector(`details[data-part="${part}"]`).open = true;
  }
  ready();
  // A page that nothing can change any more follows nothing.
  const { events } = page.dataset;
  const again = () => location.replace(events.split("/events")[0]); // its own address may be that of a form
  const found = () => { off.lost = false; applyOff(); };
  const handlers = { current: found, update: (html) => { update(html); found(); }, gone: again };
  if (events) connect(events, handlers, { whileVisible: true, again, missing: again });
}

// Keys move the focus or the page; none decides.
const focus = (id) => byId(id)?.focus();
const follow = (selector) => {
  const link = document.querySelector(selector);
  if (link) location.assign(link.href);
};
if (page && byId("keys")) {
  keys({
    a: () => focus("approve"),
    r: () => focus("reject"),
    e: () => focus("edit"),
    c: () => focus("comment"),
    n: () => follow('a[rel="next"], .onward a'),
    p: () => follow('a[rel="prev"]'),
    u: () => location.assign("/"),
  });
}
