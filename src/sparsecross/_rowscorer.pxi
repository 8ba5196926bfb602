# Serving: the margins of single rows.


cdef StoredWeights _stored_weights(object values, int exponent) except *:
    cdef WeightType kind
    cdef uintptr_t address
    if not (isinstance(values, np.ndarray) and values.ndim == 1 and values.flags.c_contiguous
            and values.flags.aligned):
        raise ValueError("values must be a one-dimensional, contiguous, aligned ndarray")
    if values.dtype == np.float64:
        kind = WeightType.float64
    elif values.dtype == np.float32:
        kind = WeightType.float32
    elif values.dtype == np.float16:
        kind = WeightType.float16
    elif values.dtype == np.int16:
        kind = WeightType.q2_13
    else:
        raise TypeError(f"values cannot be {values.dtype}")
    address = values.ctypes.data
    return StoredWeights(<const void*> address, kind, exponent)


cdef SparseWeights _weights(object values, int exponent, uint64_t universe,
                            const uint64_t[::1] low, const uint64_t[::1] high,
                            const uint32_t[::1] samples) except *:
    cdef SparseWeights weights
    cdef const uint64_t* first_low = &low[0] if low.shape[0] else NULL
    cdef const uint64_t* first_high = &high[0] if high.shape[0] else NULL
    cdef const uint32_t* first_sample = &samples[0] if samples.shape[0] else NULL
    if (<uintptr_t> first_low | <uintptr_t> first_high) % 8 or <uintptr_t> first_sample % 4:
        raise ValueError("the arrays of an index must be aligned")
    weights.values = _stored_weights(values, exponent)
    weights.index = EliasFano(len(values), universe, first_low, low.shape[0], first_high,
                              high.shape[0], first_sample, samples.shape[0])
    weights.index.validate()
    return weights


cdef class RowScorer:
    """Margins of single rows under a model's weights by column.

    Parameters
    ----------
    universe : int
        Number of columns.
    exponent : int
        Of weights of type q2.13; else 0.
    intercepts : ndarray of shape (n_outputs,), float64
    outputs : list of tuple
        Of each output its weights that are not 0 (float64, float32, float16 or int16) and low, high
        and samples, the index of their columns as `_solvers.build_index` makes it.

    Raises
    ------
    ValueError
        If the arrays are not those of such weights.
    """

    cdef vector[SparseWeights] weights
    cdef vector[double] intercepts
    cdef readonly uint64_t universe
    cdef list arrays

    def __cinit__(self, uint64_t universe, int exponent, const double[::1] intercepts not None,
                  list outputs not None):
        if intercepts.shape[0] != len(outputs):
            raise ValueError(f"{len(outputs)} outputs must have as many intercepts")
        for values, low, high, samples in outputs:
            self.weights.push_back(_weights(values, exponent, universe, low, high, samples))
        for intercept in intercepts:
            self.intercepts.push_back(intercept)
        self.arrays = list(outputs)  # keeps the memory alive
        self.universe = universe

    def margins_of_columns(self, columns):
        """Margins of a row that is 1 in `columns` (an iterable of int) and 0 elsewhere."""
        cdef RowEntries row
        if type(columns) is list:
            for key in <list> columns:
                row.push(_column(key, self.universe), 1.0)
        else:
            for key in columns:
                row.push(_column(key, self.universe), 1.0)
        return self._margins(row)

    def margins_of_entries(self, entries):
        """Margins of a row given as a mapping from column to value."""
        cdef RowEntries row
        cdef double x
        for key, value in entries.items():
            x = _finite(value, key)
            row.push(_column(key, self.universe), x)
        return self._margins(row)

    cdef list _margins(self, RowEntries& row):
        cdef size_t k
        row.make_canonical()
        return [score_row(row, self.weights[k]) + self.intercepts[k]
                for k in range(self.weights.size())]
