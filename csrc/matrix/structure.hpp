// What kernels take for granted about a matrix, checked once where it enters.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "matrix/design.hpp"

namespace sparsecross {

struct Structure {
  bool canonical = true;      // positions increase strictly within every slice
  bool all_ones = false;      // values are stored and every one is 1
  Index not_finite_slice = -1;  // slice of the first NaN or infinity, -1 where there is none
  Index not_finite_position = -1;
};

namespace detail {

template <class V>
struct StoresValues : std::true_type {};
template <class I>
struct StoresValues<SparseSlices<Ones, I>> : std::false_type {};

template <class T>
void check_offsets(const DenseSlices<T>&, Index) {}

// Offsets begin at 0, never decrease and end within the `capacity` stored entries.
template <class V, class I>
void check_offsets(const SparseSlices<V, I>& slices, Index capacity) {
  const auto& offsets = slices.offsets();
  if (offsets[0] != 0)
    throw std::invalid_argument("indptr must start at 0, got " + std::to_string(offsets[0]));
  for (Index j = 0; j < slices.n_slices(); ++j)
    if (offsets[j + 1] < offsets[j])
      throw std::invalid_argument("indptr must never decrease, got " +
                                  std::to_string(offsets[j + 1]) + " after " +
                                  std::to_string(offsets[j]) + " at position " +
                                  std::to_string(j + 1));
  if (offsets[slices.n_slices()] > capacity)
    throw std::invalid_argument("indptr ends at " + std::to_string(offsets[slices.n_slices()]) +
                                ", beyond the " + std::to_string(capacity) +
                                " stored indices and values");
}

}  // namespace detail

// Problem: is this matrix what it claims to be?
// Given:   a Design whose arrays hold at least `capacity` entries (sparse layouts).
// Result:  a Structure; std::invalid_argument where following the indices would leave the arrays.
// Cost:    one pass over indices and values, shared among the threads.
inline Structure inspect(const Design& X, Index capacity, int n_threads) {
  return X.visit([&](const auto& slices) {
    using Slices = std::decay_t<decltype(slices)>;
    detail::check_offsets(slices, capacity);
    constexpr Index none = std::numeric_limits<Index>::max();
    constexpr Index grain = 1024;
    struct Finding {
      Index bad_slice = none, bad_index = 0, nan_slice = none, nan_position = 0;
      bool canonical = true, all_ones = true;
    };
    const Index n = slices.n_slices(), length = slices.length();
    std::vector<Finding> findings(static_cast<std::size_t>(n / grain + 1));
    parallel_chunks(n, grain, n_threads, [&](Index begin, Index end) {
      Finding found;
      for (Index j = begin; j < end && found.bad_slice == none; ++j) {
        Index previous = -1;
        slices.each(j, [&](Index i, double x) {
          if ((i < 0 || i >= length) && found.bad_slice == none) {
            found.bad_slice = j;
            found.bad_index = i;
          }
          found.canonical &= i > previous;
          previous = i;
          found.all_ones &= x == 1.0;
          if (!std::isfinite(x) && found.nan_slice == none) {
            found.nan_slice = j;
            found.nan_position = i;
          }
        });
      }
      findings[static_cast<std::size_t>(begin / grain)] = found;
    });

    Structure structure;
    structure.all_ones =
        detail::StoresValues<Slices>::value && !std::is_same_v<Slices, DenseSlices<float>> &&
        !std::is_same_v<Slices, DenseSlices<double>> && slices.n_stored() > 0;
    for (const Finding& found : findings) {
      if (found.bad_slice != none)
        throw std::invalid_argument("indices must lie between 0 and " + std::to_string(length - 1) +
                                    ", got " + std::to_string(found.bad_index) + " in " +
                                    (X.sliced_by() == Axis::rows ? "row " : "column ") +
                                    std::to_string(found.bad_slice));
      structure.canonical &= found.canonical;
      structure.all_ones &= found.all_ones;
      if (structure.not_finite_slice < 0 && found.nan_slice != none) {
        structure.not_finite_slice = found.nan_slice;
        structure.not_finite_position = found.nan_position;
      }
    }
    return structure;
  });
}

}  // namespace sparsecross
