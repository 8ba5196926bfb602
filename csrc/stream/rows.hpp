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
      : fields_(fields), hashes_(hashes), n_rows_(n_rows), row_(fields.size()) {
    for (const Term& term : terms) {
      const bool plain = term.size() <= 2 && std::all_of(term.begin(), term.end(), [&](int f) {
                           return fields[static_cast<std::size_t>(f)].offsets == nullptr;
                         });
      const auto second = static_cast<std::size_t>(term.back());
      const auto first = term.size() == 1 ? fields.size() : static_cast<std::size_t>(term.front());
      terms_.push_back({&term, plain, first, second});
    }
    single_.resize(fields.size() + 1, {0, 0, false});
    single_.back().known = true;
  }

  Index n_rows() const { return n_rows_; }

  void append(Index i, StreamBlock& block) {
    for (std::size_t f = 0; f < fields_.size(); ++f) read(i, f);
    block.reserve(static_cast<Index>(terms_.size()));
    for (const auto& [term, plain, first, second] : terms_) {
      if (plain) {
        const Single &a = single_[first], &b = single_[second];
        block.push(a.mixed + b.hash, 1.0);
        block.keep_last(a.known && b.known);
      } else {
        cross(*term, 0, 0, block);
        block.reserve(static_cast<Index>(terms_.size()));
      }
    }
    block.end_row();
  }

 private:
  // One or two fields that have one category each are plain: their key is the sum of the first's
  // mixed hash, which of one field is nothing, and the second's hash.
  struct Plan {
    const Term* term;
    bool plain;
    std::size_t first, second;
  };
  // A row's category in a field that has one or none; behind the last field, nothing.
  struct Single {
    std::uint64_t hash, mixed;
    bool known;
  };
  // A row's categories in a field, and which of them a cross is at.
  struct Field {
    std::vector<std::uint64_t> hashes, mixed;
    std::size_t at = 0;
  };

  void read(Index i, std::size_t f) {
    const FieldCodes& field = fields_[f];
    Field& here = row_[f];
    here.hashes.clear();
    here.mixed.clear();
    const Index begin = field.offsets ? field.offsets[i] : i;
    const Index end = field.offsets ? field.offsets[i + 1] : i + 1;
    for (Index k = begin; k < end; ++k) {
      if (field.codes[k] < 0) continue;
      here.hashes.push_back(hashes_[f][field.codes[k]]);
      here.mixed.push_back(splitmix64(here.hashes.back()));
    }
    if (const bool known = !here.hashes.empty(); known && !field.offsets) {
      single_[f] = {here.hashes[0], here.mixed[0], true};
    } else {
      single_[f].known = false;
    }
  }

  // The keys of a term from `place` on, as Mixer makes them: `mixed` is of the places before. Where
  // a field of several categories stands in it twice, a later place takes a later one.
  void cross(const Term& term, std::size_t place, std::uint64_t mixed, StreamBlock& block) {
    Field& field = row_[static_cast<std::size_t>(term[place])];
    const std::size_t n = field.hashes.size();
    const auto here = term.begin() + static_cast<std::ptrdiff_t>(place);
    const std::size_t first = std::find(term.begin(), here, *here) != here ? field.at + 1 : 0;
    if (place + 1 == term.size()) {
      block.reserve(static_cast<Index>(n));
      for (std::size_t k = first; k < n; ++k) block.push(mixed + field.hashes[k], 1.0);
      return;
    }
    const std::size_t outer = field.at;
    for (field.at = first; field.at < n; ++field.at)
      cross(term, place + 1,
            place == 0 ? field.mixed[field.at] : splitmix64(mixed + field.hashes[field.at]), block);
    field.at = outer;
  }

  const std::vector<FieldCodes>& fields_;
  const std::vector<const std::uint64_t*>& hashes_;
  Index n_rows_;
  std::vector<Plan> terms_;
  std::vector<Single> single_;
  std::vector<Field> row_;
};

}  // namespace sparsecross
