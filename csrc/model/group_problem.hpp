// A problem of groups: minimise over W (p x K) and b (K)
//
//   F(XW + 1bᵀ) + Σ_g ω_g (l1 ‖W_g‖₁ + norm ‖W_g‖₂ + ½ l2 ‖W_g‖₂²)
//
// with F the loss of K outputs (outputs.hpp); values are in excess of that of perfect margins.
#pragma once

#include "model/group_penalty.hpp"
#include "model/outputs.hpp"

namespace sparsecross {

struct GroupProblem {
  const Problem& columns;  // of X, the intercept and the threads; its loss and penalty are not seen
  const OutputLoss& loss;
  const Groups& groups;
  const GroupPenalty& penalty;

  const Design& X() const { return columns.X; }
  Index n() const { return columns.n(); }
  Index p() const { return columns.p(); }
  Index n_outputs() const { return static_cast<Index>(loss.n_outputs()); }
  bool fit_intercept() const { return columns.fit_intercept; }
  int n_threads() const { return columns.n_threads; }
  Index n_weights(Index g) const { return groups.size(g) * n_outputs(); }
  GroupProblem with(const GroupPenalty& other) const { return {columns, loss, groups, other}; }
};

// A point of the problem, and what follows from it.
struct GroupPoint {
  std::vector<double> coef;       // W, a column of X after the other: K weights each
  std::vector<double> intercept;  // b (K)
  ByClass margins;                // K x n

  std::size_t bytes() const { return bytes_of(coef, intercept) + bytes_of(margins); }
};

inline GroupPoint zero_point(const GroupProblem& problem) {
  const auto K = static_cast<std::size_t>(problem.n_outputs());
  return {std::vector<double>(static_cast<std::size_t>(problem.p()) * K, 0.0),
          std::vector<double>(K, 0.0),
          ByClass(K, std::vector<double>(static_cast<std::size_t>(problem.n()), 0.0))};
}

// The block W_g, into `block`.
inline void block_of(const GroupProblem& problem, const std::vector<double>& coef, Index g,
                     std::vector<double>& block) {
  const Index K = problem.n_outputs();
  block.resize(static_cast<std::size_t>(problem.n_weights(g)));
  double* out = block.data();
  for (Index c = 0; c < problem.groups.size(g); ++c, out += K)
    std::copy_n(coef.data() + problem.groups.columns(g)[c] * K, K, out);
}

inline bool is_zero(const GroupProblem& problem, const std::vector<double>& coef, Index g) {
  const Index K = problem.n_outputs();
  for (Index c = 0; c < problem.groups.size(g); ++c) {
    const double* w = coef.data() + problem.groups.columns(g)[c] * K;
    for (Index k = 0; k < K; ++k)
      if (w[k] != 0.0) return false;
  }
  return true;
}

// The columns of some groups, one group after the other.
inline std::vector<Index> columns_of(const Groups& groups, const std::vector<Index>& some) {
  std::vector<Index> columns;
  for (const Index g : some)
    columns.insert(columns.end(), groups.columns(g), groups.columns(g) + groups.size(g));
  return columns;
}

// out (K x n) = X_S V, for columns S of X in increasing order; weights(c) are the K of S[c].
// Cost: a pass over the entries of X_S for each output, by blocks of rows that the threads share.
template <class Weights>
void product(const GroupProblem& problem, const std::vector<Index>& columns, const Weights& weights,
             ByClass& out) {
  problem.X().visit([&](const auto& slices) {
    constexpr bool dense = is_dense<std::decay_t<decltype(slices)>>;
    const Index n = problem.n(), grain = dense                      ? Index{512}
                                         : problem.n_threads() == 1 ? std::max(n, Index{1})
                                                                    : Index{32768};
    parallel_chunks(n, grain, problem.n_threads(), [&](Index first, Index last) {
      for (auto& margins : out) std::fill(margins.begin() + first, margins.begin() + last, 0.0);
      for (std::size_t c = 0; c < columns.size(); ++c) {
        const double* w = weights(c);
        for (std::size_t k = 0; k < out.size(); ++k) {
          if (w[k] == 0.0) continue;
          slices.each_within(columns[c], first, last,
                             [m = out[k].data(), v = w[k]](Index i, double x) { m[i] += x * v; });
        }
      }
    });
  });
}

// The groups of non-zero weight, increasing.
inline std::vector<Index> support_of(const GroupProblem& problem, const std::vector<double>& coef) {
  std::vector<Index> support;
  for (Index g = 0; g < problem.groups.count(); ++g)
    if (!is_zero(problem, coef, g)) support.push_back(g);
  return support;
}

// margins = XW + b, from the groups given, which hold the support.
inline void refresh_margins(const GroupProblem& problem, const std::vector<Index>& groups,
                            GroupPoint& at) {
  std::vector<Index> columns = columns_of(problem.groups, groups);
  std::sort(columns.begin(), columns.end());  // the order that predictions add in
  const Index K = problem.n_outputs();
  product(
      problem, columns, [&](std::size_t c) { return at.coef.data() + columns[c] * K; }, at.margins);
  for (std::size_t k = 0; k < at.margins.size(); ++k)
    for (double& m : at.margins[k]) m += at.intercept[k];
}

inline double primal_value(const GroupProblem& problem, const std::vector<Index>& groups,
                           const GroupPoint& at) {
  std::vector<double> block;
  double total = 0.0;
  for (const Index g : groups) {
    if (problem.penalty.excluded(g)) continue;
    block_of(problem, at.coef, g, block);
    total += problem.penalty.value(g, block.data(), problem.n_weights(g));
  }
  return problem.loss.value(at.margins) + total;
}

}  // namespace sparsecross
