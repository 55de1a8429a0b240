// A table that sorts by its headers and downloads what it shows.

const SHOWN_AT_FIRST = 200;

// Text in its natural order (miR-9 before miR-10), numbers by size; what is missing stands last either way.
function compareValues(a, b, direction) {
  const missing = (value) => value === null || value === undefined || value === "";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  return direction * order;
}
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// options: label, columns, rows (indices), value(row, key), sort {key, direction}, open(row) or null,
// csv {name, columns, value(row, key)}, noun, of (rows without a filter), empty() -> text
class DataTable {
  constructor(host, options) {
    Object.assign(this, options);
    this.all = false;
    this.everyColumn = this.columns;
    this.columns = this.everyColumn.filter((column) => !column.extra);
    this.count = el("p", { role: "status" });
    this.head = el("thead");
    this.body = el("tbody");
    this.more = el("button", { type: "button", class: "open-all", onclick: () => this.showAll() });
    const save = el("button", { type: "button", class: "download", onclick: () => this.save() }, "Download CSV");
    this.table = el("table", { class: "data", "aria-label": this.label }, this.head, this.body);
    this.none = el("p", { class: "none" });
    this.region = el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": this.label }, this.table, this.none);
    const legend = el(
      "details",
      { class: "legend" },
      el("summary", {}, "What the columns mean"),
      el("dl", {}, this.everyColumn.filter((c) => c.meaning).map((c) => el("div", {}, el("dt", {}, c.word ? el("a", { href: `#${c.word}` }, c.label) : c.label), el("dd", {}, c.meaning)))),
    );
    const more = this.everyColumn.filter((column) => column.extra).map((column) => column.label).join(", ");
    const choice = el("input", { type: "checkbox", class: "every-column", onchange: () => this.showColumns(choice.checked) });
    host.replaceChildren(el("div", { class: "tools" }, this.count, more && el("label", { class: "columns" }, choice, ` Also ${more}`), save), this.region, this.more, legend);
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.moved(event));
    this.drawHead();
    this.draw();
  }

  drawHead() {
    const cells = this.columns.map((column) => {
      const number = !["name", "text", "status"].includes(column.kind);
      const attributes = { scope: "col", class: number && "num", title: column.meaning, "data-key": column.key };
      if (column.kind === "interval") return el("th", attributes, el("span", {}, column.label));
      const button = el("button", { type: "button", onclick: () => this.sortBy(column) }, column.label);
      // Browsers leave buttons out of the header that they repeat on each printed page.
      return el("th", attributes, button, el("span", { class: "printed", "aria-hidden": "true" }, column.label));
    });
    this.head.replaceChildren(el("tr", {}, cells));
    this.markSorted();
  }

  markSorted() {
    for (const cell of this.head.querySelectorAll("th")) {
      if (cell.dataset.key === this.sort.key) {
        cell.setAttribute("aria-sort", this.sort.direction > 0 ? "ascending" : "descending");
      } else cell.removeAttribute("aria-sort");
    }
  }

  sortBy(column) {
    const again = this.sort.key === column.key;
    const first = ["signed", "number", "integer"].includes(column.kind) ? -1 : 1;
    this.sort = { key: column.key, direction: again ? -this.sort.direction : first };
    this.markSorted();
    this.draw();
    this.region.scrollTop = 0;
  }

  update(changes) {
    Object.assign(this, changes);
    this.draw();
  }

  draw() {
    const { key, direction } = this.sort;
    this.order = [...this.rows].sort((a, b) => compareValues(this.value(a, key), this.value(b, key), direction) || a - b);
    const shown = this.all ? this.order : this.order.slice(0, SHOWN_AT_FIRST);
    this.body.replaceChildren(...shown.map((row) => this.row(row)));
    this.more.hidden = shown.length === this.order.length;
    this.more.textContent = `Show all ${this.order.length.toLocaleString("en")}`;
    const total = this.of ?? this.rows.length;
    this.count.textContent =
      this.rows.length === total ? `${total.toLocaleString("en")} ${this.noun}` : `${this.rows.length.toLocaleString("en")} of ${total.toLocaleString("en")} ${this.noun}`;
    this.none.hidden = this.rows.length > 0;
    this.table.hidden = this.rows.length === 0;
    if (!this.rows.length) this.none.textContent = this.empty ? this.empty() : "Nothing to show.";
    if (this.ordered) this.ordered(this.order);
  }

  row(row) {
    return el("tr", { "data-row": row }, this.columns.map((column) => this.cell(row, column)));
  }

  cell(row, column) {
    if (column.kind === "interval") {
      return el("td", { class: "num" }, interval(this.value(row, "lower_log2"), this.value(row, "upper_log2")));
    }
    const value = this.value(row, column.key);
    const text = FORMATS[column.kind](value);
    if (column.kind === "name") {
      const inside = this.open ? el("button", { type: "button", class: "open" }, text) : el("bdi", {}, text);
      return el("th", { scope: "row", title: text.length > 24 && text }, inside);
    }
    if (column.kind === "text" || column.kind === "status") return el("td", {}, text);
    const sign = column.kind === "signed" && column.key === "log2_fc" && this.isHit?.(row);
    return el("td", { class: `num${sign ? (value > 0 ? " up-text" : " down-text") : ""}` }, text);
  }

  // Some columns are shown on demand; a table sorted by one of them stays so.
  showColumns(every) {
    this.columns = this.everyColumn.filter((column) => every || !column.extra);
    this.drawHead();
    this.draw();
  }

  showAll() {
    this.all = true;
    this.draw();
  }

  clicked(event) {
    const row = event.target.closest("tr");
    if (!this.open || !row || String(getSelection())) return;
    this.open(Number(row.dataset.row), row.querySelector(".open"));
  }

  // Up and Down go from name to name: quicker than Tab.
  moved(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".open")) return;
    const names = [...this.body.querySelectorAll(".open")];
    const next = names[names.indexOf(event.target) + step];
    if (next) {
      next.focus();
      event.preventDefault();
    }
  }

  save() {
    const { name, columns, value } = this.csv;
    const cell = value || this.value;
    download(name, csvText(columns, this.order.map((row) => columns.map((column) => cell(row, column)))));
  }
}
