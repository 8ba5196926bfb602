"""Every estimator over rows in memory, in a store and on a cluster: one suite for all of them."""

import pickle
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

import sparsecross as sx
from optimality import improvement, null_objective
from problems import Problem

distributed = pytest.importorskip("distributed")
sxd = pytest.importorskip("sparsecross.dask")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

TOL = 1e-7
PLACES = ("memory", "store", "cluster")
# Class, parameters, loss, and the targets that are made of real ones.
KINDS = {
    "lasso": ("Lasso", {}, "squared", None),
    "elastic net": ("ElasticNet", {"l1_ratio": 0.6}, "squared", None),
    "huber": ("HuberRegressor", {"delta": 0.5}, "huber", None),
    "counts": ("PoissonRegressor", {}, "poisson", lambda y: np.round(np.exp(np.clip(y, -3, 2)))),
    "two classes": ("SparseLogisticRegression", {}, "logistic", lambda y: y > 0),
    "labels": (
        "SparseLogisticRegression",
        {},
        "logistic",
        lambda y: np.where(y > 0, "late", "early"),
    ),
    "several classes": (
        "SparseLogisticRegression",
        {},
        "logistic",
        lambda y: np.digitize(y, [-0.7, 0.5]),
    ),
    "positive": ("Lasso", {"positive": True}, "squared", None),
    "no intercept": ("Lasso", {"fit_intercept": False}, "squared", None),
    "standardized": ("Lasso", {"standardize": True}, "squared", None),
    "factors": ("Lasso", {"penalty_factor": [0.0, 2.0, np.inf] + 37 * [1.0]}, "squared", None),
    "crossed": ("Lasso", {"interactions": "pairwise"}, "squared", None),
    "crossed classes": (
        "SparseLogisticRegression",
        {"interactions": "pairwise"},
        "logistic",
        lambda y: y > 0,
    ),
}


def rows(n=900, p=40, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, p), density=0.15, format="csr", rng=rng)
    X.data = np.round(X.data * 8 + 1) / 4  # numbers that float32 has
    margins = X @ np.where(rng.random(p) < 0.3, rng.standard_normal(p), 0.0)
    return X, margins + 0.3 * rng.standard_normal(n), rng.choice([0.5, 1.0, 3.0], n)


def cut(X, y, weight=None, size=130):
    for first in range(0, len(y), size):
        part = slice(first, first + size)
        yield (X[part], y[part], *(() if weight is None else (weight[part],)))


@pytest.fixture(scope="module")
def client():
    workers = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs=50,
    )
    with workers, distributed.Client(workers) as found:
        yield found


@pytest.fixture(scope="module")
def put(client, tmp_path_factory):
    """Rows to a place, as fit takes them there."""

    def placed(kind, place, X, y, weight=None):
        target = KINDS[kind][3]
        y = y if target is None else target(y)
        if place == "memory":
            return X, y, weight
        path = tmp_path_factory.mktemp("rows") / "s"
        return (sx.BlockStore.from_batches(cut(X, y, weight), path, block_bytes=2_000),)

    return placed


def made(kind, place, **more):
    """An estimator of a kind, for a place."""
    name, parameters, _, _ = KINDS[kind]
    asked = {"alpha": 0.01, "tol": TOL} | parameters | more
    return getattr(sxd if place == "cluster" else sx, name)(**asked)


@pytest.fixture(scope="module")
def found(put):
    """Each kind in each place, fitted once."""
    known = {}

    def of(kind, place):
        if (kind, place) not in known:
            known[kind, place] = made(kind, place).fit(*put(kind, place, *rows()))
        return known[kind, place]

    return of


each_place = pytest.mark.parametrize("place", PLACES)
each_kind = pytest.mark.parametrize("kind", KINDS)


def crossed(X, model):
    """X and the products that the model has, or all, and the weights of each problem."""
    p = X.shape[1]
    first, second = np.triu_indices(p, 1)
    crosses = model.interactions_
    weights = np.zeros((len(np.atleast_2d(model.coef_)), p + len(first)))
    weights[:, :p] = model.coef_
    place = {
        pair: p + k for k, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))
    }
    for pair, value in zip(crosses.columns.tolist(), crosses.values, strict=True):
        weights[:, place[tuple(pair)]] = value
    return np.hstack([X, X[:, first] * X[:, second]]), weights


