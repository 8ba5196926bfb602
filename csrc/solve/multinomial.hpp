// Multinomial logistic regression, class by class.
//
// Problem: min over W (K x p) and b (K) of
//
//     Σ_i c_i [log Σ_k exp(m_ik) - m_i,y_i] + Σ_jk ω_j (l1 σ_j |w_kj| + ½ l2 (σ_j w_kj)²),
//     m_ik = x_i·w_k + b_k,
//
//   to a relative duality gap of `tol` over all classes.
// Given:   labels, a start (W and b).
// Result:  a Solution whose coef and dual_point hold the classes one after the other, and K
//          intercepts.
// Method:  With the other classes held, that of class k is a binary logistic problem with offset
//          -log Σ_{l != k} exp(m_il), which the binary solver takes from where it was. The penalty
//          is separable, so such a cycle stops only at the optimum (Tseng 2001). A column's weights
//          may all be shifted alike without a change of the loss: after each cycle they take the
//          shift that the penalty likes best, which single classes would reach in many small steps.
// Bound:   θ = residual (softmax.hpp), which Σ_i θ_ik = 0 asks to be balanced, scaled by t <= 1 so
//          that |x_jᵀθ_k| <= ω_j l1; unpenalised columns ask for x_jᵀθ_k = 0 besides: θ is
//          projected class by class, what a class takes coming from the last, and there is no bound
//          where that leaves the domain.
// Cost:    a cycle is K binary solves and K passes over X; memory 3 n K beside the result.
// Sources: Friedman, Hastie & Tibshirani 2010, section 4; Tseng 2001, "Convergence of a block
//          coordinate descent method for nondifferentiable minimization".
#pragma once

#include "model/softmax.hpp"
#include "solve/working_set.hpp"

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
};

struct MultinomialSolution {
  Solution solution;
  std::vector<double> intercepts;
};

