"""What is left after pruning: a model that predicts, reports its bytes, and lives in a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils.metaestimators import available_if

from . import _solvers, artefact, modelfile
from ._inputs import Floats, as_design
from .classifier import labels, probabilities
from .poisson import rates
from .rowlists import mapping_of_row, rows_of
from .storedmodel import StoredModel

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _classifies(model: PrunedModel) -> bool:
    if model.classes_ is None:
        raise AttributeError("a regressor has no classes: predict is all it offers")
    return True


class PrunedModel(StoredModel):
    """A model without its zeros: predicts, reports its bytes, and is saved to one file.

    Made by :func:`prune` and :func:`load`.

    Attributes
    ----------
    report : MemoryReport
        Bytes before and after, part by part.
    classes_ : ndarray or None
        Labels of a classifier.
    intercept_ : ndarray of shape (n_outputs,)
        Intercepts.
    sparse_coef_ : csr_matrix of shape (n_outputs, n_columns)
        The weights; behind a FeatureCross with exact keys the columns are the surviving ones.
    encoder : FeatureCross or None
        The encoder that travels along.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 1000))
    >>> model = sx.Lasso(alpha=0.5).fit(X, X[:, 7])
    >>> small = sx.prune(model)
    >>> small, bool((small.predict(X) == model.predict(X)).all())
    (PrunedModel(regressor, 1 weights), True)
    >>> small.top_weights()[0].name
    'x7'
    """

    @property
    def fields_needed_(self) -> list[str] | None:
        """The fields of a table that predictions read: those of which a column has a weight.

        A table may lack all others. None where the model is of columns, not of a table; of hashed
        columns, all fields are needed.
        """
        encoder = self.encoder
        if encoder is None:
            return None
        if encoder.n_bits is not None:
            return list(encoder._names)
        return [dictionary.name for dictionary in encoder._learnt.dictionaries]

    def __repr__(self) -> str:
        kind = "regressor" if self.classes_ is None else f"classifier of {len(self.classes_)}"
        return f"PrunedModel({kind}, {self.report.n_nonzero:,} weights)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.report._repr_html_()}"

    def _design(self, X: Any) -> _solvers.Design:
        design = as_design(X)
        if design.shape[1] != self._universe:
            raise ValueError(
                f"X has {design.shape[1]} features, but this model expects {self._universe}."
            )
        if self.has_names and hasattr(X, "columns"):
            for column, name in zip(*self._names(), strict=True):
                if str(X.columns[column]) != name:
                    raise ValueError(
                        f"column {column} of X must be named {name!r} as at fit, got "
                        f"{str(X.columns[column])!r}."
                    )
        return design

    def _margins(self, X: Any) -> Floats:
        encoder = self.encoder
        if encoder is not None:
            X = encoder.transform(rows_of(X, encoder._names))
        if self._universe == 0:  # nothing survived: every row gets the intercept
            margins = [np.full(X.shape[0], 0.0 + b) for b in self.intercept_]
        else:
            design = self._design(X)
            margins = [self._weights(k).score(design) + b for k, b in enumerate(self.intercept_)]
            if self._order > 1:
                margins = [m + self._terms(k).margins(design, 0) for k, m in enumerate(margins)]
        return margins[0] if len(margins) == 1 else np.stack(margins, axis=1)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predict targets, or labels.

        Parameters
        ----------
        X : DataFrame or integer codes, as the encoder was fitted on, or a list of mappings from
            field to value, or of lists of tokens where these are all that a row has; without an
            encoder, array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_targets) where these are several
            Bit for bit what the unpruned model returns.

        Raises
        ------
        ValueError
            If X does not fit the model, or a part of the file that is needed is damaged.
        """
        margins = self._margins(X)
        return self._response(margins) if self.classes_ is None else labels(margins, self.classes_)

    @available_if(_classifies)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Floats:
        """Margins of a classifier.

        Parameters
        ----------
        X : as of :meth:`predict`

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes), float64

        Raises
        ------
        ValueError
            If X does not fit the model, or a part of the file that is needed is damaged.
        """
        return self._margins(X)

    @available_if(_classifies)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes.

        Parameters
        ----------
        X : as of :meth:`predict`

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X does not fit the model, or a part of the file that is needed is damaged.
        """
        return probabilities(self._margins(X), self._meta["link"])

    def predict_one(self, row: Any) -> Any:
        """Predict a single row, at low latency.

        Parameters
        ----------
        row : mapping, list of int, or ndarray
            With an encoder, a mapping from field to value (a list of values for multi-hot fields),
            or a list of tokens where these are all that a row has.
            Without: a mapping from column to value, or a list of the columns that are 1, or an
            ndarray of shape (n_features,), the row itself.

        Returns
        -------
        float, ndarray of shape (n_targets,) where these are several, or a label of `classes_`
            Bit for bit what `predict` returns for a table of this one row.

        Raises
        ------
        ValueError
            If the row does not fit the model.

        Examples
        --------
        >>> import numpy as np, sparsecross as sx
        >>> X = np.eye(4)
        >>> small = sx.prune(sx.Lasso(alpha=0.01).fit(X, [0.0, 0.0, 0.0, 1.0]))
        >>> small.predict_one([3]) == small.predict_one({3: 1.0}) == float(small.predict(X)[3])
        True
        """
        if type(row) is list and self._plain:
            margins = self._scorer.margins_of_columns(row)
        else:
            margins = self._margins_one(row)
        if self.classes_ is not None:
            if len(margins) > 1:
                return self.classes_[int(np.argmax(margins))]
            return self.classes_[int(margins[0] > 0.0)]
        if len(margins) > 1:
            return np.array(margins)
        return margins[0] if self._meta["link"] is None else float(rates(np.array(margins))[0])

    def _response(self, margins: Floats) -> Floats:
        return rates(margins) if self._meta["link"] == "log" else margins

    @cached_property
    def _plain(self) -> bool:
        """Whether rows are of columns, and nothing but their weights is added up."""
        return self._meta["encoder"] is None and self._order == 1 and self._universe > 0

    def _margins_one(self, row: Any) -> list[float]:
        encoder = self.encoder
        if isinstance(row, Iterator):
            row = list(row)
        if encoder is not None:
            row = encoder._encode_one(mapping_of_row(row, encoder._names))
        if self._universe == 0:
            return [0.0 + b for b in self.intercept_.tolist()]
        if isinstance(row, list):
            margins = self._scorer.margins_of_columns(row)
        elif isinstance(row, Mapping):
            margins = self._scorer.margins_of_entries(row)
        elif isinstance(row, np.ndarray):
            if row.shape != (self._universe,) or row.dtype.kind not in "biuf":
                raise ValueError(
                    f"row must hold numbers and have shape ({self._universe},), got {row.dtype} "
                    f"and {row.shape}; give columns that are 1 as a list"
                )
            at = np.flatnonzero(row)
            entries = dict(zip(at.tolist(), row[at].tolist(), strict=True))
            margins = self._scorer.margins_of_entries(entries)
        elif isinstance(row, Iterable) and not hasattr(row, "dtype"):
            margins = self._scorer.margins_of_columns(row)
        else:
            raise ValueError(f"row must be a mapping, a list of columns or an ndarray, got {row!r}")
        if self._order > 1:
            design = as_design(self._as_matrix(row))
            margins = [m + self._terms(k).margins(design, 1)[0] for k, m in enumerate(margins)]
        return margins

    def _as_matrix(self, row: Any) -> sp.csr_matrix:
        """A row of one of the kinds that `predict_one` takes, and has taken, as a matrix."""
        if isinstance(row, np.ndarray):
            return sp.csr_matrix(row[None, :].astype(np.float64))
        entries = row if isinstance(row, Mapping) else Counter(row)
        columns, values = list(entries.keys()), np.array(list(entries.values()), np.float64)
        shape = (1, self._universe)
        return sp.csr_matrix((values, (np.zeros(len(columns), np.int64), columns)), shape=shape)

    def to_sklearn(self) -> Pipeline:
        """Return scikit-learn's counterpart, fitted, over the surviving columns.

        Returns
        -------
        Pipeline
            Takes the same X: a `FunctionTransformer` that keeps the surviving columns, or the
            encoder, and a `LinearRegression`, `PoissonRegressor`, `LogisticRegression` or
            `OneVsRestClassifier` of its, whose weights are dense. It adds up in another order, so
            predictions agree to rounding.

        Raises
        ------
        ValueError
            If the model has crosses of columns.
        """
        from .exporting import sklearn_model  # models that only predict need not load all that

        return sklearn_model(self)

    def write_weights(self, path: str | os.PathLike[str]) -> None:
        """Write names and weights, the largest first, to a table.

        Parameters
        ----------
        path : str or path-like
            Ends in .csv, .tsv or .parquet (which needs pyarrow). Columns: `name`, `label` with more
            than two classes or several targets, and `weight` with all digits; intercepts come
            first, as "(intercept)".

        Raises
        ------
        ValueError
            If the name ends in something else.
        OSError
            If it cannot be written; an old file of that name is then as it was.
        """
        from .exporting import write_weights

        write_weights(self, path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to one file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; docs/file_format.md says what it holds.

        Raises
        ------
        OSError
            If it cannot be written; an old file of that name is then as it was.
        """
        artefact.write(path, modelfile.content([(self._meta, self._arrays)]))


