"""How many of the isomiRs that a fit lists as deviating from their miRNA do so, with and without the call of usage.

    python benchmarks/isomir_findings.py [--sets 6]

Random splits of the normal tissues of tcga_hnsc, 5 against 5, and of mirdata, 7 against 7: as they are, and with
multipliers for each isomiR of 40 miRNAs (``bm.simulate_into``). Writes benchmarks/results/isomir_findings.tsv.
"""

import argparse

import numpy as np
import pandas as pd
from accuracy_data import SOURCES, real
from agreement_nuts import write

import bayes_mirglmm as bm

SIZES = {"tcga_normal": 5, "mirdata_all": 7}
KINDS = {"random split": {"effect": 1.0, "effect_sd": 0.0}, "multiplied": {}}


def listed(fit: bm.Fit, deviation: pd.Series) -> list[dict[str, object]]:
    """Return what is listed of every miRNA and of those whose usage is called, beside the true deviations."""
    rows = []
    for which, usage_fdr in (("every miRNA", 1.0), ("usage called", 0.05)):
        found = fit.isomir_findings(usage_fdr=usage_fdr)
        truth = deviation.reindex(found["isomir"]).to_numpy()
        other = np.sign(truth) != np.sign(found["ln_deviation"].to_numpy())
        rows.append(
            {
                "mirnas": which,
                "isomirs": len(deviation),
                "deviate": int((deviation != 0).sum()),
                "listed": len(found),
                "of_unchanged_mirnas": int((truth == 0).sum()),
                "of_the_other_sign": int((other & (truth != 0)).sum()),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=6)
    given = parser.parse_args()
    rows = []
    for source, size in SIZES.items():
        folder, where = SOURCES[source]
        for number in range(given.sets):
            for data, options in KINDS.items():
                made = bm.simulate_into(
                    real(folder), where=where or None, n_per_group=size, seed=number, **options
                )
                fit = bm.fit(made.retained, made.formula, reference=made.reference, progress=False)
                truth = made.truth.isomir_effects.set_index("isomir")["deviation"]
                rows += [{"source": source, "data": data, "set": number} | row for row in listed(fit, truth)]
    write("isomir_findings.tsv", pd.DataFrame(rows), f"isomir_findings.py --sets {given.sets}")


if __name__ == "__main__":
    main()
