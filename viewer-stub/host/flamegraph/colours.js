/* SPDX-License-Identifier: MIT */
/* Colours by image, the heaviest first; grey for what is no function. States of threads have colours of their own. */

const HUES = [28, 205, 140, 265, 50, 330, 180, 95, 235, 5, 300, 160];

class Colours {
  constructor(model) {
    this.model = model;
    this.font = getComputedStyle(document.body).fontFamily;
    this.rank = this.rankImages();
    this.labels = [];
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.refresh();
  }

  /* Images by the time spent in their own code; the first ones get the hues that differ most. */
  rankImages() {
    const own = new Array(this.model.images.length).fill(0);
    for (let fn = 0; fn < this.model.functionCount; fn++) {
      const image = this.model.imageOf(fn);
      if (image >= 0) own[image] += this.model.functionSelf[fn];
    }
    this.own = own;
    this.order = own.map((weight, image) => image).sort((a, b) => own[b] - own[a] || a - b);
    const rank = new Array(own.length).fill(0);
    this.order.forEach((image, place) => (rank[image] = place));
    return rank;
  }

  refresh() {
    const dark = this.dark.matches;
    this.isDark = dark;
    this.outline = dark ? "#ffffff" : "#10141a";
    this.hatch = this.makeHatch(dark ? "rgba(255,255,255,.16)" : "rgba(0,0,0,.14)");
    this.cache = new Map();
  }

  /* Of a state, by its number in the data. */
  stateFill(state) {
    return (this.isDark ? ["#4cc38a", "#5b9dff", "#ffb454"] : ["#1b8a4c", "#1f63c6", "#d97706"])[state];
  }

  makeHatch(colour) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const context = tile.getContext("2d");
    context.strokeStyle = colour;
    context.lineWidth = 2;
    for (const shift of [-8, 0, 8]) {
      context.beginPath();
      context.moveTo(shift - 1, 9);
      context.lineTo(shift + 9, -1);
      context.stroke();
    }
    return context.createPattern(tile, "repeat");
  }

  /* Functions of an image differ a little in lightness, so that neighbours stay apart. */
  hueOf(image) {
    return HUES[this.rank[image] % HUES.length];
  }

  imageFill(image, step, nameless) {
    const saturation = nameless ? 26 : this.isDark ? 42 : 72;
    const lightness = this.isDark ? 27 + step * 3 : 70 + step * 4;
    return `hsl(${this.hueOf(image)} ${saturation}% ${lightness}%)`;
  }

  plainPaint(fn) {
    const text = this.isDark ? "#eef1f5" : "#14181d";
    if (fn < 0) return { fill: this.isDark ? "#3a424d" : "#d5dae1", text };
    const kind = this.model.functions.kind[fn];
    const image = this.model.imageOf(fn);
    const step = Math.imul(fn + 1, 0x9e3779b1) >>> 30;
    if (kind === KIND_STAND_IN || kind === KIND_GENERATED)
      return { fill: this.isDark ? "#4a4f57" : "#c3c7cd", text, hatch: true };
    if (image < 0)
      return { fill: this.isDark ? `hsl(48 35% ${25 + step * 3}%)` : `hsl(48 62% ${72 + step * 4}%)`, text };
    return { fill: this.imageFill(image, step, kind === KIND_NAMELESS), text };
  }

  paint(fn, found) {
    let paint = this.cache.get(fn);
    if (!paint) this.cache.set(fn, (paint = this.plainPaint(fn)));
    if (!found || fn < 0) return paint;
    if (found[fn]) return this.isDark ? { fill: "#c026a8", text: "#ffffff" } : { fill: "#a3138c", text: "#ffffff" };
    return this.isDark ? { fill: "#2a2f37", text: "#9aa3ae" } : { fill: "#e6e9ee", text: "#5b6470" };
  }

  label(frame) {
    if (frame.fn < 0) return "all";
    if (!this.labels[frame.fn]) this.labels[frame.fn] = withoutReturnType(this.model.functions.name[frame.fn]);
    return this.labels[frame.fn];
  }
}

/* Names of C++ templates begin with what they return, which would fill the bar: "int space::get<int>(long)" is labelled
 * "space::get<int>(long)". Names with operators are left alone. */
function withoutReturnType(name) {
  if (!name.endsWith(")") && !name.includes(") ")) return name;
  if (name.includes("operator")) return name;
  const plain = name.replaceAll("(anonymous namespace)", (text) => "_".repeat(text.length));
  let depth = 0;
  let start = 0;
  for (let i = 0; i < plain.length; i++) {
    const letter = plain[i];
    if (letter === "(" && depth === 0) break;
    if ("<({[".includes(letter)) depth++;
    else if (">)}]".includes(letter)) depth--;
    else if (letter === " " && depth === 0) start = i + 1;
  }
  return name.slice(start);
}
