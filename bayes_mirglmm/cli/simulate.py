"""``bayes-mirglmm simulate``: count files with known truth, drawn from the model or multiplied into real counts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.fit import read_counts
from bayes_mirglmm.cli.simulate_into import simulate_into
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM

#: Options that only one of the two kinds of simulation has, as parameters of the command.
OF_MODEL = ("mirnas", "changed", "log_fc_sd", "usage", "library_size", "theta")
OF_INTO = (
    "samples",
    "format",
    "read",
    "where",
    "effect",
    "effect_sd",
    "bounds",
    "direction",
    "keep_reads",
    "n_bins",
    "max_cpm",
    "min_mirna_log_cpm",
    "min_isomir_log_cpm",
)
REAL = "Into real counts (--into)"
DRAWN = "Drawn from the model"


def simulate(
    context: typer.Context,
    *,
    into: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="COUNTS",
            help="Real count files, of any format that fit reads, to multiply effects into. May be repeated.",
            rich_help_panel=REAL,
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", "-s", help="Their sample table.", rich_help_panel=REAL, show_default=False),
    ] = None,
    format: Annotated[
        str, typer.Option(help="Their format, where it should not be guessed.", rich_help_panel=REAL)
    ] = "auto",
    read: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION=VALUE",
            help="Option of their reader. May be repeated.",
            rich_help_panel=REAL,
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="The real group to split in two, for example group=ctrl; all samples when omitted. May be "
            "repeated.",
            rich_help_panel=REAL,
            show_default=False,
        ),
    ] = None,
    effect: Annotated[
        float, typer.Option(help="Mean multiplier of an isomiR, before truncation.", rich_help_panel=REAL)
    ] = 2.0,
    effect_sd: Annotated[
        float,
        typer.Option(help="Its SD; 0 for the same in every isomiR.", min=0, rich_help_panel=REAL),
    ] = 1.0,
    bounds: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Its limits; those of the paper for the effects 1.5, 2 and 4 (1,2; 1,3; 3,5).",
            rich_help_panel=REAL,
            show_default=False,
        ),
    ] = None,
    direction: Annotated[
        Literal["both", "up", "down"],
        typer.Option(help="Which way miRNAs change: half of them each, or all alike.", rich_help_panel=REAL),
    ] = "both",
    keep_reads: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the reads that libraries keep, or GROUP=SHARE. May be repeated.",
            rich_help_panel=REAL,
            show_default="1",
        ),
    ] = None,
    n_bins: Annotated[
        int,
        typer.Option(help="Classes of expression; two miRNAs change in each.", min=1, rich_help_panel=REAL),
    ] = 20,
    max_cpm: Annotated[
        float,
        typer.Option(
            help="Never change a miRNA with a median CPM from here on; inf for no limit.",
            min=0,
            rich_help_panel=REAL,
        ),
    ] = 59_000.0,
    min_mirna_log_cpm: Annotated[
        float,
        typer.Option(
            help="Filter before effects, as in fit: log(median CPM) of a miRNA.", rich_help_panel=REAL
        ),
    ] = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: Annotated[
        float,
        typer.Option(help="The same of an isomiR.", rich_help_panel=REAL),
    ] = MIN_ISOMIR_LOG_CPM,
    groups: Annotated[
        str, typer.Option(help="Names of the groups, the reference first.", rich_help_panel=o.INPUT)
    ] = "ctrl,case",
    per_group: Annotated[
        int | None,
        typer.Option(
            help="Samples in each group.",
            min=1,
            rich_help_panel=o.INPUT,
            show_default="10; with --into half of the samples",
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
    theta: Annotated[
        float | None,
        typer.Option(
            help="Size of the negative binomial; inf for Poisson counts.",
            min=0,
            rich_help_panel=DRAWN,
            show_default="drawn as in real data",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same data.", rich_help_panel=o.INPUT)
    ] = 1,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.", rich_help_panel=o.OUTPUT)],
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Make counts with known truth: drawn from the model, or real ones with effects multiplied into them.

    What is not given has the size that it has in real data. The last row of the counts, miRNA background,
    holds the rest of each library.

    With --into the samples of one real group are split at random in two, and the isomiRs of some miRNAs multiplied in
    one half, as in the miRglmm paper.

    Example:

        bayes-mirglmm simulate --groups ctrl,case --per-group 5 --seed 3 --out simulated

        bayes-mirglmm simulate --into counts.tsv --samples samples.tsv --where group=ctrl --out simulated
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.simulation.export import check_simulation_target, write_simulation

    reporter = Reporter(quiet=quiet, as_json=json)
    names = [name.strip() for name in groups.split(",")]
    if len(names) < 2 or not all(names):
        raise InputError(f"--groups {groups!r}: give two names or more, as in --groups ctrl,case.")
    _refuse_options_of_the_other_kind(context, into=bool(into))
    check_simulation_target(out, force=force)
    o.check_writable(out)
    if into:
        given = {
            "n_per_group": per_group,
            "groups": names,
            "effect": effect,
            "effect_sd": effect_sd,
            "bounds": _bounds(bounds),
            "direction": direction,
            "n_bins": n_bins,
            "max_cpm": max_cpm,
            "min_mirna_log_cpm": min_mirna_log_cpm,
            "min_isomir_log_cpm": min_isomir_log_cpm,
            "keep_reads": _shares(keep_reads),
            "seed": seed,
        }
        real = read_counts(reporter, into, samples, format, o.parse_reads(read or []))
        simulate_into(reporter, real, o.parse_pairs("--where", where or [], "group=ctrl"), given, out)
        return
    drawn = bm.simulate(
        10 if per_group is None else per_group,
        names,
        n_mirnas=mirnas,
        changed=changed,
        log_fc_sd=log_fc_sd,
        usage=usage,
        library_size=library_size,
        theta=theta,
        seed=seed,
    )
    counts, samples = write_simulation(drawn, out)
    command = (
        f'bayes-mirglmm fit {counts} --samples {samples} --design "{drawn.design.formula}" '
        f"--reference group={names[0]} --out {out / 'run'}"
    )
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
        f"(seed {seed}). {int(truth['changed'].sum())} miRNAs differ between groups, "
        f"{int(truth['usage'].sum())} have isomiRs that change by different amounts."
    )
    reporter.say(f"Counts: {counts}\nSamples: {samples}\nTruth: {out / 'truth'}")
    reporter.say("\nFit them with", "bold")
    reporter.command(command)


def _refuse_options_of_the_other_kind(context: typer.Context, *, into: bool) -> None:
    for name in OF_MODEL if into else OF_INTO:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--" + name.replace("_", "-")
            raise InputError(
                f"{option} belongs to counts drawn from the model, not to --into: leave one of them out."
                if into
                else f"{option} belongs to --into, which is not given: name real count files with --into."
            )


def _bounds(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--bounds {text!r}: give two factors, as in --bounds 1,3.") from None
    return low, high


def _shares(texts: list[str] | None) -> float | dict[str, float]:
    """Turn ``["0.5"]`` into 0.5 and ``["B=0.5"]`` into ``{"B": 0.5}``."""
    shares: dict[str, float] = {}
    for text in texts or []:
        name, _, value = text.rpartition("=")
        try:
            shares[name.strip()] = float(value)
        except ValueError:
            raise InputError(
                f"--keep-reads {text!r}: give a share, as in --keep-reads 0.5 or --keep-reads case=0.5."
            ) from None
    if "" in shares and len(texts or []) > 1:
        raise InputError("--keep-reads: give one share for all groups, or GROUP=SHARE for each.")
    return shares.get("", shares) if shares else 1.0
