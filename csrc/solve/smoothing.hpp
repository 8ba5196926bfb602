// Losses with kinks (|y - m|), by smooth ones that approach them.
//
// Problem: problem.hpp for a loss that is not smooth, to a relative duality gap of `tol` for that
//          loss itself.
// Given:   a start (coef of length p, intercept).
// Result:  a Solution whose primal and dual are those of the loss with its kinks.
//
// The smoothed loss (Loss::smoothed) has a conjugate that is no smaller than the true one's and the
// same domain, so the dual point of a smoothed problem is feasible for the true one and proves at
// least as much there. For |r| smoothed within delta, a pair (w, θ) of gap g in the smoothed
// problem has for |·| itself the gap
//
//     g + Σ_i c_i (|r_i| - h(r_i) - ½ delta (θ_i / c_i)²),      at θ = residual:
//     g + Σ_{|r_i| < delta} c_i (|r_i| - r_i² / delta) <= g + ¼ delta · (share of such samples),
//
// so delta need not be as small as the gap asked for. It is quartered, from the loss of the
// intercept alone on, and each problem starts from the one before.
//
// Cost:    a solve of working_set.hpp for each delta, most of them from a start that is close.
// Sources: Nesterov 2005, "Smooth minimization of non-smooth functions"; Yi & Huang 2017,
//          "Semismooth Newton coordinate descent for elastic-net penalized Huber loss and quantile
//          regression" (the path in delta).
#pragma once

#include "solve/proximal_gradient.hpp"
#include "solve/working_set.hpp"

namespace sparsecross {

// Smooth losses, by the method that the options name.
inline Solution solve_smooth(const Problem& problem, const Options& options,
                             const std::vector<double>* coef_init, double intercept_init,
                             const Poll& poll, const OnRound& on_round = {}, Kept* kept = nullptr) {
  if (options.method == Method::cd)
    return solve_working_set(problem, options, coef_init, intercept_init, poll, on_round, kept);
  return solve_proximal_gradient(problem, options, options.method == Method::fista, coef_init,
                                 intercept_init, poll, on_round);
}

namespace detail {

constexpr double kQuartered = 0.25;
constexpr double kLeastDelta = 1e-13;  // of the first
constexpr int kMostFailures = 10;  // in a row: near the end of precision smaller ones still help

// The first delta: the loss at zero weights.
inline double first_delta(const Problem& problem) {
  const std::vector<double> zero(static_cast<std::size_t>(problem.n()), 0.0);
  const double shift = problem.fit_intercept ? problem.loss.best_shift(zero.data()) : 0.0;
  return problem.loss.value(zero.data(), shift);
}

// What a bound of the smoothed problem at scale t θ is worth for the loss with its kinks.
inline double lifted(const Problem& problem, const Loss& smooth, double dual,
                     const std::vector<double>& theta, double t) {
  return dual + (problem.loss.dual(theta.data(), t) - smooth.dual(theta.data(), t));
}

// Solves to a gap of `target`; `unit` is an upper bound of the objective at zero weights.
inline Solution approach(const Problem& problem, double target, double unit, Index max_iter,
                         Point start, const Poll& poll, const OnRound& on_round = {}) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  Solution best;
  best.primal = std::numeric_limits<double>::infinity();
  Point at = std::move(start);
  double delta = first_delta(problem);
  const double least = kLeastDelta * delta;
  bool close = false;  // what smoothing costs is small enough
  int failures = 0;    // in a row
  while (best.status == Status::not_run) {
    const auto loss = problem.loss.smoothed(std::max(delta, std::numeric_limits<double>::min()));
    const Problem smooth = problem.with(*loss);
    const double aim = close ? 0.25 * target : std::max(0.25 * target, 0.02 * delta);
    // Curvatures of 1 / delta beside those of the tails are too far apart for single precision.
    const Options options{aim / unit, max_iter - best.n_iter, Method::cd, true, false};
    Solution found = solve_working_set(smooth, options, &at.coef, at.intercept, poll);
    at.coef = std::move(found.coef);
    at.intercept = found.intercept;
    at.margins.resize(static_cast<std::size_t>(problem.n()));
    const std::vector<Index> support = support_of(at.coef);
    refresh_margins(problem, support, at);
    const double primal = primal_value(problem, support, at);
    const double dual = found.dual_point.empty()
                            ? -std::numeric_limits<double>::infinity()
                            : lifted(problem, *loss, found.dual, found.dual_point, 1.0);
    if (primal < best.primal) {
      best.primal = primal;
      best.coef = at.coef;
      best.intercept = at.intercept;
    }
    if (dual > best.dual) {
      best.dual = dual;
      best.dual_point = std::move(found.dual_point);
    }
    best.n_iter += found.n_iter;
    best.peak.raise(found.peak +
                    Footprint{at.bytes() + bytes_of(best.coef, best.dual_point, found.dual_point)});
    const Round& last = found.history.back();
    best.history.push_back({best.n_iter, last.working_set, last.n_active, best.primal, best.dual,
                            std::chrono::duration<double>(Clock::now() - started).count()});
    if (on_round) on_round(best.history.back(), at);

    failures = found.status == Status::converged ? 0 : failures + 1;
    const double cost = primal - dual - found.gap();
    if (found.status == Status::interrupted) {
      best.status = Status::interrupted;
    } else if (best.gap() <= target) {
      best.status = Status::converged;
    } else if (best.n_iter >= max_iter) {
      best.status = Status::max_iter;
    } else if (cost > 0.5 * target && delta > least && failures < kMostFailures) {
      delta *= kQuartered;
    } else if (!close && failures == 0) {
      close = true;
    } else {
      best.status = best.dual > -std::numeric_limits<double>::infinity() ? Status::precision_limit
                                                                         : Status::not_certified;
    }
  }
  return best;
}

}  // namespace detail

// All penalised weights 0, the rest at their best, and a dual point that proves it.
struct KinkedNull {
  Point at;
  double value, scale;  // as of NullModel
  bool interrupted;
  std::vector<double> theta;  // n, empty where none is known
};

inline KinkedNull kinked_null(const Problem& problem, const Poll& poll) {
  const auto n = static_cast<std::size_t>(problem.n()), p = static_cast<std::size_t>(problem.p());
  KinkedNull null;
  Point& at = null.at;
  at.coef.assign(p, 0.0);
  at.margins.assign(n, 0.0);
  settle_intercept(problem, at);
  null.value = problem.loss.value(at.margins.data());
  null.interrupted = false;

  std::vector<double> factor(p, std::numeric_limits<double>::infinity());
  bool any = false;
  for (const Index j : unpenalised_columns(problem)) {
    factor[static_cast<std::size_t>(j)] = 0.0;
    any = true;
  }
  if (any && null.value > 0.0) {
    const Penalty free(1.0, 0.0, factor.data(), problem.penalty.positive());
    const Problem part = problem.with(free);
    Solution found = detail::approach(part, 1e-9 * null.value, null.value, 10000, at, poll);
    null.interrupted = found.status == Status::interrupted;
    at.coef = std::move(found.coef);
    at.intercept = found.intercept;
    refresh_margins(problem, support_of(at.coef), at);
    null.value = problem.loss.value(at.margins.data());
    null.scale = objective_scale(problem, null.value, found.dual);
    null.theta = std::move(found.dual_point);
    return null;
  }
  null.scale = objective_scale(problem, null.value, null.value);
  null.theta.resize(n);
  problem.loss.residual(at.margins.data(), null.theta.data());
  if (problem.fit_intercept) balance_with_kinks(problem, at, null.theta);
  return null;
}

}  // namespace sparsecross
