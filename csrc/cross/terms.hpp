// Terms: a field by itself, or a cross of several; and the keys that a row has in a term.
#pragma once

#include <array>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "cross/keys.hpp"

namespace sparsecross {

// The codes of a field: one per row (negative: unknown), or, where offsets are given, a set of
// codes for each row, codes[offsets[i]] .. codes[offsets[i + 1]], increasing strictly.
struct FieldCodes {
  const std::int32_t* codes;
  const std::int64_t* offsets;
  Index n_codes;
  std::int64_t cardinality;  // codes lie below it

  // std::invalid_argument where following codes or offsets would leave the arrays.
  void check(Index n_rows) const {
    if (offsets == nullptr) {
      if (n_codes != n_rows)
        throw std::invalid_argument("codes must have one element for each of the " +
                                    std::to_string(n_rows) + " rows, got " +
                                    std::to_string(n_codes));
    } else {
      if (offsets[0] != 0 || offsets[n_rows] != n_codes)
        throw std::invalid_argument("offsets must run from 0 to the number of codes");
      for (Index i = 0; i < n_rows; ++i)
        if (offsets[i + 1] < offsets[i] || offsets[i + 1] > n_codes)
          throw std::invalid_argument("offsets must never decrease");
      for (Index i = 0; i < n_rows; ++i)
        for (Index k = offsets[i]; k < offsets[i + 1]; ++k)
          if (codes[k] < 0 || (k > offsets[i] && codes[k] <= codes[k - 1]))
            throw std::invalid_argument("the codes of a row must be known and increase strictly");
    }
    std::int32_t largest = -1;
    for (Index k = 0; k < n_codes; ++k) largest = std::max(largest, codes[k]);
    if (largest >= cardinality)
      throw std::invalid_argument("codes must lie below " + std::to_string(cardinality) + ", got " +
                                  std::to_string(largest));
  }
};

// Exact keys: the codes as digits of a number whose radices are the cardinalities.
struct MixedRadix {
  const std::vector<std::int64_t>* cardinalities;

  std::uint64_t first(int, std::int32_t code) const { return static_cast<std::uint64_t>(code); }
  std::uint64_t next(std::uint64_t key, int field, std::int32_t code) const {
    return key * static_cast<std::uint64_t>((*cardinalities)[static_cast<std::size_t>(field)]) +
           static_cast<std::uint64_t>(code);
  }
};

// Hashed keys: the categories' hashes, folded by a mixer. hashes[field][code] is a category's.
struct Mixer {
  const std::vector<const std::uint64_t*>* hashes;

  std::uint64_t of(int field, std::int32_t code) const {
    return (*hashes)[static_cast<std::size_t>(field)][code];
  }
  std::uint64_t first(int field, std::int32_t code) const { return of(field, code); }
  std::uint64_t next(std::uint64_t key, int field, std::int32_t code) const {
    return splitmix64(key) + of(field, code);
  }
};

// The fields of a term, at most max_fields of them.
using Term = std::vector<int>;
constexpr std::size_t max_fields = 16;

// The number of possible keys of a term; std::overflow_error where it is beyond 2^63.
inline std::uint64_t key_range(const Term& term, const std::vector<std::int64_t>& cardinalities) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 63;
  std::uint64_t range = 1;
  for (const int field : term) {
    const auto c = static_cast<std::uint64_t>(cardinalities[static_cast<std::size_t>(field)]);
    if (c != 0 && range > limit / c)
      throw std::overflow_error("the product of the cardinalities is beyond 2^63");
    range *= c;
  }
  return range;
}

// The keys of one term, row by row. A field with sets of codes that stands in the term several
// times gives each of its combinations once: a later place takes greater codes.
template <class Fold>
class TermKeys {
 public:
  TermKeys(const Term& term, const std::vector<FieldCodes>& fields, Fold fold)
      : term_(&term), fold_(fold) {
    for (std::size_t place = 0; place < term.size(); ++place) {
      fields_.push_back(&fields[static_cast<std::size_t>(term[place])]);
      several_ |= fields_.back()->offsets != nullptr;
      int before = -1;
      for (std::size_t earlier = 0; earlier < place; ++earlier)
        if (term[earlier] == term[place]) before = static_cast<int>(earlier);
      same_before_.push_back(before);
    }
  }

  // Whether a row may have any number of keys; else it has one or none.
  bool several() const { return several_; }

