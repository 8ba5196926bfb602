// A Newton step on the support of a quadratic model.
//
// Problem: for the columns S of non-zero weight (and unpenalised ones), with the signs as they are,
//
//     A d = b,    A = X_Sᵀ diag(h) X_S - H_S H_Sᵀ / H + diag(l2),
//                 b_j = x_jᵀ r̃ - e H_j - l1_j sign(w_j) - l2_j w_j.
//
// Given:   a model (quadratic_model.hpp) and the weights of its working set.
// Result:  weights, r̃ and e moved along d as far as lowers the model most, at most to w + d; in d,
//          weights that would change their sign stop at 0 and the others are solved for anew.
// Method:  conjugate gradients on the columns themselves, so that A is never formed in full
//          precision. They are preconditioned by a Cholesky factor of A in single precision that is
//          made anew only when old ones, for other supports and curvatures, have cost more rounds
//          than it costs itself. Where S is too large for a factor, its heaviest columns get one.
// Cost:    a round is two passes over X_S and m² for the factor; the factor is m³ / 3.
// Sources: Nocedal & Wright 2006, sections 5.1 and 16.7 (projected steps); Byrd et al. 2012 (steps
//          on the orthant of a sign pattern); Li, Sun & Toh 2018 (second order on the support
//          pays).
#pragma once

#include "solve/blocked_product.hpp"
#include "solve/gram.hpp"

namespace sparsecross {

class NewtonStep {
 public:
  // Whether a step is likely to cost less than the sweeps that remain, when each leaves `rate` of
  // what the one before it gained and two digits are wanted.
  bool pays(const Problem& problem, const std::vector<Index>& working_set,
            const QuadraticModel& model, const std::vector<double>& coef, double rate) {
    if (!(rate > 0.0)) return false;
    select(problem, working_set, model, coef);
    const double sweeps = rate < 1.0 ? std::log(100.0) / -std::log(rate) : 1e9;
    if (sweeps * 2.0 * cost_of_pass(problem, working_set) >
        reluctance_ * (cost_of_factor(problem) + 15.0 * cost_of_round(problem)))
      return true;
    reluctance_ = std::max(1.0, 0.9 * reluctance_);
    return false;
  }

  // Moves `coef` and the model.
  void operator()(const Problem& problem, const std::vector<Index>& working_set, const Poll& poll,
                  QuadraticModel& model, std::vector<double>& coef) {
    select(problem, working_set, model, coef);
    if (subset_.columns.empty()) return;
    gradient(problem, model, coef);
    product_.prepare(problem, subset_.columns);
    for (int trial = 0; trial < kTrials; ++trial) {
      solve_system(problem, poll, model, coef);
      const Parabola along = measure_step(problem, model);
      const double t = along.best();
      // A step that is cut short had trusted directions that the columns do not span.
      damping_ = t < 0.5 ? std::max(30.0 * damping_, 1e-4)
                         : std::max(t > 0.9 ? 0.1 * damping_ : damping_, kLeastDamping);
      reluctance_ = t < 0.5 ? std::min(4.0 * reluctance_, 64.0) : t > 0.9 ? 1.0 : reluctance_;
      if (t >= 0.1 || trial + 1 == kTrials) return move(model, along, t, coef);
    }
  }

 private:
  static constexpr std::size_t kFactorBytes = std::size_t{48} << 20;
  static constexpr int kTrials = 3, kPasses = 5, kRounds = 40;
  static constexpr double kAccuracy = 1e-4, kFinalAccuracy = 1e-12;  // of the squared residual
  static constexpr double kLeastDamping = 1e-6;
  static constexpr float kShift = 1e-5f;  // rounding in single precision must not make it singular

  void select(const Problem& problem, const std::vector<Index>& working_set,
              const QuadraticModel& model, const std::vector<double>& coef) {
    subset_.columns.clear();
    subset_.weighted_sum.clear();
    bend_.clear();
    for (std::size_t k = 0; k < working_set.size(); ++k) {
      const Index j = working_set[k];
      if (!(model.column_curvature[k] > 0.0)) continue;
      if (coef[static_cast<std::size_t>(j)] == 0.0 &&
          (!problem.penalty.unpenalised(j) || problem.penalty.positive()))
        continue;
      subset_.columns.push_back(j);
      subset_.weighted_sum.push_back(model.weighted_sum[k]);
      bend_.push_back(model.column_curvature[k] + problem.penalty.l2(j));
    }
  }

