// The model without penalised weights, and what follows from it: the unit of gaps, and alpha_max.
#pragma once

#include <stdexcept>
#include <string>

#include "solve/proximal_newton.hpp"

namespace sparsecross {

// All penalised weights 0, the intercept and the unpenalised columns at their best.
struct NullModel {
  Point at;
  double lower;      // a proved lower bound of the objective there
  bool interrupted;  // the user stopped it on the way
};

inline NullModel null_model(const Problem& problem, const Poll& poll) {
  Point at;
  at.coef.assign(static_cast<std::size_t>(problem.p()), 0.0);
  at.margins.assign(static_cast<std::size_t>(problem.n()), 0.0);
  settle_intercept(problem, at);
  std::vector<Index> unpenalised;
  if (problem.penalty.any_unpenalised())
    for (Index j = 0; j < problem.p(); ++j)
      if (problem.penalty.unpenalised(j)) unpenalised.push_back(j);
  if (!unpenalised.empty()) {
    detail::Workspace space(problem.n());
    space.curvature.resize(static_cast<std::size_t>(problem.n()));
    const double target = 1e-14 * problem.loss.value(at.margins.data());
    Index n_iter = 0;
    const detail::Inner inner =
        detail::solve_on(problem, unpenalised, std::numeric_limits<double>::infinity(), target,
                         10000, poll, space, at, n_iter);
    refresh_margins(problem, at);
    settle_intercept(problem, at);
    const DualBound bound =
        dual_bound(problem, at, unpenalised, poll, space.theta, space.curvature, space.z);
    return {std::move(at), bound.dual, inner == detail::Inner::interrupted};
  }
  const double value = problem.loss.value(at.margins.data());
  return {std::move(at), value, false};
}

// P0 - Psat, the unit of relative gaps: the objective of the null model, in excess of perfect
// margins as all values of a Loss are. Its proved lower bound is taken, so that no relative gap is
// called smaller than it is. Where y is constant P0 is rounding, and the floor stands for it.
// std::domain_error where P0 is beyond double precision.
inline double objective_scale(const Problem& problem, const NullModel& null) {
  const std::vector<double> zero(static_cast<std::size_t>(problem.n()), 0.0);
  const double at_null = problem.loss.value(null.at.margins.data());
  if (!std::isfinite(at_null))
    throw std::domain_error("the loss at zero weights must be finite, got " +
                            std::to_string(at_null) + ": y is too large, scale it down");
  return std::max({null.lower,
                   std::numeric_limits<double>::epsilon() * problem.loss.value(zero.data()),
                   std::numeric_limits<double>::min()});
}

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
  problem.loss.residual(null.at.margins.data(), theta.data());
  if (problem.fit_intercept) balance(theta);
  return strength_against(problem, theta);
}

}  // namespace sparsecross
