"""Stores on disk: round trips, what is implied, damage, full disks, resumption, and fits."""

import errno
import itertools
import json
import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.model_selection import KFold

import sparsecross as sx
from sparsecross.scale import layout


def rows(n=500, p=30, seed=0, ones=False, even=False):
    rng = np.random.default_rng(seed)
    if even:
        indices = np.sort(np.stack([rng.choice(p, 4, replace=False) for _ in range(n)]), axis=1)
        X = sp.csr_array((np.ones(4 * n), indices.ravel(), np.arange(0, 4 * n + 1, 4)), (n, p))
    else:
        X = sp.random_array((n, p), density=0.2, format="csr", rng=rng)
    if ones:
        X.data[:] = 1.0
    y = X @ np.where(rng.random(p) < 0.3, rng.standard_normal(p), 0.0)
    return X, y + 0.1 * rng.standard_normal(n)


def batches_of(X, y, size, *more):
    for first in range(0, len(y), size):
        part = slice(first, first + size)
        yield (X[part], y[part], *(None if each is None else each[part] for each in more))


def stacked(store):
    batches = list(store.batches())
    X = [batch.X for batch in batches]
    whole = sp.vstack(X).toarray() if sp.issparse(X[0]) else np.concatenate(X)
    return whole, np.concatenate([batch.y for batch in batches])


KINDS = {
    "valued": lambda: rows(),
    "ones": lambda: rows(ones=True),
    "even ones": lambda: rows(ones=True, even=True),
    "dense": lambda: (rows()[0].toarray(), rows()[1]),
    "float32": lambda: (rows()[0].astype(np.float32), rows()[1]),
    "integers": lambda: ((10 * rows()[0]).astype(np.int64), rows()[1]),
    "labels": lambda: (rows()[0], np.where(rows()[1] > 0, "yes", "no")),
    "objects": lambda: (rows()[0], np.where(rows()[1] > 0, "yes", "no").astype(object)),
    "numbers as objects": lambda: (rows()[0], np.where(rows()[1] > 0, 2, 1).astype(object)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 37, 1000])
def test_what_goes_in_comes_out(tmp_path, kind, size):
    X, y = KINDS[kind]()
    store = sx.BlockStore.from_batches(batches_of(X, y, size), tmp_path / "s", block_bytes=3_000)
    assert store.shape == X.shape
    assert len(store) > 1
    got_X, got_y = stacked(store)
    np.testing.assert_array_equal(got_X, X.toarray() if sp.issparse(X) else X)
    assert got_y.tolist() == y.tolist()
    store.verify()
    assert store.nbytes == sum(f.stat().st_size for f in (tmp_path / "s").glob("*/*.npy"))


def test_what_is_implied_is_not_stored(tmp_path):
    X, y = rows(ones=True, even=True)
    sx.BlockStore.from_batches([(X, np.sign(y))], tmp_path / "s")
    files = {file.name for file in (tmp_path / "s" / "block-000000").iterdir()}
    assert files == {"indices.npy", "y.npy"}
    assert np.load(tmp_path / "s" / "block-000000" / "y.npy").dtype == np.float16
    X, y = rows()
    weight, offset = np.full(len(y), 2.0), np.ones(len(y))
    sx.BlockStore.from_batches([(X, y, weight, offset)], tmp_path / "t")
    files = {file.name for file in (tmp_path / "t" / "block-000000").iterdir()}
    assert files == {f"{part}.npy" for part in layout.PARTS}


def test_blocks_are_about_as_large_as_asked(tmp_path):
    X, y = rows(n=3_000)
    store = sx.BlockStore.from_batches(batches_of(X, y, 100), tmp_path / "s", block_bytes=10_000)
    sizes = [block.indices.nbytes for block in store]
    assert max(sizes) < 13_000
    assert min(sizes[:-1]) > 7_000


def test_rows_are_appended(tmp_path):
    X, y = rows()
    path = tmp_path / "s"
    sx.BlockStore.from_batches([(X[:200], y[:200])], path)
    with pytest.raises(FileExistsError, match="append=True adds rows"):
        sx.BlockStore.from_batches([(X[200:], y[200:])], path)
    store = sx.BlockStore.from_batches([(X[200:], y[200:])], path, append=True)
    np.testing.assert_array_equal(stacked(store)[0], X.toarray())
    with pytest.raises(ValueError, match="every batch must have 30 columns, got 7"):
        sx.BlockStore.from_batches([(X[:, :7], y)], path, append=True)


