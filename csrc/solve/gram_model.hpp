// The quadratic model of a working set in its own coordinates, for sets of up to some thousand
// columns: once their products are known, no sweep and no Newton step touches X.
//
// Problem: minimise over the weights w of the working set
//              -gᵀ(w̃ - w̃₀) + ½ (w̃ - w̃₀)ᵀ A (w̃ - w̃₀) + penalty(w),      w̃ = s ∘ w,
//          with A as in gram.hpp and g the model's negative gradient at w₀ in the same units.
// Given:   a quadratic model, and the weights it was expanded at. A is single precision, g is
//          double: what A lacks in digits is made up when the model is next expanded.
// Result:  the weights and the model's shift moved; the model's residual is not kept up.
// Cost:    A grows by the columns that are new to it: gram.hpp. A sweep is m multiply-adds for each
//          weight that changes; memory 4 m² bytes, m <= kLargestOrder (36 MB).
// Source:  Friedman, Hastie & Tibshirani 2010, section 2.2 (covariance updates).
#pragma once

#include "solve/column_products.hpp"
#include "solve/column_system.hpp"
#include "solve/extrapolation.hpp"

namespace sparsecross {

class GramModel {
 public:
  static constexpr Index kLargestOrder = ColumnProducts::kLargestOrder;

  void forget() { products_.forget(); }
  void release() { products_.release(); }

  // Bytes held, and those that products took while they were made.
  std::size_t bytes() const {
    return products_.bytes() + past_.bytes() + bytes_of(weight_, gradient_, point_, ahead_);
  }

  // Multiply-adds on tiles that `prepare` would take; infinite where the set is too large.
  double cost_to_prepare(const Problem& problem, const std::vector<Index>& working_set) const {
    return products_.cost_to_prepare(problem, working_set);
  }

  // Multiply-adds on tiles of a sweep in which every other weight changes.
  static double cost_of_sweep(std::size_t order) {
    return 0.5 * cost::kElement * static_cast<double>(order) * static_cast<double>(order);
  }

  // Makes the products that are missing among the columns of the set.
  void prepare(const Problem& problem, const QuadraticModel& model,
               const std::vector<Index>& working_set) {
    products_.prepare(problem, model, working_set);
  }

  // What a minimisation has to reach, in the units of `Sweep::worst`.
  struct Accuracy {
    double objective;        // the unit of moves that no penalty holds back
    double absolute = 0.0;   // enough,
    double reduction = 0.0;  // as is this part of what is found first
  };

  // Moves `coef` and the model's shift by sweeps and Newton steps. False where the user stopped it.
  bool minimise(const Problem& problem, const std::vector<Index>& working_set,
                const Accuracy& accuracy, Index max_iter, const Poll& poll, NewtonStep& newton,
                QuadraticModel& model, std::vector<double>& coef, Index& n_iter) {
    start(problem, model, coef);
    double first = 0.0, fell = std::numeric_limits<double>::infinity();
    bool stopped = false;
    past_.forget();
    remember();
    for (int cycle = 0; cycle < kCycles && n_iter < max_iter && !stopped; ++cycle) {
      const Sweep done = sweep(problem, accuracy.objective);
      ++n_iter;
      stopped = poll && poll();
      first = std::max(first, done.worst);
      if (done.worst <= std::max(accuracy.absolute, accuracy.reduction * first) ||
          done.decrease <= kRounding * accuracy.objective)
        break;
      if (remember()) {
        extrapolate(problem);
        past_.forget();
        remember();
        fell = std::numeric_limits<double>::infinity();
        continue;
      }
      const double rate = done.decrease / fell;
      fell = done.decrease;
      if (!(rate > 0.0)) continue;
      System system(*this, problem);
      if (!newton.pays(system, cost::kElement * static_cast<double>(done.n_moved * order()), rate))
        continue;
      newton(system, poll);
      ++n_iter;
      fell = std::numeric_limits<double>::infinity();
      past_.forget();
      remember();
    }
    for (const Index s : products_.members()) {
      const auto at = static_cast<std::size_t>(s);
      double& w = coef[static_cast<std::size_t>(list()[s])];
      model.shift -= (weight_[at] - w) * list().mean[at];
      w = weight_[at];
    }
    for (const Index k : products_.constant()) {  // what the intercept can do at no price
      double& w = coef[static_cast<std::size_t>(working_set[static_cast<std::size_t>(k)])];
      if (model.total > 0.0)
        model.shift += w * model.weighted_sum[static_cast<std::size_t>(k)] / model.total;
      w = 0.0;
    }
    return !stopped;
  }

