// The inner loop of groups: a problem over few of them, by quadratic models that are solved in
// turn.
//
// Problem: group_problem.hpp, over the groups of a working set.
// Given:   a point, and the gap to reach on the working set.
// Result:  the point moved.
// Method:  models of all outputs at once, each minimised by blocks: with the full curvature of the
//          outputs where the loss couples them and the set is small enough, by the products of
//          columns where these pay, else through X; and a line search where the loss is not
//          quadratic.
// Cost:    sweeps over the set; a look at the gap is K passes over its columns.
// Source:  Yuan, Ho & Lin 2012, "An improved GLMNET for L1-regularized logistic regression".
#pragma once

#include "solve/coupled_products.hpp"
#include "solve/group_descent.hpp"
#include "solve/progress.hpp"

namespace sparsecross {

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

}  // namespace detail

}  // namespace sparsecross
