"""Tables that were not made for a test."""

import gzip
import os
from pathlib import Path

import pytest

import sparsecross as sx
from command_line_tables import (
    rows_of_table,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "debian_packages.parquet"
DATA = os.environ.get("SPARSECROSS_DATA")


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