def test_rows_that_were_not_appended_whole_do_not_count(tmp_path):
    X, y = rows()
    path = tmp_path / "s"

    def broken(first):
        for k in range(first, first + 200, 20):
            yield X[k : k + 20], y[k : k + 20]
        raise CutError

    small = {"block_bytes": 1_000}
    sx.BlockStore.from_batches([(X[:200], y[:200])], path, **small)
    n_blocks = len(sx.BlockStore(path))
    for named in ({}, {"resume_as": "more"}, {"resume_as": "others"}):
        with pytest.raises(CutError):
            sx.BlockStore.from_batches(broken(200), path, append=True, **small, **named)
        assert len(list(path.glob("block-*"))) > n_blocks
        store = sx.BlockStore(path)
        np.testing.assert_array_equal(stacked(store)[0], X[:200].toarray())
        store.verify()
    with pytest.raises(FileExistsError, match="is a store already"):
        sx.BlockStore.from_batches([(X, y)], path)
    store = sx.BlockStore.from_batches([(X[200:], y[200:])], path, append=True)
    np.testing.assert_array_equal(stacked(store)[0], X.toarray())
    assert len(list(path.glob("block-*"))) == len(store)
    nameless = tmp_path / "t"  # whose rows nobody can go on with
    for _ in range(2):
        with pytest.raises(CutError):
            sx.BlockStore.from_batches(broken(0), nameless, **small)
        with pytest.raises(ValueError, match="was not finished"):
            sx.BlockStore(nameless)
    store = sx.BlockStore.from_batches([(X, y)], nameless, **small)
    np.testing.assert_array_equal(stacked(store)[0], X.toarray())


def test_nothing_stays_of_rows_that_nobody_can_go_on_with(tmp_path):
    """Columns, names, kinds and encoders of a failed creation, or of a failed append."""
    X, y = np.ones((5, 3)), np.arange(5.0)
    more, text = np.ones((5, 4)), np.array(list("abcde"))

    def bad(*batch):
        yield batch
        raise CutError

    path = tmp_path / "s"
    with pytest.raises(CutError):
        sx.BlockStore.from_batches(bad(X, text), path, block_bytes=1, feature_names=list("abc"))
    store = sx.BlockStore.from_batches([(more, y)], path)
    assert store.shape == (5, 4)
    assert store.feature_names is None
    with pytest.raises(CutError):
        sx.BlockStore.from_batches(bad(more, y), path, block_bytes=1, append=True)
    with pytest.raises(FileExistsError, match="is a store already"):
        sx.BlockStore.from_batches([(more, y)], path, resume_as="rows")
    assert sx.BlockStore.from_batches([(more, y)], path, append=True).shape == (10, 4)


def test_rows_to_go_on_with_must_be_as_many(tmp_path):
    X, y = rows()

    def broken():
        yield X[:400], y[:400]
        raise CutError

    asked = {"path": tmp_path / "s", "resume_as": "rows", "block_bytes": 1_000}
    with pytest.raises(CutError):
        sx.BlockStore.from_batches(broken(), **asked)
    with pytest.raises(ValueError, match="the rows must be those of before, which had"):
        sx.BlockStore.from_batches([(X[:50], y[:50])], **asked)
    assert sx.BlockStore.from_batches([(X, y)], **asked).shape == X.shape


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_rows_of_a_store_are_alike(tmp_path, block_bytes):
    X, y = (part[:60] for part in rows())
    s = np.ones(len(y))
    for first, second, message in (
        ((X, y), (X.toarray(), y), "X must hold sparse rows, as in the rows before, got dense"),
        ((X, y, s), (X, y), "sample_weight must hold numbers, as in the rows before, got nothing"),
        ((X, y), (X, y, None, s), "offset must hold nothing, as in the rows before, got numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.BlockStore.from_batches([first, second], tmp_path / "s", block_bytes=block_bytes)
        store = sx.BlockStore.from_batches([first], tmp_path / "s")
        with pytest.raises(ValueError, match=message):
            sx.BlockStore.from_batches([second], store.path, append=True, block_bytes=block_bytes)
        assert sx.BlockStore(store.path).shape == X.shape
        shutil.rmtree(store.path)


@pytest.mark.parametrize("labels", [(2048.0, 2049.0), (2.0**24, 2.0**24 + 1), (300, 301)])
def test_labels_are_not_rounded_to_the_type_of_a_block(tmp_path, labels):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 2))
    y = np.where(X[:, 0] > 0, labels[1], labels[0])
    order = np.argsort(y)  # blocks of one label, which take the narrowest type that holds it
    store = sx.BlockStore.from_batches([(X[order], y[order])], tmp_path / "s", block_bytes=800)
    weights = {labels[0]: 1.0, labels[1]: 2.0}
    for class_weight in (None, weights):
        model = sx.SparseLogisticRegression(alpha=0.01, class_weight=class_weight).fit(store)
        other = sx.SparseLogisticRegression(alpha=0.01, class_weight=class_weight).fit(X, y)
        np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-2)
        assert model.score(X, y) > 0.97


