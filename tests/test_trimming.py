"""Smaller than pruned: fewer weights and fewer bits, with the loss that they cost."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from sparsecross.model import LinearModel
from sparsecross.storage import least_bytes, stored

DTYPES = ("float64", "float32", "float16", "q2.13")


class Given(LinearModel):
    """A model that has these weights, without ever having been fitted."""

    _loss, intercept_, interactions_, encoder_, n_threads = "squared", 0.5, None, None, None

    def __init__(self, universe=1, ids=(), weights=()):
        self.universe, self.ids, self.weights = universe, ids, weights

    def fit(self):
        raise NotImplementedError

    def __sklearn_is_fitted__(self):
        return True

    def _weights_of_outputs(self):
        return self.universe, [(np.asarray(self.ids, np.intp), np.asarray(self.weights, float))]

    def _unpruned_bytes(self):
        return {"weights": 8 * self.universe if self.universe < 2**40 else 0, "crosses": 0}


def some_ids(rng, universe, n):
    ids = np.unique(rng.integers(0, universe, 2 * n + 10))
    while len(ids) < n:
        ids = np.union1d(ids, rng.integers(0, universe, n))
    return np.sort(rng.choice(ids, n, replace=False))


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(5)
    X = sp.random(400, 120, 0.2, format="csr", random_state=3)
    w = np.zeros(120)
    w[:30] = rng.standard_normal(30) * np.logspace(0, -2, 30)
    y = X @ w + X[:, 0].multiply(X[:, 1]).toarray().ravel() * 5 + 0.05 * rng.standard_normal(400)
    return X, y


def test_the_least_bytes_are_those_of_a_choice():
    for universe, n in ((10, 10), (7, 0), (100, 37), (10**6, 1000), (2**40, 300), (2**62, 50)):
        exact = math.log2(math.comb(universe, n)) + 16 * n
        assert 8 * least_bytes(universe, n, 16) == pytest.approx(exact, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("times", [1, 1.5, 4, 5.4, 8, 100, 10**6, None])
@pytest.mark.parametrize("n", [0, 1, 10, 999, 10**4, 10**5])
def test_files_are_near_the_least_that_there_is(dtype, times, n):
    rng = np.random.default_rng(n)
    universe = max(2**62 if times is None else int(times * n), 1)
    ids = np.arange(n) if times == 1 else some_ids(rng, universe, n)
    model = Given(universe, ids, 0.5 + rng.random(n))
    report = sx.prune(model, dtype=dtype).report
    least = math.lgamma(universe + 1) if universe < 10**9 else None
    if least is not None:  # Γ, where it keeps its digits: by other means than the report
        ways = (least - math.lgamma(n + 1) - math.lgamma(universe - n + 1)) / math.log(2)
        bits = {"float64": 64, "float32": 32}.get(dtype, 16)
        assert report.least_bytes == pytest.approx((ways + bits * n) / 8, rel=1e-6, abs=1e-3)
    times_least = 1.06 if n >= 10**4 and universe >= 4 * n else 1.15
    assert report.file_bytes <= times_least * report.least_bytes + 512
    assert report.n_nonzero == n


def test_the_report_tells_the_size_of_the_file(problem, tmp_path):
    X, y = problem
    names = [f"column {j}" for j in range(X.shape[1])]
    table = pd.DataFrame.sparse.from_spmatrix(X, columns=names)
    for model in (sx.Lasso(alpha=0.001).fit(X, y), sx.Lasso(alpha=0.001).fit(table.to_numpy(), y)):
        for dtype in DTYPES:
            pruned = sx.prune(model, dtype=dtype)
            pruned.save(tmp_path / "model.sxm")
            assert (tmp_path / "model.sxm").stat().st_size == pruned.report.file_bytes
            assert sx.load(tmp_path / "model.sxm").report == pruned.report
    named = sx.Lasso(alpha=0.001).fit(pd.DataFrame(X.toarray(), columns=names), y)
    report = sx.prune(named).report
    assert report.file["names"] > sum(len(name) for name in names[:20])
    assert f"{report.file_ratio:.2f} times" in str(report)


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_rounded_weights_are_as_near_as_stated(dtype):
    rng = np.random.default_rng(0)
    w = rng.standard_normal(20_000) * np.exp(rng.uniform(-20, 1, 20_000))
    found, exponent = stored(w, dtype)
    if dtype == "q2.13":
        step = 2.0 ** (exponent - 13)
        values = found.astype(float) * step
        error = values - w
        assert np.abs(error).max() < step
        # Each error has mean 0 and at most a quarter of step² of variance.
        assert abs(error.sum()) < 5 * 0.5 * step * np.sqrt(len(w))
        assert (exponent > 0) == (np.abs(w).max() >= 4)
    else:
        values = found.astype(float)
        relative, absolute = (2.0**-24, 2.0**-150) if dtype == "float32" else (2.0**-11, 2.0**-25)
        assert (np.abs(values - w) <= np.maximum(relative * np.abs(w), absolute)).all()
    again, _ = stored(w, dtype)
    assert found.tobytes() == again.tobytes()


def test_q2_13_takes_the_step_that_the_largest_weight_needs():
    for largest, exponent in ((0.5, 0), (3.9, 0), (4.0, 1), (7.9, 1), (1e6, 18), (1e300, 995)):
        found, e = stored(np.array([largest, -largest]), "q2.13")
        assert e == exponent
        assert np.ldexp(found.astype(float), e - 13) == pytest.approx([largest, -largest], rel=2e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["regressor", "classes", "crosses", "table", "stream"])
def test_every_route_predicts_alike(problem, tmp_path, dtype, kind):
    X, y = problem
    rows, row = X, lambda i: dict(zip(X[i].indices.tolist(), X[i].data.tolist(), strict=True))
    if kind == "regressor":
        model = sx.Lasso(alpha=0.0005).fit(X, y)
    elif kind == "classes":
        model = sx.SparseLogisticRegression(alpha=0.001).fit(X, np.digitize(y, [-0.5, 0.5]))
    elif kind == "crosses":
        model = sx.Lasso(alpha=0.0005, interactions="pairwise").fit(X, y)
    elif kind == "stream":
        model = sx.FTRLRegressor(l1=0.05, interactions="pairwise", n_bits=None).fit(X, y)
    else:
        rng = np.random.default_rng(0)
        rows = pd.DataFrame(
            {"a": rng.choice(list("xyz"), 400), "b": rng.integers(0, 9, 400).astype(str)}
        )
        target = (rows["a"] == "x") * 1.3 + (rows["b"] > "4") * 0.7 + 0.01 * y
        model = make_pipeline(sx.FeatureCross(), sx.Lasso(alpha=0.0005)).fit(rows, target)
        row = lambda i: rows.iloc[i].to_dict()  # noqa: E731
    pruned = sx.prune(model, dtype=dtype)
    pruned.save(tmp_path / "model.sxm")
    expected = pruned.predict(rows)
    for mmap in (True, False):
        loaded = sx.load(tmp_path / "model.sxm", mmap=mmap)
        assert loaded.report.weight_type == dtype
        assert loaded.predict(rows).tobytes() == expected.tobytes()
        assert [loaded.predict_one(row(i)) for i in range(50)] == expected[:50].tolist()
    if dtype == "float64":
        assert expected.tobytes() == model.predict(rows).tobytes()
    elif kind != "classes":
        np.testing.assert_allclose(expected, model.predict(rows), atol=0.02)


def test_weights_that_round_to_zero_are_dropped():
    small = sx.prune(Given(100, [3, 50, 99], [1e-9, 1.0, -1e-9]), dtype="float16")
    assert small.report.n_nonzero == 1
    assert small.sparse_coef_.indices.tolist() == [50]


def _effects(X, w):
    return np.abs(w) * np.sqrt(np.asarray(X.power(2).mean(axis=0)).ravel())


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "q2.13"])
def test_a_budget_of_bytes_keeps_the_largest_effects(problem, tmp_path, rows, dtype):
    X, y = problem
    model = sx.Lasso(alpha=0.0003).fit(X, y)
    full = sx.prune(model, dtype=dtype)
    evidence = {"X": X, "y": y} if rows else {}
    effects = _effects(X, model.coef_) if rows else np.abs(model.coef_)
    for max_bytes in (520, 600, 700, full.report.file_bytes, 10**6):
        small = sx.prune(model, max_bytes=max_bytes, dtype=dtype, **evidence)
        small.save(tmp_path / "model.sxm")
        assert (tmp_path / "model.sxm").stat().st_size <= max_bytes
        assert small.report.pruned_bytes <= max_bytes
        kept = small.sparse_coef_.indices
        rest = np.setdiff1d(np.flatnonzero(model.coef_), kept)
        if dtype == "float64":
            assert len(rest) == 0 or effects[kept].min() >= effects[rest].max()
            if len(rest):  # one more would be too many
                one_more = np.append(kept, rest[np.argmax(effects[rest])])
                larger = Given(X.shape[1], np.sort(one_more), model.coef_[np.sort(one_more)])
                report = sx.prune(larger).report
                assert max(report.file_bytes, report.pruned_bytes) > max_bytes
    with pytest.raises(ValueError, match="max_bytes must leave room for a model without weights"):
        sx.prune(model, max_bytes=100)


def _log_loss(model, X, labels):
    p = model.predict_proba(X)[np.arange(len(labels)), np.searchsorted(model.classes_, labels)]
    return -np.log(p).mean()


@pytest.mark.parametrize("allowed", [0.0, 1e-3, 0.02, 10.0])
def test_as_few_weights_as_the_loss_allows(problem, allowed):
    X, y = problem
    model = sx.Lasso(alpha=0.0003).fit(X, y)
    small = sx.prune(model, max_loss_increase=allowed, X=X, y=y)
    before, after, tradeoff = small.report.losses

    def loss(w):
        return 0.5 * np.mean((y - X @ w - model.intercept_) ** 2)

    assert before == pytest.approx(loss(model.coef_), rel=1e-12)
    assert after == pytest.approx(0.5 * np.mean((y - small.predict(X)) ** 2), rel=1e-12)
    assert after <= before * (1 + 1e-12) + allowed
    order = np.argsort(-_effects(X, model.coef_), kind="stable")
    n = small.report.n_nonzero
    if n > 0:  # one fewer costs too much
        w = np.zeros_like(model.coef_)
        w[order[: n - 1]] = model.coef_[order[: n - 1]]
        assert loss(w) > before + allowed
    for n_nonzero, n_bytes, told in tradeoff:
        w = np.zeros_like(model.coef_)
        w[order[:n_nonzero]] = model.coef_[order[:n_nonzero]]
        assert told == pytest.approx(loss(w), rel=1e-9)
        assert n_bytes >= 8 * n_nonzero
    assert tradeoff[0].n_nonzero == np.count_nonzero(model.coef_)
    assert tradeoff[-1].n_nonzero == 0


def test_losses_of_classes_crosses_tables_and_weighted_rows(problem):
    X, y = problem
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [-0.3, 0.3])]
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    for multi_class in ("ovr", "multinomial"):
        model = sx.SparseLogisticRegression(alpha=0.002, multi_class=multi_class).fit(X, labels)
        report = sx.prune(model, X=X, y=labels).report
        assert report.losses.before == pytest.approx(_log_loss(model, X, labels), rel=1e-9)
        assert report.losses.after == pytest.approx(report.losses.before, rel=1e-12)
    crossed = sx.Lasso(alpha=0.002, interactions="pairwise").fit(X, y)
    assert len(crossed.interactions_) > 0
    losses = sx.prune(crossed, X=X, y=y, sample_weight=weight, max_bytes=900).report.losses
    each = 0.5 * (y - crossed.predict(X)) ** 2
    assert losses.before == pytest.approx(np.average(each, weights=weight), rel=1e-9)
    assert losses.tradeoff[0].loss == pytest.approx(losses.before, rel=1e-9)
    assert losses.after >= losses.before
    huber = sx.HuberRegressor(alpha=0.002, delta=0.1).fit(X, y)
    r = np.abs(y - huber.predict(X))
    expected = np.mean(np.where(r <= 0.1, 0.5 * r**2, 0.1 * (r - 0.05)))
    assert sx.prune(huber, X=X, y=y).report.losses.before == pytest.approx(expected, rel=1e-9)
    counts = np.random.default_rng(0).poisson(np.exp(y))
    poisson = sx.PoissonRegressor(alpha=0.002).fit(X, counts)
    rate = poisson.predict(X)
    logs = np.log(rate / np.maximum(counts, 1))
    deviance = rate - counts - np.where(counts > 0, counts * logs, 0.0)
    losses = sx.prune(poisson, X=X, y=counts).report.losses
    assert losses.before == pytest.approx(deviance.mean(), rel=1e-9)


@pytest.mark.parametrize("interactions", [None, "pairwise"])
def test_a_refit_has_a_thousandth_of_the_penalty(problem, interactions):
    X, y = problem
    model = sx.Lasso(alpha=0.01, tol=1e-14, interactions=interactions).fit(X, y)
    small = sx.prune(model, X=X, y=y, refit=True)
    assert small.report.losses.after < small.report.losses.before
    residual = y - small.predict(X)
    assert abs(residual.mean()) < 1e-6
    columns = [X[:, [j]] for j in small.sparse_coef_.indices]
    if interactions:
        columns += [X[:, [j]].multiply(X[:, [k]]) for j, k in small.interactions_.columns]
    correlations = [np.ravel(column.T @ residual)[0] / len(y) for column in columns]
    np.testing.assert_allclose(np.abs(correlations), 1e-3 * model.alpha_, rtol=1e-2)
    assert small.report.n_nonzero <= sx.prune(model).report.n_nonzero


def test_streams_of_tables_are_judged_by_their_rows():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.choice(list("xyz"), 300), "b": rng.choice(list("pq"), 300)})
    y = (table["a"] == "x") * 1.0 + 0.1 * rng.standard_normal(300)
    for n_bits in (10, None):
        model = sx.FTRLRegressor(l1=0.1, interactions="pairwise", n_bits=n_bits).fit(table, y)
        losses = sx.prune(model, X=table, y=y).report.losses
        expected = 0.5 * np.mean((y - model.predict(table)) ** 2)
        assert losses.before == pytest.approx(expected, rel=1e-9)
        assert losses.after == pytest.approx(expected, rel=1e-9)


def test_a_refit_keeps_the_units_and_factors_of_the_penalty(problem):
    X, y = problem
    factor = np.ones(X.shape[1])
    factor[:3] = 0.0
    for scale in (1.0, 1e-4):
        model = sx.Lasso(alpha=0.05, standardize=True, penalty_factor=factor, tol=1e-12)
        small = sx.prune(model.fit(scale * X, y), X=scale * X, y=y, refit=True)
        assert small.report.losses.after < small.report.losses.before
        residual = y - small.predict(scale * X)
        for j in small.sparse_coef_.indices:
            column = X[:, [j]].toarray().ravel()
            wanted = 1e-3 * model.alpha_ * factor[j]
            found = abs(column @ residual) / len(y) / column.std()
            assert found == pytest.approx(wanted, rel=0.05, abs=1e-5)


def test_offsets_are_added_to_margins(problem):
    X, y = problem
    offset = np.full(len(y), 3.0)
    counts = np.random.default_rng(1).poisson(np.exp(0.5 * y + 3.0))
    model = sx.PoissonRegressor(alpha=0.02).fit(X, counts, offset=offset)
    losses = sx.prune(model, X=X, y=counts, offset=offset, refit=True).report.losses
    rate = model.predict(X) * np.exp(3.0)
    each = rate - counts - np.where(counts > 0, counts * np.log(rate / np.maximum(counts, 1)), 0.0)
    assert losses.before == pytest.approx(each.mean(), rel=1e-9)
    assert losses.after < losses.before


def test_a_refit_keeps_to_the_bytes_after_rounding():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 300))
    y = X[:, :60] @ np.full(60, 2e-4) + 1e-4 * rng.standard_normal(200)
    model = sx.Lasso(alpha=1.5e-4).fit(X, y)
    for limit in range(440, 620, 6):
        report = sx.prune(model, max_bytes=limit, X=X, y=y, refit=True, dtype="q2.13").report
        assert max(report.file_bytes, report.pruned_bytes) <= limit


def test_a_refit_of_classes_is_a_better_fit(problem):
    X, y = problem
    labels = np.digitize(y, [-0.3, 0.3])
    for multi_class in ("ovr", "multinomial"):
        model = sx.SparseLogisticRegression(alpha=0.01, multi_class=multi_class).fit(X, labels)
        losses = sx.prune(model, X=X, y=labels, refit=True).report.losses
        assert losses.after < losses.before


def test_bad_arguments_are_named(problem):
    X, y = problem
    model = sx.Lasso(alpha=0.001).fit(X, y)
    for arguments, message in (
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 1.5}, "max_bytes"),
        ({"max_loss_increase": -1.0, "X": X, "y": y}, "max_loss_increase"),
        ({"max_loss_increase": 0.1}, "max_loss_increase needs rows"),
        ({"refit": True}, "refit needs rows"),
        ({"X": X}, "X and y must be given together"),
        ({"y": y}, "X and y must be given together"),
        ({"X": X, "y": y[:-1]}, "y must have shape"),
        ({"X": X[:, 1:], "y": y}, "features"),
        ({"X": X, "y": np.where(y > 0, np.nan, y)}, "NaN"),
        ({"dtype": "float8"}, "dtype"),
        ({"max_bytes": 520, "max_loss_increase": 0.0, "X": X, "y": y}, "leaves"),
        ({"X": X, "y": y, "sample_weight": -np.ones(len(y))}, "sample_weight"),
        ({"sample_weight": np.ones(len(y))}, "sample_weight needs rows"),
        ({"offset": np.ones(len(y))}, "offset needs rows"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.prune(model, **arguments)
    with pytest.raises(ValueError, match="cannot hold a weight of 1e\\+06"):
        sx.prune(Given(5, [1], [1e6]), dtype="float16")
    labels = np.where(y > 0, "yes", "no")
    classifier = sx.SparseLogisticRegression(alpha=0.01).fit(X, labels)
    with pytest.raises(ValueError, match="labels of the model, got 'maybe'"):
        sx.prune(classifier, X=X, y=np.where(labels == "no", "maybe", labels))
    with pytest.raises(ValueError, match="labels of the model, got None"):
        sx.prune(classifier, X=X, y=np.where(labels == "no", None, labels))
    three = np.digitize(y, [-0.3, 0.3])
    some = three > 0
    model = sx.SparseLogisticRegression(alpha=0.01).fit(X, three)
    with pytest.raises(ValueError, match="refit needs rows of every class"):
        sx.prune(model, X=X[some], y=three[some], refit=True)
    counts = sx.PoissonRegressor(alpha=0.01).fit(X, np.round(np.exp(y)))
    with pytest.raises(ValueError, match="must not be negative"):
        sx.prune(counts, X=X, y=y, max_loss_increase=0.1)
    table = pd.DataFrame(X.toarray()[:, :5], columns=list("abcde"))
    named = sx.Lasso(alpha=0.001).fit(table, y)
    with pytest.raises(ValueError, match="feature names"):
        sx.prune(named, X=table[list("bacde")], y=y)
    stream = sx.FTRLRegressor(l1=0.1).fit(X, y)
    with pytest.raises(ValueError, match="estimator of a batch"):
        sx.prune(stream, X=X, y=y, refit=True)
