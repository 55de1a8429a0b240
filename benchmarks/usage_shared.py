"""The usage test under what samples share, beside the likelihood ratio test, on real samples.

Random splits of real samples between which nothing differs say how often each test calls what is not there, in one data
set and on average; usage planted into the same splits says what each finds. Run with the optional data::

    nice -n 10 python benchmarks/usage_shared.py --folder OUT --splits 60 --planted 10

Splits that are done already are kept in OUT, so that a run that was stopped goes on where it was; the tables and the
figure are made from what is there.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import xarray as xr
from accuracy_data import SEED, SHARED, real
from scipy import stats

import bayes_mirglmm as bm

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "explanation" / "shared_usage.md"
IMAGE = RESULTS.parent.parent / "docs" / "images" / "usage_shared.png"
LEVEL, FDR = 0.05, 0.10
PLANTED_SHARE = 0.25
SETTINGS = {"slope_sd_0.25": ("slope", 0.25), "slope_sd_0.5": ("slope", 0.5), "type_0.7": ("type", 0.7)}
PLANTED_WORDS = {"slope_sd_0.25": "SD 0.25", "slope_sd_0.5": "SD 0.5", "type_0.7": "early ends, 0.7"}
TESTS = {"lrt": "p_value", "shared": "p_shared"}


@dataclass(frozen=True)
class Cohort:
    """Samples that are alike, and how many of them go into each group."""

    name: str
    about: str
    folder: str
    where: dict[str, str]
    sizes: tuple[int, ...]
    within: str = ""
    """Column whose cells are each split evenly."""
    formula: str = "~ half"


COHORTS = (
    Cohort("tcga_normal", "TCGA normal tissue", "tcga_hnsc", {"group": "normal"}, (3, 5)),
    Cohort("tcga_tumour", "TCGA tumours", "tcga_hnsc", {"group": "tumor"}, (3, 5)),
    Cohort("amygdala", "amygdala", "mirdata", {}, (3, 5, 7)),
    Cohort("equimolar_across", "equimolar pool, across labs", "giraldez_equimolar", {}, (3, 5, 10, 20)),
    Cohort("equimolar_within", "equimolar pool, within labs", "giraldez_equimolar", {}, (4, 10), "cell"),
    Cohort(
        "equimolar_adjusted",
        "within labs, lab in the formula",
        "giraldez_equimolar",
        {},
        (4, 10),
        "cell",
        "~ half + cell",
    ),
)


def samples_of(cohort: Cohort) -> xr.Dataset:
    """Return the unfiltered counts of a cohort."""
    counts = pool() if cohort.folder == "giraldez_equimolar" else real(cohort.folder)
    for column, value in cohort.where.items():
        counts = counts.isel(sample=np.flatnonzero(counts[column].values == value))
    return counts


def pool() -> xr.Dataset:
    """Return the equimolar pool: eight sequences, drawn at random, stand for the isomiRs of one miRNA."""
    at = SHARED / "data" / "giraldez_equimolar"
    table = pd.read_csv(at / "counts.tsv.gz", sep="\t")
    samples = pd.read_csv(at / "samples.tsv", sep="\t", index_col=0)
    samples["cell"] = samples["lab"] + " " + samples["method_detail"]
    order = np.random.default_rng(SEED).permutation(len(table))
    table = table.iloc[order].assign(miRNA=[f"pool-{i // 8}" for i in range(len(table))])
    return bm.from_dataframe(
        table[["sequence", "miRNA", *samples.index]], isomir="sequence", mirna="miRNA", samples=samples
    )


def split(cohort: Cohort, counts: xr.Dataset, size: int, number: int) -> xr.Dataset:
    """Return a random split, filtered, with a column ``half``."""
    rng = np.random.default_rng([SEED, number, size])
    if not cohort.within:
        rows = rng.permutation(counts.sizes["sample"])[: 2 * size]
        half = np.repeat(["A", "B"], size)
    else:
        cells = pd.Series(np.arange(counts.sizes["sample"])).groupby(counts[cohort.within].values).indices
        rows_of = [rng.permutation(rows) for rows in cells.values() if len(rows) >= 4]
        chosen = [rows_of[i][:4] for i in rng.permutation(len(rows_of))[: size // 2]]
        rows, half = np.concatenate(chosen), np.tile(["A", "A", "B", "B"], size // 2)
    picked = counts.isel(sample=rows).assign_coords(half=("sample", half.astype(object)))
    return bm.filter_counts(picked)


def plant(counts: xr.Dataset, setting: str, number: int) -> tuple[xr.Dataset, set[str]]:
    """Multiply isomiRs of some miRNAs in half B, and round at random; the miRNA's total stays what it was.

    ``slope``: every isomiR by exp of a normal deviate; ``type``: those that end before the most abundant one.
    """
    kind, size = SETTINGS[setting]
    rng = np.random.default_rng([SEED, number, len(setting)])
    values = counts["counts"].values.astype(float)
    owner = counts["mirna"].values
    names = np.unique(owner)
    chosen = set(rng.permutation(names)[: round(PLANTED_SHARE * len(names))])
    b = counts["half"].values == "B"
    features = isomir_ends(counts)
    for name in sorted(chosen):
        rows = np.flatnonzero(owner == name)
        effect = rng.normal(scale=size, size=len(rows)) if kind == "slope" else -size * (features[rows] < 0)
        before = values[np.ix_(rows, b)]
        after = before * np.exp(effect)[:, None]
        values[np.ix_(rows, b)] = after * before.sum(axis=0) / np.maximum(after.sum(axis=0), 1e-9)
    whole = np.floor(values)
    whole += rng.random(values.shape) < values - whole
    made = counts.assign(counts=(("isomir", "sample"), whole.astype(np.int64)))
    more = made["counts"].sum("isomir") - counts["counts"].sum("isomir")
    return made.assign_coords(total=counts["total"] + more), {str(n) for n in chosen}


def isomir_ends(counts: xr.Dataset) -> np.ndarray:
    """Return the offset of the 3' end of each isomiR; of sequences of a pool, whether they are in its first half."""
    from bayes_mirglmm.counts.isomir_features import isomir_features

    names, owner = counts["isomir"].values, counts["mirna"].values
    if str(owner[0]).startswith("pool-"):
        return np.where(np.arange(len(owner)) % 2, -1.0, 0.0)
    return (
        isomir_features(names, owner, counts["counts"].values.mean(axis=1))["offset_3p"].fillna(0).to_numpy()
    )


