"""Verbose fits print a line for each look, with its figures."""

import re

import numpy as np
import pytest

import sparsecross as sx


def data(classes=None):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 300))
    y = X[:, :20] @ rng.standard_normal(20) + rng.standard_normal(100)
    return X, y if classes is None else np.digitize(y, np.quantile(y, classes))


LINE = re.compile(
    r"(?P<name>.+): +(?P<seconds>[\d.]+) s, relative gap +(?P<gap>\S+), (?P<active>[\d,]+) "
    r"non-zero weights, working set (?P<set>[\d,]+), (?P<sweeps>[\d,]+) sweeps"
)


def number(text):
    return int(text.replace(",", ""))


JOINT = sx.SparseLogisticRegression(0.02, multi_class="multinomial")


@pytest.mark.parametrize(
    "model", [sx.Lasso(0.01), sx.ElasticNet(0.01), sx.Lasso(None, tol=1e-8), JOINT]
)
def test_verbose_prints_a_line_for_each_look(model, capsys):
    X, y = data([0.3, 0.6] if model is JOINT else None)
    model.set_params(verbose=True).fit(X, y + 100)
    lines = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(model.history_) > 1
    for line, look in zip(lines, model.history_, strict=True):
        assert line["name"] == type(model).__name__
        assert number(line["active"]) == look.n_active
        assert number(line["set"]) == look.working_set
        assert number(line["sweeps"]) == look.n_iter
    assert float(lines[-1]["gap"]) == pytest.approx(model.relative_gap_, rel=0.01, abs=1e-15)
    model.set_params(verbose=False).fit(X, y)
    assert capsys.readouterr().out == ""


def test_a_verbose_path_prints_a_line_at_each_strength(capsys):
    X, y = data()
    path = sx.path(X, y, n_alphas=5, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for k, line in enumerate(lines):
        assert line.startswith(f"path: strength {k + 1} of 5, alpha {path.alphas[k]:.3e}, ")
        assert f" {path.n_nonzeros[k]:,} non-zero weights" in line
        gap = float(re.search(r"relative gap +(\S+),", line)[1])
        assert gap == pytest.approx(path.relative_gaps[k], rel=0.01, abs=1e-15)
    with pytest.raises(ValueError, match="'verbose' parameter of path"):
        sx.path(X, y, verbose=2)


def test_verbose_names_the_class_and_the_fold(capsys):
    X, labels = data([0.3, 0.6])
    model = sx.SparseLogisticRegression(0.05, verbose=True).fit(X, labels)
    lines = capsys.readouterr().out.splitlines()
    for k, history in enumerate(model.history_):
        assert sum(f", class {k}:" in line for line in lines) == len(history)
    sx.LassoCV(n_alphas=3, cv=2, eps=0.1, verbose=True).fit(*data())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all("relative gap" in line for line in lines)
    assert sum("fold 2 of 2" in line for line in lines) == 3
