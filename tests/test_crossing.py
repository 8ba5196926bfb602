"""FeatureCross against plain Python, scikit-learn, and itself."""

import json
import pickle
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsecross import _solvers, crossing
from sparsecross.crossing import FeatureCross
from sparsecross.dictionaries import floats_of_keys, ordered_keys
from sparsecross.encoderstate import encoder_of_state, state_of_encoder


@parametrize_with_checks([FeatureCross()])
def test_scikit_learn(estimator, check):
    check(estimator)


# A reference in plain Python: rows as dicts of name -> value, None, or a list of values


def reference(fields, rows, fitted_on, crosses, min_count=1):
    """Each row's set of columns; a column is a tuple of (field, value) pairs; and all, in order."""
    several = {f: any(isinstance(r[f], list) for r in fitted_on) for f in fields}

    def tokens(row, field):
        if several[field]:
            return sorted({v for v in row[field] or [] if v is not None})
        return [row[field]]

    def combos(row, cross):
        out = [()]
        for field in cross:
            grown = []
            for combo in out:
                same = [v for f, v in combo if f == field]
                grown += [
                    (*combo, (field, v)) for v in tokens(row, field) if not same or v > same[-1]
                ]
            out = grown
        return out

    if crosses == "pairwise":
        crosses = [(a, b) for i, a in enumerate(fields) for b in fields[i:] if a != b or several[a]]
    terms = [(f,) for f in fields] + list(crosses)

    def order(column):
        return [(v is None, v if v is not None else 0) for _, v in column]

    columns = []
    for term in terms:
        counts = {}
        for row in fitted_on:
            for combo in combos(row, term):
                counts[combo] = counts.get(combo, 0) + 1
        columns += [
            (term, c) for c in sorted((c for c in counts if counts[c] >= min_count), key=order)
        ]
    place = {column: j for j, column in enumerate(columns)}
    return (
        [
            sorted(place[t, c] for t in terms for c in combos(row, t) if (t, c) in place)
            for row in rows
        ],
        columns,
    )


