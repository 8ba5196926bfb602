"""Columns of tables, read from every library in every type, say the same."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sparsecross import _solvers
from sparsecross.dictionaries import entry_of, learn, null_entries
from sparsecross.fields import read_array, read_table

STRINGS = ["b", None, "", "a", "b", "é"]
NUMBERS = [3, None, -1, 3, 0, 7]


def values_of(column):
    return [entry_of(column, i) for i in range(len(null_entries(column)))]


def read(table):
    (column,) = read_table(table, ["f"])
    return column


TEXTS = {
    "arrow string": pa.table({"f": STRINGS}),
    "arrow large string": pa.table({"f": pa.array(STRINGS, pa.large_string())}),
    "arrow string view": pa.table({"f": pa.array(STRINGS, pa.string_view())}),
    "arrow dictionary": pa.table({"f": pa.array(STRINGS).dictionary_encode()}),
    "arrow slice": pa.table({"f": ["x", *STRINGS, "y"]}).slice(1, len(STRINGS)),
    "arrow chunks of other dictionaries": pa.table(
        {
            "f": pa.chunked_array(
                [
                    pa.array(STRINGS[:2]).dictionary_encode(),
                    pa.array(STRINGS[2:]).dictionary_encode(),
                ]
            )
        }
    ),
    "arrow dictionary with a null in it": pa.table(
        {"f": pa.DictionaryArray.from_arrays([0, 1, 2, 3, 0, 4], ["b", None, "", "a", "é"])}
    ),
    "pandas object": pd.DataFrame({"f": pd.Series(STRINGS, dtype=object)}),
    "pandas object, NaN": pd.DataFrame(
        {"f": pd.Series([np.nan if v is None else v for v in STRINGS], dtype=object)}
    ),
    "pandas object, NA": pd.DataFrame(
        {"f": pd.Series([pd.NA if v is None else v for v in STRINGS], dtype=object)}
    ),
    "pandas str": pd.DataFrame({"f": pd.Series(STRINGS, dtype="str")}),
    "pandas string[python]": pd.DataFrame({"f": pd.Series(STRINGS, dtype="string[python]")}),
    "pandas category": pd.DataFrame({"f": pd.Categorical(STRINGS, ["z", "é", "b", "a", ""])}),
    "pandas arrow": pd.DataFrame({"f": pd.Series(STRINGS, dtype=pd.ArrowDtype(pa.string()))}),
    "polars string": pl.DataFrame({"f": STRINGS}),
    "polars categorical": pl.DataFrame({"f": pl.Series(STRINGS, dtype=pl.Categorical)}),
    "polars enum": pl.DataFrame({"f": pl.Series(STRINGS, dtype=pl.Enum(["", "é", "b", "a", "z"]))}),
}


@pytest.mark.parametrize("kind", list(TEXTS))
def test_strings(kind):
    column = read(TEXTS[kind])
    assert values_of(column) == STRINGS
    found, codes, _ = learn(column, "f", 0, 1)
    assert [found.label(c) for c in range(found.cardinality)] == ["", "a", "b", "é", "<null>"]
    assert codes.tolist() == [2, 4, 0, 1, 2, 3]


INTEGERS = {
    "arrow": pa.table({"f": NUMBERS}),
    "arrow dictionary": pa.table({"f": pa.array(NUMBERS).dictionary_encode()}),
    "arrow float": pa.table({"f": pa.array(NUMBERS, pa.float64())}),
    "pandas float": pd.DataFrame({"f": NUMBERS}),
    "pandas Int64": pd.DataFrame({"f": pd.Series(NUMBERS, dtype="Int64")}),
    "pandas object": pd.DataFrame({"f": pd.Series(NUMBERS, dtype=object)}),
    "pandas category": pd.DataFrame({"f": pd.Categorical(NUMBERS)}),
    "polars": pl.DataFrame({"f": NUMBERS}),
    "polars int8": pl.DataFrame({"f": pl.Series(NUMBERS, dtype=pl.Int8)}),
    "polars float": pl.DataFrame({"f": pl.Series(NUMBERS, dtype=pl.Float32)}),
}


def test_rows_of_a_frame_taken_by_steps():
    frame = TEXTS["pandas category"]
    assert values_of(read(frame[::-2])) == STRINGS[::-2]


@pytest.mark.parametrize("kind", list(INTEGERS))
def test_integers(kind):
    column = read(INTEGERS[kind])
    assert values_of(column) == NUMBERS
    assert learn(column, "f", 0, 1)[1].tolist() == [2, 4, 0, 2, 1, 3]


@pytest.mark.parametrize(
    "objects", [["a", None, "a"], ["x" * k for k in range(3000)], [], ["é", "\U0001f600"]]
)
def test_encoding_objects_is_numbering_by_first_appearance(objects):
    array = np.empty(len(objects), dtype=object)
    array[:] = objects
    codes, blob, starts = _solvers.encode_strings(array)
    distinct = list(dict.fromkeys(v for v in objects if v is not None))
    assert codes.tolist() == [-1 if v is None else distinct.index(v) for v in objects]
    text = blob.tobytes()
    assert [text[a:b].decode() for a, b in pairwise(starts)] == distinct


def test_encoding_objects_leaves_others_alone():
    assert _solvers.encode_strings(np.array(["a", 1], dtype=object)) is None
    with pytest.raises(TypeError):
        _solvers.encode_strings(np.array([1, 2]))
    with pytest.raises(TypeError):
        _solvers.encode_strings(np.array([["a"]], dtype=object))
    strided = np.array(["a", "b", "c", "d"], dtype=object)[::2]
    (column,) = read_array(strided[:, None], [0], ["f"])
    assert values_of(column) == ["a", "c"]


def test_libraries_of_tables_are_not_needed():
    code = (
        "import sys; sys.modules.update(pandas=None, polars=None, pyarrow=None); "
        "import numpy as np; from sparsecross.crossing import FeatureCross; "
        "print(FeatureCross().fit_transform(np.array([['a', 'b']], dtype=object)).nnz)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "3"
