"""The same data in another file are the same model; predict reads what it needs."""

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from sklearn.datasets import dump_svmlight_file
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from command_line_tables import (
    FIT,
    LABELS,
    REGRESSION,
    make_table,
    rows_of_table,
)


def test_formats_and_compressions_give_the_same_file(run, tmp_path):
    table = make_table(200)
    paths = [tmp_path / name for name in ("t.parquet", "t.csv", "t.tsv", "t.csv.gz", "t.tsv.xz")]
    pq.write_table(table, paths[0])
    pa.csv.write_csv(table, paths[1])
    tsv = paths[1].read_text().replace('"', "").replace(",", "\t").encode()
    paths[2].write_bytes(tsv)
    paths[3].write_bytes(gzip.compress(paths[1].read_bytes()))
    paths[4].write_bytes(lzma.compress(tsv))
    models = []
    for i, path in enumerate(paths):
        model = tmp_path / f"m{i}.sxm"
        assert run("fit", path, *LABELS, *FIT, "--threads", 1 + i % 2, "-o", model)[0] == 0
        models.append(model.read_bytes())
    assert len(set(models)) == 1

    answers = []
    for path in paths:
        _, out, _ = run("predict", tmp_path / "m0.sxm", path, "--quiet", "--proba")
        answers.append(out)
    assert len(set(answers)) == 1
    for name in ("p.csv", "p.tsv", "p.parquet"):
        assert run("predict", tmp_path / "m0.sxm", paths[0], "-o", tmp_path / name)[0] == 0
    labels = [line.split(",")[0] for line in answers[0].splitlines()[1:]]
    assert (tmp_path / "p.csv").read_text().splitlines() == ["prediction", *labels]
    assert (tmp_path / "p.tsv").read_text().splitlines() == ["prediction", *labels]
    assert pq.read_table(tmp_path / "p.parquet").to_pydict() == {"prediction": labels}


def test_tokens_of_text_are_those_of_lists(run, tmp_path):
    rng = np.random.default_rng(0)
    lists = [sorted({f"t{v}" for v in rng.integers(0, 9, 3)}) for _ in range(300)]
    y = [sum(int(t[1:]) for t in tokens) / 7 + 0.01 * (i % 3) for i, tokens in enumerate(lists)]
    pq.write_table(pa.table({"tags": lists, "y": y}), tmp_path / "t.parquet")
    cells = pa.table({"tags": ["|".join(tokens) for tokens in lists], "y": y})
    pa.csv.write_csv(cells, tmp_path / "t.csv")
    shared = ["--target", "y", "--cross", "pairwise", "--quiet", "-o"]
    run("fit", tmp_path / "t.parquet", *shared, tmp_path / "a.sxm")
    run("fit", tmp_path / "t.csv", "--split", "tags=|", *shared, tmp_path / "b.sxm")
    # The separator is known again at predict.
    answers = {
        run("predict", tmp_path / m, tmp_path / t, "--quiet")[1]
        for m, t in (("a.sxm", "t.parquet"), ("b.sxm", "t.csv"))
    }
    assert len(answers) == 1
    assert len(answers.pop().splitlines()) == 300


def test_predict_needs_only_the_fields_of_weights(run, tmp_path):
    table = make_table(300)
    pq.write_table(table, tmp_path / "t.parquet")
    model = tmp_path / "m.sxm"
    run("fit", tmp_path / "t.parquet", *REGRESSION, "--alpha", 0.4, "-o", model)
    _, out, _ = run("inspect", model, "--json")
    fields = json.loads(out)["fields"]
    assert 0 < len(fields) < 5
    _, expected, _ = run("predict", model, tmp_path / "t.parquet", "--quiet")
    # Other columns, another order and digits where there was text do not matter.
    pa.csv.write_csv(table.select(["w", *reversed(fields)]), tmp_path / "few.csv")
    assert run("predict", model, tmp_path / "few.csv", "--quiet")[1] == expected
    pa.csv.write_csv(table.select(["w"]), tmp_path / "none.csv")
    code, _, err = run("predict", model, tmp_path / "none.csv", "--quiet")
    assert code == 1
    assert repr(fields[0]) in err


def test_text_of_digits_stays_text_at_predict(run, tmp_path):
    table = pa.table({"code": ["01", "x"] * 50, "y": [0.5, 1.25] * 50})
    pa.csv.write_csv(table, tmp_path / "t.csv")
    run("fit", tmp_path / "t.csv", "--target", "y", "--task", "regression", "--quiet",
        "-o", tmp_path / "m.sxm")  # fmt: skip
    (tmp_path / "new.csv").write_text("code\n01\n1\n")
    _, out, _ = run("predict", tmp_path / "m.sxm", tmp_path / "new.csv", "--quiet")
    known, unknown = map(float, out.splitlines())
    assert known == sx.load(tmp_path / "m.sxm").predict_one({"code": "01"})
    assert unknown != known


