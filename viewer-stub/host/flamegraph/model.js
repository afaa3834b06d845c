/* SPDX-License-Identifier: MIT */
/* The data of the page: tables as columns, and the sums that depend on which threads are chosen. */

const KIND_NAMELESS = 1;
const KIND_GENERATED = 3;
const KIND_STAND_IN = 4;

/* States of threads in a wall-clock profile, in the order in which they are shown; `index` is their number in the data. */
const STATES = [
  { index: 0, key: "running", name: "Running" },
  { index: 2, key: "runnable", name: "Waiting for a CPU" },
  { index: 1, key: "waiting", name: "Waiting" },
];

class Model {
  constructor(data) {
    this.data = data;
    this.isWall = data.clock === "wall";
    this.functions = data.functions;
    this.threads = data.threads;
    this.images = data.images;
    this.functionCount = data.functions.name.length;
    this.function = Int32Array.from(data.nodes.function);
    this.parent = Int32Array.from(data.nodes.back, (back, node) => node - back);
    this.parent[0] = -1;
    this.nodeCount = this.function.length;
    this.readEntries(data.entries);
    this.linkChildren();
    this.select(null, null);
  }

  /* Entries are sorted by thread and node; both columns hold differences. */
  readEntries(entries) {
    const count = entries.weight.length;
    this.entryThread = new Int32Array(count);
    this.entryNode = new Int32Array(count);
    let thread = 0;
    let node = 0;
    for (let i = 0; i < count; i++) {
      thread += entries.thread[i];
      node += entries.node[i];
      this.entryThread[i] = thread;
      this.entryNode[i] = node;
    }
    this.entryWeight = entries.weight;
    this.entrySamples = entries.samples;
    this.entryState = entries.state || null;
  }

  linkChildren() {
    this.firstChild = new Int32Array(this.nodeCount).fill(-1);
    this.nextSibling = new Int32Array(this.nodeCount).fill(-1);
    for (let node = this.nodeCount - 1; node > 0; node--) {
      this.nextSibling[node] = this.firstChild[this.parent[node]];
      this.firstChild[this.parent[node]] = node;
    }
  }

  /* Sums for a set of thread indexes and one of states; null: all. */
  select(chosen, states) {
    this.chosen = chosen;
    this.selfBy = this.isWall ? STATES.map(() => new Float64Array(this.nodeCount)) : null;
    this.self = new Float64Array(this.nodeCount);
    this.selfSamples = new Float64Array(this.nodeCount);
    for (let i = 0; i < this.entryWeight.length; i++) {
      if (chosen && !chosen.has(this.entryThread[i])) continue;
      if (states && !states.has(this.entryState[i])) continue;
      if (this.selfBy) this.selfBy[this.entryState[i]][this.entryNode[i]] += this.entryWeight[i];
      this.self[this.entryNode[i]] += this.entryWeight[i];
      this.selfSamples[this.entryNode[i]] += this.entrySamples[i];
    }
    this.total = this.self.slice();
    this.totalSamples = this.selfSamples.slice();
    this.totalBy = this.selfBy && this.selfBy.map((column) => column.slice());
    for (let node = this.nodeCount - 1; node > 0; node--) {
      this.total[this.parent[node]] += this.total[node];
      this.totalSamples[this.parent[node]] += this.totalSamples[node];
      if (this.totalBy) for (const column of this.totalBy) column[this.parent[node]] += column[node];
    }
    this.sumFunctions();
  }

  /* The time of a node in each state, by their numbers; null without a wall clock. */
  statesOf(columns, node) {
    return columns && columns.map((column) => column[node]);
  }

  /* Self and total of each function; a sample counts once for a function that is on its stack several times. */
  sumFunctions() {
    this.functionSelf = new Float64Array(this.functionCount);
    this.functionTotal = new Float64Array(this.functionCount);
    this.functionSelfBy = this.selfBy && STATES.map(() => new Float64Array(this.functionCount));
    const onPath = new Int32Array(this.functionCount);
    let node = 0;
    let down = true;
    for (;;) {
      const fn = this.function[node];
      if (down) {
        if (fn >= 0) {
          this.functionSelf[fn] += this.self[node];
          if (this.selfBy) this.functionSelfBy.forEach((column, state) => (column[fn] += this.selfBy[state][node]));
          if (onPath[fn]++ === 0) this.functionTotal[fn] += this.total[node];
        }
        if (this.firstChild[node] >= 0) {
          node = this.firstChild[node];
          continue;
        }
      }
      if (fn >= 0) onPath[fn]--;
      if (node === 0) break;
      down = this.nextSibling[node] >= 0;
      node = down ? this.nextSibling[node] : this.parent[node];
    }
  }

  /* Which functions a search finds, as one flag for each; null for an empty search. */
  find(text) {
    if (!text) return null;
    const test = searchTest(text);
    const found = new Uint8Array(this.functionCount);
    for (let fn = 0; fn < this.functionCount; fn++) {
      if (test(this.functions.name[fn])) found[fn] = 1;
    }
    return found;
  }

