// The penalty Σ_j ω_j (l1 σ_j |w_j| + ½ l2 (σ_j w_j)²), with w_j >= 0 where `positive`.
//
// ω_j = 0 leaves a column unpenalised, ω_j = ∞ or σ_j = 0 excludes it (w_j = 0). σ is the scale of
// the columns where they are penalised as if standardised, else 1.
#pragma once

#include <cmath>
#include <limits>

#include "support/parallel.hpp"

namespace sparsecross {

// sign(z) max(|z| - t, 0): the proximal operator of t |.|; NaN where z is.
inline double soft_threshold(double z, double t) {
  return std::abs(z) <= t ? 0.0 : z - std::copysign(t, z);
}

class Penalty {
 public:
  // `factor` and `scale` (p) may be null: all 1. Seen, not owned.
  Penalty(double l1, double l2, const double* factor, bool positive, const double* scale = nullptr)
      : l1_(l1), l2_(l2), factor_(factor), scale_(scale), positive_(positive) {}

  // The same with an L1 part that is so many times as strong.
  Penalty times(double strength) const {
    return Penalty(strength * l1_, l2_, factor_, positive_, scale_);
  }

  double l1() const { return l1_; }
  double l2() const { return l2_; }
  double factor(Index j) const { return factor_ ? factor_[j] : 1.0; }
  double scale(Index j) const { return scale_ ? scale_[j] : 1.0; }
  bool excluded(Index j) const { return std::isinf(factor(j)) || scale(j) == 0.0; }
  // A column that nothing holds back: its dual constraint is x_jᵀθ = 0.
  bool unpenalised(Index j) const {
    return !excluded(j) && (factor(j) == 0.0 || (l1_ == 0.0 && l2_ == 0.0));
  }
  bool any_unpenalised() const { return factor_ != nullptr || (l1_ == 0.0 && l2_ == 0.0); }
  // Whether all columns have the same penalty.
  bool uniform() const { return !factor_ && !scale_; }
  bool positive() const { return positive_; }
  bool has_l2() const { return l2_ > 0.0; }
  double l1(Index j) const { return l1_ == 0.0 ? 0.0 : l1_ * factor(j) * scale(j); }
  double l2(Index j) const { return l2_ == 0.0 ? 0.0 : l2_ * factor(j) * (scale(j) * scale(j)); }

  double value(Index j, double w) const {
    return w == 0.0 ? 0.0 : l1(j) * std::abs(w) + 0.5 * l2(j) * w * w;
  }

  // argmin_w ½ q w² - u w + penalty_j(w)
  double minimise(Index j, double q, double u) const {
    double z = soft_threshold(u, l1(j));
    if (positive_ && z < 0.0) z = 0.0;
    return z == 0.0 ? 0.0 : z / (q + l2(j));
  }

  // The part of z = x_jᵀθ that counts against the penalty: all of it, or its positive side.
  double counted(double z) const { return positive_ ? std::max(z, 0.0) : std::abs(z); }

  // How far the gradient z = x_jᵀr is from balancing the penalty at w (the KKT residual).
  double violation(Index j, double w, double z) const {
    const double force = z - l2(j) * w;
    if (w == 0.0) return std::max(0.0, counted(force) - l1(j));
    return std::abs(force - std::copysign(l1(j), w));
  }

 private:
  double l1_, l2_;
  const double* factor_;
  const double* scale_;
  bool positive_;
};

}  // namespace sparsecross
