/* SPDX-License-Identifier: MIT */
/* Joins the parts: what is chosen, what is shown, keys and pointer, and the address that remembers it all. */

const TABS = ["graph", "functions", "ledger"];

class Page {
  constructor(model) {
    this.model = model;
    this.reversed = false;
    this.searchText = "";
    this.found = null;
    this.tab = "graph";
    this.chosen = null;
    this.states = null;
    this.colours = new Colours(model);
    this.graph = new Graph(byId("canvas"), byId("scroll"), byId("stage"), this.colours);
    this.table = new FunctionTable(model, (fn) => this.pick(fn));
    fillHeader(model);
    fillLegend(model, this.colours);
    fillLedger(model);
    fillHelp(byId("help"));
    this.stateChooser = new StateChooser(this);
    this.listen();
    this.readAddress();
    document.body.dataset.ready = "1";
  }

  /* ------------------------------------------------------------------------------------------------ what is shown */

  rebuild() {
    this.graph.show(this.reversed ? callerRoot(this.model) : calleeRoot(this.model), this.reversed);
    byId("reverse").setAttribute("aria-pressed", String(this.reversed));
    this.search(this.searchText);
    this.zoomTo(this.graph.root);
  }

  setReversed(reversed) {
    this.reversed = reversed;
    this.rebuild();
  }

  choose(chosen, states = this.states) {
    this.chosen = chosen;
    this.states = states;
    this.model.select(chosen, states);
    this.nameThreads();
    this.stateChooser.fill();
    this.rebuild();
  }

  nameThreads() {
    const button = byId("threads-button");
    if (!this.chosen) button.textContent = `All threads (${count(this.model.threads.length)})`;
    else if (this.chosen.size === 1) button.textContent = threadName(this.model.threads[[...this.chosen][0]]);
    else button.textContent = `${count(this.chosen.size)} of ${count(this.model.threads.length)} threads`;
  }

  search(text) {
    this.searchText = text;
    this.found = this.model.find(text);
    this.graph.found = this.found;
    this.table.found = this.found;
    this.table.fill();
    fillMatches(this.model, this.found, (fn) => this.pick(fn));
    byId("search-result").textContent = this.found ? this.searchResult() : "";
    byId("scroll").classList.toggle("searching", Boolean(this.found));
    this.graph.redraw();
    this.writeAddress();
  }

  searchResult() {
    const functions = this.found.filter((flag, fn) => flag && this.model.functionTotal[fn] > 0).length;
    if (!functions) return "nothing found";
    const weight = this.model.weightOf(this.found);
    return `${percent(weight, this.model.total[0])} in ${count(functions)} function${functions === 1 ? "" : "s"}`;
  }

  zoomTo(frame) {
    this.graph.zoomTo(frame);
    this.fillCrumbs(frame);
    this.tell(frame);
    this.writeAddress();
  }

  fillCrumbs(frame) {
    const crumbs = [];
    for (let step = frame; step; step = step.parent) {
      crumbs.unshift(element("button", { type: "button", "aria-current": step === frame ? "true" : null,
        onclick: () => this.zoomTo(step) }, this.colours.label(step)));
    }
    const kept = crumbs.length > 6 ? [crumbs[0], element("span", {}, "\u2026"), ...crumbs.slice(-4)] : crumbs;
    byId("crumbs").replaceChildren(...kept);
  }

  tell(frame) {
    byId("details").replaceChildren(...describe(this.model, frame, this.graph.zoom));
  }

  /* Shows where a function is: searches for its name and moves to its widest frame. */
  pick(fn) {
    const name = this.model.functions.name[fn];
    byId("search").value = name;
    this.show("graph");
    this.search(name);
    this.focusOn(this.graph.widest(fn));
    byId("canvas").focus({ preventScroll: true });
  }

  focusOn(frame) {
    if (!frame) return;
    this.graph.focusOn(frame);
    this.tell(frame);
  }

  show(tab) {
    this.tab = tab;
    for (const name of TABS) {
      byId("panel-" + name).hidden = name !== tab;
      byId("tab-" + name).setAttribute("aria-selected", String(name === tab));
      byId("tab-" + name).tabIndex = name === tab ? 0 : -1;
    }
    if (tab === "graph") this.graph.resize();
    this.writeAddress();
  }

  reset() {
    byId("search").value = "";
    this.search("");
    this.zoomTo(this.graph.root);
    this.graph.scrollToRoot();
  }

  /* -------------------------------------------------------------------------------------------------- the address */

