"""The command line: what it prints, what it writes, how it fails."""

import gzip
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import dump_svmlight_file

import sparsecross as sx
from sparsecross.cli import main

EXAMPLE = Path(__file__).parents[1] / "examples" / "debian_packages.parquet"
DATA = os.environ.get("SPARSECROSS_DATA")
FIT = ["--cross", "a*b", "b*c", "--compare"]


def make_table(n=600, seed=0):
    """A target that hangs on the cross of a and b, on c, and on the numbers x and k."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, n), rng.integers(0, 3, n)
    c = rng.integers(0, 50, n)
    x, k = rng.standard_normal(n).round(3), rng.integers(0, 1000, n)
    effect = rng.standard_normal((4, 3))[a, b] * 2 + x + (c % 2) + k / 1000
    y = (effect + 0.1 * rng.standard_normal(n)).round(6)
    return pa.table(
        {
            "a": [f"a{v}" for v in a],
            "b": pa.array([None if v == 2 else f"b{v}" for v in b]),
            "c": [f"c{v}" for v in c],
            "flag": pa.array(c % 2 == 0),
            "x": pa.array(x, mask=rng.random(n) < 0.05),
            "k": k,
            "y": y,
            "label": pa.array(np.where(effect > 0, "yes", "no")),
            "three": pa.array(np.digitize(effect, [-1, 1])),
            "w": rng.integers(1, 4, n),
        }
    )


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def parquet(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "t.parquet"
    pq.write_table(table, path)
    return str(path)


@pytest.fixture
def run(capsys):
    """Run the command line here; return the exit code, standard output and standard error."""

    def run(*arguments):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fails(run):
    """Run what must fail with one line on standard error; return the line."""

    def fails(*arguments):
        code, out, err = (
            run(*arguments, "--quiet") if arguments[0] != "inspect" else run(*arguments)
        )
        assert code == 1, err
        assert out == ""
        assert err.startswith("sparsecross: error: ")
        assert err.count("\n") == 1
        return err

    return fails


def drop(names):
    return ["--drop", *names]


REGRESSION = ["--target", "y", *drop(["label", "three", "w"])]
LABELS = ["--target", "label", *drop(["y", "three", "w"])]
THREE = ["--target", "three", *drop(["y", "label", "w"])]


def rows_of_table(out):
    lines = out.splitlines()
    start = max(i for i, line in enumerate(lines) if line.startswith("model "))
    return [[cell for cell in line.split("  ") if cell] for line in lines[start:]]


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

    code, out, _ = run("inspect", model, "--json", "--top", 1)
    found = json.loads(out)
    assert found["nonzero"] == sx.load(model).report.n_nonzero
    assert found["largest_weights"][""] == [[top[0].name, top[0].weight]]
    assert found["fit"]["held_back"] == 120


def test_held_back_errors_are_those_of_the_python_interface(run, table, parquet, tmp_path):
    from sparsecross.holdout import split_rows

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


def test_formats_and_compressions_give_the_same_file(run, tmp_path):
    table = make_table(200)
    paths = [tmp_path / name for name in ("t.parquet", "t.csv", "t.tsv", "t.csv.gz", "t.tsv.xz")]
    pq.write_table(table, paths[0])
    pa.csv.write_csv(table, paths[1])
    tsv = paths[1].read_text().replace('"', "").replace(",", "\t").encode()
    paths[2].write_bytes(tsv)
    paths[3].write_bytes(gzip.compress(paths[1].read_bytes()))
    import lzma

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


def test_short_of_convergence_is_a_warning_line(run, parquet, tmp_path):
    code, _, err = run(
        "fit", parquet, *REGRESSION, "--quiet", "--tol", 0, "--alpha", 0.001, "-o", tmp_path / "m"
    )
    assert code == 0
    assert err.startswith("sparsecross: warning: Lasso stopped after ")
    assert err.count("\n") == 1


CASES = {
    "missing file": (["fit", "{dir}/no.csv", "--target", "y"], r"no.csv"),
    "unknown target": (["fit", "{t}", "--target", "yy"], "did you mean 'y'"),
    "unknown cross": (["fit", "{t}", "--target", "y", "--cross", "a*lable"], "mean 'label'"),
    "target crossed": (["fit", "{t}", "--target", "y", "--cross", "a*y"], "is no feature"),
    "dropped target": (["fit", "{t}", "--target", "y", "--drop", "y"], "no column 'y'"),
    "format": (["fit", "{t}", "--target", "y", "--format", "svmlight"], "as svmlight"),
    "unknown format": (["fit", "{dir}/t.xyz", "--target", "y"], "cannot tell the format"),
    "fractions": (["fit", "{t}", "--target", "y", "--categorical", "x"], "not a whole number"),
    "labels": (["fit", "{t}", "--target", "y", "--task", "classification"], "must be text"),
    "text": (["fit", "{t}", "--target", "a", "--task", "regression"], "needs numbers"),
    "weights": (["fit", "{t}", "--target", "y", "--weight", "a"], "must hold numbers"),
    "negative weights": (["fit", "{t}", "--target", "y", "--weight", "x"], "not negative"),
    "split of numbers": (["fit", "{t}", "--target", "y", "--split", "k"], "not text"),
    "one class": (["fit", "{one}", "--target", "y"], "one value only"),
    "no rows": (["fit", "{none}", "--target", "y"], "no rows"),
    "no target": (["fit", "{null}", "--target", "y"], "null in every row"),
    "few rows": (["fit", "{few}", "--target", "y"], "too few"),
    "no columns": (["fit", "{few}", "--target", "y", "--drop", "a"], "no column to predict"),
    "rare": (["fit", "{t}", "--target", "y", "--drop", "x", "k", "--min-count", "999"], "feature"),
    "nothing to learn": (["fit", "{same}", "--target", "y"], "anything to do with the target"),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_are_one_line(fails, parquet, tmp_path, case):
    arguments, message = CASES[case]
    texts = {
        "one": "a,y\n" + "p,1\n" * 9,
        "none": "a,y\n",
        "null": "a,y\np,\n",
        "few": "a,y\np,0.5\n",
        "same": "a,y\n" + "".join(f"p,{v}.5\n" for v in range(30)),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    places = {name: tmp_path / f"{name}.csv" for name in texts} | {"t": parquet, "dir": tmp_path}
    model = tmp_path / "m.sxm"
    error = fails(*(a.format(**places) for a in arguments), "-o", model)
    assert message in error
    assert not model.exists()


def test_outputs_that_cannot_be_written(fails, parquet, tmp_path):
    shared = ["fit", parquet, *REGRESSION, "-o"]
    assert "no directory" in fails(*shared, tmp_path / "no" / "m.sxm")
    assert "no regular file" in fails(*shared, "/dev/null")
    assert "no regular file" in fails(*shared, tmp_path)
    assert Path("/dev/null").is_char_device()


def test_models_that_are_none(run, fails, parquet, tmp_path):
    model = tmp_path / "m.sxm"
    assert "m.sxm" in fails("predict", model, parquet)
    model.write_text("hello")
    assert "not a whole sparsecross model" in fails("predict", model, parquet)
    assert "not a whole sparsecross model" in fails("inspect", model)
    run("fit", parquet, *REGRESSION, "--alpha", 0.1, "-o", model)
    assert "no probabilities" in fails("predict", model, parquet, "--proba")
    assert ".parquet" in fails("predict", model, parquet, "-o", tmp_path / "p.xlsx")
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    assert "checksum" in fails("inspect", model, "--verify")
    model.write_bytes(content[:-3])
    assert "bytes" in fails("inspect", model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required"),
        (["fit", "t.csv", "-o", "m"], "--target is required"),
        (["fit", "t.csv", "--target", "y"], "required: -o"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--holdout", "0"], "needs --alpha"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--holdout", "1"], "from 0 to 0.99"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--alpha", "nan"], "at least 0"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--l1-ratio", "0"], "needs --alpha"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--buckets", "1"], "at least 2"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--cross", "a"], "neither fields"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--cross", "pairwise", "a*b"], "combined"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--compare"], "--compare needs --cross"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--split", "a="], "FIELD=SEP"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--n-bits", "x"], "invalid integer"),
        (["fit", "t.svm", "-o", "m", "--n-bits", "9"], "--n-bits is not for svmlight"),
        (["fit", "t.csv", "--target", "y", "-o", "m", "--delimiter", "ab"], "one character"),
    ],
)
def test_wrong_usage(run, arguments, message):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert message in err


@pytest.mark.parametrize("command", ["fit", "predict", "inspect"])
def test_help_names_every_option(run, command):
    from sparsecross.cli_arguments import make_parser

    code, out, _ = run(command, "--help")
    assert code == 0
    assert "exit codes" in out
    choices = make_parser()._subparsers._group_actions[0].choices
    for action in choices[command]._actions:
        assert action.help, action
        assert (action.option_strings or [action.metavar])[-1] in out


def test_missing_extra_is_one_line(fails, parquet, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = fails("fit", parquet, *REGRESSION, "-o", tmp_path / "m.sxm")
    assert "pip install 'sparsecross[cli]'" in error


# Processes of their own


def command(*arguments):
    return [sys.executable, "-m", "sparsecross.cli", *map(str, arguments)]


def test_process(parquet, tmp_path):
    model = tmp_path / "m.sxm"
    done = subprocess.run(
        command("fit", parquet, *REGRESSION, *FIT, "-o", model),
        capture_output=True,
        text=True,
        check=True,
    )
    assert rows_of_table(done.stdout)[-1][0] == "with crosses"
    assert "\x1b" not in done.stdout + done.stderr
    done = subprocess.run(
        command("fit", parquet, *REGRESSION, "--quiet", "-o", model), capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("model ")
    failed = subprocess.run(command("predict", model, "no.csv"), capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "Traceback" not in failed.stderr


def test_reader_that_leaves_is_no_trouble(parquet, tmp_path):
    model = tmp_path / "m.sxm"
    main(["fit", parquet, *REGRESSION, "--alpha", "0.1", "--quiet", "-o", str(model)])
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("predict", model, parquet, "--quiet"),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 141


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_interrupted_fit_leaves_no_file(tmp_path, signum, code):
    pq.write_table(make_table(20_000), tmp_path / "t.parquet")
    model = tmp_path / "m.sxm"
    process = subprocess.Popen(
        command("fit", tmp_path / "t.parquet", *REGRESSION, "--cross", "pairwise", "--tol", 1e-15,
                "-o", model),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("  alpha"):
            break
    process.send_signal(signum)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    if signum == signal.SIGINT:
        assert err.endswith("sparsecross: error: interrupted\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.parquet"]


def on_terminal(arguments):
    """Run on a pseudo-terminal and return all that was shown."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        arguments, stdout=follower, stderr=follower, stdin=follower, env=environment
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([leader], [], [], 0.1)
        try:
            part = os.read(leader, 65536) if ready else None
        except OSError:  # the other end is closed
            break
        if part == b"" or (part is None and process.poll() is not None):
            break
        shown += part or b""
    assert process.wait(timeout=10) == 0
    os.close(leader)
    return shown.decode()


