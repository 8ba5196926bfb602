"""Pruned models as ONNX graphs that stay sparse while they run: weights are looked up by key.

A runtime makes a sparse initializer dense when it loads it. So a row comes as the keys and values
of its entries: the graph looks the weight of each up in a hash table, multiplies and adds up.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from . import artefact
from ._inputs import Floats
from .interactions import Interactions
from .model import Link
from .pruned import PrunedModel
from .pruning import prune
from .survivors import values_of

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["onnx_inputs", "to_onnx"]

# Version 4 of ai.onnx.ml is the first with tables of doubles; the other two are as old.
_OPSETS = {"": 20, "ai.onnx.ml": 4}
_IR_VERSION = 9


def to_onnx(model: Any, path: str | os.PathLike[str] | None = None) -> ModelProto:
    """Make an ONNX graph of a model, with the weights that are not 0 and no others.

    Parameters
    ----------
    model : PrunedModel, fitted estimator or Pipeline(FeatureCross, estimator)
        What to export; it is pruned where that is not done yet.
    path : str or path-like, optional
        A file to write the graph to, whole or not at all.

    Returns
    -------
    onnx.ModelProto
        With two inputs, which :func:`onnx_inputs` makes of rows as the model takes them:

        - ``ids``, int64 of shape (rows, width): the keys of a row's columns, and of its products
          of columns, in any order; -1 pads.
        - ``values``, double of shape (rows, width): what these columns and products are in it.

        And with these outputs:

        - ``margin``, double of shape (rows,), or (rows, n_classes) for more than two classes:
          what `decision_function` returns, and `predict` of most regressors.
        - ``prediction``, double of shape (rows,), of a PoissonRegressor: exp(margin).
        - ``label``, int64 or string (double or bool, if the labels are) of shape (rows,), of a
          classifier: what `predict` returns.
        - ``probability``, double of shape (rows, n_classes), of a classifier: what
          `predict_proba` returns.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If the model is of another kind.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    OSError
        If the file cannot be written; an old file of that name is then as it was.

    Notes
    -----
    Keys are those of docs/file_format.md. How an encoder turns tables into columns is no part of
    the graph, which takes the columns. Everything is computed in double precision, but added up in
    another order than by `PrunedModel`, so that predictions are the same up to rounding.

    Examples
    --------
    >>> import numpy as np, onnxruntime, sparsecross as sx
    >>> from sparsecross.onnx import onnx_inputs, to_onnx
    >>> X = np.eye(4)
    >>> small = sx.prune(sx.Lasso(alpha=0.01).fit(X, [0.0, 0.0, 0.0, 1.0]))
    >>> session = onnxruntime.InferenceSession(to_onnx(small).SerializeToString())
    >>> (margin,) = session.run(["margin"], onnx_inputs(small, X))
    >>> np.allclose(margin, small.predict(X))
    True
    """
    graph = _Graph(_require_onnx())
    model = _pruned(model)
    margins = _margins(graph, model)
    n_outputs, link, classes = len(model.intercept_), model._meta["link"], model.classes_
    # Margins of one output are a vector wherever they are given out.
    flat = graph.node("Squeeze", margins, graph.constant([1])) if n_outputs == 1 else margins
    graph.output("margin", flat, [n_outputs] if n_outputs > 1 else [])
    if link == "log":
        graph.output("prediction", graph.node("Exp", flat), [])
    if classes is not None:
        known = classes.tolist()  # as int64, whatever integers they are
        graph.output("label", _labels(graph, flat, known), [], like=known)
        chances = _probabilities(graph, margins, n_outputs, link)
        graph.output("probability", chances, [len(classes)])
    proto: ModelProto = graph.proto()
    if path is not None:
        artefact.write(path, proto.SerializeToString())
    return proto


def onnx_inputs(model: Any, X: Any) -> dict[str, npt.NDArray[Any]]:
    """Make the inputs of a model's ONNX graph; onnx is not needed for that.

    Parameters
    ----------
    model : PrunedModel, fitted estimator or Pipeline(FeatureCross, estimator)
        The model that :func:`to_onnx` was given; it is pruned anew where that is not done yet.
    X : DataFrame, array-like or sparse of shape (n_samples, n_features)
        Rows as `PrunedModel.predict` takes them.

    Returns
    -------
    dict of str to ndarray of shape (n_samples, width)
        ``ids``, int64: the keys of each row's columns that are not 0, then those of the products of
        them that have a weight, then -1. ``values``, float64: the columns and products, then 0.

    Raises
    ------
    TypeError
        If the model is of another kind.
    ValueError
        If X does not fit the model.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> from sparsecross.onnx import onnx_inputs
    >>> X = np.eye(3)
    >>> onnx_inputs(sx.Lasso(alpha=0.01).fit(X, [0.0, 0.0, 1.0]), X)["ids"].tolist()
    [[0], [1], [2]]
    """
    model = _pruned(model)
    rows, crosses = _rows(model, X), model.interactions_
    entries = rows.tocoo()
    row, keys, values = entries.row, entries.col, entries.data
    if crosses is not None:
        products = _products(rows, crosses).tocoo()
        row = np.concatenate([row, products.row])
        keys = np.concatenate([keys, crosses.keys[products.col].astype(np.int64)])
        values = np.concatenate([values, products.data])
    order, counts = np.argsort(row, kind="stable"), np.bincount(row, minlength=rows.shape[0])
    row = row[order]
    place = np.arange(len(row)) - (np.cumsum(counts) - counts)[row]
    shape = (len(counts), counts.max(initial=1))
    ids, padded = np.full(shape, -1, np.int64), np.zeros(shape)
    ids[row, place], padded[row, place] = keys[order], values[order]
    return {"ids": ids, "values": padded}


def _require_onnx() -> Any:
    """Return onnx, or say how to install it."""
    try:
        import onnx
    except ImportError:
        raise ImportError("to_onnx needs onnx: pip install 'sparsecross[onnx]'") from None
    return onnx


def _pruned(model: Any) -> PrunedModel:
    return model if isinstance(model, PrunedModel) else prune(model)


class _Graph:
    """A graph that grows node by node; each names what it makes."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._outputs: list[Any] = []

    def _array(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Values as onnx takes them: it has strings of no fixed length."""
        array = np.asarray(values)
        return array.astype(object) if array.dtype.kind == "U" else array

    def constant(self, values: npt.ArrayLike) -> str:
        name = f"constant{len(self._constants)}"
        tensor = self._onnx.numpy_helper.from_array(self._array(values), name)
        self._constants.append(tensor)
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"node{len(self._nodes)}"
        made = self._onnx.helper.make_node(operator, inputs, [name], **attributes)
        self._nodes.append(made)
        return name

    def looked_up(self, keys: npt.NDArray[np.int64], weights: Floats) -> str:
        """The weights of `ids`, 0 where there is none."""
        with np.errstate(over="ignore"):
            shorter = weights.astype(np.float32)
        exact = np.array_equal(shorter, weights)  # then it takes less memory
        table = shorter if exact else weights
        tensor = self._onnx.numpy_helper.from_array
        found = self.node(
            "LabelEncoder",
            "ids",
            domain="ai.onnx.ml",
            keys_tensor=tensor(keys),
            values_tensor=tensor(table),
            default_tensor=tensor(np.zeros(1, table.dtype)),
        )
        return self.node("Cast", found, to=self._onnx.TensorProto.DOUBLE) if exact else found

    def output(self, name: str, source: str, shape: list[int], like: npt.ArrayLike = 0.0) -> None:
        """Give out what has been made, of shape (rows, *shape) and of the type of `like`."""
        helper = self._onnx.helper
        self._nodes.append(helper.make_node("Identity", [source], [name]))
        kind = helper.np_dtype_to_tensor_dtype(self._array(like).dtype)
        self._outputs.append(helper.make_tensor_value_info(name, kind, ["rows", *shape]))

    def proto(self) -> Any:
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        inputs = [
            helper.make_tensor_value_info(name, kind, ["rows", "width"])
            for name, kind in (("ids", kinds.INT64), ("values", kinds.DOUBLE))
        ]
        graph = helper.make_graph(
            self._nodes, "sparsecross", inputs, self._outputs, self._constants
        )
        versions = [helper.make_opsetid(*of_domain) for of_domain in _OPSETS.items()]
        return helper.make_model(
            graph, producer_name="sparsecross", opset_imports=versions, ir_version=_IR_VERSION
        )


def _margins(graph: _Graph, model: PrunedModel) -> str:
    """Margins of shape (rows, n_outputs)."""
    coef, crosses, along_row = model.sparse_coef_, model.interactions_, graph.constant([1])
    sums = []
    for k in range(coef.shape[0]):
        part = slice(coef.indptr[k], coef.indptr[k + 1])
        keys, weights = coef.indices[part].astype(np.int64), coef.data[part]
        if crosses is not None:
            its = crosses if crosses.values.ndim == 1 else crosses.of_class(k)
            keys = np.concatenate([keys, its.keys.astype(np.int64)])
            weights = np.concatenate([weights, its.values])
        terms = graph.node("Mul", graph.looked_up(keys, weights), "values")
        sums.append(graph.node("ReduceSum", terms, along_row, keepdims=1))
    intercept = graph.constant(model.intercept_)
    return graph.node("Add", graph.node("Concat", *sums, axis=1), intercept)


def _labels(graph: _Graph, margins: str, classes: list[Any]) -> str:
    if len(classes) == 2:
        positive = graph.node("Greater", margins, graph.constant(0.0))
        at = graph.node("Where", positive, graph.constant(1), graph.constant(0))
    else:
        at = graph.node("ArgMax", margins, axis=1, keepdims=0)
    return graph.node("Gather", graph.constant(classes), at)


def _probabilities(graph: _Graph, margins: str, n_outputs: int, link: Link | None) -> str:
    """What `classifier.probabilities` returns of margins of shape (rows, n_outputs)."""
    if link == "softmax":
        return graph.node("Softmax", margins, axis=1)
    if n_outputs == 1:
        margins = graph.node("Concat", graph.node("Neg", margins), margins, axis=1)
    # onnxruntime's Sigmoid is 0 below about -36, and small probabilities are to be told apart.
    odds_against = graph.node("Exp", graph.node("Neg", margins))
    each = graph.node("Reciprocal", graph.node("Add", graph.constant(1.0), odds_against))
    if n_outputs == 1:
        return each
    total = graph.node("ReduceSum", each, graph.constant([1]), keepdims=1)
    hopeful = graph.node("Greater", total, graph.constant(0.0))
    scaled = graph.node("Div", each, total)
    return graph.node("Where", hopeful, scaled, graph.constant(1.0 / n_outputs))


def _rows(model: PrunedModel, X: Any) -> sp.csr_matrix:
    """The columns that a model sees, without entries that are 0."""
    if model.encoder is not None:
        X = model.encoder.transform(X)
    if model._universe == 0:  # nothing survived
        return sp.csr_matrix((X.shape[0], 0))
    design = model._design(X)
    if len(design.arrays) == 1:
        return sp.csr_matrix(design.arrays[0], dtype=np.float64)
    *values, indices, indptr = design.arrays
    data = values[0].astype(np.float64) if values else np.ones(len(indices))
    layout = sp.csr_matrix if design.sliced_by == "rows" else sp.csc_matrix
    # Copied, for X itself keeps its zeros.
    rows: sp.csr_matrix = layout((data, indices, indptr), shape=design.shape, copy=True).tocsr()
    rows.eliminate_zeros()
    return rows


def _products(rows: sp.csr_matrix, crosses: Interactions) -> sp.csc_matrix:
    """The products of columns that have a weight, of shape (n_rows, n_crosses)."""
    columns = crosses.padded
    used = np.unique(columns[columns >= 0])
    entries = rows.tocoo()
    place = np.searchsorted(used, entries.col)
    at = np.flatnonzero(np.isin(entries.col, used))
    factors = sp.csc_matrix(
        (entries.data[at], (entries.row[at], place[at])), shape=(rows.shape[0], len(used))
    )
    return values_of(factors, np.where(columns < 0, -1, np.searchsorted(used, columns)))
