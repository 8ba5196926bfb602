// The proximal operator of the sparse-group penalty on all groups of an array, in place.
//
// Problem: argmin_V ½ ‖V - W‖² + l1 Σ|v| + l2 Σ_g ‖V_g‖₂, where group g of an array of shape
//          (n_outer, n_groups, n_inner) is its part [:, g, :].
// Given:   W in C order, l1 >= 0, l2 >= 0. The filters of a layer are (1, n_filters, size), its
//          inputs (n_filters, n_inputs, size of a kernel).
// Result:  W replaced, the same bits for any number of threads.
// Cost:    W is read and written once; where n_outer > 1 it is read once more before.
// Source:  group_shrinkage.hpp.
#pragma once

#include <algorithm>
#include <vector>

#include "model/group_shrinkage.hpp"
#include "support/parallel.hpp"
#include "support/wide.hpp"

namespace sparsecross {

// Weights of a piece of work: enough to pay for handing it out.
constexpr Index kShrinkageGrain = Index{1} << 15;

// body(begin, end) for pieces of [0, n) that cover `grain` each. A thread gets the same pieces at
// every call, so that of arrays near the size of the caches each keeps its part in its own.
template <class Body>
void parallel_pieces(Index n, Index grain, int n_threads, const Body& body) {
  const Index n_pieces = n <= 0 ? 0 : (n - 1) / grain + 1;
  const int threads = static_cast<int>(std::min<Index>(effective_threads(n_threads), n_pieces));
  const auto part = [&](Index t) {
    const Index last = n_pieces * (t + 1) / threads;
    for (Index piece = n_pieces * t / threads; piece < last; ++piece)
      widely([&] { body(piece * grain, std::min(n, (piece + 1) * grain)); });
  };
  if (threads == 1) return part(0);
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int t = 0; t < threads; ++t) part(t);
#endif
}

// Groups that are spread out: sums of squares for each place of a row, so that loops run over
// neighbours whatever n_inner is, in blocks of rows, whose sums are added in order.
template <class T>
void shrink_spread_groups(T* w, Index n_outer, Index n_groups, Index n_inner, T l1, T l2,
                          int n_threads) {
  constexpr Index rows = 32, tile = 2048;  // a tile of sums stays in the first-level cache
  const Index width = n_groups * n_inner, n_tiles = (width - 1) / tile + 1;
  const Index n_blocks = (n_outer - 1) / rows + 1;
  std::vector<T> room(static_cast<std::size_t>(n_blocks * width));
  T* const sums = room.data();
  const auto each_tile = [&](const auto& body) {  // body(block, first row, last, first place, last)
    parallel_pieces(n_blocks * n_tiles, std::max<Index>(1, kShrinkageGrain / (rows * tile)),
                    n_threads, [&](Index begin, Index end) {
                      for (Index k = begin; k < end; ++k) {
                        const Index block = k / n_tiles, place = k % n_tiles * tile;
                        body(block, block * rows, std::min(n_outer, (block + 1) * rows), place,
                             std::min(width, place + tile));
                      }
                    });
  };
  each_tile([&](Index block, Index row, Index last, Index begin, Index end) {
    T* const sum = sums + block * width;
    for (; row < last; ++row)
      for (Index k = begin; k < end; ++k) {
        const T v = soft_thresholded(w[row * width + k], l1);
        sum[k] += v * v;
      }
  });
  for (Index block = 1; block < n_blocks; ++block)
    for (Index k = 0; k < width; ++k) sums[k] += sums[block * width + k];
  for (Index g = 0; g < width; g += n_inner) {
    T squares{0};
    for (Index k = g; k < g + n_inner; ++k) squares += sums[k];
    std::fill_n(sums + g, n_inner, shrinkage(squares, l2));
  }
  each_tile([&](Index, Index row, Index last, Index begin, Index end) {
    for (; row < last; ++row)
      for (Index k = begin; k < end; ++k) {
        const T v = soft_thresholded(w[row * width + k], l1) * sums[k];
        w[row * width + k] = sums[k] == T{0} ? T{0} : v;
      }
  });
}

template <class T>
void shrink_array(T* w, Index n_outer, Index n_groups, Index n_inner, T l1, T l2, int n_threads) {
  const Index size = n_outer * n_groups * n_inner;
  if (size == 0) return;
  if (l2 == T{0})
    return parallel_pieces(size, kShrinkageGrain, n_threads, [&](Index begin, Index end) {
      soft_threshold_all(w + begin, end - begin, l1);
    });
  if (n_outer > 1) return shrink_spread_groups(w, n_outer, n_groups, n_inner, l1, l2, n_threads);
  const Index grain = std::max<Index>(1, kShrinkageGrain / n_inner);
  parallel_pieces(n_groups, grain, n_threads, [&](Index begin, Index end) {
    for (Index g = begin; g < end; ++g) shrink_group(w + g * n_inner, n_inner, l1, l2);
  });
}

}  // namespace sparsecross
