"""Whatever goes wrong is told in one line, with its exit code."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command_line_tables import REGRESSION
from sparsecross.cli.arguments import make_parser
from sparsecross.cli.treatment import numeric_target


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


@pytest.mark.parametrize("task", [[], ["--task", "classification"], ["--task", "regression"]])
@pytest.mark.parametrize("label", ["inf", "-inf", "nan"])
def test_targets_that_are_not_finite(fails, tmp_path, task, label):
    model = tmp_path / "m.sxm"
    rows = [f"{i % 2} 1:{i + 1}\n" for i in range(30)]
    rows[4] = f"{label} 1:1\n"
    (tmp_path / "t.svm").write_text("".join(rows))
    error = fails("fit", tmp_path / "t.svm", *task, "--alpha", 0.01, "-o", model)
    assert f"target 'label' holds {label} in row 5 of the data; targets must be finite" in error
    assert not model.exists()


def test_rows_of_bad_targets_count_those_without_one(fails, tmp_path):
    (tmp_path / "t.csv").write_text("a,y\np,1\np,\nq,0\nq,inf\n")
    error = fails("fit", tmp_path / "t.csv", "--target", "y", "-o", tmp_path / "m.sxm")
    assert "target 'y' holds inf in row 4 of the data" in error


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        (np.array([0, 1, 2**63], np.uint64), "9223372036854775808"),
        (np.array([0, 1, 2.0**63]), "9.223372036854776e+18"),
        (np.array([0, 1, -1e300]), "-1e+300"),
    ],
)
def test_labels_beyond_64_bit_integers(values, bad):
    with pytest.raises(ValueError, match=r"'y' holds (\S+) in row 3 .*--task regression") as caught:
        numeric_target(values, "y")
    assert f"holds {bad} in" in str(caught.value)
    assert (
        numeric_target(values, "y", "regression").values.tolist() == values.astype(float).tolist()
    )


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_the_largest_labels_stay_exact(kind):
    values = np.array([0, 2**63 - 1], kind)
    assert numeric_target(values, "y").values.tolist() == [0, 2**63 - 1]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.struct([("a", pa.int64())]), {"a": 1}),
        (pa.map_(pa.string(), pa.int64()), [("a", 1)]),
        (pa.list_(pa.list_(pa.string())), [["a"]]),
        (pa.list_(pa.struct([("a", pa.int64())])), [{"a": 1}]),
    ],
    ids=str,
)
def test_fields_of_types_that_cannot_be_encoded(run, fails, tmp_path, kind, value):
    path, shared = tmp_path / "t.parquet", ["--target", "y", "--alpha", 0.01]
    y = [0.5 * i for i in range(30)]
    pq.write_table(pa.table({"f": pa.array([value] * 30, kind), "x": y, "y": y}), path)
    error = fails("fit", path, *shared, "-o", tmp_path / "m.sxm")
    assert "field 'f' has the type " + str(kind).partition("<")[0] in error
    assert "--drop f" in error
    assert run("fit", path, *shared, "--drop", "f", "-o", tmp_path / "m.sxm")[0] == 0


def test_lists_of_nothing_are_left_out(run, tmp_path):
    path = tmp_path / "t.parquet"
    y = [0.5 * i for i in range(30)]
    pq.write_table(pa.table({"f": [[], [None]] * 15, "x": y, "y": y}), path)
    code, out, err = run("fit", path, "--target", "y", "--alpha", 0.01, "-o", tmp_path / "m.sxm")
    assert code == 0, err
    assert "left out, nothing but nulls: f" in out + err


def test_other_errors_of_pyarrow_are_one_line(fails, parquet, tmp_path, monkeypatch):
    def refuse(*_):
        raise pa.ArrowNotImplementedError("no kernel\nfor this type")

    monkeypatch.setattr("sparsecross.cli.prepare.treat", refuse)
    error = fails("fit", parquet, *REGRESSION, "-o", tmp_path / "m.sxm")
    assert error == "sparsecross: error: no kernel for this type\n"


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


def test_wrong_usage_is_two_lines_and_names_what_is_like_it(run):
    code, _, err = run("fit", "t.csv", "--traget", "y", "-o", "m")
    assert code == 2
    assert err.splitlines() == [
        "sparsecross: error: unrecognized arguments: --traget y; did you mean --target?",
        "see sparsecross --help",
    ]
    _, _, err = run("fit", "t.csv", "-o", "m")
    assert err.splitlines() == [
        "sparsecross fit: error: --target is required",
        "see sparsecross fit --help",
    ]


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_delimiter_is_suspected(fails, run, tmp_path, mark):
    path, rest = tmp_path / "t.csv", ["--target", "y", "-o", tmp_path / "m.sxm"]
    rows = [f"{'pq'[k % 2]}{mark}{k % 2 + k / 100}\n" for k in range(40)]
    path.write_text(f"a{mark}y\n" + "".join(rows))
    error = fails("fit", path, *rest)
    assert f"if its cells are separated by {mark!r}, --delimiter says so" in error
    assert run("fit", path, *rest, "--delimiter", mark)[0] == 0


def test_a_store_is_no_file(fails, tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "p,1.5\nq,2.5\n" * 9)
    (tmp_path / "m.sxm").write_text("")
    error = fails("convert", tmp_path / "t.csv", "--target", "y", "-o", tmp_path / "m.sxm")
    assert "m.sxm': is a file, and a store needs a folder" in error
