# Learning from rows as they come.


cdef extern from "Python.h":
    # Cython's own declaration would print a handler's exception here and go on.
    int check_signals "PyErr_CheckSignals" () noexcept


cdef int _signalled() noexcept with gil:
    # A handler's exception stays set until the GIL is back for good.
    return check_signals()


cdef int _raise_if_signalled() except -1:
    return -1 if PyErr_Occurred() else 0


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
    cdef OneRow row  # rows that come one at a time
    cdef OneTableRow table_row

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

    def learn(self, tuple arrays not None, int64_t n_rows, int64_t n_cols,
              const double[::1] y not None, const double[::1] weight):
        """Learn from rows: (values,) dense, or (values or None, indices, indptr).

        Returns how many rows were learnt from: all, unless a signal's handler raised.
        """
        return _learn(self, _rows_of(arrays, n_rows, n_cols), y, weight)

    def learn_table(self, list hashes not None, list codes not None, int64_t n_rows,
                    const double[::1] y not None, const double[::1] weight):
        """Learn from rows of a table: of each field its hashes and (codes, offsets or None)."""
        return _learn(self, _table_of(hashes, codes, n_rows), y, weight)

    def margins(self, tuple arrays not None, int64_t n_rows, int64_t n_cols):
        """Margins (n_rows, n_states) of rows given as for `learn`."""
        return _margins(self, _rows_of(arrays, n_rows, n_cols))

    def margins_of_table(self, list hashes not None, list codes not None, int64_t n_rows):
        """Margins (n_rows, n_states) of rows given as for `learn_table`."""
        return _margins(self, _table_of(hashes, codes, n_rows))

    cdef RowArrays _one(self, list columns, list values, int64_t n_columns) except *:
        self.row.clear()
        for key, value in zip(columns, repeat(1.0) if values is None else values):
            self.row.push(_column(key, n_columns), _finite(value, key))
        return self.row.arrays(n_columns)

    cdef TableArrays _one_of_table(self, list fields) except *:
        """Of each field a hash, the hashes of its tokens, or None."""
        self.table_row.clear()
        for given in fields:
            self.table_row.begin_field(type(given) is list)
            if type(given) is list:
                for each in <list> given:
                    self.table_row.push(each)
            elif given is not None:
                self.table_row.push(given)
        return self.table_row.arrays()

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
                "slots": _vector_of_numbers(<const double*> states.data(), 2 * states.size()),
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
        cdef const double[::1] states = arrays["slots"]
        cdef const double[::1] intercepts = arrays["icpt"]
        cdef const double[::1] progress = arrays["progress"]
        cdef const uint8_t[::1] counters = arrays["counters"]
        cdef StreamLearner* learner = &self.stream.learner()
        cdef Admission* admission = &learner.slots().admission()
        cdef int K = self.n_states
        if (states.shape[0] != 2 * K * keys.shape[0] or intercepts.shape[0] != 2 * K
                or progress.shape[0] != 5 or <size_t> counters.shape[0] != admission.n_counters()):
            raise ValueError("the state is of another model than this one")
        for values in (arrays["slots"], arrays["icpt"], arrays["progress"]):
            if not np.isfinite(values).all():
                raise ValueError("the state holds numbers that are not finite")
        if not 0 <= progress[0] < 2.0**63:
            raise ValueError(f"the state cannot be one after {progress[0]} rows")
        if (arrays["slots"][1::2] < 0).any() or (arrays["icpt"][1::2] < 0).any():
            raise ValueError("the state holds negative roots")
        with self.lock:
            if keys.shape[0]:
                learner.restore(&keys[0], &states[0], keys.shape[0])
            memcpy(learner.intercepts().data(), &intercepts[0], 2 * K * sizeof(double))
            if counters.shape[0]:
                memcpy(admission.counters(), &counters[0], counters.shape[0])
            learner.progress().now().n_rows = <uint64_t> progress[0]
            learner.progress().now().loss, learner.progress().now().weight = progress[1], progress[2]
            learner.progress().now().window_loss, learner.progress().now().window_weight = progress[3], progress[4]


ctypedef fused Rows:
    RowArrays
    TableArrays


cdef int64_t _learn(StreamModel model, Rows rows, const double[::1] y,
                    const double[::1] weight) except -1:
    cdef const double* targets = _row_numbers(y, rows.n_rows, "y")
    cdef const double* weights = _row_numbers(weight, rows.n_rows, "weight")
    cdef int64_t done = 0
    with model.lock:
        with nogil:
            done = model.stream.learn(rows, targets, weights, _signalled)
        _raise_if_signalled()
    return done


cdef object _margins(StreamModel model, Rows rows):
    out = np.empty((rows.n_rows, model.n_states), np.float64)
    cdef double[:, ::1] to = out
    if rows.n_rows:
        with model.lock:
            with nogil:
                model.stream.margins(rows, &to[0, 0])
    return out


cdef void _copy_bytes(uint8_t[::1] to, const uint8_t* from_):
    if to.shape[0]:
        memcpy(&to[0], from_, to.shape[0])


def _restored(spec, arrays):
    model = StreamModel(spec)
    model.restore(arrays)
    return model
