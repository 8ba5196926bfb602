"""Fitted models with crosses: predicted, named, pruned, saved, and refused where asked wrongly."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline

import crosses
import problems
import sparsecross as sx


def fitted(rng, content="valueless", interactions="pairwise", **options):
    X = problems.matrix(rng, 150, 8, content, awkward=False)
    y = X[:, 0] * X[:, 1] - X[:, 2] + X[:, 3] * X[:, 4] * X[:, 5]
    y = y + 0.1 * rng.standard_normal(150)
    return X, y, sx.Lasso(alpha=0.005, interactions=interactions, **options).fit(X, y)


@pytest.mark.parametrize("interactions", ["pairwise", "triples"])
@pytest.mark.parametrize("content", problems.CONTENTS)
def test_predictions_are_those_of_the_products_built(content, interactions, tmp_path):
    X, _, model = fitted(np.random.default_rng(1), content, interactions, squares=True)
    columns = crosses.columns_of(X, 3 if interactions == "triples" else 2, squares=True)
    w = crosses.weights(model.coef_, model.interactions_, columns)
    wide = np.column_stack([X, crosses.products(X, columns)])
    predicted = model.predict(X)
    np.testing.assert_allclose(predicted, wide @ w + model.intercept_, atol=1e-9)
    small = sx.prune(model)
    small.save(tmp_path / "m.sxm")
    for again in (small, sx.load(tmp_path / "m.sxm"), pickle.loads(pickle.dumps(small))):
        for layout in (np.asarray, sp.csr_array, sp.csc_array, np.asfortranarray):
            np.testing.assert_array_equal(again.predict(layout(X)), model.predict(layout(X)))
        np.testing.assert_array_equal(again.predict(X), predicted)
        for i in (0, 7):
            assert again.predict_one(X[i]) == predicted[i]
        assert again.report.n_nonzero == np.count_nonzero(w)
        np.testing.assert_array_equal(again.interactions_.columns, model.interactions_.columns)


def test_weights_are_sorted_named_and_a_matrix():
    rng = np.random.default_rng(2)
    X, y, _ = fitted(rng)
    names = [f"c{j}" for j in range(8)]
    model = sx.Lasso(alpha=0.005, interactions="pairwise").fit(pd.DataFrame(X, columns=names), y)
    found = model.interactions_
    assert found.columns.dtype == np.int64
    assert [tuple(c) for c in found.columns.tolist()] == sorted(map(tuple, found.columns.tolist()))
    assert (found.values != 0).all()
    assert found.names() == [f"c{j} c{k}" for j, k in found.columns.tolist()]
    matrix = found.tocsr()
    assert matrix.shape == (8, 8)
    assert matrix[0, 1] == found.values[found.columns.tolist().index([0, 1])]
    top = sx.prune(model).top_weights(3)
    assert {t.name for t in top} <= set(names) | set(found.names())
    counts = model.interaction_counts_
    assert len(counts) == 4
    assert counts.possible == 28
    assert counts.built <= counts.co_occurring <= 28
    assert [r.interactions.built for r in model.history_] == sorted(
        r.interactions.built for r in model.history_
    )


def table(rng, n=400):
    frame = pd.DataFrame(
        {
            "carrier": rng.choice(["AA", "UA", "WN"], n),
            "month": rng.choice(["jan", "feb", "mar"], n),
            "tags": [
                list(rng.choice(["a", "b", "c", "d"], rng.integers(0, 4), replace=False))
                for _ in range(n)
            ],
        }
    )
    both = np.array(["a" in t and "b" in t for t in frame["tags"]])
    crossed = (frame["carrier"] == "AA") & (frame["month"] == "jan")
    return frame, 2.0 * crossed + 3.0 * both + 0.1 * rng.standard_normal(n)


def test_tables_of_categories_and_tokens(tmp_path):
    rng = np.random.default_rng(3)
    frame, y = table(rng)
    model = sx.Lasso(alpha=0.01, interactions="pairwise").fit(frame, y)
    names = model.interactions_.names()
    assert "carrier_AA month_jan" in names
    assert "tags_a tags_b" in names
    assert model.score(frame, y) > 0.9
    small = sx.prune(model)
    np.testing.assert_array_equal(small.predict(frame), model.predict(frame))
    small.save(tmp_path / "m.sxm")
    again = sx.load(tmp_path / "m.sxm")
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    row = frame.iloc[5].to_dict()
    assert again.predict_one(row) == model.predict(frame)[5]
    assert {t.name for t in again.top_weights(2)} == {"carrier_AA month_jan", "tags_a tags_b"}

    listed = sx.Lasso(alpha=0.01, interactions=[("carrier", "month")]).fit(frame, y)
    assert all(n.startswith("carrier_") and " month_" in n for n in listed.interactions_.names())
    solved = sx.solve(frame, y, alpha=0.01, interactions="pairwise")
    np.testing.assert_allclose(solved.interactions.values, model.interactions_.values, atol=1e-3)


def test_it_is_the_problem_that_feature_cross_builds():
    rng = np.random.default_rng(4)
    frame, y = table(rng)
    built = make_pipeline(sx.FeatureCross(), sx.Lasso(alpha=0.02, tol=1e-8)).fit(frame, y)
    model = sx.Lasso(alpha=0.02, tol=1e-8, interactions="pairwise").fit(frame, y)
    np.testing.assert_allclose(built.predict(frame), model.predict(frame), atol=1e-3)
    weights = {t.name: t.weight for t in sx.prune(built).top_weights(None)}
    ours = {t.name: t.weight for t in sx.prune(model).top_weights(None)}
    assert weights.keys() == ours.keys()
    for name, value in weights.items():
        assert ours[name] == pytest.approx(value, abs=1e-3)


def test_behind_an_encoder_in_a_pipeline():
    rng = np.random.default_rng(5)
    frame, y = table(rng)
    model = make_pipeline(
        sx.FeatureCross(crosses=[]), sx.Lasso(alpha=0.01, interactions="pairwise")
    ).fit(frame, y)
    small = sx.prune(model)
    np.testing.assert_array_equal(small.predict(frame), model.predict(frame))


def test_a_warm_start_takes_the_crosses_along():
    rng = np.random.default_rng(6)
    X, y, model = fitted(rng, tol=1e-7, warm_start=True)
    before = model.interactions_.columns
    first = model.n_iter_
    model.fit(X, y)
    assert model.n_iter_ <= first
    np.testing.assert_array_equal(model.interactions_.columns, before)


def test_a_model_without_crosses_says_none():
    rng = np.random.default_rng(7)
    X, y, _ = fitted(rng)
    model = sx.Lasso(alpha=0.01).fit(X, y)
    assert model.interactions_ is None
    assert model.interaction_counts_ is None
    empty = sx.Lasso(alpha=1e3, interactions="pairwise").fit(X, y)
    assert len(empty.interactions_) == 0
    np.testing.assert_array_equal(sx.prune(empty).predict(X), empty.predict(X))


BAD = {
    "interactions": ("quadruples", "interactions"),
    "list of numbers": ([3], "must list tuples"),
    "four columns": ([(0, 1, 2, 3)], "two or three columns"),
    "unknown column": ([(0, 99)], "must name columns"),
    "a column twice": ([(1, 1)], "distinct columns"),
    "nothing": ([], "at least one"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_interactions_are_refused(case):
    given, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        sx.Lasso(alpha=0.1, interactions=given).fit(np.eye(5), np.arange(5.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"standardize": True}, "standardize must be False"),
        ({"solver": "fista"}, "solver must be 'auto' or 'cd'"),
        ({"interaction_penalty": np.inf}, "interaction_penalty"),
        ({"interaction_penalty": 0.0}, "interaction_penalty"),
        ({"hierarchy": "medium"}, "hierarchy"),
        ({"fields": ["a"] * 5}, "fields is for a list"),
        ({"alpha": 0.0}, "must be positive with interactions"),
    ],
)
def test_bad_options_are_refused(options, message):
    model = sx.Lasso(**{"alpha": 0.1, "interactions": "pairwise", **options})
    with pytest.raises(ValueError, match=message):
        model.fit(np.eye(5), np.arange(5.0))


def test_options_without_interactions_are_refused():
    for options in ({"squares": True}, {"hierarchy": "weak"}, {"interaction_penalty": 2.0}):
        with pytest.raises(ValueError, match="speaks of interactions"):
            sx.Lasso(alpha=0.1, **options).fit(np.eye(5), np.arange(5.0))
    with pytest.raises(ValueError, match="interaction_coef must be None"):
        sx.certify(np.eye(3), np.arange(3.0), np.zeros(3), alpha=0.1, interaction_coef=np.eye(3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.eye(4), r"shape \(5, 5\)"),
        (np.tril(np.ones((5, 5))), "upper triangular"),
        (np.triu(np.full((5, 5), np.nan), 1), "finite"),
        (np.eye(5), "interactions allow"),
    ],
)
def test_bad_weights_of_crosses_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        sx.certify(
            np.eye(5) + 1,
            np.arange(5.0),
            np.zeros(5),
            alpha=0.1,
            interactions="pairwise",
            interaction_coef=given,
        )


def test_multinomial_has_none():
    with pytest.raises(ValueError, match="multi_class='ovr' has them"):
        sx.SparseLogisticRegression(multi_class="multinomial", interactions="pairwise").fit(
            np.eye(6), [0, 1, 2, 0, 1, 2]
        )
