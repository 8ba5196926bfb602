"""Online learning against plain NumPy: each rule, crosses, batches, rows one at a time."""

import pickle
import signal
import threading
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

import sparsecross as sx


def _slope(loss, y, m, delta=1.35):
    if loss == "squared":
        return m - y
    if loss == "logistic":
        return -y / (1.0 + np.exp(y * m))
    if loss == "huber":
        return np.clip(m - y, -delta, delta)
    return np.sign(m - y)


def _weights(update, value, n, rate, beta, l1, l2):
    if update != "ftrl":
        return value.copy()
    divisor = (beta + np.sqrt(n)) / rate + l2
    shrunk = np.sign(value) * np.maximum(np.abs(value) - l1, 0.0)
    return np.where(shrunk == 0, 0.0, -shrunk / np.where(divisor > 0, divisor, 1.0))


def reference(X, y, update, loss, rate, beta, l1, l2, weight=None, fit_intercept=True):
    """The three rules, a row at a time, in their authors' notation: weights, intercept, losses."""
    n_rows, p = X.shape
    value, n = np.zeros(p + 1), np.zeros(p + 1)
    own_l1, own_l2 = np.full(p + 1, l1), np.full(p + 1, l2)
    own_l1[p] = own_l2[p] = 0.0  # the intercept is not penalised
    for i in range(n_rows):
        x = np.append(X[i], float(fit_intercept))
        w = _weights(update, value, n, rate, beta, own_l1, own_l2)
        s = 1.0 if weight is None else weight[i]
        if s == 0.0:
            continue
        met = x != 0
        g = s * _slope(loss, y[i], x @ w) * x
        more = n + g**2
        if update == "ftrl":
            sigma = (np.sqrt(more) - np.sqrt(n)) / rate
            value = np.where(met, value + g - sigma * w, value)
        else:
            divisor = beta + np.sqrt(more)
            eta = np.where(divisor > 0, rate / np.where(divisor > 0, divisor, 1.0), 0.0)
            if update == "proximal":
                v = w - eta * g
                new = np.sign(v) * np.maximum(np.abs(v) - eta * own_l1, 0) / (1 + 2 * eta * own_l2)
            else:
                new = w - eta * (g + own_l1 * np.sign(w) + 2 * own_l2 * w)
            value = np.where(met, new, value)
        n = np.where(met, more, n)
    w = _weights(update, value, n, rate, beta, own_l1, own_l2)
    return w[:p], w[p]


def with_pairs(X):
    """All columns, then all products of two distinct ones, in the order of their keys."""
    p = X.shape[1]
    return np.hstack([X, *(X[:, [j]] * X[:, [k]] for j in range(p) for k in range(j + 1, p))])


LOSSES = ["squared", "logistic", "huber", "absolute"]
UPDATES = ["ftrl", "proximal", "subgradient"]


def _state(model):
    """All that was learnt, to be compared."""
    arrays = model._model.state()
    return {name: array.tobytes() for name, array in arrays.items()}, model.history_[:]


def _problem(seed, n_rows=60, p=6, loss="squared"):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, p)) * (rng.random((n_rows, p)) < 0.4)
    y = X[:, 0] - 2 * X[:, 1] + 0.1 * rng.standard_normal(n_rows)
    return X, np.where(y > 0, 1.0, -1.0) if loss == "logistic" else y


def _model(loss, **parameters):
    if loss == "logistic":
        return sx.FTRLClassifier(loss=loss, **parameters)
    return sx.FTRLRegressor(loss=loss, **parameters)


