# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False
"""The stream border: single Python rows in, answers at low latency."""

from itertools import repeat
from operator import index

import numpy as np

from .locks import Lock

from cpython.exc cimport PyErr_Occurred
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t, uintptr_t
from libc.string cimport memcpy
from libcpp.algorithm cimport sort, unique
from libcpp.pair cimport pair
from libcpp.vector cimport vector


cdef extern from "serve/elias_fano.hpp" namespace "sparsecross" nogil:
    cdef cppclass EliasFano:
        EliasFano()
        EliasFano(uint64_t, uint64_t, const uint64_t*, uint64_t, const uint64_t*, uint64_t,
                  const uint64_t*, uint64_t) except +
        void validate() except +

cdef extern from "serve/score.hpp" namespace "sparsecross" nogil:
    cdef cppclass SparseWeights:
        EliasFano index
        const double* values
    double score_row(vector[pair[int64_t, double]]&, const SparseWeights&) except +


cdef inline const uint64_t* _start(const uint64_t[::1] words) noexcept:
    return &words[0] if words.shape[0] else NULL


cdef int64_t _column(object key, uint64_t n_columns) except -1:
    cdef int64_t j
    try:  # exact integers first: they are what rows hold
        j = key if type(key) is int else index(key)
    except (TypeError, OverflowError):
        raise ValueError(f"a column must be an integer below {n_columns}, got {key!r}") from None
    if j < 0 or <uint64_t>j >= n_columns:
        raise ValueError(f"a column must lie between 0 and {n_columns - 1}, got {j}")
    return j


cdef double _finite(object value, object key) except? -1.0:
    cdef double x
    try:
        x = value
    except (TypeError, OverflowError):
        raise ValueError(f"a row's values must be numbers, got {value!r} in column {key!r}") from None
    if x != x or x - x != 0.0:
        raise ValueError(f"a row's values must be finite, got {value!r} in column {key!r}")
    return x


cdef class RowScorer:
    """Margins of single rows under weights by column.

    Parameters
    ----------
    values : ndarray of shape (k,), float64
        The weights that are not 0.
    universe : int
        Number of columns.
    low, high, samples : ndarray of uint64
        The index of the weights' columns, as `_solvers.build_index` makes it.

    Raises
    ------
    ValueError
        If the arrays are not those of an index of `k` columns.
    """

    cdef SparseWeights weights
    cdef readonly uint64_t universe
    cdef tuple arrays

    def __cinit__(self, const double[::1] values not None, uint64_t universe,
                  const uint64_t[::1] low not None, const uint64_t[::1] high not None,
                  const uint64_t[::1] samples not None):
        if (<uintptr_t> _start(low) | <uintptr_t> _start(high) | <uintptr_t> _start(samples)
                | <uintptr_t> (&values[0] if values.shape[0] else NULL)) % 8:
            raise ValueError("arrays must lie at multiples of 8 bytes")
        cdef EliasFano found = EliasFano(
            values.shape[0], universe, _start(low), low.shape[0], _start(high), high.shape[0],
            _start(samples), samples.shape[0])
        found.validate()
        self.arrays = (values, low, high, samples)  # keeps the memory alive
        self.universe = universe
        self.weights.index = found
        self.weights.values = &values[0] if values.shape[0] else NULL

    def margin_of_columns(self, columns):
        """x·w for a row that is 1 in `columns` (an iterable of int) and 0 elsewhere."""
        cdef vector[pair[int64_t, double]] entries
        for key in columns:
            entries.push_back(pair[int64_t, double](_column(key, self.universe), 1.0))
        return score_row(entries, self.weights)

    def margin_of_entries(self, entries):
        """x·w for a row given as a mapping from column to value."""
        cdef vector[pair[int64_t, double]] pairs
        cdef double x
        for key, value in entries.items():
            x = _finite(value, key)
            pairs.push_back(pair[int64_t, double](_column(key, self.universe), x))
        return score_row(pairs, self.weights)


cdef extern from "interactions/rules.hpp" namespace "sparsecross" nogil:
    cdef cppclass Combination:
        Combination()
        int32_t& operator[](size_t)

