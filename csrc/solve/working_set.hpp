// The outer loop: solve on few columns, look at all, add those that pull hardest.
//
// Problem: problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (coef of length p, intercept).
// Result:  a Solution whose gap is proved over all columns.
// Cost:    a round is one pass over X (shared among the threads) and sweeps over the working set.
//          Memory, beside the result: at most 7 vectors of length n (margins, dual point, and the
//          workspace) and 6 of length p (start, correlations, and lists of columns).
// Sources: Massias, Gramfort & Salmon 2018, "Celer" (working sets with dual certificates);
//          Bertrand et al. 2022, "Beyond L1: skglm" (growth by the support's size);
//          Johnson & Guestrin 2015, "Blitz".
#pragma once

#include <chrono>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>

#include "model/certificate.hpp"
#include "solve/coordinate_descent.hpp"
#include "solve/solution.hpp"

namespace sparsecross {

// Told of each look at all columns: the round, and the point it looked at.
using OnRound = std::function<void(const Round&, const Point&)>;

struct Options {
  double tol = 1e-4;        // on gap / (P0 - Psat)
  Index max_iter = 100000;  // sweeps
};

namespace detail {

constexpr Index kFirstWorkingSet = 100;
constexpr int kSweepsPerCheck = 10;
constexpr double kRounding = 1e-15;  // of the objective, relative

// Counts looks at the problem that found no progress: neither a fall of the objective beyond
// rounding nor of the gap (which still falls, like the square root, when the objective no longer
// can) by a hundredth.
class Progress {
 public:
  // The number of looks in a row without progress, this one included.
  int look(double primal, double gap) {
    const bool forward = !(primal >= primal_ - kRounding * std::abs(primal)) || gap < 0.99 * gap_;
    primal_ = std::min(primal_, primal);
    gap_ = std::min(gap_, gap);
    return idle_ = forward ? 0 : idle_ + 1;
  }