  /* The weight of all samples that have one of the flagged functions on their stack. */
  weightOf(found) {
    const under = new Uint8Array(this.nodeCount);
    let weight = 0;
    for (let node = 1; node < this.nodeCount; node++) {
      const above = under[this.parent[node]];
      under[node] = above | found[this.function[node]];
      if (under[node] && !above) weight += this.total[node];
    }
    return weight;
  }

  imageOf(fn) {
    return this.functions.image[fn];
  }

  imagePath(fn) {
    const image = this.imageOf(fn);
    return image >= 0 ? this.images[image].path : "";
  }

  imageName(fn) {
    const image = this.imageOf(fn);
    return image >= 0 ? this.images[image].name : "";
  }

  place(fn) {
    const file = this.functions.file[fn];
    const line = this.functions.line[fn];
    if (file < 0) return "";
    return this.data.files[file] + (line ? ":" + line : "");
  }
}

/* What a search asks of a name. /text/ is a regular expression; one that is not valid finds nothing. */
function searchTest(text) {
  if (text.length > 2 && text.startsWith("/") && text.endsWith("/")) {
    try {
      const pattern = new RegExp(text.slice(1, -1), "i");
      return (name) => pattern.test(name);
    } catch (error) {
      return () => false;
    }
  }
  const wanted = text.toLowerCase();
  return (name) => name.toLowerCase().includes(wanted);
}

/* A rectangle of the graph: a function with the frames that called it, or, reversed, those it called. Children are
 * made when they are asked for, so that a graph costs what it shows. */
class Frame {
  constructor(fn, parent) {
    this.fn = fn;
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
    this.total = 0;
    this.self = 0;
    this.samples = 0;
    this.by = null; /* `total` by state */
    this.start = 0;
    this.made = null;
  }

  finish(children) {
    children.sort((a, b) => b.total - a.total || a.fn - b.fn);
    let start = this.start;
    for (const child of children) {
      child.start = start;
      start += child.total;
    }
    this.made = children;
    return children;
  }

  /* The functions from the outside to here, without the root. */
  path() {
    const path = [];
    for (let frame = this; frame.parent; frame = frame.parent) path.unshift(frame.fn);
    return path;
  }
}

/* From the outermost function to what it calls. */
class CalleeFrame extends Frame {
  constructor(model, node, parent) {
    super(model.function[node], parent);
    this.model = model;
    this.node = node;
    this.total = model.total[node];
    this.self = model.self[node];
    this.samples = model.totalSamples[node];
    this.by = model.statesOf(model.totalBy, node);
  }

  children() {
    if (this.made) return this.made;
    const children = [];
    for (let node = this.model.firstChild[this.node]; node >= 0; node = this.model.nextSibling[node]) {
      if (this.model.total[node] > 0) children.push(new CalleeFrame(this.model, node, this));
    }
    return this.finish(children);
  }
}

/* From the function that used the time to its callers. A frame keeps at which nodes its samples stand on their way
 * outwards. */
class CallerFrame extends Frame {
  constructor(model, fn, parent) {
    super(fn, parent);
    this.model = model;
    this.at = [];
    this.weights = [];
    this.counts = [];
    this.states = [];
  }

  add(node, weight, samples, states) {
    this.total += weight;
    this.samples += samples;
    if (states) this.by = states.map((time, state) => time + (this.by ? this.by[state] : 0));
    this.at.push(node);
    this.weights.push(weight);
    this.counts.push(samples);
    this.states.push(states);
  }

  children() {
    if (this.made) return this.made;
    const byFunction = new Map();
    for (let i = 0; i < this.at.length; i++) {
      const node = this.model.parent[this.at[i]];
      if (node <= 0) continue;
      const fn = this.model.function[node];
      let child = byFunction.get(fn);
      if (!child) byFunction.set(fn, (child = new CallerFrame(this.model, fn, this)));
      child.add(node, this.weights[i], this.counts[i], this.states[i]);
    }
    return this.finish([...byFunction.values()]);
  }
}

function calleeRoot(model) {
  return new CalleeFrame(model, 0, null);
}

function callerRoot(model) {
  const root = new CallerFrame(model, -1, null);
  const byFunction = new Map();
  root.total = model.total[0];
  root.samples = model.totalSamples[0];
  root.by = model.statesOf(model.totalBy, 0);
  for (let node = 1; node < model.nodeCount; node++) {
    if (model.self[node] === 0) continue;
    const fn = model.function[node];
    let child = byFunction.get(fn);
    if (!child) byFunction.set(fn, (child = new CallerFrame(model, fn, root)));
    child.add(node, model.self[node], model.selfSamples[node], model.statesOf(model.selfBy, node));
    child.self += model.self[node];
  }
  root.finish([...byFunction.values()]);
  return root;
}
