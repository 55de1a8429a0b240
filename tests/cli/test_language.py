"""Messages of the library, in the words of the command line."""

import pandas as pd
import pytest

from bayes_mirglmm.cli.app import main
from bayes_mirglmm.cli.language import spoken


@pytest.mark.parametrize(
    ("message", "here"),
    [
        (
            "Pass duplicates='sum' where they differ, 'max' else.",
            "Pass --read duplicates=sum where they differ, 'max' else.",
        ),
        ("or pass annotation=[...] for it", "or pass --read annotation=COLUMN,COLUMN for it"),
        ("or pass annotation=[its column].", "or pass --read annotation=COLUMN."),
        ("name it with isomir=... and mirna=...", "name it with --read isomir=NAME and --read mirna=NAME"),
        ("pass names='hsa.gff3' of miRBase", "pass --read names=hsa.gff3 of miRBase"),
        ("(filter='all' takes them)", "(--read filter=all takes them)"),
        ("pass one_read_per_row=True when", "pass --read one_read_per_row=True when"),
        ("the sheet goes to samples=...", "the sheet goes to --samples"),
        ("pass samples_only=True (--samples-only), or not", "pass --samples-only, or not"),
        ("add up with sum_replicates='lib' (--sum-by 'lib').", "add up with --sum-by 'lib'."),
        ("format='excel' is unknown", "--format excel is unknown"),
        ("use offset='tmm' or 'total'.", "use --offset tmm or 'total'."),
        ("write reference={'group': 'ctrl'}, once", "write --reference group=ctrl, once"),
        ("reference= names 'x'", "--reference names 'x'"),
        ("a choice of method='ml'.", "a choice of --method ml."),
        ("seed=1.5: give an integer", "--seed 1.5: give an integer"),
        ("seed=-1: give an integer", "--seed -1: give an integer"),
        ("sum_replicates='lib' (--sum-by lib): no value", "--sum-by lib: no value"),
        (
            "and reference={'g': [...]} (--reference g=LEVEL,LEVEL) gives",
            "and --reference g=LEVEL,LEVEL gives",
        ),
        (
            "with samples='independent' (a run without --shared-samples).",
            "with a run without --shared-samples.",
        ),
        ("mirnas= names 'x'", "--mirnas names 'x'"),
        ("fit.status() (status.tsv) has the reason", "status.tsv has the reason"),
        ("leave samples='shared' (--shared-samples) out", "leave --shared-samples out"),
    ],
)
def test_arguments_become_options(message, here):
    assert spoken(message) == here
    assert spoken(here) == here


@pytest.mark.parametrize(
    "message",
    [
        "line 2: Expression=2.0; Name=hsa-let-7a-5p",
        "write.table(data.frame(x, check.names = FALSE), sep = 't')",
        "pm.sample(draws=5)",
        "column 'seed=4'",
        "write for example --read missing=zero.",
        "write --contrast group=B,A for B minus A",
        "theta = 3, level=0.9",
    ],
)
def test_other_text_stays(message):
    assert spoken(message) == message


def test_an_error_and_a_note_under_the_command_line(tmp_path, capsys):
    table = pd.DataFrame({"isomir": ["i", "i"], "mirna": ["m", "m"], "A": [4, 9], "B": [1, 3]})
    path = tmp_path / "counts.tsv"
    table.to_csv(path, sep="\t", index=False)
    with pytest.raises(SystemExit):
        main(["inspect", str(path)])
    message = capsys.readouterr().err
    assert "--read duplicates=max" in message
    assert "duplicates='" not in message
    with pytest.raises(SystemExit) as done:
        main(["inspect", str(path), "--read", "duplicates=max", "--read", "sample_columns=A,B"])
    assert done.value.code == 0
