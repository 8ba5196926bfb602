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

#include "model/problem.hpp"

namespace sparsecross {

// Makes Σ θ = 0 by shrinking the heavier of its positive and negative parts. The factor lies in
// [0, 1], and for every loss the domain of each component is an interval that holds 0 (squared:
// all; logistic: between 0 and c y; Huber and absolute: |θ| <= c delta, c; Poisson: θ <= c y with
// y >= 0), so a point of the domain stays in it.
void balance(std::vector<double>& theta);

// Σ θ = 0 where the loss may have kinks: first the components of samples on a kink, which are free
// within their domain, move together towards it.
void balance_with_kinks(const Problem& problem, const Point& at, std::vector<double>& theta);

// Problem: min over v of ½ (θ - D A v)ᵀ D⁻¹ (θ - D A v), D = diag(curvature): the nearest θ, in the
//          metric of the loss, with Aᵀθ = 0, for the unpenalised columns A (1 with an intercept).
// Given:   θ (n), D (n, >= 0), the columns' numbers.
// Result:  θ replaced; its components move in proportion to the curvature, which vanishes at the
//          border of a loss's domain. True where what is left of Aᵀθ is of rounding size, false
//          where it is not: columns that are nearly collinear, labels that they separate, or an
//          interrupt.
// Cost:    at most min(2 |A| + 20, 500) rounds of conjugate gradients, each two passes over A.
// Source:  Hestenes & Stiefel 1952, with Jacobi preconditioning.
bool project_out(const Problem& problem, const std::vector<Index>& unpenalised,
                 const std::vector<double>& curvature, const Poll& poll,
                 std::vector<double>& theta);

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
DualPoint dual_point(const Problem& problem, const Point& at, const std::vector<Index>& unpenalised,
                     const Poll& poll, std::vector<double>& theta, std::vector<double>& curvature);

// z_k = x_jᵀθ for j = columns[k].
void correlate(const Problem& problem, const std::vector<Index>& columns,
               const std::vector<double>& theta, std::vector<double>& z);

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
DualBound bound_within(const Problem& problem, DualPoint point, DualRoom room,
                       const std::vector<double>& theta);

// Problem: the best bound by a multiple of θ.
// Given:   the room that columns left out leave; z_k = x_jᵀθ for j = columns[k], among which are
//          all that carry a weight.
// Result:  the bound, and the multiple.
// Cost:    a pass over the columns' numbers, a few over n.
DualBound bound_along(const Problem& problem, const Point& at, DualPoint point, DualRoom room,
                      const std::vector<Index>& columns, const std::vector<double>& theta,
                      const std::vector<double>& z);

// Those of the columns that are unpenalised.
std::vector<Index> unpenalised_of(const Penalty& penalty, const std::vector<Index>& columns);

// Problem: a lower bound of the optimum of the problem restricted to `columns`.
// Given:   as for dual_point; `columns`, increasing, holding the support and every unpenalised
//          column.
// Result:  the bound; θ (n) before scaling; z_k = x_jᵀθ for j = columns[k].
// Cost:    one pass over the columns, shared among the threads, and a few over n.
DualBound dual_bound(const Problem& problem, const Point& at, const std::vector<Index>& columns,
                     const Poll& poll, std::vector<double>& theta, std::vector<double>& curvature,
                     std::vector<double>& z);

struct Certificate {
  double primal, dual;
};

// The primal value at (coef, intercept) as they are, and the best bound that follows from them: an
// intercept is settled before the residual is taken, which moves the bound and not the value.
Certificate certify_smooth(const Problem& problem, Point at, const Poll& poll);

}  // namespace sparsecross