def load(path: str | os.PathLike[str], mmap: bool = True) -> PrunedModel:
    """Load a model that `PrunedModel.save` or :func:`save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    mmap : bool, default=True
        Whether to map the file: constant time, parts are read and verified when first used, and
        processes share them. Otherwise everything is read and verified now.

    Returns
    -------
    PrunedModel

    Raises
    ------
    ValueError
        If the file is damaged, not a model, of a newer version, or has several models, which
        :func:`load_all` returns. With `mmap` a damaged part is found at its first use.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import numpy as np, os, sparsecross as sx, tempfile
    >>> X = np.eye(4)
    >>> path = os.path.join(tempfile.mkdtemp(), "model.sxm")
    >>> small = sx.save(sx.Lasso(alpha=0.01).fit(X, [0.0, 0.0, 0.0, 1.0]), path)
    >>> sx.load(path).predict_one([3]) == small.predict_one([3])
    True
    """
    found = load_all(path, mmap)
    if len(found) != 1:
        raise ValueError(f"{os.fspath(path)!r} has {len(found)} models: load_all returns them.")
    return found[0]


def load_all(path: str | os.PathLike[str], mmap: bool = True) -> list[PrunedModel]:
    """Load all models that :func:`save` wrote to one file.

    Parameters
    ----------
    path, mmap
        As of :func:`load`.

    Returns
    -------
    list of PrunedModel
        In the order in which they were saved; they share the arrays of the file.

    Raises
    ------
    ValueError, OSError
        As :func:`load`.

    Examples
    --------
    >>> import numpy as np, os, sparsecross as sx, tempfile
    >>> X = np.eye(4)
    >>> path = os.path.join(tempfile.mkdtemp(), "two.sxm")
    >>> models = [sx.Lasso(alpha=alpha).fit(X, [0.0, 0.0, 0.0, 1.0]) for alpha in (0.1, 0.01)]
    >>> _ = sx.save(models, path)
    >>> len(sx.load_all(path))
    2
    """
    file = artefact.Artefact(path, mmap)
    if file.meta.get("kind") == "stream":
        raise ValueError(
            f"{os.fspath(path)!r} is the checkpoint of a stream: load_checkpoint reads it, and "
            "save makes a model of what it holds."
        )
    return [PrunedModel(dict(meta), arrays, None) for meta, arrays in modelfile.opened(file)]
