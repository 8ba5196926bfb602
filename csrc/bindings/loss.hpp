// The arrays of a loss over samples, checked against a Design, and the loss that looks at them.
#pragma once

#include <memory>

#include "bindings/solve.hpp"

namespace sparsecross::bindings {

class BoundLoss {
 public:
  BoundLoss(const BoundDesign& X, const std::string& name, Array<double> y,
            OptionalArray sample_weight, OptionalArray offset, double delta, int n_threads,
            Axis sliced_by = Axis::columns)
      : y_(std::move(y)), sample_weight_(std::move(sample_weight)), offset_(std::move(offset)) {
    const std::string slice = sliced_by == Axis::columns ? "column" : "row";
    if (X.design.sliced_by() != sliced_by)
      throw std::invalid_argument("X must be sliced by " + slice + "s");
    if (!X.structure.canonical)
      throw std::invalid_argument("X must have sorted and distinct indices in each " + slice);
    if (X.structure.not_finite_slice >= 0) throw std::invalid_argument("X must be finite");
    const Index n = X.design.n_rows();
    if (n == 0) throw std::invalid_argument("X must have at least one row");
    check_length(y_, n, "y");
    if (sample_weight_) check_length(*sample_weight_, n, "sample_weight");
    if (offset_) check_length(*offset_, n, "offset");
    const LossKind kind = kind_of(name);
    if (kind == LossKind::huber && !(delta > 0.0))
      throw std::invalid_argument("delta must be positive, got " + std::to_string(delta));
    loss_ = make_loss(kind, {y_.data(), data_or_null(offset_), data_or_null(sample_weight_), n},
                      n_threads, delta);
  }
  BoundLoss(const BoundLoss&) = delete;

  const Loss& get() const { return *loss_; }

 private:
  static LossKind kind_of(const std::string& name) {
    if (name == "squared") return LossKind::squared;
    if (name == "logistic") return LossKind::logistic;
    if (name == "huber") return LossKind::huber;
    if (name == "absolute") return LossKind::absolute;
    if (name == "poisson") return LossKind::poisson;
    throw std::invalid_argument(
        "loss must be 'squared', 'logistic', 'huber', 'absolute' or 'poisson', got '" + name + "'");
  }

  Array<double> y_;
  OptionalArray sample_weight_, offset_;
  std::unique_ptr<const Loss> loss_;
};

}  // namespace sparsecross::bindings
