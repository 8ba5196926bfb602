// Problems of groups: working_set.hpp's loop, with blocks for columns.
//
// Problem: group_problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (W and b), or none.
// Result:  a Solution whose coef holds K weights for each column after the other, its dual point
// the
//          outputs one after the other; and K intercepts.
// Method:  a round looks at all groups, takes violators into the set and solves on it, to a tenth
// of
//          the gap: quadratic models, each minimised by blocks, with a line search where the loss
//          is not quadratic.
// Cost:    a round is K passes over the columns that are not known to obey, and sweeps over the
//          working set. Memory: 6 vectors of length n K, two of the number of groups, and those of
//          working_set.hpp.
// Sources: Massias, Gramfort & Salmon 2018; Bertrand et al. 2022; Yuan, Ho & Lin 2012.
#pragma once

#include <chrono>

#include "solve/coupled_products.hpp"
#include "solve/group_descent.hpp"
#include "solve/group_screening.hpp"
#include "solve/working_set.hpp"

namespace sparsecross {

using OnGroupRound = std::function<void(const Round&, const GroupPoint&)>;

struct GroupSolution {
  Solution solution;
  std::vector<double> intercepts;
};

namespace detail {

// Vectors that the rounds share.
struct GroupWorkspace {
  explicit GroupWorkspace(const GroupProblem& problem)
      : theta(problem.loss.n_outputs(),
              std::vector<double>(static_cast<std::size_t>(problem.n()), 0.0)),
        other(theta),
        direction(theta) {}

  ByClass theta, other, direction;  // K x n
  GroupModel model;
  PackedSet set;
  std::vector<ColumnProducts> products;
  BlockCurvatures curvatures;
  DisjointGroups disjoint;
  BlockStep step;

