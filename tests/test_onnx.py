"""Exports compute what the pruned model predicts, and stay as small while they run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from sparsecross.onnx import onnx_inputs, to_onnx
from test_trimming import DTYPES, Given, some_ids

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


def run(proto, inputs):
    """All outputs of a graph, by name, from one thread."""
    onnx.checker.check_model(proto, full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def near(found, expected):
    assert found.dtype == np.float64
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def check(model, X):
    """Run the export of a model on rows, and compare all that it gives out."""
    small = model if isinstance(model, sx.PrunedModel) else sx.prune(model)
    outputs = run(to_onnx(model), onnx_inputs(model, X))
    margins = small._margins(X)
    near(outputs.pop("margin"), margins)
    if small.classes_ is not None:
        near(outputs.pop("probability"), small.predict_proba(X))
        label, classes = outputs.pop("label"), np.array(small.classes_.tolist())
        assert label.tolist() == small.predict(X).tolist()
        assert label.dtype == (object if classes.dtype.kind == "U" else classes.dtype)
    elif small._meta["link"] == "log":
        near(outputs.pop("prediction"), small.predict(X))
    else:
        assert small.predict(X).tobytes() == margins.tobytes()
    assert outputs == {}
    return small


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(2)
    X = sp.random(300, 60, 0.4, format="csr", random_state=1)
    X.data = 2 * X.data - 1
    w = np.where(np.arange(60) < 15, rng.standard_normal(60), 0.0)
    cross = X[:, 0].multiply(X[:, 1]) + X[:, 2].multiply(X[:, 3]).multiply(X[:, 4])
    y = X @ w + 5 * cross.toarray().ravel() + 0.05 * rng.standard_normal(300)
    return X, y


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(
        {
            "a": rng.choice(["x", "y", None], 300),
            "b": rng.integers(0, 9, 300),
            "tags": [
                list(rng.choice(list("pqrs"), k, replace=False)) for k in rng.integers(0, 3, 300)
            ],
        }
    )
    y = (rows["a"] == "x") * (rows["b"] > 4) * 2.0 + rows["b"] + 0.01 * rng.standard_normal(300)
    return rows, y


@pytest.mark.parametrize("dtype", DTYPES)
def test_regressors_in_every_type_of_weights(problem, dtype):
    X, y = problem
    for model in (sx.Lasso(alpha=0.001), sx.HuberRegressor(alpha=0.001), sx.FTRLRegressor(l1=0.1)):
        small = check(sx.prune(model.fit(X, y), dtype=dtype), X)
        assert small.report.weight_type == dtype
        assert small.report.n_nonzero > 5


def test_weights_are_exact_in_any_type_that_holds_them(problem):
    X, _ = problem
    for weights, dtype in (
        ([0.1, -1e-300], "float64"),
        ([0.1, 1e300], "float64"),
        ([0.1, 3.0], "float32"),
        ([1e30, -1e36], "q2.13"),
        ([0.1, 1e300], "q2.13"),
    ):
        small = sx.prune(Given(60, [3, 50], weights), dtype=dtype)
        outputs = run(to_onnx(small), onnx_inputs(small, X))
        np.testing.assert_allclose(outputs["margin"], small.predict(X), rtol=1e-14)


@pytest.mark.parametrize("interactions", [None, "pairwise"])
def test_log_link(problem, interactions):
    X, y = problem
    counts = np.random.default_rng(0).poisson(np.exp(np.clip(y, -3, 3)))
    check(sx.PoissonRegressor(alpha=0.003, interactions=interactions).fit(X, counts), X)


def test_a_rate_beyond_double_precision_is_infinite(problem):
    X, y = problem
    model = sx.PoissonRegressor(alpha=0.1).fit(X, np.exp(np.clip(y, -3, 3)))
    model.intercept_ = 800.0
    assert np.isposinf(run(to_onnx(model), onnx_inputs(model, X))["prediction"]).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "é yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array([-3, 9], dtype=np.int8),
        np.array([-1.0, 2.0]),
        np.array([False, True]),
    ],
    ids=["str", "object", "int8", "float", "bool"],
)
def test_two_classes(problem, labels):
    X, y = problem
    model = sx.SparseLogisticRegression(alpha=0.002).fit(X, labels[(y > 0).astype(int)])
    assert check(model, X).classes_.tolist() == labels.tolist()


@pytest.mark.parametrize("multi_class", ["ovr", "multinomial"])
@pytest.mark.parametrize("labels", [["low", "mid", "top"], [7, 8, 9]])
@pytest.mark.parametrize("dtype", DTYPES)
def test_three_classes(problem, multi_class, labels, dtype):
    X, y = problem
    model = sx.SparseLogisticRegression(alpha=0.002, multi_class=multi_class)
    model.fit(X, np.array(labels)[np.digitize(y, [-0.3, 0.3])])
    assert (check(sx.prune(model, dtype=dtype), X)._meta["link"] == "softmax") == (
        multi_class == "multinomial"
    )


@pytest.mark.parametrize("shift", [0.0, -50.0, -600.0, -5000.0, 5000.0])
def test_probabilities_of_hopeless_and_of_certain_classes(problem, shift):
    X, y = problem
    model = sx.SparseLogisticRegression(alpha=0.002).fit(X, np.digitize(y, [-0.3, 0.3]))
    model.intercept_ = model.intercept_ + shift
    check(model, X)


@pytest.mark.parametrize("interactions", ["pairwise", "triples", [(0, 1), (2, 3, 4)]])
def test_crosses(problem, interactions):
    X, y = problem
    model = sx.Lasso(alpha=0.0003, interactions=interactions).fit(X, y)
    small = check(model, X)
    assert len(small.interactions_) > 0
    if interactions != "pairwise":  # pairs and triples
        assert {-1, 4} <= set(small.interactions_.columns[:, 2].tolist())
    for layout in (X.toarray(), np.asfortranarray(X.toarray()), X.tocsc(), X.astype(np.float32)):
        check(small, layout)
    inputs = onnx_inputs(small, X)
    known = set(range(60)) | set(small.interactions_.keys.tolist()) | {-1}
    assert set(inputs["ids"].ravel().tolist()) <= known
    assert inputs["ids"].max() >= 60


def test_crosses_of_several_classes(problem):
    X, y = problem
    labels = np.array(["low", "mid", "top"])[np.digitize(y, [-0.3, 0.3])]
    model = sx.SparseLogisticRegression(alpha=0.003, interactions="pairwise").fit(X, labels)
    crosses = check(model, X).interactions_
    assert (crosses.values != 0).any(axis=0).all()
    assert (crosses.values == 0).any()


def test_squares(problem):
    X, _ = problem
    y = X.power(2)[:, 5].toarray().ravel()
    model = sx.Lasso(alpha=0.001, interactions="pairwise", squares=True).fit(X, y)
    assert [5, 5] in check(model, X).interactions_.columns.tolist()


@pytest.mark.parametrize("n_bits", [None, 8])
def test_tables_behind_an_encoder(table, tmp_path, n_bits):
    rows, y = table
    model = make_pipeline(sx.FeatureCross(n_bits=n_bits), sx.Lasso(alpha=0.01)).fit(rows, y)
    small = check(model, rows)
    assert small.report.n_nonzero > 5
    small.save(tmp_path / "model.sxm")
    check(sx.load(tmp_path / "model.sxm"), rows)
    unseen = rows.assign(b=rows["b"] + 1_000)
    check(small, unseen)


def test_tables_that_an_estimator_crosses_itself(table):
    rows, y = table
    small = check(sx.Lasso(alpha=0.01, interactions="pairwise").fit(rows, y), rows)
    assert len(small.interactions_) > 0


def test_columns_with_names(problem):
    X, y = problem
    named = pd.DataFrame(X.toarray(), columns=[f"c{j}" for j in range(60)])
    model = sx.Lasso(alpha=0.01).fit(named, y)
    check(model, named)
    with pytest.raises(ValueError, match="must be named 'c"):
        onnx_inputs(model, named[named.columns[::-1]])


def test_models_without_weights(problem, table):
    X, y = problem
    rows, _ = table
    for model in (
        sx.Lasso(alpha=1e6),
        sx.Lasso(alpha=1e6, interactions="triples"),
        sx.PoissonRegressor(alpha=1e6),
    ):
        assert check(model.fit(X, np.abs(y)), X).report.n_nonzero == 0
    for labels in (y > 0, np.digitize(y, [-0.3, 0.3])):
        check(sx.SparseLogisticRegression(alpha=1e6).fit(X, labels), X)
    check(make_pipeline(sx.FeatureCross(), sx.Lasso(alpha=1e6)).fit(rows, y), rows)


def test_rows_without_entries(problem):
    X, y = problem
    model = sx.Lasso(alpha=0.002, interactions="triples").fit(X, y)
    check(model, sp.csr_matrix((3, 60)))
    assert onnx_inputs(model, np.zeros((1, 60)))["ids"].tolist() == [[-1]]
    check(model, np.zeros((1, 60)))
    check(model, sp.vstack([X[:2], sp.csr_matrix((1, 60)), X[2:4]], format="csr"))


def test_entries_of_zero_are_left_out_and_what_is_given_stays(problem):
    X, y = problem
    model = sx.Lasso(alpha=0.002).fit(X, y)
    given = X[:5].copy()
    given.data[::3] = 0.0
    before = [given.data.copy(), given.indices.copy(), given.indptr.copy()]
    inputs = onnx_inputs(model, given)
    assert (inputs["values"][inputs["ids"] >= 0] != 0).all()
    assert (inputs["ids"] >= 0).sum() == np.count_nonzero(given.data)
    for array, then in zip((given.data, given.indices, given.indptr), before, strict=True):
        assert array.tolist() == then.tolist()
    check(model, given)


@pytest.mark.parametrize("universe", [2**40, 2**59])
def test_large_universes(universe):
    rng = np.random.default_rng(3)
    ids = some_ids(rng, universe, 2_000)
    ids[-1] = universe - 1
    columns = np.sort(rng.choice(ids, 300, replace=False))
    row = np.sort(rng.integers(0, 40, 300))
    X = sp.csr_matrix((rng.standard_normal(300), (row, columns)), shape=(40, universe))
    for dtype in DTYPES:
        check(sx.prune(Given(universe, ids, rng.standard_normal(2_000)), dtype=dtype), X)


def test_keys_beyond_those_of_matrices():
    universe = 2**62
    small = sx.prune(Given(universe, [0, 2**61 + 1, universe - 1], [0.1, -0.2, 0.3]))
    rows = [{0: 2.0, universe - 1: -1.0}, {2**61: 5.0, 2**61 + 1: 0.7}]
    inputs = {
        "ids": np.array([list(row) for row in rows]),
        "values": np.array([list(row.values()) for row in rows]),
    }
    margin = run(to_onnx(small), inputs)["margin"]
    near(margin, np.array([small.predict_one(row) for row in rows]))


def test_a_file_holds_what_is_returned(problem, tmp_path):
    X, y = problem
    model = sx.Lasso(alpha=0.01).fit(X, y)
    proto = to_onnx(model, tmp_path / "model.onnx")
    assert onnx.load(tmp_path / "model.onnx") == proto
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx"]
    with pytest.raises(FileNotFoundError):
        to_onnx(model, tmp_path / "none" / "model.onnx")


def test_other_models_are_refused(problem, monkeypatch):
    X, y = problem
    for call in (to_onnx, lambda model: onnx_inputs(model, X)):
        with pytest.raises(TypeError, match="linear model of sparsecross, got LinearRegression"):
            call(LinearRegression().fit(X, y))
        with pytest.raises(NotFittedError):
            call(sx.Lasso())
    model = sx.Lasso(alpha=0.01).fit(X, y)
    with pytest.raises(ValueError, match="X has 59 features"):
        onnx_inputs(model, X[:, 1:])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install 'sparsecross\\[onnx\\]'"):
        to_onnx(model)
    onnx_inputs(model, X)


# Bytes that a session takes, beyond those of a process where one without weights has run.
MEASURE = """
import sys
import numpy as np
import onnxruntime as ort

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
inputs = {"ids": np.zeros((1, 1), np.int64), "values": np.ones((1, 1))}

def resident():
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024

sizes, sessions = [], []
for path in sys.argv[1:]:
    sessions.append(ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]))
    sessions[-1].run(None, inputs)
    sizes.append(resident())
print(sizes[1] - sizes[0])
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads smaps_rollup")
def test_an_export_stays_sparse_while_it_runs(tmp_path):
    rng = np.random.default_rng(0)
    universe, n = 2**40, 20_000
    model = Given(universe, some_ids(rng, universe, n), rng.standard_normal(n))
    paths = [tmp_path / "empty.onnx", tmp_path / "weights.onnx"]
    to_onnx(Given(universe), paths[0])
    to_onnx(model, paths[1])
    assert paths[1].stat().st_size < 16 * n + 2_000
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert 16 * n < grown < 2_000_000
    to_onnx(sx.prune(model, dtype="float16"), paths[1])
    assert paths[1].stat().st_size < 12 * n + 2_000
