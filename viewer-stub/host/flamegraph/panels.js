/* SPDX-License-Identifier: MIT */
/* Everything around the graph: header, details, table of functions, ledger, help. */

const ROWS_AT_FIRST = 200;
const MATCHES_SHOWN = 50;

function fillHeader(model) {
  const { run, summary } = model.data;
  byId("program").textContent = run.program;
  byId("command").textContent = run.command;
  byId("command").hidden = !run.command || run.command === run.program;
  const part = run.part ? "only " + run.part : "";
  const when = [run.date, duration(summary.duration_ns) + " long", run.machine, part];
  byId("when").textContent = when.filter(Boolean).join("  \u00b7  ");
  const reached = summary.stacks.reached_root;
  const lost = summary.ledger.dropped_total;
  document.title = `${run.program} \u2013 ${model.isWall ? "wall-clock" : "CPU"} profile`;
  document.body.dataset.clock = model.isWall ? "wall" : "cpu";
  if (model.isWall) byId("facts").append(...wallFacts(summary.wall));
  byId("facts").append(
    fact("CPU time sampled", duration(summary.weight_ns)),
    fact("Samples", count(summary.samples)),
    fact("Coverage", percent(summary.weight_ns, summary.process_cpu_ns), "of the process's CPU time"),
    ...summary.gaps.map((gap) => fact("Not seen: " + gap.name, percent(gap.cpu_ns, summary.process_cpu_ns))),
    fact("Lost", lost ? percent(lost, summary.ledger.attempted) : "none", lost ? count(lost) + " samples" : ""),
    fact("Whole stacks", percent(reached, summary.samples), "reached the thread's root"));
}

function wallFacts(wall) {
  const ofAll = (key) => percent(wall.ns[key], wall.weight_ns) + " of the threads' lives";
  return [
    fact("Threads lived", duration(wall.weight_ns), "all threads' lives together"),
    ...STATES.map(({ key, name }) => fact(name, duration(wall.ns[key]), ofAll(key))),
  ];
}

function fact(name, value, note) {
  return element("div", { title: note || null }, element("dt", {}, name), element("dd", {}, value));
}

function fillLegend(model, colours) {
  const list = byId("legend");
  const shown = colours.order.filter((image) => colours.own[image] > 0).slice(0, 8);
  list.replaceChildren(...shown.map((image) => {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colours.imageFill(image, 1, false);
    return element("li", { title: model.images[image].path }, swatch, model.images[image].name);
  }));
}

function describe(model, frame, zoom) {
  const all = model.total[0];
  if (frame.fn < 0) {
    const sum = `${milliseconds(frame.total)} in ${count(frame.samples)} samples`;
    return [element("strong", {}, "all"), element("span", { class: "numbers" },
      [sum, ...describeStates(frame)].join("  \u00b7  "))];
  }
  const where = [model.imagePath(frame.fn), model.place(frame.fn)];
  const numbers = [
    `total ${milliseconds(frame.total)} (${percent(frame.total, all)})`,
    `self ${milliseconds(frame.self)} (${percent(frame.self, all)})`,
    `${count(frame.samples)} samples`,
  ];
  numbers.push(...describeStates(frame));
  if (zoom && zoom.parent && frame !== zoom) numbers.push(`${percent(frame.total, zoom.total)} of the zoomed frame`);
  return [
    element("strong", { class: "mono" }, model.functions.name[frame.fn]),
    element("span", { class: "numbers" }, numbers.join("  \u00b7  ")),
    element("span", { class: "where" }, where.filter(Boolean).join("  \u00b7  ")),
  ];
}

function describeStates(frame) {
  if (!frame.by) return [];
  return STATES.filter(({ index }) => frame.by[index] > 0)
    .map(({ index, name }) => `${name.toLowerCase().replace("cpu", "CPU")} ${milliseconds(frame.by[index])}`);
}

