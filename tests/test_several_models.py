"""Several models in one file, with one dictionary."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from sparsecross.artefact import Artefact


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "town": rng.choice([f"town {k}" for k in range(200)], 800),
            "kind": rng.choice(list("abc"), 800),
            "tags": [list(rng.choice(list("uvwxyz"), 2, replace=False)) for _ in range(800)],
        }
    )
    a = (table["town"] < "town 3") * 1.0 + (table["kind"] == "a") + 0.1 * rng.standard_normal(800)
    b = np.where((table["kind"] == "b") & (table["town"] > "town 5"), "yes", "no")
    c = np.digitize(a, [0.4, 1.1])
    return table, a, b, c


def _models(tables, **encoder):
    table, a, b, c = tables
    cross = sx.FeatureCross("pairwise", **encoder).fit(table)
    Z = cross.transform(table)
    fitted = [
        sx.Lasso(alpha=0.002).fit(Z, a),
        sx.SparseLogisticRegression(alpha=0.004).fit(Z, b),
        sx.SparseLogisticRegression(alpha=0.004).fit(Z, c),
    ]
    return [make_pipeline(cross, each) for each in fitted]


@pytest.mark.parametrize("n_bits", [None, 14])
def test_models_behind_one_encoder_share_it(tables, tmp_path, n_bits):
    table = tables[0]
    models = _models(tables, n_bits=n_bits)
    path = tmp_path / "three.sxm"
    saved = sx.save(models, path)
    for mmap in (True, False):
        for model, kept, loaded in zip(models, saved, sx.load_all(path, mmap), strict=True):
            expected = model.predict(table)
            assert np.array_equal(kept.predict(table), expected)
            assert np.array_equal(loaded.predict(table), expected)
            assert loaded.predict_one(table.iloc[3].to_dict()) == expected[3]
            assert loaded.top_weights() == sx.prune(model).top_weights()
            assert loaded.report == kept.report
    alone = 0
    for k, model in enumerate(models):
        sx.save(model, tmp_path / f"{k}.sxm")
        alone += (tmp_path / f"{k}.sxm").stat().st_size
    assert path.stat().st_size < alone
    # One dictionary: no more arrays of encoders than one encoder has.
    arrays = [name for name in Artefact(path, mmap=True) if name[0] == "e"]
    assert len(arrays) <= len(saved[0]._meta["encoder"]["arrays"])
    sx.save(sx.load_all(path), tmp_path / "again.sxm")
    assert (tmp_path / "again.sxm").read_bytes() == path.read_bytes()


def test_models_of_any_kind_in_one_file(tables, tmp_path):
    table, a, b, _ = tables
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5))
    named = pd.DataFrame(X, columns=[f"column {j}" for j in range(5)])
    models = [
        sx.Lasso(alpha=0.1).fit(named, X[:, 0]),
        sx.prune(_models(tables)[1], dtype="q2.13"),
        sx.SparseLogisticRegression(alpha=0.01).fit(X, rng.integers(0, 13, 60)),
        sx.Lasso(alpha=0.1, interactions="pairwise").fit(X, X[:, 0] * X[:, 1]),
        sx.Lasso(alpha=9.0).fit(X, X[:, 0]),
        make_pipeline(sx.FeatureCross([]), sx.Lasso(alpha=0.01)).fit(table[["kind"]], a),
        sx.FTRLClassifier(l1=0.5, interactions="pairwise", n_bits=12).fit(table, b),
    ]
    rows = [named, table, X, X, X, table[["kind"]], table]
    path = tmp_path / "many.sxm"
    saved = sx.save(models, path)
    loaded = sx.load_all(path)
    for model, kept, again, X_of in zip(models, saved, loaded, rows, strict=True):
        assert again.predict(X_of).tobytes() == kept.predict(X_of).tobytes()
        assert np.array_equal(again.predict(X_of), model.predict(X_of))
        assert again.top_weights() == kept.top_weights()
    assert loaded[1].report.weight_type == "q2.13"
    assert loaded[0].top_weights()[0].name == "column 0"


def test_a_model_of_many_classes_is_saved_whole(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((400, 12)), rng.integers(0, 25, 400)
    for options in ({}, {"interactions": "pairwise"}):
        model = sx.SparseLogisticRegression(alpha=0.008, **options).fit(X, y)
        sx.save(model, tmp_path / "m.sxm")
        loaded = sx.load(tmp_path / "m.sxm")
        assert loaded.decision_function(X).tobytes() == model.decision_function(X).tobytes()


def test_what_is_no_single_model_is_told(tables, tmp_path):
    models = _models(tables)
    sx.save(models, tmp_path / "three.sxm")
    with pytest.raises(ValueError, match="has 3 models: load_all returns them"):
        sx.load(tmp_path / "three.sxm")
    sx.save(models[:1], tmp_path / "one.sxm")
    assert sx.load(tmp_path / "one.sxm").report == sx.load_all(tmp_path / "one.sxm")[0].report
    with pytest.raises(ValueError, match="at least one, got an empty list"):
        sx.save([], tmp_path / "none.sxm")
    with pytest.raises(TypeError, match="linear model"):
        sx.save([models[0], 3], tmp_path / "none.sxm")
    assert not (tmp_path / "none.sxm").exists()
