from dataclasses import replace

import numpy as np
import pandas as pd


def test_a_row_for_every_mirna(fit):
    table = fit.status()
    assert list(table.columns) == [
        "mirna", "status", "reason", "n_isomirs", "n_samples", "log_likelihood", "iterations", "seconds",
    ]  # fmt: skip
    assert list(table["mirna"]) == list(fit.data["mirna"].values)
    assert list(table["status"]) == [
        "ok", "low_expression", "boundary", "not_converged", "poisson_limit", "separated",
    ]  # fmt: skip
    assert list(table["n_isomirs"]) == [3, 0, 2, 4, 2, 2]
    assert (table["n_samples"] == 8).all()
    assert table["iterations"].isna().tolist() == [False, True, False, False, False, True]
    assert table["log_likelihood"].isna().tolist() == table["iterations"].isna().tolist()
    assert table["reason"][0] == ""
    assert table["reason"][1] == "Below the filter."


def test_every_missing_p_value_has_a_reason(rng, make, two_groups):
    d = two_groups
    cov = np.full((2, 2), np.nan)
    lost = make.numbers(rng, d, 2, status="not_converged")
    told = make.numbers(rng, d, 2, status="not_converged", reason="Ran out of steps.")
    records = [
        make.record(rng, d, "fine", 2),
        make.record(rng, d, "no-se", 2, full=make.numbers(rng, d, 2, beta_cov=cov)),
        make.record(rng, d, "indefinite", 2, full=make.numbers(rng, d, 2, beta_cov=-np.eye(2))),
        make.record(rng, d, "lost", 2, full=lost, status="not_converged"),
        make.record(rng, d, "told", 2, full=told, status="not_converged"),
        make.record(rng, d, "half", 2, reduced=lost),
        make.record(rng, d, "alone", 2, reduced=None),
        make.record(rng, d, "worse", 2, full=make.numbers(rng, d, 2, log_likelihood=-105.0)),
    ]
    fit = make.fit(d, records)
    reason = fit.status().set_index("mirna")["reason"]
    with np.errstate(all="ignore"):
        effects = fit.effects()
    gaps = set(effects.loc[effects["p_value"].isna(), "mirna"])
    tested = fit.usage().dropna(subset="p_value")["mirna"]
    gaps |= set(fit.mirnas) - set(tested)
    assert gaps == {"no-se", "indefinite", "lost", "told", "half", "alone", "worse"}
    assert reason["fine"] == ""
    assert "standard errors could not be computed" in reason["no-se"]
    assert "standard errors could not be computed" in reason["indefinite"]
    assert reason["lost"].startswith("The model ended as not_converged")
    assert reason["told"].startswith("Ran out of steps.")
    assert reason["half"] == "No usage test: the reduced model (not_converged) did not reach an optimum."
    assert "the reduced model (not fitted)" in reason["alone"]
    assert "the full model fits worse than the reduced one" in reason["worse"]


def test_numbers_are_those_of_the_model_shown(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2, coefficients_from="reduced")
    record = replace(record, reduced=replace(record.reduced, iterations=77, log_likelihood=-123.0))
    row = make.fit(two_groups, [record]).status().iloc[0]
    assert row["iterations"] == 77
    assert row["log_likelihood"] == -123.0


def test_status_can_be_joined_with_effects(fit):
    joined = fit.effects("group[T.B]").merge(fit.status(), on="mirna", how="outer")
    assert len(joined) == 6
    assert isinstance(joined, pd.DataFrame)
