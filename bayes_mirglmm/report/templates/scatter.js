// A point a miRNA: hover names it, a click or Enter opens it, arrow keys go from point to point.

const REACH = 16;  // pixels from which the pointer still means a point
const NAMED = 12;
// Where a name may stand beside its point, near places first: dx, dy, anchor.
const PLACES = [[7, 4, "start"], [-7, 4, "end"], [6, -6, "start"], [-6, -6, "end"], [0, -9, "middle"], [6, 14, "start"], [-6, 14, "end"], [0, 18, "middle"]];

// options: title, caption, xLabel, yLabel, x(row), y(row) (Infinity: at the upper rim), symmetricX, symmetricY,
// xTicks, rows (all), visible (Set), side(row) -> "up" | "down" | "", rank (rows, surest first), describe(row) -> lines,
// name(row), open(row, element), limitY
class Scatter {
  constructor(host, options) {
    Object.assign(this, options);
    this.figure = el("figure", {}, el("figcaption", {}, el("strong", {}, this.title), ` ${this.caption}`));
    this.host = el("div");
    this.figure.append(this.host);
    savable(this.figure, this.title.toLowerCase());
    host.append(this.figure);
  }

  update(changes) {
    Object.assign(this, changes);
    this.draw();
  }

  draw() {
    const width = widthOf(this.figure);
    const height = Math.round(Math.min(400, Math.max(300, width * 0.72)));
    const box = { left: 46, right: width - 12, top: 26, bottom: height - 44, width, height };
    const rows = this.rows.filter((row) => isNumber(this.x(row)) && (isNumber(this.y(row)) || this.y(row) === Infinity));
    const xs = this.widened(rows.map(this.x), this.symmetricX);
    const ys = this.widened(rows.map(this.y), this.symmetricY, !this.symmetricY);
    const sx = linear(xs, [box.left, box.right]);
    const sy = linear(ys, [box.bottom, box.top]);
    this.places = new Map(rows.map((row) => [row, [sx(this.x(row)), Math.max(box.top, sy(this.y(row)))]]));
    this.sequence = rows.filter((row) => this.visible.has(row)).sort((a, b) => this.x(a) - this.x(b));
    const current = this.sequence.includes(this.current) ? this.current : this.sequence[0];
    this.marks = new Map(this.drawnLast(rows).map((row) => [row, this.mark(row, row === current)]));
    this.picture = drawing(
      width,
      height,
      `${this.title}: ${this.sequence.length} points. Arrow keys go from point to point, Enter opens one.`,
      xAxis(sx, roomy(sx, (this.xTicks || ((e) => niceTicks(e, width / 60)))(xs)), { ...box, label: this.xLabel }),
      yAxis(sy, niceTicks(ys, 6), { ...box, label: this.yLabel }),
      this.symmetricX && svg("line", { class: "zero", x1: sx(0), x2: sx(0), y1: box.top, y2: box.bottom }),
      this.symmetricY && svg("line", { class: "zero", x1: box.left, x2: box.right, y1: sy(0), y2: sy(0) }),
      isNumber(this.limitY) && svg("line", { class: "limit", x1: box.left, x2: box.right, y1: sy(this.limitY), y2: sy(this.limitY) }),
      [...this.marks.values()],
      this.names(box),
    );
    this.picture.addEventListener("pointermove", (event) => this.hover(event));
    this.picture.addEventListener("pointerleave", () => this.point(null));
    this.picture.addEventListener("click", (event) => this.click(event));
    this.picture.addEventListener("keydown", (event) => this.key(event));
    this.host.replaceChildren(this.picture);
  }

  widened(values, symmetric, fromZero) {
    const [low, high] = extent(values);
    if (symmetric) {
      const reach = 1.08 * Math.max(Math.abs(low), Math.abs(high), 0.5);
      return [-reach, reach];
    }
    if (fromZero) return [0, 1.08 * Math.max(high, 1.4)];
    const margin = 0.04 * (high - low || 1);
    return [low - margin, high + margin];
  }

