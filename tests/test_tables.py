"""Reading tables: the same data are the same table, whatever the file."""

import bz2
import gzip
import lzma
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparsecross.files import format_of
from sparsecross.svmlight import read_svmlight
from sparsecross.tables import check_columns, column_names, read_table, split_tokens

TABLE = pa.table(
    {
        "number": [1.5, None, 0.1, 1e-300],
        "whole": [1, 2, None, -4],
        "text": ["a b", 'say "hi", then', None, "ü\u00a0"],
        "flag": [True, False, None, True],
        "code": ["01", "002", "3", None],
    }
)
CSV = """number,whole,text,flag,code
1.5,1,a b,true,01
,2,"say ""hi"", then",false,002
0.1,,NA,,3
1e-300,-4,ü\u00a0,true,
"""


def compress(content, suffix):
    if suffix == ".zst":
        return pa.compress(content, codec="zstd", asbytes=True)
    return {".gz": gzip, ".bz2": bz2, ".xz": lzma}[suffix].compress(content)


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


def read(path, **options):
    form = format_of(path)
    names = column_names(path, form, options.get("delimiter"))
    return read_table(path, form, names, **options)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_every_format_and_compression_gives_the_same_table(tmp_path, suffix):
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    tsv = CSV.replace('"say ""hi"", then"', 'say "hi"; then').replace(",", "\t").replace(";", ",")
    contents = {"csv": CSV.encode(), "tsv": tsv.encode(), "parquet": sink.getvalue().to_pybytes()}
    for form, content in contents.items():
        content = compress(content, suffix) if suffix else content
        path = write(tmp_path, f"t.{form}{suffix}", content)
        assert column_names(path, form) == TABLE.column_names
        assert read(path, texts=["code"]).equals(TABLE)
        chosen = read_table(path, form, ["flag", "number"])
        assert chosen.equals(TABLE.select(["flag", "number"]))


def test_delimiter_and_byte_order_mark(tmp_path):
    path = write(tmp_path, "t.csv", b"\xef\xbb\xbfa;b\n1;x\n")
    assert read(path, delimiter=";").to_pydict() == {"a": [1], "b": ["x"]}


def test_quoted_cells_are_never_null_and_may_hold_newlines(tmp_path):
    path = write(tmp_path, "t.csv", b'a,b\n"NA",""\n"x\ny",z\n')
    assert read(path).to_pydict() == {"a": ["NA", "x\ny"], "b": ["", "z"]}


def test_dates_are_the_same_text_in_every_format(tmp_path):
    path = write(tmp_path, "t.csv", b"day\n2024-02-29\n\n2024-03-01\n")
    day = pa.array(["2024-02-29", "2024-03-01"]).cast(pa.date32())
    pq.write_table(pa.table({"day": day}), tmp_path / "t.parquet")
    assert read(path).equals(read(str(tmp_path / "t.parquet")))


def test_other_types_become_plain_ones(tmp_path):
    table = pa.table(
        {
            "decimal": pa.array(["1.5", None]).cast(pa.decimal128(5, 2)),
            "half": pa.array(np.array([1, 2], np.float16)),
            "bytes": pa.array([b"a", None]),
            "large": pa.array([b"a", None], pa.large_binary()),
            "fixed": pa.array([b"a", None], pa.binary(1)),
            "view": pa.array(["a", None], pa.string_view()),
            "dictionary": pa.array([b"a", None]).dictionary_encode(),
            "views": pa.array([["a", None], None], pa.list_(pa.string_view())),
            "days": pa.array([[0], []], pa.large_list(pa.date32())),
            "pairs": pa.array([[b"a", b"b"], None], pa.list_(pa.binary(), 2)),
        }
    )
    path = str(tmp_path / "t.parquet")
    pq.write_table(table, path)
    plain = read(path)
    assert plain.to_pydict() == {
        "decimal": [1.5, None],
        "half": [1.0, 2.0],
        "bytes": ["a", None],
        "large": ["a", None],
        "fixed": ["a", None],
        "view": ["a", None],
        "dictionary": ["a", None],
        "views": [["a", None], None],
        "days": [["1970-01-01"], []],
        "pairs": [["a", "b"], None],
    }
    assert plain.take([1, 0]).num_rows == 2  # views cannot be taken
    for damaged in ([b"\xff"], [[b"\xff"]]):
        pq.write_table(pa.table({"bytes": pa.array(damaged)}), path)
        with pytest.raises(ValueError, match="'bytes' is not valid UTF-8"):
            read(path)


