// Cyclic coordinate descent on a quadratic model (quadratic_model.hpp) of a working set.
//
// Result:  the weights and the model moved by one pass over the working set, in its order.
// Cost:    for each column one gather of r̃, and one scatter where its weight changes.
// Source:  Friedman, Hastie & Tibshirani 2010, "Regularization paths for generalized linear models
//   via coordinate descent".
#pragma once

#include "solve/quadratic_model.hpp"

namespace sparsecross {

struct Sweep {
  double decrease = 0.0;  // the objective fell by at least this much
  double violation =
      0.0;  // max |step| sqrt(curvature): the largest move, in units of the objective
};

// One pass over the working set, in its order; coef (p) and the model are moved.
inline Sweep sweep(const Problem& problem, const std::vector<Index>& working_set,
                   QuadraticModel& model, std::vector<double>& coef) {
  const Penalty& penalty = problem.penalty;
  Sweep result;
  problem.X.visit([&](const auto& columns) {
    visit_curvature(model, [&](auto h) {
      double* r = model.residual.data();
      for (std::size_t k = 0; k < working_set.size(); ++k) {
        const Index j = working_set[k];
        const double bend = model.column_curvature[k], sum = model.weighted_sum[k];
        double& w = coef[static_cast<std::size_t>(j)];
        double next = 0.0;  // what a column without variation is best at
        if (bend > 0.0) {
          const double gradient =
              columns.sum(j, [r](Index i, double x) { return x * r[i]; }) - model.shift * sum;
          next = penalty.minimise(j, bend, bend * w + gradient);
        }
        const double step = next - w;
        if (step == 0.0) continue;
        w = next;
        columns.each(j, [r, h, step](Index i, double x) { r[i] -= step * h(i) * x; });
        if (problem.fit_intercept) model.shift -= step * sum / model.total;
        const double size = (bend + penalty.l2(j)) * step * step;
        result.decrease += 0.5 * size;
        result.violation = std::max(result.violation, size);
      }
    });
  });
  result.violation = std::sqrt(result.violation);
  return result;
}

}  // namespace sparsecross
