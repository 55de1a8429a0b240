"""The tables and the figure of the page on the usage test under what samples share, from the benchmark's tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from usage_shared_data import COHORTS, LEVEL, TESTS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "explanation" / "shared_usage.md"
IMAGE = DOCS / "images" / "usage_shared.png"
PLANTED_WORDS = {"slope_sd_0.25": "SD 0.25", "slope_sd_0.5": "SD 0.5", "type_0.7": "early ends, 0.7"}
GOALS = {"least_mean": 0.04, "mean": 0.06, "q95": 0.11, "largest": 0.20, "any_at_fdr_10": 0.12}
MISSED = " †"


def fill_page(nulls: pd.DataFrame, designs: pd.DataFrame, planted: pd.DataFrame) -> None:
    """Put the tables into the page of the documents, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    tables = {
        "nulls": _nulls_rows(nulls),
        "designs": _designs_rows(designs),
        "planted": _planted_rows(planted),
    }
    for name, lines in tables.items():
        before, rest = text.split(f"<!-- {name} -->\n", 1)
        after = rest.split("<!-- end -->", 1)[1]
        text = f"{before}<!-- {name} -->\n{chr(10).join(lines)}\n<!-- end -->{after}"
    PAGE.write_text(text, encoding="utf-8")


def _name(about: str, n: int) -> str:
    star = "" if next(c for c in COHORTS if c.about == about).kept_back else " *"
    return f"{about}, {n} a group{star}"


def _numbers(*values: float, digits: int = 3) -> str:
    return " / ".join("-" if np.isnan(v) else f"{v:.{digits}f}" for v in values)


def _missed(row: Any) -> str:
    """Return a mark where a setting misses a goal, by the figures that the page shows."""
    over = [name for name in ("mean", "q95", "largest") if round(getattr(row, name), 3) > GOALS[name]]
    often = round(row.any_at_fdr_10, 2) > GOALS["any_at_fdr_10"]
    return MISSED if over or often or round(row.mean, 3) < GOALS["least_mean"] else ""


def _nulls_rows(nulls: pd.DataFrame) -> list[str]:
    lrt, shared = (nulls[nulls["test"] == test] for test in TESTS)
    return [
        "| samples | splits | likelihood ratio test: mean / sd / largest | shared test: mean / sd / 95 % / largest "
        "| any call at FDR 10 % |",
        "|---|---|---|---|---|",
        *(
            f"| {_name(b.about, b.n)} | {a.splits}, {b.splits} | {_numbers(a.mean, a.sd, a.largest)} "
            f"| {_numbers(b.mean, b.sd, b.q95, b.largest)}{_missed(b)} "
            f"| {_numbers(a.any_at_fdr_10, b.any_at_fdr_10, digits=2).replace(' /', ',')} |"
            for a, b in zip(lrt.itertuples(), shared.itertuples(), strict=True)
        ),
    ]


def _designs_rows(designs: pd.DataFrame) -> list[str]:
    return [
        "| samples | variable | splits | mean / sd / 95 % / largest | any call at FDR 10 % |",
        "|---|---|---|---|---|",
        *(
            f"| {r.about}, {r.samples} samples | {r.design} | {r.splits} | {_numbers(r.mean, r.sd, r.q95, r.largest)}"
            f"{_missed(r)} | {r.any_at_fdr_10:.2f} |"
            for r in designs.itertuples()
        ),
    ]


def _planted_rows(planted: pd.DataFrame) -> list[str]:
    return [
        "| samples | planted | splits | AUC | power | false |",
        "|---|---|---|---|---|---|",
        *(
            f"| {_name(r.about, r.n)} | {PLANTED_WORDS[r.setting]} | {r.splits} "
            f"| {r.lrt_auc:.2f}, {r.shared_auc:.2f} | {r.lrt_power:.2f}, {r.shared_power:.2f} "
            f"| {r.lrt_share:.3f}, {r.shared_share:.3f} |"
            for r in planted.itertuples()
        ),
    ]


def figure(rows: pd.DataFrame) -> None:
    """Draw the share of p-values up to 0.05 in each null split."""
    from matplotlib import pyplot as plt

    nulls = rows[rows["setting"] == "null"]
    labels = [(c.name, c.about, n) for c in COHORTS for n in c.sizes]
    fig, axes = plt.subplots(figsize=(7.2, 7.6), layout="constrained")
    rng = np.random.default_rng(1)
    for i, (name, _, n) in enumerate(labels):
        group = nulls[(nulls["cohort"] == name) & (nulls["n"] == n)]
        for test, shift, colour in (("lrt", -0.18, "#999999"), ("shared", 0.18, "#0072B2")):
            y = i + shift + rng.uniform(-0.09, 0.09, len(group))
            axes.plot(group[f"{test}_share"].astype(float), y, "o", ms=3, mec="none", color=colour, alpha=0.7)
    axes.axvline(LEVEL, color="black", lw=1, ls="--")
    axes.set_yticks(range(len(labels)), [f"{about}, {n} a group" for _, about, n in labels])
    axes.invert_yaxis()
    axes.set_xlabel("share of miRNAs with p up to 0.05, a point a split")
    for test, colour in (("likelihood ratio test", "#999999"), ("beyond what samples share", "#0072B2")):
        axes.plot([], [], "o", ms=5, color=colour, label=test)
    axes.legend(frameon=False, loc="lower right")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    fig.savefig(IMAGE, dpi=130)
    plt.close(fig)
