// The outer loop: solve on few columns, look at all, add those that pull hardest.
//
// Problem: problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (coef of length p, intercept); from another strength of the penalty on the same
//          problem, if there was one, what it has kept.
// Result:  a Solution whose gap is proved over all columns.
// Method:  a round looks at all columns, takes violators into the set and solves on it, to a tenth
//          of the gap. For squared loss a set that is crowded (it has many columns for its rows) is
//          solved at a stronger penalty as long as violators are left out, and the strength falls
//          from round to round.
// Cost:    a round is one pass over the columns that are not known to obey (shared among the
//          threads), and sweeps and Newton steps over the working set. Memory, beside the result:
//          at most 11 vectors of length n (margins, dual points, the null model's, and the
//          workspace) and 7 of length p (start, what is known of the columns, and the violators);
//          products of the set's columns, at most 36 MB, and 8 bytes an entry of new columns and 8
//          MB while they are made; a factor of half their size, and half as much again where
//          columns are held. Where the set is too large for products: 3 vectors of length n and a
//          factor of at most 48 MiB, and half as much again, instead. To extrapolate sweeps: 8
//          vectors of the set's length, at most 8 MB, and 14 more of the products' order.
// Sources: Massias, Gramfort & Salmon 2018, "Celer" (working sets with dual certificates);
//          Bertrand et al. 2022, "Beyond L1: skglm" (growth by the support's size);
//          Johnson & Guestrin 2015, "Blitz".
#pragma once

#include <chrono>
#include <optional>
#include <tuple>

#include "model/certificate.hpp"
#include "solve/null_model.hpp"
#include "solve/proximal_newton.hpp"
#include "solve/screening.hpp"
#include "solve/solution.hpp"
#include "solve/start.hpp"

namespace sparsecross {

namespace detail {

constexpr double kProductsPerLook = 2.0;  // multiply-adds, for each entry of X
// Data of up to so many entries are solved to many more digits than asked for.
constexpr Index kSmall = 20000;
constexpr double kSpareDigits = 1e-10;
// Working sets of more columns for each row than this are crowded: they fit nearly anything. Their
// strengths fall by a part each round, fast where the support has few columns for each row.
constexpr double kCrowded = 0.25, kFew = 0.05;
constexpr double kFall = 0.4, kFastFall = 0.1;
constexpr double kNear = 1.1;  // up to here it is that of the problem
constexpr double kStrongest = 1e4;

// The strength of the penalty, as a multiple, at which a violator would not be one.
inline double strength_of(const Problem& problem, const Violator& violator) {
  return 1.0 + violator.pull / problem.penalty.l1(violator.column);
}

// Adds violators to the set, those of the greatest pull first: as many as double it, so that the
// rounds are few; and more, up to the number of rows, while the products of its columns (gram.hpp,
// were the entries spread evenly over the rows) take about as long as a look at all columns. Tells
// the strength of the penalty, as a multiple, that those left out obey if all have the same
// penalty.
inline double take_hardest(const Problem& problem, std::size_t room,
                           std::vector<Violator>& violators, std::vector<Index>& working_set) {
  const std::size_t least = std::max(room, working_set.size());
  const auto room_to = [&](Index order) {
    const auto size = static_cast<std::size_t>(order);
    return size - std::min(size, working_set.size());
  };
  std::size_t most = std::max(least, room_to(problem.n()));
  if (room_to(GramModel::kLargestOrder) >= room)
    most = std::min(most, room_to(GramModel::kLargestOrder));
  most = std::min(most, violators.size());
  const auto harder = [](const Violator& a, const Violator& b) {
    return std::tie(a.pull, a.column) > std::tie(b.pull, b.column);
  };
  const auto cut = violators.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(violators.begin(), cut, violators.end(), harder);
  std::sort(violators.begin(), cut, harder);
  std::size_t n_taken = 0;
  problem.X.visit([&](const auto& columns) {
    const double per_product =
        is_dense<std::decay_t<decltype(columns)>> ? 1.0 / cost::kGather : 1.0;
    const double entries = kProductsPerLook / per_product * static_cast<double>(problem.n()) *
                           static_cast<double>(problem.X.n_stored());
    double taken = 0.0;
    for (const Index j : working_set) taken += static_cast<double>(columns.size(j));
    for (; n_taken < most; ++n_taken) {
      const Index j = violators[n_taken].column;
      taken += static_cast<double>(columns.size(j));
      if (n_taken >= least && taken * taken > entries) break;
      working_set.push_back(j);
    }
  });
  return n_taken == violators.size() ? 1.0 : strength_of(problem, violators[n_taken - 1]);
}

}  // namespace detail

// Where a solve stopped; the point's weights are in its Solution, the dual point in Kept::space.
struct Standing {
  std::vector<double> margins;  // n
  DualPoint point{false, false};
  Sight sight;  // of all columns
};

// What a solve leaves for the next one, at another strength of the penalty on the same problem, or
// on one with more columns behind those it had.
struct Kept {
  explicit Kept(Index n) : space(n) {}
  detail::Workspace space;
  Screening screening;
  std::optional<NullModel> origin;
  Standing standing;
};

inline Solution solve_working_set(const Problem& problem, const Options& options,
                                  const std::vector<double>* coef_init, double intercept_init,
                                  const Poll& poll, const OnRound& on_round = {},
                                  Kept* kept = nullptr) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const Index n = problem.n();
  const Penalty& penalty = problem.penalty;
  Solution solution;

