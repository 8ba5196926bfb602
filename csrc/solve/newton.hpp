// A Newton step on the support of a quadratic model.
//
// Problem: for the columns S of non-zero weight (and unpenalised ones), with the signs as they are,
//          A d = b, with A the model's Hessian and b minus its gradient, in the units of a
//          NewtonSystem: columns of curvature 1.
// Given:   the system.
// Result:  the system moved along d as far as lowers the model most, at most by d; in d, weights
//          that would change their sign stop at 0 and the others are solved for anew.
// Method:  conjugate gradients with the system's own products, preconditioned by a Cholesky factor
//          of A in single precision, in which columns that have left or were stopped are held at
//          0. It is made anew only when old ones, for other supports and curvatures, have cost more
//          rounds than it costs itself. Where S is too large for a factor, its heaviest columns get
//          one.
// Cost:    a round is a product with A and m² for the factor; the factor is m³ / 6, and m² / 2 more
//          for a column that is held.
// Sources: Nocedal & Wright 2006, sections 5.1 and 16.7 (projected steps); Byrd et al. 2012 (steps
//          on the orthant of a sign pattern); Li, Sun & Toh 2018 (second order on the support
//          pays).
#pragma once

#include <limits>
#include <unordered_map>

#include "solve/cholesky.hpp"
#include "solve/cost.hpp"

namespace sparsecross {

// The equations of a Newton step, in units in which every column has curvature 1 (w̃ = s w with s
// the norm). Vectors have an element for each column of the support.
class NewtonSystem {
 public:
  virtual ~NewtonSystem() = default;

  virtual Index size() const = 0;
  virtual Index column(Index k) const = 0;   // its number in X
  virtual double norm(Index k) const = 0;    // s
  virtual double weight(Index k) const = 0;  // w̃
  virtual bool may_cross_zero(Index k) const = 0;
  virtual double l2(Index k) const = 0;  // of the penalty, in these units
  virtual void gradient(std::vector<double>& b) const = 0;
  // image = (A + diag(l2)) v
  virtual void apply(const std::vector<double>& v, std::vector<double>& image) = 0;
  // A over some of the positions, in increasing order, and the bytes that it took besides.
  virtual CholeskyFactor matrix(const std::vector<Index>& positions,
                                std::size_t& scratch) const = 0;
  // w̃ += t d, and what follows from it; exactly 0 for those that stopped there.
  virtual void move(const std::vector<double>& d, double t, const std::vector<char>& stopped) = 0;
  virtual double cost_of_product() const = 0;
  virtual double cost_of_matrix() const = 0;
  virtual int n_threads() const = 0;
};

class NewtonStep {
 public:
  // Sweeps that gain two digits, when each gains `rate` of what the one before it did.
  static double sweeps_to_two_digits(double rate) {
    return rate < 1.0 ? std::log(100.0) / -std::log(rate) : 1e9;
  }

  // Bytes held, and those that the factor's products took.
  std::size_t bytes() const {
    return factor_.bytes() + scratch_ + bytes_of(place_of_) +
           bytes_of(slot_, b_, step_, residual_, scaled_, direction_, image_, embedded_, stopped_);
  }

  // Whether a step is likely to cost less than the sweeps that remain.
  bool pays(const NewtonSystem& system, double cost_of_sweep, double rate) {
    if (!(rate > 0.0) || system.size() == 0) return false;
    if (sweeps_to_two_digits(rate) * cost_of_sweep >
        reluctance_ * (cost_of_factor(system) + kExpected * cost_of_round(system)))
      return true;
    reluctance_ = std::max(1.0, 0.9 * reluctance_);
    return false;
  }

  void operator()(NewtonSystem& system, const Poll& poll) {
    if (system.size() == 0) return;
    system.gradient(b_);
    for (int trial = 0; trial < kTrials; ++trial) {
      solve_system(system, poll);
      const double t = best_length();
      // A step that is cut short had trusted directions that the columns do not span; what was too
      // little once is not tried again soon.
      if (t < 0.5) {
        too_little_ = std::max(too_little_, damping_);
        damping_ = std::max(30.0 * damping_, 1e-3);
      } else if (t > 0.9) {
        damping_ = std::max({0.1 * damping_, 3.0 * too_little_, kLeastDamping});
        too_little_ *= 0.7;
      }
      reluctance_ = t < 0.5 ? std::min(4.0 * reluctance_, 64.0) : t > 0.9 ? 1.0 : reluctance_;
      if (t < 0.1 && trial + 1 < kTrials) continue;
      if (t == 1.0) {
        system.move(step_, t, stopped_);
      } else if (t > 0.0) {
        system.move(step_, t, std::vector<char>(stopped_.size(), false));
      }
      return;
    }
  }