def lists_of(matrix):
    assert matrix.has_canonical_format
    fresh = type(matrix)((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    assert fresh.has_canonical_format  # found out by scipy, not told to it
    assert (matrix.data == 1).all()
    assert matrix.dtype == np.float32
    return [r.tolist() for r in np.split(matrix.indices, matrix.indptr[1:-1])]


texts = st.sampled_from(
    ["", "a", "b", "ab", "é", "\U0001f600", "\uffff", "longer than eight", "longer than"]
)
integers = st.sampled_from([-(2**40), -3, 0, 1, 2, 7, 2**62])
kinds = {
    "text": st.none() | texts,
    "integer": st.none() | integers,
    "boolean": st.none() | st.booleans(),
    "tokens": st.none() | st.lists(st.none() | texts, max_size=4),
    "numbers": st.none() | st.lists(integers, max_size=3),
}
TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "tokens": pa.list_(pa.string()),
    "numbers": pa.list_(pa.int64()),
}


@st.composite
def problems(draw):
    names = draw(st.lists(st.sampled_from(list(kinds)), min_size=1, max_size=4))
    fields = {f"{kind}{i}": kind for i, kind in enumerate(names)}
    row = st.fixed_dictionaries({f: kinds[kind] for f, kind in fields.items()})
    train = draw(st.lists(row, min_size=1, max_size=12))
    # A field is a list only where some row shows one, and of a kind only where one is not null.
    for f, kind in fields.items():
        if kind in ("tokens", "numbers"):
            train[0][f] = train[0][f] or ["a" if kind == "tokens" else 1]
        elif train[0][f] is None:
            train[0][f] = {"text": "a", "integer": 1, "boolean": True}[kind]
    test = draw(st.lists(row, min_size=1, max_size=6))
    several = [f for f, kind in fields.items() if kind in ("tokens", "numbers")]
    possible = list(combinations(fields, 2)) + list(combinations(fields, 3))
    possible += [(f, f) for f in several] + [(f, g, f) for f in several for g in fields if f != g]
    crosses = "pairwise"
    if draw(st.booleans()):
        crosses = (
            draw(
                st.lists(
                    st.sampled_from(possible), unique_by=lambda c: tuple(sorted(c)), max_size=4
                )
            )
            if possible
            else []
        )
    return fields, train, test, crosses, draw(st.integers(1, 3))


def arrow(rows, fields):
    return pa.table({f: pa.array([r[f] for r in rows], TYPES[kind]) for f, kind in fields.items()})


def polars_table(rows, fields):
    return pl.from_arrow(arrow(rows, fields))


def pandas_objects(rows, fields):
    return pd.DataFrame({f: pd.Series([r[f] for r in rows], dtype=object) for f in fields})


def pandas_arrow(rows, fields):
    return arrow(rows, fields).to_pandas(types_mapper=pd.ArrowDtype)


def categorical(rows, fields):
    table = pandas_objects(rows, fields)
    for f, kind in fields.items():
        if kind in ("text", "integer"):
            table[f] = pd.Categorical(table[f])
    return table


def dictionaries(rows, fields):
    table = arrow(rows, fields)
    for i, (f, kind) in enumerate(fields.items()):
        if kind in ("text", "integer"):
            table = table.set_column(i, f, table[f].dictionary_encode())
    return table


TABLES = [arrow, polars_table, pandas_objects, pandas_arrow, categorical, dictionaries]


@settings(max_examples=50, deadline=None)
@given(problems())
def test_equals_the_plain_reference_from_every_kind_of_table(problem):
    fields, train, test, crosses, min_count = problem
    seen, columns = reference(list(fields), train, train, crosses, min_count)
    later, _ = reference(list(fields), test, train, crosses, min_count)
    for table in TABLES:
        cross = FeatureCross(crosses, min_count=min_count)
        assert lists_of(cross.fit_transform(table(train, fields))) == seen
        assert lists_of(cross.transform(table(train, fields))) == seen
        assert lists_of(cross.transform(table(test, fields))) == later
        assert len(cross.get_feature_names_out()) == len(columns)
    assert [cross._encode_one(row) for row in test] == later


@settings(max_examples=100, deadline=None)
@given(problems(), st.randoms(use_true_random=False), st.sampled_from(["ignore", "error"]))
def test_restricted_encoder_is_the_encoder_restricted(problem, random, unknown):
    fields, train, test, crosses, min_count = problem
    cross = FeatureCross(crosses, min_count=min_count, handle_unknown=unknown)
    cross.fit(arrow(train, fields))
    width = len(cross.get_feature_names_out())
    columns = sorted(random.sample(range(width), random.randint(0, width)))
    small = cross._restricted(columns)
    rows = train + (test if unknown == "ignore" else [])
    want = lists_of(scipy.sparse.csr_matrix(cross.transform(arrow(rows, fields))[:, columns]))
    assert lists_of(small.transform(arrow(rows, fields))) == want
    assert (small.get_feature_names_out() == cross.get_feature_names_out()[columns]).all()
    needed = {d.name for d in small._learnt.dictionaries}
    fewer = {f: kind for f, kind in fields.items() if f in needed}
    if fewer:
        assert lists_of(small.transform(arrow(rows, fewer))) == want
    assert [small._encode_one({f: r[f] for f in needed}) for r in rows] == want
    assert small._memory()["names"] <= cross._memory()["names"]
    again = small._restricted(range(len(columns)))
    assert state_of_encoder(again)[1].keys() == state_of_encoder(small)[1].keys()


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([None, 5, 12]))
def test_state_and_pickle_round_trips(problem, n_bits):
    fields, train, test, crosses, min_count = problem
    cross = FeatureCross(crosses, min_count=min_count, n_bits=n_bits).fit(arrow(train, fields))
    meta, arrays = state_of_encoder(cross)
    for a in arrays.values():
        a.flags.writeable = False
    for other in (
        encoder_of_state(json.loads(json.dumps(meta)), arrays),
        pickle.loads(pickle.dumps(cross)),
    ):
        got, want = (c.transform(arrow(test, fields)) for c in (other, cross))
        assert got.shape == want.shape
        assert lists_of(got) == lists_of(want)
        assert other._memory() == cross._memory()
        assert [other._encode_one(r) for r in test] == lists_of(want)


