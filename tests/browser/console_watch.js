// Runs before anything of the page: complains of what the page's policy refuses, and can measure what is shown.

document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
  console.error(`policy: ${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`));

window.sight = {
  /** Controls smaller than 24 by 24 pixels (2.5.8), which axe does not find. A label counts as its input's; links in a
      sentence are let off, and so is whatever only a screen reader sees. */
  tooSmall: () =>
    [...document.querySelectorAll("button, input, select, textarea, summary, [role=button], a[href]")].filter((e) => {
      if (!e.checkVisibility() || e.matches(".hidden-for-eyes, .skip, p a, dd a, li p a")) return false;
      const { width, height } = joint(e.closest("label") ?? e, ...(e.labels ?? []));
      return width < 24 || height < 24;
    }).map(excerpt),

  /** Whatever stands out of the page at the right, where the page can be scrolled sideways (1.4.10). */
  widest: () => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > clientWidth + 1);
    return [`${scrollWidth} px of ${clientWidth}`, ...out.map(excerpt)];
  },
};

function excerpt(element) {
  return element.outerHTML.slice(0, 100);
}

/** The rectangle around an element and its labels: a press on either is a press on it. */
function joint(...elements) {
  const boxes = elements.map((e) => e.getBoundingClientRect()).filter((box) => box.width > 0);
  const side = (name, choose) => choose(...boxes.map((box) => box[name]));
  return boxes.length
    ? { width: side("right", Math.max) - side("left", Math.min), height: side("bottom", Math.max) - side("top", Math.min) }
    : { width: 0, height: 0 };
}

/** The controls that the tab key has to reach, numbered in the order of the page; of radio buttons the one that is
    chosen, or the first. */
window.reach = {
  mark: () => {
    const can = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const found = [...document.querySelectorAll(can)].filter((e) => {
      if (!e.checkVisibility({ visibilityProperty: true }) || e.disabled || e.closest("[inert]")) return false;
      if (e.tabIndex < 0) return false;
      if (e.type !== "radio") return true;
      const group = [...document.getElementsByName(e.name)];
      return e === (group.find((one) => one.checked) ?? group[0]);
    });
    found.forEach((element, number) => { element.dataset.reach = number; });
    return found.length;
  },

  /** The number of the control that has the focus, and whether it is seen: in the window, with an outline or a shadow. */
  here: () => {
    const e = document.activeElement;
    if (!e || e.dataset.reach === undefined) return [null, true];
    const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(e);
    const { top, bottom, width, height } = e.getBoundingClientRect();
    const marked = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none" || e.type === "range";
    return [Number(e.dataset.reach), marked && width > 0 && height > 0 && bottom > 0 && top < innerHeight];
  },
};
