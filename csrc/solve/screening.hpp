// Which columns a look at the dual need not compute: those that it obeys for sure.
//
// Problem: for one dual point θ after the other, find the columns that may violate |x_jᵀθ| <= l1_j.
// Given:   θ (n), with Σ θ = 0 where there is an intercept; of the columns that were computed for
//          it, x_jᵀθ.
// Result:  a list that holds all columns but those with |x_jᵀθ| <= l1_j / kLimit, proved by
//
//              |x_jᵀθ| <= |x_jᵀθ'| + ‖x_j - a_j‖ ‖θ - θ'‖,    a_j the mean, 0 without an intercept,
//
//          where θ' is the point at which column j was last computed. The distance is at most the
//          length of the way since then, so that a column has to remember one number. All of it
//          holds at any strength of the penalty: a walk from one strength to the next goes on with
//          what it knows.
// Cost:    a comparison for each column (16 bytes read) and a pass over n; once, when the second
//          point is asked for, the norms: a pass over the values of X. Memory: 2 vectors of length
//          p, 1 of length n.
// Sources: Hamerly 2010, "Making k-means even faster" (bounds that grow by what has moved);
//          El Ghaoui, Viallon & Rabbani 2012 (spheres around the dual optimum, of which this needs
//          none: it bounds correlations with the point at hand).
#pragma once

#include <iterator>
#include <numeric>

#include "model/problem.hpp"

namespace sparsecross {

class Screening {
 public:
  // No multiple of θ beyond this one may be called feasible for columns that were left out.
  static constexpr double kLimit = 1.05;

  // The columns to compute for θ, increasing, `held` (increasing) among them: all of them for the
  // first θ, and for one that is not feasible.
  const std::vector<Index>& awake(const Problem& problem, const std::vector<Index>& held,
                                  const std::vector<double>& theta, bool feasible) {
    feasible_ = feasible;
    if (reach_.empty() || !feasible) {
      awake_.resize(static_cast<std::size_t>(problem.p()));
      std::iota(awake_.begin(), awake_.end(), Index{0});
      return awake_;
    }
    if (norm_.empty()) measure(problem, 0);
    way_ += std::sqrt(ordered_sum(problem.n(), [t = theta.data(), u = last_.data()](Index i) {
      return (t[i] - u[i]) * (t[i] - u[i]);
    }));
    last_ = theta;
    std::vector<Index> roused;
    const Penalty& penalty = problem.penalty;
    if (penalty.uniform()) {
      rouse([level = penalty.l1() / kLimit](Index) { return level; }, roused);
    } else {
      rouse([&penalty](Index j) { return penalty.l1(j) / kLimit; }, roused);
    }
    awake_.clear();
    std::set_union(roused.begin(), roused.end(), held.begin(), held.end(),
                   std::back_inserter(awake_));
    return awake_;
  }

  // z_k = x_jᵀθ for j the columns that `awake` told last; nothing is kept of a θ that is not
  // feasible.
  void heard(const Problem& problem, const std::vector<double>& theta,
             const std::vector<double>& z) {
    if (!feasible_) return;
    if (reach_.empty()) {
      reach_.resize(static_cast<std::size_t>(problem.p()));
      last_ = theta;
    }
    for (std::size_t k = 0; k < awake_.size(); ++k) {
      const auto j = static_cast<std::size_t>(awake_[k]);
      reach_[j] = problem.penalty.counted(z[k]) - (norm_.empty() ? 0.0 : way_ * norm_[j]);
    }
  }

  // The problem has got columns behind those it had: nothing is known of them.
  void grow(const Problem& problem) {
    if (reach_.empty()) return;
    reach_.resize(static_cast<std::size_t>(problem.p()), std::numeric_limits<double>::infinity());
    if (!norm_.empty()) measure(problem, static_cast<Index>(norm_.size()));
  }

  // The multiple of θ up to which the columns left out obey.
  double limit(const Problem& problem) const {
    return static_cast<Index>(awake_.size()) == problem.p()
               ? std::numeric_limits<double>::infinity()
               : kLimit;
  }

 private:
  // Columns of which it is not known that |x_jᵀθ| <= level(j): NaN is not known either.
  template <class Level>
  void rouse(const Level& level, std::vector<Index>& roused) const {
    constexpr Index width = 64;
    const auto obeys = [&, reach = reach_.data(), norm = norm_.data()](Index j) {
      return reach[j] + way_ * norm[j] <= level(j);
    };
    const auto p = static_cast<Index>(reach_.size());
    for (Index first = 0; first < p; first += width) {
      const Index last = std::min(first + width, p);
      Index n_obey = 0;  // counted first, without a branch: nearly all do
      for (Index j = first; j < last; ++j) n_obey += obeys(j);
      if (n_obey == last - first) continue;
      for (Index j = first; j < last; ++j)
        if (!obeys(j)) roused.push_back(j);
    }
  }

  // The norms of columns from `first` on.
  void measure(const Problem& problem, Index first) {
    norm_.resize(static_cast<std::size_t>(problem.p()));
    const auto n = static_cast<double>(problem.n());
    problem.X.visit([&](const auto& columns) {
      parallel_chunks(problem.p() - first, 256, problem.n_threads, [&](Index begin, Index end) {
        for (Index j = first + begin; j < first + end; ++j) {
          const double square = columns.sum(j, [](Index, double x) { return x * x; });
          double left = square;
          if (problem.fit_intercept) {
            const double sum = columns.sum(j, [](Index, double x) { return x; });
            left -= sum * sum / n;
            // Too near to a constant: what Σ θ is off by, in rounding, would count.
            if (left < 1e-6 * square) left = square;
          }
          norm_[static_cast<std::size_t>(j)] = std::sqrt(left);
        }
      });
    });
  }

  std::vector<Index> awake_;
  bool feasible_ = false;      // the θ asked about last
  std::vector<double> last_;   // the last feasible θ (n)
  double way_ = 0.0;           // the length of the way so far
  std::vector<double> norm_;   // p
  std::vector<double> reach_;  // p: |x_jᵀθ'|, less norm times the way to θ'
};

}  // namespace sparsecross
