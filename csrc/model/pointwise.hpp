// Losses ℓ(y, m) of one sample at margin m, with all that solvers and certificates ask of them.
//
//   value             ℓ(y, m) less its least value over m, so that sums keep their digits
//   saturated         that least value
//   negative_gradient -ℓ'
//   largest_curvature the supremum of ℓ'', second_derivative ℓ''
//   curvature         ℓ'', or more where a quadratic model of ℓ needs more to be of use
//   dual              -ℓ*(-u) - saturated: the loss's part of the dual at u; -∞ off its domain
//   furthest          the largest t >= 0 with t u in that domain (where it is bounded), for u on
//   its
//                     boundary or inside
//
// Every domain is an interval around (or ending at) 0: a component of a dual point may always be
// moved towards 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/exponential.hpp"

namespace sparsecross {

namespace detail {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kDomainRounding = 1e-12;  // relative, at the border of a domain
}  // namespace detail

// How the best common shift of all margins is found.
enum class ShiftRule { mean, newton, log_ratio, median };

// ℓ = ½ (y - m)²
struct SquaredLoss {
  static constexpr bool quadratic = true, quadratic_dual = true, smooth = true;
  static constexpr bool bounded_dual = false, transcendental = false;
  static constexpr ShiftRule shift_rule = ShiftRule::mean;
  double saturated(double) const { return 0.0; }
  double value(double y, double m) const { return 0.5 * (y - m) * (y - m); }
  double negative_gradient(double y, double m) const { return y - m; }
  double largest_curvature() const { return 1.0; }
  double second_derivative(double, double) const { return 1.0; }
  double curvature(double, double) const { return 1.0; }
  double dual_curvature() const { return 1.0; }
  double dual(double y, double u) const { return u * y - 0.5 * u * u; }
};

// ℓ = log(1 + exp(-y m)), y in {-1, +1}
struct LogisticLoss {
  static constexpr bool quadratic = false, quadratic_dual = false, smooth = true;
  static constexpr bool bounded_dual = true, transcendental = true;
  static constexpr ShiftRule shift_rule = ShiftRule::newton;
  double unit() const { return 1.0; }
  double saturated(double) const { return 0.0; }
  double value(double y, double m) const {
    return log1p_of_part(exp_of_negative(-std::abs(m))) + std::max(0.0, -y * m);
  }
  double negative_gradient(double y, double m) const {
    const double e = exp_of_negative(-std::abs(m));
    return y * (y * m > 0.0 ? e : 1.0) / (1.0 + e);
  }
  double largest_curvature() const { return 0.25; }
  double second_derivative(double, double m) const {
    const double e = exp_of_negative(-std::abs(m));
    return e / ((1.0 + e) * (1.0 + e));
  }
  // Far on the wrong side ℓ'' vanishes while ℓ' does not: a step by their ratio would leap. The
  // floor is below ℓ'' until m is about 6 off.
  double curvature(double y, double m) const {
    const double bend = second_derivative(y, m);
    return y * m < 0.0 ? std::max(bend, 0.025 / (1.0 + std::abs(m))) : bend;
  }
  // The binary entropy of u y, which must lie in [0, 1]: by the part that is at most ½, which is
  // exact where the other is not.
  double dual(double y, double u) const {
    const double q = u * y, part = std::min(q, 1.0 - q);
    const double entropy =
        -part * log_of_part(part) - (1.0 - part) * log1p_of_part(-std::max(part, 0.0));
    const double outside = part < -detail::kDomainRounding ? -detail::kInfinity : 0.0;
    return part > 1e-300 ? entropy : outside;
  }
  double furthest(double y, double u) const {
    return u * y > 0.0 ? 1.0 / (u * y) : detail::kInfinity;
  }
};

// ℓ = height ½ r² if |r| <= delta, else height (delta |r| - ½ delta²), r = y - m
//
// height = 1 is Huber's loss. height = 1 / delta is |r| smoothed within delta: at most |r|, and
// less by at most ½ delta.
class HuberLoss {
 public:
  static constexpr bool quadratic = false, quadratic_dual = true, smooth = true;
  static constexpr bool bounded_dual = true, transcendental = false;
  static constexpr ShiftRule shift_rule = ShiftRule::newton;
  explicit HuberLoss(double delta, double height = 1.0) : delta_(delta), height_(height) {}

