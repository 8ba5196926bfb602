// The inner loop: a problem over few columns, by quadratic models that are solved in turn.
//
// Problem: problem.hpp, over the columns of a working set.
// Given:   a point, and the gap to reach on the working set.
// Result:  the point moved.
// Cost:    sweeps of coordinate descent and Newton steps; a look at the gap is one pass over the
//          working set.
// Source:  Yuan, Ho & Lin 2012, "An improved GLMNET for L1-regularized logistic regression".
#pragma once

#include <numeric>
#include <tuple>

#include "model/certificate.hpp"
#include "solve/coordinate_descent.hpp"
#include "solve/newton.hpp"

namespace sparsecross {

namespace detail {

constexpr int kSweepsPerStep = 10;
constexpr int kPatience = 10;        // with the damping, which grows tenfold at each useless step
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
  NewtonStep newton;
};

enum class Inner { reached, stalled, out_of_sweeps, interrupted };

// w + t d and its margins for the largest t in 1, ½, ¼, ... that lowers the objective enough, or
// the old point where none does (Armijo with σ = 0.01; Yuan et al. 2012, section 4). `before` are
// the old weights of the set, `at` holds w + d and the old margins.
inline bool search_along(const Problem& problem, const std::vector<Index>& working_set,
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
      return true;
    }
  }
  move_to(0.0);
  return false;
}

// Sweeps and Newton steps on the model, until its largest move is `reduction` of its first, at most
// kCycles times. False where the user stopped it.
inline bool minimise_model(const Problem& problem, const std::vector<Index>& working_set,
                           double reduction, int cycles, Index max_iter, const Poll& poll,
                           Workspace& space, std::vector<double>& coef, Index& n_iter) {
  double first = 0.0, fell = 0.0;
  const auto pass = [&] {
    const Sweep done = sweep(problem, working_set, space.model, coef);
    ++n_iter;
    first = std::max(first, done.violation);
    const bool slow =
        fell < std::numeric_limits<double>::infinity() &&
        space.newton.pays(problem, working_set, space.model, coef, done.decrease / fell);
    fell = done.decrease;
    return std::make_pair(done.violation <= reduction * first, slow);
  };
  for (int cycle = 0; cycle < cycles; ++cycle) {
    bool done = false, slow = false;
    fell = std::numeric_limits<double>::infinity();
    for (int s = 0; s < kSweepsPerStep && !done && !slow && n_iter < max_iter; ++s) {
      std::tie(done, slow) = pass();
      if (poll && poll()) return false;
    }
    if (done || n_iter >= max_iter) break;
    if (slow) {
      space.newton(problem, working_set, poll, space.model, coef);
      ++n_iter;
      pass();  // single columns take what the step's damping and the stops at 0 have left
      if (poll && poll()) return false;
    }
  }
  return true;
}

// Minimises over the working set until the gap there is at most `target`.
inline Inner solve_on(const Problem& problem, const std::vector<Index>& working_set, double target,
                      Index max_iter, const Poll& poll, Workspace& space, Point& at,
                      Index& n_iter) {
  QuadraticModel& model = space.model;
  const bool quadratic = problem.loss.quadratic();
  std::vector<double> before(working_set.size());
  Progress progress;
  double damping = 0.0;  // the least curvature of a sample, of the largest one
  for (bool measured = false;;) {
    const DualBound bound =
        dual_bound(problem, at, working_set, poll, space.theta, space.curvature, space.z);
    const double primal = primal_value(problem, at), gap = primal - bound.dual;
    if (gap <= target) return Inner::reached;
    if (n_iter >= max_iter) return Inner::out_of_sweeps;
    if (progress.look(primal, gap) >= (damping > 0.0 ? kPatience : 3)) return Inner::stalled;

    expand(problem, at, damping, model);
    if (!quadratic || !measured) measure_columns(problem, working_set, model);
    measured = true;
    for (std::size_t k = 0; k < working_set.size(); ++k)
      before[k] = at.coef[static_cast<std::size_t>(working_set[k])];
    const bool finished = minimise_model(problem, working_set, quadratic ? 0.0 : 0.1,
                                         quadratic ? 1 : 3, max_iter, poll, space, at.coef, n_iter);
    if (!finished) {
      if (quadratic) {
        at.intercept += model.shift;
      } else {  // an unfinished direction has had no line search
        for (std::size_t k = 0; k < working_set.size(); ++k)
          at.coef[static_cast<std::size_t>(working_set[k])] = before[k];
      }
      refresh_margins(problem, at);
      return Inner::interrupted;
    }
    if (quadratic) {
      at.intercept += model.shift;
      refresh_margins(problem, at);
    } else {
      // A step that was of no use had trusted curvatures that hold nowhere but here.
      const bool moved = search_along(problem, working_set, before, model.shift, space, at);
      damping = moved ? 0.1 * damping : std::max(10.0 * damping, 1e-6);
      settle_intercept(problem, at);
    }
  }
}

}  // namespace detail

}  // namespace sparsecross
