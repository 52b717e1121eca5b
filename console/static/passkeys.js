// Forms that are sent with the response of a passkey: <form data-passkey="get|create" data-options="URL">. The options
// come from the server when somebody presses, since a challenge is good for five minutes only.

const token = () => document.querySelector('meta[name="csrf-token"]').content;
const canParse = { get: "parseRequestOptionsFromJSON", create: "parseCreationOptionsFromJSON" };

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    perform(form, form.dataset.passkey);
  });
}

async function perform(form, ceremony) {
  if (form.getAttribute("aria-busy") === "true") return;
  if (!window.PublicKeyCredential?.[canParse[ceremony]]) return say(form, form.dataset.saysUnable);
  say(form, "");
  form.setAttribute("aria-busy", "true");
  try {
    const options = await fetchOptions(form);
    if (options) await send(form, ceremony, options);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** Null where there are none to be had, and the page has said why, or leads elsewhere. */
async function fetchOptions(form) {
  const answer = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRF-Token": token() } }).catch(() => null);
  if (answer?.ok) return answer.json();
  if (answer?.status === 401) {
    const { stop } = await answer.json();
    location.assign(`/enter?${new URLSearchParams({ next: location.pathname, because: stop === "again" ? "again" : "ended" })}`);
  } else if (answer?.status === 410) {
    location.reload();
  } else {
    say(form, form.dataset.saysUnavailable);
  }
  return null;
}

async function send(form, ceremony, options) {
  const publicKey = PublicKeyCredential[canParse[ceremony]](options);
  try {
    const credential = await navigator.credentials[ceremony]({ publicKey });
    form.elements.response.value = JSON.stringify(credential.toJSON());
  } catch (error) {
    return say(form, error.name === "InvalidStateError" ? form.dataset.saysKnown : form.dataset.saysCancelled);
  }
  form.submit(); // which does not come by here again
}

function say(form, text) {
  form.querySelector("[data-said]").textContent = text;
}
