// Where a solver starts when somebody hands it weights.
#pragma once

#include "model/problem.hpp"

namespace sparsecross {

// Replaces `at` by these weights, made feasible and with their best intercept, where the objective
// is lower there: a start that is worse than none may lie where the loss is flat and leads nowhere.
inline void start_from(const Problem& problem, const std::vector<double>& coef, double intercept,
                       Point& at) {
  const Penalty& penalty = problem.penalty;
  Point start;
  start.coef = coef;
  for (Index j = 0; j < problem.p(); ++j) {
    double& w = start.coef[static_cast<std::size_t>(j)];
    if (penalty.excluded(j) || (penalty.positive() && w < 0.0)) w = 0.0;
  }
  start.intercept = problem.fit_intercept ? intercept : 0.0;
  start.margins.resize(static_cast<std::size_t>(problem.n()));
  refresh_margins(problem, start);
  settle_intercept(problem, start);
  if (primal_value(problem, start) < primal_value(problem, at)) at = std::move(start);
}

}  // namespace sparsecross
