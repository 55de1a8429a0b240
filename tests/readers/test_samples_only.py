"""A sample table that lists some of the samples; files of one sample."""

import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import from_dataframe, read_counts

TABLE = pd.DataFrame({"seq": ["a", "b"], "mir": ["m", "m"], "S1": [1, 2], "S2": [3, 4], "S3": [5, 6]})
TWO = pd.DataFrame({"group": ["x", "y"]}, index=["S1", "S3"])
GDC = "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
ROW = "hsa-let-7a-1\thg38:chr9:94175957-94175979:+\t{}\t1.5\tN\tmature,MIMAT0000062\n"


def test_the_message_says_how():
    with pytest.raises(
        InputError, match=r"column\(s\) S2 .*samples_only=True \(--samples-only\).*sample_columns="
    ):
        from_dataframe(TABLE, TWO)
    with pytest.raises(InputError, match="needs a sample table"):
        from_dataframe(TABLE, samples_only=True)


def test_the_others_are_left_out_and_named():
    for counts in (
        from_dataframe(TABLE, TWO, samples_only=True),
        from_dataframe(TABLE, TWO, sample_columns=["S1", "S2", "S3"], samples_only=True),
    ):
        assert counts["sample"].values.tolist() == ["S1", "S3"]
        assert counts["counts"].values.tolist() == [[1, 5], [2, 6]]
        assert counts["total"].values.tolist() == [3, 11]
        assert set(counts.coords) == {"isomir", "sample", "mirna", "total", "group", "sequence"}
        assert any("not in the sample table and were left out: S2." in note for note in counts.attrs["notes"])
    with pytest.raises(InputError, match="none of its samples is in the sample table"):
        from_dataframe(TABLE, TWO.set_axis(["a", "b"]), sample_columns=["S1"], samples_only=True)


@pytest.fixture
def folder(put):
    """Three GDC files, two of which are of one sample."""
    for i in range(3):
        path = put(f"d/{i}/f{i}.isoforms.quantification.txt", GDC + ROW.format(10 ** (i + 1)))
    sheet = "File Name\tSample ID\tSample Type\nf0.isoforms.quantification.txt\tA\tTumor\n"
    sheet += "f1.isoforms.quantification.txt\tB\tNormal\nf2.isoforms.quantification.txt\tA\tTumor\n"
    return path.parents[1], put("sheet.tsv", sheet), put("one.tsv", sheet.rsplit("\n", 2)[0] + "\n")


def test_a_sample_of_two_files_names_both(folder):
    files, sheet, _ = folder
    with pytest.raises(
        InputError, match=r"'A' is both in \S*f0\.iso\S* and in \S*f2\.iso.*--sum-by 'Sample ID'"
    ):
        read_counts(files, sheet)


def test_and_both_remedies_work(folder):
    files, sheet, one = folder
    summed = read_counts(files, sheet, sum_replicates="Sample ID")
    assert dict(zip(summed["sample"].values, summed["total"].values, strict=True)) == {"A": 1010, "B": 100}
    assert summed["Sample Type"].values.tolist() == ["Tumor", "Normal"]
    notes = summed.attrs["notes"]
    assert "3 files were added up to 2 samples, as asked for." in notes
    assert "column(s) left out, because they differ between files that were added up: File Name." in notes

    with pytest.raises(InputError, match=r"f2\.iso.*: its name is not there .*--samples-only"):
        read_counts(files, one)
    kept = read_counts(files, one, samples_only=True)
    assert dict(zip(kept["sample"].values, kept["total"].values, strict=True)) == {"A": 10, "B": 100}
    assert any("1 file(s) are not in the sample table" in note for note in kept.attrs["notes"])
