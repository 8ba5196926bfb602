"""Models of no more bytes than asked for."""

import pytest

import sparsecross as sx
from command_line_tables import FIT, LABELS, REGRESSION

SIZES = [("2KiB", 2048), ("1800", 1800), ("2.5kB", 2500)]


@pytest.mark.parametrize(("said", "limit"), SIZES)
@pytest.mark.parametrize("dtype", ["float64", "q2.13"])
def test_fit_keeps_to_max_bytes(run, parquet, tmp_path, said, limit, dtype):
    small, whole = tmp_path / "small.sxm", tmp_path / "whole.sxm"
    run("fit", parquet, *REGRESSION, *FIT, "-o", whole)
    options = ["--max-bytes", said, "--dtype", dtype, "-o", small]
    code, _, _ = run("fit", parquet, *REGRESSION, *FIT, *options)
    assert code == 0
    assert whole.stat().st_size > limit
    assert small.stat().st_size <= limit
    report = sx.load(small).report
    assert report.pruned_bytes <= limit
    assert report.weight_type == dtype
    assert report.n_nonzero > 0


def test_alpha_is_chosen_by_the_model_that_is_small_enough(run, parquet, tmp_path):
    errors = {}
    for name, options in (
        ("chosen", []),
        ("smaller", ["--alpha", 0.02]),
        ("larger", ["--alpha", 0.5]),
    ):
        path = tmp_path / f"{name}.sxm"
        options = [*options, "--max-bytes", "2KiB", "-o", path]
        code, _, _ = run("fit", parquet, *REGRESSION, "--cross", "a*b", *options)
        assert code == 0
        errors[name] = sx.load(path).notes["errors"]["RMSE"]
    assert errors["chosen"] <= min(errors.values()) * 1.02


def test_stream_keeps_to_max_bytes(run, parquet, tmp_path):
    path = tmp_path / "stream.sxm"
    options = ["--cross", "pairwise", "--l1", 0.1, "--max-bytes", "3KiB", "--dtype", "float16"]
    code, _, _ = run("stream", parquet, *LABELS, *options, "-o", path)
    assert code == 0
    assert path.stat().st_size <= 3072
    report = sx.load(path).report
    assert report.weight_type == "float16"
    assert report.n_nonzero > 100


def test_what_is_no_size_is_refused(run, parquet, tmp_path):
    for said in ("64x", "0", "-1", "KiB", "1e3", "0.2B"):
        options = ["--max-bytes", said, "-o", tmp_path / "m.sxm"]
        code, _, err = run("fit", parquet, *REGRESSION, *options)
        assert code == 2
        assert "not a size such as 65536, 64KiB or 1.5MB" in err or "expected one argument" in err


def test_what_has_no_room_is_told(fails, parquet, tmp_path):
    options = ["--max-bytes", "100", "-o", tmp_path / "m.sxm"]
    assert "max_bytes must leave room" in fails("fit", parquet, *REGRESSION, *options)
    assert not (tmp_path / "m.sxm").exists()
