// The multinomial problem, a point of it, and its certificate.
//
// Problem: min over W (K x p) and b (K) of
//
//     Σ_i c_i [log Σ_k exp(m_ik) - m_i,y_i] + Σ_jk ω_j (l1 σ_j |w_kj| + ½ l2 (σ_j w_kj)²),
//     m_ik = x_i·w_k + b_k.
//
// Bound:   θ = residual (softmax.hpp), which Σ_i θ_ik = 0 asks to be balanced, scaled by t <= 1 so
//          that |x_jᵀθ_k| <= ω_j l1; unpenalised columns ask for x_jᵀθ_k = 0 besides: θ is
//          projected class by class, what a class takes coming from the last, and there is no bound
//          where that leaves the domain. An L2 penalty enters as in certificate.hpp.
// Cost:    K passes over X for the margins and K for the bound; a few over n K, with exponentials.
#pragma once

#include "model/certificate.hpp"
#include "model/softmax.hpp"

namespace sparsecross {

struct MultinomialProblem {
  const Design& X;
  const SoftmaxLoss& loss;
  const Penalty& penalty;
  bool fit_intercept;
  int n_threads;

  Index n() const { return X.n_rows(); }
  Index p() const { return X.n_cols(); }
  std::size_t n_classes() const { return loss.n_classes(); }
};

struct MultinomialPoint {
  ByClass coef;                   // K x p
  std::vector<double> intercept;  // K
  ByClass margins;                // K x n

  std::size_t bytes() const { return bytes_of(coef) + bytes_of(margins); }
};

inline MultinomialPoint zero_point(const MultinomialProblem& problem) {
  const std::size_t K = problem.n_classes();
  MultinomialPoint at;
  at.coef.assign(K, std::vector<double>(static_cast<std::size_t>(problem.p()), 0.0));
  at.intercept.assign(K, 0.0);
  at.margins.assign(K, std::vector<double>(static_cast<std::size_t>(problem.n()), 0.0));
  return at;
}

// The margins of class k = X w_k + b_k, made anew.
inline void refresh_margins(const MultinomialProblem& problem, std::size_t k,
                            MultinomialPoint& at) {
  product(problem.X, at.coef[k].data(), at.margins[k].data(), problem.n_threads);
  for (double& m : at.margins[k]) m += at.intercept[k];
}

inline void settle_intercepts(const MultinomialProblem& problem, const Poll& poll,
                              MultinomialPoint& at, ByClass& work) {
  if (problem.fit_intercept) problem.loss.settle(poll, at.intercept, at.margins, work);
}

inline double primal_value(const MultinomialProblem& problem, const MultinomialPoint& at) {
  double total = problem.loss.value(at.margins);
  for (const auto& w : at.coef)
    total += ordered_sum(problem.p(), [&](Index j) {
      return problem.penalty.value(j, w[static_cast<std::size_t>(j)]);
    });
  return total;
}

// θ (K x n) from the probabilities at `at`, as the intercepts and the unpenalised columns ask for
// it; false where a projection does not settle.
inline bool feasible_residual(const MultinomialProblem& problem, const MultinomialPoint& at,
                              const Poll& poll, ByClass& theta) {
  const std::size_t K = problem.n_classes();
  const auto n = static_cast<std::size_t>(problem.n());
  problem.loss.probabilities(at.margins, theta);
  std::vector<Index> free;
  if (problem.penalty.any_unpenalised())
    for (Index j = 0; j < problem.p(); ++j)
      if (problem.penalty.unpenalised(j)) free.push_back(j);
  if (free.empty()) {
    if (problem.fit_intercept) problem.loss.balance(theta);
    problem.loss.to_residual(theta);
    return true;
  }
  const ByClass p = theta;
  problem.loss.to_residual(theta);
  const std::vector<double> y(n, 0.0);
  const auto none =
      make_loss(LossKind::squared, {y.data(), nullptr, nullptr, problem.n()}, problem.n_threads);
  const Problem columns{problem.X, *none, problem.penalty, problem.fit_intercept,
                        problem.n_threads};
  std::vector<double> metric(n);
  std::fill(theta[K - 1].begin(), theta[K - 1].end(), 0.0);
  for (std::size_t k = 0; k + 1 < K; ++k) {
    for (std::size_t i = 0; i < n; ++i)
      metric[i] = problem.loss.c(static_cast<Index>(i)) * p[k][i] * p[K - 1][i];
    if (!project_out(columns, free, metric, poll, theta[k])) return false;
    for (std::size_t i = 0; i < n; ++i) theta[K - 1][i] -= theta[k][i];
  }
  return true;
}

// The bound that follows from the probabilities at `at`; θ (K x n) before scaling.
inline DualBound dual_bound(const MultinomialProblem& problem, const MultinomialPoint& at,
                            const Poll& poll, ByClass& theta) {
  if (!feasible_residual(problem, at, poll, theta)) return {};
  DualRoom room{1.0};
  std::vector<double> z(static_cast<std::size_t>(problem.p()));
  for (std::size_t k = 0; k < problem.n_classes(); ++k) {
    transposed_product(problem.X, theta[k].data(), z.data(), problem.n_threads);
    for (Index j = 0; j < problem.p(); ++j)
      room.take(problem.penalty, j, at.coef[k][static_cast<std::size_t>(j)],
                z[static_cast<std::size_t>(j)]);
  }
  DualBound bound;
  const auto prove = [&](double dual, double scale) {
    if (dual > bound.dual) bound = {dual, scale};  // NaN proves nothing
  };
  const double t = room.limit;
  prove(problem.loss.dual(theta, t) - 0.5 * t * t * room.extra, t);
  if (problem.penalty.has_l2()) prove(problem.loss.dual(theta, 1.0) - room.conjugate, 1.0);
  return bound;
}

// The primal value at (coef, intercept) as they are, and the bound that follows from them: as for
// one margin, settled intercepts move the bound and not the value. Margins beyond double precision
// have no value and prove nothing.
inline Certificate certify(const MultinomialProblem& problem, MultinomialPoint at,
                           const Poll& poll) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < problem.n_classes(); ++k) refresh_margins(problem, k, at);
  const double primal = primal_value(problem, at);
  ByClass theta = at.margins;
  settle_intercepts(problem, poll, at, theta);
  for (const auto& margins : at.margins)
    for (const double m : margins)
      if (!std::isfinite(m)) return {infinity, -infinity};
  return {primal, dual_bound(problem, at, poll, theta).dual};
}

}  // namespace sparsecross
