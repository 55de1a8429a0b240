import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

anndata = pytest.importorskip("anndata")
pytestmark = pytest.mark.filterwarnings(
    "ignore:The 'future.infer_string' option"
)  # anndata's, when it writes

VALUES = np.array([[5.0, 0, 7], [1, 2, 3]])


def adata(x=VALUES, var=None, **more):
    var = (
        {"mirna": ["hsa-let-7a-5p", "hsa-let-7a-5p", "hsa-miR-101-3p"], "length": [22, 20, 21]}
        if var is None
        else var
    )
    names = ["TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAG", "TACAGTACTGTGATAACTGAA"]
    obs = pd.DataFrame({"group": pd.Categorical(["a", "b"]), "total": [1, 2]}, index=["s1", "s2"])
    return anndata.AnnData(X=x, obs=obs, var=pd.DataFrame(var, index=names), **more)


@pytest.fixture(params=["object", "file"])
def read(request, tmp_path):
    """Read an AnnData as an object and as a file."""

    def from_file(data, **options):
        path = tmp_path / "counts.h5ad"
        data.write_h5ad(path)
        return read_counts(path, **options)

    return read_counts if request.param == "object" else from_file


@pytest.mark.parametrize(
    "x", [VALUES, sparse.csr_matrix(VALUES), sparse.csc_matrix(VALUES), VALUES.astype(np.int32)]
)
def test_samples_by_isomirs(read, x):
    counts = read(adata(x))
    assert counts.attrs["format"] == "anndata"
    assert counts["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
    assert counts["isomir"].values[0] == "TGAGGTAGTAGGTTGTATAGTT"
    assert counts["mirna"].values.tolist()[-1] == "hsa-miR-101-3p"
    assert counts["length"].values.tolist() == [22, 20, 21]
    assert counts["group"].values.tolist() == ["a", "b"]
    assert counts["total_"].values.tolist() == [1, 2]
    assert counts.attrs["notes"] == ["column(s) renamed because the name is taken: total to total_."]


def test_a_layer_and_another_column(read):
    data = adata(VALUES / 3, var={"parent": ["m", "m", "n"]}, layers={"raw": VALUES})
    counts = read(data, layer="raw", mirna="parent")
    assert counts["mirna"].values.tolist() == ["m", "m", "n"]
    assert counts["counts"].values[0].tolist() == [5, 1]
    with pytest.raises(InputError, match="has no layer 'x', only raw"):
        read(data, layer="x", mirna="parent")
    with pytest.raises(InputError, match=r"column 's1': .*1\.66.* is not a whole number"):
        read(data, mirna="parent")


def test_other_matrices_are_named_where_x_holds_no_counts(read):
    var = {"mirna": ["m", "m", "n"]}
    with pytest.raises(
        InputError, match=r"is not a whole number.* It has other matrices: layer='log', layer='raw'\."
    ):
        read(adata(VALUES / 3, var=var, layers={"raw": VALUES, "log": np.log1p(VALUES)}))
    with pytest.raises(InputError, match=r"has no X: .* It has other matrices: layer='raw'\."):
        read(adata(None, var=var, layers={"raw": VALUES}))
    data = adata(VALUES / 3, var=var)
    data.raw = adata(VALUES, var=var)
    with pytest.raises(InputError, match=r"It has a matrix \.raw: pass adata\.raw\.to_adata\(\)"):
        read(data)


def test_zarr_stores_are_read_as_h5ad(tmp_path):
    pytest.importorskip("zarr")
    data = adata(layers={"double": VALUES * 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of anndata and zarr about each other
        data.write_zarr(tmp_path / "counts.zarr")
    for path in (tmp_path / "counts.zarr", str(tmp_path / "*.zarr")):
        counts = read_counts(path)
        assert counts.attrs["format"] == "anndata"
        assert counts["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
        assert counts["group"].values.tolist() == ["a", "b"]
    assert read_counts(path, format="zarr", layer="double")["counts"].values[0].tolist() == [10, 2]
    with pytest.raises(InputError, match="is not of format 'table'"):
        read_counts(path, format="table")


def test_a_zarr_store_that_is_no_anndata_or_only_declares_an_array(tmp_path):
    zarr = pytest.importorskip("zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="is a zarr store but cannot be read as AnnData"):
        read_counts(tmp_path / "broken.zarr")
    group = zarr.open_group(tmp_path / "huge.zarr", mode="w")
    group.create_array("X", shape=(10**6, 10**6), chunks=(1000, 1000), dtype="f8")
    with pytest.raises(InputError, match=r"bytes unpack to more than 67,108,864"):
        read_counts(tmp_path / "huge.zarr")


def test_a_missing_mirna_column_is_named(read):
    with pytest.raises(InputError, match=r"var has no column 'mirna', only \['x'\]"):
        read(adata(var={"x": ["a", "b", "c"]}))


def test_an_option_that_does_not_exist_is_named(read):
    with pytest.raises(
        InputError, match=r"format 'anndata' has no option 'sequence'\. Its options: layer, mirna"
    ):
        read(adata(), sequence="x")


def test_hdf5_that_is_no_anndata_is_refused(put):
    path = put("counts.h5ad", b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match="is HDF5 but cannot be read as AnnData"):
        read_counts(path)


def test_without_anndata_the_error_says_what_to_install(put, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(InputError, match=r"pip install 'bayes-mirglmm\[anndata\]'"):
        read_counts(put("counts.h5ad", b"\x89HDF\r\n\x1a\n" + bytes(100)))