 private:
  static constexpr std::size_t kFactorBytes = std::size_t{48} << 20;
  static constexpr int kTrials = 3, kPasses = 5, kRounds = 40;
  static constexpr Index kMostHeld = 4;      // the share of a factor's columns, inverse
  static constexpr double kExpected = 30.0;  // rounds, or what takes as long
  static constexpr double kAccuracy = 1e-4, kFinalAccuracy = 1e-12;  // of the squared residual
  static constexpr double kLeastDamping = 1e-6;
  static constexpr float kShift = 1e-5f;  // rounding in single precision must not make it singular

  static Index largest_order() {
    Index m = 0;
    while (CholeskyFactor::bytes_for(m + CholeskyFactor::kTile) <= kFactorBytes)
      m += CholeskyFactor::kTile;
    return m;
  }
  static double cost_of_round(const NewtonSystem& system) {
    const double f = static_cast<double>(std::min(system.size(), largest_order()));
    return system.cost_of_product() + cost::kElement * f * f;
  }
  static double cost_of_factor(const NewtonSystem& system) {
    const double f = static_cast<double>(std::min(system.size(), largest_order()));
    // Twice its multiply-adds: tiles on the diagonal and copies take as long again.
    return f * f * f / 3.0 + system.cost_of_matrix();
  }

  // The factor of a system of a few hundred columns takes less time than to wake threads.
  static int threads_of_factor(const NewtonSystem& system) {
    constexpr double worth = 1e7;  // multiply-adds
    const auto m = static_cast<double>(std::min(system.size(), largest_order()));
    return m * m * m / 3.0 < worth ? 1 : system.n_threads();
  }

  // Of the columns that are not stopped.
  void make_factor(const NewtonSystem& system) {
    std::vector<Index> positions;
    for (Index k = 0; k < system.size(); ++k)
      if (!stopped_[static_cast<std::size_t>(k)]) positions.push_back(k);
    const Index limit = std::min(static_cast<Index>(positions.size()), largest_order());
    if (limit < static_cast<Index>(positions.size())) {
      std::nth_element(
          positions.begin(), positions.begin() + limit, positions.end(), [&](Index a, Index b) {
            return std::make_pair(system.norm(a), a) > std::make_pair(system.norm(b), b);
          });
      positions.resize(static_cast<std::size_t>(limit));
      std::sort(positions.begin(), positions.end());
    }
    factor_ = CholeskyFactor();  // the old one's memory is free before the new one's is taken
    factor_ = system.matrix(positions, scratch_);
    place_of_.clear();
    for (Index f = 0; f < limit; ++f) {
      const Index k = positions[static_cast<std::size_t>(f)];
      factor_.at(f, f) += static_cast<float>(system.l2(k) + damping_) + kShift;
      place_of_.emplace(system.column(k), f);
    }
    factor_.factorise(threads_of_factor(system));
    embedded_.resize(positions.size());
    spent_ = 0.0;
    place(system);
  }

  // slot_[k]: where column k stands in the factor, -1 where it has no place. Columns of the factor
  // that are not among those of the system are held; where they are many, the factor is too old.
  void place(const NewtonSystem& system) {
    slot_.assign(static_cast<std::size_t>(system.size()), -1);
    std::vector<char> present(place_of_.size(), false);
    for (Index k = 0; k < system.size(); ++k) {
      const auto found = place_of_.find(system.column(k));
      if (found == place_of_.end()) continue;
      slot_[static_cast<std::size_t>(k)] = found->second;
      present[static_cast<std::size_t>(found->second)] = true;
    }
    factor_.let_go();
    n_held_ = 0;
    std::vector<Index> absent;
    for (std::size_t f = 0; f < present.size(); ++f)
      if (!present[f]) absent.push_back(static_cast<Index>(f));
    hold(absent, threads_of_factor(system));
  }

  // Beyond a share of held columns the factor is no longer worth its border.
  void hold(const std::vector<Index>& slots, int n_threads) {
    n_held_ += static_cast<Index>(slots.size());
    if (n_held_ > factor_.order() / kMostHeld) {
      spent_ = std::numeric_limits<double>::infinity();
      fresh_ = false;
    } else {
      factor_.hold(slots, n_threads);
    }
  }