def _learn(model, X, y, **more):
    if isinstance(model, sx.FTRLClassifier):
        more["classes"] = [-1.0, 1.0]
    return model.partial_fit(X, y, **more)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    update=st.sampled_from(UPDATES),
    loss=st.sampled_from(LOSSES),
    rate=st.sampled_from([0.01, 0.1, 0.5]),
    beta=st.sampled_from([0.0, 0.5, 1.0]),
    l1=st.sampled_from([0.0, 0.01, 0.3]),
    l2=st.sampled_from([0.0, 0.1, 1.0]),
    intercept=st.booleans(),
    weighted=st.booleans(),
    exact=st.booleans(),
)
def test_each_rule_is_its_definition(
    seed, update, loss, rate, beta, l1, l2, intercept, weighted, exact
):
    X, y = _problem(seed, loss=loss)
    weight = np.random.default_rng(seed).integers(0, 3, len(y)).astype(float) if weighted else None
    parameters = {"learning_rate": rate, "beta": beta, "l1": l1, "l2": l2}
    model = _model(
        loss, update=update, fit_intercept=intercept, n_bits=None if exact else 22, **parameters
    )
    _learn(model, sp.csr_matrix(X), y, sample_weight=weight)
    coef, b = reference(X, y, update, loss, rate, beta, l1, l2, weight, intercept)
    np.testing.assert_allclose(np.ravel(model.coef_), coef, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(np.ravel(model.intercept_)[0], b, rtol=1e-9, atol=1e-11)
    assert ((np.ravel(model.coef_) == 0) == (coef == 0)).all()


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    update=st.sampled_from(UPDATES),
    loss=st.sampled_from(LOSSES),
    exact=st.booleans(),
)
def test_visited_crosses_are_materialised_ones(seed, update, loss, exact):
    X, y = _problem(seed, loss=loss)
    model = _model(
        loss, update=update, l1=0.05, interactions="pairwise", n_bits=None if exact else 22
    )
    _learn(model, X, y)
    coef, b = reference(with_pairs(X), y, update, loss, 0.1, 1.0, 0.05, 1.0)
    p = X.shape[1]
    np.testing.assert_allclose(np.ravel(model.coef_), coef[:p], rtol=1e-9, atol=1e-11)
    first, second = np.triu_indices(p, 1)
    found = np.zeros((p, p))
    crosses = model.interactions_
    found[crosses.columns[:, 0], crosses.columns[:, 1]] = crosses.values
    np.testing.assert_allclose(found[first, second], coef[p:], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(np.ravel(model.intercept_)[0], b, rtol=1e-9, atol=1e-11)


def test_triples_and_lists_are_materialised_ones():
    X, y = _problem(3)
    p = X.shape[1]
    triples = [(j, k, m) for j in range(p) for k in range(j + 1, p) for m in range(k + 1, p)]
    Z = np.hstack([with_pairs(X), *(X[:, [j]] * X[:, [k]] * X[:, [m]] for j, k, m in triples)])
    coef, _ = reference(Z, y, "ftrl", "squared", 0.1, 1.0, 0.01, 1.0)
    model = sx.FTRLRegressor(l1=0.01, interactions="triples").partial_fit(X, y)
    of_triples = dict(zip(triples, coef[-len(triples) :], strict=True))
    crosses = model.interactions_
    for columns, value in zip(crosses.columns.tolist(), crosses.values, strict=True):
        if columns[2] >= 0:
            assert value == pytest.approx(of_triples[tuple(columns)], rel=1e-9)
    assert (crosses.columns[:, 2] >= 0).sum() == np.count_nonzero(coef[-len(triples) :])

    listed = [(4, 1), (0, 2), (1, 2)]
    Z = np.hstack([X, *(X[:, [min(c)]] * X[:, [max(c)]] for c in listed)])
    coef, _ = reference(Z, y, "ftrl", "squared", 0.1, 1.0, 0.01, 1.0)
    model = sx.FTRLRegressor(l1=0.01, interactions=listed).partial_fit(X, y)
    crosses = model.interactions_
    found = {
        tuple(columns[:2]): value
        for columns, value in zip(crosses.columns.tolist(), crosses.values, strict=True)
    }
    for columns, value in zip(listed, coef[p:], strict=True):
        assert found.get(tuple(sorted(columns)), 0.0) == pytest.approx(value, rel=1e-9)


def test_fields_say_which_columns_cross():
    X, y = _problem(4)
    fields = np.array(["a", "a", "b", "b", "c", "c"])
    model = sx.FTRLRegressor(l1=0.0, interactions=[("a", "b"), ("c", "c")], fields=fields)
    model.partial_fit(X, y)
    there = {tuple(c[:2]) for c in model.interactions_.columns.tolist()}
    assert there <= {(0, 2), (0, 3), (1, 2), (1, 3), (4, 5)}
    assert len(there) == 5


@pytest.mark.parametrize("n_bits", [None, 8, 22])
@pytest.mark.parametrize("update", UPDATES)
def test_batches_change_no_bit(n_bits, update):
    X, y = _problem(5, n_rows=3_000, p=40)
    whole = sx.FTRLRegressor(l1=0.02, interactions="pairwise", n_bits=n_bits, update=update)
    whole.partial_fit(X, y)
    rng = np.random.default_rng(0)
    cuts = [0, *np.sort(rng.integers(0, len(y), 12)), len(y)]
    parts = sx.FTRLRegressor(l1=0.02, interactions="pairwise", n_bits=n_bits, update=update)
    parts.partial_fit((sp.csr_array(X[a:b]), y[a:b]) for a, b in pairwise(cuts) if b > a)
    np.testing.assert_array_equal(whole.coef_, parts.coef_)
    np.testing.assert_array_equal(whole.predict(X), parts.predict(X))
    assert whole.history_ == parts.history_
    assert whole.progressive_loss_ == parts.progressive_loss_


@pytest.mark.parametrize("kind", ["dense32", "fortran", "csc", "int64", "ones"])
def test_layouts_give_the_same_weights(kind):
    rng = np.random.default_rng(6)
    X = (rng.random((200, 12)) < 0.3).astype(float)
    y = X[:, 0] - X[:, 1] * X[:, 2]
    given_as = {
        "dense32": X.astype(np.float32),
        "fortran": np.asfortranarray(X),
        "csc": sp.csc_matrix(X),
        "ones": sp.csr_matrix(X),
    }
    if kind == "int64":
        Z = sp.csr_array(X)
        Z.indices, Z.indptr = Z.indices.astype(np.int64), Z.indptr.astype(np.int64)
        given_as["int64"] = Z
    model = sx.FTRLRegressor(l1=0.1, interactions="pairwise").partial_fit(given_as[kind], y)
    expected = sx.FTRLRegressor(l1=0.1, interactions="pairwise").partial_fit(X, y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(model.interactions_.values, expected.interactions_.values)


def test_without_penalties_ftrl_is_gradient_descent():
    X, y = _problem(7)
    model = sx.FTRLRegressor(learning_rate=0.3, beta=0.7, l1=0.0, l2=0.0, fit_intercept=False)
    w, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for x, target in zip(X, y, strict=True):
        g = (x @ w - target) * x
        squares += g**2
        w -= 0.3 * g / (0.7 + np.sqrt(squares))
        model.partial_fit(x[None], [target])
        np.testing.assert_allclose(model.coef_, w, rtol=1e-9, atol=1e-12)


def test_a_huge_penalty_leaves_nothing_but_the_intercept():
    X, y = _problem(8, loss="logistic")
    model = _learn(sx.FTRLClassifier(l1=1e9, interactions="pairwise"), X, y)
    assert not model.coef_.any()
    assert len(model.interactions_) == 0
    assert model.intercept_[0] != 0.0


def test_the_textbook_rule_never_lands_where_the_proximal_one_does():
    rng = np.random.default_rng(9)
    X = rng.standard_normal((2_000, 20))
    y = X[:, 0] + 0.1 * rng.standard_normal(2_000)
    textbook = sx.FTRLRegressor(l1=0.3, l2=0.0, update="subgradient").partial_fit(X, y)
    proximal = sx.FTRLRegressor(l1=0.3, l2=0.0, update="proximal").partial_fit(X, y)
    assert (textbook.coef_ != 0).all()
    assert np.count_nonzero(proximal.coef_) < 10
    assert proximal.coef_[0] > 0.5


def test_progressive_validation_is_the_loss_ahead_of_learning():
    X, y = _problem(10)
    model = sx.FTRLRegressor(l1=0.1, window=20)
    losses = []
    for x, target in zip(X, y, strict=True):
        ahead = model.predict(x[None])[0] if losses else 0.0
        losses.append(0.5 * (target - ahead) ** 2)
        model.partial_fit(x[None], [target])
    assert model.progressive_loss_ == pytest.approx(np.mean(losses))
    assert [record.n_rows for record in model.history_] == [20, 40, 60]
    for k, record in enumerate(model.history_):
        assert record.loss == pytest.approx(np.mean(losses[: 20 * (k + 1)]))
        assert record.window_loss == pytest.approx(np.mean(losses[20 * k : 20 * (k + 1)]))
    doubling = sx.FTRLRegressor(l1=0.1).partial_fit(X, y)
    assert [record.n_rows for record in doubling.history_] == [1, 2, 4, 8, 16, 32]


def test_several_classes_are_each_told_from_the_rest():
    X, _ = _problem(11, n_rows=200)
    labels = np.array(["a", "b", "c"])[np.argmax(X[:, :3], axis=1)]
    model = sx.FTRLClassifier(l1=0.1, interactions="pairwise").fit(X, labels)
    for k, label in enumerate("abc"):
        one = sx.FTRLClassifier(l1=0.1, interactions="pairwise").fit(X, labels == label)
        np.testing.assert_array_equal(model.coef_[k], one.coef_[0])
        assert model.intercept_[k] == one.intercept_[0]
    assert model.predict_proba(X).shape == (200, 3)
    assert (model.predict(X) == labels).mean() > 0.6


def _table(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue", None], n_rows),
            "shop": rng.integers(0, 50, n_rows),
            "tags": [list(rng.choice(list("abcdef"), rng.integers(0, 4))) for _ in range(n_rows)],
        }
    )


@pytest.mark.parametrize("interactions", [None, "pairwise", "triples", [("colour", "tags")]])
@pytest.mark.parametrize("n_bits", [6, 22])
def test_tables_are_their_hashed_columns(interactions, n_bits):
    table = _table(300)
    y = (table["colour"] == "red") * 2.0 - (table["shop"] < 10)
    model = sx.FTRLRegressor(l1=0.2, interactions=interactions, n_bits=n_bits)
    model.partial_fit(table[:100], y[:100]).partial_fit(table[100:], y[100:])
    Z = model.encoder_.transform(table).astype(np.float64)
    columns = np.unique(Z.indices)
    coef, b = reference(Z[:, columns].toarray(), y.to_numpy(), "ftrl", "squared", 0.1, 1, 0.2, 1)
    np.testing.assert_allclose(model.coef_[columns], coef, rtol=1e-9, atol=1e-12)
    assert np.count_nonzero(model.coef_) == np.count_nonzero(coef)
    assert model.intercept_ == pytest.approx(b, rel=1e-9)


def test_crosses_of_long_rows_count_once_where_they_share_a_column():
    rng = np.random.default_rng(3)
    vocabulary = [f"t{j}" for j in range(400)]
    lengths = (350, 2, 120, 40)
    rows = [list(rng.choice(vocabulary, m, replace=False)) for m in lengths]
    table = pd.DataFrame({"tags": rows})
    y = np.array([1.0, -1.0, 0.5, 2.0])
    model = sx.FTRLRegressor(l1=0.0, l2=0.0, interactions="pairwise", n_bits=16).fit(table, y)
    Z = model.encoder_.transform(table).astype(np.float64)
    assert Z.nnz < sum(m * (m + 1) // 2 for m in lengths) - 10_000  # many share one
    columns = np.unique(Z.indices)
    coef, b = reference(Z[:, columns].toarray(), y, "ftrl", "squared", 0.1, 1, 0.0, 0.0)
    np.testing.assert_allclose(model.coef_[columns], coef, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.predict(table), Z[:, columns] @ coef + b, rtol=1e-9)


def test_rows_one_at_a_time_are_the_batch():
    table = _table(200)
    late = np.where(table["colour"] == "red", "yes", "no")
    batch = sx.FTRLClassifier(l1=0.1, interactions="pairwise").fit(table, late)
    single = sx.FTRLClassifier(l1=0.1, interactions="pairwise")
    single.partial_fit(table[:1], late[:1], classes=["no", "yes"])
    for row, label in zip(table[1:].to_dict("records"), late[1:], strict=True):
        single.learn_one(row, label)
    np.testing.assert_array_equal(batch.coef_, single.coef_)
    assert batch.history_ == single.history_
    margins = batch.decision_function(table)
    for row, margin, label in zip(
        table.to_dict("records"), margins, batch.predict(table), strict=True
    ):
        assert batch.predict_one(row) == label
        assert batch._margins_one(row)[0] == pytest.approx(margin, rel=1e-9, abs=1e-12)
    listed = sx.FTRLClassifier(l1=0.1, interactions="pairwise")
    listed.fit(table.to_dict("records"), late)
    np.testing.assert_array_equal(batch.coef_, listed.coef_)


def test_rows_of_columns_one_at_a_time_are_the_batch():
    X, y = _problem(12, loss="logistic")
    batch = _learn(sx.FTRLClassifier(interactions="pairwise", l1=0.1), X, y)
    single = _learn(sx.FTRLClassifier(interactions="pairwise", l1=0.1), X[:1], y[:1])
    for x, label in zip(X[1:], y[1:], strict=True):
        single.learn_one({int(j): x[j] for j in np.flatnonzero(x)[::-1]}, label)
    np.testing.assert_array_equal(batch.coef_, single.coef_)
    assert single.predict_one(X[0]) == batch.predict(X[:1])[0]

    ones = sx.FTRLRegressor(l1=0.0, n_features=6).learn_one([4, 2], 1.0)
    assert np.flatnonzero(ones.coef_).tolist() == [2, 4]
    assert ones.predict_one([2, 4]) == pytest.approx(ones.predict([[0, 0, 1, 0, 1, 0]])[0])
    for row, message in (([6], "between 0 and 5"), ([1, 1], "twice"), ({1: np.nan}, "finite")):
        with pytest.raises(ValueError, match=message):
            ones.learn_one(row, 1.0)
    assert ones.n_rows_ == 1


def test_tokens_are_a_field_of_lists():
    documents = [["cheap", "pills"], ["meeting", "today"], ["cheap", "meeting"], []] * 30
    spam = [1, 0, 0, 0] * 30
    model = sx.FTRLClassifier(l1=0.01, learning_rate=1.0, interactions="pairwise")
    for tokens, label in zip(documents, spam, strict=True):
        model.learn_one(tokens, label)
    assert [model.predict_one(tokens) for tokens in documents[:4]] == spam[:4]
    again = sx.FTRLClassifier(l1=0.01, learning_rate=1.0, interactions="pairwise")
    again.fit(documents, spam)
    np.testing.assert_array_equal(model.coef_, again.coef_)
    np.testing.assert_array_equal(again.predict(documents), spam)


def test_pruned_models_predict_the_same_bits(tmp_path):
    X, y = _problem(13)
    model = sx.FTRLRegressor(l1=0.3, interactions="pairwise").fit(X, y)
    small = sx.prune(model)
    np.testing.assert_array_equal(small.predict(X), model.predict(X))
    small.save(tmp_path / "model.sxm")
    np.testing.assert_array_equal(sx.load(tmp_path / "model.sxm").predict(X), model.predict(X))
    assert small.report.dense["weights"] == model.n_bytes_

    table = _table(300)
    label = np.where(table["shop"] < 20, "low", "high")
    model = sx.FTRLClassifier(l1=0.3, interactions="pairwise", n_bits=18).fit(table, label)
    small = sx.prune(model)
    np.testing.assert_array_equal(small.decision_function(table), model.decision_function(table))
    np.testing.assert_array_equal(small.predict(table), model.predict(table))
    assert small.report.pruned_bytes < small.report.dense_bytes / 50


def test_pickles_go_on_where_they_were():
    X, y = _problem(14, n_rows=400, p=30)
    for parameters in ({}, {"n_bits": None}, {"n_bits": None, "admission": 3}, {"n_bits": 7}):
        whole = sx.FTRLRegressor(l1=0.1, interactions="pairwise", **parameters).fit(X, y)
        half = sx.FTRLRegressor(l1=0.1, interactions="pairwise", **parameters)
        half.partial_fit(X[:170], y[:170])
        half = pickle.loads(pickle.dumps(half)).partial_fit(X[170:], y[170:])
        np.testing.assert_array_equal(half.predict(X), whole.predict(X))
        assert half.progressive_loss_ == whole.progressive_loss_
        assert half.history_ == whole.history_


def test_exact_keys_take_memory_for_what_was_met():
    rng = np.random.default_rng(15)
    n, p = 2_000, 100_000
    indices = np.sort(rng.integers(0, p, (n, 8)), axis=1)
    X = sp.csr_matrix((np.ones(n * 8), indices.ravel(), np.arange(0, 8 * n + 1, 8)), (n, p))
    X.sum_duplicates()
    y = rng.standard_normal(n)
    every = sx.FTRLRegressor(interactions="pairwise", n_bits=None).fit(X, y)
    twice = sx.FTRLRegressor(interactions="pairwise", n_bits=None, admission=2).fit(X, y)
    some = sx.FTRLRegressor(interactions="pairwise", n_bits=None, admission=0.1).fit(X, y)
    n_keys = [len(model._model.state()["keys"]) for model in (every, twice, some)]
    n_met = len(np.unique(X.indices)) + n * 28  # nearly all pairs occur once
    assert 0.95 * n_met < n_keys[0] <= n_met
    assert n_keys[1] < 0.2 * n_keys[0]
    assert 0.08 < n_keys[2] / (n * 36) < 0.12
    assert every.n_bytes_ >= 24 * n_keys[0]
    assert some.n_bytes_ < 0.3 * every.n_bytes_


def test_admission_by_count_waits_so_long():
    X = np.zeros((10, 3))
    X[:, 0] = 1.0
    X[4:, 1] = 1.0
    model = sx.FTRLRegressor(l1=0.0, n_bits=None, admission=3)
    met = []
    for x in X:
        model.partial_fit(x[None], [1.0])
        met.append(model._model.state()["keys"].tolist())
    assert met[1] == []
    assert met[2] == [0]
    assert met[5] == [0]
    assert met[6] == [0, 1]


BAD = [
    ({}, {"X": [[np.nan, 1.0]], "y": [1.0]}, "X contains NaN"),
    ({}, {"X": [[1.0, 2.0]], "y": [np.inf]}, "y"),
    ({}, {"X": [[1.0, 2.0, 3.0]], "y": [1.0]}, "features"),
    ({}, {"X": np.empty((0, 2)), "y": []}, "0 sample"),
    ({}, {"X": [[1.0, 2.0]], "y": [1.0, 2.0]}, "y"),
    ({}, {"X": [[1.0, 2.0]], "y": [1.0], "sample_weight": [-1.0]}, "sample_weight"),
    ({}, {"X": [[1.0, 2.0]], "y": [1.0], "classes": [0, 1]}, "classes"),
    ({}, {"X": iter([(np.ones((1, 2)),)]), "y": None}, "iterator"),
]


@pytest.mark.parametrize(("parameters", "call", "message"), BAD)
def test_bad_batches_leave_the_model_untouched(parameters, call, message):
    model = sx.FTRLRegressor(**parameters).partial_fit([[1.0, 2.0], [0.0, 1.0]], [1.0, 2.0])
    before = _state(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(**call)
    assert _state(model) == before


@pytest.mark.parametrize("n_bits", [10, None])
def test_bad_rows_and_labels_are_named(n_bits):
    table = _table(20)
    model = sx.FTRLClassifier(n_bits=n_bits).partial_fit(table, [0, 1] * 10, classes=[0, 1])
    before = _state(model), model.coef_.copy()
    row = table.to_dict("records")[0]
    for bad, label, message in (
        (row | {"size": 3}, 1, "fields"),
        ({"colour": "red", "shop": 1, "tag": []}, 1, "lacks the field 'tags'"),
        (row | {"colour": 5}, 1, "colour"),
        (row | {"tags": [4]}, 1, "tags"),
        (row, 7, "label among"),
        ([1, 2], 1, "mapping"),
    ):
        with pytest.raises(ValueError, match=message):
            model.learn_one(bad, label)
    with pytest.raises(ValueError, match="shop"):
        model.partial_fit(table.assign(shop="x"), [0, 1] * 10)
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(table.rename(columns={"shop": "store"}), [0, 1] * 10)
    with pytest.raises(ValueError, match="labels among"):
        model.partial_fit(table, [0, 2] * 10)
    with pytest.raises(ValueError, match="labels among"):
        model.partial_fit(_table(20, seed=5), [0, 2] * 10)
    assert _state(model) == before[0]
    np.testing.assert_array_equal(model.coef_, before[1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"l1": -1.0}, "l1"),
        ({"update": "sgd"}, "update"),
        ({"n_bits": 40}, "n_bits"),
        ({"admission": 2}, "admission"),
        ({"admission": 1.5, "n_bits": None}, "admission"),
        ({"fields": [0, 1]}, "fields"),
        ({"buckets": 3}, "buckets"),
        ({"n_features": 3}, "n_features"),
        ({"interactions": [(0, 9)]}, "interactions"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        sx.FTRLRegressor(**parameters).fit([[1.0, 2.0]], [1.0])


def test_numbers_out_of_range_are_an_error():
    model = sx.FTRLRegressor().partial_fit([[1.0]], [1.0])
    with pytest.raises(OverflowError, match="row 2 of the stream"):
        model.partial_fit([[1.0], [1e200], [1.0]], [1.0, 1e200, 1.0])
    assert model.n_rows_ == 2
    assert np.isfinite(model.coef_).all()


def test_hashed_crosses_of_a_matrix_are_told_to_be_so():
    X, y = _problem(16, p=40)
    model = sx.FTRLRegressor(interactions="pairwise", n_bits=8, l1=0.1).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(AttributeError, match="n_bits=None"):
        _ = model.interactions_


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_certify_judges_what_was_learnt(loss):
    """The primal value is that of the weights, and the gap bounds their distance from the best."""
    X, y = _problem(17, n_rows=500, loss=loss)
    l1 = 5.0
    model = _model(loss, learning_rate=1.0, l1=l1, l2=0.0, interactions="pairwise", n_passes=1)
    _learn(model, X, y)
    alpha = l1 / model.n_rows_
    intercept = float(np.ravel(model.intercept_)[0])
    certificate = sx.certify(
        X,
        y,
        np.ravel(model.coef_),
        intercept,
        interaction_coef=model.interactions_,
        interactions="pairwise",
        loss=loss,
        alpha=alpha,
    )
    p = X.shape[1]
    crosses = np.zeros((p, p))
    crosses[tuple(model.interactions_.columns.T)] = np.ravel(model.interactions_.values)
    weights = np.append(np.ravel(model.coef_), crosses[np.triu_indices(p, 1)])

    def primal(weights, intercept):
        margins = with_pairs(X) @ weights + intercept
        losses = np.log1p(np.exp(-y * margins)) if loss == "logistic" else (y - margins) ** 2 / 2
        return losses.mean() + alpha * np.abs(weights).sum()

    best = sx.solve(with_pairs(X), y, loss=loss, alpha=alpha, tol=1e-10)
    optimum = primal(best.coef, best.intercept)
    assert certificate.primal == pytest.approx(primal(weights, intercept), rel=1e-12)
    assert optimum < certificate.primal < primal(np.zeros_like(weights), intercept)
    assert certificate.dual <= optimum
    assert certificate.gap == pytest.approx(certificate.primal - certificate.dual, rel=1e-12)


def test_batch_estimators_start_from_what_was_learnt():
    X, y = _problem(18, n_rows=2_000, p=20)
    online = sx.FTRLRegressor(learning_rate=1.0, l1=20.0, l2=0.0, interactions="pairwise")
    online.partial_fit(X, y)
    shared = {"alpha": 0.01, "interactions": "pairwise", "tol": 1e-10}
    cold = sx.Lasso(**shared).fit(X, y)
    warm = sx.Lasso(warm_start=True, **shared).start_from(online)
    np.testing.assert_array_equal(warm.predict(X), online.predict(X))
    warm.fit(X, y)
    np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-6)
    first = warm.history_[0]
    assert first.primal < cold.history_[0].primal
    with pytest.raises(ValueError, match="warm_start"):
        sx.Lasso().start_from(online)

    labels = np.where(y > 0, "late", "early")
    online = sx.FTRLClassifier().fit(X, labels)
    warm = sx.SparseLogisticRegression(alpha=0.001, warm_start=True).start_from(online)
    np.testing.assert_array_equal(warm.predict(X), online.predict(X))
    assert warm.fit(X, labels).relative_gap_ <= 1e-4


def test_several_learners_end_near_one():
    rng = np.random.default_rng(19)
    X = (rng.random((40_000, 60)) < 0.1).astype(float)
    y = np.where(X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(len(X)) > 0.4, 1, -1)
    one = sx.FTRLClassifier(interactions="pairwise").fit(X, y)
    four = sx.FTRLClassifier(interactions="pairwise", n_learners=4).fit(X, y)
    assert four.n_rows_ == one.n_rows_ == len(y)
    assert abs(four.progressive_loss_ - one.progressive_loss_) < 0.05 * one.progressive_loss_
    with pytest.raises(ValueError, match="n_learners"):
        sx.FTRLClassifier(n_bits=None, n_learners=2).fit(X, y)


@pytest.mark.parametrize("interactions", [None, "pairwise", "triples", [("colour", "tags")]])
def test_exact_keys_of_tables_are_their_columns(interactions):
    """What is learnt has names: the same as of an encoder that has seen the whole table."""
    table = _table(300)
    y = (table["colour"] == "red") * 2.0 - (table["shop"] < 10)
    parameters = {"l1": 0.2, "interactions": interactions, "n_bits": None}
    model = sx.FTRLRegressor(**parameters).partial_fit(table[:1], y[:1])
    model.partial_fit(table[1:120], y[1:120])
    for row, target in zip(table[120:180].to_dict("records"), y[120:180], strict=True):
        model.learn_one(row, target)
    model = pickle.loads(pickle.dumps(model)).partial_fit(table[180:], y[180:])
    whole = sx.FTRLRegressor(**parameters).fit(table, y)
    np.testing.assert_array_equal(model.coef_, whole.coef_)

    encoder = sx.FeatureCross([]).fit(table)
    names = encoder.get_feature_names_out()
    np.testing.assert_array_equal(model.encoder_.get_feature_names_out(), names)
    X = encoder.transform(table)
    options = {"interactions": interactions}
    if isinstance(interactions, list):
        options["fields"] = encoder._fields()
    columns = sx.FTRLRegressor(l1=0.2, n_bits=22, **options).fit(X, y)
    np.testing.assert_allclose(model.coef_, columns.coef_, rtol=1e-9, atol=1e-12)
    if interactions is not None:
        np.testing.assert_array_equal(model.interactions_.columns, columns.interactions_.columns)
        np.testing.assert_allclose(
            model.interactions_.values, columns.interactions_.values, rtol=1e-9
        )
        assert any("colour_red" in name for name in model.interactions_.names())
    small = sx.prune(model)
    np.testing.assert_array_equal(small.predict(table), model.predict(table))
    row = table.to_dict("records")[0]
    assert model.predict_one(row) == pytest.approx(small.predict_one(row), rel=1e-9)


@pytest.mark.parametrize("n_bits", [12, None])
def test_checkpoints_go_on_where_they_were(tmp_path, n_bits):
    table = _table(400)
    label = np.where(table["shop"] < 20, "low", np.where(table["colour"] == "red", "mid", "high"))
    shared = {"l1": 0.1, "interactions": [("colour", "tags"), ("tags", "tags")], "n_bits": n_bits}
    whole = sx.FTRLClassifier(**shared).fit(table, label)
    half = sx.FTRLClassifier(**shared)
    half.partial_fit(table[:150], label[:150], classes=["low", "mid", "high"])
    path = tmp_path / "half.ckpt"
    sx.save_checkpoint(half, path, {"file": 3})
    again, notes = sx.load_checkpoint(path)
    assert notes == {"file": 3}
    assert again.get_params() == half.get_params()
    again.partial_fit(table[150:], label[150:])
    np.testing.assert_array_equal(again.decision_function(table), whole.decision_function(table))
    assert again.history_ == whole.history_

    content = path.read_bytes()
    with pytest.raises(ValueError, match="checkpoint"):
        sx.load(path)
    for damage in (content[:-7], content[:400] + b"\0" + content[401:]):
        path.write_bytes(damage)
        with pytest.raises(ValueError, match=r"half\.ckpt"):
            sx.load_checkpoint(path)
    sx.save(whole, path)
    with pytest.raises(ValueError, match="no checkpoint"):
        sx.load_checkpoint(path)


def test_a_signal_ends_learning_between_rows():
    rng = np.random.default_rng(20)
    X, y = rng.standard_normal((200_000, 40)), rng.standard_normal(200_000)
    model = sx.FTRLRegressor(interactions="pairwise").partial_fit(X[:10], y[:10])

    def stop(*_):
        if model.n_rows_ > 10:  # the timer may run out before learning has begun
            raise TimeoutError("the handler's own")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(TimeoutError, match="own"):
            model.partial_fit(X, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 10 < model.n_rows_ < len(y)
    assert np.isfinite(model.partial_fit(X[:5], y[:5]).coef_).all()


def test_a_handler_may_save_what_is_being_learnt(tmp_path):
    rng = np.random.default_rng(21)
    X, y = rng.standard_normal((200_000, 40)), rng.standard_normal(200_000)
    model = sx.FTRLRegressor(interactions="pairwise").partial_fit(X[:10], y[:10])
    saved = []

    def save(*_):
        if model.n_rows_ > 10 and not saved:
            sx.save_checkpoint(model, tmp_path / "now.ckpt")
            saved.append(model.n_rows_)

    before = signal.signal(signal.SIGALRM, save)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        model.partial_fit(X, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 10 < saved[0] < len(y)
    again, _ = sx.load_checkpoint(tmp_path / "now.ckpt")
    again.partial_fit(X[saved[0] - 10 :], y[saved[0] - 10 :])
    np.testing.assert_array_equal(again.coef_, model.coef_)


def test_loaded_models_of_tables_predict_at_once(tmp_path):
    table = _table(200)
    y = (table["colour"] == "red") * (table["shop"] < 25) * 2.0
    shared = {"n_bits": None, "l1": 0.0, "interactions": [("colour", "shop")]}
    model = sx.FTRLRegressor(**shared).fit(table, y)
    rows = table[:5].to_dict("records")
    expected = [model.predict_one(row) for row in rows]
    sx.save_checkpoint(pickle.loads(pickle.dumps(model)), tmp_path / "a.ckpt")
    again, _ = sx.load_checkpoint(tmp_path / "a.ckpt")
    assert [again.predict_one(row) for row in rows] == expected
    np.testing.assert_allclose(again.predict(rows), expected, rtol=1e-12)
    more = _table(200, seed=7).assign(shop=lambda t: t["shop"] + 1_000)
    model.partial_fit(more, y)
    again.partial_fit(more, y)
    np.testing.assert_array_equal(again.interactions_.columns, model.interactions_.columns)
    np.testing.assert_array_equal(again.coef_, model.coef_)


def test_labels_are_those_of_the_last_fit():
    X = np.eye(3)
    model = sx.FTRLClassifier(l1=0.0).fit(X, [0, 1, 0]).learn_one(X[0], 0)
    model.fit(X, ["a", "b", "a"])
    for _ in range(50):
        model.learn_one(X[1], "a")
    assert model.predict_one(X[1]) == "a"


def test_rows_without_weight_leave_no_trace(tmp_path):
    X, y = _problem(22)
    weight = np.where(np.arange(len(y)) < 9, 0.0, 1.0)
    model = sx.FTRLRegressor(update="proximal").partial_fit(X, y, sample_weight=weight)
    alone = sx.FTRLRegressor(update="proximal").partial_fit(X[9:], y[9:])
    np.testing.assert_array_equal(model.coef_, alone.coef_)
    assert np.isnan(model.history_[0].loss)
    sx.save_checkpoint(model, tmp_path / "a.ckpt")
    again, _ = sx.load_checkpoint(tmp_path / "a.ckpt")
    np.testing.assert_array_equal(np.array(again.history_), np.array(model.history_))


@pytest.mark.parametrize(
    ("row", "y", "weight"), [({7: 1.0}, 1.0, 1.0), ([np.nan, 1.0], 1.0, 1.0), ([1], 1.0, -1.0)]
)
def test_a_first_row_that_is_refused_begins_nothing(row, y, weight):
    model = sx.FTRLRegressor(n_features=3)
    with pytest.raises(ValueError):
        model.learn_one(np.array(row) if np.nan in row else row, y, weight)
    with pytest.raises(NotFittedError):
        model.predict_one([1])
    assert not hasattr(model, "n_features_in_")


def test_a_refused_row_brings_no_category():
    model = sx.FTRLRegressor(n_bits=None).fit([{"a": "x", "n": 1}] * 3, [1.0, 2.0, 3.0])
    before = model.coef_.copy()
    with pytest.raises(ValueError, match="'n'"):
        model.learn_one({"a": "new", "n": "text"}, 1.0)
    np.testing.assert_array_equal(model.coef_, before)
    assert model.predict([{"a": "x", "n": 1}]).shape == (1,)
    with pytest.raises(OverflowError):
        model.partial_fit([{"a": "other", "n": 2}], [1e300], sample_weight=[1e100])
    assert np.isfinite(model.predict([{"a": "other", "n": 2}])).all()


def test_threads_that_learn_from_one_table():
    model = sx.FTRLRegressor(n_bits=None, l1=0.0, interactions=[("colour", "shop")])
    model.partial_fit(_table(10), np.ones(10))

    # Each thread has shops of its own.
    parts = [
        [
            _table(50, seed=100 * seed + k).assign(shop=lambda t, s=seed: t["shop"] + 99 * s)
            for k in range(20)
        ]
        for seed in range(4)
    ]

    def learn(own):
        for part in own:
            model.partial_fit(part, np.ones(50))
            model.predict(part)

    threads = [threading.Thread(target=learn, args=(own,)) for own in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.n_rows_ == 10 + 4 * 20 * 50
    names = model.interactions_.names()
    met = pd.concat([_table(10), *(part for own in parts for part in own)])
    assert len(names) == len(met[["colour", "shop"]].drop_duplicates())
    assert all("colour_" in name and "shop_" in name for name in names)


def test_other_kinds_of_rows_are_read_or_refused():
    X, y = _problem(23)
    model = sx.FTRLRegressor().fit(sp.dok_array(X), y)
    np.testing.assert_array_equal(model.coef_, sx.FTRLRegressor().fit(X, y).coef_)
    tokens = sx.FTRLRegressor().partial_fit([["a"], ["b"]], [1.0, 2.0])
    tokens.partial_fit([[], []], [1.0, 1.0])
    assert tokens.predict([[]])[0] == pytest.approx(tokens.predict_one([]))
    for bad in ([{}], [], [{"a": 1}, 5], None, 3.0, np.ones(3)):
        with pytest.raises(ValueError):
            sx.FTRLRegressor().partial_fit(
                bad, [1.0] * (len(bad) if hasattr(bad, "__len__") else 1)
            )
    with pytest.raises(ValueError, match="tokens"):
        tokens.learn_one([["a"]], 1.0)
    with pytest.raises(ValueError, match="l1"):
        tokens.set_params(l1=5.0).partial_fit([["a"]], [1.0])
