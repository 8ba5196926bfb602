"""The code of the guides runs, and does what they say."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from scipy.stats import entropy

import sparsecross as sx

GUIDE = Path(__file__).parent.parent / "docs" / "paths.md"


@pytest.fixture(scope="module")
def names():
    mpl.use("Agg")
    found = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), found)
    return found


def test_figures_of_the_guide_to_paths(names):
    path, small, model = names["path"], names["small"], names["model"]
    assert (path.n_nonzeros[0], path.n_nonzeros[-1]) == (0, 10)
    assert (small.n_bytes[-1], small.file_bytes[-1], small.stopped_by) == (68, 444, "max_bytes")
    assert (names["best"].n_nonzero, names["best"].file_bytes) == (4, 436)
    assert round(model.alpha_, 3) == 0.187
    assert model.mse_path_.shape == (100, 5)


def test_the_guide_to_groups_runs_and_needs_one_field():
    guide, found = GUIDE.with_name("groups.md"), {}
    for block in re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL):
        exec(compile(block, str(guide), "exec"), found)
    assert found["small"].fields_needed_ == ["carrier"]


def test_adaptive_lasso_is_a_lasso_on_scaled_columns(names):
    X, y, first, adaptive = (names[k] for k in ("X", "y", "first", "adaptive"))
    scaled = X.to_numpy() * np.abs(first.coef_)
    alone = sx.solve(scaled, y, alpha=adaptive.alpha_, tol=1e-10)
    tight = sx.solve(X, y, alpha=adaptive.alpha_, penalty_factor=names["factor"], tol=1e-10)
    np.testing.assert_allclose(tight.coef, np.abs(first.coef_) * alone.coef, rtol=1e-3, atol=1e-3)
    assert set(np.flatnonzero(adaptive.coef_)) <= set(np.flatnonzero(first.coef_))


def test_the_guide_to_interactions():
    text = (GUIDE.parent / "interactions.md").read_text().replace("crossed.sxm", "/dev/null")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sx.PrunedModel, "save", lambda *_: None)
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(compile(block, "interactions.md", "exec"), found)
    assert "carrier_AA tags_b" in found["model"].interactions_.names()


def test_the_guide_to_streams(capsys):
    found = {}
    for block in re.findall(
        r"```python\n(.*?)```", (GUIDE.parent / "streams.md").read_text(), re.DOTALL
    ):
        exec(compile(block, "streams.md", "exec"), found)
    assert "\nTrue\n" in capsys.readouterr().out
    # Nobody can know more than the share of targets that are drawn at random, nor need know less
    # than the share of those that are true.
    noise, late = 0.05, 1 / 3 * 6 / 24
    always = late + (1 - late) * noise
    assert entropy([noise, 1 - noise]) * (1 - late) < found["model"].progressive_loss_
    assert found["model"].progressive_loss_ < entropy([always, 1 - always])
    n_levels = [3, 24, 4]
    n_pairs = 3 * 24 + 3 * 4 + 24 * 4 + 4 * 3 // 2
    assert 0 < found["small"].report.n_nonzero < (sum(n_levels) + n_pairs) / 2
    online, exact = found["certificate"], found["exact"]
    assert exact.relative_gap_ <= 1e-4
    assert online.dual <= exact.history_[-1].primal < online.primal


def test_the_guide_to_big_data(capsys):
    pytest.importorskip("distributed")
    found = {"__name__": "__main__"}
    text = (GUIDE.parent / "big_data.md").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.showwarning", lambda *_: None)  # of Dask itself
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(compile(block, "big_data.md", "exec"), found)
    assert capsys.readouterr().out.endswith("True\n")
    assert found["model"].relative_gap_ <= 1e-4
    signal = np.flatnonzero(found["effects"])
    weights = np.abs(found["model"].coef_[0])
    assert weights[signal].sum() > 0.9 * weights.sum()


def test_the_guide_to_memory(tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    found = {}
    text = (GUIDE.parent / "memory.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "memory.md", "exec"), found)
        for name in ("small", "cheap", "half"):
            if name in found:
                found.setdefault(f"first {name}", found[name])
    small, cheap, half = (found[f"first {name}"].report for name in ("small", "cheap", "half"))
    assert max(small.file_bytes, small.pruned_bytes) <= 4_096
    assert cheap.losses.after <= cheap.losses.before + 0.05
    assert 0 < cheap.n_nonzero < half.n_nonzero
    assert half.weight_type == "q2.13"
    assert (tmp_path / "weights.csv").read_text().startswith("name,weight\n(intercept),")
    assert "True" in capsys.readouterr().out


def test_the_guide_to_deep_nets(capsys):
    pytest.importorskip("torch")
    found = {}
    text = (GUIDE.parent / "deep_nets.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "deep_nets.md", "exec"), found)
    assert capsys.readouterr().out.endswith("True\n")
    assert found["report"].ratio > 3
    assert found["report"].kept == ()
