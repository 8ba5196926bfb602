// The equations of a Newton step (newton.hpp) by the columns of X themselves: for sets whose
// products are too many to be kept.
//
// Cost: a product with A is two passes over X_S; A itself, the cost of gram.hpp.
#pragma once

#include "solve/blocked_product.hpp"
#include "solve/gram.hpp"
#include "solve/newton.hpp"

namespace sparsecross {

class ColumnSystem final : public NewtonSystem {
 public:
  // Of the working set's columns at these weights; both and the model must live as long.
  ColumnSystem(const Problem& problem, const std::vector<Index>& working_set, QuadraticModel& model,
               std::vector<double>& coef)
      : problem_(problem), model_(model), coef_(coef) {
    const bool centre = problem.fit_intercept && model.total > 0.0;
    for (std::size_t k = 0; k < working_set.size(); ++k) {
      const Index j = working_set[k];
      if (!(model.column_curvature[k] > 0.0)) continue;
      if (coef[static_cast<std::size_t>(j)] == 0.0 && !free_at_zero(problem.penalty, j)) continue;
      support_.push_back(j, centre ? model.weighted_sum[k] / model.total : 0.0,
                         std::sqrt(model.column_curvature[k]));
    }
    problem.X.visit([&](const auto& slices) {
      for (const Index j : support_.columns) entries_ += static_cast<double>(slices.size(j));
      dense_ = is_dense<std::decay_t<decltype(slices)>>;
    });
  }

  // Whether a column of weight 0 may move without entering: it was never held there.
  static bool free_at_zero(const Penalty& penalty, Index j) {
    return penalty.unpenalised(j) && !penalty.positive();
  }

  Index size() const override { return support_.size(); }
  Index column(Index k) const override { return support_[k]; }
  double norm(Index k) const override { return support_.norm[static_cast<std::size_t>(k)]; }
  double weight(Index k) const override {
    return coef_[static_cast<std::size_t>(support_[k])] * norm(k);
  }
  bool may_cross_zero(Index k) const override {
    return free_at_zero(problem_.penalty, support_[k]);
  }
  double l2(Index k) const override {
    return problem_.penalty.l2(support_[k]) / (norm(k) * norm(k));
  }

  void gradient(std::vector<double>& b) const override {
    const double* r = model_.residual.data();
    transposed_product(b, [r](Index i, double x) { return x * r[i]; }, model_.shift * model_.total);
    for (Index k = 0; k < size(); ++k) {
      const double w = coef_[static_cast<std::size_t>(support_[k])];
      const double l1 = w == 0.0 ? 0.0 : std::copysign(problem_.penalty.l1(support_[k]), w);
      b[static_cast<std::size_t>(k)] -= l1 / norm(k) + l2(k) * weight(k);
    }
  }

  void apply(const std::vector<double>& v, std::vector<double>& image) override {
    const double mean = margins_of(v);
    visit_curvature(model_, [&](auto h) {
      transposed_product(
          image, [h, u = margins_.data()](Index i, double x) { return h(i) * x * u[i]; },
          mean * model_.total);
    });
    for (Index k = 0; k < size(); ++k)
      image[static_cast<std::size_t>(k)] += l2(k) * v[static_cast<std::size_t>(k)];
  }

  CholeskyFactor matrix(const std::vector<Index>& positions, std::size_t& scratch) const override {
    ScaledColumns list;
    for (const Index k : positions)
      list.push_back(support_[k], support_.mean[static_cast<std::size_t>(k)], norm(k));
    CholeskyFactor factor(list.size());
    scratch = products(problem_, model_, list, 0, FactorSink(factor)) + list.bytes() +
              support_.bytes() + product_.bytes() + bytes_of(margins_);
    return factor;
  }

  void move(const std::vector<double>& d, double t, const std::vector<char>& stopped) override {
    const double mean = margins_of(d);
    for (Index k = 0; k < size(); ++k) {
      const auto at = static_cast<std::size_t>(k);
      double& w = coef_[static_cast<std::size_t>(support_[k])];
      w = stopped[at] ? 0.0 : w + t * d[at] / norm(k);
    }
    visit_curvature(model_, [&](auto h) {
      for (std::size_t i = 0; i < margins_.size(); ++i)
        model_.residual[i] -= h(static_cast<Index>(i)) * t * margins_[i];
    });
    model_.shift -= t * mean;
  }

  double cost_of_product() const override {
    return 2.0 * (dense_ ? cost::kStream : cost::gather(problem_.n())) * entries_;
  }
  double cost_of_matrix() const override {
    const double m = static_cast<double>(size());
    return dense_ ? 0.5 * static_cast<double>(problem_.n()) * m * m
                  : 20.0 * cost::gather(problem_.n()) * entries_;
  }
  int n_threads() const override { return problem_.dense_threads; }

 private:
  // margins_ = X_S (v / s); their mean of weights h is returned.
  double margins_of(const std::vector<double>& v) {
    std::vector<double> weights(v);
    double mean = 0.0;
    for (Index k = 0; k < size(); ++k) {
      const auto at = static_cast<std::size_t>(k);
      weights[at] /= norm(k);
      mean += weights[at] * support_.mean[at];
    }
    if (margins_.empty()) {
      margins_.resize(static_cast<std::size_t>(problem_.n()));
      product_.prepare(problem_, support_.columns);
    }
    product_(problem_, support_.columns, weights.data(), margins_.data());
    return mean;
  }

  // out_k = (Σ_i term(i, x_ik) - weight μ_k) / s_k
  template <class Term>
  void transposed_product(std::vector<double>& out, const Term& term, double weight) const {
    out.resize(static_cast<std::size_t>(size()));
    problem_.X.visit([&](const auto& columns) {
      parallel_chunks(size(), 64, problem_.n_threads, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
          const auto at = static_cast<std::size_t>(k);
          out[at] = (columns.sum(support_[k], term) - weight * support_.mean[at]) / norm(k);
        }
      });
    });
  }

  const Problem& problem_;
  QuadraticModel& model_;
  std::vector<double>& coef_;
  ScaledColumns support_;
  double entries_ = 0.0;
  bool dense_ = false;
  BlockedProduct product_;
  std::vector<double> margins_;  // n
};

}  // namespace sparsecross