@settings(max_examples=60, deadline=None)
@given(problems(), st.randoms(use_true_random=False), st.sampled_from([None, 9]))
def test_rows_permuted_before_are_rows_permuted_after(problem, random, n_bits):
    fields, train, _, crosses, min_count = problem
    cross = FeatureCross(crosses, min_count=min_count, n_bits=n_bits)
    straight = lists_of(cross.fit_transform(arrow(train, fields)))
    collisions = cross.collisions_
    order = list(range(len(train)))
    random.shuffle(order)
    shuffled = cross.fit_transform(arrow([train[i] for i in order], fields))
    assert lists_of(shuffled) == [straight[i] for i in order]
    assert cross.collisions_ == collisions


@settings(max_examples=80, deadline=None)
@given(problems(), st.integers(1, 31))
def test_hashing_merges_columns_of_the_exact_encoding_and_counts_them(problem, n_bits):
    fields, train, _, crosses, _ = problem
    exact = FeatureCross(crosses)
    columns = lists_of(exact.fit_transform(arrow(train, fields)))
    cross = FeatureCross(crosses, n_bits=n_bits)
    slots = lists_of(cross.fit_transform(arrow(train, fields)))
    # The slot of each exact column is one that all rows with that column have.
    common = {}
    for row, there in zip(columns, slots, strict=True):
        for j in row:
            common[j] = common.get(j, set(there)) & set(there)
        assert len(there) <= len(row)
    assert all(common.values())
    if cross.collisions_ == 0:
        assert [len(r) for r in columns] == [len(r) for r in slots]
    assert 0 <= cross.collisions_ <= len(exact.get_feature_names_out())
    assert cross.collisions_ != 1


def test_collisions_are_counted_by_brute_force():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 40, (500, 3))
    cross = FeatureCross(n_bits=8)
    cross.fit(X)
    slots = []
    levels = FeatureCross([], n_bits=8).fit(X)
    hashes = [
        levels._learnt.read(list(crossing.read_array(X, range(3), levels._names)))[0][i]
        for i in range(3)
    ]
    values = [np.unique(X[:, i]) for i in range(3)]

    def mix(x):
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
        return x ^ (x >> 31)

    for i in range(3):
        slots += [mix(int(h)) >> 56 for h in hashes[i]]
    for i, j in combinations(range(3), 2):
        for a, b in {(a, b) for a, b in X[:, [i, j]].tolist()}:
            first = int(hashes[i][np.searchsorted(values[i], a)])
            second = int(hashes[j][np.searchsorted(values[j], b)])
            slots.append(mix((mix(first) + second) % 2**64) >> 56)
    assert cross.collisions_ == sum(slots.count(s) > 1 for s in slots)


GOLDEN = [
    [
        47396,
        94290,
        127642,
        173220,
        334352,
        358028,
        369009,
        441441,
        650706,
        702785,
        941662,
        956531,
        961686,
        985738,
        1009058,
    ],
    [482240, 518980, 658630, 758847, 760245, 774960],
]


def test_hashes_are_the_same_everywhere():
    table = pd.DataFrame(
        {"city": ["Oslo", None], "n": [1, -7], "b": [True, False], "tags": [["x", "y"], []]}
    )
    got = FeatureCross(n_bits=20).fit_transform(table)
    assert lists_of(got) == GOLDEN


def test_unseen_values_hash_too_but_columns_below_min_count_stay_empty():
    X = np.array([[1, 1], [1, 1], [2, 1]])
    cross = FeatureCross(n_bits=24).fit(X)
    assert cross.transform(np.array([[9, 9]])).nnz == 3
    rare = FeatureCross(n_bits=24, min_count=2)
    assert rare.fit_transform(X).sum(axis=1).ravel().tolist() == [[3, 3, 1]]
    assert rare.transform(np.array([[9, 9]])).nnz == 0


# Against scikit-learn


