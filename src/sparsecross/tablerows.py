"""Rows of a table in a stream, whose categories and crosses are hashed."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _stream
from ._inputs import Floats
from .crossing import FeatureCross
from .dictionaries import Dictionary, one_row
from .fields import is_null
from .hashing import HashedColumns, hashed_field
from .rowlists import mapping_of_row
from .streamrows import StreamRows, Weights
from .streamtables import check_fields_of_row, read_rows

_REMEMBERED = 1 << 20  # hashes of values that a field has had


class TableRows(StreamRows):
    """Rows of a table of categories, whose levels and crosses are hashed.

    Parameters
    ----------
    encoder : FeatureCross
        Fitted, with `n_bits`.
    """

    field_names: list[str]

    def __init__(self, encoder: FeatureCross) -> None:
        learnt = encoder._learnt
        if not isinstance(learnt, HashedColumns):
            raise ValueError("rows of a stream's tables must be encoded by hashes")
        self.field_names = encoder._names
        self._encoder = encoder
        self._learnt = learnt
        # Of each field hashes of categories that batches have brought.
        self._known: list[dict[bytes, int]] = [{} for _ in learnt.dictionaries]
        # Of each field how it is read, and hashes of strings that single rows have brought.
        self._hashes: list[tuple[Dictionary, dict[Any, int]]]
        self._hashes = [(d, {}) for d in learnt.dictionaries]

    def __reduce__(self) -> Any:
        """Pickled without the hashes that it remembers."""
        return TableRows, (self._encoder,)

    @property
    def encoder(self) -> FeatureCross:
        """What hashes tables to columns, crosses among them."""
        return self._encoder

    def spec(self) -> dict[str, Any]:
        """What the compiled stream must know of rows."""
        return {"terms": [list(term) for term in self._learnt.terms]}

    def read(self, X: Any) -> tuple[Any, int]:
        """Read a batch; returns what `learn` and `margins` take, and the number of rows."""
        columns, n_rows = read_rows(X, self.field_names)
        for known in self._known:
            if len(known) > _REMEMBERED:
                known.clear()
        hashes, codes = self._learnt.read(columns, self._known)
        return (hashes, codes, n_rows), n_rows

    def learn(
        self, model: _stream.StreamModel, batch: Any, y: Floats, weight: Floats | None
    ) -> None:
        """Learn from a batch that was read."""
        hashes, codes, n_rows = batch
        model.learn_table(hashes, codes, n_rows, y, weight)

    def margins(self, model: _stream.StreamModel, batch: Any) -> Floats:
        """Margins of a batch that was read, of shape (n_rows, n_states)."""
        return model.margins_of_table(*batch)

    def learn_one(self, model: _stream.StreamModel, row: Any, y: float, weight: float) -> None:
        """Learn from one row."""
        model.learn_hashes(self._hashes_of(row), y, weight)

    def margins_one(self, model: _stream.StreamModel, row: Any) -> list[float]:
        """Margins of one row."""
        return model.margins_of_hashes(self._hashes_of(row))

    def weights(self, model: _stream.StreamModel) -> Weights:
        """Weights of columns, crosses among them."""
        keys, weights = model.weights()
        return self._learnt.n_columns, keys.astype(np.intp), weights

    def interactions(self, model: _stream.StreamModel) -> None:
        """None: crosses are columns."""
        return

    def _hashes_of(self, row: Any) -> list[Any]:
        """Of each field the hash of the row's category, or those of its tokens."""
        if type(row) is not dict:
            row = mapping_of_row(row, self.field_names)
        check_fields_of_row(row, self.field_names)
        found: list[Any] = []
        for d, known in self._hashes:
            value = row[d.name]
            # What was met before costs a look; everything else is looked at closely.
            if d.several and type(value) in (list, tuple):
                try:
                    found.append([known[token] for token in value])
                except (KeyError, TypeError):
                    pass
                else:
                    continue
            elif type(value) is str and value in known:
                found.append(known[value])
                continue
            if d.kind != "text":
                found.append(_hashes_of_value(d, value))
            elif d.several and isinstance(value, list | tuple):
                found.append([_remember(d, known, token) for token in value if not is_null(token)])
            elif isinstance(value, str) and not d.several:
                found.append(_remember(d, known, value))
            else:
                found.append(_hashes_of_value(d, value))
        return found


def _remember(d: Dictionary, known: dict[Any, int], text: Any) -> int:
    """Hash a string, and remember it where there is room."""
    if not isinstance(text, str):
        raise ValueError(f"field {d.name!r} was fitted with strings, but holds {text!r}.")
    if len(known) >= _REMEMBERED:
        known.clear()
    known[str(text)] = found = d.hash_of_text(text)
    return found


def _hashes_of_value(d: Dictionary, value: Any) -> int | list[int] | None:
    hashes, (codes, offsets) = hashed_field(d, one_row(value, d.name))
    if offsets is not None:
        ordered: list[int] = hashes[codes].tolist()
        return ordered
    return int(hashes[codes[0]]) if codes[0] >= 0 else None
