"""A small fit, and what other programs would write of the same miRNAs."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.simulation.from_model import Simulation

TERM = "group[T.case]"


@pytest.fixture(scope="module")
def simulation(own_numbers) -> Simulation:
    with own_numbers():
        return bm.simulate(
            4,
            ("ctrl", "case"),
            n_mirnas=12,
            n_isomirs=[2, 3] + [6] * 10,
            changed=0.5,
            beta={"Intercept": 5.0},
            seed=9,
        )


@pytest.fixture(scope="module")
def fit(simulation) -> bm.Fit:
    counts = simulation.counts.isel(isomir=slice(None, -1))
    return bm.fit(counts, "~ group", reference={"group": "ctrl"}, progress=False)


@pytest.fixture(scope="module")
def effects(fit: bm.Fit) -> pd.DataFrame:
    return fit.effects(TERM).set_index("mirna")


@pytest.fixture
def exports(effects: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The same estimates as each program writes them: log2 where it is log2, miRNAs in the row names."""
    log2 = effects["estimate"] / np.log(2)
    se = effects["std_error"]
    p, adjusted = effects["p_value"], effects["p_adjusted"]
    t, df = effects["estimate"] / se, effects["df"]
    return {
        "DESeq2": pd.DataFrame(
            {
                "baseMean": 100.0,
                "log2FoldChange": log2,
                "lfcSE": se / np.log(2),
                "stat": t,
                "pvalue": p,
                "padj": adjusted,
            }
        ),
        "edgeR": pd.DataFrame({"logFC": log2, "logCPM": 5.0, "F": t**2, "PValue": p, "FDR": adjusted}),
        "limma": pd.DataFrame(
            {"logFC": log2, "AveExpr": 5.0, "t": t, "P.Value": p, "adj.P.Val": adjusted, "B": 0.0}
        ),
        "lme4": pd.DataFrame(
            {"Estimate": effects["estimate"], "Std. Error": se, "z value": t, "Pr(>|z|)": p}
        ),
        "miRglmm": pd.DataFrame({"full": effects["estimate"], "SE_full": se, "p_full": p}),
        "broom": pd.DataFrame(
            {"estimate": effects["estimate"], "std.error": se, "statistic": t, "p.value": p, "df": df}
        ),
    }