@each_place
@each_kind
def test_the_certificate_holds(found, kind, place):
    """In plain numpy: no coordinate gains more than the gap, and that is at most what was asked."""
    X, y, weight = rows()
    _, parameters, loss, target = KINDS[kind]
    model = found(kind, place)
    X, weights = (
        crossed(X.toarray(), model)
        if model.interactions_ is not None
        else (X.toarray(), np.atleast_2d(model.coef_))
    )
    y = y if target is None else target(y)
    if is_classifier(model):
        positives = model.classes_[1:] if len(model.classes_) == 2 else model.classes_
        targets = [np.where(y == label, 1.0, -1.0) for label in positives]
    else:
        targets = [y]
    factor = parameters.get("penalty_factor")
    for k, t in enumerate(targets):
        problem = Problem(
            X,
            t,
            loss,
            alpha=0.01,
            l1_ratio=parameters.get("l1_ratio", 1.0),
            fit_intercept=parameters.get("fit_intercept", True),
            positive=parameters.get("positive", False),
            penalty_factor=None if factor is None else np.array(factor),
            sample_weight=weight / weight.mean(),
            standardize=parameters.get("standardize", False),
            delta=parameters.get("delta", 0.4),
        )
        gap, level = np.atleast_1d(model.dual_gap_)[k], null_objective(problem)
        assert np.atleast_1d(model.relative_gap_)[k] <= TOL
        gains = improvement(problem, weights[k], np.atleast_1d(model.intercept_)[k])
        assert gains.max() <= gap + 1e-11 * level


@each_kind
def test_answers_are_those_of_memory_and_bits_those_of_blocks(found, kind):
    X, _, _ = rows()
    memory, store, cluster = (found(kind, place) for place in PLACES)
    for name in ("coef_", "intercept_", "dual_gap_", "n_iter_"):
        np.testing.assert_array_equal(getattr(store, name), getattr(cluster, name))
    np.testing.assert_allclose(store.coef_, memory.coef_, atol=2e-3)
    np.testing.assert_allclose(store.intercept_, memory.intercept_, atol=2e-3)
    for model in (memory, store, cluster):
        mine, theirs = model.predict(X), memory.predict(X)
        if is_classifier(model):
            assert model.classes_.tolist() == memory.classes_.tolist()
            assert model.classes_.dtype == memory.classes_.dtype
            assert (mine == theirs).mean() > 0.995
            np.testing.assert_allclose(model.predict_proba(X), memory.predict_proba(X), atol=2e-3)
        else:
            np.testing.assert_allclose(mine, theirs, rtol=1e-2, atol=5e-3)


@each_place
@each_kind
def test_what_is_fitted_has_the_same_names_and_shapes(found, kind, place):
    memory, model = found(kind, "memory"), found(kind, place)

    def of(fitted):
        names = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
        return {n: np.shape(getattr(fitted, n)) for n in names - {"history_", "interactions_"}}

    assert of(model) == of(memory)
    assert model.n_features_in_ == 40
    kinds = {type(fitted.status_) for fitted in (memory, model)}
    assert len(kinds) == 1


@each_place
@each_kind
def test_models_are_copied_saved_and_pruned(found, kind, place, tmp_path):
    X, _, _ = rows()
    model = found(kind, place)
    expected = model.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    small = sx.prune(model)
    small.save(tmp_path / "m.sxm")
    np.testing.assert_array_equal(sx.load(tmp_path / "m.sxm").predict(X), expected)
    assert sx.memory_report(model).fit == model.fit_memory_
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


@each_place
@pytest.mark.parametrize("kind", ["lasso", "two classes", "counts"])
def test_weights_are_repetitions(put, kind, place):
    X, y, _ = rows(n=300)
    times = np.random.default_rng(1).integers(0, 3, len(y))
    weighed = made(kind, place).fit(*put(kind, place, X, y, times.astype(float)))
    repeated = np.repeat(np.arange(len(y)), times)
    other = made(kind, place).fit(*put(kind, place, X[repeated], y[repeated]))
    np.testing.assert_allclose(weighed.coef_, other.coef_, atol=2e-3)
    np.testing.assert_allclose(weighed.intercept_, other.intercept_, atol=2e-3)


