// What every page has: times in the viewer's zone, countdowns, and the connection to the server.

const texts = document.body.dataset;

// Times: "14:02" today, with the date on another day; UTC stays in the title.
export function localize(root) {
  for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(element.dateTime);
    const today = at.toDateString() === new Date().toDateString();
    const clock = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
    element.textContent = today ? clock : `${at.toLocaleDateString()} ${clock}`;
    element.dataset.local = "";
  }
}

// Countdowns. The server says how much time is left; the page counts with a clock that is never set. That clock may
// stand still while the computer sleeps, which the other one shows: what it gained is added.
const started = new WeakMap();
const SLEPT_MS = 5_000;
const ahead = () => Date.now() - performance.now();
let known = ahead();
let slept = 0;

function tick() {
  const gained = ahead() - known;
  if (Math.abs(gained) > SLEPT_MS) known += gained;
  if (gained > SLEPT_MS) {
    slept += gained;
    document.dispatchEvent(new CustomEvent("desk:slept"));
  }
  count();
}

function leftText(ms) {
  const seconds = Math.floor(ms / 1000);
  const [minutes, hours, days] = texts.textUnits.split(" ");
  const left = (time) => texts.textLeft.replace("{time}", time);
  if (ms <= 0) return texts.textTimedOut;
  if (seconds < 600) return left(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
  if (seconds < 7200) return left(`${Math.floor(seconds / 60)} ${minutes}`);
  if (seconds < 172800) return left(`${Math.floor(seconds / 3600)} ${hours}`);
  return left(`${Math.floor(seconds / 86400)} ${days}`);
}

export function count(root = document) {
  const now = performance.now() + slept;
  for (const element of root.querySelectorAll(".countdown[data-left-ms]")) {
    if (!started.has(element)) started.set(element, now + Number(element.dataset.leftMs));
    const left = started.get(element) - now;
    const text = leftText(left);
    if (element.textContent !== text) element.textContent = text;
    if (left <= 0 && element.dataset.over === undefined) {
      element.dataset.over = "";
      element.dispatchEvent(new CustomEvent("desk:deadline", { bubbles: true }));
    }
  }
}

// The connection. `handlers` maps names of events to functions of their data. The page hears "desk:live" and
// "desk:lost"; what decides is off while it is lost. After "desk:lost" there is always a new connection, which begins
// with what the page may have missed.
// `whileVisible`: hidden pages have none. Browsers open six connections to a server without HTTP/2, for all tabs.
// `again`: loads the page again. `missing`: the server says that there is nothing to follow.
const SIGN_OF_LIFE_MS = 15_000;
const BAR_MS = 3_000; // a stream that ends in the ordinary way is back before this
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export function connect(path, handlers, { whileVisible, again = () => location.reload(), missing } = {}) {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  let source = null;
  let heard;
  let since = null;
  let failed = 0;
  let over = false;
  let bar;
  let retry;

  const alive = (event) => {
    heard = performance.now();
    if (event.type !== "hello") failed = 0;
    if (since === null && live.dataset.live === "yes") return;
    since = null;
    clearTimeout(bar);
    live.hidden = false;
    live.dataset.live = "yes";
    live.textContent = texts.textLive;
    lost.hidden = true;
    document.body.removeAttribute("data-lost");
    document.dispatchEvent(new CustomEvent("desk:live"));
  };
  const say = (text) => {
    clearTimeout(bar);
    lost.textContent = text;
    lost.hidden = false;
  };
  const sayLater = () => {
    const clock = since.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    clearTimeout(bar);
    bar = setTimeout(() => say(texts.textLost.replace("{time}", clock)), BAR_MS);
  };
  const broken = () => {
    if (since !== null) return;
    since = new Date();
    live.hidden = false;
    live.dataset.live = "no";
    live.textContent = texts.textConnecting;
    sayLater();
    document.body.dataset.lost = "";
    document.dispatchEvent(new CustomEvent("desk:lost"));
  };
  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    if (over) return;
    heard = performance.now();
    const mine = source = new EventSource(path);
    for (const name of ["hello", "alive"]) mine.addEventListener(name, alive);
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, (event) => {
        alive(event);
        handle(event.data, event);
      });
    }
    mine.onerror = async () => {
      broken();
      const refused = mine.readyState === EventSource.CLOSED;
      mine.close(); // otherwise the browser retries at once, without a limit
      if (refused) {
        const headers = { accept: "text/event-stream" };
        const answer = await fetch(path, { method: "HEAD", headers }).catch(() => null);
        if (source !== mine) return;
        over = answer?.status === 401 || (answer?.status === 404 && missing !== undefined);
        if (answer?.status === 401) say(texts.textSignedOut);
        else if (over) missing();
      }
      close();
      if (over) return;
      const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failed++) * (0.5 + Math.random());
      retry = setTimeout(open, wait);
    };
  };
  const reopen = () => {
    if (over) return;
    broken();
    open();
  };
  // A connection that died with its network says nothing.
  setInterval(() => { if (source && performance.now() - heard > 2 * SIGN_OF_LIFE_MS) reopen(); }, 1000);
  document.addEventListener("desk:slept", () => { if (source) reopen(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) again(); });
  const look = () => {
    if (over) return;
    if (document.hidden) {
      close();
      broken();
      clearTimeout(bar);
    } else {
      open();
      if (since !== null) sayLater();
    }
  };
  if (whileVisible) document.addEventListener("visibilitychange", look);
  if (whileVisible && document.hidden) look();
  else open();
}

// Keys without Ctrl or Alt. `actions` maps a key to what it does; one choice switches them off on all pages. None
// decides. Storage can be forbidden; then the choice is for this page.
const KEYS = "signoff.keys";

export function keys(actions) {
  const sheet = document.getElementById("keys");
  const off = document.getElementById("keys-off");
  const button = document.getElementById("keys-open");
  try { off.checked = localStorage.getItem(KEYS) === "off"; } catch { off.checked = false; }
  off.addEventListener("change", () => { try { localStorage.setItem(KEYS, off.checked ? "off" : "on"); } catch { /* see above */ } });
  button.hidden = false;
  button.addEventListener("click", () => sheet.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || sheet.open || off.checked) return;
    if (event.target.closest?.("textarea, select, input:not([type=checkbox]), [contenteditable]")) return;
    const act = event.key === "?" ? () => sheet.showModal() : Object.hasOwn(actions, event.key) && actions[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
}

// The menu closes with Escape, and with a click elsewhere.
const menu = document.querySelector(".menu");
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
addEventListener("click", (event) => { if (menu?.open && !menu.contains(event.target)) menu.open = false; });

localize(document);
count();
setInterval(tick, 250);
