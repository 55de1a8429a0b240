// One miRNA: its numbers, its isomiRs along the slope variable, their fold changes, a table of them.

const KINDS = ["", "smaller", "larger"];
const KIND_WORDS = ["like the miRNA", "more down than the miRNA", "more up than the miRNA"];

// Shapes and colours of the types, in the order of the data's type_names: neither is needed to tell them apart.
const TYPE_CLASSES = ["canonical", "canonical", "five", "three", "tail", "internal", "mixed", "unknown"];
const TYPE_SHAPES = {
  canonical: "M0 -5L5 0L0 5L-5 0Z", three: "M0 -4.6L4.6 3.6H-4.6Z", tail: "M-3.5 -3.5H3.5V3.5H-3.5Z",
  internal: "M-1.5 -4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
  mixed: "M0 -1.9L2.4 -4.3L4.3 -2.4L1.9 0L4.3 2.4L2.4 4.3L0 1.9L-2.4 4.3L-4.3 2.4L-1.9 0L-4.3 -2.4L-2.4 -4.3Z",
};

// A mark with its middle at 0, 0: the shape of a type, a point for anything else.
function shape(kind, attributes = {}) {
  const drawn = TYPE_SHAPES[kind];
  return drawn ? svg("path", { ...attributes, d: drawn }) : svg("circle", { ...attributes, r: 3 });
}

