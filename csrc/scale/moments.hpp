// Extremes, sums and squares of the columns of a block, the same bits in whatever order blocks
// come.
//
// Problem: the largest x_ij and -x_ij, Σ_i s_i x_ij, Σ_i s_i (x_ij - m_j)² and Σ_i s_i over the
//          stored entries of each column.
// Given:   rows of X, sliced by rows, sample weights s (n) or null for ones, units in which no |x|
//          is above 1, and a bound of all these sums.
// Result:  added to pairs (p, 2), on a grid and on a finer one; counts of entries to an array (p).
// Cost:    one visit of the entries.
// Source:  exact_sum.hpp; the deviations that follow are those of Chan, Golub & LeVeque 1983 (two
//          passes).
#pragma once

#include <algorithm>

#include "matrix/design.hpp"
#include "scale/exact_sum.hpp"
#include "scale/units.hpp"

namespace sparsecross {

namespace detail {

// f(j, x, s) for every stored entry, x in its units.
template <class F>
void each_weighed(const Design& X, const double* weight, const Units& units, const F& f) {
  X.visit([&](const auto& rows) {
    for (Index i = 0; i < rows.n_slices(); ++i)
      rows.each(i,
                [&, s = weight ? weight[i] : 1.0](Index j, double x) { f(j, units.of(j, x), s); });
  });
}

}  // namespace detail

// high (p) and low (p) become at least x and -x of all entries.
inline void widen_extremes(const Design& X, double* high, double* low) {
  X.visit([&](const auto& rows) {
    for (Index i = 0; i < rows.n_slices(); ++i)
      rows.each(i, [&](Index j, double x) {
        high[j] = std::max(high[j], x);
        low[j] = std::max(low[j], -x);
      });
  });
}

// sums (p, 2) += Σ s x; stored (p, 2) += Σ s; counts (p) += entries.
inline void add_sums(const Design& X, const double* weight, const Units& units, double bound,
                     Index n_terms, double* sums, double* stored, double* counts) {
  const ExactSums exact(bound, n_terms);
  detail::each_weighed(X, weight, units, [&](Index j, double x, double s) {
    exact.add(s * x, sums + 2 * j);
    exact.add(s, stored + 2 * j);
    counts[j] += 1.0;
  });
}

// squares (p, 2) += Σ s (x - mean)², about 0 without a mean.
inline void add_squares(const Design& X, const double* weight, const Units& units,
                        const double* mean, double bound, Index n_terms, double* squares) {
  const ExactSums exact(bound, n_terms);
  detail::each_weighed(X, weight, units, [&](Index j, double x, double s) {
    const double off = mean ? x - mean[j] : x;
    exact.add(s * off * off, squares + 2 * j);
  });
}

}  // namespace sparsecross
