// Proximal gradient, plain (ISTA) and accelerated (FISTA), over columns that are screened.
//
// Problem: problem.hpp, for a loss with a gradient, to a relative duality gap of `tol`. The
//          intercept is at its best wherever the objective or its gradient is taken, so what is
//          minimised is F(w) = min_b f(Xw + b) + penalty(w), whose smooth part curves no more than
//          the centred columns do.
// Given:   a start (coef of length p, intercept).
// Result:  a Solution whose gap is proved over all columns. The objective never rises, but for
//          rounding: a step of FISTA that would raise it is not taken.
// Cost:    an iteration fetches each column that is left from memory once (proximal_step.hpp), the
//          columns of the support once more where L had to grow, and makes a few passes over n. A
//          look at all columns follows when 20 such passes have been made, or 20 iterations and
//          more where screening has left few columns. Memory, beside the result: at most 10 vectors
//          of length p, 9 of length n, and up to 16 more of length n where X has many entries a row
//          (at most an eighth of the bytes of X). X is not copied.
// Sources: Beck & Teboulle 2009 (both methods, and the search for L); O'Donoghue & Candès 2015,
//          "Adaptive restart" (both tests); Becker, Candès & Grant 2011, "Templates for convex cone
//          problems", section 5.3 (the search near the optimum); Ndiaye et al. 2017, "Gap safe
//          screening rules", theorem 6.
#pragma once

#include "solve/proximal_step.hpp"
#include "solve/start.hpp"
#include "solve/working_set.hpp"

namespace sparsecross {

namespace detail {

// Columns that may carry a weight, with κ_j = min_a Σ h_i (x_ij - a)², a = 0 without an intercept,
// where h bounds the curvature of the loss. False where there is no bound: then h is the curvature
// at the start, which gives a scale for L and does not screen.
inline bool gather_columns(const Problem& problem, const Point& at, Columns& columns) {
  for (Index j = 0; j < problem.p(); ++j)
    if (!problem.penalty.excluded(j)) columns.index.push_back(j);
  QuadraticModel model;
  auto& h = model.curvature;
  h.resize(static_cast<std::size_t>(problem.n()));
  problem.loss.largest_curvature(h.data());
  const bool bounded = std::all_of(h.begin(), h.end(), [](double v) { return std::isfinite(v); });
  if (!bounded) {
    std::vector<double> residual(h.size());
    problem.loss.expansion(at.margins.data(), residual.data(), h.data());
  }
  model.total = ordered_sum(problem.n(), [&h](Index i) { return h[static_cast<std::size_t>(i)]; });
  measure_columns(problem, columns.index, model);
  columns.bend = std::move(model.column_curvature);
  columns.now.reserve(columns.index.size());
  for (const Index j : columns.index) columns.now.push_back(at.coef[static_cast<std::size_t>(j)]);
  columns.before = columns.now;
  columns.next.resize(columns.index.size());
  columns.z.resize(columns.index.size());
  return bounded;
}

// Drops columns whose weight is 0 at the optimum. With a feasible dual point θ that is `gap` away
// from the primal value, |x_jᵀ(θ - θ*)| <= sqrt(2 gap κ_j): the dual is strongly concave in the
// metric of 1/h. Columns that carry a weight now stay until it is 0 by itself, so the iterates go
// on undisturbed.
// Given:   z_j = x_jᵀθ for all columns, before scaling, as from dual_bound.
inline void screen(const Problem& problem, double gap, double scale, const std::vector<double>& z,
                   Columns& columns) {
  const Penalty& penalty = problem.penalty;
  std::size_t kept = 0;
  for (std::size_t k = 0; k < columns.index.size(); ++k) {
    const Index j = columns.index[k];
    const double at_theta = scale * z[static_cast<std::size_t>(j)];
    const double reach = std::sqrt(2.0 * gap * columns.bend[k]);
    const double largest = (penalty.positive() ? at_theta : std::abs(at_theta)) + reach;
    if (columns.now[k] == 0.0 && columns.before[k] == 0.0 &&
        largest < penalty.l1(j) * (1.0 - 1e-12))
      continue;
    columns.index[kept] = j;
    columns.bend[kept] = columns.bend[k];
    columns.now[kept] = columns.now[k];
    columns.before[kept] = columns.before[k];
    ++kept;
  }
  columns.index.resize(kept);
  for (auto* of : {&columns.bend, &columns.now, &columns.before, &columns.next, &columns.z})
    of->resize(kept);
}

// Margins of an iteration (n), beside those of w in the Point.
struct Lines {
  explicit Lines(const Point& at)
      : before(at.margins), y(at.margins), next(at.margins), residual(at.margins.size()) {}
  std::size_t bytes() const { return bytes_of(before, y, next, residual); }

