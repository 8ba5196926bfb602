"""The multinomial model: one optimum over all classes, bounded by code of its own here."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import entr, log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold

import problems
import sparsecross as sx
from sparsecross import Status


def data(seed, n=80, p=12, n_classes=3, content="sparse"):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content)
    W = np.where(rng.random((p, n_classes)) < 0.3, rng.standard_normal((p, n_classes)), 0.0)
    labels = np.argmax(X @ W + rng.gumbel(size=(n, n_classes)), axis=1)
    labels[:n_classes] = np.arange(n_classes)
    return X, labels


def weight_of(n, s):
    s = np.ones(n) if s is None else np.asarray(s, dtype=float)
    return s / s.sum()


def objective(X, y, W, b, l1, l2, s=None):
    """P(W, b), with the penalty of each column in l1 and l2 (p)."""
    logs = log_softmax(X @ W.T + b, axis=1)
    used = W != 0
    l1, l2 = np.broadcast_to(l1, W.shape), np.broadcast_to(l2, W.shape)
    penalty = (l1[used] * np.abs(W[used]) + 0.5 * l2[used] * W[used] ** 2).sum()
    return -weight_of(len(y), s) @ logs[np.arange(len(y)), y] + penalty


def bound(X, y, W, b, l1, l2, s=None, *, intercept=True, positive=False):
    """A lower bound of the optimum that follows from the probabilities at (W, b).

    q must have rows that sum to 1 and, with an intercept, the labels' frequencies as its columns'
    sums; iterative proportional fitting finds the intercepts that give it those.
    """
    c, one_hot = weight_of(len(y), s), np.eye(len(W))[y]
    margins = X @ W.T + b
    if intercept:
        for _ in range(5000):
            margins = margins + np.log((c @ one_hot) / (c @ softmax(margins, axis=1)))
    theta = c[:, None] * (one_hot - softmax(margins, axis=1))
    z = X.T @ theta  # (p, K)
    l1, l2 = np.broadcast_to(l1, W.shape).T, np.broadcast_to(l2, W.shape).T
    counted = np.isfinite(l1)

    def size(v):
        return np.maximum(v, 0) if positive else np.abs(v)

    def dual(t):
        q = one_hot - t * theta / np.where(c > 0, c, 1.0)[:, None]
        return c @ entr(np.clip(q, 0, 1)).sum(axis=1)

    force = size(z - l2 * W.T)
    t = min(1.0, (l1[counted] / np.maximum(force[counted], 1e-300)).min())
    best = dual(t) - 0.5 * t**2 * (l2 * W.T**2)[counted].sum()
    if (l2[counted] > 0).all():
        beyond = np.maximum(size(z) - l1, 0.0)[counted]
        best = max(best, dual(1.0) - (beyond**2 / (2 * l2[counted])).sum())
    return best


OPTIONS = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.4},
    "ridge": {"l1_ratio": 0.0},
    "positive": {"positive": True},
    "factors": {"penalty_factor": True},
    "standardize": {"standardize": True},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_optimal(name, intercept, weighted):
    rng = np.random.default_rng(1)
    options = dict(OPTIONS[name])
    for content in problems.CONTENTS:
        X, y = data(2, content=content)
        factor = np.ones(12)
        if options.get("penalty_factor") is not None:
            factor = options["penalty_factor"] = problems.factors(rng, 12, unpenalised=False)
        s = rng.uniform(0.5, 2.0, 80) if weighted else None
        sigma = np.ones(12)
        if name == "standardize":
            c = weight_of(80, s)
            sigma = np.sqrt(c @ (X - (c @ X if intercept else 0.0)) ** 2)
            factor = np.where(sigma > 1e-9, factor, np.inf)
        alpha, rho = 0.01, options.get("l1_ratio", 1.0)
        excluded = np.isinf(factor)
        l1 = np.where(excluded, np.inf, alpha * rho * np.where(excluded, 0, factor) * sigma)
        l2 = np.where(excluded, 0, alpha * (1 - rho) * np.where(excluded, 0, factor) * sigma**2)
        for stored in (X, sp.csr_array(X)):
            model = sx.SparseLogisticRegression(
                alpha, multi_class="multinomial", fit_intercept=intercept, tol=1e-6, **options
            ).fit(stored, y, s)
            W, b = model.coef_, model.intercept_
            assert model.status_ is Status.converged
            assert W.shape == (3, 12)
            assert not W[:, excluded].any()
            assert W.any()
            if options.get("positive"):
                assert (W >= 0).all()
            if not intercept:
                assert not b.any()
            primal = objective(X, y, W, b, l1, l2, s)
            ours = bound(
                X, y, W, b, l1, l2, s, intercept=intercept, positive=options.get("positive", False)
            )
            frequency = weight_of(80, s) @ np.eye(3)[y]
            null = entr(frequency).sum() if intercept else np.log(3)
            assert model.relative_gap_ == pytest.approx(model.dual_gap_ / null)
            assert primal - ours <= 3e-6 * null, "optimal by a bound of our own"
            assert model.dual_gap_ <= 1e-6 * null
            last = model.history_[-1]
            assert last.primal == pytest.approx(primal, rel=1e-12)
            assert last.dual <= primal + 1e-12


@pytest.mark.parametrize("l1_ratio", [1.0, 0.0])
def test_agrees_with_scikit_learn(l1_ratio):
    from sklearn.linear_model import LogisticRegression

    X, y = data(3, n=150, p=6, content="dense")
    ours = sx.SparseLogisticRegression(
        0.01, l1_ratio=l1_ratio, multi_class="multinomial", tol=1e-9
    ).fit(X, y)
    theirs = LogisticRegression(
        l1_ratio=l1_ratio, C=1 / (0.01 * 150), solver="saga", tol=1e-8, max_iter=10**5
    ).fit(X, y)
    l1, l2 = 0.01 * l1_ratio, 0.01 * (1 - l1_ratio)
    values = [objective(X, y, m.coef_, m.intercept_, l1, l2) for m in (ours, theirs)]
    assert abs(values[0] - values[1]) <= 1e-6
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-2)


def test_probabilities_are_softmax():
    X, y = data(4, n_classes=4)
    names = np.array(["ash", "elm", "oak", "yew"])
    model = sx.SparseLogisticRegression(0.005, multi_class="multinomial").fit(X, names[y])
    margins = X @ model.coef_.T + model.intercept_
    np.testing.assert_allclose(model.predict_proba(X), softmax(margins, axis=1), rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(X), log_softmax(margins, axis=1), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), names[margins.argmax(axis=1)])
    # with an intercept the mean probability of a class is its frequency
    frequency = np.bincount(y) / len(y)
    np.testing.assert_allclose(model.predict_proba(X).mean(axis=0), frequency, atol=1e-6)


def test_weights_are_repeated_rows_and_class_weights():
    X, y = data(5, n=40)
    times = np.random.default_rng(6).integers(1, 4, 40)
    model = sx.SparseLogisticRegression(0.01, multi_class="multinomial", tol=1e-9)
    weighted = model.fit(X, y, times).history_[-1].primal
    repeated = model.fit(np.repeat(X, times, axis=0), np.repeat(y, times)).history_[-1].primal
    assert weighted == pytest.approx(repeated, rel=1e-8)
    model.set_params(class_weight={0: 1.0, 1: 2.0, 2: 5.0})
    by_class = model.fit(X, y).history_[-1].primal
    model.set_params(class_weight=None)
    assert by_class == model.fit(X, y, np.array([1.0, 2.0, 5.0])[y]).history_[-1].primal


def test_two_classes_are_the_binary_problem():
    X, y = data(7, n_classes=2)
    one = sx.SparseLogisticRegression(0.01, multi_class="multinomial").fit(X, y)
    other = sx.SparseLogisticRegression(0.01).fit(X, y)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_at_alpha_max_every_weight_is_zero():
    X, y = data(8)
    model = sx.SparseLogisticRegression(multi_class="multinomial").fit(X, y)
    top = 100 * model.alpha_
    theta = (np.eye(3)[y] - np.bincount(y) / len(y)) / len(y)
    assert top == pytest.approx(np.abs(X.T @ theta).max())
    above, below = (
        sx.SparseLogisticRegression(top * f, multi_class="multinomial", tol=1e-10).fit(X, y)
        for f in (1 + 1e-9, 0.99)
    )
    assert not above.coef_.any()
    assert above.status_ is Status.converged
    assert below.coef_.any()


def test_unpenalised_columns_and_no_penalty():
    X, y = data(9, n=150, p=4, content="dense")
    X = X / np.maximum(np.abs(X).max(axis=0), 1e-9)
    for options in ({"alpha": 0.0}, {"alpha": 0.01, "penalty_factor": [0, 1, 1, 1]}):
        model = sx.SparseLogisticRegression(
            multi_class="multinomial", tol=1e-6, max_iter=20_000, **options
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        P = model.predict_proba(X)
        z = X.T @ (np.eye(3)[y] - P) / len(y)
        free = [0] if "penalty_factor" in options else range(4)
        assert np.abs(z[list(free)]).max() <= 1e-3, "stationary"
        assert (model.status_ is Status.converged) == (model.relative_gap_ <= 1e-6)


def test_a_warm_start_and_running_out():
    X, y = data(10, n=120, p=40)
    model = sx.SparseLogisticRegression(
        0.003, multi_class="multinomial", warm_start=True, tol=1e-7
    ).fit(X, y)
    cold, coef = model.n_iter_, model.coef_.copy()
    model.fit(X, y)
    assert model.n_iter_ < cold
    np.testing.assert_allclose(model.coef_, coef, atol=1e-12)
    short = sx.SparseLogisticRegression(1e-4, multi_class="multinomial", max_iter=3, tol=1e-9)
    with pytest.warns(ConvergenceWarning, match=r"SparseLogisticRegression stopped after \d+ iter"):
        short.fit(X, y)
    assert short.status_ is Status.max_iter
    best = sx.SparseLogisticRegression(1e-4, multi_class="multinomial", tol=1e-4).fit(X, y)
    primal = short.history_[-1].primal
    assert primal - short.dual_gap_ <= best.history_[-1].primal


def test_threads_change_no_bit():
    X, y = data(11, n=400, p=600)  # enough entries for threads
    one, two = (
        sx.SparseLogisticRegression(0.005, multi_class="multinomial", n_threads=k).fit(X, y)
        for k in (1, 2)
    )
    assert one.coef_.any()
    np.testing.assert_array_equal(one.coef_, two.coef_)


# --- paths and cross-validation ---


def fitted_to(X, y, s, alpha, l1_ratio, standardize):
    """W (K, p) and b of rows alone, whose columns are divided by their deviations if asked for."""
    sigma = np.ones(X.shape[1])
    if standardize:
        c = weight_of(len(y), s)
        sigma = np.sqrt(c @ (X - c @ X) ** 2)
    varies = sigma > 1e-9
    found = sx.solve(
        X[:, varies] / sigma[varies], y, loss="multinomial", alpha=alpha, l1_ratio=l1_ratio,
        sample_weight=s, tol=1e-9,
    )  # fmt: skip
    W = np.zeros((len(found.coef), X.shape[1]))
    W[:, varies] = found.coef / sigma[varies]
    return W, found.intercept


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_a_fold_is_a_fit_to_its_rows(standardize, weighted):
    X, y = data(14, n=90, p=6, content="dense")
    s = np.random.default_rng(0).integers(1, 4, 90).astype(float) if weighted else None
    splits = list(StratifiedKFold(3).split(X, y))
    X[splits[1][0], 2] = 0.5  # of no deviation where the second fold learns, of some elsewhere
    ratios, names = [0.6, 1.0], np.array(["ash", "elm", "oak"])
    model = sx.SparseLogisticRegressionCV(
        multi_class="multinomial", l1_ratio=ratios, n_alphas=4, eps=0.05, cv=splits, tol=1e-9,
        standardize=standardize,
    ).fit(sp.csr_array(X), names[y], s)  # fmt: skip

    expected = np.empty((2, 4, 3))
    for r, ratio in enumerate(ratios):
        for a, alpha in enumerate(model.alphas_[r]):
            for f, (train, held) in enumerate(splits):
                part = None if s is None else s[train]
                W, b = fitted_to(X[train], y[train], part, alpha, ratio, standardize)
                logs = log_softmax(X[held] @ W.T + b, axis=1)
                judged = weight_of(len(held), None if s is None else s[held])
                expected[r, a, f] = -judged @ logs[np.arange(len(held)), y[held]]
    np.testing.assert_allclose(model.loss_path_, expected, rtol=1e-5)
    r, a = np.unravel_index(expected.mean(axis=2).argmin(), (2, 4))
    assert (model.l1_ratio_, model.alpha_) == (ratios[r], model.alphas_[r, a])
    W, b = fitted_to(X, y, s, model.alpha_, model.l1_ratio_, standardize)
    np.testing.assert_allclose(model.predict_proba(X), softmax(X @ W.T + b, axis=1), atol=1e-4)
    np.testing.assert_array_equal(model.path_[a].coef, model.coef_)
    np.testing.assert_array_equal(model.path_[a].intercept, model.intercept_)
    np.testing.assert_array_equal(sx.prune(model).predict_proba(X), model.predict_proba(X))


def test_scoring_of_a_joint_model():
    X, y = data(15, n=90)
    model = sx.SparseLogisticRegressionCV(
        multi_class="multinomial", n_alphas=4, cv=3, scoring="neg_log_loss"
    ).fit(X, y)
    np.testing.assert_allclose(-model.score_path_, model.loss_path_)


@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_a_path_is_optimal_everywhere(standardize):
    X, y = data(16)
    s = np.random.default_rng(0).uniform(0.5, 2.0, 80)
    path = sx.path(
        X, y, loss="multinomial", n_alphas=6, eps=0.02, sample_weight=s, tol=1e-6,
        standardize=standardize,
    )  # fmt: skip
    c = weight_of(80, s)
    frequency = c @ np.eye(3)[y]
    sigma = np.sqrt(c @ (X - c @ X) ** 2)
    if not standardize:
        sigma = np.ones(12)
    varies = sigma > 1e-9
    z = X[:, varies].T @ (c[:, None] * (np.eye(3)[y] - frequency)) / sigma[varies, None]
    np.testing.assert_allclose(path.alphas, np.geomspace(1, 0.02, 6) * np.abs(z).max())
    null = entr(frequency).sum()
    for k, point in enumerate(path):
        assert point.coef.shape == (3, 12)
        l1 = np.where(varies, point.alpha * sigma, np.inf)
        primal = objective(X, y, point.coef, point.intercept, l1, 0.0, s)
        assert primal == pytest.approx(point.primal, rel=1e-9)
        assert primal - bound(X, y, point.coef, point.intercept, l1, 0.0, s) <= 3e-6 * null
        loss = objective(X, y, point.coef, point.intercept, 0.0, 0.0, s)
        assert point.deviance_explained == pytest.approx(1 - loss / null, abs=1e-9)
        assert point.n_nonzero == np.count_nonzero(point.coef)
        for j in range(3):
            np.testing.assert_array_equal(path.of_class(j)[k].coef, point.coef[j])
            assert path.of_class(j)[k].intercept == point.intercept[j]
            assert path.of_class(j)[k].n_nonzero == np.count_nonzero(point.coef[j])
    model = sx.SparseLogisticRegression(
        path.alphas[-1], multi_class="multinomial", standardize=standardize, tol=1e-6
    ).fit(X, y, s)
    np.testing.assert_array_equal(model.coef_ != 0, path[-1].coef != 0)
    assert sx.prune(model).report.pruned_bytes == path.n_bytes[-1]


def test_a_path_ends_early_and_goes_on():
    X, y = data(17, p=30)
    whole = sx.path(X, y, loss="multinomial", n_alphas=8, tol=1e-8)
    short = sx.path(X, y, loss="multinomial", n_alphas=8, tol=1e-8, max_nonzeros=20)
    assert short.stopped_by == "max_nonzeros"
    assert (short.n_nonzeros <= 20).all()
    assert whole.n_nonzeros[len(short)] > 20
    on = sx.path(
        X, y, loss="multinomial", alphas=whole.alphas[len(short) :], tol=1e-8,
        coef_init=short[-1].coef, intercept_init=short[-1].intercept,
    )  # fmt: skip
    np.testing.assert_allclose(on.primals, whole.primals[len(short) :], rtol=1e-7)


def test_functions_and_estimators_are_one():
    X, y = data(18)
    model = sx.SparseLogisticRegression(multi_class="multinomial", l1_ratio=0.7).fit(X, y)
    largest = sx.alpha_max(X, y, loss="multinomial", l1_ratio=0.7)
    assert model.alpha_ == pytest.approx(largest / 100)
    found = sx.solve(X, y, loss="multinomial", alpha=model.alpha_, l1_ratio=0.7)
    np.testing.assert_array_equal(found.coef, model.coef_)
    np.testing.assert_array_equal(found.intercept, model.intercept_)


def test_a_fit_that_fails_leaves_the_probabilities():
    X, y = data(19)
    model = sx.SparseLogisticRegression(0.01, multi_class="multinomial").fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="penalty_factor must not be negative"):
        model.set_params(multi_class="ovr", penalty_factor=np.full(12, -1.0)).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_bad_arguments_of_the_functions():
    X, y = data(20)
    options = {"loss": "multinomial", "alpha": 0.1}
    for labels, message in (
        (y + 0.5, r"y must hold the numbers of classes, 0, 1, \.\.\., .* got"),
        (y - 1, r"y must hold the numbers of classes.* got -1.0"),
        (np.zeros(80), "y must hold at least two classes for loss='multinomial'"),
        (2 * y, r"positive weight for loss='multinomial', 1 has none"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.solve(X, labels, **options)
    for more, message in (
        ({"offset": np.ones(80)}, "offset must be None for loss='multinomial'"),
        ({"solver": "fista"}, "solver must be 'auto' or 'cd' for the multinomial model"),
        ({"coef_init": np.zeros(12)}, r"coef must have shape \(3, 12\)"),
        (
            {"intercept_init": [0.0, 1.0]},
            r"intercept_init must be .* of shape \(3,\), got .*\(2,\)",
        ),
        ({"intercept_init": [0.0, 1.0, np.nan]}, "intercept_init must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.solve(X, y, **options, **more)
    path = sx.path(X, y, loss="multinomial", n_alphas=2)
    with pytest.raises(ValueError, match="k must be a class, a number from 0 to 2, got 3"):
        path.of_class(3)
    with pytest.raises(ValueError, match="k must not be given"):
        path.of_class(0).of_class(0)


def test_bad_input():
    X, y = data(12)
    with pytest.raises(ValueError, match="solver must be 'auto' or 'cd' for the multinomial model"):
        sx.SparseLogisticRegression(multi_class="multinomial", solver="ista").fit(X, y)
    with pytest.raises(ValueError, match=r"'multi_class' parameter of .* must be a str among"):
        sx.SparseLogisticRegression(multi_class="softmax").fit(X, y)
    model = sx.SparseLogisticRegression(multi_class="multinomial")
    with pytest.raises(ValueError, match=r"every class must have a sample of positive weight.* 2 "):
        model.fit(X, y, np.where(y == 2, 0.0, 1.0))
    with pytest.raises(ValueError, match="offset must be None for multi_class='multinomial'"):
        model.fit(X, y, offset=np.ones(80))
    with pytest.raises(ValueError, match="alpha_max does not exist for l1_ratio=0"):
        sx.SparseLogisticRegression(None, l1_ratio=0.0, multi_class="multinomial").fit(X, y)


def test_pruned_models_remember_softmax(tmp_path):
    X, y = data(13)
    X = sp.csr_array(X)
    for multi_class in ("multinomial", "ovr"):
        model = sx.SparseLogisticRegression(0.01, multi_class=multi_class).fit(X, y)
        sx.save(model, tmp_path / "m.sxm")
        for pruned in (sx.prune(model), sx.load(tmp_path / "m.sxm")):
            assert pruned.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
            np.testing.assert_array_equal(pruned.predict(X), model.predict(X))