@each_place
@each_kind
def test_strong_penalties_leave_nothing_and_warm_starts_little_to_do(put, kind, place):
    given = put(kind, place, *rows())
    alone = made(kind, place, alpha=1e4, tol=1e-4).fit(*given)
    assert np.count_nonzero(alone.coef_) == (kind == "factors")
    model = made(kind, place, warm_start=True, tol=1e-5).fit(*given)
    before, n_iter = model.coef_.copy(), np.max(model.n_iter_)
    model.fit(*given)
    np.testing.assert_allclose(model.coef_, before, atol=0.02)
    assert np.max(model.n_iter_) <= n_iter


@each_place
@pytest.mark.parametrize(
    ("kind", "spoilt", "message"),
    [
        ("lasso", lambda y: np.where(np.arange(len(y)) == 7, np.nan, y), "NaN"),
        ("counts", lambda y: -y, "y must not be negative"),
        ("two classes", lambda y: np.ones(len(y)), "at least two classes"),
        ("two classes", lambda y: y, "label type"),
    ],
)
def test_bad_targets_are_named(put, monkeypatch, kind, spoilt, message, place):
    X, y, _ = rows(n=200)
    monkeypatch.setitem(KINDS, kind, (*KINDS[kind][:3], spoilt))
    with pytest.raises(ValueError, match=message):
        made(kind, place).fit(*put(kind, place, X, np.abs(y) + 1.0))


@each_place
def test_parameters_that_break_a_rule_are_named(put, place):
    given = put("lasso", place, *rows(n=200))
    for parameters, message in (
        ({"alpha": -1.0}, "'alpha' parameter of Lasso must be"),
        ({"tol": -1.0}, "'tol' parameter of Lasso must be"),
        ({"penalty_factor": [1.0]}, "penalty_factor must have shape"),
        ({"penalty_factor": 40 * [-1.0]}, "penalty_factor must not be negative"),
        ({"interactions": "all"}, "'interactions' parameter of Lasso must be"),
    ):
        with pytest.raises(ValueError, match=message):
            made("lasso", place, **parameters).fit(*given)


@pytest.mark.parametrize("name", ["LassoCV", "ElasticNetCV", "SparseLogisticRegressionCV"])
def test_choosers_choose_the_same(put, name):
    X, y, weight = rows()
    kind = "two classes" if "Logistic" in name else "lasso"
    (store,) = put(kind, "store", X, y, weight)
    place = np.repeat(np.arange(len(store)), [len(block.y) for block in store])
    folds = [(np.flatnonzero(place % 3 != k), np.flatnonzero(place % 3 == k)) for k in range(3)]
    make = partial(getattr(sx, name), n_alphas=6, eps=0.02, tol=TOL)
    mine, theirs = make(cv=3).fit(store), make(cv=folds).fit(*put(kind, "memory", X, y, weight))
    assert mine.alpha_ == pytest.approx(theirs.alpha_, rel=1e-6)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-3)


@pytest.mark.parametrize("name", ["FTRLClassifier", "FTRLRegressor"])
def test_streams_learn_the_same(put, name):
    X, y, _ = rows()
    kind = "two classes" if "Classifier" in name else "lasso"
    (store,), memory = (put(kind, place, X, y) for place in ("store", "memory"))
    mine, theirs = getattr(sx, name)().fit(store), getattr(sx, name)().fit(*memory[:2])
    np.testing.assert_array_equal(mine.coef_, theirs.coef_)
    if kind == "two classes":
        far = sxd.FTRLClassifier().fit(store)
        assert far.classes_.tolist() == theirs.classes_.tolist()
        assert far.coef_.shape == theirs.coef_.shape
        assert far.n_models_ == 2
        assert (far.predict(X) == theirs.predict(X)).mean() > 0.9
