// The coordinates of a row: its columns, and the crosses of them, visited as the row is read.
//
// Problem: write the keys and values of all columns of a row and of their crosses into a block.
// Given:   MatrixRows: X sliced by rows, in any layout, and which columns cross; the key of a
//          column or product is its number (interactions/keys.hpp), its value the product of the
//          columns'. TableRows: the categories of fields, and terms; keys are mixed from the
//          categories' hashes as in cross/terms.hpp, values are 1.
// Cost:    a few operations a coordinate. Nothing is looked up.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cross/terms.hpp"
#include "interactions/keys.hpp"
#include "matrix/design.hpp"
#include "stream/block.hpp"

namespace sparsecross {

// Which columns cross. Without fields: all of up to `order` distinct ones. With fields: those whose
// columns lie in the fields of one of the combinations.
class CrossRules {
 public:
  // At most this many fields are named by combinations.
  static constexpr std::int32_t kMostFields = 1 << 15;

  // `field` of each column, -1 for none; combinations increasing, -1 after the last of a pair.
  explicit CrossRules(int order, std::vector<std::int32_t> field = {},
                      std::vector<std::array<std::int32_t, 3>> combinations = {})
      : order_(order), field_(std::move(field)), combinations_(std::move(combinations)) {
    if (order < 1 || order > 3) throw std::invalid_argument("order must be 1, 2 or 3");
    std::int32_t most = -1;
    for (const auto& [f, g, h] : combinations_) {
      if (f < 0 || g < f || (h >= 0 && (order < 3 || h < g)))
        throw std::invalid_argument("a combination must name two or three fields, increasing");
      most = std::max({most, g, h});
    }
    if (most >= kMostFields)
      throw std::invalid_argument("combinations must name at most " + std::to_string(kMostFields) +
                                  " fields");
    n_fields_ = most + 1;
    std::sort(combinations_.begin(), combinations_.end());
    const auto n = static_cast<std::size_t>(n_fields_);
    pairs_.assign(n * n, 0);
    opened_.assign(n * n, 0);
    for (const auto& [f, g, h] : combinations_) {
      if (h < 0) {
        mark(pairs_, f, g);
      } else {
        mark(opened_, f, g);
        mark(opened_, f, h);
        mark(opened_, g, h);
      }
    }
  }
  // The fields of more columns.
  void extend(const std::vector<std::int32_t>& field) {
    field_.insert(field_.end(), field.begin(), field.end());
  }

  int order() const { return order_; }
  bool has_fields() const { return !combinations_.empty(); }
  Index n_columns_with_field() const { return static_cast<Index>(field_.size()); }
  // -1 where the column does not cross; 0 throughout where there are no fields.
  std::int32_t field(Index j) const {
    if (!has_fields()) return 0;
    const std::int32_t f = j < n_columns_with_field() ? field_[static_cast<std::size_t>(j)] : -1;
    return f < n_fields_ ? f : -1;
  }
  // Whether columns of these fields (none of them -1) cross.
  bool pair(std::int32_t f, std::int32_t g) const { return !has_fields() || pairs_[at(f, g)]; }
  // Whether there may be a third.
  bool opens(std::int32_t f, std::int32_t g) const {
    return order_ == 3 && (!has_fields() || opened_[at(f, g)]);
  }
  bool triple(std::int32_t f, std::int32_t g, std::int32_t h) const {
    if (!has_fields()) return true;
    std::array<std::int32_t, 3> all{f, g, h};
    std::sort(all.begin(), all.end());
    return std::binary_search(combinations_.begin(), combinations_.end(), all);
  }

 private:
  std::size_t at(std::int32_t f, std::int32_t g) const {
    return static_cast<std::size_t>(f) * static_cast<std::size_t>(n_fields_) +
           static_cast<std::size_t>(g);
  }
  void mark(std::vector<char>& of, std::int32_t f, std::int32_t g) {
    of[at(f, g)] = of[at(g, f)] = 1;
  }

  int order_;
  std::int32_t n_fields_ = 0;
  std::vector<std::int32_t> field_;
  std::vector<std::array<std::int32_t, 3>> combinations_;
  std::vector<char> pairs_, opened_;
};

template <class Slices>
class MatrixRows {
 public:
  MatrixRows(const Slices& rows, const CrossRules& rules, const ProductKeys& keys)
      : rows_(rows), rules_(rules), keys_(keys) {}

  Index n_rows() const { return rows_.n_slices(); }

  void append(Index i, StreamBlock& block) {
    block.reserve(rows_.size(i));
    if (rules_.order() == 1) {
      rows_.each(i, [&](Index j, double x) {
        block.push(keys_.of(j), x);
        block.keep_last(x != 0.0);
      });
    } else {
      entries_.clear();
      rows_.each(i, [&](Index j, double x) {
        if (x == 0.0) return;
        block.push(keys_.of(j), x);
        if (rules_.field(j) >= 0) entries_.push_back({j, rules_.field(j), x});
      });
      cross(block);
    }
    block.end_row();
  }

 private:
  struct Entry {
    Index column;
    std::int32_t field;
    double x;
  };

  void cross(StreamBlock& block) const {
    const std::size_t m = entries_.size();
    block.reserve(static_cast<Index>(m * (m - 1) / 2));
    for (std::size_t a = 0; a < m; ++a)
      for (std::size_t b = a + 1; b < m; ++b) {
        const Entry &s = entries_[a], &t = entries_[b];
        block.push(keys_.of(s.column, t.column), s.x * t.x);
        block.keep_last(rules_.pair(s.field, t.field));
      }
    if (rules_.order() < 3) return;
    for (std::size_t a = 0; a < m; ++a)
      for (std::size_t b = a + 1; b < m; ++b) {
        const Entry &s = entries_[a], &t = entries_[b];
        if (!rules_.opens(s.field, t.field)) continue;
        block.reserve(static_cast<Index>(m));
        for (std::size_t c = b + 1; c < m; ++c) {
          const Entry& u = entries_[c];
          block.push(keys_.of(s.column, t.column, u.column), s.x * t.x * u.x);
          block.keep_last(rules_.triple(s.field, t.field, u.field));
        }
      }
  }

  const Slices& rows_;
  const CrossRules& rules_;
  const ProductKeys& keys_;
  std::vector<Entry> entries_;
};

class TableRows {
 public:
  // Terms and hashes as for hashed columns (cross/hashed.hpp); what they look at must live as long.
  TableRows(const std::vector<Term>& terms, const std::vector<FieldCodes>& fields,
            const std::vector<const std::uint64_t*>& hashes, Index n_rows)
      : n_rows_(n_rows) {
    for (const Term& term : terms) keys_.emplace_back(term, fields, Mixer{&hashes});
  }

  Index n_rows() const { return n_rows_; }

  void append(Index i, StreamBlock& block) {
    for (const auto& keys : keys_) {
      block.reserve(1);
      keys.each(i, [&](std::uint64_t key) {
        block.push(key, 1.0);
        if (keys.several()) block.reserve(1);
      });
    }
    block.end_row();
  }

 private:
  Index n_rows_;
  std::vector<TermKeys<Mixer>> keys_;
};

}  // namespace sparsecross
