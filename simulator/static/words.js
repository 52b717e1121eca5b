// Numbers, times and lengths as people read them.

const WITHHELD = new Set(["anonymous", "unknown", "restricted", "+266696687", ""]);

export function number(e164) {
  if (WITHHELD.has(e164)) return "a withheld number";
  const read = /^\+(1)(\d{3})(\d{3})(\d{4})$/.exec(e164) ?? /^\+(52)(\d{2})(\d{4})(\d{4})$/.exec(e164);
  return read ? `+${read.slice(1).join(" ")}` : e164;
}

/** Seconds as a clock shows them: 0:07. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function length(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} second${Math.round(seconds) === 1 ? "" : "s"}`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function day(iso) {
  return format(iso, { day: "numeric", month: "long", year: "numeric" });
}

export function time(iso) {
  return format(iso, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** How far off a day is: "in 90 days". */
export function away(iso) {
  const days = Math.round((new Date(iso) - Date.now()) / 86_400_000);
  return Number.isNaN(days) ? "" : new Intl.RelativeTimeFormat("en").format(days, "day");
}

export function language(tag) {
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}

/** An identifier as words: recording_missing becomes "recording missing". */
export function plain(identifier) {
  return String(identifier).replaceAll(/[._]/g, " ");
}

function format(iso, options) {
  const moment = new Date(iso);
  return Number.isNaN(moment.getTime()) ? String(iso) : new Intl.DateTimeFormat("en-GB", options).format(moment);
}
