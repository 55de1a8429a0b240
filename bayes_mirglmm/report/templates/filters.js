// What the results show: a comparison, and the miRNAs that pass the filters.

class Filters {
  constructor(form, data, changed) {
    this.data = data;
    this.comparison = 0;
    this.changed = changed;
    const usage = "usage_p_adjusted" in data.mirnas;
    const measure = data.call_label;
    const statuses = [...new Set(data.mirnas.status)].sort();
    const some = data.comparisons.length > 0;
    this.search = el("input", { type: "search", id: "search", placeholder: "miR-21, or a sequence", autocomplete: "off", spellcheck: "false" });
    this.menu = el("select", { id: "comparison" }, data.comparisons.map((c, i) => el("option", { value: i }, c.label)));
    this.direction = el("select", { id: "direction" }, [["all", "all"], ["changed", "changed"], ["up", "up"], ["down", "down"]].map(([value, text]) => el("option", { value }, text)));
    this.limit = el("input", { type: "number", id: "fdr", min: 0, max: 1, step: "any", value: data.fdr });
    this.least = el("input", { type: "number", id: "least", min: 0, step: "any", value: 0 });
    this.usage = el("select", { id: "usage-filter" }, [["all", "any"], ["differs", "differs"]].map(([value, text]) => el("option", { value }, text)));
    this.status = el("select", { id: "status-filter" }, el("option", { value: "" }, "any"), statuses.map((s) => el("option", { value: s }, s)));
    const labelled = (text, control, kind) => el("label", { class: kind }, text, control);
    form.replaceChildren(...[
      data.comparisons.length > 1 && labelled("Comparison", this.menu, "comparison"),
      labelled("Search", this.search, "grow"),
      some && labelled("Show", this.direction),
      some && labelled(`${measure} at most`, this.limit),
      some && labelled("|log2 FC| at least", this.least),
      usage && labelled("IsomiR usage", this.usage),
      statuses.length > 1 && labelled("Status", this.status),
      el("button", { type: "reset" }, "Reset"),
    ].filter(Boolean));
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => this.apply());
    form.addEventListener("reset", () => setTimeout(() => this.apply()));
  }

  apply() {
    this.comparison = Number(this.menu.value) || 0;
    this.changed();
  }

  get fdr() {
    const value = this.limit.value === "" ? NaN : Number(this.limit.value);
    return value >= 0 ? value : this.data.fdr;
  }

  // "up", "down" or "" for a miRNA of the comparison.
  side(row) {
    const columns = this.data.comparisons[this.comparison]?.columns;
    const call = columns?.[this.data.call][row];
    if (!isNumber(call) || call > this.fdr) return "";
    return columns.estimate[row] > 0 ? "up" : "down";
  }

  visible() {
    const { mirnas, comparisons } = this.data;
    const columns = comparisons[this.comparison]?.columns;
    const least = Number(this.least.value) || 0;
    const direction = this.direction.value;
    const found = this.matches();
    return mirnas.mirna.map((_, row) => row).filter((row) => {
      if (!found(row)) return false;
      if (direction === "changed" ? !this.side(row) : direction !== "all" && this.side(row) !== direction) return false;
      if (columns && least > 0 && !(Math.abs(columns.log2_fc[row]) >= least)) return false;
      if (this.usage.value === "differs" && !(isNumber(mirnas.usage_p_adjusted[row]) && mirnas.usage_p_adjusted[row] <= this.fdr)) return false;
      return !this.status.value || mirnas.status[row] === this.status.value;
    });
  }

  // By name; a stretch of six bases or more also finds the miRNAs of isomiRs that have it.
  matches() {
    const words = this.search.value.trim().toLowerCase();
    const { mirnas, isomirs } = this.data;
    if (!words) return () => true;
    const bases = /^[acgtun]{6,}$/.test(words) ? words.replace(/u/g, "t") : null;
    return (row) => {
      if (mirnas.mirna[row].toLowerCase().includes(words)) return true;
      if (!bases) return false;
      for (let i = isomirs.start[row]; i < isomirs.start[row + 1]; i += 1) {
        if (isomirs.name[i].toLowerCase().replace(/u/g, "t").includes(bases)) return true;
      }
      return false;
    };
  }

  // Why a search found nothing: a miRNA that was read and not fitted has its reason.
  emptyText() {
    const words = this.search.value.trim().toLowerCase();
    const { left_out: left } = this.data;
    const found = words ? left.mirna.map((_, i) => i).filter((i) => left.mirna[i].toLowerCase().includes(words)) : [];
    if (!found.length) return "No fitted miRNA passes these filters.";
    const shown = found.slice(0, 5).map((i) => `${left.mirna[i]}: ${left.status[i]}. ${left.reason[i] || ""}`);
    const rest = found.length > 5 ? ` ... and ${found.length - 5} more.` : "";
    return `Among the fitted miRNAs: none. Read, but without estimates: ${shown.join(" ")}${rest}`;
  }
}