 private:
  static constexpr int kCycles = 2000;
  static constexpr double kRounding = 1e-30;  // of the objective: moves that change nothing

  // What a sweep did: weights moved, the fall of the objective, and the largest move, as a force
  // relative to the L1 penalty (without one: as the root of an energy relative to the objective).
  struct Sweep {
    Index n_moved = 0;
    double decrease = 0.0, worst = 0.0;
  };

  // The equations of a Newton step by the products (newton.hpp).
  class System final : public NewtonSystem {
   public:
    System(GramModel& gram, const Problem& problem) : gram_(gram), problem_(problem) {
      for (const Index s : gram.products_.members())
        if (gram.weight_[static_cast<std::size_t>(s)] != 0.0 ||
            ColumnSystem::free_at_zero(problem.penalty, gram.list()[s]))
          slots_.push_back(s);
    }

    Index size() const override { return static_cast<Index>(slots_.size()); }
    Index column(Index k) const override { return gram_.list()[slot(k)]; }
    double norm(Index k) const override { return gram_.list().norm[at(k)]; }
    double weight(Index k) const override { return gram_.weight_[at(k)] * norm(k); }
    bool may_cross_zero(Index k) const override {
      return ColumnSystem::free_at_zero(problem_.penalty, column(k));
    }
    double l2(Index k) const override {
      return problem_.penalty.l2(column(k)) / (norm(k) * norm(k));
    }

    void gradient(std::vector<double>& b) const override {
      b.resize(slots_.size());
      for (Index k = 0; k < size(); ++k) {
        const double w = gram_.weight_[at(k)];
        const double l1 = w == 0.0 ? 0.0 : std::copysign(problem_.penalty.l1(column(k)), w);
        b[static_cast<std::size_t>(k)] = gram_.gradient_[at(k)] - l1 / norm(k) - l2(k) * weight(k);
      }
    }

    void apply(const std::vector<double>& v, std::vector<double>& image) override {
      spread(v, 1.0);
      parallel_chunks(size(), 64, threads_of_product(), [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k)
          image[static_cast<std::size_t>(k)] =
              rows::dot(gram_.row(slot(k)), spread_.data(), gram_.order()) +
              l2(k) * v[static_cast<std::size_t>(k)];
      });
    }

    CholeskyFactor matrix(const std::vector<Index>& positions, std::size_t&) const override {
      CholeskyFactor factor(static_cast<Index>(positions.size()));
      parallel_chunks(static_cast<Index>(positions.size()), 64, threads_of_product(),
                      [&](Index begin, Index end) {
                        for (Index f = begin; f < end; ++f) {
                          const float* row =
                              gram_.row(slot(positions[static_cast<std::size_t>(f)]));
                          for (Index q = 0; q <= f; ++q)
                            factor.at(f, q) = row[slot(positions[static_cast<std::size_t>(q)])];
                        }
                      });
      return factor;
    }

    void move(const std::vector<double>& d, double t, const std::vector<char>& stopped) override {
      for (Index k = 0; k < size(); ++k) {
        const auto k_ = static_cast<std::size_t>(k);
        double& w = gram_.weight_[at(k)];
        w = stopped[k_] ? 0.0 : w + t * d[k_] / norm(k);
      }
      spread(d, t);
      parallel_chunks(gram_.order(), 64, threads_of_product(), [&](Index begin, Index end) {
        for (Index s = begin; s < end; ++s)
          gram_.gradient_[static_cast<std::size_t>(s)] -=
              rows::dot(gram_.row(s), spread_.data(), gram_.order());
      });
    }

    double cost_of_product() const override {
      return cost::kElement * static_cast<double>(size() * gram_.order());
    }
    double cost_of_matrix() const override {
      return cost::kElement * static_cast<double>(size() * size());
    }
    int n_threads() const override { return problem_.dense_threads; }

   private:
    // A product of fewer elements takes less time than to wake a thread.
    int threads_of_product() const {
      return size() * gram_.order() < (Index{1} << 19) ? 1 : n_threads();
    }