  std::optional<Kept> own;
  auto& [space, screening, origin, standing] = kept ? *kept : own.emplace(n);
  const bool free = penalty.l1() == 0.0 && penalty.l2() == 0.0;  // another null model than the rest
  if (!origin || free) origin = null_model(problem, poll);
  solution.scale = origin->scale;
  const double target = options.tol * solution.scale;
  detail::Inner inner = origin->interrupted ? detail::Inner::interrupted : detail::Inner::reached;
  Point at = options.resume ? Point{*coef_init, intercept_init, std::move(standing.margins)}
             : coef_init    ? start_from(problem, *coef_init, intercept_init, *origin)
                            : origin->point(problem.p());
  if (!options.resume) standing = Standing();
  if (origin->interrupted || free) origin.reset();
  space.single = options.single;
  if (penalty.any_unpenalised()) space.curvature.resize(static_cast<std::size_t>(n));
  const std::vector<Index> unpenalised = unpenalised_columns(problem);
  const std::vector<Index> support = support_of(at.coef);
  std::vector<Index> working_set;  // at all times with the support and the unpenalised columns
  std::set_union(support.begin(), support.end(), unpenalised.begin(), unpenalised.end(),
                 std::back_inserter(working_set));
  Index n_chosen = 0;     // columns in the last working set
  double strength = 0.0;  // of the penalty in the last round, as a multiple
  detail::Progress progress;
  Sight sight;
  const auto held = [&, &space = space, &screening = screening, &origin = origin,
                     &standing = standing] {
    const std::size_t vectors = at.bytes() + screening.bytes() + sight.bytes() +
                                bytes_of(solution.dual_point, standing.margins);
    return space.footprint() + Footprint{vectors + (origin ? origin->bytes() : 0) +
                                             (coef_init ? bytes_of(*coef_init) : 0),
                                         bytes_of(working_set, unpenalised)};
  };

  for (bool stands = options.resume;; stands = false) {
    // What is proved so far, over all columns.
    const double primal = primal_value(problem, working_set, at);
    if (!stands)
      standing.point = dual_point(problem, at, unpenalised, poll, space.theta, space.curvature);
    sight = stands ? screening.look_at_more(problem, at, space.theta, std::move(standing.sight))
                   : screening.look(problem, at, working_set, space.theta, standing.point.feasible);
    const DualBound bound = bound_within(problem, standing.point, sight.room, space.theta);
    if (bound.dual > solution.dual) {
      solution.dual = bound.dual;
      solution.dual_point.resize(space.theta.size());
      for (std::size_t i = 0; i < space.theta.size(); ++i)
        solution.dual_point[i] = bound.scale * space.theta[i];
    }
    solution.primal = primal;
    solution.history.push_back({solution.n_iter, n_chosen, count_active(working_set, at.coef),
                                primal, solution.dual,
                                std::chrono::duration<double>(Clock::now() - started).count()});
    solution.peak.raise(held());
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
    working_set.erase(std::remove_if(working_set.begin(), working_set.end(),
                                     [&](Index j) {
                                       return at.coef[static_cast<std::size_t>(j)] == 0.0 &&
                                              !penalty.unpenalised(j);
                                     }),
                      working_set.end());
    if (stuck || (inner == detail::Inner::stalled && sight.violators.empty())) {
      solution.status = solution.dual > -std::numeric_limits<double>::infinity()
                            ? Status::precision_limit
                            : Status::not_certified;
      break;
    }
    const double obeyed = detail::take_hardest(problem, options.room, sight.violators, working_set);
    std::sort(working_set.begin(), working_set.end());
    n_chosen = static_cast<Index>(working_set.size());

    // Where a crowded set leaves violators out, its solution would have next to nothing in common
    // with that of all columns. At the strength that those obey it has.
    if (strength == 0.0 && penalty.l1() > 0.0)
      for (const Violator& violator : sight.violators)
        strength = std::clamp(detail::strength_of(problem, violator), strength, detail::kStrongest);
    const auto n_active = static_cast<double>(solution.history.back().n_active);
    strength *=
        n_active < detail::kFew * static_cast<double>(n) ? detail::kFastFall : detail::kFall;
    strength = std::min(obeyed, strength);
    if (problem.loss.quadratic() && strength > detail::kNear && std::isfinite(gap) &&
        static_cast<double>(n_chosen) > detail::kCrowded * static_cast<double>(n)) {
      const Penalty stronger = penalty.times(strength);
      inner = detail::solve_on(problem.with(stronger), working_set,
                               std::numeric_limits<double>::infinity(), 0.1 * gap, options.max_iter,
                               poll, space, at, solution.n_iter);
      settle_intercept(problem, at);
      progress = detail::Progress();  // what was reached at another strength
      if (inner == detail::Inner::stalled) inner = detail::Inner::reached;
      continue;
    }

    // Without a bound yet there is no gap to take a part of.
    const double wanted = std::isfinite(gap) ? std::max(0.3 * target, 0.1 * gap) : 0.3 * target;
    const double aim = wanted * (options.spare_digits && problem.X.n_stored() <= detail::kSmall
                                     ? detail::kSpareDigits
                                     : 1.0);
    inner = detail::solve_on(problem, working_set, gap, aim, options.max_iter, poll, space, at,
                             solution.n_iter);
    settle_intercept(problem, at);
  }
  solution.coef = std::move(at.coef);
  solution.intercept = at.intercept;
  standing.margins = std::move(at.margins);
  standing.sight = std::move(sight);
  return solution;
}

}  // namespace sparsecross