 private:
  double primal_ = std::numeric_limits<double>::infinity();
  double gap_ = std::numeric_limits<double>::infinity();
  int idle_ = 0;
};

// Vectors that the rounds share.
struct Workspace {
  explicit Workspace(Index n) : theta(static_cast<std::size_t>(n)) {}
  std::vector<double> theta, curvature, direction;
  std::vector<double> z;
  QuadraticModel model;
};

enum class Inner { reached, stalled, out_of_sweeps, interrupted };

// w + t d and its margins for the largest t in 1, ½, ¼, ... that lowers the objective enough, or
// the old point where none does (Armijo with σ = 0.01; Yuan et al. 2012, section 4). `before` are
// the old weights of the set, `at` holds w + d and the old margins.
inline void search_along(const Problem& problem, const std::vector<Index>& working_set,
                         const std::vector<double>& before, double shift, Workspace& space,
                         Point& at) {
  auto& direction = space.direction;
  direction.assign(static_cast<std::size_t>(problem.n()), shift);
  problem.X.visit([&](const auto& columns) {
    for (std::size_t k = 0; k < working_set.size(); ++k) {
      const double d = at.coef[static_cast<std::size_t>(working_set[k])] - before[k];
      if (d != 0.0)
        columns.each(working_set[k],
                     [&](Index i, double x) { direction[static_cast<std::size_t>(i)] += x * d; });
    }
  });
  const auto penalty_at = [&](double t) {
    return ordered_sum(static_cast<Index>(working_set.size()), [&](Index k) {
      const auto at_k = static_cast<std::size_t>(k);
      const Index j = working_set[at_k];
      const double w = at.coef[static_cast<std::size_t>(j)];
      return problem.penalty.value(j, before[at_k] + t * (w - before[at_k]));
    });
  };
  // space.theta is free here: it takes the residual first, then the margins that are tried.
  problem.loss.residual(at.margins.data(), space.theta.data());
  const double slope = -ordered_sum(problem.n(), [&](Index i) {
    return space.theta[static_cast<std::size_t>(i)] * direction[static_cast<std::size_t>(i)];
  });
  const double penalty_before = penalty_at(0.0);
  // Negative but for rounding: near the optimum only the arithmetic's noise is left of it.
  const double expected = std::min(0.0, slope + penalty_at(1.0) - penalty_before);
  const double start = problem.loss.value(at.margins.data()) + penalty_before;
  const auto move_to = [&](double t) {
    for (std::size_t k = 0; k < working_set.size(); ++k) {
      double& w = at.coef[static_cast<std::size_t>(working_set[k])];
      w = t == 1.0 ? w : before[k] + t * (w - before[k]);
    }
  };
  double t = 1.0;
  for (int halving = 0; halving < 40; ++halving, t *= 0.5) {
    for (std::size_t i = 0; i < direction.size(); ++i)
      space.theta[i] = at.margins[i] + t * direction[i];
    if (problem.loss.value(space.theta.data()) + penalty_at(t) <=
        start + 0.01 * t * expected + kRounding * std::abs(start)) {
      move_to(t);
      at.intercept += t * shift;
      at.margins.swap(space.theta);
      return;
    }
  }
  move_to(0.0);
}

// Minimises over the working set until the gap there is at most `target`.
// Squared loss: sweeps, with the gap looked at every few. Other losses: proximal Newton, each model
// solved until its largest move is a tenth of its first, then a line search.
inline Inner solve_on(const Problem& problem, const std::vector<Index>& working_set, double target,
                      Index max_iter, const Poll& poll, Workspace& space, Point& at,
                      Index& n_iter) {
  QuadraticModel& model = space.model;
  const bool quadratic = problem.loss.quadratic();
  std::vector<double> before(working_set.size());
  Progress progress;
  for (bool measured = false;;) {
    const DualBound bound =
        dual_bound(problem, at, working_set, poll, space.theta, space.curvature, space.z);
    const double primal = primal_value(problem, at), gap = primal - bound.dual;
    if (gap <= target) return Inner::reached;
    if (n_iter >= max_iter) return Inner::out_of_sweeps;
    if (progress.look(primal, gap) >= 3) return Inner::stalled;

    expand(problem, at, model);
    if (!quadratic || !measured) measure_columns(problem, working_set, model);
    measured = true;
    for (std::size_t k = 0; k < working_set.size(); ++k)
      before[k] = at.coef[static_cast<std::size_t>(working_set[k])];

    double first = 0.0;
    for (int s = 0; s < kSweepsPerCheck && n_iter < max_iter; ++s) {
      const Sweep done = sweep(problem, working_set, model, at.coef);
      ++n_iter;
      if (poll && poll()) {
        if (quadratic) {
          at.intercept += model.shift;
        } else {  // an unfinished direction has had no line search
          for (std::size_t k = 0; k < working_set.size(); ++k)
            at.coef[static_cast<std::size_t>(working_set[k])] = before[k];
        }
        refresh_margins(problem, at);
        return Inner::interrupted;
      }
      if (s == 0) first = done.violation;
      if (done.violation == 0.0 || (!quadratic && done.violation <= 0.1 * first)) break;
    }
    if (quadratic) {
      at.intercept += model.shift;
      refresh_margins(problem, at);
    } else {
      search_along(problem, working_set, before, model.shift, space, at);
      settle_intercept(problem, at);
    }
  }
}

}  // namespace detail

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
        detail::solve_on(problem, unpenalised, target, 10000, poll, space, at, n_iter);
    refresh_margins(problem, at);
    settle_intercept(problem, at);
    const DualBound bound =
        dual_bound(problem, at, unpenalised, poll, space.theta, space.curvature, space.z);
    return {std::move(at), bound.dual, inner == detail::Inner::interrupted};
  }
  const double value = problem.loss.value(at.margins.data());
  return {std::move(at), value, false};
}

// P0 - Psat, the unit of relative gaps: the objective of the null model, less that of perfect
// margins (0 for the losses here). Its proved lower bound is taken, so that no relative gap is
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

