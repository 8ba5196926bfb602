"""`--interactions` on the command line: crosses found as they are needed."""

import json

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file

import sparsecross as sx
from command_line_tables import LABELS, REGRESSION, rows_of_table


def test_a_table_is_crossed_without_columns_for_the_crosses(run, parquet, tmp_path):
    model = tmp_path / "m.sxm"
    code, out, _ = run(
        "fit", parquet, *REGRESSION, "--interactions", "pairwise", "--compare", "-o", model
    )
    assert code == 0
    head, _, without, crossed = rows_of_table(out)
    error = head.index("held-back RMSE")
    assert float(crossed[error]) < 0.7 * float(without[error])
    told = json.loads(run("inspect", model, "--json", "--top", 50)[1])
    names = [name for name, _ in told["largest_weights"][""]]
    assert any("a_" in name and " b_" in name for name in names)
    assert told["nonzero"] == sx.load(model).report.n_nonzero
    assert run("inspect", model, "--verify")[0] == 0
    _, predicted, _ = run("predict", model, parquet, "--quiet")
    assert len(predicted.splitlines()) == 600


def test_a_path_counts_crosses(run, parquet):
    code, out, _ = run(
        "path", parquet, *LABELS, "--interactions", "pairwise", "--n-alphas", 4, "--eps", 0.05
    )
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    start = next(i for i, line in enumerate(lines) if line and line[0] == "alpha")
    n_nonzero = [int(line[1].replace(",", "")) for line in lines[start + 1 : start + 5]]
    assert n_nonzero[0] == 0 < n_nonzero[-1]


def test_svmlight_names_crosses_by_their_indices(run, tmp_path):
    rng = np.random.default_rng(0)
    X = sp.random_array((300, 12), density=0.4, rng=rng, format="csr")
    X.data[:] = 1.0
    y = (X[:, [2]] * X[:, [5]]).toarray().ravel() * 3.0 + 0.1 * rng.standard_normal(300)
    path, model = tmp_path / "t.svmlight", tmp_path / "m.sxm"
    dump_svmlight_file(sp.csr_matrix(X), y, str(path), zero_based=False)
    assert run("fit", path, "--interactions", "pairwise", "--alpha", 0.05, "-o", model)[0] == 0
    told = json.loads(run("inspect", model, "--json")[1])
    assert told["largest_weights"][""][0][0] == "indices 3 * 6"


def test_a_ridge_is_refused(run, parquet, tmp_path):
    code, _, err = run(
        "fit",
        parquet,
        *REGRESSION,
        "--interactions",
        "pairwise",
        "--l1-ratio",
        0,
        "--alpha",
        1,
        "-o",
        tmp_path / "m.sxm",
    )
    assert code == 2
    assert "--interactions needs an L1 part" in err
