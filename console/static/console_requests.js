// Requests to the console, with the token of the page's session.

/** @returns {Promise<Response>} rejects where no answer comes within `withinMs`. */
export function post(url, body, { withinMs = 5_000, keepalive = false } = {}) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token() };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body), keepalive, signal: AbortSignal.timeout(withinMs) });
}

/** Read each time: who signs in again elsewhere gives the page another. */
function token() {
  return document.querySelector('meta[name="csrf-token"]').content;
}
