// The quadratic model of the loss at a point, over the columns of a working set.
//
// Problem: minimise over d (on the working set) and e
//
//     Σ_i [ -r_i u_i + ½ h_i u_i² ] + penalty(w + d),      u = Xd + e·1,
//
//   with r the residual and h the curvature of the loss at the present margins. For squared loss
//   the model is the loss itself. The intercept's move e is never a coordinate: it is kept at its
//   best value after every step, which amounts to centring the columns by their h-weighted means
//   without touching X. With H_j = Σ h_i x_ij and H = Σ h_i, a move d moves the best e by
//   -Σ_j d_j H_j / H, so that
//
//     gradient_j  = x_jᵀ r̃ - e H_j            r̃ = r - h ∘ Xd  is the vector that is kept
//     curvature_j = Σ h_i x_ij² - H_j² / H    (summed as squares of centred values)
//
// Cost: expand is a pass over n, measure_columns one over the columns.
// Sources: Friedman, Hastie & Tibshirani 2010, "Regularization paths for generalized linear models
//   via coordinate descent"; Yuan, Ho & Lin 2012, "An improved GLMNET".
#pragma once

#include <string>

#include "model/problem.hpp"

namespace sparsecross {

// h_i where it is one number for all samples, and where each has its own.
struct UniformCurvature {
  double h;
  double operator()(Index) const { return h; }
};
struct SampleCurvature {
  const double* h;
  double operator()(Index i) const { return h[i]; }
};

struct QuadraticModel {
  std::vector<double> residual;   // r̃ (n)
  std::vector<double> curvature;  // h (n); not filled where `uniform` > 0
  double uniform = 0.0;
  double total = 0.0;  // H
  double shift = 0.0;  // e
  // By position in the working set: H_j, and the curvature along the (centred) column.
  std::vector<double> weighted_sum, column_curvature;

  Footprint footprint() const {
    return {bytes_of(residual, curvature), bytes_of(weighted_sum, column_curvature)};
  }
};

template <class Visitor>
decltype(auto) visit_curvature(const QuadraticModel& model, Visitor&& visitor) {
  if (model.uniform > 0.0) return visitor(UniformCurvature{model.uniform});
  return visitor(SampleCurvature{model.curvature.data()});
}

// The model of the loss at this point; e starts at its best value. Curvatures are at least
// `damping` of the largest (Levenberg & Marquardt), which steps shorten by.
inline void expand(const Problem& problem, const Point& at, double damping, QuadraticModel& model) {
  const Index n = problem.n();
  model.residual.resize(static_cast<std::size_t>(n));
  model.uniform = problem.loss.uniform_curvature();
  if (model.uniform > 0.0) {
    problem.loss.residual(at.margins.data(), model.residual.data());
  } else {
    model.curvature.resize(static_cast<std::size_t>(n));
    problem.loss.expansion(at.margins.data(), model.residual.data(), model.curvature.data());
    if (damping > 0.0) {
      const double least = std::min(damping, 1.0) *
                           *std::max_element(model.curvature.begin(), model.curvature.end());
      for (double& h : model.curvature) h = std::max(h, least);
    }
  }
  model.total = model.uniform > 0.0
                    ? model.uniform * static_cast<double>(n)
                    : ordered_sum(n, [h = model.curvature.data()](Index i) { return h[i]; });
  const double sum = ordered_sum(n, [r = model.residual.data()](Index i) { return r[i]; });
  model.shift = problem.fit_intercept && model.total > 0.0 ? sum / model.total : 0.0;
}

// weighted_sum and column_curvature of the working set.
inline void measure_columns(const Problem& problem, const std::vector<Index>& working_set,
                            QuadraticModel& model) {
  const bool centre = problem.fit_intercept && model.total > 0.0;
  model.weighted_sum.resize(working_set.size());
  model.column_curvature.resize(working_set.size());
  problem.X.visit([&](const auto& columns) {
    visit_curvature(model, [&](auto h) {
      parallel_chunks(
          static_cast<Index>(working_set.size()), 64, problem.n_threads,
          [&](Index begin, Index end) {
            for (Index k = begin; k < end; ++k) {
              const Index j = working_set[static_cast<std::size_t>(k)];
              const auto [square, weighted] = columns.template sums<2>(j, [h](Index i, double x) {
                const double hx = h(i) * x;
                return std::array<double, 2>{hx * x, hx};
              });
              if (!std::isfinite(square))
                throw std::domain_error("the squares of column " + std::to_string(j) +
                                        " of X must have a finite sum: scale it down");
              double sum = 0.0, bend = square;
              if (centre) {
                sum = weighted;
                const double mean = sum / model.total;
                bend = square - mean * sum;
                if (bend < 0.01 * square) {  // digits have cancelled: sum squares of what is left
                  // h of the samples that the column does not store; rounding where it stores all.
                  const double stored = columns.sum(j, [h](Index i, double) { return h(i); });
                  const double absent =
                      columns.size(j) == problem.n() ? 0.0 : std::max(0.0, model.total - stored);
                  bend = columns.sum(j, [h, mean](Index i, double x) {
                    return h(i) * (x - mean) * (x - mean);
                  }) + mean * mean * absent;
                }
                // A column whose mean is beyond 3e7 times its deviation counts as constant, the
                // intercept's: x_jᵀr̃ - e H_j would be rounding, and the sweeps would diverge.
                if (bend <= 1e-15 * square) bend = 0.0;
              }
              model.weighted_sum[static_cast<std::size_t>(k)] = sum;
              model.column_curvature[static_cast<std::size_t>(k)] = bend;
            }
          });
    });
  });
}

}  // namespace sparsecross
