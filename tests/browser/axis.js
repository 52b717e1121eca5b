// Measures where strip and lanes show what happened, in ms of the recording.

window.axis = {
  /** Where the pauses are drawn on the screen. */
  onStrip: () => pauses().map((rect) => axis.timeAt(rect.getBoundingClientRect().x + 0.5)),

  /** Where they are by their own numbers, finer than a screen has dots. */
  shares: () => pauses().map((rect) => axis.at(parseFloat(rect.getAttribute("x")) / 100)),

  /** Where the lanes' peaks are loud. */
  inLanes: async () => {
    const { fetchLanes } = await import("/static/lanes.js");
    const { peaks } = await fetchLanes(document.getElementById("player").dataset.lanes);
    const loudest = (n) => Math.max(...peaks.samples.subarray(n * peaks.channels, (n + 1) * peaks.channels));
    return Array.from({ length: peaks.count }, (_, n) => n).filter((n) => loudest(n) > 50).map((n) => (n * 1000) / peaks.perSecond);
  },

  /** Where the lanes are drawn high. */
  onCanvas: () => {
    const { shadowRoot } = document.querySelector("[data-part=lanes]").firstChild;
    const places = [...shadowRoot.querySelectorAll(".canvases canvas")].flatMap((canvas) => {
      const { left, width } = canvas.getBoundingClientRect();
      const height = Math.round(canvas.height * 0.25);
      const row = canvas.getContext("2d").getImageData(0, height, canvas.width, 1).data;
      const inked = Array.from({ length: canvas.width }, (_, x) => x).filter((x) => row[x * 4 + 3] > 0);
      return inked.map((x) => left + ((x + 0.5) / canvas.width) * width);
    });
    return places.map(axis.timeAt).sort((a, b) => a - b);
  },

  at: (share) => {
    const { beginsMs, endsMs } = document.getElementById("player").dataset;
    return Number(beginsMs) + share * (endsMs - beginsMs);
  },

  timeAt: (x) => {
    const { left, width } = document.querySelector("svg.strip").getBoundingClientRect();
    return axis.at((x - left) / width);
  },

  pixelMs: () => {
    const { beginsMs, endsMs } = document.getElementById("player").dataset;
    return (endsMs - beginsMs) / document.querySelector("svg.strip").getBoundingClientRect().width;
  },
};

function pauses() {
  return [...document.querySelectorAll("svg.strip .pause rect")];
}