  writeAddress() {
    if (this.reading) return;
    const state = new URLSearchParams();
    if (this.tab !== "graph") state.set("tab", this.tab);
    if (this.searchText) state.set("search", this.searchText);
    if (this.reversed) state.set("reverse", "1");
    if (this.chosen) state.set("threads", [...this.chosen].map((thread) => this.model.threads[thread].tid).join(","));
    if (this.states) state.set("states", stateKeys(this.states));
    if (this.graph.zoom && this.graph.zoom.parent) state.set("zoom", this.graph.zoom.path().join("."));
    this.written = "#" + state.toString();
    if (location.hash !== this.written && (location.hash || state.toString())) location.replace(this.written);
  }

  readAddress() {
    const state = new URLSearchParams(location.hash.slice(1));
    this.reading = true;
    this.reversed = state.get("reverse") === "1";
    this.searchText = state.get("search") || "";
    byId("search").value = this.searchText;
    this.choose(this.readThreads(state.get("threads")), readStates(this.model, state.get("states")));
    this.zoomTo(this.readZoom(state.get("zoom")));
    this.show(TABS.includes(state.get("tab")) ? state.get("tab") : "graph");
    this.graph.scrollToRoot();
    this.graph.reveal(this.graph.zoom);
    this.reading = false;
  }

  readThreads(text) {
    if (!text) return null;
    const wanted = new Set(text.split(","));
    const chosen = new Set();
    this.model.threads.forEach((thread, i) => {
      if (wanted.has(String(thread.tid)) || wanted.has(thread.name)) chosen.add(i);
    });
    return chosen.size ? chosen : null;
  }

  readZoom(text) {
    let frame = this.graph.root;
    for (const fn of (text || "").split(".").filter(Boolean)) {
      const child = frame.children().find((other) => other.fn === Number(fn));
      if (!child) break;
      frame = child;
    }
    return frame;
  }

  /* ----------------------------------------------------------------------------------------------- pointer and keys */

  listen() {
    const canvas = byId("canvas");
    canvas.addEventListener("mousemove", (event) => this.point(event));
    canvas.addEventListener("mouseleave", () => this.leave());
    canvas.addEventListener("click", (event) => this.click(event));
    canvas.addEventListener("dblclick", (event) => event.preventDefault());
    byId("search").addEventListener("input", (event) => this.search(event.target.value));
    byId("search").addEventListener("keydown", (event) => this.searchKey(event));
    byId("reverse").addEventListener("click", () => this.setReversed(!this.reversed));
    byId("reset").addEventListener("click", () => this.reset());
    byId("help-button").addEventListener("click", () => byId("help").showModal());
    for (const name of TABS) byId("tab-" + name).addEventListener("click", () => this.show(name));
    document.querySelector(".tabs").addEventListener("keydown", (event) => this.tabKey(event));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => location.hash !== this.written && this.readAddress());
    this.colours.dark.addEventListener("change", () => {
      this.colours.refresh();
      this.stateChooser.fill();
      fillLegend(this.model, this.colours);
      this.graph.redraw();
    });
    new ThreadChooser(this);
  }

  point(event) {
    const frame = this.graph.at(event.offsetX, event.offsetY);
    byId("canvas").style.cursor = frame ? "pointer" : "default";
    if (frame !== this.graph.hover) {
      this.graph.hover = frame;
      this.graph.redraw();
      byId("tip").replaceChildren(...(frame ? describe(this.model, frame, this.graph.zoom) : []));
    }
    byId("tip").hidden = !frame;
    if (frame) placeTip(byId("tip"), event);
  }

  leave() {
    this.graph.hover = null;
    byId("tip").hidden = true;
    this.graph.redraw();
  }

  click(event) {
    const frame = this.graph.at(event.offsetX, event.offsetY);
    if (frame) this.zoomTo(frame);
  }

  searchKey(event) {
    if (event.key === "Enter") {
      this.show("graph");
      this.focusOn(this.graph.nextFound(event.shiftKey ? -1 : 1));
    } else if (event.key === "Escape") {
      event.target.value = "";
      this.search("");
      byId("canvas").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  tabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    this.show(TABS[(TABS.indexOf(this.tab) + step + TABS.length) % TABS.length]);
    byId("tab-" + this.tab).focus();
    event.preventDefault();
    event.stopPropagation();
  }

  key(event) {
    if (byId("help").open) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "f") {
      this.startSearch();
      return event.preventDefault();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
    const action = this.keyAction(event);
    if (!action) return;
    action();
    event.preventDefault();
  }

  keyAction(event) {
    const simple = {
      "/": () => this.startSearch(),
      "?": () => byId("help").showModal(),
      r: () => this.setReversed(!this.reversed),
      t: () => byId("threads-button").click(),
      w: () => this.stateChooser.next(),
      n: () => this.focusOn(this.graph.nextFound(1)),
      p: () => this.focusOn(this.graph.nextFound(-1)),
      1: () => this.show("graph"),
      2: () => this.show("functions"),
      3: () => this.show("ledger"),
      Escape: () => this.reset(),
    };
    if (simple[event.key]) return simple[event.key];
    const inGraph = this.tab === "graph" && (event.target === byId("canvas") || event.target === document.body);
    return inGraph ? this.graphKeyAction(event.key) : null;
  }

  /* Up and down follow what is seen: callees stand above in the plain graph, callers below in the reversed one. */
  graphKeyAction(key) {
    const move = (direction) => () => this.focusOn(this.graph.neighbour(direction));
    const actions = {
      ArrowUp: move(this.reversed ? "out" : "in"),
      ArrowDown: move(this.reversed ? "in" : "out"),
      ArrowLeft: move("left"),
      ArrowRight: move("right"),
      Enter: () => this.zoomTo(this.graph.focus || this.graph.root),
      Backspace: () => this.zoomTo(this.graph.zoom.parent || this.graph.root),
    };
    return actions[key];
  }

  startSearch() {
    byId("search").focus();
    byId("search").select();
  }
}