class FunctionTable {
  constructor(model, onPick) {
    this.model = model;
    this.onPick = onPick;
    this.key = "self";
    this.descending = true;
    this.all = false;
    this.found = null;
    for (const head of document.querySelectorAll("#functions th[data-key]")) {
      const button = head.querySelector("button");
      if (button) button.addEventListener("click", () => this.sortBy(head.dataset.key));
    }
    byId("functions-more").addEventListener("click", () => {
      this.all = true;
      this.fill();
    });
  }

  sortBy(key) {
    this.descending = key === this.key ? !this.descending : key !== "image" && key !== "name";
    this.key = key;
    this.fill();
  }

  value(fn) {
    if (this.key === "self") return this.model.functionSelf[fn];
    if (this.key === "total") return this.model.functionTotal[fn];
    const state = STATES.find(({ key }) => key === this.key);
    if (state) return this.model.functionSelfBy[state.index][fn];
    if (this.key === "image") return this.model.imageName(fn);
    return this.model.functions.name[fn];
  }

  compare(a, b) {
    const left = this.value(a);
    const right = this.value(b);
    const order = left < right ? -1 : left > right ? 1 : 0;
    return (this.descending ? -order : order) || this.model.functionTotal[b] - this.model.functionTotal[a] || a - b;
  }

  rows() {
    const rows = [];
    for (let fn = 0; fn < this.model.functionCount; fn++) {
      if (this.model.functionTotal[fn] > 0 && (!this.found || this.found[fn])) rows.push(fn);
    }
    return rows.sort((a, b) => this.compare(a, b));
  }

  row(fn) {
    const model = this.model;
    const all = model.total[0];
    const bar = element("span", { class: "meter", "aria-hidden": "true" });
    bar.style.width = (100 * model.functionSelf[fn]) / (all || 1) + "%";
    const name = element("button", { type: "button", class: "mono name", title: "Find it in the graph",
      onclick: () => this.onPick(fn) }, model.functions.name[fn]);
    return element("tr", {},
      element("td", { class: "number" }, milliseconds(model.functionSelf[fn])),
      element("td", { class: "number metered" }, bar, percent(model.functionSelf[fn], all)),
      element("td", { class: "number" }, milliseconds(model.functionTotal[fn])),
      element("td", { class: "number" }, percent(model.functionTotal[fn], all)),
      ...STATES.map(({ index }) => element("td", { class: "number wall-only" },
        model.isWall && model.functionSelfBy[index][fn] ? milliseconds(model.functionSelfBy[index][fn]) : "\u2013")),
      element("td", {}, name),
      element("td", { title: model.imagePath(fn) || null }, model.imageName(fn)),
      element("td", { class: "mono small" }, model.place(fn)));
  }

  fill() {
    const rows = this.rows();
    const shown = this.all ? rows : rows.slice(0, ROWS_AT_FIRST);
    document.querySelector("#functions tbody").replaceChildren(...shown.map((fn) => this.row(fn)));
    for (const head of document.querySelectorAll("#functions th[data-key]")) {
      if (head.dataset.key === this.key && head.querySelector("button"))
        head.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    byId("functions-caption").textContent = `${count(rows.length)} functions${this.found ? " found" : ""}, ` +
      `${milliseconds(this.model.total[0])} of ${this.model.isWall ? "elapsed" : "CPU"} time. Self: in the function's ` +
      "own code. Total: with all that it calls, each sample counted once however often the function recurs." +
      (this.model.isWall ? " Running, for a CPU and waiting are parts of self." : "");
    byId("functions-more").hidden = shown.length === rows.length;
    byId("functions-more").textContent = `Show all ${count(rows.length)}`;
  }
}

function fillMatches(model, found, onPick) {
  const list = byId("matches");
  list.hidden = !found;
  if (!found) return list.replaceChildren();
  const rows = [];
  for (let fn = 0; fn < model.functionCount; fn++) if (found[fn] && model.functionTotal[fn] > 0) rows.push(fn);
  rows.sort((a, b) => model.functionTotal[b] - model.functionTotal[a]);
  const items = rows.slice(0, MATCHES_SHOWN).map((fn) => element("li", {},
    element("button", { type: "button", class: "mono name", onclick: () => onPick(fn) }, model.functions.name[fn]),
    element("span", { class: "numbers" }, `total ${percent(model.functionTotal[fn], model.total[0])}, self ` +
      `${percent(model.functionSelf[fn], model.total[0])}`)));
  const more = rows.length - items.length;
  if (more > 0) items.push(element("li", {}, `and ${count(more)} more in the Functions view`));
  list.replaceChildren(...items);
}

function card(title, note, ...content) {
  const text = note ? element("p", {}, note) : null;
  return element("article", { class: "card" }, element("h2", {}, title), text, ...content);
}

function table(head, rows) {
  const cell = (value, column) => element("td", { class: column ? "number" : null }, value);
  return element("table", {},
    head ? element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))) : null,
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))));
}