  void precondition(const std::vector<double>& residual, std::vector<double>& out) {
    std::fill(embedded_.begin(), embedded_.end(), 0.0);
    for (std::size_t k = 0; k < slot_.size(); ++k)
      if (slot_[k] >= 0 && !stopped_[k])
        embedded_[static_cast<std::size_t>(slot_[k])] = residual[k];
    if (!embedded_.empty()) factor_.solve(embedded_.data());
    for (std::size_t k = 0; k < slot_.size(); ++k)
      out[k] = stopped_[k]     ? 0.0
               : slot_[k] >= 0 ? embedded_[static_cast<std::size_t>(slot_[k])]
                               : residual[k];
  }

  // d with A d = b on the columns that stay free; those that would change their sign are stopped at
  // 0 in turn, and the others solved for anew.
  void solve_system(NewtonSystem& system, const Poll& poll) {
    const auto size = static_cast<std::size_t>(system.size());
    stopped_.assign(size, false);
    place(system);
    step_.assign(size, 0.0);
    for (auto* v : {&image_, &scaled_, &direction_}) v->resize(size);
    residual_ = b_;
    fresh_ = false;
    first_ = 0.0;
    for (int pass = 0; pass < kPasses; ++pass) {
      conjugate_gradients(system, poll, kAccuracy);
      if (stop_at_zero(system)) continue;
      // Where no weight was stopped the support is right, and more digits are not in vain.
      if (pass == 0) conjugate_gradients(system, poll, kFinalAccuracy);
      if (pass > 0 || !stop_at_zero(system)) return;
    }
  }

  // Stops the weights that the step would take across 0. False where there are none.
  bool stop_at_zero(NewtonSystem& system) {
    bool any = false;
    std::vector<Index> slots;
    for (std::size_t k = 0; k < step_.size(); ++k) {
      const double w = system.weight(static_cast<Index>(k));
      const bool crosses = !stopped_[k] && w != 0.0 && (w > 0.0) != (w + step_[k] > 0.0) &&
                           !system.may_cross_zero(static_cast<Index>(k));
      direction_[k] = crosses ? -w - step_[k] : 0.0;
      if (!crosses) continue;
      any = true;
      stopped_[k] = true;
      if (slot_[k] >= 0) slots.push_back(slot_[k]);
    }
    if (any) {
      apply(system);
      advance(1.0);
      hold(slots, threads_of_factor(system));
    }
    return any;
  }

  // image_ = (A + diag(l2) + damping) direction_: the damping keeps it regular where the columns
  // are collinear.
  void apply(NewtonSystem& system) {
    system.apply(direction_, image_);
    for (std::size_t k = 0; k < image_.size(); ++k) image_[k] += damping_ * direction_[k];
  }

  // step_ += length * direction_, and what follows from it.
  void advance(double length) {
    for (std::size_t k = 0; k < step_.size(); ++k) {
      step_[k] += length * direction_[k];
      residual_[k] -= length * image_[k];
    }
  }

  // Rounds from the present step until its residual on the free columns is small.
  void conjugate_gradients(NewtonSystem& system, const Poll& poll, double accuracy) {
    const double round_cost = cost_of_round(system), factor_cost = cost_of_factor(system);
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
        make_factor(system);
        fresh_ = true;
        restart();
        first_ = now;
      }
      apply(system);
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

  // The t in [0, 1] at which b·(t d) - ½ (t d)ᵀ(A + diag(l2))(t d) is largest: both ends of the
  // step lie in the orthant of the signs, where the model is this parabola.
  double best_length() const {
    const double slope = dot(b_, step_);
    const double bend = slope - dot(residual_, step_) - damping_ * dot(step_, step_);
    if (!(slope > 0.0) || !std::isfinite(bend)) return 0.0;
    return bend > slope ? slope / bend : 1.0;
  }

  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    return ordered_sum(static_cast<Index>(a.size()), [&](Index k) {
      return a[static_cast<std::size_t>(k)] * b[static_cast<std::size_t>(k)];
    });
  }

  CholeskyFactor factor_;
  std::unordered_map<Index, Index> place_of_;  // where a column stands in the factor
  std::vector<Index> slot_;
  std::vector<double> b_, step_, residual_, scaled_, direction_, image_, embedded_;
  std::vector<char> stopped_;
  std::size_t scratch_ = 0;  // bytes that the last factor took while it was made
  Index n_held_ = 0;         // columns of the factor
  double spent_ = 0.0;       // on rounds with an old factor or none
  double damping_ = kLeastDamping, too_little_ = 0.0;
  double reluctance_ = 1.0;
  double first_ = 0.0;  // squared norm of the first residual of a step
  bool fresh_ = false;  // the factor is of this very matrix
};

}  // namespace sparsecross