@pytest.mark.parametrize("seed", range(3))
def test_equals_one_hot_and_products_without_their_empty_columns(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "a": rng.choice(["u", "v", "w"], 50),
            "b": rng.integers(0, 9, 50),
            "c": rng.random(50) < 0.5,
        }
    )
    encoder, products = (
        OneHotEncoder(),
        PolynomialFeatures(2, interaction_only=True, include_bias=False),
    )
    want = products.fit_transform(encoder.fit_transform(table)).tocsc()
    names = products.get_feature_names_out(encoder.get_feature_names_out())
    there = np.flatnonzero(np.diff(want.indptr))
    cross = FeatureCross()
    got = cross.fit_transform(table).tocsc()
    assert got.nnz == want.nnz
    place = {name: j for j, name in enumerate(cross.get_feature_names_out())}
    assert set(place) == set(names[there])
    order = [place[name] for name in names[there]]
    assert (got[:, order] != want[:, there]).nnz == 0


# What the result does not depend on


@pytest.mark.parametrize("n_bits", [None, 14])
@pytest.mark.parametrize("rows", [1, 700, 5000])
def test_results_do_not_depend_on_threads(rows, n_bits):
    rng = np.random.default_rng(1)
    X = np.minimum(rng.zipf(1.3, (rows, 5)), 10**6)
    one = FeatureCross(n_threads=1, n_bits=n_bits)
    two = FeatureCross(n_threads=2, n_bits=n_bits)
    assert lists_of(one.fit_transform(X)) == lists_of(two.fit_transform(X))
    assert (
        lists_of(one.transform(X)) == lists_of(two.transform(X)) == lists_of(one.fit_transform(X))
    )


@pytest.mark.parametrize("rows", [3000, 20000])
def test_large_key_ranges_equal_numpy(rows):
    """Long enough for the hash table to grow and the keys to be sorted digit by digit."""
    rng = np.random.default_rng(2)
    X = rng.integers(-(10**15), 10**15, (rows, 2))
    X[:, 1] = rng.integers(0, rows // 2, rows) * 10**12
    cross = FeatureCross(min_count=1)
    got = cross.fit_transform(X)
    pairs, inverse = np.unique(X, axis=0, return_inverse=True)
    levels = sum(len(np.unique(X[:, i])) for i in range(2))
    assert got.shape[1] == levels + len(pairs)
    assert (got.indices.reshape(rows, 3)[:, 2] - levels == inverse).all()
    assert (cross.transform(X) != got).nnz == 0
    assert cross.transform(X + 1).nnz < got.nnz


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a.astype(np.int64),
        lambda a: a.astype(np.uint8),
        lambda a: a.astype(np.float32),
        np.asfortranarray,
        lambda a: a.astype(object),
        lambda a: a[::1].copy()[:, ::-1][:, ::-1],
    ],
)
def test_codes_of_every_dtype_and_order(make):
    a = np.random.default_rng(3).integers(0, 5, (40, 3))
    read_only = make(a)
    read_only.flags.writeable = False
    assert lists_of(FeatureCross().fit_transform(read_only)) == lists_of(
        FeatureCross().fit_transform(a)
    )


def test_strings_as_numpy_and_as_objects():
    a = np.array([["b", "x"], ["a", "y"], ["b", "y"]])
    assert lists_of(FeatureCross().fit_transform(a)) == lists_of(
        FeatureCross().fit_transform(a.astype(object))
    )


def test_wide_indices_are_the_same(monkeypatch):
    X = np.random.default_rng(4).integers(0, 9, (30, 3))
    narrow = FeatureCross().fit_transform(X)
    assert narrow.indices.dtype == narrow.indptr.dtype == np.int32
    monkeypatch.setattr(crossing, "_INDEX_LIMIT", 10)
    table = _solvers.Columns([[0], [0, 1]], [9, 9], [None, None])
    _, *wide = table.of_rows([(np.zeros(20, np.int32), None)] * 2, 20, 10)
    assert wide[0].dtype == wide[1].dtype == np.int64
    cross = FeatureCross()
    assert lists_of(cross.fit_transform(X)) == lists_of(narrow)
    assert lists_of(cross.transform(X)) == lists_of(narrow)