def test_what_was_cut_before_its_first_block_goes_on(tmp_path):
    X, y = rows()

    def broken():
        yield X[:100], y[:100]
        raise CutError

    with pytest.raises(CutError):
        sx.BlockStore.from_batches(broken(), tmp_path / "s", resume_as="rows")
    with pytest.raises(ValueError, match="was not finished"):
        sx.BlockStore(tmp_path / "s")
    store = sx.BlockStore.from_batches([(X, y)], tmp_path / "s", resume_as="rows")
    np.testing.assert_array_equal(stacked(store)[0], X.toarray())


def test_one_writer_at_a_time(tmp_path):
    X, y = rows()
    path = tmp_path / "s"

    def nested():
        yield X, y
        with pytest.raises(BlockingIOError, match="another process is writing"):
            sx.BlockStore.from_batches([(X, y)], path, append=True)

    assert len(sx.BlockStore.from_batches(nested(), path).y) == len(y)


def test_the_rows_of_the_caller_are_left_alone(tmp_path):
    X, y = rows()
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in itertools.pairwise(X.indptr)])
    backwards = sp.csr_array((X.data[order], X.indices[order], X.indptr), X.shape)
    kept = backwards.indices.copy()
    for array in (backwards.data, backwards.indices, backwards.indptr):
        array.flags.writeable = False
    store = sx.BlockStore.from_batches([(backwards, y)], tmp_path / "s")
    np.testing.assert_array_equal(backwards.indices, kept)
    np.testing.assert_array_equal(stacked(store)[0], X.toarray())


@pytest.mark.parametrize(
    "y",
    [
        np.array([2**53 + 1, 2**53, 7]),
        np.array([2**24 + 1, 2**24, 0]),
        np.array([2**63 + 2**11 + 1, 1, 0], np.uint64),
        np.array([0.1, 1 / 3, 1e300]),
        np.array([65504.0, 2**-24, -0.0]),
        np.array([1e6, 2.0, 3.0]),
        np.array([True, False, True]),
    ],
)
def test_targets_keep_every_digit(tmp_path, y):
    X = np.arange(6.0).reshape(3, 2)
    for name, batches in (("one", [(X, y)]), ("each", [(X[[k]], y[[k]]) for k in range(3)])):
        store = sx.BlockStore.from_batches(batches, tmp_path / name)
        assert store.y.tolist() == y.tolist()
        assert store.y.dtype.kind == y.dtype.kind


def test_integers_that_fractions_would_round_are_refused(tmp_path):
    X = np.arange(6.0).reshape(3, 2)
    batches = [(X, np.array([2**53 + 1, 2**53, 7])), (X, np.array([0.5, 1.5, 2.5]))]
    with pytest.raises(ValueError, match="y must not hold integers beyond 2"):
        sx.BlockStore.from_batches(batches, tmp_path / "s")


def test_classes_are_of_the_type_of_labels(tmp_path):
    X, y = rows()
    for labels in ((y > 0).astype(float), (y > 0).astype(np.int64), y > 0, np.sign(y) * 2.0):
        store = sx.BlockStore.from_batches([(X, labels)], tmp_path / labels.dtype.name)
        mine = sx.SparseLogisticRegression(alpha=0.05).fit(store).classes_
        theirs = sx.SparseLogisticRegression(alpha=0.05).fit(X, labels).classes_
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
        shutil.rmtree(store.path)


