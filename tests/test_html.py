"""Notebooks show what was found, in HTML that its contents cannot break."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

import sparsecross as sx


class Cells(HTMLParser):
    """The text of every cell, row by row, and of the caption; tags must be well nested."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.caption, self.open, self.tags = [], "", [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "br":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if "caption" in self.open:
            self.caption += data


def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 12))
    return X, X[:, 0] - 2 * X[:, 3] + rng.standard_normal(80)


def test_a_solution_and_its_certificate():
    X, y = data()
    found = sx.solve(X, y, alpha=0.1, interactions="pairwise")
    cells = dict(Cells(found._repr_html_()).rows)
    assert float(cells["primal"]) == pytest.approx(found.primal, rel=1e-9)
    assert float(cells["relative gap"]) == pytest.approx(found.relative_gap, rel=0.01)
    assert cells["status"] == "converged"
    assert cells["weights"] == f"{found.n_active} not 0, of 12 columns and their crosses"
    assert cells["certified over"] == found.certified_over
    plain = sx.solve(X, y, alpha=0.1)
    cells = dict(Cells(plain._repr_html_()).rows)
    assert cells["weights"] == f"{np.count_nonzero(plain.coef)} not 0, of 12"
    assert "certified over" not in cells
    proof = sx.certify(X, y, plain.coef, plain.intercept, alpha=0.1)
    cells = dict(Cells(proof._repr_html_()).rows)
    assert float(cells["dual"]) == pytest.approx(proof.dual, rel=1e-9)
    labels = np.digitize(y, [-1.0, 1.0])
    several = sx.solve(X, labels, loss="multinomial", alpha=0.02)
    assert "intercept" in dict(Cells(several._repr_html_()).rows)


@pytest.mark.parametrize("n_alphas", [1, 5, 12, 13, 100])
def test_a_path_shows_its_ends_and_at_most_twelve_rows(n_alphas):
    X, y = data()
    path = sx.path(X, y, n_alphas=n_alphas)
    shown = Cells(path._repr_html_())
    head, *rows = shown.rows
    assert head[0] == "alpha"
    assert len(rows) == min(12, n_alphas)
    assert f"{n_alphas} strengths" in shown.caption
    for row, k in ((rows[0], 0), (rows[-1], -1)):
        assert float(row[0]) == pytest.approx(path.alphas[k], rel=1e-3)
        assert row[1] == f"{path.n_nonzeros[k]}"
    limited = sx.path(X, y, max_nonzeros=2)
    assert "stopped by max_nonzeros" in Cells(limited._repr_html_()).caption


def test_contents_have_no_meaning_in_html():
    X, y = data()
    nasty = "<b onclick='x'>&amp;</b>"
    model = sx.GroupLasso(0.01, groups=[nasty] * 6 + ["b"] * 6).fit(X, y)
    small = sx.prune(model)
    for text in (small._repr_html_(), small.report._repr_html_()):
        assert "b" not in Cells(text).tags
        assert nasty in Cells(text).caption
    found = sx.solve(X, y, alpha=0.1)
    object.__setattr__(found, "certified_over", nasty)
    shown = Cells(found._repr_html_())
    assert "b" not in shown.tags
    assert dict(shown.rows)["certified over"] == nasty


@pytest.mark.parametrize("fitted", [False, True])
def test_diagrams_of_estimators_show_their_parameters(fitted):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.choice(list("xyz"), 60), "b": rng.choice(list("pq"), 60)})
    y = (table.a == "x") + rng.standard_normal(60)
    model = make_pipeline(sx.FeatureCross(crosses=[("a", "b")]), sx.Lasso(alpha=0.0625))
    if fitted:
        model.fit(table, y)
    text = model._repr_html_()
    for shown in ("FeatureCross", "Lasso", "0.0625", "interactions", "crosses"):
        assert shown in text
    assert f"<span>{'Fitted' if fitted else 'Not fitted'}</span>" in text
    for estimator in (sx.LassoCV(), sx.GroupLasso(), sx.FTRLClassifier(), sx.MultiTaskLasso()):
        assert type(estimator).__name__ in estimator._repr_html_()
