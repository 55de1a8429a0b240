// The samples: in a plane by their isomiRs, and in a heat map of the surest miRNAs.

const GROUP_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#9A9A9A"];
const COLD = [0, 114, 178];
const WARM = [213, 94, 0];
const HEAT_LIMIT = 2.5;  // standard deviations at which colours end

function mixed(value) {
  const share = Math.min(1, Math.abs(value) / HEAT_LIMIT);
  const [r, g, b] = (value < 0 ? COLD : WARM).map((c) => Math.round(255 + share * (c - 255)));
  return `rgb(${r}, ${g}, ${b})`;
}

class SamplePictures {
  constructor(host, samples, open) {
    Object.assign(this, { host, samples, open });
    const { group } = samples;
    const range = group.numbers && extent(group.numbers.filter(isNumber));
    this.colour = (i) => {
      if (!group.numbers) return GROUP_COLOURS[group.code[i] % GROUP_COLOURS.length];
      const at = isNumber(group.numbers[i]) ? (group.numbers[i] - range[0]) / (range[1] - range[0] || 1) : 0;
      const grey = Math.round(225 - 190 * at);
      return `rgb(${grey}, ${grey}, ${grey})`;
    };
  }

  draw() {
    this.host.replaceChildren();
    this.plane();
    if (this.samples.heat) this.heat();
  }

  keys() {
    const { group } = this.samples;
    if (!group.name) return null;
    if (group.numbers) return el("span", { class: "key" }, `${group.name}: darker is more`);
    return group.levels.map((level, k) => el("span", { class: "key" },
      svg("svg", { viewBox: "0 0 10 10", width: 10, height: 10 }, svg("circle", { cx: 5, cy: 5, r: 4, fill: GROUP_COLOURS[k % GROUP_COLOURS.length] })), ` ${level} `));
  }

  shown(i) {
    const { names, group } = this.samples;
    const what = group.numbers ? group.numbers[i] : group.levels[group.code[i]];
    return [names[i], group.name ? `${group.name}: ${what}` : ""];
  }

  plane() {
    const { plane, names } = this.samples;
    const figure = el("figure", {}, el("figcaption", {}, el("strong", {}, "Samples"), " by their most variable isomiRs (principal components). ", this.keys()));
    this.host.append(figure);
    const width = widthOf(figure);
    const height = Math.round(Math.min(380, Math.max(280, width * 0.7)));
    const box = { left: 46, right: width - 14, top: 22, bottom: height - 44, width, height };
    const widened = (values) => {
      const [low, high] = extent(values);
      const margin = 0.08 * (high - low || 1);
      return [low - margin, high + margin];
    };
    const [xs, ys] = [widened(plane.x), widened(plane.y)];
    const [sx, sy] = [linear(xs, [box.left, box.right]), linear(ys, [box.bottom, box.top])];
    const percent = (k) => `component ${k + 1} (${Math.round(100 * plane.share[k])} %)`;
    const dots = names.map((_, i) => svg("circle", {
      r: 4.2, cx: sx(plane.x[i]), cy: sy(plane.y[i]), fill: this.colour(i), "fill-opacity": 0.85,
      onpointermove: (event) => tooltip.show(this.shown(i), event.clientX, event.clientY), onpointerleave: () => tooltip.hide(),
    }));
    const written = names.length <= 40 ? this.written(names.map((_, i) => [sx(plane.x[i]), sy(plane.y[i])]), width) : [];
    figure.append(drawing(width, height, `${names.length} samples in a plane`,
      xAxis(sx, niceTicks(xs, width / 70), { ...box, label: percent(0) }), yAxis(sy, niceTicks(ys, 6), { ...box, label: percent(1) }), dots, written));
    savable(figure, "samples");
  }

  // Names beside the points, to the right or left, where they cover neither a point nor another name.
  written(places, width) {
    const taken = places.map(([x, y]) => [x - 5, x + 5, y - 5, y + 5]);
    return places.map(([x, y], i) => {
      const name = this.samples.names[i];
      for (const [text, side] of [name, shortened(name, 18), shortened(name, 12)].flatMap((text) => [[text, 1], [text, -1]])) {
        const wide = 6.6 * [...text].length;
        const from = side > 0 ? x + 7 : x - 7 - wide;
        const box = [from, from + wide, y - 6, y + 6];
        if (from < 0 || from + wide > width || taken.some((other, k) => k !== i && box[0] < other[1] && other[0] < box[1] && box[2] < other[3] && other[2] < box[3])) continue;
        taken.push(box);
        return svg("text", { x: x + 7 * side, y: y + 4, "text-anchor": side > 0 ? "start" : "end", class: "name" }, text);
      }
      return null;
    });
  }

  heat() {
    const { heat, names } = this.samples;
    const figure = el("figure", {}, el("figcaption", {}, el("strong", {}, "Heat map"),
      ` the surest ${heat.mirnas.length} of ${heat.of} miRNAs: log2 CPM, each row less its mean and over its standard deviation; rows and samples in the order of their clusters. `, this.keys()));
    this.host.append(figure);
    const width = widthOf(figure);
    const left = Math.min(0.36 * width, 6.4 * Math.max(...heat.mirnas.map((name) => [...name].length), 6) + 8);
    const cell = { x: (width - left - 8) / heat.samples.length, y: 13 };
    const top = 16;
    const written = cell.x >= 9;
    const labels = heat.samples.map((i) => shortened(names[i], 18));
    const room = 8 + 7.4 * Math.max(...labels.map((label) => [...label].length)); // capitals are this wide
    const height = top + heat.mirnas.length * cell.y + (written ? room : 8);
    const strip = heat.samples.map((i, k) => svg("rect", { x: left + k * cell.x, y: 2, width: cell.x + 0.3, height: 9, fill: this.colour(i) }));
    const rows = heat.mirnas.map((name, r) => [
      svg("text", { x: left - 5, y: top + r * cell.y + 10, "text-anchor": "end", class: "name" }, shortened(name, Math.floor(left / 6.2))),
      heat.values[r].map((value, k) => svg("rect", {
        x: left + k * cell.x, y: top + r * cell.y, width: cell.x + 0.3, height: cell.y + 0.3, fill: mixed(value),
        onpointermove: (event) => tooltip.show([name, ...this.shown(heat.samples[k]), `${signed(value)} standard deviations`], event.clientX, event.clientY),
        onpointerleave: () => tooltip.hide(),
        onclick: () => this.open(name),
      })),
    ]);
    const foot = written ? labels.map((label, k) => {
      const at = `${left + (k + 0.5) * cell.x + 3} ${height - room + 4}`;
      return svg("text", { class: "name", "text-anchor": "end", transform: `translate(${at}) rotate(-90)` }, label);
    }) : [];
    figure.append(drawing(width, height, `Heat map of ${heat.mirnas.length} miRNAs in ${names.length} samples`, strip, rows, foot));
    savable(figure, "heatmap");
  }
}
