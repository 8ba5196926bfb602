# What the stream border calls in C++.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libcpp.vector cimport vector


cdef extern from "serve/elias_fano.hpp" namespace "sparsecross" nogil:
    cdef cppclass EliasFano:
        EliasFano()
        EliasFano(uint64_t, uint64_t, const uint64_t*, uint64_t, const uint64_t*, uint64_t,
                  const uint32_t*, uint64_t) except +
        void validate() except +

cdef extern from "serve/stored_weights.hpp" namespace "sparsecross" nogil:
    cdef enum class WeightType "sparsecross::StoredWeights::Type":
        float64
        float32
        float16
        q2_13
    cdef cppclass StoredWeights:
        StoredWeights()
        StoredWeights(const void*, WeightType, int) except +

cdef extern from "serve/score.hpp" namespace "sparsecross" nogil:
    cdef cppclass SparseWeights:
        EliasFano index
        StoredWeights values
    cdef cppclass RowEntries:
        void push(int64_t, double) except +
        void make_canonical() except +
    double score_row(RowEntries&, const SparseWeights&)

cdef extern from "interactions/rules.hpp" namespace "sparsecross" nogil:
    cdef cppclass Combination:
        Combination()
        int32_t& operator[](size_t)

cdef extern from "matrix/seen_array.hpp" namespace "sparsecross" nogil:
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

cdef extern from "cross/terms.hpp" namespace "sparsecross" nogil:
    cdef cppclass FieldCodes:
        const int32_t* codes
        const int64_t* offsets
        int64_t n_codes
        int64_t cardinality

cdef extern from "stream/arrays.hpp" namespace "sparsecross" nogil:
    cdef cppclass RowArrays:
        SeenArray values, indices, indptr
        int64_t n_rows, n_cols
        bint sparse
    cdef cppclass TableArrays:
        vector[FieldCodes] fields
        vector[const uint64_t*] hashes
        int64_t n_rows
    cdef cppclass OneRow:
        void clear()
        void push(int64_t, double)
        RowArrays arrays(int64_t) except +
    cdef cppclass OneTableRow:
        void clear()
        void begin_field(bint)
        void push(uint64_t)
        TableArrays arrays() except +

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
        double value, root
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
