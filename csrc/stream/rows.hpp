// The coordinates of a row: its columns, and the crosses of them, visited as the row is read.
//
// Problem: write the keys and values of all columns of a row and of their crosses into a block.
// Given:   MatrixRows: X sliced by rows, in any layout, and which columns cross; the key of a
//          column or product is its number (interactions/keys.hpp), its value the product of the
//          columns'. TableRows: the categories of fields, and terms; keys are mixed from the
//          categories' hashes as in cross/terms.hpp, values are 1.
// Cost:    a few operations a coordinate. Nothing is looked up.
#pragma once

#include <vector>

#include "cross/terms.hpp"
#include "interactions/keys.hpp"
#include "interactions/rules.hpp"
#include "matrix/design.hpp"
#include "stream/block.hpp"

namespace sparsecross {

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
        const std::int32_t field = rules_.field(j);
        if (field >= 0) entries_.push_back({j, field, x});
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
