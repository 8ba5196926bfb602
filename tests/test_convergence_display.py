"""The picture of a fit shows what its looks have told, and nothing else."""

import sys

import matplotlib as mpl
import numpy as np
import pytest

import sparsecross as sx

mpl.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def data(classes=None):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 60))
    y = X[:, :9] @ rng.standard_normal(9) + rng.standard_normal(80)
    return X, y if classes is None else np.digitize(y, np.quantile(y, classes))


def points(line):
    return list(zip(*map(np.asarray, line.get_data()), strict=True))


MODELS = {
    "columns": lambda: sx.Lasso(0.02, tol=1e-9).fit(*data()),
    "interactions": lambda: sx.Lasso(0.05, interactions="pairwise").fit(*data()),
    "counts": lambda: sx.PoissonRegressor(0.05).fit(data()[0], data([0.5, 0.8])[1]),
    "groups": lambda: sx.GroupLasso(0.02, groups=np.arange(60) // 3).fit(*data()),
    "classes": lambda: sx.SparseLogisticRegression(0.01, multi_class="multinomial").fit(
        *data([0.3, 0.6])
    ),
    "cross-validated": lambda: sx.LassoCV(n_alphas=5, cv=2).fit(*data()),
}


@pytest.mark.parametrize("case", MODELS)
def test_looks_tell_the_gap_that_the_fit_ends_with(case):
    model = MODELS[case]()
    history = model.history_
    scale = model.dual_gap_ / model.relative_gap_
    for look in history:
        assert look.relative_gap == pytest.approx((look.primal - look.dual) / scale, rel=1e-6)
    assert min(look.relative_gap for look in history) >= model.relative_gap_ * (1 - 1e-9)


@pytest.mark.parametrize("against", ["iterations", "seconds"])
@pytest.mark.parametrize("case", MODELS)
def test_lines_are_the_looks(case, against):
    model = MODELS[case]()
    display = sx.ConvergenceDisplay.from_estimator(model, against=against)
    at = [look.n_iter if against == "iterations" else look.seconds for look in model.history_]
    shown = [0 < look.relative_gap < np.inf for look in model.history_]
    assert points(display.lines_[0]) == [
        (x, look.relative_gap) for x, look, s in zip(at, model.history_, shown, strict=True) if s
    ]
    counts, sets = display.count_lines_[0], display.working_set_lines_[0]
    assert points(counts) == [(x, r.n_active) for x, r in zip(at, model.history_, strict=True)]
    assert points(sets) == [(x, r.working_set) for x, r in zip(at, model.history_, strict=True)]
    assert counts.get_label() == f"{'groups' if case == 'groups' else 'weights'} that are not 0"
    assert display.ax_.get_yscale() == "log"
    assert display.count_ax_.get_xlabel() == against
    marks = [line for line in display.ax_.lines if line.get_label() == f"tol = {model.tol:g}"]
    assert [line.get_ydata()[0] for line in marks] == [model.tol]
    display.figure_.canvas.draw()


def test_the_optimum_is_no_farther_than_the_distances_drawn():
    X, y = data()
    display = sx.ConvergenceDisplay.from_estimator(sx.Lasso(0.02, tol=1e-6).fit(X, y))
    history = next(iter(display.histories.values()))
    best = sx.solve(X, y, alpha=0.02, tol=1e-14).primal
    at_zero = 0.5 * np.var(y)
    for line, distances in (
        (display.primal_line_, [look.primal - best for look in history]),
        (display.dual_line_, [best - look.dual for look in history]),
    ):
        drawn = np.asarray(line.get_ydata()) * at_zero
        assert len(drawn) == len(history)
        assert (drawn >= np.array(distances) * (1 - 1e-9) - 1e-15).all()
        assert (drawn <= np.array(distances) + 1e-6 * at_zero).all()


def test_several_runs_are_told_apart_without_colours():
    X, y = data()
    runs = {solver: sx.Lasso(0.05, solver=solver).fit(X, y) for solver in ("cd", "ista", "fista")}
    display = sx.ConvergenceDisplay.from_estimator(runs)
    assert [line.get_label() for line in display.lines_] == list(runs)
    assert len({(line.get_linestyle(), line.get_marker()) for line in display.lines_}) == 3
    assert len({line.get_marker() for line in display.count_lines_}) == 3
    assert display.primal_line_ is display.dual_line_ is None
    assert display.tol == 1e-4
    runs["ista"].set_params(tol=1e-2)
    assert sx.ConvergenceDisplay.from_estimator(runs).tol is None


def test_each_class_against_the_rest_is_a_run():
    model = sx.SparseLogisticRegression(0.05).fit(*data([0.3, 0.6]))
    display = sx.ConvergenceDisplay.from_estimator({"mine": model})
    assert list(display.histories) == [f"mine, class {k}" for k in range(3)]
    for line, history in zip(display.lines_, model.history_, strict=True):
        assert points(line) == [(r.n_iter, r.relative_gap) for r in history if r.relative_gap > 0]


def test_solutions_by_name_and_axes_that_are_given():
    X, y = data()
    found = {f"{alpha}": sx.solve(X, y, alpha=alpha, tol=1e-7) for alpha in (0.1, 0.01)}
    figure, (first, second) = plt.subplots(2)
    display = sx.ConvergenceDisplay.from_solution(found, tol=1e-7, ax=first, count_ax=second)
    assert (display.ax_, display.count_ax_, display.figure_) == (first, second, figure)
    assert [points(line)[-1][1] for line in display.lines_] == [
        [look.relative_gap for look in one.history if look.relative_gap > 0][-1]
        for one in found.values()
    ]
    display = sx.ConvergenceDisplay.from_solution(found["0.1"], ax=plt.subplots()[1])
    assert display.count_ax_ is None
    assert display.count_lines_ == []


def test_a_fit_that_is_done_at_once_can_be_drawn():
    X, y = data()
    display = sx.ConvergenceDisplay.from_estimator(sx.Lasso(1e3).fit(X, y))
    display.figure_.canvas.draw()


def test_what_cannot_be_drawn_is_named(monkeypatch):
    X, y = data()
    online = sx.FTRLRegressor().fit(X, y)
    with pytest.raises(TypeError, match=r"estimator must be .* with certificates.*FTRLRegressor"):
        sx.ConvergenceDisplay.from_estimator(online)
    model = sx.Lasso(0.1).fit(X, y)
    with pytest.raises(TypeError, match=r"solution must be a Solution .* got Lasso"):
        sx.ConvergenceDisplay.from_solution(model)
    with pytest.raises(ValueError, match=r"must not mix models with groups of columns"):
        sx.ConvergenceDisplay.from_estimator(
            {"a": model, "b": sx.GroupLasso(0.1, groups=np.arange(60) // 3).fit(X, y)}
        )
    with pytest.raises(ValueError, match=r"'against' parameter of plot .* Got 'hours'"):
        sx.ConvergenceDisplay.from_estimator(model, against="hours")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"ConvergenceDisplay needs matplotlib: pip install"):
        sx.ConvergenceDisplay.from_estimator(model)