namespace detail {

constexpr double kLeastShare = 1e-9;
constexpr Index kSweepsPerClass = 200;  // of one class before the next has its turn

inline MultinomialPoint zero_point(const MultinomialProblem& problem) {
  const std::size_t K = problem.n_classes();
  MultinomialPoint at;
  at.coef.assign(K, std::vector<double>(static_cast<std::size_t>(problem.p()), 0.0));
  at.intercept.assign(K, 0.0);
  at.margins.assign(K, std::vector<double>(static_cast<std::size_t>(problem.n()), 0.0));
  return at;
}

inline void shift_class(MultinomialPoint& at, std::size_t k, double shift) {
  at.intercept[k] += shift;
  for (double& m : at.margins[k]) m += shift;
}

// Intercepts of which the probabilities have the labels' frequencies: each round multiplies the
// odds of a class by the ratio (iterative proportional fitting), which never raises the loss.
inline void settle_intercepts(const MultinomialProblem& problem, MultinomialPoint& at,
                              ByClass& work) {
  if (!problem.fit_intercept) return;
  for (int round = 0; round < 20; ++round) {
    problem.loss.probabilities(at.margins, work);
    double off = 0.0;
    for (std::size_t k = 0; k < problem.n_classes(); ++k) {
      const double want = problem.loss.frequency(k), have = problem.loss.mass(work[k]);
      if (!(want > 0.0 && have > 0.0)) continue;
      off = std::max(off, std::abs(have - want));
      shift_class(at, k, std::log(want / have));
    }
    if (off <= 1e-14) return;
  }
}

inline double penalty_of(const MultinomialProblem& problem, const MultinomialPoint& at) {
  double total = 0.0;
  for (const auto& w : at.coef)
    total += ordered_sum(problem.p(), [&](Index j) {
      return problem.penalty.value(j, w[static_cast<std::size_t>(j)]);
    });
  return total;
}

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

// The bound that follows from the probabilities at `at`; θ (K x n) before scaling.
inline DualBound multinomial_bound(const MultinomialProblem& problem, const MultinomialPoint& at,
                                   const Poll& poll, ByClass& theta) {
  const Penalty& penalty = problem.penalty;
  const std::size_t K = problem.n_classes();
  const auto n = static_cast<std::size_t>(problem.n());
  problem.loss.probabilities(at.margins, theta);
  std::vector<Index> free;
  if (penalty.any_unpenalised())
    for (Index j = 0; j < problem.p(); ++j)
      if (penalty.unpenalised(j)) free.push_back(j);
  if (free.empty()) {
    if (problem.fit_intercept) problem.loss.balance(theta);
    problem.loss.to_residual(theta);
  } else {
    const ByClass p = theta;
    problem.loss.to_residual(theta);
    const std::vector<double> y(n, 0.0);
    const SampleLoss<SquaredLoss> none(SquaredLoss(), y.data(), nullptr, nullptr, problem.n(),
                                       problem.n_threads);
    const Problem columns{problem.X, none, penalty, problem.fit_intercept, problem.n_threads};
    std::vector<double> metric(n);
    std::fill(theta[K - 1].begin(), theta[K - 1].end(), 0.0);
    for (std::size_t k = 0; k + 1 < K; ++k) {
      for (std::size_t i = 0; i < n; ++i)
        metric[i] = problem.loss.c(static_cast<Index>(i)) * p[k][i] * p[K - 1][i];
      if (!project_out(columns, free, metric, poll, theta[k])) return {};
      for (std::size_t i = 0; i < n; ++i) theta[K - 1][i] -= theta[k][i];
    }
  }

  double limit = 1.0, conjugate = 0.0, extra = 0.0;
  std::vector<double> z(static_cast<std::size_t>(problem.p()));
  for (std::size_t k = 0; k < K; ++k) {
    transposed_product(problem.X, theta[k].data(), z.data(), problem.n_threads);
    for (Index j = 0; j < problem.p(); ++j) {
      if (penalty.excluded(j) || penalty.unpenalised(j)) continue;
      const double zj = z[static_cast<std::size_t>(j)];
      const double w = at.coef[k][static_cast<std::size_t>(j)];
      const double l1 = penalty.l1(j), l2 = penalty.l2(j);
      const double size = penalty.counted(zj - l2 * w);
      if (size > 0.0) limit = std::min(limit, l1 / size);
      if (penalty.has_l2()) {
        const double beyond = std::max(0.0, penalty.counted(zj) - l1);
        conjugate += beyond * beyond / (2.0 * l2);
        extra += l2 * w * w;
      }
    }
  }
  DualBound bound;
  bound.scale = limit;
  bound.dual = problem.loss.dual(theta, limit) - 0.5 * limit * limit * extra;
  if (penalty.has_l2()) {
    const double direct = problem.loss.dual(theta, 1.0) - conjugate;
    if (direct > bound.dual) bound = {direct, 1.0};
  }
  return bound;
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
  const SampleLoss<LogisticLoss> loss(LogisticLoss(), y.data(), offset.data(),
                                      problem.loss.weights(), problem.n(), problem.n_threads);
  const Problem binary{problem.X, loss, problem.penalty, problem.fit_intercept, problem.n_threads};
  Solution found = solve_working_set(binary, {tol, max_iter, Method::cd, false}, &at.coef[k],
                                     at.intercept[k], poll);
  at.coef[k] = found.coef;
  at.intercept[k] = found.intercept;
  product(problem.X, at.coef[k].data(), at.margins[k].data(), problem.n_threads);
  for (double& m : at.margins[k]) m += at.intercept[k];
  return found;
}

// Cycles to an absolute gap of `target`. `unit` is the objective at zero weights.
inline Solution cycle(const MultinomialProblem& problem, double target, double unit, Index max_iter,
                      const Poll& poll, MultinomialPoint& at) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const std::size_t K = problem.n_classes();
  const auto n = static_cast<std::size_t>(problem.n());
  Solution solution;
  ByClass theta(K, std::vector<double>(n));
  Progress progress;
  Index working_set = 0;
  double share = 0.1;  // of the gap, which the classes' own may be
  for (;;) {
    const double primal = problem.loss.value(at.margins) + penalty_of(problem, at);
    const DualBound bound = multinomial_bound(problem, at, poll, theta);
    solution.primal = primal;
    if (bound.dual > solution.dual) {
      solution.dual = bound.dual;
      solution.dual_point.clear();
      for (const auto& each : theta)
        for (const double v : each) solution.dual_point.push_back(bound.scale * v);
    }
    Index n_active = 0;
    for (const auto& w : at.coef)
      for (const double v : w) n_active += v != 0.0;
    solution.history.push_back({solution.n_iter, working_set, n_active, primal, solution.dual,
                                std::chrono::duration<double>(Clock::now() - started).count()});
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
      solution.n_iter += std::max<Index>(found.n_iter, 1);
      working_set = std::max(working_set, found.history.back().working_set);
      if (found.status == Status::interrupted) break;
    }
    shift_columns(problem, at);
    settle_intercepts(problem, at, theta);
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
  MultinomialNull null{detail::zero_point(problem), 0.0};
  ByClass work = null.at.margins;
  detail::settle_intercepts(problem, null.at, work);
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
  const Solution found = detail::cycle(part, 1e-9 * null.lower, null.lower, 10000, poll, null.at);
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
  const SampleLoss<SquaredLoss> none(SquaredLoss(), y.data(), nullptr, nullptr, problem.n(),
                                     problem.n_threads);
  const Problem columns{problem.X, none, problem.penalty, problem.fit_intercept, problem.n_threads};
  double largest = 0.0;
  for (const auto& each : theta) largest = std::max(largest, strength_against(columns, each));
  return largest;
}

inline MultinomialSolution solve_multinomial(const MultinomialProblem& problem,
                                             const Options& options, const ByClass* coef_init,
                                             const std::vector<double>* intercept_init,
                                             const Poll& poll) {
  MultinomialNull null = multinomial_null(problem, poll);
  const double scale = multinomial_scale(null);
  MultinomialPoint at = std::move(null.at);
  if (coef_init && !null.interrupted) {
    MultinomialPoint start = detail::zero_point(problem);
    for (std::size_t k = 0; k < problem.n_classes(); ++k) {
      start.coef[k] = (*coef_init)[k];
      for (Index j = 0; j < problem.p(); ++j) {
        double& w = start.coef[k][static_cast<std::size_t>(j)];
        if (problem.penalty.excluded(j) || (problem.penalty.positive() && w < 0.0)) w = 0.0;
      }
      product(problem.X, start.coef[k].data(), start.margins[k].data(), problem.n_threads);
      if (problem.fit_intercept) detail::shift_class(start, k, (*intercept_init)[k]);
    }
    const auto objective = [&](const MultinomialPoint& point) {
      return problem.loss.value(point.margins) + detail::penalty_of(problem, point);
    };
    if (objective(start) < objective(at)) at = std::move(start);
  }
  MultinomialSolution result;
  result.solution = detail::cycle(problem, options.tol * scale, scale, options.max_iter, poll, at);
  result.solution.scale = scale;
  for (const auto& w : at.coef)
    result.solution.coef.insert(result.solution.coef.end(), w.begin(), w.end());
  result.intercepts = std::move(at.intercept);
  return result;
}

}  // namespace sparsecross
