"""Pruned models for other programs: tables of weights, and scikit-learn's own estimators."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelBinarizer
from sklearn.utils import _safe_indexing

from .columnfiles import check_suffix, write_columns

if TYPE_CHECKING:
    from .pruned import PrunedModel


INTERCEPT = "(intercept)"  # its name among those of weights


def weights_of(model: PrunedModel) -> dict[str, list[Any]]:
    """Names, weights and, of several classes, labels, largest first; intercepts come first."""
    outputs = model._labels
    labels = [None] if outputs is None else outputs
    rows: list[tuple[str, float, Any]] = [
        (INTERCEPT, float(b), label) for b, label in zip(model.intercept_, labels, strict=True)
    ]
    rows += model.top_weights(None)
    names, weights, each = zip(*rows, strict=True)
    found: dict[str, list[Any]] = {"name": list(names)}
    if outputs is not None:
        found["label"] = [label.item() if hasattr(label, "item") else label for label in each]
    return found | {"weight": list(weights)}


def write_weights(model: PrunedModel, path: str | os.PathLike[str]) -> None:
    """Write a table of weights by name to .csv, .tsv or .parquet."""
    check_suffix(os.fspath(path))
    write_columns(os.fspath(path), weights_of(model))


def sklearn_model(model: PrunedModel) -> Pipeline:
    """A fitted Pipeline of scikit-learn that has the surviving columns only."""
    if model.interactions_ is not None and len(model.interactions_):
        raise ValueError(
            "crosses of columns have no counterpart in scikit-learn: make them columns, with "
            "FeatureCross, before the fit"
        )
    coef = model.sparse_coef_
    if coef.shape[1] == 0:
        raise ValueError("no column is left, and scikit-learn has no model of none")
    columns = np.unique(coef.indices) if coef.nnz else np.zeros(1, np.intp)  # none would be refused
    weights = coef[:, columns].toarray()
    if model.encoder is not None:
        first: Any = model.encoder
        if coef.shape[1] != len(columns):  # hashed columns stay as many as they are
            columns = np.arange(coef.shape[1])
            weights = coef.toarray()
    else:
        # Of dense and sparse rows alike, which a ColumnTransformer does not take in turn.
        first = FunctionTransformer(_safe_indexing, kw_args={"indices": columns, "axis": 1})
    estimator = _estimator(model, weights)
    if model.has_names and coef.nnz:  # or scikit-learn would warn of rows that have names
        names = np.array(model._column_names(columns), dtype=object)
        for one in (estimator, *getattr(estimator, "estimators_", ())):
            one.feature_names_in_ = names
    return Pipeline([("columns", first), ("model", estimator)])


def _estimator(model: PrunedModel, weights: Any) -> Any:
    if model.classes_ is None:
        found: Any = PoissonRegressor() if model._meta["link"] == "log" else LinearRegression()
        if len(weights) > 1:
            return _fitted(found, weights, model.intercept_)
        return _fitted(found, weights[0], model.intercept_[0])
    if len(weights) == 1 or model._meta["link"] == "softmax":
        return _fitted(LogisticRegression(), weights, model.intercept_, model.classes_)
    each = [
        _fitted(LogisticRegression(), w[None, :], model.intercept_[[k]], np.array([0, 1]))
        for k, w in enumerate(weights)
    ]
    found = OneVsRestClassifier(LogisticRegression())
    found.estimators_ = each
    found.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(model.classes_)
    found.classes_, found.n_features_in_ = model.classes_, weights.shape[1]
    return found


def _fitted(estimator: Any, coef: Any, intercept: Any, classes: Any = None) -> Any:
    estimator.coef_, estimator.intercept_ = coef, intercept
    estimator.n_features_in_ = coef.shape[-1]
    if isinstance(estimator, PoissonRegressor):
        estimator._base_loss = estimator._get_loss()  # what its predict takes the link from
    if classes is not None:
        estimator.classes_ = classes
    return estimator
