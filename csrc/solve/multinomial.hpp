// Multinomial logistic regression, class by class.
//
// Problem: multinomial_certificate.hpp, to a relative duality gap of `tol` over all classes.
// Given:   labels, a start (W and b).
// Result:  a Solution whose coef and dual_point hold the classes one after the other, and K
//          intercepts.
// Method:  With the other classes held, that of class k is a binary logistic problem with offset
//          -log Σ_{l != k} exp(m_il), which the binary solver takes from where it was. The penalty
//          is separable, so such a cycle stops only at the optimum (Tseng 2001). A column's weights
//          may all be shifted alike without a change of the loss: after each cycle they take the
//          shift that the penalty likes best, which single classes would reach in many small steps.
// Cost:    a cycle is K binary solves and K passes over X; memory 3 n K beside the result.
// Sources: Friedman, Hastie & Tibshirani 2010, section 4; Tseng 2001, "Convergence of a block
//          coordinate descent method for nondifferentiable minimization".
#pragma once

#include "model/multinomial_certificate.hpp"
#include "solve/solve.hpp"

namespace sparsecross {

// Told of each look at all columns: the round, and the point it looked at.
using OnMultinomialRound = std::function<void(const Round&, const MultinomialPoint&)>;

struct MultinomialSolution {
  Solution solution;
  std::vector<double> intercepts;
};

namespace detail {

constexpr double kLeastShare = 1e-9;
constexpr Index kSweepsPerClass = 200;  // of one class before the next has its turn

// The shift a that minimises Σ_k penalty(w_k - a): between two neighbouring weights a parabola or a
// line. `w` is sorted here.
inline double best_common_shift(const Penalty& penalty, Index j, std::vector<double>& w) {
  std::sort(w.begin(), w.end());
  if (penalty.positive()) return w.front();
  const double l1 = penalty.l1(j), l2 = penalty.l2(j), K = static_cast<double>(w.size());
  if (l2 == 0.0) {
    const double low = w[(w.size() - 1) / 2], high = w[w.size() / 2];
    return std::clamp(0.0, low, high);
  }
  const double sum = ordered_sum(static_cast<Index>(w.size()),
                                 [&](Index k) { return w[static_cast<std::size_t>(k)]; });
  for (std::size_t below = 0; below <= w.size(); ++below) {
    const double low = below == 0 ? -std::numeric_limits<double>::infinity() : w[below - 1];
    const double high = below == w.size() ? std::numeric_limits<double>::infinity() : w[below];
    // The first stretch whose minimum is not beyond its right end.
    const double a = (l2 * sum + l1 * (K - 2.0 * static_cast<double>(below))) / (K * l2);
    if (a <= high) return std::max(a, low);
  }
  return 0.0;
}

// Every penalised column's weights, shifted alike; margins of all classes move alike too.
inline void shift_columns(const MultinomialProblem& problem, MultinomialPoint& at) {
  std::vector<double> w(problem.n_classes());
  std::vector<double> shifts(static_cast<std::size_t>(problem.p()), 0.0);
  bool any = false;
  for (Index j = 0; j < problem.p(); ++j) {
    if (problem.penalty.excluded(j) || problem.penalty.unpenalised(j)) continue;
    const auto column = static_cast<std::size_t>(j);
    bool zero = true;
    for (std::size_t k = 0; k < w.size(); ++k) {
      w[k] = at.coef[k][column];
      zero &= w[k] == 0.0;
    }
    if (zero) continue;
    const double a = best_common_shift(problem.penalty, j, w);
    if (a == 0.0) continue;
    any = true;
    shifts[column] = -a;
    for (auto& coef : at.coef) coef[column] -= a;
  }
  if (!any) return;
  std::vector<double> moved(static_cast<std::size_t>(problem.n()));
  product(problem.X, shifts.data(), moved.data(), problem.n_threads);
  for (auto& margins : at.margins)
    for (std::size_t i = 0; i < margins.size(); ++i) margins[i] += moved[i];
}

// One turn of class k; returns the sweeps it took.
inline Solution solve_class(const MultinomialProblem& problem, std::size_t k, double tol,
                            Index max_iter, const Poll& poll, MultinomialPoint& at) {
  const auto n = static_cast<std::size_t>(problem.n());
  std::vector<double> y(n), offset(n);
  for (std::size_t i = 0; i < n; ++i) {
    y[i] = problem.loss.is(static_cast<Index>(i), k) ? 1.0 : -1.0;
    offset[i] = -problem.loss.log_sum(at.margins, i, k);
  }
  const auto loss =
      make_loss(LossKind::logistic, {y.data(), offset.data(), problem.loss.weights(), problem.n()},
                problem.n_threads);
  const Problem binary{problem.X, *loss, problem.penalty, problem.fit_intercept, problem.n_threads};
  Solution found = sparsecross::solve(binary, {tol, max_iter, Method::cd, false}, &at.coef[k],
                                      at.intercept[k], poll);
  at.coef[k] = found.coef;
  at.intercept[k] = found.intercept;
  refresh_margins(problem, k, at);
  found.peak.vectors += bytes_of(y, offset) + bytes_of(at.coef[k]);
  return found;
}

// Cycles from `at`. `unit` is the objective at zero weights, of which the gap is to be a part.
inline Solution cycle(const MultinomialProblem& problem, const Options& options, double unit,
                      Clock::time_point started, const Poll& poll, MultinomialPoint& at,
                      const OnMultinomialRound& on_round = {}) {
  const std::size_t K = problem.n_classes();
  const double target = options.tol * unit;
  const Index max_iter = options.max_iter;
  Solution solution;
  solution.scale = unit;
  ByClass theta = at.margins;
  Progress progress;
  Index working_set = 0;
  double share = 0.1;  // of the gap, which the classes' own may be
  for (;;) {
    const double primal = primal_value(problem, at);
    const DualBound bound = dual_bound(problem, at, poll, theta);
    solution.primal = primal;
    if (bound.dual > solution.dual) {
      solution.dual = bound.dual;
      solution.dual_point = stacked(theta, bound.scale);
    }
    Index n_active = 0;
    for (const auto& w : at.coef)
      for (const double v : w) n_active += v != 0.0;
    solution.history.push_back({solution.n_iter, working_set, n_active, primal, solution.dual,
                                std::chrono::duration<double>(Clock::now() - started).count()});
    solution.peak.raise({at.bytes() + bytes_of(theta) + bytes_of(solution.dual_point)});
    if (on_round) on_round(solution.history.back(), at);
    const double gap = solution.gap();
    // Classes that are each at their best to within the accuracy asked for stay where they are.
    if (progress.look(primal, gap) > 0) share *= 0.1;
    if (poll && poll()) {
      solution.status = Status::interrupted;
    } else if (gap <= target) {
      solution.status = Status::converged;
    } else if (solution.n_iter >= max_iter) {
      solution.status = Status::max_iter;
    } else if (share < kLeastShare) {
      solution.status = solution.dual > -std::numeric_limits<double>::infinity()
                            ? Status::precision_limit
                            : Status::not_certified;
    }
    if (solution.status != Status::not_run) return solution;

    const double wanted =
        share * std::max(target, std::min(gap, unit)) / (static_cast<double>(K) * unit);
    working_set = 0;
    for (std::size_t k = 0; k < K && solution.n_iter < max_iter; ++k) {
      const Index room = std::min(kSweepsPerClass, max_iter - solution.n_iter);
      const Solution found = solve_class(problem, k, wanted, room, poll, at);
      solution.peak.raise(found.peak +
                          Footprint{at.bytes() + bytes_of(theta) + bytes_of(solution.dual_point)});
      solution.n_iter += std::max<Index>(found.n_iter, 1);
      working_set = std::max(working_set, found.history.back().working_set);
      if (found.status == Status::interrupted) break;
    }
    shift_columns(problem, at);
    settle_intercepts(problem, poll, at, theta);
  }
}

}  // namespace detail

struct MultinomialNull {
  MultinomialPoint at;
  double lower;  // a proved lower bound of the objective there
  bool interrupted = false;
};

// All penalised weights 0, the intercepts and the unpenalised columns at their best.
inline MultinomialNull multinomial_null(const MultinomialProblem& problem, const Poll& poll) {
  MultinomialNull null{zero_point(problem), 0.0};
  ByClass work = null.at.margins;
  settle_intercepts(problem, poll, null.at, work);
  null.lower = problem.loss.value(null.at.margins);
  std::vector<double> factor(static_cast<std::size_t>(problem.p()),
                             std::numeric_limits<double>::infinity());
  bool any = false;
  if (problem.penalty.any_unpenalised())
    for (Index j = 0; j < problem.p(); ++j)
      if (problem.penalty.unpenalised(j)) {
        factor[static_cast<std::size_t>(j)] = 0.0;
        any = true;
      }
  if (!any) return null;
  const Penalty free(1.0, 0.0, factor.data(), problem.penalty.positive());
  const MultinomialProblem part{problem.X, problem.loss, free, problem.fit_intercept,
                                problem.n_threads};
  const Solution found =
      detail::cycle(part, {1e-9, 10000}, null.lower, detail::Clock::now(), poll, null.at);
  null.lower = found.dual;
  null.interrupted = found.status == Status::interrupted;
  return null;
}

inline double multinomial_scale(const MultinomialNull& null) {
  return std::max(null.lower, std::numeric_limits<double>::epsilon());
}

// max_jk |x_jᵀθ_k| / ω_j at the null model, for a penalty of strength l1 = 1.
inline double multinomial_strength(const MultinomialProblem& problem, const Poll& poll) {
  const MultinomialNull null = multinomial_null(problem, poll);
  ByClass theta = null.at.margins;
  problem.loss.probabilities(null.at.margins, theta);
  if (problem.fit_intercept) problem.loss.balance(theta);
  problem.loss.to_residual(theta);
  const std::vector<double> y(static_cast<std::size_t>(problem.n()), 0.0);
  const auto none =
      make_loss(LossKind::squared, {y.data(), nullptr, nullptr, problem.n()}, problem.n_threads);
  const Problem columns{problem.X, *none, problem.penalty, problem.fit_intercept,
                        problem.n_threads};
  double largest = 0.0;
  for (const auto& each : theta) largest = std::max(largest, strength_against(columns, each));
  return largest;
}

inline MultinomialSolution solve_multinomial(const MultinomialProblem& problem,
                                             const Options& options, const ByClass* coef_init,
                                             const std::vector<double>* intercept_init,
                                             const Poll& poll,
                                             const OnMultinomialRound& on_round = {}) {
  const auto started = detail::Clock::now();
  MultinomialNull null = multinomial_null(problem, poll);
  const double scale = multinomial_scale(null);
  MultinomialPoint at = std::move(null.at);
  if (coef_init && !null.interrupted) {
    MultinomialPoint start = zero_point(problem);
    if (problem.fit_intercept) start.intercept = *intercept_init;
    for (std::size_t k = 0; k < problem.n_classes(); ++k) {
      start.coef[k] = (*coef_init)[k];
      for (Index j = 0; j < problem.p(); ++j) {
        double& w = start.coef[k][static_cast<std::size_t>(j)];
        if (problem.penalty.excluded(j) || (problem.penalty.positive() && w < 0.0)) w = 0.0;
      }
      refresh_margins(problem, k, start);
    }
    if (primal_value(problem, start) < primal_value(problem, at)) at = std::move(start);
  }
  MultinomialSolution result;
  result.solution = detail::cycle(problem, options, scale, started, poll, at, on_round);
  result.solution.coef = stacked(at.coef);
  result.intercepts = std::move(at.intercept);
  return result;
}

}  // namespace sparsecross
