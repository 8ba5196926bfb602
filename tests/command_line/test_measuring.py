"""What fit, predict and inspect print is what the Python interface computes."""

import json

import numpy as np
import pytest

import sparsecross as sx
from command_line_tables import FIT, LABELS, REGRESSION, THREE, drop, rows_of_table
from sparsecross.holdout import split_rows


def test_fit_predict_inspect(run, table, parquet, tmp_path):
    model = tmp_path / "m.sxm"
    code, out, err = run("fit", parquet, *REGRESSION, *FIT, "-o", model)
    assert code == 0
    assert "warning" not in err
    head, constant, without, crossed = rows_of_table(out)
    assert head[1].strip() == "held-back RMSE"
    assert [constant[0], without[0], crossed[0]] == ["constant", "without crosses", "with crosses"]
    assert float(crossed[1]) < 0.5 * float(without[1]) < 0.5 * float(constant[1])
    assert "read: 600 rows, 6 fields" in out
    assert "categories (distinct values): a (4), b (3), c (50), flag (2)" in out
    assert "numbers, in up to 16 buckets: x, k" in out
    assert "held back: 120 of 600 rows (--seed 0)" in out
    assert "  alpha " in err

    code, out, _ = run("predict", model, parquet, "--quiet")
    assert code == 0
    expected = sx.load(model).predict(table)
    assert [float(line) for line in out.splitlines()] == expected.tolist()

    code, out, _ = run("inspect", model, "--top", 3, "--verify")
    assert code == 0
    assert "regressor of 'y'" in out
    assert "blocks are whole" in out
    assert "times smaller" in out
    top = sx.load(model).top_weights(3)
    assert [line.split("  ")[-1] for line in out.splitlines()[-3:]] == [t.name for t in top]

    written = tmp_path / "weights.csv"
    assert run("inspect", model, "-o", written)[0] == 0
    rows = [line.rsplit(",", 1) for line in written.read_text().splitlines()]
    assert rows[0] == ["name", "weight"]
    assert rows[1] == ["(intercept)", repr(float(sx.load(model).intercept_[0]))]
    assert [float(weight) for _, weight in rows[2:5]] == [t.weight for t in top]

    code, out, _ = run("inspect", model, "--json", "--top", 1)
    found = json.loads(out)
    assert found["nonzero"] == sx.load(model).report.n_nonzero
    assert found["largest_weights"][""] == [[top[0].name, top[0].weight]]
    assert found["fit"]["held_back"] == 120


def test_held_back_errors_are_those_of_the_python_interface(run, table, parquet, tmp_path):
    model = tmp_path / "m.sxm"
    run("fit", parquet, *REGRESSION, "--seed", 3, "--weight", "k", "--alpha", 0.01, "-o", model)
    train, held = split_rows(600, 0.2, 3)
    fields = table.select(["a", "b", "c", "flag", "x"])
    encoder = sx.FeatureCross([], buckets={"x": 16}, numeric_nulls="indicator")
    X = encoder.fit_transform(fields.take(train))
    y, w = table["y"].to_numpy(), table["k"].to_numpy().astype(float)
    lasso = sx.Lasso(alpha=0.01).fit(X, y[train], w[train])
    predicted = lasso.predict(encoder.transform(fields.take(held)))
    assert sx.load(model).predict(fields.take(held)).tolist() == predicted.tolist()
    error = np.average((predicted - y[held]) ** 2, weights=w[held]) ** 0.5
    _, out, _ = run("inspect", model, "--json")
    assert json.loads(out)["fit"]["held-back RMSE"] == error


@pytest.mark.parametrize("target", [LABELS, THREE, ["--target", "flag", *drop(["y", "label"])]])
def test_classification(run, table, parquet, tmp_path, target):
    model = tmp_path / "m.sxm"
    code, out, _ = run("fit", parquet, *target, "--cross", "a*b", "-o", model)
    assert code == 0
    assert "target: classification" in out
    assert "the same share of each class" in out
    head, constant, crossed = rows_of_table(out)
    assert [h.strip() for h in head[1:3]] == ["held-back log loss", "held-back error rate"]
    assert float(crossed[1]) < float(constant[1])
    assert float(crossed[2]) < float(constant[2])

    loaded = sx.load(model)
    _, out, _ = run("predict", model, parquet, "--quiet")
    assert out.splitlines() == [str(label) for label in loaded.predict(table).tolist()]
    _, out, _ = run("predict", model, parquet, "--quiet", "--proba")
    lines = [line.split(",") for line in out.splitlines()]
    assert lines[0] == ["prediction", *(f"probability_{c}" for c in loaded.classes_.tolist())]
    assert [list(map(float, line[1:])) for line in lines[1:]] == loaded.predict_proba(
        table
    ).tolist()

    _, out, _ = run("inspect", model, "--top", 2)
    if len(loaded.classes_) > 2:
        assert all(f"largest weights of class {c}:" in out for c in loaded.classes_)
    else:
        assert "\nlargest weights:\n" in out


@pytest.mark.parametrize("given", ["regression", "classification"])
def test_task_is_decided_by_the_option(run, parquet, tmp_path, given):
    code, out, _ = run("fit", parquet, *THREE, "--task", given, "-o", tmp_path / "m")
    assert code == 0
    assert f"target: {given}" in out
