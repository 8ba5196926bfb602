// The penalty Σ_g ω_g (l1 ‖W_g‖₁ + norm ‖W_g‖₂ + ½ l2 ‖W_g‖₂²) over blocks of weights.
//
// A group g is some columns of X; its block W_g has their weights in every output (classes, tasks),
// and ‖.‖₂ is the root of the sum of all its squares. ω_g = 0 leaves a group unpenalised, ω_g = ∞
// excludes it. Sources: Yuan & Lin 2006 (groups); Simon, Friedman, Hastie & Tibshirani 2013, "A
// sparse-group lasso"; Obozinski, Taskar & Jordan 2010 (rows of several outputs).
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/group_shrinkage.hpp"

namespace sparsecross {

// The columns of each group: those of g are columns[begin[g]], ..., increasing, up to begin[g + 1].
// Every column is in one group. Seen, not owned.
class Groups {
 public:
  Groups(const Index* begin, const Index* columns, Index count)
      : begin_(begin), columns_(columns), count_(count) {}

  Index count() const { return count_; }
  Index size(Index g) const { return begin_[g + 1] - begin_[g]; }
  const Index* columns(Index g) const { return columns_ + begin_[g]; }

 private:
  const Index* begin_;
  const Index* columns_;
  Index count_;
};

class GroupPenalty {
 public:
  // `factor` (number of groups) may be null: all 1. Seen, not owned.
  GroupPenalty(double l1, double norm, double l2, const double* factor)
      : l1_(l1), norm_(norm), l2_(l2), factor_(factor) {}

  // The same with an L1 part and a norm that are so many times as strong.
  GroupPenalty times(double strength) const {
    return GroupPenalty(strength * l1_, strength * norm_, l2_, factor_);
  }

  double factor(Index g) const { return factor_ ? factor_[g] : 1.0; }
  bool excluded(Index g) const { return std::isinf(factor(g)); }
  bool unpenalised(Index g) const {
    return factor(g) == 0.0 || (l1_ == 0.0 && norm_ == 0.0 && l2_ == 0.0);
  }
  bool any_unpenalised() const { return factor_ || (l1_ == 0.0 && norm_ == 0.0 && l2_ == 0.0); }
  bool has_l2() const { return l2_ > 0.0; }
  // Of a group that is not excluded.
  double l1(Index g) const { return l1_ * factor(g); }
  double norm(Index g) const { return norm_ * factor(g); }
  double l2(Index g) const { return l2_ * factor(g); }

  // Of the block w (n).
  double value(Index g, const double* w, Index n) const {
    double sum = 0.0, square = 0.0;
    for (Index k = 0; k < n; ++k) {
      sum += std::abs(w[k]);
      square += w[k] * w[k];
    }
    return square == 0.0 ? 0.0 : l1(g) * sum + norm(g) * std::sqrt(square) + 0.5 * l2(g) * square;
  }

  // ‖S(z, part l1)‖₂ of a block of correlations, S being the soft threshold.
  double size(Index g, const double* z, Index n, double part = 1.0) const {
    const double t = part * l1(g);
    double square = 0.0;
    for (Index k = 0; k < n; ++k) {
      const double beyond = std::abs(z[k]) - t;
      if (!(beyond <= 0.0)) square += beyond * beyond;
    }
    return std::sqrt(square);
  }

  // How far a block of correlations is beyond what the penalty holds at 0: not positive where it
  // is not (Simon et al. 2013, section 2).
  double excess(Index g, const double* z, Index n) const { return size(g, z, n) - norm(g); }

  // The largest t with excess(t z) <= 0: the dual norm's inverse (Ndiaye et al. 2016, "Gap safe
  // screening rules for sparse-group lasso": the ε-norm). Σ (t |z_k| - l1)₊² is convex in t, so
  // that Newton's steps from the right come down to norm².
  double limit(Index g, const double* z, Index n) const {
    const double l1_part = l1(g), norm_part = norm(g);
    double largest = 0.0;
    for (Index k = 0; k < n; ++k) largest = std::max(largest, std::abs(z[k]));
    if (largest == 0.0) return std::numeric_limits<double>::infinity();
    if (norm_part == 0.0) return l1_part / largest;
    double t = (l1_part + norm_part) / largest;
    for (int step = 0; step < 100; ++step) {
      double square = 0.0, slope = 0.0;
      for (Index k = 0; k < n; ++k) {
        const double size_k = std::abs(z[k]), beyond = t * size_k - l1_part;
        if (beyond <= 0.0) continue;
        square += beyond * beyond;
        slope += 2.0 * beyond * size_k;
      }
      if (!(square > norm_part * norm_part)) break;
      const double next = t - (square - norm_part * norm_part) / slope;
      if (!(next < t * (1.0 - 1e-15))) break;
      t = next;
    }
    return t * (1.0 - 4.0 * std::numeric_limits<double>::epsilon());
  }

 private:
  double l1_, norm_, l2_;
  const double* factor_;
};

}  // namespace sparsecross