def measure(counts: xr.Dataset, formula: str, truth: set[str]) -> dict[str, float]:
    """Fit, test, and say what either test calls."""
    fit = bm.fit(counts, formula, progress=False)
    started = perf_counter()
    table = fit.usage(test="shared")
    about = fit.usage_shared().iloc[0]
    row = {"mirnas": float(len(table)), "seconds": perf_counter() - started}
    planted = table["mirna"].isin(truth).to_numpy()
    for name, column in TESTS.items():
        p = table[column].fillna(1.0).to_numpy()
        adjusted = stats.false_discovery_control(p)
        row[f"{name}_share"] = float((p[~planted] <= LEVEL).mean())
        row[f"{name}_any"] = float((adjusted[~planted] <= FDR).any())
        if truth:
            row[f"{name}_auc"] = auc(-p, planted)
            row[f"{name}_power"] = power_at_true_fdr(p, planted)
    row["within_share"] = float((table["p_within"] <= LEVEL).mean())
    row["log_bf_shared_above_1"] = float((table["log_bf10_shared"] > 1).mean())
    return row | {"lambda": float(about["lambda"]), "lambda_p_value": float(about["lambda_p_value"])}


def auc(score: np.ndarray, truth: np.ndarray) -> float:
    """Return the area under the ROC curve."""
    ranks = stats.rankdata(score)
    n = truth.sum()
    return float((ranks[truth].sum() - n * (n + 1) / 2) / (n * (~truth).sum()))


