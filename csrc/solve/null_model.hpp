// The model without penalised weights, and what follows from it: the unit of gaps, and alpha_max.
#pragma once

#include <stdexcept>
#include <string>

#include "model/certificate.hpp"

namespace sparsecross {

// All penalised weights 0, the intercept and the unpenalised columns at their best.
struct NullModel {
  std::vector<Index> columns;   // the unpenalised ones
  std::vector<double> weights;  // theirs
  double intercept;
  std::vector<double> margins;  // n
  double value;                 // the objective there: the loss, as nothing is penalised
  double scale;                 // P0 - Psat, the unit of relative gaps
  bool interrupted;             // the user stopped it on the way

  std::size_t bytes() const { return bytes_of(columns, weights, margins); }

  // As a point of a problem with p columns.
  Point point(Index p) const {
    Point at{std::vector<double>(static_cast<std::size_t>(p), 0.0), intercept, margins};
    for (std::size_t k = 0; k < columns.size(); ++k)
      at.coef[static_cast<std::size_t>(columns[k])] = weights[k];
    return at;
  }
};

// The unit of relative gaps: the objective of the null model, in excess of perfect margins as all
// values of a Loss are. Its proved lower bound is taken, so that no relative gap is called smaller
// than it is. Where y is constant P0 is rounding, and the floor stands for it.
// std::domain_error where P0 is beyond double precision.
inline double objective_scale(const Problem& problem, double value, double lower) {
  if (!std::isfinite(value))
    throw std::domain_error("the loss at zero weights must be finite, got " +
                            std::to_string(value) + ": y is too large, scale it down");
  const std::vector<double> zero(static_cast<std::size_t>(problem.n()), 0.0);
  return std::max({lower, std::numeric_limits<double>::epsilon() * problem.loss.value(zero.data()),
                   std::numeric_limits<double>::min()});
}

inline std::vector<Index> unpenalised_columns(const Problem& problem) {
  std::vector<Index> found;
  if (problem.penalty.any_unpenalised())
    for (Index j = 0; j < problem.p(); ++j)
      if (problem.penalty.unpenalised(j)) found.push_back(j);
  return found;
}

NullModel null_model(const Problem& problem, const Poll& poll);

// The smallest strength of the L1 penalty, of strength 1 (l1 = 1) in the problem, that θ obeys:
// max_j |x_jᵀθ| / ω_j. 0 where all that is left of the correlations is rounding.
inline double strength_against(const Problem& problem, const std::vector<double>& theta) {
  std::vector<double> z(static_cast<std::size_t>(problem.p()));
  transposed_product(problem.X, theta.data(), z.data(), problem.n_threads);
  double largest = 0.0;
  Index at = -1;
  for (Index j = 0; j < problem.p(); ++j) {
    const double l1 = problem.penalty.l1(j);
    if (!(l1 > 0.0) || problem.penalty.excluded(j)) continue;
    const double strength = problem.penalty.counted(z[static_cast<std::size_t>(j)]) / l1;
    if (strength > largest) {
      largest = strength;
      at = j;
    }
  }
  if (at < 0) return 0.0;
  const double terms = problem.X.visit([&](const auto& columns) {
    return columns.sum(at, [t = theta.data()](Index i, double x) { return std::abs(x * t[i]); });
  });
  constexpr double rounding = 64.0 * std::numeric_limits<double>::epsilon();
  return largest * problem.penalty.l1(at) <= rounding * terms ? 0.0 : largest;
}

// The smallest strength of the L1 penalty at which every penalised weight is 0: strength_against
// the residual of the null model. Not positive where none exists.
inline double largest_strength(const Problem& problem, const NullModel& null) {
  std::vector<double> theta(static_cast<std::size_t>(problem.n()));
  problem.loss.residual(null.margins.data(), theta.data());
  if (problem.fit_intercept) balance(theta);
  return strength_against(problem, theta);
}

}  // namespace sparsecross