    Index slot(Index k) const { return slots_[static_cast<std::size_t>(k)]; }
    std::size_t at(Index k) const { return static_cast<std::size_t>(slot(k)); }
    // spread_ = factor * v, by slot
    void spread(const std::vector<double>& v, double factor) {
      spread_.assign(static_cast<std::size_t>(gram_.order()), 0.0);
      for (std::size_t k = 0; k < v.size(); ++k)
        spread_[static_cast<std::size_t>(slots_[k])] = factor * v[k];
    }

    GramModel& gram_;
    const Problem& problem_;
    std::vector<Index> slots_;    // of the support
    std::vector<double> spread_;  // by slot
  };

  Index order() const { return products_.order(); }
  const float* row(Index k) const { return products_.row(k); }
  const ScaledColumns& list() const { return products_.list(); }

  // The weights, and the negative gradient there.
  void start(const Problem& problem, const QuadraticModel& model, const std::vector<double>& coef) {
    weight_.assign(static_cast<std::size_t>(order()), 0.0);
    gradient_.assign(static_cast<std::size_t>(order()), 0.0);
    const double sum = model.shift * model.total;
    problem.X.visit([&](const auto& columns) {
      const double* r = model.residual.data();
      parallel_chunks(static_cast<Index>(products_.members().size()), 64, problem.n_threads,
                      [&](Index begin, Index end) {
                        for (Index k = begin; k < end; ++k) {
                          const Index s = products_.members()[static_cast<std::size_t>(k)];
                          const auto at = static_cast<std::size_t>(s);
                          weight_[at] = coef[static_cast<std::size_t>(list()[s])];
                          gradient_[at] =
                              (columns.sum(list()[s], [r](Index i, double x) { return x * r[i]; }) -
                               sum * list().mean[at]) /
                              list().norm[at];
                        }
                      });
    });
  }

  Sweep sweep(const Problem& problem, double objective) {
    const Penalty& penalty = problem.penalty;
    Sweep result;
    for (const Index s : products_.members()) {
      const auto at = static_cast<std::size_t>(s);
      const Index j = list()[s];
      const double norm = list().norm[at], bend = norm * norm, w = weight_[at];
      const double next = penalty.minimise(j, bend, bend * w + norm * gradient_[at]);
      const double step = next - w;
      if (step == 0.0) continue;
      weight_[at] = next;
      rows::subtract(row(s), step * norm, order(), gradient_.data());
      const double force = std::abs(step) * (bend + penalty.l2(j)), energy = force * std::abs(step);
      const double l1 = penalty.l1(j);
      ++result.n_moved;
      result.decrease += 0.5 * energy;
      result.worst = std::max(result.worst, l1 > 0.0 ? force / l1 : std::sqrt(energy / objective));
    }
    return result;
  }

  // The weights in units of curvature 1, and the gradient, for `extrapolate`. Whether there are
  // enough of them.
  bool remember() {
    point_.resize(weight_.size());
    for (std::size_t s = 0; s < point_.size(); ++s) point_[s] = list().norm[s] * weight_[s];
    return past_.see(point_, gradient_);
  }

  // Moves to the point that past sweeps lead to, where the objective is lower there.
  void extrapolate(const Problem& problem) {
    if (!past_(point_, &ahead_)) return;
    double rise = 0.0, gain = 0.0;
    for (std::size_t s = 0; s < point_.size(); ++s) {
      const double norm = list().norm[s], w = weight_[s];
      const double next = within_orthant(point_[s] / norm, w);
      const double off = norm * next - point_[s];
      if (off != 0.0) rows::subtract(row(static_cast<Index>(s)), off, order(), ahead_.data());
      point_[s] = next;
      const Index j = list()[static_cast<Index>(s)];
      rise += problem.penalty.value(j, next) - problem.penalty.value(j, w);
    }
    for (std::size_t s = 0; s < point_.size(); ++s)
      gain += 0.5 * (gradient_[s] + ahead_[s]) * list().norm[s] * (point_[s] - weight_[s]);
    if (!(gain > rise)) return;
    weight_.swap(point_);
    gradient_.swap(ahead_);
  }

  ColumnProducts products_;
  std::vector<double> weight_, gradient_;  // w and g, by slot
  Extrapolation past_;
  std::vector<double> point_, ahead_;  // what it leads to, and g there
};

}  // namespace sparsecross
