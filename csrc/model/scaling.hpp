// The spread of each column, for penalties that treat columns as if they were standardised.
//
// Problem: σ_j² = Σ_i c_i (x_ij - a_j)² with Σ c_i = 1, about the weighted mean a_j where
// `centred`,
//          about 0 where not.
// Given:   X sliced by columns, sample weights (n, summing to n) or null.
// Result:  σ (p). 0 for a column whose mean is beyond 3e7 times its deviation: it counts as
// constant,
//          as in the solvers.
// Cost:    one visit of each column (two loops over it where centred), shared among the threads.
// Source:  Chan, Golub & LeVeque 1983 (the two-pass algorithm).
#pragma once

#include <stdexcept>
#include <string>

#include "matrix/design.hpp"

namespace sparsecross {

inline std::vector<double> column_deviations(const Design& X, const double* weights, bool centred,
                                             int n_threads) {
  const Index n = X.n_rows();
  std::vector<double> sigma(static_cast<std::size_t>(X.n_cols()));
  const auto c = [weights, unit = 1.0 / static_cast<double>(n)](Index i) {
    return weights ? weights[i] * unit : unit;
  };
  X.visit([&](const auto& columns) {
    parallel_chunks(columns.n_slices(), 64, n_threads, [&](Index begin, Index end) {
      for (Index j = begin; j < end; ++j) {
        const double square = columns.sum(j, [c](Index i, double x) { return c(i) * x * x; });
        if (!std::isfinite(square))
          throw std::domain_error("the squares of column " + std::to_string(j) +
                                  " of X must have a finite sum: scale it down");
        double variance = square;
        if (centred) {
          const double mean = columns.sum(j, [c](Index i, double x) { return c(i) * x; });
          // Where every row is stored what is left of 1 is rounding, times a mean that may be huge.
          const double stored =
              columns.size(j) == n ? 1.0 : columns.sum(j, [c](Index i, double) { return c(i); });
          variance = columns.sum(j, [c, mean](Index i, double x) {
            return c(i) * (x - mean) * (x - mean);
          }) + mean * mean * std::max(0.0, 1.0 - stored);
          if (variance <= 1e-15 * square) variance = 0.0;
        }
        sigma[static_cast<std::size_t>(j)] = std::sqrt(variance);
      }
    });
  });
  return sigma;
}

}  // namespace sparsecross
