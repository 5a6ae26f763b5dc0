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

// Countdowns. The server says how much time is left; the page counts with a clock that is never set.
const started = new WeakMap();

function leftText(ms) {
  const seconds = Math.floor(ms / 1000);
  const left = (time) => `${time} left`;
  if (ms <= 0) return texts.textTimedOut;
  if (seconds < 600) return left(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
  if (seconds < 7200) return left(`${Math.floor(seconds / 60)} min`);
  if (seconds < 172800) return left(`${Math.floor(seconds / 3600)} h`);
  return left(`${Math.floor(seconds / 86400)} days`);
}

export function count(root = document) {
  const now = performance.now();
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
// "desk:lost"; what decides is off while it is lost.
const SIGN_OF_LIFE_MS = 15_000;

export function connect(path, handlers) {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  let heard = performance.now();
  let since = null;
  let source;

  const alive = () => {
    heard = performance.now();
    if (since === null && live.dataset.live === "yes") return;
    since = null;
    live.hidden = false;
    live.dataset.live = "yes";
    live.textContent = texts.textLive;
    lost.hidden = true;
    document.body.removeAttribute("data-lost");
    document.dispatchEvent(new CustomEvent("desk:live"));
  };
  const broken = (text) => {
    if (since !== null) return;
    since = new Date();
    live.hidden = false;
    live.dataset.live = "no";
    live.textContent = texts.textConnecting;
    const clock = since.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    lost.textContent = (text ?? texts.textLost).replace("{time}", clock);
    lost.hidden = false;
    document.body.dataset.lost = "";
    document.dispatchEvent(new CustomEvent("desk:lost"));
  };
  const open = () => {
    source = new EventSource(path);
    source.addEventListener("hello", alive);
    source.addEventListener("alive", alive);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        alive();
        handle(event.data, event);
      });
    }
    source.onerror = async () => {
      broken();
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      const answer = await fetch(path, { method: "HEAD", headers: { accept: "text/event-stream" } }).catch(() => null);
      if (answer?.status === 401) {
        lost.textContent = texts.textSignedOut;
        return;
      }
      setTimeout(open, 1000);
    };
  };
  setInterval(() => {
    if (performance.now() - heard > 2 * SIGN_OF_LIFE_MS) broken();
  }, 1000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  open();
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
setInterval(count, 250);