def test_bar_and_table_on_a_terminal(parquet, tmp_path):
    shown = on_terminal(command("fit", parquet, *REGRESSION, "-o", tmp_path / "m.sxm"))
    assert "choosing alpha" in shown
    assert "━" in shown  # the bar
    assert "\x1b[" in shown
    assert "┃" in shown  # the table
    assert "read: 600 rows" in shown


def test_lines_on_a_terminal_without_rich(parquet, tmp_path):
    code = (
        "import sys; sys.modules['rich'] = None\n"
        "from sparsecross.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["fit", parquet, *REGRESSION, "-o", str(tmp_path / "m.sxm")]
    shown = on_terminal([sys.executable, "-c", code, *arguments])
    assert "\x1b" not in shown
    assert "  alpha " in shown


# Real tables


def test_example_table(run, tmp_path):
    model = tmp_path / "m.sxm"
    code, out, _ = run(
        "fit", EXAMPLE, "--target", "log_size", "--alpha", 1e-3, "--compare",
        "--cross", "section*maintainer", "section*depends", "-o", model,
    )  # fmt: skip
    assert code == 0
    _, constant, without, crossed = rows_of_table(out)
    assert float(crossed[1]) < float(without[1]) < float(constant[1])
    assert sx.load(model).report.ratio > 10


@pytest.mark.skipif(DATA is None, reason="SPARSECROSS_DATA names no folder of data sets")
def test_adult(run, tmp_path):
    path = Path(DATA) / "adult" / "adult.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    names = (
        "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,"
        "sex,capital-gain,capital-loss,hours-per-week,native-country,income"
    )
    text = gzip.decompress(path.read_bytes()).decode().strip().replace(" ", ",")
    (tmp_path / "adult.csv.gz").write_bytes(gzip.compress(f"{names}\n{text}\n".encode(), 1))
    model = tmp_path / "m.sxm"
    code, out, _ = run(
        "fit", tmp_path / "adult.csv.gz", "--target", "income", "--drop", "fnlwgt", "--cross",
        "education*occupation", "marital-status*occupation", "--compare", "-o", model,
    )  # fmt: skip
    assert code == 0
    _, constant, without, crossed = rows_of_table(out)
    assert float(without[2]) < 0.155 < 0.23 < float(constant[2])
    assert float(crossed[1]) < float(without[1])
    code, out, _ = run("predict", model, tmp_path / "adult.csv.gz", "--quiet")
    assert code == 0
    assert len(out.splitlines()) == 48_842
