// A notification of the browser and a sound for each request that comes while the page is hidden. Loaded only where the
// reader has switched one on, or wants to. Says the tool and the agent, as the row does, and never an argument.
const KEY = "signoff.alerts";
const KINDS = ["notify", "sound"];
const shown = new Map(); // ids of approvals, and their notifications
const known = new Set([...document.querySelectorAll("#entries .row")].map((row) => row.dataset.approvalId));
let on = new Set();
// Storage can be forbidden; then the choice is for this page.
try { on = new Set(localStorage.getItem(KEY)?.split(" ")); } catch { /* see above */ }
let sounds;

// Two short tones, one above the other, made here: no file to fetch.
function play() {
  sounds ??= new AudioContext();
  sounds.resume();
  const start = sounds.currentTime;
  for (const [at, hertz] of [[0, 660], [0.15, 880]]) {
    const tone = new OscillatorNode(sounds, { frequency: hertz });
    const volume = new GainNode(sounds, { gain: 0 });
    volume.gain.setValueAtTime(0, start + at);
    volume.gain.linearRampToValueAtTime(0.2, start + at + 0.02);
    volume.gain.linearRampToValueAtTime(0, start + at + 0.14);
    tone.connect(volume).connect(sounds.destination);
    tone.start(start + at);
    tone.stop(start + at + 0.15);
  }
  document.dispatchEvent(new CustomEvent("desk:sound"));
}

// The same request again replaces its notification, also one of another tab.
function notify(id, tool, agent) {
  const notification = new Notification(tool, { body: agent, tag: id });
  notification.addEventListener("click", () => {
    focus();
    location.assign(`/approvals/${id}`);
  });
  shown.set(id, notification);
}

function close(id) {
  shown.get(id)?.close();
  shown.delete(id);
}

function came({ html, ids }) {
  const fresh = ids.filter((id) => !known.has(id));
  for (const id of ids) known.add(id);
  if (!document.hidden) return; // the reader sees it
  const holder = document.createElement("template");
  holder.innerHTML = html;
  let any = false;
  for (const id of fresh) {
    const row = holder.content.querySelector(`.row[data-approval-id="${id}"]`);
    if (!row?.querySelector(".pick")) continue; // nothing for this reader to decide
    any = true;
    const [tool, agent] = [".tool", ".from .agent"].map((part) => row.querySelector(part)?.textContent ?? "");
    if (on.has("notify") && globalThis.Notification?.permission === "granted") notify(id, tool, agent);
  }
  if (any && on.has("sound")) play();
}

document.addEventListener("desk:entry", (event) => came(event.detail));
document.addEventListener("desk:gone", (event) => close(event.detail));
document.addEventListener("desk:pending", ({ detail: ids }) => {
  for (const id of [...shown.keys()]) if (!ids.includes(id)) close(id);
});
// A browser starts sound only after the reader has used the page.
for (const name of ["pointerdown", "keydown"]) {
  addEventListener(name, () => { if (on.has("sound")) (sounds ??= new AudioContext()).resume(); }, { once: true });
}

// The switches. The browser asks for its permission only when the reader switches notifications on.
let dialog;

async function change(box) {
  const problem = dialog.querySelector("[role=alert]");
  problem.hidden = true;
  if (box.checked && box.name === "notify" && (await globalThis.Notification?.requestPermission()) !== "granted") {
    box.checked = false;
    problem.textContent = dialog.dataset.textBlocked;
    problem.hidden = false;
  }
  if (box.checked) on.add(box.name);
  else on.delete(box.name);
  if (box.checked && box.name === "sound") play();
  if (!on.has("notify")) for (const id of [...shown.keys()]) close(id);
  try {
    if (on.size > 0) localStorage.setItem(KEY, [...on].join(" "));
    else localStorage.removeItem(KEY);
  } catch { /* see above */ }
}

export async function open() {
  if (!dialog) {
    const answer = await fetch("/alerts");
    if (!answer.ok || answer.redirected) return location.reload(); // the session has ended
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    dialog = holder.content.querySelector("dialog");
    document.body.append(dialog);
    for (const kind of KINDS) {
      const box = dialog.querySelector(`[name=${kind}]`);
      box.checked = on.has(kind);
      box.addEventListener("change", () => change(box));
    }
  }
  dialog.showModal();
}
