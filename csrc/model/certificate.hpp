// The certificate: a dual-feasible point made from the residual, and the value it proves.
//
// Dual of the problem in problem.hpp, over θ (n), with f_i(m) = c_i ℓ(y_i, m):
//
//   D(θ) = Σ_i -f_i*(-θ_i) - Σ_j g_j*(x_jᵀθ)
//   g_j*(z) = (|z| - ω_j l1)₊² / (2 ω_j l2)   where ω_j l2 > 0
//           = 0 if |z| <= ω_j l1, else ∞      where ω_j l2 = 0   (one-sided where positive)
//   and Σ_i θ_i = 0 with an intercept.
//
// D(θ) <= P(w) for all w and θ, so primal - dual bounds how far w is from the optimum.
// Sources: Kim et al. 2007 and Ndiaye et al. 2017 (scaling the residual); Zou & Hastie 2005,
// lemma 1 (elastic net as augmented rows); Massias et al. 2018 (keeping the best dual value).
#pragma once

#include <algorithm>
#include <iterator>
#include <numeric>

#include "model/problem.hpp"

namespace sparsecross {

// Makes Σ θ = 0 by shrinking the heavier of its positive and negative parts. The factor lies in
// [0, 1], and for every loss the domain of each component is an interval that holds 0 (squared:
// all; logistic: between 0 and c y; Huber and absolute: |θ| <= c delta, c; Poisson: θ <= c y with
// y >= 0), so a point of the domain stays in it.
inline void balance(std::vector<double>& theta) {
  const Index n = static_cast<Index>(theta.size());
  const auto [up, down] = ordered_sums<2>(n, 1, [t = theta.data()](Index i) {
    return std::array<double, 2>{std::max(t[i], 0.0), std::max(-t[i], 0.0)};
  });
  const double shrink = up > down ? down / up : down > 0.0 ? up / down : 1.0;
  for (double& v : theta)
    if ((v > 0.0) == (up > down)) v *= shrink;
}

// Σ θ = 0 where the loss may have kinks: first the components of samples on a kink, which are free
// within their domain, move together towards it.
inline void balance_with_kinks(const Problem& problem, const Point& at,
                               std::vector<double>& theta) {
  const Index n = problem.n();
  std::vector<double> kink(theta.size());
  problem.loss.second_derivative(at.margins.data(), kink.data());
  const double room = ordered_sum(n, [k = kink.data()](Index i) { return k[i]; });
  const double sum = ordered_sum(n, [t = theta.data()](Index i) { return t[i]; });
  const double share = room > 0.0 ? std::clamp(-sum / room, -1.0, 1.0) : 0.0;
  for (std::size_t i = 0; i < theta.size(); ++i) theta[i] += share * kink[i];
  balance(theta);
}

// Problem: min over v of ½ (θ - D A v)ᵀ D⁻¹ (θ - D A v), D = diag(curvature): the nearest θ, in the
//          metric of the loss, with Aᵀθ = 0, for the unpenalised columns A (1 with an intercept).
// Given:   θ (n), D (n, >= 0), the columns' numbers.
// Result:  θ replaced; its components move in proportion to the curvature, which vanishes at the
//          border of a loss's domain. True where what is left of Aᵀθ is of rounding size, false
//          where it is not: columns that are nearly collinear, labels that they separate, or an
//          interrupt.
// Cost:    at most min(2 |A| + 20, 500) rounds of conjugate gradients, each two passes over A.
// Source:  Hestenes & Stiefel 1952, with Jacobi preconditioning.
inline bool project_out(const Problem& problem, const std::vector<Index>& unpenalised,
                        const std::vector<double>& curvature, const Poll& poll,
                        std::vector<double>& theta) {
  return problem.X.visit([&](const auto& columns) {
    const std::size_t n = theta.size(), q = unpenalised.size();
    const std::size_t size = q + (problem.fit_intercept ? 1 : 0);
    const auto apply = [&](const std::vector<double>& v, std::vector<double>& out) {  // A v
      std::fill(out.begin(), out.end(), problem.fit_intercept ? v[q] : 0.0);
      for (std::size_t k = 0; k < q; ++k)
        columns.each(unpenalised[k],
                     [&](Index i, double x) { out[static_cast<std::size_t>(i)] += x * v[k]; });
    };
    const auto apply_transposed = [&](const std::vector<double>& u, std::vector<double>& out) {
      for (std::size_t k = 0; k < q; ++k)
        out[k] = columns.sum(unpenalised[k],
                             [&](Index i, double x) { return x * u[static_cast<std::size_t>(i)]; });
      if (problem.fit_intercept)
        out[q] = ordered_sum(static_cast<Index>(n),
                             [&](Index i) { return u[static_cast<std::size_t>(i)]; });
    };

    std::vector<double> inverse_diagonal(size, 0.0), norm(size);
    for (std::size_t k = 0; k < size; ++k) {
      norm[k] = std::sqrt(k < q ? columns.sum(
                                      unpenalised[k], [](Index, double x) { return x * x; })
                                : static_cast<double>(n));
      const double d = k < q ? columns.sum(
                                   unpenalised[k],
                                   [&](Index i, double x) {
                                     return curvature[static_cast<std::size_t>(i)] * x * x;
                                   })
                             : ordered_sum(
                                   static_cast<Index>(n),
                                   [&](Index i) { return curvature[static_cast<std::size_t>(i)]; });
      if (d > 0.0) inverse_diagonal[k] = 1.0 / d;
    }

    std::vector<double> residual(size), direction(size), image(n), product(size), scaled(size);
    const double length = std::sqrt(
        ordered_sum(static_cast<Index>(n), [t = theta.data()](Index i) { return t[i] * t[i]; }));
    double previous = 0.0;
    const std::size_t rounds = std::min<std::size_t>(2 * size + 20, 500);
    for (std::size_t round = 0; round < rounds && !(poll && poll()); ++round) {
      apply_transposed(theta, residual);  // anew each round: no drift away from the constraint
      // Further rounds would follow rounding noise, along columns that others span without bound.
      bool settled = true;
      double now = 0.0;
      for (std::size_t k = 0; k < size; ++k) {
        settled &= std::abs(residual[k]) <= 1e-13 * norm[k] * length;
        scaled[k] = inverse_diagonal[k] * residual[k];
        now += residual[k] * scaled[k];
      }
      if (settled) return true;
      const double beta = round == 0 ? 0.0 : now / previous;
      for (std::size_t k = 0; k < size; ++k) direction[k] = scaled[k] + beta * direction[k];
      apply(direction, image);
      for (std::size_t i = 0; i < n; ++i) image[i] *= curvature[i];
      apply_transposed(image, product);
      double bend = 0.0;
      for (std::size_t k = 0; k < size; ++k) bend += direction[k] * product[k];
      if (!(bend > 0.0)) return false;
      const double step = now / bend;
      for (std::size_t i = 0; i < n; ++i) theta[i] -= step * image[i];
      previous = now;
    }
    return false;
  });
}

// A dual point before it is scaled.
struct DualPoint {
  bool feasible;   // whether what asks for equality is obeyed; else it proves nothing
  bool projected;  // off unpenalised columns: it may be rounding noise
};

// Problem: θ with Σ θ = 0 where there is an intercept, and x_jᵀθ = 0 for unpenalised columns, near
//          the residual.
// Given:   a point with fresh margins and a settled intercept; the unpenalised columns; work space
//          (n), used only where there are such.
// Result:  θ (n).
// Cost:    a few passes over n; with unpenalised columns, project_out.
inline DualPoint dual_point(const Problem& problem, const Point& at,
                            const std::vector<Index>& unpenalised, const Poll& poll,
                            std::vector<double>& theta, std::vector<double>& curvature) {
  problem.loss.residual(at.margins.data(), theta.data());
  // They ask for z = 0; where positive and at 0, for z <= 0 only (slack).
  std::vector<Index> tight, slack;
  for (const Index j : unpenalised)
    (!problem.penalty.positive() || at.coef[static_cast<std::size_t>(j)] > 0.0 ? tight : slack)
        .push_back(j);
  bool feasible = true;
  for (bool grown = true; grown && feasible;) {
    if (!tight.empty()) {
      problem.loss.second_derivative(at.margins.data(), curvature.data());
      feasible = project_out(problem, tight, curvature, poll, theta);
    } else if (problem.fit_intercept && problem.loss.smooth()) {
      balance(theta);
    } else if (problem.fit_intercept) {
      balance_with_kinks(problem, at, theta);
    }
    const auto obeyed = std::partition(slack.begin(), slack.end(), [&](Index j) {
      return problem.X.visit([&](const auto& slices) {
        return slices.sum(
            j, [&](Index i, double x) { return x * theta[static_cast<std::size_t>(i)]; });
      }) <= 0.0;
    });
    grown = obeyed != slack.end();  // those that are not are held at 0: one round more, at least
    tight.insert(tight.end(), obeyed, slack.end());
    slack.erase(obeyed, slack.end());
  }
  return {feasible, !tight.empty()};
}

// z_k = x_jᵀθ for j = columns[k].
inline void correlate(const Problem& problem, const std::vector<Index>& columns,
                      const std::vector<double>& theta, std::vector<double>& z) {
  z.resize(columns.size());
  problem.X.visit([&](const auto& slices) {
    parallel_chunks(
        static_cast<Index>(columns.size()), 256, problem.n_threads, [&](Index begin, Index end) {
          const double* t = theta.data();
          for (Index k = begin; k < end; ++k)
            z[static_cast<std::size_t>(k)] = slices.sum(
                columns[static_cast<std::size_t>(k)], [t](Index i, double x) { return x * t[i]; });
        });
  });
}

// What a dual point proves. `dual` is minus infinity where no feasible point was found.
struct DualBound {
  double dual = -std::numeric_limits<double>::infinity();
  double scale = 1.0;  // the dual point is scale * θ
};

// What penalised columns leave of the multiples of θ, summed up column by column.
struct DualRoom {
  double limit;            // multiples up to this one obey them, plain or augmented
  double conjugate = 0.0;  // Σ g_j*(x_jᵀθ), where the penalty has an L2 part
  double extra = 0.0;      // Σ ω_j l2 w_j²: the rows that the L2 part augments X by

