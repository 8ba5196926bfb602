// Losses of several margins a row: one for each output (task, class).
//
// Vectors over outputs and samples are kept output by output. All values and duals are in excess of
// that of perfect margins, as in losses.hpp.
#pragma once

#include "model/certificate.hpp"
#include "model/softmax.hpp"

namespace sparsecross {

class OutputLoss {
 public:
  virtual ~OutputLoss() = default;

  virtual std::size_t n_outputs() const = 0;
  virtual bool quadratic() const = 0;
  // Whether all outputs have the same curvatures.
  virtual bool shares_curvature() const = 0;
  // The curvature where it is the same for every sample, whatever the margins; else 0.
  virtual double uniform_curvature() const = 0;
  virtual double value(const ByClass& margins) const = 0;
  // The residual; and, where it is not uniform, the curvature of a quadratic model of each output
  // (of the first alone where they share it) whose sum is no less curved than the loss there.
  virtual void expansion(const ByClass& margins, ByClass& residual, ByClass& curvature) const = 0;
  // Whether a sample's outputs bend one another; then its curvature between two of them, negated
  // where they differ, of what `chances` tells.
  virtual bool couples() const { return false; }
  virtual void chances(const ByClass&, ByClass&) const {}
  virtual void curvature_between(const ByClass&, std::size_t, std::size_t,
                                 std::vector<double>&) const {}
  // The intercepts' best values for the present weights.
  virtual void settle(const Poll& poll, std::vector<double>& intercept, ByClass& margins,
                      ByClass& work) const = 0;
  // θ near the residual, in the domain of the dual; `balanced`: with Σ_i θ_ik = 0.
  virtual void dual_point(const ByClass& margins, bool balanced, ByClass& theta) const = 0;
  // How freely components of a dual point may move, for `project_out`.
  virtual void metric(const ByClass& margins, ByClass& out) const = 0;
  // Whether what one output's components of θ lose, the last one's gain.
  virtual bool sums_to_zero() const = 0;
  virtual double dual(const ByClass& theta, double scale) const = 0;
  // As Loss::best_dual.
  virtual ScaledDual best_dual(const ByClass& theta, double extra, double limit) const = 0;
};

// A loss of one margin for each output, added up.
class SeparateOutputs final : public OutputLoss {
 public:
  // Smooth losses of one kind; seen, not owned.
  explicit SeparateOutputs(std::vector<const Loss*> losses) : losses_(std::move(losses)) {}

  std::size_t n_outputs() const override { return losses_.size(); }
  bool quadratic() const override { return losses_[0]->quadratic(); }
  bool shares_curvature() const override { return quadratic() || losses_.size() == 1; }
  double uniform_curvature() const override { return losses_[0]->uniform_curvature(); }

  double value(const ByClass& margins) const override {
    double total = 0.0;
    for (std::size_t k = 0; k < losses_.size(); ++k) total += losses_[k]->value(margins[k].data());
    return total;
  }
  void expansion(const ByClass& margins, ByClass& residual, ByClass& curvature) const override {
    for (std::size_t k = 0; k < losses_.size(); ++k) {
      if (uniform_curvature() > 0.0 || (k > 0 && shares_curvature()))
        losses_[k]->residual(margins[k].data(), residual[k].data());
      else
        losses_[k]->expansion(margins[k].data(), residual[k].data(), curvature[k].data());
    }
  }
  void settle(const Poll&, std::vector<double>& intercept, ByClass& margins,
              ByClass&) const override {
    for (std::size_t k = 0; k < losses_.size(); ++k) {
      const double shift = losses_[k]->best_shift(margins[k].data());
      intercept[k] += shift;
      for (double& m : margins[k]) m += shift;
    }
  }
  void dual_point(const ByClass& margins, bool balanced, ByClass& theta) const override {
    for (std::size_t k = 0; k < losses_.size(); ++k) {
      losses_[k]->residual(margins[k].data(), theta[k].data());
      if (balanced) balance(theta[k]);
    }
  }
  void metric(const ByClass& margins, ByClass& out) const override {
    for (std::size_t k = 0; k < losses_.size(); ++k)
      losses_[k]->second_derivative(margins[k].data(), out[k].data());
  }
  bool sums_to_zero() const override { return false; }
  double dual(const ByClass& theta, double scale) const override {
    double total = 0.0;
    for (std::size_t k = 0; k < losses_.size(); ++k)
      total += losses_[k]->dual(theta[k].data(), scale);
    return total;
  }
  ScaledDual best_dual(const ByClass& theta, double extra, double limit) const override {
    if (losses_.size() == 1) return losses_[0]->best_dual(theta[0].data(), extra, limit);
    double scale = std::min(1.0, limit);
    if (quadratic()) {  // dual(t θ) - ½ t² extra = a t - ½ b t²
      const double one = dual(theta, 1.0), half = dual(theta, 0.5);
      const double a = 4.0 * half - one, b = 2.0 * (a - one) + extra;
      scale = b > 0.0 ? std::clamp(a / b, 0.0, limit) : scale;
    }
    return {scale, dual(theta, scale)};
  }

