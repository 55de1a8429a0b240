import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

HEAD = (
    "## Table of exclusive-isomiRs.\n## RPM* - Using [100] as denominator.\n"
    "License Plate\tIsomiR sequence\tType\tUnnormalized read counts\tRPM*\tRPM**\tRPM***\tHairpin locations (comma "
    "delimited)\tMature meta-data (bracket delimited per hairpin)\tRepeatMaskerClassIsland where fragment is fully "
    "contained (comma delimited)\n"
)
LET7, SHORT = "TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAGT"
HAIRPIN = "hsa-1-52.1&WithFlank&9|+|94175957|94176036@6.27.22"


def row(sequence, count, mature):
    return f"iso-22-X\t{sequence}\twildtype\t{count}\t1.5\t0.5\tna\t{HAIRPIN}\t{mature}\tna\n"


def test_expression_of_exclusive_isomirs(put, rows):
    one = "[MIMAT0000062&hsa-let-7a-5p&offsets|0|-1]"
    three = f"{one}, {one}, [No mature intersections]"
    two = "[hsa-let-7a-5p&MIMAT0000062&offsets|+1|0(+1A)], [MIMAT0000064&hsa-let-7c-5p&offsets|-2|0]"
    text = (
        HEAD
        + row(SHORT, 90, three)
        + row(LET7, 10, two)
        + row("ACGTACGTACGTACGTA", 5, "[No mature intersections]")
    )
    a = put("A-IsoMiRmap_v5-exclusive-isomiRs.expression.txt", text)
    b = put("B-IsoMiRmap_v5-exclusive-isomiRs.expression.txt", HEAD + row(SHORT, 7, three))
    put("A-IsoMiRmap_v5-isomiRs.miRBase.gff3", "##gff-version 3\n")
    for counts in (read_counts([a, b]), read_counts(a.parent)):
        assert counts.attrs["format"] == "isomirmap"
        assert counts["sample"].values.tolist() == ["A", "B"]
        assert rows(counts) == {
            (SHORT, "hsa-let-7a-5p"): [90, 7],
            (LET7, "hsa-let-7a-5p"): [10, 0],
            (LET7, "hsa-let-7c-5p"): [10, 0],
        }
        assert counts["offset_5p"].values.tolist() == [0, 1, -2]
        assert counts["offset_3p"].values.tolist() == [-1, 0, 0]
        assert (
            "1 read(s) outside the mature sequences of their hairpin were left out." in counts.attrs["notes"]
        )


def test_its_other_files_are_refused_with_the_one_to_give(put):
    snps = "License Plate\tIsomiR sequence\tUnnormalized read counts\tRPM*\tSNP id(s)\tHairpin(s)\n"
    with pytest.raises(InputError, match=r"snps-isomiRs.*Give \*-exclusive-isomiRs\.expression\.txt"):
        read_counts(put("a.txt", snps + f"iso\t{LET7}\t5\t1\trs1\th\n"))
    meta = "## IsoMiRmap_v5\nTotal reads in -f input file\tTotal unnormalized reads in exclusive\tPercent\n9\t8\t88%\n"
    with pytest.raises(InputError, match=r"countsmeta.*Give \*-exclusive-isomiRs"):
        read_counts(put("b.txt", meta))
    with pytest.raises(InputError, match="no row has a miRNA in 'Mature meta-data'"):
        read_counts(put("c.txt", HEAD + row(LET7, 5, "[No mature intersections]")))
