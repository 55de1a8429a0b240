from pathlib import Path

import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._files import find_files, sample_names


def test_folders_patterns_and_lists(tmp_path, put):
    a, b = put("run/x/b.mirna.gz", ""), put("run/a.mirna", "")
    put("run/notes.txt", "")
    put("run/.hidden/c.mirna", "")
    assert find_files(tmp_path / "run") == [b, a]
    assert find_files(str(tmp_path / "run" / "**" / "*.mirna*")) == [b, a]
    assert find_files([a, str(b)]) == [a, b]


def test_a_file_whose_name_looks_like_a_pattern(put):
    path = put("run[1].mirna", "")
    assert find_files(path) == [path]


def test_a_folder_with_nothing_known_or_too_much_is_refused(tmp_path, put):
    put("other/x.txt", "")
    put("other/y.txt", "")
    with pytest.raises(
        InputError, match=r"holds no file that is known by its name .*; it has x\.txt, y\.txt"
    ):
        find_files(tmp_path / "other")
    put("mixed/a.mirna", "")
    put("mixed/a.gff3", "")
    with pytest.raises(
        InputError, match=r"files of several kinds \(1 \*\.mirna, 1 \*\.gff\*\): give a pattern"
    ):
        find_files(tmp_path / "mixed")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file at all"):
        find_files(tmp_path / "empty")
    assert find_files(put("single/x.txt", "").parent) == [tmp_path / "single" / "x.txt"]


def test_a_file_given_twice_is_refused(put):
    path = put("a.mirna", "")
    with pytest.raises(InputError, match="was given more than once"):
        find_files([path, path])


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("s1.mirna", "s1"),
        ("s1-mirbase-ready.counts", "s1"),
        ("s1-mirbase-ready.counts.gz", "s1"),
        ("uuid.mirbase21.isoforms.quantification.txt", "uuid"),
        ("uuid.mirbase22.isoforms.quantification.txt.gz", "uuid"),
        ("a.b.gff3", "a.b"),
        ("s1_mirtop.gff", "s1"),
        ("counts.txt", "counts"),
        (".txt", ".txt"),
    ],
)
def test_the_sample_is_the_name_without_endings(name, sample):
    assert sample_names([Path(name)], None) == [sample]


def test_general_or_repeated_names_give_way_to_the_folder():
    assert sample_names([Path("A/reads.annotation"), Path("B/reads.annotation")], None) == ["A", "B"]
    assert sample_names([Path("A/x.mirna"), Path("B/x.mirna")], None) == ["A", "B"]
    with pytest.raises(InputError, match="neither the name of the file nor that of its folder"):
        sample_names([Path("A/reads.annotation"), Path("A/sub/../reads.annotation.gz")], None)


def test_the_sample_table_decides_where_it_names_files():
    table = pd.DataFrame({"file": ["x.mirna", "data/y.mirna.gz"]}, index=["S1", "S2"])
    assert sample_names([Path("a/y.mirna"), Path("b/x.mirna")], table) == ["S2", "S1"]
    with pytest.raises(InputError, match=r"z\.mirna: its name is not there in column 'file'"):
        sample_names([Path("z.mirna")], table)
    twice = pd.DataFrame({"File Name": ["x.mirna", "x.mirna"]}, index=["S1", "S2"])
    with pytest.raises(InputError, match="its name stands for S1, S2 in column 'File Name'"):
        sample_names([Path("x.mirna")], twice)