  double unit() const { return delta_; }
  double saturated(double) const { return 0.0; }
  double value(double y, double m) const {
    const double r = std::abs(y - m);
    return height_ * (r <= delta_ ? 0.5 * r * r : delta_ * (r - 0.5 * delta_));
  }
  double negative_gradient(double y, double m) const {
    return height_ * std::clamp(y - m, -delta_, delta_);
  }
  double largest_curvature() const { return height_; }
  double second_derivative(double y, double m) const {
    return std::abs(y - m) <= delta_ ? height_ : 0.0;
  }
  // In the tails a tenth of the parabola's that touches there and lies above the loss (weights
  // delta / |r| of iterated least squares): a step is never endless, and near the optimum, where
  // the tails are straight, what is left of them slows Newton's steps by little.
  double curvature(double y, double m) const {
    const double r = std::abs(y - m);
    return height_ * (r <= delta_ ? 1.0 : 0.1 * delta_ / r);
  }
  double dual_curvature() const { return 1.0 / height_; }
  // |u| <= height delta
  double dual(double y, double u) const {
    const double most = height_ * delta_;
    if (std::abs(u) > most * (1.0 + detail::kDomainRounding)) return -detail::kInfinity;
    u = std::clamp(u, -most, most);
    return u * y - 0.5 * u * u / height_;
  }
  double furthest(double, double u) const {
    return u != 0.0 ? height_ * delta_ / std::abs(u) : detail::kInfinity;
  }

 private:
  double delta_, height_;
};

// ℓ = |y - m|. Where y = m the gradient is taken as 0 and the second derivative, which says how
// freely a component of the dual point may move there, as 1.
struct AbsoluteLoss {
  static constexpr bool quadratic = false, quadratic_dual = true, smooth = false;
  static constexpr bool bounded_dual = true, transcendental = false;
  static constexpr ShiftRule shift_rule = ShiftRule::median;
  double saturated(double) const { return 0.0; }
  double value(double y, double m) const { return std::abs(y - m); }
  double negative_gradient(double y, double m) const {
    return static_cast<double>((y > m) - (y < m));
  }
  double largest_curvature() const { return detail::kInfinity; }
  double second_derivative(double y, double m) const { return y == m ? 1.0 : 0.0; }
  double curvature(double y, double m) const { return second_derivative(y, m); }
  double dual_curvature() const { return 0.0; }
  // |u| <= 1
  double dual(double y, double u) const {
    if (std::abs(u) > 1.0 + detail::kDomainRounding) return -detail::kInfinity;
    return std::clamp(u, -1.0, 1.0) * y;
  }
  double furthest(double, double u) const {
    return u != 0.0 ? 1.0 / std::abs(u) : detail::kInfinity;
  }
};

// ℓ = exp(m) - y m, y >= 0; least, y - y log y, at m = log y
struct PoissonLoss {
  static constexpr bool quadratic = false, quadratic_dual = false, smooth = true;
  static constexpr bool bounded_dual = true, transcendental = true;
  static constexpr ShiftRule shift_rule = ShiftRule::log_ratio;
  double saturated(double y) const { return y > 0.0 ? y - y * std::log(y) : 0.0; }
  // Half the deviance, y (exp(z) - 1 - z) for z = m - log y.
  double value(double y, double m) const {
    if (!(y > 0.0)) return std::exp(m);
    const double z = m - std::log(y);
    return z < 1.0 ? y * (std::expm1(z) - z) : std::exp(m) - y * (1.0 + z);
  }
  double negative_gradient(double y, double m) const { return y - std::exp(m); }
  double largest_curvature() const { return detail::kInfinity; }
  double second_derivative(double, double m) const { return std::exp(m); }
  // Far below log y the slope is y and exp(m) vanishes: Newton's step would have no limit.
  double curvature(double y, double m) const { return std::max(std::exp(m), 0.01 * y); }
  // v (1 - log v) less its value at v = y, for v = y - u >= 0
  double dual(double y, double u) const {
    double v = y - u;
    if (v < 0.0) {
      if (v < -detail::kDomainRounding * y) return -detail::kInfinity;
      v = 0.0;
    }
    if (!(y > 0.0)) return v > 0.0 ? v - v * std::log(v) : 0.0;
    const double log_y = std::log(y);
    return v > 0.0 ? -u - v * std::log1p(-u / y) + u * log_y : y * log_y - y;
  }
  double furthest(double y, double u) const {
    return u > 0.0 && y > 0.0 ? y / u : detail::kInfinity;
  }
};

}  // namespace sparsecross
