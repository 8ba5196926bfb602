# Serving: the margins of single rows.


cdef inline const uint64_t* _start(const uint64_t[::1] words) noexcept:
    return &words[0] if words.shape[0] else NULL


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
