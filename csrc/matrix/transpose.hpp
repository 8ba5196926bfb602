// Slices along one axis to slices along the other: CSR to CSC and back.
#pragma once

#include "matrix/design.hpp"

namespace sparsecross {

// Owns the arrays of a sparse matrix; `values` is empty where all stored entries are 1.
template <class T, class I>
struct SparseArrays {
  std::vector<Index> offsets;
  std::vector<I> indices;
  std::vector<T> values;
};

// Problem: the same matrix, sliced by the other axis.
// Given:   sparse slices (any order within a slice); I holds slice numbers, T the values.
// Result:  SparseArrays with `length + 1` offsets; positions increase within each new slice.
// Cost:    two passes over the indices, one over the values; one counter per block and new slice.
//          Blocks of old slices are counted apart, so each thread knows where its entries go.
// Source:  Gustavson 1978, "Two fast algorithms for sparse matrices", section 3 (HALFPERM).
template <class T, class I, class V, class J>
SparseArrays<T, I> transpose(const SparseSlices<V, J>& slices, int n_threads) {
  constexpr bool valued = !std::is_same_v<V, Ones>;
  const Index n = slices.n_slices(), m = slices.length(), stored = slices.n_stored();
  const int n_blocks = static_cast<int>(std::min<Index>(
      effective_threads(n_threads), std::max<Index>(1, stored / std::max<Index>(m, 1))));
  const Index block = std::max<Index>(1, (n + n_blocks - 1) / n_blocks);

  SparseArrays<T, I> out;
  out.offsets.assign(static_cast<std::size_t>(m + 1), 0);
  out.indices.resize(static_cast<std::size_t>(stored));
  if constexpr (valued) out.values.resize(static_cast<std::size_t>(stored));

  // place[b][i]: first the entries of block b at position i, then where the next of them goes.
  std::vector<std::vector<Index>> place(static_cast<std::size_t>(n_blocks));
  parallel_chunks(n, block, n_threads, [&](Index begin, Index end) {
    auto& count = place[static_cast<std::size_t>(begin / block)];
    count.assign(static_cast<std::size_t>(m), 0);
    for (Index j = begin; j < end; ++j)
      slices.each(j, [&](Index i, double) { ++count[static_cast<std::size_t>(i)]; });
  });
  Index next = 0;
  for (Index i = 0; i < m; ++i) {
    out.offsets[static_cast<std::size_t>(i)] = next;
    for (auto& count : place)
      if (!count.empty()) {
        const Index here = count[static_cast<std::size_t>(i)];
        count[static_cast<std::size_t>(i)] = next;
        next += here;
      }
  }
  out.offsets[static_cast<std::size_t>(m)] = next;
  parallel_chunks(n, block, n_threads, [&](Index begin, Index end) {
    auto& where = place[static_cast<std::size_t>(begin / block)];
    for (Index j = begin; j < end; ++j)
      slices.each(j, [&](Index i, double x) {
        const auto at = static_cast<std::size_t>(where[static_cast<std::size_t>(i)]++);
        out.indices[at] = static_cast<I>(j);
        if constexpr (valued) out.values[at] = static_cast<T>(x);
      });
  });
  return out;
}

}  // namespace sparsecross
