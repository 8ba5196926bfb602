// Which columns cross.
//
// Problem: answer, for columns that share a row, whether their product of two or three exists.
// Given:   the highest order; and either no fields, so that all of up to `order` distinct columns
//          cross, or the field of each column and combinations of fields: those columns cross that
//          lie in the fields of one of them.
// Cost:    without fields none; of two fields a byte in a table where they are few (a megabyte at
//          most), else a look-up in a set; of three a binary search among the combinations.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

namespace sparsecross {

// Fields, increasing; -1 after the last of a pair.
using Combination = std::array<std::int32_t, 3>;

namespace detail {

// A set of pairs of fields, in either order.
class FieldPairs {
 public:
  // Of fields below n_fields.
  explicit FieldPairs(std::uint32_t n_fields) : n_fields_(n_fields) {
    if (n_fields <= kFew) table_.assign(std::size_t{n_fields} * n_fields, 0);
  }

  void insert(std::int32_t f, std::int32_t g) {
    empty_ = false;
    if (n_fields_ <= kFew) {
      table_[at(f, g)] = table_[at(g, f)] = 1;
    } else {
      set_.insert(pair_of(f, g));
    }
  }
  // Of any two numbers.
  bool contains(std::int32_t f, std::int32_t g) const {
    if (static_cast<std::uint32_t>(f) >= n_fields_ || static_cast<std::uint32_t>(g) >= n_fields_)
      return false;
    return n_fields_ <= kFew ? table_[at(f, g)] != 0 : set_.count(pair_of(f, g)) != 0;
  }
  bool empty() const { return empty_; }

 private:
  static constexpr std::uint32_t kFew = 1024;

  std::size_t at(std::int32_t f, std::int32_t g) const {
    return static_cast<std::size_t>(f) * n_fields_ + static_cast<std::size_t>(g);
  }
  static std::uint64_t pair_of(std::int32_t f, std::int32_t g) {
    return (static_cast<std::uint64_t>(std::min(f, g)) << 32) |
           static_cast<std::uint64_t>(std::max(f, g));
  }

  std::uint32_t n_fields_;
  bool empty_ = true;
  std::vector<char> table_;
  std::unordered_set<std::uint64_t> set_;
};

}  // namespace detail

class CrossRules {
 public:
  // `field` of each column, -1 for none. Where there are neither fields nor combinations, all
  // cross.
  explicit CrossRules(int order, std::vector<std::int32_t> field = {},
                      std::vector<Combination> combinations = {})
      : order_(order),
        has_fields_(!field.empty() || !combinations.empty()),
        field_(std::move(field)),
        combinations_(std::move(combinations)),
        pairs_(n_fields()),
        opened_(n_fields()) {
    if (order < 1 || order > 3) throw std::invalid_argument("order must be 1, 2 or 3");
    std::sort(combinations_.begin(), combinations_.end());
    for (const auto& [f, g, h] : combinations_) {
      if (f < 0 || g < f || (h >= 0 && (order < 3 || h < g)))
        throw std::invalid_argument("a combination must name two or three fields, increasing");
      if (h < 0) {
        pairs_.insert(f, g);
      } else {
        for (const auto& [a, b] : {std::pair{f, g}, std::pair{f, h}, std::pair{g, h}})
          opened_.insert(a, b);
      }
    }
  }
  // The fields of more columns.
  void extend(const std::vector<std::int32_t>& field) {
    field_.insert(field_.end(), field.begin(), field.end());
  }

  int order() const { return order_; }
  bool has_fields() const { return has_fields_; }
  std::int64_t n_columns_with_field() const { return static_cast<std::int64_t>(field_.size()); }
  // The field of a column; negative where it does not cross; 0 throughout where there are no
  // fields.
  std::int32_t field(std::int64_t j) const {
    if (!has_fields_) return 0;
    return j < n_columns_with_field() ? field_[static_cast<std::size_t>(j)] : -1;
  }
  bool has_pairs() const { return !has_fields_ || !pairs_.empty(); }

  // Whether columns of these fields cross.
  bool pair(std::int32_t f, std::int32_t g) const { return !has_fields_ || pairs_.contains(f, g); }
  bool triple(std::int32_t f, std::int32_t g, std::int32_t h) const {
    if (!has_fields_) return true;
    Combination all{f, g, h};
    std::sort(all.begin(), all.end());
    return std::binary_search(combinations_.begin(), combinations_.end(), all);
  }
  // Whether columns of these fields may cross with a third.
  bool opens(std::int32_t f, std::int32_t g) const {
    return order_ == 3 && (!has_fields_ || opened_.contains(f, g));
  }

 private:
  // One more than the largest that a combination names.
  std::uint32_t n_fields() const {
    std::int32_t largest = -1;
    for (const Combination& fields : combinations_)
      largest = std::max(largest, *std::max_element(fields.begin(), fields.end()));
    return static_cast<std::uint32_t>(largest) + 1;
  }

  int order_;
  bool has_fields_;
  std::vector<std::int32_t> field_;  // of each column
  std::vector<Combination> combinations_;
  detail::FieldPairs pairs_, opened_;
};

}  // namespace sparsecross