def power_at_true_fdr(p: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of planted miRNAs in the longest list, by p, with at most 10 % false ones."""
    order = np.argsort(p, kind="stable")
    true = np.cumsum(truth[order])
    fine = (np.arange(1, len(p) + 1) - true) <= FDR * np.arange(1, len(p) + 1)
    return float(true[fine].max(initial=0) / truth.sum())


def run(folder: Path, splits: int, planted: int) -> None:
    """Do what is not done yet; every cohort in turn, so that a run that is stopped has some of each."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {cohort.name: samples_of(cohort) for cohort in COHORTS}
    for number in range(splits):
        for cohort in COHORTS:
            for size in cohort.sizes:
                settings = ["null", *(SETTINGS if number < planted else ())]
                counts = None
                for setting in settings:
                    at = folder / f"{cohort.name}_{size}_{setting}_{number}.json"
                    if at.exists():
                        continue
                    counts = split(cohort, kept[cohort.name], size, number) if counts is None else counts
                    data, truth = (counts, set()) if setting == "null" else plant(counts, setting, number)
                    row = {"cohort": cohort.name, "about": cohort.about, "n": size, "setting": setting}
                    pd.Series(row | {"number": number} | measure(data, cohort.formula, truth)).to_json(at)
                    print(at.stem, flush=True)


def collect(folder: Path) -> pd.DataFrame:
    """Return a row for each split that is done, cohorts and sizes in their order."""
    rows = pd.DataFrame([pd.read_json(path, typ="series") for path in sorted(folder.glob("*.json"))])
    place = {cohort.name: i for i, cohort in enumerate(COHORTS)}
    rows["n"] = rows["n"].astype(int)
    return rows.sort_values(
        ["cohort", "n", "setting", "number"], key=lambda v: v.map(place) if v.name == "cohort" else v
    )


def nulls_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, spread and largest share of p-values up to 0.05 over splits without any difference."""
    found = []
    for (name, about, n), group in rows[rows["setting"] == "null"].groupby(
        ["cohort", "about", "n"], sort=False
    ):
        for test in (*TESTS, "within"):
            share = group[f"{test}_share"].astype(float)
            row = {"cohort": name, "about": about, "n": int(n), "test": test, "splits": len(group)}
            row |= {
                "mean": share.mean(),
                "sd": share.std(),
                "q95": share.quantile(0.95),
                "largest": share.max(),
            }
            row["any_at_fdr_10"] = group[f"{test}_any"].mean() if test in TESTS else np.nan
            found.append(row)
        found[-2]["log_bf_shared_above_1"] = group["log_bf_shared_above_1"].mean()
        found[-2]["lambda_p_below_5"] = (group["lambda_p_value"].astype(float) <= LEVEL).mean()
        found[-2]["seconds"] = group["seconds"].astype(float).median()
    return pd.DataFrame(found)


def planted_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return ranking and power over splits with planted usage."""
    found = []
    part = rows[rows["setting"] != "null"]
    for (name, about, n, setting), group in part.groupby(["cohort", "about", "n", "setting"], sort=False):
        row = {"cohort": name, "about": about, "n": int(n), "setting": setting, "splits": len(group)}
        for what in ("auc", "power"):
            row |= {f"{test}_{what}": group[f"{test}_{what}"].astype(float).mean() for test in TESTS}
        found.append(row | {f"{test}_false": group[f"{test}_share"].astype(float).mean() for test in TESTS})
    return pd.DataFrame(found)


def fill_page(nulls: pd.DataFrame, planted: pd.DataFrame) -> None:
    """Put both tables into the page of the documents, between its marks."""
    cells = [
        (f"{r.about}, {r.n} a group", r.splits, *(f"{v:.3f}" for v in (r.mean, r.sd, r.q95, r.largest)))
        for r in nulls.itertuples()
    ]
    first, second = ([c for c, t in zip(cells, nulls["test"], strict=True) if t == test] for test in TESTS)
    any_hit = [
        (f"{a:.2f}", f"{b:.2f}")
        for a, b in zip(*(nulls.loc[nulls["test"] == test, "any_at_fdr_10"] for test in TESTS), strict=True)
    ]
    table_of_nulls = [
        "| samples | splits | likelihood ratio test: mean / sd / largest | shared test: mean / sd / 95 % / largest "
        "| any call at FDR 10 % |",
        "|---|---|---|---|---|",
        *(
            f"| {a[0]} | {a[1]} | {a[2]} / {a[3]} / {a[5]} | {b[2]} / {b[3]} / {b[4]} / {b[5]} | {x}, {y} |"
            for a, b, (x, y) in zip(first, second, any_hit, strict=True)
        ),
    ]
    table_of_planted = [
        "| samples | planted | splits | AUC | power | false |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r.about}, {r.n} a group | {PLANTED_WORDS[r.setting]} | {r.splits} "
            f"| {r.lrt_auc:.2f}, {r.shared_auc:.2f} | {r.lrt_power:.2f}, {r.shared_power:.2f} "
            f"| {r.lrt_false:.3f}, {r.shared_false:.3f} |"
            for r in planted.itertuples()
        ),
    ]
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in (("nulls", table_of_nulls), ("planted", table_of_planted)):
        before, rest = text.split(f"<!-- {name} -->\n", 1)
        after = rest.split("<!-- end -->", 1)[1]
        text = f"{before}<!-- {name} -->\n{chr(10).join(lines)}\n<!-- end -->{after}"
    PAGE.write_text(text, encoding="utf-8")


