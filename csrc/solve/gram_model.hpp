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

#include <cstring>
#include <memory>

#include "solve/column_system.hpp"
#include "solve/extrapolation.hpp"

namespace sparsecross {

// Operations on a row of A.
namespace rows {

// out -= factor * row
inline void subtract(const float* row, double factor, Index n, double* out) {
  widely([&] {
    for (Index i = 0; i < n; ++i) out[i] -= factor * static_cast<double>(row[i]);
  });
}

inline double dot(const float* row, const double* v, Index n) {
  return widely([&] {
    constexpr Index lanes = 8;
    double part[lanes] = {};
    Index i = 0;
    for (; i + lanes <= n; i += lanes)
      for (Index k = 0; k < lanes; ++k) part[k] += static_cast<double>(row[i + k]) * v[i + k];
    double total =
        ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
    for (; i < n; ++i) total += static_cast<double>(row[i]) * v[i];
    return total;
  });
}

}  // namespace rows

class GramModel {
 public:
  static constexpr Index kLargestOrder = 3008;

  // Products of another curvature are of no use.
  void forget() {
    list_.clear();
    slot_of_.clear();
  }

  // Gives the memory back.
  void release() {
    forget();
    square_.reset();
    stride_ = 0;
    scratch_ = 0;
  }

  // Bytes held, and those that products took while they were made.
  std::size_t bytes() const {
    return static_cast<std::size_t>(stride_) * static_cast<std::size_t>(stride_) * sizeof(float) +
           list_.bytes() + bytes_of(slot_of_) + past_.bytes() + scratch_ +
           bytes_of(members_, constant_, weight_, gradient_, point_, ahead_);
  }

  // Multiply-adds on tiles that `prepare` would take; infinite where the set is too large.
  double cost_to_prepare(const Problem& problem, const std::vector<Index>& working_set) {
    if (static_cast<Index>(working_set.size()) > kLargestOrder)
      return std::numeric_limits<double>::infinity();
    const auto is_new = [&](Index j) { return slot_of_.find(j) == slot_of_.end(); };
    return problem.X.visit([&](const auto& columns) {
      if constexpr (is_dense<std::decay_t<decltype(columns)>>) {
        const auto m = static_cast<double>(working_set.size());
        const auto fresh =
            static_cast<double>(std::count_if(working_set.begin(), working_set.end(), is_new));
        return static_cast<double>(problem.n()) * fresh * (m - 0.5 * fresh);
      } else {
        double all = 0.0, fresh = 0.0;
        for (const Index j : working_set) {
          all += static_cast<double>(columns.size(j));
          if (is_new(j)) fresh += static_cast<double>(columns.size(j));
        }
        return cost::pair(problem.n()) * fresh *
               (2.0 + (all - 0.5 * fresh) / static_cast<double>(problem.n()));
      }
    });
  }

  // Multiply-adds on tiles of a sweep in which every other weight changes.
  static double cost_of_sweep(std::size_t order) {
    return 0.5 * cost::kElement * static_cast<double>(order) * static_cast<double>(order);
  }

