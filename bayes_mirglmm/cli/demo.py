"""``bayes-mirglmm demo``: from simulated files to tables and pictures, in one go."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM

RUN = "run"


def demo(
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for files, tables and pictures.", rich_help_panel=o.OUTPUT),
    ] = Path("demo"),
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Simulate count files, fit them, draw two pictures, write the report.

    Takes less than half a minute, and up to a minute more where the numerical kernels are not compiled yet. The
    data are simulated, so what the fit finds can be held against the truth.

    Example:

        bayes-mirglmm demo --out demo
    """
    import matplotlib

    matplotlib.use("Agg")  # files only: no window, no display needed
    import bayes_mirglmm as bm
    from bayes_mirglmm.cli.reading import filtered, read_counts
    from bayes_mirglmm.cli.report import REPORT
    from bayes_mirglmm.cli.summary import print_summary, summarise
    from bayes_mirglmm.cli.writing import write
    from bayes_mirglmm.results.terms import default_term
    from bayes_mirglmm.simulation.demo import GROUPS, METHOD, demo_simulation, draw, recovery
    from bayes_mirglmm.simulation.export import check_simulation_target, write_simulation

    reporter = Reporter(quiet=quiet, as_json=json)
    check_simulation_target(out, force=force)
    o.claim_folder(out / RUN, force=force)
    simulation = demo_simulation()
    reporter.step(f"Simulated data (seed {simulation.seed}), written to {out}")
    counts, samples = write_simulation(simulation, out)

    data = filtered(
        reporter, read_counts(reporter, [counts], samples, "auto", {}), MIN_MIRNA_LOG_CPM, MIN_ISOMIR_LOG_CPM
    )
    reporter.step(f"Fitting {len(set(data['mirna'].values))} miRNAs, {simulation.design.formula}")
    result = bm.fit(
        data,
        simulation.design.formula,
        reference={"group": GROUPS[0]},
        method=METHOD,
        progress=reporter.progress,
    )
    command = (
        f'bayes-mirglmm fit {counts} --samples {samples} --design "{simulation.design.formula}" '
        f"--reference group={GROUPS[0]} --method {METHOD} --report --out {out / RUN}"
    )
    result.metadata["command"] = command
    files = write(result, out / RUN, [], force=force)
    summary = summarise(result, out / RUN, files)
    pictures = draw(result, out)
    report = out / RUN / REPORT
    reporter.step("Writing the report")
    bm.write_report(result, report, force=force)
    against = recovery(result, simulation.truth, term=str(default_term(result.design)))
    reporter.json(
        summary
        | {
            "simulated": True,
            "report": str(report),
            "pictures": {name: str(path) for name, path in pictures.items()},
        }
        | {"truth": against.to_dict()}
    )
    print_summary(reporter, result, summary)
    reporter.say("\nAgainst the truth of the simulation", "bold")
    reporter.say(
        f"  {against['found']:.0f} of {against['changed']:.0f} changed miRNAs found, "
        f"{against['false']:.0f} false; {100 * against['covered']:.0f} % of the intervals contain the true value."
    )
    reporter.say("\nWhere to look next", "bold")
    reporter.say(f"  Report, to open in a browser: {report}")
    reporter.say(f"  Pictures: {', '.join(str(path) for path in pictures.values())}")
    reporter.say(f"  Inputs to imitate: {counts}, {samples}")
    reporter.command(command, "What was done:")
    reporter.command("bayes-mirglmm inspect --help", "Your own files:")
