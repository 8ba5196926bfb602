"""Pruned = unpruned, to the last bit, by every route."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso as OtherLasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sparsecross as sx
from sparsecross import _solvers, _stream
from sparsecross.storage import least_bytes

RNG = np.random.default_rng(11)


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == object:  # labels
        return a.tolist() == b.tolist()
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def sparse_data(n=60, p=300, classes=2):
    X = sp.random(n, p, 0.1, format="csr", random_state=3)
    X.data -= 0.3
    w = np.zeros(p)
    w[RNG.choice(p, 10, replace=False)] = RNG.standard_normal(10)
    margins = X @ w + 0.1 * RNG.standard_normal(n)
    edges = np.quantile(margins, np.linspace(0, 1, classes + 1)[1:-1])
    return X, margins, np.array(["a", "b", "c", "d"])[np.searchsorted(edges, margins)]


@pytest.fixture(
    params=[
        "regressor",
        "two classes",
        "four classes",
        "multinomial",
        "elastic",
        "huber",
        "poisson",
        "empty",
        "full",
    ]
)
def fitted(request):
    X, y, labels = sparse_data(classes=4 if request.param in ("four classes", "multinomial") else 2)
    model = {
        "regressor": lambda: sx.Lasso(alpha=0.003).fit(X, y),
        "huber": lambda: sx.HuberRegressor(alpha=0.003).fit(X, y),
        "poisson": lambda: sx.PoissonRegressor(alpha=0.003).fit(X, np.round(np.exp(y))),
        "multinomial": lambda: sx.SparseLogisticRegression(
            alpha=0.01, multi_class="multinomial"
        ).fit(X, labels),
        "elastic": lambda: sx.ElasticNet(alpha=0.01).fit(X, y),
        "empty": lambda: sx.Lasso(alpha=1e6).fit(X, y),
        "full": lambda: sx.ElasticNet(alpha=1e-3, l1_ratio=0.0).fit(X, y),
        "two classes": lambda: sx.SparseLogisticRegression(alpha=0.01).fit(X, labels),
        "four classes": lambda: sx.SparseLogisticRegression(alpha=0.01).fit(X, labels),
    }[request.param]()
    return model, X


def routes(model, X, tmp_path):
    pruned = sx.prune(model)
    pruned.save(tmp_path / "m.sxm")
    return [
        pruned,
        sx.load(tmp_path / "m.sxm"),
        sx.load(tmp_path / "m.sxm", mmap=False),
        pickle.loads(pickle.dumps(pruned)),
        pickle.loads(pickle.dumps(sx.load(tmp_path / "m.sxm"))),
    ]


def test_every_route_and_layout_gives_the_same_bits(fitted, tmp_path):
    model, X = fitted
    dense = X.toarray()
    layouts = [X, X.tocsc(), sp.csr_array(X), dense, np.asfortranarray(dense), X.tocoo()]
    expected = model.predict(X)
    for layout in layouts:
        assert same_bits(model.predict(layout), expected)
    for pruned in routes(model, X, tmp_path):
        for layout in layouts:
            assert same_bits(pruned.predict(layout), expected)
            if hasattr(model, "predict_proba"):
                assert same_bits(pruned.predict_proba(layout), model.predict_proba(X))
                assert same_bits(pruned.decision_function(layout), model.decision_function(X))


def test_one_row_at_a_time_gives_the_same_bits(fitted, tmp_path):
    model, X = fitted
    expected = model.predict(X)
    for pruned in routes(model, X, tmp_path):
        for i in range(X.shape[0]):
            row = X[[i]]
            entries = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
            assert pruned.predict_one(entries) == expected[i]
            assert pruned.predict_one(row.toarray().ravel()) == expected[i]


def test_a_row_of_ones_may_be_given_by_its_columns():
    X = (sp.random(80, 50, 0.2, format="csr", random_state=0) > 0).astype(float)
    pruned = sx.prune(sx.Lasso(alpha=0.01).fit(X, X @ RNG.standard_normal(50)))
    for i in range(80):
        columns = X[[i]].indices
        for row in (columns.tolist(), set(columns.tolist()), reversed(columns.tolist())):
            assert pruned.predict_one(row) == pruned.predict(X)[i]


def table(n=200):
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "a": rng.choice(list("uvwxyz"), n),
            "b": rng.choice(["red", "grün", "blau", None], n),
            "c": rng.integers(0, 5, n),
            "tags": [list(rng.choice(list("klmn"), rng.integers(0, 4))) for _ in range(n)],
            "age": rng.uniform(0, 100, n),
        }
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_count": 3},
        {"crosses": [("a", "b"), ("a", "tags"), ("a", "b", "c")]},
        {"crosses": []},
        {"n_bits": 9},
        {"n_bits": 12, "min_count": 2},
    ],
)
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_pipeline_travels_whole(options, classes, tmp_path):
    frame = table()
    y = (frame["a"] == "u") * 2.0 + (frame["b"] == "blau") * (frame["c"] == 2) + frame["age"] / 50
    estimator = sx.Lasso(alpha=0.01)
    if classes:
        y = pd.qcut(y, classes, labels=["lo", "mid", "hi"][-classes:]).astype(str)
        estimator = sx.SparseLogisticRegression(alpha=0.01)
    model = make_pipeline(sx.FeatureCross(buckets={"age": 4}, **options), estimator).fit(frame, y)
    new = pd.concat([table(50).assign(a="never seen"), table(20)], ignore_index=True)
    for rows in (frame, new):
        expected = model.predict(rows)
        for pruned in routes(model, rows, tmp_path):
            assert same_bits(pruned.predict(rows), expected)
            one = [pruned.predict_one(row) for row in rows.to_dict("records")]
            assert one == expected.tolist()
            if classes:
                assert same_bits(pruned.predict_proba(rows), model.predict_proba(rows))


def test_fields_that_no_weight_needs_may_be_missing():
    frame = table()
    y = (frame["a"] == "u") * 1.0
    model = make_pipeline(sx.FeatureCross(buckets={"age": 4}), sx.Lasso(alpha=0.05)).fit(frame, y)
    pruned = sx.prune(model)
    assert 0 < pruned.report.n_nonzero < 5
    assert same_bits(pruned.predict(frame[["a"]]), model.predict(frame))
    assert pruned.predict_one({"a": "u"}) == model.predict(frame[frame["a"] == "u"])[0]


def test_names_of_weights():
    X = pd.DataFrame(RNG.standard_normal((40, 3)), columns=["one", "zwei", "três"])
    pruned = sx.prune(sx.Lasso(alpha=0.1).fit(X, 3 * X["três"] - X["zwei"]))
    assert [w.name for w in pruned.top_weights()] == ["três", "zwei"]
    assert sx.prune(sx.Lasso(alpha=0.1).fit(X.to_numpy(), X["três"])).top_weights()[0].name == "x2"
    with pytest.raises(ValueError, match=r"column 1 of X must be named 'zwei'.*got 'other'"):
        pruned.predict(X.rename(columns={"zwei": "other"}))


def test_sparse_coef_is_the_estimators(fitted):
    model, _ = fitted
    assert np.array_equal(sx.prune(model).sparse_coef_.toarray(), np.atleast_2d(model.coef_))
    assert np.array_equal(model.sparse_coef_.toarray(), np.atleast_2d(model.coef_))


def test_the_report_adds_up(fitted):
    model, _ = fitted
    report = sx.memory_report(model)
    coef = np.atleast_2d(model.coef_)
    assert report.dense["weights"] == coef.nbytes
    assert report.pruned["weights"] == 8 * np.count_nonzero(coef)
    assert report.n_weights == coef.size
    assert report.n_nonzero == np.count_nonzero(coef)
    assert report.dense_bytes == sum(report.dense.values())
    assert report.ratio == report.dense_bytes / report.pruned_bytes
    assert str(report).count("\n") == 9
    assert report._repr_html_().startswith("<table>")
    assert str(sx.memory_report(sx.prune(model))) == str(report)


def test_what_cannot_be_pruned_is_refused():
    X, y, _ = sparse_data()
    with pytest.raises(TypeError, match="got Lasso"):
        sx.prune(OtherLasso().fit(X, y))
    with pytest.raises(TypeError, match=r"StandardScaler"):
        sx.prune(make_pipeline(StandardScaler(), sx.Lasso()).fit(X.toarray(), y))
    with pytest.raises(NotFittedError):
        sx.prune(sx.Lasso())
    pruned = sx.prune(sx.Lasso(alpha=0.01).fit(X, y))
    assert not hasattr(pruned, "predict_proba")
    with pytest.raises(ValueError, match="X has 7 features, but this model expects 300"):
        pruned.predict(X[:, :7])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([300], "between 0 and 299, got 300"),
        ([-1], "between 0 and 299, got -1"),
        (["a"], "must be an integer"),
        ([1.5], "must be an integer"),
        ({0: float("nan")}, "must be finite"),
        ({0: float("inf")}, "must be finite"),
        ({2**70: 1.0}, "must be an integer below 300"),
        (np.zeros(7), r"shape \(300,\)"),
        (np.arange(7), r"shape \(300,\)"),
        (5, "must be a mapping, a list of columns or an ndarray, got 5"),
        ({0: "x"}, "must be numbers, got 'x'"),
    ],
)
def test_malformed_rows_are_met_at_the_door(row, message):
    X, y, _ = sparse_data()
    pruned = sx.prune(sx.Lasso(alpha=0.01).fit(X, y))
    with pytest.raises(ValueError, match=message):
        pruned.predict_one(row)


def _weights(values, universe, index):
    return _solvers.SparseWeights(values, 0, universe, *index)


def _scorer(values, universe, index):
    return _stream.RowScorer(universe, 0, np.zeros(1), [(values, *index)])


@settings(deadline=None, max_examples=200)
@given(
    universe=st.sampled_from([1, 2, 63, 64, 65, 1000, 2**32 + 7, 2**62]),
    clustered=st.booleans(),
    size=st.integers(0, 400),
    seed=st.integers(0, 2**32),
)
def test_the_index_is_a_set(universe, clustered, size, seed):
    rng = np.random.default_rng(seed)
    high = min(universe, size + 3) if clustered else universe
    ids = np.unique(rng.integers(0, high, size, dtype=np.uint64))
    values = rng.standard_normal(len(ids))
    index = _solvers.build_index(ids, universe)
    assert np.array_equal(_solvers.SparseWeights(values, 0, universe, *index).ids(), ids)
    scorer = _scorer(values, universe, index)
    stored = dict(zip(ids.tolist(), values.tolist(), strict=True))
    questions = {0, universe - 1, *ids.tolist(), *rng.integers(0, universe, 50).tolist()}
    for column in questions:
        assert scorer.margins_of_columns([column]) == [stored.get(column, 0.0)]
    # 2.3 bits an id where all are in the set, else 1.2 above the least; and what ends words.
    if len(ids) >= 64:
        n_bits = 8 * sum(words.nbytes for words in index)
        least = 8 * least_bytes(universe, len(ids), 0)
        assert n_bits <= least + (1.2 if universe >= 4 * len(ids) else 2.3) * len(ids) + 3 * 64


def test_an_index_is_bound_once():
    index = _solvers.build_index(np.arange(0, 30, 10, dtype=np.uint64), 1000)
    scorer = _scorer(np.ones(3), 1000, index)
    scorer.__init__(7, 0, np.zeros(1), [])  # has no effect
    assert scorer.margins_of_columns([0, 10, 20]) == [3.0]
    misaligned = np.frombuffer(b"x" + np.ones(3).tobytes(), np.uint8)[1:].view(np.float64)
    for bind in (_weights, _scorer):
        with pytest.raises(ValueError, match="aligned"):
            bind(misaligned, 1000, index)
        with pytest.raises(TypeError, match="values"):
            bind(np.ones(3, np.int64), 1000, index)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_malformed_index_is_refused_or_harmless(data):
    universe = data.draw(st.sampled_from([1, 100, 5000]))
    ids = np.unique(np.random.default_rng(1).integers(0, universe, 60, dtype=np.uint64))
    parts = [np.array(words) for words in _solvers.build_index(ids, universe)]
    values = np.ones(len(ids))
    part = data.draw(st.integers(0, 2))
    if data.draw(st.booleans()) and len(parts[part]):
        at = data.draw(st.integers(0, len(parts[part]) - 1))
        word = parts[part].dtype.type
        parts[part][at] ^= word(1) << word(data.draw(st.integers(0, 8 * word().itemsize - 1)))
    else:
        parts[part] = np.resize(parts[part], data.draw(st.integers(0, 9)))
    for bind in (_weights, _scorer):
        try:
            weights = bind(values, universe, parts)
        except ValueError:
            continue
        if bind is _scorer:
            for column in range(universe):
                assert weights.margins_of_columns([column]) in ([0.0], [1.0])
        else:
            assert np.all(np.diff(weights.ids().astype(np.int64)) > 0)


def test_rows_may_be_lists_of_mappings_or_tokens():
    rng = np.random.default_rng(0)
    tokens = [rng.choice(list("abcdefgh"), 3, replace=False).tolist() for _ in range(300)]
    label = np.array(["a" in row for row in tokens])
    stream = sx.FTRLClassifier(l1=0.1, interactions="pairwise", n_bits=12).fit(tokens, label)
    small = sx.prune(stream)
    expected = stream.predict(tokens).tolist()
    assert small.predict(tokens).tolist() == expected
    assert small.predict([{"tokens": row} for row in tokens]).tolist() == expected
    assert [small.predict_one(row) for row in tokens[:50]] == expected[:50]

    table = pd.DataFrame({"town": rng.choice(list("xyz"), 300), "hour": rng.integers(0, 5, 300)})
    target = (table["town"] == "x") * 1.0 + table["hour"] * 0.0
    for n_bits in (None, 10):
        model = make_pipeline(sx.FeatureCross([], n_bits=n_bits), sx.Lasso(alpha=0.01))
        small = sx.prune(model.fit(table, target))
        rows = table.to_dict("records")
        assert same_bits(small.predict(rows), small.predict(table))
    with pytest.raises(ValueError, match="must have the fields"):
        small.predict([{"town": "x"}])
    with pytest.raises(ValueError, match="must be a mapping of the fields"):
        small.predict_one(["x", 3])
