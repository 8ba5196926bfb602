"""What the gallery's section on L1 and L2 says, without the pictures."""

import re
import runpy
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_expit
from scipy.stats import laplace, norm

import sparsecross as sx

ROOT = Path(__file__).parent.parent


def two_columns(seed, n=40):
    """Two correlated columns and targets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
    return X, X @ [0.25, 1.2] + 0.5 * rng.standard_normal(n)


# --- diamond and circle ---


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_penalised_solution_is_the_best_of_its_norm(seed, l1_ratio):
    X, y = two_columns(seed)
    found = sx.solve(X, y, alpha=0.4, l1_ratio=l1_ratio, fit_intercept=False, tol=1e-12).coef
    signs = np.array([1.0, 1.0, -1.0, -1.0])  # w = u - v, so that the L1 norm is smooth
    bound = np.abs(found).sum() if l1_ratio else found @ found

    def norm_of(uv):
        return uv.sum() if l1_ratio else ((uv[:2] - uv[2:]) ** 2).sum()

    Z = np.hstack([X, X]) * signs
    best = minimize(
        lambda uv: np.mean((y - Z @ uv) ** 2) / 2,
        np.full(4, 0.1),
        bounds=[(0.0, None)] * 4,
        constraints={"type": "ineq", "fun": lambda uv: bound - norm_of(uv)},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    np.testing.assert_allclose(best.x[:2] - best.x[2:], found, atol=1e-5)


def test_a_whole_range_of_data_ends_on_a_corner():
    # w1 = 0 is best exactly where the slope of the loss along it is at most alpha.
    X, _ = two_columns(0)
    alpha = 0.4
    n_corners = 0
    for angle in np.deg2rad(np.arange(0.5, 360.0)):
        y = X @ [np.cos(angle), np.sin(angle)]
        slope_2, curvature_2 = X[:, 1] @ y / len(y), X[:, 1] @ X[:, 1] / len(y)
        alone = np.sign(slope_2) * max(abs(slope_2) - alpha, 0.0) / curvature_2
        on_corner = abs(X[:, 0] @ (y - X[:, 1] * alone)) / len(y) <= alpha
        lasso = sx.solve(X, y, alpha=alpha, fit_intercept=False, tol=1e-13).coef
        ridge = sx.solve(X, y, alpha=alpha, l1_ratio=0.0, fit_intercept=False, tol=1e-13).coef
        assert (lasso[0] == 0.0) == on_corner
        assert ridge[0] != 0.0
        n_corners += on_corner
    assert n_corners > 60


# --- a constant and a percentage ---


@pytest.mark.parametrize(("start", "amount"), [(1.0, 0.03), (-2.0, 0.7), (1e-9, 1.0)])
def test_l1_lands_in_finitely_many_steps(start, amount):
    steps, w = 0, start
    while w != 0.0:
        w, steps = sx.soft_threshold(w, amount), steps + 1
    assert steps == np.ceil(abs(start) / amount)


@pytest.mark.parametrize("pull", [0.0, 0.3, 0.4999, 0.5001, 2.0])
def test_a_pull_up_to_alpha_leaves_l1_at_zero_and_l2_nowhere_near(pull):
    x, alpha = np.array([1.0, -1.0]), 0.5
    fit = {"alpha": alpha, "fit_intercept": False, "tol": 1e-13}
    lasso = sx.solve(x[:, None], pull * x, **fit).coef[0]
    ridge = sx.solve(x[:, None], pull * x, l1_ratio=0.0, **fit).coef[0]
    assert (lasso == 0.0) == (pull <= alpha)
    assert (ridge == 0.0) == (pull == 0.0)
    np.testing.assert_allclose([lasso, ridge], [max(pull - alpha, 0.0), pull / 1.5], atol=1e-7)


# --- landing ---


def test_the_guide_to_streams_has_the_figures_of_the_page(capsys, monkeypatch):
    mpl.use("Agg")
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    runpy.run_path(str(ROOT / "examples" / "gallery" / "seeing" / "plot_3_landing.py"))
    printed = re.findall(r"([\d.]+%) +([\d.]+)", capsys.readouterr().out)
    guide = (ROOT / "docs" / "streams.md").read_text()
    assert re.findall(r"l1 = .* \| ([\d.]+%) \| ([\d.]+) \|", guide) == printed
    assert len(printed) == 3


# --- overconfidence ---


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_a_weaker_penalty_means_larger_weights_and_less_training_loss(l1_ratio):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 40))  # so many columns separate any labels
    y = rng.choice([-1.0, 1.0], 60)
    alphas = np.geomspace(0.1, 1e-4, 12)
    path = sx.path(X, y, loss="logistic", l1_ratio=l1_ratio, alphas=alphas, tol=1e-9)
    norms = [np.linalg.norm(point.coef, 1 if l1_ratio else 2) for point in path]
    losses = [-log_expit(y * (X @ point.coef + point.intercept)).mean() for point in path]
    assert (np.diff(norms) > 0).all()
    assert (np.diff(losses) < 0).all()
    assert losses[-1] < 0.05
    # and ten times the weights are surer still
    last = path[-1]
    assert -log_expit(10 * y * (X @ last.coef + last.intercept)).mean() < losses[-1]


# --- losses under outliers ---


def test_the_absolute_loss_has_the_weighted_median_of_slopes():
    rng = np.random.default_rng(2)
    for n in (5, 21, 60):
        x, y = rng.standard_normal(n), rng.standard_cauchy(n)
        order = np.argsort(y / x)
        weight = np.abs(x)[order].cumsum()
        median = (y / x)[order][np.searchsorted(weight, weight[-1] / 2)]
        found = sx.solve(x[:, None], y, loss="absolute", alpha=0.0, fit_intercept=False, tol=1e-9)
        np.testing.assert_allclose(found.coef[0], median, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
def test_no_loss_of_the_error_alone_withstands_a_point_far_off_in_x(loss):
    rng = np.random.default_rng(3)
    x = np.append(rng.uniform(0.0, 5.0, 60), 1e5)
    y = np.append(1.0 + 2.0 * x[:-1] + 0.5 * rng.standard_normal(60), 0.0)
    assert abs(sx.solve(x[:, None], y, loss=loss, alpha=0.0, tol=1e-9).coef[0]) < 1e-3
    assert abs(sx.solve(x[:-1, None], y[:-1], loss=loss, alpha=0.0).coef[0] - 2.0) < 0.2


# --- closed forms ---


@pytest.mark.parametrize("rho", [0.2, 0.5, 0.9])
def test_elastic_net_shifts_by_its_l1_part_and_then_scales_by_its_l2_part(rho):
    rng = np.random.default_rng(4)
    n, p, alpha = 40, 8, 0.6
    H = np.geomspace(0.2, 5.0, p)
    X = np.linalg.qr(rng.standard_normal((n, p)))[0] * np.sqrt(n * H)
    best = rng.standard_normal(p)
    found = sx.solve(X, X @ best, alpha=alpha, l1_ratio=rho, fit_intercept=False, tol=1e-14).coef
    shifted = np.sign(best) * np.maximum(np.abs(best) - alpha * rho / H, 0.0)
    np.testing.assert_allclose(found, shifted * H / (H + alpha * (1 - rho)), atol=1e-7)
    assert 0 < np.count_nonzero(found) < p


# --- priors ---


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
@pytest.mark.parametrize("effect", [0.0, 1.5])
def test_the_weight_is_the_mode_of_the_posterior(loss, l1_ratio, effect):
    rng = np.random.default_rng(5)
    n, alpha, sigma = 50, 0.2, 0.7
    x = rng.standard_normal(n)
    if loss == "logistic":
        y = np.where(rng.random(n) < 1 / (1 + np.exp(-effect * x)), 1.0, -1.0)
        variance = 1.0
    else:
        y = effect * x + sigma * rng.standard_normal(n)
        variance = sigma**2
    scale = variance / (n * alpha)
    prior = laplace(scale=scale) if l1_ratio else norm(scale=np.sqrt(scale))

    def minus_log_posterior(w):
        if loss == "logistic":
            likelihood = log_expit(y * x * w).sum()
        else:
            likelihood = norm(x * w, sigma).logpdf(y).sum()
        return -likelihood - prior.logpdf(w)

    mode = minimize_scalar(
        minus_log_posterior, bounds=(-3.0, 4.0), method="bounded", options={"xatol": 1e-9}
    ).x
    found = sx.solve(
        x[:, None],
        y,
        loss=loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=False,
        tol=1e-13,
    ).coef[0]
    assert abs(found - mode) < 1e-6
    # At the kink of the prior only where the likelihood is less steep than it.
    steepness = abs(y @ x) / 2 if loss == "logistic" else abs(y @ x) / variance
    assert (found == 0.0) == (l1_ratio == 1.0 and steepness <= 1 / scale)
    assert (steepness <= 1 / scale) == (effect == 0.0)


# --- best subset ---


def test_the_best_subset_fits_no_worse_than_the_lasso_of_its_size():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((60, 7))
    X[:, 2] = (X[:, 0] + X[:, 1] + 0.5 * X[:, 2]) / 1.5
    y = X[:, 0] + X[:, 1] + 0.3 * X[:, 3] + rng.standard_normal(60)

    def fitted_again(columns):
        Q = np.linalg.qr(X[:, list(columns)])[0]
        return y @ y - ((Q.T @ y) ** 2).sum()

    path = sx.path(X, y, fit_intercept=False, n_alphas=300, eps=1e-4, tol=1e-9)
    pairs = []
    for point in list(path)[1:]:
        support = tuple(np.flatnonzero(point.coef))
        best = min(combinations(range(7), len(support)), key=fitted_again)
        shrunk = ((y - X @ point.coef) ** 2).sum()
        assert fitted_again(best) <= fitted_again(support) + 1e-9
        assert fitted_again(support) < shrunk
        pairs.append((support, best))
    # The sum of two columns comes first, and is kept where the two alone would do better.
    assert pairs[0] == ((2,), (2,))
    two = [(support, best) for support, best in pairs if len(support) == 2]
    assert two
    assert all(2 in support and best == (0, 1) for support, best in two)
