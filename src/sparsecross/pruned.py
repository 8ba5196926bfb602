"""What is left after pruning: a model that predicts, reports its bytes, and lives in a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils.metaestimators import available_if

from . import _solvers, _stream, artefact, encoderstate, modelfile
from ._inputs import Floats, as_design
from .classifier import labels, probabilities
from .crossing import FeatureCross
from .interactions import Interactions, of_keys, side_by_side
from .memory import Losses, MemoryReport
from .modelfile import CROSS_INDEX, INDEX, NAMES, unpack_classes
from .poisson import rates
from .rowlists import mapping_of_row, rows_of
from .storage import finite, least_bytes, restored, type_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class TopWeight(NamedTuple):
    """One weight of a model, by name."""

    name: str
    weight: float
    label: Any  # the class it speaks for; None for regressors and two classes


def _classifies(model: PrunedModel) -> bool:
    if model.classes_ is None:
        raise AttributeError("a regressor has no classes: predict is all it offers")
    return True


class PrunedModel:
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
    """

    def __init__(
        self, meta: dict[str, Any], arrays: artefact.Arrays, encoder: FeatureCross | None
    ) -> None:
        self._meta = meta
        self._arrays = arrays
        self._encoder = encoder
        self._losses: Losses | None = None
        self._cache: dict[str, Any] = {}
        packed = meta["classes"]
        self.classes_ = None if packed is None else unpack_classes(packed)

    def __getstate__(self) -> dict[str, Any]:
        arrays = {name: np.array(self._arrays[name]) for name in self._arrays}
        parts = {"meta": dict(self._meta), "arrays": arrays, "encoder": self.encoder}
        return parts | {"losses": self._losses}

    def __setstate__(self, state: dict[str, Any]) -> None:
        losses = state.pop("losses")
        self.__init__(**state)  # type: ignore[misc]
        self._losses = losses

    def __repr__(self) -> str:
        kind = "regressor" if self.classes_ is None else f"classifier of {len(self.classes_)}"
        return f"PrunedModel({kind}, {self.report.n_nonzero:,} weights)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.report._repr_html_()}"

    @property
    def encoder(self) -> FeatureCross | None:
        """The encoder, rebuilt from the file at its first use."""
        description = self._meta["encoder"]
        if self._encoder is None and description is not None:
            encoder = encoderstate.unpacked(description, self._arrays)
            n_columns = encoder._learnt.n_columns
            if n_columns != self._universe:
                raise ValueError(
                    f"the encoder makes {n_columns} columns, but the model has {self._universe}."
                )
            self._encoder = encoder
        return self._encoder

    @property
    def intercept_(self) -> Floats:
        """Intercepts, of shape (n_outputs,)."""
        intercepts = self._arrays["icpt"]
        if intercepts.dtype != np.float64 or len(intercepts) != self._n_outputs:
            raise ValueError(f"a model of {self._n_outputs} outputs has as many intercepts")
        if not np.isfinite(intercepts).all():
            raise ValueError(f"intercepts must be finite, got {intercepts}")
        return intercepts

    @property
    def _universe(self) -> int:
        return int(self._meta["universe"])

    def _output(self, k: int) -> _stream.Output:
        """Weights of output k, and the index of their columns."""
        low, high, samples = (self._arrays[f"{part}{k}"] for part in INDEX)
        return finite(self._arrays[f"w{k}"], f"w{k}"), low, high, samples

    def _weights(self, k: int) -> _solvers.SparseWeights:
        """Weights of output k, bound at their first use, which verifies the index."""
        key = f"weights{k}"
        if key not in self._cache:
            try:
                values, low, high, samples = self._output(k)
                self._cache[key] = _solvers.SparseWeights(
                    values, self._exponent, self._universe, low, high, samples
                )
            except (TypeError, ValueError) as error:
                raise ValueError(f"the weights of output {k} are damaged: {error}") from None
        weights: _solvers.SparseWeights = self._cache[key]
        return weights

    @property
    def _exponent(self) -> int:
        """Of weights of type q2.13; else 0."""
        return int(self._meta["exponent"])

    @property
    def _n_outputs(self) -> int:
        return int(self._meta["n_outputs"])

    @property
    def _order(self) -> int:
        """How many columns a cross has at most; 1 where there are no crosses."""
        return int(self._meta["order"])

    def _crosses(self, k: int) -> Interactions:
        """The crosses of output k, found at their first use, which verifies their index."""
        key = f"crosses{k}"
        if key not in self._cache:
            stored = finite(self._arrays[f"x{k}"], f"x{k}")
            low, high, samples = (self._arrays[f"{part}{k}"] for part in CROSS_INDEX)
            try:
                universe = _solvers.ProductKeys(self._universe, self._order).universe
                keys = _solvers.SparseWeights(
                    stored, self._exponent, universe, low, high, samples
                ).ids()
                if len(keys) and keys[0] < self._universe:
                    raise ValueError(f"key {keys[0]} is that of a column")
                values = restored(stored, self._exponent)
                self._cache[key] = of_keys(keys, values, self._universe, self._order, None)
            except (TypeError, ValueError) as error:
                raise ValueError(f"the crosses of output {k} are damaged: {error}") from None
        crosses: Interactions = self._cache[key]
        return crosses

    @property
    def interactions_(self) -> Interactions | None:
        """The weights of crosses, or None where the model has none to have."""
        if self._order == 1:
            return None
        each = [self._crosses(k) for k in range(self._n_outputs)]
        return each[0] if len(each) == 1 else side_by_side(each)

    def _terms(self, k: int) -> _solvers.ProductTerms:
        """The crosses of output k, laid out to be visited."""
        key = f"terms{k}"
        if key not in self._cache:
            self._cache[key] = self._crosses(k).terms()
        terms: _solvers.ProductTerms = self._cache[key]
        return terms

    @property
    def report(self) -> MemoryReport:
        """Bytes before and after pruning, part by part."""
        each = range(self._n_outputs)
        kept = self.encoder._memory() if self.encoder is not None else {"names": 0, "crosses": 0}
        names = [name for name in NAMES if name in self._arrays]
        crossed = self._order > 1
        weights = [f"{block}{k}" for block in ("w", "x")[: 1 + crossed] for k in each]
        index = [f"{part}{k}" for part in INDEX + CROSS_INDEX * crossed for k in each]
        looked_up = sum(self._terms(k).nbytes for k in each) if crossed else 0
        pruned = {
            "weights": sum(self._arrays[name].nbytes for name in weights),
            "index": sum(self._arrays[name].nbytes for name in index),
            "names": kept["names"] + sum(self._arrays[name].nbytes for name in names),
            "crosses": kept["crosses"] + looked_up,
            "intercept": self.intercept_.nbytes,
        }
        sizes = {name: len(self._arrays[name]) for name in weights}
        kind, total = type_of(self._arrays["w0"]), modelfile.n_bytes(self._meta, self._arrays)
        n_bits = 8 * self._arrays["w0"].itemsize
        least = sum(
            least_bytes(self._universe if name[0] == "w" else self._n_products, n, n_bits)
            for name, n in sizes.items()
        )
        of_names = modelfile.bytes_of_names(self._meta, self._arrays)
        return MemoryReport(
            dict(self._meta["dense"]),
            pruned,
            self._meta["n_weights"],
            sum(sizes.values()),
            kind,
            {"names": of_names, "rest": total - of_names},
            least,
            12 * (self._universe // 64 + 1),
            self._losses,
        )

    @property
    def _n_products(self) -> int:
        """How many products of columns there are to have weights."""
        return _solvers.ProductKeys(self._universe, self._order).universe - self._universe

    @property
    def notes(self) -> dict[str, Any]:
        """What a program noted about the model: values that JSON can hold, saved along."""
        return dict(self._meta.get("notes", {}))

    @notes.setter
    def notes(self, notes: Mapping[str, Any]) -> None:
        artefact.as_json(dict(notes))  # a TypeError or ValueError where JSON has no such value
        self._meta["notes"] = dict(notes)

    @property
    def sparse_coef_(self) -> sp.csr_matrix:
        """The weights as a CSR matrix of shape (n_outputs, n_columns)."""
        rows = [self._weights(k).ids() for k in range(self._n_outputs)]
        values = [restored(self._arrays[f"w{k}"], self._exponent) for k in range(self._n_outputs)]
        indptr = np.cumsum([0, *map(len, rows)])
        indices = np.concatenate(rows).astype(np.int64)
        shape = (self._n_outputs, self._universe)
        return sp.csr_matrix((np.concatenate(values), indices, indptr), shape=shape)

    def top_weights(self, n_top: int | None = 20) -> list[TopWeight]:
        """The largest weights by absolute value, with the names of their columns.

        Parameters
        ----------
        n_top : int or None, default=20
            How many at most; None for all.

        Returns
        -------
        list of TopWeight
            (name, weight, label), largest first.
        """
        coef = self.sparse_coef_.tocoo()
        crosses = [self._crosses(k) for k in range(self._n_outputs)] if self._order > 1 else []
        rows = [coef.row, *(np.full(len(part), k) for k, part in enumerate(crosses))]
        # Columns of weights: three for each, as of crosses.
        columns = [np.stack([coef.col, *np.full((2, coef.nnz), -1)], axis=1)]
        columns += [part.padded for part in crosses]
        output, factors = np.concatenate(rows), np.concatenate(columns)
        values = np.concatenate([coef.data, *(part.values for part in crosses)])
        order = np.argsort(-np.abs(values), kind="stable")[:n_top]
        used = np.unique(factors[order])
        used = used[used >= 0]
        known = np.array(self._column_names(used), dtype=object)
        named = Interactions(np.searchsorted(used, factors[order]), values[order], len(used), known)
        names = replace(named, columns=np.where(factors[order] < 0, -1, named.columns)).names()
        classes = self.classes_ if self._n_outputs > 1 else None
        return [
            TopWeight(name, float(values[at]), None if classes is None else classes[output[at]])
            for name, at in zip(names, order, strict=True)
        ]

    def _column_names(self, columns: npt.NDArray[Any]) -> list[str]:
        if self.encoder is not None:
            return self.encoder._names_of(columns)
        if NAMES[0] not in self._arrays:
            return [f"x{j}" for j in columns]
        known, names = self._names()
        return [names[at] for at in np.searchsorted(known, columns)]

    def _names(self) -> tuple[npt.NDArray[Any], list[str]]:
        """The columns whose names were kept, and the names."""
        if "names" not in self._cache:
            crosses = [self._crosses(k) for k in range(self._n_outputs)] if self._order > 1 else []
            parts = [part.columns[part.columns >= 0] for part in crosses]
            columns = np.unique(np.concatenate([self.sparse_coef_.indices, *parts]))
            texts, ends = (self._arrays[name] for name in NAMES)
            blob = texts.tobytes()
            if len(ends) != len(columns) + 1 or ends[0] != 0 or ends[-1] != len(blob):
                raise ValueError("the names of the model's columns are damaged")
            self._cache["names"] = columns, [blob[a:b].decode() for a, b in pairwise(ends)]
        known: tuple[npt.NDArray[Any], list[str]] = self._cache["names"]
        return known

    def _design(self, X: Any) -> _solvers.Design:
        design = as_design(X)
        if design.shape[1] != self._universe:
            raise ValueError(
                f"X has {design.shape[1]} features, but this model expects {self._universe}."
            )
        if NAMES[0] in self._arrays and hasattr(X, "columns"):
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
        ndarray of shape (n_samples,)
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
        """Margins, of shape (n_samples,) for two classes, else (n_samples, n_classes)."""
        return self._margins(X)

    @available_if(_classifies)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes, of shape (n_samples, n_classes)."""
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
        float, or a label of `classes_`
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
        >>> small.predict_one([3]) == small.predict_one({3: 1.0}) == small.predict(X)[3]
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
        return margins[0] if self._meta["link"] is None else float(rates(np.array(margins))[0])

    def _response(self, margins: Floats) -> Floats:
        return rates(margins) if self._meta["link"] == "log" else margins

    @cached_property
    def _plain(self) -> bool:
        """Whether rows are of columns, and nothing but their weights is added up."""
        return self._meta["encoder"] is None and self._order == 1 and self._universe > 0

    @cached_property
    def _scorer(self) -> _stream.RowScorer:
        """What scores single rows, made at its first use, which verifies all weights by column."""
        outputs = [self._output(k) for k in range(self._n_outputs)]
        try:
            return _stream.RowScorer(self._universe, self._exponent, self.intercept_, outputs)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the weights of the model are damaged: {error}") from None

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
            than two classes, and `weight` with all digits; intercepts come first, as "(intercept)".

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
    """
    file = artefact.Artefact(path, mmap)
    if file.meta.get("kind") == "stream":
        raise ValueError(
            f"{os.fspath(path)!r} is the checkpoint of a stream: load_checkpoint reads it, and "
            "save makes a model of what it holds."
        )
    return [PrunedModel(dict(meta), arrays, None) for meta, arrays in modelfile.opened(file)]
