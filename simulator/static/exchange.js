// The simulator's control API, as the page uses it.

export class Refused extends Error {}

export async function placeCall({ from, to }) {
  const placed = await send("/simulator/calls", { from, to, manual: true });
  return (await placed.json()).call_sid;
}

export const press = (sid, digits) => send(`/simulator/calls/${sid}/keys`, { digits });

export const answer = (sid) => send(`/simulator/calls/${sid}/answer`);

/** Whether the people whom the app calls are the one at this phone, or answer by themselves. */
export const ringHere = (manual) => send("/simulator/called", { manual });

export const hangUp = (sid) => send(`/simulator/calls/${sid}/hangup`);

/** For when the page goes away: nobody is left on the phone. */
export const abandon = (sid) => navigator.sendBeacon(`/simulator/calls/${sid}/hangup`);

export const listCalls = async () => (await read("/simulator/phone/calls")).calls;

export const observed = (sid) => read(`/simulator/calls/${sid}/observed`);

export const speechUrl = (sid, n) => `/simulator/calls/${sid}/speech/${n}.wav`;

async function send(url, body) {
  const about = body ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const response = await fetch(url, { method: "POST", ...about });
  if (response.ok) return response;
  const why = await response.json().catch(() => ({}));
  throw new Refused(why.message ?? `the simulator answered ${response.status}`);
}

async function read(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Refused(`the simulator answered ${response.status}`);
  return response.json();
}
