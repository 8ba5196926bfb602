// The proximal operator of the sparse-group penalty.
//
// Problem: argmin_v ½ ‖v - w‖² + l1 ‖v‖₁ + l2 ‖v‖₂ over one group (the norms, not their squares).
// Given:   w (n), l1 >= 0, l2 >= 0.
// Result:  w replaced: each weight soft-thresholded by l1, and then the group as one by l2; exact
//          zeros where the norm of what is left is at most l2.
// Cost:    two passes over a group, which stays in the cache.
// Sources: Yuan & Lin 2006 (the group); Friedman, Hastie & Tibshirani 2010, "A note on the group
//          lasso and a sparse group lasso", and Simon et al. 2013 (that the two compose).
#pragma once

#include <cmath>

#include "support/parallel.hpp"

namespace sparsecross {

template <class T>
void shrink_group(T* w, Index n, T l1, T l2) {
  constexpr Index lanes = 8;  // partial sums, which hide the latency of the additions
  T part[lanes] = {};
  const auto shrunk = [l1](T z) {
    return std::abs(z) <= l1 ? T{0} : z - std::copysign(l1, z);  // NaN stays
  };
  Index k = 0;
  for (; k + lanes <= n; k += lanes)
    for (Index lane = 0; lane < lanes; ++lane) {
      const T v = w[k + lane] = shrunk(w[k + lane]);
      part[lane] += v * v;
    }
  for (; k < n; ++k) {
    w[k] = shrunk(w[k]);
    part[0] += w[k] * w[k];
  }
  if (l2 == T{0}) return;
  const T norm = std::sqrt(((part[0] + part[4]) + (part[2] + part[6])) +
                           ((part[1] + part[5]) + (part[3] + part[7])));
  const T factor = norm <= l2 ? T{0} : T{1} - l2 / norm;
  for (k = 0; k < n; ++k) w[k] = factor == T{0} ? T{0} : w[k] * factor;
}

}  // namespace sparsecross
