"""The file: whole or refused, written atomically, holding nothing executable."""

import os
import stat
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from sparsecross import artefact, modelfile


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue"], 90),
            "size": rng.integers(0, 4, 90),
            "tags": [list(rng.choice(list("xyz"), rng.integers(0, 3))) for _ in range(90)],
            "age": rng.uniform(0, 9, 90),
        }
    )
    y = np.where((frame["colour"] == "red") & (frame["size"] > 1), "yes", "no")
    encoder = sx.FeatureCross(buckets={"age": 3})
    pipeline = make_pipeline(encoder, sx.SparseLogisticRegression(alpha=0.01))
    return pipeline.fit(frame, y), frame


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.sxm"
    sx.save(model[0], path)
    return path


def test_round_trip(model, saved):
    pipeline, frame = model
    for mmap in (True, False):
        loaded = sx.load(saved, mmap=mmap)
        assert np.array_equal(loaded.predict_proba(frame), pipeline.predict_proba(frame))
        assert loaded.top_weights() == sx.prune(pipeline).top_weights()
    again = saved.with_name("again.sxm")
    sx.load(saved).save(again)
    assert again.read_bytes() == saved.read_bytes()


def test_equal_models_make_equal_files(model, saved, tmp_path):
    sx.save(model[0], tmp_path / "b.sxm")
    assert (tmp_path / "b.sxm").read_bytes() == saved.read_bytes()


def use(path, mmap, frame):
    """All that a model can be asked: the first use of every part."""
    loaded = sx.load(path, mmap=mmap)
    return (
        loaded.predict_proba(frame).tobytes(),
        loaded.predict(frame).tolist(),
        loaded.predict_one(frame.iloc[0].to_dict()),
        loaded.top_weights(),
        str(loaded.report),
    )


@pytest.mark.parametrize("kind", ["pipeline", "matrix"])
def test_ten_thousand_alterations_give_right_answers_or_a_value_error(model, kind, tmp_path):
    pipeline, frame = model
    if kind == "matrix":
        X = pd.DataFrame(sp.random(30, 40, 0.3, random_state=0).toarray()).add_prefix("c")
        pipeline = sx.Lasso(alpha=0.01).fit(X, X["c3"] - X["c5"])

        def ask(path, mmap):
            loaded = sx.load(path, mmap=mmap)
            return loaded.predict(X).tobytes(), loaded.top_weights(), str(loaded.report)
    else:
        few = frame.iloc[:3]

        def ask(path, mmap):
            return use(path, mmap, few)

    path = tmp_path / "model.sxm"
    sx.save(pipeline, path)
    whole = path.read_bytes()
    right = ask(path, True)
    rng = np.random.default_rng(7)
    refused = 0
    for trial in range(5000):
        content = bytearray(whole)
        how = trial % 4
        if how == 0:  # one byte
            content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        elif how == 1:  # cut, anywhere
            del content[rng.integers(len(content)) :]
        elif how == 2:  # a run of bytes overwritten
            start = int(rng.integers(len(content)))
            length = min(int(rng.integers(1, 40)), len(content) - start)
            content[start : start + length] = rng.bytes(length)
        else:  # bytes inserted
            start = int(rng.integers(len(content) + 1))
            content[start:start] = rng.bytes(int(rng.integers(1, 20)))
        path.write_bytes(content)
        try:
            answer = ask(path, mmap=bool(trial % 8 < 4))
        except ValueError:
            refused += 1
        else:
            assert answer == right
    assert refused > 4000  # nearly every byte matters


def forged(whole, name, change):
    """The file with one block changed and every checksum made right again."""
    content = bytearray(whole)
    n_blocks = artefact._HEADER.unpack_from(content)[2]
    for k in range(n_blocks):
        at = artefact._HEADER.size + k * artefact._ENTRY.size
        label, code, _, offset, n_bytes = artefact._ENTRY.unpack_from(content, at)
        if label.rstrip(b"\0").decode() == name:
            change(content, offset, n_bytes)
            block = bytes(content[offset : offset + n_bytes])
            artefact._ENTRY.pack_into(content, at, label, code, zlib.crc32(block), offset, n_bytes)
    magic, version, _, size, _, _ = artefact._HEADER.unpack_from(content)
    end = artefact._HEADER.size + n_blocks * artefact._ENTRY.size
    unsigned = artefact._HEADER.pack(magic, version, n_blocks, size, 0, 0)
    checksum = zlib.crc32(content[artefact._HEADER.size : end], zlib.crc32(unsigned))
    artefact._HEADER.pack_into(content, 0, magic, version, n_blocks, size, checksum, 0)
    return bytes(content)


def test_forged_contents_with_right_checksums_never_crash(model, saved):
    _, frame = model
    few = frame.iloc[:3]
    whole = saved.read_bytes()
    names = [*sx.load(saved)._arrays, "meta"]
    rng = np.random.default_rng(8)
    refused = 0
    for trial in range(1000):

        def change(content, offset, n_bytes):
            for _ in range(int(rng.integers(1, 4))):
                if n_bytes:
                    content[offset + int(rng.integers(n_bytes))] = int(rng.integers(256))

        saved.write_bytes(forged(whole, names[trial % len(names)], change))
        try:
            use(saved, True, few)
        except ValueError:
            refused += 1
    assert refused > 100