 private:
  std::vector<const Loss*> losses_;
};

// The multinomial loss. Source of the curvatures: a matrix diag(p) - p pᵀ is at most
// 2 diag(p (1 - p)), since its rows' absolute values sum to 2 p_k (1 - p_k).
class SoftmaxOutputs final : public OutputLoss {
 public:
  explicit SoftmaxOutputs(const SoftmaxLoss& loss) : loss_(loss) {}

  std::size_t n_outputs() const override { return loss_.n_classes(); }
  bool quadratic() const override { return false; }
  bool shares_curvature() const override { return false; }
  double uniform_curvature() const override { return 0.0; }

  double value(const ByClass& margins) const override { return loss_.value(margins); }
  void expansion(const ByClass& margins, ByClass& residual, ByClass& curvature) const override {
    loss_.probabilities(margins, residual);
    for (std::size_t k = 0; k < n_outputs(); ++k)
      for (std::size_t i = 0; i < residual[k].size(); ++i) {
        const double p = residual[k][i];
        curvature[k][i] = 2.0 * loss_.c(static_cast<Index>(i)) * p * (1.0 - p);
      }
    loss_.to_residual(residual);
  }
  bool couples() const override { return true; }
  void chances(const ByClass& margins, ByClass& p) const override {
    loss_.probabilities(margins, p);
  }
  void curvature_between(const ByClass& p, std::size_t k, std::size_t l,
                         std::vector<double>& out) const override {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = loss_.c(static_cast<Index>(i)) * p[k][i] * (k == l ? 1.0 - p[k][i] : p[l][i]);
  }
  void settle(const Poll& poll, std::vector<double>& intercept, ByClass& margins,
              ByClass& work) const override {
    loss_.settle(poll, intercept, margins, work);
  }
  void dual_point(const ByClass& margins, bool balanced, ByClass& theta) const override {
    loss_.probabilities(margins, theta);
    if (balanced) loss_.balance(theta);
    loss_.to_residual(theta);
  }
  void metric(const ByClass& margins, ByClass& out) const override {
    loss_.probabilities(margins, out);
    const std::vector<double>& last = out.back();
    for (std::size_t k = 0; k + 1 < n_outputs(); ++k)
      for (std::size_t i = 0; i < last.size(); ++i)
        out[k][i] *= loss_.c(static_cast<Index>(i)) * last[i];
  }
  bool sums_to_zero() const override { return true; }
  double dual(const ByClass& theta, double scale) const override {
    return loss_.dual(theta, scale);
  }
  ScaledDual best_dual(const ByClass& theta, double, double limit) const override {
    const double scale = std::min(1.0, limit);
    return {scale, loss_.dual(theta, scale)};
  }

 private:
  const SoftmaxLoss& loss_;
};

}  // namespace sparsecross