cdef extern from "stream/border.hpp" namespace "sparsecross" nogil:
    cdef enum class UpdateRule:
        ftrl
        proximal
        subgradient
    cdef enum class LossKind:
        squared
        logistic
        huber
        absolute
    cdef cppclass UpdateOptions:
        UpdateRule rule
        double learning_rate, beta, l1, l2
    cdef cppclass SlotState:
        double value, sum_of_squares
    cdef cppclass ProgressRecord:
        uint64_t n_rows
        double loss, weight, window_loss, window_weight
    cdef cppclass Progress:
        ProgressRecord& now()
        vector[ProgressRecord]& records()
    cdef cppclass Admission:
        uint8_t* counters()
        size_t n_counters()
    cdef enum class SlotsKind "sparsecross::Slots::Kind":
        direct
        hashed
        exact
    cdef cppclass Slots:
        SlotsKind kind()
        int n_states()
        size_t nbytes()
        Admission& admission()
    cdef cppclass StreamLearner:
        double intercept(int)
        Slots& slots()
        vector[SlotState]& intercepts()
        Progress& progress()
        void weights(vector[uint64_t]&, vector[double]&) except +
        void weights_of(const uint64_t*, int64_t, vector[double]&) except +
        void states(vector[uint64_t]&, vector[SlotState]&) except +
        void restore(const uint64_t*, const double*, int64_t) except +
    cdef enum class SeenType "sparsecross::SeenArray::Type":
        none
        int32
        int64
        float32
        float64
    cdef cppclass SeenArray:
        const void* data
        int64_t size
        SeenType type
    cdef cppclass RowArrays:
        SeenArray values, indices, indptr
        int64_t n_rows, n_cols
        bint sparse
    cdef cppclass FieldCodes:
        const int32_t* codes
        const int64_t* offsets
        int64_t n_codes
        int64_t cardinality
    cdef cppclass TableArrays:
        vector[FieldCodes] fields
        vector[const uint64_t*] hashes
        int64_t n_rows
    cdef cppclass StreamSpec:
        UpdateOptions update
        LossKind loss
        double delta
        bint fit_intercept
        uint64_t window
        int n_states, n_bits, admission_count, n_learners
        double admission_probability
        int64_t n_columns
        int order
        vector[int32_t] field
        vector[Combination] combinations
        vector[vector[int]] terms
    ctypedef int (*StopAsked)() noexcept nogil
    cdef cppclass Stream:
        Stream(const StreamSpec&) except +
        StreamLearner& learner()
        void add_fields(const vector[int32_t]&) except +
        int64_t learn(const RowArrays&, const double*, const double*, StopAsked) except +
        int64_t learn(const TableArrays&, const double*, const double*, StopAsked) except +
        void margins(const RowArrays&, double*) except +
        void margins(const TableArrays&, double*) except +


cdef extern from "Python.h":
    # Cython's own declaration would print a handler's exception here and go on.
    int check_signals "PyErr_CheckSignals" () noexcept


cdef int _signalled() noexcept with gil:
    # A handler's exception stays set until the GIL is back for good.
    return check_signals()


cdef int _raise_if_signalled() except -1:
    return -1 if PyErr_Occurred() else 0