const words = (name) => name.replace(/_/g, " ");

function lossCard(summary) {
  const ledger = summary.ledger;
  const drops = Object.entries(ledger.dropped).filter(([, number]) => number > 0);
  const row = (name, number) => [name, count(number), percent(number, ledger.attempted)];
  const rows = [["attempted", count(ledger.attempted), ""], row("sent", ledger.sent)];
  if (ledger.pending) rows.push(row("not sent before the end", ledger.pending));
  for (const [name, number] of drops) rows.push(row("lost: " + words(name), number));
  if (!drops.length) rows.push(["lost", "none", ""]);
  return card("Samples", "Each sample that was due is sent, or lost with its cause.", table(null, rows));
}

function coverageCard(summary) {
  const row = (name, ns) => [name, duration(ns), percent(ns, summary.process_cpu_ns)];
  const rows = [
    ["CPU time of the process", duration(summary.process_cpu_ns), ""],
    row("that the mechanism can see", summary.covered_cpu_ns),
    row("in samples", summary.weight_ns),
  ];
  for (const gap of summary.gaps) rows.push(row("not seen: " + gap.name, gap.cpu_ns));
  if (!summary.gaps.length) rows.push(["not seen", "nothing", ""]);
  return card("Coverage", "Sampled time against the system's own account.", table(null, rows));
}

function costCard(summary) {
  const { ledger, cost } = summary;
  return card("Cost", "What profiling took from the program.", table(null, [
    ["agent's CPU time", duration(ledger.agent_cpu_ns), percent(ledger.agent_cpu_ns, summary.process_cpu_ns)],
    ["sampling, budget " + decimals(cost.budget_percent, 2) + "\u202f%", duration(cost.sampling_ns), percent(cost.sampling_ns, summary.process_cpu_ns)],
    ["a sample, median", duration(ledger.handler_ns.p50), ""],
    ["a sample, 99th percentile", duration(ledger.handler_ns.p99), ""],
    ["a sample, longest", duration(ledger.handler_ns.max), ""],
    ["sleeps cut short", count(ledger.sleeps_cut_short), ""],
    ["sent", bytes(ledger.bytes), ""],
  ]));
}

function howCard(summary) {
  const rate = summary.rate_hz ? decimals(summary.rate_hz, summary.rate_hz % 1 ? 1 : 0) + "\u202fHz" : "not known";
  const cut = summary.end.cut ? " (cut: no goodbye)" : "";
  const rows = [["mechanism", summary.mechanism || "not known"], ["rate", rate], ["end", summary.end.reason + cut]];
  if (summary.tick_aligned) rows.push(["aligned to", "the kernel's tick"]);
  if (summary.sessions > 1) rows.push(["sessions", count(summary.sessions)]);
  if (summary.records_refused) rows.push(["records refused", count(summary.records_refused)]);
  return card("How it was sampled", null, table(null, rows));
}

function stacksCard(summary) {
  const rows = Object.entries(summary.stacks)
    .filter(([name, number]) => number > 0 || name === "reached_root")
    .map(([name, number]) => {
      const text = name === "reached_root" ? "reached the root" : "ended: " + words(name);
      return [text, count(number), percent(number, summary.samples)];
    });
  return card("Stacks", "Where the stacks of the samples end.", table(null, rows));
}

