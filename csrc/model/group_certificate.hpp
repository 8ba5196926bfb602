// The certificate of a problem of groups.
//
// Dual of the problem in group_problem.hpp, over θ (K x n):
//
//   D(θ) = -F*(-θ) - Σ_g g_g*(X_gᵀθ),    g_g* = 0 where ‖S(X_gᵀθ, ω_g l1)‖₂ <= ω_g norm, else ∞,
//   or (‖S(X_gᵀθ, ω_g l1)‖₂ - ω_g norm)₊² / (2 ω_g l2) where there is an L2 part,
//
// S being the soft threshold; and Σ_i θ_ik = 0 with intercepts. As in certificate.hpp, θ is the
// residual, balanced and scaled, and an L2 part enters by augmented rows or by its conjugate,
// whichever proves more.
// Sources: Ndiaye et al. 2017, "Gap safe screening rules for sparsity enforcing penalties".
#pragma once

#include "model/group_problem.hpp"
#include "support/wide.hpp"

namespace sparsecross {

// What one more group leaves of the multiples of θ: w and z are its blocks of W and Xᵀθ. `scratch`
// is as long.
inline void take_group(const GroupPenalty& penalty, Index g, const double* w, const double* z,
                       Index n, DualRoom& room, std::vector<double>& scratch) {
  if (penalty.excluded(g) || penalty.unpenalised(g)) return;
  const double l2 = penalty.l2(g);
  if (l2 == 0.0) {
    room.limit = std::min(room.limit, penalty.limit(g, z, n));
    return;
  }
  double square = 0.0;
  scratch.resize(static_cast<std::size_t>(n));
  for (Index k = 0; k < n; ++k) {
    scratch[static_cast<std::size_t>(k)] = z[k] - l2 * w[k];
    square += w[k] * w[k];
  }
  room.limit = std::min(room.limit, penalty.limit(g, scratch.data(), n));
  const double beyond = std::max(0.0, penalty.excess(g, z, n));
  room.conjugate += beyond * beyond / (2.0 * l2);
  room.extra += l2 * square;
}

// θ (K x n) near the residual, as the intercepts and the unpenalised columns ask for it.
inline DualPoint dual_point(const GroupProblem& problem, const GroupPoint& at,
                            const std::vector<Index>& unpenalised, const Poll& poll,
                            ByClass& theta) {
  problem.loss.dual_point(at.margins, problem.fit_intercept() && unpenalised.empty(), theta);
  if (unpenalised.empty()) return {true, false};
  ByClass metric = theta;
  problem.loss.metric(at.margins, metric);
  const std::size_t last = theta.size() - 1;
  const bool sums = problem.loss.sums_to_zero();
  if (sums) std::fill(theta[last].begin(), theta[last].end(), 0.0);
  for (std::size_t k = 0; k < theta.size() - (sums ? 1 : 0); ++k) {
    if (!project_out(problem.columns, unpenalised, metric[k], poll, theta[k])) return {false, true};
    if (sums)
      for (std::size_t i = 0; i < theta[k].size(); ++i) theta[last][i] -= theta[k][i];
  }
  return {true, true};
}

// The columns of groups that are unpenalised.
inline std::vector<Index> unpenalised_columns(const GroupProblem& problem,
                                              const std::vector<Index>& groups) {
  std::vector<Index> found;
  if (problem.penalty.any_unpenalised())
    std::copy_if(groups.begin(), groups.end(), std::back_inserter(found), [&](Index g) {
      return !problem.penalty.excluded(g) && problem.penalty.unpenalised(g);
    });
  return columns_of(problem.groups, found);
}

// z = X_gᵀθ: K numbers for each column of the group.
template <class Columns>
void correlate(const GroupProblem& problem, const Columns& columns, Index g, const ByClass& theta,
               double* z) {
  constexpr std::size_t width = 4;  // outputs at once: a column is read from memory but once
  for (Index c = 0; c < problem.groups.size(g); ++c) {
    const Index j = problem.groups.columns(g)[c];
    std::size_t k = 0;
    for (; k + width <= theta.size(); k += width) {
      const double *a = theta[k].data(), *b = theta[k + 1].data(), *d = theta[k + 2].data(),
                   *e = theta[k + 3].data();
      const auto four = columns.template sums<width>(j, [=](Index i, double x) {
        return std::array<double, width>{x * a[i], x * b[i], x * d[i], x * e[i]};
      });
      z = std::copy(four.begin(), four.end(), z);
    }
    for (; k < theta.size(); ++k)
      *z++ = columns.sum(j, [t = theta[k].data()](Index i, double x) { return x * t[i]; });
  }
}

// Problem: the best bound by a multiple of θ.
// Given:   the room that all groups leave.
// Result:  the bound, and the multiple.
// Cost:    a few passes over n K.
inline DualBound bound_within(const GroupProblem& problem, DualPoint point, DualRoom room,
                              const ByClass& theta) {
  if (!point.feasible) return {};
  // A scale without limit would blow noise up to a point that is not feasible.
  if (point.projected) room.limit = std::min(room.limit, 10.0);
  if (!std::isfinite(room.extra)) room.limit = room.extra = 0.0;
  DualBound bound;
  const auto prove = [&](double dual, double scale) {
    if (dual > bound.dual) bound = {dual, scale};  // NaN proves nothing
  };
  const ScaledDual best = problem.loss.best_dual(theta, room.extra, room.limit);
  prove(best.dual - 0.5 * best.scale * best.scale * room.extra, best.scale);
  if (problem.penalty.has_l2()) prove(problem.loss.dual(theta, 1.0) - room.conjugate, 1.0);
  return bound;
}

// Problem: a lower bound of the optimum of the problem restricted to `groups`, among which are the
//          support and all that are unpenalised.
// Result:  the bound; θ (K x n) before scaling.
// Cost:    K passes over the columns, shared among the threads, and a few over n K.
inline DualBound dual_bound(const GroupProblem& problem, const GroupPoint& at,
                            const std::vector<Index>& groups, const Poll& poll, ByClass& theta) {
  const DualPoint point =
      dual_point(problem, at, unpenalised_columns(problem, groups), poll, theta);
  constexpr Index grain = 16;
  const auto count = static_cast<Index>(groups.size());
  std::vector<DualRoom> rooms(static_cast<std::size_t>((count + grain - 1) / grain),
                              {std::numeric_limits<double>::infinity()});
  problem.X().visit([&](const auto& columns) {
    parallel_chunks(count, grain, problem.n_threads(), [&](Index begin, Index end) {
      std::vector<double> z, w, scratch;
      for (Index k = begin; k < end; ++k) {
        const Index g = groups[static_cast<std::size_t>(k)], size = problem.n_weights(g);
        z.resize(static_cast<std::size_t>(size));
        widely([&] { correlate(problem, columns, g, theta, z.data()); });
        block_of(problem, at.coef, g, w);
        take_group(problem.penalty, g, w.data(), z.data(), size,
                   rooms[static_cast<std::size_t>(begin / grain)], scratch);
      }
    });
  });
  DualRoom room{std::numeric_limits<double>::infinity()};
  for (const DualRoom& other : rooms) room.add(other);
  return bound_within(problem, point, room, theta);
}

// The primal value at (W, b) as they are, and the best bound that follows from them: settled
// intercepts move the bound and not the value.
inline Certificate certify(const GroupProblem& problem, GroupPoint at, const Poll& poll) {
  std::vector<Index> all(static_cast<std::size_t>(problem.groups.count()));
  for (std::size_t g = 0; g < all.size(); ++g) all[g] = static_cast<Index>(g);
  refresh_margins(problem, all, at);
  const double primal = primal_value(problem, all, at);
  if (!std::isfinite(primal)) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {infinity, -infinity};
  }
  ByClass theta = at.margins;
  if (problem.fit_intercept()) problem.loss.settle(poll, at.intercept, at.margins, theta);
  return {primal, dual_bound(problem, at, all, poll, theta).dual};
}

}  // namespace sparsecross
