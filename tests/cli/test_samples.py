"""What the command line says and does about samples: lists, runs of one library, numbers that are no counts."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main

LANES = [f"{s}_L{lane}" for s in ("c1", "c2", "t1", "t2") for lane in (1, 2)]


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


@pytest.fixture
def files(tmp_path):
    """Eight lanes of four libraries, and a sample table of them."""
    rng = np.random.default_rng(1)
    depth = rng.uniform(1, 4, 8)
    counts = rng.poisson(rng.uniform(50, 900, (6, 1)) * depth)
    frame = pd.DataFrame(counts, columns=LANES)
    frame.insert(0, "isomir", [f"i{k}" for k in range(6)])
    frame.insert(1, "miRNA", ["miR-1"] * 3 + ["miR-2"] * 3)
    table = pd.DataFrame(
        {"sample": LANES, "group": ["ctrl"] * 4 + ["case"] * 4, "library": [s[:2] for s in LANES]}
    )
    frame.to_csv(tmp_path / "counts.tsv", sep="\t", index=False)
    table.to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
    table[2:].to_csv(tmp_path / "six.tsv", sep="\t", index=False)
    return SimpleNamespace(frame=frame, counts=tmp_path / "counts.tsv", folder=tmp_path)


def test_lanes_are_added_up(run, files):
    result = run("inspect", files.counts, "-s", files.folder / "samples.tsv", "--sum-by", "library", "--json")
    found = json.loads(result.out)
    assert [row["sample"] for row in found["samples"]] == ["c1", "c2", "t1", "t2"]
    assert found["samples"][0]["total"] == int(files.frame[["c1_L1", "c1_L2"]].to_numpy().sum())
    assert "8 samples were added up to 4 by library (2 each)." in found["notes"]


def test_a_sample_that_the_table_lacks_is_named_and_left_out_when_asked(run, files):
    refused = run("inspect", files.counts, "--samples", files.folder / "six.tsv")
    assert refused.code == 2
    assert "column(s) c1_L1, c1_L2 are not in the sample table" in refused.err
    assert "--samples-only" in refused.err
    taken = run("inspect", files.counts, "--samples", files.folder / "six.tsv", "--samples-only")
    assert taken.code == 0
    assert "2 column(s) are not in the sample table and were left out: c1_L1, c1_L2." in taken.out
    assert "Samples: 6" in taken.out


def test_a_fit_says_at_its_end_what_to_know_before_its_numbers_are_used(run, files):
    arguments = [
        "fit",
        files.counts,
        "-s",
        files.folder / "samples.tsv",
        "--design",
        "~ group",
        "--no-filter",
    ]
    result = run(*arguments, "-o", files.folder / "run")
    assert result.code == 0
    assert "warning: column library has one value for several samples (c1: c1_L1, c1_L2)" in result.err
    last = result.out.split("Before you use these numbers")[1]
    assert "add them up with --sum-by library. Counted" in last
    assert "sum_replicates" not in last
    assert "make every p-value too small" in last
    summed = run(*arguments, "-o", files.folder / "summed", "--sum-by", "library", "--json")
    assert not any("library" in caution for caution in json.loads(summed.out)["cautions"])
    assert bm.load(files.folder / "summed").data.sizes["sample"] == 4


def test_rounded_cpm_are_not_taken_without_a_word(run, files):
    cpm = files.frame.copy()
    cpm[LANES] = np.rint(cpm[LANES] / cpm[LANES].sum() * 1e6).astype(int)
    cpm.to_csv(files.folder / "cpm.tsv", sep="\t", index=False)
    found = run("inspect", files.folder / "cpm.tsv", "-s", files.folder / "samples.tsv")
    assert "- These do not look like counts: the totals of all 8 samples are alike" in found.out


def test_the_reference_of_each_factor_is_shown(run, files):
    found = run("inspect", files.counts, "-s", files.folder / "samples.tsv")
    assert "case (4), ctrl (4)" in found.out
    assert "The first level of a factor is its reference, unless --reference names another." in found.out