cdef SeenArray _seen(object array, str name) except *:
    """An array (None: none) as C++ sees it; whoever calls keeps it alive."""
    cdef SeenArray seen
    cdef uintptr_t address
    seen.data, seen.size, seen.type = NULL, 0, SeenType.none
    if array is None:
        return seen
    if not (isinstance(array, np.ndarray) and array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{name} must be a contiguous, aligned ndarray")
    if array.dtype == np.int32:
        seen.type = SeenType.int32
    elif array.dtype == np.int64:
        seen.type = SeenType.int64
    elif array.dtype == np.float32:
        seen.type = SeenType.float32
    elif array.dtype == np.float64:
        seen.type = SeenType.float64
    else:
        raise TypeError(f"{name} cannot be {array.dtype}")
    address = array.ctypes.data
    seen.data, seen.size = <const void*> address, array.size
    return seen


cdef const double* _row_numbers(const double[::1] values, int64_t n_rows, str name) except? NULL:
    """Where the numbers of rows begin; NULL where there are none."""
    if values is None:
        return NULL
    if values.shape[0] != n_rows:
        raise ValueError(f"{name} must have length {n_rows}, got {values.shape[0]}")
    return &values[0] if n_rows else NULL


cdef object _vector_of_keys(vector[uint64_t]& from_):
    out = np.empty(from_.size(), np.uint64)
    cdef uint64_t[::1] to = out
    if from_.size():
        memcpy(&to[0], from_.data(), from_.size() * sizeof(uint64_t))
    return out


cdef object _vector_of_numbers(const double* from_, size_t n):
    out = np.empty(n, np.float64)
    cdef double[::1] to = out
    if n:
        memcpy(&to[0], from_, n * sizeof(double))
    return out


cdef class StreamModel:
    """A linear model that learns from rows as they come.

    Parameters
    ----------
    spec : dict
        `update` (0 ftrl, 1 proximal, 2 subgradient), `learning_rate`, `beta`, `l1`, `l2`, `loss`
        (0 squared, 1 logistic, 2 huber, 3 absolute), `delta`, `fit_intercept`, `window`,
        `n_states` (1, or the number of classes), `n_bits` (0: exact keys), `admission_count`,
        `admission_probability`, `n_learners`; and either `n_columns`, `order`, `field`, `combinations`, or
        `terms`, for rows of tables.

    Raises
    ------
    ValueError
        If these contradict one another.
    """

    cdef Stream* stream
    cdef readonly dict spec
    cdef list added  # fields of columns that came later
    cdef object lock  # the GIL is released while it learns
    # Of rows that come one at a time: entries by column, or codes and hashes by field.
    cdef vector[pair[int64_t, double]] entries
    cdef vector[int64_t] columns
    cdef vector[double] values
    cdef int64_t row_ends[2]
    cdef vector[vector[uint64_t]] row_hashes
    cdef vector[int32_t] counting, unknown

    def __cinit__(self, dict spec not None):
        cdef StreamSpec to
        cdef Combination combination
        to.update.rule = <UpdateRule> <int> spec["update"]
        to.update.learning_rate, to.update.beta = spec["learning_rate"], spec["beta"]
        to.update.l1, to.update.l2 = spec["l1"], spec["l2"]
        to.loss, to.delta = <LossKind> <int> spec["loss"], spec["delta"]
        to.fit_intercept, to.window = spec["fit_intercept"], spec["window"]
        to.n_states, to.n_bits = spec["n_states"], spec["n_bits"]
        to.n_learners = spec["n_learners"]
        to.admission_count = spec["admission_count"]
        to.admission_probability = spec["admission_probability"]
        if "terms" in spec:
            to.terms = spec["terms"]
            to.n_columns, to.order = 0, 1
        else:
            to.n_columns, to.order = spec["n_columns"], spec["order"]
            to.field = spec["field"]
            for row in spec["combinations"]:
                combination[0], combination[1], combination[2] = row
                to.combinations.push_back(combination)
        self.lock = Lock()
        self.spec = dict(spec)
        self.added = []
        self.stream = new Stream(to)

    def __reduce__(self):
        spec = self.spec
        if self.added:
            spec = spec | {"field": spec["field"] + self.added}
        return _restored, (spec, self.state())

    def __dealloc__(self):
        del self.stream

    cdef RowArrays _rows(self, tuple arrays, int64_t n_rows, int64_t n_cols) except *:
        cdef RowArrays rows
        if len(arrays) not in (1, 3):
            raise ValueError(f"there must be one array or three, got {len(arrays)}")
        rows.n_rows, rows.n_cols, rows.sparse = n_rows, n_cols, len(arrays) == 3
        rows.values = _seen(arrays[0], "values")
        if rows.sparse:
            rows.indices, rows.indptr = _seen(arrays[1], "indices"), _seen(arrays[2], "indptr")
        return rows

    cdef TableArrays _table(self, list hashes, list codes, int64_t n_rows) except *:
        cdef TableArrays table
        cdef FieldCodes field
        cdef const uint64_t[::1] of_categories
        cdef const int32_t[::1] numbers
        cdef const int64_t[::1] offsets
        table.n_rows = n_rows
        for of_categories in hashes:
            table.hashes.push_back(&of_categories[0] if of_categories.shape[0] else NULL)
        for (numbers, offsets), of_categories in zip(codes, hashes, strict=True):
            field.codes = &numbers[0] if numbers.shape[0] else NULL
            field.n_codes, field.cardinality = numbers.shape[0], of_categories.shape[0]
            field.offsets = NULL
            if offsets is not None:
                if offsets.shape[0] != n_rows + 1:
                    raise ValueError(f"offsets must have length {n_rows + 1}")
                field.offsets = &offsets[0]
            table.fields.push_back(field)
        return table

    def learn(self, tuple arrays not None, int64_t n_rows, int64_t n_cols,
              const double[::1] y not None, const double[::1] weight):
        """Learn from rows: (values,) dense, or (values or None, indices, indptr).

        Returns how many rows were learnt from: all, unless a signal's handler raised.
        """
        cdef RowArrays rows = self._rows(arrays, n_rows, n_cols)
        cdef const double* targets = _row_numbers(y, n_rows, "y")
        cdef const double* weights = _row_numbers(weight, n_rows, "weight")
        cdef int64_t done
        with self.lock:
            with nogil:
                done = self.stream.learn(rows, targets, weights, _signalled)
            _raise_if_signalled()
        return done

    def learn_table(self, list hashes not None, list codes not None, int64_t n_rows,
                    const double[::1] y not None, const double[::1] weight):
        """Learn from rows of a table: of each field its hashes and (codes, offsets or None)."""
        cdef TableArrays table = self._table(hashes, codes, n_rows)
        cdef const double* targets = _row_numbers(y, n_rows, "y")
        cdef const double* weights = _row_numbers(weight, n_rows, "weight")
        cdef int64_t done
        with self.lock:
            with nogil:
                done = self.stream.learn(table, targets, weights, _signalled)
            _raise_if_signalled()
        return done

    def margins(self, tuple arrays not None, int64_t n_rows, int64_t n_cols):
        """Margins (n_rows, n_states) of rows given as for `learn`."""
        cdef RowArrays rows = self._rows(arrays, n_rows, n_cols)
        out = np.empty((n_rows, self.n_states), np.float64)
        cdef double[:, ::1] to = out
        if n_rows == 0:
            return out
        with self.lock:
            with nogil:
                self.stream.margins(rows, &to[0, 0])
        return out

    def margins_of_table(self, list hashes not None, list codes not None, int64_t n_rows):
        """Margins (n_rows, n_states) of rows given as for `learn_table`."""
        cdef TableArrays table = self._table(hashes, codes, n_rows)
        out = np.empty((n_rows, self.n_states), np.float64)
        cdef double[:, ::1] to = out
        if n_rows == 0:
            return out
        with self.lock:
            with nogil:
                self.stream.margins(table, &to[0, 0])
        return out

    cdef RowArrays _one(self, list columns, list values, int64_t n_columns) except *:
        cdef RowArrays row
        cdef size_t e
        self.entries.clear()
        for key, value in zip(columns, repeat(1.0) if values is None else values):
            self.entries.push_back(
                pair[int64_t, double](_column(key, n_columns), _finite(value, key)))
        sort(self.entries.begin(), self.entries.end())
        self.columns.clear()
        self.values.clear()
        for e in range(self.entries.size()):
            if e and self.entries[e].first == self.entries[e - 1].first:
                raise ValueError(f"a row must name a column once, got {self.entries[e].first} twice")
            self.columns.push_back(self.entries[e].first)
            self.values.push_back(self.entries[e].second)
        self.row_ends[0], self.row_ends[1] = 0, <int64_t> self.columns.size()
        row.sparse, row.n_rows, row.n_cols = True, 1, n_columns
        row.values.data, row.values.size = self.values.data(), self.values.size()
        row.values.type, row.indices.type = SeenType.float64, SeenType.int64
        row.indices.data, row.indices.size = self.columns.data(), self.columns.size()
        row.indptr.data, row.indptr.size, row.indptr.type = &self.row_ends[0], 2, SeenType.int64
        return row

    cdef TableArrays _one_of_table(self, list fields) except *:
        """Of each field a hash, the hashes of its tokens, or None."""
        cdef TableArrays table
        cdef FieldCodes field
        cdef size_t f = 0, longest = 1
        self.row_hashes.resize(len(fields))
        for given in fields:
            self.row_hashes[f].clear()
            if type(given) is list:
                for each in <list> given:
                    self.row_hashes[f].push_back(each)
                sort(self.row_hashes[f].begin(), self.row_hashes[f].end())
                self.row_hashes[f].erase(
                    unique(self.row_hashes[f].begin(), self.row_hashes[f].end()),
                    self.row_hashes[f].end())
            elif given is not None:
                self.row_hashes[f].push_back(given)
            longest = max(longest, self.row_hashes[f].size())
            f += 1
        while self.counting.size() < longest:
            self.counting.push_back(<int32_t> self.counting.size())
        # Where a list of tokens begins and ends; a vector of their own, for they must not move.
        self.columns.assign(2 * len(fields), 0)
        self.unknown.assign(1, -1)
        table.n_rows = 1
        for f in range(self.row_hashes.size()):
            field.cardinality = self.row_hashes[f].size()
            if type(fields[f]) is list:
                field.codes, field.n_codes = self.counting.data(), field.cardinality
                self.columns[2 * f + 1] = field.cardinality
                field.offsets = self.columns.data() + 2 * f
            else:
                field.codes = self.counting.data() if field.cardinality else self.unknown.data()
                field.n_codes = 1
                field.offsets = NULL
            table.fields.push_back(field)
            table.hashes.push_back(self.row_hashes[f].data())
        return table

    def add_fields(self, list fields not None):
        """Tell the fields of columns behind those whose fields are known."""
        with self.lock:
            self.stream.add_fields(fields)
            self.added += fields

    def learn_entries(self, list columns not None, list values, int64_t n_columns, double y,
                      double weight):
        """Learn from one row, given by columns and values (None: all 1)."""
        with self.lock:
            self.stream.learn(self._one(columns, values, n_columns), &y, &weight, NULL)

    def margins_of_entries(self, list columns not None, list values, int64_t n_columns):
        """Margins of one row, given as for `learn_entries`."""
        cdef vector[double] out
        out.resize(self.n_states)
        with self.lock:
            self.stream.margins(self._one(columns, values, n_columns), out.data())
        return out

    def learn_hashes(self, list fields not None, double y, double weight):
        """Learn from one row of a table: of each field a hash, a list of hashes, or None."""
        with self.lock:
            self.stream.learn(self._one_of_table(fields), &y, &weight, NULL)

    def margins_of_hashes(self, list fields not None):
        """Margins of one row, given as for `learn_hashes`."""
        cdef vector[double] out
        out.resize(self.n_states)
        with self.lock:
            self.stream.margins(self._one_of_table(fields), out.data())
        return out

    def weights_of(self, const uint64_t[::1] keys not None):
        """Weights (m, n_states) of these keys."""
        cdef vector[double] values
        with self.lock:
            self.stream.learner().weights_of(&keys[0] if keys.shape[0] else NULL, keys.shape[0], values)
        return _vector_of_numbers(values.data(), values.size()).reshape(-1, self.n_states)

    @property
    def n_states(self):
        """1, or the number of classes."""
        return self.stream.learner().slots().n_states()

    @property
    def keying(self):
        """How keys find their weights: "direct", "hashed" or "exact"."""
        return ("direct", "hashed", "exact")[<int> self.stream.learner().slots().kind()]

    @property
    def nbytes(self):
        """Bytes of the states, their keys, and of what admits keys."""
        return self.stream.learner().slots().nbytes()

    @property
    def n_rows(self):
        """Rows learnt from."""
        return self.stream.learner().progress().now().n_rows

    @property
    def progress(self):
        """(rows, loss, weight, loss since the last record, weight since then): sums."""
        cdef ProgressRecord p = self.stream.learner().progress().now()
        return p.n_rows, p.loss, p.weight, p.window_loss, p.window_weight

    @property
    def n_records(self):
        """Records that were not taken yet."""
        return self.stream.learner().progress().records().size()

    def take_records(self):
        """Records of `progress` since this was last asked."""
        cdef vector[ProgressRecord] records
        with self.lock:
            records.swap(self.stream.learner().progress().records())
        return [(r.n_rows, r.loss, r.weight, r.window_loss, r.window_weight) for r in records]

    @property
    def intercepts(self):
        """Intercepts, of shape (n_states,)."""
        return np.array([self.stream.learner().intercept(k) for k in range(self.n_states)])

    def weights(self):
        """Keys (m,) and weights (m, n_states), wherever one of them is not 0."""
        cdef vector[uint64_t] keys
        cdef vector[double] values
        with self.lock:
            with nogil:
                self.stream.learner().weights(keys, values)
        return _vector_of_keys(keys), _vector_of_numbers(values.data(), values.size()).reshape(
            -1, self.n_states)

    def state(self):
        """All that was learnt, as arrays by name."""
        cdef vector[uint64_t] keys
        cdef vector[SlotState] states
        cdef StreamLearner* learner = &self.stream.learner()
        cdef Admission* admission = &learner.slots().admission()
        with self.lock:
            with nogil:
                learner.states(keys, states)
            counters = np.empty(admission.n_counters(), np.uint8)
            _copy_bytes(counters, admission.counters())
            return {
                "keys": _vector_of_keys(keys),
                "states": _vector_of_numbers(<const double*> states.data(), 2 * states.size()),
                "icpt": _vector_of_numbers(
                    <const double*> learner.intercepts().data(), 2 * learner.intercepts().size()),
                "counters": counters,
                "progress": np.array(self.progress, np.float64),
            }

    def restore(self, dict arrays not None):
        """Put back what `state` gave, into a model that has learnt nothing.

        Raises
        ------
        ValueError
            If the arrays are not those of a model like this one.
        """
        cdef const uint64_t[::1] keys = arrays["keys"]
        cdef const double[::1] states = arrays["states"]
        cdef const double[::1] intercepts = arrays["icpt"]
        cdef const double[::1] progress = arrays["progress"]
        cdef const uint8_t[::1] counters = arrays["counters"]
        cdef StreamLearner* learner = &self.stream.learner()
        cdef Admission* admission = &learner.slots().admission()
        cdef int K = self.n_states
        if (states.shape[0] != 2 * K * keys.shape[0] or intercepts.shape[0] != 2 * K
                or progress.shape[0] != 5 or <size_t> counters.shape[0] != admission.n_counters()):
            raise ValueError("the state is of another model than this one")
        for values in (arrays["states"], arrays["icpt"], arrays["progress"]):
            if not np.isfinite(values).all():
                raise ValueError("the state holds numbers that are not finite")
        if not 0 <= progress[0] < 2.0**63:
            raise ValueError(f"the state cannot be one after {progress[0]} rows")
        if (arrays["states"][1::2] < 0).any() or (arrays["icpt"][1::2] < 0).any():
            raise ValueError("the state holds negative sums of squares")
        with self.lock:
            if keys.shape[0]:
                learner.restore(&keys[0], &states[0], keys.shape[0])
            memcpy(learner.intercepts().data(), &intercepts[0], 2 * K * sizeof(double))
            if counters.shape[0]:
                memcpy(admission.counters(), &counters[0], counters.shape[0])
            learner.progress().now().n_rows = <uint64_t> progress[0]
            learner.progress().now().loss, learner.progress().now().weight = progress[1], progress[2]
            learner.progress().now().window_loss, learner.progress().now().window_weight = progress[3], progress[4]


cdef void _copy_bytes(uint8_t[::1] to, const uint8_t* from_):
    if to.shape[0]:
        memcpy(&to[0], from_, to.shape[0])


def _restored(spec, arrays):
    model = StreamModel(spec)
    model.restore(arrays)
    return model
