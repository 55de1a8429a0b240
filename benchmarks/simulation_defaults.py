"""The sizes that ``bm.simulate`` draws parameters at, from fits to real counts.

    python benchmarks/simulation_defaults.py

Fits every expressed miRNA of both data sets (the optional data folder) by maximum likelihood, writes quantiles over
miRNAs to benchmarks/results/simulation_defaults.tsv, beside the defaults of
:mod:`bayes_mirglmm.simulation.parameters`, and fills the table of docs/simulate.md.
"""

import os
import platform
from datetime import date
from importlib.metadata import version

import numpy as np
import pandas as pd
from accuracy_data import HERE, real
from accuracy_page import fill, markdown
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.simulation.parameters import INTERCEPT_MEAN, INTERCEPT_SD, TYPICAL

RESULTS = HERE / "results" / "simulation_defaults.tsv"
PAGE = HERE.parent / "docs" / "simulate.md"
SETS = {"mirdata": {"group": "cc"}, "tcga_hnsc": {"group": "normal"}}
QUANTILES = (0.1, 0.5, 0.9)
NAMES = {
    "n_isomirs": "isomiRs of a miRNA",
    "sd_isomir_intercept": "SD of isomiR intercepts",
    "sd_isomir_slope": "SD of isomiR slopes (group)",
    "sd_sample": "SD of sample effects",
    "theta": "theta (NB size)",
    "intercept": "intercept, log CPM of an isomiR",
    "library_size": "reads of a sample, millions",
}


def parameters(name: str) -> dict[str, np.ndarray]:
    """Return the estimates of every miRNA whose fit converged (library sizes: of every sample)."""
    counts = bm.filter_counts(real(name))
    fit = bm.fit(counts, "~ group", reference=SETS[name], progress=False)
    components = fit.variance_components()
    isomir = components[components["group"] == "isomir"]
    status = fit.status().query("n_isomirs > 0")
    return {
        "n_isomirs": status["n_isomirs"].to_numpy(float),
        "sd_isomir_intercept": isomir.query("term == 'Intercept'")["sd"].to_numpy(),
        "sd_isomir_slope": isomir[isomir["term"].str.startswith("group")]["sd"].dropna().to_numpy(),
        "sd_sample": components.query("group == 'sample'")["sd"].to_numpy(),
        "theta": 1 / components.query("group == 'dispersion'")["variance"].to_numpy(),
        "intercept": fit.effects("Intercept")["estimate"].to_numpy(),
        "library_size": counts["total"].values / 1e6,
    }


def default(name: str) -> list[float]:
    """Return the same quantiles of what ``bm.simulate`` draws."""
    z = stats.norm.ppf(QUANTILES)
    if name == "intercept":
        return list(INTERCEPT_MEAN + INTERCEPT_SD * z)
    values = TYPICAL[name].median * np.exp(TYPICAL[name].log_sd * z)
    return list(values / 1e6 if name == "library_size" else values)


def main() -> None:
    rows = []
    for source in SETS:
        for name, values in parameters(source).items():
            quantiles = np.quantile(values[np.isfinite(values)], QUANTILES)
            rows.append([source, name, len(values), *quantiles])
    rows += [["default", name, 0, *default(name)] for name in NAMES]
    table = pd.DataFrame(rows, columns=["source", "parameter", "n", *(f"q{100 * q:g}" for q in QUANTILES)])
    machine = f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    stamp = f"# {date.today()}; {machine}, bayes-mirglmm {version('bayes-mirglmm')}, numpy {np.__version__}; "
    with RESULTS.open("w") as file:
        file.write(stamp + "python benchmarks/simulation_defaults.py\n")
        table.to_csv(file, sep="\t", index=False, float_format="%.4g")
    cell = {
        (r["source"], r["parameter"]): f"{r['q50']:.3g} ({r['q10']:.2g} to {r['q90']:.2g})"
        for r in table.to_dict("records")
    }
    lines = [
        {
            "parameter": text,
            "amygdala (`mirdata`)": cell["mirdata", name],
            "head and neck (`tcga_hnsc`)": cell["tcga_hnsc", name],
            "drawn by default": cell["default", name],
        }
        for name, text in NAMES.items()
    ]
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), "defaults", markdown(lines)), encoding="utf-8")
    print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}"))


if __name__ == "__main__":
    main()
