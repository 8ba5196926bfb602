"""What docs/moving.md says of other libraries' parameters: the same problem, the same weights.

scikit-learn is at hand; what glmnet, liblinear and Vowpal Wabbit minimise is restated with it, or
in a few lines of NumPy.
"""

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sparsecross as sx

N, P = 120, 7
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, P)) * rng.uniform(0.5, 2.0, P) + rng.uniform(-1, 1, P)
    signal = 1.5 * X[:, 0] - X[:, 1] + 0.5 * X[:, 2] + rng.standard_normal(N)
    return X, signal, rng.integers(1, 4, N).astype(float)


def assert_same(ours, theirs):
    np.testing.assert_allclose(np.ravel(ours.coef_), np.ravel(theirs.coef_), **CLOSE)
    np.testing.assert_allclose(np.ravel(ours.intercept_), np.ravel(theirs.intercept_), **CLOSE)
    assert np.count_nonzero(theirs.coef_) > 0


@pytest.mark.parametrize("positive", [False, True])
def test_lasso_and_elastic_net_have_the_same_parameters(rows, positive):
    X, y, s = rows
    shared = {"alpha": 0.2, "positive": positive}
    for name, more in (("Lasso", {}), ("ElasticNet", {"l1_ratio": 0.3})):
        ours = getattr(sx, name)(**shared, **more, tol=1e-10).fit(X, y, sample_weight=s)
        theirs = getattr(linear_model, name)(**shared, **more, tol=1e-12, max_iter=10**5)
        assert_same(ours, theirs.fit(X, y, sample_weight=s))


@pytest.mark.parametrize("name", ["MultiTaskLasso", "MultiTaskElasticNet"])
def test_multi_task_estimators_have_the_same_parameters(rows, name):
    X, y, _ = rows
    Y = np.stack([y, X[:, 3] - y], axis=1)
    ours = getattr(sx, name)(alpha=0.3, tol=1e-10).fit(X, Y)
    theirs = getattr(linear_model, name)(alpha=0.3, tol=1e-12, max_iter=10**5).fit(X, Y)
    assert_same(ours, theirs)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_c_of_logistic_regression_is_one_over_alpha_times_the_weights(rows, l1_ratio, n_classes):
    X, signal, s = rows
    y, alpha = np.digitize(signal, [0.0, 1.5][: n_classes - 1]), 0.02
    theirs = linear_model.LogisticRegression(
        C=1 / (alpha * s.sum()), l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=10**5
    ).fit(X, y, sample_weight=s)
    ours = sx.SparseLogisticRegression(
        alpha=alpha, l1_ratio=l1_ratio, multi_class="multinomial", tol=1e-11
    ).fit(X, y, sample_weight=s)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)
    margins = ours.decision_function(X) - theirs.decision_function(X)
    if n_classes > 2:  # intercepts may all be shifted alike
        margins -= margins.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(margins, 0.0, atol=1e-4)


def test_liblinear_penalises_its_intercept_as_a_column(rows):
    X, signal, _ = rows
    y, C, bias = np.where(signal > 0, 1, -1), 0.3, 2.0
    theirs = linear_model.LogisticRegression(
        C=C, l1_ratio=1, solver="liblinear", intercept_scaling=bias, tol=1e-10, max_iter=10**5
    ).fit(X, y)
    with_bias = np.column_stack([X, np.full(N, bias)])
    ours = sx.SparseLogisticRegression(alpha=1 / (C * N), fit_intercept=False, tol=1e-11)
    weights = ours.fit(with_bias, y).coef_[0]
    np.testing.assert_allclose(weights[:-1], theirs.coef_[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias * weights[-1], theirs.intercept_[0], rtol=1e-4, atol=1e-5)


def test_poisson_regression_without_l1_has_the_same_alpha(rows):
    X, signal, s = rows
    y = np.random.default_rng(1).poisson(np.exp(0.3 * signal)).astype(float)
    ours = sx.PoissonRegressor(alpha=0.1, l1_ratio=0.0, tol=1e-12).fit(X, y, sample_weight=s)
    theirs = linear_model.PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=10**4)
    assert_same(ours, theirs.fit(X, y, sample_weight=s))