  // b
  void gradient(const Problem& problem, const QuadraticModel& model,
                const std::vector<double>& coef) {
    const Penalty& penalty = problem.penalty;
    b_.resize(subset_.columns.size());
    problem.X.visit([&](const auto& columns) {
      const double* r = model.residual.data();
      parallel_chunks(subset_.size(), 64, problem.n_threads, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
          const Index j = subset_[k];
          const double w = coef[static_cast<std::size_t>(j)];
          b_[static_cast<std::size_t>(k)] =
              columns.sum(j, [r](Index i, double x) { return x * r[i]; }) -
              model.shift * subset_.weighted_sum[static_cast<std::size_t>(k)] -
              (w == 0.0 ? 0.0 : std::copysign(penalty.l1(j), w)) - penalty.l2(j) * w;
        }
      });
    });
  }

  // image (m) = A v, with u (n) = X_S v left behind.
  void apply(const Problem& problem, const QuadraticModel& model, const std::vector<double>& v,
             std::vector<double>& u, std::vector<double>& image) {
    product_(problem, subset_.columns, v.data(), u.data());
    double mean = 0.0;
    if (problem.fit_intercept && model.total > 0.0) {
      for (std::size_t k = 0; k < v.size(); ++k) mean += v[k] * subset_.weighted_sum[k];
      mean /= model.total;
    }
    problem.X.visit([&](const auto& columns) {
      visit_curvature(model, [&](auto h) {
        const double* at = u.data();
        parallel_chunks(subset_.size(), 64, problem.n_threads, [&](Index begin, Index end) {
          for (Index k = begin; k < end; ++k) {
            const Index j = subset_[k];
            image[static_cast<std::size_t>(k)] =
                columns.sum(j, [h, at](Index i, double x) { return h(i) * x * at[i]; }) -
                mean * subset_.weighted_sum[static_cast<std::size_t>(k)] +
                damping(problem, static_cast<std::size_t>(k)) * v[static_cast<std::size_t>(k)];
          }
        });
      });
    });
  }

  // What is added to the diagonal: the penalty's, and as much as keeps A regular where the columns
  // are collinear.
  double damping(const Problem& problem, std::size_t k) const {
    return problem.penalty.l2(subset_.columns[k]) + damping_ * bend_[k];
  }

  // Costs, in multiply-adds on tiles. A gather or scatter takes about as long as forty, an element
  // of the factor in a solution as ten.
  static double cost_of_pass(const Problem& problem, const std::vector<Index>& columns) {
    double entries = 0.0;
    problem.X.visit([&](const auto& slices) {
      for (const Index j : columns) entries += static_cast<double>(slices.size(j));
    });
    return 40.0 * entries;
  }
  double cost_of_round(const Problem& problem) const {
    const double m = static_cast<double>(subset_.size());
    const double f = std::min(m, static_cast<double>(largest_order()));
    return 2.0 * cost_of_pass(problem, subset_.columns) + 10.0 * f * f;
  }
  double cost_of_factor(const Problem& problem) const {
    const double m = static_cast<double>(std::min(subset_.size(), largest_order()));
    const bool dense = problem.X.visit(
        [](const auto& slices) { return is_dense<std::decay_t<decltype(slices)>>; });
    const double products = dense ? 0.5 * static_cast<double>(problem.n()) * m * m
                                  : 20.0 * cost_of_pass(problem, subset_.columns);
    return m * m * m / 3.0 + products;
  }

  static Index largest_order() {
    Index m = 0;
    while (CholeskyFactor::bytes_of(m + CholeskyFactor::kTile) <= kFactorBytes)
      m += CholeskyFactor::kTile;
    return m;
  }

  void make_factor(const Problem& problem, const QuadraticModel& model) {
    factored_ = subset_;
    const Index limit = std::min(subset_.size(), largest_order());
    if (limit < subset_.size()) {
      std::vector<Index> order(subset_.columns.size());
      std::iota(order.begin(), order.end(), Index{0});
      std::nth_element(order.begin(), order.begin() + limit, order.end(), [&](Index a, Index b) {
        return std::make_pair(bend_[static_cast<std::size_t>(a)], a) >
               std::make_pair(bend_[static_cast<std::size_t>(b)], b);
      });
      order.resize(static_cast<std::size_t>(limit));
      std::sort(order.begin(), order.end());
      factored_ = {};
      for (const Index k : order) {
        factored_.columns.push_back(subset_[k]);
        factored_.weighted_sum.push_back(subset_.weighted_sum[static_cast<std::size_t>(k)]);
      }
    }
    factor_ = CholeskyFactor();  // the old one's memory is free before the new one's is taken
    factor_ = hessian(problem, model, factored_);
    for (Index k = 0; k < limit; ++k)
      factor_.at(k, k) *= 1.0f + kShift + static_cast<float>(damping_);
    factor_.factorise(problem.n_threads);
    spent_ = 0.0;
    place();
  }

  // slot_[k]: the position of column k of the subset in the factor, -1 where it has none.
  void place() {
    slot_.assign(subset_.columns.size(), -1);
    std::size_t f = 0;
    for (std::size_t k = 0; k < slot_.size(); ++k) {
      while (f < factored_.columns.size() && factored_.columns[f] < subset_.columns[k]) ++f;
      if (f < factored_.columns.size() && factored_.columns[f] == subset_.columns[k])
        slot_[k] = static_cast<Index>(f);
    }
    embedded_.assign(factored_.columns.size(), 0.0);
  }

  void precondition(const std::vector<double>& residual, std::vector<double>& out) {
    std::fill(embedded_.begin(), embedded_.end(), 0.0);
    for (std::size_t k = 0; k < slot_.size(); ++k)
      if (slot_[k] >= 0 && free_[k]) embedded_[static_cast<std::size_t>(slot_[k])] = residual[k];
    if (!embedded_.empty()) factor_.solve(embedded_.data());
    for (std::size_t k = 0; k < slot_.size(); ++k)
      out[k] = !free_[k]       ? 0.0
               : slot_[k] >= 0 ? embedded_[static_cast<std::size_t>(slot_[k])]
                               : residual[k] / bend_[k];
  }

  // d with A d = b on the columns that stay free; those that would change their sign are stopped at
  // 0 in turn, and the others solved for anew.
  void solve_system(const Problem& problem, const Poll& poll, const QuadraticModel& model,
                    const std::vector<double>& coef) {
    const std::size_t size = subset_.columns.size(), n = static_cast<std::size_t>(problem.n());
    place();
    step_.assign(size, 0.0);
    moved_.assign(n, 0.0);
    image_of_direction_.resize(n);
    for (auto* v : {&image_, &scaled_, &direction_}) v->resize(size);
    residual_ = b_;
    free_.assign(size, true);
    fresh_ = false;
    first_ = 0.0;
    for (int pass = 0; pass < kPasses; ++pass) {
      conjugate_gradients(problem, poll, model, kAccuracy);
      if (stop_at_zero(problem, model, coef)) continue;
      // Where no weight was stopped the support is right, and more digits are not in vain.
      if (pass == 0) conjugate_gradients(problem, poll, model, kFinalAccuracy);
      if (pass > 0 || !stop_at_zero(problem, model, coef)) return;
    }
  }

  // Stops the weights that the step would take across 0. False where there are none.
  bool stop_at_zero(const Problem& problem, const QuadraticModel& model,
                    const std::vector<double>& coef) {
    bool any = false;
    for (std::size_t k = 0; k < step_.size(); ++k) {
      const Index j = subset_.columns[k];
      const double w = coef[static_cast<std::size_t>(j)];
      const bool may_cross = problem.penalty.unpenalised(j) && !problem.penalty.positive();
      const bool crosses = free_[k] && w != 0.0 && !may_cross && (w > 0.0) != (w + step_[k] > 0.0);
      direction_[k] = crosses ? -w - step_[k] : 0.0;
      if (!crosses) continue;
      any = true;
      free_[k] = false;
    }
    if (any) {
      apply(problem, model, direction_, image_of_direction_, image_);
      advance(1.0);
    }
    return any;
  }

  // step += length * direction, and what follows from it.
  void advance(double length) {
    for (std::size_t k = 0; k < step_.size(); ++k) {
      step_[k] += length * direction_[k];
      residual_[k] -= length * image_[k];
    }
    for (std::size_t i = 0; i < moved_.size(); ++i) moved_[i] += length * image_of_direction_[i];
  }

  // Rounds from the present step until its residual on the free columns is small.
  void conjugate_gradients(const Problem& problem, const Poll& poll, const QuadraticModel& model,
                           double accuracy) {
    const double round_cost = cost_of_round(problem), factor_cost = cost_of_factor(problem);
    double now = 0.0;
    const auto restart = [&] {
      precondition(residual_, scaled_);
      direction_ = scaled_;
      now = dot(residual_, scaled_);
    };
    restart();
    first_ = std::max(first_, now);
    for (int round = 0; round < kRounds && now > accuracy * first_; ++round) {
      if (!fresh_ && spent_ > factor_cost) {
        make_factor(problem, model);
        fresh_ = true;
        restart();
        first_ = now;
      }
      apply(problem, model, direction_, image_of_direction_, image_);
      if (!fresh_) spent_ += round_cost;
      const double bend = dot(direction_, image_);
      if (!(bend > 0.0)) return;
      advance(now / bend);
      precondition(residual_, scaled_);
      const double before = now;
      now = dot(residual_, scaled_);
      if (poll && poll()) return;
      for (std::size_t k = 0; k < direction_.size(); ++k)
        direction_[k] = scaled_[k] + now / before * direction_[k];
    }
  }

  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    return ordered_sum(static_cast<Index>(a.size()), [&](Index k) {
      return a[static_cast<std::size_t>(k)] * b[static_cast<std::size_t>(k)];
    });
  }

  // The model's fall along the step: slope t - ½ bend t². Both ends of the step lie in the orthant
  // of the signs, where the model is a parabola.
  struct Parabola {
    double slope, bend, mean;
    double best() const {
      if (!(slope > 0.0) || !std::isfinite(bend)) return 0.0;
      return bend > slope ? slope / bend : 1.0;
    }
  };

  Parabola measure_step(const Problem& problem, const QuadraticModel& model) const {
    Parabola along{0.0, 0.0, 0.0};
    double sum = 0.0;
    for (std::size_t k = 0; k < step_.size(); ++k) {
      const double d = step_[k];
      along.slope += b_[k] * d;
      along.bend += problem.penalty.l2(subset_.columns[k]) * d * d;
      sum += subset_.weighted_sum[k] * d;
    }
    if (problem.fit_intercept && model.total > 0.0) along.mean = sum / model.total;
    along.bend += visit_curvature(model, [&](auto h) {
      return ordered_sum(problem.n(), [&, u = moved_.data()](Index i) {
        return h(i) * (u[i] - along.mean) * (u[i] - along.mean);
      });
    });
    return along;
  }

  void move(QuadraticModel& model, const Parabola& along, double t, std::vector<double>& coef) {
    if (t == 0.0) return;
    for (std::size_t k = 0; k < step_.size(); ++k) {
      double& w = coef[static_cast<std::size_t>(subset_.columns[k])];
      w = t == 1.0 && !free_[k] ? 0.0 : w + t * step_[k];
    }
    visit_curvature(model, [&](auto h) {
      for (std::size_t i = 0; i < moved_.size(); ++i)
        model.residual[i] -= h(static_cast<Index>(i)) * t * moved_[i];
    });
    model.shift -= t * along.mean;
  }

  ColumnSubset subset_, factored_;
  CholeskyFactor factor_;
  BlockedProduct product_;
  double spent_ = 0.0;  // on rounds with an old factor or none
  std::vector<double> bend_, b_, step_, residual_, scaled_, direction_, image_, embedded_;
  std::vector<double> moved_, image_of_direction_;  // X step, X direction (n)
  std::vector<Index> slot_;
  std::vector<char> free_;
  double damping_ = kLeastDamping;
  double reluctance_ = 1.0;
  double first_ = 0.0;  // squared norm of the first residual of a step
  bool fresh_ = false;  // the factor is of this very matrix
};

}  // namespace sparsecross
