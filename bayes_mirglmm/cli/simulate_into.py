"""The second half of ``bayes-mirglmm simulate --into``: from real counts to files with known truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM

if TYPE_CHECKING:
    import xarray as xr


def simulate_into(
    reporter: Reporter, real: "xr.Dataset", where: Mapping[str, str], given: dict[str, Any], out: Path
) -> None:
    """Multiply effects into ``real``, write the files to ``out`` and say what was done."""
    import bayes_mirglmm as bm
    from bayes_mirglmm.simulation.export import write_into_simulation

    made = bm.simulate_into(real, where=where or None, **given)
    counts, samples = write_into_simulation(made, out)
    truth = made.truth.mirnas
    sizes = dict(zip(made.settings["groups"], made.settings["n_per_group"], strict=True))
    (factor, first), *_ = made.reference.items()
    reporter.json(
        {
            "out": str(out),
            "counts": str(counts),
            "samples": str(samples),
            "truth": str(out / "truth"),
            "groups": sizes,
            "mirnas": len(truth),
            "changed": int(truth["changed"].sum()),
            "up": int((truth["direction"] > 0).sum()),
            "down": int((truth["direction"] < 0).sum()),
            "usage": int(truth["usage"].sum()),
            "settings": made.settings,
            "seed": made.seed,
        }
    )
    value = made.truth.effects.loc[truth["changed"].to_numpy(), "value"].abs()
    halves = " and ".join(f"{n} {name}" for name, n in sizes.items())
    reporter.say(
        f"{sum(sizes.values())} real samples split in {halves} (seed {made.seed}). Of {len(truth):,} miRNAs that pass "
        f"the filters {int(truth['changed'].sum())} were changed, {int((truth['direction'] > 0).sum())} up and "
        f"{int((truth['direction'] < 0).sum())} down, by a mean log multiplier of {value.mean():.2f} (natural log; "
        f"{value.min():.2f} to {value.max():.2f})."
    )
    reporter.say(f"Counts: {counts}\nSamples: {samples}\nTruth: {out / 'truth'}")
    reporter.say("\nFit them with", "bold")
    filters = "".join(
        f" --{name.replace('_', '-')} {given[name]:g}"
        for name, usual in (
            ("min_mirna_log_cpm", MIN_MIRNA_LOG_CPM),
            ("min_isomir_log_cpm", MIN_ISOMIR_LOG_CPM),
        )
        if given[name] != usual
    )
    reporter.command(
        f'bayes-mirglmm fit {counts} --samples {samples} --design "{made.formula}" '
        f"--reference {factor}={first}{filters} --out {out / 'run'}"
    )
