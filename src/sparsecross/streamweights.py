"""What was learnt from a stream: its weights under the names of every linear model, and margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _stream
from ._inputs import Floats
from .crossing import FeatureCross
from .interactions import Interactions
from .locks import Lock
from .memory import FitMemory
from .model import LinearModel
from .rowlists import Fields, rows_of
from .scale.store import BlockStore
from .streamrows import StreamRows


@dataclass(kw_only=True, eq=False, repr=False)
class StreamWeights(LinearModel):
    """A linear model whose weights are looked up in a compiled stream when they are asked for."""

    # What is learnt: both or none.
    _model: _stream.StreamModel | None = field(default=None, init=False)
    _rows: StreamRows | None = field(default=None, init=False)
    _guard: Lock = field(default_factory=Lock, init=False)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether rows were learnt from."""
        return self._model is not None

    def _learnt(self) -> tuple[_stream.StreamModel, StreamRows]:
        check_is_fitted(self)
        assert self._model is not None
        assert self._rows is not None
        return self._model, self._rows

    @property
    def n_rows_(self) -> int:
        """Rows learnt from."""
        return int(self._learnt()[0].n_rows)

    @property
    def n_bytes_(self) -> int:
        """Bytes of the weights' states, with their keys."""
        return int(self._learnt()[0].nbytes)

    @property
    def fit_memory_(self) -> FitMemory:
        """What learning held: these states, for rows pass by and are gone."""
        return FitMemory(vectors=self.n_bytes_)

    @property
    def progressive_loss_(self) -> float:
        """The mean loss of each row before it was learnt from; NaN before the first."""
        _, loss, weight, _, _ = self._learnt()[0].progress
        return loss / weight if weight > 0 else float("nan")

    @property
    def encoder_(self) -> FeatureCross | None:  # type: ignore[override]
        """What encodes tables; None for matrices."""
        encoder: FeatureCross | None = self._cached("encoder", lambda: self._learnt()[1].encoder)
        return encoder

    def _cached(self, name: str, make: Callable[[], Any]) -> Any:
        """What was made from the weights since the last row was learnt."""
        model, rows = self._learnt()
        with self._guard:
            seen = model.n_rows, rows.n_met
            if self._cache.get("seen") != seen:
                self._cache.clear()
                self._cache["seen"] = seen
            if name not in self._cache:
                self._cache[name] = make()
            return self._cache[name]

    def _columns_weights(self) -> Floats:
        """Weights of columns, of shape (n_states, n_columns)."""
        model, rows = self._learnt()
        n_columns, columns, weights = rows.weights(model)
        found = np.zeros((model.n_states, n_columns))
        found[:, columns] = weights.T
        return found

    @property
    def coef_(self) -> Floats:  # type: ignore[override]
        """Weights of columns."""
        weights: Floats = self._cached("coef", self._columns_weights)
        return weights[0] if isinstance(self, RegressorMixin) else weights

    @property
    def intercept_(self) -> Any:
        """The intercept, or one for each class."""
        found = self._learnt()[0].intercepts
        return float(found[0]) if isinstance(self, RegressorMixin) else found

    @property
    def interactions_(self) -> Interactions | None:  # type: ignore[override]
        """Weights of crosses that have names; None where there are none beside `coef_`."""
        model, rows = self._learnt()
        if not rows.told_apart(model):
            raise AttributeError(
                "crosses that are hashed can't be told apart: n_bits=None, or more bits, keeps "
                "them so"
            )
        found: Interactions | None = self._cached("interactions", lambda: rows.interactions(model))
        return found

    @property
    def interaction_counts_(self) -> None:
        """None: nobody counts the crosses of a stream."""
        return

    def _weights_of_outputs(self) -> tuple[int, list[tuple[npt.NDArray[np.intp], Floats]]]:
        model, rows = self._learnt()
        with self._guard:
            n_columns, columns, weights = rows.weights(model)
        return n_columns, [(columns[w != 0], w[w != 0]) for w in weights.T]

    def _unpruned_bytes(self) -> dict[str, int]:
        return {"weights": self.n_bytes_, "crosses": 0}

    def _margins(self, X: Any) -> Floats:
        model, rows = self._learnt()
        if isinstance(X, BlockStore):
            return np.concatenate([self._margins(part.X) for part in X.batches()])
        X = rows_of(X, rows.field_names)
        with self._guard:  # weights and the encoder must be of the same time
            if rows.told_apart(model) and not isinstance(X, Fields):
                return super()._margins(X)
            if not isinstance(X, Fields):
                validate_data(self, X, reset=False, skip_check_array=True)
            found = rows.margins(model, rows.read(X)[0])
        return found[:, 0] if found.shape[1] == 1 else found

    def _margins_one(self, row: Any) -> list[float]:
        model, rows = self._model, self._rows
        if model is None or rows is None:
            model, rows = self._learnt()  # which says that there is none
        with self._guard:
            return rows.margins_one(model, row)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is made anew when it is asked for."""
        state: dict[str, Any] = super().__getstate__()
        return state | ({"_cache": {}} if "_cache" in state else {})
