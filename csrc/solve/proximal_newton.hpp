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

#include "model/certificate.hpp"
#include "solve/coordinate_descent.hpp"
#include "solve/gram_model.hpp"
#include "solve/progress.hpp"

namespace sparsecross {

namespace detail {

constexpr int kSweepsPerStep = 10;
constexpr double kPassesToTry = 40.0;  // multiply-adds, for each sample, of an extrapolation
constexpr std::size_t kMostToExtrapolate = std::size_t{1} << 17;  // columns: 8 MB are kept
constexpr double kUphill = 1e-13;       // of the objective, relative: what rounding may add to it
constexpr double kSingle = 0.9;         // what a step of single precision may leave of the gap
constexpr double kMostExpected = 30.0;  // sweeps
constexpr double kTrusted = 1e-4;  // reduction of the gap that is left to the next look to prove
// Of the aim: a step that lowers the objective by less ends it. Sweeps solve a model less closely.
constexpr double kSmallFall = 0.5, kSmallFallOfSweeps = 0.15;

// Vectors that the rounds share.
struct Workspace {
  explicit Workspace(Index n) : theta(static_cast<std::size_t>(n)) {}
  std::vector<double> theta, curvature, direction, residual;
  std::vector<double> z;
  QuadraticModel model;
  GramModel gram;
  NewtonStep newton;
  SweepTrail trail;
  Footprint footprint() const {
    const Footprint own{bytes_of(theta, curvature, direction, residual, z),
                        gram.bytes() + newton.bytes() + trail.bytes()};
    return own + model.footprint();
  }

