"""Penalties of groups: optimality by code of its own, equivalences, closed forms, bad input."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import MultiTaskElasticNet, MultiTaskLasso
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

import group_optimality as oracle
import sparsecross as sx

LOSSES = ["squared", "logistic", "huber", "multinomial"]


def matrix(rng, kind, n, p):
    if kind == "dense":
        return np.asfortranarray(rng.standard_normal((n, p)) * rng.choice([0.3, 3.0], p))
    if kind == "sparse":
        return sp.random(n, p, 0.3, format="csc", random_state=int(rng.integers(1 << 30)))
    codes = [rng.integers(0, p // 3, n) for _ in range(3)]  # three fields
    columns = np.concatenate([k * (p // 3) + each for k, each in enumerate(codes)])
    return sp.csc_matrix((np.ones(3 * n), (np.tile(np.arange(n), 3), columns)), shape=(n, p))


def drawn(seed, loss, kind="dense", n=60, p=24, **options):
    """A problem, X in its layout, and what an estimator of it is fitted to."""
    rng = np.random.default_rng(seed)
    X = matrix(rng, kind, n, p)
    groups = np.repeat(np.arange(3), p // 3) if kind == "fields" else rng.integers(0, 7, p)
    dense = X.toarray() if sp.issparse(X) else np.array(X)
    scores = dense[:, :6] @ rng.standard_normal((6, 3)) + rng.gumbel(size=(n, 3))
    if loss == "multinomial":
        y = scores.argmax(axis=1)
        y[:3] = np.arange(3)
        Y = y
    else:
        y = np.sign(scores[:, 0]) if loss == "logistic" else scores[:, 0] + 4
        Y = y[:, None]
    if options.pop("weighted", False):
        options["sample_weight"] = rng.random(n)
    problem = oracle.GroupProblem(dense, Y, groups, loss, **options)
    return problem, X, y


def estimator(problem, **options):
    kinds = {
        "squared": sx.GroupLasso,
        "huber": sx.GroupHuberRegressor,
        "logistic": sx.GroupLogisticRegression,
        "multinomial": sx.GroupLogisticRegression,
    }
    return kinds[problem.loss](
        alpha=problem.alpha,
        groups=problem.groups,
        l1_share=problem.tau,
        fit_intercept=problem.fit_intercept,
        **options,
    )


def at_part_of_alpha_max(problem, X, y, part):
    """The same problem at a part of the strength that a fit at the default tells of."""
    model = estimator(problem, max_iter=1).set_params(alpha=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, problem.sample_weight)
    problem.alpha = part * 100 * model.alpha_
    return problem


def weights(model):
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("tau", [0.0, 0.4])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", ["dense", "sparse", "fields"])
@pytest.mark.parametrize("loss", LOSSES)
def test_conditions_hold_and_the_gap_is_proved(loss, kind, fit_intercept, tau, seed):
    problem, X, y = drawn(
        seed, loss, kind, tau=tau, fit_intercept=fit_intercept, weighted=seed == 1
    )
    problem = at_part_of_alpha_max(problem, X, y, 0.15)
    model = estimator(problem, tol=1e-9, max_iter=10**6).fit(X, y, problem.sample_weight)
    W, b = weights(model)
    primal = oracle.objective(problem, W, b)
    assert oracle.violation(problem, W, b) < 1e-3 * problem.alpha
    assert model.relative_gap_ <= 1e-9
    assert primal - oracle.lower_bound(problem, W, b) < 1e-4 * primal
    null = oracle.loss_value(problem, np.zeros_like(W[:1]) + b)
    assert model.dual_gap_ == pytest.approx(model.relative_gap_ * null, rel=1.0)


@pytest.mark.parametrize("loss", LOSSES)
def test_at_alpha_max_all_weights_are_0_and_below_it_some_are_not(loss):
    problem, X, y = drawn(5, loss, tau=0.3)
    for part, some in ((1.0 + 1e-9, False), (0.99, True)):
        model = estimator(at_part_of_alpha_max(problem, X, y, part), tol=1e-10).fit(X, y)
        assert (model.coef_ != 0).any() == some


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber"])
def test_groups_of_one_column_are_l1(loss):
    problem, X, y = drawn(1, loss)
    kinds = {
        "squared": sx.Lasso,
        "logistic": sx.SparseLogisticRegression,
        "huber": sx.HuberRegressor,
    }
    factor = np.random.default_rng(0).uniform(0.5, 2, X.shape[1])
    alone = kinds[loss](0.02, penalty_factor=factor, tol=1e-12).fit(X, y)
    problem.groups, problem.alpha = None, 0.02
    grouped = estimator(problem, penalty_factor=factor, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(grouped.coef_, alone.coef_, atol=1e-5)
    both = estimator(problem, penalty_factor=factor, tol=1e-12).set_params(l1_share=0.5)
    np.testing.assert_allclose(both.fit(X, y).coef_, alone.coef_, atol=1e-5)


def test_one_group_of_l1_alone_is_l1():
    problem, X, y = drawn(2, "squared", tau=1.0, alpha=0.05)
    factor = np.ones(problem.n_groups)
    model = estimator(problem, tol=1e-12, penalty_factor=factor).fit(X, y)
    np.testing.assert_allclose(model.coef_, sx.Lasso(0.05, tol=1e-12).fit(X, y).coef_, atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
@pytest.mark.parametrize("n_tasks", [1, 4])
def test_several_tasks_are_what_scikit_learn_fits(n_tasks, l1_ratio):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((50, 30)))
    Y = X[:, :3] @ rng.standard_normal((3, n_tasks)) + rng.standard_normal((50, n_tasks))
    if l1_ratio == 1.0:
        mine, theirs = sx.MultiTaskLasso(0.2, tol=1e-12), MultiTaskLasso(0.2, tol=1e-12)
    else:
        mine = sx.MultiTaskElasticNet(0.2, l1_ratio=l1_ratio, tol=1e-12)
        theirs = MultiTaskElasticNet(0.2, l1_ratio=l1_ratio, tol=1e-12, max_iter=10**5)
    mine.fit(X, Y)
    theirs.fit(X, Y)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), atol=1e-5)
    assert mine.coef_.shape == (n_tasks, 30)
    if n_tasks == 1 and l1_ratio == 1.0:
        single = sx.Lasso(0.2, tol=1e-12).fit(X, Y[:, 0])
        np.testing.assert_allclose(mine.coef_[0], single.coef_, atol=1e-6)


def test_orthogonal_groups_have_a_closed_form():
    rng = np.random.default_rng(0)
    n, groups = 40, np.repeat([0, 1, 2], [2, 3, 4])
    X = np.linalg.qr(rng.standard_normal((n, 9)))[0] * np.sqrt(n)
    y = rng.standard_normal(n) + X @ rng.standard_normal(9)
    alpha = 0.4
    z = X.T @ y / n
    model = sx.GroupLasso(alpha, groups=groups, fit_intercept=False, tol=1e-14).fit(X, y)
    for g in range(3):
        block = z[groups == g]
        factor = max(0.0, 1 - alpha * np.sqrt(len(block)) / np.linalg.norm(block))
        np.testing.assert_allclose(model.coef_[groups == g], factor * block, atol=1e-6)


def test_the_order_of_columns_and_repeated_rows_change_nothing():
    problem, X, y = drawn(3, "squared", "sparse")
    order = np.random.default_rng(0).permutation(X.shape[1])
    first = sx.GroupLasso(0.02, groups=problem.groups, tol=1e-12).fit(X, y)
    second = sx.GroupLasso(0.02, groups=problem.groups[order], tol=1e-12).fit(X[:, order], y)
    np.testing.assert_allclose(second.coef_, first.coef_[order], atol=1e-6)
    counts = np.random.default_rng(1).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), counts)
    repeated = sx.GroupLasso(0.02, groups=problem.groups, tol=1e-12).fit(X[rows], y[rows])
    weighted = sx.GroupLasso(0.02, groups=problem.groups, tol=1e-12).fit(X, y, counts)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_layouts_and_threads_give_one_answer(loss):
    problem, X, y = drawn(4, loss, "fields", n=90)
    problem = at_part_of_alpha_max(problem, X, y, 0.1)
    reference = estimator(problem, tol=1e-10, max_iter=10**6).fit(X, y).coef_
    for other in (X.toarray(), X.tocsr(), X.astype(np.float32), sp.csc_array(X)):
        found = estimator(problem, tol=1e-10, max_iter=10**6, n_threads=2).fit(other, y).coef_
        np.testing.assert_allclose(found, reference, atol=2e-5)
    one = estimator(problem, n_threads=1).fit(X, y).coef_
    assert (estimator(problem, n_threads=3).fit(X, y).coef_ == one).all()


def test_large_blocks_that_have_rows_in_common():
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((300, 400)))
    y = X[:, :150] @ rng.standard_normal(150) + rng.standard_normal(300)
    groups = np.repeat([0, 1, 2], [150, 200, 50])
    problem = oracle.GroupProblem(X, y[:, None], groups, alpha=0.3)
    model = sx.GroupLasso(0.3, groups=groups, tol=1e-8).fit(X, y)
    assert oracle.violation(problem, *weights(model)) < 1e-3 * 0.3
    assert model.relative_gap_ <= 1e-8


def test_factors_free_and_exclude_groups():
    problem, X, y = drawn(6, "squared", omega=np.array([0.0, np.inf, 1, 2, 1, 1, 1]), alpha=0.5)
    model = estimator(problem, tol=1e-10, penalty_factor=problem.omega).fit(X, y)
    W, b = weights(model)
    assert not W[problem.codes == 1].any()
    assert oracle.violation(problem, W, b) < 1e-4
    free = problem.X.T @ oracle.residual(problem, W, b)
    assert np.abs(free[problem.codes == 0]).max() < 1e-6
    assert model.relative_gap_ <= 1e-10


def test_groups_as_users_name_them():
    problem, X, y = drawn(7, "squared")
    p = X.shape[1]
    lists = [np.flatnonzero(problem.codes == g).tolist() for g in range(problem.n_groups)]
    labels = np.array(list("abcdefg"))[problem.codes]
    reference = sx.GroupLasso(0.1, groups=problem.groups).fit(X, y).coef_
    named = {f"g{g}": columns for g, columns in enumerate(lists)}
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(p)])
    by_name = {name: [f"x{j}" for j in columns] for name, columns in named.items()}
    for groups, data in ((lists, X), (labels, X), (named, X), (by_name, frame)):
        model = sx.GroupLasso(0.1, groups=groups).fit(data, y)
        assert (model.coef_ == reference).all()
        assert len(model.group_norms_) == 7
    assert model.groups_.labels.tolist() == list(named)


def test_a_table_s_fields_are_groups():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "good": rng.choice(list("abcd"), 400),
            "noise": rng.choice(list("uvwxyz"), 400),
            "more": rng.choice(list("rst"), 400),
        }
    )
    y = table["good"].map({"a": 0.0, "b": 1.0, "c": 2.0, "d": -1.0}) + rng.normal(0, 0.1, 400)
    model = sx.GroupLasso(0.1, groups="fields").fit(table, y)
    assert model.groups_.labels[model.group_norms_ > 0].tolist() == ["good"]
    assert model.predict(table).shape == (400,)
    restored = pickle.loads(pickle.dumps(model))
    assert (restored.predict(table) == model.predict(table)).all()
    small = sx.prune(model)
    assert small.fields_needed_ == ["good"]
    assert small.report.groups == {"good": (32, 32), "noise": (48, 0), "more": (24, 0)}
    assert "1 of 3 groups have weights; bytes: good 32 B" in str(small.report)
    assert sx.prune(model, dtype="float32").report.groups["good"] == (32, 16)
    assert (small.predict(table[["good"]]) == model.predict(table)).all()


def test_fields_needed_of_other_models():
    assert sx.prune(sx.Lasso(0.1).fit(np.eye(3), [0.0, 1.0, 2.0])).fields_needed_ is None
    table = pd.DataFrame({"a": list("xyxy") * 9, "b": list("uuvv") * 9})
    y = [0.0, 1.0, 0.0, 1.0] * 9
    for n_bits, needed in ((None, ["a"]), (8, ["a", "b"])):
        encoder = sx.FeatureCross(crosses=[], n_bits=n_bits)
        model = make_pipeline(encoder, sx.Lasso(0.05)).fit(table, y)
        assert sx.prune(model).fields_needed_ == needed


@pytest.mark.parametrize("loss", LOSSES)
def test_functions_and_paths_are_what_estimators_fit(loss):
    problem, X, y = drawn(2, loss, tau=0.3)
    stated = {"loss": loss, "groups": problem.groups, "l1_share": 0.3}
    top = sx.alpha_max(X, y, **stated)
    model = estimator(problem, tol=1e-8).set_params(alpha=0.1 * top).fit(X, y)
    found = sx.solve(X, y, alpha=0.1 * top, tol=1e-8, **stated)
    assert np.ravel(found.coef).tolist() == np.ravel(model.coef_).tolist()
    told = sx.certify(X, y, found.coef, found.intercept, alpha=0.1 * top, **stated)
    problem.alpha = 0.1 * top
    expected = oracle.objective(problem, *weights(model))
    assert told.primal == pytest.approx(expected, rel=1e-9)
    assert 0 <= told.relative_gap <= 1e-7
    path = sx.path(X, y, n_alphas=5, eps=0.05, tol=1e-8, **stated)
    assert path.n_nonzeros[0] == 0
    point = path[3]
    alone = sx.solve(X, y, alpha=point.alpha, tol=1e-8, **stated)
    np.testing.assert_allclose(point.coef, alone.coef, atol=1e-4)
    problem.alpha = point.alpha
    W, b = np.atleast_2d(point.coef).T, np.atleast_1d(point.intercept)
    null = path[0].primal
    left = oracle.loss_value(problem, problem.X @ W + b)
    assert point.deviance_explained == pytest.approx(1 - left / null, abs=1e-6)


def test_functions_take_several_targets():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 8)), rng.standard_normal((40, 3))
    found = sx.solve(X, Y, alpha=0.1, tol=1e-10)
    np.testing.assert_allclose(found.coef, sx.MultiTaskLasso(0.1, tol=1e-10).fit(X, Y).coef_)
    assert found.coef.shape == (3, 8)
    certificate = sx.certify(X, Y, found.coef, found.intercept, alpha=0.1)
    assert certificate.relative_gap <= 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": True}, "positive must be False with groups"),
        ({"standardize": True}, "standardize must be False with groups"),
        ({"interactions": "pairwise"}, "interactions must be None with groups"),
        ({"loss": "poisson"}, "with groups, got 'poisson'"),
        ({"groups": None, "l1_share": 0.5}, "l1_share must be 0 without groups"),
    ],
)
def test_what_groups_do_not_have_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        sx.solve(np.eye(3), [0.0, 1.0, 2.0], **{"alpha": 0.1, "groups": [0, 0, 1], **options})


def test_cross_validation_chooses_what_folds_of_its_own_do():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 12))
    groups = np.repeat(np.arange(4), 3)
    Y = X[:, :3] @ rng.standard_normal((3, 2)) + 0.5 * rng.standard_normal((90, 2))
    labels = (X[:, :3] + 0.5 * rng.standard_normal((90, 3))).argmax(axis=1)
    splits = list(KFold(3).split(X))
    for chosen, single, y, loss in (
        (sx.GroupLassoCV(groups=groups), sx.GroupLasso(groups=groups), Y[:, 0], "mse_path_"),
        (sx.MultiTaskLassoCV(groups=groups), sx.MultiTaskLasso(groups=groups), Y, "mse_path_"),
        (
            sx.MultiTaskElasticNetCV(groups=groups, l1_ratio=0.3),
            sx.MultiTaskElasticNet(groups=groups, l1_ratio=0.3),
            Y,
            "mse_path_",
        ),
        (
            sx.GroupLogisticRegressionCV(groups=groups),
            sx.GroupLogisticRegression(groups=groups),
            labels,
            "loss_path_",
        ),
    ):
        chosen.set_params(cv=splits, n_alphas=6, eps=0.01, tol=1e-8).fit(X, y)
        losses = getattr(chosen, loss)
        assert losses.shape == (6, 3)
        for a, alpha in enumerate(chosen.alphas_):
            for f, (train, held) in enumerate(splits):
                model = single.set_params(alpha=alpha, tol=1e-8).fit(X[train], y[train])
                if loss == "mse_path_":
                    found = np.mean((model.predict(X[held]) - y[held]) ** 2)
                else:
                    chances = model.predict_proba(X[held])
                    found = -np.log(chances[np.arange(len(held)), y[held]]).mean()
                assert losses[a, f] == pytest.approx(found, rel=1e-4)
        assert chosen.alpha_ == chosen.alphas_[losses.mean(axis=1).argmin()]
        refitted = single.set_params(alpha=chosen.alpha_).fit(X, y)
        np.testing.assert_allclose(chosen.coef_, refitted.coef_, atol=1e-5)
        assert len(chosen.group_norms_) == 4


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[0, 1], [1, 2]], "must not overlap: column 1 is in 0 and 1"),
        ([[0, 1], [], [2]], "must not be empty, got no column in group 1"),
        ([[0, 1]], "must hold every column of X, column 2 is in none"),
        ([[0, 1], [2, 3]], "by number below 3 or by name, got 3"),
        ({"a": [0, 1], "b": ["z", 2]}, "got 'z' in group 'b'"),
        ([0, 1], r"must have shape \(3,\)"),
        ([0.0, np.nan, 1.0], "must not hold NaN"),
        ("fields", "is for tables of categories"),
    ],
)
def test_bad_groups_are_named(groups, message):
    X = np.eye(3)
    with pytest.raises(ValueError, match=message):
        sx.GroupLasso(groups=groups).fit(X, [0.0, 1.0, 2.0])


def test_other_bad_input_is_named():
    X, y = np.eye(3), [0.0, 1.0, 2.0]
    with pytest.raises(ValueError, match=r"penalty_factor must have shape \(2,\)"):
        sx.GroupLasso(groups=[0, 0, 1], penalty_factor=[1, 1, 1]).fit(X, y)
    with pytest.raises(ValueError, match="must not be negative or NaN, got -1"):
        sx.GroupLasso(groups=[0, 0, 1], penalty_factor=[1, -1]).fit(X, y)
    with pytest.raises(ValueError, match="one column for each task"):
        sx.MultiTaskLasso().fit(X, y)
    with pytest.raises(ValueError, match="offset must be None for several tasks"):
        sx.MultiTaskLasso().fit(X, np.eye(3), offset=y)


def test_an_offset_is_added_to_margins():
    problem, X, y = drawn(8, "squared")
    shift = np.random.default_rng(0).standard_normal(len(y))
    model = sx.GroupLasso(0.1, groups=problem.groups, tol=1e-12)
    found = model.fit(X, y, offset=shift).coef_.copy()
    np.testing.assert_allclose(found, model.fit(X, y - shift).coef_, atol=1e-9)


def test_warm_starts_end_at_the_same_optimum_sooner():
    problem, X, y = drawn(9, "squared", n=200, p=60)
    model = sx.GroupLasso(0.02, groups=problem.groups, tol=1e-8, warm_start=True).fit(X, y)
    coef, sweeps = model.coef_.copy(), model.n_iter_
    assert model.fit(X, y).n_iter_ < sweeps
    np.testing.assert_allclose(model.coef_, coef, atol=1e-5)


@pytest.mark.parametrize("n_tasks", [2, 3])
def test_a_warm_start_of_other_tasks_is_none(n_tasks):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 8)), rng.standard_normal((40, 3))
    model = sx.MultiTaskLasso(0.05, tol=1e-10, warm_start=True).fit(X, Y)
    cold = sx.MultiTaskLasso(0.05, tol=1e-10).fit(X, Y[:, :n_tasks])
    model.fit(X, Y[:, :n_tasks])
    np.testing.assert_allclose(model.coef_, cold.coef_, atol=1e-6)
    assert (model.n_iter_ < cold.n_iter_) == (n_tasks == 3)


def test_compiled_border_refuses_malformed_groups():
    from sparsecross import _solvers

    def array(*values):
        return np.array(values, np.int64)

    for begin, columns in (
        (array(), array(0)),
        (array(1, 2), array(0, 1)),
        (array(0, 1), array(0, 1)),
        (array(0, 3, 2), array(0, 1)),
        (array(0, 1, 2), array(0, 0)),
        (array(0, 2), array(1, 0)),
        (array(0, 2), array(0, 5)),
        (array(0, 2), array(-1, 0)),
    ):
        with pytest.raises(ValueError, match=r"^group_begin"):
            _solvers.Grouping(begin, columns)


@pytest.fixture(scope="module")
def several():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 9))
    Y = X[:, :3] @ rng.standard_normal((3, 2)) + 0.1 * rng.standard_normal((80, 2))
    return X, Y, sx.MultiTaskLasso(0.2).fit(X, Y)


def test_a_model_of_several_targets_in_a_file(several, tmp_path):
    X, _, model = several
    sx.save(model, tmp_path / "m.sxm")
    for mmap in (True, False):
        loaded = sx.load(tmp_path / "m.sxm", mmap=mmap)
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        np.testing.assert_array_equal(loaded.predict_one(X[3]), model.predict(X)[3])
    best = loaded.top_weights(1)[0]
    assert abs(best.weight) == np.abs(model.coef_).max()
    assert model.coef_[best.label, int(best.name[1:])] == best.weight
    np.testing.assert_allclose(loaded.to_sklearn().predict(X), model.predict(X), atol=1e-13)


def test_pruning_a_model_of_several_targets_costs_what_its_objective_says(several):
    X, Y, model = several
    small = sx.prune(model, max_loss_increase=0.5, X=X, y=Y)
    assert 0 < small.report.n_nonzero < np.count_nonzero(model.coef_)
    for predicted, told in (
        (model.predict(X), small.report.losses.before),
        (small.predict(X), small.report.losses.after),
    ):
        assert 0.5 * np.mean(np.sum((Y - predicted) ** 2, axis=1)) == pytest.approx(told)
    with pytest.raises(ValueError, match=r"y must have shape \(80, 2\), targets for each row"):
        sx.prune(model, max_loss_increase=0.5, X=X, y=Y[:, 0])


def test_refitting_takes_the_penalty_off_the_columns_that_are_left(several):
    X, Y, model = several
    kept = np.flatnonzero(model.coef_.any(axis=0))
    again = sx.prune(model, X=X, y=Y, refit=True)
    centred = X[:, kept] - X[:, kept].mean(axis=0)
    free = np.linalg.lstsq(centred, Y - Y.mean(axis=0))[0].T
    np.testing.assert_allclose(again.sparse_coef_.toarray()[:, kept], free, atol=2e-3)
    groups = [0, 0, 1, 1, 2, 2, 3, 3, 3]
    by_group = sx.GroupLasso(0.2, groups=groups, penalty_factor=[1.0, 0.0, 2.0, np.inf])
    by_group.fit(X, Y[:, 0])
    again = sx.prune(by_group, X=X, y=Y[:, 0], refit=True)
    left = set(again.sparse_coef_.indices)
    assert {2, 3} <= left <= set(np.flatnonzero(by_group.coef_))
