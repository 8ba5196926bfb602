// The outer loop: solve on few columns, look at all, add those that pull hardest.
//
// Problem: problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (coef of length p, intercept).
// Result:  a Solution whose gap is proved over all columns.
// Cost:    a round is one pass over X (shared among the threads), and sweeps and Newton steps over
//          the working set. Memory, beside the result: at most 7 vectors of length n (margins, dual
//          point, and the workspace) and 6 of length p (start, correlations, and lists of columns);
//          of a Newton step 2 of length n, 8 bytes an entry of the support's columns while its
//          Hessian is made, and a factor of at most 48 MiB.
// Sources: Massias, Gramfort & Salmon 2018, "Celer" (working sets with dual certificates);
//          Bertrand et al. 2022, "Beyond L1: skglm" (growth by the support's size);
//          Johnson & Guestrin 2015, "Blitz".
#pragma once

#include <chrono>
#include <numeric>

#include "model/certificate.hpp"
#include "solve/null_model.hpp"
#include "solve/solution.hpp"
#include "solve/start.hpp"

namespace sparsecross {

namespace detail {

constexpr Index kFirstWorkingSet = 100;
// Data of up to so many entries are solved to many more digits than asked for.
constexpr Index kSmall = 20000;
constexpr double kSpareDigits = 1e-10;

}  // namespace detail

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
  if (coef_init) start_from(problem, *coef_init, intercept_init, at);

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

    // Without a bound yet there is no gap to take a part of.
    const double wanted = std::isfinite(gap) ? std::max(0.3 * target, 0.1 * gap) : 0.3 * target;
    const double aim = wanted * (options.spare_digits && problem.X.n_stored() <= detail::kSmall
                                     ? detail::kSpareDigits
                                     : 1.0);
    inner = detail::solve_on(problem, working_set, aim, options.max_iter, poll, space, at,
                             solution.n_iter);
    refresh_margins(problem, at);
    settle_intercept(problem, at);
  }
  solution.coef = std::move(at.coef);
  solution.intercept = at.intercept;
  return solution;
}

}  // namespace sparsecross
