"""Models for other programs predict the same, to rounding."""

import csv
import pickle

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline

import sparsecross as sx


def _data():
    rng = np.random.default_rng(2)
    X = sp.random(150, 60, 0.2, format="csr", random_state=2)
    return X, X @ np.where(np.arange(60) < 8, 3.0, 0.0) + 0.1 * rng.standard_normal(150)


KINDS = {
    "regressor": lambda X, y: sx.Lasso(alpha=0.01).fit(X, y),
    "counts": lambda X, y: sx.PoissonRegressor(alpha=0.01).fit(X, np.round(np.exp(y / 3))),
    "two classes": lambda X, y: sx.SparseLogisticRegression(alpha=0.01).fit(
        X, np.where(y > y.mean(), "high", "low")
    ),
    "one against the rest": lambda X, y: sx.SparseLogisticRegression(alpha=0.01).fit(
        X, np.digitize(y, np.quantile(y, [0.3, 0.6]))
    ),
    "multinomial": lambda X, y: sx.SparseLogisticRegression(
        alpha=0.01, multi_class="multinomial"
    ).fit(X, np.digitize(y, np.quantile(y, [0.3, 0.6]))),
    "empty": lambda X, y: sx.Lasso(alpha=1e6).fit(X, y),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dense", [False, True])
def test_scikit_learns_counterpart_predicts_the_same(kind, dense):
    X, y = _data()
    rows = X.toarray() if dense else X
    small = sx.prune(KINDS[kind](X, y))
    other = pickle.loads(pickle.dumps(small.to_sklearn()))
    assert type(other[-1]).__module__.startswith("sklearn.")
    ours, theirs = small.predict(rows), other.predict(rows)
    if small.classes_ is None:
        np.testing.assert_allclose(theirs, ours, rtol=1e-10, atol=1e-12)
        n_columns = len(other[-1].coef_)
        assert n_columns == max(small.report.n_nonzero, 1)
    else:
        assert theirs.tolist() == ours.tolist()
        np.testing.assert_allclose(
            other.predict_proba(rows), small.predict_proba(rows), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"empty"}))
@pytest.mark.filterwarnings("error")
def test_the_counterpart_knows_the_names_of_its_columns(kind):
    X, y = _data()
    table = pd.DataFrame(X.toarray(), columns=[f"column {j}" for j in range(X.shape[1])])
    small = sx.prune(KINDS[kind](table, y))
    other = small.to_sklearn()
    assert len(other.predict(table)) == len(table)
    assert set(other[-1].feature_names_in_) == {weight.name for weight in small.top_weights(None)}


@pytest.mark.parametrize("n_bits", [None, 10])
def test_tables_go_through_their_encoder(n_bits):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.choice(list("xyz"), 200), "b": rng.choice(list("pq"), 200)})
    y = np.where(table["a"] == "x", 1.0, 0.0) + 0.1 * rng.standard_normal(200)
    model = make_pipeline(sx.FeatureCross("pairwise", n_bits=n_bits), sx.Lasso(alpha=0.01))
    small = sx.prune(model.fit(table, y))
    np.testing.assert_allclose(small.to_sklearn().predict(table), small.predict(table), rtol=1e-10)


def test_crosses_of_columns_have_no_counterpart():
    X, y = _data()
    model = sx.Lasso(alpha=0.001, interactions="pairwise").fit(X, y)
    with pytest.raises(ValueError, match="no counterpart in scikit-learn"):
        sx.prune(model).to_sklearn()


def test_a_model_without_columns_has_no_counterpart():
    table = pd.DataFrame({"a": list("xyzx") * 20})
    model = make_pipeline(sx.FeatureCross([]), sx.Lasso(alpha=50.0)).fit(table, np.arange(80.0))
    with pytest.raises(ValueError, match="no column is left"):
        sx.prune(model).to_sklearn()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("kind", ["regressor", "one against the rest"])
def test_weights_are_written_by_name(tmp_path, suffix, kind):
    X, y = _data()
    names = [f"name {j}" for j in range(60)]
    small = sx.prune(KINDS[kind](pd.DataFrame(X.toarray(), columns=names), y))
    path = tmp_path / f"weights{suffix}"
    small.write_weights(path)
    if suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    else:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="," if suffix == ".csv" else "\t"))
    n_outputs = len(small.intercept_)
    assert [float(row["weight"]) for row in rows[:n_outputs]] == small.intercept_.tolist()
    assert {row["name"] for row in rows[:n_outputs]} == {"(intercept)"}
    told = [(row["name"], float(row["weight"])) for row in rows[n_outputs:]]
    assert told == [(top.name, top.weight) for top in small.top_weights(None)]
    if n_outputs > 1:
        labels = [int(row["label"]) for row in rows[n_outputs:]]
        assert labels == [top.label for top in small.top_weights(None)]
    with pytest.raises(ValueError, match=r"columns are written to \.csv, \.tsv or \.parquet"):
        small.write_weights(tmp_path / "weights.xls")
