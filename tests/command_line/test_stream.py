"""The command `stream`: any form of file, cut anywhere, killed and resumed: one model."""

import io
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import dump_svmlight_file

import sparsecross as sx
from sparsecross import batches
from sparsecross.checkpoint import load_checkpoint
from sparsecross.cli import main

OPTIONS = ["--target", "late", "--cross", "pairwise", "--split", "tags", "--categorical", "hour"]


def _table(n=3_000, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "carrier": rng.choice(list("ABCD"), n),
            "hour": rng.integers(0, 24, n),
            "temperature": rng.standard_normal(n).round(2),
            "tags": [" ".join(rng.choice(list("uvwxyz"), 2)) for _ in range(n)],
            "weight": rng.integers(1, 3, n),
        }
    )
    late = ((table["carrier"] == "A") & (table["hour"] > 17)) | (rng.random(n) < 0.1)
    return table.assign(late=np.where(late, "yes", "no"))


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flights")
    table = _table()
    table.to_csv(folder / "flights.csv", index=False)
    table.to_csv(folder / "flights.csv.gz", index=False)
    table.to_csv(folder / "flights.tsv", index=False, sep="\t")
    table.to_parquet(folder / "flights.parquet")
    for k in range(3):
        table[1_000 * k : 1_000 * (k + 1)].to_csv(folder / f"part{k}.csv", index=False)
    return folder


def _run(folder, files, output, *more):
    paths = [str(folder / name) for name in files]
    assert main(["stream", *paths, *OPTIONS, "-o", str(folder / output), *more]) == 0
    return (folder / output).read_bytes()


def test_every_form_gives_the_same_model(flights, capsys):
    whole = _run(flights, ["flights.csv"], "csv.sxm")
    for files in (
        ["flights.csv.gz"],
        ["flights.tsv"],
        ["flights.parquet"],
    ):
        assert _run(flights, files, "other.sxm") == whole
    out = capsys.readouterr().out
    assert "numbers, in up to 16 buckets: temperature, weight" in out
    assert "progressive loss" in out


def test_it_is_the_estimator(flights):
    table = pd.read_csv(flights / "flights.csv")
    _run(flights, ["flights.csv"], "csv.sxm")
    fields = table.drop(columns="late").assign(tags=table["tags"].str.split())
    model = sx.FTRLClassifier(
        interactions="pairwise", buckets={"temperature": 16, "weight": 16}
    ).fit(fields, table["late"])
    np.testing.assert_array_equal(
        sx.load(flights / "csv.sxm").decision_function(fields), model.decision_function(fields)
    )


def test_files_are_read_one_after_the_other(flights):
    # Quantiles are those of the first batch: categories alone do not depend on where it ends.
    drop = ("--drop", "temperature", "weight")
    whole = _run(flights, ["flights.csv"], "csv.sxm", *drop)
    assert _run(flights, [f"part{k}.csv" for k in range(3)], "parts.sxm", *drop) == whole
    weighted = _run(
        flights, ["flights.csv"], "csv.sxm", "--drop", "temperature", "--weight", "weight"
    )
    assert weighted != whole


def test_blocks_that_are_read_ahead_give_the_model_of_one_block(tmp_path, monkeypatch):
    """Quantiles are of the first block, so there are no numbers here; tokens recur and are new."""
    table = _table(2_000).drop(columns="temperature")
    table["tags"] += [f" t{k // 20}" for k in range(len(table))]
    table.to_csv(tmp_path / "flights.csv", index=False)
    monkeypatch.setattr(batches, "_BLOCK", 2_000)
    many = _run(tmp_path, ["flights.csv"], "many.sxm", "--drop", "weight")
    monkeypatch.setattr(batches, "_BLOCK", 1 << 20)
    one = _run(tmp_path, ["flights.csv"], "one.sxm", "--drop", "weight")
    assert many == one


def test_a_block_read_ahead_that_cannot_be_is_named_and_the_rest_was_learnt(
    tmp_path, monkeypatch, capsys
):
    table = _table(2_000).drop(columns=["temperature", "weight"]).astype({"hour": object})
    table.loc[1_990, "hour"] = "noon"
    table.to_csv(tmp_path / "flights.csv", index=False)
    monkeypatch.setattr(batches, "_BLOCK", 2_000)
    monkeypatch.setattr(batches, "_HEAD", 10_000)
    path, checkpoint = str(tmp_path / "flights.csv"), str(tmp_path / "at.ckpt")
    more = ["--checkpoint", checkpoint, "--every", "100", "-o", str(tmp_path / "never.sxm")]
    assert main(["stream", path, *OPTIONS, *more]) == 1
    assert "noon" in capsys.readouterr().err
    model, notes = load_checkpoint(checkpoint)
    assert model.n_rows_ == notes["rows_read"] > 1_500


def test_standard_input_is_a_file(flights, monkeypatch):
    whole = _run(flights, ["flights.csv"], "csv.sxm")
    content = io.TextIOWrapper(io.BytesIO((flights / "flights.csv").read_bytes()))
    monkeypatch.setattr(sys, "stdin", content)
    output = str(flights / "stdin.sxm")
    assert main(["stream", "-", "--format", "csv", *OPTIONS, "-o", output]) == 0
    assert (flights / "stdin.sxm").read_bytes() == whole


