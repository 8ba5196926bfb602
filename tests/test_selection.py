"""Cross-validation: folds are weights, and the choice is that of a loop written out."""

import ast
import re

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold

import optimality
import problems
import sparsecross as sx
from sparsecross._inputs import as_design, as_sample_weight
from sparsecross.choice import choose
from sparsecross.task import Task

TOL = 1e-11


def regression(seed=0, n=60, p=12, content="sparse"):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content, awkward=False)
    y = X @ np.where(np.arange(p) < 4, 1.0 / (1 + X.std(0)), 0.0) + rng.standard_normal(n)
    return X, y, rng.integers(1, 4, n).astype(float)


def labelled(seed=0, n=90, p=10, classes=2, content="sparse"):
    X, y, s = regression(seed, n, p, content)
    edges = np.quantile(y, np.arange(1, classes) / classes)
    return X, np.array(["a", "b", "c", "d"])[np.digitize(y, edges)], s


# --- folds as weights ---


@given(
    seed=st.integers(0, 2**32 - 1),
    loss=st.sampled_from(["squared", "logistic"]),
    weighted=st.booleans(),
    intercept=st.booleans(),
    repeated=st.booleans(),
)
def test_a_weight_of_0_leaves_a_row_out_and_2_counts_it_twice(
    seed, loss, weighted, intercept, repeated
):
    """Objective, bound, alpha_max and P0 of a fold are those of its rows alone."""
    rng = np.random.default_rng(seed)
    n, p = 30, 8
    X = problems.matrix(rng, n, p)
    y = problems.targets(rng, X, loss)
    rows = rng.choice(n, 20, replace=repeated)
    if loss == "logistic":
        rows = np.append(rows, [np.argmax(y), np.argmin(y)])
    s = rng.choice([0.5, 1.0, 3.0], n) if weighted else np.ones(n)
    counts = np.bincount(rows, minlength=n)

    def task(X, y, s):
        return Task(as_design(X, "columns"), y, loss, as_sample_weight(s, y), None, intercept)

    weighed, sliced = task(X, y, counts * s), task(X[rows], y[rows], s[rows])
    coef, b = rng.standard_normal(p), rng.standard_normal() * intercept
    one, other = (t.certify(coef, b, 0.1, 0.7) for t in (weighed, sliced))
    np.testing.assert_allclose(one.primal, other.primal, rtol=1e-12)
    np.testing.assert_allclose(one.dual, other.dual, rtol=1e-9, atol=1e-9 * one.primal)
    np.testing.assert_allclose(one.relative_gap, other.relative_gap, rtol=1e-9)
    np.testing.assert_allclose(weighed.alpha_max(), sliced.alpha_max(), rtol=1e-9, atol=1e-12)
    found = weighed.solve(0.05, tol=1e-9), sliced.solve(0.05, tol=1e-9)
    assert abs(found[0].primal - found[1].primal) <= 1e-9 * weighed.null_loss * 2


# --- the choice ---


def brute_force(X, y, s, splits, alphas, ratio, losses, encode, *, standardize=False, offset=None):
    """Held-out losses (n_alphas, n_folds) by fits from zeros on rows cut out.

    Standardised, their columns are divided by the deviations of these rows.
    """
    out = np.empty((len(alphas), len(splits)))
    shifts = np.zeros(len(y)) if offset is None else offset
    for f, (train, held) in enumerate(splits):
        columns = X
        if standardize:
            c = s[train] / s[train].sum()
            sigma = np.sqrt(c @ (X[train] - c @ X[train]) ** 2)
            varies = sigma > 1e-9
            columns = X[:, varies] / sigma[varies]
        for a, alpha in enumerate(alphas):
            margins = []
            for target, loss in encode(y):
                found = sx.solve(
                    columns[train],
                    target[train],
                    loss=loss,
                    alpha=alpha,
                    l1_ratio=ratio,
                    sample_weight=s[train],
                    offset=shifts[train],
                    tol=TOL,
                )
                margins.append(columns[held] @ found.coef + found.intercept + shifts[held])
            each = losses(y[held], np.stack(margins, axis=1))
            out[a, f] = (s[held] * each).sum() / s[held].sum()
    return out


