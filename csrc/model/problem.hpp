// One L1 problem: minimise over w (p) and b
//
//   Σ_i c_i ℓ(y_i, x_i·w + b + o_i) + Σ_j ω_j (l1 σ_j |w_j| + ½ l2 (σ_j w_j)²)
//
// Values of the loss, and with them primal, dual and scale, are in excess of that of perfect
// margins (losses.hpp).
#pragma once

#include <algorithm>

#include "matrix/design.hpp"
#include "model/losses.hpp"
#include "model/penalties.hpp"
#include "support/footprint.hpp"

namespace sparsecross {

struct Problem {
  const Design& X;  // sliced by columns, canonical
  const Loss& loss;
  const Penalty& penalty;
  bool fit_intercept;
  int n_threads;
  int dense_threads = n_threads;  // for dense algebra on a few columns, costly where X is small too

  // The same over another loss or penalty, which must live as long.
  Problem with(const Loss& other) const {
    return {X, other, penalty, fit_intercept, n_threads, dense_threads};
  }
  Problem with(const Penalty& other) const {
    return {X, loss, other, fit_intercept, n_threads, dense_threads};
  }

  Index n() const { return X.n_rows(); }
  Index p() const { return X.n_cols(); }
};

// A point of the problem, and what follows from it.
struct Point {
  std::vector<double> coef;     // w (p)
  double intercept = 0.0;       // b
  std::vector<double> margins;  // Xw + b (n)

  std::size_t bytes() const { return bytes_of(coef, margins); }
};

// The columns of non-zero weight, in increasing order. What follows asks for a list that holds
// them, so that nothing needs to be looked for among all columns.
inline std::vector<Index> support_of(const std::vector<double>& coef) {
  std::vector<Index> support;
  for (std::size_t j = 0; j < coef.size(); ++j)
    if (coef[j] != 0.0) support.push_back(static_cast<Index>(j));
  return support;
}

inline Index count_active(const std::vector<Index>& columns, const std::vector<double>& coef) {
  return std::count_if(columns.begin(), columns.end(),
                       [&](Index j) { return coef[static_cast<std::size_t>(j)] != 0.0; });
}

// margins = Xw + b, made anew so that rounding does not pile up over the sweeps.
inline void refresh_margins(const Problem& problem, const std::vector<Index>& columns, Point& at) {
  product(
      problem.X, columns,
      [&](std::size_t k) { return at.coef[static_cast<std::size_t>(columns[k])]; },
      at.margins.data(), problem.n_threads);
  for (double& m : at.margins) m += at.intercept;
}

// b = its best value for the present w.
inline void settle_intercept(const Problem& problem, Point& at) {
  if (!problem.fit_intercept) return;
  const double shift = problem.loss.best_shift(at.margins.data());
  at.intercept += shift;
  for (double& m : at.margins) m += shift;
}

inline double penalty_value(const Problem& problem, const std::vector<Index>& columns,
                            const std::vector<double>& coef) {
  return ordered_sum(static_cast<Index>(columns.size()), [&](Index k) {
    const Index j = columns[static_cast<std::size_t>(k)];
    return problem.penalty.value(j, coef[static_cast<std::size_t>(j)]);
  });
}

inline double primal_value(const Problem& problem, const std::vector<Index>& columns,
                           const Point& at) {
  return problem.loss.value(at.margins.data()) + penalty_value(problem, columns, at.coef);
}

}  // namespace sparsecross
