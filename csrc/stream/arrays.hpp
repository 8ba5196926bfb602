// Rows as the stream border has them: in arrays, or one by one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cross/terms.hpp"
#include "matrix/seen_array.hpp"
#include "matrix/structure.hpp"

namespace sparsecross {

// Rows of numbers: dense, one after the other, or CSR, which may do without `values`: all 1.
struct RowArrays {
  SeenArray values, indices, indptr;
  Index n_rows = 0, n_cols = 0;
  bool sparse = false;

  // std::invalid_argument where arrays contradict one another, or hold what no row does.
  Design design() const {
    if (n_rows < 0 || n_cols < 0)
      throw std::invalid_argument("n_rows and n_cols must not be negative");
    if (!sparse && n_cols > 0 && n_rows > values.size / n_cols)
      throw std::invalid_argument("values must hold n_rows x n_cols numbers");
    const Design X = sparse ? sparse_design(values, indices, indptr, n_rows, n_cols, Axis::rows)
                            : dense_design(values, n_rows, n_cols, n_cols, Axis::rows);
    const Structure structure = inspect(X, stored_entries(values, indices), 1);
    if (!structure.canonical)
      throw std::invalid_argument("X must have sorted and distinct indices in each row");
    if (structure.not_finite_slice >= 0) throw std::invalid_argument("X must be finite");
    return X;
  }
};

// Rows of a table: of each field codes, and the hashes of the categories that they number.
struct TableArrays {
  std::vector<FieldCodes> fields;
  std::vector<const std::uint64_t*> hashes;
  Index n_rows = 0;
};

// A row of numbers that comes entry by entry, in any order.
class OneRow {
 public:
  void clear() { entries_.clear(); }
  void push(Index column, double x) { entries_.push_back({column, x}); }

  // Valid until the next change; std::invalid_argument where a column came twice.
  RowArrays arrays(Index n_columns) {
    std::sort(entries_.begin(), entries_.end());
    columns_.clear();
    values_.clear();
    for (const auto& [column, x] : entries_) {
      if (!columns_.empty() && columns_.back() == column)
        throw std::invalid_argument("a row must name a column once, got " + std::to_string(column) +
                                    " twice");
      columns_.push_back(column);
      values_.push_back(x);
    }
    ends_[1] = static_cast<Index>(columns_.size());
    return {{values_.data(), ends_[1], SeenArray::Type::float64},
            {columns_.data(), ends_[1], SeenArray::Type::int64},
            {ends_, 2, SeenArray::Type::int64},
            1,
            n_columns,
            true};
  }

 private:
  std::vector<std::pair<Index, double>> entries_;
  std::vector<Index> columns_;
  std::vector<double> values_;
  Index ends_[2] = {0, 0};
};

// A row of a table that comes field by field: of each a hash, or a set of hashes, or none.
class OneTableRow {
 public:
  void clear() { n_fields_ = 0; }
  // Begins a field; one that is not a set has at most one hash.
  void begin_field(bool is_set) {
    if (n_fields_ == fields_.size()) fields_.emplace_back();
    fields_[n_fields_].is_set = is_set;
    fields_[n_fields_++].hashes.clear();
  }
  void push(std::uint64_t hash) { fields_[n_fields_ - 1].hashes.push_back(hash); }

  // Valid until the next change.
  TableArrays arrays() {
    TableArrays table;
    table.n_rows = 1;
    std::size_t longest = 1;
    for (std::size_t f = 0; f < n_fields_; ++f) {
      auto& hashes = fields_[f].hashes;
      std::sort(hashes.begin(), hashes.end());
      hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
      longest = std::max(longest, hashes.size());
    }
    while (counting_.size() < longest)
      counting_.push_back(static_cast<std::int32_t>(counting_.size()));
    for (std::size_t f = 0; f < n_fields_; ++f) {
      Field& field = fields_[f];
      const auto n = static_cast<Index>(field.hashes.size());
      field.ends[1] = n;
      if (field.is_set)
        table.fields.push_back({counting_.data(), field.ends, n, n});
      else
        table.fields.push_back({n == 0 ? &kUnknown : counting_.data(), nullptr, 1, n});
      table.hashes.push_back(field.hashes.data());
    }
    return table;
  }

 private:
  struct Field {
    bool is_set = false;
    std::vector<std::uint64_t> hashes;
    Index ends[2] = {0, 0};
  };

  static constexpr std::int32_t kUnknown = -1;

  std::vector<Field> fields_;  // n_fields_ of them in use, so that their memory is kept
  std::size_t n_fields_ = 0;
  std::vector<std::int32_t> counting_;  // 0, 1, 2, ...: codes of a row's own hashes
};

}  // namespace sparsecross