def test_sparse_interface_is_followed():
    X = np.array([[0, 1], [1, 1]])
    assert isinstance(FeatureCross().fit_transform(X), scipy.sparse.csr_matrix)
    with sklearn.config_context(sparse_interface="sparray"):
        assert isinstance(FeatureCross().fit(X).transform(X), scipy.sparse.csr_array)


def test_clone_and_refit():
    X = np.array([[0, 1], [1, 1]])
    cross = FeatureCross([(0, 1)], min_count=2).fit(X)
    assert clone(cross).get_params() == cross.get_params()
    assert cross.set_params(min_count=1).fit_transform(X).shape == (2, 5)
    assert cross.fit_transform(np.array([["a", "b"]])).shape == (1, 3)


def test_set_output_of_a_dense_frame_says_no():
    with pytest.raises(ValueError, match="sparse"):
        FeatureCross().set_output(transform="pandas").fit_transform(pd.DataFrame({"a": [1]}))


# Buckets


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.5, 1.5]), min_size=1, max_size=40),
    st.integers(2, 8),
)
def test_buckets_count_edges_at_or_below(values, n_buckets):
    table = pd.DataFrame({"v": np.array(values)})
    cross = FeatureCross([], buckets={"v": n_buckets}).fit(table)
    edges = cross._learnt.dictionaries[0].values
    assert len(edges) < n_buckets
    ranked = sorted(values)
    for e in edges.tolist():
        assert e in ranked
        assert e > ranked[0]
    assert lists_of(cross.transform(table)) == [[sum(e <= v for e in edges)] for v in values]
    distinct = np.arange(100.0)
    even = FeatureCross([], buckets={"v": 4}).fit_transform(pd.DataFrame({"v": distinct}))
    assert even.sum(axis=0).tolist() == [[25, 25, 25, 25]]


def test_an_int_cuts_only_fields_with_fractions():
    table = pd.DataFrame({"v": [0.5, 1.5, 2.5, 3.5], "k": [1.0, None, 2.0, 1.0]})
    cross = FeatureCross([], buckets=2).fit(table)
    assert cross.get_feature_names_out().tolist() == [
        "v_[-inf, 2.5)",
        "v_[2.5, inf)",
        "k_1",
        "k_2",
        "k_<null>",
    ]


def test_nulls_of_numeric_fields():
    table = pd.DataFrame({"v": [0.5, None, 1.5]})
    with pytest.raises(ValueError, match=r"'v'.*row 1"):
        FeatureCross(buckets=2).fit(table)
    cross = FeatureCross(buckets=2, numeric_nulls="indicator")
    assert lists_of(cross.fit_transform(table)) == [[0], [2], [1]]
    assert [cross._encode_one({"v": v}) for v in (0.5, None, 1.5)] == [[0], [2], [1]]
    for kind in (pl.DataFrame({"v": [0.5, None, 1.5]}), pa.table({"v": [0.5, None, 1.5]})):
        assert lists_of(cross.fit_transform(kind)) == [[0], [2], [1]]


# Floats


def test_floats_are_categories():
    table = pd.DataFrame({"v": [0.5, -0.0, np.nan, 1e300, -2.5, 0.0, 3.0]})
    cross = FeatureCross([])
    rows = [[2], [1], [5], [4], [0], [1], [3]]
    assert lists_of(cross.fit_transform(table)) == rows
    assert lists_of(cross.transform(table)) == rows
    names = ["v_-2.5", "v_0.0", "v_0.5", "v_3.0", "v_1e+300", "v_<null>"]
    assert cross.get_feature_names_out().tolist() == names
    assert [cross._encode_one({"v": v}) for v in (3, 3.0, 0.25, -0.0)] == [[3], [3], [], [1]]
    assert lists_of(cross.transform(pd.DataFrame({"v": [3, 0, 7]}))) == [[3], [1], []]
    meta, arrays = state_of_encoder(cross)
    again = encoder_of_state(json.loads(json.dumps(meta)), arrays)
    assert lists_of(again.transform(table)) == rows
    for bad in (np.array([-1]), ordered_keys(np.array([np.inf])), np.array([2**63 - 1])):
        with pytest.raises(ValueError, match="finite"):
            encoder_of_state(meta, {"field0.values": bad})


