// Losses of a linear model: Σ_i c_i ℓ(y_i, m_i) over margins m = Xw + b, with c_i = s_i / n.
//
// A pointwise loss states ℓ and its conjugate; SampleLoss makes the sums. Notation:
// docs/notation.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "support/parallel.hpp"

namespace sparsecross {

// ℓ = ½ (y - m)²
struct SquaredLoss {
  static constexpr bool quadratic = true;
  static double value(double y, double m) { return 0.5 * (y - m) * (y - m); }
  static double negative_gradient(double y, double m) { return y - m; }
  static double curvature(double, double) { return 1.0; }
  static constexpr double largest_curvature = 1.0;
  // -ℓ*(-u): the loss's part of the dual at u, finite everywhere.
  static double dual(double y, double u) { return u * y - 0.5 * u * u; }
};

// ℓ = log(1 + exp(-y m)), y in {-1, +1}
struct LogisticLoss {
  static constexpr bool quadratic = false;
  static double value(double y, double m) {
    const double v = y * m;
    return v > 0.0 ? std::log1p(std::exp(-v)) : std::log1p(std::exp(v)) - v;
  }
  static double negative_gradient(double y, double m) {
    const double v = y * m, e = std::exp(-std::abs(v));
    return y * (v > 0.0 ? e : 1.0) / (1.0 + e);
  }
  static double curvature(double, double m) {
    const double e = std::exp(-std::abs(m));
    return e / ((1.0 + e) * (1.0 + e));
  }
  static constexpr double largest_curvature = 0.25;
  // The binary entropy of u y, which must lie in [0, 1] (up to rounding).
  static double dual(double y, double u) {
    const double q = u * y, rounding = 1e-12;
    if (q < -rounding || q > 1.0 + rounding) return -std::numeric_limits<double>::infinity();
    if (q <= 0.0 || q >= 1.0) return 0.0;
    return -q * std::log(q) - (1.0 - q) * std::log1p(-q);
  }
};

// The samples' side of the objective. Vectors have length n.
class Loss {
 public:
  virtual ~Loss() = default;

  virtual bool quadratic() const = 0;
  // The curvature c ℓ'' where it is the same for every sample, whatever the margins; else 0.
  virtual double uniform_curvature() const = 0;
  // Σ c_i ℓ(y_i, m_i + shift)
  virtual double value(const double* margins, double shift = 0.0) const = 0;
  // out_i = -c_i ℓ'(y_i, m_i)
  virtual void residual(const double* margins, double* out) const = 0;
  // out_i = c_i ℓ''(y_i, m_i)
  virtual void curvature(const double* margins, double* out) const = 0;
  // out_i = c_i sup_m ℓ''(y_i, m), infinite where there is no bound.
  virtual void largest_curvature(double* out) const = 0;
  // Σ -f_i*(-scale θ_i) for f_i(m) = c_i ℓ(y_i, m); minus infinity outside the domain.
  virtual double dual(const double* theta, double scale) const = 0;
  // The scale t in [0, limit] that maximises dual(t θ) - ½ t² extra where it has a closed form
  // (quadratic losses), else min(1, limit), which stays in the domain.
  virtual double best_scale(const double* theta, double extra, double limit) const = 0;
  // The shift of all margins that minimises the value, for an unpenalised intercept.
  virtual double best_shift(const double* margins) const = 0;

  virtual Index n_samples() const = 0;
};

template <class Pointwise>
class SampleLoss final : public Loss {
 public:
  // `weights` (n, summing to n) may be null: all 1. y and weights are seen, not owned.
  SampleLoss(const double* y, const double* weights, Index n)
      : y_(y), weights_(weights), n_(n), scale_(1.0 / static_cast<double>(n)) {}

  Index n_samples() const override { return n_; }
  bool quadratic() const override { return Pointwise::quadratic; }
  double uniform_curvature() const override {
    return Pointwise::quadratic && !weights_ ? scale_ : 0.0;
  }

  double value(const double* margins, double shift) const override {
    return ordered_sum(n_,
                       [&](Index i) { return c(i) * Pointwise::value(y_[i], margins[i] + shift); });
  }
  void residual(const double* margins, double* out) const override {
    for (Index i = 0; i < n_; ++i) out[i] = c(i) * Pointwise::negative_gradient(y_[i], margins[i]);
  }
  void curvature(const double* margins, double* out) const override {
    for (Index i = 0; i < n_; ++i) out[i] = c(i) * Pointwise::curvature(y_[i], margins[i]);
  }
  void largest_curvature(double* out) const override {
    for (Index i = 0; i < n_; ++i) out[i] = c(i) > 0.0 ? c(i) * Pointwise::largest_curvature : 0.0;
  }
  double dual(const double* theta, double scale) const override {
    return ordered_sum(n_, [&](Index i) {
      const double weight = c(i);
      return weight > 0.0 ? weight * Pointwise::dual(y_[i], scale * theta[i] / weight) : 0.0;
    });
  }
  double best_scale(const double* theta, double extra, double limit) const override {
    if constexpr (!Pointwise::quadratic) return std::min(1.0, limit);
    const double linear = ordered_sum(n_, [&](Index i) { return theta[i] * y_[i]; });
    const double square = ordered_sum(n_, [&](Index i) {
      const double weight = c(i);
      return weight > 0.0 ? theta[i] * theta[i] / weight : 0.0;
    });
    const double curvature = square + extra;
    return curvature > 0.0 ? std::clamp(linear / curvature, 0.0, limit) : 0.0;
  }

  // Newton on the scalar equation Σ c ℓ'(m + shift) = 0, whose left side is monotone: a step that
  // leaves the bracket found so far is replaced by its middle, and one that trusts a vanishing
  // curvature by a reach that grows.
  double best_shift(const double* margins) const override {
    const auto slope = [&](double shift) {
      return ordered_sum(n_, [&](Index i) {
        return c(i) * Pointwise::negative_gradient(y_[i], margins[i] + shift);
      });
    };
    constexpr double infinity = std::numeric_limits<double>::infinity();
    double low = -infinity, high = infinity, reach = Pointwise::quadratic ? infinity : 1.0;
    double shift = 0.0, at = slope(shift), best = shift, least = std::abs(at);
    for (int k = 0; k < 100 && at != 0.0; ++k) {
      (at > 0.0 ? low : high) = shift;
      const double bend = ordered_sum(
          n_, [&](Index i) { return c(i) * Pointwise::curvature(y_[i], margins[i] + shift); });
      double step = bend > 0.0 ? at / bend : std::copysign(infinity, at);
      if (std::abs(step) > reach) {
        step = std::copysign(reach, at);
        reach *= 4.0;
      }
      double next = shift + step;
      const bool inside = low < next && next < high;
      if (!inside) next = 0.5 * (low + high);
      const double moved = std::abs(next - shift);
      if (!std::isfinite(next) || moved == 0.0) break;
      shift = next;
      at = slope(shift);
      if (std::abs(at) < least) {
        best = shift;
        least = std::abs(at);
      } else if (inside && moved <= 1e-8 * (1.0 + std::abs(shift))) {
        break;  // a small Newton step that gains nothing: rounding is all that is left
      }
      if (moved <= 1e-15 * (1.0 + std::abs(shift))) break;
    }
    return best;
  }

 private:
  double c(Index i) const { return weights_ ? weights_[i] * scale_ : scale_; }

  const double* y_;
  const double* weights_;
  Index n_;
  double scale_;
};

}  // namespace sparsecross