def figure(rows: pd.DataFrame, path: Path) -> None:
    """Draw the share of p-values up to 0.05 in each null split."""
    from matplotlib import pyplot as plt

    nulls = rows[rows["setting"] == "null"]
    labels = [(c.name, c.about, n) for c in COHORTS for n in c.sizes]
    fig, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    rng = np.random.default_rng(1)
    for i, (name, _, n) in enumerate(labels):
        group = nulls[(nulls["cohort"] == name) & (nulls["n"] == n)]
        for test, shift, colour in (("lrt", -0.18, "#999999"), ("shared", 0.18, "#0072B2")):
            y = i + shift + rng.uniform(-0.09, 0.09, len(group))
            axes.plot(group[f"{test}_share"].astype(float), y, "o", ms=3, mec="none", color=colour, alpha=0.7)
    axes.axvline(LEVEL, color="black", lw=1, ls="--")
    axes.set_yticks(range(len(labels)), [f"{about}, {n} a group" for _, about, n in labels])
    axes.invert_yaxis()
    axes.set_xlabel("share of miRNAs with p up to 0.05 (a point: a random split)")
    for test, colour in (("likelihood ratio test", "#999999"), ("beyond what samples share", "#0072B2")):
        axes.plot([], [], "o", ms=5, color=colour, label=test)
    axes.legend(frameon=False, loc="lower right")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=130)
    plt.close(fig)


def main() -> None:
    """Run what is missing, then write the tables and the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where splits that are done are kept")
    parser.add_argument("--splits", type=int, default=60)
    parser.add_argument("--planted", type=int, default=10, help="splits with planted usage")
    parser.add_argument(
        "--tables", action="store_true", help="only make tables and figure from what is there"
    )
    arguments = parser.parse_args()
    if not arguments.tables:
        run(arguments.folder, arguments.splits, arguments.planted)
    rows = collect(arguments.folder)
    tables = {"nulls": nulls_table(rows), "planted": planted_table(rows)}
    for name, table in tables.items():
        table.to_csv(RESULTS / f"usage_shared_{name}.tsv", sep="\t", index=False, float_format="%.4g")
        print(table.round(3).to_string(index=False))
    fill_page(tables["nulls"], tables["planted"])
    figure(rows, IMAGE)


if __name__ == "__main__":
    main()
