// The words that scripts say come with the page, in the person's language: `<template id="words">` holds them by name.

const words = document.getElementById("words").content;

/** A sentence with its values put in: `{at}` stands for `values.at`. Empty where the page has no such sentence. */
export function sentence(name, values = {}) {
  const found = words.querySelector(`[data-word="${name}"]`)?.textContent ?? "";
  return found.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** Told to a screen reader when it has time. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Told to a screen reader at once. */
export function alarm(text) {
  document.getElementById("alarm").textContent = text;
}

/** A place in a recording: 0:07, 12:05, 1:02:03; with tenths where they are asked for. */
export function position(ms, hasTenths = false) {
  const tenths = Math.max(0, Math.floor(ms / 100));
  const [hours, minutes, seconds] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, Math.floor(tenths / 10) % 60];
  const two = (number) => String(number).padStart(2, "0");
  const whole = hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  return hasTenths ? `${whole}.${tenths % 10}` : whole;
}
