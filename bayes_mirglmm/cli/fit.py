"""``bayes-mirglmm fit``: from count files to a folder of tables."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from typing import Annotated, Any, Literal

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli import scale_out
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.contrasts import check_words, parse_contrasts
from bayes_mirglmm.cli.findings import BeyondFold, RopeFold, asked_bounds
from bayes_mirglmm.cli.reading import filtered, read_counts
from bayes_mirglmm.cli.report import REPORT
from bayes_mirglmm.cli.writing import finish, stands
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM


def fit(
    context: typer.Context,
    counts: o.Counts,
    *,
    samples: o.Samples = None,
    samples_only: o.SamplesOnly = False,
    sum_by: o.SumBy = None,
    format: o.Format = "auto",
    read: o.Read = None,
    filter: o.Filter = True,
    min_mirna_log_cpm: o.MinMirna = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: o.MinIsomir = MIN_ISOMIR_LOG_CPM,
    mirnas: o.Mirnas = None,
    design: Annotated[
        str,
        typer.Option(
            "--design",
            "-d",
            help='Formula of the fixed effects, as in R: "~ group + batch".',
            rich_help_panel=o.MODEL,
        ),
    ],
    slope: Annotated[
        str | None,
        typer.Option(
            help="Variable whose effect varies over isomiRs; the formula's first one when omitted.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACTOR=LEVEL",
            help="Level that the others are compared with, for example group=ctrl, or levels in their order, "
            "dose=none,low,high. When omitted, the order that the data carry (factors of R or AnnData), else that of "
            "the alphabet, numbers inside names by value. Once for each factor.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONTRAST",
            help="Also test level B against level A, group=B,A; at one level of another variable, 'group=B,A | "
            "batch=b2'; all pairs, pairs:group (or 'pairs:group | batch'); a sum of coefficients, '0.5 group[T.B] - "
            "group[T.C]'; any of them under a name, 'NAME: ...'. Gives contrasts.tsv. May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    omnibus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TERM",
            help="Also test a term of the formula as a whole, such as a factor of several levels: Wald F, and the "
            "likelihood ratio of the models with and without it. Gives omnibus.tsv. May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    nuisance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column whose unwanted effect may differ between isomiRs, independently of the slope. "
            "May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    usage_test: Annotated[
        Literal["auto", "shared", "lrt"],
        typer.Option(
            help="Test of isomiR usage that calls. shared: what goes beyond the isomiR profiles that the samples share "
            "over all miRNAs, which holds its error rate on real tissue; gives usage_shared.tsv and "
            "shared_directions.tsv. lrt: each miRNA alone. auto: shared, or lrt where miRNAs or samples are too few.",
            rich_help_panel=o.MODEL,
        ),
    ] = "auto",
    method: Annotated[
        str,
        typer.Option(
            help="ml: maximum likelihood by Laplace approximation. laplace: from there the posterior under the "
            "model's priors, and the Bayes factor for isomiR usage. nuts: the same by MCMC, slower and exact.",
            rich_help_panel=o.MODEL,
        ),
    ] = "ml",
    offset: Annotated[
        str,
        typer.Option(
            help="total, median_ratio, tmm, upper_quartile, column:NAME (totals) or log_column:NAME.",
            rich_help_panel=o.MODEL,
            autocompletion=o.complete_offset,
        ),
    ] = "total",
    model: Annotated[
        str,
        typer.Option(
            help="Model specification: a shipped name or a TOML file.",
            rich_help_panel=o.MODEL,
            autocompletion=o.complete_model,
        ),
    ] = "mirglmm",
    priors: Annotated[
        Literal["learned"] | None,
        typer.Option(
            help="learned: priors of theta, sample SDs and slope SDs learned over all miRNAs first, in place of the "
            "model's. Of --method laplace and nuts.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    curvature: Annotated[
        Literal["observed", "expected"] | None,
        typer.Option(
            help="observed: the Laplace approximation; expected: what lme4 computes.",
            rich_help_panel=o.MODEL,
            show_default="observed",
        ),
    ] = None,
    criterion: Annotated[
        Literal["ml", "reml"] | None,
        typer.Option(
            help="What --method ml maximises: the likelihood, or the restricted one (many fixed effects, pairs).",
            rich_help_panel=o.MODEL,
            show_default="ml",
        ),
    ] = None,
    df: Annotated[
        Literal["t", "z"] | None,
        typer.Option(
            help="Intervals and p-values from t (samples - coefficients) or z.",
            rich_help_panel=o.MODEL,
            show_default="t",
        ),
    ] = None,
    shared_samples: Annotated[
        bool,
        typer.Option(
            "--shared-samples",
            help="Learn from all miRNAs what the samples share, and estimate the effects of miRNAs under it; gives "
            "shared_samples.tsv and sample_directions.tsv.",
            rich_help_panel=o.MODEL,
        ),
    ] = False,
    influence: o.Influence = False,
    preset: Annotated[
        Literal["mirglmm"] | None,
        typer.Option(
            help="mirglmm: every choice as the R package has it.", rich_help_panel=o.MODEL, show_default=False
        ),
    ] = None,
    beyond_fold: BeyondFold = None,
    rope_fold: RopeFold = None,
    draws: Annotated[
        int | None,
        typer.Option(help="Draws kept of each chain.", rich_help_panel=o.NUTS, show_default="800"),
    ] = None,
    chains: Annotated[
        int | None, typer.Option(help="Chains of each miRNA.", rich_help_panel=o.NUTS, show_default="4")
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(help="Draws of each chain before those.", rich_help_panel=o.NUTS, show_default="250"),
    ] = None,
    target_accept: Annotated[
        float | None,
        typer.Option(
            help="Acceptance rate that sets the step size.", rich_help_panel=o.NUTS, show_default="0.9"
        ),
    ] = None,
    prob: Annotated[float, typer.Option(help="Level of the intervals.", rich_help_panel=o.MODEL)] = 0.95,
    jobs: Annotated[int, typer.Option(help="Workers; 0: one a core.", min=0, rich_help_panel=o.MODEL)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", rich_help_panel=o.MODEL)] = 1,
    resume: scale_out.Resume = False,
    shard: scale_out.ShardOption = None,
    scheduler: scale_out.Scheduler = None,
    max_seconds: scale_out.MaxSeconds = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.", rich_help_panel=o.OUTPUT)
    ],
    report: Annotated[
        bool,
        typer.Option(
            "--report", help=f"Also write the HTML report, {REPORT} in that folder.", rich_help_panel=o.OUTPUT
        ),
    ] = False,
    findings: Annotated[
        bool,
        typer.Option(
            "--findings",
            help="Also write what a paper needs to a folder findings in it: findings.tsv and .xlsx, ranked lists, the "
            "methods paragraph.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = False,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    r"""Fit every miRNA and write the tables to a folder.

    Example:

        bayes-mirglmm fit counts.tsv --samples samples.tsv \
            --design "~ group" --reference group=ctrl --out run

    The folder holds effects.tsv (log fold changes of the miRNAs), isomir_effects.tsv, usage.tsv (do the isomiRs
    of a miRNA differ?), variance_components.tsv, status.tsv (a row for every miRNA that was read), the same
    tables as parquet, and run.json (how they were made); with --report also report.html, to look at and to send.
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.counts.container import sample_table
    from bayes_mirglmm.fitting.choices import check_choices
    from bayes_mirglmm.methods.registry import method_named
    from bayes_mirglmm.report import check_report_target

    levels = o.parse_references(reference or [])
    chosen_mirnas = o.parse_mirnas(mirnas)
    asked = asked_bounds(beyond_fold, rope_fold, has_draws=method_named(method).has_draws)
    if shard is not None:
        scale_out.refuse_with_shard(
            contrast=contrast, omnibus=omnibus, influence=influence, report=report, findings=findings
        )
    choices: dict[str, Any] = {
        "slope": slope,
        "method": method,
        "offset": offset,
        "model": model,
        "priors": priors,
        "curvature": curvature,
        "criterion": criterion,
        "df": df,
        "preset": preset,
        "samples": "shared" if shared_samples else "independent",
        "prob": prob,
        "nuisance": tuple(nuisance or ()),
        "usage_test": usage_test,
        "draws": draws,
        "chains": chains,
        "tune": tune,
        "target_accept": target_accept,
        "n_jobs": jobs,
        "seed": seed,
        "max_seconds": max_seconds,
        "ledger": out,
        "resume": resume,
        "shard": shard,
    }
    check_choices(design, reference=levels, **choices)  # what the words tell, before anything is read
    check_words(contrast or [], design)
    tested = check_terms(omnibus or [], design)
    with scale_out.claimed(out, force=force, resume=resume), scale_out.cluster(scheduler) as client:
        if report:
            check_report_target(out / REPORT, force=force or resume)
        reporter = Reporter(quiet=quiet, as_json=json)
        reading = o.reading(read or [], samples_only=samples_only, sum_by=sum_by)
        data = read_counts(reporter, counts, samples, format, reading | {"drop_rare": filter})
        if filter:
            data = filtered(reporter, data, min_mirna_log_cpm, min_isomir_log_cpm)
        # Before time is spent on the fit.
        references = o.ordered_references(levels, sample_table(data))
        contrasts = parse_contrasts(contrast or [], data, design, slope, references, nuisance or [])
        reporter.step(f"Fitting {len(set(data['mirna'].values)):,} miRNAs, {design}")
        if not resume:
            scale_out.start_anew(out)
        result = bm.fit(
            data,
            design,
            reference=references or None,
            mirnas=chosen_mirnas,
            progress=reporter.progress,
            throw=debug,
            executor=client,
            **choices,
        )
        if shard is not None:
            scale_out.say_part(reporter, result, out, shard)
        else:
            finished = resume and scale_out.is_finished(out)
            done = finished and stands(result, out, contrasts, tested, asked)
            if asked:
                result.metadata["probability"] = asked
            result.metadata["command"] = shlex.join(["bayes-mirglmm", *(context.obj or [])])
            finish(
                reporter,
                result,
                out,
                contrasts,
                tested,
                report=report,
                force=force or finished,
                types=data,
                influence=influence,
                findings=findings,
                done=done,
            )
    if result.metadata.get("interrupted"):
        raise typer.Exit(128 + Signals[result.metadata["interrupted"]])


def check_terms(terms: Sequence[str], formula: str) -> list[str]:
    """Refuse a term that the formula does not have, before anything is read."""
    from bayes_mirglmm.design.formula import named_terms, parse_formula

    return named_terms(parse_formula(formula, None), terms) if terms else []