  // The exact keys of rows begin..end, where a row has one or none.
  void fill(Index begin, Index end, std::uint64_t* keys) const {
    static_assert(std::is_same_v<Fold, MixedRadix>, "hashes of unknown codes must not be read");
    const Index m = end - begin;
    const std::int32_t* a = fields_[0]->codes + begin;
    if (term_->size() == 1) {
      for (Index i = 0; i < m; ++i) keys[i] = a[i] < 0 ? no_key : fold_.first((*term_)[0], a[i]);
      return;
    }
    const auto pair = pairs(begin, 0);
    for (Index i = 0; i < m; ++i) keys[i] = pair(i);
    for (std::size_t place = 2; place < term_->size(); ++place) {
      const std::int32_t* codes = fields_[place]->codes + begin;
      for (Index i = 0; i < m; ++i)
        keys[i] = codes[i] < 0 || keys[i] == no_key
                      ? no_key
                      : fold_.next(keys[i], (*term_)[place], codes[i]);
    }
  }

  // Of one field, where a row has one code or none: i to the code of row `row` + i, less `first`.
  auto singles(Index row, std::uint64_t first) const {
    const std::int32_t* a = fields_[0]->codes + row;
    return [=](Index i) { return a[i] < 0 ? no_key : static_cast<std::uint32_t>(a[i]) - first; };
  }

  // Of a pair of fields, where a row has one key or none: i to the key of row `row` + i, less
  // `first`; without a branch, the sign bit of a | b telling of an unknown.
  auto pairs(Index row, std::uint64_t first) const {
    const std::int32_t *a = fields_[0]->codes + row, *b = fields_[1]->codes + row;
    const auto n_b = static_cast<std::uint64_t>(fields_[1]->cardinality);
    return [=](Index i) {
      const std::uint64_t key =
          static_cast<std::uint32_t>(a[i]) * n_b + static_cast<std::uint32_t>(b[i]) - first;
      return (a[i] | b[i]) < 0 ? no_key : key;
    };
  }

  // Calls f(key) for all keys of rows 0..n_rows, or no_key where a row has none.
  template <class F>
  void each_of(Index n_rows, const F& f) const {
    if (several_) {
      for (Index row = 0; row < n_rows; ++row) each(row, f);
    } else if (term_->size() == 2) {
      const auto key = pairs(0, 0);
      for (Index row = 0; row < n_rows; ++row) f(key(row));
    } else {
      std::uint64_t block[key_block];
      for (Index begin = 0; begin < n_rows; begin += key_block) {
        const Index m = std::min(key_block, n_rows - begin);
        fill(begin, begin + m, block);
        for (Index i = 0; i < m; ++i) f(block[i]);
      }
    }
  }

  // Calls f(key) for each key of a row; exact keys come in increasing order.
  template <class F>
  void each(Index row, const F& f) const {
    if (!several_ && term_->size() <= 2) {
      const std::int32_t a = fields_[0]->codes[row];
      if (a < 0) return;
      const std::uint64_t key = fold_.first((*term_)[0], a);
      if (term_->size() == 1) {
        f(key);
      } else if (const std::int32_t b = fields_[1]->codes[row]; b >= 0) {
        f(fold_.next(key, (*term_)[1], b));
      }
      return;
    }
    std::array<Index, max_fields> at{};
    descend(row, 0, 0, at.data(), f);
  }

 private:
  template <class F>
  void descend(Index row, std::size_t place, std::uint64_t key, Index* at, const F& f) const {
    if (place == term_->size()) {
      f(key);
      return;
    }
    const FieldCodes& field = *fields_[place];
    Index k = field.offsets ? field.offsets[row] : row;
    const Index end = field.offsets ? field.offsets[row + 1] : row + 1;
    if (same_before_[place] >= 0) k = at[same_before_[place]] + 1;
    for (; k < end; ++k) {
      const std::int32_t code = field.codes[k];
      if (code < 0) continue;
      at[place] = k;
      descend(row, place + 1,
              place == 0 ? fold_.first((*term_)[0], code) : fold_.next(key, (*term_)[place], code),
              at, f);
    }
  }

  const Term* term_;
  Fold fold_;
  std::vector<const FieldCodes*> fields_;
  std::vector<int> same_before_;
  bool several_ = false;
};

}  // namespace sparsecross