def _retyped(whole, name, code):
    """The file with another type in the directory's entry of a block."""
    content = bytearray(whole)
    for k in range(artefact._HEADER.unpack_from(content)[2]):
        at = artefact._HEADER.size + k * artefact._ENTRY.size
        label, _, checksum, offset, n_bytes = artefact._ENTRY.unpack_from(content, at)
        if label.rstrip(b"\0").decode() == name:
            artefact._ENTRY.pack_into(content, at, label, code, checksum, offset, n_bytes)
    return forged(content, name, lambda *_: None)


@pytest.mark.parametrize(
    ("name", "code"), [("w0", 3), ("w0", 1), ("lo0", 3), ("sa0", 2), ("icpt", 3)]
)
def test_blocks_of_another_type_are_refused(saved, name, code):
    saved.write_bytes(_retyped(saved.read_bytes(), name, code))
    with pytest.raises(ValueError, match=r"must hold|cannot be"):
        sx.load(saved)


def test_numbers_that_are_not_finite_are_refused(model, saved):
    def infinite(content, offset, n_bytes):
        content[offset : offset + 8] = np.array([np.inf]).tobytes()

    whole = saved.read_bytes()
    for name in ("w0", "icpt"):
        saved.write_bytes(forged(whole, name, infinite))
        with pytest.raises(ValueError, match="finite"):
            sx.load(saved).predict(model[1])


def test_an_encoder_of_other_columns_is_refused(model, saved):
    _, frame = model
    pipeline = make_pipeline(sx.FeatureCross([]), sx.Lasso(alpha=0.01)).fit(frame, frame["age"])
    other = sx.prune(pipeline)
    meta = sx.prune(model[0])._meta | {"encoder": other._meta["encoder"]}
    arrays = dict(sx.prune(model[0])._arrays)
    arrays |= {name: array for name, array in other._arrays.items() if name[0] == "e"}
    artefact.write(saved, modelfile.content([(meta, arrays)]))
    for ask in (lambda m: m.predict(frame), lambda m: m.predict_one(frame.iloc[0].to_dict())):
        with pytest.raises(ValueError, match="the encoder makes"):
            ask(sx.load(saved))


def test_a_newer_version_is_named(saved):
    content = bytearray(saved.read_bytes())
    content[8] = artefact.VERSION + 1
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"format version 5.*reads versions up to 4"):
        sx.load(saved)


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04" + bytes(100)])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    for mmap in (True, False):
        with pytest.raises(ValueError, match="not a whole sparsecross model"):
            sx.load(path, mmap=mmap)
    with pytest.raises(FileNotFoundError):
        sx.load(tmp_path / "missing")


def test_damage_is_found_no_later_than_first_use(model, saved):
    _, frame = model
    content = bytearray(saved.read_bytes())
    offset = artefact.Artefact(saved, True)._blocks["w0"].offset
    content[offset] ^= 1
    saved.write_bytes(content)
    loaded = sx.load(saved)  # the weights are not touched yet
    with pytest.raises(ValueError, match="checksum of block 'w0'"):
        loaded.predict(frame)
    with pytest.raises(ValueError, match="checksum of block 'w0'"):
        sx.load(saved, mmap=False)


def test_a_failed_save_leaves_the_old_file(model, saved, monkeypatch):
    old = saved.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        sx.save(model[0], saved)
    assert saved.read_bytes() == old
    assert list(saved.parent.iterdir()) == [saved]


def test_a_save_into_a_missing_folder_fails_cleanly(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        sx.save(model[0], tmp_path / "missing" / "m.sxm")


def test_links_are_followed_and_other_things_left_alone(model, saved, tmp_path):
    link = tmp_path / "link.sxm"
    link.symlink_to(saved)
    sx.save(sx.Lasso().fit([[0.0], [1.0]], [0.0, 1.0]), link)
    assert link.is_symlink()
    assert sx.load(saved).classes_ is None
    with pytest.raises(FileExistsError, match="not a regular file"):
        sx.save(model[0], tmp_path)


def test_a_mapped_model_outlives_the_replacement_of_its_file(model, saved):
    pipeline, frame = model
    loaded = sx.load(saved)
    sx.save(sx.Lasso().fit(frame[["size"]], frame["age"]), saved)
    assert np.array_equal(loaded.predict_proba(frame), pipeline.predict_proba(frame))


def test_the_files_mode_follows_the_umask(model, tmp_path):
    old = os.umask(0o027)
    try:
        sx.save(model[0], tmp_path / "m.sxm")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "m.sxm").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_mode(model, saved):
    saved.chmod(0o600)
    sx.save(model[0], saved)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_every_byte_of_the_header_counts(saved):
    whole = saved.read_bytes()
    for at in range(artefact._HEADER.size):
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError):
            sx.load(saved)


@pytest.mark.parametrize("version", range(1, artefact.VERSION + 1))
def test_files_of_earlier_versions_keep_loading(version):
    """Files under tests/models were written by their version; see tests/models/make.py."""
    folder = Path(__file__).parent / "models"
    loaded = sx.load(folder / f"v{version}.sxm")
    rows = pd.read_json(folder / f"v{version}_rows.json", orient="records")
    # Margins agree to the last bit; the exponential of the platform need not.
    expected = np.load(folder / f"v{version}_predictions.npy")
    assert loaded.predict_proba(rows) == pytest.approx(expected, rel=1e-14)
