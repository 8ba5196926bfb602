// The proximal operator of the sparse-group penalty.
//
// Problem: argmin_v ½ ‖v - w‖² + l1 ‖v‖₁ + l2 ‖v‖₂ over one group (the norms, not their squares).
// Given:   w (n), l1 >= 0, l2 >= 0.
// Result:  w replaced: each weight soft-thresholded by l1, and then the group as one by l2; exact
//          zeros where the norm of what is left is at most l2.
// Cost:    two passes over a group, which stays in the cache; only the second one writes.
// Sources: Yuan & Lin 2006 (the group); Friedman, Hastie & Tibshirani 2010, "A note on the group
//          lasso and a sparse group lasso", and Simon et al. 2013 (that the two compose).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "support/parallel.hpp"

namespace sparsecross {

// As |z| - l1 with the sign of z, in three operations: z - z is an exact 0, and NaN stays.
template <class T>
T soft_thresholded(T z, T l1) {
  return z - std::min(std::max(z, -l1), l1);
}

template <class T>
void soft_threshold_all(T* w, Index n, T l1) {
  for (Index k = 0; k < n; ++k) w[k] = soft_thresholded(w[k], l1);
}

// The squared norm of a group once it has been soft-thresholded. Four vectors of partial sums hide
// the latency of the additions; they are spelt out, since compilers keep arrays of sums in memory.
template <bool thresholded, class T>
T shrunk_squares(const T* w, Index n, T l1) {
  typedef T Vector [[gnu::vector_size(32)]];
  constexpr Index width = sizeof(Vector) / sizeof(T);
  const Vector low = Vector{} - l1, high = Vector{} + l1;
  const auto add = [&](Vector& sum, Index k) {
    Vector z;
    std::memcpy(&z, w + k, sizeof z);
    if constexpr (thresholded) {
      const Vector above = z < low ? low : z;
      z -= high < above ? high : above;
    }
    sum += z * z;
  };
  Vector a{}, b{}, c{}, d{};
  Index k = 0;
  for (; k + 4 * width <= n; k += 4 * width) {
    add(a, k);
    add(b, k + width);
    add(c, k + 2 * width);
    add(d, k + 3 * width);
  }
  for (; k + width <= n; k += width) add(a, k);
  T sum{0};
  for (; k < n; ++k) {
    const T v = thresholded ? soft_thresholded(w[k], l1) : w[k];
    sum += v * v;
  }
  const Vector sums = (a + b) + (c + d);
  for (Index lane = 0; lane < width; ++lane) sum += sums[lane];
  return sum;
}

// What is left of a group of this squared norm: a factor of its weights.
template <class T>
T shrinkage(T squares, T l2) {
  const T norm = std::sqrt(squares);
  return norm <= l2 ? T{0} : T{1} - l2 / norm;
}

// Thresholds of 0 have loops of their own, which have half the work to do.
template <bool thresholded, class T>
void shrink_group_by(T* w, Index n, T l1, T l2) {
  const T factor = shrinkage(shrunk_squares<thresholded>(w, n, l1), l2);
  if (factor == T{0}) {
    std::fill_n(w, n, T{0});
    return;
  }
  for (Index k = 0; k < n; ++k) w[k] = (thresholded ? soft_thresholded(w[k], l1) : w[k]) * factor;
}

template <class T>
void shrink_group(T* w, Index n, T l1, T l2) {
  if (l2 == T{0}) return soft_threshold_all(w, n, l1);
  if (l1 == T{0}) return shrink_group_by<false>(w, n, l1, l2);
  shrink_group_by<true>(w, n, l1, l2);
}

}  // namespace sparsecross
