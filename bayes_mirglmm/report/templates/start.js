// The page: one set of data, one state, every view drawn from it.

const data = JSON.parse(byId("data").textContent);
const everyRow = data.mirnas.mirna.map((_, row) => row);
const page = new Filters(byId("filters"), data, () => redraw());
const view = new MirnaView(byId("mirna"), data, page);

function effectOf(row, key) {
  if (key === "term") return data.comparisons[page.comparison]?.name ?? null;
  const columns = data.comparisons[page.comparison]?.columns;
  if (columns && key in columns) return columns[key][row];
  return data.mirnas[key]?.[row] ?? null;
}

function describe(row) {
  const name = data.mirnas.mirna[row];
  const what = data.call_label;
  return [name, `log2 FC ${signed(effectOf(row, "log2_fc"))} (${interval(effectOf(row, "lower_log2"), effectOf(row, "upper_log2"))})`,
    `${what} ${probability(effectOf(row, data.call))}`, `${amount(data.mirnas.cpm[row])} CPM, ${data.mirnas.n_isomirs[row]} isomiRs`];
}

function open(row, trigger) {
  view.open(row, results.order, trigger);
}

const results = new DataTable(byId("effects-table"), {
  label: "Results", noun: "fitted miRNAs", columns: data.columns, rows: everyRow, of: everyRow.length,
  value: effectOf, open, isHit: (row) => page.side(row) !== "",
  sort: { key: data.comparisons.length ? data.rank : "mirna", direction: 1 },
  empty: () => page.emptyText(),
  csv: { name: "effects.csv", columns: data.csv },
});

const pictures = data.comparisons.length ? makePictures() : [];
byId("pictures").hidden = !pictures.length;

function makePictures() {
  const shared = {
    rows: everyRow, visible: new Set(everyRow), rank: [], describe, open,
    name: (row) => data.mirnas.mirna[row],
    side: (row) => page.side(row),
    pointed: (row, from) => pictures.forEach((other) => other !== from && other.picture && mirror(other, row)),
  };
  const fold = (row) => effectOf(row, "log2_fc");
  const measure = data.rank_label;
  return [
    new Scatter(byId("pictures"), {
      ...shared, title: "Volcano", caption: "", x: fold, symmetricX: true, xLabel: "log2 fold change", yLabel: `\u2212log10 ${measure}`,
      y: (row) => (isNumber(effectOf(row, data.rank)) ? -Math.log10(effectOf(row, data.rank)) : null),
    }),
    new Scatter(byId("pictures"), {
      ...shared, title: "Expression", caption: "", y: fold, symmetricY: true, xLabel: "mean counts per million", yLabel: "log2 fold change",
      x: (row) => (data.mirnas.cpm[row] > 0 ? Math.log10(data.mirnas.cpm[row]) : null), xTicks: logTicks,
    }),
  ];
}

function mirror(picture, row) {
  for (const mark of picture.picture.querySelectorAll(".on")) mark.classList.remove("on");
  picture.marks.get(row)?.classList.add("on");
}

function redraw() {
  const rows = page.visible();
  const visible = new Set(rows);
  const sides = everyRow.map((row) => page.side(row));
  const rank = [...rows].sort((a, b) => compareValues(effectOf(a, data.rank), effectOf(b, data.rank), 1));
  const ups = sides.filter((side) => side === "up").length;
  const downs = sides.filter((side) => side === "down").length;
  results.update({ rows });
  // What ranks and what calls have one order, so one line parts the volcano.
  const called = everyRow.filter((row) => sides[row]).map((row) => effectOf(row, data.rank));
  const limit = called.length ? -Math.log10(Math.max(...called)) : null;
  for (const picture of pictures) picture.update({ visible, rank, limitY: picture.symmetricX ? limit : null });
  drawKey(ups, downs);
}

function drawKey(ups, downs) {
  const what = data.call_label;
  const caption = pictures[0]?.figure.querySelector("figcaption");
  caption?.replaceChildren(el("strong", {}, "Volcano"), " ",
    el("span", { class: "key" }, el("i", { class: "up" }), `up: ${ups}`), el("span", { class: "key" }, el("i", { class: "down" }), `down: ${downs}`),
    el("span", { class: "key" }, el("i"), `${what} above ${page.fdr}: ${everyRow.length - ups - downs}`));
}

if (data.usage) {
  const known = everyRow.filter((row) => isNumber(data.usage.lrt?.[row]) || isNumber(data.usage.log_bf10?.[row]));
  const bayes = "log_bf10" in data.usage;
  const usage = new DataTable(byId("usage-table"), {
    label: "IsomiR usage", noun: "miRNAs with both models", columns: data.usage_columns, rows: known,
    value: (row, key) => (key === "mirna" ? data.mirnas.mirna[row] : data.usage[key][row]),
    sort: "p_shared" in data.usage ? { key: "p_shared", direction: 1 }
      : bayes ? { key: "log_bf10", direction: -1 } : { key: "p_value", direction: 1 },
    open: (row, trigger) => view.open(row, usage.order, trigger),
    csv: { name: "usage.csv", columns: Object.keys(data.usage) },
  });
}

// Drawn when it is opened: there may be thousands.
byId("left-out").hidden = !data.left_out.mirna.length;
byId("left-out").addEventListener("toggle", () => {
  const { mirna, status } = data.left_out;
  const names = mirna.map((name, i) => `${name} (${status[i]})`).sort((a, b) => collator.compare(a, b));
  byId("left-out-list").replaceChildren(...names.map((name) => el("div", {}, name)));
});

const samplePictures = data.samples && new SamplePictures(byId("sample-pictures"), data.samples, (name) => {
  const row = data.mirnas.mirna.indexOf(name);
  if (row >= 0) open(row, null);
});
samplePictures?.draw();

addEventListener("resize", settled(() => {
  samplePictures?.draw();
  for (const picture of pictures) picture.draw();
  if (view.dialog.open) view.drawPictures();
}));

redraw();
const asked = /^#mirna=(.+)$/.exec(location.hash);
if (asked) {
  let name = asked[1];
  try {
    name = decodeURIComponent(name);
  } catch {
    // An address that someone has cut: look for it as it is.
  }
  const row = data.mirnas.mirna.indexOf(name);
  if (row >= 0) open(row, null);
}
