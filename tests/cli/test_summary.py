"""What a fit prints at its end."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Run the command line in this process; give its exit code, stdout and stderr."""

    def call(*arguments: object) -> SimpleNamespace:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, out=captured.out, err=captured.err)

    return call


def test_cautions_at_the_end_are_sentences_of_the_command_line(run, tmp_path):
    """Four miRNAs of one isomiR: nothing is fitted, and no caution is on estimates that are not there."""
    names = ["s1", "s2", "s3", "s4"]
    counts = pd.DataFrame(np.arange(40, 56).reshape(4, 4) * [1, 3, 2, 5], columns=names)
    counts.insert(0, "isomir", ["i1", "i2", "i3", "i4"])
    counts.insert(1, "mirna", ["m1", "m2", "m3", "m4"])
    counts.to_csv(tmp_path / "counts.tsv", sep="\t", index=False)
    table = pd.DataFrame(
        {"sample": names, "group": ["a", "a", "b", "b"], "age": ["30", "not reported", "50", "60"]}
    )
    table.to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
    inputs = ("fit", tmp_path / "counts.tsv", "-s", tmp_path / "samples.tsv", "--no-filter")
    result = run(*inputs, "--design", "~ group", "--method", "laplace", "--out", tmp_path / "run")
    assert result.code == 0
    assert "\n0 of 4 miRNAs fitted\n" in result.out
    cautions = " ".join(result.out.split("Before you use these numbers")[1].split("Tables in")[0].split())
    assert cautions.startswith(
        "- No miRNA was fitted: of 4, 4 too_few_isomirs. status.tsv has the reason of each."
    )
    assert "is a little too sure" not in cautions
    assert "Nothing was fitted, so that there is nothing to test." in result.out
    assert " up, " not in result.out
    assert "isomiR usage:" not in result.out
    assert ".." not in cautions
    refused = run(*inputs, "--design", "~ group + age", "--out", tmp_path / "other")
    assert refused.code == 2
    assert "out of the sample table and read with --samples-only." in " ".join(refused.err.split())