// The smallest strength of the L1 penalty at which every penalised weight is 0, for a penalty of
// strength 1 (l1 = 1): max_j |x_jᵀ r| / ω_j at the null model. Not positive where none exists, 0
// where all that is left of the correlations is rounding.
inline double largest_strength(const Problem& problem, const NullModel& null) {
  std::vector<double> theta(static_cast<std::size_t>(problem.n()));
  std::vector<double> z(static_cast<std::size_t>(problem.p()));
  problem.loss.residual(null.at.margins.data(), theta.data());
  if (problem.fit_intercept) balance(theta);
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

inline Solution solve_working_set(const Problem& problem, const Options& options,
                                  const std::vector<double>* coef_init, double intercept_init,
                                  const Poll& poll, const OnRound& on_round = {}) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const Index n = problem.n(), p = problem.p();
  const Penalty& penalty = problem.penalty;
  Solution solution;

  NullModel null = null_model(problem, poll);
  solution.scale = objective_scale(problem, null);
  detail::Inner inner = null.interrupted ? detail::Inner::interrupted : detail::Inner::reached;
  Point at = std::move(null.at);
  const double target = options.tol * solution.scale;
  if (coef_init) {
    Point start;
    start.coef = *coef_init;
    for (Index j = 0; j < p; ++j) {
      double& w = start.coef[static_cast<std::size_t>(j)];
      if (penalty.excluded(j) || (penalty.positive() && w < 0.0)) w = 0.0;
    }
    start.intercept = problem.fit_intercept ? intercept_init : 0.0;
    start.margins.resize(static_cast<std::size_t>(n));
    refresh_margins(problem, start);
    settle_intercept(problem, start);
    // A start that is worse than none may lie where the loss is flat and leads nowhere.
    if (primal_value(problem, start) < primal_value(problem, at)) at = std::move(start);
  }

  detail::Workspace space(n);
  if (penalty.any_unpenalised()) space.curvature.resize(static_cast<std::size_t>(n));
  std::vector<Index> all(static_cast<std::size_t>(p));
  std::iota(all.begin(), all.end(), Index{0});
  std::vector<Index> working_set;
  detail::Progress progress;

  for (;;) {
    // What is proved so far, over all columns.
    const double primal = primal_value(problem, at);
    const DualBound bound =
        dual_bound(problem, at, all, poll, space.theta, space.curvature, space.z);
    if (bound.dual > solution.dual) {
      solution.dual = bound.dual;
      solution.dual_point.resize(space.theta.size());
      for (std::size_t i = 0; i < space.theta.size(); ++i)
        solution.dual_point[i] = bound.scale * space.theta[i];
    }
    solution.primal = primal;
    Index n_active = 0;
    for (const double w : at.coef) n_active += w != 0.0;
    solution.history.push_back({solution.n_iter, static_cast<Index>(working_set.size()), n_active,
                                primal, solution.dual,
                                std::chrono::duration<double>(Clock::now() - started).count()});
    if (on_round) on_round(solution.history.back(), at);
    const double gap = solution.gap();
    const bool stuck = progress.look(primal, gap) >= 2;
    if (inner == detail::Inner::interrupted || (poll && poll())) {
      solution.status = Status::interrupted;
    } else if (gap <= target) {
      solution.status = Status::converged;
    } else if (solution.n_iter >= options.max_iter) {
      solution.status = Status::max_iter;
    }
    if (solution.status != Status::not_run) break;

    // The support, the unpenalised columns, and the violators that pull hardest: as many as double
    // the support, so that the rounds are few and the set stays small.
    working_set.clear();
    std::vector<Index> violators;
    const auto pull = [&](Index j) {
      return penalty.violation(j, 0.0, space.z[static_cast<std::size_t>(j)]);
    };
    for (Index j = 0; j < p; ++j) {
      if (penalty.excluded(j)) continue;
      const double w = at.coef[static_cast<std::size_t>(j)];
      if (w != 0.0 || penalty.unpenalised(j)) {
        working_set.push_back(j);
      } else if (pull(j) > 0.0) {
        violators.push_back(j);
      }
    }
    if (stuck || (inner == detail::Inner::stalled && violators.empty())) {
      solution.status = solution.dual > -std::numeric_limits<double>::infinity()
                            ? Status::precision_limit
                            : Status::not_certified;
      break;
    }
    const auto room = static_cast<std::size_t>(
        std::max<Index>(detail::kFirstWorkingSet, static_cast<Index>(working_set.size())));
    if (violators.size() > room) {
      std::nth_element(violators.begin(), violators.begin() + static_cast<std::ptrdiff_t>(room),
                       violators.end(), [&](Index a, Index b) {
                         return std::make_pair(pull(a), a) > std::make_pair(pull(b), b);
                       });
      violators.resize(room);
    }
    working_set.insert(working_set.end(), violators.begin(), violators.end());
    std::sort(working_set.begin(), working_set.end());

    inner = detail::solve_on(problem, working_set, std::max(0.3 * target, 0.1 * gap),
                             options.max_iter, poll, space, at, solution.n_iter);
    refresh_margins(problem, at);
    settle_intercept(problem, at);
  }
  solution.coef = std::move(at.coef);
  solution.intercept = at.intercept;
  return solution;
}

}  // namespace sparsecross
