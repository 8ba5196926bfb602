// Products of columns of a working set that grows, by slots in the order in which they came.
#pragma once

#include <cstring>
#include <memory>
#include <unordered_map>

#include "solve/cost.hpp"
#include "solve/gram.hpp"
#include "support/wide.hpp"

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

// Problem: A of gram.hpp, for one list of columns after the other.
// Given:   the list, and what a quadratic model has measured of it.
// Result:  A by slots; a column keeps its own while there is room for those that come.
// Cost:    gram.hpp, for the columns that are new; 4 m² bytes, m <= kLargestOrder (36 MB).
class ColumnProducts {
 public:
  static constexpr Index kLargestOrder = 3008;

  Index order() const { return list_.size(); }
  const ScaledColumns& list() const { return list_; }
  float* row(Index slot) { return square_.get() + slot * stride_; }
  const float* row(Index slot) const { return square_.get() + slot * stride_; }
  // Slots of the last list, and the positions of its columns that vary too little to have one.
  const std::vector<Index>& members() const { return members_; }
  const std::vector<Index>& constant() const { return constant_; }

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
           list_.bytes() + bytes_of(slot_of_) + scratch_ + bytes_of(members_, constant_);
  }

  // Multiply-adds on tiles that `prepare` would take; infinite where the set is too large.
  double cost_to_prepare(const Problem& problem, const std::vector<Index>& working_set) const {
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

 private:
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
  std::vector<Index> members_;                // slots of the last list
  std::vector<Index> constant_;               // positions in it that have none
  std::unique_ptr<float[]> square_;           // A, padded to whole tiles: stride_ x stride_
  Index stride_ = 0;
  std::size_t scratch_ = 0;  // bytes that the last products took
};

}  // namespace sparsecross
