"""convert: files to stores, which estimators fit as they fit the rows themselves."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import dump_svmlight_file

import sparsecross as sx
from sparsecross.scale import layout, writing


def svmlight(path, n=400, p=12, *, zero_based=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.4)
    X[0] = 1.0  # every column has an entry
    y = np.sign(X[:, 0] - X[:, 3] + 0.1 * rng.standard_normal(n))
    dump_svmlight_file(X, y, str(path), zero_based=zero_based)
    return X, y


@pytest.mark.parametrize("zero_based", [False, True])
def test_svmlight(run, tmp_path, zero_based):
    X, y = svmlight(tmp_path / "a.svm", zero_based=zero_based)
    more, t = svmlight(tmp_path / "b.svm", zero_based=zero_based, seed=1)
    (tmp_path / "b.svm.gz").write_bytes(gzip.compress((tmp_path / "b.svm").read_bytes()))
    files = [tmp_path / "a.svm", tmp_path / "b.svm.gz"]
    code, out, err = run("convert", *files, "-o", tmp_path / "s")
    assert code == 0
    assert "800 rows" in err
    assert out.splitlines()[-1].split()[1:3] == ["800", "12"]
    store = sx.BlockStore(tmp_path / "s")
    got = np.concatenate([batch.X.toarray() for batch in store.batches()])
    np.testing.assert_allclose(got, np.concatenate([X, more]), rtol=1e-12)
    np.testing.assert_array_equal(store.y, np.concatenate([y, t]))
    mine = sx.SparseLogisticRegression(alpha=0.01, tol=1e-7).fit(store)
    theirs = sx.SparseLogisticRegression(alpha=0.01, tol=1e-7).fit(got, store.y)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-3)


@pytest.mark.parametrize("form", ["parquet", "csv", "tsv"])
@pytest.mark.parametrize("hashed", [False, True])
def test_tables_keep_their_encoder(run, tmp_path, table, form, hashed):
    table = table.drop_columns([n for n in table.column_names if "list" in str(table[n].type)])
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        pq.write_table(table, path)
    else:
        table.to_pandas().to_csv(path, sep="," if form == "csv" else "\t", index=False)
    numbers = [n for n in table.column_names if pa.types.is_floating(table[n].type)]
    target = next(n for n in numbers if not table[n].null_count)
    more = ["--n-bits", 12] if hashed else []
    code, _, err = run("convert", path, "--target", target, *more, "-o", tmp_path / "s")
    assert code == 0, err
    store = sx.BlockStore(tmp_path / "s")
    assert store.shape[0] == table.num_rows
    assert (store.shape[1] == 2**12) == hashed
    model = sx.Lasso(alpha=0.01).fit(store)
    rows = table.drop_columns([target])
    by_table, by_store = model.predict(rows), model.predict(store)
    if form == "parquet":
        np.testing.assert_array_equal(by_table, by_store)
    small = sx.prune(model)
    small.save(tmp_path / "m.sxm")
    np.testing.assert_array_equal(sx.load(tmp_path / "m.sxm").predict(rows), by_table)
    np.testing.assert_array_equal(store.y, pc.cast(table[target], pa.float64()).to_numpy())


def test_what_was_cut_short_goes_on(run, fails, tmp_path, monkeypatch):
    svmlight(tmp_path / "a.svm", n=3_000)
    monkeypatch.setattr(writing, "BLOCK_BYTES", 4_000)
    original, n_written = layout.write_block, 0

    def full(*arguments):
        nonlocal n_written
        n_written += 1
        if n_written == 3:
            raise OSError(28, "No space left on device", "block-000002")
        return original(*arguments)

    asked = [tmp_path / "a.svm", "-o", tmp_path / "s"]
    monkeypatch.setattr(writing, "write_block", full)
    monkeypatch.setattr(
        sx.BlockStore.from_svmlight.__func__,
        "__kwdefaults__",
        {**sx.BlockStore.from_svmlight.__func__.__kwdefaults__, "block_bytes": 4_000},
    )
    assert "No space left" in fails("convert", *asked)
    monkeypatch.setattr(writing, "write_block", original)
    assert "was not finished" in fails(
        "convert", tmp_path / "a.svm", "-o", tmp_path / "s", "--n-features", 99
    )
    code, out, _ = run("convert", *asked)
    assert code == 0
    assert "went on where" in out
    sx.BlockStore(tmp_path / "s").verify()
    assert "is a store already" in fails("convert", *asked)
    assert run("convert", *asked, "--append")[0] == 0
    assert sx.BlockStore(tmp_path / "s").shape[0] == 6_000


def test_errors_are_told_in_a_line(run, fails, tmp_path):
    (tmp_path / "a.svm").write_text("1 1:2\nx 1:2\n")
    assert "line 2: 'x' is no label" in fails("convert", tmp_path / "a.svm", "-o", tmp_path / "s")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n,3\n")
    assert "nulls" in fails("convert", tmp_path / "t.csv", "--target", "a", "-o", tmp_path / "t")
    assert "'c'" in fails("convert", tmp_path / "t.csv", "--target", "c", "-o", tmp_path / "u")
    for options, message in (
        ([tmp_path / "t.csv"], "--target is required"),
        ([tmp_path / "a.svm", "--target", "a"], "--target is not for svmlight"),
        ([tmp_path / "a.svm", tmp_path / "t.csv"], "one format"),
        ([tmp_path / "t.csv", "--target", "a", "--n-features", 3], "--n-features is for svmlight"),
    ):
        code, _, err = run("convert", *options, "-o", tmp_path / "v")
        assert code == 2
        assert message in err


def test_tables_without_an_encoder_are_numbers(tmp_path):
    rng = np.random.default_rng(0)
    X, weight = rng.standard_normal((300, 4)), rng.choice([1.0, 2.0], 300)
    y = X[:, 0] - X[:, 2]
    columns = {f"x{j}": X[:, j] for j in range(4)} | {"y": y, "s": weight, "name": ["a"] * 300}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    asked = {"target": "y", "weight": "s"}
    with pytest.raises(ValueError, match=r"column 'name' of .* holds string values: an encoder"):
        sx.BlockStore.from_parquet(tmp_path / "t.parquet", tmp_path / "bad", **asked)
    store = sx.BlockStore.from_parquet(
        tmp_path / "t.parquet", tmp_path / "s", drop=["name"], **asked
    )
    mine = sx.Lasso(alpha=0.1, tol=1e-8).fit(store)
    theirs = sx.Lasso(alpha=0.1, tol=1e-8).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-4)