def test_other_directories_are_left_alone(tmp_path):
    (tmp_path / "letters").write_text("dear")
    with pytest.raises(FileExistsError, match="holds other files"):
        sx.BlockStore.from_batches([rows()], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["letters"]
    with pytest.raises(FileNotFoundError, match="is no store of blocks"):
        sx.BlockStore(tmp_path)


class CutError(Exception):
    pass


@pytest.mark.parametrize("where", ["between batches", "full disk"])
def test_a_conversion_that_was_cut_short_goes_on(tmp_path, monkeypatch, where):
    X, y = rows(n=1_000)
    path, whole = tmp_path / "s", tmp_path / "whole"
    asked = {"block_bytes": 3_000, "resume_as": "these rows"}
    sx.BlockStore.from_batches(batches_of(X, y, 50), whole, **asked)

    def broken():
        for k, batch in enumerate(batches_of(X, y, 50)):
            if k == 12:
                raise CutError
            yield batch

    if where == "between batches":
        with pytest.raises(CutError):
            sx.BlockStore.from_batches(broken(), path, **asked)
    else:
        n_saved = 0

        def save(file, array, allow_pickle):
            nonlocal n_saved
            n_saved += 1
            if n_saved == 20:
                file.write(b"half of it")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            original(file, array, allow_pickle=allow_pickle)

        original = np.save
        monkeypatch.setattr(layout.np, "save", save)
        with pytest.raises(OSError, match="No space left"):
            sx.BlockStore.from_batches(batches_of(X, y, 50), path, **asked)
        monkeypatch.undo()
    assert not list(path.glob("*.part"))
    with pytest.raises(ValueError, match="was not finished"):
        sx.BlockStore(path)
    with pytest.raises(ValueError, match="was not finished"):
        sx.BlockStore.from_batches(batches_of(X, y, 50), path, block_bytes=3_000)
    with pytest.raises(ValueError, match="was not finished"):
        sx.BlockStore.from_batches(batches_of(X, y, 50), path, resume_as="other rows")
    n_before = len(json.loads((path / layout.MANIFEST).read_text())["blocks"])
    assert n_before > 2
    stamps = [(path / layout.directory_of(k)).stat().st_mtime_ns for k in range(n_before)]
    store = sx.BlockStore.from_batches(batches_of(X, y, 50), path, **asked)
    assert stamps == [(path / layout.directory_of(k)).stat().st_mtime_ns for k in range(n_before)]
    for mine, theirs in zip(stacked(store), stacked(sx.BlockStore(whole)), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture
def store(tmp_path):
    X, y = rows()
    return sx.BlockStore.from_batches(batches_of(X, y, 100), tmp_path / "s", block_bytes=5_000)


@pytest.mark.parametrize("part", ["indices", "indptr", "values", "y"])
def test_altered_files_are_named(store, part):
    file = store.path / "block-000001" / f"{part}.npy"
    original = file.read_bytes()
    for altered in (
        original[:-1],
        original + b"x",
        original[:-9] + bytes([original[-9] ^ 4]) + original[-8:],
        b"no array" + original[8:],
    ):
        file.write_bytes(altered)
        with pytest.raises(ValueError, match=rf"block-000001/{part}.npy' is damaged"):
            sx.Lasso(alpha=0.1).fit(sx.BlockStore(store.path))
        with pytest.raises(ValueError, match="is damaged"):
            sx.BlockStore(store.path).verify()
    file.unlink()
    with pytest.raises(FileNotFoundError, match=f"{part}.npy"):
        sx.Lasso(alpha=0.1).fit(sx.BlockStore(store.path))


def test_altered_manifests_are_refused(store):
    file = store.path / layout.MANIFEST
    manifest = json.loads(file.read_text())
    for change in (
        {"format": "other"},
        {"version": 99},
        {"version": "x"},
        {"n_columns": 0},
        {"complete": 1},
        {"blocks": 3},
        {"blocks": [{"n_rows": 0, "files": {}}]},
        {"blocks": [{"n_rows": 1, "files": {"y": {"bytes": 1, "crc32": 1}}}]},
        {"blocks": [{"n_rows": 1, "n_stored": 1, "files": {"y": {"bytes": 1}}}]},
        {"blocks": []},
        {"complete": False},
        {"complete": False, "origin": None, "begun_at": 3},
        {"complete": False, "origin": None, "begun_at": 10**6, "known_before": []},
        {"complete": False, "origin": None, "begun_at": 0, "known_before": ["columns"]},
        {"blocks": [{"n_rows": 1, "files": {"../y": {"bytes": 1, "crc32": 1}, "y": {}}}]},
    ):
        file.write_text(json.dumps(manifest | change))
        with pytest.raises(ValueError, match=r"manifest.json' is damaged"):
            sx.BlockStore(store.path)
    file.write_text(json.dumps(manifest)[:-20])
    with pytest.raises(ValueError, match=r"manifest.json' is damaged"):
        sx.BlockStore(store.path)


def test_forged_blocks_with_right_checksums_do_no_harm(store):
    """Indices out of range or order, and arrays that do not fit together."""
    place = store.path / "block-000000"
    file = store.path / layout.MANIFEST
    kept = shutil.copytree(store.path, store.path.parent / "kept")
    forgeries = {
        "indices": lambda a: np.where(np.arange(len(a)) == 3, 10**6, a).astype(a.dtype),
        "indptr": lambda a: a[::-1].copy(),
        "values": lambda a: np.where(np.arange(len(a)) == 3, np.nan, a),
        "y": lambda a: np.where(np.arange(len(a)) == 3, np.inf, a),
    }
    for part, forge in forgeries.items():
        for forged in (forge(np.load(place / f"{part}.npy")), np.zeros(3), np.zeros((2, 2))):
            shutil.rmtree(store.path)
            shutil.copytree(kept, store.path)
            np.save(place / f"{part}.npy", forged)
            manifest = json.loads(file.read_text())
            manifest["blocks"][0]["files"][part] = {
                "bytes": (place / f"{part}.npy").stat().st_size,
                "crc32": layout.checksum(place / f"{part}.npy"),
            }
            file.write_text(json.dumps(manifest))
            with pytest.raises((ValueError, TypeError)):
                sx.Lasso(alpha=0.1).fit(sx.BlockStore(store.path))


def test_a_path_over_a_store_is_that_of_its_rows(tmp_path):
    X, y = rows()
    store = sx.BlockStore.from_batches(batches_of(X, y, 90), tmp_path / "s", block_bytes=5_000)
    mine, theirs = (sx.path(*data, n_alphas=8, tol=1e-6) for data in ((store,), (X, y)))
    np.testing.assert_allclose(mine.alphas, theirs.alphas, rtol=1e-8)
    assert mine.relative_gaps.max() <= 1e-6
    np.testing.assert_allclose(mine.primals, theirs.primals, rtol=1e-5)
    np.testing.assert_allclose(mine.deviance_explained, theirs.deviance_explained, atol=1e-4)
    point = mine[4]
    certified = sx.certify(store, None, point.coef, point.intercept, alpha=point.alpha)
    assert certified.relative_gap == pytest.approx(point.relative_gap, abs=1e-8)


def test_models_of_a_store_are_pruned_and_saved(tmp_path):
    X, y = rows()
    names = [f"field {j}" for j in range(X.shape[1])]
    store = sx.BlockStore.from_batches([(X, y)], tmp_path / "s", feature_names=names)
    model = sx.Lasso(alpha=0.05).fit(store)
    assert model.feature_names_in_.tolist() == names
    assert model.fit_memory_.data == sum(block.nbytes for block in store)
    small = sx.prune(model)
    assert small.top_weights(1)[0].name in names
    table = pd.DataFrame(X.toarray(), columns=names)
    np.testing.assert_array_equal(small.predict(table), model.predict(table))
    with pytest.raises(ValueError, match="feature_names must be those of the store"):
        sx.BlockStore.from_batches([(X, y)], store.path, feature_names=names[::-1], append=True)


def test_bad_batches_are_named(tmp_path):
    X, y = rows()
    for batch, message in (
        ((X, y[:-1]), "y must have shape"),
        ((X * np.nan, y), "NaN or infinity"),
        ((X, y * np.inf), "Input y contains NaN or infinity"),
        ((X, y, -np.ones(len(y))), "Negative values"),
        ((X, np.array([None, *y[1:]], object)), "numbers or labels of one kind"),
        ((X, np.array(["a", *y[1:]], object)), "numbers or labels of one kind"),
        ((np.zeros(3), np.zeros(3)), "X must be two-dimensional"),
        ((X, y.astype(complex)), "y must hold numbers or text, got complex128"),
        ((X, np.full(len(y), b"a")), "y must hold numbers or text, got"),
        ((X, y.astype("datetime64[s]")), "y must hold numbers or text, got datetime64"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.BlockStore.from_batches([batch], tmp_path / "bad")
        shutil.rmtree(tmp_path / "bad", ignore_errors=True)
    with pytest.raises(ValueError, match="at least one row"):
        sx.BlockStore.from_batches([], tmp_path / "none")
    with pytest.raises(ValueError, match="feature_names must have 30 names, one for each column"):
        sx.BlockStore.from_batches([(X, y)], tmp_path / "few", feature_names=["a", "b"])


def test_labels_of_one_kind(tmp_path):
    X, y = rows()
    labels = np.where(y > 0, 1, 0)
    halves = [(X[:250], labels[:250]), (X[250:], labels[250:].astype(str))]
    path = tmp_path / "s"
    with pytest.raises(ValueError, match="y must hold numbers, as in the rows before, got text"):
        sx.BlockStore.from_batches(halves, path)
    store = sx.BlockStore.from_batches(halves[:1], path)
    with pytest.raises(ValueError, match="y must hold numbers, as in the rows before, got text"):
        sx.BlockStore.from_batches(halves[1:], path, append=True)
    assert len(sx.BlockStore(path).y) == len(store.y) == 250
    floats = [(X[:250], labels[:250].astype(float) + 0.5), (X[250:], labels[250:])]
    mixed = sx.BlockStore.from_batches(floats[:1], tmp_path / "t")
    mixed = sx.BlockStore.from_batches(floats[1:], tmp_path / "t", append=True)
    assert [of.value for of in mixed.reducer().facts.labels] == [0, 0.5, 1, 1.5]


def test_bad_fits_are_named(tmp_path, store):
    for given, message in (
        ({"y": np.zeros(500)}, "y must be None where X is a BlockStore"),
        ({"sample_weight": np.ones(500)}, "sample_weight must be None"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.Lasso().fit(store, **given)
    with pytest.raises(ValueError, match="interactions must be 'pairwise' or None for blocks"):
        sx.Lasso(interactions="triples").fit(store)
    with pytest.raises(ValueError, match="y must not be negative"):
        sx.PoissonRegressor().fit(store)
    with pytest.raises(ValueError, match="label type"):
        sx.SparseLogisticRegression().fit(store)
    with pytest.raises(ValueError, match="'absolute'"):
        sx.solve(store, loss="absolute", alpha=0.1)


def test_class_weights_count_as_in_memory(tmp_path):
    X, y = rows()
    labels = np.digitize(y, [0.1])
    store = sx.BlockStore.from_batches(batches_of(X, labels, 90), tmp_path / "s")
    for class_weight, message in (
        ({0: 0.0, 1: 1.0}, "at least two classes with positive weight, got one class: 1"),
        ({0: -1.0, 1: 1.0}, "weights that are not negative"),
        ({0: np.nan, 1: 1.0}, "must hold finite weights"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.SparseLogisticRegression(class_weight=class_weight).fit(store)
    uneven = rows()[0], np.digitize(y, [-0.4, 0.5])
    path = tmp_path / "t"
    store = sx.BlockStore.from_batches(batches_of(*uneven, 90), path)
    for class_weight in ("balanced", {0: 2.0, 1: 0.5, 2: 1.0}):
        model = sx.SparseLogisticRegression(alpha=0.02, tol=1e-8, class_weight=class_weight)
        mine = model.fit(store).coef_.copy()
        np.testing.assert_allclose(mine, model.fit(*uneven).coef_, atol=1e-4)


def test_stores_are_sent_as_their_place(store):
    again = pickle.loads(pickle.dumps(store))
    assert again.path == store.path
    np.testing.assert_array_equal(again.y, store.y)
    assert "500 rows" in repr(store)


def test_streams_learn_a_store_block_by_block(tmp_path):
    X, y = rows()
    labels = np.where(y > 0.2, "high", "low")
    labels[:120] = "low"  # the first block has but one
    batches = list(batches_of(X, labels, 100))
    store = sx.BlockStore.from_batches(batches, tmp_path / "s", block_bytes=3_000)
    mine = sx.FTRLClassifier(n_passes=2).fit(store)
    theirs = sx.FTRLClassifier(n_passes=2).fit(X, labels)
    assert mine.classes_.tolist() == ["high", "low"]
    np.testing.assert_array_equal(mine.coef_, theirs.coef_)
    np.testing.assert_array_equal(mine.predict(store), theirs.predict(X))
    regressor = sx.FTRLRegressor().partial_fit(iter(batches_of(X, y, 100)))
    numbers = sx.BlockStore.from_batches(batches_of(X, y, 100), tmp_path / "t")
    np.testing.assert_array_equal(sx.FTRLRegressor().fit(numbers).coef_, regressor.coef_)
    with pytest.raises(ValueError, match="must be None where X is a BlockStore"):
        sx.FTRLRegressor().fit(numbers, y)
    shifted = sx.BlockStore.from_batches([(X, y, None, y)], tmp_path / "u")
    with pytest.raises(ValueError, match="no offsets for a stream"):
        sx.FTRLRegressor().fit(shifted)


CHOOSERS = {
    "lasso": (lambda cv: sx.LassoCV(cv=cv, n_alphas=6, eps=0.02, tol=1e-7), None),
    "elastic net": (
        lambda cv: sx.ElasticNetCV(l1_ratio=[0.5, 1.0], cv=cv, n_alphas=4, eps=0.05, tol=1e-7),
        None,
    ),
    "classifier": (
        lambda cv: sx.SparseLogisticRegressionCV(
            cv=cv, n_alphas=5, eps=0.05, tol=1e-7, class_weight={0: 1.0, 1: 2.0}
        ),
        lambda y: (y > 0.1).astype(int),
    ),
    "standardized": (
        lambda cv: sx.LassoCV(cv=cv, n_alphas=4, eps=0.05, tol=1e-7, standardize=True),
        None,
    ),
}


@pytest.mark.parametrize("kind", CHOOSERS)
def test_folds_of_blocks_are_folds_of_their_rows(tmp_path, kind):
    make, target = CHOOSERS[kind]
    X, y = rows()
    y = y if target is None else target(y)
    weight = np.random.default_rng(2).choice([0.5, 1.0, 3.0], len(y))
    batches = batches_of(X, y, 90, weight)
    store = sx.BlockStore.from_batches(batches, tmp_path / "s", block_bytes=3_000)
    ends = np.cumsum([0, *(len(block.y) for block in store)])
    place = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    every = np.arange(len(store))
    numbers = [(every[every % 3 != k], every[every % 3 == k]) for k in range(3)]
    by_rows = [tuple(np.concatenate([place[b] for b in part]) for part in fold) for fold in numbers]
    theirs = make(by_rows).fit(X, y, sample_weight=weight)
    for cv in (3, numbers):
        mine = make(cv).fit(store)
        for name in ("alphas_", "alpha_", "l1_ratio_", mine._losses_path):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-4)
        np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-3)
        assert mine.relative_gap_ <= 1e-7


def test_folds_that_blocks_do_not_make_are_named(tmp_path, store):
    for cv, message in (
        (500, "cv must lie between 2 and the number of blocks"),
        ([([0, 1], [99])], "cv must name each block that is held out"),
        ([([0, 0], [1])], "cv must name each block that is train"),
        ([([0, 1], [1])], "cv must not hold out blocks"),
        ([([], [1])], "cv must name each block that is train"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.LassoCV(cv=cv).fit(store)
    with pytest.raises(TypeError, match="which splits rows"):
        sx.LassoCV(cv=KFold(3)).fit(store)
    with pytest.raises(ValueError, match="scoring and groups must be None"):
        sx.LassoCV(scoring="r2").fit(store)
    X, y = rows()
    labels = np.sort(np.digitize(y, [0.1]))
    sorted_store = sx.BlockStore.from_batches(
        batches_of(X, labels, 50), tmp_path / "t", block_bytes=3_000
    )
    halves = [(range(2), range(2, 5))]
    with pytest.raises(ValueError, match="fold 0 of cv must learn from rows of every class"):
        sx.SparseLogisticRegressionCV(cv=halves).fit(sorted_store)
    several = sx.BlockStore.from_batches(
        batches_of(X, np.digitize(y, [-0.1, 0.3]), 50), tmp_path / "u", block_bytes=3_000
    )
    with pytest.raises(ValueError, match="y must hold two classes for cross-validation"):
        sx.SparseLogisticRegressionCV(cv=2).fit(several)