def test_whole_numbers_are_the_same_categories_among_floats():
    whole = pd.DataFrame({"v": [1.0, 2.0]})
    cross = FeatureCross([]).fit(whole)
    assert lists_of(cross.transform(pd.DataFrame({"v": [1.5, 2.0]}))) == [[], [1]]
    with pytest.raises(ValueError, match=r"holds 1\.5, which was not seen"):
        FeatureCross([], handle_unknown="error").fit(whole).transform(whole + 0.5)
    hashed = FeatureCross([], n_bits=30).fit(whole)
    mixed = lists_of(hashed.transform(pd.DataFrame({"v": [1.5, 2.0, 1.0]})))
    assert mixed[1:] == lists_of(hashed.transform(whole))[::-1]
    assert [hashed._encode_one({"v": v}) for v in (1.5, 2, 1.0)] == mixed


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_keys_of_floats_are_in_their_order(values):
    floats = np.array(values, np.float64)
    keys = ordered_keys(floats)
    assert (floats_of_keys(keys) == floats).all()
    assert ((floats[:, None] < floats) == (keys[:, None] < keys)).all()


# Bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"crosses": "triples"}, "crosses must be 'pairwise'"),
        ({"crosses": [("a",)]}, "2 to 16 fields"),
        ({"crosses": [("a", "a")]}, "'a' twice"),
        ({"crosses": [("a", "z")]}, "unknown field 'z'"),
        ({"crosses": [(0, 7)]}, "unknown field 7"),
        ({"crosses": ["ab"]}, "tuples of fields"),
        ({"crosses": [("a", "b"), ("b", "a")]}, "there twice"),
        ({"min_count": 0}, "min_count must be an integer at least 1"),
        ({"min_count": 1.5}, "min_count"),
        ({"n_bits": 32}, "n_bits must be an integer between 1 and 31"),
        ({"n_threads": 0}, "n_threads"),
        ({"buckets": 1}, "buckets"),
        ({"buckets": {"z": 3}}, "buckets: unknown field"),
        ({"buckets": {"b": 3}}, "must hold numbers"),
        ({"numeric_nulls": "drop"}, "numeric_nulls"),
        ({"handle_unknown": "drop"}, "handle_unknown"),
    ],
)
def test_parameters_out_of_range(parameters, message):
    with pytest.raises(ValueError, match=message):
        FeatureCross(**parameters).fit(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, float("inf")], "inf"),
        (["a", 1], "one kind only"),
        ([True, 2], "one kind only"),
        (["a", 1.5], "one kind only"),
        ([[1], "a"], "holds lists, but 'a' in row 1"),
        ([[[1]], [[2]]], "lists of lists"),
        ([2**70, 1], "2\\^63"),
        (["\ud800", "a"], "not valid Unicode"),
        ([{"a": 1}, {"b": 2}], "one kind only"),
    ],
)
def test_values_that_are_no_categories(values, message):
    column = pd.Series(values, dtype=object)
    with pytest.raises(ValueError, match=message):
        FeatureCross().fit(pd.DataFrame({"f": column}))


def test_types_that_are_no_categories():
    with pytest.raises(ValueError, match="2\\^63"):
        FeatureCross().fit(np.array([[2**64 - 1]], np.uint64))
    for table in (
        pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}),
        pl.DataFrame({"t": [1]}).cast(pl.Datetime),
        pa.table({"t": pa.array([1], pa.timestamp("s"))}),
    ):
        with pytest.raises(ValueError, match="'t'"):
            FeatureCross().fit(table)


def test_tables_of_other_fields():
    train = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    cross = FeatureCross().fit(train)
    for bad in (
        train[["a"]],
        train[["b", "a"]],
        train.assign(c=1),
        train.rename(columns={"a": "z"}),
    ):
        with pytest.raises(ValueError):
            cross.transform(bad)
        with pytest.raises(ValueError):
            cross.transform(pl.from_pandas(bad))
        with pytest.raises(ValueError):
            cross.transform(pa.Table.from_pandas(bad))
    with pytest.raises(ValueError, match="fitted with strings, but holds integers"):
        cross.transform(train.assign(b=[1, 2]))
    with pytest.raises(ValueError, match="fitted with single values, but holds lists"):
        cross.transform(train.assign(a=[[1], [2]]))
    with pytest.raises(ValueError, match="fields"):
        cross._encode_one({"a": 1})
    with pytest.raises(ValueError, match="lacks the field 'b'"):
        cross._encode_one({"a": 1, "c": 1})
    assert cross.transform(train.iloc[:0]).shape == (0, 6)


