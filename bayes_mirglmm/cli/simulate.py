"""``bayes-mirglmm simulate``: count files with known truth, drawn from the model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter

if TYPE_CHECKING:
    import pandas as pd

DRAWN = "Drawn from the model"
PAIRED = "~ group + (1 | patient)"


def simulate(
    *,
    groups: o.Groups = "ctrl,case",
    per_group: Annotated[
        int | None,
        typer.Option(
            help="Samples in each group.",
            min=1,
            rich_help_panel=o.INPUT,
            show_default="10",
        ),
    ] = None,
    mirnas: Annotated[int, typer.Option(help="Number of miRNAs.", min=1, rich_help_panel=DRAWN)] = 200,
    changed: Annotated[
        float,
        typer.Option(help="Share of miRNAs that differ between groups.", min=0, max=1, rich_help_panel=DRAWN),
    ] = 0.2,
    log_fc_sd: Annotated[
        float,
        typer.Option(help="SD of their log fold changes (natural log).", min=0, rich_help_panel=DRAWN),
    ] = 1.0,
    usage: Annotated[
        float,
        typer.Option(
            help="Share of miRNAs whose isomiRs change by different amounts.",
            min=0,
            max=1,
            rich_help_panel=DRAWN,
        ),
    ] = 0.5,
    library_size: Annotated[
        int | None,
        typer.Option(
            help="Reads of each sample.", min=1, rich_help_panel=DRAWN, show_default="around 5 million"
        ),
    ] = None,
    paired: Annotated[
        bool,
        typer.Option(
            "--paired",
            help="Each patient has a sample in every group (column patient), and what these share.",
            rich_help_panel=o.INPUT,
        ),
    ] = False,
    sd_patient: Annotated[
        float | None,
        typer.Option(
            help="With --paired: SD between patients (natural log).",
            min=0,
            rich_help_panel=DRAWN,
            show_default="around 0.4",
        ),
    ] = None,
    theta: Annotated[
        float | None,
        typer.Option(
            help="Size of the negative binomial; inf for Poisson counts.",
            min=0,
            rich_help_panel=DRAWN,
            show_default="drawn as in real data",
        ),
    ] = None,
    seed: o.DataSeed = 1,
    out: o.DataFolder,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Draw counts with known truth from the model; `simulate-into` multiplies effects into real counts.

    What is not given has the size that it has in real data. The last row of the counts, miRNA background,
    holds the rest of each library.

    Example:

        bayes-mirglmm simulate --groups ctrl,case --per-group 5 --seed 3 --out simulated
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.simulation.export import write_simulation

    reporter = Reporter(quiet=quiet, as_json=json)
    names = o.parse_groups(groups)
    o.claim_simulation_folder(out, force=force)
    size = 10 if per_group is None else per_group
    if sd_patient is not None and not paired:
        raise bm.InputError("--sd-patient is of patients with a sample in every group: give --paired too.")
    design: dict[str, Any] = {}
    if paired:
        design = {"samples": _pairs(names, size), "formula": PAIRED, "reference": {"group": names[0]}}
    drawn = bm.simulate(
        size,
        names,
        **design,
        sd_term=sd_patient,
        n_mirnas=mirnas,
        changed=changed,
        log_fc_sd=log_fc_sd,
        usage=usage,
        library_size=library_size,
        theta=theta,
        seed=seed,
    )
    counts, samples = write_simulation(drawn, out)
    truth = drawn.truth.mirnas
    reporter.json(
        {
            "out": str(out),
            "counts": str(counts),
            "samples": str(samples),
            "truth": str(out / "truth"),
            "mirnas": mirnas,
            "changed": int(truth["changed"].sum()),
            "usage": int(truth["usage"].sum()),
            "seed": seed,
        }
    )
    reporter.say(
        f"{mirnas:,} miRNAs, {drawn.counts.sizes['isomir'] - 1:,} isomiRs, {drawn.counts.sizes['sample']} samples "
        f"(seed {seed}), and a row, miRNA background, for all other reads of each library. "
        f"{int(truth['changed'].sum())} miRNAs differ between groups, "
        f"{int(truth['usage'].sum())} have isomiRs that change by different amounts."
    )
    options = " --criterion reml" if paired else ""
    say_how_to_fit(reporter, out, counts, samples, drawn.design.formula, ("group", names[0]), options)


def _pairs(names: list[str], size: int) -> "pd.DataFrame":
    """Return a sample table of ``size`` patients with a sample in every group."""
    import pandas as pd

    rows = [(f"{name}_{i + 1}", name, f"patient_{i + 1}") for name in names for i in range(size)]
    return pd.DataFrame(rows, columns=["sample", "group", "patient"]).set_index("sample")


def say_how_to_fit(
    reporter: Reporter,
    out: Path,
    counts: Path,
    samples: Path,
    formula: str,
    reference: tuple[str, str],
    options: str = "",
) -> None:
    """Say where simulated files are, and the command that fits them; ``reference`` is a factor and its level."""
    factor, first = reference
    reporter.say(f"Counts: {counts}\nSamples: {samples}\nTruth: {out / 'truth'}")
    reporter.say("\nFit them with", "bold")
    reporter.command(
        f'bayes-mirglmm fit {counts} --samples {samples} --design "{formula}" '
        f"--reference {factor}={first}{options} --out {out / 'run'}"
    )
