/* SPDX-License-Identifier: MIT */
/* The flame graph on its canvas. Only what is at least half a pixel wide and in sight is visited, however big the
 * tree is. */

const ROW = 20;
const GAP = 1;
const TEXT_MIN = 34;
const WIDTH_MIN = 0.5;
/* The strip at a frame's foot that tells its states apart. */
const STRIP = 3;

class Graph {
  constructor(canvas, scroll, stage, colours) {
    this.canvas = canvas;
    this.scroll = scroll;
    this.stage = stage;
    this.colours = colours;
    this.context = canvas.getContext("2d");
    this.root = null;
    this.zoom = null;
    this.focus = null;
    this.hover = null;
    this.found = null;
    this.rootAtTop = false;
    this.drawn = [];
    this.pending = false;
    scroll.addEventListener("scroll", () => this.redraw());
    new ResizeObserver(() => this.resize()).observe(scroll);
  }

  show(root, rootAtTop) {
    this.root = root;
    this.rootAtTop = rootAtTop;
    this.zoom = root;
    this.focus = root;
    this.hover = null;
    this.resize();
    this.scrollToRoot();
  }

  zoomTo(frame) {
    this.zoom = frame;
    this.focus = frame;
    this.resize();
    this.reveal(frame);
  }

  resize() {
    if (!this.root || !this.scroll.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    this.width = this.scroll.clientWidth;
    this.rows = this.countRows();
    this.height = this.rows * ROW + GAP;
    this.stage.style.height = this.height + "px";
    this.viewHeight = Math.min(this.height, this.scroll.clientHeight || this.height);
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.viewHeight * ratio);
    this.canvas.style.width = this.width + "px";
    this.canvas.style.height = this.viewHeight + "px";
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  redraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  /* How many rows are needed for all that is wide enough to be seen. */
  countRows() {
    let deepest = this.zoom.depth;
    this.visit((frame) => {
      if (frame.depth > deepest) deepest = frame.depth;
    });
    return deepest + 1;
  }

  /* Calls `seen` for each frame below the zoomed one, itself included, that is wide enough, parents first. */
  visit(seen) {
    const scale = this.width / (this.zoom.total || 1);
    const open = [this.zoom];
    while (open.length) {
      const frame = open.pop();
      if (seen(frame) === false) continue;
      for (const child of frame.children()) {
        if (child.total * scale < WIDTH_MIN) break;
        open.push(child);
      }
    }
  }

  y(depth) {
    return this.rootAtTop ? depth * ROW : this.height - (depth + 1) * ROW;
  }

  box(frame) {
    const scale = this.width / (this.zoom.total || 1);
    if (frame.depth < this.zoom.depth || frame === this.zoom) return { x: 0, width: this.width };
    return { x: (frame.start - this.zoom.start) * scale, width: frame.total * scale };
  }

  isInSight(depth) {
    const y = this.y(depth) - this.scroll.scrollTop;
    return y > -ROW && y < this.viewHeight;
  }

  draw() {
    if (!this.root || !this.width) return;
    this.context.clearRect(0, 0, this.width, this.viewHeight);
    this.context.font = "12px " + this.colours.font;
    this.context.textBaseline = "middle";
    this.drawn = [];
    for (let above = this.zoom.parent; above; above = above.parent) this.drawFrame(above, true);
    this.visit((frame) => {
      if (this.isInSight(frame.depth)) this.drawFrame(frame, false);
      else if (this.isBeyond(frame.depth)) return false;
      return true;
    });
    this.outline(this.hover);
    if (this.focus !== this.zoom) this.outline(this.focus);
  }

  /* Whether this row and all its children's lie outside the view. */
  isBeyond(depth) {
    const y = this.y(depth) - this.scroll.scrollTop;
    return this.rootAtTop ? y >= this.viewHeight : y <= -ROW;
  }

  drawFrame(frame, isAbove) {
    if (!this.isInSight(frame.depth)) return;
    const { x, width } = this.box(frame);
    const y = this.y(frame.depth) - this.scroll.scrollTop;
    const shown = Math.max(width - (width > 3 ? GAP : 0), WIDTH_MIN);
    const paint = this.colours.paint(frame.fn, this.found);
    this.context.globalAlpha = isAbove ? 0.55 : 1;
    this.context.fillStyle = paint.fill;
    this.context.fillRect(x, y + GAP, shown, ROW - GAP);
    if (paint.hatch && width > 2) {
      this.context.fillStyle = this.colours.hatch;
      this.context.fillRect(x, y + GAP, shown, ROW - GAP);
    }
    if (frame.by) this.drawStates(frame, x, y + ROW - STRIP, shown);
    if (width >= TEXT_MIN) this.drawText(frame, paint, x, y, shown);
    this.context.globalAlpha = 1;
    if (width >= 1) this.drawn.push({ frame, x, y, width });
  }

  drawStates(frame, x, y, width) {
    let at = x;
    for (const { index } of STATES) {
      const part = (width * frame.by[index]) / (frame.total || 1);
      this.context.fillStyle = this.colours.stateFill(index);
      this.context.fillRect(at, y, part, STRIP);
      at += part;
    }
  }

  drawText(frame, paint, x, y, width) {
    const label = this.fit(this.colours.label(frame), width - 8);
    if (!label) return;
    this.context.fillStyle = paint.text;
    this.context.fillText(label, x + 4, y + GAP + (ROW - GAP) / 2 + 0.5);
  }

  /* Cuts a text to a width, keeping its beginning. */
  fit(text, width) {
    if (this.context.measureText(text.slice(0, 400)).width <= width && text.length <= 400) return text;
    let low = 0;
    let high = Math.min(text.length, 400);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.context.measureText(text.slice(0, middle) + "\u2026").width <= width) low = middle;
      else high = middle - 1;
    }
    return low > 1 ? text.slice(0, low) + "\u2026" : "";
  }

  outline(frame) {
    if (!frame || !this.isVisible(frame) || !this.isInSight(frame.depth)) return;
    const { x, width } = this.box(frame);
    const y = this.y(frame.depth) - this.scroll.scrollTop;
    this.context.lineWidth = frame === this.focus ? 2 : 1;
    this.context.strokeStyle = this.colours.outline;
    this.context.strokeRect(x + 1, y + GAP + 1, Math.max(width - GAP - 2, 1), ROW - GAP - 2);
  }

  isVisible(frame) {
    return this.isAbove(frame) || this.isUnder(frame, this.zoom);
  }

  isAbove(frame) {
    return this.isUnder(this.zoom, frame);
  }

  isUnder(frame, ancestor) {
    while (frame && frame.depth > ancestor.depth) frame = frame.parent;
    return frame === ancestor;
  }

  /* The frame at a place of the canvas, or null. */
  at(x, y) {
    for (const box of this.drawn) {
      if (y >= box.y && y < box.y + ROW && x >= box.x && x < box.x + box.width) return box.frame;
    }
    return null;
  }

  scrollToRoot() {
    this.scroll.scrollTop = this.rootAtTop ? 0 : this.height;
  }

  /* Scrolls so that the frame's row is in sight. */
  reveal(frame) {
    const y = this.y(frame.depth);
    if (y < this.scroll.scrollTop) this.scroll.scrollTop = y - ROW;
    else if (y + ROW > this.scroll.scrollTop + this.viewHeight) this.scroll.scrollTop = y + 2 * ROW - this.viewHeight;
    this.redraw();
  }

  focusOn(frame) {
    if (!frame) return;
    this.focus = frame;
    this.reveal(frame);
  }

  isWide(frame) {
    return this.isAbove(frame) || (frame.total / (this.zoom.total || 1)) * this.width >= WIDTH_MIN;
  }

  /* The neighbour of the focused frame: "out" to its parent, "in" to its largest child, "left" and "right" within
   * its row. */
  neighbour(direction) {
    const frame = this.focus || this.zoom;
    if (direction === "out") return frame.parent;
    if (direction === "in") return this.childInSight(frame);
    const row = [];
    this.visit((other) => {
      if (other.depth === frame.depth) row.push(other);
      return other.depth < frame.depth;
    });
    row.sort((a, b) => a.start - b.start);
    return row[row.indexOf(frame) + (direction === "left" ? -1 : 1)] || null;
  }

  /* Above the zoomed frame there is only the way to it. */
  childInSight(frame) {
    if (frame !== this.zoom && this.isAbove(frame)) {
      let child = this.zoom;
      while (child.parent !== frame) child = child.parent;
      return child;
    }
    const child = frame.children()[0];
    return child && this.isWide(child) ? child : null;
  }

  /* The widest frame of a function that is shown now, or null. */
  widest(fn) {
    let widest = null;
    this.visit((frame) => {
      if (frame.fn === fn && (!widest || frame.total > widest.total)) widest = frame;
    });
    return widest;
  }

  /* The next frame in drawing order, after the focused one, whose function is flagged. */
  nextFound(step) {
    if (!this.found) return null;
    const all = [];
    this.visit((frame) => {
      if (frame.fn >= 0 && this.found[frame.fn]) all.push(frame);
    });
    if (!all.length) return null;
    all.sort((a, b) => a.start - b.start || a.depth - b.depth);
    const at = all.indexOf(this.focus);
    return all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length];
  }
}