  std::vector<double> before, y, next, residual;
};

// f(w₊) - f(y) - ∇f(y)ᵀ(w₊ - y) at margins, without cancellation: for a quadratic loss from the
// step alone; else as it stands or, where that is rounding, by the mean of both ends' gradients.
class Divergence {
 public:
  explicit Divergence(const Problem& problem) : loss_(problem.loss) {
    const auto n = static_cast<std::size_t>(loss_.n_samples());
    work_.resize(n);
    if (loss_.quadratic()) loss_.largest_curvature(work_.data());
  }

  std::size_t bytes() const { return bytes_of(work_); }

  // `allowed` is what it will be compared with, `values` = f(w₊) and f(y).
  double operator()(const Lines& lines, double allowed, double value_next, double value_y) {
    const Index n = loss_.n_samples();
    const auto sum = [&](auto term) {
      return ordered_sum(n, [&](Index i) {
        const auto k = static_cast<std::size_t>(i);
        return term(k, lines.next[k] - lines.y[k]);
      });
    };
    if (loss_.quadratic())
      return 0.5 * sum([&](std::size_t k, double d) { return work_[k] * d * d; });
    if (allowed > 1e-10 * std::abs(value_y) || !std::isfinite(value_next))
      return value_next - value_y +
             sum([&](std::size_t k, double d) { return lines.residual[k] * d; });
    loss_.residual(lines.next.data(), work_.data());
    return 0.5 * sum([&](std::size_t k, double d) { return (lines.residual[k] - work_[k]) * d; });
  }

 private:
  const Loss& loss_;
  std::vector<double> work_;
};

constexpr Index kIterationsPerLook = 20;
constexpr Index kMostIterationsPerLook = 100;
constexpr int kIdleLooks = 10;    // momentum may go round in circles for a while
constexpr double kRise = 1e-14;   // of the objective, relative: what rounding may add to it
constexpr double kShort = 1e-22;  // of it too: steps whose own rounding hides their curvature

}  // namespace detail

inline Solution solve_proximal_gradient(const Problem& problem, const Options& options,
                                        bool accelerated, const std::vector<double>* coef_init,
                                        double intercept_init, const Poll& poll,
                                        const OnRound& on_round = {}) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const Index n = problem.n(), p = problem.p();
  const Loss& loss = problem.loss;
  Solution solution;

  const NullModel null = null_model(problem, poll);
  solution.scale = null.scale;
  bool interrupted = null.interrupted;
  const double target = options.tol * solution.scale;
  Point at = coef_init ? start_from(problem, *coef_init, intercept_init, null) : null.point(p);

  Columns columns;
  const bool screens = detail::gather_columns(problem, at, columns);
  cut(problem, columns);
  const Index whole = work(problem, columns.index);
  // The largest curvature along a column is at most L; where it is less, the search finds out.
  double lipschitz = 0.0;
  for (const double bend : columns.bend) lipschitz = std::max(lipschitz, bend);
  if (lipschitz == 0.0) lipschitz = 1.0;

  detail::Lines lines(at);
  detail::Divergence divergence(problem);
  detail::Progress progress;
  std::vector<Index> all(static_cast<std::size_t>(p));
  std::iota(all.begin(), all.end(), Index{0});
  std::vector<double> theta(static_cast<std::size_t>(n)), curvature, z;
  if (problem.penalty.any_unpenalised()) curvature.resize(static_cast<std::size_t>(n));

  double objective = primal_value(problem, support_of(at.coef), at);
  double t = 1.0, momentum = 0.0;  // t_k and β of Beck & Teboulle, eq. 4.2 and 4.3
  bool judged = false;             // whether the last step was long enough to judge L by
  Index restarts = 0, per_look = detail::kIterationsPerLook, since_look = per_look;
  const auto restart = [&] {
    t = 1.0;
    momentum = 0.0;
    ++restarts;
    // A new sequence may take longer steps; within one, L must not fall.
    if (judged) lipschitz *= 0.5;
  };