function placeTip(tip, event) {
  const room = document.documentElement.clientWidth - tip.offsetWidth - 12;
  const below = event.clientY + 18;
  const fits = below + tip.offsetHeight < document.documentElement.clientHeight;
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, room)) + "px";
  tip.style.top = (fits ? below : event.clientY - tip.offsetHeight - 12) + "px";
}

function threadName(thread) {
  return `${thread.name || "(no name)"} ${thread.tid}`;
}

/* The list of threads behind the button, in the order of their weight. A long list is filtered, not shown whole. */
class ThreadChooser {
  constructor(page) {
    this.page = page;
    this.threads = page.model.threads;
    this.popover = byId("threads");
    byId("threads-button").addEventListener("click", () => this.toggle(this.popover.hidden));
    byId("threads-filter").addEventListener("input", () => this.fill());
    byId("threads-all").addEventListener("click", () => this.set(null));
    byId("threads-none").addEventListener("click", () => this.set(new Set()));
    this.popover.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.toggle(false);
      byId("threads-button").focus();
      event.stopPropagation();
    });
    document.addEventListener("mousedown", (event) => {
      if (!event.target.closest(".threads")) this.toggle(false);
    });
  }

  toggle(open) {
    this.popover.hidden = !open;
    byId("threads-button").setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.fill();
    byId("threads-filter").focus();
  }

  set(chosen) {
    this.page.choose(chosen);
    this.fill();
  }

  flip(thread, isOn) {
    const chosen = new Set(this.page.chosen || this.threads.keys());
    if (isOn) chosen.add(thread);
    else chosen.delete(thread);
    this.page.choose(chosen.size === this.threads.length ? null : chosen);
  }

  fill() {
    const text = byId("threads-filter").value.toLowerCase();
    const wanted = [...this.threads.keys()].filter((i) => threadName(this.threads[i]).toLowerCase().includes(text));
    const chosen = this.page.chosen;
    byId("threads-list").replaceChildren(...wanted.slice(0, 200).map((i) => this.item(i, !chosen || chosen.has(i))));
    byId("threads-note").textContent = wanted.length > 200 ? `first 200 of ${count(wanted.length)}` : "";
  }

  item(i, isOn) {
    const thread = this.threads[i];
    const box = element("input", { type: "checkbox", onchange: (event) => this.flip(i, event.target.checked) });
    box.checked = isOn;
    return element("li", {},
      element("label", {}, box,
        element("span", { class: "grow" }, threadName(thread)),
        element("span", { class: "numbers" }, milliseconds(thread.weight_ns))),
      element("button", { type: "button", "aria-label": "Only " + threadName(thread),
        onclick: () => this.set(new Set([i])) }, "only"));
  }
}

try {
  new Page(new Model(JSON.parse(byId("data").textContent)));
} catch (error) {
  const text = "This file cannot be shown: " + error.message;
  document.querySelector("main").replaceChildren(element("p", { class: "failure" }, text));
  throw error;
}