  // Makes the products that are missing among the columns of the set.
  void prepare(const Problem& problem, const QuadraticModel& model,
               const std::vector<Index>& working_set) {
    const bool centre = problem.fit_intercept && model.total > 0.0;
    std::vector<Index> fresh;
    for (std::size_t k = 0; k < working_set.size(); ++k)
      if (model.column_curvature[k] > 0.0 && slot_of_.find(working_set[k]) == slot_of_.end())
        fresh.push_back(static_cast<Index>(k));
    if (list_.size() + static_cast<Index>(fresh.size()) > kLargestOrder) keep_only(working_set);
    const Index first_new = list_.size();
    for (const Index k : fresh) {
      const auto at = static_cast<std::size_t>(k);
      slot_of_.emplace(working_set[at], list_.size());
      list_.push_back(working_set[at], centre ? model.weighted_sum[at] / model.total : 0.0,
                      std::sqrt(model.column_curvature[at]));
    }
    members_.clear();
    constant_.clear();
    for (std::size_t k = 0; k < working_set.size(); ++k) {
      const auto found = slot_of_.find(working_set[k]);
      if (found != slot_of_.end()) {
        members_.push_back(found->second);
      } else {
        constant_.push_back(static_cast<Index>(k));
      }
    }
    if (fresh.empty()) return;
    make_room(first_new);
    scratch_ = products(problem, model, list_, first_new, SquareSink(square_.get(), stride_));
    mirror(first_new / tiles::kTile * tiles::kTile);
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
    for (const Index s : members_) {
      const auto at = static_cast<std::size_t>(s);
      double& w = coef[static_cast<std::size_t>(list_[s])];
      model.shift -= (weight_[at] - w) * list_.mean[at];
      w = weight_[at];
    }
    for (const Index k : constant_) {  // what the intercept can do at no price
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
      for (const Index s : gram.members_)
        if (gram.weight_[static_cast<std::size_t>(s)] != 0.0 ||
            ColumnSystem::free_at_zero(problem.penalty, gram.list_[s]))
          slots_.push_back(s);
    }

    Index size() const override { return static_cast<Index>(slots_.size()); }
    Index column(Index k) const override { return gram_.list_[slot(k)]; }
    double norm(Index k) const override { return gram_.list_.norm[at(k)]; }
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

  Index order() const { return list_.size(); }
  float* row(Index k) { return square_.get() + k * stride_; }

  // The weights, and the negative gradient there.
  void start(const Problem& problem, const QuadraticModel& model, const std::vector<double>& coef) {
    weight_.assign(static_cast<std::size_t>(order()), 0.0);
    gradient_.assign(static_cast<std::size_t>(order()), 0.0);
    const double sum = model.shift * model.total;
    problem.X.visit([&](const auto& columns) {
      const double* r = model.residual.data();
      parallel_chunks(
          static_cast<Index>(members_.size()), 64, problem.n_threads, [&](Index begin, Index end) {
            for (Index k = begin; k < end; ++k) {
              const Index s = members_[static_cast<std::size_t>(k)];
              const auto at = static_cast<std::size_t>(s);
              weight_[at] = coef[static_cast<std::size_t>(list_[s])];
              gradient_[at] = (columns.sum(list_[s], [r](Index i, double x) { return x * r[i]; }) -
                               sum * list_.mean[at]) /
                              list_.norm[at];
            }
          });
    });
  }

  Sweep sweep(const Problem& problem, double objective) {
    const Penalty& penalty = problem.penalty;
    Sweep result;
    for (const Index s : members_) {
      const auto at = static_cast<std::size_t>(s);
      const Index j = list_[s];
      const double norm = list_.norm[at], bend = norm * norm, w = weight_[at];
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
    for (std::size_t s = 0; s < point_.size(); ++s) point_[s] = list_.norm[s] * weight_[s];
    return past_.see(point_, gradient_);
  }

  // Moves to the point that past sweeps lead to, where the objective is lower there.
  void extrapolate(const Problem& problem) {
    if (!past_(point_, &ahead_)) return;
    double rise = 0.0, gain = 0.0;
    for (std::size_t s = 0; s < point_.size(); ++s) {
      const double norm = list_.norm[s], w = weight_[s];
      const double next = within_orthant(point_[s] / norm, w);
      const double off = norm * next - point_[s];
      if (off != 0.0) rows::subtract(row(static_cast<Index>(s)), off, order(), ahead_.data());
      point_[s] = next;
      const Index j = list_[static_cast<Index>(s)];
      rise += problem.penalty.value(j, next) - problem.penalty.value(j, w);
    }
    for (std::size_t s = 0; s < point_.size(); ++s)
      gain += 0.5 * (gradient_[s] + ahead_[s]) * list_.norm[s] * (point_[s] - weight_[s]);
    if (!(gain > rise)) return;
    weight_.swap(point_);
    gradient_.swap(ahead_);
  }

  // A square for `list_`, with the products of the first `known` columns in their places.
  void make_room(Index known) {
    constexpr Index width = tiles::kTile;
    const Index stride = (order() + width - 1) / width * width;
    // Pages that are never touched take no memory.
    if (!square_) square_.reset(new float[static_cast<std::size_t>(kLargestOrder * kLargestOrder)]);
    if (stride > stride_)
      for (Index k = known - 1; k > 0; --k)
        std::memmove(square_.get() + k * stride, row(k),
                     static_cast<std::size_t>(known) * sizeof(float));
    stride_ = std::max(stride, stride_);
  }

  // The elements beside the diagonal that `products` has not set, from row `top` on.
  void mirror(Index top) {
    constexpr Index width = tiles::kTile;
    for (Index upper = top; upper < order(); upper += width)
      for (Index left = 0; left <= upper; left += width)
        for (Index k = upper; k < std::min(upper + width, order()); ++k)
          for (Index q = left; q < std::min(left + width, k); ++q) row(k)[q] = row(q)[k];
  }

  // Drops all columns but those of the set.
  void keep_only(const std::vector<Index>& working_set) {
    std::vector<Index> kept;
    for (const Index j : working_set) {
      const auto found = slot_of_.find(j);
      if (found != slot_of_.end()) kept.push_back(found->second);
    }
    std::sort(kept.begin(), kept.end());
    ScaledColumns list;
    slot_of_.clear();
    for (const Index s : kept) {
      const auto at = static_cast<std::size_t>(s);
      slot_of_.emplace(list_[s], list.size());
      list.push_back(list_[s], list_.mean[at], list_.norm[at]);
    }
    for (std::size_t k = 0; k < kept.size(); ++k)
      for (std::size_t q = 0; q < kept.size(); ++q)
        row(static_cast<Index>(k))[q] = row(kept[k])[kept[q]];
    list_ = std::move(list);
  }

  ScaledColumns list_;                        // by slot
  std::unordered_map<Index, Index> slot_of_;  // of a column
  std::vector<Index> members_;                // slots of the working set
  std::vector<Index> constant_;               // positions in the working set that have none
  std::unique_ptr<float[]> square_;           // A, padded to whole tiles: stride_ x stride_
  Index stride_ = 0;
  std::vector<double> weight_, gradient_;  // w and g, by slot
  Extrapolation past_;
  std::vector<double> point_, ahead_;  // what it leads to, and g there
  std::size_t scratch_ = 0;            // bytes that the last products took
};

}  // namespace sparsecross
