// The multinomial loss: Σ_i c_i [log Σ_k exp(m_ik) - m_i,y_i] over the margins of K classes.
//
// With probabilities p_ik = exp(m_ik) / Σ_l exp(m_il) the residual is θ_ik = c_i ([y_i = k] -
// p_ik). A dual point θ (n x K) is in the domain iff q_ik = [y_i = k] - θ_ik / c_i are
// probabilities too, and is worth Σ_i c_i Σ_k -q_ik log q_ik there. Vectors over classes and
// samples are kept class by class. Source: Böhning 1992, "Multinomial logistic regression
// algorithm".
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/parallel.hpp"

namespace sparsecross {

using ByClass = std::vector<std::vector<double>>;

// The classes one after the other, each value times `factor`.
inline std::vector<double> stacked(const ByClass& values, double factor = 1.0) {
  std::vector<double> all;
  all.reserve(values.size() * values.front().size());
  for (const auto& each : values)
    for (const double v : each) all.push_back(factor * v);
  return all;
}

class SoftmaxLoss {
 public:
  // `labels` (n) in 0 .. n_classes - 1; `weights` (n, summing to n) may be null. Seen, not owned.
  SoftmaxLoss(const std::int64_t* labels, const double* weights, Index n, Index n_classes)
      : labels_(labels),
        weights_(weights),
        n_(n),
        n_classes_(static_cast<std::size_t>(n_classes)),
        scale_(1.0 / static_cast<double>(n)) {}

  Index n_samples() const { return n_; }
  std::size_t n_classes() const { return n_classes_; }
  double c(Index i) const { return weights_ ? weights_[i] * scale_ : scale_; }
  bool is(Index i, std::size_t k) const { return labels_[i] == static_cast<std::int64_t>(k); }
  const double* weights() const { return weights_; }

  double value(const ByClass& margins) const {
    return ordered_sum(n_, [&](Index i) {
      const auto at = static_cast<std::size_t>(i);
      const double weight = c(i);
      return weight > 0.0 ? weight * (log_sum(margins, at, n_classes_) -
                                      margins[static_cast<std::size_t>(labels_[i])][at])
                          : 0.0;
    });
  }

  // log Σ exp of the margins of row i, over all classes but one (none where `but` is n_classes)
  double log_sum(const ByClass& margins, std::size_t i, std::size_t but) const {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0.0;
    for (std::size_t k = 0; k < n_classes_; ++k)
      if (k != but) largest = std::max(largest, margins[k][i]);
    for (std::size_t k = 0; k < n_classes_; ++k)
      if (k != but) sum += std::exp(margins[k][i] - largest);
    return largest + std::log(sum);
  }

  void log_probabilities(const ByClass& margins, ByClass& out) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_); ++i) {
      const double total = log_sum(margins, i, n_classes_);
      for (std::size_t k = 0; k < n_classes_; ++k) out[k][i] = margins[k][i] - total;
    }
  }
  void probabilities(const ByClass& margins, ByClass& out) const {
    log_probabilities(margins, out);
    for (auto& each : out)
      for (double& v : each) v = std::exp(v);
  }

  // Σ_i c_i p_ik of a class; its logarithm from log p_ik; and the same of the labels
  double mass(const std::vector<double>& p) const {
    return ordered_sum(n_, [&](Index i) { return c(i) * p[static_cast<std::size_t>(i)]; });
  }
  double log_mass(const std::vector<double>& log_p) const {
    double largest = -std::numeric_limits<double>::infinity();
    for (Index i = 0; i < n_; ++i)
      if (c(i) > 0.0) largest = std::max(largest, log_p[static_cast<std::size_t>(i)]);
    return largest + std::log(ordered_sum(n_, [&](Index i) {
             return c(i) > 0.0 ? c(i) * std::exp(log_p[static_cast<std::size_t>(i)] - largest)
                               : 0.0;
           }));
  }
  double frequency(std::size_t k) const {
    return ordered_sum(n_, [&](Index i) { return is(i, k) ? c(i) : 0.0; });
  }

  // θ from probabilities, in place
  void to_residual(ByClass& p) const {
    for (std::size_t k = 0; k < n_classes_; ++k)
      for (Index i = 0; i < n_; ++i) {
        double& v = p[k][static_cast<std::size_t>(i)];
        v = c(i) * ((is(i, k) ? 1.0 : 0.0) - v);
      }
  }

  // The loss's part of the dual at t θ; minus infinity outside the domain. With t in [0, 1] a point
  // of the domain stays in it: q moves towards the label.
  double dual(const ByClass& theta, double t) const {
    return ordered_sum(n_, [&](Index i) {
      const double weight = c(i);
      if (!(weight > 0.0)) return 0.0;
      double sum = 0.0;
      for (std::size_t k = 0; k < n_classes_; ++k) {
        const double q =
            (is(i, k) ? 1.0 : 0.0) - t * theta[k][static_cast<std::size_t>(i)] / weight;
        if (q < -1e-12) return -std::numeric_limits<double>::infinity();
        if (q > 0.0) sum -= q * std::log(q);
      }
      return weight * sum;
    });
  }

  // Intercepts of which the probabilities have the labels' frequencies: each round multiplies the
  // odds of a class by the ratio (iterative proportional fitting), which never raises the loss.
  // Logarithms are taken so that a class without hope, all of whose probabilities are beyond double
  // precision, comes back. `work` is K x n.
  void settle(const Poll& poll, std::vector<double>& intercept, ByClass& margins,
              ByClass& work) const {
    for (int round = 0; round < 20 && !(poll && poll()); ++round) {
      log_probabilities(margins, work);
      double off = 0.0;
      for (std::size_t k = 0; k < n_classes_; ++k) {
        const double want = frequency(k), have = log_mass(work[k]);
        if (!(want > 0.0 && std::isfinite(have))) continue;
        off = std::max(off, std::abs(std::exp(have) - want));
        const double shift = std::log(want) - have;
        intercept[k] += shift;
        for (double& m : margins[k]) m += shift;
      }
      if (off <= 1e-14) return;
    }
  }

  // Makes Σ_i c_i p_ik = Σ_i c_i [y_i = k] for every class, as the intercepts ask of a dual point:
  // classes with too much give the same share of each of their probabilities, and the others share
  // what a row has given in proportion to what they lack. Rows keep their sum of 1 and nothing
  // becomes negative, so the point stays in the domain.
  void balance(ByClass& p) const {
    std::vector<double> given(n_classes_, 0.0), taken(n_classes_, 0.0);
    double lacking = 0.0;
    for (std::size_t k = 0; k < n_classes_; ++k) {
      const double have = mass(p[k]), excess = have - frequency(k);
      if (excess > 0.0) {
        given[k] = excess / have;
      } else {
        taken[k] = -excess;
        lacking -= excess;
      }
    }
    if (!(lacking > 0.0)) return;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_); ++i) {
      double moved = 0.0;
      for (std::size_t k = 0; k < n_classes_; ++k) {
        const double part = given[k] * p[k][i];
        p[k][i] -= part;
        moved += part;
      }
      for (std::size_t k = 0; k < n_classes_; ++k) p[k][i] += moved * taken[k] / lacking;
    }
  }

 private:
  const std::int64_t* labels_;
  const double* weights_;
  Index n_;
  std::size_t n_classes_;
  double scale_;
};

}  // namespace sparsecross
