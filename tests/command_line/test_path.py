"""What path prints and writes is what fits at those strengths have."""

import csv

import numpy as np
import pyarrow.parquet as pq
import pytest

import sparsecross as sx
from command_line_tables import LABELS, REGRESSION, THREE
from sparsecross.artefact import as_json

CROSSED = ["--cross", "a*b", "--quiet"]


def table_of(out):
    """Rows of the table that was printed, as text."""
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("alpha "))
    rows = [[cell.strip() for cell in line.split("  ") if cell] for line in lines[start:]]
    return [row for row in rows if len(row) == len(rows[0])]


def columns(path):
    with path.open() as file:
        head, *rows = csv.reader(file)
    return {name: cells.astype(float) for name, cells in zip(head, np.transpose(rows), strict=True)}


@pytest.mark.parametrize(
    ("target", "error"),
    [(REGRESSION, "held-back RMSE"), (LABELS, "held-back log loss"), (THREE, "held-back log loss")],
    ids=["numbers", "two labels", "three labels"],
)
def test_each_line_is_the_model_that_fit_saves(run, parquet, tmp_path, target, error):
    file, model = tmp_path / "p.csv", tmp_path / "m.sxm"
    code, out, err = run("path", parquet, *target, *CROSSED, "--n-alphas", 6, "-o", file)
    assert (code, err) == (0, "")
    head, *rows = table_of(out)
    assert head[:6] == ["alpha", "non-zero", "pruned", "file", "gap", error]
    found = columns(file)
    assert list(found)[:5] == ["alpha", "nonzero", "pruned_bytes", "file_bytes", "relative_gap"]
    name = list(found)[5]
    assert len(rows) == len(found["alpha"]) == 6
    np.testing.assert_allclose(found["alpha"][1:] / found["alpha"][:-1], 1e-3**0.2)
    assert found["nonzero"][0] == 0
    assert (found["relative_gap"] <= 1e-4).all()
    assert [row[1] for row in rows] == [f"{n:,.0f}" for n in found["nonzero"]]
    np.testing.assert_allclose([float(row[5]) for row in rows], found[name], rtol=1e-3)
    for k in (1, 4):
        alpha = repr(float(found["alpha"][k]))
        run("fit", parquet, *target, *CROSSED, "--alpha", alpha, "--tol", 1e-6, "-o", model)
        alone = sx.load(model)
        assert alone.notes["alpha"] == found["alpha"][k]
        assert next(iter(alone.notes["errors"].values())) == pytest.approx(found[name][k], rel=0.02)
        assert alone.report.n_nonzero == pytest.approx(found["nonzero"][k], rel=0.1)
        assert alone.report.pruned_bytes == pytest.approx(found["pruned_bytes"][k], rel=0.1)
        noted = len(as_json(alone.notes)) + len(',"notes":')
        assert alone.report.file_bytes - noted == pytest.approx(found["file_bytes"][k], rel=0.1)


def test_the_least_error_is_told(run, parquet, tmp_path):
    file = tmp_path / "p.tsv"
    _, out, _ = run("path", parquet, *REGRESSION, "--n-alphas", 8, "-o", file)
    lines = [line.split("\t") for line in file.read_text().splitlines()[1:]]
    best = min(lines, key=lambda line: float(line[5]))
    assert f"at alpha {float(best[0]):.6g}, {int(best[1]):,} non-zero weights" in out
    assert f"saved: {file}" in out
    assert ("a smaller --eps may do better" in out) == (best is lines[-1])
    code, out, _ = run("path", parquet, *REGRESSION, "--n-alphas", 3, "--eps", 0.5)
    assert code == 0
    assert "the end of the path: a smaller --eps may do better" in out


def test_limits_end_the_path(run, parquet, tmp_path):
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    run("path", parquet, *REGRESSION, *CROSSED, "-o", whole)
    found = columns(whole)
    larger = np.maximum(found["pruned_bytes"], found["file_bytes"])
    for option, sizes in (("--max-nonzeros", found["nonzero"]), ("--max-bytes", larger)):
        limit = int(sizes[12])
        n_kept = int(np.flatnonzero(sizes > limit)[0])
        run("path", parquet, *REGRESSION, *CROSSED, option, limit, "-o", cut)
        assert columns(cut)["alpha"].tolist() == found["alpha"][:n_kept].tolist()


def test_without_rows_held_back_errors_are_of_the_fit(run, parquet, tmp_path):
    file = tmp_path / "p.parquet"
    code, out, _ = run("path", parquet, *REGRESSION, "--holdout", 0, "--n-alphas", 4, "-o", file)
    assert code == 0
    assert "training RMSE" in out
    assert "errors are of the 600 rows of the fit" in out
    assert pq.read_table(file).column_names[5:] == ["training_rmse", "training_r2"]


def test_strengths_that_stop_short_are_told_once(run, parquet):
    code, _, err = run("path", parquet, *REGRESSION, "--tol", 0, "--n-alphas", 4, "--quiet")
    assert code == 0
    assert err.count("sparsecross: warning: the path stopped after") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-bytes", "1"], "no model of the path keeps to --max-nonzeros and --max-bytes"),
        (["-o", "{dir}/p.txt"], "columns are written to .csv, .tsv or .parquet"),
        (["-o", "{dir}/none/p.csv"], "there is no directory"),
    ],
)
def test_errors(fails, parquet, tmp_path, arguments, message):
    given = (a.format(dir=tmp_path) for a in arguments)
    assert message in fails("path", parquet, *REGRESSION, *given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--l1-ratio", "0"], "--l1-ratio 0 has no path"),
        (["--eps", "1"], "--eps must be below 1"),
        (["--eps", "0"], "is not a number from 1e-15 to 1"),
        (["--n-alphas", "0"], "is not at least 1"),
        (["--cross", "a"], "neither fields joined by"),
    ],
)
def test_wrong_usage(run, parquet, arguments, message):
    code, out, err = run("path", parquet, *REGRESSION, *arguments)
    assert (code, out) == (2, "")
    assert message in err
