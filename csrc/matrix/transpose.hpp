// Slices along one axis to slices along the other: CSR to CSC and back.
#pragma once

#include "matrix/design.hpp"

namespace sparsecross {

// Problem: the same matrix, sliced by the other axis.
// Given:   sparse slices (any order within a slice); room for `length + 1` offsets, and for as many
//          indices and values as are stored (`values` unused where all are 1).
// Result:  the arrays filled; positions increase within each new slice.
// Cost:    two passes over the indices, one over the values; one counter per block and new slice.
//          Blocks of old slices are counted apart, so each thread knows where its entries go.
// Source:  Gustavson 1978, "Two fast algorithms for sparse matrices", section 3 (HALFPERM).
template <class T, class I, class V, class J>
void transpose(const SparseSlices<V, J>& slices, Index* offsets, I* indices, T* values,
               int n_threads) {
  constexpr bool valued = !std::is_same_v<V, Ones>;
  const Index n = slices.n_slices(), m = slices.length(), stored = slices.n_stored();
  const int n_blocks = static_cast<int>(std::min<Index>(
      effective_threads(n_threads), std::max<Index>(1, stored / std::max<Index>(m, 1))));
  const Index block = std::max<Index>(1, (n + n_blocks - 1) / n_blocks);

  // place[b][i]: first the entries of block b at position i, then where the next of them goes.
  std::vector<std::vector<Index>> place(static_cast<std::size_t>(n_blocks));
  parallel_chunks(n, block, n_threads, [&](Index begin, Index end) {
    auto& counts = place[static_cast<std::size_t>(begin / block)];
    counts.assign(static_cast<std::size_t>(m), 0);
    Index* count = counts.data();
    for (Index j = begin; j < end; ++j) slices.each(j, [count](Index i, double) { ++count[i]; });
  });
  Index next = 0;
  for (Index i = 0; i < m; ++i) {
    offsets[i] = next;
    for (auto& count : place)
      if (!count.empty()) {
        const Index here = count[static_cast<std::size_t>(i)];
        count[static_cast<std::size_t>(i)] = next;
        next += here;
      }
  }
  offsets[m] = next;
  parallel_chunks(n, block, n_threads, [&](Index begin, Index end) {
    Index* where = place[static_cast<std::size_t>(begin / block)].data();
    for (Index j = begin; j < end; ++j)
      slices.each(j, [&](Index i, double x) {
        const Index at = where[i]++;
        indices[at] = static_cast<I>(j);
        if constexpr (valued) values[at] = static_cast<T>(x);
      });
  });
}

}  // namespace sparsecross