  void take(const Penalty& penalty, Index j, double w, double z) {
    if (penalty.excluded(j) || penalty.unpenalised(j)) return;
    const double l1 = penalty.l1(j), l2 = penalty.l2(j), size = penalty.counted(z - l2 * w);
    if (limit * size > l1) limit = l1 / size;
    if (!penalty.has_l2()) return;
    const double beyond = std::max(0.0, penalty.counted(z) - l1);
    conjugate += beyond * beyond / (2.0 * l2);
    extra += l2 * w * w;
  }

  // What other columns leave.
  void add(const DualRoom& other) {
    limit = std::min(limit, other.limit);
    conjugate += other.conjugate;
    extra += other.extra;
  }
};

// Problem: the best bound by a multiple of θ.
// Given:   the room that all columns leave.
// Result:  the bound, and the multiple.
// Cost:    a few passes over n.
inline DualBound bound_within(const Problem& problem, DualPoint point, DualRoom room,
                              const std::vector<double>& theta) {
  if (!point.feasible) return {};
  // A scale without limit would blow noise up to a point that is not feasible.
  if (point.projected) room.limit = std::min(room.limit, 10.0);
  // Weights whose squares overflow prove nothing.
  if (!std::isfinite(room.extra)) room.limit = room.extra = 0.0;
  DualBound bound;
  const ScaledDual best = problem.loss.best_dual(theta.data(), room.extra, room.limit);
  bound.scale = best.scale;
  bound.dual = best.dual - 0.5 * best.scale * best.scale * room.extra;
  if (problem.penalty.has_l2()) {
    const double direct = problem.loss.dual(theta.data(), 1.0) - room.conjugate;
    if (direct > bound.dual) bound = {direct, 1.0};
  }
  return bound;
}

// Problem: the best bound by a multiple of θ.
// Given:   the room that columns left out leave; z_k = x_jᵀθ for j = columns[k], among which are
//          all that carry a weight.
// Result:  the bound, and the multiple.
// Cost:    a pass over the columns' numbers, a few over n.
inline DualBound bound_along(const Problem& problem, const Point& at, DualPoint point,
                             DualRoom room, const std::vector<Index>& columns,
                             const std::vector<double>& theta, const std::vector<double>& z) {
  for (std::size_t k = 0; k < columns.size(); ++k)
    room.take(problem.penalty, columns[k], at.coef[static_cast<std::size_t>(columns[k])], z[k]);
  return bound_within(problem, point, room, theta);
}

// Those of the columns that are unpenalised.
inline std::vector<Index> unpenalised_of(const Penalty& penalty,
                                         const std::vector<Index>& columns) {
  std::vector<Index> found;
  if (penalty.any_unpenalised())
    std::copy_if(columns.begin(), columns.end(), std::back_inserter(found),
                 [&](Index j) { return penalty.unpenalised(j); });
  return found;
}

// Problem: a lower bound of the optimum of the problem restricted to `columns`.
// Given:   as for dual_point; `columns`, increasing, holding the support and every unpenalised
//          column.
// Result:  the bound; θ (n) before scaling; z_k = x_jᵀθ for j = columns[k].
// Cost:    one pass over the columns, shared among the threads, and a few over n.
inline DualBound dual_bound(const Problem& problem, const Point& at,
                            const std::vector<Index>& columns, const Poll& poll,
                            std::vector<double>& theta, std::vector<double>& curvature,
                            std::vector<double>& z) {
  const DualPoint point =
      dual_point(problem, at, unpenalised_of(problem.penalty, columns), poll, theta, curvature);
  correlate(problem, columns, theta, z);
  return bound_along(problem, at, point, {std::numeric_limits<double>::infinity()}, columns, theta,
                     z);
}

struct Certificate {
  double primal, dual;
};

// The primal value at (coef, intercept) as they are, and the best bound that follows from them: an
// intercept is settled before the residual is taken, which moves the bound and not the value.
inline Certificate certify_smooth(const Problem& problem, Point at, const Poll& poll) {
  at.margins.resize(static_cast<std::size_t>(problem.n()));
  const std::vector<Index> support = support_of(at.coef);
  refresh_margins(problem, support, at);
  const double primal = primal_value(problem, support, at);
  if (std::isnan(primal)) {  // infinite margins of both signs
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {infinity, -infinity};
  }
  settle_intercept(problem, at);
  std::vector<Index> all(static_cast<std::size_t>(problem.p()));
  std::iota(all.begin(), all.end(), Index{0});
  std::vector<double> theta(at.margins.size()), curvature(at.margins.size()), z;
  return {primal, dual_bound(problem, at, all, poll, theta, curvature, z).dual};
}

}  // namespace sparsecross