def as_regression(y):
    return [(y, "squared")]


def squared(y, margins):
    return (y - margins[:, 0]) ** 2


def as_labels(y):
    classes = np.unique(y)
    each = classes[1:] if len(classes) == 2 else classes
    return [(np.where(y == k, 1.0, -1.0), "logistic") for k in each]


def logarithmic(y, margins):
    chances = expit(margins)
    if margins.shape[1] == 1:
        return -np.log(np.where(y == "b", chances[:, 0], 1 - chances[:, 0]))
    chances /= chances.sum(axis=1, keepdims=True)
    return -np.log(chances[np.arange(len(y)), np.searchsorted(["a", "b", "c", "d"], y)])


@pytest.mark.parametrize("selection", ["min", "1se"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("stored", [np.asfortranarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("kind", ["lasso", "elastic net", "two classes", "three classes"])
def test_choice_is_that_of_a_loop_over_rows_cut_out(kind, stored, weighted, selection):
    ratios = [1.0] if "net" not in kind else [0.3, 0.8]
    options = {"n_alphas": 6, "eps": 0.02, "tol": TOL, "selection": selection}
    if "classes" in kind:
        X, y, s = labelled(classes=2 if kind.startswith("two") else 3)
        model, encode, losses = sx.SparseLogisticRegressionCV(**options), as_labels, logarithmic
        splits = list(StratifiedKFold(4).split(X, y))
    else:
        X, y, s = regression()
        encode, losses = as_regression, squared
        splits = list(KFold(4).split(X))
        model = sx.LassoCV(**options) if len(ratios) == 1 else sx.ElasticNetCV(**options)
    if len(ratios) > 1:
        model.set_params(l1_ratio=ratios)
    given_weight = s if weighted else None
    s = s if weighted else np.ones(len(y))
    model.set_params(cv=4 if "classes" in kind else KFold(4)).fit(stored(X), y, given_weight)

    found = model.loss_path_ if "classes" in kind else model.mse_path_
    grids = np.reshape(model.alphas_, (len(ratios), 6))
    expected = np.array(
        [
            brute_force(X, y, s, splits, grid, ratio, losses, encode)
            for grid, ratio in zip(grids, ratios, strict=True)
        ]
    )
    assert found.shape == (expected[0] if len(ratios) == 1 else expected).shape
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4)
    for grid, ratio in zip(grids, ratios, strict=True):
        largest = max(
            sx.alpha_max(X, target, loss=loss, l1_ratio=ratio, sample_weight=given_weight)
            for target, loss in encode(y)
        )
        np.testing.assert_allclose(grid, np.geomspace(largest, 0.02 * largest, 6))

    means = expected.mean(axis=2)
    r, a = np.unravel_index(means.argmin(), means.shape)
    if selection == "1se":
        error = np.std(expected[r, a], ddof=1) / np.sqrt(len(splits))
        a = min(k for k in range(6) if means[r, k] <= means[r, a] + error)
    assert model.alpha_ == grids[r, a]
    assert model.l1_ratio_ == ratios[r]
    # The weights are those of a fit to all rows.
    for k, (target, loss) in enumerate(encode(y)):
        alone = sx.solve(
            X,
            target,
            loss=loss,
            alpha=model.alpha_,
            l1_ratio=model.l1_ratio_,
            sample_weight=given_weight,
            tol=TOL,
        )
        np.testing.assert_allclose(np.atleast_2d(model.coef_)[k], alone.coef, atol=1e-4)
        path = model.path_[k] if kind == "three classes" else model.path_
        np.testing.assert_array_equal(path[a].coef, np.atleast_2d(model.coef_)[k])
        assert path.alphas.tolist() == grids[r].tolist()
        assert np.max(path.relative_gaps) <= TOL
    assert np.max(model.relative_gap_) <= TOL


@pytest.mark.parametrize(
    "options",
    [
        {"standardize": True},
        {"offset": True},
        {"solver": "ista", "tol": 1e-9},
        {"standardize": True, "offset": True, "solver": "fista", "tol": 1e-9},
    ],
    ids=lambda options: ", ".join(options),
)
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("kind", ["elastic net", "two classes", "three classes"])
def test_a_fold_is_a_fit_to_its_rows_whatever_the_options(kind, weighted, options):
    options = dict(options)
    if "classes" in kind:
        X, y, s = labelled(4, classes=2 if kind.startswith("two") else 3, content="dense")
        splits = list(StratifiedKFold(3).split(X, y))
        model, encode, losses = sx.SparseLogisticRegressionCV(), as_labels, logarithmic
    else:
        X, y, s = regression(4, content="dense")
        splits = list(KFold(3).split(X))
        model, encode, losses = sx.ElasticNetCV(l1_ratio=0.7), as_regression, squared
    X *= np.linspace(0.5, 2.0, X.shape[1]) / X.std(axis=0)
    X[splits[1][0], 2] = 0.5  # of no deviation where the second fold learns, of some elsewhere
    X[splits[1][1], 2] = np.linspace(-1, 1, len(splits[1][1]))
    given_weight = s if weighted else None
    s = s if weighted else np.ones(len(y))
    shifts = np.random.default_rng(1).normal(1, 2, len(y)) if options.pop("offset", False) else None
    standardize = options.get("standardize", False)
    model.set_params(**{"n_alphas": 5, "eps": 0.02, "tol": TOL, "cv": splits, **options})
    model.fit(X, y, given_weight, shifts)

    found = model.loss_path_ if "classes" in kind else model.mse_path_
    expected = brute_force(
        X, y, s, splits, model.alphas_, model.l1_ratio_, losses, encode,
        standardize=standardize, offset=shifts,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert model.alpha_ == model.alphas_[expected.mean(axis=1).argmin()]
    assert model.solver_ == options.get("solver", "cd")
    for k, (target, loss) in enumerate(encode(y)):
        stated = problems.Problem(
            X, target, loss, model.alpha_, model.l1_ratio_, sample_weight=given_weight,
            offset=shifts, standardize=standardize,
        )  # fmt: skip
        coef, intercept = np.atleast_2d(model.coef_)[k], np.atleast_1d(model.intercept_)[k]
        gap = optimality.primal(stated, coef, intercept) - optimality.certificate(
            stated, coef, intercept
        )
        assert gap <= 1e-6 * optimality.null_objective(stated)


def test_choice_of_the_least_and_of_one_standard_error():
    losses = np.array([[[4.0, 6.0], [1.8, 2.6], [1.0, 3.0], [0.5, 3.5], [9.0, 9.0]]])
    every = np.full((1, 5), True)
    # Of equal ones the largest alpha.
    assert choose(losses, every, one_standard_error=False) == (0, 2)
    # The mean 2 has the standard error 1: 2.2 is within it, 5 is not.
    assert choose(losses, every, one_standard_error=True) == (0, 1)
    several, every = np.concatenate([losses + 1, losses]), np.full((2, 5), True)
    assert choose(several, every, one_standard_error=False) == (1, 2)
    assert choose(several, every, one_standard_error=True) == (1, 1)
    some = np.array([[True] * 5, [True, False, False, False, True]])
    assert choose(several, some, one_standard_error=False) == (0, 2)
    assert choose(several, some, one_standard_error=True) == (0, 1)


@pytest.mark.parametrize("selection", ["min", "1se"])
@pytest.mark.parametrize(
    "kind", ["lasso", "ratios", "one against the rest", "multinomial", "crosses"]
)
def test_the_choice_within_limits(kind, selection, tmp_path):
    classes = 3 if kind in ("one against the rest", "multinomial") else 2
    rng = np.random.default_rng(2)
    X = rng.standard_normal((200, 10))
    y = X @ np.linspace(1.0, 0.1, 10) + 2 * X[:, 0] * X[:, 1] + 0.3 * rng.standard_normal(200)
    if classes > 2:
        y = np.array(["a", "bc", "d"])[np.digitize(y, np.quantile(y, [0.3, 0.6]))]
    shared = {"n_alphas": 12, "cv": 3, "selection": selection, "tol": 1e-8}
    model = {
        "lasso": sx.LassoCV(**shared),
        "ratios": sx.ElasticNetCV(l1_ratio=[0.5, 1.0], **shared),
        "one against the rest": sx.SparseLogisticRegressionCV(**shared),
        "multinomial": sx.SparseLogisticRegressionCV(multi_class="multinomial", **shared),
        "crosses": sx.LassoCV(interactions="pairwise", **shared),
    }[kind].fit(X, y)
    losses = getattr(model, model._losses_path)
    largest = sx.prune(model).report
    for name, size in (
        ("max_nonzeros", lambda m: sx.prune(m).report.n_nonzero),
        (
            "max_bytes",
            lambda m: max(sx.prune(m).report.file_bytes, sx.prune(m).report.pruned_bytes),
        ),
    ):
        limit = size(model) - 1
        small = model.set_params(**{name: limit}).fit(X, y)
        assert getattr(small, small._losses_path).tobytes() == losses.tobytes()
        assert size(small) <= limit
        assert sx.prune(small).report.n_nonzero < largest.n_nonzero
        if kind == "lasso" and selection == "min":
            sizes = [size(sx.Lasso(alpha=a, tol=1e-8).fit(X, y)) for a in model.alphas_]
            means = np.where(np.array(sizes) <= limit, losses.mean(axis=1), np.inf)
            assert small.alpha_ == model.alphas_[np.argmin(means)]
        model.set_params(**{name: None})
    if kind == "ratios":  # what one share has no room for, another may have
        ridge = sx.ElasticNetCV(l1_ratio=[0.01, 1.0], alphas=[0.5, 0.3], max_nonzeros=4, cv=3)
        assert ridge.fit(X, y).l1_ratio_ == 1.0
    with pytest.raises(ValueError, match="max_bytes must leave room for a model of at least one"):
        model.set_params(max_bytes=5).fit(X, y)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_scikit_learn_agrees(weighted):
    X, y, s = regression(3, n=80, p=20)
    s = s if weighted else None
    for ours, theirs in (
        (sx.LassoCV(), sklearn.linear_model.LassoCV()),
        (sx.ElasticNetCV(), sklearn.linear_model.ElasticNetCV()),
        (
            sx.ElasticNetCV(l1_ratio=[0.2, 0.9]),
            sklearn.linear_model.ElasticNetCV(l1_ratio=[0.2, 0.9]),
        ),
    ):
        alphas = np.geomspace(2.0, 0.02, 12)
        ours.set_params(alphas=alphas, tol=1e-10).fit(X, y, s)
        theirs.set_params(alphas=alphas, tol=1e-10, max_iter=100_000).fit(X, y, sample_weight=s)
        assert ours.alpha_ == theirs.alpha_
        assert ours.mse_path_.shape == theirs.mse_path_.shape
        np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-5)
        np.testing.assert_array_equal(ours.alphas_, theirs.alphas_)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
        if hasattr(theirs, "l1_ratio_"):
            assert ours.l1_ratio_ == theirs.l1_ratio_


# --- splitters, groups, scoring ---


def test_any_splitter_will_do():
    X, y, _ = regression()
    rng = np.random.default_rng(0)
    masks = [(m, ~m) for m in rng.random((3, len(y))) < 0.7]
    bootstrap = [(rng.choice(60, 60), np.arange(5)), (rng.choice(60, 60), np.arange(5, 9))]
    for cv, n_folds in (
        (None, 5),
        (3, 3),
        (ShuffleSplit(4, random_state=0), 4),
        (masks, 3),
        (iter(masks), 3),
        ([tuple(map(np.flatnonzero, pair)) for pair in masks], 3),
        (bootstrap, 2),
    ):
        model = sx.LassoCV(n_alphas=4, cv=cv).fit(X, y)
        assert model.mse_path_.shape == (4, n_folds)
    numbers = sx.LassoCV(n_alphas=4, cv=[tuple(map(np.flatnonzero, m)) for m in masks]).fit(X, y)
    np.testing.assert_array_equal(
        numbers.mse_path_, sx.LassoCV(n_alphas=4, cv=masks).fit(X, y).mse_path_
    )


def test_groups_reach_the_splitter():
    X, y, s = regression()
    groups = np.arange(60) % 7
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = sx.LassoCV(n_alphas=5, cv=splits).fit(X, y, s).mse_path_
    model = sx.LassoCV(n_alphas=5, cv=GroupKFold(3))
    np.testing.assert_array_equal(model.fit(X, y, s, groups=groups).mse_path_, expected)
    with pytest.raises(TypeError, match="unexpected argument 'clusters'"):
        model.fit(X, y, clusters=groups)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        np.testing.assert_array_equal(model.fit(X, y, s, groups=groups).mse_path_, expected)


def test_scoring_decides_where_it_is_given():
    X, y, s = labelled()
    splits = list(StratifiedKFold(3).split(X, y))
    options = {"n_alphas": 6, "cv": splits, "tol": 1e-9}

    def accuracy(model, rows, labels):
        assert rows.shape == (30, 10)
        return accuracy_score(labels, model.predict(rows))

    for scoring, weight in (
        ("accuracy", None),
        ("accuracy", s),
        (make_scorer(accuracy_score), s),
        (accuracy, s),
    ):
        model = sx.SparseLogisticRegressionCV(scoring=scoring, **options).fit(X, y, weight)
        expected = np.empty((6, 3))
        for f, (train, held) in enumerate(splits):
            for a, alpha in enumerate(model.alphas_):
                alone = sx.SparseLogisticRegression(alpha, tol=1e-8).fit(
                    X[train], y[train], None if weight is None else weight[train]
                )
                judged = None if weight is None or scoring is accuracy else weight[held]
                expected[a, f] = alone.score(X[held], y[held], judged)
        np.testing.assert_allclose(model.score_path_, expected)
        assert model.alpha_ == model.alphas_[expected.mean(axis=1).argmax()]
        assert model.loss_path_.shape == (6, 3)
    dense = sx.SparseLogisticRegressionCV(scoring="accuracy", **options).fit(X, y, s)
    for stored in (sp.csc_array(X), sp.coo_array(X), X.tolist()):
        again = sx.SparseLogisticRegressionCV(scoring="accuracy", **options).fit(stored, y, s)
        np.testing.assert_allclose(again.score_path_, dense.score_path_)


def test_a_fit_without_scoring_forgets_the_scores_of_the_last():
    X, y, _ = regression()
    model = sx.LassoCV(n_alphas=3, scoring="r2").fit(X, y, 2.0)
    assert model.score_path_.shape == (3, 5)
    assert not hasattr(model.set_params(scoring=None).fit(X, y), "score_path_")


@pytest.mark.parametrize(
    "kind",
    [
        sx.Lasso,
        sx.ElasticNet,
        sx.HuberRegressor,
        sx.PoissonRegressor,
        sx.SparseLogisticRegression,
        sx.LassoCV,
        sx.ElasticNetCV,
        sx.SparseLogisticRegressionCV,
    ],
)
def test_every_parameter_is_documented_with_its_default(kind):
    section = kind.__doc__.split("Attributes\n")[0]
    said = dict(re.findall(r"^    (\w+) : .*?(?:default=(.+)|optional)$", section, re.MULTILINE))
    defaults = {name: ast.literal_eval(text or "None") for name, text in said.items()}
    assert defaults == kind().get_params()
    assert not re.search(r"\{[a-z ]+\}", kind.__doc__)  # what stood for shared text


def test_a_pruned_choice_predicts_the_same():
    X, y, _ = labelled(classes=3)
    model = sx.SparseLogisticRegressionCV(n_alphas=5).fit(X, y)
    pruned = sx.prune(model)
    np.testing.assert_array_equal(pruned.predict_proba(X), model.predict_proba(X))
    assert sx.memory_report(model).n_nonzero == np.count_nonzero(model.coef_)


# --- what goes wrong ---


def test_one_warning_for_all_folds():
    X, y, _ = regression()
    with pytest.warns(ConvergenceWarning, match=r"LassoCV stopped after .* problems") as caught:
        sx.LassoCV(n_alphas=4, max_iter=1, tol=1e-12).fit(X, y)
    assert len(caught) == 1
    assert "of 24 problems" in str(caught[0].message)
    assert caught[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="use solver='cd'"):
        sx.LassoCV(n_alphas=4, max_iter=1, tol=1e-12, solver="ista").fit(X, y)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (sx.LassoCV(cv=[]), "cv must have at least one fold"),
        (sx.LassoCV(cv=[([0, 1], [])]), "fold 0 of cv must hold out at least one row"),
        (sx.LassoCV(cv=[([0, 1], [2]), ([], [1])]), "fold 1 of cv must learn from at least one"),
        (sx.LassoCV(cv=[([0, 1], [2])], selection="1se"), "'1se' needs at least two folds"),
        (sx.LassoCV(selection="best"), "selection"),
        (sx.LassoCV(scoring="wrong"), "scoring"),
        (sx.LassoCV(scoring=lambda m, X, y: np.nan), "scoring must return finite numbers"),
        (sx.LassoCV(alphas=[-1.0]), "alphas must be finite and not negative"),
        (sx.LassoCV(n_alphas=0), "n_alphas"),
        (sx.ElasticNetCV(l1_ratio=[0.5, 2.0]), "l1_ratio must be a number from 0 to 1.*got 2.0"),
        (sx.ElasticNetCV(l1_ratio=[]), "l1_ratio must be a number from 0 to 1"),
        (sx.ElasticNetCV(l1_ratio=0.0), "l1_ratio=0"),
    ],
)
def test_bad_arguments(model, message):
    X, y, _ = regression(n=20)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "coef_")


def test_an_offset_is_refused_beside_scoring_and_where_it_is_wrong():
    X, y, _ = regression(n=20)
    with pytest.raises(ValueError, match=r"scoring must be None with an offset, got 'r2'"):
        sx.LassoCV(scoring="r2").fit(X, y, offset=np.ones(20))
    with pytest.raises(ValueError, match=r"offset must have shape \(20,\)"):
        sx.LassoCV().fit(X, y, offset=np.ones(19))
    with pytest.raises(ValueError, match="'solver' parameter of LassoCV"):
        sx.LassoCV(solver="newton").fit(X, y)


def test_folds_with_nothing_to_learn_or_to_judge_are_named():
    X, y, _ = labelled()
    with pytest.raises(ValueError, match=r"fold 1 of cv must learn from rows of every class.*'b'"):
        sx.SparseLogisticRegressionCV(
            cv=[(np.arange(90), [0]), (np.flatnonzero(y == "a"), [0])]
        ).fit(X, y)
    weight = np.ones(90)
    weight[:30] = 0.0
    with pytest.raises(ValueError, match="fold 0 of cv must hold out at least one row of positive"):
        sx.LassoCV(cv=KFold(3)).fit(X, (y == "a").astype(float), weight)
