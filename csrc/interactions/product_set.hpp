// Columns and products that were taken up, stored: the only ones that are ever built.
//
// Problem: keep a growing set of columns, each a column of X or a product of its columns, as a
//          sparse matrix whose columns stay where they are.
// Given:   X sliced by columns; keys.
// Result:  a Design of the set's columns, in the order in which they came; which of several equal
//          columns is the one that stands for all.
// Cost:    for a product, a walk along the shortest of its factors with look-ups in the others.
//          Memory: 4 bytes (valued: 12) an entry, and about 100 a column.
#pragma once

#include <cstdlib>
#include <new>
#include <type_traits>
#include <unordered_map>

#include "interactions/entries.hpp"
#include "interactions/pricing.hpp"

namespace sparsecross {

// A vector that grows by the exact amount, where it lies if the system can extend it.
template <class T>
class Extensible {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Extensible() = default;
  Extensible(const Extensible&) = delete;
  Extensible& operator=(const Extensible&) = delete;
  ~Extensible() { std::free(data_); }

  // Room for so many more, of which the first is returned.
  T* extend(std::size_t more) {
    if (more > 0) {
      void* const longer = std::realloc(data_, (size_ + more) * sizeof(T));
      if (!longer) throw std::bad_alloc();
      data_ = static_cast<T*>(longer);
    }
    size_ += more;
    return data_ + (size_ - more);
  }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// The entries of one column: rows, increasing, and values.
struct ColumnEntries {
  std::vector<std::int32_t> rows;
  std::vector<double> values;
  std::uint64_t content = 0;  // equal for columns of equal entries
};

class ProductSet {
 public:
  explicit ProductSet(const Space& space) : space_(space) {}

  Index size() const { return static_cast<Index>(keys_.size()); }
  Key key(Index t) const { return keys_[static_cast<std::size_t>(t)]; }
  const std::vector<Key>& keys() const { return keys_; }
  bool holds(Key key) const { return place_.count(key) != 0; }
  // Where a key's column stands, or -1.
  Index find(Key key) const {
    const auto found = place_.find(key);
    return found == place_.end() ? -1 : found->second;
  }
  std::size_t bytes() const {
    return bytes_of(keys_, offsets_) + bytes_of(place_) + bytes_of(by_content_) +
           rows_.size() * sizeof(std::int32_t) + values_.size() * sizeof(double);
  }
  Index n_entries() const { return static_cast<Index>(rows_.size()); }
  Index n_entries(Index t) const {
    return offsets_[static_cast<std::size_t>(t) + 1] - offsets_[static_cast<std::size_t>(t)];
  }

  // The columns of these keys, built by as many threads as there are.
  std::vector<ColumnEntries> build(const std::vector<Key>& keys, int n_threads) const {
    std::vector<ColumnEntries> built(keys.size());
    std::vector<Factors> products(keys.size());
    for (std::size_t c = 0; c < keys.size(); ++c) products[c] = space_.keys().factors(keys[c]);
    space_.X().visit([&](const auto& columns) {
      walk_in_chunks(columns, products, n_threads,
                     [&](ProductWalk& walk, const Index* first, const Index* last) {
                       std::vector<std::int32_t> rows;
                       std::vector<double> values;
                       for (; first != last; ++first) {
                         const auto at = static_cast<std::size_t>(*first);
                         const auto [j, k, l] = products[at].column;
                         const Index room =
                             k < 0 ? columns.size(j) : std::min(columns.size(j), columns.size(k));
                         rows.resize(std::max(rows.size(), static_cast<std::size_t>(room)));
                         if (space_.valued()) values.resize(rows.size());
                         std::size_t n_entries = 0;
                         walk(columns, products[at], [&](Index i, double x) {
                           rows[n_entries] = static_cast<std::int32_t>(i);
                           if (space_.valued()) values[n_entries] = x;
                           // 0: no entry, a stored 0, or a product below the range of numbers
                           n_entries += x != 0.0;
                         });
                         std::uint64_t content = 0;
                         for (std::size_t e = 0; e < n_entries; ++e)
                           content += detail::mixed(rows[e], space_.valued() ? values[e] : 1.0);
                         const auto end_of = static_cast<std::ptrdiff_t>(n_entries);
                         built[at].rows.assign(rows.begin(), rows.begin() + end_of);
                         if (space_.valued())
                           built[at].values.assign(values.begin(), values.begin() + end_of);
                         built[at].content = content;
                       }
                     });
    });
    return built;
  }

  // A column of the set that is equal to this one, or -1.
  Index equal_to(const ColumnEntries& column) const {
    const auto [first, last] = by_content_.equal_range(column.content);
    for (auto at = first; at != last; ++at) {
      const Index t = at->second;
      const Index begin = offsets_[static_cast<std::size_t>(t)];
      if (n_entries(t) == static_cast<Index>(column.rows.size()) &&
          std::equal(column.rows.begin(), column.rows.end(), rows_.data() + begin) &&
          std::equal(column.values.begin(), column.values.end(), values_.data() + begin))
        return t;
    }
    return -1;
  }

  // Adds columns that are not in the set.
  void append(const std::vector<std::pair<Key, ColumnEntries>>& columns) {
    std::size_t n_rows = 0, n_values = 0;
    for (const auto& [key, column] : columns) {
      n_rows += column.rows.size();
      n_values += column.values.size();
    }
    std::int32_t* row = rows_.extend(n_rows);
    double* value = values_.extend(n_values);
    for (const auto& [key, column] : columns) {
      row = std::copy(column.rows.begin(), column.rows.end(), row);
      value = std::copy(column.values.begin(), column.values.end(), value);
      const Index t = size();
      keys_.push_back(key);
      place_.emplace(key, t);
      by_content_.emplace(column.content, t);
      offsets_.push_back(offsets_.back() + static_cast<Index>(column.rows.size()));
    }
  }

  // The set's columns as a matrix; it looks at the set until that grows.
  Design design() const {
    const Offsets offsets(offsets_.data());
    if (space_.valued())
      return Design(SparseSlices<const double*, std::int32_t>(offsets, rows_.data(), values_.data(),
                                                              size(), space_.n()),
                    Axis::columns);
    return Design(
        SparseSlices<Ones, std::int32_t>(offsets, rows_.data(), Ones(), size(), space_.n()),
        Axis::columns);
  }

 private:
  const Space& space_;
  std::vector<Key> keys_;
  std::unordered_map<Key, Index> place_;
  std::unordered_multimap<std::uint64_t, Index> by_content_;
  std::vector<Index> offsets_{0};
  Extensible<std::int32_t> rows_;
  Extensible<double> values_;
};

}  // namespace sparsecross