def test_unknown_values_raise_on_demand():
    train = pd.DataFrame({"a": ["x", "x", "y"], "t": [["p"], ["p", "q"], []]})
    cross = FeatureCross(handle_unknown="error", min_count=2).fit(train)
    assert lists_of(cross.transform(train)) == [[0, 1, 2], [0, 1, 2], []]  # y, q: rare, not unknown
    with pytest.raises(ValueError, match="'a' holds 'z', which was not seen"):
        cross.transform(train.assign(a="z"))
    with pytest.raises(ValueError, match="'a' holds None"):
        cross.transform(train.assign(a=[None, "x", "y"]))
    with pytest.raises(ValueError, match="'t' holds 'r'"):
        cross._encode_one({"a": "x", "t": ["r"]})


def test_keys_beyond_63_bits_advise_hashing():
    X = np.arange(4000)[:, None] + np.arange(6)
    crosses = [tuple(range(6))]
    with pytest.raises(ValueError, match=r"2\^63.*n_bits"):
        FeatureCross(crosses).fit(X)
    assert FeatureCross(crosses, n_bits=20).fit_transform(X).shape == (4000, 2**20)


def test_restricting_says_what_is_wrong():
    cross = FeatureCross().fit(np.array([[0, 1], [1, 1]]))
    for bad in ([1, 1], [2, 1], [-1], [5], [[0]], [0.5]):
        with pytest.raises(ValueError, match="columns must"):
            cross._restricted(bad)
    with pytest.raises(ValueError, match="hashed"):
        FeatureCross(n_bits=3).fit(np.array([[0]]))._restricted([0])


# Corrupted state and malformed arrays: a ValueError or TypeError, never a crash


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_corrupted_state_raises_or_still_works(data):
    table = pd.DataFrame(
        {"a": ["x", "ü", None], "b": [1, 2, 7], "t": [["p", "q"], [], ["q"]], "v": [0.5, 1.5, 2.5]}
    )
    cross = FeatureCross(buckets=2).fit(table)
    meta, arrays = state_of_encoder(cross)
    name = data.draw(st.sampled_from(sorted(arrays)))
    raw = bytearray(arrays[name].tobytes())
    if raw and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
        changed = np.frombuffer(bytes(raw), arrays[name].dtype)
    else:
        changed = data.draw(
            st.sampled_from(
                [
                    arrays[name][:-1],
                    arrays[name][::-1],
                    arrays[name].astype(np.int16),
                    arrays[name][None],
                ]
            )
        )
    try:
        other = encoder_of_state(meta, {**arrays, name: changed})
    except ValueError:
        return
    other.transform(table)
    other.get_feature_names_out()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("terms"),
        lambda m: m.update(terms=[[0], [99]]),
        lambda m: m.update(terms=[[]]),
        lambda m: m.update(terms=None),
        lambda m: m.update(names=[1, 2]),
        lambda m: m.update(names=["a"]),
        lambda m: m["parameters"].update(n_bits=99),
        lambda m: m["parameters"].update(more=1),
        lambda m: m["fields"][0].update(kind="picture"),
        lambda m: m["fields"][0].update(position=5),
        lambda m: m["fields"].pop(),
    ],
)
def test_corrupted_meta(change):
    cross = FeatureCross().fit(np.array([["a", "b"], ["c", "b"]]))
    meta, arrays = state_of_encoder(cross)
    meta = json.loads(json.dumps(meta))
    change(meta)
    with pytest.raises(ValueError):
        encoder_of_state(meta, arrays)


def test_memory_mapped_state(tmp_path):
    X = np.random.default_rng(5).integers(0, 10**6, (500, 3))
    cross = FeatureCross().fit(X)
    meta, arrays = state_of_encoder(cross)
    for name, a in arrays.items():
        np.save(tmp_path / name, a)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in arrays}
    assert lists_of(encoder_of_state(meta, mapped).transform(X)) == lists_of(cross.transform(X))


