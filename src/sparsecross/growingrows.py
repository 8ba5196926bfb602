"""Rows of a table whose categories are numbered as they are met, for exact keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from . import _solvers, _stream
from ._inputs import Floats
from .crossing import FeatureCross
from .dictionaries import Dictionary, one_row
from .hashing import categories_of
from .interactions import Interactions, combinations_of, order_of
from .rowlists import mapping_of_row
from .streamrows import StreamRows, Weights, weights_of_columns, weights_of_crosses
from .streamtables import check_fields_of_row, read_rows


class GrowingRows(StreamRows):
    """Rows of a table; each category of a field becomes a column when it is first met.

    Parameters
    ----------
    names : list of str
        Of the fields.
    kinds : list of Dictionary
        Of the first batch: of what kind each field is, and the edges of numbers.
    interactions : {"pairwise", "triples"}, list of tuples, or None
        Which fields cross.
    parameters : dict
        Of the encoder: `numeric_nulls`, `n_threads`.

    Attributes
    ----------
    columns : list of list
        Of each field its categories, in the order in which they were met.
    """

    field_names: list[str]

    def __init__(
        self,
        names: list[str],
        kinds: list[Dictionary],
        interactions: Any,
        parameters: dict[str, Any],
    ) -> None:
        self.field_names, self.kinds, self.parameters = names, kinds, parameters
        self.combinations: list[list[int]] = []
        if interactions is not None and not isinstance(interactions, str):
            labels: dict[Any, int] = dict(enumerate(range(len(names))))
            labels |= {name: f for f, name in enumerate(names)}
            self.combinations = combinations_of(interactions, labels, whole_fields=True).tolist()
        self.order = order_of(interactions)
        self.n_columns = _solvers.ProductKeys.most_columns(self.order)
        self._places: list[dict[Any, int]] = [{} for _ in names]
        self._field_of: list[int] = []  # of each column
        self._n_told = 0  # columns whose field the compiled stream knows

    def spec(self) -> dict[str, Any]:
        """What the compiled stream must know of rows."""
        return {
            "n_columns": self.n_columns,
            "order": self.order,
            "field": [],
            "combinations": self.combinations,
        }

    @property
    def n_met(self) -> int:
        """Columns so far."""
        return len(self._field_of)

    def _settle(self, f: int, here: Dictionary) -> None:
        """Take over the kind of a field that has held nulls only so far."""
        if self.kinds[f].kind == "null" and here.kind != "null":
            self.kinds[f] = replace(here.only(np.zeros(0, np.int64)), has_null=False)

    def _column_of(self, f: int, value: Any) -> int:
        """The column of a category of field f, which may be a new one."""
        place = self._places[f].get(value)
        if place is None:
            place = len(self._field_of)
            if place >= self.n_columns:
                raise ValueError(
                    f"at most {self.n_columns:,} categories have exact keys; n_bits hashes them"
                )
            self._places[f][value] = place
            self._field_of.append(f)
        return place

    def read(self, X: Any) -> tuple[Any, int]:
        """Read a batch; returns what `learn` and `margins` take, and the number of rows."""
        columns, n_rows = read_rows(X, self.field_names)
        entries = []  # of each field its rows, their codes, and the dictionary of these
        for d, column in zip(self.kinds, columns, strict=True):
            here, (codes, offsets) = categories_of(d, column)
            rows = np.arange(n_rows)
            if offsets is not None:
                rows = np.repeat(rows, np.diff(offsets))
            entries.append((rows[codes >= 0], codes[codes >= 0], here))
        return (entries, n_rows), n_rows

    def _number(self, entries: list[Any]) -> None:
        """Make columns of the categories that are new, in the order in which rows hold them."""
        new = []
        for f, (rows, codes, here) in enumerate(entries):
            self._settle(f, here)
            values = here.plain_values()
            met, first = np.unique(codes, return_index=True)
            new += [
                (row, f, code, values[code])
                for row, code in zip(rows[first].tolist(), met.tolist(), strict=True)
                if values[code] not in self._places[f]
            ]
        # So are those of rows that come one at a time: cutting a stream changes no sum.
        for _, f, _, value in sorted(new, key=lambda each: each[:3]):
            self._column_of(f, value)

    def _arrays(self, entries: list[Any], n_rows: int) -> tuple[Any, int, int]:
        """The rows in CSR, without categories that have no column."""
        indices = [
            np.array([self._places[f].get(v, -1) for v in here.plain_values()], np.int64)[codes]
            for f, (_, codes, here) in enumerate(entries)
        ]
        all_rows = np.concatenate([rows for rows, _, _ in entries])
        all_columns = np.concatenate(indices)
        known = all_columns >= 0
        matrix = sp.csr_matrix(
            (np.ones(int(known.sum())), (all_rows[known], all_columns[known])),
            shape=(n_rows, max(self.n_met, 1)),
        )
        matrix.sort_indices()
        return (None, matrix.indices, matrix.indptr), n_rows, self.n_columns

    def tell(self, model: _stream.StreamModel) -> None:
        """Tell the compiled stream of the fields of new columns."""
        if self.combinations and self._n_told < self.n_met:
            model.add_fields(self._field_of[self._n_told :])
            self._n_told = self.n_met

    def learn(
        self, model: _stream.StreamModel, batch: Any, y: Floats, weight: Floats | None
    ) -> None:
        """Learn from a batch that was read."""
        self._number(batch[0])
        self.tell(model)
        model.learn(*self._arrays(*batch), y, weight)

    def margins(self, model: _stream.StreamModel, batch: Any) -> Floats:
        """Margins of a batch that was read, of shape (n_rows, n_states)."""
        return model.margins(*self._arrays(*batch))

    def learn_one(self, model: _stream.StreamModel, row: Any, y: float, weight: float) -> None:
        """Learn from one row."""
        entries = self._entries(row, learning=True)
        self.tell(model)
        model.learn_entries(entries, None, self.n_columns, y, weight)

    def margins_one(self, model: _stream.StreamModel, row: Any) -> list[float]:
        """Margins of one row."""
        entries = self._entries(row, learning=False)
        return model.margins_of_entries(entries, None, self.n_columns)

    def _entries(self, row: Any, *, learning: bool) -> list[int]:
        met: list[tuple[int, Any]] = []
        kinds: list[tuple[int, Dictionary]] = []
        row = mapping_of_row(row, self.field_names)
        check_fields_of_row(row, self.field_names)
        for f, d in enumerate(self.kinds):
            value = row[d.name]
            if type(value) is str and not d.several and value in self._places[f]:
                met.append((f, value))
                continue
            here, (codes, _) = categories_of(d, one_row(value, d.name))
            values = here.plain_values()
            met += [(f, values[code]) for code in codes.tolist() if code >= 0]
            kinds.append((f, here))
        if not learning:
            return [self._places[f][value] for f, value in met if value in self._places[f]]
        for f, here in kinds:  # only now is the row known to be sound
            self._settle(f, here)
        return [self._column_of(f, value) for f, value in met]

    # What was met, as an encoder

    def _sorted(self) -> list[list[Any]]:
        """Of each field its categories, sorted, null last."""
        return [
            sorted(v for v in places if v is not None) + [None] * (None in places)
            for places in self._places
        ]

    @property
    def encoder(self) -> FeatureCross:
        """An encoder of the categories met so far."""
        dictionaries = [
            d.of_values([v for v in values if v is not None], None in places)
            for d, values, places in zip(self.kinds, self._sorted(), self._places, strict=True)
        ]
        return FeatureCross._of_levels(self.field_names, dictionaries, **self.parameters)

    @property
    def column_order(self) -> npt.NDArray[np.int64]:
        """Of each column of the encoder, the number that it has here; -1 if it was never met."""
        found = []
        for d, values, places in zip(self.kinds, self._sorted(), self._places, strict=True):
            if d.kind == "bucket":
                values = [*range(d.n_values), *([None] * (None in places))]
            found.append([places.get(value, -1) for value in values])
        return np.array(list(chain.from_iterable(found)), dtype=np.int64)

    def weights(self, model: _stream.StreamModel) -> Weights:
        """Weights of the encoder's columns."""
        # What was never met has a key that none has.
        return weights_of_columns(model, self.column_order.astype(np.uint64))

    def interactions(self, model: _stream.StreamModel) -> Interactions | None:
        """Weights of crosses of the encoder's columns; None where there are none."""
        if self.order == 1:
            return None
        met = weights_of_crosses(model, self.n_columns, self.order)  # by the numbers here
        order = self.column_order
        place = np.full(self.n_met + 1, -1, np.int64)  # the last: no column
        place[order[order >= 0]] = np.flatnonzero(order >= 0)
        columns = place[met.padded]
        pairs = columns[:, 2] < 0
        columns[pairs, :2] = np.sort(columns[pairs, :2], axis=1)
        columns[~pairs] = np.sort(columns[~pairs], axis=1)
        sorting = np.lexsort((columns[:, 2], columns[:, 1], columns[:, 0], ~pairs))
        names = self.encoder.get_feature_names_out()
        return Interactions(
            np.ascontiguousarray(columns[sorting, : self.order]),
            np.ascontiguousarray(met.values[sorting]),
            len(order),
            names,
        )

    def state(self) -> dict[str, Any]:
        """Of each field its categories in the order in which they were met, for JSON."""
        met = sorted(
            ((place, f, value) for f, p in enumerate(self._places) for value, place in p.items()),
            key=lambda each: each[0],
        )
        return {"fields": [f for _, f, _ in met], "values": [value for _, _, value in met]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        for place, (f, value) in enumerate(zip(state["fields"], state["values"], strict=True)):
            self._places[f][value] = place
            self._field_of.append(f)