  for (;;) {
    interrupted = interrupted || (poll && poll());
    if (interrupted || since_look >= per_look || solution.n_iter >= options.max_iter) {
      since_look = 0;
      for (std::size_t k = 0; k < columns.index.size(); ++k)
        at.coef[static_cast<std::size_t>(columns.index[k])] = columns.now[k];
      solution.primal = primal_value(problem, columns.index, at);
      const DualBound bound = dual_bound(problem, at, all, poll, theta, curvature, z);
      if (bound.dual > solution.dual) {
        solution.dual = bound.dual;
        solution.dual_point.resize(theta.size());
        for (std::size_t i = 0; i < theta.size(); ++i)
          solution.dual_point[i] = bound.scale * theta[i];
      }
      Index n_active = 0;
      for (const double w : columns.now) n_active += w != 0.0;
      solution.history.push_back(
          {solution.n_iter, static_cast<Index>(columns.index.size()), n_active, solution.primal,
           solution.dual, std::chrono::duration<double>(Clock::now() - started).count(), restarts});
      solution.peak.raise({at.bytes() + null.bytes() + lines.bytes() + divergence.bytes() +
                               bytes_of(all, theta, curvature, z, solution.dual_point) +
                               (coef_init ? bytes_of(*coef_init) : 0),
                           columns.bytes()});
      if (on_round) on_round(solution.history.back(), at);
      if (interrupted) {
        solution.status = Status::interrupted;
      } else if (solution.gap() <= target) {
        solution.status = Status::converged;
      } else if (solution.n_iter >= options.max_iter) {
        solution.status = Status::max_iter;
      } else if (progress.look(solution.primal, solution.gap()) >= detail::kIdleLooks) {
        solution.status = solution.dual > -std::numeric_limits<double>::infinity()
                              ? Status::precision_limit
                              : Status::not_certified;
      }
      if (solution.status != Status::not_run) break;
      const double gap = std::max(solution.primal - bound.dual, detail::kRise * solution.primal);
      if (screens && std::isfinite(gap)) {
        const std::size_t before = columns.index.size();
        detail::screen(problem, gap, bound.scale, z, columns);
        if (columns.index.size() < before) {
          cut(problem, columns);
          per_look = std::clamp(detail::kIterationsPerLook * whole / work(problem, columns.index),
                                detail::kIterationsPerLook, detail::kMostIterationsPerLook);
        }
      }
    }

    // y, its residual, and with it the step for an L under which the model lies above the loss.
    for (std::size_t i = 0; i < lines.y.size(); ++i)
      lines.y[i] = at.margins[i] + momentum * (at.margins[i] - lines.before[i]);
    double intercept = at.intercept;  // that of y, for squared loss but a first guess
    if (problem.fit_intercept && !loss.quadratic() && momentum > 0.0) {
      const double shift = loss.best_shift(lines.y.data());
      for (double& m : lines.y) m += shift;
    }
    loss.residual(lines.y.data(), lines.residual.data());
    const double value_y = loss.quadratic() ? 0.0 : loss.value(lines.y.data());
    Step step;
    double value;
    for (bool known = false;; known = true) {
      step = proximal_step(problem, momentum, lipschitz, lines.residual, known, at.intercept,
                           columns, lines.next);
      intercept = at.intercept;
      if (problem.fit_intercept) {
        const double shift = loss.best_shift(lines.next.data());
        intercept += shift;
        for (double& m : lines.next) m += shift;
      }
      value = loss.value(lines.next.data());
      const double allowed = 0.5 * lipschitz * step.square;
      judged = allowed > detail::kShort * std::abs(objective);
      if (!judged && std::isfinite(value)) break;
      const double apart = divergence(lines, allowed, value, value_y);
      if (apart <= allowed) break;
      lipschitz *= std::isfinite(apart) ? 1.1 * apart / allowed : 10.0;
    }
    ++solution.n_iter;
    ++since_look;

    const double reached = value + step.penalty;
    if (!(reached <= objective + detail::kRise * std::abs(objective))) {  // uphill: not taken
      if (momentum > 0.0)
        restart();
      else
        lipschitz *= 2.0;  // rounding alone can do this; shorter steps end it
      continue;
    }
    if (step.square == 0.0 && momentum == 0.0) since_look = per_look;  // stationary
    objective = reached;
    columns.before.swap(columns.now);
    columns.now.swap(columns.next);
    lines.before.swap(at.margins);
    at.margins.swap(lines.next);
    at.intercept = intercept;
    if (!accelerated) {
      if (judged) lipschitz *= 0.95;
    } else if (step.along < 0.0) {
      restart();
    } else {
      const double t_next = 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * t * t));
      momentum = (t - 1.0) / t_next;
      t = t_next;
    }
  }
  solution.coef = std::move(at.coef);
  solution.intercept = at.intercept;
  return solution;
}

}  // namespace sparsecross