  Footprint footprint() const {
    std::size_t columns = set.bytes() + curvatures.bytes() + step.bytes();
    for (const ColumnProducts& each : products) columns += each.bytes();
    return model.footprint() +
           Footprint{bytes_of(theta) + bytes_of(other) + bytes_of(direction) + disjoint.bytes(),
                     columns};
  }
};

// W + t D and its margins for the largest t in 1, ½, ¼, ... that lowers the objective enough, or
// the old point where none does (search_along in proximal_newton.hpp). space.set has the new
// weights, `at` the old ones.
inline bool search_along(const GroupProblem& problem, double start, GroupWorkspace& space,
                         GroupPoint& at) {
  const Index K = problem.n_outputs();
  const PackedSet& set = space.set;
  PackedSet old = set;
  old.load(problem, at.coef);
  std::vector<Index> order(set.columns.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::vector<double> step(set.weights.size());
  for (std::size_t i = 0; i < step.size(); ++i) step[i] = set.weights[i] - old.weights[i];
  product(
      problem, set.columns, [&](std::size_t c) { return step.data() + static_cast<Index>(c) * K; },
      space.direction);
  double slope = 0.0;
  for (std::size_t k = 0; k < space.direction.size(); ++k) {
    const QuadraticModel& output = space.model.outputs[k];
    for (double& d : space.direction[k]) d += output.shift;
    slope -= ordered_sum(problem.n(), [r = output.residual.data(), d = space.direction[k].data()](
                                          Index i) { return r[i] * d[i]; });
  }
  std::vector<double> block;
  const auto penalty_at = [&](double t) {
    double total = 0.0;
    for (std::size_t position = 0; position < set.groups.size(); ++position) {
      const Index g = set.groups[position], first = set.begin[position] * K;
      const Index n = set.begin[position + 1] * K - first;
      if (problem.penalty.excluded(g)) continue;
      block.resize(static_cast<std::size_t>(n));
      for (Index i = 0; i < n; ++i)
        block[static_cast<std::size_t>(i)] = old.weights[static_cast<std::size_t>(first + i)] +
                                             t * step[static_cast<std::size_t>(first + i)];
      total += problem.penalty.value(g, block.data(), n);
    }
    return total;
  };
  const double expected = std::min(0.0, slope + penalty_at(1.0) - penalty_at(0.0));
  double t = 1.0;
  for (int halving = 0; halving < 40; ++halving, t *= 0.5) {
    for (std::size_t k = 0; k < space.direction.size(); ++k)
      for (std::size_t i = 0; i < space.direction[k].size(); ++i)
        space.theta[k][i] = at.margins[k][i] + t * space.direction[k][i];
    if (problem.loss.value(space.theta) + penalty_at(t) <=
        start + 0.01 * t * expected + kRounding * std::abs(start)) {
      if (t < 1.0)
        for (std::size_t i = 0; i < step.size(); ++i)
          space.set.weights[i] = old.weights[i] + t * step[i];
      space.set.store(problem, at.coef);
      at.margins.swap(space.theta);
      for (std::size_t k = 0; k < at.intercept.size(); ++k)
        at.intercept[k] += t * space.model.outputs[k].shift;
      return true;
    }
  }
  return false;
}

// Where nothing holds weights back, roundings of products in single precision could grow without
// end.
inline bool all_held(const GroupProblem& problem, const PackedSet& set) {
  return !problem.penalty.any_unpenalised() ||
         std::none_of(set.groups.begin(), set.groups.end(), [&](Index g) {
           return !problem.penalty.excluded(g) && problem.penalty.unpenalised(g);
         });
}

// Whether the full curvature of the outputs is worth its products: beyond this order, models of
// each output alone are.
inline bool coupled(const GroupProblem& problem, const PackedSet& set) {
  return problem.loss.couples() && all_held(problem, set) &&
         static_cast<Index>(set.columns.size()) * problem.n_outputs() <=
             CoupledCoordinates::kLargestOrder;
}

// Minimises the model from the present weights; space.set has the new ones, and the shifts go with
// them.
inline Descent minimise_model(const GroupProblem& problem, const GroupPoint& at, double damping,
                              const GroupAccuracy& accuracy, Index max_iter, const Poll& poll,
                              GroupWorkspace& space, Index& n_iter) {
  constexpr double sweeps = 15.0;  // that are likely to be needed
  PackedSet& set = space.set;
  const std::vector<double> before = set.weights;
  if (coupled(problem, set)) {
    CoupledCoordinates coordinates(problem, at, space.model, set, damping, space.theta);
    space.curvatures.measure(problem, space.model, set, coordinates, space.disjoint);
    const Descent descent = descend(problem, space.curvatures, accuracy, max_iter, poll, set,
                                    coordinates, space.step, n_iter);
    std::vector<double> step(before.size());
    for (std::size_t i = 0; i < step.size(); ++i) step[i] = set.weights[i] - before[i];
    const std::vector<double> shifts = coordinates.shifts(step);
    for (std::size_t k = 0; k < shifts.size(); ++k) space.model.outputs[k].shift = shifts[k];
    return descent;
  }
  const auto K = static_cast<double>(problem.n_outputs());
  const double order = static_cast<double>(set.columns.size());
  double products = 0.0;
  space.products.resize(static_cast<std::size_t>(space.model.n_curved()));
  for (const ColumnProducts& each : space.products)
    products += each.cost_to_prepare(problem.columns, set.columns);
  const Descent descent = problem.X().visit([&](const auto& columns) {
    double entries = 0.0;
    for (const Index j : set.columns) entries += static_cast<double>(columns.size(j));
    const double price =
        2.0 * K * entries *
        (is_dense<std::decay_t<decltype(columns)>> ? cost::kStream : cost::gather(problem.n()));
    const double saved = price - 0.5 * K * cost::kElement * order * order;
    const auto run = [&](auto coordinates) {
      space.curvatures.measure(problem, space.model, set, coordinates, space.disjoint);
      return descend(problem, space.curvatures, accuracy, max_iter, poll, set, coordinates,
                     space.step, n_iter);
    };
    if (all_held(problem, set) && std::isfinite(products) && sweeps * saved > products)
      return run(ProductCoordinates(problem, space.model, set, space.products));
    return run(SampleCoordinates(problem, columns, space.model, set));
  });
  if (!space.model.intercept) return descent;
  const Index n_outputs = problem.n_outputs();
  for (Index k = 0; k < n_outputs; ++k) {
    const QuadraticModel& curved = space.model.curved(k);
    if (!(curved.total > 0.0)) continue;
    double moved = 0.0;
    for (std::size_t c = 0; c < set.columns.size(); ++c) {
      const auto i = c * static_cast<std::size_t>(n_outputs) + static_cast<std::size_t>(k);
      moved += (set.weights[i] - before[i]) * curved.weighted_sum[c];
    }
    space.model.outputs[static_cast<std::size_t>(k)].shift -= moved / curved.total;
  }
  return descent;
}

// Minimises over the working set until the gap there, at first at most `gap`, is at most `target`.
inline Inner solve_on(const GroupProblem& problem, const std::vector<Index>& working_set,
                      double gap, double target, Index max_iter, const Poll& poll,
                      GroupWorkspace& space, GroupPoint& at, Index& n_iter) {
  const bool quadratic = problem.loss.quadratic();
  space.set.pack(problem, working_set);
  Progress progress;
  double damping = 1e-10;
  double strictness = 0.3;  // forces off by a part of the penalty cost twice that of the objective
  for (bool measured = false;; measured = true) {
    const double primal = primal_value(problem, working_set, at);
    if (measured || !std::isfinite(gap))
      gap = primal - dual_bound(problem, at, working_set, poll, space.theta).dual;
    if (gap <= target) return Inner::reached;
    if (n_iter >= max_iter) return Inner::out_of_sweeps;
    if (progress.look(primal, gap) >= (damping > 1e-8 ? kPatience : 3)) return Inner::stalled;

    expand(problem, at, damping, space.model, space.theta, space.other);
    if (!coupled(problem, space.set) && (!quadratic || !measured))
      for (Index k = 0; k < space.model.n_curved(); ++k)
        measure_columns(problem.columns, space.set.columns,
                        space.model.outputs[static_cast<std::size_t>(k)]);
    if (!quadratic)
      for (ColumnProducts& each : space.products) each.forget();
    space.set.load(problem, at.coef);
    const GroupAccuracy accuracy{primal, strictness * target / primal,
                                 quadratic ? 0.0 : kModelReduction};
    const Descent descent =
        minimise_model(problem, at, damping, accuracy, max_iter, poll, space, n_iter);
    strictness *= 0.1;
    if (quadratic) {
      space.set.store(problem, at.coef);
      for (std::size_t k = 0; k < at.intercept.size(); ++k)
        at.intercept[k] += space.model.outputs[k].shift;
      refresh_margins(problem, working_set, at);
      if (descent == Descent::interrupted) return Inner::interrupted;
    } else if (descent == Descent::interrupted) {  // an unfinished direction has had no line search
      return Inner::interrupted;
    } else {
      const bool moved = search_along(problem, primal, space, at);
      damping = moved ? std::max(0.1 * damping, 1e-10) : std::max(10.0 * damping, 1e-6);
      if (problem.fit_intercept()) problem.loss.settle(poll, at.intercept, at.margins, space.theta);
    }
  }
}

// Adds violators to the set, those of the greatest pull first: as many columns as double it, and at
// least `room`.
inline void take_hardest(const GroupProblem& problem, std::size_t room,
                         std::vector<Violator>& violators, std::vector<Index>& working_set) {
  const auto harder = [](const Violator& a, const Violator& b) {
    return std::tie(a.pull, a.column) > std::tie(b.pull, b.column);
  };
  std::sort(violators.begin(), violators.end(), harder);
  const std::size_t most = std::max(room, columns_of(problem.groups, working_set).size());
  std::size_t taken = 0;
  for (const Violator& violator : violators) {
    if (taken >= most) break;
    working_set.push_back(violator.column);
    taken += static_cast<std::size_t>(problem.groups.size(violator.column));
  }
}

// The number of groups of non-zero weight.
inline Index count_active(const GroupProblem& problem, const std::vector<Index>& groups,
                          const std::vector<double>& coef) {
  return std::count_if(groups.begin(), groups.end(),
                       [&](Index g) { return !is_zero(problem, coef, g); });
}

// Rounds from `at`, whose margins are fresh. `unit` is the objective at zero weights, of which the
// gap is to be a part.
inline Solution solve_rounds(const GroupProblem& problem, const Options& options, double unit,
                             std::chrono::steady_clock::time_point started, const Poll& poll,
                             GroupPoint& at, const OnGroupRound& on_round = {}) {
  const double target = options.tol * unit;
  Solution solution;
  solution.scale = unit;
  GroupWorkspace space(problem);
  GroupScreening screening;
  std::vector<Index> free;  // unpenalised groups
  for (Index g = 0; g < problem.groups.count() && problem.penalty.any_unpenalised(); ++g)
    if (!problem.penalty.excluded(g) && problem.penalty.unpenalised(g)) free.push_back(g);
  const std::vector<Index> free_columns = columns_of(problem.groups, free);
  const std::vector<Index> support = support_of(problem, at.coef);
  std::vector<Index> working_set;
  std::set_union(support.begin(), support.end(), free.begin(), free.end(),
                 std::back_inserter(working_set));
  Index n_chosen = 0;
  Progress progress;
  Inner inner = Inner::reached;
  for (;;) {
    const double primal = primal_value(problem, working_set, at);
    const DualPoint point = dual_point(problem, at, free_columns, poll, space.theta);
    Sight sight = screening.look(problem, at, working_set, space.theta, point.feasible);
    const DualBound bound = bound_within(problem, point, sight.room, space.theta);
    if (bound.dual > solution.dual) {
      solution.dual = bound.dual;
      solution.dual_point = stacked(space.theta, bound.scale);
    }
    solution.primal = primal;
    solution.history.push_back(
        {solution.n_iter, n_chosen, count_active(problem, working_set, at.coef), primal,
         solution.dual,
         std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count()});
    solution.peak.raise(
        space.footprint() +
        Footprint{at.bytes() + screening.bytes() + sight.bytes() + bytes_of(solution.dual_point),
                  bytes_of(working_set)});
    if (on_round) on_round(solution.history.back(), at);
    const double gap = solution.gap();
    const bool stuck = progress.look(primal, gap) >= 2;
    if (inner == Inner::interrupted || (poll && poll())) {
      solution.status = Status::interrupted;
    } else if (gap <= target) {
      solution.status = Status::converged;
    } else if (solution.n_iter >= options.max_iter) {
      solution.status = Status::max_iter;
    } else if (stuck || (inner == Inner::stalled && sight.violators.empty())) {
      solution.status = solution.dual > -std::numeric_limits<double>::infinity()
                            ? Status::precision_limit
                            : Status::not_certified;
    }
    if (solution.status != Status::not_run) return solution;

    working_set.erase(std::remove_if(working_set.begin(), working_set.end(),
                                     [&](Index g) {
                                       return is_zero(problem, at.coef, g) &&
                                              !problem.penalty.unpenalised(g);
                                     }),
                      working_set.end());
    take_hardest(problem, options.room, sight.violators, working_set);
    std::sort(working_set.begin(), working_set.end());
    n_chosen = static_cast<Index>(working_set.size());
    const double wanted = std::isfinite(gap) ? std::max(0.3 * target, 0.1 * gap) : 0.3 * target;
    const double aim =
        wanted * (options.spare_digits && problem.X().n_stored() <= kSmall ? kSpareDigits : 1.0);
    inner = solve_on(problem, working_set, gap, aim, options.max_iter, poll, space, at,
                     solution.n_iter);
    if (problem.fit_intercept()) problem.loss.settle(poll, at.intercept, at.margins, space.theta);
  }
}

}  // namespace detail

struct GroupNull {
  GroupPoint at;
  double lower;  // a proved lower bound of the objective there
  bool interrupted = false;
};

// All penalised weights 0, the intercepts and the unpenalised groups at their best.
inline GroupNull group_null(const GroupProblem& problem, const Poll& poll) {
  GroupNull null{zero_point(problem), 0.0};
  ByClass work = null.at.margins;
  if (problem.fit_intercept()) problem.loss.settle(poll, null.at.intercept, null.at.margins, work);
  null.lower = problem.loss.value(null.at.margins);
  std::vector<double> factor(static_cast<std::size_t>(problem.groups.count()),
                             std::numeric_limits<double>::infinity());
  bool any = false;
  for (Index g = 0; g < problem.groups.count() && problem.penalty.any_unpenalised(); ++g)
    if (!problem.penalty.excluded(g) && problem.penalty.unpenalised(g)) {
      factor[static_cast<std::size_t>(g)] = 0.0;
      any = true;
    }
  if (!any) return null;
  const GroupPenalty free(0.0, 1.0, 0.0, factor.data());
  Options options;
  options.tol = 1e-9;
  options.max_iter = 10000;
  const Solution found = detail::solve_rounds(problem.with(free), options, null.lower,
                                              std::chrono::steady_clock::now(), poll, null.at);
  null.lower = found.dual;
  null.interrupted = found.status == Status::interrupted;
  return null;
}

// The unit of relative gaps, at least of rounding size.
inline double group_scale(const GroupProblem& problem, const GroupNull& null) {
  if (!std::isfinite(null.lower))
    throw std::domain_error(
        "the loss at zero weights must be finite: y is too large, scale it down");
  const double zero = problem.loss.value(zero_point(problem).margins);
  return std::max({null.lower, std::numeric_limits<double>::epsilon() * zero,
                   std::numeric_limits<double>::min()});
}

// The smallest strength of the penalty, of strength 1 in the problem, at which all penalised
// weights are 0: the largest dual norm of a group at the null model. 0 where only rounding is left.
inline double group_strength(const GroupProblem& problem, const Poll& poll) {
  const GroupNull null = group_null(problem, poll);
  ByClass theta = null.at.margins;
  problem.loss.dual_point(null.at.margins, problem.fit_intercept(), theta);
  double largest = 0.0;
  problem.X().visit([&](const auto& columns) {
    std::vector<double> z;
    for (Index g = 0; g < problem.groups.count(); ++g) {
      if (problem.penalty.excluded(g) || problem.penalty.unpenalised(g)) continue;
      const Index n = problem.n_weights(g);
      z.resize(static_cast<std::size_t>(n));
      correlate(problem, columns, g, theta, z.data());
      const double strength = 1.0 / problem.penalty.limit(g, z.data(), n);
      if (!(strength > largest)) continue;
      // Terms that cancel to rounding are none.
      double size = 0.0, terms = 0.0;
      for (Index c = 0; c < problem.groups.size(g); ++c)
        for (std::size_t k = 0; k < theta.size(); ++k)
          terms = std::max(terms, columns.sum(problem.groups.columns(g)[c],
                                              [t = theta[k].data()](Index i, double x) {
                                                return std::abs(x * t[i]);
                                              }));
      for (const double v : z) size = std::max(size, std::abs(v));
      if (size > 64.0 * std::numeric_limits<double>::epsilon() * terms) largest = strength;
    }
  });
  return largest;
}

inline GroupSolution solve_groups(const GroupProblem& problem, const Options& options,
                                  const std::vector<double>* coef_init,
                                  const std::vector<double>* intercept_init, const Poll& poll,
                                  const OnGroupRound& on_round = {}) {
  const auto started = std::chrono::steady_clock::now();
  GroupNull null = group_null(problem, poll);
  const double unit = group_scale(problem, null);
  GroupPoint at = std::move(null.at);
  if (coef_init && !null.interrupted) {
    GroupPoint start = zero_point(problem);
    start.coef = *coef_init;
    if (problem.fit_intercept()) start.intercept = *intercept_init;
    const Index K = problem.n_outputs();
    for (Index g = 0; g < problem.groups.count(); ++g)
      if (problem.penalty.excluded(g))
        for (Index c = 0; c < problem.groups.size(g); ++c)
          std::fill_n(start.coef.data() + problem.groups.columns(g)[c] * K, K, 0.0);
    const std::vector<Index> support = support_of(problem, start.coef);
    refresh_margins(problem, support, start);
    ByClass work = start.margins;
    if (problem.fit_intercept()) problem.loss.settle(poll, start.intercept, start.margins, work);
    if (primal_value(problem, support, start) <
        primal_value(problem, support_of(problem, at.coef), at))
      at = std::move(start);
  }
  GroupSolution result;
  result.solution = detail::solve_rounds(problem, options, unit, started, poll, at, on_round);
  result.solution.coef = std::move(at.coef);
  result.intercepts = std::move(at.intercept);
  if (problem.loss.couples()) {  // all of them may move alike without a change of the loss
    double mean = 0.0;
    for (const double b : result.intercepts) mean += b;
    for (double& b : result.intercepts) b -= mean / static_cast<double>(result.intercepts.size());
  }
  return result;
}

}  // namespace sparsecross
