// What kernels take for granted about a matrix, checked once where it enters.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "matrix/design.hpp"

namespace sparsecross {

struct Structure {
  bool canonical = true;        // positions increase strictly within every slice
  bool all_ones = false;        // every stored value is 1, and there are some
  Index not_finite_slice = -1;  // slice of the first NaN or infinity, -1 where there is none
  Index not_finite_position = -1;
};

namespace detail {

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
      throw std::invalid_argument(
          "indptr must never decrease, got " + std::to_string(offsets[j + 1]) + " after " +
          std::to_string(offsets[j]) + " at position " + std::to_string(j + 1));
  if (offsets[slices.n_slices()] > capacity)
    throw std::invalid_argument("indptr ends at " + std::to_string(offsets[slices.n_slices()]) +
                                ", beyond the " + std::to_string(capacity) +
                                " stored indices and values");
}

constexpr Index kNowhere = std::numeric_limits<Index>::max();

// What a run of slices holds; positions of the first fault of each kind.
struct Finding {
  bool canonical = true, all_ones = true, finite = true;
  Index bad_slice = kNowhere, bad_index = 0;
};

// How many of x[0 .. n) the predicate holds for. The counter is as wide as what is compared, and
// starts anew before it can overflow, so that comparing and counting stay in SIMD lanes.
template <class T, class Predicate>
Index count_if(const T* x, Index n, const Predicate& holds) {
  using Counter = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr Index block = Index{1} << 30;
  Index total = 0;
  for (Index begin = 0; begin < n; begin += block) {
    const Index end = std::min(n, begin + block);
    total += widely([&] {
      Counter count = 0;
      for (Index k = begin; k < end; ++k) count += holds(x + k) ? 1 : 0;
      return count;
    });
  }
  return total;
}

template <class T>
void look_at_values(const T* x, Index n, Finding& found) {
  // x - x is 0 for finite x and NaN for others.
  found.finite &= count_if(x, n, [](const T* v) { return *v - *v != T{0}; }) == 0;
  if (found.all_ones) found.all_ones = count_if(x, n, [](const T* v) { return *v != T{1}; }) == 0;
}
inline void look_at_values(Ones, Index, Finding&) {}

template <class T>
Finding look(const DenseSlices<T>& slices, Index begin, Index end) {
  Finding found;
  for (Index j = begin; j < end; ++j) look_at_values(slices.slice(j), slices.length(), found);
  return found;
}

// Indices that increase strictly from a first that is at least 0 to a last below the length are all
// in range, and a strict increase is a comparison of neighbours: the steps that do not increase are
// counted over all slices at once, less those from one slice to the next. Only where a slice is out
// of order is each index looked at.
template <class V, class I>
Finding look(const SparseSlices<V, I>& slices, Index begin, Index end) {
  Finding found;
  const auto& offsets = slices.offsets();
  const I* indices = slices.indices();
  const Index first = offsets[begin], last = offsets[end];
  if constexpr (std::is_same_v<V, Ones>)
    look_at_values(Ones{}, last - first, found);
  else
    look_at_values(slices.values() + first, last - first, found);

  Index not_up = last - first < 2 ? 0
                                  : count_if(
                                        indices + first + 1, last - first - 1,
                                        [](const I* i) { return i[0] <= i[-1]; });
  bool in_range = true;
  for (Index j = begin; j < end; ++j) {
    const Index from = offsets[j], to = offsets[j + 1];
    if (from == to) continue;
    in_range &= indices[from] >= 0 && indices[to - 1] < slices.length();
    if (from > first) not_up -= indices[from] <= indices[from - 1];
  }
  found.canonical = not_up == 0;
  if (found.canonical && in_range) return found;
  for (Index j = begin; j < end; ++j)
    for (Index k = offsets[j]; k < offsets[j + 1]; ++k)
      if (indices[k] < 0 || indices[k] >= slices.length()) {
        found.bad_slice = j;
        found.bad_index = indices[k];
        return found;
      }
  return found;
}

// The first entry of slices [begin, end) that is NaN or infinite, which must exist.
template <class Slices>
void locate_not_finite(const Slices& slices, Index begin, Index end, Structure& structure) {
  for (Index j = begin; j < end && structure.not_finite_slice < 0; ++j)
    slices.each(j, [&](Index i, double x) {
      if (!std::isfinite(x) && structure.not_finite_slice < 0) {
        structure.not_finite_slice = j;
        structure.not_finite_position = i;
      }
    });
}

}  // namespace detail

// Problem: is this matrix what it claims to be?
// Given:   a Design whose arrays hold at least `capacity` entries (sparse layouts).
// Result:  a Structure; std::invalid_argument where following the indices would leave the arrays.
// Cost:    one pass over indices and values, shared among the threads.
inline Structure inspect(const Design& X, Index capacity, int n_threads) {
  return X.visit([&](const auto& slices) {
    constexpr Index grain = 1024;
    detail::check_offsets(slices, capacity);
    const Index n = slices.n_slices();
    std::vector<detail::Finding> findings(static_cast<std::size_t>(n / grain + 1));
    parallel_chunks(n, grain, threads_for(X, n_threads), [&](Index begin, Index end) {
      findings[static_cast<std::size_t>(begin / grain)] = detail::look(slices, begin, end);
    });

    Structure structure;
    structure.all_ones = slices.n_stored() > 0;
    for (std::size_t chunk = 0; chunk < findings.size(); ++chunk) {
      const detail::Finding& found = findings[chunk];
      if (found.bad_slice != detail::kNowhere)
        throw std::invalid_argument(
            "indices must lie between 0 and " + std::to_string(slices.length() - 1) + ", got " +
            std::to_string(found.bad_index) + " in " +
            (X.sliced_by() == Axis::rows ? "row " : "column ") + std::to_string(found.bad_slice));
      structure.canonical &= found.canonical;
      structure.all_ones &= found.all_ones;
      if (!found.finite && structure.not_finite_slice < 0) {
        const Index begin = static_cast<Index>(chunk) * grain;
        detail::locate_not_finite(slices, begin, std::min(n, begin + grain), structure);
      }
    }
    return structure;
  });
}

}  // namespace sparsecross
