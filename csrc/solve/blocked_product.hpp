// The margins of a few columns, again and again.
//
// Problem: out (n) = X_S v for columns S of X.
// Given:   S, to `prepare` for; then v (|S|), as often as wanted.
// Result:  out. Rows are cut into blocks that stay in cache, shared among the threads, and each row
//          is summed in the order of the columns whatever the number of threads.
// Cost:    one pass over the entries of X_S; `prepare` finds where each column enters each block.
#pragma once

#include "model/problem.hpp"

namespace sparsecross {

class BlockedProduct {
 public:
  std::size_t bytes() const { return bytes_of(cuts_); }

  void prepare(const Problem& problem, const std::vector<Index>& columns) {
    n_blocks_ = (problem.n() - 1) / kRows + 1;
    cuts_.clear();
    if (n_blocks_ == 1) return;
    problem.X.visit([&](const auto& slices) {
      if constexpr (!is_dense<std::decay_t<decltype(slices)>>) {
        cuts_.resize(columns.size() * static_cast<std::size_t>(n_blocks_ + 1));
        parallel_chunks(static_cast<Index>(columns.size()), 64, problem.n_threads,
                        [&](Index begin, Index end) {
                          for (Index k = begin; k < end; ++k)
                            slices.cut(columns[static_cast<std::size_t>(k)], kRows, n_blocks_,
                                       cuts_.data() + k * (n_blocks_ + 1));
                        });
      }
    });
  }

  void operator()(const Problem& problem, const std::vector<Index>& columns, const double* v,
                  double* out) const {
    const Index n = problem.n(), m = static_cast<Index>(columns.size());
    problem.X.visit([&](const auto& slices) {
      parallel_chunks(n_blocks_, 1, problem.n_threads, [&](Index block, Index) {
        const Index first = block * kRows, last = std::min(n, first + kRows);
        std::fill(out + first, out + last, 0.0);
        for (Index k = 0; k < m; ++k) {
          const double weight = v[k];
          if (weight == 0.0) continue;
          const Index j = columns[static_cast<std::size_t>(k)];
          const auto add = [&](Index i, double x) { out[i] += x * weight; };
          if constexpr (is_dense<std::decay_t<decltype(slices)>>) {
            slices.each_within(j, first, last, add);
          } else if (n_blocks_ == 1) {
            slices.each(j, add);
          } else {
            const Index* cut = cuts_.data() + k * (n_blocks_ + 1) + block;
            slices.each_from(cut[0], cut[1], add);
          }
        }
      });
    });
  }

 private:
  static constexpr Index kRows = 16384;
  Index n_blocks_ = 0;
  std::vector<Index> cuts_;  // where column k enters block q: entry k (n_blocks + 1) + q
};

}  // namespace sparsecross
