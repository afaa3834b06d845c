/* SPDX-License-Identifier: MIT */
/* Which states of threads are shown of a wall-clock profile: a button for each, pressed while it is shown. */

function stateKeys(states) {
  return STATES.filter(({ index }) => states.has(index)).map(({ key }) => key).join(",");
}

/* The states that a text such as "running,waiting" names; null: all. */
function readStates(model, text) {
  if (!model.isWall || !text) return null;
  const wanted = new Set(text.split(","));
  const states = new Set(STATES.filter(({ key }) => wanted.has(key)).map(({ index }) => index));
  return states.size && states.size < STATES.length ? states : null;
}

class StateChooser {
  constructor(page) {
    this.page = page;
    this.group = byId("states");
  }

  isOn(index) {
    return !this.page.states || this.page.states.has(index);
  }

  fill() {
    this.group.replaceChildren(...STATES.map(({ index, name }) => {
      const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = this.page.colours.stateFill(index);
      return element("button", { type: "button", "aria-pressed": String(this.isOn(index)),
        onclick: () => this.flip(index) }, swatch, name);
    }));
  }

  /* The last one that is shown stays: with none there would be nothing to see. */
  flip(index) {
    const states = new Set(STATES.map((state) => state.index).filter((other) => this.isOn(other) !== (other === index)));
    this.set(states.size ? states : new Set([index]));
  }

  set(states) {
    this.page.choose(this.page.chosen, states && states.size < STATES.length ? states : null);
  }

  /* All, only running, only waiting, and all again. */
  next() {
    if (!this.page.model.isWall) return;
    const key = this.page.states ? stateKeys(this.page.states) : "";
    const after = { "": "running", running: "waiting", waiting: "" };
    this.set(readStates(this.page.model, after[key] || ""));
  }
}
