// Where a solver starts when somebody hands it weights.
#pragma once

#include "solve/null_model.hpp"

namespace sparsecross {

// These weights, made feasible and with their best intercept, or the null model where the objective
// is lower: a start that is worse than none may lie where the loss is flat and leads nowhere.
inline Point start_from(const Problem& problem, const std::vector<double>& coef, double intercept,
                        const NullModel& null) {
  const Penalty& penalty = problem.penalty;
  Point start;
  start.coef = coef;
  const std::vector<Index> support = support_of(coef);
  for (const Index j : support) {
    double& w = start.coef[static_cast<std::size_t>(j)];
    if (penalty.excluded(j) || (penalty.positive() && w < 0.0)) w = 0.0;
  }
  start.intercept = problem.fit_intercept ? intercept : 0.0;
  start.margins.resize(static_cast<std::size_t>(problem.n()));
  refresh_margins(problem, support, start);
  settle_intercept(problem, start);
  if (primal_value(problem, support, start) < null.value) return start;
  return null.point(problem.p());
}

}  // namespace sparsecross
