"""Pairs of a real data set, ``~ group + (1 | case)``, beside glmmTMB and lme4.

    python benchmarks/agreement_terms.py [--every 1] [--lme4-every 6]

TCGA head and neck cancer, normal and tumour of ten patients, every n-th miRNA that passes the default filters. glmmTMB
by maximum and by restricted likelihood, with observed curvature as ``criterion="ml"`` and ``"reml"`` here;
lme4::glmer.nb at ``tolPwrss = 1e-12``, with expected curvature, for every sixth of them. Where R warns or has no
log-likelihood its numbers are kept with the warning, and are no reference.

Writes agreement_terms.tsv in benchmarks/results: a row for each miRNA and program, with our numbers beside theirs.
Needs the optional data folder, and R with both packages.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from agreement_nuts import counts, write
from peers.through_r import r_present

import bayes_mirglmm as bm

HERE = Path(__file__).resolve().parent
FORMULA = "~ group + (1 | case)"
TERM = "group[T.tumor]"
OURS = {"glmmTMB_ml": ("observed", "ml"), "glmmTMB_reml": ("observed", "reml"), "lme4": ("expected", "ml")}
NUMBERS = ("log_likelihood", "estimate", "std_error", "sd_patient", "sd_sample", "sd_isomir", "theta")


def long_table(data) -> pd.DataFrame:
    """Return a row for each count, as R's formulas take it."""
    n_isomirs, n = data["counts"].shape
    return pd.DataFrame(
        {
            "mirna": np.repeat(data["mirna"].values, n),
            "isomir": np.repeat([f"r{i}" for i in range(n_isomirs)], n),
            "sample": np.tile(data["sample"].values, n_isomirs),
            "patient": np.tile(data["case"].values, n_isomirs),
            "group": np.tile(data["group"].values, n_isomirs),
            "count": data["counts"].values.ravel(),
            "offset": np.tile(np.log(data["total"].values / 1e6), n_isomirs),
        }
    )


def ours(data, curvature: str, criterion: str) -> pd.DataFrame:
    """Return the same numbers of this package, by miRNA."""
    fit = bm.fit(
        data, FORMULA, reference={"group": "normal"}, curvature=curvature, criterion=criterion, progress=False
    )
    table = fit.effects(TERM).set_index("mirna")[["estimate", "std_error"]]
    components = fit.variance_components().set_index(["mirna", "group", "term"])["sd"]
    for column, place in (("patient", "case"), ("sample", "sample"), ("isomir", "isomir")):
        table[f"sd_{column}"] = components.xs((place, "Intercept"), level=("group", "term"))

    full = fit.data.sel(model="full", mirna=table.index.values)
    table["theta"] = full["theta"].values
    table["log_likelihood"] = full["log_likelihood"].values
    return table.join(fit.status().set_index("mirna")["status"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take every n-th miRNA")
    parser.add_argument("--lme4-every", type=int, default=6, help="and every n-th of these for lme4")
    options = parser.parse_args()
    if not r_present(("lme4", "glmmTMB")):
        raise SystemExit("R with lme4 and glmmTMB is needed.")
    data = counts("tcga_hnsc")
    chosen = np.unique(data["mirna"].values)[:: options.every]
    data = data.isel(isomir=np.isin(data["mirna"].values, chosen))
    with tempfile.TemporaryDirectory() as folder:
        at, out = Path(folder) / "counts.tsv", Path(folder) / "out.tsv"
        long_table(data).to_csv(at, sep="\t", index=False)
        script = [str(HERE / "peers" / "terms.R"), str(at), str(out), str(options.lme4_every)]
        subprocess.run(["Rscript", *script], check=True)
        theirs = pd.read_csv(out, sep="\t", keep_default_na=True)
    parts = []
    for engine, how in OURS.items():
        own = ours(data, *how)
        part = theirs[theirs["engine"] == engine]
        parts.append(part.merge(own, left_on="mirna", right_index=True, suffixes=("", "_ours")))
    table = pd.concat(parts)
    versions = table["versions"].iloc[0]
    what = f"{versions}; {FORMULA}; --every {options.every} --lme4-every {options.lme4_every}"
    write("agreement_terms.tsv", table.drop(columns="versions"), what)
    sound = table[table["warning"].isna() & table["log_likelihood"].notna()]
    for engine, part in sound.groupby("engine"):
        print(engine, len(part), "of", (table["engine"] == engine).sum())
        for name in NUMBERS:
            difference = part[f"{name}_ours"] - part[name]
            if name == "log_likelihood" and engine == "glmmTMB_reml":
                continue  # the fit keeps the maximum likelihood, for the test of usage
            print(
                f"  {name:15s} median {difference.abs().median():.2g}, largest {difference.abs().max():.2g}"
            )


if __name__ == "__main__":
    main()
