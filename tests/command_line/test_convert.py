"""convert: files to stores, which estimators fit as they fit the rows themselves."""

import gzip

import numpy as np
import pandas as pd
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


def test_appended_svmlight_counts_columns_as_the_store_does(run, fails, tmp_path):
    """A file that does not use column 1, from which alone nobody could tell where columns begin."""
    (tmp_path / "a.svm").write_text("1 0:1 2:5\n-1 1:2\n")
    (tmp_path / "b.svm").write_text("1 1:3\n-1 2:4\n")
    assert run("convert", tmp_path / "a.svm", "-o", tmp_path / "s")[0] == 0
    assert run("convert", tmp_path / "b.svm", "-o", tmp_path / "s", "--append")[0] == 0
    got = np.concatenate([batch.X.toarray() for batch in sx.BlockStore(tmp_path / "s").batches()])
    np.testing.assert_array_equal(got, [[1, 0, 5], [0, 2, 0], [0, 3, 0], [0, 0, 4]])
    with pytest.raises(ValueError, match="zero_based must be those of the store, True, got False"):
        sx.BlockStore.from_svmlight(
            tmp_path / "b.svm", tmp_path / "s", append=True, zero_based=False
        )
    (tmp_path / "c.svm").write_text("1 3:3\n")
    assert "has an index 3, but the columns end at 2" in fails(
        "convert", tmp_path / "c.svm", "-o", tmp_path / "s", "--append"
    )
    assert sx.BlockStore(tmp_path / "s").shape == (4, 3)


def test_appended_tables_take_the_columns_of_the_store(run, tmp_path):
    (tmp_path / "a.csv").write_text("y,f,g\n" + "1,a,2\n2,b,3\n" * 20)
    (tmp_path / "b.csv").write_text("g,f,y\n" + "2,b,1\n3,c,2\n" * 20)
    asked = ["--target", "y", "-o", tmp_path / "s"]
    assert run("convert", tmp_path / "a.csv", *asked)[0] == 0
    encoder = sx.BlockStore(tmp_path / "s").encoder
    code, _, err = run("convert", tmp_path / "b.csv", *asked, "--append", "--n-bits", 8)
    assert code == 2
    assert "--n-bits is not for --append: the store's own columns are taken" in err
    assert run("convert", tmp_path / "b.csv", *asked, "--append")[0] == 0
    store = sx.BlockStore(tmp_path / "s")
    got = np.concatenate([batch.X.toarray() for batch in store.batches()])
    tables = [pd.read_csv(tmp_path / name) for name in ("a.csv", "b.csv")]
    expected = np.concatenate([encoder.transform(t[["f", "g"]]).toarray() for t in tables])
    np.testing.assert_array_equal(got, expected)


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


def test_columns_of_numbers_are_known_by_name(tmp_path):
    """Files whose columns stand in another order are one table; others are refused."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    columns = {f"x{j}": X[:, j] for j in range(3)} | {"y": X[:, 0] - X[:, 2]}
    whole = pa.table(columns)
    pq.write_table(whole.slice(0, 100), tmp_path / "a.parquet")
    pq.write_table(whole.slice(100).select(["x2", "y", "x0", "x1"]), tmp_path / "b.parquet")
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    store = sx.BlockStore.from_parquet(files, tmp_path / "s", target="y")
    np.testing.assert_array_equal(np.concatenate([b.X for b in store.batches()]), X)
    assert store.feature_names.tolist() == ["x0", "x1", "x2"]
    assert sx.Lasso(alpha=0.1).fit(store).feature_names_in_.tolist() == ["x0", "x1", "x2"]
    grown = sx.BlockStore.from_parquet(files[1], tmp_path / "s", target="y", append=True)
    np.testing.assert_array_equal(np.concatenate([b.X for b in grown.batches()])[200:], X[100:])
    pq.write_table(whole.rename_columns(["x0", "x1", "z", "y"]), tmp_path / "c.parquet")
    pq.write_table(whole.append_column("z", whole["y"]), tmp_path / "d.parquet")
    for name, message in (("c", "has no column 'x2'"), ("d", "has a column 'z', which other rows")):
        with pytest.raises(ValueError, match=message):
            sx.BlockStore.from_parquet(
                tmp_path / f"{name}.parquet", tmp_path / "s", target="y", append=True
            )
    assert sx.BlockStore(tmp_path / "s").shape == (300, 3)


def test_a_file_that_has_changed_is_not_gone_on_with(tmp_path, monkeypatch):
    svmlight(tmp_path / "a.svm", n=300)
    original = writing.write_block
    n_written = []

    def full(*arguments):
        if len(n_written) == 3:
            raise OSError(28, "No space left on device")
        n_written.append(1)
        return original(*arguments)

    monkeypatch.setattr(writing, "write_block", full)
    asked = {"files": tmp_path / "a.svm", "path": tmp_path / "s", "block_bytes": 500}
    with pytest.raises(OSError, match="No space left"):
        sx.BlockStore.from_svmlight(**asked)
    monkeypatch.undo()
    text = (tmp_path / "a.svm").read_text()
    (tmp_path / "a.svm").write_text(text.replace("1:1", "1:2"))  # of the same size
    with pytest.raises(ValueError, match="was not finished"):
        sx.BlockStore.from_svmlight(**asked)
