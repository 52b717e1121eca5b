// Runs before anything of the page: notes what sounds, complains of what the page's policy refuses, and can measure
// what is shown.

document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`policy: ${violatedDirective} ${blockedURI}`));

window.sounded = []; // the lengths, in seconds, of the sounds that were started
window.tones = []; // and the frequencies of the tones
const startSound = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  sounded.push(this.buffer.duration);
  startSound.apply(this, when);
};
const startTone = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  tones.push(Math.round(this.frequency.value));
  startTone.apply(this, when);
};

window.volumes = []; // every gain that was made; the first is the whole phone's
const createGain = AudioContext.prototype.createGain;
AudioContext.prototype.createGain = function () {
  volumes.push(createGain.call(this));
  return volumes.at(-1);
};

const shown = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility());
const excerpt = (e) => e.outerHTML.slice(0, 80);

window.sight = {
  /** Text whose contrast is below what WCAG 2.2 AA asks (1.4.3). */
  tooFaint: () =>
    shown("body *").filter((e) => hasText(e) && e.getBoundingClientRect().width > 1 && ratio(e) < (isLarge(e) ? 3 : 4.5)).map(excerpt),

  /** Controls smaller than 24 by 24 pixels (2.5.8). A label counts as its input; links in a sentence are let off. */
  tooSmall: () =>
    shown("button, input, summary, a:not(.skip, p a)").filter((e) => {
      const { width, height } = (e.closest("label") ?? e).getBoundingClientRect();
      return width < 24 || height < 24;
    }).map(excerpt),

  /** Controls and regions that a screen reader has no name for (4.1.2). */
  nameless: () =>
    shown("button, input, summary, a, section, [role=group]").filter((e) => {
      const by = document.getElementById(e.getAttribute("aria-labelledby") ?? "");
      const own = e.matches("section, [role=group]") ? "" : e.textContent.trim();
      return !(e.ariaLabel || own || e.labels?.length || by?.textContent);
    }).map(excerpt),

  /** How far the page can be scrolled sideways, which at 320 pixels must be nothing (1.4.10). */
  sidewaysPx: () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
};

function hasText(e) {
  return [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
}

function isLarge(e) {
  const { fontSize, fontWeight } = getComputedStyle(e);
  return parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && fontWeight >= 700);
}

function ratio(e) {
  const ground = behind(e);
  const [dark, light] = [over(rgba(getComputedStyle(e).color), ground), ground].map(luminance).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The colour that an element's text stands on. */
function behind(e) {
  const own = rgba(getComputedStyle(e).backgroundColor);
  if (own[3] === 1) return own.slice(0, 3);
  return e.parentElement ? over(own, behind(e.parentElement)) : [255, 255, 255];
}

function rgba(text) {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
}

function over([r, g, b, a], under) {
  return [r, g, b].map((value, i) => value * a + under[i] * (1 - a));
}

function luminance(colour) {
  const [r, g, b] = colour.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
