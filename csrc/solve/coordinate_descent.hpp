// Cyclic coordinate descent on a quadratic model (quadratic_model.hpp) of a working set.
//
// Result:  the weights and the model moved by one pass over the working set, in its order; or along
//          the way that past passes point to.
// Cost:    for each column one gather of r̃, and one scatter where its weight changes. Along the
// way:
//          extrapolation.hpp, a scatter for each column and a few passes over n.
// Source:  Friedman, Hastie & Tibshirani 2010, "Regularization paths for generalized linear models
//   via coordinate descent".
#pragma once

#include "solve/extrapolation.hpp"
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

// Sweeps over one working set, and where they lead to.
class SweepTrail {
 public:
  std::size_t bytes() const { return past_.bytes() + bytes_of(norm_, point_); }

  // From here on; the model's curvatures are those of this working set.
  void start(const std::vector<Index>& working_set, const QuadraticModel& model,
             const std::vector<double>& coef) {
    norm_.resize(working_set.size());
    for (std::size_t k = 0; k < norm_.size(); ++k) norm_[k] = std::sqrt(model.column_curvature[k]);
    restart(working_set, coef);
  }
  void restart(const std::vector<Index>& working_set, const std::vector<double>& coef) {
    past_.forget();
    see(working_set, coef);
  }

  // Takes the weights after a sweep. Whether there are enough of them to extrapolate.
  bool see(const std::vector<Index>& working_set, const std::vector<double>& coef) {
    point_.resize(norm_.size());
    for (std::size_t k = 0; k < norm_.size(); ++k)
      point_[k] = norm_[k] * coef[static_cast<std::size_t>(working_set[k])];
    return past_.see(point_);
  }

  // Moves the weights and the model to the extrapolated point where the objective is lower there,
  // for which `margins` (n) is scratch. Whether they moved.
  bool extrapolate(const Problem& problem, const std::vector<Index>& working_set,
                   QuadraticModel& model, std::vector<double>& coef, std::vector<double>& margins) {
    if (!past_(point_)) return false;
    double rise = 0.0, shift = 0.0;
    for (std::size_t k = 0; k < norm_.size(); ++k) {
      const Index j = working_set[k];
      const double w = coef[static_cast<std::size_t>(j)];
      point_[k] = norm_[k] > 0.0 ? within_orthant(point_[k] / norm_[k], w) : w;
      rise += problem.penalty.value(j, point_[k]) - problem.penalty.value(j, w);
      shift += (point_[k] - w) * model.weighted_sum[k];
    }
    shift = problem.fit_intercept ? shift / model.total : 0.0;
    margins.resize(static_cast<std::size_t>(problem.n()));
    product(
        problem.X, working_set,
        [&](std::size_t k) { return point_[k] - coef[static_cast<std::size_t>(working_set[k])]; },
        margins.data(), problem.n_threads);
    return visit_curvature(model, [&](auto h) {
      const auto [slope, bend] = ordered_sums<2>(
          problem.n(), 1, [&h, r = model.residual.data(), u = margins.data()](Index i) {
            return std::array<double, 2>{r[i] * u[i], h(i) * u[i] * u[i]};
          });
      const double gain =
          slope - model.shift * shift * model.total - 0.5 * (bend - shift * shift * model.total);
      if (!(gain > rise)) return false;
      for (std::size_t i = 0; i < margins.size(); ++i)
        model.residual[i] -= h(static_cast<Index>(i)) * margins[i];
      model.shift -= shift;
      for (std::size_t k = 0; k < norm_.size(); ++k)
        coef[static_cast<std::size_t>(working_set[k])] = point_[k];
      return true;
    });
  }

 private:
  Extrapolation past_;
  std::vector<double> norm_, point_;
};

}  // namespace sparsecross