function wallCard(wall) {
  const row = (name, ns) => [name, duration(ns), percent(ns, wall.weight_ns)];
  const { ledger } = wall;
  const lost = Object.entries(ledger.dropped).filter(([, number]) => number > 0)
    .map(([name, number]) => ["lost: " + words(name), count(number) + " periods", percent(number, ledger.attempted)]);
  const rows = [
    ["threads lived", duration(wall.weight_ns), ""],
    ...STATES.map(({ key, name }) => row(name.toLowerCase().replace("cpu", "CPU"), wall.ns[key])),
    row("place not seen", wall.not_seen_ns),
    ["looks", decimals(wall.rate_hz, 0) + "\u202fHz", ""],
    ...lost,
  ];
  return card("Wall clock", "How all threads together spent their lives.", table(null, rows));
}

function wallThreadsCard(wall) {
  const rows = wall.threads.slice(0, 50).map((thread) => [
    thread.name || "(no name)", String(thread.tid), ...STATES.map(({ key }) => duration(thread.ns[key]))]);
  const total = wall.threads.length;
  return card("Lives of threads", total > rows.length ? `The longest, of ${count(total)} in all.` : null,
    table(["Name", "Id", ...STATES.map(({ name }) => name)], rows));
}

function threadsCard(model) {
  const rows = model.threads.slice(0, 50).map((thread) => [
    thread.name || "(no name)",
    String(thread.tid),
    count(thread.samples),
    duration(thread.weight_ns),
    thread.cpu_ns ? duration(thread.cpu_ns) : "\u2013",
  ]);
  const total = model.data.thread_total;
  return card("Threads", total > rows.length ? `Those with the most samples, of ${count(total)} in all.` : null,
    table(["Name", "Id", "Samples", "In samples", "By the system"], rows));
}

function imagesCard(model) {
  const rows = model.images.map((image) => [
    image.path || "memory without a file",
    image.source + (image.unproven ? " (no build id to prove it)" : ""),
  ]);
  const note = "Where the functions' names come from. Code without a name is shown by its address in the file.";
  return card("Names", note, table(["Image", "Source"], rows));
}

function fillLedger(model) {
  const { summary } = model.data;
  const wall = summary.wall ? [wallCard(summary.wall), wallThreadsCard(summary.wall)] : [];
  const threads = model.isWall ? [] : [threadsCard(model)];    /* the others' weights are lives then */
  byId("ledger").replaceChildren(...wall, lossCard(summary), coverageCard(summary), costCard(summary), howCard(summary),
    stacksCard(summary), ...threads, imagesCard(model));
}

const EXPLANATION = [
  "Each bar is a function; its width is the time of the samples that have it on their stack: CPU time, or in a " +
    "wall-clock profile elapsed time, of which a strip at the bar's foot says how much was running, waiting for a " +
    "CPU, and waiting for something else; the buttons choose among them. The bar below " +
    "called the one above. From left to right the bars are ordered by their time, not in time. Reversed, the " +
    "functions that used the time themselves stand in the first row, and below each are its callers.",
  "Colours tell images apart. Hatched grey bars are no functions: they say why a stack ends there, or what is not " +
    "shown. The address of this page holds what you see: copy it to share the view together with the file.",
];

const KEYS = [
  ["\u2190 \u2191 \u2192 \u2193", "move from frame to frame"],
  ["Enter", "zoom to the frame in focus; click does the same"],
  ["Backspace", "zoom out one step"],
  ["Esc", "zoom out, clear the search"],
  ["/  or  Ctrl F", "search; text, or /regular expression/"],
  ["n, p", "next and previous frame found"],
  ["r", "reversed: from the functions that used the time to their callers"],
  ["t", "choose threads"],
  ["w", "wall clock: all states, only running, only waiting"],
  ["1  2  3", "flame graph, functions, ledger"],
  ["?", "this help"],
];

function fillHelp(dialog) {
  dialog.replaceChildren(
    element("h2", {}, "How to read and use this page"),
    ...EXPLANATION.map((text) => element("p", {}, text)),
    element("table", {}, element("tbody", {}, ...KEYS.map(([key, text]) =>
      element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)), element("td", {}, text))))),
    element("button", { type: "button", onclick: () => dialog.close() }, "Close"));
}