  // Coloured points lie above grey ones.
  drawnLast(rows) {
    return [...rows].sort((a, b) => Boolean(this.side(a)) - Boolean(this.side(b)));
  }

  mark(row, current) {
    const [x, y] = this.places.get(row);
    const visible = this.visible.has(row);
    const attributes = {
      class: `point ${this.side(row)}${visible ? "" : " out"}`,
      "data-row": row,
      ...(visible && {
        role: "button",
        tabindex: current ? 0 : -1,
        "aria-label": this.describe(row).join(", "),
        onfocus: (event) => tooltip.showAt(event.target, this.describe(row)),
        onblur: () => tooltip.hide(),
      }),
    };
    if (this.y(row) === Infinity) return svg("path", { ...attributes, d: `M${x} ${y - 5}l5 9h-10z` });
    return svg("circle", { ...attributes, cx: x, cy: y, r: 3.8 });
  }

  // The surest, written where no other name stands.
  names(box) {
    const taken = [...this.places.values()].map(([x, y]) => [x - 3, x + 3, y - 3, y + 3]);
    const texts = [];
    const hits = this.rank.filter((row) => this.visible.has(row) && this.side(row) && this.places.has(row));
    for (const row of hits.slice(0, NAMED)) {
      const [x, y] = this.places.get(row);
      const text = shortened(this.name(row), 20);
      const wide = 6.1 * [...text].length;
      const place = PLACES.find(([dx, dy, anchor]) => {
        const left = x + dx - (anchor === "end" ? wide : anchor === "middle" ? wide / 2 : 0);
        const spot = [left, left + wide, y + dy - 10, y + dy + 2];
        const free = taken.every((t) => spot[1] < t[0] || spot[0] > t[1] || spot[3] < t[2] || spot[2] > t[3]);
        return free && spot[0] >= box.left && spot[1] <= box.right && spot[2] >= box.top - 6 && taken.push(spot);
      });
      if (place) texts.push(svg("text", { class: "name", x: x + place[0], y: y + place[1], "text-anchor": place[2], "aria-hidden": "true" }, text));
    }
    return texts;
  }

  nearest(event) {
    const frame = this.picture.getBoundingClientRect();
    const scale = this.picture.viewBox.baseVal.width / frame.width;
    const x = (event.clientX - frame.left) * scale;
    const y = (event.clientY - frame.top) * scale;
    let best = null;
    let least = REACH * scale;
    for (const row of this.sequence) {
      const [px, py] = this.places.get(row);
      const distance = Math.hypot(px - x, py - y);
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  // Mark a point; the other picture follows through `pointed`.
  point(row) {
    for (const mark of this.picture.querySelectorAll(".on")) mark.classList.remove("on");
    const mark = this.marks.get(row);
    if (mark) mark.classList.add("on");
    if (this.pointed) this.pointed(row, this);
    if (row === null) tooltip.hide();
  }

  hover(event) {
    const row = this.nearest(event);
    this.point(row);
    this.picture.style.cursor = row === null ? "" : "pointer";
    if (row !== null) tooltip.show(this.describe(row), event.clientX, event.clientY);
  }

  click(event) {
    const row = this.nearest(event);
    if (row !== null) this.open(row, this.marks.get(row));
  }

  key(event) {
    const row = Number(event.target.dataset?.row);
    const at = this.sequence.indexOf(row);
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.open(row, event.target);
      return;
    }
    const ends = { Home: 0, End: this.sequence.length - 1 };
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const next = this.sequence[event.key in ends ? ends[event.key] : at + (step || 0)];
    if (next === undefined || (!step && !(event.key in ends))) return;
    event.preventDefault();
    event.target.setAttribute("tabindex", "-1");
    this.marks.get(next).setAttribute("tabindex", "0");
    this.marks.get(next).focus();
    this.current = next;
  }
}