def test_model_without_weights_and_tables_without_rows(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "p,1.5\nq,2.5\n" * 20)
    model = tmp_path / "m.sxm"
    run("fit", tmp_path / "t.csv", "--target", "y", "--task", "regression", "--alpha", 9,
        "-o", model)  # fmt: skip
    (tmp_path / "new.csv").write_text("other\n1\n2\n")
    _, out, _ = run("predict", model, tmp_path / "new.csv", "--quiet")
    assert out == f"{float(sx.load(model).intercept_[0])!r}\n" * 2
    (tmp_path / "none.csv").write_text("other\n")
    assert run("predict", model, tmp_path / "none.csv", "--quiet")[:2] == (0, "")


def test_rows_without_target_and_empty_fields_are_left_out(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,void,y\n" + "p,,1.5\nq,,2.5\nq,,\nr,,0.25\n" * 10)
    code, out, _ = run("fit", tmp_path / "t.csv", "--target", "y", "-o", tmp_path / "m.sxm")
    assert code == 0
    assert "left out: 10 rows without a target" in out
    assert "left out, nothing but nulls: void" in out


def test_svmlight(run, fails, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 30)) * (rng.random((200, 30)) < 0.3)
    y = np.where(X[:, 3] - X[:, 7] + 0.1 * rng.standard_normal(200) > 0, 1, -1)
    path, model = tmp_path / "t.svmlight", tmp_path / "m.sxm"
    dump_svmlight_file(X, y, str(path), zero_based=False)
    code, out, _ = run("fit", path, "-o", model)
    assert code == 0
    assert "indices count from 1" in out
    assert "target: classification" in out
    _, out, _ = run("predict", model, path, "--quiet")
    assert out.splitlines() == [str(v) for v in sx.load(model).predict(X)]
    _, out, _ = run("inspect", model, "--top", 2)
    assert {line.split("  ")[-1] for line in out.splitlines()[-2:]} == {"index 4", "index 8"}
    dump_svmlight_file(X[:, :5], y, str(path), zero_based=False)
    narrow = np.hstack([X[:, :5], np.zeros((200, 25))])
    _, out, _ = run("predict", model, path, "--quiet")
    assert out.splitlines() == [str(v) for v in sx.load(model).predict(narrow)]
    dump_svmlight_file(np.hstack([X, X]), y, str(path), zero_based=False)
    assert "columns end at 30" in fails("predict", model, path)
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert "fitted on svmlight data" in fails("predict", model, tmp_path / "t.csv")
    code, _, err = run("fit", path, "--cross", "a*b", "-o", model)
    assert code == 2
    assert "--cross is not for svmlight" in err


def test_hashed_columns(run, table, parquet, tmp_path):
    model = tmp_path / "m.sxm"
    code, _, _ = run("fit", parquet, *REGRESSION, "--cross", "a*b", "--n-bits", 12, "-o", model)
    assert code == 0
    _, out, _ = run("predict", model, parquet, "--quiet")
    fields = table.drop_columns(["y", "label", "three", "w"])
    assert [float(line) for line in out.splitlines()] == sx.load(model).predict(fields).tolist()


def test_no_rows_held_back(run, parquet, tmp_path):
    model = tmp_path / "m.sxm"
    code, out, _ = run(
        "fit", parquet, *REGRESSION, "--holdout", 0, "--alpha", 0.01, "--l1-ratio", 0.5, "-o", model
    )
    assert code == 0
    assert "training RMSE" in rows_of_table(out)[0][1]
    _, out, _ = run("inspect", model)
    assert "training RMSE" in out


def test_models_of_several_targets(run, tmp_path):
    table = pd.DataFrame({"a": list("xyzx") * 20, "b": list("uv") * 40})
    Y = np.stack([table["a"] == "x", 2.0 * (table["b"] == "u")], axis=1)
    model = make_pipeline(sx.FeatureCross([]), sx.MultiTaskLasso(0.01)).fit(table, Y)
    saved, rows, out = (str(tmp_path / name) for name in ("m.sxm", "t.csv", "o.csv"))
    sx.save(model, saved)
    table.to_csv(rows, index=False)
    assert run("predict", saved, rows, "-o", out, "--quiet")[0] == 0
    head, *lines = Path(out).read_text().splitlines()
    assert head == "prediction_0,prediction_1"
    found = [[float(cell) for cell in line.split(",")] for line in lines]
    np.testing.assert_array_equal(found, model.predict(table))
    code, told, _ = run("inspect", saved, "--top", "1")
    assert code == 0
    assert "largest weights of target 0:" in told
    assert told.rstrip().endswith("b_u")
