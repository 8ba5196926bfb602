# Rows and arrays of Python as C++ sees them, and back.


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


cdef RowArrays _rows_of(tuple arrays, int64_t n_rows, int64_t n_cols) except *:
    cdef RowArrays rows
    if len(arrays) not in (1, 3):
        raise ValueError(f"there must be one array or three, got {len(arrays)}")
    rows.n_rows, rows.n_cols, rows.sparse = n_rows, n_cols, len(arrays) == 3
    rows.values = _seen(arrays[0], "values")
    if rows.sparse:
        rows.indices, rows.indptr = _seen(arrays[1], "indices"), _seen(arrays[2], "indptr")
    return rows


cdef TableArrays _table_of(list hashes, list codes, int64_t n_rows) except *:
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