def test_killed_and_resumed_it_is_the_unbroken_model(tmp_path):
    """Ten times SIGKILL, wherever it strikes; the last run ends by itself."""
    _table(100_000).to_csv(tmp_path / "long.csv", index=False)
    options = [str(tmp_path / "long.csv"), *OPTIONS, "--passes", "2", "--n-bits", "16", "--quiet"]
    assert main(["stream", *options, "-o", str(tmp_path / "whole.sxm")]) == 0
    command = [
        *(sys.executable, "-m", "sparsecross.cli", "stream", *options),
        *("-o", str(tmp_path / "resumed.sxm")),
        *("--checkpoint", str(tmp_path / "point.ckpt"), "--every", "1", "--resume"),
    ]
    killed, written = 0, None
    for _ in range(60):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while running.poll() is None and killed < 10:
            point = tmp_path / "point.ckpt"
            stamp = point.stat().st_mtime_ns if point.exists() else None
            if stamp != written:  # another checkpoint: no run is in vain
                written = stamp
                time.sleep(0.002 * killed)
                os.kill(running.pid, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.002)
        running.wait()
        if running.returncode == 0:
            break
    assert running.returncode == 0
    assert killed > 0
    assert (tmp_path / "resumed.sxm").read_bytes() == (tmp_path / "whole.sxm").read_bytes()


def test_resuming_asks_for_the_same_options(flights, capsys):
    point = str(flights / "asked.ckpt")
    _run(flights, ["flights.csv"], "a.sxm", "--checkpoint", point)
    options = ["stream", str(flights / "flights.csv"), *OPTIONS, "-o", str(flights / "b.sxm")]
    assert main([*options, "--l1", "3", "--checkpoint", point, "--resume"]) == 1
    assert "--l1 1.0, not 3.0" in capsys.readouterr().err


def test_more_files_may_follow_and_others_may_not(flights, capsys):
    point = str(flights / "parts.ckpt")
    more = ("--drop", "temperature", "weight")
    files = [f"part{k}.csv" for k in range(3)]
    whole = _run(flights, files, "whole.sxm", *more)
    _run(flights, files[:2], "a.sxm", *more, "--checkpoint", point)
    assert _run(flights, files, "b.sxm", *more, "--checkpoint", point, "--resume") == whole
    options = ["stream", str(flights / "part2.csv"), *OPTIONS, *more, "--checkpoint", point]
    assert main([*options, "--resume", "-o", str(flights / "c.sxm")]) == 1
    assert "--files" in capsys.readouterr().err


def test_types_are_those_of_the_first_file(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("zip,y\nA1,0\n22,1\n")
    (tmp_path / "b.csv").write_text("zip,y\n33,1\n44,0\n")
    (tmp_path / "c.csv").write_text("town,y\n33,1\n")
    files = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    options = ["--target", "y", "-o", str(tmp_path / "m.sxm")]
    assert main(["stream", *files, *options]) == 0
    assert main(["stream", *files, str(tmp_path / "c.csv"), *options]) == 1
    assert "no column 'zip'" in capsys.readouterr().err


def test_svmlight_is_taken_as_it_is(tmp_path):
    rng = np.random.default_rng(0)
    X = (rng.random((500, 30)) < 0.2).astype(float)
    y = np.where(X[:, 1] * X[:, 2] + (rng.random(500) < 0.1) > 0, 1, -1)
    path = tmp_path / "data.svmlight"
    dump_svmlight_file(X, y, str(path), zero_based=True)
    output = str(tmp_path / "model.sxm")
    more = ["--interactions", "pairwise", "--n-features", "30", "--l1", "0.5"]
    assert main(["stream", str(path), "-o", output, *more]) == 0
    model = sx.FTRLClassifier(l1=0.5, interactions="pairwise").fit(X, y)
    np.testing.assert_array_equal(sx.load(output).decision_function(X), model.decision_function(X))


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--target", "missing"], 1, "has no column 'missing'"),
        (["--target", "late", "--cross", "carrier*nothing"], 1, "nothing"),
        (["--target", "late", "--cross", "carrier*late"], 1, "'late' is no feature here"),
        (["--target", "late", "--drop", "carrier", "--split", "carrier"], 1, "is no feature"),
        (["--target", "late", "--drop", "late"], 1, "has no column 'late'"),
        (["--target", "late", "--categorical", "temperature"], 1, "whole number"),
        (["--target", "late", "--classes", "yes", "maybe"], 1, "labels among"),
        ([], 2, "--target is required"),
        (["--target", "late", "--resume"], 2, "need --checkpoint"),
        (["--target", "late", "--interactions", "pairwise"], 2, "for svmlight"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(flights, capsys, more, code, message):
    output = str(flights / "none.sxm")
    try:
        found = main(["stream", str(flights / "flights.csv"), "-o", output, *more])
    except SystemExit as stopped:
        found = stopped.code
    assert found == code
    assert message in capsys.readouterr().err


def test_a_later_cell_of_another_kind_is_named(tmp_path, capsys):
    path = tmp_path / "mixed.csv"
    rows = [f"{k % 7},{k % 2}" for k in range(1_500_000)]
    path.write_text("a,y\n" + "\n".join(rows) + "\nword,1\n")
    assert main(["stream", str(path), "--target", "y", "-o", str(tmp_path / "m.sxm")]) == 1
    assert "word" in capsys.readouterr().err
