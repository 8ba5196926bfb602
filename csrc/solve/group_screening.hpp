// Looks at a dual point that leave out the groups which it obeys for sure (screening.hpp, whose
// bounds hold for blocks).
//
// Problem: for one θ (K x n) after the other, find the groups whose excess is positive, and what
// all
//          groups leave of the multiples of θ.
// Result:  a Sight, in which violators are groups. Those left out have
//              ‖S(X_gᵀθ, l1 / t)‖ <= ‖S(X_gᵀθ', l1 / t)‖ + ‖X_g - A_g‖₂ ‖θ - θ'‖₂ <= norm / t,
//          t = kLimit, A_g being the columns' means with an intercept: no multiple of θ up to t is
//          beyond them. The soft threshold S moves no two points apart.
// Cost:    a comparison for each group, K passes over the columns of those that are computed, and a
//          pass over n K.
// Sources: Hamerly 2010; Ndiaye et al. 2017 (blocks).
#pragma once

#include "model/group_certificate.hpp"
#include "solve/screening.hpp"

namespace sparsecross {

class GroupScreening {
 public:
  std::size_t bytes() const { return bytes_of(last_) + bytes_of(reach_, norm_); }

  // `held` (increasing) are computed whatever is known of them: among them are all that carry a
  // weight. Nothing is kept of a θ that is not feasible.
  Sight look(const GroupProblem& problem, const GroupPoint& at, const std::vector<Index>& held,
             const ByClass& theta, bool feasible) {
    const bool all = reach_.empty() || !feasible;
    if (feasible) {
      if (reach_.empty()) {
        reach_.assign(static_cast<std::size_t>(problem.groups.count()), 0.0);
        norm_.assign(reach_.size(), 0.0);
      } else {
        go_on(theta);
      }
      last_ = theta;
    }
    constexpr double limit = Screening::kLimit;
    const Index count = problem.groups.count();
    constexpr Index grain = 32;
    std::vector<Sight> parts(static_cast<std::size_t>((count + grain - 1) / grain));
    problem.X().visit([&](const auto& columns) {
      parallel_chunks(count, grain, problem.n_threads(), [&](Index begin, Index end) {
        Sight part;
        std::vector<double> z, w, scratch;
        for (Index g = begin; g < end; ++g) {
          const auto at_g = static_cast<std::size_t>(g);
          if (problem.penalty.excluded(g)) continue;
          if (!all && !std::binary_search(held.begin(), held.end(), g) &&
              reach_[at_g] + way_ * norm_[at_g] <= problem.penalty.norm(g) / limit) {
            part.complete = false;
            continue;
          }
          const Index n = problem.n_weights(g);
          z.resize(static_cast<std::size_t>(n));
          widely([&] { correlate(problem, columns, g, theta, z.data()); });
          if (feasible) {
            if (norm_[at_g] == 0.0) norm_[at_g] = norm_of(problem, columns, g);
            reach_[at_g] = problem.penalty.size(g, z.data(), n, 1.0 / limit) - way_ * norm_[at_g];
          }
          block_of(problem, at.coef, g, w);
          take_group(problem.penalty, g, w.data(), z.data(), n, part.room, scratch);
          if (problem.penalty.unpenalised(g) || !is_zero(problem, at.coef, g)) continue;
          if (const double pull = problem.penalty.excess(g, z.data(), n); pull > 0.0)
            part.violators.push_back({pull, g});
        }
        parts[static_cast<std::size_t>(begin / grain)] = std::move(part);
      });
    });
    Sight sight;
    for (const Sight& part : parts) {
      sight.room.add(part.room);
      sight.complete &= part.complete;
      sight.violators.insert(sight.violators.end(), part.violators.begin(), part.violators.end());
    }
    if (!sight.complete) sight.room.limit = std::min(sight.room.limit, limit);
    return sight;
  }

 private:
  // An upper bound of ‖X_g - A_g‖₂: the root of the sum of all squares.
  template <class Columns>
  static double norm_of(const GroupProblem& problem, const Columns& columns, Index g) {
    double total = 0.0;
    for (Index c = 0; c < problem.groups.size(g); ++c) {
      const auto [square, sum] =
          columns.template sums<2>(problem.groups.columns(g)[c],
                                   [](Index, double x) { return std::array<double, 2>{x * x, x}; });
      const double left =
          problem.fit_intercept() ? square - sum * sum / static_cast<double>(problem.n()) : square;
      total += left < 1e-6 * square ? square : left;  // rounding counts near a constant
    }
    return std::sqrt(total);
  }

  // Takes the step from the last θ to this one.
  void go_on(const ByClass& theta) {
    double square = 0.0;
    for (std::size_t k = 0; k < theta.size(); ++k)
      square += ordered_sum(static_cast<Index>(theta[k].size()),
                            [t = theta[k].data(), u = last_[k].data()](Index i) {
                              return (t[i] - u[i]) * (t[i] - u[i]);
                            });
    way_ += std::sqrt(square);
  }

  ByClass last_;                      // the last feasible θ
  double way_ = 0.0;                  // the length of the way so far
  std::vector<double> reach_, norm_;  // of each group: its size at θ', less the way to θ'
};

}  // namespace sparsecross
