// Warns before the session ends, and says so when it has. The page stays as it is: what was typed is still there after a
// sign-in in another tab, and can then be sent, because the forms get the new session's token.

const dialog = document.getElementById("session-warning");
const { session: sessionUrl, stay: stayUrl, account, leftMs, warnedMs, saysAgain } = dialog.dataset;
const ASK_AGAIN_MS = 10_000;
let timer;

askIn(leftMs - warnedMs);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());
dialog.querySelector("[data-stay]").addEventListener("click", stay);
for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());

function askIn(ms) {
  clearTimeout(timer);
  timer = setTimeout(ask, Math.max(0, ms));
}

/** Other tabs, and the page's own requests, may have moved the end: the server knows. */
async function ask() {
  const answer = await fetch(sessionUrl, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.status === 401) return show("ended");
  if (!answer?.ok) return askIn(ASK_AGAIN_MS);
  heed(await answer.json());
}

function heed(session) {
  if (session.account !== account) return show("other");
  if (renewToken(session.csrf_token)) document.getElementById("said").textContent = saysAgain;
  if (session.left_ms > warnedMs) {
    if (dialog.open) dialog.close();
    dialog.dataset.state = "";
    return askIn(session.left_ms - warnedMs);
  }
  for (const time of dialog.querySelectorAll("[data-ends-at]")) time.textContent = session.ends_at;
  show(session.can_stay ? "ending" : "final");
  askIn(session.left_ms + 1000);
}

/** Each state is shown once: whoever closes the dialog has read it. */
function show(state) {
  if (dialog.dataset.state === state) return;
  dialog.dataset.state = state;
  for (const part of dialog.querySelectorAll("[data-when]")) part.hidden = !part.dataset.when.split(" ").includes(state);
  if (dialog.open) dialog.close(); // so that the focus goes to the new state's first button
  dialog.showModal();
}

async function stay() {
  await fetch(stayUrl, { method: "POST", headers: { "X-CSRF-Token": meta().content } }).catch(() => null);
  dialog.dataset.state = "";
  ask();
}

/** Whether it is another token than before. */
function renewToken(token) {
  const old = meta().content;
  if (token === old) return false;
  meta().content = token;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
  for (const element of document.querySelectorAll("[hx-headers], [hx-headers\\:inherited]")) {
    for (const { name, value } of [...element.attributes]) {
      if (name.startsWith("hx-headers")) element.setAttribute(name, value.replace(old, token));
    }
  }
  return true;
}

function meta() {
  return document.querySelector('meta[name="csrf-token"]');
}
