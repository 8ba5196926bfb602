// The outer loop: solve on few columns, look at all, add those that pull hardest.
//
// Problem: problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (coef of length p, intercept); from another strength of the penalty on the same
//          problem, if there was one, its workspace.
// Result:  a Solution whose gap is proved over all columns.
// Cost:    a round is one pass over X (shared among the threads), and sweeps and Newton steps over
//          the working set. Memory, beside the result: at most 7 vectors of length n (margins, dual
//          point, and the workspace) and 6 of length p (start, correlations, and lists of columns);
//          products of the set's columns, at most 36 MB, and 8 bytes an entry of new columns while
//          they are made; a factor of half their size. Where the set is too large for products:
//          3 vectors of length n and a factor of at most 48 MiB instead.
// Sources: Massias, Gramfort & Salmon 2018, "Celer" (working sets with dual certificates);
//          Bertrand et al. 2022, "Beyond L1: skglm" (growth by the support's size);
//          Johnson & Guestrin 2015, "Blitz".
#pragma once

#include <chrono>
#include <numeric>
#include <optional>

#include "model/certificate.hpp"
#include "solve/null_model.hpp"
#include "solve/solution.hpp"
#include "solve/start.hpp"

namespace sparsecross {

namespace detail {

constexpr std::size_t kLeastRoom = 100;
constexpr double kProductsPerLook = 2.0;  // multiply-adds, for each entry of X
// Data of up to so many entries are solved to many more digits than asked for.
constexpr Index kSmall = 20000;
constexpr double kSpareDigits = 1e-10;

// Adds violators to the set, those of the greatest pull first: as many as double it, so that the
// rounds are few; and more, up to the number of rows, while the products of its columns (gram.hpp,
// were the entries spread evenly over the rows) take about as long as a look at all columns.
template <class Pull>
void take_hardest(const Problem& problem, const Pull& pull, std::vector<Index>& violators,
                  std::vector<Index>& working_set) {
  const std::size_t least = std::max(kLeastRoom, working_set.size());
  const auto room_to = [&](Index order) {
    const auto size = static_cast<std::size_t>(order);
    return size - std::min(size, working_set.size());
  };
  std::size_t most = std::max(least, room_to(problem.n()));
  if (room_to(GramModel::kLargestOrder) >= kLeastRoom)
    most = std::min(most, room_to(GramModel::kLargestOrder));
  most = std::min(most, violators.size());
  const auto harder = [&](Index a, Index b) {
    return std::make_pair(pull(a), a) > std::make_pair(pull(b), b);
  };
  const auto cut = violators.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(violators.begin(), cut, violators.end(), harder);
  std::sort(violators.begin(), cut, harder);
  problem.X.visit([&](const auto& columns) {
    const double per_product =
        is_dense<std::decay_t<decltype(columns)>> ? 1.0 / cost::kGather : 1.0;
    const double entries = kProductsPerLook / per_product * static_cast<double>(problem.n()) *
                           static_cast<double>(problem.X.n_stored());
    double taken = 0.0;
    for (const Index j : working_set) taken += static_cast<double>(columns.size(j));
    for (std::size_t k = 0; k < most; ++k) {
      taken += static_cast<double>(columns.size(violators[k]));
      if (k >= least && taken * taken > entries) break;
      working_set.push_back(violators[k]);
    }
  });
}

}  // namespace detail

inline Solution solve_working_set(const Problem& problem, const Options& options,
                                  const std::vector<double>* coef_init, double intercept_init,
                                  const Poll& poll, const OnRound& on_round = {},
                                  detail::Workspace* kept = nullptr) {
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

  std::optional<detail::Workspace> own;
  detail::Workspace& space = kept ? *kept : own.emplace(n);
  space.single = options.single;
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

    // The support, the unpenalised columns, and the violators that pull hardest.
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
    detail::take_hardest(problem, pull, violators, working_set);
    std::sort(working_set.begin(), working_set.end());

    // Without a bound yet there is no gap to take a part of.
    const double wanted = std::isfinite(gap) ? std::max(0.3 * target, 0.1 * gap) : 0.3 * target;
    const double aim = wanted * (options.spare_digits && problem.X.n_stored() <= detail::kSmall
                                     ? detail::kSpareDigits
                                     : 1.0);
    inner = detail::solve_on(problem, working_set, gap, aim, options.max_iter, poll, space, at,
                             solution.n_iter);
    if (!problem.loss.quadratic()) refresh_margins(problem, at);
    settle_intercept(problem, at);
  }
  solution.coef = std::move(at.coef);
  solution.intercept = at.intercept;
  return solution;
}

}  // namespace sparsecross