@pytest.mark.parametrize(
    ("separator", "cells", "expected"),
    [
        (None, ["a  b ", "", None, "\tc"], [["a", "b"], [], [], ["c"]]),
        (",", ["a, b,,", "", None, "c"], [["a", "b"], [], [], ["c"]]),
        ("||", ["a||b|c"], [["a", "b|c"]]),
        (None, [None, None], [[], []]),
        (None, [], []),
    ],
)
def test_split_tokens(separator, cells, expected):
    column = pa.chunked_array([pa.array(cells, pa.string())])
    assert split_tokens(column, separator).to_pylist() == expected
    encoded = column.dictionary_encode()
    assert split_tokens(encoded, separator).to_pylist() == expected


def test_format_of():
    assert format_of("a/b.CSV.gz") == "csv"
    assert format_of("x.libsvm") == "svmlight"
    assert format_of("x", "tsv") == "tsv"
    with pytest.raises(ValueError, match="cannot tell the format"):
        format_of("data.gz")


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("form", ["csv", "parquet", "svmlight"])
def test_damaged_compressed_files_are_value_errors(tmp_path, suffix, form):
    content = compress(b"1 2:3\n" * 10_000 + bytes(np.random.default_rng(0).bytes(5000)), suffix)
    for name, damaged in (("cut", content[: len(content) // 2]), ("no", b"nothing of the kind")):
        path = write(tmp_path, f"{name}.{form}{suffix}", damaged)
        with pytest.raises(ValueError, match=name):
            read_svmlight(path) if form == "svmlight" else read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.parquet", b"PAR1 no more"),
        ("t.parquet", b""),
        ("t.csv", b""),
        ("t.csv", b"a,b\n1\n"),
        ("t.csv", b"a,b\n1,\xff\n"),
    ],
)
def test_unreadable_tables_are_value_errors(tmp_path, name, content):
    with pytest.raises(ValueError, match=r"t\.|UTF-8"):
        read(write(tmp_path, name, content))


def test_names_that_occur_twice(tmp_path):
    with pytest.raises(ValueError, match="several columns named 'a'"):
        read(write(tmp_path, "t.csv", b"a,b,a\n1,2,3\n"))


def test_missing_columns_are_named_with_near_matches():
    check_columns(["a"], ["a", "b"], "t.csv")
    with pytest.raises(ValueError, match=r"no column 'secton'; did you mean 'section'\?"):
        check_columns(["secton"], ["section", "tags"], "t.csv")
    with pytest.raises(ValueError, match=r"no columns 'x', 'y'; it has 'section', 'tags'$"):
        check_columns(["x", "y"], ["section", "tags"], "t.csv")


def test_columns_are_looked_up_and_not_compared_one_by_one():
    n_compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal n_compared
            n_compared += 1
            return str.__eq__(self, other)

    present, wanted = ([Name(f"c{i}") for i in range(2_000)] for _ in range(2))
    check_columns(wanted, present, "t.csv")
    assert 0 < n_compared < 10 * len(wanted)


def test_svmlight_finds_out_where_indices_begin(tmp_path):
    one = read_svmlight(write(tmp_path, "one.svm", b"1 1:2 3:4\n-1 2:1 # comment\n"))
    assert not one.zero_based
    assert one.X.toarray().tolist() == [[2, 0, 4], [0, 1, 0]]
    assert one.y.tolist() == [1, -1]
    zero = read_svmlight(write(tmp_path, "zero.svm", b"1 0:2 2:4\n"))
    assert zero.zero_based
    assert zero.X.toarray().tolist() == [[2, 0, 4]]


def test_svmlight_width_and_base_follow_the_model(tmp_path):
    path = write(tmp_path, "t.svm", b"1 1:2 3:4\n")
    assert read_svmlight(path, zero_based=False, n_features=5).X.shape == (1, 5)
    assert read_svmlight(path, zero_based=True, n_features=4).X.toarray().tolist() == [[0, 2, 0, 4]]
    with pytest.raises(ValueError, match="index 3, but the model's 2 columns end at 2"):
        read_svmlight(path, zero_based=False, n_features=2)
    with pytest.raises(ValueError, match="index 3, but the model's 3 columns end at 2"):
        read_svmlight(path, zero_based=True, n_features=3)
    with pytest.raises(ValueError, match="index 0"):
        read_svmlight(write(tmp_path, "zero.svm", b"1 0:2\n"), zero_based=False)


@pytest.mark.parametrize("content", [b"1 x:2\n", b"a,b\n1,2\n", b"1 -3:1\n", b"1 1:abc\n"])
def test_svmlight_that_is_none_is_a_value_error(tmp_path, content):
    with pytest.raises(ValueError, match=r"t\.svm"):
        read_svmlight(write(tmp_path, "t.svm", content))


def test_modules_import_without_pyarrow():
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import sparsecross.cli, sparsecross.tables as t\n"
        "try: t.column_names('x.csv', 'csv')\n"
        "except ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "reading tables needs pyarrow: pip install 'sparsecross[cli]'\n"
