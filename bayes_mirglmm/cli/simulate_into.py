"""``bayes-mirglmm simulate-into``: real counts with effects multiplied into them, as files with known truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.reading import read_counts
from bayes_mirglmm.cli.simulate import say_how_to_fit
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM

if TYPE_CHECKING:
    import xarray as xr


def simulate_into(
    counts: Annotated[
        list[Path],
        typer.Argument(
            help="Real count files, of any format that fit reads.", metavar="COUNTS...", show_default=False
        ),
    ],
    *,
    samples: o.Samples = None,
    samples_only: o.SamplesOnly = False,
    sum_by: o.SumBy = None,
    format: o.Format = "auto",
    read: o.Read = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="The real group to split in two, for example group=ctrl; all samples when omitted. May be "
            "repeated.",
            show_default=False,
        ),
    ] = None,
    effect: Annotated[float, typer.Option(help="Mean multiplier of an isomiR, before truncation.")] = 2.0,
    effect_sd: Annotated[
        float,
        typer.Option(help="Its SD; 0 for the same in every isomiR.", min=0),
    ] = 1.0,
    bounds: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Its limits; those of the paper for the effects 1.5, 2 and 4 (1,2; 1,3; 3,5).",
            show_default=False,
        ),
    ] = None,
    direction: Annotated[
        Literal["both", "up", "down"],
        typer.Option(help="Which way miRNAs change: half of them each, or all alike."),
    ] = "both",
    keep_reads: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the reads that libraries keep, or GROUP=SHARE. May be repeated.",
            show_default="1",
        ),
    ] = None,
    n_bins: Annotated[
        int,
        typer.Option(help="Classes of expression; two miRNAs change in each.", min=1),
    ] = 20,
    max_cpm: Annotated[
        float,
        typer.Option(
            help="Never change a miRNA with a median CPM from here on; inf for no limit.",
            min=0,
        ),
    ] = 59_000.0,
    min_mirna_log_cpm: Annotated[
        float,
        typer.Option(help="Filter before effects, as in fit: log(median CPM) of a miRNA."),
    ] = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: Annotated[
        float,
        typer.Option(help="The same of an isomiR."),
    ] = MIN_ISOMIR_LOG_CPM,
    groups: o.Groups = "ctrl,case",
    per_group: Annotated[
        int | None,
        typer.Option(
            help="Samples in each group.", min=1, rich_help_panel=o.INPUT, show_default="half of them"
        ),
    ] = None,
    seed: o.DataSeed = 1,
    out: o.DataFolder,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Multiply effects into real counts: count files with known truth and the noise of real libraries.

    The samples of one real group are split at random in two, and the isomiRs of some miRNAs multiplied in one half, as
    in the miRglmm paper.

    Example:

        bayes-mirglmm simulate-into counts.tsv --samples samples.tsv --where group=ctrl --out simulated
    """
    reporter = Reporter(quiet=quiet, as_json=json)
    names = o.parse_groups(groups)
    o.claim_simulation_folder(out, force=force)
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
    reading = o.reading(read or [], samples_only=samples_only, sum_by=sum_by)
    real = read_counts(reporter, counts, samples, format, reading)
    _write(reporter, real, o.parse_pairs("--where", where or [], "group=ctrl"), given, out)


def with_command_of_its_own(words: list[str]) -> list[str]:
    """Return ``simulate --into COUNTS``, the former spelling, as ``simulate-into COUNTS``; other words as they are."""
    if words[:1] != ["simulate"] or not any(word.partition("=")[0] == "--into" for word in words):
        return words
    rest = [word.removeprefix("--into=") for word in words[1:] if word != "--into"]
    return ["simulate-into", *rest]


def _write(
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
    filters = "".join(
        f" --{name.replace('_', '-')} {given[name]:g}"
        for name, usual in (
            ("min_mirna_log_cpm", MIN_MIRNA_LOG_CPM),
            ("min_isomir_log_cpm", MIN_ISOMIR_LOG_CPM),
        )
        if given[name] != usual
    )
    say_how_to_fit(reporter, out, counts, samples, made.formula, (factor, first), filters)


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
