// Losses of a linear model: Σ_i c_i ℓ(y_i, m_i + o_i) over margins m = Xw + b, with c_i = s_i / n
// and offsets o.
//
// Their sums are compiled once, in losses.cpp. Notation: docs/notation.md.
#pragma once

#include <memory>

#include "support/parallel.hpp"

namespace sparsecross {

// The loss's part of the dual at a point `scale` times as long as a given one.
struct ScaledDual {
  double scale, dual;
};

// The samples' side of the objective, as f_i(m) = c_i (ℓ(y_i, m + o_i) - min ℓ(y_i, ·)): all values
// and duals here are in excess of `saturated`. Vectors have length n.
class Loss {
 public:
  virtual ~Loss() = default;

  virtual bool quadratic() const = 0;
  // Whether ℓ has a continuous gradient; if not, `smoothed` is what can be minimised.
  virtual bool smooth() const = 0;
  // Σ c_i min_m ℓ(y_i, m), the loss of perfect margins
  virtual double saturated() const = 0;
  // The curvature where it is the same for every sample, whatever the margins; else 0.
  virtual double uniform_curvature() const = 0;
  // Σ f_i(m_i + shift)
  virtual double value(const double* margins, double shift = 0.0) const = 0;
  // out_i = -f_i'(m_i)
  virtual void residual(const double* margins, double* out) const = 0;
  // The residual, and what a quadratic model takes for f_i''(m_i): no less than that, and positive
  // wherever the residual is not 0 (but for rounding).
  virtual void expansion(const double* margins, double* residual, double* curvature) const = 0;
  // out_i = f_i''(m_i): how freely component i of a dual point may move
  virtual void second_derivative(const double* margins, double* out) const = 0;
  // out_i = sup_m f_i''(m), infinite where there is no bound.
  virtual void largest_curvature(double* out) const = 0;
  // Σ -f_i*(-scale θ_i); minus infinity outside the domain.
  virtual double dual(const double* theta, double scale) const = 0;
  // dual(t θ) at a scale t in [0, limit] that keeps t θ in the domain: the one that maximises
  // dual(t θ) - ½ t² extra where that is a parabola, else the largest up to 1. (At a residual θ of
  // weights w the slope at t = 1 is θᵀXw - extra, the L1 penalty near the optimum: the bound only
  // grows up to there.)
  virtual ScaledDual best_dual(const double* theta, double extra, double limit) const = 0;
  // The shift of all margins that minimises the value, for an unpenalised intercept.
  virtual double best_shift(const double* margins) const = 0;
  // A smooth loss that is at most this one, and less by at most ½ delta; null where ℓ is smooth.
  virtual std::unique_ptr<Loss> smoothed(double delta) const = 0;

  virtual Index n_samples() const = 0;
};

enum class LossKind { squared, logistic, huber, absolute, poisson };

// The samples that a loss is taken over: seen, not owned.
struct Samples {
  const double* y;        // (n)
  const double* offset;   // (n), or null: all 0
  const double* weights;  // (n), summing to n, or null: all 1
  Index n;
};

// `delta`, of the Huber loss alone, is positive.
std::unique_ptr<Loss> make_loss(LossKind kind, const Samples& samples, int n_threads,
                                double delta = 1.0);

}  // namespace sparsecross
