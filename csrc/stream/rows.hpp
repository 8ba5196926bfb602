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
    std::uint64_t* const keys = block.next_keys();
    double* const values = block.next_values();
    Index n = 0;
    const bool all = !rules_.has_fields();
    for (std::size_t a = 0; a < m; ++a)
      for (std::size_t b = a + 1; b < m; ++b) {
        const Entry &s = entries_[a], &t = entries_[b];
        keys[n] = keys_.of(s.column, t.column);
        values[n] = s.x * t.x;
        n += all || rules_.pair(s.field, t.field);
      }
    block.add(n);
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
      : fields_(fields),
        hashes_(hashes),
        n_rows_(n_rows),
        hash_(fields.size() + 1),
        mixed_(fields.size() + 1),
        row_(fields.size()) {
    const auto is_set = [&](int f) { return fields[static_cast<std::size_t>(f)].offsets; };
    for (const Term& term : terms) {
      if (term.size() > 2 || std::any_of(term.begin(), term.end(), is_set)) {
        others_.push_back(&term);
      } else {
        plain_.push_back({term.size() == 1 ? 0 : own_place(term.front()), own_place(term.back())});
      }
    }
  }

  Index n_rows() const { return n_rows_; }

  void append(Index i, StreamBlock& block) {
    read(i);
    cross_plain(block);
    for (const Term* term : others_) cross(*term, 0, 0, block);
    block.end_row();
  }

 private:
  // A row's categories are at places. 0 is that of nothing, then each field that has no sets has
  // one of its own; those of sets follow.
  static std::size_t own_place(int field) { return static_cast<std::size_t>(field) + 1; }

  // The places of a row's categories in a field, and the one that a cross is at.
  struct Range {
    std::size_t begin, end, at;
  };
  // One or two fields without sets, by their places. The key is the sum of the first's mixed hash,
  // of one field that of nothing, and the last's hash.
  struct Plain {
    std::size_t first, last;
  };

  void read(Index i) {
    all_known_ = true;
    std::size_t next = fields_.size() + 1;
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      const FieldCodes& field = fields_[f];
      if (field.offsets) {
        const std::size_t begin = next;
        const Index first = field.offsets[i], n = field.offsets[i + 1] - first;
        next += static_cast<std::size_t>(n);
        if (next > hash_.size()) {
          hash_.resize(2 * next);
          mixed_.resize(2 * next);
        }
        for (Index k = 0; k < n; ++k)
          put(begin + static_cast<std::size_t>(k), hashes_[f][field.codes[first + k]]);
        row_[f] = {begin, next, 0};
      } else {
        const bool known = field.codes[i] >= 0;
        if (known) put(f + 1, hashes_[f][field.codes[i]]);
        row_[f] = {f + 1, f + 1 + known, 0};
        all_known_ &= known;
      }
    }
  }
  void put(std::size_t place, std::uint64_t hash) {
    hash_[place] = hash;
    mixed_[place] = splitmix64(hash);
  }

  void cross_plain(StreamBlock& block) const {
    block.reserve(static_cast<Index>(plain_.size()));
    std::uint64_t* const keys = block.next_keys();
    const std::uint64_t *const hash = hash_.data(), *const mixed = mixed_.data();
    Index n = 0;
    if (all_known_) {
      for (const auto& [first, last] : plain_) keys[n++] = mixed[first] + hash[last];
    } else {
      const auto known = [&](std::size_t place) {
        return place == 0 || row_[place - 1].begin < row_[place - 1].end;
      };
      for (const auto& [first, last] : plain_) {
        keys[n] = mixed[first] + hash[last];
        n += known(first) && known(last);
      }
    }
    block.add_ones(n);
  }

  // The keys of a term from its field `of` on, as Mixer makes them: `key` is of those before. Where
  // a field with sets stands in it twice, the later takes later categories.
  void cross(const Term& term, std::size_t of, std::uint64_t key, StreamBlock& block) {
    Range& range = row_[static_cast<std::size_t>(term[of])];
    const auto here = term.begin() + static_cast<std::ptrdiff_t>(of);
    const std::size_t begin =
        std::find(term.begin(), here, *here) != here ? range.at + 1 : range.begin;
    if (of + 1 == term.size()) {
      const auto n = static_cast<Index>(range.end - std::min(begin, range.end));
      block.reserve(n);
      std::uint64_t* const keys = block.next_keys();
      const std::uint64_t* const hash = hash_.data() + begin;
      for (Index k = 0; k < n; ++k) keys[k] = key + hash[k];
      block.add_ones(n);
      return;
    }
    const std::size_t outer = range.at;
    for (range.at = begin; range.at < range.end; ++range.at)
      cross(term, of + 1, of == 0 ? mixed_[range.at] : splitmix64(key + hash_[range.at]), block);
    range.at = outer;
  }

  const std::vector<FieldCodes>& fields_;
  const std::vector<const std::uint64_t*>& hashes_;
  Index n_rows_;
  std::vector<Plain> plain_;
  std::vector<const Term*> others_;
  std::vector<std::uint64_t> hash_, mixed_;  // by place
  std::vector<Range> row_;                   // by field
  bool all_known_ = true;  // whether each field without sets has a category in the row
};

}  // namespace sparsecross