  bool single = true;   // whether products in single precision may be used
  double sweeps = 8.0;  // that the last model took, as a guess of what the next will
};

// w + t d and its margins for the largest t in 1, ½, ¼, ... that lowers the objective enough, or
// the old point where none does (Armijo with σ = 0.01; Yuan et al. 2012, section 4). `before` are
// the old weights of the set, `start` the objective there, space.residual the residual; `at` holds
// w + d and the old margins.
inline bool search_along(const Problem& problem, const std::vector<Index>& working_set,
                         const std::vector<double>& before, double start, double shift,
                         Workspace& space, Point& at) {
  auto& direction = space.direction;
  direction.resize(static_cast<std::size_t>(problem.n()));
  product(
      problem.X, working_set,
      [&](std::size_t k) { return at.coef[static_cast<std::size_t>(working_set[k])] - before[k]; },
      direction.data(), problem.n_threads);
  for (double& d : direction) d += shift;
  const auto penalty_at = [&](double t) {
    return ordered_sum(static_cast<Index>(working_set.size()), [&](Index k) {
      const auto at_k = static_cast<std::size_t>(k);
      const Index j = working_set[at_k];
      const double w = at.coef[static_cast<std::size_t>(j)];
      return problem.penalty.value(j, before[at_k] + t * (w - before[at_k]));
    });
  };
  const double slope = -ordered_sum(problem.n(), [r = space.residual.data(), d = direction.data()](
                                                     Index i) { return r[i] * d[i]; });
  // Negative but for rounding: near the optimum only the arithmetic's noise is left of it.
  const double expected = std::min(0.0, slope + penalty_at(1.0) - penalty_at(0.0));
  const auto move_to = [&](double t) {
    // Exactly the old point at t = 0, be the other end not finite.
    for (std::size_t k = 0; k < working_set.size(); ++k) {
      double& w = at.coef[static_cast<std::size_t>(working_set[k])];
      w = t == 1.0 ? w : t == 0.0 ? before[k] : before[k] + t * (w - before[k]);
    }
  };
  double t = 1.0;
  for (int halving = 0; halving < 40; ++halving, t *= 0.5) {  // space.theta is free here
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

// Multiply-adds on tiles that a sweep over the columns takes.
inline double cost_of_sweep(const Problem& problem, const std::vector<Index>& working_set) {
  return problem.X.visit([&](const auto& columns) {
    double entries = 0.0;
    for (const Index j : working_set) entries += static_cast<double>(columns.size(j));
    return 2.0 * entries *
           (is_dense<std::decay_t<decltype(columns)>> ? cost::kStream : cost::gather(problem.n()));
  });
}

// Sweeps and Newton steps on the model: in its own coordinates, once it has taken (or is likely to
// take) as long in X as the products cost. In X they stop after `cycles` steps, as roundings pile
// up there, and where there is but one once they are likely to have gained two digits. `reached`
// where the accuracy was, by products, `reduced` where forces are by sweeps.
inline Inner minimise_model(const Problem& problem, const std::vector<Index>& working_set,
                            const GramModel::Accuracy& accuracy, bool may_gram, int cycles,
                            Index max_iter, const Poll& poll, Workspace& space,
                            std::vector<double>& coef, Index& n_iter) {
  const double price = cost_of_sweep(problem, working_set);
  const double products = space.gram.cost_to_prepare(problem, working_set);
  const double saving = price - GramModel::cost_of_sweep(working_set.size());
  const bool use_gram = may_gram && saving > 0.0 && std::isfinite(products);
  if (!std::isfinite(products)) space.gram.release();  // a large factor takes its memory
  const Index before = n_iter;
  double first = 0.0, fell = std::numeric_limits<double>::infinity();
  double expected = space.sweeps;
  Inner inner = Inner::out_of_sweeps;
  // Where a sweep takes less time than the passes over n, sweeps do.
  const bool extrapolates = price > kPassesToTry * static_cast<double>(problem.n()) &&
                            working_set.size() <= kMostToExtrapolate;
  if (extrapolates) space.trail.start(working_set, space.model, coef);
  for (int cycle = 0, sweeps = 0; n_iter < max_iter;) {
    if (use_gram && expected * saving >= products) {
      space.gram.prepare(problem, space.model, working_set);
      const bool finished = space.gram.minimise(problem, working_set, accuracy, max_iter, poll,
                                                space.newton, space.model, coef, n_iter);
      inner = finished ? Inner::reached : Inner::interrupted;
      break;
    }
    const Sweep done = sweep(problem, working_set, space.model, coef);
    ++n_iter;
    first = std::max(first, done.violation);
    if (poll && poll()) {
      inner = Inner::interrupted;
      break;
    }
    if (done.violation <= (accuracy.reduction > 0.0 ? 0.1 * first : 0.0)) {
      inner = Inner::reduced;
      break;
    }
    if (cycle == cycles) break;
    ++sweeps;
    const bool traced = extrapolates && space.trail.see(working_set, coef);
    const double rate = done.decrease / fell;
    fell = done.decrease;
    bool slow = false;
    if (rate > 0.0) {
      expected = NewtonStep::sweeps_to_two_digits(rate);
      if (cycles == 1 && sweeps >= expected) break;
      if (!use_gram) {
        ColumnSystem system(problem, working_set, space.model, coef);
        slow = space.newton.pays(system, price, rate);
        if (slow) {
          space.newton(system, poll);
          ++n_iter;
        }
      }
    }
    if (traced && !slow && expected > kSweepsPerStep &&
        space.trail.extrapolate(problem, working_set, space.model, coef, space.direction))
      fell = std::numeric_limits<double>::infinity();
    if (extrapolates && (traced || slow)) space.trail.restart(working_set, coef);
    if (slow || sweeps == kSweepsPerStep) {
      if (!slow && cycles == 1) break;
      ++cycle;  // after the last one, single columns take what damping and stops at 0 have left
      sweeps = 0;
      fell = std::numeric_limits<double>::infinity();
    }
  }
  space.sweeps = std::min(static_cast<double>(n_iter - before), kMostExpected);
  return inner;
}

// Minimises over the working set until the gap there, at first at most `gap`, is (or is likely to
// be) at most `target`; margins are kept up. The gap of a small set is a poor measure of what is
// left, as residuals obey no column before they obey all: once steps fall off, so has it.
inline Inner solve_on(const Problem& problem, const std::vector<Index>& working_set, double gap,
                      double target, Index max_iter, const Poll& poll, Workspace& space, Point& at,
                      Index& n_iter) {
  QuadraticModel& model = space.model;
  const bool quadratic = problem.loss.quadratic(), trusted = target >= kTrusted * gap;
  std::vector<double> before(working_set.size());
  const auto restore = [&] {
    for (std::size_t k = 0; k < working_set.size(); ++k)
      at.coef[static_cast<std::size_t>(working_set[k])] = before[k];
  };
  Progress progress;
  double damping = 0.0;     // the least curvature of a sample, of the largest one
  double strictness = 0.3;  // forces off by a part of the penalty cost twice that of the objective
  bool single = space.single, moved = false;
  Inner inner = Inner::out_of_sweeps;
  double last_primal = std::numeric_limits<double>::infinity();
  for (bool measured = false;; measured = true) {
    const double primal = primal_value(problem, working_set, at), fall = last_primal - primal;
    last_primal = primal;
    const double small = inner == Inner::reached   ? kSmallFall
                         : inner == Inner::reduced ? kSmallFallOfSweeps
                                                   : 0.0;
    if (trusted && moved && fall <= small * target && fall > kUphill * primal)
      return Inner::reached;
    if (measured || !std::isfinite(gap)) {
      const double last = gap;
      gap = primal -
            dual_bound(problem, at, working_set, poll, space.theta, space.curvature, space.z).dual;
      single = single && !(inner == Inner::reached && gap > kSingle * last);
    }
    if (gap <= target) return Inner::reached;
    if (n_iter >= max_iter) return Inner::out_of_sweeps;
    if (progress.look(primal, gap) >= (damping > 0.0 ? kPatience : 3)) return Inner::stalled;

    expand(problem, at, damping, model);
    if (!quadratic || !measured) measure_columns(problem, working_set, model);
    if (!quadratic) {
      space.gram.forget();  // its products are of other curvatures
      space.residual = model.residual;
    }
    for (std::size_t k = 0; k < working_set.size(); ++k)
      before[k] = at.coef[static_cast<std::size_t>(working_set[k])];
    const GramModel::Accuracy accuracy{primal, strictness * target / primal,
                                       quadratic ? 0.0 : kModelReduction};
    inner = minimise_model(problem, working_set, accuracy, single, quadratic ? 1 : 3, max_iter,
                           poll, space, at.coef, n_iter);
    if (inner == Inner::reached) strictness *= 0.1;
    if (quadratic) {
      at.intercept += model.shift;
      refresh_margins(problem, working_set, at);
      if (inner == Inner::reached &&
          !(primal_value(problem, working_set, at) <= primal * (1.0 + kUphill))) {
        // Nearly collinear columns: single precision has seen valleys where there are none.
        single = false;
        restore();
        at.intercept -= model.shift;
        refresh_margins(problem, working_set, at);
      } else if (inner == Inner::interrupted || (inner == Inner::reached && trusted)) {
        return inner;
      }
    } else if (inner == Inner::interrupted) {  // an unfinished direction has had no line search
      restore();
      refresh_margins(problem, working_set, at);
      return inner;
    } else {
      // A step that was of no use had trusted curvatures that hold nowhere but here.
      moved = search_along(problem, working_set, before, primal, model.shift, space, at);
      damping = moved ? 0.1 * damping : std::max(10.0 * damping, 1e-6);
      settle_intercept(problem, at);
    }
  }
}

}  // namespace detail

}  // namespace sparsecross