codes = np.zeros(4, np.int32)
offsets = np.array([0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    "call",
    [
        lambda: _solvers.Strings(np.zeros(3, np.uint8), np.array([0, 4])),
        lambda: _solvers.Strings(np.zeros(3, np.uint8), np.array([-1, 3])),
        lambda: _solvers.Strings(np.zeros(3, np.uint8), np.array([0, 3, 2, 3])),
        lambda: _solvers.Strings(np.zeros(3, np.uint8), np.zeros(0, np.int64)),
        lambda: _solvers.Strings(np.zeros(3, np.int8), np.array([0, 3])),
        lambda: _solvers.Strings(np.zeros(3, np.uint8), np.array([0, 3])).take(np.array([1])),
        lambda: _solvers.Integers(np.array([2, 1])),
        lambda: _solvers.Integers(np.zeros((2, 2), np.int64)),
        lambda: _solvers.Columns([[0, 1]], [2, 2], [np.array([4], np.uint64)]),
        lambda: _solvers.Columns([[0, 1]], [2, 2], [np.array([1, 1], np.uint64)]),
        lambda: _solvers.Columns([[0, 2]], [2, 2], [None]),
        lambda: _solvers.Columns([[0]], [-1], [None]),
        lambda: _solvers.Columns([[0, 1]], [2**31 - 1, 2**31 - 1], [None]),
        lambda: _solvers.Columns([[0]], [2], []),
        lambda: _solvers.Columns([[0]], [2], [np.array([0, 1])]),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([(codes + 2, None)], 4, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([(codes, None)], 5, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([(codes, offsets - 1)], 4, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([(codes - 1, offsets)], 4, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([(codes, offsets[::-1].copy())], 4, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([(codes.astype(float), None)], 4, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_rows([], 4, 9),
        lambda: _solvers.Columns([[0]], [2], [None]).of_row([7]),
        lambda: _solvers.Columns([[0]], [2], [None]).of_row([[1, 0]]),
        lambda: _solvers.learn_keys([[0]], [1], [(codes, None)], -1, 1),
        lambda: _solvers.learn_keys([[0] * 17], [1], [(codes, None)], 4, 1),
        lambda: _solvers.learn_keys([[0, 0, 0]], [2**30], [(codes, None)], 4, 1),
        lambda: _solvers.occurring(codes + 3, 3),
        lambda: _solvers.occurring(codes.astype(np.uint8), 3),
        lambda: _solvers.mapped(codes + 1, np.zeros(2, np.int32)),
        lambda: _solvers.mapped(codes, np.zeros(0, np.int32)),
        lambda: _solvers.encode_texts(
            np.zeros(3, np.uint8), np.array([0, 4]), np.zeros(1, np.bool_)
        ),
        lambda: _solvers.encode_texts(
            np.zeros(3, np.uint8), np.array([0, 3]), np.zeros(2, np.bool_)
        ),
        lambda: _solvers.hash_columns(
            [[0]], [np.zeros(1, np.uint64)], [(codes, None)], 4, 9, np.zeros(9, np.uint8), 9
        ),
        lambda: _solvers.make_sets(offsets + 1, codes),
        lambda: _solvers.make_sets(np.array([0, 9, 4]), codes),
        lambda: _solvers.distinct_integers(np.array([-(2**63), 2**63 - 1]), np.zeros(2, bool)),
        lambda: _solvers.distinct_integers(np.array([1, 2]), np.zeros(1, bool)),
        lambda: _solvers.hash_columns(
            [[0]], [np.zeros(1, np.uint64)], [(codes, None)], 4, 0, None, 9
        ),
        lambda: _solvers.hash_columns(
            [[0]], [np.zeros(0, np.uint64)], [(codes, None)], 4, 3, None, 9
        ),
        lambda: _solvers.hash_collisions([[1]], [np.zeros(1, np.uint64)], [(codes, None)], 4, 3),
    ],
)
def test_compiled_entry_points_reject_malformed_arrays(call):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        call()
