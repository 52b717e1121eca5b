// Elements made of values. A value only ever becomes text or an attribute, so that nothing a call carries can be
// read as markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute.startsWith("on")) made.addEventListener(attribute.slice(2), value);
    else if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export function terms(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, ...shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

const DRAWINGS = {
  recorded: ["circle", { cx: 12, cy: 12, r: 6 }],
  not_recorded: ["path", { d: "M5 5l14 14M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16" }],
  stopped: ["rect", { x: 7, y: 7, width: 10, height: 10 }],
  deciding: ["path", { d: "M12 4a8 8 0 1 0 8 8M12 8v4l3 2" }],
  alert: ["path", { d: "M12 4L3 20h18zM12 10v5M12 17.5v.5" }],
  play: ["path", { d: "M8 5v14l11-7z" }],
};

export function drawing(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const [shape, attributes] = DRAWINGS[name];
  const drawn = document.createElementNS(space, shape);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `drawing ${name}`);
  for (const [attribute, value] of Object.entries(attributes)) drawn.setAttribute(attribute, value);
  svg.append(drawn);
  return svg;
}
