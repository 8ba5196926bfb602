// Problems of groups, by rounds on working sets (rounds.hpp).
//
// Problem: group_problem.hpp, to a relative duality gap of `tol`.
// Given:   a start (W and b), or none.
// Result:  a Solution whose coef holds K weights for each column after the other, its dual point
//          the outputs one after the other; and K intercepts.
// Cost:    a round is K passes over the columns that are not known to obey, and sweeps over the
//          working set. Memory: 6 vectors of length n K, two of the number of groups, and those of
//          working_set.hpp.
// Sources: those of rounds.hpp; Ndiaye et al. 2017 (certificates for groups).
#pragma once

#include "solve/group_newton.hpp"
#include "solve/group_screening.hpp"
#include "solve/rounds.hpp"

namespace sparsecross {

// Told of each look at all groups: the round, and the point it looked at.
using OnGroupRound = std::function<void(const Round&, const GroupPoint&)>;

struct GroupSolution {
  Solution solution;
  std::vector<double> intercepts;
};

namespace detail {

// Groups as the blocks of rounds.hpp; `at` has fresh margins.
class GroupBlocks {
 public:
  GroupBlocks(const GroupProblem& problem, const Poll& poll, GroupPoint& at)
      : problem_(problem), poll_(poll), at_(at), space_(problem) {
    for (Index g = 0; g < problem.groups.count() && problem.penalty.any_unpenalised(); ++g)
      if (!problem.penalty.excluded(g) && problem.penalty.unpenalised(g)) unpenalised_.push_back(g);
    unpenalised_columns_ = columns_of(problem.groups, unpenalised_);
  }

  const GroupPoint& point() const { return at_; }
  const Design& X() const { return problem_.X(); }
  const std::vector<Index>& unpenalised() const { return unpenalised_; }
  Footprint footprint() const {
    return space_.footprint() + Footprint{at_.bytes() + screening_.bytes() + sight_.bytes(),
                                          bytes_of(unpenalised_, unpenalised_columns_)};
  }

  double primal(const std::vector<Index>& set) const { return primal_value(problem_, set, at_); }

  DualBound look(const std::vector<Index>& set, bool) {
    const DualPoint point =
        sparsecross::dual_point(problem_, at_, unpenalised_columns_, poll_, space_.theta);
    sight_ = screening_.look(problem_, at_, set, space_.theta, point.feasible);
    return bound_within(problem_, point, sight_.room, space_.theta);
  }
  const Sight& sight() const { return sight_; }
  std::vector<double> dual_point(double scale) const { return stacked(space_.theta, scale); }

  Index n_active(const std::vector<Index>& set) const {
    return std::count_if(set.begin(), set.end(),
                         [&](Index g) { return !is_zero(problem_, at_.coef, g); });
  }
  Index n_columns(const std::vector<Index>& set) const {
    Index total = 0;
    for (const Index g : set) total += problem_.groups.size(g);
    return total;
  }
  bool rests(Index g) const {
    return is_zero(problem_, at_.coef, g) && !problem_.penalty.unpenalised(g);
  }
  // As many columns as double the set.
  double take_hardest(std::size_t room, std::vector<Index>& set) {
    std::vector<Violator>& violators = sight_.violators;
    std::sort(violators.begin(), violators.end(), harder);
    const Index most = std::max(static_cast<Index>(room), n_columns(set));
    std::size_t n_taken = 0;
    for (Index taken = 0; n_taken < violators.size() && taken < most; ++n_taken) {
      set.push_back(violators[n_taken].block);
      taken += problem_.groups.size(set.back());
    }
    return n_taken == violators.size() ? 1.0 : strength_of(violators[n_taken - 1]);
  }
  bool strengthens() const { return problem_.loss.quadratic(); }
  double strength_of(const Violator& violator) const {
    const Index g = violator.block;
    const double held = problem_.penalty.l1(g) + problem_.penalty.norm(g);
    return held > 0.0 ? 1.0 + violator.pull / held : 1.0;
  }

  Inner solve(double strength, const std::vector<Index>& set, double gap, double target,
              Index max_iter, Index& n_iter) {
    const GroupPenalty penalty = problem_.penalty.times(strength);
    const Inner inner =
        solve_on(problem_.with(penalty), set, gap, target, max_iter, poll_, space_, at_, n_iter);
    if (problem_.fit_intercept())
      problem_.loss.settle(poll_, at_.intercept, at_.margins, space_.theta);
    return inner;
  }

 private:
  const GroupProblem& problem_;
  const Poll& poll_;
  GroupPoint& at_;
  GroupWorkspace space_;  // its theta is the dual point, before scaling
  GroupScreening screening_;
  Sight sight_;
  std::vector<Index> unpenalised_, unpenalised_columns_;
};

// Rounds from `at`, whose margins are fresh. `unit` is the objective at zero weights, of which the
// gap is to be a part.
inline Solution solve_rounds(const GroupProblem& problem, const Options& options, double unit,
                             Clock::time_point started, const Poll& poll, GroupPoint& at,
                             const OnGroupRound& on_round = {}) {
  Solution solution;
  solution.scale = unit;
  GroupBlocks blocks(problem, poll, at);
  const std::vector<Index> support = support_of(problem, at.coef);
  std::vector<Index> working_set;
  std::set_union(support.begin(), support.end(), blocks.unpenalised().begin(),
                 blocks.unpenalised().end(), std::back_inserter(working_set));
  run_rounds(blocks, options, std::move(working_set), Inner::reached, started, poll, on_round,
             solution);
  return solution;
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
                                              detail::Clock::now(), poll, null.at);
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
  const auto started = detail::Clock::now();
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