def test_least_absolute_deviations_have_twice_the_alpha_of_the_median(rows):
    X, y, _ = rows
    theirs = linear_model.QuantileRegressor(quantile=0.5, alpha=0.1).fit(X, y)
    ours = sx.solve(X, y, loss="absolute", alpha=0.2, tol=1e-8)
    objective = np.abs(y - theirs.predict(X)).mean() + 0.2 * np.abs(theirs.coef_).sum()
    np.testing.assert_allclose(ours.primal, objective, rtol=1e-7)


def test_standardize_is_a_scaler_before_the_lasso_and_weights_of_the_columns_as_they_are(rows):
    X, y, _ = rows
    scaled = make_pipeline(StandardScaler(), linear_model.Lasso(alpha=0.2, tol=1e-12)).fit(X, y)
    ours = sx.Lasso(alpha=0.2, standardize=True, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(ours.coef_ * scaled[0].scale_, scaled[1].coef_, **CLOSE)
    np.testing.assert_allclose(ours.predict(X), scaled.predict(X), **CLOSE)


def test_cross_validation_compares_the_same_errors_on_the_same_grid(rows):
    X, y, _ = rows
    theirs = linear_model.LassoCV(alphas=20, eps=1e-2, tol=1e-10, max_iter=10**5).fit(X, y)
    ours = sx.LassoCV(n_alphas=20, eps=1e-2, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(ours.alphas_, theirs.alphas_, **CLOSE)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, **CLOSE)
    np.testing.assert_allclose(ours.alpha_, theirs.alpha_, **CLOSE)


def test_l2_of_gaussian_glmnet_is_in_units_of_the_deviation_of_y(rows):
    """Glmnet solves the problem of y / s_y at lambda / s_y, and multiplies weights by s_y."""
    X, signal, _ = rows
    y, lam, share = 10 * signal, 2.0, 0.25
    s_y = y.std()
    inside = linear_model.ElasticNet(lam / s_y, l1_ratio=share, tol=1e-12, max_iter=10**5)
    inside.fit(X, y / s_y)
    l1, l2 = lam * share, lam * (1 - share) / s_y
    ours = sx.ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-12).fit(X, y)
    np.testing.assert_allclose(ours.coef_, s_y * inside.coef_, **CLOSE)


def test_a_penalty_factor_is_a_column_divided_by_it(rows):
    X, y, _ = rows
    given = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 1.0])
    factor = given * P / given.sum()  # glmnet makes them sum to the number of columns
    inside = linear_model.Lasso(alpha=0.2, tol=1e-12, max_iter=10**5).fit(X / factor, y)
    ours = sx.Lasso(alpha=0.2, penalty_factor=factor, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(ours.coef_, inside.coef_ / factor, **CLOSE)


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_ftrl_of_vowpal_wabbit(rows, loss):
    """Its update (ftrl_proximal), with a constant left out; its squared loss has no half."""
    X, signal, _ = rows
    rate, beta, l1, l2 = 0.3, 1.0, 12.0 if loss == "squared" else 2.0, 0.5
    y = np.where(signal > 0, 1.0, -1.0) if loss == "logistic" else signal
    slopes = {
        "logistic": lambda m, t: -t / (1 + np.exp(t * m)),
        "squared": lambda m, t: 2 * (m - t),
    }
    w, z, n = np.zeros((3, P))
    for x, target in zip(X, y, strict=True):
        g = x * slopes[loss](x @ w, target)
        z += g - (np.sqrt(n + g**2) - np.sqrt(n)) / rate * w
        n += g**2
        step = 1 / (l2 + (beta + np.sqrt(n)) / rate)
        w = np.where(np.abs(z) <= l1, 0.0, -step * (z - l1 * np.sign(z)))
    options = {"beta": beta, "l1": l1, "l2": l2, "fit_intercept": False}
    if loss == "logistic":
        ours = sx.FTRLClassifier(rate, **options).fit(X, y)
    else:
        ours = sx.FTRLRegressor(rate, **options).fit(X, y, sample_weight=np.full(N, 2.0))
    np.testing.assert_allclose(np.ravel(ours.coef_), w, rtol=1e-9, atol=1e-12)
    assert 0 < np.count_nonzero(w) < P