class MirnaView {
  constructor(dialog, data, page) {
    Object.assign(this, { dialog, data, page });
    this.title = el("h2", { id: "mirna-title", tabindex: "-1" });
    this.place = el("span", { class: "meta" });
    this.previous = el("button", { type: "button", onclick: () => this.step(-1) }, "Previous");
    this.next = el("button", { type: "button", onclick: () => this.step(1) }, "Next");
    const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close");
    this.body = el("div", { class: "mirna-body" });
    dialog.replaceChildren(el("div", { class: "mirna-head" }, this.title, this.place, this.previous, this.next, close), this.body);
    dialog.addEventListener("close", () => this.closed());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  // rows: the order in which Previous and Next go.
  open(row, rows, trigger) {
    this.rows = rows.includes(row) ? rows : [row];
    this.trigger = trigger;
    if (!this.dialog.open) this.dialog.showModal();
    this.show(row);
    this.title.focus();
  }

  closed() {
    tooltip.hide();
    document.body.append(byId("tooltip"));
    setHash("");
    // The event comes a moment after the closing: a reader who has moved on in between keeps the place.
    if (document.activeElement === document.body && this.trigger?.isConnected) this.trigger.focus();
  }

  step(by) {
    const next = this.rows[this.rows.indexOf(this.row) + by];
    if (next !== undefined) this.show(next);
  }

  show(row) {
    const { mirnas, isomirs } = this.data;
    this.row = row;
    const name = mirnas.mirna[row];
    const at = this.rows.indexOf(row);
    this.title.textContent = name;
    this.place.textContent = this.rows.length > 1 ? `${at + 1} of ${this.rows.length}` : "";
    this.previous.disabled = at <= 0;
    this.next.disabled = at >= this.rows.length - 1;
    setHash(`mirna=${encodeURIComponent(name)}`);
    tooltip.hide();
    const [from, to] = [isomirs.start[row], isomirs.start[row + 1]];
    this.members = Array.from({ length: to - from }, (_, i) => from + i);
    this.effect = this.chosenEffect();
    this.typed = this.members.some((m) => this.typeName(m) !== "unknown");
    this.left = el("div");
    this.right = el("div");
    const tableHost = el("div");
    const parts = [this.facts(), this.allComparisons(), this.leftOut(), this.colourMenu(), el("div", { class: "two" }, this.left, this.right), tableHost, this.components()];
    this.body.replaceChildren(...parts.filter(Boolean));
    this.drawPictures();
    this.isomirTable(tableHost);
    this.body.scrollTop = 0;
    this.dialog.scrollTop = 0;
  }

  // The comparison that isomiRs have effects for: the page's own, else the first that has them.
  chosenEffect() {
    const wanted = this.data.comparisons[this.page.comparison]?.name;
    const effects = this.data.isomirs.effects;
    const name = wanted in effects ? wanted : Object.keys(effects)[0];
    if (name === undefined) return null;
    const comparison = this.data.comparisons.find((c) => c.name === name);
    return { name, comparison, label: comparison ? comparison.label : name, ...effects[name] };
  }

  facts() {
    const { mirnas, bayesian, prob } = this.data;
    const row = this.row;
    const comparison = this.data.comparisons[this.page.comparison];
    const pair = (what, text, big) => el("div", {}, el("dt", {}, what), el("dd", { class: big && "big" }, text));
    const of = comparison?.columns;
    const percent = `${+(100 * prob).toPrecision(4)} %`;
    return el("div", {},
      comparison && el("p", { class: "lead" }, comparison.label),
      el("dl", { class: "facts" },
        of && pair("log2 fold change", signed(of.log2_fc[row]), true),
        of && pair(`${percent} interval (log2)`, interval(of.lower_log2[row], of.upper_log2[row])),
        of && pair("as a factor", times(of.log2_fc[row])),
        of && (bayesian ? pair("lfsr", probability(of.lfsr[row])) : pair("p", probability(of.p_value[row]))),
        of && (bayesian ? pair(this.data.call_label, probability(of.shrunk_s_value[row])) : pair("adjusted p", probability(of.p_adjusted[row]))),
        of?.shrunk_log2 && pair("shrunken log2 FC", signed(of.shrunk_log2[row])),
        pair("mean CPM", amount(mirnas.cpm[row])),
        mirnas.usage_p_adjusted && pair("usage, adjusted p", probability(mirnas.usage_p_adjusted[row])),
        mirnas.usage_log_bf10 && pair("usage, log Bayes factor", signed(mirnas.usage_log_bf10[row])),
        pair("status", mirnas.status[row]),
      ),
      mirnas.reason[row] && el("p", { class: "lead" }, mirnas.reason[row]),
    );
  }

  allComparisons() {
    const { comparisons, call } = this.data;
    if (comparisons.length < 2) return null;
    const rows = comparisons.map((c) => el("tr", {},
      el("th", { scope: "row" }, c.label),
      el("td", { class: "num" }, signed(c.columns.log2_fc[this.row])),
      el("td", { class: "num" }, interval(c.columns.lower_log2[this.row], c.columns.upper_log2[this.row])),
      el("td", { class: "num" }, probability(c.columns[call][this.row])),
    ));
    const heads = ["comparison", "log2 FC", "interval", this.data.call_label];
    return el("details", { class: "legend" }, el("summary", {}, `All ${comparisons.length} comparisons`),
      el("div", { class: "scroll" }, el("table", { class: "plain" },
        el("thead", {}, el("tr", {}, heads.map((h, i) => el("th", { scope: "col", class: i && "num" }, h)))), el("tbody", {}, rows))));
  }

  // What isomiRs are coloured by: their type where it is known, or where they leave the miRNA's change.
  colourMenu() {
    if (!this.typed || !this.data.isomirs.lines) return null;
    const menu = el("select", { id: "colour-by", onchange: () => { this.colourBy = menu.value; this.drawPictures(); } },
      [["type", "type of isomiR"], ["change", "change beside the miRNA's"]].map(([value, text]) => el("option", { value, selected: value === (this.colourBy || "type") }, text)));
    return el("p", { class: "colour-by" }, el("label", {}, "Colour isomiRs by ", menu));
  }

  get byType() {
    return this.typed && (this.colourBy !== "change" || !this.data.isomirs.lines);
  }

  typeName(member) {
    const { type, type_names: names } = this.data.isomirs;
    return type ? names[type[member]] : "unknown";
  }

  // The class that colours an isomiR.
  kind(member) {
    const { type, lines } = this.data.isomirs;
    return this.byType ? TYPE_CLASSES[type[member]] : KINDS[lines?.kind[member] ?? 0];
  }

  // A key for each type or change among the members.
  keys() {
    const { type_names: names, lines } = this.data.isomirs;
    const count = (test) => this.members.filter(test).length;
    if (this.byType) {
      return names.map((name, i) => [name, TYPE_CLASSES[i], count((m) => this.typeName(m) === name)]).filter(([, , n]) => n).map(([name, kind, n]) =>
        el("span", { class: "key" }, svg("svg", { class: "swatch", viewBox: "-6 -6 12 12", "aria-hidden": "true" }, shape(kind, { class: `dot ${kind}` })), `${name}: ${n}`));
    }
    return lines ? [0, 1, 2].map((kind) => [kind, count((m) => lines.kind[m] === kind)]).filter(([, n]) => n).map(([kind, n]) =>
      el("span", { class: "key" }, el("i", { class: KINDS[kind] }), `${KIND_WORDS[kind]}: ${n}`)) : [];
  }

  // Effects that the page has none of: why, how many, where they are, and what stands here instead.
  leftOut() {
    const comparison = this.data.comparisons[this.page.comparison];
    const { beyond } = this.data.isomirs;
    if (!comparison || !this.effect || this.effect.name === comparison.name) return null;
    const instead = ` Pictures and table below are of: ${this.effect.label}.`;
    const coefficient = beyond?.coefficients.includes(comparison.name);
    if (!coefficient && !beyond?.contrasts.includes(comparison.name)) {
      return el("div", { class: "finding left-out" }, el("p", {}, el("strong", {}, "Note:"), ` IsomiRs have no effects of their own for ${comparison.label}, only for the slope variable.${instead}`));
    }
    const n = (value) => value.toLocaleString("en");
    const where = coefficient
      ? ["The table ", el("code", {}, "isomir_effects.tsv"), " in the run's folder has them all (in Python ", el("code", {}, "fit.isomir_effects()"), ")."]
      : ["The table ", el("code", {}, "isomir_contrasts.tsv"), " in the run's folder has them, where the contrast was given to fit (in Python ", el("code", {}, "fit.isomir_effects(contrasts=...)"), ")."];
    return el("div", { class: "finding warning left-out" }, el("p", {}, el("strong", {}, "Left out:"),
      ` the isomiR effects of ${comparison.label}. To stay small the page holds at most ${n(beyond.most)} rows of isomiRs: those of ${beyond.shown} of ${beyond.comparisons} comparisons; ${n(beyond.left_out)} of ${n(beyond.rows)} rows are left out. `,
      where, instead));
  }

  drawPictures() {
    const { lines, samples } = this.data.isomirs;
    this.left.replaceChildren();
    this.right.replaceChildren();
    this.left.hidden = !lines;
    this.handles = new Map();
    if (lines) this.levelPicture(lines);
    if (samples) this.samplePicture(lines, samples);
    else if (lines) this.left.append(el("p", { class: "left-out" }, "Left out, to keep the page small: the counts of single samples. In Python ", el("code", {}, "bm.plot_cpm(fit, mirna)"), " draws them."));
    if (this.effect) this.forest();
  }

  // x positions of the slope variable, shared by the two pictures of expression.
  levels(lines, width) {
    const numbers = lines.factor ? lines.levels.map((_, i) => i) : lines.levels;
    const ends = lines.factor ? [-0.35, numbers.length - 0.65] : extent(numbers);
    const scale = linear(ends, [52, width - (lines.factor ? 10 : 24)]);
    const room = Math.max(4, Math.floor((width - 60) / numbers.length / 6.5));
    const ticks = lines.factor ? numbers.map((at) => ({ at, text: shortened(lines.levels[at], room) })) : niceTicks(ends, 4);
    return { numbers, scale, ticks };
  }

  levelPicture(lines) {
    const width = widthOf(this.left, 420);
    const height = 330;
    const box = { left: 52, right: width - 8, top: 26, bottom: height - 42 };
    const { numbers, scale, ticks } = this.levels(lines, width);
    const size = numbers.length;
    const cell = (column, member) => column.slice(member * size, member * size + size);
    const own = lines.mirna[this.row];
    const all = this.members.flatMap((m) => [...cell(lines.isomir, m), ...cell(lines.observed, m)]).concat(own);
    const ends = extent(all.filter((v) => v > 0).map(Math.log10));
    const margin = 0.04 * (ends[1] - ends[0] || 1);
    const range = [ends[0] - margin, ends[1] + margin];
    const y = linear(range, [box.bottom, box.top]);
    const path = (values) => values.map((v, i) => `${i ? "L" : "M"}${scale(numbers[i]).toFixed(1)} ${y(Math.log10(v)).toFixed(1)}`).join("");
    const shapes = [...this.members].sort((a, b) => lines.kind[a] - lines.kind[b]).map((member) => {
      const kind = this.kind(member);
      const values = cell(lines.isomir, member);
      const line = svg("path", { class: `line ${kind}`, d: path(values) });
      const dots = cell(lines.observed, member).map((v, i) => v > 0 && svg("g", { transform: `translate(${scale(numbers[i])} ${y(Math.log10(v))}) scale(0.6)` }, shape(kind, { class: `dot ${kind}` })));
      const reach = svg("path", { d: path(values), fill: "none", stroke: "transparent", "stroke-width": 9 });
      this.handle(member, line);
      return svg("g", { onpointermove: (event) => this.hover(member, event), onpointerleave: () => this.hover(null) }, line, dots, reach);
    });
    this.add(this.left, "isomirs", el("figure", {},
      el("figcaption", {}, el("strong", {}, "IsomiRs"), " lines: model; dots: counts pooled over samples.",
        el("div", {}, el("span", { class: "key" }, el("i", { class: "mirna" }), "miRNA"), this.keys())),
      drawing(width, height, `Expression of ${this.members.length} isomiRs along ${lines.variable}; the numbers are in the table below`,
        yAxis(y, logTicks(range), { ...box, label: "counts per million" }),
        xAxis(scale, ticks, { ...box, label: lines.variable }),
        shapes,
        svg("path", { class: "line mirna", d: path(own), "pointer-events": "none" }))));
  }

  // The data behind the estimate: summed counts of each sample.
  samplePicture(lines, samples) {
    const width = widthOf(this.left, 420);
    const height = 200;
    const box = { left: 52, right: width - 8, top: 26, bottom: height - 42 };
    const { scale, ticks } = this.levels(lines, width);
    const cpm = samples.cpm[this.row];
    const ends = extent(cpm.filter((v) => v > 0).map(Math.log10));
    const margin = 0.08 * (ends[1] - ends[0] || 1);
    const range = [ends[0] - margin, ends[1] + margin];
    const y = linear(range, [box.bottom, box.top]);
    const seen = new Map();
    const heightOf = (value) => (value > 0 ? y(Math.log10(value)) : box.bottom);
    const joined = new Map();
    samples.pair?.forEach((pair, i) => pair >= 0 && joined.set(pair, [...(joined.get(pair) || []), i]));
    const pairs = [...joined.values()].filter((own) => own.length > 1).map((own) => {
      const path = [...own].sort((a, b) => samples.at[a] - samples.at[b]).map((i, k) => `${k ? "L" : "M"}${scale(samples.at[i]).toFixed(1)} ${heightOf(cpm[i]).toFixed(1)}`);
      return svg("path", { class: "pair", d: path.join("") });
    });
    const dots = cpm.map((value, i) => {
      const at = samples.at[i];
      const before = seen.get(at) || 0;
      seen.set(at, before + 1);
      const aside = lines.factor && !pairs.length ? (((before * 7) % 11) - 5) * 2.2 : 0;
      const text = [samples.name[i], `${amount(value)} CPM`];
      return svg("circle", {
        class: "point", r: 3.4, cx: scale(at) + aside, cy: heightOf(value),
        onpointermove: (event) => tooltip.show(text, event.clientX, event.clientY), onpointerleave: () => tooltip.hide(),
      });
    });
    const none = cpm.filter((v) => !(v > 0)).length;
    this.add(this.left, "samples", el("figure", {},
      el("figcaption", {}, el("strong", {}, "Samples"), ` isomiRs summed, CPM of all reads${none ? `; ${none} without reads, at the bottom` : ""}${pairs.length ? "; lines join pairs" : ""}.`),
      drawing(width, height, `Counts per million of ${cpm.length} samples`,
        yAxis(y, logTicks(range), { ...box, label: "counts per million" }),
        xAxis(scale, ticks, { ...box, label: lines.variable }), pairs, dots)));
  }

  forest() {
    const { effect } = this;
    const width = widthOf(this.right, 560);
    const order = this.members.filter((m) => isNumber(effect.estimate[m])).sort((a, b) => effect.estimate[b] - effect.estimate[a]);
    const own = effect.comparison?.columns;
    const mine = own ? [own.log2_fc[this.row], own.lower_log2[this.row], own.upper_log2[this.row]] : [];
    const ends = extent([...order.flatMap((m) => [effect.estimate[m], effect.lower[m], effect.upper[m]]), ...mine, 0]);
    const margin = 0.03 * (ends[1] - ends[0] || 1);
    const label = Math.min(Math.max(70, 6.8 * Math.max(...order.map((m) => [...this.shortName(m)].length), 5)), 0.42 * width);
    const scale = linear([ends[0] - margin, ends[1] + margin], [label + 12, width - 14]);
    const letters = Math.floor(label / 6.7);
    const ticks = niceTicks(ends, (width - label) / 55);
    const tall = 16;
    const grid = (height) => [
      ticks.map(({ at }) => svg("line", { class: "grid", x1: scale(at), x2: scale(at), y1: 0, y2: height })),
      svg("line", { class: "zero", x1: scale(0), x2: scale(0), y1: 0, y2: height }),
      isNumber(mine[0]) && svg("line", { class: "limit", x1: scale(mine[0]), x2: scale(mine[0]), y1: 0, y2: height }),
    ];
    const rows = order.map((member, i) => {
      const y = i * tall + tall / 2;
      const kind = this.kind(member);
      const row = svg("g", { class: "row", onpointermove: (event) => this.hover(member, event), onpointerleave: () => this.hover(null) },
        svg("rect", { x: 0, y: y - tall / 2, width, height: tall }),
        svg("text", { x: label, y: y + 4, "text-anchor": "end" }, shortened(this.shortName(member), letters)),
        isNumber(effect.lower[member]) && svg("line", { class: `whisker ${kind}`, x1: scale(effect.lower[member]), x2: scale(effect.upper[member]), y1: y, y2: y }),
        svg("g", { transform: `translate(${scale(effect.estimate[member])} ${y})` }, shape(kind, { class: `dot ${kind}` })));
      this.handle(member, row);
      return row;
    });
    const height = Math.max(tall, order.length * tall);
    const head = drawing(width, 46, "Scale and the miRNA's own effect",
      svg("g", { transform: "translate(0 24)" }, grid(22)),
      ticks.map(({ at, text }) => svg("text", { x: scale(at), y: 14, "text-anchor": "middle" }, text)),
      isNumber(mine[0]) && [
        svg("text", { class: "title", x: label, y: 39, "text-anchor": "end" }, "miRNA"),
        isNumber(mine[1]) && svg("line", { class: "line mirna", x1: scale(mine[1]), x2: scale(mine[2]), y1: 35, y2: 35 }),
        svg("path", { class: "line mirna", d: `M${scale(mine[0]) - 5} 35l5 -5l5 5l-5 5z` }),
      ]);
    const percent = `${+(100 * this.data.prob).toPrecision(4)} %`;
    const unit = effect.comparison ? "log2 fold change" : "log2 CPM";
    this.add(this.right, "forest", el("figure", {},
      el("figcaption", {}, el("strong", {}, `IsomiRs, ${unit}`), ` ${effect.label}, with ${percent} intervals; dashed: the miRNA.`,
        el("div", {}, this.keys())),
      // The scale scrolls with the rows, so that a scroll bar narrows both.
      el("div", { class: "forest", tabindex: "0", role: "region", "aria-label": "Fold changes of the isomiRs" },
        el("div", { class: "forest-head" }, head),
        drawing(width, height, `Fold changes of ${order.length} isomiRs; the numbers are in the table below`, grid(height), rows))));
  }

  add(host, what, figure) {
    host.append(figure);
    savable(figure, `${this.data.mirnas.mirna[this.row]}_${what}`);
  }

  handle(member, element) {
    this.handles.set(member, [...(this.handles.get(member) || []), element]);
  }

  hover(member, event) {
    for (const mark of this.body.querySelectorAll(".on")) mark.classList.remove("on");
    if (member === null) {
      tooltip.hide();
      return;
    }
    for (const element of this.handles.get(member) || []) element.classList.add("on");
    const { effect } = this;
    const lines = [this.data.isomirs.name[member]];
    const departs = this.data.isomirs.lines?.kind[member];
    if (this.typed) lines.push(`type: ${this.typeName(member)}`);
    if (effect) lines.push(`log2 ${effect.comparison ? "FC" : "CPM"} ${signed(effect.estimate[member])} (${interval(effect.lower[member], effect.upper[member])})`);
    if (departs !== undefined) lines.push(KIND_WORDS[departs]);
    lines.push(`${this.data.isomirs.reads[member].toLocaleString("en")} reads`);
    tooltip.show(lines, event.clientX, event.clientY);
  }

  // Without the miRNA's name where the id repeats it.
  shortName(member) {
    const name = this.data.isomirs.name[member];
    const mirna = this.data.mirnas.mirna[this.row];
    if (name.startsWith(`${mirna}|`)) return name.slice(mirna.length + 1);
    return name.endsWith(`|${mirna}`) ? name.slice(0, -mirna.length - 1) : name;
  }

  isomirTable(host) {
    const { isomirs, mirnas, bayesian, prob } = this.data;
    const { effect } = this;
    const percent = `${+(100 * prob).toPrecision(4)} %`;
    const unit = effect?.comparison ? "log2 FC" : "log2 CPM";
    const own = effect?.comparison?.columns.log2_fc[this.row];
    const of = {
      isomir: (m) => isomirs.name[m],
      type: (m) => this.typeName(m),
      mirna: () => mirnas.mirna[this.row],
      term: () => effect?.name ?? null,
      reads: (m) => isomirs.reads[m],
      log2_fc: (m) => effect?.estimate[m] ?? null,
      lower_log2: (m) => effect?.lower[m] ?? null,
      upper_log2: (m) => effect?.upper[m] ?? null,
      difference_log2: (m) => (isNumber(own) && isNumber(effect.estimate[m]) ? +(effect.estimate[m] - own).toPrecision(4) : null),
      [bayesian ? "lfsr" : "p_value"]: (m) => effect?.p[m] ?? null,
    };
    const columns = [
      { key: "isomir", label: "isomiR", kind: "name", meaning: "As in the input." },
      ...(this.typed ? [{ key: "type", label: "type", kind: "text", meaning: "Kind of variant: from the annotation, where the page was made with it, or from the ids. Without the mature sequence the most abundant isomiR stands for it." }] : []),
      { key: "reads", label: "reads", kind: "integer", meaning: "Counts, summed over the samples." },
      ...(effect ? [
        { key: "log2_fc", label: unit, kind: "signed", meaning: effect.comparison ? "The isomiR's own log2 fold change." : "Level of the isomiR." },
        { key: "interval", label: `${percent} interval`, kind: "interval", meaning: "Of the column before." },
        ...(effect.comparison ? [
          { key: "difference_log2", label: "from the miRNA", kind: "signed", meaning: "Its log2 fold change minus that of the miRNA." },
          { key: bayesian ? "lfsr" : "p_value", label: bayesian ? "lfsr" : "p", kind: "p", meaning: bayesian ? "Of the posterior: the probability that its fold change has the other sign." : "Two-sided, of its own fold change; not adjusted." },
        ] : []),
      ] : []),
    ];
    this.table = new DataTable(host, {
      label: "IsomiRs", noun: "isomiRs", columns, rows: this.members, open: null,
      value: (member, key) => of[key](member),
      sort: { key: "reads", direction: -1 },
      csv: { name: `${fileName(mirnas.mirna[this.row])}_isomirs.csv`, columns: ["mirna", "isomir", "term", ...columns.flatMap((c) => (c.key === "isomir" ? [] : c.key === "interval" ? ["lower_log2", "upper_log2"] : [c.key]))] },
    });
  }

  components() {
    const { components } = this.data;
    const known = components.filter((c) => isNumber(c.values[this.row]));
    return known.length > 0 && el("details", { class: "legend" }, el("summary", {}, "Variance components (natural log)"),
      el("dl", {}, known.map((c) => el("div", {}, el("dt", {}, c.label), el("dd", {}, fixed(c.values[this.row], 3))))));
  }
}

function fileName(text) {
  return text.replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^[._-]+/, "") || "mirna";
}

function setHash(text) {
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    // Some browsers do not let a file change its own address: the page works without.
  }
}
